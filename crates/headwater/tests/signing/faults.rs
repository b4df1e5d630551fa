//! What goes wrong around keys: nothing invalid is served, and it is said.

use std::fs;
use std::path::PathBuf;

use dns::RType;

use crate::common::{PATIENCE, headwater, until};
use crate::site::{Site, has};

const ZONES: &str = "zones:
  - { name: made.test, dnssec: default, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
";

fn private_keys(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.scratch.path().join("data/keys")).expect("the directory of keys");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "private")).collect()
}

fn health(site: &Site) -> String {
    let mut command = headwater(&["health", "--json", "--data", "data"]);
    let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
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
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            site.update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]);
        }));
        assert!(refused.is_err(), "{}", site.server.process.log());
        assert_eq!(site.server.data("a.made.test.", RType::A), "192.0.2.1");
        assert_eq!(site.transfer("made.test."), before);
        let said = until(PATIENCE, || Some(health(&site)).filter(|said| said.contains("made.test.: ")));
        let said = said.unwrap_or_else(|| panic!("{}\n{}", health(&site), site.server.process.log()));
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
    let said = until(PATIENCE, || Some(health(&site)).filter(|said| said.contains("made.test.: ")));
    let said = said.unwrap_or_else(|| panic!("{}\n{}", health(&site), site.server.process.log()));
    assert!(said.contains("/proc/keys-are-not-here"), "{said}");
    assert!(site.keys("made.test.").is_empty());
    assert_ne!(site.server.data("made.test.", RType::SOA), "SERVFAIL");
}
