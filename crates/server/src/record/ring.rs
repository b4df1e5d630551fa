//! A ring of 64-bit words between one thread that writes frames and one that reads them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of a ring: 1 MiB, some 5,000 answers. A power of two.
const WORDS: usize = 1 << 17;

/// The ring. Positions only grow; a word's place is its position modulo [`WORDS`]. Its memory is taken with the first
/// frame.
#[derive(Debug, Default)]
pub(super) struct Ring {
    words: OnceLock<Box<[AtomicU64; WORDS]>>,
    /// Behind the last frame that is whole. Stored by the writer.
    written: AtomicU64,
    /// Behind the last frame that was read. Stored by the reader.
    read: AtomicU64,
    /// Frames that found no room. Stored by the writer.
    dropped: AtomicU64,
    /// Frames that were written. Stored by the writer.
    frames: AtomicU64,
    /// The number of frames after which none is written until the reader allows more; 0: as many as come. Stored by the
    /// reader.
    allowed: AtomicU64,
    /// Frames that were not allowed. Stored by the writer.
    skipped: AtomicU64,
}

/// A frame on its way into a ring; nobody sees it before [`Frame::finish`].
pub(super) struct Frame<'a> {
    ring: &'a Ring,
    words: &'a [AtomicU64; WORDS],
    position: u64,
}

impl Ring {
    /// Begins a frame of `words` words, as many as will be pushed; `None`, and counted: there is no room. Only one thread
    /// may write at a time.
    #[inline]
    pub fn begin(&self, words: usize) -> Option<Frame<'_>> {
        let (frames, allowed) = (self.frames.load(Ordering::Relaxed), self.allowed.load(Ordering::Relaxed));
        if allowed != 0 && frames >= allowed {
            self.skipped.store(self.skipped.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return None;
        }
        let memory = self.words.get_or_init(zeroed);
        let position = self.written.load(Ordering::Relaxed);
        let used = position - self.read.load(Ordering::Acquire);
        if used as usize + words > WORDS {
            self.dropped.store(self.dropped.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return None;
        }
        Some(Frame { ring: self, words: memory, position })
    }

    /// Gives all words of whole frames to `take`, in order, and makes room for others. Only one thread may read.
    pub fn drain(&self, mut take: impl FnMut(u64)) {
        let Some(words) = self.words.get() else { return };
        let (read, written) = (self.read.load(Ordering::Relaxed), self.written.load(Ordering::Acquire));
        (read..written).for_each(|position| take(words[position as usize % WORDS].load(Ordering::Relaxed)));
        self.read.store(written, Ordering::Release);
    }

    /// Allows so many frames more, but no more than `burst` that are not written yet; `None`: as many as come. Only the
    /// reader may.
    pub fn allow(&self, more: Option<u64>, burst: u64) {
        let frames = self.frames.load(Ordering::Relaxed);
        let allowed = more.map_or(0, |more| {
            let allowed = self.allowed.load(Ordering::Relaxed).max(frames) + more;
            allowed.min(frames + burst).max(1)
        });
        self.allowed.store(allowed, Ordering::Relaxed);
    }

    /// Frames that were begun so far, whatever became of them.
    pub fn offered(&self) -> u64 {
        self.frames.load(Ordering::Relaxed) + self.skipped() + self.dropped()
    }

    /// Frames that were not allowed so far.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Frames that found no room so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Frame<'_> {
    /// The next word.
    #[inline]
    pub fn push(&mut self, word: u64) {
        self.words[self.position as usize % WORDS].store(word, Ordering::Relaxed);
        self.position += 1;
    }

    /// These bytes, filled up with zeros to whole words.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.push(u64::from_ne_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.push(u64::from_ne_bytes(word));
        }
    }

    /// Shows the frame to the reader.
    #[inline]
    pub fn finish(self) {
        self.ring.frames.store(self.ring.frames.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.ring.written.store(self.position, Ordering::Release);
    }
}

#[cold]
fn zeroed() -> Box<[AtomicU64; WORDS]> {
    let words: Vec<AtomicU64> = std::iter::repeat_with(AtomicU64::default).take(WORDS).collect();
    // The length is right, so that the other arm is never taken.
    words.into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([const { AtomicU64::new(0) }; WORDS]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn write(ring: &Ring, words: &[u64]) -> bool {
        let Some(mut frame) = ring.begin(words.len()) else { return false };
        words.iter().for_each(|&word| frame.push(word));
        frame.finish();
        true
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let ring = Ring::default();
        assert!(write(&ring, &vec![1; WORDS - 1]) && !write(&ring, &[2, 2]) && write(&ring, &[3]));
        assert!(!write(&ring, &[4]) && ring.dropped() == 2);
        let mut words = Vec::new();
        ring.drain(|word| words.push(word));
        assert_eq!((words.len(), words.first(), words.last()), (WORDS, Some(&1), Some(&3)));
        assert!(write(&ring, &[5, 6]), "there is room again");
        words.clear();
        ring.drain(|word| words.push(word));
        assert_eq!(words, [5, 6], "round the end");
    }

    #[test]
    fn what_is_not_allowed_is_counted_apart() {
        let ring = Ring::default();
        let written = |count: usize| (0..count).filter(|_| write(&ring, &[7])).count();
        assert_eq!(written(50), 50, "as many as come");
        ring.allow(Some(10), 25);
        assert_eq!((written(50), ring.skipped()), (10, 40));
        (0..9).for_each(|_| ring.allow(Some(10), 25));
        assert_eq!((written(50), ring.skipped(), ring.dropped()), (25, 65, 0));
        ring.allow(None, 25);
        assert_eq!(written(50), 50);
    }

    #[test]
    fn two_threads_see_whole_frames() {
        let ring = Arc::new(Ring::default());
        let writer = ring.clone();
        let frames = 200_000u64;
        let thread = std::thread::spawn(move || {
            (0..frames).filter(|&n| write(&writer, &vec![n; 1 + (n % 7) as usize])).count() as u64
        });
        let (mut seen, mut last) = (0, None);
        let mut count = |word: u64| {
            seen += u64::from(last != Some(word));
            last = Some(word);
        };
        while !thread.is_finished() {
            ring.drain(&mut count);
        }
        ring.drain(&mut count);
        let written = thread.join().expect("no panic");
        assert_eq!((seen, written + ring.dropped()), (written, frames));
    }
}
