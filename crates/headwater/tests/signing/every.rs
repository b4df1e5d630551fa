//! Every answer for every name of signed zones, and for the names around them, is judged by four validators: positive and
//! negative answers, wildcards, aliases, and what is below delegations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Instant;

use dns::rdata::typed::{Nsec3, Rrsig};
use dns::{Message, NameBuf, RType, Rcode};

use crate::common::{Scratch, rdata_text};
use crate::site::{Site, has, run};
use crate::validators::{Kind, Validator, ds_of};

/// Records of every type.
const GOLDEN: &str = include_str!("../../../../testdata/rdata/golden.txt");
/// What stands alone at no name of a zone, has a place of its own below, or is the signer's.
const NOT_HERE: [&str; 14] = [
    "SOA",
    "NS",
    "DS",
    "CNAME",
    "DNAME",
    "RRSIG",
    "SIG",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "DNSKEY",
    "CDS",
    "CDNSKEY",
    "DLV",
];
const FAULTY: [&str; 3] = ["IPSECKEY", "CAA", "SVCB"];
/// The zones with their policies.
const ZONES: [(&str, &str); 3] = [("nsec.test.", "nsec"), ("hashed.test.", "hashed"), ("optout.test.", "optout")];
const OPT_OUT: &str = "optout.test.";
const POLICIES: &str = "dnssec:
  policies:
    nsec: { algorithm: ecdsap256sha256 }
    hashed: { algorithm: ed25519, nsec3: true }
    optout: { algorithm: rsasha256, nsec3: true, nsec3_opt_out: true }
    only: { csk: true }
";
/// Delegations without a DS record. Nothing but one of them makes `y.lonely` and `lonely` exist.
const UNSIGNED: [&str; 6] = ["sub", "u0", "u1", "u2", "u3", "x.y.lonely"];
const SIGNED: &str = "secure";

const ALL: &str = "@ NS ns
@ MX 10 mail
@ TXT \"of the apex\"
@ CAA 0 issue \"ca.test\"
ns A 127.0.0.1
mail A 192.0.2.25
mail AAAA 2001:db8::25
www A 192.0.2.2
www A 192.0.2.3
UPPER MX 5 MAIL
UPPER SRV 0 0 25 MAIL
Upper A 192.0.2.4
a.b.c.ent A 192.0.2.5
*.wild A 192.0.2.6
*.wild TXT \"any\"
there.wild A 192.0.2.7
*.deep.wild MX 10 mail
*.aliases CNAME www
one CNAME two
two CNAME three
three CNAME www
to-wild CNAME q.wild
to-missing CNAME missing
to-unsigned CNAME www.sub
to-signed CNAME www.secure
redirect DNAME ent
redirect TXT \"beside\"
to-redirect CNAME a.b.c.redirect
wild-redirect DNAME wild
\\000null A 192.0.2.8
end\\255 A 192.0.2.9
_443._tcp.www TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
";

const CHILD: &str = "$TTL 60
@ SOA ns host 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.80
";

/// A zone, and what its names own.
struct Made {
    origin: NameBuf,
    text: String,
    types: BTreeMap<NameBuf, BTreeSet<RType>>,
}

