//! The allocator of the process (decision 0006).
#![allow(unsafe_code)] // mimalloc's options have no wrapper; nothing else here is unsafe.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`: milliseconds before memory that is free goes back to the system.
const PURGE_DELAY: mi_option_t = 15;

/// Has free memory go back at once: what is late is looked for only when more is freed, and a server that has just
/// read a large zone may be idle from then on. To be called before other threads start.
pub fn configure() {
    // SAFETY: no other thread runs, and the option takes any number.
    unsafe { mi_option_set(PURGE_DELAY, 0) };
    // Small allocations shall not be spread over huge pages, and the allocator keeps all of the process from them.
    // Zones ask for them by themselves. Where this is refused they are just slower.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets of this process that nobody else has and that are in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number");
        pages * 4096
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_freed_goes_back_at_once() {
        configure();
        let before = resident();
        // In small pieces, by a thread that ends: as zones are read.
        let pieces = std::thread::spawn(|| (0..200_000).map(|_| Box::new([1_u8; 400])).collect::<Vec<_>>());
        let pieces = pieces.join().expect("it ends");
        assert!(resident() > before + (70 << 20));
        drop(pieces);
        assert!(resident() < before + (20 << 20), "{} after {before}", resident());
    }
}
