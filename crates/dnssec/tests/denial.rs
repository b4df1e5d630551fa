//! Proofs that something does not exist: the examples of RFC 4035 and RFC 5155, and a model of zones.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use dns::rdata::bitmap;
use dns::{Name, NameBuf, RType};
use dnssec::denial::Denial::{self, NotProved, OverBudget, Proved, ProvedOptOut, TooManyIterations};
use dnssec::nsec::{nsec_denies_ds, nsec_denies_for_wildcard, nsec_denies_name, nsec_denies_type};
use dnssec::nsec3::{
    self, HashBudget, nsec3_denies_ds, nsec3_denies_for_wildcard, nsec3_denies_name, nsec3_denies_type,
};
use proptest::prelude::*;
use support::{Zone, name};

#[test]
fn rfc4035_appendix_b() {
    let (zone, apex) = (Zone::read("rfc4035.zone"), name("example."));
    let all = zone.all(RType::NSEC);
    let owners = |first: &[&str]| zone.starting(RType::NSEC, first);
    // B.2
    assert_eq!(nsec_denies_name(&owners(&["b.", "example."]), &apex, &name("ml.example.")), Proved);
    assert_eq!(nsec_denies_name(&owners(&["b."]), &apex, &name("ml.example.")), NotProved);
    // B.3
    assert_eq!(nsec_denies_type(&owners(&["ns1."]), &apex, &name("ns1.example."), RType::MX), Proved);
    assert_eq!(nsec_denies_type(&all, &apex, &name("ns1.example."), RType::A), NotProved);
    // B.4, B.5
    assert_eq!(nsec_denies_ds(&all, &apex, &name("a.example.")), NotProved);
    assert_eq!(nsec_denies_ds(&owners(&["b."]), &apex, &name("b.example.")), Proved);
    // B.6
    let neighbours = owners(&["x.y.w."]);
    assert_eq!(nsec_denies_for_wildcard(&neighbours, &apex, &name("a.z.w.example."), 2), Proved);
    // B.7
    let both = owners(&["x.y.w.", "*.w."]);
    assert_eq!(nsec_denies_type(&both, &apex, &name("a.z.w.example."), RType::AAAA), Proved);
    assert_eq!(nsec_denies_type(&neighbours, &apex, &name("a.z.w.example."), RType::AAAA), NotProved);
    // B.8: from the zone itself, not from its parent.
    assert_eq!(nsec_denies_type(&all, &apex, &apex, RType::DS), NotProved);
}

