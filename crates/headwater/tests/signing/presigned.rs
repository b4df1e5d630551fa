//! Zones that others sign, validated as they come.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use dns::RType;
use serde_json::Value;

use crate::common::{PATIENCE, Scratch, free_port, headwater, until};
use crate::peer::{Kind, Peer, Zone};
use crate::site::{Site, has, run};
use crate::tools::{Signing, free_address};

const ZONE: &str = "pre.test.";
const TOOLS: [&str; 4] = ["dnssec-keygen", "dnssec-signzone", "delv", "dig"];

/// Somebody else who signs the zone.
struct Signer(Scratch);

impl Signer {
    fn new(name: &str) -> Signer {
        let scratch = Scratch::new(&format!("presigned-{name}"));
        let keygen = ["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256"];
        run(scratch.path(), &[&keygen[..], &[ZONE]].concat());
        run(scratch.path(), &[&keygen[..], &["-f", "KSK", ZONE]].concat());
        Signer(scratch)
    }

    /// The zone with this serial and this address of `www`, each record a line; `options` say when signatures end, and how names
    /// are denied.
    fn sign(&self, serial: u32, www: u8, options: &[&str]) -> String {
        let text = format!(
            "$TTL 60\n@ SOA ns host {serial} 3600 1 86400 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.{www}\n\
             *.wild TXT \"any\"\na.deep.name A 192.0.2.4\nsub NS ns.sub\nns.sub A 192.0.2.3\n"
        );
        self.0.write("plain.zone", &text);
        let fixed = ["dnssec-signzone", "-q", "-P", "-S", "-O", "full", "-o", ZONE, "-f", "signed.zone"];
        run(self.0.path(), &[&fixed[..], options, &["plain.zone"]].concat());
        fs::read_to_string(self.0.path().join("signed.zone")).expect("the signed zone")
    }
}

/// The line of the signature over the A record of `www`.
fn www_signature(zone: &str) -> &str {
    let is_it = |line: &&str| line.starts_with("www.") && line.contains("RRSIG\tA ");
    zone.lines().find(is_it).unwrap_or_else(|| panic!("no signature in:\n{zone}"))
}

