//! The contents of one zone: immutable, shared between versions, read without a lock.
//!
//! Three structures over the same names: [`Index`] finds a node by its name's hash, [`Order`] keeps
//! names in canonical order, and two more orders hold the chains of NSEC and NSEC3. They are made by
//! [`crate::builder`] from a whole zone and by [`crate::draft`] from an older version.

use std::sync::Arc;

use dns::rdata::typed::{Nsec3, Nsec3Param, Soa};
use dns::{Name, NameBuf, NameHasher, RType};

use crate::finding::Finding;
use crate::index::Index;
use crate::names::Names;
use crate::node::{CUT, DNAME, Node};
use crate::order::{MAX_KEY_LEN, Order, labels_of, sort_key};

/// A zone with more records does not stay in the nearest caches.
const LARGE_RECORDS: u64 = 4096;

/// At which depths below the apex there are nodes with a zone cut or a DNAME. Queries look for them
/// only there.
#[derive(Clone, Copy, Default)]
pub struct Depths {
    mask: u128,
}

impl Depths {
    /// Counts a node with these flags in (`added`) or out of `counts`.
    pub fn count(&mut self, counts: &mut Vec<u32>, depth: usize, flags: u16, added: bool) {
        if flags & (CUT | DNAME) == 0 {
            return;
        }
        if counts.len() <= depth {
            counts.resize(depth + 1, 0);
        }
        counts[depth] = if added { counts[depth] + 1 } else { counts[depth].saturating_sub(1) };
        let bit = 1u128 << (depth & 127);
        self.mask = if counts[depth] > 0 { self.mask | bit } else { self.mask & !bit };
    }

    /// The depths at which there are any, from the apex down, up to `limit`.
    #[inline]
    pub fn up_to(&self, limit: usize) -> DepthIter {
        DepthIter(self.mask & (u128::MAX >> (127 - limit.min(127))))
    }
}

/// Iterator over the set bits of a mask.
pub struct DepthIter(u128);

impl Iterator for DepthIter {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let depth = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(depth)
    }
}

/// Most chains of NSEC3 records of one zone that are kept: a change of parameters needs two.
const MAX_CHAINS: usize = 4;

/// What tells one chain of NSEC3 records from another (RFC 5155 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nsec3Params {
    /// Salt of every name.
    pub salt: Arc<[u8]>,
    /// Additional iterations.
    pub iterations: u16,
}

impl Nsec3Params {
    /// Those that the apex names and that answers may cost (RFC 5155 4, 10.3), each once.
    pub fn of(apex: &Node<'_>) -> Vec<Nsec3Params> {
        let mut all: Vec<Nsec3Params> = Vec::new();
        let Some(rrset) = apex.rrset(RType::NSEC3PARAM) else { return all };
        // RFC 5155 4.1.2: records with flags are not for servers.
        let usable =
            |p: &Nsec3Param<'_>| p.algorithm == 1 && p.flags == 0 && p.iterations <= dnssec::nsec3::MAX_ITERATIONS;
        for param in rrset.data().filter_map(Nsec3Param::parse).filter(usable) {
            let params = Nsec3Params { salt: param.salt.into(), iterations: param.iterations };
            if all.len() < MAX_CHAINS && !all.contains(&params) {
                all.push(params);
            }
        }
        all
    }

    /// The NSEC3 record with these parameters that a node has.
    pub fn record_of<'n>(&self, node: &Node<'n>) -> Option<Nsec3<'n>> {
        let rrset = node.rrset(RType::NSEC3)?;
        let is_ours = |n: &Nsec3<'_>| n.algorithm == 1 && n.salt == &self.salt[..] && n.iterations == self.iterations;
        rrset.data().filter_map(Nsec3::parse).find(is_ours)
    }

    /// The raw hash that a node with this sort key stands for; `None` if its name is none.
    pub fn hash_of(key: &[u8]) -> Option<dnssec::nsec3::Hash> {
        dnssec::nsec3::hash_from_label(key)
    }

    /// The raw hash that a node stands for, if it is in the chain.
    pub fn chained(&self, node: &Node<'_>, key: &[u8]) -> Option<dnssec::nsec3::Hash> {
        self.record_of(node)?;
        Nsec3Params::hash_of(key)
    }
}

/// A hashed chain of a zone (RFC 5155).
#[derive(Clone)]
pub struct Nsec3Chain {
    /// Its parameters.
    pub params: Nsec3Params,
    /// The raw hashes of the chain's owners.
    pub hashes: Order,
}

/// What only some answers need, kept apart so that the rest of [`Contents`] is small.
#[derive(Clone, Default)]
pub struct Orders {
    /// Every name with records.
    pub names: Names,
    /// Every name with an NSEC record.
    pub nsec: Order,
    /// The hashed chains that the apex names, in the order of their NSEC3PARAM records.
    pub nsec3: Vec<Nsec3Chain>,
    /// Nodes with a zone cut or a DNAME at each depth.
    pub cuts: Vec<u32>,
    /// What the checks say about this version.
    pub findings: Arc<[Finding]>,
}