/// All records of the zone have opt-out, so that no closest encloser proof is without a doubt (RFC 5155 9.2).
#[test]
fn rfc5155_appendix_b() {
    let (zone, apex) = (Zone::read("rfc5155.zone"), name("example."));
    let all = zone.all(RType::NSEC3);
    let owners = |first: &[&str]| zone.starting(RType::NSEC3, first);
    let budget = || HashBudget::new(1000);
    // B.1
    let name_error = ["0p9m", "b4um", "35mt"];
    let denies =
        |first: &[&str], qname: &str| nsec3_denies_name(&owners(first), &apex, &name(qname), 12, &mut budget());
    assert_eq!(denies(&name_error, "a.c.x.w.example."), ProvedOptOut);
    for missing in 0..3 {
        let mut some = name_error.to_vec();
        some.remove(missing);
        assert_eq!(denies(&some, "a.c.x.w.example."), NotProved, "{missing}");
    }
    assert_eq!(denies(&name_error, "x.w.example."), NotProved);
    // B.2, B.2.1, B.5, B.6
    let denies = |first: &[&str], qname: &str, qtype| {
        nsec3_denies_type(&owners(first), &apex, &name(qname), qtype, 12, &mut budget())
    };
    assert_eq!(denies(&["2t7b"], "ns1.example.", RType::MX), Proved);
    assert_eq!(denies(&["2t7b"], "ns1.example.", RType::A), NotProved);
    assert_eq!(denies(&["ji6n"], "y.w.example.", RType::A), Proved);
    assert_eq!(denies(&["ji6n"], "y.w.example.", RType::ANY), Proved);
    assert_eq!(denies(&["k8ud", "q04j", "r53b"], "a.z.w.example.", RType::AAAA), ProvedOptOut);
    assert_eq!(denies(&["k8ud", "q04j", "r53b"], "a.z.w.example.", RType::MX), NotProved);
    assert_eq!(denies(&["k8ud", "r53b"], "a.z.w.example.", RType::AAAA), NotProved);
    assert_eq!(denies(&["0p9m"], "example.", RType::DS), NotProved);
    assert_eq!(denies(&["0p9m"], "example.", RType::AAAA), Proved);
    // B.3
    let denies = |first: &[&str], qname: &str| nsec3_denies_ds(&owners(first), &apex, &name(qname), 12, &mut budget());
    assert_eq!(denies(&["0p9m", "35mt"], "c.example."), ProvedOptOut);
    assert_eq!(denies(&["0p9m"], "c.example."), NotProved);
    assert_eq!(denies(&["0p9m", "35mt"], "a.example."), NotProved);
    // B.4
    let denies = |first: &[&str], labels| {
        nsec3_denies_for_wildcard(&owners(first), &apex, &name("a.z.w.example."), labels, 12, &mut budget())
    };
    assert_eq!(denies(&["q04j"], 2), ProvedOptOut);
    assert_eq!(denies(&["0p9m"], 2), NotProved);
    assert_eq!(denies(&["q04j"], 4), NotProved);

    // Bounds.
    let mut exact = HashBudget::new(1);
    assert_eq!(nsec3_denies_type(&all, &apex, &name("ns1.example."), RType::MX, 12, &mut exact), Proved);
    assert_eq!(exact.left(), 0);
    // A name error takes one for each name up to the closest encloser, and one for the wildcard.
    for (hashes, want) in [(0, OverBudget), (3, OverBudget), (4, ProvedOptOut)] {
        let mut few = HashBudget::new(hashes);
        let got = nsec3_denies_name(&all, &apex, &name("a.c.x.w.example."), 12, &mut few);
        assert_eq!((got, few.left()), (want, 0), "{hashes}");
    }
    let mut unused = HashBudget::new(1);
    assert_eq!(nsec3_denies_name(&all, &apex, &name("a.b.example."), 11, &mut unused), TooManyIterations);
    assert_eq!(unused.left(), 1);
    assert_eq!(nsec3_denies_name(&all, &name("other."), &name("a.other."), 12, &mut budget()), NotProved);
    assert_eq!(nsec3_denies_name(&all, &apex, &name("a.other."), 12, &mut budget()), NotProved);
}

/// RFC 5155 8.1, 8.2.
#[test]
fn records_that_prove_nothing() {
    let (zone, apex) = (Zone::read("rfc5155.zone"), name("example."));
    let records = zone.starting(RType::NSEC3, &["2t7b"]);
    let (owner, data) = records[0];
    let check = |at: usize, value: u8, want| {
        let mut data = data.to_vec();
        data[at] = value;
        let records = [(owner, data.as_slice())];
        let got = nsec3_denies_type(&records, &apex, &name("ns1.example."), RType::MX, 150, &mut HashBudget::new(1000));
        assert_eq!(got, want, "octet {at}");
    };
    check(0, 1, Proved);
    check(0, 2, NotProved);
    check(1, 0, Proved);
    check(1, 2, NotProved);
    check(1, 0x81, NotProved);
    check(3, 13, NotProved);
    check(5, 0xab, NotProved);
    check(9, 19, NotProved);
    // Other parameters than those of the first record.
    let mut other = data.to_vec();
    other[3] = 1;
    let mixed = [(owner, other.as_slice()), (owner, data)];
    let got = nsec3_denies_type(&mixed, &apex, &name("ns1.example."), RType::MX, 150, &mut HashBudget::new(1000));
    assert_eq!(got, NotProved);
}

/// A zone as sets of types; what is below a delegation or DNAME is not in it.
#[derive(Debug, Clone)]
struct Model {
    apex: NameBuf,
    nodes: BTreeMap<NameBuf, BTreeSet<RType>>,
}

impl Model {
    fn new(nodes: Vec<(NameBuf, Vec<RType>)>) -> Model {
        let apex = name("example.");
        let mut nodes: BTreeMap<NameBuf, BTreeSet<RType>> =
            nodes.into_iter().map(|(name, types)| (name, types.into_iter().collect())).collect();
        nodes.insert(apex.clone(), BTreeSet::from([RType::SOA, RType::NS]));
        let mut model = Model { apex, nodes };
        let all = model.clone();
        model.nodes.retain(|name, _| !all.is_hidden(name));
        model
    }

