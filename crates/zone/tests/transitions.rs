//! Zones on their way between unsigned, NSEC and NSEC3 (RFC 5155 10.4, 10.5), at every serial: where a chain is complete,
//! denials are proved by it, and it makes no difference whether a version came by single differences, by one condensed
//! difference or as a whole.

mod denials;

use std::collections::BTreeMap;

use dns::{Name, NameBuf, NameHasher, RType};
use dnssec::nsec3;
use zone::check::{Severity, Source};
use zone::diff::{build, change, diff};
use zone::{Contents, RecordList, RecordListBuilder};

use denials::Denies;

const ORIGIN: &str = "example.";
/// Owners and types of the zone but for the apex; `sub` is a delegation, `e` an empty non-terminal.
const NAMES: [(&str, RType); 6] =
    [("a", RType::A), ("d.e", RType::A), ("sub", RType::NS), ("*.w", RType::A), ("x.w", RType::A), ("z", RType::A)];

type Records = BTreeMap<(NameBuf, RType), Vec<Vec<u8>>>;
/// Parameters of a chain of NSEC3 records.
type Params = (u16, &'static [u8]);

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn below(label: &str) -> NameBuf {
    name(&format!("{label}.{ORIGIN}"))
}

fn bitmap(types: &[RType]) -> Vec<u8> {
    let mut bits = [0u8; 32];
    types.iter().for_each(|rtype| bits[usize::from(rtype.0) / 8] |= 0x80 >> (rtype.0 % 8));
    let len = bits.iter().rposition(|&octet| octet != 0).map_or(0, |at| at + 1);
    [&[0, len as u8][..], &bits[..len]].concat()
}

fn rrsig(rtype: RType) -> Vec<u8> {
    let wire = [&rtype.0.to_be_bytes()[..], &[13, 1, 0, 0, 0, 60], &[0xff; 4], &[0; 4], &[0, 1]].concat();
    [&wire[..], name(ORIGIN).as_wire(), &[7; 64]].concat()
}

/// A zone as its signer works on it.
#[derive(Clone)]
struct Signer {
    serial: u32,
    records: Records,
    /// The versions so far.
    versions: Vec<(u32, Records)>,
}

impl Signer {
    fn new() -> Signer {
        let mut records = Records::new();
        records.insert((name(ORIGIN), RType::NS), vec![name("ns.other.").into_wire()]);
        for (label, rtype) in NAMES {
            let data = if rtype == RType::NS { name("ns.other.").into_wire() } else { vec![192, 0, 2, 1] };
            records.insert((below(label), rtype), vec![data]);
        }
        let mut signer = Signer { serial: 0, records, versions: Vec::new() };
        signer.publish();
        signer
    }

    /// Ends a version.
    fn publish(&mut self) {
        self.serial += 1;
        let soa = [&b"\x00\x00"[..], &self.serial.to_be_bytes(), &[0; 12], &60u32.to_be_bytes()].concat();
        self.records.insert((name(ORIGIN), RType::SOA), vec![soa]);
        self.versions.push((self.serial, self.records.clone()));
    }

    /// The names that a chain has, in canonical order; the hashed one has empty non-terminals too.
    fn chained(&self, hashed: bool) -> Vec<NameBuf> {
        let mut names = vec![name(ORIGIN)];
        names.extend(NAMES.iter().map(|(label, _)| below(label)));
        if hashed {
            names.extend(["e", "w"].map(below));
        }
        names.sort_by(|a, b| a.canonical_cmp(b));
        names
    }

    fn types(&self, owner: &Name, more: &[RType]) -> Vec<u8> {
        let own = self
            .records
            .keys()
            .filter(|(other, rtype)| **other == *owner && !matches!(*rtype, RType::NSEC | RType::NSEC3 | RType::RRSIG));
        bitmap(&own.map(|(_, rtype)| *rtype).chain(more.iter().copied()).collect::<Vec<_>>())
    }

    fn put(&mut self, owner: &Name, rtype: RType, data: Vec<u8>) {
        let is_parameter = |old: &Vec<u8>| rtype == RType::NSEC3 && params_of(old) != params_of(&data);
        let all = self.records.entry((owner.to_owned(), rtype)).or_default();
        all.retain(is_parameter);
        all.push(data);
        self.records.entry((owner.to_owned(), RType::RRSIG)).or_default().push(rrsig(rtype));
    }

    /// The NSEC record of one name of the complete chain.
    fn add_nsec(&mut self, at: usize) {
        let names = self.chained(false);
        let (owner, next) = (&names[at], &names[(at + 1) % names.len()]);
        let data = [next.as_wire(), &self.types(owner, &[RType::NSEC, RType::RRSIG])].concat();
        self.put(owner, RType::NSEC, data);
    }

    /// The NSEC3 record of one name of the complete chain.
    fn add_nsec3(&mut self, params: Params, at: usize) {
        let names = self.chained(true);
        let mut ring: Vec<_> = names.iter().map(|name| (nsec3::hash(name, params.1, params.0), name)).collect();
        ring.sort();
        let ((hash, owner), (next, _)) = (ring[at], ring[(at + 1) % ring.len()]);
        let mut data = vec![1, 0];
        data.extend(params.0.to_be_bytes());
        data.push(params.1.len() as u8);
        data.extend(params.1);
        data.push(20);
        data.extend(next);
        data.extend(self.types(owner, &[RType::RRSIG]));
        let label = String::from_utf8(nsec3::label(&hash).to_vec()).expect("letters");
        self.put(&below(&label), RType::NSEC3, data);
    }

    fn add_param(&mut self, params: Params) {
        let data = [&[1, 0][..], &params.0.to_be_bytes(), &[params.1.len() as u8], params.1].concat();
        self.records.entry((name(ORIGIN), RType::NSEC3PARAM)).or_default().push(data);
    }

    fn remove_param(&mut self, params: Params) {
        let all = self.records.entry((name(ORIGIN), RType::NSEC3PARAM)).or_default();
        all.retain(|data| params_of(data) != (&params.0.to_be_bytes(), params.1));
        self.records.retain(|_, data| !data.is_empty());
    }

    /// Takes away one record of a chain.
    fn remove(&mut self, rtype: RType, params: Option<Params>, at: usize) {
        let is_wanted =
            |data: &Vec<u8>| params.is_none_or(|params| params_of(data) == (&params.0.to_be_bytes(), params.1));
        let owners = self.records.iter().filter(|((_, other), data)| *other == rtype && data.iter().any(is_wanted));
        let Some(key) = owners.map(|(key, _)| key.clone()).nth(at) else { return };
        let all = self.records.get_mut(&key).expect("it is there");
        all.retain(|data| !is_wanted(data));
        if all.is_empty() {
            self.records.remove(&key);
            self.records.entry((key.0, RType::RRSIG)).or_default().retain(|data| data[..2] != rtype.0.to_be_bytes());
        }
        self.records.retain(|_, data| !data.is_empty());
    }

    /// Everything in steps of `step` records, a version after each.
    fn each(&mut self, count: usize, step: usize, mut work: impl FnMut(&mut Signer, usize)) {
        for at in 0..count {
            work(self, at);
            if (at + 1) % step == 0 {
                self.publish();
            }
        }
    }
}

/// Iterations and salt of an NSEC3 or NSEC3PARAM record.
fn params_of(data: &[u8]) -> (&[u8], &[u8]) {
    (&data[2..4], &data[5..5 + usize::from(data[4])])
}

fn list(records: &Records) -> RecordList {
    let mut out = RecordListBuilder::default();
    for ((owner, rtype), data) in records {
        data.iter().for_each(|data| out.push(owner, *rtype, 60, data));
    }
    out.finish()
}

fn hasher() -> NameHasher {
    NameHasher::new(3)
}

/// Which chains of a version are complete, by counting.
struct Complete {
    nsec: bool,
    nsec3: Vec<Params>,
}

impl Complete {
    fn of(records: &Records, all: &[Params]) -> Complete {
        let count = |rtype, params: Option<Params>| {
            let of_type = records.iter().filter(|((_, other), _)| *other == rtype).flat_map(|(_, data)| data);
            let is_wanted = |data: &&Vec<u8>| params.is_none_or(|p| params_of(data) == (&p.0.to_be_bytes()[..], p.1));
            of_type.filter(is_wanted).count()
        };
        let is_named = |p: &&Params| count(RType::NSEC3PARAM, Some(**p)) > 0;
        let is_whole = |p: &&Params| count(RType::NSEC3, Some(**p)) == NAMES.len() + 3;
        Complete {
            nsec: count(RType::NSEC, None) == NAMES.len() + 1,
            nsec3: all.iter().filter(is_named).filter(is_whole).copied().collect(),
        }
    }

    fn any(&self) -> bool {
        self.nsec || !self.nsec3.is_empty()
    }
}

/// Names, types, and what a response has to prove.
const QUESTIONS: [(&str, RType, Denies); 9] = [
    ("b", RType::A, Denies::Name),
    ("a", RType::TXT, Denies::Type),
    ("e", RType::A, Denies::Type),
    ("f.e", RType::A, Denies::Name),
    ("sub", RType::DS, Denies::Ds),
    ("x.sub", RType::A, Denies::Ds),
    ("q.w", RType::TXT, Denies::Type),
    ("w", RType::TXT, Denies::Type),
    ("zz.z", RType::A, Denies::Name),
];

/// Asks all questions of a version; where it has a complete chain, every denial must be proved by what is signed.
fn check(contents: &Contents, complete: &Complete, what: &str) {
    for (label, qtype, denies) in QUESTIONS {
        let cut = if denies == Denies::Ds { below("sub") } else { name(ORIGIN) };
        denials::check(contents, &below(label), qtype, denies, &cut, complete.any(), what);
    }
}

/// Checks every version of a sequence: as a whole, by differences, and by one difference from each earlier version.
fn check_sequence(what: &str, signer: &Signer, params: &[Params]) {
    let whole: Vec<Contents> =
        signer.versions.iter().map(|(_, records)| build(&name(ORIGIN), hasher(), &list(records)).0).collect();
    let mut proved = 0;
    let mut step = whole[0].clone();
    for (at, (serial, records)) in signer.versions.iter().enumerate() {
        let complete = Complete::of(records, params);
        proved += usize::from(complete.any());
        let what = format!("{what}, serial {serial}");
        let refused = whole[at].findings().iter().find(|f| f.severity(Source::Transferred) == Severity::Error);
        assert_eq!(refused, None, "{what}");
        check(&whole[at], &complete, &format!("{what}, whole"));
        if at > 0 {
            step = change(&step, &diff(&whole[at - 1], &whole[at])).0;
        }
        check(&step, &complete, &format!("{what}, by differences"));
        for from in 0..at {
            let condensed = change(&whole[from], &diff(&whole[from], &whole[at])).0;
            check(&condensed, &complete, &format!("{what}, condensed from {}", signer.versions[from].0));
        }
    }
    assert!(proved > 2, "{what}: {proved} versions have a complete chain");
}

const ONE: Params = (0, b"");
const OTHER: Params = (5, b"\xaa\xbb");
/// Names in a chain of NSEC records, and in one of NSEC3 records.
const NSEC: usize = NAMES.len() + 1;
const NSEC3: usize = NAMES.len() + 3;

/// First signing: the chain of NSEC records grows.
#[test]
fn unsigned_to_nsec() {
    for step in [1, 3, 100] {
        let mut signer = Signer::new();
        signer.each(NSEC, step, |signer, at| signer.add_nsec(at));
        (0..3).for_each(|_| signer.publish());
        check_sequence(&format!("unsigned to NSEC by {step}"), &signer, &[]);
    }
}

/// RFC 5155 10.4: NSEC3 records, then NSEC3PARAM, then the NSEC records go.
#[test]
fn nsec_to_nsec3_and_back() {
    for step in [1, 4, 100] {
        let mut signer = Signer::new();
        (0..NSEC).for_each(|at| signer.add_nsec(at));
        signer.publish();
        signer.each(NSEC3, step, |signer, at| signer.add_nsec3(ONE, at));
        signer.add_param(ONE);
        signer.publish();
        signer.each(NSEC, step, |signer, _| signer.remove(RType::NSEC, None, 0));
        signer.publish();
        // RFC 5155 10.5: NSEC records, then NSEC3PARAM goes, then the NSEC3 records.
        signer.each(NSEC, step, |signer, at| signer.add_nsec(at));
        signer.publish();
        signer.remove_param(ONE);
        signer.publish();
        signer.each(NSEC3, step, |signer, _| signer.remove(RType::NSEC3, Some(ONE), 0));
        signer.publish();
        check_sequence(&format!("NSEC to NSEC3 and back by {step}"), &signer, &[ONE]);
    }
}

/// The order that the RFC does not ask for: NSEC3PARAM comes first and goes last. The chain of NSEC records is whole all
/// the time.
#[test]
fn nsec3param_too_early_and_too_late() {
    for step in [1, 4] {
        let mut signer = Signer::new();
        (0..NSEC).for_each(|at| signer.add_nsec(at));
        signer.add_param(ONE);
        signer.publish();
        signer.each(NSEC3, step, |signer, at| signer.add_nsec3(ONE, at));
        signer.publish();
        signer.each(NSEC3, step, |signer, at| signer.remove(RType::NSEC3, Some(ONE), at % 2));
        signer.remove_param(ONE);
        signer.publish();
        check_sequence(&format!("NSEC3PARAM out of order by {step}"), &signer, &[ONE]);
    }
}

/// New parameters: two chains, and two NSEC3PARAM records in either order.
#[test]
fn other_parameters() {
    for (old, new) in [(ONE, OTHER), (OTHER, ONE)] {
        let mut signer = Signer::new();
        (0..NSEC3).for_each(|at| signer.add_nsec3(old, at));
        signer.add_param(old);
        signer.publish();
        signer.add_param(new);
        signer.each(NSEC3, 2, |signer, at| signer.add_nsec3(new, at));
        signer.publish();
        signer.each(NSEC3, 2, |signer, _| signer.remove(RType::NSEC3, Some(old), 0));
        signer.publish();
        signer.remove_param(old);
        signer.publish();
        check_sequence(&format!("from {old:?} to {new:?}"), &signer, &[old, new]);
    }
}
