//! What goes wrong around keys: nothing invalid is served, and it is said.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use dns::RType;

use crate::common::tmpfs::Tmpfs;
use crate::common::webhook::receiver;
use crate::common::{PATIENCE, Scratch, until};
use crate::rollover;
use crate::site::{Site, has};

/// Checks run every ten seconds, rules every five, and what is over must be so for thirty.
const ALERT_TIMEOUT: Duration = Duration::from_secs(90);

const ZONES: &str = "zones:
  - { name: made.test, dnssec: default, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
";

fn private_keys(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.scratch.path().join("data/keys")).expect("the directory of keys");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "private")).collect()
}

/// The update is refused, the zone stays as it was, and everybody can see why.
#[test]
fn a_missing_or_exchanged_key_refuses_changes_and_nothing_else() {
    if !has(&["delv", "dnssec-verify", "nsupdate"]) {
        return;
    }
    let mut site = Site::start("missing", ZONES, &[]);
    site.wait_until_signed("made.test.");
    site.update("made.test.", &["update add a.made.test. 60 A 192.0.2.1"]);
    let before = site.transfer("made.test.");
    let keys = private_keys(&site);
    let texts: Vec<String> = keys.iter().map(|path| fs::read_to_string(path).expect("a key")).collect();
    assert_eq!(keys.len(), 2);
    let spoil: [&dyn Fn(); 3] = [
        &|| keys.iter().for_each(|path| fs::remove_file(path).expect("gone")),
        // Each has the other's contents.
        &|| keys.iter().zip(texts.iter().rev()).for_each(|(path, text)| fs::write(path, text).expect("written")),
        &|| keys.iter().for_each(|path| fs::write(path, "Private-key-format: v1.3\n").expect("written")),
    ];
    for spoil in spoil {
        site.server.process.signal("TERM");
        site.server.process.wait();
        spoil();
        site.restart();
        let is_taken = site.tries_update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]);
        assert!(!is_taken, "{}", site.server.process.log());
        assert_eq!(site.server.data("a.made.test.", RType::A), "192.0.2.1");
        assert_eq!(site.transfer("made.test."), before);
        let said = until(PATIENCE, || Some(site.health()).filter(|said| said.contains("made.test.: ")));
        let said = said.unwrap_or_else(|| panic!("{}\n{}", site.health(), site.server.process.log()));
        assert!(said.contains(".private"), "{said}");
        // Private keys are never shown.
        assert!(!site.server.process.log().contains("PrivateKey: "), "{}", site.server.process.log());
        keys.iter().zip(&texts).for_each(|(path, text)| fs::write(path, text).expect("written"));
    }
    // With the keys it goes on.
    site.server.process.signal("TERM");
    site.server.process.wait();
    site.restart();
    site.update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]);
    site.verify("made.test.");
    site.validate("made.test.", "b", "A");
}

/// A directory of keys that cannot be written: the zone is not signed, and it says why.
#[test]
fn a_directory_of_keys_that_is_none() {
    let config = format!("{ZONES}dnssec: {{ keys_dir: \"/proc/keys-are-not-here\" }}\n");
    let site = Site::start("no-directory", &config, &[]);
    let said = until(PATIENCE, || Some(site.health()).filter(|said| said.contains("made.test.: ")));
    let said = said.unwrap_or_else(|| panic!("{}\n{}", site.health(), site.server.process.log()));
    assert!(said.contains("/proc/keys-are-not-here"), "{said}");
    assert!(site.keys("made.test.").is_empty());
    assert_ne!(site.server.data("made.test.", RType::SOA), "SERVFAIL");
}

