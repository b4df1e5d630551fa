//! Proofs that something does not exist (RFC 4035 3.1.3, RFC 5155 7.2), from a zone that was signed
//! before.

use dns::name::MAX_NAME_LEN;
use dns::question::HashedName;
use dns::rdata::typed::Nsec;
use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, RType};

use crate::contents::{Contents, Nsec3Chain};
use crate::node::Node;
use crate::order::{MAX_KEY_LEN, labels_of, sort_key};
use crate::write::write_rrset;

/// What a response has to prove about the name asked for. Depths count labels from the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The name exists without the type.
    NoData,
    /// The name does not exist, and no wildcard could have made it.
    NameError { encloser: usize },
    /// The name does not exist; a wildcard matched and has the type.
    Expanded { encloser: usize },
    /// The name does not exist; a wildcard matched and does not have the type.
    WildcardNoData { encloser: usize },
    /// The delegation at `depth` has no DS.
    Insecure { depth: usize },
}

/// Records of proofs in one response that are remembered, so that each is written once; a single
/// denial takes four at most.
const MAX_PROOFS: usize = 8;
/// Flag of an NSEC3 record: delegations without DS may be missing behind it (RFC 5155 3.1.2.1).
const OPT_OUT: u8 = 1;

/// Hashes of the owners of the proofs in a response.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    ids: [u64; MAX_PROOFS],
    count: usize,
}

impl Written {
    /// Notes an owner; false if it was there before.
    pub fn insert(&mut self, id: u64) -> bool {
        if self.ids[..self.count].contains(&id) {
            return false;
        }
        if let Some(slot) = self.ids.get_mut(self.count) {
            *slot = id;
            self.count += 1;
        }
        true
    }
}

/// Writes the records of one proof.
struct Proof<'z, 'w, 'b> {
    zone: &'z Contents,
    writer: &'w mut Writer<'b>,
    written: &'w mut Written,
    /// Whether records are looked at before they are taken for a proof: there is another chain to turn to.
    strict: bool,
    /// Something is missing from the proof; only known where `strict`.
    has_gap: bool,
}

/// Adds the proof to the authority section, without what is `written` there already.
pub fn prove(
    zone: &Contents,
    name: &HashedName,
    denial: Denial,
    written: &mut Written,
    writer: &mut Writer<'_>,
) -> Result<(), Full> {
    let mut proof = Proof { zone, writer, written, strict: false, has_gap: false };
    match (&zone.orders.nsec3[..], zone.orders.nsec.is_empty()) {
        ([], true) => Ok(()),
        ([], false) => proof.nsec(name, denial),
        ([chain], true) => proof.nsec3(chain, name, denial),
        (chains, _) => proof.of_several(chains, name, denial),
    }
}

impl<'z> Proof<'z, '_, '_> {
    /// A zone on its way from one chain to another has both, and one of them may not be complete (RFC 5155 10.4, 10.5):
    /// the proof comes from the first that has all of it. NSEC3 counts first, as its NSEC3PARAM record says that it may
    /// be used.
    #[cold]
    fn of_several(&mut self, chains: &'z [Nsec3Chain], name: &HashedName, denial: Denial) -> Result<(), Full> {
        let (mark, written) = (self.writer.mark(), *self.written);
        self.strict = true;
        let all = chains.iter().map(Some).chain((!self.zone.orders.nsec.is_empty()).then_some(None));
        for chain in all {
            self.has_gap = false;
            self.with(chain, name, denial)?;
            if !self.has_gap {
                return Ok(());
            }
            self.writer.rollback(mark);
            *self.written = written;
        }
        // None of them is complete: what there is.
        self.strict = false;
        self.with(chains.first(), name, denial)
    }

    /// The proof from this chain of NSEC3 records, or from that of NSEC records.
    fn with(&mut self, chain: Option<&'z Nsec3Chain>, name: &HashedName, denial: Denial) -> Result<(), Full> {
        match chain {
            Some(chain) => self.nsec3(chain, name, denial),
            None => self.nsec(name, denial),
        }
    }

