//! The parent of a signed zone, served by others: keys move on by themselves once all of its name servers have done what
//! they were asked for, and what they have is shown.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use dns::{Message, NameBuf, Opcode, RType, Rcode};
use dnssec::digest::{DS_SHA256, ds_rdata};
use serde_json::Value;

use crate::common::{PATIENCE, Process, Scratch, free_port, headwater, query, rdata_text, udp, until};
use crate::site::{Site, has, run};

const MADE: &str = "$TTL 1\n@ SOA ns host 7 3600 600 86400 1\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.1\n";

/// Steps take longer than they do elsewhere: several wait for two servers.
const LONG: Duration = Duration::from_secs(4 * PATIENCE.as_secs());

/// The configuration of made.test, signed or not yet.
fn zones(signed: bool, parents: &[SocketAddr]) -> String {
    let dnssec = if signed { "dnssec: fast, " } else { "" };
    let servers = parents.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "zones:\n  - {{ name: made.test, {dnssec}allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }}\n\
         dnssec:\n  policies:\n    fast: {{ zsk_lifetime: 0, dnskey_ttl: 1, propagation: 1, safety: 1, parent_ds_ttl: 1, \
         parent_propagation: 1, signature_lifetime: 600, signature_refresh: 200, signature_jitter: 5, \
         inception_offset: 5, parent_servers: [{servers}] }}\n"
    )
}

/// A server with made.test, which comes with short times to live and is signed then.
fn site(name: &str, parents: &[SocketAddr]) -> Site {
    let mut site = Site::start(name, &zones(false, parents), &[("made.zone", MADE)]);
    let mut import = headwater(&["zone", "import", "made.test", "made.zone", "--data", "data"]);
    assert!(import.current_dir(site.scratch.path()).status().expect("headwater runs").success());
    site.configure(&zones(true, parents));
    site.wait_until_signed("made.test.");
    site
}

/// A name server of `test.`: BIND.
struct Parent {
    scratch: Scratch,
    process: Process,
    address: SocketAddr,
}

