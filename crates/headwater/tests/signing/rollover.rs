//! Rollovers in real time, with short times to live, watched by a resolver with a cache of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dns::RType;

use crate::common::{PATIENCE, until};
use crate::site::{Site, has};
use crate::validators::{Validator, assert_valid, watchers};

/// A zone-signing key lives a few seconds.
pub const ZONES: &str = "zones:
  - { name: made.test, dnssec: fast, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
dnssec:
  policies:
    fast: { zsk_lifetime: 14, dnskey_ttl: 1, propagation: 1, safety: 1, parent_ds_ttl: 1, parent_propagation: 1,
            signature_lifetime: 60, signature_refresh: 20, signature_jitter: 5, inception_offset: 5 }
";

const MADE: &str = "$TTL 1\n@ SOA ns host 7 3600 600 86400 1\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.1\n";

/// A server with the zone, which is not signed yet: what caches hold for long delays each step, so it comes with short times
/// to live.
pub fn imported(name: &str, zones: &str) -> Site {
    let site = Site::start(name, &zones.replace("dnssec: fast, ", ""), &[("made.zone", MADE)]);
    site.command(&["zone", "import", "made.test", "made.zone"]).ok();
    site
}

/// Changes the zone; what is there, what was changed, and what is gone is valid.
fn edit_and_watch(site: &Site, watchers: &[Validator], round: usize) {
    let (host, gone) = (format!("h{}.made.test.", round % 7), format!("h{}.made.test.", (round + 3) % 7));
    site.update("made.test.", &[&format!("update add {host} 1 A 192.0.2.9"), "update delete h9.made.test. A"]);
    site.update("made.test.", &[&format!("update delete {gone} A")]);
    let names = [("www.made.test.", RType::A), (&*host, RType::A), (&*gone, RType::A), ("made.test.", RType::DNSKEY)];
    assert_valid(watchers, &names);
}

/// Zone-signing keys come and go while the zone changes: no answer is bogus at any moment.
#[test]
fn zone_signing_keys_are_replaced_while_the_zone_changes() {
    if !has(&["unbound", "nsupdate", "dnssec-verify"]) {
        return;
    }
    let mut site = imported("rollover", ZONES);
    site.configure(ZONES);
    site.wait_until_signed("made.test.");
    let watchers = watchers(&site, &["made.test."], "www.made.test.");
    let (begin, mut signing, mut round) = (Instant::now(), BTreeSet::new(), 0);
    while begin.elapsed() < Duration::from_secs(60) && signing.len() < 3 {
        edit_and_watch(&site, &watchers, round);
        signing.extend(site.signing_tags("www.made.test.", RType::A));
        round += 1;
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(signing.len() >= 3, "two rollovers in {:?}: {signing:?}\n{}", begin.elapsed(), site.server.process.log());
    site.verify("made.test.");
}

fn wait_for_state(site: &Site, text: &str) -> String {
    let found = until(PATIENCE, || Some(site.key(&["state", "made.test"])).filter(|state| state.contains(text)));
    found.unwrap_or_else(|| panic!("no {text}: {}\n{}", site.key(&["list", "made.test"]), site.server.process.log()))
}

fn tags(site: &Site) -> BTreeSet<u16> {
    site.keys("made.test.").iter().filter(|key| key.flags & 1 != 0).map(|key| key.tag).collect()
}

/// Says that the parent has withdrawn the DS record of a key, once that is taken.
fn withdraw(site: &Site, tag: u16) {
    let words = ["key", "ds", "made.test", "--withdrawn", &tag.to_string()];
    let withdrawn = until(PATIENCE, || (site.command(&words).code == 0).then_some(()));
    assert!(withdrawn.is_some(), "{}", site.key(&["state", "made.test"]));
}

/// The parent is told, waited for, and believed when somebody says so; at the end the zone is insecure again.
#[test]
fn a_key_signing_key_is_replaced_and_the_zone_becomes_insecure() {
    if !has(&["delv", "dnssec-verify"]) {
        return;
    }
    let zones = ZONES.replace("zsk_lifetime: 14", "zsk_lifetime: 0");
    let mut site = imported("parent", &zones);
    let refused = site.command(&["key", "state", "made.test"]).fails();
    assert!(refused.contains("is not signed here"), "{refused}");
    site.configure(&zones);
    site.wait_until_signed("made.test.");
    let first = *tags(&site).first().expect("a key");
    wait_for_state(&site, &first.to_string());
    let ds = until(PATIENCE, || Some(site.key(&["ds", "made.test"])).filter(|ds| !ds.is_empty()));
    let ds = ds.unwrap_or_else(|| panic!("no DS: {}", site.key(&["state", "made.test"])));
    assert!(ds.contains(&format!(" DS {first} 13 2 ")) && ds.lines().count() == 1, "{ds}");
    assert!(site.transfer("made.test.").contains(&format!("CDS\t{first} 13 2")));
    site.key(&["ds", "made.test", "--published", &first.to_string()]);
    let active = || site.key(&["list", "made.test"]).contains("omnipresent").then_some(());
    until(PATIENCE, active).expect("the DS record counts");
    // Another key: both are there, the parent is asked for the new one, and the old one goes when the parent has it.
    assert!(site.key(&["plan", "made.test", "--roll", "ksk"]).lines().count() > 3);
    site.key(&["roll", "made.test", "--ksk", "--why", "it is time"]);
    let second = until(PATIENCE, || tags(&site).into_iter().find(|tag| *tag != first)).expect("a second key");
    let asked = || site.transfer("made.test.").contains(&format!("CDS\t{second} 13 2")).then_some(());
    assert!(until(PATIENCE, asked).is_some(), "{}", site.key(&["state", "made.test"]));
    assert!(tags(&site).contains(&first), "the parent has not done anything yet");
    let again = site.command(&["key", "roll", "made.test", "--ksk"]).fails();
    assert!(again.contains("a rollover is under way"), "{again}");
    site.validate("made.test.", "www", "A");
    site.key(&["ds", "made.test", "--published", &second.to_string()]);
    withdraw(&site, first);
    let alone = || (tags(&site) == BTreeSet::from([second])).then_some(());
    assert!(until(PATIENCE, alone).is_some(), "{}", site.key(&["state", "made.test"]));
    site.verify("made.test.");
    site.validate("made.test.", "www", "A");
    // Insecure: the DS record goes first, then the signatures.
    site.configure(&zones.replace("dnssec: fast, ", ""));
    let asked = || site.transfer("made.test.").contains("CDS\t0 0 0 00").then_some(());
    assert!(until(PATIENCE, asked).is_some(), "{}", site.key(&["state", "made.test"]));
    site.validate("made.test.", "www", "A");
    withdraw(&site, second);
    let plain = || (!site.transfer("made.test.").contains("RRSIG")).then_some(());
    assert!(until(PATIENCE, plain).is_some(), "{}", site.transfer("made.test."));
    let zone = site.transfer("made.test.");
    assert!(!["DNSKEY", "NSEC", "CDS"].iter().any(|rtype| zone.contains(rtype)), "{zone}");
    // Nothing needs the private keys any more.
    let directory = site.scratch.path().join("data/keys");
    let gone = || (std::fs::read_dir(&directory).expect("keys").count() == 0).then_some(());
    assert!(until(PATIENCE, gone).is_some(), "{}", site.key(&["state", "made.test", "--json"]));
}
