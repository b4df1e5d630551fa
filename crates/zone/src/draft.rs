//! Makes a new version of a zone's contents: copies what a change touches and shares the rest.
//!
//! The cost of a change is that of one page and a few lists of pointers, however large the zone is;
//! docs/decisions/0001 has the figures.

use std::sync::Arc;

use dns::{Name, NameBuf, RType};

use crate::contents::{Contents, Nsec3Chain, Nsec3Params, count_labels};
use crate::names::Later;
use crate::node::{MAX_NODE_BYTES, MAX_RRSET_RECORDS, NSEC3_ONLY, Node, NodeWriter, Rrset, WILDCARD_CHILD, flags_of};
use crate::order::{MAX_KEY_LEN, OrderBuilder, sort_key};
use crate::records::{canonical, compare_data};

/// Octets of a node beside its labels and data, for a few RRsets.
const NODE_ROOM: usize = 64;

/// The records of one owner and type, as a change brings them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// Time to live in seconds.
    pub ttl: u32,
    /// Uncompressed data of each record, in any order.
    pub data: Vec<Vec<u8>>,
    /// Data of the RRSIG records over them.
    pub signatures: Vec<Vec<u8>>,
}

impl Records {
    /// The records of `rrset`. Signatures over nothing count with their own TTL.
    pub fn of(rrset: &Rrset<'_>) -> Records {
        let (signature_ttl, signatures) = rrset.signatures();
        Records {
            ttl: if rrset.count > 0 { rrset.ttl } else { signature_ttl },
            data: rrset.data().map(<[u8]>::to_vec).collect(),
            signatures: signatures.map(<[u8]>::to_vec).collect(),
        }
    }

    /// The same records in canonical order, each once: as a zone holds them.
    pub fn normalised(mut self, rtype: RType) -> Records {
        self.data.sort_by(|a, b| compare_data(rtype, a, b));
        self.data.dedup_by(|a, b| compare_data(rtype, a, b).is_eq());
        self
    }

    /// Whether there is neither a record nor a signature.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.signatures.is_empty()
    }

    /// Octets that the records take in a zone.
    pub(crate) fn octets(&self) -> usize {
        self.data.iter().chain(&self.signatures).map(|data| data.len() + 2).sum()
    }
}

/// One step of a change: the RRset of `owner` and `rtype` becomes `records`, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The owner.
    pub owner: NameBuf,
    /// The type; signatures belong to the type that they cover.
    pub rtype: RType,
    /// What is there afterwards.
    pub records: Option<Records>,
}

impl Contents {
    /// The records of exactly this owner and type.
    pub fn records(&self, owner: &Name, rtype: RType) -> Option<Records> {
        let node = self.get(owner)?;
        node.rrsets().find(|rrset| rrset.rtype == rtype).map(|rrset| Records::of(&rrset))
    }

    /// The contents after `edits`, made one after the other. Edits outside the zone have no effect. An RRset
    /// with more data than a zone can hold is left out: [`crate::check`] reports it.
    pub fn with(&self, edits: &[Edit]) -> Contents {
        self.with_each(edits.iter().map(|edit| (&*edit.owner, edit.rtype, edit.records.as_ref())))
    }

