//! Memory for zone data. The one place of this crate with `unsafe`: hints to the processor about memory it will need.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// From this size on, zone data asks for huge pages: a lookup then misses the TLB once instead of
/// walking page tables for every node it touches.
const HUGE_PAGE_BYTES: usize = 2 << 20;
/// What the system takes back is a multiple of this. Where its pages are larger, it refuses.
#[cfg(target_os = "linux")]
const SYSTEM_PAGE_BYTES: usize = 4096;

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

/// One piece of memory for each of `sizes`, which `fill` writes; shared from then on. A piece goes back to the system as
/// soon as nobody uses it, whatever becomes of the others.
///
/// Large ones are mapped together and ask for huge pages, small ones come from the allocator.
pub fn pieces(sizes: &[usize], mut fill: impl FnMut(usize, &mut [u8])) -> Vec<Bytes> {
    let len = sizes.iter().sum();
    if len >= HUGE_PAGE_BYTES
        && let Ok(mut map) = memmap2::MmapMut::map_anon(len)
    {
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage); // Only a hint: without it the data is just slower.
        let ranges = sizes.iter().scan(0, |at, size| {
            let start = std::mem::replace(at, *at + size);
            Some(start..*at)
        });
        let ranges: Vec<Range<usize>> = ranges.collect();
        ranges.iter().enumerate().for_each(|(i, range)| fill(i, &mut map[range.clone()]));
        let map = Arc::new(Mapping { map, thins: AtomicBool::new(false) });
        return ranges.into_iter().map(|range| Bytes::from_owner(Piece { map: map.clone(), range })).collect();
    }
    let filled = sizes.iter().enumerate().map(|(i, &size)| {
        let mut heap = vec![0; size];
        fill(i, &mut heap);
        Bytes::from(heap)
    });
    filled.collect()
}

/// Memory that pieces share.
struct Mapping {
    map: memmap2::MmapMut,
    /// Some of it has been given back.
    thins: AtomicBool,
}

/// A part of a mapping that no other piece has.
struct Piece {
    map: Arc<Mapping>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Piece {
    #[allow(unsafe_code)]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range is within the mapping, which lives as long as `self`. No reference to the whole mapping is
        // made, since other pieces of it may be given back meanwhile.
        unsafe { std::slice::from_raw_parts(self.map.map.as_ptr().add(self.range.start), self.range.len()) }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        give_back(&self.map, &self.range);
    }
}

/// Gives the whole system pages within `range` back.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn give_back(Mapping { map, thins }: &Mapping, range: &Range<usize>) {
    let (start, end) = (range.start.next_multiple_of(SYSTEM_PAGE_BYTES), range.end & !(SYSTEM_PAGE_BYTES - 1));
    if start < end {
        // Else the system makes huge pages again of what is left here and there, and all would be taken up anew. Those
        // of which nothing is given back stay.
        if !thins.swap(true, Ordering::Relaxed) {
            let _ = map.advise(memmap2::Advice::NoHugePage);
        }
        // SAFETY: the memory stays mapped, and nobody refers to this part of it: its piece is being dropped. A failure
        // leaves the memory where it is until the whole mapping goes.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
    }
}

/// Memory of fewer octets is not recycled: allocators are quick with it, and small zones shall stay small.
const SMALL_BYTES: usize = 1024;
/// Memory of more octets is not recycled.
const LARGE_BYTES: usize = 16 << 10;
/// Sizes of recycled memory between two powers of two, as the allocator has them: in between it would round up.
const SIZES: usize = 4;
/// Number of sizes from [`SMALL_BYTES`] to [`LARGE_BYTES`].
const CLASSES: usize = SIZES * (LARGE_BYTES / SMALL_BYTES).ilog2() as usize + 1;
/// Octets of idle memory of one size.
const MAX_IDLE_BYTES: usize = 512 << 10;

/// Memory of versions that are gone, by size. Changes take and give back pieces of a few kilobytes at a rate and in an
/// order that allocators for everything are slow with.
static IDLE: [Mutex<Vec<Vec<u8>>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];

/// The size of recycled memory that has room for `len` octets, and its place in [`IDLE`].
fn class_of(len: usize) -> Option<(usize, usize)> {
    if !(SMALL_BYTES..=LARGE_BYTES).contains(&len) {
        return None;
    }
    let power = (len - 1).ilog2() as usize;
    let step = (1 << power) / SIZES;
    let size = len.next_multiple_of(step);
    // The smallest size is the last one of its doubling.
    let doublings = power + 1 - SMALL_BYTES.ilog2() as usize;
    Some((size, SIZES * doublings + (size - (1 << power)) / step - SIZES))
}

