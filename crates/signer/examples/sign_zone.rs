//! What signing a whole zone costs, and a change of one record in it: prints processor seconds, the ratio to what the
//! crypto library alone takes for as many signatures, the most memory, and the time of single changes.
//!
//! `cargo run --release -p headwater-signer --example sign_zone -- hosts|delegations COUNT nsec|nsec3|opt-out`

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dns::zonefile::{self, NoIncludes, Options, Record, Sink};
use dns::{Class, Name, NameBuf, NameHasher, RType};
use dnssec::algorithm::Algorithm;
use dnssec::canonical::{Rrset, Scratch};
use dnssec::key::{PublicKey, SEP, ZONE_KEY};
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
use dnssec::verify::verify_rrset;
use signer::gate;
use signer::policy::{DenialMode, SigningPolicy};
use signer::sign::{sign_change, sign_whole};
use signer::zone_signer::{KeyInUse, ZoneSigner};
use zone::{Builder, Contents, Records, RrsetChange};

const USAGE: &str = "sign_zone hosts|delegations COUNT nsec|nsec3|opt-out";
const NOW_S: u64 = 1_800_000_000;
/// Signatures that tell how fast the library is.
const SAMPLE: u32 = 20_000;
/// Changes of one record.
const CHANGES: usize = 2000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, count, denial] = args.as_slice() else { panic!("{USAGE}") };
    let denial = match denial.as_str() {
        "nsec" => DenialMode::Nsec,
        "nsec3" => DenialMode::Nsec3 { opt_out: false },
        "opt-out" => DenialMode::Nsec3 { opt_out: true },
        _ => panic!("{USAGE}"),
    };
    let count: usize = count.parse().expect(USAGE);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let before = memory_mb("VmRSS");
    let unsigned = zone(kind, count);
    println!("{} records, {:.0} MB", unsigned.record_count(), memory_mb("VmRSS") - before);
    let signer = signer(denial);
    let each_s = library_seconds(&signer);
    let verify_s = verify_seconds(&signer);
    println!("alone: {:.1} us a signature, {:.1} us a verification", each_s * 1e6, verify_s * 1e6);

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let signed = sign_whole(&signer, &unsigned, NOW_S, threads).expect("it can be signed");
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let in_node = |node: zone::node::Node<'_>| node.rrsets().map(|rrset| rrset.signatures().1.count()).sum::<usize>();
    let signatures: usize = signed.nodes().map(in_node).sum();
    let ratio = cpu / (signatures as f64 * each_s);
    println!("{signatures} signatures: {wall:.1} s, {cpu:.1} CPU-s, {ratio:.2} x the library alone");
    println!("most memory so far {:.0} MB", memory_mb("VmHWM"));

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    gate::check_whole(&signer, &signed, NOW_S, threads).expect("the gate lets it pass");
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let ratio = cpu / (signatures as f64 * verify_s);
    println!("gate: {wall:.1} s, {cpu:.1} CPU-s, {ratio:.2} x the verifications alone");
    println!("most memory {:.0} MB", memory_mb("VmHWM"));
    drop(unsigned);
    println!("signed zone alone: {:.0} MB", memory_mb("VmRSS") - before);
    one_by_one(&signer, signed, count);
}