    /// The same for steps that are not [`Edit`]s.
    pub(crate) fn with_each<'e>(
        &self,
        steps: impl Iterator<Item = (&'e Name, RType, Option<&'e Records>)>,
    ) -> Contents {
        let mut next = self.clone();
        steps.for_each(|(owner, rtype, records)| next.apply(owner, rtype, records));
        next
    }

    /// The names that came and went, if there are so many that who needs all names in order would wait for it: to be
    /// sorted in by a thread that nobody waits for. Versions that are made of this one afterwards profit from it.
    pub fn sort_later(&self) -> Option<Later> {
        self.orders.names.sort_later()
    }

    fn apply(&mut self, owner: &Name, rtype: RType, records: Option<&Records>) {
        let origin = self.origin.clone();
        let Some(labels) = owner.strip_suffix(&origin) else { return };
        let new_octets = records.map_or(0, Records::octets);
        if records.is_some_and(|records| records.data.len().max(records.signatures.len()) > MAX_RRSET_RECORDS) {
            return self.apply(owner, rtype, None);
        }
        let old_octets = self.detached(labels);
        let old = old_octets.as_ref().map(|octets| Node::read(octets, octets.len()));
        let room = labels.len() + new_octets + old_octets.as_ref().map_or(0, Vec::len) + NODE_ROOM;
        let mut blob = Vec::with_capacity(room);
        let mut writer = NodeWriter::new(&mut blob, old.map_or(labels, |node| node.labels()));
        let mut new = records.filter(|_| new_octets > 0);
        for rrset in old.iter().flat_map(Node::rrsets) {
            if rrset.rtype >= rtype
                && let Some(records) = new.take()
            {
                write(&mut writer, rtype, records);
            }
            if rrset.rtype != rtype {
                writer.copy(&rrset);
            }
        }
        if let Some(records) = new {
            write(&mut writer, rtype, records);
        }
        writer.finish(0);
        if blob.len() > MAX_NODE_BYTES && records.is_some() {
            return self.apply(owner, rtype, None);
        }
        let view = Node::read(&blob, blob.len());
        self.records = self.records + count(&view) - old.map_or(0, |node| count(&node));
        let removed = view.is_empty() && !labels.is_empty() && !self.has_below(labels);
        self.reorder(labels, old.as_ref(), &view);
        if removed {
            self.remove(labels, old.as_ref());
        } else {
            let kept = old.map_or(0, |node| node.flags() & WILDCARD_CHILD);
            let mut flags = flags_of(&view, count_labels(labels)) | kept;
            if flags & NSEC3_ONLY != 0 && self.has_below(labels) {
                flags &= !NSEC3_ONLY;
            }
            crate::node::add_flag(&mut blob, 0, flags);
            self.store(labels, old.as_ref(), Some((&blob, flags)));
            if old.is_none() {
                self.make_ancestors(labels);
            }
        }
        if labels.is_empty() && rtype == RType::NSEC3PARAM {
            let chains = self.gather_chains();
            Arc::make_mut(&mut self.orders).nsec3 = chains;
        }
    }

    /// The octets of the node with these labels. Apart from the contents, so that these can be changed in place
    /// wherever no other version shares them.
    fn detached(&self, labels: &[u8]) -> Option<Vec<u8>> {
        let node = self.get_labels(labels)?;
        let mut octets = Vec::with_capacity(node.octets());
        node.copy_to(&mut octets);
        Some(octets)
    }

    /// Whether anything is below the name with these labels.
    fn has_below(&mut self, labels: &[u8]) -> bool {
        let mut buffer = [0; MAX_KEY_LEN];
        let key = sort_key(labels, &mut buffer);
        let names = &mut Arc::make_mut(&mut self.orders).names;
        names.sort();
        let mut after = names.order().iter_from(key).skip_while(|&other| other == key);
        after.next().is_some_and(|other| other.starts_with(key) && (key.is_empty() || other[key.len()] == 0))
    }

    /// Puts a node in, replaces it or takes it out, with the counts that hang on it.
    fn store(&mut self, labels: &[u8], old: Option<&Node<'_>>, new: Option<(&[u8], u16)>) {
        let depth = count_labels(labels);
        let cuts = &mut Arc::make_mut(&mut self.orders).cuts;
        if let Some(old) = old {
            self.depths.count(cuts, depth, old.flags(), false);
        }
        if let Some((_, flags)) = new {
            self.depths.count(cuts, depth, flags, true);
        }
        let (hasher, origin_hash) = (self.hasher, self.origin_hash);
        let hash_of = |labels: &[u8]| hasher.extend_by(origin_hash, labels);
        self.index.set(hash_of(labels), labels, new.map(|(blob, _)| blob), &hash_of);
    }

    /// Keeps the orders of names in step with a node that changed from `old` to `new`.
    fn reorder(&mut self, labels: &[u8], old: Option<&Node<'_>>, new: &Node<'_>) {
        let mut buffer = [0; MAX_KEY_LEN];
        let key = sort_key(labels, &mut buffer);
        let orders = Arc::make_mut(&mut self.orders);
        if old.is_some_and(|old| !old.is_empty()) == new.is_empty() {
            orders.names.set(key, !new.is_empty());
        }
        let has_nsec = |node: &Node<'_>| node.rrset(RType::NSEC).is_some();
        if old.is_some_and(has_nsec) != has_nsec(new) {
            orders.nsec.set(key, has_nsec(new));
        }
        for Nsec3Chain { params, hashes } in &mut orders.nsec3 {
            let (was, is) = (old.and_then(|old| params.chained(old, key)), params.chained(new, key));
            if let Some(hash) = was.or(is) {
                hashes.set(&hash, is.is_some());
            }
        }
    }

    /// Takes a node out, and the empty non-terminals above it that nothing holds up any more.
    fn remove(&mut self, labels: &[u8], old: Option<&Node<'_>>) {
        self.store(labels, old, None);
        let parent = parent_of(labels);
        let Some(octets) = self.detached(parent) else { return };
        let node = Node::read(&octets, octets.len());
        if node.is_empty() && !parent.is_empty() && !self.has_below(parent) {
            self.remove(parent, Some(&node));
        } else if labels.starts_with(b"\x01*") && node.has(WILDCARD_CHILD) {
            self.flag(parent, &node, node.flags() & !WILDCARD_CHILD);
        }
    }

    /// Makes the empty non-terminals above a new node (RFC 4592 2.2.2) and tells its parent about it.
    fn make_ancestors(&mut self, labels: &[u8]) {
        let parent = parent_of(labels);
        let wildcard = if labels.starts_with(b"\x01*") { WILDCARD_CHILD } else { 0 };
        match self.get_labels(parent).map(|node| node.flags()) {
            Some(old) => {
                let flags = (old | wildcard) & !NSEC3_ONLY;
                if flags != old
                    && let Some(octets) = self.detached(parent)
                {
                    self.flag(parent, &Node::read(&octets, octets.len()), flags);
                }
            }
            None => {
                let mut blob = Vec::new();
                NodeWriter::new(&mut blob, parent).finish(wildcard);
                self.store(parent, None, Some((&blob, wildcard)));
                self.make_ancestors(parent);
            }
        }
    }

    fn flag(&mut self, labels: &[u8], node: &Node<'_>, flags: u16) {
        let mut blob = Vec::new();
        let mut writer = NodeWriter::new(&mut blob, node.labels());
        node.rrsets().for_each(|rrset| writer.copy(&rrset));
        writer.finish(flags);
        self.store(labels, Some(node), Some((&blob, flags)));
    }

    /// The chains that the apex names, from all NSEC3 records: only for the rare change of parameters.
    fn gather_chains(&self) -> Vec<Nsec3Chain> {
        let all = self.apex().map(|apex| Nsec3Params::of(&apex)).unwrap_or_default();
        let gather = |params: Nsec3Params| {
            let mut order = OrderBuilder::default();
            // Canonical order of the owners is that of their hashes (RFC 5155 3).
            let hashes = self.keyed_nodes().filter_map(|(key, node)| params.chained(&node, key));
            hashes.for_each(|hash| order.push(&hash));
            Nsec3Chain { params, hashes: order.finish() }
        };
        all.into_iter().map(gather).collect()
    }
}

