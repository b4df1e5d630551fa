//! A list of records as rows of the table `rrsets`, in the table's order.

use dns::name::eq_ignore_case;
use dns::{Name, RType};
use zone::records::ListedRecord;
use zone::{MAX_KEY_LEN, RecordList, sort_key};

use super::row::{RowWriter, Wrong};

/// A row to be written.
pub struct RowOfList<'a> {
    /// The owner's sort key.
    pub key: &'a [u8],
    /// The type.
    pub rtype: RType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// What `row.rs` packed.
    pub data: &'a [u8],
}

/// Hands the rows of `records` to `each`. Records outside the zone are left out.
///
/// Lists that were made from a zone are in its order and are streamed; others are sorted first.
pub fn each_row<E: From<Wrong>>(
    origin: &Name,
    records: &RecordList,
    each: impl FnMut(RowOfList<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let inside = || records.iter().filter_map(|record| Some((record.owner.strip_suffix(origin)?, record)));
    let mut rows = Rows { each, labels: &[], members: Vec::new(), row: RowWriter::default() };
    if is_sorted(inside().map(|(labels, _)| labels)) {
        inside().try_for_each(|(labels, record)| rows.record(labels, record))?;
    } else {
        sorted(inside()).into_iter().try_for_each(|(labels, record)| rows.record(labels, record))?;
    }
    rows.end_owner()
}

/// Records beside the labels of their owners, in canonical order of these.
fn sorted<'a>(
    records: impl Iterator<Item = (&'a [u8], ListedRecord<'a>)>,
) -> impl IntoIterator<Item = (&'a [u8], ListedRecord<'a>)> {
    // All keys in one piece of memory.
    let (mut keys, mut keyed, mut buffer) = (Vec::new(), Vec::new(), [0; MAX_KEY_LEN]);
    for (labels, record) in records {
        let start = keys.len();
        keys.extend_from_slice(sort_key(labels, &mut buffer));
        keyed.push((start..keys.len(), labels, record));
    }
    keyed.sort_by(|a, b| keys[a.0.clone()].cmp(&keys[b.0.clone()]));
    keyed.into_iter().map(|(_, labels, record)| (labels, record))
}

fn is_sorted<'a>(owners: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut last, mut last_key): (&[u8], Vec<u8>) = (&[], Vec::new());
    let mut buffer = [0; MAX_KEY_LEN];
    for labels in owners {
        if labels == last {
            continue;
        }
        let key = sort_key(labels, &mut buffer);
        if key < &last_key[..] {
            return false;
        }
        last = labels;
        last_key.clear();
        last_key.extend_from_slice(key);
    }
    true
}

/// Gathers the records of one owner after the other.
struct Rows<'a, F> {
    each: F,
    labels: &'a [u8],
    /// The records of the owner at hand.
    members: Vec<Member<'a>>,
    row: RowWriter,
}

/// A record with the type it is filed under: signatures stand with what they cover.
struct Member<'a> {
    rtype: RType,
    is_signature: bool,
    record: ListedRecord<'a>,
}

impl<'a> Member<'a> {
    fn new(record: ListedRecord<'a>) -> Member<'a> {
        match (record.rtype, record.rdata) {
            (RType::RRSIG, &[high, low, ..]) => {
                Member { rtype: RType(u16::from_be_bytes([high, low])), is_signature: true, record }
            }
            (rtype, _) => Member { rtype, is_signature: false, record },
        }
    }
}

impl<'a, E: From<Wrong>, F: FnMut(RowOfList<'_>) -> Result<(), E>> Rows<'a, F> {
    fn record(&mut self, labels: &'a [u8], record: ListedRecord<'a>) -> Result<(), E> {
        if !eq_ignore_case(labels, self.labels) {
            self.end_owner()?;
        }
        if self.members.is_empty() {
            self.labels = labels;
        }
        self.members.push(Member::new(record));
        Ok(())
    }

    fn end_owner(&mut self) -> Result<(), E> {
        let mut buffer = [0; MAX_KEY_LEN];
        let key = sort_key(self.labels, &mut buffer);
        if !self.members.is_sorted_by_key(|member| (member.rtype, member.is_signature)) {
            self.members.sort_by_key(|member| (member.rtype, member.is_signature));
        }
        for rrset in self.members.chunk_by(|a, b| a.rtype == b.rtype) {
            let (records, signatures) = rrset.split_at(rrset.partition_point(|member| !member.is_signature));
            self.row.begin(self.labels);
            records.iter().try_for_each(|member| self.row.record(member.record.rdata))?;
            signatures.iter().try_for_each(|member| self.row.signature(member.record.ttl, member.record.rdata))?;
            // RFC 2181 5.2: the smallest, where they differ.
            let ttl = records.iter().map(|member| member.record.ttl).min().unwrap_or(0);
            (self.each)(RowOfList { key, rtype: rrset[0].rtype, ttl, data: self.row.finish() })?;
        }
        self.members.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;
    use zone::RecordListBuilder;

    use super::*;

    /// Owner, type and octets of RRSIG's covered type or of an address, for each record.
    fn rows(records: &[(&str, RType, &[u8])]) -> Vec<(String, u16, u32)> {
        let origin: NameBuf = "example.".parse().expect("name");
        let mut list = RecordListBuilder::default();
        for (i, (owner, rtype, data)) in records.iter().enumerate() {
            list.push(&owner.parse::<NameBuf>().expect("name"), *rtype, 100 - i as u32, data);
        }
        let mut rows = Vec::new();
        each_row::<Wrong>(&origin, &list.finish(), |row| {
            rows.push((String::from_utf8_lossy(row.key).into_owned(), row.rtype.0, row.ttl));
            Ok(())
        })
        .expect("small");
        rows
    }

    #[test]
    fn rows_come_in_order_and_once() {
        let a: &[u8] = &[1, 2, 3, 4];
        let in_order = [
            ("example.", RType::A, a),
            ("a.example.", RType::A, a),
            ("A.example.", RType::A, &[1, 2, 3, 5]),
            ("b.a.example.", RType::A, a),
            ("b.example.", RType::A, a),
        ];
        let want =
            [("", 1, 100), ("a", 1, 98), ("a\0b", 1, 97), ("b", 1, 96)].map(|(k, t, ttl)| (k.to_owned(), t, ttl));
        assert_eq!(rows(&in_order), want);
        let mut shuffled = in_order;
        shuffled.reverse();
        let keys: Vec<_> = rows(&shuffled).into_iter().map(|(key, rtype, _)| (key, rtype)).collect();
        assert_eq!(keys, want.map(|(key, rtype, _)| (key, rtype)));
    }

    #[test]
    fn signatures_stand_with_what_they_cover() {
        let a: &[u8] = &[1, 2, 3, 4];
        let got = rows(&[
            ("example.", RType::RRSIG, &[0, 1, 9]),
            ("example.", RType::TXT, b"\x01x"),
            ("example.", RType::A, a),
            ("elsewhere.", RType::A, a),
            ("example.", RType::RRSIG, &[0, 15, 9]),
        ]);
        assert_eq!(got, [(String::new(), 1, 98), (String::new(), 15, 0), (String::new(), 16, 99)]);
    }
}
