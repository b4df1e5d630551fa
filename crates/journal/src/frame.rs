//! Large events in parts, for journals whose entries are limited in size (brokers); called by the committer
//! (split) and by whoever folds events (assemble).
//!
//! A body begins with the CRC-32 (big endian) of the rest, then its kind: [`WHOLE`], then the event; or [`PART`] or
//! [`LAST`], then the identifier of the event, the part's number from 0 on (big endian), and the next octets of the
//! event.
//! Parts of several writers may stand between each other. An event happens where its last part stands;
//! parts whose last one never comes are none.

use crate::checksum::crc32;
use crate::journal::{Entry, JournalError, Offset};

/// Most octets of a body that [`split`] makes.
pub const MAX_BODY_BYTES: usize = 512 * 1024;
/// Most octets of parts whose last one has not come, so also of an event; beyond it the oldest are dropped.
pub const MAX_OPEN_BYTES: usize = 1 << 30;
/// Most events whose last part has not come; beyond it the oldest is dropped.
pub const MAX_OPEN_EVENTS: usize = 64;

const WHOLE: u8 = 0;
const PART: u8 = 1;
const LAST: u8 = 2;
const SUM_LEN: usize = 4;
/// Kind, identifier, number.
const PART_HEADER_LEN: usize = 1 + 16 + 4;

/// The bodies to append for `event`, in this order. `id` is random: it tells the parts of this event from
/// those of others. Events longer than [`MAX_OPEN_BYTES`] are not read back: the caller refuses them.
pub fn split(event: &[u8], id: [u8; 16]) -> Vec<Vec<u8>> {
    if event.len() < MAX_BODY_BYTES - SUM_LEN {
        return vec![with_sum(&[&[WHOLE], event])];
    }
    let parts = event.chunks(MAX_BODY_BYTES - SUM_LEN - PART_HEADER_LEN);
    let last = parts.len() - 1;
    let part = |(i, octets): (usize, &[u8])| {
        let kind = if i == last { LAST } else { PART };
        with_sum(&[&[kind], &id, &(i as u32).to_be_bytes(), octets])
    };
    parts.enumerate().map(part).collect()
}

/// `pieces`, one behind the other, as the rest of a body: with their checksum ahead.
pub fn with_sum(pieces: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![0; SUM_LEN];
    pieces.iter().for_each(|piece| body.extend_from_slice(piece));
    let sum = crc32(&body[SUM_LEN..]);
    body[..SUM_LEN].copy_from_slice(&sum.to_be_bytes());
    body
}

/// An event in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Where its first part stands.
    pub first: Offset,
    /// Where it stands: its last part's place.
    pub offset: Offset,
    /// Its octets.
    pub body: Vec<u8>,
}

/// Puts events together again.
#[derive(Debug, Default)]
pub struct Assembler {
    /// Events whose last part has not come, the oldest first.
    open: Vec<Open>,
    open_bytes: usize,
}

#[derive(Debug)]
struct Open {
    id: [u8; 16],
    first: Offset,
    /// The number of the part that must come next.
    next: u32,
    body: Vec<u8>,
}

impl Assembler {
    /// Takes the next entry of the journal; gives the event that it completes.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] if the entry is none of [`split`].
    pub fn push(&mut self, entry: Entry) -> Result<Option<Assembled>, JournalError> {
        let Entry { offset, mut body } = entry;
        let corrupt = |why: &str| JournalError::Corrupt { offset, why: why.to_owned() };
        let (sum, rest) = body.split_first_chunk::<SUM_LEN>().ok_or_else(|| corrupt("it is too short"))?;
        if u32::from_be_bytes(*sum) != crc32(rest) {
            return Err(corrupt("the journal is damaged there, the checksum is another; restore a backup"));
        }
        match rest.first() {
            Some(&WHOLE) => {
                body.drain(..=SUM_LEN);
                Ok(Some(Assembled { first: offset, offset, body }))
            }
            Some(&kind @ (PART | LAST)) => {
                let (header, octets) =
                    rest.split_first_chunk::<PART_HEADER_LEN>().ok_or_else(|| corrupt("a part without a header"))?;
                let [_, id @ .., n0, n1, n2, n3] = *header;
                let complete = self.part(offset, id, u32::from_be_bytes([n0, n1, n2, n3]), octets);
                Ok(if kind == LAST { complete.and_then(|at| self.finish(at, offset)) } else { None })
            }
            Some(_) => Err(corrupt("a kind of entry that this server does not know")),
            None => Err(corrupt("it is empty")),
        }
    }

    /// The earliest entry that an event still to be completed needs. Who folds the journal later must begin
    /// there, or at the entry after the last one pushed if this is `None`.
    pub fn first_open(&self) -> Option<Offset> {
        self.open.first().map(|open| open.first)
    }

