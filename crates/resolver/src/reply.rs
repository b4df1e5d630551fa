//! Splits a reply into RRsets, for [`crate::scrub`].
//!
//! Anybody can send a reply, so sizes are checked before memory is allocated, and one malformed record makes the whole
//! reply an error.

use dns::header::{HEADER_LEN, Header};
use dns::rdata::wire;
use dns::{Class, Edns, Name, NameBuf, RType, Rcode};

use crate::limits::MAX_REPLY_RRSETS;
use crate::rrset::Rrset;

/// A reply that is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not well-formed.
    #[error("malformed reply")]
    Malformed,
    /// It has more RRsets than are looked at. How many records they have does not matter: 65,535 octets bound them.
    #[error("more than {MAX_REPLY_RRSETS} RRsets in a section of the reply (limit `MAX_REPLY_RRSETS`)")]
    TooManyRrsets,
}

use Unusable::Malformed;

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The header; its RCODE has the upper bits of the OPT record.
    pub header: Header,
    /// RRsets of the answer section.
    pub answers: Vec<Rrset>,
    /// RRsets of the authority section.
    pub authorities: Vec<Rrset>,
    /// RRsets of the additional section.
    pub additionals: Vec<Rrset>,
    /// The OPT record.
    pub edns: Option<Edns>,
    /// The question as it was repeated, case kept; `None` if there was none.
    pub question: Option<(NameBuf, RType)>,
}

impl Reply {
    /// Takes the reply to a question for `asked` apart. RRSIG records stand with the RRsets that they cover. In the answer
    /// section they are an RRset of their own as well if they were asked for, and those that cover nothing are if all was
    /// (RFC 4035 2.2 says that they are none).
    ///
    /// # Errors
    /// Anything that is not well-formed, more records or RRsets than the limits allow.
    pub fn parse(octets: &[u8], asked: RType) -> Result<Reply, Unusable> {
        let head = octets.first_chunk::<HEADER_LEN>().ok_or(Malformed)?;
        let word = |i: usize| u16::from_be_bytes([head[i], head[i + 1]]);
        let mut header = Header::from_words(word(0), word(2));
        let [questions, answers, authorities, additionals] = [4, 6, 8, 10].map(|i| usize::from(word(i)));
        if questions > 1 {
            return Err(Malformed);
        }
        let mut reader = Reader { octets, at: HEADER_LEN, edns: None };
        let question = if questions == 1 { Some(reader.question()?) } else { None };
        // Names that are compressed end in the question's, whose case we chose at random: it says nothing.
        let lowered = octets.get(..reader.at).filter(|head| head[HEADER_LEN..].iter().any(u8::is_ascii_uppercase));
        let lowered = lowered.map(|head| {
            let name_end = head.len() - 4;
            let mut octets = octets.to_vec();
            octets[HEADER_LEN..name_end].make_ascii_lowercase();
            octets
        });
        let mut reader = Reader { octets: lowered.as_deref().unwrap_or(octets), ..reader };
        let answers = reader.section(answers, Signatures::of_answers(asked))?;
        let authorities = reader.section(authorities, Signatures::Beside)?;
        let additionals = reader.section(additionals, Signatures::Beside)?;
        let edns = match reader.edns {
            Some((edns, extended)) => {
                // RFC 6891 6.1.3: the OPT record has the upper eight of twelve bits.
                header.rcode = Rcode(u16::from(extended) << 4 | header.rcode.0);
                Some(edns)
            }
            None => None,
        };
        Ok(Reply { header, answers, authorities, additionals, edns, question })
    }

    /// The RRset of a section.
    pub fn find<'a>(section: &'a [Rrset], owner: &Name, rtype: RType) -> Option<&'a Rrset> {
        section.iter().find(|rrset| rrset.is(owner, rtype))
    }
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    edns: Option<(Edns, u8)>,
}

/// Where the signatures of a section go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signatures {
    /// To the RRsets that they cover; others are left out.
    Beside,
    /// To the RRsets that they cover; others are an RRset of their own.
    BesideOrAlone,
    /// To the RRsets that they cover; all are an RRset of their own besides.
    Asked,
}

impl Signatures {
    fn of_answers(asked: RType) -> Signatures {
        match asked {
            RType::RRSIG => Signatures::Asked,
            RType::ANY => Signatures::BesideOrAlone,
            _ => Signatures::Beside,
        }
    }
}