/// The faults that signers make: a signature over another record, a missing record of denial, a signature that has ended.
fn faults(signer: &Signer, serial: u32) -> [(&'static str, String); 3] {
    let good = signer.sign(serial, 9, &[]);
    let signature = www_signature(&good);
    let of_another = www_signature(&signer.sign(serial, 10, &[])).to_owned();
    let ended = signer.sign(serial, 9, &["-s", "20200101000000", "-e", "20200201000000"]);
    let without_denial = good.lines().filter(|line| !(line.starts_with("www.") && line.contains("NSEC")));
    [
        ("another signature", good.replace(signature, &of_another)),
        ("no denial", without_denial.collect::<Vec<_>>().join("\n") + "\n"),
        ("an ended signature", good.replace(signature, www_signature(&ended))),
    ]
}

fn shown(site: &Site) -> Value {
    let mut command = headwater(&["zone", "show", ZONE, "--json", "--data", "data"]);
    let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Waits until health says this.
fn wait_for_health(site: &Site, wanted: &str) -> String {
    let health = || {
        let mut command = headwater(&["health", "--json", "--data", "data"]);
        let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = until(PATIENCE, || Some(health()).filter(|said| said.contains(wanted)));
    said.unwrap_or_else(|| panic!("no {wanted} in {}\n{}", health(), site.server.process.log()))
}

fn wait_for_www(site: &Site, wanted: &str, limit: Duration) {
    let name = format!("www.{ZONE}");
    let is = until(limit, || (site.server.data(&name, RType::A) == wanted).then_some(()));
    assert!(is.is_some(), "{}, not {wanted}:\n{}", site.server.data(&name, RType::A), site.server.process.log());
}

fn from_file(mode: &str) -> String {
    format!(
        "zones:\n  - {{ name: {ZONE}, file: pre.zone, dnssec_validate: {mode}, allow_transfer: [\"127.0.0.0/8\"] }}\n"
    )
}

/// Of a zone file, with NSEC and NSEC3 and opt-out: what is right is taken, what is not is refused, and the zone stays.
#[test]
fn a_file_that_resolvers_would_refuse_is_not_taken() {
    if !has(&TOOLS) {
        return;
    }
    let signer = Signer::new("file");
    let mut site = Site::start("presigned-file", &from_file("refuse"), &[("pre.zone", &signer.sign(10, 2, &[]))]);
    assert_eq!(site.server.data(&format!("www.{ZONE}"), RType::A), "192.0.2.2");
    for (serial, www, options) in [(11, 3, &["-3", "-"][..]), (12, 4, &["-3", "c0ffee", "-H", "2", "-A"]), (13, 5, &[])]
    {
        site.scratch.write("pre.zone", &signer.sign(serial, www, options));
        site.server.reload();
        wait_for_www(&site, &format!("192.0.2.{www}"), PATIENCE);
        assert_eq!(shown(&site)["findings"]["count"], 0, "{}", shown(&site));
    }
    for (what, fault) in faults(&signer, 14) {
        site.scratch.write("pre.zone", &fault);
        site.server.reload();
        wait_for_www(&site, "192.0.2.5", PATIENCE);
        assert_eq!(site.serial(ZONE), 13, "{what}");
        wait_for_health(&site, "resolvers would refuse the version with serial 14");
    }
    let log = site.server.process.log();
    for why in [
        "no signature over the A records of www.pre.test.",
        "1: resolvers would refuse the version with serial 14: denial at ",
    ] {
        assert!(log.contains(why), "no {why} in:\n{log}");
    }
    // Nothing of it is left once a right version comes.
    site.scratch.write("pre.zone", &signer.sign(15, 6, &[]));
    site.server.reload();
    wait_for_www(&site, "192.0.2.6", PATIENCE);
    wait_for_health(&site, "1 that others sign are validated");
    site.validate(ZONE, "www", "A");
}

/// With `warn` it is served, and said.
#[test]
fn a_file_that_resolvers_would_refuse_is_said() {
    if !has(&TOOLS) {
        return;
    }
    let signer = Signer::new("warn");
    let mut site = Site::start("presigned-warn", &from_file("warn"), &[("pre.zone", &signer.sign(10, 2, &[]))]);
    for (what, fault) in faults(&signer, 11) {
        site.scratch.write("pre.zone", &fault);
        site.server.reload();
        assert_eq!(site.server.data(&format!("www.{ZONE}"), RType::A), "192.0.2.9", "{what}");
        let state = shown(&site);
        let finding = state["findings"]["list"][0]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(finding.contains("resolvers would refuse it"), "{what}: {state}");
        // A time that is over is said first.
        let said = if what == "an ended signature" { "a signature has ended" } else { "resolvers would refuse it" };
        wait_for_health(&site, said);
        assert!(site.server.process.log().contains(&finding), "{what}: {}", site.server.process.log());
    }
    // Nobody looks any more.
    site.configure(&from_file("off"));
    wait_for_health(&site, "0 that others sign are validated");
}

struct FromPrimary {
    site: Site,
    primary: Peer,
    scratch: Scratch,
}

/// A secondary of NSD, which serves the zone as somebody else has signed it.
fn from_primary(name: &str, mode: &str, text: String) -> FromPrimary {
    let scratch = Scratch::new(&format!("presigned-{name}-primary"));
    let (port, at) = (free_port(), free_address());
    let ours = SocketAddr::from(([127, 0, 0, 1], port));
    let zone = Zone { name: ZONE.into(), signing: Signing::None, primary: Some(text), extra: String::new() };
    let primary = Peer::start(Kind::Nsd, &scratch, at, ours, &[zone]);
    let zones = format!(
        "zones:\n  - {{ name: {ZONE}, primaries: [\"{at}\"], dnssec_validate: {mode}, \
         allow_transfer: [\"127.0.0.0/8\"] }}\n"
    );
    let site = Site::start_at(port, &format!("presigned-{name}"), &zones, &[]);
    FromPrimary { site, primary, scratch }
}

/// Of a transfer, by difference or as a whole: the old version is served, and it is said, until a right one comes.
#[test]
fn a_transfer_that_resolvers_would_refuse_is_not_taken() {
    if !has(&TOOLS) || !Kind::Nsd.is_installed() {
        return;
    }
    let signer = Signer::new("transfer");
    let FromPrimary { mut site, primary, scratch } = from_primary("transfer", "refuse", signer.sign(10, 2, &[]));
    wait_for_www(&site, "192.0.2.2", PATIENCE);
    for (serial, www) in [(11, 3), (12, 4)] {
        primary.replace_file(&scratch, ZONE, &signer.sign(serial, www, &[]));
        wait_for_www(&site, &format!("192.0.2.{www}"), PATIENCE);
    }
    for i in 0..3 {
        let serial = 13 + i as u32;
        let (what, fault) = &faults(&signer, serial)[i];
        primary.replace_file(&scratch, ZONE, fault);
        wait_for_health(&site, &format!("resolvers would refuse the version with serial {serial}"));
        assert_eq!(site.server.data(&format!("www.{ZONE}"), RType::A), "192.0.2.4", "{what}");
        assert!(shown(&site)["transfer"]["last_error"].as_str().is_some(), "{what}: {}", shown(&site));
    }
    primary.replace_file(&scratch, ZONE, &signer.sign(20, 5, &[]));
    wait_for_www(&site, "192.0.2.5", PATIENCE);
    site.validate(ZONE, "www", "A");
    site.validate(ZONE, "nothing", "A");
    // What is there is judged again after a sudden end.
    site.server.process.kill();
    site.restart();
    wait_for_health(&site, "1 that others sign are validated");
    wait_for_www(&site, "192.0.2.5", PATIENCE);
}

/// A zone whose signatures end is not served any more, from a primary and from a file alike; a fresh version brings it back.
#[test]
fn a_zone_expires_with_its_signatures() {
    if !has(&TOOLS) || !Kind::Nsd.is_installed() {
        return;
    }
    const LONG: Duration = Duration::from_secs(120);
    let signer = Signer::new("expire");
    let text = signer.sign(10, 2, &["-e", "now+60"]);
    let FromPrimary { mut site, primary, scratch } = from_primary("expire", "expire", text.clone());
    let mut file = Site::start("presigned-expire-file", &from_file("expire"), &[("pre.zone", &text)]);
    for site in [&site, &file] {
        wait_for_www(site, "192.0.2.2", PATIENCE);
        wait_for_health(site, "and nobody has made them anew");
    }
    for site in [&site, &file] {
        wait_for_www(site, "SERVFAIL", LONG);
        assert_eq!(shown(site)["state"], "expired");
        wait_for_health(site, "a signature has ended, the zone answers SERVFAIL");
    }
    site.server.process.kill();
    site.restart();
    assert_eq!(site.server.data(&format!("www.{ZONE}"), RType::A), "SERVFAIL", "not for a moment");
    assert_eq!(shown(&site)["state"], "expired");
    wait_for_health(&site, "a signature has ended, the zone answers SERVFAIL");
    let fresh = signer.sign(11, 3, &[]);
    primary.replace_file(&scratch, ZONE, &fresh);
    file.scratch.write("pre.zone", &fresh);
    file.server.reload();
    for site in [&site, &file] {
        wait_for_www(site, "192.0.2.3", PATIENCE);
        wait_for_health(site, "1 that others sign are validated");
    }
}