/// One version of a zone; a clone shares it.
#[derive(Clone)]
pub struct Contents {
    pub(crate) origin: Arc<NameBuf>,
    pub(crate) origin_labels: u8,
    pub(crate) hasher: NameHasher,
    pub(crate) origin_hash: u64,
    pub(crate) index: Index,
    pub(crate) orders: Arc<Orders>,
    pub(crate) depths: Depths,
    pub(crate) records: u64,
    /// Cache lines to ask for when a node will be read.
    pub(crate) node_lines: u8,
}

/// Not the records: there may be millions.
impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contents({}, {} records)", self.origin, self.records)
    }
}

impl Contents {
    /// The apex.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Number of labels of the apex.
    #[inline]
    pub fn origin_labels(&self) -> usize {
        usize::from(self.origin_labels)
    }

    /// The hasher that names of this zone are found under.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Number of records, signatures included.
    pub fn record_count(&self) -> u64 {
        self.records
    }

    /// Number of owner names, empty non-terminals left out.
    pub fn name_count(&self) -> usize {
        self.orders.names.len()
    }

    /// Whether lookups are likely to wait for memory, so that [`Contents::prefetch`] pays.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.records > LARGE_RECORDS
    }

    /// Whether the zone has a chain of NSEC or NSEC3 records.
    pub fn is_signed(&self) -> bool {
        !self.orders.nsec.is_empty() || !self.orders.nsec3.is_empty()
    }

    /// Whether this is the same version as `other`, and not one that looks like it: compares no records.
    pub fn is_same_version(&self, other: &Contents) -> bool {
        self.index.is_shared_with(&other.index)
    }

    /// The node at the apex.
    #[inline]
    pub fn apex(&self) -> Option<Node<'_>> {
        self.index.find(self.origin_hash, &[])
    }

    /// The SOA record's data.
    pub fn soa(&self) -> Option<Soa<'_>> {
        Soa::parse(self.apex()?.rrset(RType::SOA)?.first()?)
    }

    /// The node of exactly this name, whether or not a zone cut hides it.
    pub fn get(&self, name: &Name) -> Option<Node<'_>> {
        let labels = name.strip_suffix(&self.origin)?;
        self.index.find(self.hash_labels(labels), labels)
    }

    /// The node with these labels relative to the apex.
    pub(crate) fn get_labels(&self, labels: &[u8]) -> Option<Node<'_>> {
        self.index.find(self.hash_labels(labels), labels)
    }

    /// The hash of the name with these labels in front of the apex.
    pub(crate) fn hash_labels(&self, labels: &[u8]) -> u64 {
        self.hasher.extend_by(self.origin_hash, labels)
    }

    /// Asks for the memory of the nodes that will be looked up next, so that the waits for it overlap.
    pub(crate) fn ask_for<'n>(&self, owners: impl Iterator<Item = &'n Name>) {
        if !self.is_large() {
            return;
        }
        let hash = |owner: &Name| Some(self.hash_labels(owner.strip_suffix(&self.origin)?));
        let hashes: Vec<u64> = owners.filter_map(hash).collect();
        hashes.iter().for_each(|&hash| self.index.prefetch_page(hash));
        hashes.iter().for_each(|&hash| self.index.prefetch_slot(hash));
        hashes.iter().for_each(|&hash| self.index.prefetch_node(hash, self.node_lines));
    }

    /// What the checks say about this version; some of it, where there is very much.
    pub fn findings(&self) -> &Arc<[Finding]> {
        &self.orders.findings
    }

    /// This version with one more finding, about what no look at its records tells.
    pub fn with_finding(mut self, finding: Finding) -> Contents {
        self.set_findings(self.findings().iter().cloned().chain([finding]).collect());
        self
    }

    /// Takes over what the checks say.
    pub(crate) fn set_findings(&mut self, findings: Vec<Finding>) {
        if !(findings.is_empty() && self.orders.findings.is_empty()) {
            Arc::make_mut(&mut self.orders).findings = findings.into();
        }
    }

    /// All nodes with records, in canonical order, apex first.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.keyed_nodes().map(|(_, node)| node)
    }

    /// All nodes with records and their sort keys, in canonical order.
    pub(crate) fn keyed_nodes(&self) -> impl Iterator<Item = (&[u8], Node<'_>)> {
        self.orders.names.order().iter().filter_map(|key| Some((key, self.get_labels(labels_of(key, &mut [0; 256]))?)))
    }

    /// All nodes with records from `name` on, in canonical order; from the apex on if `name` is not in the zone.
    pub fn nodes_from(&self, name: &Name) -> impl Iterator<Item = Node<'_>> {
        let mut buffer = [0; MAX_KEY_LEN];
        let key = sort_key(name.strip_suffix(&self.origin).unwrap_or_default(), &mut buffer).to_vec();
        let keys = self.orders.names.order().iter_from(&key);
        keys.filter_map(|key| self.get_labels(labels_of(key, &mut [0; 256])))
    }

    /// The absolute name of a node.
    pub fn owner(&self, node: &Node<'_>) -> NameBuf {
        let mut wire = node.labels().to_vec();
        wire.extend_from_slice(self.origin.as_wire());
        Name::from_validated(&wire).to_owned()
    }
}

/// Number of labels in `labels`.
pub(crate) fn count_labels(labels: &[u8]) -> usize {
    dns::name::label_starts(labels, &mut [0; 128])
}
