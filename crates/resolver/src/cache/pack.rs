//! How an entry is put together, see [`super::entry`].

use std::net::IpAddr;
use std::sync::Arc;

use dns::{Name, RType};

use super::arena::UNIT;
use super::entry::{HAS_REASON, HEADER, Kind, ORIGIN_V4, ORIGIN_V6, OTHER_OWNER, at, set_len};
use super::found::Rank;
use super::key::Key;
use super::limits::{MAX_PROOFS, MAX_REASON, SEGMENT_BYTES};
use super::table::Tag;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// What an entry is made of.
pub struct Parts<'a> {
    /// What it is found by.
    pub tag: Tag,
    /// Its name.
    pub name: &'a Name,
    /// Its type.
    pub rtype: RType,
    /// What it is.
    pub kind: Kind,
    /// When it came, in milliseconds.
    pub created_ms: u64,
    /// How long it is kept, in seconds.
    pub ttl: u32,
    /// What validation said.
    pub security: Security,
    /// Where it stood.
    pub rank: Rank,
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// The RRset, of positive entries.
    pub rrset: Option<&'a Rrset>,
    /// Why it is as it is.
    pub reason: Option<&'a Reason>,
    /// The SOA of negative entries.
    pub soa: Option<&'a Rrset>,
    /// RRsets that go with it.
    pub proofs: &'a [Arc<Rrset>],
    /// How often a failure repeated itself.
    pub repeated: u8,
}

impl<'a> Parts<'a> {
    /// An entry with nothing in it yet.
    pub fn new(key: Key<'a>, kind: Kind, created_ms: u64, ttl: u32, security: Security) -> Parts<'a> {
        Parts {
            tag: Tag::new(key.hash, key.rtype),
            name: key.name,
            rtype: key.rtype,
            kind,
            created_ms,
            ttl,
            security,
            rank: Rank::AuthorityData,
            origin: None,
            rrset: None,
            reason: None,
            soa: None,
            proofs: &[],
            repeated: 0,
        }
    }

    /// The entry; `None` if it is larger than entries may be.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let (rdata, signatures) = match self.rrset {
            Some(rrset) => (rrset.rdata.as_octets(), rrset.signatures.as_octets()),
            None => (&[][..], &[][..]),
        };
        let proofs = self.soa.into_iter().chain(self.proofs.iter().map(|proof| &**proof));
        let proof_count = proofs.clone().count();
        if proof_count > MAX_PROOFS || rdata.len().max(signatures.len()) > usize::from(u16::MAX) {
            return None;
        }
        let mut out = vec![0; HEADER];
        out.extend_from_slice(self.name.as_wire());
        let origin = self.push_origin(&mut out);
        out.extend_from_slice(rdata);
        out.extend_from_slice(signatures);
        self.push_reason(&mut out);
        for proof in proofs {
            push_proof(&mut out, self.name, proof)?;
        }
        out.resize(out.len().next_multiple_of(UNIT), 0);
        if out.len() > SEGMENT_BYTES {
            return None;
        }
        out[at::HASH..at::HASH + 4].copy_from_slice(&self.tag.hash().to_le_bytes());
        let len = out.len();
        set_len(&mut out, len);
        out[at::RTYPE..at::RTYPE + 2].copy_from_slice(&self.rtype.0.to_le_bytes());
        out[at::KIND] = self.kind as u8;
        out[at::FLAGS] = origin | if self.reason.is_some() { HAS_REASON } else { 0 };
        out[at::TRUST] = self.security as u8 | (self.rank as u8) << 2;
        out[at::NAME_LEN] = self.name.len() as u8;
        out[at::CREATED..at::CREATED + 6].copy_from_slice(&self.created_ms.to_le_bytes()[..6]);
        out[at::TTL..at::TTL + 4].copy_from_slice(&self.ttl.to_le_bytes());
        out[at::RDATA_LEN..at::RDATA_LEN + 2].copy_from_slice(&(rdata.len() as u16).to_le_bytes());
        out[at::SIGNATURES_LEN..at::SIGNATURES_LEN + 2].copy_from_slice(&(signatures.len() as u16).to_le_bytes());
        out[at::PROOFS] = proof_count as u8;
        out[at::REPEATED] = self.repeated;
        Some(out)
    }

    fn push_origin(&self, out: &mut Vec<u8>) -> u8 {
        match self.origin {
            None => 0,
            Some(IpAddr::V4(v4)) => {
                out.extend_from_slice(&v4.octets());
                ORIGIN_V4
            }
            Some(IpAddr::V6(v6)) => {
                out.extend_from_slice(&v6.octets());
                ORIGIN_V6
            }
        }
    }

    fn push_reason(&self, out: &mut Vec<u8>) {
        let Some(reason) = self.reason else { return };
        let end = (0..=MAX_REASON.min(reason.text.len())).rev().find(|&end| reason.text.is_char_boundary(end));
        let text = &reason.text[..end.unwrap_or(0)];
        out.extend_from_slice(&reason.code.to_le_bytes());
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
}