/// A signature whose RRset may still come.
struct Signature {
    owner: NameBuf,
    covered: RType,
    ttl: u32,
    rdata: Vec<u8>,
}

impl Reader<'_> {
    fn name(&mut self) -> Result<NameBuf, Unusable> {
        let (name, end) = NameBuf::from_message(self.octets, self.at).map_err(|_| Malformed)?;
        self.at = end;
        Ok(name)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Unusable> {
        let chunk = self.octets.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Malformed)?;
        self.at += N;
        Ok(*chunk)
    }

    fn question(&mut self) -> Result<(NameBuf, RType), Unusable> {
        let name = self.name()?;
        let [t0, t1, _, _] = self.chunk::<4>()?;
        Ok((name, RType(u16::from_be_bytes([t0, t1]))))
    }

    fn section(&mut self, count: usize, place: Signatures) -> Result<Vec<Rrset>, Unusable> {
        let mut rrsets: Vec<Rrset> = Vec::with_capacity(count.min(8));
        let mut signatures = Vec::new();
        let mut rdata = Vec::new();
        for _ in 0..count {
            let owner = self.name()?.into_canonical();
            let [t0, t1, c0, c1, l0, l1, l2, l3, n0, n1] = self.chunk::<10>()?;
            let (rtype, class) = (RType(u16::from_be_bytes([t0, t1])), Class(u16::from_be_bytes([c0, c1])));
            let (ttl, len) = (u32::from_be_bytes([l0, l1, l2, l3]), usize::from(u16::from_be_bytes([n0, n1])));
            let start = self.at;
            let raw = self.octets.get(start..start + len).ok_or(Malformed)?;
            self.at += len;
            if rtype == RType::OPT {
                self.edns = Some(Edns::from_record_of_response(class.0, ttl, raw));
                continue;
            }
            if class != Class::IN || rtype.is_meta() {
                continue;
            }
            rdata.clear();
            let expand = if is_understood(rtype) { wire::expand } else { wire::expand_names };
            expand(rtype, self.octets, start, len, &mut rdata).map_err(|_| Malformed)?;
            // RFC 2181 8: a TTL with its highest bit set is none.
            let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
            if rtype == RType::RRSIG {
                let covered = rdata.first_chunk::<2>().map(|covered| RType(u16::from_be_bytes(*covered)));
                let covered = covered.ok_or(Malformed)?;
                if place == Signatures::Asked {
                    add(&mut rrsets, owner.clone(), rtype, ttl, &rdata)?;
                }
                signatures.push(Signature { owner, covered, ttl, rdata: std::mem::take(&mut rdata) });
                continue;
            }
            add(&mut rrsets, owner, rtype, ttl, &rdata)?;
        }
        for signature in signatures {
            let signed = |rrset: &&mut Rrset| rrset.is(&signature.owner, signature.covered);
            if let Some(rrset) = rrsets.iter_mut().find(signed) {
                rrset.ttl = rrset.ttl.min(signature.ttl);
                rrset.signatures.push(&signature.rdata);
            } else if place == Signatures::BesideOrAlone {
                add(&mut rrsets, signature.owner, RType::RRSIG, signature.ttl, &signature.rdata)?;
            }
        }
        // RFC 2181 5: repeated records are one.
        rrsets.iter_mut().for_each(|rrset| rrset.rdata.drop_repeated());
        Ok(rrsets)
    }
}

/// Whether the resolver itself, or whoever connects to what it says, must understand data of this type. What need not be
/// understood is passed on as it came (RFC 3597 3): tomorrow's version of it may be well-formed.
fn is_understood(rtype: RType) -> bool {
    matches!(rtype, RType::A | RType::AAAA)
}

/// Adds a record to its RRset.
fn add(rrsets: &mut Vec<Rrset>, owner: NameBuf, rtype: RType, ttl: u32, rdata: &[u8]) -> Result<(), Unusable> {
    if let Some(rrset) = rrsets.iter_mut().rev().find(|rrset| rrset.is(&owner, rtype)) {
        // RFC 2181 5.2: records of an RRset that differ in TTL have the lowest.
        rrset.ttl = rrset.ttl.min(ttl);
        rrset.rdata.push(rdata);
        return Ok(());
    }
    if rrsets.len() == MAX_REPLY_RRSETS {
        return Err(Unusable::TooManyRrsets);
    }
    rrsets.push(Rrset::new(owner, rtype, ttl).with(rdata));
    Ok(())
}

