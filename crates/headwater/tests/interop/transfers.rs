//! Transfers both ways with each of the peers, with and without TSIG: the whole zone first, then changes by NOTIFY
//! and IXFR (RFC 5936, RFC 1995, RFC 1996, RFC 8945).

use std::net::SocketAddr;

use crate::common::{Scratch, Server, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, nsupdate, transfer, wait_for_serial};
use crate::zonefile::{self, LONG_TIMERS};

/// Changes that are made as fast as the primary takes them.
const BURST: std::ops::RangeInclusive<u32> = 2..=6;
/// More records, or octets, than a change of one stage has, and fewer than the zone.
const MAX_DIFFERENCE_RECORDS: usize = 25;
const MAX_DIFFERENCE_OCTETS: usize = 1500;

#[test]
fn bind() {
    with_peer(Kind::Bind);
}

#[test]
fn knot() {
    with_peer(Kind::Knot);
}

#[test]
fn nsd() {
    with_peer(Kind::Nsd);
}

fn with_peer(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let scratch = Scratch::new(&format!("interop-transfers-{kind:?}"));
    let peer_address = free_address();
    let (zones, entries) = zones(peer_address);
    let ours = tools::headwater(&scratch, free_address(), &entries);
    // What Headwater is primary of starts empty, with serial 1: stage 0 is its first change.
    for zone in zones.iter().filter(|zone| zone.primary.is_none()) {
        update(ours.address, zone, 0);
    }
    let peer = Peer::start(kind, &scratch, peer_address, ours.address, &zones);
    let pair = Pair { scratch: &scratch, ours, peer };
    for zone in &zones {
        pair.check_whole(zone);
    }
    for zone in &zones {
        pair.check_change(zone);
    }
    for zone in &zones {
        pair.check_burst(zone);
    }
    // While it reloads, NSD drops connections, or answers without a signature.
    let dropped = |line: &&str| {
        kind == Kind::Nsd && ["Connection reset by peer", "the answer is not signed"].iter().any(|it| line.contains(it))
    };
    let log = pair.ours.process.log();
    let is_complaint = |line: &&str| {
        ["transferred as a whole", "answer to NOTIFY ignored", "\"ERROR\""].iter().any(|it| line.contains(it))
    };
    let complaints: Vec<&str> = log.lines().filter(is_complaint).filter(|line| !dropped(line)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}\n{log}");
    println!("{kind:?}: {} zones, each compared {} times", zones.len(), 3);
}

/// The zones as the peer has them, and Headwater's entries for them.
fn zones(peer: SocketAddr) -> (Vec<Zone>, String) {
    let (mut zones, mut entries) = (Vec::new(), String::new());
    for signing in Signing::ALL {
        let name = |from: &str| format!("{}.from-{from}.test.", signing.label());
        let key = signing.key().map_or(String::new(), |(name, ..)| format!(" key:{name}"));
        let who = format!("127.0.0.0/8{key}");
        let (from_us, from_peer) = (name("us"), name("peer"));
        entries += &format!(
            "  - {{ name: {from_us}, allow_transfer: [\"{who}\"], allow_update: [\"{who}\"], notify: [\"{peer}{key}\"] }}\n  \
             - {{ name: {from_peer}, allow_transfer: [\"{who}\"], primaries: [\"{peer}{key}\"] }}\n"
        );
        zones.push(Zone { name: from_us, signing, primary: None, extra: String::new() });
        let primary = Some(zonefile::text(&from_peer, 0, LONG_TIMERS));
        zones.push(Zone { name: from_peer, signing, primary, extra: String::new() });
    }
    (zones, entries)
}

fn update(server: SocketAddr, zone: &Zone, stage: u32) {
    let script = zonefile::update(&zone.name, stage);
    let done = nsupdate(server, zone.signing, &["-v"], &script);
    assert_eq!(done, Ok(()), "{} to stage {stage}:\n{script}", zone.name);
}

/// Headwater and a peer that have the same zones.
struct Pair<'a> {
    scratch: &'a Scratch,
    ours: Server,
    peer: Peer,
}

