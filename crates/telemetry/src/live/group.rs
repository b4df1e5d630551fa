//! The viewers of one filter: rows are matched once for all of them, and each frame is written once for all who want as
//! many rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::queue::{Kind, Queue};
use super::reservoir::{Dice, Reservoir};
use super::row::json;
use crate::filter::Filter;
use crate::rows::Row;

/// Rows of a frame at the most.
pub const MAX_ROWS: usize = 10;

/// A row as it is sent.
#[derive(Debug)]
struct Sampled {
    time_us: u64,
    json: Vec<u8>,
}

/// A viewer, and how many rows of a frame it wants.
#[derive(Debug)]
struct Member {
    id: u64,
    rows: usize,
    queue: Arc<Queue>,
}

/// The viewers of one filter.
#[derive(Debug)]
pub struct Group {
    /// The filter's text.
    pub text: String,
    filter: Filter,
    members: Vec<Member>,
    seen: u64,
    sample: Reservoir<Sampled>,
}

impl Group {
    /// Nobody looks yet.
    pub fn new(text: &str, filter: Filter) -> Group {
        Group { text: text.to_owned(), filter, members: Vec::new(), seen: 0, sample: Reservoir::new(MAX_ROWS) }
    }

    /// One more looks, at `rows` rows of each frame.
    pub fn join(&mut self, id: u64, rows: usize, queue: Arc<Queue>) {
        self.members.push(Member { id, rows: rows.clamp(1, MAX_ROWS), queue });
    }

    /// One does not look any more.
    pub fn leave(&mut self, id: u64) {
        self.members.retain(|member| member.id != id);
    }

    /// Whether nobody looks.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes an answer.
    pub fn see(&mut self, row: &Row<'_>, dice: &mut Dice) {
        self.seen += 1;
        if self.filter.matches(row) {
            self.sample.offer(dice, || Sampled { time_us: row.record.time_us, json: json(row) });
        }
    }

    /// Sends what was seen since the last time, `lost` rows excepted; how many frames were lost for want of room.
    pub fn send(&mut self, dice: &mut Dice, lost: u64) -> u64 {
        let (seen, matched) = (std::mem::take(&mut self.seen), self.sample.offered());
        let sample = self.sample.take(dice);
        if seen == 0 && lost == 0 {
            return 0;
        }
        let mut frames: BTreeMap<usize, Bytes> = BTreeMap::new();
        let send = |member: &Member| {
            let rows = member.rows.min(sample.len());
            let frame = frames.entry(rows).or_insert_with(|| frame(&sample[..rows], seen, matched, lost));
            member.queue.push(Kind::Rows, frame)
        };
        self.members.iter().map(send).sum()
    }
}

/// The frame of some rows, oldest first.
fn frame(sample: &[Sampled], seen: u64, matched: u64, lost: u64) -> Bytes {
    let mut rows: Vec<&Sampled> = sample.iter().collect();
    rows.sort_by_key(|row| row.time_us);
    let sampled = rows.len();
    let head = format!(r#"{{"t":"rows","seen":{seen},"matched":{matched},"sampled":{sampled},"lost":{lost},"rows":["#);
    let mut octets = Vec::with_capacity(head.len() + rows.iter().map(|row| row.json.len() + 1).sum::<usize>() + 2);
    octets.extend_from_slice(head.as_bytes());
    for (index, row) in rows.into_iter().enumerate() {
        octets.extend_from_slice(if index > 0 { b"," } else { b"" });
        octets.extend_from_slice(&row.json);
    }
    octets.extend_from_slice(b"]}");
    octets.into()
}
