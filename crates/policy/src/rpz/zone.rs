//! A response policy zone as it is looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{NameHasher, RType};
use ipnet::IpNet;

use super::address;
use super::finding::{Reason, Report};
use super::pages::{Kept, Key, Pages};
use super::parse::{PolicyRecord, parse};
use super::rule::{Body, RuleAction, RuleRecord, Space, Trigger, TriggerKind};

/// Rules of a zone; records of further ones are left out with a finding.
pub const MAX_RULES: usize = 50_000_000;
/// Records of a rule; further ones are left out with a finding.
pub const MAX_RECORDS: usize = 256;
/// Different sets of records that rules share. When there are more, those that follow share among themselves.
const MAX_SHARED: usize = 1024;
/// Lengths of names in labels, or of prefixes in bits less one.
const LENGTHS: usize = 128;

/// The rules of a response policy zone.
///
/// A version is never changed: [`PolicyZone::apply`] gives the next one, which shares with it what is equal. Readers
/// hold an `Arc` of the version that was current when they began, and a new one is published by replacing that `Arc`.
/// Either costs time and memory in proportion to the change, not to the zone.
#[derive(Debug, Clone)]
pub struct PolicyZone {
    hasher: NameHasher,
    pages: Pages<Body>,
    /// Of each space the lengths that occur, so that no others are looked up.
    lengths: [Lengths; Space::COUNT],
    /// Numbers that were given so far; when 32 bits are used up, all further rules have the last one.
    numbered: u32,
    /// What rules share.
    shared: Arc<BTreeSet<Arc<Body>>>,
}

/// A rule, as lists of rules show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    /// Its number in the zone, from 1. A change of its records leaves it.
    pub number: u32,
    /// What triggers it.
    pub trigger: Trigger,
    /// What it does.
    pub action: RuleAction,
    /// Its records, by type and data.
    pub records: Box<[RuleRecord]>,
}

/// A rule that matches.
pub(super) struct Hit<'a> {
    /// Where it is kept, and under which octets.
    pub(super) space: Space,
    pub(super) key: &'a [u8],
    /// Its number.
    pub(super) number: u32,
    /// What it says.
    pub(super) body: &'a Body,
    /// Labels of the name, or length of the prefix.
    pub(super) length: usize,
}

impl PolicyZone {
    /// A zone without rules, for names that `hasher` hashes: the one that made the [`HashedName`]s of questions.
    pub fn new(hasher: NameHasher) -> PolicyZone {
        let lengths = std::array::from_fn(|_| Lengths::default());
        PolicyZone { hasher, pages: Pages::default(), lengths, numbered: 0, shared: Arc::default() }
    }

