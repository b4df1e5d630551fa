//! Zones with odd data at other servers: what any two of NSD, Knot, BIND and PowerDNS serve, Headwater serves as their
//! secondary, record for record (RFC 1034 4.3.5), after a transfer of the whole zone and after a change.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;

use crate::common::{PATIENCE, Process, Scratch, Server, counter, counters, headwater, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, nsupdate, serial};
use crate::zonefile::LONG_TIMERS;

/// Name, records, and what the checks have to find (nothing where they have nothing to say). The apex has NS records that
/// lead out of the zone unless the records begin with `!`.
const ZONES: [(&str, &str, &str); 30] = [
    ("plain", "www A 192.0.2.1", ""),
    ("noglue", "cust NS ns1.cust", "has no address"),
    ("noaddress", "sub NS lost", "has no address"),
    ("apex-noaddress", "@ NS lost", "has no address"),
    ("alias", "sub NS al|al CNAME www.other.test.", "is an alias"),
    ("apex-alias", "@ NS al|al CNAME www.other.test.", "is an alias"),
    ("below-dname", "d DNAME other.test.|x.d A 192.0.2.2|*.d A 192.0.2.3", "below a DNAME"),
    ("below-apex-dname", "@ DNAME other.test.|www A 192.0.2.2", "below a DNAME"),
    ("ns-dname", "d NS ns.d|ns.d A 192.0.2.5|d DNAME other.test.", "DNAME beside a delegation"),
    ("below-cut", "c NS ns.c|ns.c A 192.0.2.6|x.c TXT hidden|z.c CNAME www", "below a delegation"),
    ("cut-in-cut", "c NS ns.other.test.|d.c NS ns.d.c|ns.d.c A 192.0.2.1", "below a delegation"),
    ("cname-other", "a CNAME www|a A 192.0.2.8|a TXT t", "CNAME beside"),
    ("two-cname", "a CNAME www|a CNAME ns", "more than one CNAME"),
    ("apex-cname", "@ CNAME other.test.", "CNAME beside"),
    ("two-dname", "a DNAME b.test.|a DNAME c.test.", "more than one DNAME"),
    ("cname-dname", "a CNAME www|a DNAME b.test.", "CNAME beside"),
    ("cname-ns", "a CNAME www|a NS ns.other.test.", "CNAME beside"),
    ("wildcard-ns", "*.w NS ns.other.test.", "NS at a wildcard"),
    ("wildcard-dname", "*.w DNAME other.test.", ""),
    ("apex-ds", "@ DS 1 8 1 0000000000000000000000000000000000000000", "DS at the apex"),
    ("ds-alone", "k DS 1 8 1 0000000000000000000000000000000000000000", "DS without NS"),
    ("no-ns", "!www A 192.0.2.1", "no NS record"),
    ("ns-is-cut", "@ NS child|child NS ns.other.net.", ""),
    ("nsec-plain", "www A 192.0.2.1|www NSEC zz A NSEC", "chain is broken"),
    ("nsec-gap", "@ NSEC www NS SOA NSEC|www A 192.0.2.1|www NSEC zz A NSEC|zzz A 192.0.2.1", "missing in a zone"),
    ("two-params", "@ NSEC3PARAM 1 0 0 -|@ NSEC3PARAM 1 0 5 AABB", ""),
    ("iterations", "@ NSEC3PARAM 1 0 500 -", "iterations"),
    ("iterations-max", "@ NSEC3PARAM 1 0 60000 -", "iterations"),
    ("signature-alone", "s RRSIG A 8 3 60 20300101000000 20200101000000 1 other.test. AAAA", ""),
    ("loop", "l1 CNAME l2|l2 CNAME l1|l3 DNAME l3", ""),
];

fn apex(name: &str) -> String {
    format!("{name}.odd.test.")
}

/// The zone file in its first or second version.
fn text(name: &str, records: &str, serial: u32) -> String {
    let zone = apex(name);
    let mut text = format!("$ORIGIN {zone}\n$TTL 300\n@ SOA ns.other.test. host {serial} {LONG_TIMERS}\n");
    let (servers, records) = match records.strip_prefix('!') {
        Some(records) => ("", records),
        None => ("@ NS ns.other.test.\n", records),
    };
    text += servers;
    records.split('|').for_each(|record| text += &format!("{record}\n"));
    // Makes the zone larger than its change.
    (0..20).for_each(|n| text += &format!("filler{n} TXT \"filler\"\n"));
    if serial > 1 {
        text += "changed TXT \"changed\"\n";
    }
    text
}

/// What came of a version of a zone here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// We serve the same.
    Same,
    /// We do not.
    Different,
    /// The primary has no such version.
    Unchanged,
}

