//! Keys, signatures and proofs of strangers: what is found to be signed by a zone's key is what its holder signed.
//!
//! An input is a DNSKEY's data, an RRSIG's data, and records as owner and data, each behind its length.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dns::rdata::typed::Rrsig;
use dns::rdata::wire::canonical;
use dns::zonefile::{NoIncludes, Options, Record, Sink, parse};
use dns::{Class, Name, NameBuf, RType};
use dnssec::key::PublicKey;
use dnssec::nsec::{nsec_denies_ds, nsec_denies_for_wildcard, nsec_denies_name, nsec_denies_type};
use dnssec::nsec3::{
    HashBudget, MAX_ITERATIONS, nsec3_denies_ds, nsec3_denies_for_wildcard, nsec3_denies_name, nsec3_denies_type,
};
use dnssec::verify::{Rrset, Scratch, verify_rrset};

use super::{Target, frame, framed, mark, testdata};

const NOW: u32 = 1_700_000_000;
/// Hashes that one proof may take.
const HASHES: u32 = 40;
/// Names that may not exist: the examples of RFC 4035 and RFC 5155.
const QNAMES: [&str; 4] = ["a.c.x.w.example.", "ns1.example.", "a.z.w.example.", "c.example."];

/// The RRsets of a zone.
#[derive(Default)]
struct Sets(BTreeMap<(NameBuf, RType), Vec<Vec<u8>>>);

impl Sink for Sets {
    fn record(&mut self, record: Record<'_>) {
        self.0.entry((record.owner.to_owned(), record.rtype)).or_default().push(record.rdata.to_vec());
    }
}

/// A signed RRset in canonical form: type, key, records.
type Signed = (RType, Vec<u8>, BTreeSet<Vec<u8>>);

pub struct DnssecTarget {
    zone: NameBuf,
    qnames: Vec<NameBuf>,
    seeds: Vec<Vec<u8>>,
    signed: BTreeSet<Signed>,
    scratch: Scratch,
}

fn record(owner: &Name, data: &[u8]) -> Vec<u8> {
    [owner.as_wire(), data].concat()
}

fn in_canonical_form<'a>(rtype: RType, records: impl IntoIterator<Item = &'a [u8]>) -> BTreeSet<Vec<u8>> {
    let form = |data: &[u8]| {
        let mut out = Vec::new();
        canonical(rtype, data, &mut out);
        out
    };
    records.into_iter().map(form).collect()
}

impl DnssecTarget {
    pub fn new() -> DnssecTarget {
        let zone: NameBuf = "example.".parse().expect("a name");
        let qnames = QNAMES.map(|name| name.parse().expect("a name")).into();
        let mut target =
            DnssecTarget { zone, qnames, seeds: Vec::new(), signed: BTreeSet::new(), scratch: Scratch::default() };
        for file in ["rfc4035.zone", "rfc5155.zone"] {
            target.add(file);
        }
        target
    }

    /// Each signed RRset of a zone, and all its proofs, as an input.
    fn add(&mut self, file: &str) {
        let path = testdata("answers").join(file);
        let source = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let options = Options { origin: &self.zone, default_ttl: None, file: &path, class: Class::IN, rules: false };
        let mut sets = Sets::default();
        parse(&source, &options, &NoIncludes, &mut sets);
        let sets = sets.0;
        let key = sets[&(self.zone.clone(), RType::DNSKEY)][0].clone();
        let mut proofs = vec![key.clone(), Vec::new()];
        for ((owner, rtype), records) in &sets {
            if matches!(*rtype, RType::NSEC | RType::NSEC3) {
                proofs.extend(records.iter().map(|data| record(owner, data)));
            }
            let signatures = sets.get(&(owner.clone(), RType::RRSIG)).into_iter().flatten();
            for rrsig in signatures.filter(|rrsig| rrsig[..2] == rtype.0.to_be_bytes()) {
                let records = records.iter().map(|data| record(owner, data));
                self.seeds.push(frame(&[vec![key.clone(), rrsig.clone()], records.collect()].concat()));
            }
            let records = in_canonical_form(*rtype, records.iter().map(Vec::as_slice));
            self.signed.insert((*rtype, key.clone(), records));
        }
        self.seeds.push(frame(&proofs));
    }

    fn verify(&mut self, key: &[u8], rrsig: &[u8], records: &[(&Name, &[u8])]) -> u64 {
        let Ok(public) = PublicKey::from_dnskey(key) else { return 1 };
        let (Some((owner, _)), Some(parsed)) = (records.first(), Rrsig::parse(rrsig)) else { return 2 };
        let rdatas: Vec<&[u8]> = records.iter().filter(|(other, _)| other == owner).map(|(_, data)| *data).collect();
        let set = Rrset { owner, class: Class::IN, rtype: parsed.type_covered, ttl: 3600, rdatas: &rdatas };
        match verify_rrset(&set, rrsig, &self.zone, &public, NOW, &mut self.scratch) {
            Ok(verified) => {
                let signed = (set.rtype, key.to_vec(), in_canonical_form(set.rtype, rdatas.iter().copied()));
                assert!(self.signed.contains(&signed), "another RRset than one that was signed");
                mark(verified.wildcard)
            }
            Err(error) => mark(error.to_string()),
        }
    }

    fn proofs(&self, records: &[(&Name, &[u8])]) -> u64 {
        let zone = &*self.zone;
        let mut verdicts = Vec::new();
        for name in &self.qnames {
            let mut budget = HashBudget::new(HASHES);
            verdicts.push(nsec_denies_name(records, zone, name));
            verdicts.push(nsec_denies_type(records, zone, name, RType::MX));
            verdicts.push(nsec_denies_ds(records, zone, name));
            verdicts.push(nsec_denies_for_wildcard(records, zone, name, 2));
            verdicts.push(nsec3_denies_name(records, zone, name, MAX_ITERATIONS, &mut budget));
            verdicts.push(nsec3_denies_type(records, zone, name, RType::MX, MAX_ITERATIONS, &mut budget));
            verdicts.push(nsec3_denies_ds(records, zone, name, MAX_ITERATIONS, &mut budget));
            verdicts.push(nsec3_denies_for_wildcard(records, zone, name, 2, MAX_ITERATIONS, &mut budget));
        }
        mark(format!("{verdicts:?}"))
    }
}

impl Target for DnssecTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.seeds.clone()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 5] =
            [&[1, 0, 3, 8], &[1, 1, 3, 5, 3, 1, 0, 1], &[0, 1, 13, 2], &[1, 1, 0, 12, 4], b"\x01*"];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let mut pieces = framed(input);
        let (Some(key), Some(rrsig)) = (pieces.next(), pieces.next()) else { return 0 };
        let records: Vec<(&Name, &[u8])> = pieces.filter_map(|piece| Name::split_from_wire(piece).ok()).collect();
        let is_ds = records.iter().any(|(owner, data)| dnssec::digest::ds_matches(owner, key, data));
        mark((is_ds, self.verify(key, rrsig, &records), self.proofs(&records)))
    }
}