    /// The zone with these records, in any order, and what is wrong with them.
    pub fn build<'a>(hasher: NameHasher, records: impl IntoIterator<Item = PolicyRecord<'a>>) -> (PolicyZone, Report) {
        PolicyZone::new(hasher).apply([], records)
    }

    /// The zone after a change as an incremental transfer has it (RFC 1995 4): first `removed` is taken out, then
    /// `added` put in. What is taken out is found by owner, type and data; what is there already gets its new TTL.
    pub fn apply<'a>(
        &self,
        removed: impl IntoIterator<Item = PolicyRecord<'a>>,
        added: impl IntoIterator<Item = PolicyRecord<'a>>,
    ) -> (PolicyZone, Report) {
        let mut change = self.change();
        removed.into_iter().for_each(|record| change.remove(&record));
        added.into_iter().for_each(|record| change.add(&record));
        change.finish()
    }

    /// A change of the zone, for records that come one by one and need not be in memory together.
    pub fn change(&self) -> ZoneChange {
        ZoneChange { zone: self.clone(), report: Report::default(), numbers: BTreeMap::new() }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are rules of this kind.
    pub fn has(&self, kind: TriggerKind) -> bool {
        [false, true].into_iter().any(|variant| self.lengths(Space::new(kind, variant)).is_some_and(Lengths::any))
    }

    /// Every rule, in no order that means anything.
    pub fn rules(&self) -> impl Iterator<Item = RuleView> {
        self.pages.iter().filter_map(|kept| {
            let trigger = Trigger::from_key(Space::from_number(kept.space), kept.octets)?;
            let (action, records) = (kept.body.action, kept.body.records.clone());
            Some(RuleView { number: kept.number, trigger, action, records })
        })
    }

    /// The rules of `kind` that match `name`, the most specific first: the name itself, then the longest wildcard.
    pub(super) fn by_name<'a>(&'a self, kind: TriggerKind, name: &'a HashedName) -> impl Iterator<Item = Hit<'a>> {
        let find = move |space: Space, depth: usize| {
            let octets = name.suffix(depth).as_wire();
            self.find(space, name.hash(depth), octets, depth)
        };
        let (exact, wildcard) = (Space::new(kind, false), Space::new(kind, true));
        let itself =
            Some(name.labels()).filter(|labels| self.lengths(exact).is_some_and(|lengths| lengths.has(*labels)));
        let above = self.lengths(wildcard).into_iter().flat_map(|lengths| lengths.descending_below(name.labels()));
        let itself = itself.into_iter().filter_map(move |depth| find(exact, depth));
        itself.chain(above.filter_map(move |depth| find(wildcard, depth)))
    }

    /// The rules of `kind` that match `address`, the longest prefix first.
    pub(super) fn by_address(&self, kind: TriggerKind, address: IpAddr) -> impl Iterator<Item = Hit<'_>> {
        let address = address.to_canonical();
        let space = Space::new(kind, address.is_ipv6());
        let lengths = self.lengths(space).into_iter().flat_map(|lengths| lengths.descending_below(LENGTHS));
        lengths.filter_map(move |length| {
            let prefix = length + 1;
            let network = IpNet::new(address, u8::try_from(prefix).ok()?).ok()?.trunc();
            let mut buffer = [0; address::MAX_KEY_LEN];
            let len = address::key(&network, &mut buffer);
            let key = buffer.get(..len)?;
            self.find(space, self.hasher.extend(self.hasher.root(), key), key, prefix)
        })
    }

    fn find(&self, space: Space, hash: u64, octets: &[u8], length: usize) -> Option<Hit<'_>> {
        let Kept { octets: key, number, body, .. } = self.pages.get(&in_space(space, hash, octets))?;
        Some(Hit { space, key, number, body, length })
    }

    fn lengths(&self, space: Space) -> Option<&Lengths> {
        self.lengths.get(usize::from(space.number()))
    }
}

/// The key in `space`; a name has another hash in each, so that the rules of a name do not crowd together.
fn in_space(space: Space, hash: u64, octets: &[u8]) -> Key<'_> {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let salt = u64::from(space.number()).wrapping_mul(SPREAD);
    Key { hash: hash ^ salt, space: space.number(), octets }
}

/// The next version of a zone in the making.
#[derive(Debug)]
pub struct ZoneChange {
    zone: PolicyZone,
    report: Report,
    /// Numbers of rules that were taken out, for those that come back.
    numbers: BTreeMap<(Space, Vec<u8>), u32>,
}

impl ZoneChange {
    /// The version, and what is wrong with what came.
    pub fn finish(self) -> (PolicyZone, Report) {
        (self.zone, self.report)
    }

    /// Puts in a record; one that is there gets the new TTL.
    pub fn add(&mut self, record: &PolicyRecord<'_>) {
        match parse(record) {
            Ok(Some((trigger, rule))) => {
                if let Err(reason) = self.add_rule(&trigger, rule) {
                    self.report.add(&trigger, reason);
                }
            }
            Ok(None) => self.report.ignored += 1,
            Err(reason) => {
                let owner = record.owner.to_string();
                self.report.add(&owner.strip_suffix('.').unwrap_or(&owner), reason);
            }
        }
    }

    /// Takes out the record with this owner, type and data.
    pub fn remove(&mut self, record: &PolicyRecord<'_>) {
        // What is wrong with a record was said when it came: it is not there.
        if let Ok(Some((trigger, rule))) = parse(record)
            && !self.remove_rule(&trigger, &rule)
        {
            self.report.missing += 1;
        }
    }

