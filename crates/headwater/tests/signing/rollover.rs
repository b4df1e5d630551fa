//! Rollovers in real time, with short times to live, watched by a resolver with a cache of its own.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use dns::{Message, RType, Rcode};
use dnssec::digest::{DS_SHA256, ds_rdata};

use crate::common::{PATIENCE, Process, free_port, headwater, query_edns, rdata_text, udp, until};
use crate::site::{Site, has};

/// A zone-signing key lives a few seconds.
const ZONES: &str = "zones:
  - { name: made.test, dnssec: fast, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
dnssec:
  policies:
    fast: { zsk_lifetime: 14, dnskey_ttl: 1, propagation: 1, safety: 1, parent_ds_ttl: 1, parent_propagation: 1,
            signature_lifetime: 60, signature_refresh: 20, signature_jitter: 5, inception_offset: 5 }
";

const MADE: &str = "$TTL 1\n@ SOA ns host 7 3600 600 86400 1\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.1\n";

/// Unbound, which trusts the zone's key-signing key.
fn unbound(site: &Site, zone: &str) -> (Process, std::net::SocketAddr) {
    let port = free_port();
    let key = site.keys(zone).into_iter().find(|key| key.flags & 1 != 0).expect("a key-signing key");
    let name: dns::NameBuf = zone.parse().expect("a name");
    let ds = rdata_text(RType::DS, &ds_rdata(&name, &key.rdata, DS_SHA256).expect("a digest"));
    let config = format!(
        "server:\n  interface: 127.0.0.1@{port}\n  port: {port}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  \
         directory: \"{}\"\n  pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  verbosity: 1\n  val-log-level: 2\n  \
         do-not-query-localhost: no\n  trust-anchor: \"{zone} DS {ds}\"\n  local-zone: \"test.\" nodefault\n  \
         module-config: \"validator iterator\"\nremote-control:\n  control-enable: no\nstub-zone:\n  name: \"{zone}\"\n  \
         stub-addr: {}\n",
        site.scratch.path().display(),
        site.address.to_string().replace(':', "@"),
    );
    let path = site.scratch.write("unbound.conf", &config);
    let process =
        Process::start(Command::new("unbound").args(["-d", "-c"]).arg(path), site.scratch.path(), "unbound.log");
    (process, std::net::SocketAddr::from(([127, 0, 0, 1], port)))
}

fn ask(server: std::net::SocketAddr, name: &str, rtype: RType) -> Option<Message> {
    let edns = dns::Edns { dnssec_ok: true, ..dns::Edns::default() };
    let mut query = query_edns(name, rtype, edns);
    query.header.rd = true;
    let query = query.to_wire(512);
    // A machine that is busy may take its time.
    let answer = (0..3).find_map(|_| udp(server, &query, Duration::from_secs(2)))?;
    Message::parse(&answer).ok()
}

/// Zone-signing keys come and go while the zone changes: no answer is bogus at any moment.
#[test]
fn zone_signing_keys_are_replaced_while_the_zone_changes() {
    if !has(&["unbound", "nsupdate", "dnssec-verify"]) {
        return;
    }
    // What caches hold for long delays each step: the zone comes with short times to live.
    let mut site = Site::start("rollover", &ZONES.replace("dnssec: fast, ", ""), &[("made.zone", MADE)]);
    let mut import = headwater(&["zone", "import", "made.test", "made.zone", "--data", "data"]);
    let imported = import.current_dir(site.scratch.path()).output().expect("headwater runs");
    assert!(imported.status.success(), "{imported:?}");
    site.configure(ZONES);
    site.wait_until_signed("made.test.");
    let (process, resolver) = unbound(&site, "made.test.");
    let up = until(PATIENCE, || ask(resolver, "www.made.test.", RType::A).filter(|answer| answer.header.ad));
    assert!(up.is_some(), "{}\n{}", process.log(), site.server.process.log());
    let (begin, mut signing, mut asked) = (Instant::now(), BTreeSet::new(), 0);
    while begin.elapsed() < Duration::from_secs(60) && signing.len() < 3 {
        let host = format!("h{}.made.test.", asked % 7);
        site.update("made.test.", &[&format!("update add {host} 1 A 192.0.2.9"), "update delete h9.made.test. A"]);
        let gone = format!("h{}.made.test.", (asked + 3) % 7);
        site.update("made.test.", &[&format!("update delete {gone} A")]);
        for (name, rtype) in
            [("www.made.test.", RType::A), (&*host, RType::A), (&*gone, RType::A), ("made.test.", RType::DNSKEY)]
        {
            let answer = ask(resolver, name, rtype).unwrap_or_else(|| panic!("no answer: {}", process.log()));
            let is_good = answer.header.ad && matches!(answer.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
            assert!(is_good, "{name} {rtype} after {:?}: {answer:?}\n{}", begin.elapsed(), process.log());
        }
        let answer = ask(site.address, "www.made.test.", RType::A).expect("an answer");
        let signatures = answer.answers.iter().filter(|record| record.rtype == RType::RRSIG);
        signing.extend(signatures.filter_map(|record| Some(dns::rdata::typed::Rrsig::parse(&record.rdata)?.key_tag)));
        asked += 1;
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(signing.len() >= 3, "two rollovers in {:?}: {signing:?}\n{}", begin.elapsed(), site.server.process.log());
    site.verify("made.test.");
}

fn key(site: &Site, args: &[&str]) -> std::process::Output {
    let mut command = headwater(&[&["key"][..], args, &["--data", "data"]].concat());
    command.current_dir(site.scratch.path()).output().expect("headwater runs")
}

/// What a command prints; it must succeed.
fn said(site: &Site, args: &[&str]) -> String {
    let output = key(site, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn wait_for_state(site: &Site, text: &str) -> String {
    let found = until(PATIENCE, || Some(said(site, &["state", "made.test"])).filter(|state| state.contains(text)));
    found.unwrap_or_else(|| panic!("no {text}: {}\n{}", said(site, &["list", "made.test"]), site.server.process.log()))
}

fn tags(site: &Site) -> BTreeSet<u16> {
    site.keys("made.test.").iter().filter(|key| key.flags & 1 != 0).map(|key| key.tag).collect()
}

/// The parent is told, waited for, and believed when somebody says so; at the end the zone is insecure again.
#[test]
fn a_key_signing_key_is_replaced_and_the_zone_becomes_insecure() {
    if !has(&["delv", "dnssec-verify"]) {
        return;
    }
    let zones = ZONES.replace("zsk_lifetime: 14", "zsk_lifetime: 0");
    let mut site = Site::start("parent", &zones.replace("dnssec: fast, ", ""), &[("made.zone", MADE)]);
    let output = key(&site, &["state", "made.test"]);
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && refused.contains("is not signed here"), "{refused}");
    let mut import = headwater(&["zone", "import", "made.test", "made.zone", "--data", "data"]);
    assert!(import.current_dir(site.scratch.path()).status().expect("headwater runs").success());
    site.configure(&zones);
    site.wait_until_signed("made.test.");
    let first = *tags(&site).first().expect("a key");
    wait_for_state(&site, &first.to_string());
    let ds = until(PATIENCE, || Some(said(&site, &["ds", "made.test"])).filter(|ds| !ds.is_empty()));
    let ds = ds.unwrap_or_else(|| panic!("no DS: {}", said(&site, &["state", "made.test"])));
    assert!(ds.contains(&format!(" DS {first} 13 2 ")) && ds.lines().count() == 1, "{ds}");
    assert!(site.transfer("made.test.").contains(&format!("CDS\t{first} 13 2")));
    said(&site, &["ds", "made.test", "--published", &first.to_string()]);
    let active = || said(&site, &["list", "made.test"]).contains("omnipresent").then_some(());
    until(PATIENCE, active).expect("the DS record counts");
    // Another key: both are there, the parent is asked for the new one, and the old one goes when the parent has it.
    assert!(said(&site, &["plan", "made.test", "--roll", "ksk"]).lines().count() > 3);
    said(&site, &["roll", "made.test", "--ksk", "--why", "it is time"]);
    let second = until(PATIENCE, || tags(&site).into_iter().find(|tag| *tag != first)).expect("a second key");
    let asked = || site.transfer("made.test.").contains(&format!("CDS\t{second} 13 2")).then_some(());
    assert!(until(PATIENCE, asked).is_some(), "{}", said(&site, &["state", "made.test"]));
    assert!(tags(&site).contains(&first), "the parent has not done anything yet");
    let again = key(&site, &["roll", "made.test", "--ksk"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("a rollover is under way"), "{again:?}");
    site.validate("made.test.", "www", "A");
    said(&site, &["ds", "made.test", "--published", &second.to_string()]);
    let withdrawn =
        || key(&site, &["ds", "made.test", "--withdrawn", &first.to_string()]).status.success().then_some(());
    assert!(until(PATIENCE, withdrawn).is_some(), "{}", said(&site, &["state", "made.test"]));
    let alone = || (tags(&site) == BTreeSet::from([second])).then_some(());
    assert!(until(PATIENCE, alone).is_some(), "{}", said(&site, &["state", "made.test"]));
    site.verify("made.test.");
    site.validate("made.test.", "www", "A");
    // Insecure: the DS record goes first, then the signatures.
    site.configure(&zones.replace("dnssec: fast, ", ""));
    let asked = || site.transfer("made.test.").contains("CDS\t0 0 0 00").then_some(());
    assert!(until(PATIENCE, asked).is_some(), "{}", said(&site, &["state", "made.test"]));
    site.validate("made.test.", "www", "A");
    let withdrawn =
        || key(&site, &["ds", "made.test", "--withdrawn", &second.to_string()]).status.success().then_some(());
    assert!(until(PATIENCE, withdrawn).is_some(), "{}", said(&site, &["state", "made.test"]));
    let plain = || (!site.transfer("made.test.").contains("RRSIG")).then_some(());
    assert!(until(PATIENCE, plain).is_some(), "{}", site.transfer("made.test."));
    let zone = site.transfer("made.test.");
    assert!(!["DNSKEY", "NSEC", "CDS"].iter().any(|rtype| zone.contains(rtype)), "{zone}");
    // Nothing needs the private keys any more.
    let directory = site.scratch.path().join("data/keys");
    let gone = || (std::fs::read_dir(&directory).expect("keys").count() == 0).then_some(());
    assert!(until(PATIENCE, gone).is_some(), "{}", said(&site, &["state", "made.test", "--json"]));
}
