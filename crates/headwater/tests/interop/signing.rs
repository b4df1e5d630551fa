//! BIND signs a zone, goes from NSEC to NSEC3, to other parameters and back (RFC 5155 10.4, 10.5), in many small steps:
//! Headwater follows, and at every serial its denials are proved by the chain that is complete.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use dns::rdata::typed::{Nsec, Nsec3, Nsec3Param};
use dns::{Name, NameBuf, NameHasher, RType};
use dnssec::nsec3;
use zone::check::{Severity, Source};
use zone::diff::{build, change, diff, list};
use zone::xfr::{self, Incoming, Limits, Progress, Step, edits};
use zone::{Contents, Edit, RecordList, RrsetChange};

use crate::common::{PATIENCE, Scratch, until};
use crate::denials::{self, Denies};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, nsupdate, transfer};
use crate::zonefile::LONG_TIMERS;

const ZONE: &str = "signing.test.";
/// Owners of the zone besides the apex.
const NAMES: usize = 12;

#[test]
fn every_serial_of_a_zone_that_bind_signs() {
    if !Kind::Bind.is_installed() || !have(&["dnssec-keygen"]) {
        return;
    }
    let scratch = Scratch::new("interop-signing");
    let (address, ours) = (free_address(), free_address());
    make_keys(&scratch.path().join("peer"));
    let mut text = format!("{ZONE} 300 SOA ns.other.test. host.{ZONE} 1 {LONG_TIMERS}\n{ZONE} 300 NS ns.other.test.\n");
    (0..NAMES).for_each(|n| text += &format!("n{n}.{ZONE} 300 A 192.0.2.{n}\n"));
    text += &format!("deep.below.{ZONE} 300 A 192.0.2.77\n*.wild.{ZONE} 300 A 192.0.2.78\n");
    text += &format!("sub.{ZONE} 300 NS ns.other.test.\n");
    let extra = "auto-dnssec maintain; key-directory \".\"; sig-signing-nodes 2; sig-signing-signatures 2; max-ixfr-ratio unlimited;";
    let zone = Zone { name: ZONE.into(), signing: Signing::None, primary: Some(text), extra: extra.into() };
    let entry = format!("  - {{ name: {ZONE}, primaries: [\"{address}\"], allow_transfer: [127.0.0.1] }}\n");
    let ours = tools::headwater(&scratch, ours, &entry);
    let peer = Peer::start(Kind::Bind, &scratch, address, ours.address, &[zone]);
    let update = |script: &str| {
        assert_eq!(nsupdate(address, Signing::None, &[], &format!("zone {ZONE}\n{script}")), Ok(()), "{script}");
    };
    let wait = |what: &str, holds: &dyn Fn(&Records) -> bool| {
        let done = until(PATIENCE, || transfer(address, Signing::None, ZONE, "AXFR").ok().filter(|all| holds(all)));
        assert!(done.is_some(), "{what}:\n{}", peer.process.log());
    };
    wait("first signing", &|all| count(all, "NSEC") == NAMES + 4);
    update(&format!("update add {ZONE} 0 NSEC3PARAM 1 0 0 -"));
    wait("NSEC3", &|all| count(all, "NSEC3PARAM") == 1 && count(all, "NSEC") == 0);
    update(&format!("update delete {ZONE} NSEC3PARAM 1 0 0 -\nupdate add {ZONE} 0 NSEC3PARAM 1 0 5 AABB"));
    wait("other parameters", &|all| {
        let is_new = |line: &String| line.contains("NSEC3PARAM 1 0 5 AABB");
        all.iter().any(is_new) && count(all, "NSEC3PARAM") == 1 && count(all, "NSEC3") == NAMES + 6
    });
    update(&format!("update delete {ZONE} NSEC3PARAM 1 0 5 AABB"));
    wait("NSEC again", &|all| count(all, "NSEC3") == 0 && count(all, "NSEC") == NAMES + 4);
    check_history(address);
    // Headwater has followed by NOTIFY all the while.
    let same = || contents(ours.address, Signing::None, ZONE) == contents(address, Signing::None, ZONE);
    assert!(until(PATIENCE, || same().then_some(())).is_some(), "{}\n{}", peer.process.log(), ours.process.log());
    // It may have asked before BIND was there.
    let complaints = ["transferred as a whole", "no primary gives"];
    let log = ours.process.log();
    let refused =
        |line: &&str| complaints.iter().any(|words| line.contains(words)) && !line.contains("onnection refused");
    assert_eq!(log.lines().find(refused), None, "{log}");
}

