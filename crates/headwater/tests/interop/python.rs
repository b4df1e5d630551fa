//! Clients in Python: dnspython, certbot's plugin for RFC 2136 and octoDNS with its provider for AXFR and UPDATE. The
//! first two are Debian's; `.ci/install-tools` puts octoDNS under `target/`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{PATIENCE, Scratch, Server, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, serial};
use crate::zonefile::LONG_TIMERS;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/python");
const ZONE: &str = "clients.test.";
const SIGNING: Signing = Signing::Sha512;

/// A Python that has these modules: Debian's, another one, that of `.ci/install-tools`.
fn python(modules: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("interop-python/bin/python");
    let found = [PathBuf::from("/usr/bin/python3"), PathBuf::from("python3"), own].into_iter().find(|python| {
        let import = format!("import {modules}");
        let status = Command::new(python).args(["-c", &import]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        println!("skipped: no Python with {modules}");
    }
    found
}

/// Headwater with a zone that a key may change and transfer.
fn server(scratch: &Scratch) -> Server {
    let entry = "  - { name: clients.test., allow_transfer: [\"key:key512\"], allow_update: [\"key:key512\"] }\n";
    tools::headwater(scratch, free_address(), entry)
}

/// Runs one of the scripts; returns the number of its checks.
fn run(python: &Path, script: &str, server: SocketAddr) -> usize {
    let (name, algorithm, secret) = SIGNING.key().expect("a key");
    let output = Command::new(python)
        .arg(Path::new(SCRIPTS).join(script))
        .args([&server.ip().to_string(), &server.port().to_string(), ZONE, name, algorithm, secret])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python");
    let text = said(&output);
    assert!(output.status.success(), "{script} at {server}:\n{text}");
    text.lines().filter(|line| line.starts_with("ok ")).count()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn dnspython() {
    let Some(python) = python("dns.versioned, dns.xfr") else { return };
    let scratch = Scratch::new("interop-dnspython");
    let ours = server(&scratch);
    println!("headwater: {} checks", run(&python, "dns_client.py", ours.address));
    if !have(&["named"]) {
        return;
    }
    // What the script wants is not Headwater's own opinion.
    let file = format!(
        "{ZONE} 3600 SOA ns.interop.test. hostmaster.{ZONE} 1 {LONG_TIMERS}\n{ZONE} 3600 NS ns.interop.test.\n"
    );
    let zone = Zone { name: ZONE.to_owned(), signing: SIGNING, primary: Some(file), extra: String::new() };
    let bind = Peer::start(Kind::Bind, &scratch, free_address(), ours.address, &[zone]);
    assert!(until(PATIENCE, || serial(bind.address, ZONE)).is_some(), "{}", bind.process.log());
    println!("bind: {} checks", run(&python, "dns_client.py", bind.address));
}

#[test]
fn certbot() {
    let Some(python) = python("certbot_dns_rfc2136") else { return };
    let scratch = Scratch::new("interop-certbot");
    let ours = server(&scratch);
    println!("{} checks", run(&python, "certbot_flow.py", ours.address));
}

/// Has octoDNS make the zone what `yaml` says; returns what it says of it.
fn octodns_sync(python: &Path, scratch: &Scratch, yaml: &str) -> String {
    scratch.write("clients.test.yaml", yaml);
    let output = Command::new(python)
        .args(["-m", "octodns.cmds.sync", "--config-file", "octodns.yaml", "--doit", "--force"])
        .current_dir(scratch.path())
        .output()
        .expect("python");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn octodns() {
    let Some(python) = python("octodns.cmds.sync, octodns_bind") else { return };
    if !have(&["dig"]) {
        return;
    }
    let scratch = Scratch::new("interop-octodns");
    let ours = server(&scratch);
    let (name, algorithm, secret) = SIGNING.key().expect("a key");
    let (host, port) = (ours.address.ip(), ours.address.port());
    scratch.write(
        "octodns.yaml",
        &format!(
            "providers:\n  files: {{ class: octodns.provider.yaml.YamlProvider, directory: ., enforce_order: false }}\n  \
             ours: {{ class: octodns_bind.Rfc2136Provider, host: {host}, port: {port}, key_name: {name}, \
             key_secret: \"{secret}\", key_algorithm: {algorithm} }}\n\
             zones:\n  {ZONE}: {{ sources: [files], targets: [ours] }}\n"
        ),
    );
    let records = || -> Vec<String> {
        let all = contents(ours.address, SIGNING, ZONE);
        let mut all: Vec<String> =
            all.into_iter().filter(|line| !line.contains(" SOA ")).map(|line| line.replace(ZONE, "@")).collect();
        all.sort_unstable();
        all
    };
    let first = "'': [{type: NS, value: ns.interop.test.}, {type: MX, values: [{preference: 10, exchange: mx.clients.test.}]}]\n\
                 mx: {type: A, ttl: 300, value: 192.0.2.25}\nwww: {type: A, ttl: 300, values: [192.0.2.1, 192.0.2.2]}\n\
                 text: {type: TXT, ttl: 60, values: ['one two', 'semi\\; colon']}\n\
                 _sip._tcp: {type: SRV, ttl: 60, value: {priority: 1, weight: 2, port: 5060, target: www.clients.test.}}\n";
    octodns_sync(&python, &scratch, first);
    let mut wanted = vec![
        "@ 3600 IN MX 10 mx.@",
        "@ 3600 IN NS ns.interop.test.",
        "_sip._tcp.@ 60 IN SRV 1 2 5060 www.@",
        "mx.@ 300 IN A 192.0.2.25",
        "text.@ 60 IN TXT \"one two\"",
        "text.@ 60 IN TXT \"semi; colon\"",
        "www.@ 300 IN A 192.0.2.1",
        "www.@ 300 IN A 192.0.2.2",
    ];
    wanted.sort_unstable();
    assert_eq!(records(), wanted, "{}", ours.process.log());
    let again = octodns_sync(&python, &scratch, first);
    assert!(again.contains("No changes"), "{again}");
    octodns_sync(&python, &scratch, &first.replace("192.0.2.1, ", "192.0.2.3, ").replace("mx: {", "mail: {"));
    wanted.retain(|line| !line.starts_with("mx.") && !line.ends_with("192.0.2.1"));
    wanted.extend(["mail.@ 300 IN A 192.0.2.25", "www.@ 300 IN A 192.0.2.3"]);
    wanted.sort_unstable();
    assert_eq!(records(), wanted, "{}", ours.process.log());
}
