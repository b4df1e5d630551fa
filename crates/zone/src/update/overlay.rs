//! The zone as an update sees it while its operations are applied: touched RRsets are held here, the rest is read from the
//! zone.

use std::collections::{BTreeMap, HashMap};

use dns::rdata::wire;
use dns::{Name, RType};

use crate::contents::Contents;
use crate::draft::{Edit, Records};
use crate::node::{self, Node};

/// The owners that an update names, in the order in which it names them.
pub struct Overlay<'a> {
    contents: &'a Contents,
    places: HashMap<&'a Name, usize>,
    owners: Vec<Owner<'a>>,
}

/// A name and the RRsets of it that were touched.
pub struct Owner<'a> {
    name: &'a Name,
    node: Option<Node<'a>>,
    touched: BTreeMap<RType, Rrset>,
}

/// An RRset; without records it is not there.
pub struct Rrset {
    rtype: RType,
    ttl: u32,
    /// Canonical data, which tells what is equal (RFC 4034 6.2), and the data as it was given.
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Overlay<'a> {
    /// Nothing is touched yet; there is room for so many owners.
    pub fn new(contents: &'a Contents, owners: usize) -> Overlay<'a> {
        Overlay { contents, places: HashMap::with_capacity(owners), owners: Vec::with_capacity(owners) }
    }

    /// The zone before the update.
    pub fn contents(&self) -> &'a Contents {
        self.contents
    }

    /// The owner with this name.
    pub fn owner(&mut self, name: &'a Name) -> &mut Owner<'a> {
        let place = *self.places.entry(name).or_insert(self.owners.len());
        if place == self.owners.len() {
            self.owners.push(Owner { name, node: self.contents.get(name), touched: BTreeMap::new() });
        }
        &mut self.owners[place]
    }

    /// The RRsets that are others than before.
    pub fn edits(self) -> Vec<Edit> {
        let mut edits = Vec::with_capacity(self.owners.len());
        for owner in self.owners {
            for (rtype, rrset) in owner.touched {
                if rrset.is_same(&Rrset::load(rtype, owner.node.as_ref())) {
                    continue;
                }
                let data: Vec<Vec<u8>> = rrset.records.into_values().collect();
                // Signatures over what was there cover nothing any more.
                let records = Records { ttl: rrset.ttl, data, signatures: Vec::new() };
                let records = Some(records).filter(|records| !records.data.is_empty());
                edits.push(Edit { owner: owner.name.to_owned(), rtype, records });
            }
        }
        edits
    }
}

impl Owner<'_> {
    /// Whether there is an RRset of a type that `wanted` wants.
    pub fn has_type(&self, wanted: impl Fn(RType) -> bool) -> bool {
        let touched = |rtype: &RType| self.touched.contains_key(rtype);
        self.touched.iter().any(|(&rtype, rrset)| wanted(rtype) && rrset.len() > 0)
            || types(self.node.as_ref()).any(|rtype| wanted(rtype) && !touched(&rtype))
    }

    /// The types that there are or were.
    pub fn types(&self) -> Vec<RType> {
        types(self.node.as_ref()).chain(self.touched.keys().copied()).collect()
    }

    /// The RRset of a type, to be changed.
    pub fn rrset(&mut self, rtype: RType) -> &mut Rrset {
        let node = self.node.as_ref();
        self.touched.entry(rtype).or_insert_with(|| Rrset::load(rtype, node))
    }
}

fn types<'a>(node: Option<&Node<'a>>) -> impl Iterator<Item = RType> + use<'a> {
    node.copied().into_iter().flat_map(|node| node.rrsets()).filter(|rrset| rrset.count > 0).map(|rrset| rrset.rtype)
}

impl Rrset {
    fn load(rtype: RType, node: Option<&Node<'_>>) -> Rrset {
        let rrset = node.and_then(|node| node.rrset(rtype));
        let ttl = rrset.map_or(0, |rrset| rrset.ttl);
        Rrset {
            rtype,
            ttl,
            records: rrset.iter().flat_map(node::Rrset::data).map(|d| (canonical(rtype, d), d.to_vec())).collect(),
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The data of each record.
    pub fn data(&self) -> impl Iterator<Item = &[u8]> {
        self.records.values().map(Vec::as_slice)
    }

    /// Adds a record, unless its equal is there, and gives all of the RRset its TTL (RFC 2181 5.2).
    pub fn insert(&mut self, ttl: u32, data: &[u8]) {
        self.ttl = ttl;
        self.records.entry(canonical(self.rtype, data)).or_insert_with(|| data.to_vec());
    }

    /// Takes out the record that equals `data`.
    pub fn remove(&mut self, data: &[u8]) {
        self.records.remove(&canonical(self.rtype, data));
    }

    /// Takes out the records whose data `wanted` does not want.
    pub fn keep(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        self.records.retain(|_, data| wanted(data));
    }

    fn is_same(&self, other: &Rrset) -> bool {
        let same_ttl = self.ttl == other.ttl || self.records.is_empty();
        same_ttl && self.records.keys().eq(other.records.keys())
    }
}

/// Record data in the form that is compared octet by octet.
pub fn canonical(rtype: RType, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    wire::canonical(rtype, data, &mut out);
    out
}
