//! Response policy zones: zones of ours, read as rules. What a change of a zone changes of its rules is found by comparing
//! its versions, which share what is equal; so a change costs as much as itself, however many rules there are.

use std::collections::HashMap;
use std::sync::Arc;

use dns::{NameBuf, NameHasher};
use policy::rpz::{PolicyRecord, PolicyZone, Report, relative};
use zone::node::Node;
use zone::{Contents, ZoneTable};

/// Where a change has more than one owner in so many rules, all rules are made anew: that is as fast, and packs them.
const REBUILD_SHARE: usize = 4;

/// Zones as rules, kept as long as their contents stay the same.
#[derive(Default)]
pub struct RuleZones {
    known: HashMap<NameBuf, Known>,
}

/// A zone as it was read.
struct Known {
    contents: Contents,
    rules: Arc<PolicyZone>,
}

impl RuleZones {
    /// The rules of these zones, in their order; one that has no contents has no rules. Says whether a rule changed.
    pub fn update(&mut self, names: &[NameBuf], zones: &ZoneTable, hasher: NameHasher) -> (Vec<Arc<PolicyZone>>, bool) {
        let before = self.known.len();
        self.known.retain(|name, _| names.contains(name));
        let mut changed = self.known.len() != before;
        let mut rules = Vec::new();
        for name in names {
            let Some(contents) = zones.get(name).and_then(|zone| zone.contents.as_ref()) else {
                changed |= self.known.remove(name).is_some();
                rules.push(Arc::new(PolicyZone::new(hasher)));
                continue;
            };
            match self.known.get_mut(name) {
                Some(known) => changed |= known.follow(contents, hasher),
                None => {
                    let rules = read(contents, hasher);
                    self.known.insert(name.clone(), Known { contents: contents.clone(), rules });
                    changed = true;
                }
            }
            rules.extend(self.known.get(name).map(|known| known.rules.clone()));
        }
        (rules, changed)
    }
}

impl Known {
    /// Takes over a version of the zone; whether a rule changed.
    fn follow(&mut self, contents: &Contents, hasher: NameHasher) -> bool {
        let mut owners: Vec<NameBuf> =
            zone::diff::diff(&self.contents, contents).into_iter().map(|change| change.owner).collect();
        // Changes of one owner follow each other. Records of the apex are no rules.
        owners.dedup();
        owners.retain(|owner| **owner != *contents.origin());
        if owners.len() > self.rules.len() / REBUILD_SHARE {
            self.rules = read(contents, hasher);
        } else if !owners.is_empty() {
            // All that the owner has goes and comes: what was left out before may find room now.
            let (was, is) = (nodes(&self.contents, &owners), nodes(contents, &owners));
            let (rules, report) = self.rules.apply(records(&was), records(&is));
            tell(contents, &report);
            self.rules = Arc::new(rules);
        }
        self.contents = contents.clone();
        !owners.is_empty()
    }
}

/// Every record of a zone as rules.
fn read(contents: &Contents, hasher: NameHasher) -> Arc<PolicyZone> {
    let mut change = PolicyZone::new(hasher).change();
    for node in contents.nodes() {
        let owner = relative(&contents.owner(&node), contents.origin());
        let owned = owner.map(|owner| [(owner, node)]);
        owned.iter().flat_map(|owned| records(owned)).for_each(|record| change.add(&record));
    }
    let (rules, report) = change.finish();
    tell(contents, &report);
    Arc::new(rules)
}

/// What a version has at these owners, with their names relative to the apex.
fn nodes<'a>(contents: &'a Contents, owners: &[NameBuf]) -> Vec<(NameBuf, Node<'a>)> {
    let node = |owner: &NameBuf| Some((relative(owner, contents.origin())?, contents.get(owner)?));
    owners.iter().filter_map(node).collect()
}