    fn is_hidden(&self, name: &Name) -> bool {
        name.ancestors()
            .skip(1)
            .any(|above| self.nodes.get(above).is_some_and(|types| is_cut(types) || types.contains(&RType::DNAME)))
    }

    fn exists(&self, name: &Name) -> bool {
        self.nodes.keys().any(|node| node.is_at_or_below(name))
    }

    fn is_inside(&self, name: &Name) -> bool {
        name.is_at_or_below(&self.apex) && !self.is_hidden(name)
    }

    /// Whether all that exists there are unsigned delegations.
    fn is_left_out(&self, name: &Name) -> bool {
        let mut nodes = self.nodes.iter().filter(|(node, _)| node.is_at_or_below(name));
        nodes.all(|(_, types)| is_open(types))
    }

    fn wildcard(&self, name: &Name) -> NameBuf {
        let encloser = name.ancestors().find(|name| self.exists(name)).expect("apex");
        encloser.prepend(b"*").expect("wildcard")
    }

    fn lacks_name(&self, name: &Name) -> bool {
        self.is_inside(name) && !self.exists(name) && !self.exists(&self.wildcard(name))
    }

    fn lacks_type(&self, name: &Name, rtype: RType) -> bool {
        if !self.is_inside(name) {
            return false;
        }
        let from = if self.exists(name) { name.to_owned() } else { self.wildcard(name) };
        if !self.exists(&from) {
            return false;
        }
        let Some(types) = self.nodes.get(&from) else { return true };
        let from_child = rtype == RType::DS && types.contains(&RType::SOA);
        let from_parent = rtype != RType::DS && is_cut(types);
        !types.contains(&rtype) && !types.contains(&RType::CNAME) && !from_child && !from_parent
    }

    fn lacks_ds(&self, name: &Name) -> bool {
        let types = self.nodes.get(name);
        self.is_inside(name) && types.is_some_and(|types| is_cut(types) && !types.contains(&RType::DS))
    }

    fn lacks_next_closer(&self, name: &Name, labels: usize) -> bool {
        let next_closer = dnssec::canonical::suffix(name, labels + 1);
        next_closer.is_some_and(|name| self.is_inside(name) && !self.exists(name))
    }

    fn nsec(&self) -> Vec<(NameBuf, Vec<u8>)> {
        let next = self.nodes.keys().cycle().skip(1);
        let record = |((owner, types), next): ((&NameBuf, &BTreeSet<RType>), &NameBuf)| {
            let mut data = next.as_wire().to_vec();
            bitmap::encode(types.iter().copied().chain([RType::NSEC, RType::RRSIG]), &mut data);
            (owner.clone(), data)
        };
        self.nodes.iter().zip(next).map(record).collect()
    }

    /// With opt-out, unsigned delegations have no record.
    fn nsec3(&self, opt_out: bool) -> Vec<(NameBuf, Vec<u8>)> {
        let mut hashes = BTreeMap::new();
        for (node, types) in self.nodes.iter().filter(|(_, types)| !opt_out || !is_open(types)) {
            for name in node.ancestors().take_while(|name| name.is_at_or_below(&self.apex)) {
                let types = if name == &**node { types.clone() } else { BTreeSet::new() };
                let entry: &mut BTreeSet<RType> = hashes.entry(nsec3::hash(name, b"s", 1)).or_default();
                entry.extend(types);
            }
        }
        let next = hashes.keys().cycle().skip(1);
        let record = |((hash, types), next): ((&nsec3::Hash, &BTreeSet<RType>), &nsec3::Hash)| {
            let mut data = vec![1, u8::from(opt_out), 0, 1, 1, b's', 20];
            data.extend_from_slice(next);
            bitmap::encode(types.iter().copied(), &mut data);
            (self.apex.prepend(&nsec3::label(hash)).expect("owner"), data)
        };
        hashes.iter().zip(next).map(record).collect()
    }
}

fn is_cut(types: &BTreeSet<RType>) -> bool {
    types.contains(&RType::NS) && !types.contains(&RType::SOA)
}

fn is_open(types: &BTreeSet<RType>) -> bool {
    is_cut(types) && !types.contains(&RType::DS)
}

fn some_name() -> impl Strategy<Value = NameBuf> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "*"]), 1..4)
        .prop_map(|labels| name(&format!("{}.example.", labels.join("."))))
}