/// The lines of a transfer.
type Records = Vec<String>;

/// How many records of a type there are.
fn count(all: &Records, rtype: &str) -> usize {
    all.iter().filter(|line| line.split(' ').nth(3) == Some(rtype)).count()
}

fn make_keys(directory: &Path) {
    std::fs::create_dir_all(directory).expect("directory");
    for flags in [&["-f", "KSK"][..], &[]] {
        let mut command = Command::new("dnssec-keygen");
        command.args(["-q", "-a", "ECDSAP256SHA256", "-K"]).arg(directory).args(flags).arg(ZONE);
        assert!(command.output().is_ok_and(|output| output.status.success()), "dnssec-keygen");
    }
}

/// The first version, and all the steps that BIND gives from it.
fn history(address: SocketAddr) -> (RecordList, Vec<Step>) {
    let name: NameBuf = ZONE.parse().expect("a name");
    let ask = |qtype: RType, serial: Option<u32>| {
        let query = xfr::query(1, &name, serial).to_wire(512);
        let mut incoming = Incoming::new(name.clone(), qtype, serial, 1, Limits::default());
        let mut progress = Progress::More;
        stream(address, &query, |message| {
            progress = incoming.message(message).expect("a transfer");
            progress == Progress::More
        });
        progress
    };
    let steps = match ask(RType::IXFR, Some(1)) {
        Progress::Incremental(steps) => steps,
        other => panic!("no difference from serial 1: {other:?}"),
    };
    let Progress::Full(last) = ask(RType::AXFR, None) else { panic!("no transfer") };
    // Backwards from the last version to the first.
    let last = build(&name, NameHasher::new(3), &last).0;
    let first = steps.iter().rev().fold(last, |after, step| {
        let back = Step { from: step.to, to: step.from, deleted: step.added.clone(), added: step.deleted.clone() };
        step_of(&after, &[back])
    });
    (list(&first), steps)
}

/// Sends a query over TCP, and reads messages as long as `more` says.
fn stream(address: SocketAddr, query: &[u8], mut more: impl FnMut(&[u8]) -> bool) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream.write_all(&[&(query.len() as u16).to_be_bytes()[..], query].concat()).expect("query");
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len).expect("length");
        let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut message).expect("message");
        if !more(&message) {
            return;
        }
    }
}

/// A version with these steps, made as the committer makes it.
fn step_of(contents: &Contents, steps: &[Step]) -> Contents {
    let edits = edits(steps, contents).expect("steps that fit");
    let change_of = |Edit { owner, rtype, records }: Edit| {
        let before = contents.records(&owner, rtype);
        RrsetChange { owner, rtype, before, after: records.map(|records| records.normalised(rtype)) }
    };
    change(contents, &edits.into_iter().map(change_of).collect::<Vec<_>>()).0
}

fn check_history(address: SocketAddr) {
    let (first, steps) = history(address);
    let name: NameBuf = ZONE.parse().expect("a name");
    let mut version = build(&name, NameHasher::new(3), &first).0;
    let (mut proved, mut versions) = (0, vec![version.clone()]);
    for (at, step) in steps.iter().enumerate() {
        version = step_of(&version, std::slice::from_ref(step));
        let what = format!("serial {}", step.to);
        let refused = version.findings().iter().find(|f| f.severity(Source::Transferred) == Severity::Error);
        assert_eq!(refused, None, "{what}");
        let complete = is_complete(&version);
        proved += usize::from(complete);
        let whole = build(&name, NameHasher::new(3), &list(&version)).0;
        // From a few versions back at once.
        let back = at.saturating_sub(7);
        let condensed = step_of(&versions[back], &steps[back..=at]);
        assert!(diff(&condensed, &version).is_empty(), "{what}");
        for (contents, how) in [(&version, "step by step"), (&whole, "as a whole"), (&condensed, "condensed")] {
            check_denials(contents, complete, &format!("{what}, {how}"));
        }
        versions.push(version.clone());
    }
    println!("BIND: {} serials, {proved} with a complete chain", steps.len());
    assert!(steps.len() > 40 && proved > 30, "{} serials, {proved} with a complete chain", steps.len());
}

