//! Zones of the journal, secondaries, access lists, TSIG keys and the web's sockets in the configuration.

use config::{Config, LoadOptions, Problem, ZoneOrigin, changes};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zone::{SerialPolicy, ZoneKind};

fn write(name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_zones");
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let file = directory.join(name);
    std::fs::write(&file, text).expect("a file for the test");
    file
}

fn load(name: &str, text: &str) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let options = LoadOptions { config: Some(write(name, text)), ..LoadOptions::default() };
    Config::load_with(options, [])
}

/// The configuration of a text without mistakes, and its warnings without the file's name.
fn good(name: &str, text: &str) -> (Config, Vec<String>) {
    let (config, warnings) = load(name, text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    (config, lines(&warnings))
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.what())).collect()
}

#[test]
fn zones_are_placed_on_servers_by_name_and_label() {
    let cluster = "cluster: { brokers: ['192.0.2.1:9092'], key_file: k, labels: { region: eu, disk: ssd } }\n";
    let zones = "zones: [{ name: a.example, placement: ['region=e*', ns1] }, { name: b.example }]\n";
    let (config, warnings) = good("placement", &format!("{cluster}{zones}"));
    assert_eq!(warnings, Vec::<String>::new());
    let labels = &config.cluster.as_ref().expect("a cluster").labels;
    let none = std::collections::BTreeMap::new();
    let placed = |zone: usize, server: &str, labels| config.zones[zone].lists.is_placed_at(server, labels);
    assert!(placed(0, "ns2", labels) && placed(0, "ns1", &none) && placed(1, "ns2", labels));
    assert!(!placed(0, "ns2", &none));
    let bad = "cluster: { brokers: ['192.0.2.1:9092'], key_file: k, labels: { region: 'e*' } }\n\
               zones: [{ name: a.example, placement: ['region=', 'x y'] }, { name: b.example, file: f, placement: [ns1] }]\n";
    let problems = lines(&load("placement-bad", bad).expect_err("mistakes"));
    let want = [
        "1:64: cluster.labels.region: key and value",
        "2:40: zones[0].placement[0]: `region=` is neither",
        "2:51: zones[0].placement[1]: `x y` is neither",
        "zones[1].placement: the file is this server's alone",
    ];
    assert_eq!(problems.len(), want.len(), "{problems:#?}");
    assert!(want.iter().all(|want| problems.iter().any(|problem| problem.contains(want))), "{problems:#?}");
}

#[test]
fn kinds_of_zones() {
    let text = "zones:\n\
                - { name: file.example, file: f, notify: ['192.0.2.1', '[2001:db8::1]:5300 key:K'] }\n\
                - { name: journal.example, serial_policy: date, allow_update: ['key:k name=*.x type=TXT'] }\n\
                - { name: secondary.example, primaries: ['192.0.2.9 key:k'], allow_query: [192.0.2.0/24] }\n\
                tsig_keys: [{ name: k, algorithm: HMAC-SHA512., secret: c2VjcmV0 }]\n";
    let (config, warnings) = good("kinds", text);
    assert_eq!(warnings, Vec::<String>::new());
    let [file, journal, secondary] = &config.zones[..] else { panic!("{:?}", config.zones) };
    assert!(matches!(&file.origin, ZoneOrigin::File(path) if path.ends_with("f")));
    assert_eq!((file.settings.kind, file.settings.notify.len()), (ZoneKind::Primary, 2));
    let peers: Vec<String> = file.lists.notify.iter().map(|peer| peer.address.to_string()).collect();
    assert_eq!(peers, ["192.0.2.1:53", "[2001:db8::1]:5300"]);
    assert_eq!(file.lists.policy, None, "everybody may query, nobody anything else");

    assert_eq!((&journal.origin, journal.settings.serial_policy), (&ZoneOrigin::Journal, SerialPolicy::Date));
    let policy = journal.lists.policy.as_ref().expect("a policy");
    let key: dns::NameBuf = "K".parse().expect("a name");
    let allows = |owner: &str| {
        let owner: dns::NameBuf = owner.parse().expect("a name");
        policy.allow_update.allows_change([192, 0, 2, 1].into(), Some(&key), &owner, dns::RType::TXT)
    };
    assert!(allows("a.x") && !allows("a.b.x"));

    assert_eq!(
        (&secondary.origin, secondary.settings.kind),
        (&ZoneOrigin::Secondary { primary_api: None }, ZoneKind::Secondary)
    );
    assert_eq!(secondary.lists.primaries[0].to_string(), "192.0.2.9 key:k.");
    let policy = secondary.lists.policy.as_ref().expect("a policy");
    let client = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert!(policy.allows_query(client("192.0.2.7")) && !policy.allows_query(client("192.0.3.7")));
    assert!(policy.allow_notify.allows(client("192.0.2.9"), Some(&key)));
    assert!(!policy.allow_notify.allows(client("192.0.2.9"), None));
}

