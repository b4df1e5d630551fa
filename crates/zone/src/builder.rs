//! Builds [`Contents`] from a stream of records: a zone file, a transfer, the journal.
//!
//! Records come in any order; they are sorted into canonical order, grouped into RRsets, packed into
//! nodes, and handed to the checks ([`crate::check`]) on the way, all in one pass.

use std::cmp::Ordering;
use std::sync::Arc;

use dns::name::eq_ignore_case;
use dns::{Name, NameBuf, NameHasher, RType};

use crate::check::{Checker, Finding, MAX_FINDINGS};
use crate::contents::{Contents, Depths, Nsec3Chain, Nsec3Params, Orders};
use crate::index::{Index, Placed};
use crate::node::{self, MAX_NODE_BYTES, MAX_RRSET_RECORDS, NSEC3_ONLY, Node, NodeWriter, WILDCARD_CHILD, flags_of};
use crate::order::{MAX_KEY_LEN, OrderBuilder, sort_key};
use crate::records::{compare_data, filed_under};

/// Consecutive records with one owner.
struct Run {
    key: usize,
    labels: usize,
    key_len: u16,
    labels_len: u8,
    first_record: u32,
}

struct Rec {
    data: usize,
    ttl: u32,
    len: u16,
    rtype: RType,
}

/// Collects the records of a zone. It can be used for one zone after the other, and keeps its memory.
pub struct Builder {
    origin: NameBuf,
    hasher: NameHasher,
    runs: Vec<Run>,
    records: Vec<Rec>,
    keys: Vec<u8>,
    labels: Vec<u8>,
    data: Vec<u8>,
    blobs: Vec<u8>,
    placed: Vec<Placed>,
    order: Vec<u32>,
    /// Owners and types of records that are not in the zone, as many as are reported.
    outside: Vec<(NameBuf, RType)>,
}

/// The owner is not in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("owner is not in the zone")]
pub struct OutOfZone;

/// An ancestor of the node at hand.
struct Ancestor {
    key_len: usize,
    hash: u64,
    placed: usize,
}

/// What [`Builder::finish`] puts together.
struct Assembly<'a> {
    input: &'a Builder,
    blobs: Vec<u8>,
    placed: Vec<Placed>,
    names: OrderBuilder,
    nsec: OrderBuilder,
    /// Whether exactly the names have NSEC, as in a signed zone without glue: one order then serves for both.
    nsec_at_names: bool,
    nsec3: Vec<(Nsec3Params, OrderBuilder)>,
    depths: Depths,
    cuts: Vec<u32>,
    stack: Vec<Ancestor>,
    last_key: Vec<u8>,
    records: u64,
    checker: Checker,
}

impl Builder {
    /// A builder for the zone `origin`.
    ///
    /// ```
    /// use dns::{NameBuf, NameHasher, RType};
    /// use zone::Builder;
    ///
    /// let origin: NameBuf = "example.org".parse()?;
    /// let mut builder = Builder::new(&origin, NameHasher::new(1));
    /// let www: NameBuf = "www.example.org".parse()?;
    /// builder.add(&www, RType::A, 60, &[192, 0, 2, 1]).expect("it is in the zone");
    /// let (contents, findings) = builder.finish();
    /// let records = contents.get(&www).and_then(|node| node.rrset(RType::A)).expect("it is there");
    /// assert_eq!((records.ttl, records.first()), (60, Some(&[192, 0, 2, 1][..])));
    /// assert!(findings.iter().any(|finding| finding.to_string().contains("SOA")), "every zone needs one");
    /// # Ok::<(), dns::NameError>(())
    /// ```
    pub fn new(origin: &Name, hasher: NameHasher) -> Builder {
        Builder {
            origin: origin.to_owned(),
            hasher,
            runs: Vec::new(),
            records: Vec::new(),
            keys: Vec::new(),
            labels: Vec::new(),
            data: Vec::new(),
            blobs: Vec::new(),
            placed: Vec::new(),
            order: Vec::new(),
            outside: Vec::new(),
        }
    }

