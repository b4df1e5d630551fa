//! The allocator of the process (decision 0006).
#![allow(unsafe_code)] // mimalloc's own functions have no wrapper; nothing else here is unsafe.

use std::thread;
use std::time::Duration;

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`: milliseconds that free memory waits for somebody who needs it, 1,000 if nobody says else.
const PURGE_DELAY: mi_option_t = 15;
/// Longer, and much of it is cut up before it goes back; at once, and what is needed again in a moment goes as well.
const PURGE_DELAY_MS: std::ffi::c_long = 10;
/// How often what has waited so long goes back to the system.
const EVERY: Duration = Duration::from_secs(1);
/// Of so many rounds one gives back all that is free. The others are done with nothing if two threads come at once, and
/// then the allocator takes it that nothing is left, until more is freed.
const ROUNDS: u32 = 5;

/// Says how the allocator works. To be called before there are other threads.
pub fn configure() {
    // SAFETY: no other thread is there, and the option takes any number.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
    // Small allocations shall not be spread over huge pages, and the allocator is built so that it keeps the whole
    // process from them; zones ask for theirs. Where this is refused they are just slower.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(false);
}

/// Gives back what is free now. For the moment after much was read, which needs many times what it leaves.
pub fn give_back() {
    // SAFETY: the call may be made by any thread at any time; with force it also finds what is left of ended threads.
    unsafe { mi_collect(true) };
}

/// Starts a thread that gives back free memory. The allocator does so only while more is freed, and a server that has
/// just read a large zone may be idle from then on.
///
/// # Errors
/// A thread that cannot be started.
pub fn give_back_regularly() -> std::io::Result<()> {
    let give_back = || {
        for round in (1..=ROUNDS).cycle() {
            thread::sleep(EVERY);
            // SAFETY: the call may be made by any thread at any time.
            unsafe { mi_collect(round == ROUNDS) };
        }
    };
    thread::Builder::new().name("allocator".into()).spawn(give_back).map(drop)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// For those who measure the memory of the process: they would measure each other's.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Octets of this process that are in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number");
        pages * 4096
    }

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: it reads a number.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000);
        configure();
        assert_eq!(delay(), PURGE_DELAY_MS);
    }

    #[test]
    fn what_an_ended_thread_left_goes_back_at_once() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let before = resident();
        let pieces = thread::spawn(|| (0..200_000).map(|_| Box::new([1_u8; 400])).collect::<Vec<_>>());
        drop(pieces.join().expect("it ends"));
        give_back();
        assert!(resident() < before + (20 << 20), "{} after {before}", resident());
    }

    #[test]
    fn an_idle_process_gives_back_what_is_free() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        give_back_regularly().expect("a thread");
        let before = resident();
        // In small pieces, by a thread that ends: as zones are read.
        let pieces = thread::spawn(|| (0..200_000).map(|_| Box::new([1_u8; 400])).collect::<Vec<_>>());
        let pieces = pieces.join().expect("it ends");
        assert!(resident() > before + (70 << 20));
        drop(pieces);
        let is_back = |_: &u32| resident() < before + (20 << 20);
        let waited = (0..100).inspect(|_| thread::sleep(Duration::from_millis(100))).find(is_back);
        assert!(waited.is_some(), "{} after {before}", resident());
    }
}
