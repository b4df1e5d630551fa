//! The allocator of the process (decision 0006).
#![allow(unsafe_code)] // mi_collect has no wrapper; nothing else here is unsafe.

use std::thread;
use std::time::Duration;

use libmimalloc_sys::mi_collect;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often memory that nobody has used for a while goes back to the system.
const EVERY: Duration = Duration::from_secs(1);

/// Lets mappings have huge pages again. Small allocations shall not be spread over them, and the allocator is built so
/// that it keeps the whole process from them; zones ask for theirs. Where this is refused they are just slower.
pub fn allow_huge_pages() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(false);
}

/// Starts a thread that gives back free memory. The allocator does so only while more is freed, and a server that has
/// just read a large zone may be idle from then on.
///
/// # Errors
/// A thread that cannot be started.
pub fn give_back_regularly() -> std::io::Result<()> {
    let give_back = || {
        loop {
            thread::sleep(EVERY);
            // SAFETY: the call may be made by any thread at any time; without force it touches what is free only.
            unsafe { mi_collect(false) };
        }
    };
    thread::Builder::new().name("allocator".into()).spawn(give_back).map(drop)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// Octets of this process that are in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number");
        pages * 4096
    }

    #[test]
    fn an_idle_process_gives_back_what_is_free() {
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
