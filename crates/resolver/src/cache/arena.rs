//! The memory of a shard: segments of one size, filled from the front, and the two queues that they form.
//!
//! Entries are written one behind the other and leave in the same order: those that shall stay are copied to the end
//! of a queue, then the whole segment is free. So there is no fragmentation, however the sizes of entries change, and
//! every octet is counted.

use std::collections::VecDeque;

use super::limits::SEGMENT_BYTES;
use super::table::Ref;

/// Entries begin and end at multiples of so many octets.
pub const UNIT: usize = 8;
/// What a segment takes: itself and what the allocator adds.
pub const SEGMENT_COST: usize = SEGMENT_BYTES + 64;
const UNITS: u32 = (SEGMENT_BYTES / UNIT) as u32;

/// One of the two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Newcomers.
    Small = 0,
    /// Those that were asked for again.
    Main = 1,
}

#[derive(Debug, Default)]
struct Queue {
    segments: VecDeque<u32>,
    /// Where the oldest entry starts in the first segment.
    tail: usize,
    /// Octets between the oldest entry and the end.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Segment {
    octets: Box<[u8]>,
    filled: usize,
}

/// The memory of a shard.
#[derive(Debug, Default)]
pub struct Arena {
    segments: Vec<Segment>,
    /// Segments with memory and without entries.
    free: Vec<u32>,
    /// Segments without memory.
    bare: Vec<u32>,
    queues: [Queue; 2],
}

fn split(entry: Ref) -> (usize, usize) {
    ((entry.0 / UNITS) as usize, (entry.0 % UNITS) as usize * UNIT)
}

fn join(segment: u32, offset: usize) -> Ref {
    Ref(segment * UNITS + (offset / UNIT) as u32)
}

impl Arena {
    /// Segments that have memory.
    pub fn held(&self) -> usize {
        self.segments.len() - self.bare.len()
    }

    /// Segments with memory and without entries.
    pub fn spare(&self) -> usize {
        self.free.len()
    }

    /// Segments that entries can still get when there may be `limit`.
    pub fn available(&self, limit: usize) -> usize {
        (limit + self.free.len()).saturating_sub(self.held())
    }

    /// Octets of a queue, those of entries that are gone included.
    pub fn queue_bytes(&self, which: Which) -> usize {
        self.queues[which as usize].bytes
    }

    /// Segments of a queue.
    pub fn queue_segments(&self, which: Which) -> usize {
        self.queues[which as usize].segments.len()
    }

    /// Room for `len` octets at the end of a queue, if that leaves `reserve` of `limit` segments.
    pub fn alloc(&mut self, which: Which, len: usize, limit: usize, reserve: usize) -> Option<Ref> {
        let last = self.queues[which as usize].segments.back().copied();
        let fits = last.filter(|&last| self.segments[last as usize].filled + len <= SEGMENT_BYTES);
        let segment = match fits {
            Some(last) => last,
            None if len > SEGMENT_BYTES => return None,
            None => {
                let new = self.take(limit, reserve)?;
                self.queues[which as usize].segments.push_back(new);
                new
            }
        };
        let filled = &mut self.segments[segment as usize].filled;
        let entry = join(segment, *filled);
        *filled += len;
        self.queues[which as usize].bytes += len;
        Some(entry)
    }

    fn take(&mut self, limit: usize, reserve: usize) -> Option<u32> {
        if self.available(limit) <= reserve {
            return None;
        }
        if let Some(free) = self.free.pop() {
            return Some(free);
        }
        let id = match self.bare.pop() {
            Some(bare) => bare,
            None => {
                self.segments.push(Segment::default());
                (self.segments.len() - 1) as u32
            }
        };
        self.segments[id as usize].octets = vec![0; SEGMENT_BYTES].into_boxed_slice();
        Some(id)
    }

    /// The oldest entry of a queue. Segments without entries are freed.
    pub fn oldest(&mut self, which: Which) -> Option<Ref> {
        let queue = &mut self.queues[which as usize];
        while let Some(&first) = queue.segments.front() {
            let segment = &mut self.segments[first as usize];
            if queue.tail < segment.filled {
                return Some(join(first, queue.tail));
            }
            queue.segments.pop_front();
            queue.tail = 0;
            segment.filled = 0;
            self.free.push(first);
        }
        None
    }

    /// The oldest entry of a queue, of `len` octets, leaves it.
    pub fn pass(&mut self, which: Which, len: usize) {
        let queue = &mut self.queues[which as usize];
        queue.tail += len;
        queue.bytes -= len;
        // A segment that is passed is free at once.
        self.oldest(which);
    }

    /// Gives back the memory of segments without entries, until `limit` have memory.
    pub fn trim(&mut self, limit: usize) {
        while self.held() > limit {
            let Some(id) = self.free.pop() else { return };
            self.segments[id as usize].octets = Box::default();
            self.bare.push(id);
        }
    }

    /// The octets from the start of an entry on.
    #[inline]
    pub fn octets(&self, entry: Ref) -> &[u8] {
        let (segment, offset) = split(entry);
        self.segments.get(segment).and_then(|segment| segment.octets.get(offset..)).unwrap_or(&[])
    }

    /// The same, to be changed.
    #[inline]
    pub fn octets_mut(&mut self, entry: Ref) -> &mut [u8] {
        let (segment, offset) = split(entry);
        self.segments.get_mut(segment).and_then(|segment| segment.octets.get_mut(offset..)).unwrap_or(&mut [])
    }

    /// Copies an entry to a place that was made for it.
    pub fn copy(&mut self, from: Ref, to: Ref, len: usize) {
        let ((from, start), (to, target)) = (split(from), split(to));
        if from == to {
            self.segments[from].octets.copy_within(start..start + len, target);
        } else if let Ok([from, to]) = self.segments.get_disjoint_mut([from, to]) {
            to.octets[target..target + len].copy_from_slice(&from.octets[start..start + len]);
        }
    }

    /// Number of segments that [`Arena::segment`] knows.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// What is in a segment, entry by entry: `visit` says how long the one at the start of its octets is.
    pub fn walk(&self, segment: usize, mut visit: impl FnMut(Ref, &[u8]) -> usize) {
        let Some(found) = self.segments.get(segment) else { return };
        let mut offset = self.first_of(segment);
        while offset < found.filled {
            let len = visit(join(segment as u32, offset), &found.octets[offset..found.filled]);
            if len == 0 {
                return;
            }
            offset += len;
        }
    }

    /// Where the first entry of a segment is: those in front of a queue's oldest have left.
    fn first_of(&self, segment: usize) -> usize {
        let first = |queue: &Queue| queue.segments.front().is_some_and(|&front| front as usize == segment);
        self.queues.iter().find(|queue| first(queue)).map_or(0, |queue| queue.tail)
    }
}
