//! Keeps the latest events of a topic in memory, so that those who read them do not fetch them from a broker again.

use std::collections::VecDeque;

use journal::{Entry, Offset};

/// Octets of events that are kept.
const MAX_OCTETS: usize = 8 << 20;

/// All events from one offset up to another.
#[derive(Debug)]
pub struct Tail {
    /// Every event from here on, before `next`, is in `entries`.
    from: Offset,
    /// What the topic has next.
    next: Offset,
    entries: VecDeque<Entry>,
    octets: usize,
}

impl Tail {
    /// Nothing, as what comes next has this offset.
    pub fn new(next: Offset) -> Tail {
        Tail { from: next, next, entries: VecDeque::new(), octets: 0 }
    }

    /// Where it begins.
    pub fn from(&self) -> Offset {
        self.from
    }

    /// Where it ends.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Takes what stands at `offset`; `None`: nothing that counts.
    pub fn push(&mut self, offset: Offset, body: Option<Vec<u8>>) {
        if offset < self.next {
            // Trimmed meanwhile.
            return;
        }
        self.next = offset + 1;
        if let Some(body) = body {
            self.octets += body.len();
            self.entries.push_back(Entry { offset, body });
        }
        while self.octets > MAX_OCTETS
            && let Some(first) = self.entries.pop_front()
        {
            self.octets -= first.body.len();
            self.from = first.offset + 1;
        }
    }

    /// Forgets what stands before `first`.
    pub fn trim(&mut self, first: Offset) {
        let gone = self.entries.partition_point(|entry| entry.offset < first);
        self.octets -= self.entries.drain(..gone).map(|entry| entry.body.len()).sum::<usize>();
        self.from = self.from.max(first);
        self.next = self.next.max(first);
    }

    /// The entries from this offset on, as [`journal::Journal::read`] gives them; `None`: they are not all here.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Option<Vec<Entry>> {
        if from < self.from {
            return None;
        }
        let start = self.entries.partition_point(|entry| entry.offset < from);
        let mut left = max_bytes;
        let mut entries: Vec<Entry> = Vec::new();
        for entry in self.entries.iter().skip(start) {
            if entry.body.len() > left && !entries.is_empty() {
                break;
            }
            left = left.saturating_sub(entry.body.len());
            entries.push(entry.clone());
        }
        Some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_forgotten_and_what_is_forgotten_is_not_read() {
        let mut tail = Tail::new(5);
        let offsets = |tail: &Tail, from| {
            let entries = tail.read(from, usize::MAX)?;
            Some(entries.iter().map(|entry| entry.offset).collect::<Vec<_>>())
        };
        assert_eq!((offsets(&tail, 4), offsets(&tail, 5)), (None, Some(vec![])));
        tail.push(5, Some(vec![1; MAX_OCTETS / 2]));
        tail.push(6, None);
        tail.push(7, Some(vec![1; MAX_OCTETS / 2]));
        assert_eq!(offsets(&tail, 5), Some(vec![5, 7]));
        tail.push(8, Some(vec![1]));
        assert_eq!((offsets(&tail, 5), offsets(&tail, 6), tail.next()), (None, Some(vec![7, 8]), 9));
        tail.trim(8);
        assert_eq!((offsets(&tail, 7), offsets(&tail, 8)), (None, Some(vec![8])));
        tail.trim(20);
        assert_eq!((offsets(&tail, 20), tail.from(), tail.next(), tail.octets), (Some(vec![]), 20, 20, 0));
    }
}