    /// RFC 4035 3.1.3.1 to 3.1.3.4.
    fn nsec(&mut self, name: &HashedName, denial: Denial) -> Result<(), Full> {
        let whole = name.labels();
        match denial {
            // For an empty non-terminal the record before it covers it.
            Denial::NoData => self.nsec_at_or_before(name.between(whole, self.zone.origin_labels())),
            Denial::Insecure { depth } => self.nsec_at_or_before(name.between(depth, self.zone.origin_labels())),
            Denial::Expanded { .. } => self.nsec_at_or_before(name.between(whole, self.zone.origin_labels())),
            Denial::NameError { encloser } | Denial::WildcardNoData { encloser } => {
                self.nsec_at_or_before(name.between(whole, self.zone.origin_labels()))?;
                let mut buffer = [0; MAX_NAME_LEN + 1];
                self.nsec_at_or_before(wildcard(name.between(encloser, self.zone.origin_labels()), &mut buffer))
            }
        }
    }

    /// The NSEC record of the name with these labels, or the one that covers it.
    fn nsec_at_or_before(&mut self, labels: &[u8]) -> Result<(), Full> {
        let (mut key, mut owner) = ([0; MAX_KEY_LEN], [0; 256]);
        let key = sort_key(labels, &mut key);
        let Some(found) = self.zone.orders.nsec.at_or_before(key) else {
            self.has_gap = true;
            return Ok(());
        };
        let labels = labels_of(found, &mut owner);
        let Some(node) = self.zone.get_labels(labels) else { return Ok(()) };
        if self.strict && !(found == key || self.nsec_leads_beyond(&node, key)) {
            self.has_gap = true;
        }
        self.write(&node, RType::NSEC)
    }

    /// Whether the NSEC record of a node names a next one behind `key`; behind the last comes the apex (RFC 4034 4.1.1).
    fn nsec_leads_beyond(&self, node: &Node<'_>, key: &[u8]) -> bool {
        let nsec = node.rrset(RType::NSEC).and_then(|rrset| Nsec::parse(rrset.first()?));
        let next = nsec.and_then(|nsec| nsec.next.strip_suffix(self.zone.origin()));
        next.is_some_and(|next| next.is_empty() || sort_key(next, &mut [0; MAX_KEY_LEN]) > key)
    }

    /// RFC 5155 7.2.2 to 7.2.8.
    fn nsec3(&mut self, chain: &'z Nsec3Chain, name: &HashedName, denial: Denial) -> Result<(), Full> {
        match denial {
            Denial::NoData => {
                if self.matching(chain, name.name())? {
                    return Ok(());
                }
                // Opt-out: the name has no record of its own (RFC 5155 7.2.4).
                self.closest_provable(chain, name, name.labels(), name.labels().saturating_sub(1)).map(drop)
            }
            Denial::Insecure { depth } => {
                if self.matching(chain, name.suffix(depth))? {
                    return Ok(());
                }
                self.closest_provable(chain, name, depth, depth.saturating_sub(1)).map(drop)
            }
            Denial::Expanded { encloser } => self.covering(chain, name.suffix(encloser + 1), false),
            Denial::NameError { encloser } | Denial::WildcardNoData { encloser } => {
                match self.closest_provable(chain, name, encloser, encloser)? {
                    Some(encloser) => self.wildcard(chain, name, encloser),
                    None => Ok(()),
                }
            }
        }
    }

    /// The proof of the closest encloser (RFC 5155 7.2.1), and how many labels it has. With opt-out
    /// that is the closest one that is in the chain, at `depth` or above; `exists` is that of the longest
    /// suffix of the name that exists.
    fn closest_provable(
        &mut self,
        chain: &'z Nsec3Chain,
        name: &HashedName,
        exists: usize,
        depth: usize,
    ) -> Result<Option<usize>, Full> {
        for depth in (self.zone.origin_labels()..=depth).rev() {
            if self.matching(chain, name.suffix(depth))? {
                return self.covering(chain, name.suffix(depth + 1), depth < exists).map(|()| Some(depth));
            }
        }
        self.has_gap = true;
        Ok(None)
    }

