//! Changes of the file, noticed by the server itself.

use serde_json::json;

use super::{House, SETTLED};

const CONFIG: &str = "\
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]
  nsid: ns1
resolver: { enabled: false }
";

#[test]
fn a_changed_file_is_used() {
    let house = House::start("config-watch", CONFIG);
    house.scratch.write("headwater.yaml", &house.file().replace("ns1", "ns2"));
    house.wait_until("used", || house.nsid() == "ns2");
    // Also by an editor that writes into the file itself.
    let path = house.scratch.path().join("headwater.yaml");
    std::fs::write(&path, house.file().replace("ns2", "ns3")).expect("written");
    house.wait_until("used", || house.nsid() == "ns3");
    // And where the name leads to another file.
    std::fs::create_dir(house.scratch.path().join("new")).expect("a directory");
    std::fs::write(house.scratch.path().join("new/file"), house.file().replace("ns3", "ns4")).expect("written");
    std::fs::remove_file(&path).and_then(|()| std::os::unix::fs::symlink("new/file", &path)).expect("a link");
    house.wait_until("used", || house.nsid() == "ns4");
    let latest = house.call("GET", "/config/history", json!(null)).expect(200).body["items"][0].clone();
    assert_eq!((&latest["who"], &latest["why"]), (&json!("file"), &json!("the file changed")));
    // What the API writes goes to where the link leads.
    let patch = || house.call("PATCH", "/config", json!({ "server.nsid": "ns5" }));
    // The answers change a moment before it is the configuration in use.
    house.wait_until("changed", || patch().status == 200);
    assert!(path.is_symlink() && house.file().contains("ns5"));
    assert_eq!(house.nsid(), "ns5");
}

#[test]
fn a_bad_file_is_refused_whole_and_once() {
    let house = House::start("config-watch-bad", CONFIG);
    let good = house.file();
    house.scratch.write("headwater.yaml", &good.replace("nsid: ns1", "nsid: ns2\n  wrokers: 2\n  chaos: on"));
    house.wait_until("refused", || house.server.process.log().contains("is not used, nothing changed"));
    std::thread::sleep(SETTLED);
    let log = house.server.process.log();
    assert_eq!(log.matches("is not used, nothing changed").count(), 1, "{log}");
    assert!(log.contains("4:3: server.wrokers: unknown key") && log.contains("5:10: server.chaos: expected"), "{log}");
    assert_eq!(house.nsid(), "ns1");
    house.scratch.write("headwater.yaml", &good.replace("ns1", "ns2"));
    house.wait_until("used", || house.nsid() == "ns2");
}

#[test]
fn who_does_not_want_that_has_to_say_so() {
    let house = House::start("config-no-watch", &CONFIG.replace("  nsid", "  watch_config: false\n  nsid"));
    house.scratch.write("headwater.yaml", &house.file().replace("ns1", "ns2"));
    std::thread::sleep(SETTLED);
    assert_eq!(house.nsid(), "ns1");
    house.server.process.signal("HUP");
    house.wait_until("used", || house.nsid() == "ns2");
}