fn parent_of(labels: &[u8]) -> &[u8] {
    labels.first().map_or(&[], |&len| &labels[1 + usize::from(len)..])
}

fn count(node: &Node<'_>) -> u64 {
    node.rrsets().map(|rrset| u64::from(rrset.count) + rrset.signatures().1.count() as u64).sum()
}

fn write(writer: &mut NodeWriter<'_>, rtype: RType, records: &Records) {
    writer.begin(rtype, records.ttl);
    canonical(rtype, &records.data).iter().for_each(|data| writer.record(data));
    canonical(RType::RRSIG, &records.signatures).iter().for_each(|data| writer.signature(records.ttl, data));
    writer.end();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dns::{Name, NameHasher};

    use super::*;
    use crate::Builder;
    use crate::testing::Random;

    type Model = BTreeMap<(NameBuf, RType), Records>;

    /// The zone as a whole: owner, flags of the node, type, TTL, data, in canonical order.
    fn dump(contents: &Contents) -> Vec<String> {
        let nodes: Vec<Node<'_>> = contents.nodes().collect();
        let line = |node: &Node<'_>, rrset: crate::node::Rrset<'_>| {
            let data: Vec<&[u8]> = rrset.data().collect();
            format!("{} {} {:?} {} {data:?}", contents.owner(node), node.flags(), rrset.rtype, rrset.ttl)
        };
        nodes.iter().flat_map(|node| node.rrsets().map(|rrset| line(node, rrset))).collect()
    }

    /// Every node, empty non-terminals included, in an order that does not depend on its history.
    fn all_names(contents: &Contents) -> Vec<(Vec<u8>, u16)> {
        let mut names: Vec<_> = contents.index.nodes().map(|n| (n.labels().to_ascii_lowercase(), n.flags())).collect();
        names.sort();
        names
    }

    fn rebuilt(origin: &Name, model: &Model) -> Contents {
        let mut builder = Builder::new(origin, NameHasher::new(3));
        for ((owner, rtype), records) in model {
            records.data.iter().for_each(|d| builder.add(owner, *rtype, records.ttl, d).expect("in zone"));
        }
        builder.finish().0
    }

    fn compare(changed: &Contents, fresh: &Contents) {
        assert_eq!(dump(changed), dump(fresh));
        assert_eq!(all_names(changed), all_names(fresh));
        assert_eq!(changed.records, fresh.records);
        assert!(changed.orders.names.order().iter().eq(fresh.orders.names.order().iter()));
        assert!(changed.orders.nsec.iter().eq(fresh.orders.nsec.iter()));
        assert!(changed.depths.up_to(127).eq(fresh.depths.up_to(127)));
    }

    /// Thousands of random edits give the same zone as building it anew, through page splits, empty
    /// non-terminals, wildcards, cuts and removals; versions from before stay as they were.
    #[test]
    fn edits_agree_with_building_anew() {
        let origin: NameBuf = "example.".parse().expect("name");
        let mut contents = Builder::new(&origin, NameHasher::new(3)).finish().0;
        let mut model = Model::new();
        let mut generator = Random(7);
        let mut random = |n: u64| generator.below(n);
        let mut old = Vec::new();
        for round in 0..6000 {
            let labels = ["a", "b", "*", "c", "d", "e"];
            let mut owner = format!("n{}.example.", random(400));
            for _ in 0..random(3) {
                owner = format!("{}.{owner}", labels[random(6) as usize]);
            }
            let owner: NameBuf = owner.parse().expect("name");
            let (rtype, data) = match random(6) {
                0 => (RType::NS, vec![b"\x02ns\x00".to_vec()]),
                1 => (RType::DNAME, vec![b"\x01d\x00".to_vec()]),
                2 => (RType::NSEC, vec![b"\x00\x00\x01\x40".to_vec()]),
                _ => (RType::A, (0..=random(3)).map(|_| vec![10, 0, 0, random(9) as u8]).collect()),
            };
            let records = (random(3) > 0).then(|| Records { ttl: random(100) as u32, data, signatures: Vec::new() });
            let model_before = if round % 500 == 499 { model.clone() } else { Model::new() };
            match &records {
                Some(records) => drop(model.insert((owner.clone(), rtype), records.clone())),
                None => drop(model.remove(&(owner.clone(), rtype))),
            }
            let next = contents.with(&[Edit { owner, rtype, records }]);
            if round % 500 == 499 {
                compare(&next, &rebuilt(&origin, &model));
                old.push((contents, model_before));
            }
            contents = next;
        }
        for (owner, rtype) in model.keys().cloned().collect::<Vec<_>>() {
            contents = contents.with(&[Edit { owner, rtype, records: None }]);
        }
        compare(&contents, &rebuilt(&origin, &Model::new()));
        for (contents, model) in old {
            compare(&contents, &rebuilt(&origin, &model));
        }
    }

    /// A zone that starts small grows through every form of the directory.
    #[test]
    fn grows_from_one_page_to_many() {
        let origin: NameBuf = "example.".parse().expect("name");
        let mut contents = Builder::new(&origin, NameHasher::new(3)).finish().0;
        let owner = |i: u32| format!("name{i}.example.").parse::<NameBuf>().expect("name");
        for i in 0..60_000u32 {
            let records = Records { ttl: 1, data: vec![i.to_be_bytes().to_vec()], signatures: Vec::new() };
            contents = contents.with(&[Edit { owner: owner(i), rtype: RType::A, records: Some(records) }]);
        }
        for i in 0..60_000u32 {
            let node = contents.get(&owner(i)).expect("added before");
            assert_eq!(node.rrset(RType::A).and_then(|a| a.first()), Some(&i.to_be_bytes()[..]));
        }
        assert_eq!(contents.orders.names.len(), 60_000);
    }
}
