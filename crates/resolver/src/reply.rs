//! A reply taken apart into RRsets: what [`crate::scrub`] looks at.
//!
//! Replies come from anybody, so sizes are bounded before anything is allocated, and what is not well-formed is
//! an error for the whole reply.

use dns::header::{HEADER_LEN, Header};
use dns::rdata::wire;
use dns::{Class, Edns, Name, NameBuf, RType, Rcode};

use crate::limits::{MAX_REPLY_RECORDS, MAX_REPLY_RRSETS};
use crate::rrset::Rrset;

/// A reply that is not well-formed, or too large to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed reply")]
pub struct Malformed;

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
    /// Takes a reply apart. With `keep_signatures`, RRSIG records of the answer section are an RRset like any other (RFC 4035 2.2 says
    /// that they are none, but they can be asked for).
    ///
    /// # Errors
    /// Anything that is not well-formed, more records or RRsets than the limits allow.
    pub fn parse(octets: &[u8], keep_signatures: bool) -> Result<Reply, Malformed> {
        let head = octets.first_chunk::<HEADER_LEN>().ok_or(Malformed)?;
        let word = |i: usize| u16::from_be_bytes([head[i], head[i + 1]]);
        let mut header = Header::from_words(word(0), word(2));
        let [questions, answers, authorities, additionals] = [4, 6, 8, 10].map(|i| usize::from(word(i)));
        if questions > 1 || answers + authorities + additionals > MAX_REPLY_RECORDS {
            return Err(Malformed);
        }
        let mut reader = Reader { octets, at: HEADER_LEN, edns: None };
        let question = if questions == 1 { Some(reader.question()?) } else { None };
        let answers = reader.section(answers, keep_signatures)?;
        let authorities = reader.section(authorities, false)?;
        let additionals = reader.section(additionals, false)?;
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

/// A signature whose RRset may still come.
struct Signature {
    owner: NameBuf,
    covered: RType,
    ttl: u32,
    rdata: Vec<u8>,
}

impl Reader<'_> {
    fn name(&mut self) -> Result<NameBuf, Malformed> {
        let (name, end) = NameBuf::from_message(self.octets, self.at).map_err(|_| Malformed)?;
        self.at = end;
        Ok(name)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let chunk = self.octets.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Malformed)?;
        self.at += N;
        Ok(*chunk)
    }

    fn question(&mut self) -> Result<(NameBuf, RType), Malformed> {
        let name = self.name()?;
        let [t0, t1, _, _] = self.chunk::<4>()?;
        Ok((name, RType(u16::from_be_bytes([t0, t1]))))
    }

    fn section(&mut self, count: usize, keep_signatures: bool) -> Result<Vec<Rrset>, Malformed> {
        let mut rrsets: Vec<Rrset> = Vec::with_capacity(count.min(8));
        let mut signatures = Vec::new();
        let mut rdata = Vec::new();
        for _ in 0..count {
            let owner = self.name()?;
            let [t0, t1, c0, c1, l0, l1, l2, l3, n0, n1] = self.chunk::<10>()?;
            let (rtype, class) = (RType(u16::from_be_bytes([t0, t1])), Class(u16::from_be_bytes([c0, c1])));
            let (ttl, len) = (u32::from_be_bytes([l0, l1, l2, l3]), usize::from(u16::from_be_bytes([n0, n1])));
            let start = self.at;
            let raw = self.octets.get(start..start + len).ok_or(Malformed)?;
            self.at += len;
            if rtype == RType::OPT {
                self.edns = Some(Edns::from_record(class.0, ttl, raw).map_err(|_| Malformed)?);
                continue;
            }
            if class != Class::IN || rtype.is_meta() {
                continue;
            }
            rdata.clear();
            wire::expand(rtype, self.octets, start, len, &mut rdata).map_err(|_| Malformed)?;
            // RFC 2181 8: a TTL with its highest bit set is none.
            let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
            if rtype == RType::RRSIG && !keep_signatures {
                let covered = rdata.first_chunk::<2>().map(|covered| RType(u16::from_be_bytes(*covered)));
                let covered = covered.ok_or(Malformed)?;
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
            }
        }
        Ok(rrsets)
    }
}

/// Adds a record to its RRset.
fn add(rrsets: &mut Vec<Rrset>, owner: NameBuf, rtype: RType, ttl: u32, rdata: &[u8]) -> Result<(), Malformed> {
    if let Some(rrset) = rrsets.iter_mut().rev().find(|rrset| rrset.is(&owner, rtype)) {
        // RFC 2181 5.2: records of an RRset that differ in TTL have the lowest. Repeated records are one.
        rrset.ttl = rrset.ttl.min(ttl);
        if !rrset.rdata.iter().any(|other| other == rdata) {
            rrset.rdata.push(rdata);
        }
        return Ok(());
    }
    if rrsets.len() == MAX_REPLY_RRSETS {
        return Err(Malformed);
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
    fn records_become_rrsets() {
        let mut message = Message::query(7, "a.example.".parse().expect("name"), RType::A);
        message.header.qr = true;
        message.answers = vec![
            record("a.example.", RType::A, 300, &[1, 2, 3, 4]),
            record("b.example.", RType::A, 300, &[1, 2, 3, 4]),
            record("A.example.", RType::A, 200, &[1, 2, 3, 5]),
            record("a.example.", RType::A, 300, &[1, 2, 3, 4]),
        ];
        let reply = Reply::parse(&message.to_wire(512), false).expect("well-formed");
        assert_eq!(reply.answers.len(), 2);
        assert_eq!((reply.answers[0].ttl, reply.answers[0].rdata.iter().count()), (200, 2));
        let wire = message.to_wire(512);
        for len in 0..wire.len() {
            assert!(Reply::parse(&wire[..len], false).is_err(), "cut at {len}");
        }
    }
}