fn records<'a>(nodes: &'a [(NameBuf, Node<'a>)]) -> impl Iterator<Item = PolicyRecord<'a>> {
    nodes.iter().flat_map(|(owner, node)| {
        node.rrsets().flat_map(move |rrset| {
            let (rtype, ttl) = (rrset.rtype, rrset.ttl);
            rrset.data().map(move |rdata| PolicyRecord { owner, rtype, ttl, rdata })
        })
    })
}

fn tell(contents: &Contents, report: &Report) {
    for finding in &report.findings {
        let (zone, owner) = (contents.origin(), &finding.owner);
        tracing::warn!(%zone, owner, why = %finding.reason, "no rule of a response policy zone");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use dns::{Name, RType};
    use zone::draft::{Edit, Records};
    use zone::{Builder, Zone};

    use super::*;

    const HASHER: NameHasher = NameHasher::new(0x5eed);

    fn name(text: &str) -> NameBuf {
        text.parse().expect(text)
    }

    /// A zone `rpz.` with these records.
    fn contents(records: impl IntoIterator<Item = (NameBuf, RType, Vec<u8>)>) -> Contents {
        let mut builder = Builder::new(&name("rpz."), HASHER);
        let soa = [b"\x00\x00".as_slice(), &[0; 20]].concat();
        builder.add(&name("rpz."), RType::SOA, 60, &soa).expect("in the zone");
        builder.add(&name("rpz."), RType::NS, 60, name("ns.test.").as_wire()).expect("in the zone");
        for (owner, rtype, rdata) in records {
            builder.add(&owner, rtype, 60, &rdata).expect("in the zone");
        }
        builder.finish().0
    }

    fn table(contents: &Contents) -> ZoneTable {
        let zone = Zone { name: name("rpz."), contents: Some(contents.clone()), policy: None };
        ZoneTable::new(HASHER, vec![Arc::new(zone)])
    }

    /// Every rule, without numbers: those tell in which order rules came.
    fn rules(zone: &PolicyZone) -> BTreeMap<String, String> {
        zone.rules().map(|rule| (rule.trigger.to_string(), format!("{:?} {:?}", rule.action, rule.records))).collect()
    }

    fn owner(n: u64) -> NameBuf {
        match n % 5 {
            0 => name(&format!("32.{}.{}.51.198.rpz-ip.rpz.", n % 250, n / 250 % 250)),
            1 => name(&format!("32.{}.{}.51.198.rpz-nsip.rpz.", n % 250, n / 250 % 250)),
            2 => name(&format!("ns{n}.test.rpz-nsdname.rpz.")),
            3 => name(&format!("*.n{n}.test.rpz.")),
            _ => name(&format!("N{n}.test.rpz.")),
        }
    }

    fn edit(n: u64, draw: u64) -> Edit {
        let (rtype, data) = match draw % 6 {
            0 => (RType::CNAME, Some(Name::root().as_wire().to_vec())),
            1 => (RType::CNAME, Some(name("garden.test.").as_wire().to_vec())),
            2 => (RType::A, Some(vec![192, 0, 2, n as u8])),
            3 => (RType::A, None),
            4 => (RType::CNAME, Some(name("rpz-unknown.").as_wire().to_vec())),
            _ => (RType::CNAME, None),
        };
        let ttl = 60 + (draw / 6 % 2) as u32;
        let records = data.map(|data| Records { ttl, data: vec![data], signatures: Vec::new() });
        Edit { owner: owner(n), rtype, records }
    }

    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn rules_that_follow_changes_are_those_that_are_made_anew() {
        let nxdomain = |n| (owner(n), RType::CNAME, vec![0]);
        let mut state = 7;
        let mut zone = contents((0..600).map(nxdomain));
        let mut following = RuleZones::default();
        assert!(following.update(&[name("rpz.")], &table(&zone), HASHER).1);
        for round in 0..60 {
            let count = 1 + random(&mut state) % if round % 10 == 9 { 900 } else { 40 };
            let edits: Vec<Edit> = (0..count).map(|_| edit(random(&mut state) % 1200, random(&mut state))).collect();
            zone = zone.with(&edits);
            let (followed, _) = following.update(&[name("rpz.")], &table(&zone), HASHER);
            let (anew, _) = RuleZones::default().update(&[name("rpz.")], &table(&zone), HASHER);
            assert_eq!(rules(&followed[0]), rules(&anew[0]), "{round}");
            assert_eq!(followed[0].len(), anew[0].len());
        }
    }

    #[test]
    fn only_a_change_of_rules_is_one() {
        let mut zones = RuleZones::default();
        let names = [name("rpz.")];
        let first = contents([(owner(4), RType::CNAME, vec![0])]);
        let (before, changed) = zones.update(&names, &table(&first), HASHER);
        assert!(changed && before[0].len() == 1);
        let (same, changed) = zones.update(&names, &table(&first), HASHER);
        assert!(!changed && Arc::ptr_eq(&same[0], &before[0]));
        // Read anew, with another serial.
        let soa = Records { ttl: 60, data: vec![[&[0, 0][..], &[9; 20]].concat()], signatures: Vec::new() };
        let serial = Edit { owner: name("rpz."), rtype: RType::SOA, records: Some(soa) };
        let renewed = contents([(owner(4), RType::CNAME, vec![0])]).with(&[serial]);
        let (same, changed) = zones.update(&names, &table(&renewed), HASHER);
        assert!(!changed && Arc::ptr_eq(&same[0], &before[0]));
        let (next, changed) = zones.update(&names, &table(&renewed.with(&[edit(9, 0)])), HASHER);
        assert!(changed && next[0].len() == 2 && before[0].len() == 1, "what readers hold stays");
        let (gone, changed) = zones.update(&names, &ZoneTable::new(HASHER, Vec::new()), HASHER);
        assert!(changed && gone[0].is_empty());
        assert!(!zones.update(&names, &ZoneTable::new(HASHER, Vec::new()), HASHER).1);
    }

    /// How long a change of one record takes, and how long all rules do: `cargo test --release -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn one_change_of_a_million() {
        let names = [name("rpz.")];
        let record = |n: u64| (name(&format!("n{n}.test.rpz.")), RType::CNAME, vec![0]);
        let mut zone = contents((0..1_000_000).map(record));
        let mut zones = RuleZones::default();
        let begin = Instant::now();
        let _ = zones.update(&names, &table(&zone), HASHER);
        println!("all of 1,000,000 rules: {:?}", begin.elapsed());
        let mut times = Vec::new();
        for n in 0..101 {
            // A name that is new.
            zone = zone.with(&[edit(5_000_004 + 10 * n, 0)]);
            let table = table(&zone);
            let begin = Instant::now();
            assert!(zones.update(&names, &table, HASHER).1);
            times.push(begin.elapsed());
        }
        times.sort();
        println!("one record: median {:?}, longest {:?}", times[50], times[100]);
        let table = table(&zone);
        let begin = Instant::now();
        assert!(!zones.update(&names, &table, HASHER).1);
        println!("none: {:?}", begin.elapsed());
        assert!(times[50] < std::time::Duration::from_millis(50));
    }
}
