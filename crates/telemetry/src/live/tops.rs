//! The names, clients and types that come most often within the last minutes: a sketch of each for every minute of the
//! last hour, added up when somebody asks.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use dns::{Name, RType};
use serde::Serialize;
use utoipa::ToSchema;

use super::row::name_text;
use super::sketch::Sketch;
use crate::rows::Row;

/// Names and clients that are counted in one minute.
const CAPACITY: usize = 512;
/// Types that are counted in one minute.
const TYPE_CAPACITY: usize = 64;
/// Minutes that are kept.
pub const MAX_MINUTES: u64 = 60;

/// What was asked often, within some minutes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Tops {
    /// From when on it was counted, in milliseconds since 1970.
    pub from_ms: u64,
    /// Answers that were counted. Nothing is counted before somebody wants to see it, so these may be fewer than all.
    pub counted: u64,
    /// Names.
    pub names: Vec<Top>,
    /// Clients.
    pub clients: Vec<Top>,
    /// Types.
    pub types: Vec<Top>,
}

/// One thing that was asked, or asked, often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Top {
    /// Which.
    pub key: String,
    /// How often, at the most.
    pub count: u64,
    /// So many fewer it may have been.
    pub error: u64,
}

/// What is counted.
#[derive(Debug, Default)]
pub struct TopCounter {
    minutes: VecDeque<Minute>,
    /// A name in lower case, before it is counted.
    lower: Vec<u8>,
}

#[derive(Debug)]
struct Minute {
    number: u64,
    rows: u64,
    names: Sketch,
    clients: Sketch,
    types: Sketch,
}

impl Minute {
    fn new(number: u64) -> Minute {
        Minute {
            number,
            rows: 0,
            names: Sketch::new(CAPACITY),
            clients: Sketch::new(CAPACITY),
            types: Sketch::new(TYPE_CAPACITY),
        }
    }
}

impl TopCounter {
    /// Makes room for the minute of `now_s`, in seconds since 1970. A clock that goes back counts on.
    pub fn begin(&mut self, now_s: u64) {
        let number = now_s / 60;
        if self.minutes.back().is_none_or(|last| last.number < number) {
            self.minutes.push_back(Minute::new(number));
        }
        let oldest = number.saturating_sub(MAX_MINUTES);
        while self.minutes.len() as u64 > MAX_MINUTES + 1 || self.minutes.front().is_some_and(|m| m.number < oldest) {
            self.minutes.pop_front();
        }
    }

    /// Counts an answer.
    pub fn count(&mut self, row: &Row<'_>) {
        let Some(minute) = self.minutes.back_mut() else { return };
        minute.rows += 1;
        let client = match row.record.client.ip().to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        minute.clients.count(&client.octets());
        if let Some((name, rtype, _)) = row.question {
            self.lower.clear();
            self.lower.extend(name.as_wire().iter().map(u8::to_ascii_lowercase));
            minute.names.count(&self.lower);
            minute.types.count(&rtype.0.to_be_bytes());
        }
    }

    /// What came most often in the last `minutes` whole minutes and the one under way at `now_s`, `limit` of each kind.
    pub fn tops(&self, now_s: u64, minutes: u64, limit: usize) -> Tops {
        let oldest = (now_s / 60).saturating_sub(minutes);
        let inside = || self.minutes.iter().filter(|minute| minute.number >= oldest);
        let first = inside().next().map_or(now_s, |minute| minute.number * 60);
        Tops {
            from_ms: first * 1000,
            counted: inside().map(|minute| minute.rows).sum(),
            names: merged(inside().map(|minute| &minute.names), limit, name),
            clients: merged(inside().map(|minute| &minute.clients), limit, client),
            types: merged(inside().map(|minute| &minute.types), limit, rtype),
        }
    }
}