fn make(origin: &str, ds: &str) -> Made {
    let mut records = ALL.to_owned();
    for (i, line) in GOLDEN.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let mut columns = line.split('\t');
        let (rtype, data) = (columns.next().expect("a type"), columns.next().expect("data"));
        // Data in this form that have a fault of their own: they are read, but not taken.
        let is_faulty = data.starts_with("\\#") && FAULTY.contains(&rtype);
        if !NOT_HERE.contains(&rtype) && !is_faulty {
            writeln!(records, "t{i} {rtype} {data}").expect("text");
        }
    }
    // More than a datagram takes.
    (0..24).for_each(|i| writeln!(records, "big TXT \"{i}{}\"", "x".repeat(200)).expect("text"));
    for cut in UNSIGNED.iter().chain([&SIGNED]) {
        writeln!(records, "{cut} NS ns.{cut}\nns.{cut} A 127.0.0.1").expect("text");
    }
    writeln!(records, "{SIGNED} DS {ds}").expect("text");
    let name: NameBuf = origin.parse().expect("a name");
    let rtype = |text: &str| RType::from_text(text.as_bytes()).expect("a type");
    let mut types: BTreeMap<NameBuf, BTreeSet<RType>> = BTreeMap::new();
    let at_apex = [RType::SOA, RType::DNSKEY, RType::CDS, RType::CDNSKEY, RType::NSEC3PARAM];
    types.insert(name.clone(), at_apex.into());
    for line in records.lines() {
        let mut words = line.split(' ');
        let owner = words.next().filter(|owner| *owner != "@").unwrap_or(origin);
        let owner = NameBuf::from_text(owner.as_bytes(), &name).expect("a name");
        types.entry(owner.into_canonical()).or_default().insert(rtype(words.next().expect("a type")));
    }
    let text = format!("$TTL 60\n@ SOA ns host 7 3600 600 86400 60\n{records}");
    Made { origin: name, text, types }
}

impl Made {
    /// The names of the zone, those between them and the apex, one just before and just after each, some below, and some
    /// that wildcards stand for.
    fn names(&self) -> BTreeSet<NameBuf> {
        let mut names = BTreeSet::new();
        for owner in self.types.keys() {
            names.extend(owner.ancestors().filter(|name| name.is_at_or_below(&self.origin)).map(NameBuf::from));
            let label = owner.labels().next().expect("a label").to_vec();
            let parent = owner.parent().expect("no root");
            let mut around = vec![(owner.as_ref(), vec![0]), (owner.as_ref(), b"zz".to_vec())];
            if *owner != self.origin {
                let mut before = label.clone();
                *before.last_mut().expect("no empty label") = label[label.len() - 1].saturating_sub(1);
                around.extend([(parent, before), (parent, [&label[..], &[0]].concat())]);
            }
            if owner.is_wildcard() {
                around.push((parent, b"q".to_vec()));
            }
            names.extend(around.into_iter().map(|(parent, label)| parent.prepend(&label).expect("a name")));
        }
        let more = ["r.q.wild", "a.b.c.redirect", "b.redirect", "q.wild-redirect", "there.wild-redirect", "www.sub"];
        let more = more.iter().chain(&["www.u1", "nothing.u1", "www.secure", "nothing.secure", "www.x.y.lonely"]);
        names.extend(more.map(|name| NameBuf::from_text(name.as_bytes(), &self.origin).expect("a name")));
        names.into_iter().map(NameBuf::into_canonical).collect()
    }

    /// For each name the types that it has, and one that it has not.
    fn questions(&self) -> Vec<(NameBuf, RType)> {
        let mut questions = Vec::new();
        for name in self.names() {
            let present = self.types.get(&name).cloned().unwrap_or_else(|| [RType::A].into());
            let absent = [RType::RP, RType::PTR].into_iter().find(|rtype| !present.contains(rtype));
            let is_cut = present.contains(&RType::NS) && name != self.origin;
            let parent_side = is_cut.then_some(RType::DS);
            let all: BTreeSet<RType> = present.into_iter().chain(absent).chain(parent_side).collect();
            questions.extend(all.into_iter().map(|rtype| (name.clone(), rtype)));
        }
        questions
    }

