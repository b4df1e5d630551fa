//! Many records in one piece of memory: what creates, replaces or deletes a whole zone.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use dns::rdata::wire;
use dns::{Name, RType};

/// In place of an owner: the same as the record before. No uncompressed name starts with it.
const SAME_OWNER: u8 = 0xC0;
/// Octets behind the owner: type 2, TTL 4, length of the data 2.
const FIXED_LEN: usize = 8;

/// A record of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRecord<'a> {
    /// The owner.
    pub owner: &'a Name,
    /// The type.
    pub rtype: RType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Uncompressed data.
    pub rdata: &'a [u8],
}

/// A place in a list, at first its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    at: usize,
    owner_at: usize,
}

/// Records one after the other; a clone shares them. RRSIG records are listed as such.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordList {
    octets: Arc<Vec<u8>>,
    count: u64,
}

impl RecordList {
    /// Takes over the octets of [`RecordList::as_octets`]; `None` if they are none.
    pub fn from_octets(octets: Vec<u8>) -> Option<RecordList> {
        let mut list = RecordList { octets: Arc::new(octets), count: 0 };
        let mut rest = &list.octets[..];
        let mut owner: Option<&Name> = None;
        let mut count = 0;
        while !rest.is_empty() {
            let (record, behind) = split(rest, owner)?;
            (rest, owner, count) = (behind, Some(record.owner), count + 1);
        }
        list.count = count;
        Some(list)
    }

    /// The octets, for storing.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// Number of records.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The records in their order.
    pub fn iter(&self) -> impl Iterator<Item = ListedRecord<'_>> {
        let (mut rest, mut owner) = (&self.octets[..], None);
        std::iter::from_fn(move || {
            // The octets were checked when they were taken over.
            let (record, behind) = split(rest, owner)?;
            (rest, owner) = (behind, Some(record.owner));
            Some(record)
        })
    }
}

impl RecordList {
    /// The record at a place, and the place behind it; `None` at the end.
    pub fn record_at(&self, place: Place) -> Option<(ListedRecord<'_>, Place)> {
        let rest = self.octets.get(place.at..)?;
        let same = rest.first() == Some(&SAME_OWNER);
        let before = self.octets.get(place.owner_at..).filter(|_| same);
        let owner = before.and_then(|octets| Name::split_from_wire(octets).ok()).map(|(owner, _)| owner);
        let (record, behind) = split(rest, owner)?;
        let owner_at = if same { place.owner_at } else { place.at };
        Some((record, Place { at: self.octets.len() - behind.len(), owner_at }))
    }
}

impl fmt::Debug for RecordList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordList({} records)", self.count)
    }
}

fn split<'a>(octets: &'a [u8], before: Option<&'a Name>) -> Option<(ListedRecord<'a>, &'a [u8])> {
    let (owner, rest) = match octets.first()? {
        &SAME_OWNER => (before?, &octets[1..]),
        _ => Name::split_from_wire(octets).ok()?,
    };
    let (fixed, rest) = rest.split_first_chunk::<FIXED_LEN>()?;
    let [t0, t1, a, b, c, d, l0, l1] = *fixed;
    let (rdata, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
    let rtype = RType(u16::from_be_bytes([t0, t1]));
    Some((ListedRecord { owner, rtype, ttl: u32::from_be_bytes([a, b, c, d]), rdata }, rest))
}

/// The type that a record is filed under in a zone, and whether it is a signature: those stand with what they cover.
pub(crate) fn filed_under(rtype: RType, rdata: &[u8]) -> (RType, bool) {
    match (rtype, rdata) {
        (RType::RRSIG, [high, low, ..]) => (RType(u16::from_be_bytes([*high, *low])), true),
        _ => (rtype, false),
    }
}

/// Makes a list, record by record.
#[derive(Default)]
pub struct RecordListBuilder {
    octets: Vec<u8>,
    count: u64,
    /// The owner of the last record, as wire octets.
    owner: Vec<u8>,
}

impl RecordListBuilder {
    /// Adds a record. Its data has at most 65,535 octets (RFC 1035 3.2.1), as all that came from a message
    /// or a zone file; what is longer is no record and left out.
    pub fn push(&mut self, owner: &Name, rtype: RType, ttl: u32, rdata: &[u8]) {
        let Ok(len) = u16::try_from(rdata.len()) else {
            debug_assert!(false, "record data of {} octets", rdata.len());
            return;
        };
        // Case counts: owners are shown as they were given.
        if self.count > 0 && self.owner == owner.as_wire() {
            self.octets.push(SAME_OWNER);
        } else {
            self.octets.extend_from_slice(owner.as_wire());
            self.owner.clear();
            self.owner.extend_from_slice(owner.as_wire());
        }
        self.octets.extend_from_slice(&rtype.0.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        self.octets.extend_from_slice(&len.to_be_bytes());
        self.octets.extend_from_slice(rdata);
        self.count += 1;
    }

    /// Octets so far.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }

    /// The list.
    pub fn finish(self) -> RecordList {
        RecordList { octets: Arc::new(self.octets), count: self.count }
    }
}

/// Canonical order of record data (RFC 4034 6.3).
pub(crate) fn compare_data(rtype: RType, a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut x, mut y) = (Vec::new(), Vec::new());
    wire::canonical(rtype, a, &mut x);
    wire::canonical(rtype, b, &mut y);
    x.cmp(&y)
}

/// Record data in canonical order, each once (RFC 4034 6.3).
pub(crate) fn canonical(rtype: RType, data: &[Vec<u8>]) -> Vec<&[u8]> {
    let mut data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    data.sort_by(|a, b| compare_data(rtype, a, b));
    data.dedup_by(|a, b| compare_data(rtype, a, b).is_eq());
    data
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let names: Vec<NameBuf> =
            ["example.", "a.example.", "A.example.", "."].map(|n| n.parse().expect("name")).into();
        let mut builder = RecordListBuilder::default();
        let mut want = Vec::new();
        for (i, name) in names.iter().enumerate() {
            for n in 0..=i {
                builder.push(name, RType::A, n as u32, &[n as u8; 4]);
                want.push((name.to_string(), n as u32));
            }
        }
        let list = builder.finish();
        let got: Vec<_> = list.iter().map(|record| (record.owner.to_string(), record.ttl)).collect();
        assert_eq!(got, want);
        let mut place = Place::default();
        for record in list.iter() {
            let (found, next) = list.record_at(place).expect("as many records");
            assert_eq!(found, record);
            place = next;
        }
        assert_eq!(list.record_at(place), None);
        assert_eq!(RecordList::from_octets(list.as_octets().to_vec()), Some(list));
    }

    #[test]
    fn broken_octets_are_refused() {
        let mut builder = RecordListBuilder::default();
        builder.push(Name::root(), RType::A, 1, &[1, 2, 3, 4]);
        let good = builder.finish().as_octets().to_vec();
        for len in 1..good.len() {
            assert_eq!(RecordList::from_octets(good[..len].to_vec()), None, "{len}");
        }
        let mut same_first = good.clone();
        same_first[0] = SAME_OWNER;
        assert_eq!(RecordList::from_octets(same_first), None);
    }
}