fn some_types() -> impl Strategy<Value = Vec<RType>> {
    let ordinary = [vec![RType::A], vec![RType::A, RType::MX], vec![RType::CNAME]];
    let others = [vec![RType::NS], vec![RType::NS, RType::DS], vec![RType::DNAME, RType::A]];
    prop::sample::select([ordinary.to_vec(), ordinary.to_vec(), others.to_vec()].concat())
}

const QTYPES: [RType; 5] = [RType::A, RType::MX, RType::DS, RType::CNAME, RType::NS];

/// The verdicts on a name: what is asked, the truth, what the proof says.
fn verdicts(model: &Model, records: &[(&Name, &[u8])], qname: &Name, hashed: bool) -> Vec<(String, bool, Denial)> {
    let (zone, mut budget) = (&*model.apex, HashBudget::new(1000));
    let mut out = Vec::new();
    let got = match hashed {
        true => nsec3_denies_name(records, zone, qname, 1, &mut budget),
        false => nsec_denies_name(records, zone, qname),
    };
    out.push((format!("{qname}"), model.lacks_name(qname), got));
    for qtype in QTYPES {
        let got = match hashed {
            true => nsec3_denies_type(records, zone, qname, qtype, 1, &mut budget),
            false => nsec_denies_type(records, zone, qname, qtype),
        };
        out.push((format!("{qname} {qtype}"), model.lacks_type(qname, qtype), got));
    }
    let got = match hashed {
        true => nsec3_denies_ds(records, zone, qname, 1, &mut budget),
        false => nsec_denies_ds(records, zone, qname),
    };
    out.push((format!("{qname} cut"), model.lacks_ds(qname), got));
    for labels in 1..5 {
        let got = match hashed {
            true => nsec3_denies_for_wildcard(records, zone, qname, labels, 1, &mut budget),
            false => nsec_denies_for_wildcard(records, zone, qname, labels),
        };
        out.push((format!("{qname} wildcard {labels}"), model.lacks_next_closer(qname, labels), got));
    }
    out
}

fn borrowed(records: &[(NameBuf, Vec<u8>)]) -> Vec<(&Name, &[u8])> {
    records.iter().map(|(owner, data)| (&**owner, data.as_slice())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// All records of a zone prove whatever is true, and some of them nothing else.
    #[test]
    fn agrees_with_a_model(
        nodes in prop::collection::vec((some_name(), some_types()), 0..8),
        qnames in prop::collection::vec(some_name(), 1..6),
        keep in prop::collection::vec(any::<bool>(), 40),
    ) {
        let model = Model::new(nodes);
        for (chain, hashed, opt_out) in
            [(model.nsec(), false, false), (model.nsec3(false), true, false), (model.nsec3(true), true, true)]
        {
            let all = borrowed(&chain);
            let mut keep = keep.iter();
            let some: Vec<_> = all.iter().filter(|_| keep.next().is_none_or(|keep| *keep)).copied().collect();
            for qname in &qnames {
                for (what, truth, got) in verdicts(&model, &all, qname, hashed) {
                    // NSEC3 says nothing of a next closer name's ancestors, whose wildcard is signed anyway.
                    let hidden = hashed && what.contains("wildcard") && model.is_hidden(qname);
                    if opt_out {
                        prop_assert!(got != Proved || truth, "{} {:?} {:?}", what, got, model);
                        // Where opt-out leaves names out, a wildcard may seem to be the answer.
                        let missed = truth && model.is_left_out(qname);
                        prop_assert!(!truth || missed || got.is_proved(), "{} {:?} {:?}", what, got, model);
                    } else if !hidden {
                        prop_assert_eq!(got, if truth { Proved } else { NotProved }, "{} {:?}", what, model);
                    }
                }
                for (what, truth, got) in verdicts(&model, &some, qname, hashed) {
                    let hidden = hashed && what.contains("wildcard") && model.is_hidden(qname);
                    prop_assert!(got != Proved || truth || hidden, "{} {:?}", what, model);
                    prop_assert!(opt_out || got != ProvedOptOut, "{} {:?}", what, model);
                }
            }
        }
    }

    #[test]
    fn garbage_does_no_harm(
        records in prop::collection::vec((some_name(), prop::collection::vec(any::<u8>(), 0..60)), 0..5),
        qname in some_name(),
    ) {
        let model = Model::new(Vec::new());
        for hashed in [false, true] {
            let _ = verdicts(&model, &borrowed(&records), &qname, hashed);
        }
    }
}
