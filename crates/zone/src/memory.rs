//! The one place of this crate with `unsafe`: hints to the processor about memory it will need.

use bytes::Bytes;

/// From this size on, zone data asks for huge pages: a lookup then misses the TLB once instead of
/// walking page tables for every node it touches.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Tells the processor that the cache line of `at` will be read soon. Never faults, whatever `at` is.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not access memory in the sense of the language and ignores bad addresses.
    unsafe {
        std::arch::x86_64::_mm_prefetch(at.cast(), std::arch::x86_64::_MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for every cache line of `value`.
#[inline(always)]
pub fn prefetch_all<T>(value: &T) {
    let start = (&raw const *value).cast::<u8>();
    (0..size_of::<T>().div_ceil(64)).for_each(|line| prefetch(start.wrapping_add(64 * line)));
}

/// Fresh memory of `len` octets that `fill` writes, shared from then on.
///
/// Large regions are mapped on their own and ask for huge pages, small ones come from the allocator.
pub fn region(len: usize, fill: impl FnOnce(&mut [u8])) -> Bytes {
    if len >= HUGE_PAGE_BYTES
        && let Ok(mut map) = memmap2::MmapMut::map_anon(len)
    {
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage); // Only a hint: without it the data is just slower.
        fill(&mut map);
        return Bytes::from_owner(map);
    }
    let mut heap = vec![0; len];
    fill(&mut heap);
    Bytes::from(heap)
}