    /// The hasher that the zone's names will be found under.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Forgets all records and begins with another zone.
    pub fn restart(&mut self, origin: &Name) {
        self.origin = origin.to_owned();
        self.runs.clear();
        self.records.clear();
        self.keys.clear();
        self.labels.clear();
        self.data.clear();
        self.outside.clear();
    }

    /// Makes room for about `records` records.
    pub fn reserve(&mut self, records: usize) {
        self.records.reserve(records);
        self.runs.reserve(records);
        self.data.reserve(records * 8);
        self.keys.reserve(records * 10);
        self.labels.reserve(records * 10);
    }

    /// Adds a record; `rdata` is uncompressed wire form that validates.
    ///
    /// # Errors
    /// The owner is not in the zone: the record is left out, and [`Builder::finish`] reports it.
    pub fn add(&mut self, owner: &Name, rtype: RType, ttl: u32, rdata: &[u8]) -> Result<(), OutOfZone> {
        let Some(labels) = owner.strip_suffix(&self.origin) else {
            if self.outside.len() < MAX_FINDINGS {
                self.outside.push((owner.to_owned(), rtype));
            }
            return Err(OutOfZone);
        };
        let same = self.runs.last().is_some_and(|run| {
            eq_ignore_case(&self.labels[run.labels..run.labels + usize::from(run.labels_len)], labels)
        });
        if !same {
            let mut key = [0; MAX_KEY_LEN];
            let key = sort_key(labels, &mut key);
            self.runs.push(Run {
                key: self.keys.len(),
                key_len: key.len() as u16,
                labels: self.labels.len(),
                labels_len: labels.len() as u8,
                first_record: self.records.len() as u32,
            });
            self.keys.extend_from_slice(key);
            self.labels.extend_from_slice(labels);
        }
        self.records.push(Rec { data: self.data.len(), ttl, len: rdata.len() as u16, rtype });
        self.data.extend_from_slice(rdata);
        Ok(())
    }

    /// The zone, and what the checks say about it, which the contents remember. They are usable only if no finding is
    /// an error.
    pub fn finish(&mut self) -> (Contents, Vec<Finding>) {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..self.runs.len() as u32);
        if !self.runs.is_sorted_by(|a, b| self.key(a) <= self.key(b)) {
            order.sort_by(|&a, &b| self.key(&self.runs[a as usize]).cmp(self.key(&self.runs[b as usize])));
        }
        let (mut blobs, mut placed) = (std::mem::take(&mut self.blobs), std::mem::take(&mut self.placed));
        blobs.clear();
        placed.clear();
        blobs.reserve(self.data.len() + self.labels.len() + 20 * self.records.len());
        placed.reserve(self.runs.len() + 16);
        let mut assembly = Assembly::new(self, blobs, placed);
        assembly.apex_first(&order);
        let mut members: Vec<u32> = Vec::new();
        let mut at = 0;
        while at < order.len() {
            let run = &self.runs[order[at] as usize];
            members.clear();
            while at < order.len() && self.key(&self.runs[order[at] as usize]) == self.key(run) {
                members.extend(self.members(order[at] as usize));
                at += 1;
            }
            assembly.node(self.key(run), self.run_labels(run), &mut members);
        }
        let (contents, findings, blobs, placed) = assembly.finish();
        (self.blobs, self.placed, self.order) = (blobs, placed, order);
        (contents, findings)
    }

    fn key(&self, run: &Run) -> &[u8] {
        &self.keys[run.key..run.key + usize::from(run.key_len)]
    }

    fn run_labels(&self, run: &Run) -> &[u8] {
        &self.labels[run.labels..run.labels + usize::from(run.labels_len)]
    }

    fn members(&self, run: usize) -> std::ops::Range<u32> {
        let end = self.runs.get(run + 1).map_or(self.records.len() as u32, |next| next.first_record);
        self.runs[run].first_record..end
    }

    fn rdata(&self, record: u32) -> &[u8] {
        let record = &self.records[record as usize];
        &self.data[record.data..record.data + usize::from(record.len)]
    }

    /// The type that a record is filed under, and whether it is a signature.
    fn filed_under(&self, record: u32) -> (RType, bool) {
        filed_under(self.records[record as usize].rtype, self.rdata(record))
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (type_a, type_b) = (self.filed_under(a), self.filed_under(b));
        type_a.cmp(&type_b).then_with(|| compare_data(self.records[a as usize].rtype, self.rdata(a), self.rdata(b)))
    }
}