    /// Whether validators have to find an answer secure (RFC 4035 5, RFC 5155 8 and 9.2).
    fn is_secure(&self, question: &(NameBuf, RType), reference: &Message) -> bool {
        let (name, rtype) = question;
        let cuts = UNSIGNED.map(|cut| NameBuf::from_text(cut.as_bytes(), &self.origin).expect("a name"));
        // Nobody follows the alias that was asked for.
        let follows = *rtype != RType::CNAME;
        let aliases = reference.answers.iter().filter(|record| follows && record.rtype == RType::CNAME);
        let targets: Vec<NameBuf> =
            aliases.map(|record| NameBuf::from_wire(record.rdata.clone()).expect("a name").into_canonical()).collect();
        let last = targets.last().unwrap_or(name);
        let is_unsigned =
            |name: &NameBuf| cuts.iter().any(|cut| name.is_at_or_below(cut) && !(*rtype == RType::DS && *cut == *name));
        if is_unsigned(name) || targets.iter().any(is_unsigned) {
            return false;
        }
        let signed_child = NameBuf::from_text(SIGNED.as_bytes(), &self.origin).expect("a name");
        let is_of_child = last.is_at_or_below(&signed_child) && !(*rtype == RType::DS && *last == signed_child);
        if self.origin.to_string() != OPT_OUT || is_of_child {
            return true;
        }
        // Where a span with opt-out says that there is no such name, there may be one.
        let signatures = reference.answers.iter().filter(|record| record.rtype == RType::RRSIG);
        let labels = |name: &NameBuf| name.label_count() - usize::from(name.is_wildcard());
        let is_expanded = signatures
            .map(|record| (labels(&record.owner), Rrsig::parse(&record.rdata).expect("a signature").labels))
            .any(|(labels, signed)| usize::from(signed) < labels);
        let is_positive = reference.answers.iter().any(|record| record.rtype == *rtype);
        let hash = dnssec::nsec3::label(&dnssec::nsec3::hash(last, &[], 0));
        let matches = |record: &dns::Record| {
            let owner = record.owner.labels().next().unwrap_or_default();
            Nsec3::parse(&record.rdata).is_some() && owner.eq_ignore_ascii_case(&hash)
        };
        let mut proofs = reference.authorities.iter().filter(|record| record.rtype == RType::NSEC3);
        !is_expanded && (is_positive || proofs.any(matches))
    }
}

/// The records of an answer but for signatures, in a form that can be compared.
fn data(answer: &Message) -> BTreeSet<String> {
    let records = answer.answers.iter().filter(|record| record.rtype != RType::RRSIG);
    let line = |record: &dns::Record| {
        format!("{} {} {}", record.owner, record.rtype, rdata_text(record.rtype, &record.rdata)).to_lowercase()
    };
    records.map(line).collect()
}

/// What a validator has to say.
struct Expected {
    question: (NameBuf, RType),
    rcode: Rcode,
    data: BTreeSet<String>,
    is_secure: bool,
}

fn expected(site: &Site, made: &Made) -> Vec<Expected> {
    let expect = |question: (NameBuf, RType)| {
        let reference = site.ask_signed(&question.0.to_string(), question.1);
        let (rcode, is_secure) = (reference.header.rcode, made.is_secure(&question, &reference));
        Expected { rcode, data: data(&reference), is_secure, question }
    };
    made.questions().into_iter().map(expect).collect()
}

/// What others answer wrongly for reasons of their own, while all the rest find the same answer valid.
fn is_peculiar(kind: Kind, name: &str, rtype: RType) -> bool {
    match kind {
        // The alias itself, once it is known that its target does not exist.
        Kind::Unbound => rtype == RType::CNAME && name.starts_with("to-missing."),
        // Not asked: records with empty data, and names just before a wildcard: its cache takes these for proved not to exist.
        Kind::Knot => rtype == RType::NULL || name.starts_with("\\)."),
        Kind::Bind | Kind::Headwater => false,
    }
}

/// Asks a validator everything; returns what it says otherwise.
fn judge(validator: &Validator, all: &[Expected]) -> Vec<String> {
    let mut wrong = Vec::new();
    for Expected { question: (name, rtype), rcode, data: records, is_secure } in all {
        if is_peculiar(validator.kind, &name.to_string(), *rtype) {
            continue;
        }
        let said = match validator.ask(&name.to_string(), *rtype) {
            None => "no answer".to_owned(),
            Some(answer) => {
                let got = (answer.header.rcode, answer.header.ad, data(&answer));
                if got == (*rcode, *is_secure, records.clone()) {
                    continue;
                }
                format!("{} ad={} {:?}", got.0, got.1, got.2)
            }
        };
        let kind = validator.kind;
        wrong.push(format!("{kind:?}: {name} {rtype}: {said}, not {rcode} ad={is_secure} {records:?}"));
    }
    wrong
}