/// Changes of one address each: signed, applied, judged.
fn one_by_one(signer: &ZoneSigner, mut zone: Contents, count: usize) {
    let mut took = Vec::with_capacity(CHANGES);
    for number in 0..CHANGES {
        let begin = Instant::now();
        let owner = name(&format!("new{number}.h{}.example.", number * (count / CHANGES)));
        let records = Records { ttl: 300, data: vec![vec![192, 0, 2, number as u8]], signatures: Vec::new() };
        let soa = zone.records(zone.origin(), RType::SOA).expect("a SOA record");
        let mut next = soa.clone();
        let at = next.data[0].len() - 20;
        let serial = u32::from_be_bytes(next.data[0][at..at + 4].try_into().expect("four octets"));
        next.data[0][at..at + 4].copy_from_slice(&(serial + 1).to_be_bytes());
        let changes = vec![
            RrsetChange { owner, rtype: RType::A, before: None, after: Some(records) },
            RrsetChange { owner: zone.origin().to_owned(), rtype: RType::SOA, before: Some(soa), after: Some(next) },
        ];
        let changes = sign_change(signer, &zone, changes, &[], NOW_S, 1).expect("it can be signed");
        zone = zone.with(&changes.iter().map(RrsetChange::edit).collect::<Vec<_>>());
        gate::check(signer, &zone, &changes, NOW_S, 1).expect("the gate lets it pass");
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!("one change: p50 {:.3} ms, p99 {:.3} ms", took[CHANGES / 2], took[CHANGES * 99 / 100]);
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

fn zone(kind: &str, count: usize) -> Contents {
    let mut text = String::from("@ SOA ns host 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n");
    for number in 0..count {
        let line = match kind {
            "hosts" => {
                let [high, low] = (number as u16).to_be_bytes();
                format!("h{number} A 10.0.{high}.{low}\nh{number} AAAA 2001:db8::{:x}\n", number & 0xffff)
            }
            // One in ten is signed.
            "delegations" if number % 10 == 0 => {
                format!("h{number} NS ns.h{number}\nh{number} DS 1 13 2 {}\nns.h{number} A 10.1.2.3\n", "ab".repeat(32))
            }
            "delegations" => format!("h{number} NS ns.other.test.\n"),
            _ => panic!("{USAGE}"),
        };
        text.push_str(&line);
    }
    let origin = name("example.");
    let options =
        Options { origin: &origin, default_ttl: Some(300), file: Path::new("zone"), class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&origin, NameHasher::new(5)));
    let outcome = zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink);
    assert_eq!(outcome.problems, []);
    sink.0.finish().0
}

fn key(flags: u16) -> KeyInUse {
    let key = SigningKey::generate(Algorithm::ECDSAP256SHA256).expect("a key").with_flags(flags);
    KeyInUse { dnskey: key.dnskey_rdata().into(), key: Arc::new(key) }
}

fn signer(denial: DenialMode) -> ZoneSigner {
    let (ksk, zsk) = (key(ZONE_KEY | SEP), key(ZONE_KEY));
    let published = vec![ksk.dnskey.to_vec(), zsk.dnskey.to_vec()];
    ZoneSigner {
        origin: name("example."),
        policy: Arc::new(SigningPolicy { denial, ..SigningPolicy::default() }),
        key_signers: vec![ksk],
        zone_signers: vec![zsk],
        known: published.clone(),
        published,
        cds: Vec::new(),
        cdnskey: Vec::new(),
        parent_ds: Vec::new(),
        parent_sets: Vec::new(),
        former: Vec::new(),
    }
}

/// Processor seconds that one signature takes.
fn library_seconds(signer: &ZoneSigner) -> f64 {
    let rdatas: [&[u8]; 1] = [&[192, 0, 2, 1]];
    let owner: &Name = &signer.origin;
    let set = Rrset { owner, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &rdatas };
    let terms = SignatureTerms { signer: owner, inception: 0, expiration: 1, labels: None };
    let (begin, mut scratch) = (cpu_seconds(), Scratch::default());
    for _ in 0..SAMPLE {
        sign_rrset(&set, &terms, &signer.zone_signers[0].key, &mut scratch).expect("a signature");
    }
    (cpu_seconds() - begin) / f64::from(SAMPLE)
}

/// Processor seconds that one verification takes.
fn verify_seconds(signer: &ZoneSigner) -> f64 {
    let rdatas: [&[u8]; 1] = [&[192, 0, 2, 1]];
    let owner: &Name = &signer.origin;
    let set = Rrset { owner, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &rdatas };
    let terms = SignatureTerms { signer: owner, inception: 0, expiration: 1, labels: None };
    let (key, mut scratch) = (&signer.zone_signers[0], Scratch::default());
    let rrsig = sign_rrset(&set, &terms, &key.key, &mut scratch).expect("a signature");
    let public = PublicKey::from_dnskey(&key.dnskey).expect("a key");
    let begin = cpu_seconds();
    for _ in 0..SAMPLE {
        verify_rrset(&set, &rrsig, owner, &public, 1, &mut scratch).expect("it verifies");
    }
    (cpu_seconds() - begin) / f64::from(SAMPLE)
}

/// Processor seconds of this process so far, of all its threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().expect("fields");
    let field = |index: usize| after_name.split(' ').nth(index).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let ticks: f64 = field(11) + field(12);
    ticks / 100.0
}

fn memory_mb(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key)).expect("the key");
    line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).expect("kB") / 1024.0
}