/// Adds up sketches. A thing that one of them does not have came there at most as often as its least.
fn merged<'a>(sketches: impl Iterator<Item = &'a Sketch>, limit: usize, text: fn(&[u8]) -> Option<String>) -> Vec<Top> {
    /// Of the sketches that have it.
    #[derive(Default)]
    struct Sum {
        count: u64,
        error: u64,
        least: u64,
    }
    let (mut sums, mut least) = (HashMap::<&[u8], Sum>::new(), 0);
    for sketch in sketches {
        for counted in sketch.counted() {
            let sum = sums.entry(&counted.key).or_default();
            sum.count += counted.count;
            sum.error += counted.error;
            sum.least += sketch.least();
        }
        least += sketch.least();
    }
    let elsewhere = |sum: &Sum| least - sum.least;
    let mut sums: Vec<(&[u8], Sum)> = sums.into_iter().collect();
    let at_most = |sum: &Sum| sum.count + elsewhere(sum);
    sums.sort_unstable_by(|(a, x), (b, y)| at_most(y).cmp(&at_most(x)).then(a.cmp(b)));
    let top = |(key, sum): (&[u8], Sum)| {
        text(key).map(|key| Top { key, count: at_most(&sum), error: sum.error + elsewhere(&sum) })
    };
    sums.into_iter().take(limit).filter_map(top).collect()
}

fn name(wire: &[u8]) -> Option<String> {
    Name::from_wire(wire).ok().map(name_text)
}

fn client(octets: &[u8]) -> Option<String> {
    let octets: [u8; 16] = octets.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical().to_string())
}

fn rtype(octets: &[u8]) -> Option<String> {
    Some(RType(u16::from_be_bytes(octets.try_into().ok()?)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{RowText, with_row};

    const NOW_S: u64 = 1_700_000_040;

    fn count(tops: &mut TopCounter, now_s: u64, name: &str, client: &str, times: u64) {
        tops.begin(now_s);
        let text = RowText { name, client, ..RowText::default() };
        with_row(&text, |row| (0..times).for_each(|_| tops.count(row)));
    }

    #[test]
    fn minutes_are_added_up() {
        let mut tops = TopCounter::default();
        count(&mut tops, NOW_S - 61 * 60, "old.test.", "192.0.2.9", 1000);
        count(&mut tops, NOW_S - 30 * 60, "half.test.", "2001:db8::1", 30);
        count(&mut tops, NOW_S - 60, "WWW.test.", "192.0.2.1", 5);
        count(&mut tops, NOW_S, "www.Test.", "192.0.2.1", 6);
        count(&mut tops, NOW_S, "ftp.test.", "192.0.2.2", 4);
        let top = |key: &str, count| Top { key: key.into(), count, error: 0 };
        let five = tops.tops(NOW_S, 5, 10);
        assert_eq!(five.names, [top("www.test", 11), top("ftp.test", 4)]);
        assert_eq!(five.clients, [top("192.0.2.1", 11), top("192.0.2.2", 4)]);
        assert_eq!((five.counted, five.from_ms), (15, (NOW_S / 60 - 1) * 60_000));
        let hour = tops.tops(NOW_S, 60, 1);
        assert_eq!((hour.names, hour.clients), (vec![top("half.test", 30)], vec![top("2001:db8::1", 30)]));
        assert_eq!((hour.types, hour.counted), (vec![top("A", 45)], 45));
    }

    #[test]
    fn sums_of_full_sketches_say_what_they_do_not_know() {
        let (mut one, mut other) = (Sketch::new(2), Sketch::new(2));
        [b"a", b"a", b"a", b"b", b"b", b"c"].iter().for_each(|key| one.count(&key[..]));
        [b"d", b"a", b"d"].iter().for_each(|key| other.count(&key[..]));
        let key = |octets: &[u8]| Some(String::from_utf8_lossy(octets).into_owned());
        let tops = merged([&one, &other].into_iter(), 3, key);
        // One has a 3 and c 3 (of which 2 may be others'); the other d 2 and a 1.
        let top = |key: &str, count, error| Top { key: key.into(), count, error };
        assert_eq!(tops, [top("d", 5, 3), top("a", 4, 0), top("c", 4, 3)]);
    }
}
