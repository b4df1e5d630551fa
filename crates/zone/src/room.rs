//! Decides whether an RRset fits into a DNS message. An answer holds an RRset as a whole or sets TC (RFC 2181 9), and over
//! TCP there is no larger message to ask for. So a larger RRset can be transferred, record by record, but not queried.

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
    /// Octets of the signatures that clients with DO get as well; 0 where they are not to blame.
    signatures: usize,
    /// Names in the data are written as pointers where they can be.
    is_compressed: bool,
}

impl Overflow {
    /// Whether the records with this owner and this data fit into no message, or not with their signatures.
    pub fn of<'d>(
        owner: &Name,
        rtype: RType,
        hasher: NameHasher,
        data: impl Iterator<Item = &'d [u8]> + Clone,
        signatures: impl Iterator<Item = &'d [u8]>,
    ) -> Option<Overflow> {
        let (mut records, mut octets) = (0, 0);
        for data in data.clone() {
            (records, octets) = (records + 1, octets + data.len());
        }
        let (question, is_compressed) = (owner.len() + QUESTION_FIXED_LEN, layout(rtype).names > 0);
        let alone = Overflow { records, data: octets, question, signatures: 0, is_compressed };
        let signatures = signatures.map(|data| POINTER_LEN + FIXED_LEN + data.len()).sum();
        let signed = Overflow { signatures, ..alone };
        if signed.octets() <= MAX_MESSAGE_LEN {
            return None;
        }
        let written = is_compressed.then(|| written_octets(owner, rtype, hasher, question, data)).flatten();
        let fits = |overflow: &Overflow| {
            let octets = written.map_or(overflow.octets(), |written| written + EDNS_LEN + overflow.signatures);
            octets <= MAX_MESSAGE_LEN
        };
        [alone, signed].into_iter().find(|overflow| !fits(overflow))
    }

    /// Whether the records fit, but not together with their signatures: only clients that set DO go without an answer.
    pub fn is_of_signatures(&self) -> bool {
        self.signatures > 0
    }

    /// Octets of the response, names in the data in full.
    fn octets(&self) -> usize {
        let records = self.records * (POINTER_LEN + FIXED_LEN) + self.data;
        HEADER_LEN + self.question + EDNS_LEN + records + self.signatures
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Overflow { records, data, question, signatures, is_compressed } = self;
        let what = if self.is_of_signatures() { "this RRset with its signatures" } else { "this RRset" };
        let names = if *is_compressed { ", and with its names compressed still more than fits" } else { "" };
        write!(
            f,
            "no DNS message holds {what}, which takes {} octets of {MAX_MESSAGE_LEN}: header {HEADER_LEN}, question \
             {question}, EDNS {EDNS_LEN}, {records} times owner {POINTER_LEN} and type, class, TTL and length {FIXED_LEN}, \
             data {data}{names}",
            self.octets(),
        )?;
        match signatures {
            0 => Ok(()),
            _ => write!(f, ", signatures {signatures}"),
        }
    }
}

/// Octets of the response without EDNS when the names in the data are compressed; `None` if no message holds it.
fn written_octets<'d>(
    owner: &Name,
    rtype: RType,
    hasher: NameHasher,
    question: usize,
    mut data: impl Iterator<Item = &'d [u8]>,
) -> Option<usize> {
    let mut name = HashedName::default();
    name.set(owner, hasher);
    let mut buffer = vec![0; MAX_MESSAGE_LEN - EDNS_LEN];
    let limit = buffer.len();
    let mut writer = Writer::new(&mut buffer, &name, hasher, HEADER_LEN + question, limit);
    data.all(|data| writer.record(Section::Answer, Owner::Question, rtype, 0, data).is_ok()).then(|| writer.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    fn overflow(owner: &str, rtype: RType, data: &[Vec<u8>]) -> Option<Overflow> {
        signed(owner, rtype, data, &[])
    }

    fn signed(owner: &str, rtype: RType, data: &[Vec<u8>], signatures: &[Vec<u8>]) -> Option<Overflow> {
        let [data, signatures] = [data, signatures].map(|records| records.iter().map(Vec::as_slice));
        Overflow::of(&name(owner), rtype, NameHasher::new(1), data, signatures)
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
        let most = (1..5000).rfind(|&count| overflow(long, RType::PTR, &hosts(count)).is_none());
        let room = |signature: usize| signed(long, RType::PTR, &hosts(3000), &[vec![0; signature]]);
        assert!(most > Some(3000) && room(100).is_none());
        let text = room(60_000).map(|overflow| (overflow.is_of_signatures(), overflow.to_string()));
        assert!(text.is_some_and(|(signatures, text)| signatures && text.contains("compressed")));
    }

    /// What fits alone and not with its signatures.
    #[test]
    fn signatures_take_room_too() {
        let text = |len: usize| vec![vec![0; 65_535 - 12 - 13 - 51 - 12 - len]];
        assert_eq!(signed("example.", RType::TXT, &text(112), &[vec![0; 100]]), None);
        let over = signed("example.", RType::TXT, &text(111), &[vec![0; 100]]).expect("too large");
        assert!(over.is_of_signatures());
        let said = over.to_string();
        for part in ["holds this RRset with its signatures", "65536 octets of 65535", "signatures 112"] {
            assert!(said.contains(part), "{said}");
        }
        let alone = vec![vec![0; 65_535]];
        assert!(signed("example.", RType::TXT, &alone, &[vec![0; 100]]).is_some_and(|over| !over.is_of_signatures()));
    }
}
