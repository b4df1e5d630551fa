//! Zones that Knot and PowerDNS have signed come here with their keys, in the forms in which those export them: whoever
//! trusted the zone goes on doing so.

use std::path::Path;
use std::process::Command;

use crate::common::{PATIENCE, Process, Scratch, free_port, until};
use crate::site::{Site, has, run};

const ZONE: &str = "own.test.";
const PLAIN: &str = "$TTL 60
@ SOA ns host 7 3600 600 86400 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
*.wild TXT \"any\"
";
const CONFIG: &str = "zones:
  - { name: own.test, file: own.zone, dnssec: only, allow_transfer: [\"127.0.0.0/8\"] }
dnssec: { policies: { only: { csk: true } } }
";

/// The zone as it is signed there stays valid for whoever has its key, before and after it is signed here.
fn comes_here(name: &str, signed: &str, key: &Path) {
    let site = Site::start(name, CONFIG, &[("own.zone", signed)]);
    let before = site.keys(ZONE);
    assert_eq!(before.len(), 1, "{signed}");
    let waits = until(PATIENCE, || site.key(&["state", ZONE]).contains("its keys are not here").then_some(()));
    assert!(waits.is_some(), "{}", site.key(&["state", ZONE]));
    site.validate(ZONE, "www", "A");
    let file = key.display().to_string();
    site.key(&["import", ZONE, &file, "--role", "csk", "--in-service", "--has-ds"]);
    let goes_on = until(PATIENCE, || (site.serial(ZONE) > 7 && site.transfer(ZONE).contains("CDS")).then_some(()));
    assert!(goes_on.is_some(), "{}\n{}", site.key(&["state", ZONE]), site.server.process.log());
    assert_eq!(site.keys(ZONE), before);
    site.verify(ZONE);
    for (name, rtype) in [("www", "A"), ("q.wild", "TXT"), ("nothing", "A")] {
        site.validate(ZONE, name, rtype);
    }
    let state = site.key(&["state", ZONE]);
    assert!(!state.contains("error"), "{state}");
}

#[test]
fn a_zone_and_its_key_from_knot() {
    if !has(&["kzonesign", "delv", "dnssec-verify"]) {
        return;
    }
    let there = Scratch::new("signing-from-knot");
    let path = there.path().display();
    for directory in ["db", "out"] {
        std::fs::create_dir(there.path().join(directory)).expect("a directory");
    }
    there.write("own.test.zone", PLAIN);
    let config = format!(
        "server:\n    rundir: \"{path}\"\ndatabase:\n    storage: \"{path}/db\"\npolicy:\n  - id: only\n    \
         single-type-signing: on\n    algorithm: ecdsap256sha256\nzone:\n  - domain: own.test\n    storage: \"{path}\"\n    \
         file: own.test.zone\n    dnssec-signing: on\n    dnssec-policy: only\n"
    );
    there.write("knot.conf", &config);
    run(there.path(), &["kzonesign", "-c", "knot.conf", "-o", "out", "own.test"]);
    let signed = std::fs::read_to_string(there.path().join("out/own.test.zone")).expect("the signed zone");
    let mut keys = std::fs::read_dir(there.path().join("db/keys/keys")).expect("keys");
    let key = keys.next().expect("a key").expect("an entry").path();
    comes_here("knot", &signed, &key);
}

#[test]
fn a_zone_and_its_key_from_powerdns() {
    if !has(&["pdnsutil", "pdns_server", "delv", "dnssec-verify"]) {
        return;
    }
    let there = Scratch::new("signing-from-powerdns");
    let (path, port) = (there.path().display(), free_port());
    there.write("own.zone", &format!("$ORIGIN {ZONE}\n{PLAIN}"));
    there.write(
        "named.conf",
        &format!(
            "options {{ directory \"{path}\"; }};\nzone \"own.test\" {{ type master; file \"{path}/own.zone\"; }};\n"
        ),
    );
    let config = format!(
        "launch=bind\nbind-config={path}/named.conf\nbind-dnssec-db={path}/dnssec.db\nsocket-dir={path}\n\
         local-address=127.0.0.1\nlocal-port={port}\ndaemon=no\nwrite-pid=no\nsetuid=\nsetgid=\ndisable-axfr=no\n\
         allow-axfr-ips=127.0.0.0/8\n"
    );
    there.write("pdns.conf", &config);
    let pdnsutil = |words: &[&str]| run(there.path(), &[&["pdnsutil", "--config-dir=."], words].concat());
    pdnsutil(&["create-bind-db", &format!("{path}/dnssec.db")]);
    pdnsutil(&["secure-zone", "own.test"]);
    let key = there.write("own.private", &pdnsutil(&["export-zone-key", "own.test", "1"]));
    let mut command = Command::new("pdns_server");
    let server = Process::start(command.arg("--config-dir=."), there.path(), "log");
    let port = port.to_string();
    let transfer = || {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &port, "+noall", "+answer", "+onesoa", "+tries=1", "AXFR", "own.test"])
            .output()
            .expect("dig runs");
        Some(String::from_utf8_lossy(&output.stdout).into_owned()).filter(|text| text.contains("RRSIG"))
    };
    let signed = until(PATIENCE, transfer);
    comes_here("powerdns", &signed.unwrap_or_else(|| panic!("{}", server.log())), &key);
}