/// What a primary serves, and what came of it here: of the whole zone, of the change.
type Column = BTreeMap<&'static str, (Copied, Copied)>;

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

#[test]
fn powerdns() {
    if !have(&["pdns_server", "dig"]) {
        return;
    }
    let scratch = Scratch::new("interop-odd-powerdns");
    let address = free_address();
    let process = start_powerdns(&scratch, address);
    let change = |name, records| {
        std::fs::write(scratch.path().join("pdns").join(apex(name)), text(name, records, 2)).expect("zone file");
        let socket = format!("--socket-dir={}", scratch.path().join("pdns").display());
        let said = Command::new("pdns_control").args([&socket, "bind-reload-now", &apex(name)]).output();
        said.is_ok_and(|output| output.status.success())
    };
    let (mut ours, column) = follow(&scratch, address, || process.log(), change);
    show("PowerDNS", &column);
    // PowerDNS serves all of them.
    assert_eq!(column.len(), ZONES.len());
    check_updates(&scratch, &mut ours);
}

/// A zone that came with faults and is our own from now on can be changed; new faults are refused.
fn check_updates(scratch: &Scratch, ours: &mut Server) {
    let zone = apex("cname-other");
    let config = std::fs::read_to_string(scratch.path().join("headwater.yaml")).expect("configuration");
    let (head, _) = config.split_once("zones:\n").expect("zones");
    let entry = format!("zones:\n  - {{ name: {zone}, allow_update: [127.0.0.1], allow_transfer: [127.0.0.1] }}\n");
    scratch.write("headwater.yaml", &format!("{head}{entry}"));
    ours.reload();
    let update = |line: &str| nsupdate(ours.address, Signing::None, &[], &format!("zone {zone}\n{line}"));
    assert_eq!(update(&format!("update add new.{zone} 300 A 192.0.2.9")), Ok(()));
    // NS first, its address next.
    assert_eq!(update(&format!("update add sub.{zone} 300 NS ns.sub.{zone}")), Ok(()));
    assert_eq!(update(&format!("update add ns.sub.{zone} 300 A 192.0.2.9")), Ok(()));
    let ds = "1 8 1 0000000000000000000000000000000000000000";
    assert_eq!(update(&format!("update add {zone} 300 DS {ds}")), Err("REFUSED".into()));
    assert_eq!(update(&format!("update add new.{zone} 300 DS {ds}")), Err("REFUSED".into()));
    assert_eq!(update(&format!("update add *.new.{zone} 300 NS ns.other.test.")), Err("REFUSED".into()));
    assert_eq!(update(&format!("update add sub.{zone} 300 DS {ds}")), Ok(()));
    // The fault goes by an update as well.
    assert_eq!(update(&format!("update delete a.{zone} CNAME")), Ok(()));
    check_findings(scratch, "cname-other", "");
}

fn start_powerdns(scratch: &Scratch, address: SocketAddr) -> Process {
    let directory = scratch.path().join("pdns");
    std::fs::create_dir_all(&directory).expect("directory");
    let (at, port) = (directory.display(), address.port());
    let mut zones = format!("options {{ directory \"{at}\"; }};\n");
    for (name, records, _) in ZONES {
        std::fs::write(directory.join(apex(name)), text(name, records, 1)).expect("zone file");
        let _ = writeln!(zones, "zone \"{0}\" {{ type master; file \"{at}/{0}\"; }};", apex(name));
    }
    std::fs::write(directory.join("named.conf"), zones).expect("file");
    let config = format!(
        "launch=bind\nbind-config={at}/named.conf\nlocal-address=127.0.0.1\nlocal-port={port}\nsocket-dir={at}\n\
         daemon=no\nguardian=no\nsetuid=\nsetgid=\nallow-axfr-ips=127.0.0.1\ncache-ttl=0\nquery-cache-ttl=0\n\
         negquery-cache-ttl=0\nzone-cache-refresh-interval=0\n"
    );
    std::fs::write(directory.join("pdns.conf"), config).expect("file");
    let mut command = Command::new("pdns_server");
    command.arg(format!("--config-dir={at}"));
    Process::start(&mut command, scratch.path(), "pdns.log")
}

fn with_peer(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let scratch = Scratch::new(&format!("interop-odd-{kind:?}"));
    let zone = |(name, records, _): (&str, &str, &str)| Zone {
        name: apex(name),
        signing: Signing::None,
        primary: Some(text(name, records, 1)),
        extra: String::new(),
    };
    let (address, ours) = (free_address(), free_address());
    let peer = Peer::start(kind, &scratch, address, ours, &ZONES.map(zone));
    let change = |name, records| {
        if kind == Kind::Nsd {
            peer.replace_file(&scratch, &apex(name), &text(name, records, 2));
            return true;
        }
        let script = format!("zone {0}\nupdate add changed.{0} 300 TXT changed", apex(name));
        nsupdate(address, Signing::None, &[], &script).is_ok()
    };
    let (_, column) = follow(&scratch, address, || peer.process.log(), change);
    // BIND changes no zone with so many iterations.
    let unchanged = column.iter().filter(|(_, done)| done.1 == Copied::Unchanged).map(|(name, _)| *name);
    let want: &[&str] = if kind == Kind::Bind { &["iterations", "iterations-max"] } else { &[] };
    assert_eq!(unchanged.collect::<Vec<_>>(), want);
    show(&format!("{kind:?}"), &column);
}

