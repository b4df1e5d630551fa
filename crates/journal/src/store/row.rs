//! The `data` column of the table `rrsets`: owner, records and signatures of one RRset.
//!
//! ```text
//! labels of the owner relative to the apex, as given: length u8, octets
//! records: u16, then for each: length u16, data
//! signatures, to the end: TTL u32, length u16, data of the RRSIG record
//! ```
//! Numbers are big-endian.

use dns::RType;
use dns::rdata::wire;
use zone::node::MAX_NODE_BYTES;

/// What is wrong with a row.
pub type Wrong = &'static str;

/// Packs a row.
#[derive(Default)]
pub struct RowWriter {
    octets: Vec<u8>,
    count_at: usize,
    count: u16,
}

impl RowWriter {
    /// Begins a row for the owner with these labels relative to the apex.
    pub fn begin(&mut self, labels: &[u8]) {
        self.octets.clear();
        // Labels of a name are at most 254 octets.
        self.octets.push(labels.len() as u8);
        self.octets.extend_from_slice(labels);
        self.count_at = self.octets.len();
        self.count = 0;
        self.octets.extend_from_slice(&[0, 0]);
    }

    /// Adds a record; all records come before the signatures.
    pub fn record(&mut self, data: &[u8]) -> Result<(), Wrong> {
        self.count = self.count.checked_add(1).ok_or("too many records of one type")?;
        self.octets[self.count_at..self.count_at + 2].copy_from_slice(&self.count.to_be_bytes());
        self.data(data)
    }

    /// Adds a signature.
    pub fn signature(&mut self, ttl: u32, data: &[u8]) -> Result<(), Wrong> {
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        self.data(data)
    }

    fn data(&mut self, data: &[u8]) -> Result<(), Wrong> {
        let len = u16::try_from(data.len()).map_err(|_| "data of more than 65,535 octets")?;
        self.octets.extend_from_slice(&len.to_be_bytes());
        self.octets.extend_from_slice(data);
        Ok(())
    }

    /// The packed row.
    pub fn finish(&self) -> &[u8] {
        &self.octets
    }
}

/// The owner's labels in a row, and what follows them.
pub fn split_labels(row: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = row.split_first()?;
    rest.split_at_checked(usize::from(len))
}

/// Hands every record of a row's part behind the labels to `each`: TTL, type and data, checked.
pub fn each_record(
    packed: &[u8],
    rtype: RType,
    ttl: u32,
    mut each: impl FnMut(RType, u32, &[u8]) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    const SHORT: Wrong = "a row that ends early";
    const INVALID: Wrong = "record data that is not valid";
    let (count, mut rest) = packed.split_first_chunk::<2>().ok_or(SHORT)?;
    let mut octets = 0;
    for _ in 0..u16::from_be_bytes(*count) {
        let (data, behind) = split_data(rest).ok_or(SHORT)?;
        wire::validate(rtype, data).map_err(|_| INVALID)?;
        each(rtype, ttl, data)?;
        octets += data.len() + 2;
        rest = behind;
    }
    while !rest.is_empty() {
        let (ttl, behind) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (data, behind) = split_data(behind).ok_or(SHORT)?;
        wire::validate(RType::RRSIG, data).map_err(|_| INVALID)?;
        if data.first_chunk::<2>() != Some(&rtype.0.to_be_bytes()) {
            return Err("a signature at a type that it does not cover");
        }
        each(RType::RRSIG, u32::from_be_bytes(*ttl), data)?;
        octets += data.len() + 2;
        rest = behind;
    }
    // The builder would leave it out.
    if octets > MAX_NODE_BYTES { Err("an RRset that is too large") } else { Ok(()) }
}

fn split_data(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = rest.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut row = RowWriter::default();
        row.begin(b"\x03www");
        row.record(&[192, 0, 2, 1]).expect("small");
        row.record(&[192, 0, 2, 2]).expect("small");
        let mut rrsig = RType::A.0.to_be_bytes().to_vec();
        rrsig.extend_from_slice(&[8, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 7, 0, 1, 2, 3]);
        row.signature(60, &rrsig).expect("small");
        row.finish().to_vec()
    }

    fn read(row: &[u8], rtype: RType) -> Result<Vec<(RType, u32)>, Wrong> {
        let (_, rest) = split_labels(row).ok_or("no labels")?;
        let mut records = Vec::new();
        each_record(rest, rtype, 300, |rtype, ttl, _| {
            records.push((rtype, ttl));
            Ok(())
        })?;
        Ok(records)
    }

    #[test]
    fn what_goes_in_comes_out() {
        let row = packed();
        assert_eq!(split_labels(&row).map(|(labels, _)| labels), Some(&b"\x03www"[..]));
        assert_eq!(read(&row, RType::A), Ok(vec![(RType::A, 300), (RType::A, 300), (RType::RRSIG, 60)]));
    }

    #[test]
    fn damaged_rows_are_refused() {
        let row = packed();
        for len in (0..row.len()).filter(|&len| len != 19) {
            assert!(read(&row[..len], RType::A).is_err(), "{len}");
        }
        assert!(read(&row, RType::AAAA).is_err(), "four octets are no AAAA");
        let mut other = row.clone();
        other[26] = 2;
        assert!(read(&other, RType::A).is_err(), "a signature over NS");
    }
}