    /// The record that matches or covers the wildcard below the closest encloser.
    fn wildcard(&mut self, chain: &'z Nsec3Chain, name: &HashedName, encloser: usize) -> Result<(), Full> {
        let mut buffer = [0; MAX_NAME_LEN + 1];
        let wire = wildcard(name.suffix(encloser).as_wire(), &mut buffer);
        // A name too long for a wildcard below it cannot have one.
        match Name::from_wire(wire) {
            Ok(wildcard) => self.covering(chain, wildcard, false),
            Err(_) => Ok(()),
        }
    }

    /// Writes the record that matches `name`; false if there is none.
    fn matching(&mut self, chain: &'z Nsec3Chain, name: &Name) -> Result<bool, Full> {
        let hash = dnssec::nsec3::hash(name, &chain.params.salt, chain.params.iterations);
        if !chain.hashes.contains(&hash) {
            return Ok(false);
        }
        self.hashed(&hash, |_| true).map(|()| true)
    }

    /// Writes the record that covers (or matches) `name`; a name that `exists` it may cover only with opt-out
    /// (RFC 5155 6).
    fn covering(&mut self, chain: &'z Nsec3Chain, name: &Name, exists: bool) -> Result<(), Full> {
        let hash = dnssec::nsec3::hash(name, &chain.params.salt, chain.params.iterations);
        let Some(found) = chain.hashes.at_or_before(&hash) else {
            self.has_gap = true;
            return Ok(());
        };
        self.hashed(found, |node| {
            chain.params.record_of(node).is_some_and(|nsec3| {
                let covers = match found < nsec3.next_hashed {
                    true => *found <= hash[..] && hash[..] < *nsec3.next_hashed,
                    // The last record of the ring.
                    false => *found <= hash[..] || hash[..] < *nsec3.next_hashed,
                };
                covers && (!exists || nsec3.flags & OPT_OUT != 0)
            })
        })
    }

    /// Writes the NSEC3 record with this hash, of which `holds` has to be true.
    fn hashed(&mut self, hash: &[u8], holds: impl FnOnce(&Node<'_>) -> bool) -> Result<(), Full> {
        let Some(hash) = hash.first_chunk() else { return Ok(()) };
        let mut labels = [0u8; 1 + dnssec::nsec3::LABEL_LEN];
        labels[0] = dnssec::nsec3::LABEL_LEN as u8;
        labels[1..].copy_from_slice(&dnssec::nsec3::label(hash));
        let Some(node) = self.zone.get_labels(&labels) else { return Ok(()) };
        if self.strict && !holds(&node) {
            self.has_gap = true;
        }
        self.write(&node, RType::NSEC3)
    }

    fn write(&mut self, node: &Node<'_>, rtype: RType) -> Result<(), Full> {
        if !self.written.insert(self.zone.hash_labels(node.labels())) {
            return Ok(());
        }
        let Some(rrset) = node.rrset(rtype) else { return Ok(()) };
        // What is not signed proves nothing.
        if self.strict && !rrset.is_signed() {
            self.has_gap = true;
        }
        let mut wire = [0u8; 256];
        let owner = join(node.labels(), self.zone.origin(), &mut wire);
        write_rrset(self.writer, Section::Authority, Owner::Name(owner), &rrset, rrset.ttl, true)
    }
}

/// `*` in front of `wire`.
fn wildcard<'b>(wire: &[u8], buffer: &'b mut [u8; MAX_NAME_LEN + 1]) -> &'b [u8] {
    let len = wire.len().min(MAX_NAME_LEN - 1);
    buffer[..2].copy_from_slice(b"\x01*");
    buffer[2..2 + len].copy_from_slice(&wire[..len]);
    &buffer[..2 + len]
}

/// The absolute name of `labels` in front of `origin`.
pub(crate) fn join<'b>(labels: &[u8], origin: &Name, buffer: &'b mut [u8; 256]) -> &'b Name {
    let (origin, len) = (origin.as_wire(), labels.len());
    buffer[..len].copy_from_slice(labels);
    buffer[len..len + origin.len()].copy_from_slice(origin);
    Name::from_validated(&buffer[..len + origin.len()])
}
