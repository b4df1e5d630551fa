//! The rules of signed zones: chains of NSEC and NSEC3 records, and signatures.

use dns::rdata::typed::{Nsec, Nsec3Param};
use dns::{Name, RType};
use dnssec::nsec3::{INSECURE_ITERATIONS, LABEL_LEN, MAX_ITERATIONS};

use super::{Checker, Rule};
use crate::contents::Nsec3Params;
use crate::node::{CUT, Node};
use crate::order::{MAX_KEY_LEN, labels_of, sort_key};

/// The end of the chain of NSEC records seen so far.
pub(super) struct NsecChain {
    pub(super) owner: Vec<u8>,
    pub(super) next: Vec<u8>,
}

/// A record of a chain of NSEC3 records.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nsec3Link {
    /// Which of the chains.
    pub(super) chain: usize,
    /// The hash that the owner stands for.
    pub(super) owner: Vec<u8>,
    /// The hash that it names as the next.
    pub(super) next: Vec<u8>,
}

impl Checker {
    /// What answers with these parameters cost, and whether validators take them.
    pub(super) fn iterations(&mut self, apex: &Node<'_>) {
        let params = apex.rrset(RType::NSEC3PARAM);
        for param in params.iter().flat_map(|rrset| rrset.data()).filter_map(Nsec3Param::parse) {
            let (limit, so) = if param.iterations > MAX_ITERATIONS {
                (MAX_ITERATIONS, "answers do without these NSEC3 records (RFC 5155 10.3)")
            } else if param.iterations > INSECURE_ITERATIONS {
                (INSECURE_ITERATIONS, "validators take the zone for insecure (RFC 9276 3.2)")
            } else {
                continue;
            };
            let message = format!("{} iterations, more than {limit}: {so}", param.iterations);
            self.say(Rule::Nsec3Iterations, &[], Some(RType::NSEC3PARAM), message);
        }
    }

    /// An owner that no delegation hides, and what the chains say of it.
    pub(super) fn denial(&mut self, node: &Node<'_>, key: &[u8], flags: u16) {
        if let Some(nsec) = node.rrset(RType::NSEC).and_then(|rrset| Nsec::parse(rrset.first()?)) {
            self.follow(node, key, nsec.next);
            let missing = node.rrsets().find(|rrset| rrset.count > 0 && !nsec.types.contains(rrset.rtype));
            if let Some(rrset) = missing.filter(|_| flags & CUT == 0) {
                self.say(Rule::Nsec, node.labels(), Some(RType::NSEC), format!("does not list {}", rrset.rtype));
            }
        } else if self.nsec.is_some() && node.rrsets().any(|rrset| rrset.rtype != RType::NSEC3) {
            self.say(Rule::Nsec, node.labels(), Some(RType::NSEC), "missing in a zone with NSEC records".into());
        }
        let links = (0..self.nsec3.len()).filter_map(|chain| self.nsec3_link(chain, node, key));
        let links: Vec<Nsec3Link> = links.collect();
        self.nsec3_links.extend(links);
        self.unsigned(node, flags);
    }

    /// The record of one of the chains that a node has.
    pub(super) fn nsec3_link(&self, chain: usize, node: &Node<'_>, key: &[u8]) -> Option<Nsec3Link> {
        let params = self.nsec3.get(chain)?;
        let next = params.record_of(node)?.next_hashed.to_vec();
        Some(Nsec3Link { chain, owner: Nsec3Params::hash_of(key)?.to_vec(), next })
    }

    /// In a signed zone everything authoritative has a signature (RFC 4035 2.2).
    fn unsigned(&mut self, node: &Node<'_>, flags: u16) {
        if !self.signed {
            return;
        }
        let unsigned = node.rrsets().find(|rrset| {
            let authoritative = flags & CUT == 0 || matches!(rrset.rtype, RType::DS | RType::NSEC);
            rrset.count > 0 && authoritative && !rrset.is_signed()
        });
        if let Some(rrset) = unsigned {
            self.say(Rule::Signed, node.labels(), Some(rrset.rtype), "not signed".into());
        }
    }

    /// The last NSEC must name this owner (RFC 4034 4.1.1).
    fn follow(&mut self, node: &Node<'_>, key: &[u8], next: &Name) {
        self.end_link(key);
        let Some(labels) = next.strip_suffix(&self.origin) else {
            self.say(Rule::Nsec, node.labels(), Some(RType::NSEC), "next name is outside the zone".into());
            return;
        };
        let next = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
        self.nsec = Some(NsecChain { owner: key.to_vec(), next });
    }

    /// The last NSEC must name the owner with this key.
    pub(super) fn end_link(&mut self, key: &[u8]) {
        if let Some(chain) = self.nsec.take().filter(|chain| chain.next != key) {
            let mut buffer = [0; 256];
            let labels = labels_of(&chain.owner, &mut buffer).to_vec();
            let message = "chain is broken: next name is not the next owner".into();
            self.say(Rule::Nsec, &labels, Some(RType::NSEC), message);
        }
    }

    /// Each chain of NSEC3 records leads from its last hash to its first.
    pub(super) fn nsec3_rings(&mut self) {
        let mut links = std::mem::take(&mut self.nsec3_links);
        links.sort_unstable();
        for ring in links.chunk_by(|a, b| a.chain == b.chain) {
            for (at, link) in ring.iter().enumerate() {
                if link.next != ring[(at + 1) % ring.len()].owner {
                    self.nsec3_broken(&link.owner);
                }
            }
        }
    }

    pub(super) fn nsec3_broken(&mut self, hash: &[u8]) {
        let message = "chain is broken: next hash is not the next owner".into();
        self.say(Rule::Nsec3, &nsec3_owner(hash), Some(RType::NSEC3), message);
    }
}

/// The labels of the owner of an NSEC3 record (RFC 5155 3).
pub(super) fn nsec3_owner(hash: &[u8]) -> Vec<u8> {
    let mut labels = vec![LABEL_LEN as u8];
    labels.extend(hash.first_chunk().map(dnssec::nsec3::label).into_iter().flatten());
    labels
}