#[test]
fn what_does_not_go_together() {
    let check = |zone: &str, want: &[&str]| {
        let problems = load("together", &format!("zones: [{{ name: x, {zone} }}]\n")).expect_err(zone);
        let found = lines(&problems);
        assert_eq!(found.len(), want.len(), "{zone}: {found:#?}");
        assert!(found.iter().zip(want).all(|(found, want)| found.starts_with(want)), "{zone}: {found:#?}");
    };
    check(
        "file: y, allow_update: [::1]",
        &[
            "1:43: zones[0].allow_update: a zone from a file takes no updates; leave `file` out, and `headwater zone import`",
        ],
    );
    check("file: y, primaries: [::1]", &["1:40: zones[0].primaries: a zone is from a file or a secondary"]);
    check(
        "primaries: [::1], allow_update: [::2]",
        &["1:52: zones[0].allow_update: a secondary takes no updates; `allow_update_forwarding` has them sent"],
    );
    check(
        "allow_update_forwarding: [::2]",
        &[
            "1:45: zones[0].allow_update_forwarding: only a secondary forwards updates, to its `primaries`; leave it out",
        ],
    );
    check(
        "primaries: [x, '::1 key:', '::1:53:x']",
        &["1:32: zones[0].primaries[0]: ", "1:35: zones[0].primaries[1]: ", "1:47: zones[0].primaries[2]: "],
    );
    check("notify: ['192.0.2.1:0']", &["1:29: zones[0].notify[0]: port 0"]);
    check(
        "allow_transfer: ['key:k type=A']",
        &["1:37: zones[0].allow_transfer[0]: `name=` and `type=` limit `allow_update` only"],
    );
    check("allow_update: ['type=A']", &["1:35: zones[0].allow_update[0]: expected a network, `key:NAME`, or both"]);
    check("serial_policy: newest", &["1:35: zones[0].serial_policy: expected one of increment, date, unixtime"]);
}

#[test]
fn every_zone_with_a_bad_entry_is_named() {
    let text = "zones:\n- { name: a, allow_transfer: [x] }\n- { name: b, allow_transfer: [x] }\n";
    let found = lines(&load("each", text).expect_err("mistakes"));
    assert!(found[0].starts_with("2:31: ") && found[1].starts_with("3:31: ") && found.len() == 2, "{found:#?}");
}

#[test]
fn a_secondary_knows_the_api_of_its_primary() {
    let zones =
        good("api", "zones: [{ name: a, primaries: ['::1'], primary_api: 'https://ns1.example:8443/' }]\n").0.zones;
    assert_eq!(zones[0].primary_api().map(|api| &**api), Some("https://ns1.example:8443"));
    for (entry, want) in [
        (
            "name: a, file: a, primary_api: 'https://ns1.example'",
            "zones[0].primary_api: has no effect without primaries",
        ),
        ("name: a, primaries: ['::1'], primary_api: ns1.example", "zones[0].primary_api: `ns1.example` is no address"),
        ("name: a, primaries: ['::1'], primary_api: 'https://u@ns1'", "zones[0].primary_api: `https://u@ns1` is no"),
    ] {
        let found = lines(&load("api", &format!("zones: [{{ {entry} }}]\n")).expect_err(entry));
        assert!(found.len() == 1 && found[0].contains(want), "{entry}: {found:#?}");
    }
}