/// A key for the signed child of a zone, and its DS record.
fn child_key(keys: &Scratch, child: &str) -> (String, String) {
    let made = run(keys.path(), &["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", child]);
    let ds = run(keys.path(), &["dnssec-dsfromkey", "-2", made.trim()]);
    let (_, ds) = ds.trim().split_once(" DS ").expect("a DS record");
    (keys.path().join(format!("{}.private", made.trim())).display().to_string(), ds.to_owned())
}

#[test]
fn every_answer_for_every_name_validates() {
    if !has(&["delv", "dnssec-keygen", "dnssec-dsfromkey"]) {
        return;
    }
    let keys = Scratch::new("signing-every-keys");
    let (mut config, mut files, mut made) =
        ("zones:\n".to_owned(), vec![("child.zone".to_owned(), CHILD.to_owned())], Vec::new());
    for (zone, policy) in ZONES {
        let (key, ds) = child_key(&keys, &format!("{SIGNED}.{zone}"));
        let entry = |name: &str, file: &str, more: &str| {
            format!("  - {{ name: {name}, file: {file}, allow_transfer: [\"127.0.0.0/8\"]{more} }}\n")
        };
        config += &entry(zone, &format!("{zone}zone"), &format!(", dnssec: {policy}"));
        let more = format!(", dnssec: only, dnssec_key_files: [\"{key}\"]");
        config += &entry(&format!("{SIGNED}.{zone}"), "child.zone", &more);
        UNSIGNED.iter().for_each(|cut| config += &entry(&format!("{cut}.{zone}"), "child.zone", ""));
        let zone = make(zone, &ds);
        files.push((format!("{}zone", zone.origin), zone.text.clone()));
        made.push(zone);
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (&**file, &**text)).collect();
    let site = Site::start("every", &format!("{config}{POLICIES}"), &files);
    let zones = ZONES.map(|(zone, _)| zone);
    for zone in zones {
        site.wait_until_signed(zone);
        site.wait_until_signed(&format!("{SIGNED}.{zone}"));
    }
    let all: Vec<Expected> = made.iter().flat_map(|made| expected(&site, made)).collect();
    let secure = all.iter().filter(|expected| expected.is_secure).count();
    let negative = all.iter().filter(|expected| expected.data.is_empty()).count();
    println!("{} questions: {secure} with secure answers, {negative} with negative ones", all.len());
    // Delegations lead to port 53: validators have to know where the children are.
    let cuts = || UNSIGNED.iter().chain([&SIGNED]);
    let children = zones.iter().flat_map(|zone| cuts().map(move |cut| format!("{cut}.{zone}")));
    let asked: Vec<String> = zones.iter().map(|zone| (*zone).to_owned()).chain(children).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let anchors: Vec<(&str, String)> =
        zones.iter().flat_map(|zone| ds_of(&site, zone).into_iter().map(|ds| (*zone, ds))).collect();
    let start = |kind: Kind| kind.start_with(site.address, &asked, &anchors);
    let validators: Vec<Validator> =
        [Kind::Unbound, Kind::Knot, Kind::Headwater].into_iter().filter_map(start).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let judge = |validator| {
            let begin = Instant::now();
            let wrong = judge(validator, &all);
            println!("{:?}: {:?}", validator.kind, begin.elapsed());
            wrong
        };
        let threads: Vec<_> = validators.iter().map(|validator| scope.spawn(move || judge(validator))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    // BIND's validator starts a process for each question.
    for zone in zones {
        for (name, rtype) in [("big", "TXT"), ("a.b.c.redirect", "A"), ("c.ent", "A")] {
            site.validate(zone, name, rtype);
        }
        // With opt-out these are no more than insecure.
        for name in ["q.wild", "lonelz"].iter().filter(|_| zone != OPT_OUT) {
            site.validate(zone, name, "A");
        }
    }
}
