//! Whether an RRset fits into a DNS message: what does not can be transferred record by record, but never be asked for,
//! because an RRset is answered as a whole or with TC (RFC 2181 9), and over TCP there is nothing larger to ask for.

use std::fmt;

use dns::header::HEADER_LEN;
use dns::question::HashedName;
use dns::rdata::wire::layout;
use dns::response::{Owner, Section, Writer};
use dns::{Name, NameHasher, RType};

/// Largest message (RFC 1035 4.2.2: its length has two octets).
const MAX_MESSAGE_LEN: usize = 65_535;
/// What a response keeps free for EDNS: an OPT record with a cookie (RFC 7873), keepalive (RFC 7828) and an extended
/// error (RFC 8914).
const EDNS_LEN: usize = 51;
/// Type and class of a question.
const QUESTION_FIXED_LEN: usize = 4;
/// Type, class, TTL and length of a record (RFC 1035 3.2.1).
const FIXED_LEN: usize = 10;
/// The owner of an answer is a pointer to the question (RFC 1035 4.1.4).
const POINTER_LEN: usize = 2;

/// In a node of so many octets there is no RRset that could be too large: but for a few hundred, records take 4 octets
/// there at least, and 10 more in a message.
pub const ROOMY_NODE_BYTES: usize = 1 << 14;

/// An RRset that fits into no message, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow {
    records: usize,
    data: usize,
    question: usize,
    /// Names in the data are written as pointers where they can be.
    is_compressed: bool,
}

impl Overflow {
    /// Whether the records with this owner and this data fit into no message; signatures do not count.
    pub fn of<'d>(
        owner: &Name,
        rtype: RType,
        hasher: NameHasher,
        data: impl Iterator<Item = &'d [u8]> + Clone,
    ) -> Option<Overflow> {
        let (mut records, mut octets) = (0, 0);
        for data in data.clone() {
            (records, octets) = (records + 1, octets + data.len());
        }
        let question = owner.len() + QUESTION_FIXED_LEN;
        let overflow = Overflow { records, data: octets, question, is_compressed: layout(rtype).names > 0 };
        let fits = overflow.octets() <= MAX_MESSAGE_LEN
            || overflow.is_compressed && is_written(owner, rtype, hasher, question, data);
        (!fits).then_some(overflow)
    }

    /// Octets of the response, names in the data in full.
    fn octets(&self) -> usize {
        HEADER_LEN + self.question + EDNS_LEN + self.records * (POINTER_LEN + FIXED_LEN) + self.data
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Overflow { records, data, question, is_compressed } = self;
        let names = if *is_compressed { ", and with its names compressed still more than fits" } else { "" };
        write!(
            f,
            "no DNS message holds this RRset, which takes {} octets of {MAX_MESSAGE_LEN}: header {HEADER_LEN}, question \
             {question}, EDNS {EDNS_LEN}, {records} times owner {POINTER_LEN} and type, class, TTL and length {FIXED_LEN}, \
             data {data}{names}",
            self.octets(),
        )
    }
}

/// Whether the records fit when the names in them are compressed as they are in a response.
fn is_written<'d>(
    owner: &Name,
    rtype: RType,
    hasher: NameHasher,
    question: usize,
    mut data: impl Iterator<Item = &'d [u8]>,
) -> bool {
    let mut name = HashedName::default();
    name.set(owner, hasher);
    let mut buffer = vec![0; MAX_MESSAGE_LEN - EDNS_LEN];
    let limit = buffer.len();
    let mut writer = Writer::new(&mut buffer, &name, hasher, HEADER_LEN + question, limit);
    data.all(|data| writer.record(Section::Answer, Owner::Question, rtype, 0, data).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    fn overflow(owner: &str, rtype: RType, data: &[Vec<u8>]) -> Option<Overflow> {
        Overflow::of(&name(owner), rtype, NameHasher::new(1), data.iter().map(Vec::as_slice))
    }

    #[test]
    fn as_much_as_a_message_holds() {
        let addresses = |count: u32| -> Vec<Vec<u8>> { (0..count).map(|n| n.to_be_bytes().to_vec()).collect() };
        // 12 + (9 + 4) + 51 + 16 n <= 65,535.
        assert_eq!(overflow("example.", RType::A, &addresses(4091)), None);
        assert!(overflow("example.", RType::A, &addresses(4092)).is_some());
        let text = overflow("example.", RType::A, &addresses(5000)).map(|overflow| overflow.to_string());
        let text = text.unwrap_or_default();
        for part in ["80076 octets of 65535", "question 13", "5000 times owner 2", "length 10", "data 20000"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(overflow("example.", RType::TXT, &[vec![0; 65_009]]), None);
        assert_eq!(overflow("example.", RType::TXT, &[vec![0; 65_535 - 12 - 13 - 51 - 12]]), None);
        assert!(overflow("example.", RType::TXT, &[vec![0; 65_535 - 12 - 13 - 51 - 12 + 1]]).is_some());
        assert_eq!(overflow("example.", RType::TXT, &[]), None);
    }

    /// What responses compress counts compressed.
    #[test]
    fn names_in_data_count_as_they_are_written() {
        let long = "a-rather-long-label-of-more-than-forty-octets-in-all.example.";
        let hosts = |count: u32| -> Vec<Vec<u8>> {
            (0..count).map(|n| name(&format!("h{n:04}.{long}")).as_wire().to_vec()).collect()
        };
        assert_eq!(overflow(long, RType::PTR, &hosts(3000)), None);
        let too_many = overflow(long, RType::PTR, &hosts(4000)).map(|overflow| overflow.to_string());
        assert!(too_many.is_some_and(|text| text.contains("compressed")));
    }
}