#[test]
fn what_has_no_effect_is_warned_about() {
    let text = "zones:\n\
                - { name: a, file: a, allow_notify: [::1], serial_policy: date }\n\
                - { name: b, allow_transfer: ['key:later', 'key:known'] }\n\
                - { name: c, allow_transfer: ['::1', 'key:Later'] }\n\
                tsig_keys: [{ name: Known., secret: AAAA }]\n";
    let want = [
        "2:37: zones[0].allow_notify: has no effect without primaries",
        "2:59: zones[0].serial_policy: has no effect on a zone that does not live in the journal",
        "3:31: zones[1].allow_transfer[0]: key later. is not in tsig_keys",
    ];
    assert_eq!(good("no-effect", text).1, want);
}

#[test]
fn zones_share_their_settings() {
    let mut text = String::from("zones:\n");
    for number in 0..100 {
        let settings = if number < 50 { "" } else { ", allow_transfer: [::1]" };
        text += &format!("- {{ name: z{number}, file: z{settings} }}\n");
    }
    let zones = good("shared", &text).0.zones;
    let shared = |a: usize, b: usize| {
        Arc::ptr_eq(&zones[a].settings, &zones[b].settings) && Arc::ptr_eq(&zones[a].lists, &zones[b].lists)
    };
    assert!(shared(0, 49) && shared(50, 99) && !shared(49, 50));
    assert!(std::mem::size_of_val(&*zones[0]) <= 88, "100,000 of them are held");
}

#[test]
fn tsig_keys() {
    let check = |keys: &str, want: &str| {
        let found = lines(&load("keys", &format!("tsig_keys: [{keys}]\n")).expect_err(keys));
        assert_eq!(found.len(), 1, "{keys}: {found:#?}");
        assert!(found[0].starts_with(want), "{keys}: {found:#?}");
        assert!(!found[0].contains("c2VjcmV0"), "{found:#?}");
    };
    check("{ secret: c2VjcmV0 }", "1:13: tsig_keys[0].name: missing");
    check("{ name: a..b, secret: c2VjcmV0 }", "1:21: tsig_keys[0].name: `a..b` is not a domain name");
    check("{ name: k }", "1:13: tsig_keys[0].secret: missing");
    check("{ name: k, secret: c2VjcmV0! }", "1:32: tsig_keys[0].secret: not base64");
    check("{ name: k, algorithm: hmac-md4, secret: AAAA }", "1:35: tsig_keys[0].algorithm: expected one of hmac-md5,");
    check(
        "{ name: k, secret: AAAA }, { name: K., secret: AAAB }",
        "1:48: tsig_keys[1].name: key K. is given twice, first at line 1",
    );
    let warned = good("md5", "tsig_keys: [{ name: k, algorithm: hmac-md5, secret: AAAA }]\n").1;
    assert_eq!(warned, ["1:35: tsig_keys[0].algorithm: hmac-md5 must not be used where another can be (RFC 8945 6)"]);
}

#[test]
fn secrets_are_never_shown() {
    let text =
        |secret: &str| format!("tsig_keys: [{{ name: k, secret: {secret} }}, {{ name: {secret}, secret: AAAA }}]\n");
    let (old, new) = (good("secret", &text("c2VjcmV0")).0, good("secret-2", &text("b3RoZXI=")).0);
    assert_eq!(changes(&old, &new), ["tsig_keys: k. changed", "tsig_keys: + b3RoZXI=.", "tsig_keys: - c2VjcmV0."]);
    let shown = format!("{:?} {:#?}", old.tsig_keys[0], old.tsig_keys[0]);
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("secret\"") && !shown.contains("115"), "{shown}");
    let key = dnssec::tsig::Key::from(&old.tsig_keys[0]);
    assert_eq!(key.name().to_string(), "k.");
}