impl Parent {
    fn start(name: &str, more: &str) -> Parent {
        let (scratch, port) = (Scratch::new(&format!("signing-parent-{name}")), free_port());
        let zone = format!(
            "$TTL 1\n@ SOA ns host 1 3600 600 86400 1\n@ NS ns\nns A 127.0.0.1\nmade NS ns.made\nns.made A 192.0.2.1\n{more}"
        );
        scratch.write("test.zone", &zone);
        let directory = scratch.path().display().to_string();
        let config = format!(
            "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
             recursion no; pid-file none; session-keyfile \"{directory}/session.key\"; dnssec-validation no; notify no; \
             empty-zones-enable no; }};\n\
             controls {{}};\nzone \"test.\" {{ type primary; file \"test.zone\"; allow-update {{ 127.0.0.0/8; }}; }};\n"
        );
        let path = scratch.write("named.conf", &config);
        let process =
            Process::start(Command::new("named").args(["-g", "-n", "1", "-c"]).arg(path), scratch.path(), "named.log");
        let parent = Parent { scratch, process, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let soa = query("test.", RType::SOA).to_wire(512);
        let up = until(PATIENCE, || udp(parent.address, &soa, Duration::from_secs(1)));
        assert!(up.is_some(), "{}", parent.process.log());
        parent
    }

    /// Has just these DS records of made.test.
    fn publish(&self, ds: &[String]) {
        let add = ds.iter().map(|ds| format!("update add made.test. 1 DS {ds}\n")).collect::<String>();
        let port = self.address.port();
        let script = format!("server 127.0.0.1 {port}\nzone test.\nupdate delete made.test. DS\n{add}send\n");
        let path = self.scratch.write("update", &script);
        run(self.scratch.path(), &["nsupdate", &path.display().to_string()]);
    }
}

/// What `headwater key` prints; it must succeed.
fn key(site: &Site, args: &[&str]) -> String {
    let mut command = headwater(&[&["key"][..], args, &["--data", "data"]].concat());
    let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn state(site: &Site) -> String {
    key(site, &["state", "made.test"])
}

fn wait_for(site: &Site, what: &str, seen: impl Fn(&str) -> bool) -> String {
    let found = until(LONG, || Some(state(site)).filter(|state| seen(state)));
    found.unwrap_or_else(|| panic!("not {what}: {}\n{}", state(site), site.server.process.log()))
}

fn json(site: &Site) -> Value {
    serde_json::from_str(&key(site, &["state", "made.test", "--json"])).expect("JSON")
}

/// The tags of the keys that sign keys.
fn tags(site: &Site) -> BTreeSet<u16> {
    site.keys("made.test.").iter().filter(|key| key.flags & 1 != 0).map(|key| key.tag).collect()
}

/// The DS record of a key that the zone publishes.
fn ds_of(site: &Site, tag: u16) -> String {
    let key = site.keys("made.test.").into_iter().find(|key| key.tag == tag).expect("the key");
    let name: NameBuf = "made.test.".parse().expect("a name");
    rdata_text(RType::DS, &ds_rdata(&name, &key.rdata, DS_SHA256).expect("a digest"))
}

/// Waits until CDS records ask for the DS record of a key other than `before`.
fn asked_for(site: &Site, before: Option<u16>) -> u16 {
    let asked = || {
        let zone = site.transfer("made.test.");
        tags(site).into_iter().find(|tag| Some(*tag) != before && zone.contains(&format!("CDS\t{tag} 13 2")))
    };
    until(LONG, asked).unwrap_or_else(|| panic!("no CDS: {}\n{}", state(site), site.server.process.log()))
}

fn is_known(site: &Site, tag: u16) -> bool {
    let zone = json(site);
    let keys = zone["keys"].as_array().expect("keys");
    keys.iter().any(|key| key["tag"] == tag && key["elements"]["ds"]["visibility"] == "omnipresent")
}

/// Nobody says anything by hand: each step waits for the slower of two servers, and goes on by itself.
#[test]
fn a_rollover_waits_for_every_server_of_the_parent() {
    if !has(&["named", "nsupdate", "dig", "delv", "dnssec-verify"]) {
        return;
    }
    let (fast, slow) = (Parent::start("fast", ""), Parent::start("slow", ""));
    let site = site("all-servers", &[fast.address, slow.address]);
    let first = asked_for(&site, None);
    fast.publish(&[ds_of(&site, first)]);
    let late = format!("{} has not got it", slow.address);
    let said =
        wait_for(&site, "late", |state| state.contains(&late) && !state.contains(&format!("{} has not", fast.address)));
    assert!(said.contains(&format!("{}: DS {first}\n", fast.address)) && said.contains(": no DS record"), "{said}");
    assert!(!is_known(&site, first));
    slow.publish(&[ds_of(&site, first)]);
    until(LONG, || is_known(&site, first).then_some(())).unwrap_or_else(|| panic!("{}", state(&site)));
    let known = json(&site)["keys"].as_array().expect("keys").iter().find(|key| key["tag"] == first).cloned();
    assert_eq!(known.expect("the key")["ds_confirmed"]["by"], "seen");
    // A new key: nothing goes before both servers have its record.
    key(&site, &["roll", "made.test", "--ksk"]);
    let second = asked_for(&site, Some(first));
    fast.publish(&[ds_of(&site, second)]);
    wait_for(&site, "late again", |state| state.contains(&late));
    std::thread::sleep(Duration::from_secs(5));
    assert!(tags(&site).contains(&first) && !is_known(&site, second), "{}", state(&site));
    site.validate("made.test.", "www", "A");
    slow.publish(&[ds_of(&site, second)]);
    let alone = || (tags(&site) == BTreeSet::from([second])).then_some(());
    assert!(until(LONG, alone).is_some(), "{}\n{}", state(&site), site.server.process.log());
    assert!(is_known(&site, second));
    site.verify("made.test.");
    site.validate("made.test.", "www", "A");
}

/// What was seen before a restart counts afterwards, and a server that does not answer is named and waited for.
#[test]
fn a_server_of_the_parent_that_does_not_answer_is_waited_for() {
    if !has(&["named", "nsupdate", "dig"]) {
        return;
    }
    let mut parent = Parent::start("gone", "");
    let silent = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let site = site("silent", &[parent.address, silent]);
    let first = asked_for(&site, None);
    parent.publish(&[ds_of(&site, first)]);
    let said = wait_for(&site, "silent", |state| {
        state.contains(&format!("{silent} does not answer"))
            && state.contains(&format!("{}: DS {first}", parent.address))
    });
    assert!(said.contains("UTC"), "{said}");
    assert!(!is_known(&site, first), "{said}");
    let server = |site: &Site, address: SocketAddr| {
        let servers = json(site)["parent"]["servers"].as_array().cloned().unwrap_or_default();
        servers.into_iter().find(|server| server["address"] == address.to_string()).expect("the server")
    };
    assert!(server(&site, silent)["problem_since_ms"].is_u64() && server(&site, silent)["answered_at_ms"].is_null());
    // The other one goes, too: what it had is still shown.
    parent.process.kill();
    let gone = format!("; before that DS {first}");
    wait_for(&site, "gone", |state| state.contains(&gone));
    assert!(server(&site, parent.address)["problem"].is_string());
    // Somebody who knows says so.
    key(&site, &["ds", "made.test", "--published", &first.to_string()]);
    until(LONG, || is_known(&site, first).then_some(())).unwrap_or_else(|| panic!("{}", state(&site)));
}

/// A parent with a record of another key makes the zone bogus: health says so, and the zone can be changed all the same.
#[test]
fn a_parent_with_a_wrong_record_makes_health_red() {
    if !has(&["named", "nsupdate", "dig"]) {
        return;
    }
    let parent = Parent::start("wrong", "");
    let wrong = format!("4711 13 2 {}", "AB".repeat(32));
    parent.publish(std::slice::from_ref(&wrong));
    let site = site("wrong", &[parent.address]);
    let health = |state: &'static str| {
        let mut command = headwater(&["health", "--json", "--data", "data"]);
        let output = command.current_dir(site.scratch.path()).output().expect("headwater runs");
        assert_eq!(output.status.code(), Some(0), "what a parent has keeps this server from nothing");
        let health: Value = serde_json::from_slice(&output.stdout).ok()?;
        let check = health["checks"].as_array()?.iter().find(|check| check["name"] == "signing")?.clone();
        (check["state"] == state).then_some(check)
    };
    let check = until(LONG, || health("fail")).unwrap_or_else(|| panic!("{}", state(&site)));
    let reason = check["reason"].as_str().expect("a reason");
    assert!(reason.contains("resolvers refuse made.test.") && reason.contains(&parent.address.to_string()), "{check}");
    let said = state(&site);
    assert!(said.contains("resolvers refuse it") && said.contains("DS 4711 (leads to no key of the zone)"), "{said}");
    site.update("made.test.", &["update add more.made.test. 1 A 192.0.2.9"]);
    assert_eq!(site.ask("more.made.test.", RType::A).answers.len(), 1);
    let first = asked_for(&site, None);
    parent.publish(&[ds_of(&site, first)]);
    until(LONG, || is_known(&site, first).then_some(())).unwrap_or_else(|| panic!("{}", state(&site)));
    assert!(until(LONG, || health("ok").or_else(|| health("warn"))).is_some(), "{}", state(&site));
}

/// RFC 9859: the parent is told of CDS records where its DSYNC record says, until it answers.
#[test]
fn the_parent_is_told_of_new_cds_records() {
    if !has(&["named", "nsupdate", "dig"]) {
        return;
    }
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    receiver.set_read_timeout(Some(LONG)).expect("a timeout");
    let port = receiver.local_addr().expect("an address").port();
    // `DSYNC CDS NOTIFY port notify.test.`: BIND does not know the type.
    let data = format!("003B01{port:04X}066E6F746966790474657374 00").replace(' ', "");
    let dsync = format!("_dsync TYPE66 \\# {} {data}\nnotify A 127.0.0.1\n", data.len() / 2);
    let parent = Parent::start("dsync", &dsync);
    let site = site("dsync", &[parent.address]);
    let mut buffer = [0; 512];
    let mut heard = || {
        let (len, from) = receiver.recv_from(&mut buffer).unwrap_or_else(|error| {
            panic!("no NOTIFY: {error}\n{}\n{}", state(&site), site.server.process.log());
        });
        (Message::parse(&buffer[..len]).expect("a message"), from)
    };
    // The first is lost: it comes again.
    heard();
    let (mut message, from) = heard();
    let asked = message.questions.first().expect("a question").clone();
    assert_eq!(
        (message.header.opcode, asked.rtype, asked.name.to_string()),
        (Opcode::NOTIFY, RType::CDS, "made.test.".into())
    );
    assert!(site.transfer("made.test.").contains("CDS\t"));
    (message.header.qr, message.header.rcode) = (true, Rcode::NOERROR);
    receiver.send_to(&message.to_wire(512), from).expect("sent");
}

/// As a receiver, the server does nothing with such a message, and says so (RFC 9859 4.3).
#[test]
fn a_notify_of_a_childs_cds_records_is_not_implemented() {
    let site = Site::start("notified", "zones:\n  - { name: test, file: test.zone }\n", &[("test.zone", MADE)]);
    for (rtype, rcode) in [(RType::CDS, Rcode::NOTIMP), (RType::CSYNC, Rcode::NOTIMP), (RType::SOA, Rcode::NOTAUTH)] {
        let mut message = query("made.test.", rtype);
        message.header.opcode = Opcode::NOTIFY;
        let answer = udp(site.address, &message.to_wire(512), PATIENCE).expect("an answer");
        assert_eq!(Message::parse(&answer).expect("a message").header.rcode, rcode, "{rtype}");
    }
}

/// A parent zone of our own is read, and its other name servers are asked.
#[test]
fn a_parent_that_is_served_here_is_read() {
    if !has(&["dig"]) {
        return;
    }
    let config = zones(true, &[]).replace("parent_servers: []", "cds: true");
    let config = config.replace("zones:\n", "zones:\n  - { name: test, file: test.zone }\n");
    // Nobody listens on port 53 of this address.
    let parent = |ds: &str| {
        format!(
            "$TTL 1\n@ SOA ns host 1 3600 600 86400 1\n@ NS ns\nns A 127.9.9.9\nmade NS ns.made\nns.made A 192.0.2.1\n{ds}"
        )
    };
    let mut site = Site::start("ours", &config, &[("test.zone", &parent(""))]);
    site.wait_until_signed("made.test.");
    let said = until(LONG, || Some(state(&site)).filter(|state| state.contains("this server: no DS record")));
    let said = said.unwrap_or_else(|| panic!("{}\n{}", state(&site), site.server.process.log()));
    assert!(said.contains("parent test.") && said.contains("ns.test. 127.9.9.9:53: does not answer"), "{said}");
    let tag = tags(&site).into_iter().next().expect("a key");
    site.scratch.write("test.zone", &parent(&format!("made DS {}\n", ds_of(&site, tag))));
    // Nothing waits for the parent yet: it is asked again at the start.
    site.server.process.kill();
    site.restart();
    wait_for(&site, "read", |state| state.contains(&format!("this server: DS {tag}\n")));
}
