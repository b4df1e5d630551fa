//! How the system shares a processor out between threads that answer and threads that do something else. Wishes, which
//! need no privilege: where the system does not grant them, or has no such thing, answers wait a little longer.
#![allow(unsafe_code)] // sched_setattr has no wrapper; nothing else here is unsafe.

/// How long an answering thread runs before others get their turn, in nanoseconds. A thread that wakes up with a
/// shorter time than the running one's takes its place at once (Linux 6.12 and later).
#[cfg(target_os = "linux")]
const PROMPT_SLICE_NS: u64 = 100_000;
/// What a thread that makes changes yields to those that answer: their share is three times its own.
#[cfg(target_os = "linux")]
const PATIENT_NICE: i32 = 5;
/// What a thread in the background yields to others: their share is ten times its own.
#[cfg(target_os = "linux")]
const BACKGROUND_NICE: i32 = 10;

/// For a thread that others wait for at every moment: what it does is short, and shall begin at once.
pub fn prompt() {
    #[cfg(target_os = "linux")]
    set(libc::SCHED_OTHER, nice(), PROMPT_SLICE_NS);
}

/// For a thread that somebody waits for, but not as those wait that ask: it goes on soon, and answers come first.
pub fn patient() {
    #[cfg(target_os = "linux")]
    set(libc::SCHED_OTHER, nice().max(PATIENT_NICE), 0);
}

/// For a thread that nobody waits for: it takes what the others leave, and a share that keeps it going.
pub fn background() {
    #[cfg(target_os = "linux")]
    set(libc::SCHED_BATCH, nice().max(BACKGROUND_NICE), 0);
}

/// The niceness of this thread.
#[cfg(target_os = "linux")]
fn nice() -> i32 {
    // SAFETY: the call takes numbers and returns one.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// `slice_ns`: 0 is the system's. What somebody has set from outside, a real-time policy say, stays.
#[cfg(target_os = "linux")]
fn set(policy: i32, nice: i32, slice_ns: u64) {
    // SAFETY: the call takes a number and returns one.
    if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
        return;
    }
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: policy as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads `size` octets from a struct of that size that outlives the call.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if done != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "the priority of a thread stays as it was");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_can_wait_is_nice() {
        let run = || {
            let before = nice();
            let then = |wish: fn()| {
                wish();
                nice()
            };
            (before, [prompt, patient, background].map(then))
        };
        let (before, then) = std::thread::spawn(run).join().expect("it ends");
        assert_eq!(then, [before, before.max(PATIENT_NICE), before.max(BACKGROUND_NICE)]);
    }
}