    /// Adds a part, and says where in `open` its event is; `None`: it belongs to none.
    fn part(&mut self, offset: Offset, id: [u8; 16], number: u32, octets: &[u8]) -> Option<usize> {
        let at = match self.open.iter().position(|open| open.id == id) {
            Some(at) if self.open.get(at)?.next == number => at,
            Some(at) => {
                self.drop(at);
                return None;
            }
            None if number == 0 => {
                self.open.push(Open { id, first: offset, next: 0, body: Vec::new() });
                self.open.len() - 1
            }
            None => return None,
        };
        let open = self.open.get_mut(at)?;
        open.body.extend_from_slice(octets);
        open.next = open.next.wrapping_add(1);
        self.open_bytes += octets.len();
        while self.open.len() > MAX_OPEN_EVENTS || self.open_bytes > MAX_OPEN_BYTES {
            self.drop(0);
        }
        self.open.iter().position(|open| open.id == id)
    }

    fn finish(&mut self, at: usize, offset: Offset) -> Option<Assembled> {
        self.drop(at).map(|open| Assembled { first: open.first, offset, body: open.body })
    }

    fn drop(&mut self, at: usize) -> Option<Open> {
        let open = (at < self.open.len()).then(|| self.open.remove(at))?;
        self.open_bytes -= open.body.len();
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|i| (i / 7) as u8 ^ seed).collect()
    }

    /// Events as (first offset, offset, body) after the entries `bodies`, whose offsets begin at 1.
    fn assembled(bodies: &[Vec<u8>]) -> Vec<(u64, u64, Vec<u8>)> {
        let mut assembler = Assembler::default();
        let entries = bodies.iter().zip(1..).map(|(body, offset)| Entry { offset, body: body.clone() });
        let events = entries.filter_map(|entry| assembler.push(entry).expect("well-formed"));
        events.map(|event| (event.first, event.offset, event.body)).collect()
    }

    #[test]
    fn what_is_split_comes_together() {
        for len in [0, 1, MAX_BODY_BYTES - 1, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 3 * MAX_BODY_BYTES] {
            let bodies = split(&event(len, 1), [7; 16]);
            assert!(bodies.iter().all(|body| body.len() <= MAX_BODY_BYTES), "{len}");
            assert_eq!(assembled(&bodies), [(1, bodies.len() as u64, event(len, 1))], "{len}");
        }
    }

    #[test]
    fn parts_of_several_writers() {
        let (a, b) = (event(MAX_BODY_BYTES * 2, 1), event(MAX_BODY_BYTES, 2));
        let (pa, pb) = (split(&a, [1; 16]), split(&b, [2; 16]));
        let small = split(&[9], [3; 16]).remove(0);
        let mixed = [&pa[0], &pb[0], &small, &pa[1], &pb[1], &pa[2]].map(Vec::clone);
        assert_eq!(assembled(&mixed), [(3, 3, vec![9]), (2, 5, b), (1, 6, a)]);
    }

    #[test]
    fn events_with_a_gap_are_none() {
        let parts = split(&event(MAX_BODY_BYTES * 3, 1), [1; 16]);
        let pick = |order: &[usize]| order.iter().map(|&i| parts[i].clone()).collect::<Vec<_>>();
        for order in [&[0, 1, 2][..], &[1, 2, 3], &[0, 2, 3], &[0, 1, 1, 2, 3], &[3], &[0, 0, 1, 2, 3]] {
            assert_eq!(assembled(&pick(order)), [], "{order:?}");
        }
    }

    #[test]
    fn events_that_are_never_completed_are_forgotten() {
        let mut assembler = Assembler::default();
        let first_parts = |n: u8| split(&event(MAX_BODY_BYTES, n), [n; 16]).remove(0);
        for n in 0..=MAX_OPEN_EVENTS as u8 {
            assert_eq!(assembler.push(Entry { offset: n.into(), body: first_parts(n) }).expect("part"), None);
        }
        assert_eq!((assembler.open.len(), assembler.first_open()), (MAX_OPEN_EVENTS, Some(1)));
        let mut last = |n: u8| {
            let body = split(&event(MAX_BODY_BYTES, n), [n; 16]).remove(1);
            assembler.push(Entry { offset: 100, body }).expect("part").map(|event| event.first)
        };
        assert_eq!((last(0), last(1)), (None, Some(1)));
        assert_eq!(assembler.open_bytes, (MAX_OPEN_EVENTS - 1) * (MAX_BODY_BYTES - SUM_LEN - PART_HEADER_LEN));
    }

    #[test]
    fn other_entries_are_corrupt() {
        let check = |body: Vec<u8>| {
            let error = Assembler::default().push(Entry { offset: 5, body: body.clone() }).expect_err("refused");
            assert!(matches!(error, JournalError::Corrupt { offset: 5, .. }), "{body:?}");
        };
        check(Vec::new());
        check(vec![0; SUM_LEN - 1]);
        for rest in [&[][..], &[3], &[PART; PART_HEADER_LEN - 1], &[LAST]] {
            check(with_sum(&[rest]));
        }
    }

    #[test]
    fn a_bit_that_flips_is_noticed() {
        let good = split(&event(40, 1), [1; 16]).remove(0);
        for bit in 0..good.len() * 8 {
            let mut body = good.clone();
            body[bit / 8] ^= 1 << (bit % 8);
            let error = Assembler::default().push(Entry { offset: 5, body }).expect_err("refused");
            assert!(matches!(error, JournalError::Corrupt { offset: 5, .. }), "{bit}");
        }
    }
}
