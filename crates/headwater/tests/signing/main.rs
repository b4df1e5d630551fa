//! Zones that the server signs, judged by the verifiers and resolvers of others.

mod bump;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod every;
mod family;
mod faults;
mod import;
mod kill;
mod parent;
// Each test uses its part.
#[allow(dead_code)]
#[path = "../interop/peer.rs"]
mod peer;
mod presigned;
#[allow(dead_code)]
#[path = "../interop/primary.rs"]
mod primary;
mod rollover;
mod site;
#[allow(dead_code)]
#[path = "../interop/tools.rs"]
mod tools;
mod validators;

use std::time::Duration;

use common::{fresh_seed, setting, until};
use dns::RType;
use site::{Site, has, run};

/// A zone of a file, and one of the journal.
const ZONES: &str = "zones:
  - { name: file.test, file: file.zone, dnssec: default, allow_transfer: [\"127.0.0.0/8\"] }
  - { name: made.test, dnssec: hashed, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
dnssec:
  policies:
    default: { algorithm: ecdsap256sha256, ksk_lifetime: 0, zsk_lifetime: 90d, nsec3: false }
    hashed: { nsec3: true, csk: true, algorithm: ed25519 }
";

const FILE: &str = "$TTL 60
@ SOA ns host 7 3600 600 86400 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
*.wild TXT \"any\"
sub NS ns.sub
ns.sub A 192.0.2.3
";

#[test]
fn zones_are_signed_and_stay_so() {
    if !has(&["delv", "dnssec-verify", "nsupdate"]) {
        return;
    }
    let mut site = Site::start("signed", ZONES, &[("file.zone", FILE)]);
    for zone in ["file.test.", "made.test."] {
        site.wait_until_signed(zone);
        site.verify(zone);
    }
    for (name, rtype) in [("www", "A"), ("a.wild", "TXT"), ("nothing", "A"), ("www", "TXT"), ("sub", "DS")] {
        site.validate("file.test.", name, rtype);
    }
    // Updates are signed with what they touch.
    for i in 1..=12 {
        let add = format!("update add h{i}.made.test. 60 A 192.0.2.{i}");
        let delete = format!("update delete h{}.made.test. A", i - 4);
        site.update("made.test.", &[&add, &delete]);
        site.validate("made.test.", &format!("h{i}"), "A");
        site.validate("made.test.", &format!("h{}", i - 4), "A");
    }
    site.verify("made.test.");
    // What is in the file counts, with a serial of our own.
    let before = site.serial("file.test.");
    site.scratch.write("file.zone", &FILE.replace("192.0.2.2", "192.0.2.22"));
    site.server.reload();
    assert_eq!(site.server.data("www.file.test.", RType::A), "192.0.2.22");
    assert!(site.serial("file.test.") > before);
    site.verify("file.test.");
    // A server that was killed has the same keys, signatures and serials.
    let all = |site: &Site| ["file.test.", "made.test."].map(|zone| (site.serial(zone), site.transfer(zone)));
    let before = all(&site);
    site.server.process.kill();
    site.restart();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(all(&site), before);
}

/// The way of the original requirements: a file of a key, made by others, with RSA/SHA-256.
#[test]
fn a_key_file_in_the_configuration_signs() {
    if !has(&["delv", "dnssec-verify", "dnssec-keygen"]) {
        return;
    }
    let keys = common::Scratch::new("signing-own-files");
    let made = run(keys.path(), &["dnssec-keygen", "-q", "-a", "RSASHA256", "-b", "2048", "-f", "KSK", "own.test"]);
    let path = keys.path().join(format!("{}.private", made.trim()));
    let config = format!(
        "zones:\n  - {{ name: own.test, file: own.zone, dnssec: default, dnssec_key_files: [\"{}\"], \
         allow_transfer: [\"127.0.0.0/8\"] }}\n",
        path.display()
    );
    let site = Site::start("own-key", &config, &[("own.zone", FILE)]);
    site.wait_until_signed("own.test.");
    site.verify("own.test.");
    for (name, rtype) in [("www", "A"), ("nothing", "A")] {
        site.validate("own.test.", name, rtype);
    }
    let tag: u16 = made.trim().rsplit('+').next().expect("a tag").parse().expect("a number");
    let keys = site.keys("own.test.");
    assert_eq!(keys.iter().map(|key| (key.tag, key.algorithm)).collect::<Vec<_>>(), [(tag, 8)]);
}

/// A change of the policy changes the chain of denial in one step.
#[test]
fn another_policy_is_another_chain() {
    if !has(&["delv", "dnssec-verify"]) {
        return;
    }
    let mut site = Site::start("denial", ZONES, &[("file.zone", FILE)]);
    site.wait_until_signed("file.test.");
    assert!(site.transfer("file.test.").contains("NSEC\twww"));
    site.configure(&ZONES.replace("nsec3: false", "nsec3: true"));
    let hashed = || site.transfer("file.test.").contains("NSEC3PARAM").then_some(());
    until(common::PATIENCE, hashed).expect("NSEC3");
    let zone = site.transfer("file.test.");
    assert!(!zone.contains("NSEC\twww") && zone.contains("NSEC3\t1 0 0 -"), "{zone}");
    site.verify("file.test.");
    site.validate("file.test.", "nothing", "A");
}

/// Resolvers trust the keys that a zone has been signed with elsewhere: it is not signed with others, but with those once
/// they are here.
#[test]
fn a_zone_that_others_have_signed_keeps_its_keys() {
    if !has(&["delv", "dnssec-verify", "dnssec-keygen", "dnssec-signzone"]) {
        return;
    }
    let there = common::Scratch::new("signing-by-others");
    let keygen = |flags: &[&str]| {
        let made =
            run(there.path(), &[&["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256"], flags, &["own.test"]].concat());
        there.path().join(format!("{}.private", made.trim())).display().to_string()
    };
    let keys = [keygen(&["-f", "KSK"]), keygen(&[])];
    there.write("own.zone", FILE);
    run(there.path(), &["dnssec-signzone", "-S", "-o", "own.test", "-f", "signed.zone", "own.zone"]);
    let signed = std::fs::read_to_string(there.path().join("signed.zone")).expect("the signed zone");
    let zone = |more: &str| {
        format!("zones:\n  - {{ name: own.test, file: own.zone, {more}allow_transfer: [\"127.0.0.0/8\"] }}\n")
    };
    let mut site = Site::start("elsewhere", &zone(""), &[("own.zone", &signed)]);
    let before = site.keys("own.test.");
    assert_eq!(before.len(), 2);
    site.configure(&zone("dnssec: default, "));
    let said = until(common::PATIENCE, || {
        let log = site.server.process.log();
        log.contains("the zone is signed already, and its keys are not here").then_some(())
    });
    assert!(said.is_some(), "{}", site.server.process.log());
    assert_eq!(site.keys("own.test."), before);
    site.validate("own.test.", "www", "A");
    let list = keys.iter().map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(", ");
    site.configure(&zone(&format!("dnssec: default, dnssec_key_files: [{list}], ")));
    // Signed again here, with the same keys: the serial goes on.
    let goes_on = until(common::PATIENCE, || (site.serial("own.test.") > 7).then_some(()));
    assert!(goes_on.is_some(), "{}", site.server.process.log());
    assert_eq!(site.keys("own.test.").len(), 2);
    site.verify("own.test.");
    site.validate("own.test.", "www", "A");
    site.validate("own.test.", "nothing", "A");
}