impl Pair<'_> {
    fn primary(&self, zone: &Zone) -> SocketAddr {
        if zone.primary.is_some() { self.peer.address } else { self.ours.address }
    }

    fn secondary(&self, zone: &Zone) -> SocketAddr {
        if zone.primary.is_some() { self.ours.address } else { self.peer.address }
    }

    /// The serial of a stage: Headwater's zones begin one later.
    fn serial(zone: &Zone, stage: u32) -> u32 {
        if zone.primary.is_some() { stage + 1 } else { stage + 2 }
    }

    /// Brings the primary's zone to `stage` from the one before.
    fn advance(&self, zone: &Zone, stage: u32) {
        if zone.primary.is_some() && self.peer.kind == Kind::Nsd {
            self.peer.replace_file(self.scratch, &zone.name, &zonefile::text(&zone.name, stage, LONG_TIMERS));
        } else {
            update(self.primary(zone), zone, stage);
        }
    }

    /// Waits until both have `stage`, and compares all records.
    fn compare(&self, zone: &Zone, stage: u32) {
        let logs = || format!("{}\n{}", self.peer.process.log(), self.ours.process.log());
        let serial = Self::serial(zone, stage);
        wait_for_serial(self.primary(zone), &zone.name, serial, logs);
        wait_for_serial(self.secondary(zone), &zone.name, serial, logs);
        let here = contents(self.ours.address, zone.signing, &zone.name);
        let there = contents(self.peer.address, zone.signing, &zone.name);
        assert_eq!(here, there, "{} at stage {stage}", zone.name);
        assert!(here.len() > 60, "{}: {here:?}", zone.name);
    }

    /// The zone arrives as a whole; without the key nobody gets it.
    fn check_whole(&self, zone: &Zone) {
        self.compare(zone, 0);
        for signing in
            Signing::ALL.into_iter().filter(|&signing| signing != zone.signing && zone.signing != Signing::None)
        {
            let refused = transfer(self.ours.address, signing, &zone.name, "AXFR");
            assert!(refused.is_err(), "{} with {signing:?}: {refused:?}", zone.name);
        }
    }

    /// A change arrives by NOTIFY, because no timer is that short, and as a difference.
    fn check_change(&self, zone: &Zone) {
        let before = Self::serial(zone, 0);
        self.advance(zone, 1);
        self.compare(zone, 1);
        self.check_incremental(zone, before);
        for server in [self.ours.address, self.peer.address] {
            let difference = transfer(server, zone.signing, &zone.name, &format!("IXFR={before}")).expect("IXFR");
            let soas = difference.iter().filter(|line| line.contains(" SOA ")).count();
            assert!(
                soas == 4 && difference.len() < MAX_DIFFERENCE_RECORDS,
                "{} from {server}: {difference:#?}",
                zone.name
            );
        }
    }

    /// What the logs say of how the change from `before` went.
    fn check_incremental(&self, zone: &Zone, before: u32) {
        // Logs may be late.
        let found = until(crate::common::PATIENCE, || self.is_incremental(zone, before).then_some(()));
        let logs = (self.peer.process.log(), self.ours.process.log());
        assert!(found.is_some(), "{}: not by IXFR from {before}:\n{}\n{}", zone.name, logs.0, logs.1);
    }

    fn is_incremental(&self, zone: &Zone, before: u32) -> bool {
        let name = zone.name.trim_end_matches('.');
        let after = before + 1;
        if zone.primary.is_none() {
            let from = format!("\"from\":{before}");
            let log = self.ours.process.log();
            let asked = log.lines().any(|line| [name, "\"IXFR\"", &from].iter().all(|word| line.contains(word)));
            return asked && self.peer_got_difference(name, after);
        }
        let sent = match self.peer.kind {
            Kind::Bind => vec![name.to_owned(), "IXFR started".into(), format!("(serial {before} -> {after})")],
            Kind::Knot => vec![name.to_owned(), "IXFR, outgoing".into(), format!("serial {before} -> {after}")],
            Kind::Nsd => vec![name.to_owned(), "ixfr for".into()],
        };
        let words: Vec<&str> = sent.iter().map(String::as_str).collect();
        !self.peer.log_lines(&words).is_empty()
    }

    /// Whether the peer says that the transfer that brought serial `after` was small.
    fn peer_got_difference(&self, name: &str, after: u32) -> bool {
        let serial = format!("serial {after}");
        let (words, unit, limit): (Vec<&str>, _, _) = match self.peer.kind {
            Kind::Bind => (vec![name, "Transfer completed", &serial], "records,", MAX_DIFFERENCE_RECORDS),
            Kind::Knot => (vec![name, "IXFR, incoming", "finished"], "bytes", MAX_DIFFERENCE_OCTETS),
            Kind::Nsd => (vec![name, "received update to", &serial], "bytes", MAX_DIFFERENCE_OCTETS),
        };
        self.peer.log_lines(&words).iter().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|&word| word == unit);
            let amount = at.and_then(|at| words.get(at.checked_sub(1)?)?.parse::<usize>().ok());
            amount.is_some_and(|amount| amount < limit)
        })
    }

    /// Many changes in a row: the last arrives, and nothing is lost on the way.
    fn check_burst(&self, zone: &Zone) {
        for stage in BURST {
            self.advance(zone, stage);
        }
        self.compare(zone, *BURST.end());
    }
}
