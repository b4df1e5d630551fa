//! Memory for zone data. The one place of this crate with `unsafe`: hints to the processor about memory it will need.

use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Asks for every cache line of `octets`.
pub fn prefetch_octets(octets: &[u8]) {
    octets.chunks(64).for_each(|line| prefetch(line.as_ptr()));
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

/// Sizes of recycled memory are multiples of this, in octets.
const CLASS_BYTES: usize = 512;
/// Memory of fewer octets is not recycled: allocators are quick with it, and small zones shall stay small.
const SMALL_BYTES: usize = 1024;
/// Memory larger than this many classes is not recycled.
const CLASSES: usize = 32;
/// Octets of idle memory of one class.
const MAX_IDLE_BYTES: usize = 1 << 20;

/// Memory of versions that are gone, by class. Changes take and give back pieces of a few kilobytes at a rate and in an
/// order that allocators for everything are slow with.
static IDLE: [Mutex<Vec<Vec<u8>>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];

/// Memory that goes back to [`IDLE`].
struct Recycled(Vec<u8>);

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        let class = self.0.capacity() / CLASS_BYTES;
        // What grew is of no class.
        if self.0.capacity().is_multiple_of(CLASS_BYTES) && (1..=CLASSES).contains(&class) {
            let mut idle = idle(class);
            if (idle.len() + 1) * class * CLASS_BYTES <= MAX_IDLE_BYTES {
                self.0.clear();
                idle.push(std::mem::take(&mut self.0));
            }
        }
    }
}

/// A vector is pushed or popped, so a panic elsewhere leaves nothing half done.
fn idle(class: usize) -> MutexGuard<'static, Vec<Vec<u8>>> {
    IDLE[class - 1].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory that `fill` writes `len` octets to, or fewer; shared from then on. For what changes often.
pub fn recycled(len: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    if len < SMALL_BYTES {
        let mut octets = Vec::with_capacity(len);
        fill(&mut octets);
        return Bytes::from(octets);
    }
    let class = len.div_ceil(CLASS_BYTES);
    let known = if class <= CLASSES { idle(class).pop() } else { None };
    let mut octets = known.unwrap_or_else(|| Vec::with_capacity(class * CLASS_BYTES));
    fill(&mut octets);
    Bytes::from_owner(Recycled(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty_and_within_bounds() {
        // A class that no other test uses.
        let len = CLASS_BYTES * CLASSES - 1;
        let make = |octet: u8| recycled(len, |out| out.resize(len, octet));
        let many: Vec<Bytes> = (0..100).map(make).collect();
        assert!(many.iter().enumerate().all(|(i, octets)| octets.len() == len && octets.iter().all(|&o| o == i as u8)));
        let shared = many[7].clone();
        drop(many);
        assert_eq!(idle(CLASSES).len(), MAX_IDLE_BYTES / (CLASS_BYTES * CLASSES));
        let again = recycled(len, |out| out.extend_from_slice(b"new"));
        assert!(&again[..] == b"new" && shared.iter().all(|&octet| octet == 7));
        assert_eq!(recycled(CLASS_BYTES * CLASSES + 1, |out| out.push(1)).len(), 1, "larger ones are not kept");
    }
}