/// Memory that goes back to [`IDLE`].
struct Recycled(Vec<u8>);

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        // What grew is of no size of ours.
        if let Some((size, class)) = class_of(self.0.capacity()).filter(|&(size, _)| size == self.0.capacity()) {
            let mut idle = idle(class);
            if (idle.len() + 1) * size <= MAX_IDLE_BYTES {
                self.0.clear();
                idle.push(std::mem::take(&mut self.0));
            }
        }
    }
}

/// A vector is pushed or popped, so a panic elsewhere leaves nothing half done.
fn idle(class: usize) -> MutexGuard<'static, Vec<Vec<u8>>> {
    IDLE[class].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory that `fill` writes `len` octets to, or fewer; shared from then on. For what changes often.
pub fn recycled(len: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    if len < SMALL_BYTES {
        let mut octets = Vec::with_capacity(len);
        fill(&mut octets);
        return Bytes::from(octets);
    }
    let class = class_of(len);
    let known = class.and_then(|(_, class)| idle(class).pop());
    let mut octets = known.unwrap_or_else(|| Vec::with_capacity(class.map_or(len, |(size, _)| size)));
    fill(&mut octets);
    Bytes::from_owner(Recycled(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_apart() {
        for len in [100, 100_000] {
            let sizes: Vec<usize> = (0..100).map(|i| len + 8 * i).collect();
            let mut pieces = pieces(&sizes, |i, piece| piece.fill(i as u8));
            let is_whole = |(i, piece): (usize, &Bytes)| piece.iter().all(|&octet| octet == i as u8);
            assert!(pieces.iter().map(Bytes::len).eq(sizes.iter().copied()));
            assert!(pieces.iter().enumerate().all(is_whole));
            let part = pieces[50].slice(10..20);
            pieces.iter_mut().step_by(2).for_each(|piece| *piece = Bytes::new());
            assert!(pieces.iter().enumerate().skip(1).step_by(2).all(is_whole), "{len}: what is used stays");
            assert_eq!(&part[..], [50; 10], "{len}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_piece_goes_back_by_itself() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
            text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * SYSTEM_PAGE_BYTES
        };
        let mut pieces = pieces(&[50_000; 2000], |_, piece| piece.fill(1));
        let full = resident();
        pieces.truncate(1);
        assert!(resident() + (80 << 20) < full, "{} of {full}", resident());
    }

    #[test]
    fn sizes_are_close_and_each_has_its_place() {
        let mut last = (0, None);
        for len in SMALL_BYTES..=LARGE_BYTES {
            let (size, class) = class_of(len).expect("it is recycled");
            assert!(len <= size && size - len <= len / SIZES && class < CLASSES, "{len}: {size}, {class}");
            assert_eq!(class_of(size), Some((size, class)), "{len}");
            assert!(last.1.is_none_or(|before| (size == last.0) == (class == before)), "{len}");
            last = (size, Some(class));
        }
        assert_eq!((last, class_of(SMALL_BYTES)), ((LARGE_BYTES, Some(CLASSES - 1)), Some((SMALL_BYTES, 0))));
        assert!(class_of(SMALL_BYTES - 1).is_none() && class_of(LARGE_BYTES + 1).is_none());
    }

    #[test]
    fn memory_comes_back_empty_and_within_bounds() {
        // A size that no other test uses.
        let len = LARGE_BYTES - 1;
        let make = |octet: u8| recycled(len, |out| out.resize(len, octet));
        let many: Vec<Bytes> = (0..100).map(make).collect();
        assert!(many.iter().enumerate().all(|(i, octets)| octets.len() == len && octets.iter().all(|&o| o == i as u8)));
        let shared = many[7].clone();
        drop(many);
        assert_eq!(idle(CLASSES - 1).len(), MAX_IDLE_BYTES / LARGE_BYTES);
        let again = recycled(len, |out| out.extend_from_slice(b"new"));
        assert!(&again[..] == b"new" && shared.iter().all(|&octet| octet == 7));
        assert_eq!(recycled(LARGE_BYTES + 1, |out| out.push(1)).len(), 1, "larger ones are not kept");
    }
}