fn push_proof(out: &mut Vec<u8>, name: &Name, proof: &Rrset) -> Option<()> {
    let suffix = name.strip_suffix(&proof.owner).filter(|front| {
        // The case of the owner is kept: signatures do not need it, people like it.
        name.as_wire().get(front.len()..) == Some(proof.owner.as_wire())
    });
    match suffix.map(<[u8]>::len) {
        Some(offset) => out.push(offset as u8),
        None => {
            out.push(OTHER_OWNER);
            out.extend_from_slice(proof.owner.as_wire());
        }
    }
    let (rdata, signatures) = (proof.rdata.as_octets(), proof.signatures.as_octets());
    out.extend_from_slice(&proof.rtype.0.to_le_bytes());
    out.extend_from_slice(&proof.ttl.to_le_bytes());
    out.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&u16::try_from(signatures.len()).ok()?.to_le_bytes());
    out.extend_from_slice(rdata);
    out.extend_from_slice(signatures);
    Some(())
}

#[cfg(test)]
mod tests {
    use dns::{NameBuf, NameHasher};

    use super::*;
    use crate::cache::entry::{self, View};

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    fn entry() -> Vec<u8> {
        let owner = name("www.Example.org.");
        let key = Key { name: &owner, hash: NameHasher::new(1).hash(&owner), rtype: RType::A };
        let rrset = Rrset::new(owner.clone(), RType::A, 77).with(&[192, 0, 2, 1]).with(&[192, 0, 2, 2]);
        let soa = Rrset::new(name("Example.org."), RType::SOA, 5).with(&[&[0, 0][..], &[9; 20]].concat());
        let other = Arc::new(Rrset::new(name("other."), RType::NSEC, 6).with(b"\x01z\0\0\x01\x40"));
        let proofs = [other];
        let reason = Reason::new(6, "why \u{2026}");
        Parts {
            rank: Rank::NonAuthoritativeAnswer,
            origin: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
            rrset: Some(&rrset),
            reason: Some(&reason),
            soa: Some(&soa),
            proofs: &proofs,
            ..Parts::new(key, Kind::Positive, 123_456_789, 77, Security::Secure)
        }
        .encode()
        .expect("small enough")
    }

    #[test]
    fn what_goes_in_comes_out() {
        let octets = entry();
        let view = View::new(&octets).expect("an entry");
        assert_eq!(
            (view.name().to_string(), view.rtype(), view.kind()),
            ("www.Example.org.".into(), RType::A, Kind::Positive)
        );
        assert_eq!((view.created_ms(), view.ttl(), view.security()), (123_456_789, 77, Security::Secure));
        assert_eq!((view.rank(), view.reason()), (Rank::NonAuthoritativeAnswer, Some(Reason::new(6, "why \u{2026}"))));
        assert_eq!(view.origin().map(|origin| origin.to_string()), Some("2001:db8::1".into()));
        assert_eq!(entry::records(view.rdata()).collect::<Vec<_>>(), [[192, 0, 2, 1], [192, 0, 2, 2]]);
        let proofs: Vec<_> = view.proofs().map(|proof| (proof.owner.to_string(), proof.rtype, proof.ttl)).collect();
        assert_eq!(proofs, [("Example.org.".into(), RType::SOA, 5), ("other.".into(), RType::NSEC, 6)]);
        assert_eq!((view.len(), view.to_vec()), (octets.len(), octets.clone()));
        assert!(entry::is_sound(&octets));
    }

    /// Octets that are no entry are found out; what passes can be read.
    #[test]
    fn damaged_octets_do_no_harm() {
        let octets = entry();
        let mut unsound = 0;
        for at in 0..octets.len() {
            assert!(!entry::is_sound(&octets[..at]));
            for value in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
                let mut damaged = octets.clone();
                damaged[at] = value;
                if !entry::is_sound(&damaged) {
                    unsound += 1;
                } else if let Some(view) = View::new(&damaged) {
                    let _ = (view.name(), view.origin(), view.reason(), view.proofs().count(), view.to_vec());
                }
            }
        }
        assert!(unsound > octets.len());
    }

    #[test]
    fn too_large_is_left_out() {
        let owner = name("large.");
        let key = Key { name: &owner, hash: 1, rtype: RType::TXT };
        let fill = |len: usize| Rrset::new(owner.clone(), RType::TXT, 1).with(&vec![0; len]);
        let encode = |rrset: &Rrset| {
            let parts = Parts { rrset: Some(rrset), ..Parts::new(key, Kind::Positive, 0, 1, Security::Insecure) };
            parts.encode().map(|octets| octets.len())
        };
        assert_eq!(encode(&fill(65_487)), Some(65_536));
        assert_eq!(encode(&fill(65_496)), None);
        assert_eq!(encode(&fill(65_535)), None);
    }
}
