//! Zones of tests, and keys for them.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf, NameHasher, RType};
use dnssec::algorithm::Algorithm;
use dnssec::key::{SEP, ZONE_KEY};
use dnssec::sign::SigningKey;
use signer::policy::{DenialMode, SigningPolicy};
use signer::sign::{sign_change, sign_whole};
use signer::zone_signer::{KeyInUse, ZoneSigner};
use zone::{Builder, Contents, Edit, Records, RrsetChange};

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

/// The zone `example.` with these records.
pub fn zone(text: &str) -> Contents {
    let origin = name("example.");
    let options =
        Options { origin: &origin, default_ttl: Some(300), file: Path::new("zone"), class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&origin, NameHasher::new(5)));
    let outcome = zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink);
    assert_eq!(outcome.problems, [], "{text}");
    sink.0.finish().0
}

/// All records as a zone file.
pub fn text(contents: &Contents) -> String {
    let mut out = String::new();
    for record in zone::diff::list(contents).iter() {
        zonefile::write_record(record.owner, record.ttl, Class::IN, record.rtype, record.rdata, &mut out)
            .expect("strings take everything");
    }
    out
}

pub fn key(algorithm: Algorithm, flags: u16) -> KeyInUse {
    let key = SigningKey::generate(algorithm).expect("a key").with_flags(flags);
    KeyInUse { dnskey: key.dnskey_rdata().into(), key: Arc::new(key) }
}

/// A signer of `example.` with a key of each kind.
pub fn signer(algorithm: Algorithm, denial: DenialMode) -> ZoneSigner {
    let (ksk, zsk) = (key(algorithm, ZONE_KEY | SEP), key(algorithm, ZONE_KEY));
    let published = vec![ksk.dnskey.to_vec(), zsk.dnskey.to_vec()];
    ZoneSigner {
        origin: name("example."),
        policy: Arc::new(SigningPolicy { algorithm, denial, ..SigningPolicy::default() }),
        parent_ds: vec![ksk.key.ds_rdata(&name("example."), 2).expect("a digest")],
        parent_sets: Vec::new(),
        cdnskey: vec![ksk.dnskey.to_vec()],
        cds: vec![ksk.key.ds_rdata(&name("example."), 2).expect("a digest")],
        key_signers: vec![ksk],
        zone_signers: vec![zsk],
        known: published.clone(),
        published,
        former: Vec::new(),
    }
}

/// The zone signed as a whole.
pub fn signed(signer: &ZoneSigner, contents: &Contents) -> Contents {
    let after = sign_whole(signer, contents, now_s(), 2).expect("it can be signed");
    signer::gate::check_whole(signer, &after, now_s(), 2).expect("the gate lets it pass");
    after
}

pub fn apply(contents: &Contents, changes: &[RrsetChange]) -> Contents {
    contents.with(&changes.iter().map(RrsetChange::edit).collect::<Vec<_>>())
}

/// One RRset becomes this, as a change with the next serial.
pub fn edit(contents: &Contents, owner: &str, rtype: RType, data: &[Vec<u8>]) -> Vec<RrsetChange> {
    let owner = name(owner);
    let after =
        (!data.is_empty()).then(|| Records { ttl: 300, data: data.to_vec(), signatures: Vec::new() }.normalised(rtype));
    let before = contents.records(&owner, rtype);
    let mut soa = contents.records(contents.origin(), RType::SOA).expect("a SOA record");
    let before_soa = soa.clone();
    let at = soa.data[0].len() - 20;
    let serial = u32::from_be_bytes(soa.data[0][at..at + 4].try_into().expect("four octets"));
    soa.data[0][at..at + 4].copy_from_slice(&(serial + 1).to_be_bytes());
    let apex = contents.origin().to_owned();
    vec![
        RrsetChange { owner, rtype, before, after },
        RrsetChange { owner: apex, rtype: RType::SOA, before: Some(before_soa), after: Some(soa) },
    ]
}

/// What a change leads to, after the gate.
pub fn changed(signer: &ZoneSigner, contents: &Contents, changes: Vec<RrsetChange>) -> Contents {
    let changes = sign_change(signer, contents, changes, &[], now_s(), 1).expect("it can be signed");
    let after = apply(contents, &changes);
    if let Err(why) = signer::gate::check(signer, &after, &changes, now_s(), 1) {
        panic!("{why}\n{changes:?}\n{}", text(&after));
    }
    after
}

/// Takes records out.
pub fn without(contents: &Contents, owner: &str, rtype: RType) -> Contents {
    contents.with(&[Edit { owner: name(owner), rtype, records: None }])
}

/// A small generator; tests want the same numbers every time.
pub struct Random(pub u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

pub const PLAIN: &str = "@ SOA ns host 1 7200 3600 1209600 300
@ NS ns
@ NS ns.other.test.
@ MX 10 mail
@ TXT \"of the apex\"
ns A 192.0.2.1
ns AAAA 2001:db8::1
mail A 192.0.2.2
*.wild A 192.0.2.3
*.wild TXT \"any\"
a.b.c.ent A 192.0.2.4
sub NS ns.sub
sub NS ns2.sub
ns.sub A 192.0.2.5
ns2.sub A 192.0.2.6
deep.ns.sub A 192.0.2.7
secure NS ns.secure
secure DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ns.secure A 192.0.2.8
x.y.lonely NS ns.other.test.
alias CNAME mail
redirect DNAME other.test.
redirect TXT \"beside\"
UPPER A 192.0.2.9
_443._tcp.www TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
www HTTPS 1 . alpn=h2
\\000null A 192.0.2.10
";
