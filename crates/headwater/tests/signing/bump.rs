//! Zones that are signed on the way through: unsigned from a primary of others, signed to secondaries of others.

use std::fs;
use std::net::SocketAddr;

use dns::RType;
use serde_json::Value;

use crate::common::{PATIENCE, Scratch, free_port, headwater, until};
use crate::peer::{Kind, Peer, Zone};
use crate::primary::{Ixfr, Known, Primary};
use crate::site::{Site, has, run};
use crate::tools::{Signing, contents, free_address, nsupdate, serial, transfer, wait_for_serial};

const ZONE: &str = "bump.test.";

/// The zone at the primary, with hosts up to this one.
fn text(serial: u32, hosts: u32) -> String {
    let mut text = format!(
        "$ORIGIN {ZONE}\n$TTL 60\n@ SOA ns host {serial} 5 1 86400 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n\
         *.wild TXT \"any\"\nsub NS ns.sub\nns.sub A 192.0.2.3\n"
    );
    (1..=hosts).for_each(|host| text += &format!("h{host} A 192.0.2.{}\n", host % 250));
    text
}

/// What the API says of the zone.
fn shown(site: &Site) -> Value {
    let mut command = headwater(&["zone", "list", "--json", "--data", "data"]);
    let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn primary_serial(site: &Site) -> Option<u32> {
    shown(site)["transfer"]["primary_serial"].as_u64().and_then(|serial| u32::try_from(serial).ok())
}

fn health(site: &Site) -> String {
    let mut command = headwater(&["health", "--json", "--data", "data"]);
    let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until the version with this serial of the primary is there, signed; returns the serial that it has here.
fn wait_for(site: &Site, wanted: u32) -> u32 {
    let there = until(PATIENCE, || {
        let is_there = primary_serial(site) == Some(wanted) && !site.keys(ZONE).is_empty();
        is_there.then_some(())
    });
    assert!(there.is_some(), "{}\n{}", shown(site), site.server.process.log());
    let state = shown(site);
    u32::try_from(state["serial"].as_u64().expect("a serial")).expect("32 bits")
}

fn config(primary: SocketAddr, more: &str) -> String {
    format!(
        "zones:\n  - {{ name: {ZONE}, primaries: [\"{primary}\"], dnssec: default, allow_transfer: [\"127.0.0.0/8\"]{more} \
         }}\n"
    )
}

/// A hidden primary, Headwater, and a secondary behind it.
struct Line {
    site: Site,
    primary: Peer,
    secondary: Peer,
    scratches: [Scratch; 2],
}

impl Line {
    fn start(primary: Kind, secondary: Kind) -> Line {
        let name = |role: &str| format!("bump-{role}-{primary:?}-{secondary:?}");
        let scratches = [Scratch::new(&name("primary")), Scratch::new(&name("secondary"))];
        let (port, at, behind) = (free_port(), free_address(), free_address());
        let ours = SocketAddr::from(([127, 0, 0, 1], port));
        let zone = |primary| Zone { name: ZONE.into(), signing: Signing::None, primary, extra: String::new() };
        let primary = Peer::start(primary, &scratches[0], at, ours, &[zone(Some(text(10, 200)))]);
        let more = format!(", notify: [\"{behind}\"], allow_update_forwarding: [\"127.0.0.0/8\"]");
        let site = Site::start_at(port, &name("ours"), &config(at, &more), &[]);
        let secondary = Peer::start(secondary, &scratches[1], behind, ours, &[zone(None)]);
        Line { site, primary, secondary, scratches }
    }

    /// Has the primary go from this serial to the next one.
    fn change(&self, from: u32) {
        let to = from + 1;
        if self.primary.kind == Kind::Nsd {
            self.primary.replace_file(&self.scratches[0], ZONE, &text(to, 190 + to));
            return;
        }
        let script = format!("zone {ZONE}\nupdate add n{to}.{ZONE} 60 A 192.0.2.9\nupdate delete n{from}.{ZONE} A");
        assert_eq!(nsupdate(self.primary.address, Signing::None, &["-v"], &script), Ok(()));
    }

    fn logs(&self) -> String {
        let processes = [&self.primary.process, &self.site.server.process, &self.secondary.process];
        processes.map(|process| process.log()).join("\n")
    }

    /// Waits until the version with this serial of the primary is behind us, and has it judged there.
    fn check(&self, wanted: u32) -> u32 {
        let ours = wait_for(&self.site, wanted);
        wait_for_serial(self.secondary.address, ZONE, ours, || self.logs());
        let there = contents(self.secondary.address, Signing::None, ZONE);
        assert_eq!(contents(self.site.address, Signing::None, ZONE), there);
        // What the primary has is there as the primary has it, but for the serial.
        let unsigned = contents(self.primary.address, Signing::None, ZONE);
        assert_eq!(unsigned.len(), unsigned.intersection(&there).count() + 1, "{unsigned:?}");
        self.site.verify(ZONE);
        ours
    }

    /// A change comes as a difference and goes on as one.
    fn check_change(&self, from: u32, before: u32) -> u32 {
        self.change(from);
        let after = self.check(from + 1);
        assert!(after > before);
        let difference = transfer(self.site.address, Signing::None, ZONE, &format!("IXFR={before}")).expect("IXFR");
        let soas = difference.iter().filter(|line| line.contains(" IN SOA ")).count();
        assert!(soas == 4 && difference.len() < 60, "{difference:#?}");
        let ixfr = ["\"IXFR\"", &format!("\"from\":{before}")].map(ToOwned::to_owned);
        let log = || self.site.server.process.log();
        let asked =
            until(PATIENCE, || log().lines().any(|line| ixfr.iter().all(|word| line.contains(word))).then_some(()));
        assert!(asked.is_some(), "not asked for the difference from {before}:\n{}", self.logs());
        after
    }
}

fn a_zone_is_signed_on_the_way(primary: Kind, secondary: Kind) {
    if !has(&["delv", "dnssec-verify", "dig"]) || !primary.is_installed() || !secondary.is_installed() {
        return;
    }
    let mut line = Line::start(primary, secondary);
    let first = line.check(10);
    assert!(first > 10, "the signed version has a serial of its own");
    let before = line.check_change(10, first);
    let before = line.check_change(11, before);
    for (name, rtype) in [("www", "A"), ("a.wild", "TXT"), ("nothing", "A"), ("sub", "DS")] {
        line.site.validate(ZONE, name, rtype);
    }
    // What was transferred is known after a sudden end, serials of both, and the change that came meanwhile is taken.
    line.site.server.process.kill();
    line.change(12);
    line.site.restart();
    assert!(line.check(13) > before);
    let taken = line.site.server.process.log().matches("transferred as a whole").count();
    assert_eq!(taken, 0, "{}", line.logs());
    // Without its primary the zone stays.
    line.primary.process.kill();
    let (serials, all) =
        ((primary_serial(&line.site), line.site.serial(ZONE)), contents(line.site.address, Signing::None, ZONE));
    line.site.server.process.kill();
    line.site.restart();
    assert_eq!((primary_serial(&line.site), line.site.serial(ZONE)), serials);
    assert_eq!(contents(line.site.address, Signing::None, ZONE), all);
}

#[test]
fn from_bind_to_knot() {
    a_zone_is_signed_on_the_way(Kind::Bind, Kind::Knot);
}

#[test]
fn from_knot_to_nsd() {
    a_zone_is_signed_on_the_way(Kind::Knot, Kind::Nsd);
}

#[test]
fn from_nsd_to_bind() {
    a_zone_is_signed_on_the_way(Kind::Nsd, Kind::Bind);
}

/// RFC 2136 6: an update goes on to the primary, and what it changed comes back to be signed.
#[test]
fn an_update_goes_on_to_the_primary() {
    let (primary, secondary) = (Kind::Knot, Kind::Bind);
    if !has(&["delv", "dnssec-verify", "dig"]) || !primary.is_installed() || !secondary.is_installed() {
        return;
    }
    let line = Line::start(primary, secondary);
    let before = line.check(10);
    let script = format!("zone {ZONE}\nupdate add forwarded.{ZONE} 60 A 192.0.2.9");
    assert_eq!(nsupdate(line.site.address, Signing::None, &[], &script), Ok(()), "{}", line.logs());
    assert!(line.check(11) > before);
    line.site.validate(ZONE, "forwarded", "A");
}

/// RFC 1034 4.3.5: the zone goes when no primary confirms it. What comes then is signed above the serial that the zone had,
/// though the primary began anew.
#[test]
fn expiry_does_not_bring_back_an_earlier_serial() {
    if !has(&["delv", "dnssec-verify"]) {
        return;
    }
    let known = |serial, text: &str| Known {
        serial,
        timers: [1, 1, 8, 1],
        text: text.to_owned(),
        ixfr: Ixfr::Whole,
        is_there: true,
    };
    let primary = Primary::start(ZONE, known(100, "old"));
    let site = Site::start("bump-expiry", &config(primary.address, ""), &[]);
    let before = wait_for(&site, 100);
    primary.change(|now| now.is_there = false);
    let data = |wanted: &str| {
        let is = until(PATIENCE, || (site.server.data(ZONE, RType::TXT) == wanted).then_some(()));
        assert!(is.is_some(), "not {wanted}:\n{}", site.server.process.log());
    };
    data("SERVFAIL");
    primary.change(|now| *now = known(4, "new"));
    data("\"new\"");
    assert!(wait_for(&site, 4) > before);
    site.verify(ZONE);
}

/// Where the primary signs as well, its signatures are left out, and it is said. Signed from the beginning, the zone is served
/// as it comes: resolvers trust the primary's keys.
#[test]
fn a_primary_that_signs() {
    if !has(&["delv", "dnssec-verify", "dnssec-keygen", "dnssec-signzone", "dig"]) || !Kind::Nsd.is_installed() {
        return;
    }
    let scratch = Scratch::new("bump-signing-primary");
    scratch.write("plain.zone", &text(20, 3));
    let keygen = ["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", ZONE];
    run(scratch.path(), &keygen);
    run(scratch.path(), &[&keygen[..4], &["-f", "KSK", ZONE]].concat());
    run(scratch.path(), &["dnssec-signzone", "-S", "-o", ZONE, "-f", "signed.zone", "plain.zone"]);
    let signed = fs::read_to_string(scratch.path().join("signed.zone")).expect("the signed zone");
    let (port, at) = (free_port(), free_address());
    let ours = SocketAddr::from(([127, 0, 0, 1], port));
    let zone = Zone { name: ZONE.into(), signing: Signing::None, primary: Some(text(10, 3)), extra: String::new() };
    let primary = Peer::start(Kind::Nsd, &scratch, at, ours, &[zone]);
    let site = Site::start_at(port, "bump-signing-ours", &config(at, ""), &[]);
    let first = wait_for(&site, 10);
    let keys = site.keys(ZONE);
    primary.replace_file(&scratch, ZONE, &signed);
    assert!(wait_for(&site, 20) > first);
    assert!(site.server.process.log().contains("the primary signs the zone too"), "{}", site.server.process.log());
    assert!(keys.iter().all(|key| site.keys(ZONE).contains(key)));
    site.verify(ZONE);
    site.validate(ZONE, "www", "A");
    // A server that never signed it lets it be.
    let other = Site::start("bump-signed-first", &config(at, ""), &[]);
    let said = until(PATIENCE, || {
        other.server.process.log().contains("the zone is signed already, and its keys are not here").then_some(())
    });
    assert!(said.is_some(), "{}", other.server.process.log());
    assert_eq!(contents(other.address, Signing::None, ZONE), contents(at, Signing::None, ZONE));
    assert_eq!(serial(other.address, ZONE), Some(20));
}

/// What cannot be signed is not taken: the old version is served, and health says so.
#[test]
fn a_transfer_that_cannot_be_signed_is_refused() {
    if !has(&["delv", "dnssec-verify", "dig", "nsupdate"]) || !Kind::Bind.is_installed() {
        return;
    }
    let scratch = Scratch::new("bump-refused-primary");
    let (port, at) = (free_port(), free_address());
    let ours = SocketAddr::from(([127, 0, 0, 1], port));
    let zone = Zone { name: ZONE.into(), signing: Signing::None, primary: Some(text(10, 3)), extra: String::new() };
    let primary = Peer::start(Kind::Bind, &scratch, at, ours, &[zone]);
    let mut site = Site::start_at(port, "bump-refused", &config(at, ""), &[]);
    wait_for(&site, 10);
    let before = contents(site.address, Signing::None, ZONE);
    site.server.process.signal("TERM");
    site.server.process.wait();
    let directory = site.scratch.path().join("data/keys");
    let paths = fs::read_dir(&directory).expect("keys").map(|entry| entry.expect("an entry").path());
    let paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "private")).collect();
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).expect("a key")).collect();
    paths.iter().for_each(|path| fs::remove_file(path).expect("gone"));
    site.restart();
    let script = format!("zone {ZONE}\nupdate add new.{ZONE} 60 A 192.0.2.9");
    assert_eq!(nsupdate(primary.address, Signing::None, &["-v"], &script), Ok(()));
    let said = until(PATIENCE, || Some(shown(&site)).filter(|zone| !zone["transfer"]["last_error"].is_null()));
    let said = said.unwrap_or_else(|| panic!("{}\n{}", shown(&site), site.server.process.log()));
    assert!(said["transfer"]["last_error"].as_str().is_some_and(|why| why.contains(".private")), "{said}");
    assert_eq!(contents(site.address, Signing::None, ZONE), before);
    let warned = until(PATIENCE, || Some(health(&site)).filter(|said| said.contains("cannot be refreshed")));
    assert!(warned.is_some(), "{}", health(&site));
    // With the keys it goes on.
    paths.iter().zip(&texts).for_each(|(path, text)| fs::write(path, text).expect("written"));
    site.server.process.signal("TERM");
    site.server.process.wait();
    site.restart();
    wait_for(&site, 11);
    assert_eq!(site.server.data(&format!("new.{ZONE}"), RType::A), "192.0.2.9");
    site.verify(ZONE);
}