/// Follows what the primary serves as its secondary, through `change`.
fn follow(
    scratch: &Scratch,
    primary: SocketAddr,
    log: impl Fn() -> String,
    change: impl Fn(&'static str, &'static str) -> bool,
) -> (Server, Column) {
    let first = apex(ZONES[0].0);
    assert!(until(PATIENCE, || serial(primary, &first)).is_some(), "{}", log());
    let served: Vec<_> = ZONES.iter().filter(|(name, ..)| has_zone(primary, name)).collect();
    let entry = |name: &str| {
        format!("  - {{ name: {}, primaries: [\"{primary}\"], allow_transfer: [127.0.0.1] }}\n", apex(name))
    };
    let ours =
        tools::headwater(scratch, free_address(), &served.iter().map(|(name, ..)| entry(name)).collect::<String>());
    let mut column = Column::new();
    for &&(name, _, finds) in &served {
        let whole = copied(&ours, primary, name, 1);
        check_findings(scratch, name, sent(primary, name, finds));
        column.insert(name, (whole, Copied::Unchanged));
    }
    for &&(name, records, finds) in &served {
        if !change(name, records) {
            continue;
        }
        let zone = apex(name);
        let later = until(PATIENCE, || serial(primary, &zone).filter(|&serial| serial > 1)).expect("a later serial");
        run(scratch, &["zone", "refresh", &zone]);
        let changed = copied(&ours, primary, name, later);
        check_findings(scratch, name, sent(primary, name, finds));
        column.entry(name).and_modify(|(_, after)| *after = changed);
    }
    let is_different = |done: &(Copied, Copied)| [done.0, done.1].contains(&Copied::Different);
    let failed: Vec<_> = column.iter().filter(|(_, done)| is_different(done)).collect();
    assert!(failed.is_empty(), "{failed:?}\n{}\n{}", ours.process.log(), log());
    let found = counter(&counters(scratch), "zones_with_findings");
    let want = served.iter().filter(|(name, _, finds)| !sent(primary, name, finds).is_empty()).count();
    assert_eq!(found, want as u64, "zones with findings");
    (ours, column)
}

fn has_zone(server: SocketAddr, name: &str) -> bool {
    serial(server, &apex(name)).is_some()
}

/// Waits until we serve this serial, and compares all records.
fn copied(ours: &Server, primary: SocketAddr, name: &str, wanted: u32) -> Copied {
    let zone = apex(name);
    let reached = until(PATIENCE, || (serial(ours.address, &zone) == Some(wanted)).then_some(())).is_some();
    let all = |server| contents(server, Signing::None, &zone);
    if reached && all(ours.address) == all(primary) { Copied::Same } else { Copied::Different }
}

/// What there is to find in what the primary sends: PowerDNS leaves NSEC and NSEC3PARAM records out.
fn sent(primary: SocketAddr, name: &str, finds: &'static str) -> &'static str {
    let rtype = match name {
        "nsec-plain" | "nsec-gap" => " NSEC ",
        "iterations" | "iterations-max" => " NSEC3PARAM ",
        _ => return finds,
    };
    let is_there = contents(primary, Signing::None, &apex(name)).iter().any(|line| line.contains(rtype));
    if is_there { finds } else { "" }
}

/// What the API and the log say about a zone.
fn check_findings(scratch: &Scratch, name: &str, finds: &str) {
    let shown = run(scratch, &["zone", "show", &apex(name)]);
    match finds {
        "" => assert!(shown.lines().any(|line| line == "findings            0"), "{name}:\n{shown}"),
        finds => assert!(shown.contains("  warning: ") && shown.contains(finds), "{name}: {finds}\n{shown}"),
    }
}

fn run(scratch: &Scratch, words: &[&str]) -> String {
    let output = headwater(words).args(["--data", "data"]).current_dir(scratch.path()).output();
    let output = output.expect("headwater");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Prints which zones the primary serves; those that it serves are copied.
fn show(primary: &str, column: &Column) {
    for (name, ..) in ZONES {
        println!("{primary:<9} {name:<18} {}", if column.contains_key(name) { "served, copied" } else { "not served" });
    }
}
