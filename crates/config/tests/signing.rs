//! `dnssec`: policies, and the zones that name them.

use config::{Config, LoadOptions, changes};
use dnssec::algorithm::Algorithm;
use signer::policy::{DAY_S, DenialMode, HOUR_S, KeyLayout, SigningPolicy};
use std::path::{Path, PathBuf};
use zone::DnssecValidation;

/// A new configuration file of the test called `name`.
fn write(name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing").join(name);
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let file = directory.join("headwater.yaml");
    std::fs::write(&file, text).expect("a file for the test");
    file
}

/// What `text` means; else the problems, without the file's path in front. Warnings come second.
fn load(name: &str, text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
    let file = write(name, text);
    let prefix = format!("{}:", file.display());
    let lines = |problems: Vec<config::Problem>| {
        problems.iter().map(|problem| problem.to_string().replacen(&prefix, "", 1)).collect::<Vec<_>>()
    };
    let options = LoadOptions { config: Some(file), ..LoadOptions::default() };
    let loaded = Config::load_with(options, std::iter::empty());
    loaded.map(|(config, warnings)| (config, lines(warnings))).map_err(lines)
}

#[test]
fn the_default_policy_is_always_there() {
    let usual = SigningPolicy::default();
    let (config, _) = Config::load_with(LoadOptions::default(), std::iter::empty()).expect("loads");
    assert_eq!(*config.dnssec.policies["default"], usual);
    assert_eq!(config.dnssec.keys_dir, Path::new("data/keys"));
    for text in ["dnssec: { policies: {} }", "dnssec: { policies: }", "dnssec: { policies: { other: { csk: true } } }"]
    {
        let (config, _) = load("always", text).expect(text);
        assert_eq!(*config.dnssec.policies["default"], usual, "{text}");
    }
    let (config, _) = load("redefined", "dnssec: { policies: { default: { nsec3: true } } }").expect("loads");
    let want = SigningPolicy { denial: DenialMode::Nsec3 { opt_out: false }, ..usual };
    assert_eq!((config.dnssec.policies.len(), &*config.dnssec.policies["default"]), (1, &want));
}