#[test]
fn sockets_of_the_web() {
    let check = |text: &str, want: &[&str]| {
        let web = good("web", text).0.web;
        let found: Vec<String> = web.listen.iter().map(ToString::to_string).collect();
        assert_eq!((found, web.enabled), (want.iter().map(ToString::to_string).collect(), !want.is_empty()), "{text}");
    };
    check("", &["127.0.0.1:8080", "[::1]:8080"]);
    check("server: { bind_address: '192.0.2.1', web_port: 80 }\n", &["192.0.2.1:80"]);
    check("server: { web_port: 80 }\nweb: { bind_address: ['::2', 192.0.2.2] }\n", &["[::2]:80", "192.0.2.2:80"]);
    check("web: { enabled: false }\n", &[]);
    let found = lines(&load("web-bad", "web: { bind_address: [x, '::1', '::1'] }\n").expect_err("mistakes"));
    let want = [
        "1:23: web.bind_address: `x` is not an IP address",
        "1:33: web.bind_address: [::1]:8080 is given twice, first at line 1",
    ];
    assert_eq!(found, want);
    let found = lines(&load("web-server", "server: { bind_address: x }\n").expect_err("a mistake"));
    assert_eq!(found, ["1:25: server.bind_address: `x` is not an IP address"], "once");
}

#[test]
fn name_and_journal() {
    let (config, _) =
        good("name", "server: { name: ns.example.org }\njournal: { retention_days: 30, retention_changes: 5 }\n");
    assert_eq!(config.server.name.to_string(), "ns.example.org.");
    assert_eq!((config.journal.retention_days, config.journal.retention_changes), (Some(30), Some(5)));
    let (default, _) = good("name-2", "journal: { retention_days: 0 }\n");
    assert_eq!((default.journal.retention_days, default.journal.retention_changes), (None, None));
    assert_eq!(default.server.name, Config::default().server.name);
    let lines_of = changes(&config, &default);
    assert!(lines_of.contains(&"journal.retention_days: 30 -> none".to_owned()), "{lines_of:?}");
    let found = lines(&load("name-3", "server: { name: a..b }\n").expect_err("a mistake"));
    assert_eq!(found, ["1:17: server.name: `a..b` is not a domain name: empty label"]);
}

#[test]
fn a_flag_does_not_turn_a_zone_of_the_journal_into_a_file() {
    let file = write("flag", "zones: [{ name: x }, { name: y, file: y }]\n");
    let load = |flag: &str| {
        let options = LoadOptions { config: Some(file.clone()), zones: vec![flag.into()], ..LoadOptions::default() };
        Config::load_with(options, [])
    };
    let found = load("X=file").expect_err("a mistake");
    assert_eq!(found[0].to_string(), "--zone X=file: zone X. lives in the journal, by its entry in `zones`");
    let (config, _) = load("y=other").expect("loads");
    assert_eq!(config.zones[1].file(), Some(Path::new("other")));
}

#[test]
fn policy_zones_may_do_something_else_than_their_rules_say() {
    let text = "blocking:\n  rpz:\n\
                \x20   - { name: a.rpz, file: a }\n\
                \x20   - { name: b.rpz, file: b, override: disabled, log: false, break_dnssec: false }\n\
                \x20   - { name: c.rpz, file: c, override: '*.garden.example' }\n";
    let (config, warnings) = good("policy", text);
    assert_eq!(warnings, Vec::<String>::new());
    let zones = config.blocking.zones.iter();
    let zones: Vec<String> =
        zones.map(|zone| format!("{} {} {} {}", zone.name, zone.replacement, zone.log, zone.break_dnssec)).collect();
    assert_eq!(zones, ["a.rpz. given true true", "b.rpz. disabled false false", "c.rpz. *.garden.example. true true"]);

    let text = "blocking:\n  rpz:\n    - { name: a.rpz, file: a, override: tcponly }\n    - { name: b.rpz, file: b,\n\
                \x20       override: nothing, log: maybe }\n";
    let problems = lines(&load("policy-bad", text).expect_err("two words that say nothing"));
    assert_eq!(
        problems,
        [
            "3:41: blocking.rpz[0].override: `tcponly` is none of given, disabled, passthru, drop, nxdomain, nodata, \
             tcp_only, and no domain name with a dot",
            "5:19: blocking.rpz[1].override: `nothing` is none of given, disabled, passthru, drop, nxdomain, nodata, \
             tcp_only, and no domain name with a dot",
            "5:33: blocking.rpz[1].log: expected `true` or `false`, found `maybe`",
        ]
    );
}
