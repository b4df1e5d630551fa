//! `headwater key` for zones that are signed, with the real binary and a running server.

mod common;

use common::ran::Ran;
use common::{PATIENCE, Scratch, Server, headwater, until};
use dns::RType;

/// Runs `headwater key` in `scratch`.
fn key(scratch: &Scratch, words: &[&str]) -> Ran {
    let mut command = headwater(&[&["key"], words, &["--data", "data"]].concat());
    let output = command.current_dir(scratch.path()).env("HEADWATER_WEB__ENABLED", "false").output().expect("it runs");
    Ran::of(&output)
}

/// A server with example.org, which is signed, and example.net, which is not.
fn signed(name: &str) -> (Scratch, Server) {
    let scratch = Scratch::new(name);
    scratch.write("config.yaml", "zones:\n  - name: example.org\n    dnssec: default\n  - name: example.net\n");
    let server = Server::start(&scratch, &["--config", "config.yaml"]);
    let is_signed = || server.data("example.org", RType::DNSKEY).contains("257 3 13").then_some(());
    assert!(until(PATIENCE, is_signed).is_some(), "not signed:\n{}", server.process.log());
    (scratch, server)
}

/// The tag of the key with this role, as the table has it.
fn tag(table: &str, role: &str) -> String {
    let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(role));
    row.and_then(|row| row.split_whitespace().next()).unwrap_or_else(|| panic!("no {role} in {table}")).to_owned()
}

#[test]
fn keys_are_listed_and_planned() {
    let (scratch, server) = signed("cli-keys");
    let table = key(&scratch, &["list", "example.org"]).ok();
    assert!(table.starts_with("TAG") && table.lines().count() == 3, "{table}");
    let (ksk, zsk) = (tag(&table, "ksk"), tag(&table, "zsk"));
    let json = key(&scratch, &["list", "example.org", "--json"]).ok();
    assert!(json.lines().count() == 2 && json.contains(&format!("\"tag\":{ksk},")), "{json}");
    // DS records stand alone, so that they can be piped.
    let ds = key(&scratch, &["ds", "example.org", "--all"]).ok();
    assert!(ds.lines().count() == 1 && ds.starts_with(&format!("example.org. IN DS {ksk} 13 2 ")), "{ds}");
    let sha384 = key(&scratch, &["ds", "example.org", "--all", "--sha384"]).ok();
    assert!(sha384.starts_with(&format!("example.org. IN DS {ksk} 13 4 ")), "{sha384}");
    let dnskey = key(&scratch, &["ds", "example.org", "--all", "--dnskey"]).ok();
    assert!(dnskey.starts_with("example.org. IN DNSKEY 257 3 13 "), "{dnskey}");
    let public = key(&scratch, &["export-public", "example.org", "--tag", &zsk]).ok();
    assert!(public.contains(&server_key(&server, 256)), "{public}");
    assert!(key(&scratch, &["export-public", "example.org", "--tag", "0"]).fails().contains("has no key 0"));
    let state = until(PATIENCE, || {
        let state = key(&scratch, &["state", "example.org"]).ok();
        state.contains("waits ").then_some(state)
    });
    let state = state.expect("something is waited for");
    assert!(
        state.starts_with("example.org.: it is signed") && state.contains("the first signature ends at"),
        "{state}"
    );
    let plan = key(&scratch, &["plan", "example.org", "--until", "60d"]).ok();
    assert!(plan.contains("the parent is asked for the DS record of key") && plan.contains("(if the parent"), "{plan}");
    assert!(key(&scratch, &["plan", "example.org", "--at", "30d"]).code == 2);
    // What the parent has is told by hand; a zone-signing key has nothing there.
    let no = key(&scratch, &["ds", "example.org", "--published", &zsk]).fails();
    assert!(no.contains("no key with tag"), "{no}");
    // A key can go all the same, and another comes.
    let tried = key(&scratch, &["plan", "example.org", "--retire", &zsk, "--compromised", "--until", "60d"]).ok();
    assert!(tried.contains("new key 1") && tried.contains(&format!("key {zsk} ")), "{tried}");
    assert_eq!(key(&scratch, &["plan", "example.org", "--compromised"]).code, 2);
    assert_eq!(key(&scratch, &["plan", "example.org", "--retire", &zsk, "--roll", "zsk"]).code, 2);
    let said = key(&scratch, &["retire", "example.org", &zsk, "--compromised", "--why", "lost"]).ok();
    assert!(said.starts_with(&format!("example.org.: key {zsk} goes")), "{said}");
    let again = key(&scratch, &["retire", "example.org", &zsk]).fails();
    assert!(again.contains("is on its way out already"), "{again}");
    assert!(key(&scratch, &["retire", "example.org", "1"]).fails().contains("no key with tag 1"));
    // Keys that have just been made have to come into use before others replace them.
    for words in
        [&["roll", "example.org", "--zsk", "--why", "exercise"][..], &["create", "example.org", "--role", "ksk"]]
    {
        let said = key(&scratch, words).fails();
        assert!(said.contains("a rollover is under way"), "{said}");
    }
}

/// The DNSKEY data of the server with these flags.
fn server_key(server: &Server, flags: u16) -> String {
    let answer = server.ask(&common::query("example.org", RType::DNSKEY));
    let mut data = answer.answers.iter().map(|record| common::rdata_text(RType::DNSKEY, &record.rdata));
    data.find(|text| text.starts_with(&flags.to_string())).expect("a key")
}

#[test]
fn a_key_is_imported() {
    let (scratch, _server) = signed("cli-key-import");
    let made = dnssec::sign::SigningKey::generate(dnssec::algorithm::Algorithm::ECDSAP256SHA256).expect("a key");
    let made = made.with_flags(256);
    let private = dnssec::key_file::to_private_text(&made, &dnssec::key_file::Timing::default()).expect("text");
    scratch.write("a.private", &private);
    assert!(key(&scratch, &["import", "example.org", "a.private"]).fails().contains("--role"));
    let zone: dns::NameBuf = "example.org".parse().expect("name");
    scratch.write("a.key", &dnssec::key_file::to_public_text(&zone, 3600, &made));
    let said = key(&scratch, &["import", "example.org", "a.private"]).ok();
    let tag = made.key_tag();
    assert!(said.starts_with(&format!("example.org.: key {tag} (ECDSAP256SHA256, zsk) is imported, ")), "{said}");
    assert!(key(&scratch, &["import", "example.org", "a.key"]).fails().contains("is taken"));
    assert!(
        key(&scratch, &["import", "example.org", "none.private", "--role", "zsk"]).fails().contains("none.private")
    );
    assert!(key(&scratch, &["list", "example.org", "--json"]).ok().contains("\"origin\":\"imported\""));
}

#[test]
fn what_is_not_signed_says_so() {
    let (scratch, server) = signed("cli-keys-unsigned");
    let list: &[&[&str]] = &[
        &["list"],
        &["state"],
        &["ds"],
        &["plan"],
        &["export-public"],
        &["roll", "--zsk"],
        &["create", "--role", "zsk"],
    ];
    for words in list {
        let said = key(&scratch, &[words, &["example.net"][..]].concat()).fails();
        assert!(said.contains("zone example.net. is not signed here: `dnssec` names the policy"), "{words:?} {said}");
    }
    assert!(key(&scratch, &["list", "example.com"]).fails().contains("example.com."));
    assert_eq!(key(&scratch, &["roll", "example.org"]).code, 2);
    drop(server);
    let said = key(&scratch, &["list", "example.org"]).fails();
    assert!(said.contains("no server answers at data/control.sock"), "{said}");
}