#[test]
fn every_key_of_a_policy_is_read() {
    let text = "data_dir: d\ndnssec:\n  keys_dir: k\n  policies:\n    other:\n      { algorithm: rsasha256, rsa_bits: 3072,\n\
                \x20       csk: true, ksk_lifetime: 365d, signature_lifetime: 4w, signature_refresh: 10d, signature_jitter: 2d,\n\
                \x20       inception_offset: 2h, dnskey_ttl: 2h, nsec3: true, nsec3_opt_out: true, propagation: 10m,\n\
                \x20       parent_ds_ttl: 12h, parent_propagation: 30m, safety: 90, cds: false, zonemd: true,\n\
                \x20       parent_servers: [192.0.2.1, \"[2001:db8::1]:5300\"] }\n";
    let (config, warnings) = load("every", text).expect("loads");
    let want = SigningPolicy {
        algorithm: Algorithm::RSASHA256,
        rsa_bits: 3072,
        layout: KeyLayout::Combined,
        ksk_lifetime_s: u64::from(365 * DAY_S),
        zsk_lifetime_s: u64::from(90 * DAY_S),
        signature_lifetime_s: 28 * DAY_S,
        signature_refresh_s: 10 * DAY_S,
        signature_jitter_s: 2 * DAY_S,
        inception_offset_s: 2 * HOUR_S,
        dnskey_ttl_s: 2 * HOUR_S,
        denial: DenialMode::Nsec3 { opt_out: true },
        propagation_s: 600,
        parent_ds_ttl_s: 12 * HOUR_S,
        parent_propagation_s: 1800,
        safety_s: 90,
        parent_servers: ["192.0.2.1:53", "[2001:db8::1]:5300"].map(|server| server.parse().expect("an address")).into(),
        cds: false,
        zonemd: true,
    };
    assert_eq!((&*config.dnssec.policies["other"], warnings), (&want, Vec::new()));
    assert!(config.dnssec.keys_dir.ends_with("every/d/k"), "{:?}", config.dnssec.keys_dir);
    let (config, _) = load("absolute", "dnssec: { keys_dir: /keys }").expect("loads");
    assert_eq!(config.dnssec.keys_dir, Path::new("/keys"));
    for (word, algorithm) in [("ecdsap384sha384", Algorithm::ECDSAP384SHA384), ("ed25519", Algorithm::ED25519)] {
        let text = format!("dnssec: {{ policies: {{ default: {{ algorithm: {word} }} }} }}");
        assert_eq!(load(word, &text).expect(word).0.dnssec.policies["default"].algorithm, algorithm);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let check = |policy: &str, want: &str| {
        let text = format!("dnssec: {{ policies: {{ p: {{ {policy} }} }} }}");
        let found = load("together", &text).expect_err(policy);
        assert!(found.len() == 1 && found[0].contains(want), "{policy}: {found:#?}");
    };
    check(
        "signature_refresh: 14d",
        "p.signature_refresh: signature_refresh 14d must be less than signature_lifetime 14d",
    );
    check("signature_lifetime: 7d", "p.signature_lifetime: signature_refresh 7d must be less than");
    check(
        "signature_jitter: 7d",
        "p.signature_jitter: signature_jitter 7d must be less than signature_lifetime without",
    );
    check("signature_refresh: 13d", "p.signature_refresh: signature_jitter 1d must be less than");
    check(
        "signature_refresh: 2h",
        "p.signature_refresh: signature_refresh 2h must be more than propagation and safety",
    );
    check(
        "propagation: 7d",
        "p.propagation: signature_refresh 7d must be more than propagation and safety together, 169h",
    );
    check(
        "ksk_lifetime: 2d",
        "1:42: dnssec.policies.p.ksk_lifetime: 2d must be 0 or at least twice the 100800 seconds",
    );
    check("csk: true, ksk_lifetime: 2d", "p.ksk_lifetime: 2d must be 0 or at least twice");
    check("zsk_lifetime: 201599", "p.zsk_lifetime: 201599 must be 0 or at least twice");
    check("parent_ds_ttl: 60d", "1:43: dnssec.policies.p.zsk_lifetime: 90d must be 0 or at least twice");
    check("nsec3_opt_out: true", "1:43: dnssec.policies.p.nsec3_opt_out: needs `nsec3: true`");
    check("parent_servers: [ns.example]", "p.parent_servers[0]: expected an address");
    check("parent_servers: [192.0.2.1, '192.0.2.1:53']", "p.parent_servers[1]: 192.0.2.1:53 stands there already");
    check("parent_servers: ['192.0.2.1 key:k']", "p.parent_servers[0]: DS records are asked for without a key");
    let many = (0..33).map(|host| format!("192.0.2.{host}")).collect::<Vec<_>>().join(", ");
    check(&format!("parent_servers: [{many}]"), "p.parent_servers: at most 32 servers are asked, found 33");
    check("rsa_bits: 1024", "1:38: dnssec.policies.p.rsa_bits: expected a whole number from 2048 to 4096");
    check("zonmd: true", "dnssec.policies.p.zonmd: unknown key (did you mean `zonemd`?)");
    check("algorithm: rsasha1", "expected one of ecdsap256sha256, ecdsap384sha384, ed25519, rsasha256");
    check(
        "dnskey_ttl: soon",
        "expected a duration up to 7300d, such as `90d`, `12h` or `3600` (seconds), found `soon`",
    );
    for good in ["zsk_lifetime: 201600", "ksk_lifetime: 0, zsk_lifetime: 0, parent_ds_ttl: 60d", "signature_jitter: 0"]
    {
        load("good", &format!("dnssec: {{ policies: {{ p: {{ {good} }} }} }}")).expect(good);
    }
}

#[test]
fn keys_of_a_policy_without_effect_are_warned_about() {
    let text = "dnssec: { policies: { p: { rsa_bits: 4096, csk: true, zsk_lifetime: 30d } } }";
    let (_, warnings) = load("no-effect", text).expect("loads");
    let want = [
        "1:38: dnssec.policies.p.rsa_bits: has no effect beside `algorithm: ecdsap256sha256`",
        "1:69: dnssec.policies.p.zsk_lifetime: has no effect beside `csk: true`; `ksk_lifetime` is that of the only key",
    ];
    assert_eq!(warnings, want);
}

#[test]
fn names_of_policies() {
    for bad in ["off", "'Off'", "false", "\"\""] {
        let found = load("names", &format!("dnssec: {{ policies: {{ {bad}: {{}} }} }}")).expect_err(bad);
        assert!(found.len() == 1 && found[0].contains("a policy cannot be called"), "{bad}: {found:?}");
    }
    for bad in ["a b", "ä", "a/b", &"x".repeat(65)] {
        let found = load("names", &format!("dnssec: {{ policies: {{ {bad}: {{}} }} }}")).expect_err(bad);
        assert!(found.len() == 1 && found[0].contains("is no name of a policy"), "{bad}: {found:?}");
    }
    load("names", "dnssec: { policies: { Short-lived_2.0: {} } }").expect("a name");
}

#[test]
fn zones_name_a_policy() {
    let text = "dnssec: { policies: { short: {} } }\nzones:\n\
                - { name: a, dnssec: default }\n\
                - { name: b, file: b.zone, dnssec: short, serial_policy: date, dnssec_key_files: [keys/one, /two] }\n\
                - { name: c, dnssec: short }\n";
    let (config, warnings) = load("zones", text).expect("loads");
    let named: Vec<(&str, bool)> =
        config.zones.iter().map(|zone| (zone.settings.dnssec.as_str(), zone.is_signed())).collect();
    assert_eq!((named, warnings), (vec![("default", true), ("short", true), ("short", true)], Vec::new()));
    let files = &config.zones[1].key_files;
    assert!(files.len() == 2 && files[0].ends_with("zones/keys/one") && files[0].is_absolute(), "{files:?}");
    assert_eq!((files[1].as_path(), config.zones[1].file().is_some()), (Path::new("/two"), true));
    for off in ["off", "'off'", "OFF", "false", "\"\""] {
        let (config, _) = load("off", &format!("zones: [{{ name: a, dnssec: {off} }}]")).expect(off);
        assert!(!config.zones[0].is_signed(), "{off}");
    }
}

#[test]
fn zones_that_cannot_be_signed_so() {
    let check = |zone: &str, want: &str| {
        let text = format!("dnssec: {{ policies: {{ short: {{}} }} }}\nzones: [{{ name: a, {zone} }}]\n");
        assert_eq!(load("cannot", &text).expect_err(zone), [want], "{zone}");
    };
    check(
        "dnssec: on",
        "2:28: zones[0].dnssec: there is no policy `on` in dnssec.policies; there are: default, short, and `off`",
    );
    check(
        "dnssec: shrt",
        "2:28: zones[0].dnssec: there is no policy `shrt` in dnssec.policies; there are: default, short, and `off` \
         (did you mean `short`?)",
    );
    let unsigned = "there are keys, but the zone is not signed: `dnssec` beside them must name a policy";
    check("dnssec_key_files: [k]", &format!("2:38: zones[0].dnssec_key_files: {unsigned}"));
    check("dnssec: off, dnssec_key_files: [k]", &format!("2:51: zones[0].dnssec_key_files: {unsigned}"));
    check("dnssec: short, dnssec_key_files: ['']", "2:54: zones[0].dnssec_key_files[0]: empty");
    check(
        "file: f, dnssec: short, dnssec_validate: warn",
        "2:61: zones[0].dnssec_validate: the zone is signed here, where each change is validated: leave out either this or \
         `dnssec`",
    );
    check(
        "dnssec_validate: refuse",
        "2:37: zones[0].dnssec_validate: only a zone from a file or a secondary is signed by others; leave it out",
    );
    check("dnssec: [short]", "2:28: zones[0].dnssec: expected text, found a list");
}

/// A secondary may be signed on the way through, with serials of its own, or come signed and be validated.
#[test]
fn secondaries_are_signed_or_validated() {
    let text = "zones:\n\
                - { name: a, primaries: [192.0.2.1], dnssec: default, serial_policy: unixtime }\n\
                - { name: b, primaries: [192.0.2.1], dnssec_validate: expire }\n\
                - { name: c, file: c.zone, dnssec_validate: refuse }\n\
                - { name: d, file: d.zone, dnssec_validate: off }\n";
    let (config, warnings) = load("secondaries", text).expect("loads");
    let zones: Vec<_> = config.zones.iter().map(|zone| (zone.is_signed(), zone.settings.dnssec_validate)).collect();
    let want = [
        (true, DnssecValidation::Off),
        (false, DnssecValidation::Expire),
        (false, DnssecValidation::Refuse),
        (false, DnssecValidation::Off),
    ];
    assert_eq!((zones, warnings), (want.to_vec(), Vec::new()));
}

#[test]
fn changes_are_told_and_need_no_restart() {
    let load = |text: &str| load("changes", text).expect("loads").0;
    let old = load(
        "dnssec: { policies: { a: {}, b: {} } }\nzones: [{ name: x }, { name: y, dnssec: a }, { name: z, file: f }]\n",
    );
    let new = load(
        "dnssec: { keys_dir: k, policies: { a: { zsk_lifetime: 30d }, c: {} } }\n\
         zones: [{ name: x, dnssec: c, dnssec_key_files: [/k1] }, { name: y },\n\
         { name: z, file: f, dnssec_validate: warn }]\n",
    );
    let lines = changes(&old, &new);
    assert!(lines[0].starts_with("dnssec.keys_dir: ") && lines[0].ends_with("changes/data/k"), "{lines:?}");
    let want = [
        "dnssec.policies.a: zsk_lifetime_s: 2592000",
        "dnssec.policies: + c",
        "dnssec.policies: - b",
        "zones: x. dnssec: off -> c",
        "zones: x. dnssec_key_files: [] -> [/k1]",
        "zones: y. dnssec: a -> off",
        "zones: z. dnssec_validate: off -> warn",
    ];
    assert_eq!(lines[1..], want);
    for path in ["dnssec.keys_dir", "dnssec.policies", "zones"] {
        assert_eq!(config::effect_of(path), config::Effect::Live, "{path}");
    }
}