fn check_denials(contents: &Contents, complete: bool, what: &str) {
    let questions = [
        ("absent", RType::A, Denies::Name),
        ("zzz", RType::A, Denies::Name),
        ("x.n3", RType::A, Denies::Name),
        ("n5", RType::TXT, Denies::Type),
        ("below", RType::A, Denies::Type),
        ("q.wild", RType::TXT, Denies::Type),
        ("x.sub", RType::A, Denies::Ds),
    ];
    let cut: NameBuf = format!("sub.{ZONE}").parse().expect("a name");
    for (label, qtype, denies) in questions {
        let qname: NameBuf = format!("{label}.{ZONE}").parse().expect("a name");
        denials::check(contents, &qname, qtype, denies, &cut, complete, what);
    }
}

/// Whether a chain has every name and is closed, found out by listing all of them.
fn is_complete(contents: &Contents) -> bool {
    let zone = contents.origin();
    let records = list(contents);
    let mut names: BTreeSet<NameBuf> = BTreeSet::new();
    for record in records.iter().filter(|record| !matches!(record.rtype, RType::NSEC3 | RType::RRSIG)) {
        names.insert(record.owner.to_owned());
    }
    let signed: BTreeSet<(NameBuf, u16)> = records
        .iter()
        .filter(|record| record.rtype == RType::RRSIG)
        .map(|record| (record.owner.to_owned(), u16::from_be_bytes([record.rdata[0], record.rdata[1]])))
        .collect();
    let is_signed = |owner: &Name, rtype: RType| signed.contains(&(owner.to_owned(), rtype.0));
    let mut plain: BTreeSet<(NameBuf, NameBuf)> = BTreeSet::new();
    for record in records.iter().filter(|r| r.rtype == RType::NSEC && is_signed(r.owner, RType::NSEC)) {
        let nsec = Nsec::parse(record.rdata).expect("NSEC");
        plain.insert((record.owner.to_owned(), nsec.next.to_owned()));
    }
    let mut sorted: Vec<&NameBuf> = names.iter().collect();
    sorted.sort_by(|a, b| a.canonical_cmp(b));
    let ring = |at: usize| (sorted[at].clone(), sorted[(at + 1) % sorted.len()].clone());
    if (0..sorted.len()).all(|at| plain.contains(&ring(at))) {
        return true;
    }
    let mut all = names.clone();
    all.extend(
        names.iter().flat_map(|name| name.ancestors().take_while(|n| n.is_at_or_below(zone)).map(Name::to_owned)),
    );
    let apex = contents.apex().expect("apex");
    let params = apex.rrset(RType::NSEC3PARAM);
    params.iter().flat_map(|rrset| rrset.data()).filter_map(Nsec3Param::parse).filter(|p| p.flags == 0).any(|param| {
        let mut hashes: Vec<_> = all.iter().map(|name| nsec3::hash(name, param.salt, param.iterations)).collect();
        hashes.sort_unstable();
        (0..hashes.len()).all(|at| {
            let label = String::from_utf8(nsec3::label(&hashes[at]).to_vec()).expect("letters");
            let owner: NameBuf = format!("{label}.{ZONE}").parse().expect("a name");
            let next = hashes[(at + 1) % hashes.len()];
            let is_it =
                |n: Nsec3<'_>| n.salt == param.salt && n.iterations == param.iterations && n.next_hashed == next;
            let node = contents.get(&owner);
            let rrset = node.as_ref().and_then(|node| node.rrset(RType::NSEC3));
            is_signed(&owner, RType::NSEC3)
                && rrset.is_some_and(|rrset| rrset.data().filter_map(Nsec3::parse).any(is_it))
        })
    })
}