/// Who is told of alerts learns which record the gate refused, or which file is not the key any more.
#[test]
fn an_alert_names_what_is_wrong() {
    if !has(&["nsupdate", "dnssec-verify"]) {
        return;
    }
    let (port, bodies) = receiver();
    let alerts = format!(
        "alerts:\n  allow_internal: [127.0.0.1]\n  recipients:\n    - {{ name: test, url: 'http://127.0.0.1:{port}/', \
         template: '{{status}} {{rule}} {{detail}}', content_type: text/plain }}\n"
    );
    let mut site = Site::start("alerts", &format!("{ZONES}{alerts}"), &[]);
    site.wait_until_signed("made.test.");
    let before = site.transfer("made.test.");
    let told = |site: &Site, words: [&str; 2]| {
        let is_it = |body: &String| words.iter().all(|words| body.contains(words));
        let told = until(ALERT_TIMEOUT, || bodies.lock().expect("no panic").iter().any(is_it).then_some(()));
        assert!(told.is_some(), "no {words:?} in {bodies:?}\n{}", site.server.process.log());
    };
    // An algorithm that signs nothing, as in a set of keys that lacks those that sign.
    let foreign = "update add made.test. 3600 DNSKEY 256 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    assert!(!site.tries_update("made.test.", &[foreign]));
    told(&site, ["firing signing", "made.test. have no signature of algorithm 15"]);
    assert_eq!(site.transfer("made.test."), before);
    site.update("made.test.", &["update add a.made.test. 60 A 192.0.2.1"]);
    told(&site, ["resolved signing", ""]);
    // The files are exchanged while the server runs.
    let keys = private_keys(&site);
    let texts: Vec<String> = keys.iter().map(|path| fs::read_to_string(path).expect("a key")).collect();
    keys.iter().zip(texts.iter().rev()).for_each(|(path, text)| fs::write(path, text).expect("written"));
    site.server.reload();
    told(&site, ["firing signing", "the private key is not the one of the zone's DNSKEY record"]);
    assert!(!site.tries_update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]));
    site.verify("made.test.");
}

/// Keys that vanish while the server runs, and a directory that cannot be written when a key is to be made.
#[test]
fn keys_and_their_directory_while_the_server_runs() {
    if !has(&["nsupdate", "dnssec-verify"]) {
        return;
    }
    let scratch = Scratch::new("signing-mounted");
    let Some(disk) = Tmpfs::mount(&scratch.path().join("mounted"), 4096) else { return };
    let keys_dir = format!("\ndnssec:\n  keys_dir: \"{}\"\n", scratch.path().join("mounted/keys").display());
    let config = rollover::ZONES.replace("\ndnssec:\n", &keys_dir).replace("zsk_lifetime: 14", "zsk_lifetime: 0");
    let mut site = rollover::imported("running", &config);
    site.configure(&config);
    site.wait_until_signed("made.test.");
    let state = |site: &Site, words: &str| {
        let state = until(PATIENCE, || Some(site.key(&["state", "made.test"])).filter(|state| state.contains(words)));
        assert!(state.is_some(), "{}", site.key(&["state", "made.test"]));
    };
    // What is there goes on being used; no key can be made.
    disk.remount("ro");
    let begins = until(PATIENCE, || (site.command(&["key", "roll", "made.test", "--zsk"]).code == 0).then_some(()));
    assert!(begins.is_some(), "{}", site.key(&["state", "made.test"]));
    state(&site, "Read-only file system");
    site.update("made.test.", &["update add a.made.test. 60 A 192.0.2.1"]);
    site.verify("made.test.");
    assert_eq!(site.keys("made.test.").len(), 2);
    disk.remount("rw");
    site.server.reload();
    let rolls = || (site.keys("made.test.").len() == 3).then_some(());
    assert!(until(PATIENCE, rolls).is_some(), "{}", site.key(&["state", "made.test"]));
    // All keys are gone.
    let keys = scratch.path().join("mounted/keys");
    fs::rename(&keys, scratch.path().join("mounted/elsewhere")).expect("renamed");
    let before = site.transfer("made.test.");
    site.server.reload();
    state(&site, ".private");
    assert!(!site.tries_update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]));
    assert_eq!(site.transfer("made.test."), before);
    let told = until(PATIENCE, || site.health().contains(".private").then_some(()));
    assert!(told.is_some(), "{}", site.health());
    fs::rename(scratch.path().join("mounted/elsewhere"), &keys).expect("renamed");
    site.server.reload();
    let goes_on =
        until(PATIENCE, || site.tries_update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]).then_some(()));
    assert!(goes_on.is_some(), "{}", site.key(&["state", "made.test"]));
    site.verify("made.test.");
}