impl<'a> Assembly<'a> {
    fn new(input: &'a Builder, blobs: Vec<u8>, placed: Vec<Placed>) -> Assembly<'a> {
        Assembly {
            input,
            blobs,
            placed,
            names: OrderBuilder::default(),
            nsec: OrderBuilder::default(),
            nsec_at_names: true,
            nsec3: Vec::new(),
            depths: Depths::default(),
            cuts: Vec::new(),
            stack: Vec::new(),
            last_key: Vec::new(),
            records: 0,
            checker: Checker::new(&input.origin),
        }
    }

    /// The apex exists even if no record says so; everything hangs below it.
    fn apex_first(&mut self, order: &[u32]) {
        let has_apex = order.first().is_some_and(|&run| self.input.runs[run as usize].key_len == 0);
        if !has_apex {
            self.node(&[], &[], &mut Vec::new());
        }
    }

    /// One owner name with the records in `members`.
    fn node(&mut self, key: &[u8], labels: &[u8], members: &mut Vec<u32>) {
        self.climb(key, labels);
        if members.len() > 1 {
            members.sort_unstable_by(|&a, &b| self.input.compare(a, b));
        }
        members.dedup_by(|a, b| self.input.compare(*a, *b) == Ordering::Equal);
        let start = self.blobs.len();
        let input = self.input;
        let mut writer = NodeWriter::new(&mut self.blobs, labels);
        for group in members.chunk_by(|&a, &b| input.filed_under(a).0 == input.filed_under(b).0) {
            let bytes: usize = group.iter().map(|&record| input.rdata(record).len() + 2).sum();
            if group.len() > MAX_RRSET_RECORDS || writer.octets() + bytes > MAX_NODE_BYTES {
                self.checker.too_large(labels, input.filed_under(group[0]).0);
                continue;
            }
            write_rrset(input, &mut writer, group, &mut self.checker, labels);
        }
        writer.finish(0);
        self.records += members.len() as u64;
        let view = Node::read(&self.blobs[start..], self.blobs.len() - start);
        let depth = self.stack.len();
        let flags = flags_of(&view, depth);
        if depth == 0 {
            let params = Nsec3Params::of(&view).into_iter();
            self.nsec3 = params.map(|params| (params, OrderBuilder::default())).collect();
        }
        self.checker.room(&view, input.hasher, |_| true);
        self.checker.node(&view, key, depth, flags);
        let (is_name, has_nsec) = (!members.is_empty(), view.rrset(RType::NSEC).is_some());
        self.nsec_at_names &= is_name == has_nsec;
        if is_name {
            self.names.push(key);
        }
        if has_nsec {
            self.nsec.push(key);
        }
        for (params, hashes) in &mut self.nsec3 {
            if let Some(hash) = params.chained(&view, key) {
                hashes.push(&hash);
            }
        }
        node::add_flag(&mut self.blobs, start, flags);
        self.place(key.len(), labels, start, flags);
    }

    /// Leaves the stack with exactly the ancestors of `key`, making the empty non-terminals among
    /// them (RFC 4592 2.2.2).
    fn climb(&mut self, key: &[u8], labels: &[u8]) {
        // The stack holds the last node and its ancestors, so their keys are prefixes of the last key.
        let common = key.iter().zip(&self.last_key).take_while(|(a, b)| a == b).count();
        while let Some(top) = self.stack.last() {
            if top.key_len == 0 || (top.key_len <= common && key.get(top.key_len) == Some(&0)) {
                break;
            }
            self.stack.pop();
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        let ends = key.iter().enumerate().filter(|&(_, &octet)| octet == 0).map(|(end, _)| end);
        let known = self.stack.last().map_or(0, |top| top.key_len);
        for end in ends.filter(|&end| end > known) {
            let depth = self.stack.len();
            let own = suffix_of(labels, depth);
            let start = self.blobs.len();
            NodeWriter::new(&mut self.blobs, own).finish(0);
            self.place(end, own, start, 0);
        }
    }

    /// Registers the node that was just written and puts it on the stack.
    fn place(&mut self, key_len: usize, labels: &[u8], start: usize, flags: u16) {
        let depth = self.stack.len();
        let (base, own) = match self.stack.last() {
            None => (self.input.hasher.hash(&self.input.origin), &[][..]),
            Some(parent) => (parent.hash, &labels[..1 + usize::from(labels[0])]),
        };
        let hash = self.input.hasher.extend_by(base, own);
        if let Some(parent) = self.stack.last() {
            let at = self.placed[parent.placed].start;
            if own == b"\x01*" {
                node::add_flag(&mut self.blobs, at, WILDCARD_CHILD);
            }
            // A name with descendants exists, whatever else it owns.
            node::clear_flag(&mut self.blobs, at, NSEC3_ONLY);
        }
        self.depths.count(&mut self.cuts, depth, flags, true);
        self.stack.push(Ancestor { key_len, hash, placed: self.placed.len() });
        self.placed.push(Placed { hash, start, len: (self.blobs.len() - start) as u32 });
    }

    fn finish(mut self) -> (Contents, Vec<Finding>, Vec<u8>, Vec<Placed>) {
        let input = self.input;
        let chain = |(params, hashes): (_, OrderBuilder)| Nsec3Chain { params, hashes: hashes.finish() };
        let names = self.names.finish();
        let nsec = if self.nsec_at_names { names.clone() } else { self.nsec.finish() };
        let orders = Orders {
            names: names.into(),
            nsec,
            nsec3: self.nsec3.into_iter().map(chain).collect(),
            cuts: self.cuts,
            findings: Arc::default(),
        };
        let mut contents = Contents {
            origin: Arc::new(input.origin.clone()),
            origin_labels: input.origin.label_count() as u8,
            hasher: input.hasher,
            origin_hash: input.hasher.hash(&input.origin),
            index: Index::build(&self.placed, &self.blobs),
            orders: Arc::new(orders),
            depths: self.depths,
            records: self.records,
            node_lines: Index::node_lines(self.blobs.len(), self.placed.len()),
        };
        input.outside.iter().for_each(|(owner, rtype)| self.checker.outside(owner, *rtype));
        let findings = self.checker.finish(&contents);
        contents.set_findings(findings.clone());
        (contents, findings, self.blobs, self.placed)
    }
}

/// The last `depth` labels of `labels`.
fn suffix_of(labels: &[u8], depth: usize) -> &[u8] {
    let total = crate::contents::count_labels(labels);
    let mut rest = labels;
    for _ in depth..total {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    rest
}

/// Packs the records of one type and the signatures over them.
fn write_rrset(input: &Builder, writer: &mut NodeWriter<'_>, group: &[u32], checker: &mut Checker, labels: &[u8]) {
    let (rtype, _) = input.filed_under(group[0]);
    let signatures = group.partition_point(|&record| !input.filed_under(record).1);
    let ttl = group[..signatures].iter().map(|&record| input.records[record as usize].ttl).min().unwrap_or(0);
    if group[..signatures].iter().any(|&record| input.records[record as usize].ttl != ttl) {
        checker.ttl_mismatch(labels, rtype);
    }
    writer.begin(rtype, ttl);
    group[..signatures].iter().for_each(|&record| writer.record(input.rdata(record)));
    for &record in &group[signatures..] {
        writer.signature(input.records[record as usize].ttl, input.rdata(record));
    }
    writer.end();
}