#[cfg(test)]
mod tests {
    use dns::{Message, Record};

    use super::*;

    fn record(owner: &str, rtype: RType, ttl: u32, rdata: &[u8]) -> Record {
        Record { owner: owner.parse().expect("name"), rtype, class: Class::IN, ttl, rdata: rdata.to_vec() }
    }

    #[test]
    fn what_need_not_be_understood_passes() {
        let reply = |rtype, rdata: &[u8]| {
            let mut message = Message::query(7, "a.example.".parse().expect("name"), rtype);
            message.header.qr = true;
            message.answers = vec![record("a.example.", rtype, 300, rdata)];
            Reply::parse(&message.to_wire(512), rtype).map(|reply| reply.answers.first().map(|set| set.rdata.clone()))
        };
        let loc = RType::from_text(b"LOC").expect("type");
        // LOC of version 1 (RFC 1876 2), a TLSA and a DNSKEY record that are too short.
        for (rtype, rdata) in [(loc, &[1, 2, 3][..]), (RType(52), &[3]), (RType::DNSKEY, &[1, 1, 3, 250])] {
            let passed = reply(rtype, rdata).expect("a reply").expect("an RRset");
            assert_eq!(passed.iter().collect::<Vec<_>>(), [rdata], "{rtype}");
        }
        // What others connect to, and names, which may be compressed.
        assert_eq!(reply(RType::A, &[1, 2, 3]), Err(Unusable::Malformed));
        assert_eq!(reply(RType::MX, &[1]), Err(Unusable::Malformed));
    }

    #[test]
    fn more_rrsets_than_are_looked_at() {
        let mut message = Message::query(7, "a.example.".parse().expect("name"), RType::A);
        message.header.qr = true;
        let one = |i| record(&format!("a{i}.example."), RType::A, 300, &[1, 2, 3, 4]);
        message.answers = (0..MAX_REPLY_RRSETS).map(one).collect();
        assert!(Reply::parse(&message.to_wire(65_535), RType::A).is_ok());
        message.answers.push(one(MAX_REPLY_RRSETS));
        let error = Reply::parse(&message.to_wire(65_535), RType::A).expect_err("too many");
        assert!(error.to_string().contains("more than 256 RRsets"), "{error}");
    }

    #[test]
    fn signatures_of_everything_stand_with_their_rrsets() {
        let mut message = Message::query(7, "a.example.".parse().expect("name"), RType::ANY);
        message.header.qr = true;
        let covering = |rtype: RType| [&rtype.0.to_be_bytes()[..], &[0; 18]].concat();
        message.answers = vec![
            record("a.example.", RType::RRSIG, 300, &covering(RType::A)),
            record("a.example.", RType::A, 300, &[1, 2, 3, 4]),
            record("a.example.", RType::RRSIG, 300, &covering(RType::MX)),
        ];
        let octets = message.to_wire(512);
        let shown = |asked| {
            let reply = Reply::parse(&octets, asked).expect("well-formed");
            let one = |set: &Rrset| (set.rtype, set.rdata.iter().count(), set.signatures.iter().count());
            reply.answers.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(shown(RType::A), [(RType::A, 1, 1)]);
        assert_eq!(shown(RType::ANY), [(RType::A, 1, 1), (RType::RRSIG, 1, 0)]);
        assert_eq!(shown(RType::RRSIG), [(RType::RRSIG, 2, 0), (RType::A, 1, 1)]);
    }

    #[test]
    fn records_become_rrsets() {
        let mut message = Message::query(7, "a.example.".parse().expect("name"), RType::A);
        message.header.qr = true;
        message.answers = vec![
            record("a.example.", RType::A, 300, &[1, 2, 3, 4]),
            record("b.example.", RType::A, 300, &[1, 2, 3, 4]),
            record("A.example.", RType::A, 200, &[1, 2, 3, 5]),
            record("a.example.", RType::A, 300, &[1, 2, 3, 4]),
        ];
        let reply = Reply::parse(&message.to_wire(512), RType::A).expect("well-formed");
        assert_eq!(reply.answers.len(), 2);
        assert_eq!((reply.answers[0].ttl, reply.answers[0].rdata.iter().count()), (200, 2));
        let wire = message.to_wire(512);
        for len in 0..wire.len() {
            assert!(Reply::parse(&wire[..len], RType::A).is_err(), "cut at {len}");
        }
    }
}