    fn add_rule(&mut self, trigger: &Trigger, record: RuleRecord) -> Result<(), Reason> {
        let (octets, hash) = trigger.key(self.zone.hasher);
        let key = in_space(trigger.space(), hash, &octets);
        let mut records = match self.zone.pages.get(&key) {
            Some(kept) => kept.body.records.to_vec(),
            None if self.zone.pages.len() >= MAX_RULES => return Err(Reason::TooManyRules),
            None => Vec::with_capacity(1),
        };
        match find(&records, &record) {
            Ok(at) => records.get_mut(at).into_iter().for_each(|there| there.ttl = record.ttl),
            Err(_) if records.len() >= MAX_RECORDS => return Err(Reason::TooManyRecords),
            Err(at) => records.insert(at, record),
        }
        let mixed = records.len() > 1 && records.iter().any(|record| record.rtype == RType::CNAME);
        let body = self.share(Body::new(trigger, records.into()));
        let number = self.number(trigger.space(), &octets);
        if self.zone.pages.set(&key, body, number) {
            self.zone.numbered = self.zone.numbered.max(number);
            self.count(trigger, Lengths::add);
        }
        if mixed { Err(Reason::CnameAndData) } else { Ok(()) }
    }

    /// The number for a rule at a trigger that has none: the one it had before this change, or the next.
    fn number(&mut self, space: Space, octets: &[u8]) -> u32 {
        let before = if self.numbers.is_empty() { None } else { self.numbers.remove(&(space, octets.to_vec())) };
        before.unwrap_or_else(|| self.zone.numbered.saturating_add(1))
    }

    fn remove_rule(&mut self, trigger: &Trigger, record: &RuleRecord) -> bool {
        let (octets, hash) = trigger.key(self.zone.hasher);
        let key = in_space(trigger.space(), hash, &octets);
        let Some(kept) = self.zone.pages.get(&key) else { return false };
        let Ok(at) = find(&kept.body.records, record) else { return false };
        let mut records = kept.body.records.to_vec();
        records.remove(at);
        let number = kept.number;
        if records.is_empty() {
            self.zone.pages.remove(&key);
            self.count(trigger, Lengths::remove);
            self.numbers.insert((trigger.space(), octets), number);
        } else {
            let body = self.share(Body::new(trigger, records.into()));
            self.zone.pages.set(&key, body, number);
        }
        true
    }

    fn count(&mut self, trigger: &Trigger, count: impl Fn(&mut Lengths, usize)) {
        let length = trigger.length().saturating_sub(usize::from(trigger.kind().is_address()));
        if let Some(lengths) = self.zone.lengths.get_mut(usize::from(trigger.space().number())) {
            count(lengths, length);
        }
    }

    /// The body that rules share.
    fn share(&mut self, body: Body) -> Arc<Body> {
        if let Some(shared) = self.zone.shared.get(&body) {
            return Arc::clone(shared);
        }
        let body = Arc::new(body);
        let shared = Arc::make_mut(&mut self.zone.shared);
        if shared.len() >= MAX_SHARED {
            shared.clear();
        }
        shared.insert(Arc::clone(&body));
        body
    }
}

/// Where the record with the type and the data of `record` stands, or where it would.
fn find(records: &[RuleRecord], record: &RuleRecord) -> Result<usize, usize> {
    records.binary_search_by(|there| (there.rtype, &there.rdata).cmp(&(record.rtype, &record.rdata)))
}

/// How many rules of a space have which length.
#[derive(Debug, Clone)]
struct Lengths {
    counts: [u32; LENGTHS],
    /// A bit for each length that occurs.
    present: u128,
}

impl Default for Lengths {
    fn default() -> Lengths {
        Lengths { counts: [0; LENGTHS], present: 0 }
    }
}

impl Lengths {
    fn any(&self) -> bool {
        self.present != 0
    }

    fn has(&self, length: usize) -> bool {
        length < LENGTHS && self.present >> length & 1 == 1
    }

    fn add(&mut self, length: usize) {
        if let Some(count) = self.counts.get_mut(length) {
            *count += 1;
            self.present |= 1 << length;
        }
    }

    fn remove(&mut self, length: usize) {
        if let Some(count) = self.counts.get_mut(length) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.present &= !(1 << length);
            }
        }
    }

    /// The lengths that occur and are less than `bound`, the greatest first.
    fn descending_below(&self, bound: usize) -> impl Iterator<Item = usize> + use<> {
        let mut left = if bound < LENGTHS { self.present & ((1 << bound) - 1) } else { self.present };
        std::iter::from_fn(move || {
            let length = left.checked_ilog2()?;
            left &= !(1 << length);
            Some(length as usize)
        })
    }
}
