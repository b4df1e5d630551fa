//! The configuration of recursion and the cache: what loads, and what is said about what does not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use config::{Config, LoadOptions, changes};
use resolver::limits::Limits;
use resolver::route::Route;

static FILES: AtomicUsize = AtomicUsize::new(0);

/// A new file of this test.
fn write(name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config-resolver");
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let file = directory.join(name);
    std::fs::write(&file, text).expect("a file for the test");
    file
}

/// The configuration in `text`, or every problem without the file's path.
fn load(text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
    let file = write(&format!("{}.yaml", FILES.fetch_add(1, Ordering::Relaxed)), text);
    let directory = format!("{}/", file.parent().expect("a directory").display());
    let (own, options) = (format!("{}:", file.display()), LoadOptions { config: Some(file), ..LoadOptions::default() });
    let lines = |problems: Vec<config::Problem>| {
        problems.iter().map(|problem| problem.to_string().replacen(&own, "", 1).replace(&directory, "")).collect()
    };
    match Config::load_with(options, []) {
        Ok((config, warnings)) => Ok((config, lines(warnings))),
        Err(problems) => Err(lines(problems)),
    }
}

fn config(text: &str) -> Config {
    let (config, warnings) = load(text).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    assert_eq!(warnings, Vec::<String>::new(), "{text}");
    config
}

fn check_problem(text: &str, want: &str) {
    let problems = load(text).err().unwrap_or_else(|| panic!("{text} loads"));
    assert_eq!(problems, [want], "{text}");
}

#[test]
fn defaults_are_a_validating_resolver_for_private_clients() {
    let config = Config::default();
    assert!(config.resolver.enabled && config.resolver.settings.validate);
    let settings = resolver::Settings { root_hints: resolver::hints::built_in(), ..resolver::Settings::default() };
    assert_eq!(*config.resolver.settings, settings, "the defaults of both agree");
    let networks: Vec<String> =
        (config.security.allowed_networks.table().entries().iter()).map(|entry| entry.network.to_string()).collect();
    assert_eq!(networks.len(), 7);
    assert!(networks.contains(&"10.0.0.0/8".into()));
    assert_eq!((config.cache.max_size, config.cache.max_ttl), (100 << 20, 86_400));
    assert_eq!(config.resolver.trust_anchors, None);
}

#[test]
fn the_longest_name_comes_first() {
    let config = config(
        "upstream_servers: ['192.0.2.1', 'tls://192.0.2.2#dns.example']\n\
         resolver:\n  upstream_port: 5300\n  forward_zones:\n\
         \x20 - { name: corp.example, servers: ['192.0.2.3'] }\n\
         \x20 - { name: a.b.corp.example, servers: ['https://192.0.2.4/q'] }\n\
         \x20 stub_zones:\n  - { name: example, servers: ['192.0.2.5', '[2001:db8::5]:54'] }\n\
         \x20 - { name: deep.example, servers: ['192.0.2.6'] }\n",
    );
    let settings = &config.resolver.settings;
    let of = |name: &str| {
        let name: dns::NameBuf = name.parse().expect("a name");
        match settings.route(&name, dns::RType::A) {
            Route::Forward(zone) => format!("forward {}", zone.name),
            Route::Stub(zone) => format!("stub {}", zone.name),
            Route::Iterate => "iterate".to_owned(),
        }
    };
    assert_eq!(of("x.a.b.Corp.example"), "forward a.b.corp.example.");
    assert_eq!(of("b.corp.example"), "forward corp.example.");
    assert_eq!(of("www.deep.example"), "stub deep.example.");
    assert_eq!(of("www.example"), "stub example.");
    assert_eq!(of("org"), "forward .");
    let servers: Vec<String> = settings.stubs[1].servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.5:5300", "[2001:db8::5]:54"]);
    assert_eq!(settings.forward[2].servers.len(), 2);
}

/// Certificates of authorities are read with the configuration, so that a mistake is found by `check`.
#[test]
fn fallback_and_authorities() {
    let config = config(
        "upstream_servers: ['192.0.2.1']\nupstream_fallback: iterate\n\
         resolver:\n  forward_zones:\n\
         \x20 - { name: corp.example, servers: ['tls://192.0.2.3#insecure'] }\n\
         \x20 - { name: lab.example, servers: ['192.0.2.4'], fallback: iterate }\n",
    );
    let fallbacks: Vec<String> =
        config.resolver.settings.forward.iter().map(|zone| format!("{} {:?}", zone.name, zone.fallback)).collect();
    assert_eq!(fallbacks, ["corp.example. None", "lab.example. Iterate", ". Iterate"]);
    write("no-authorities", "none\n");
    check_problem(
        "resolver: { tls_ca_file: no-authorities }\n",
        "1:26: resolver.tls_ca_file: no-authorities: no certificate in it; they begin with `-----BEGIN CERTIFICATE-----`",
    );
    check_problem(
        "resolver: { tls_ca_file: missing-authorities }\n",
        "1:26: resolver.tls_ca_file: missing-authorities cannot be read: No such file or directory (os error 2)",
    );
}

#[test]
fn values_arrive() {
    write("hints", ". NS a.root.\na.root. A 192.0.2.53\n");
    write("anchors", "org. DS 1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n");
    let config = config(
        "resolver:\n  enabled: false\n  root_hints: hints\n  trust_anchor_files: [anchors]\n  ipv6: false\n\
         \x20 negative_trust_anchors: [broken.example]\n  query_timeout_ms: 7000\n  retries: 1\n  cookies: false\n\
         \x20 outgoing_addresses: ['192.0.2.9', '::1']\n  do_not_query: ['192.0.2.7', '198.51.100.0/24']\n\
         \x20 max_work_per_query: { exchanges: 7, nsec3_iterations: 100000 }\n\
         \x20 rebinding_protection: { enabled: true, allowed: [lan.example] }\n\
         \x20 dns64: { prefix: '64:ff9b::/96', exclude: ['2001:db8::/32'] }\n\
         cache: { max_size_mb: 2, min_ttl: 5, max_ttl: 50, clock: wall, serve_stale: true, persist: false,\n\
         \x20 overrides: [{ name: example, max_ttl: 10 }, { name: a.example, min_ttl: 3, max_ttl: 4 }] }\n\
         security: { allowed_networks: ['192.0.2.0/24', '::1'] }\n",
    );
    let (resolver, cache) = (&config.resolver, &config.cache);
    let settings = &*resolver.settings;
    assert!(!resolver.enabled && !settings.ipv6);
    assert_eq!(settings.root_hints.len(), 1);
    assert_eq!(resolver.trust_anchors.as_ref().map(Vec::len), Some(1));
    assert_eq!(settings.negative_trust_anchors[0].to_string(), "broken.example.");
    assert_eq!((settings.query_timeout_ms, settings.retries, settings.cookies), (7000, 1, false));
    assert_eq!(resolver.outgoing_addresses.len(), 2);
    assert_eq!(settings.do_not_query[0].to_string(), "192.0.2.7/32");
    assert_eq!(settings.limits, Limits { exchanges: 7, nsec3_iterations: 65_535, ..Limits::default() });
    assert!(settings.rebinding.as_ref().is_some_and(|rebinding| rebinding.allowed.len() == 1));
    assert_eq!(settings.dns64.as_ref().map(|dns64| dns64.prefix().to_string()).as_deref(), Some("64:ff9b::/96"));
    assert_eq!((cache.max_size, cache.min_ttl, cache.max_ttl), (2 << 20, 5, 50));
    assert!(cache.serve_stale && !cache.persist);
    let overrides: Vec<String> = cache.overrides.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(overrides, ["a.example.", "example."]);
    assert_eq!(config.security.allowed_networks.to_string(), "[192.0.2.0/24, ::1]");
}

#[test]
fn mistakes() {
    write("bad-hints", "org. NS a.root.\n");
    write("bad-anchors", "org. A 192.0.2.1\n");
    write("no-anchors", "; none\n");
    check_problem(
        "resolver: { max_work_per_query: { exchange: 5 } }\n",
        "1:35: resolver.max_work_per_query.exchange: unknown limit; those there are: exchanges, aliases, referrals, \
         name_server_lookups, name_servers, addresses, depth, verifications, verifications_per_rrset, nsec3_hashes, \
         nsec3_iterations, minimised (did you mean `exchanges`?)",
    );
    let check = check_problem;
    check(
        "resolver: { max_work_per_query: { depth: 5, depth: 6 } }\n",
        "1:45: resolver.max_work_per_query.depth: given twice, first at line 1",
    );
    check(
        "resolver: { negative_trust_anchors: [a..b] }\n",
        "1:38: resolver.negative_trust_anchors[0]: `a..b` is not a domain name: empty label",
    );
    check("resolver: { do_not_query: [x] }\n", "1:28: resolver.do_not_query[0]: `x` is not an address or prefix");
    check("resolver: { outgoing_addresses: [x] }\n", "1:34: resolver.outgoing_addresses[0]: `x` is not an IP address");
    check("resolver: { forward_zones: [{ name: a }] }\n", "1:29: resolver.forward_zones[0].servers: no server");
    check("resolver: { forward_zones: [{ servers: ['::1'] }] }\n", "1:29: resolver.forward_zones[0].name: missing");
    check(
        "resolver: { stub_zones: [{ name: a, servers: ['tls://192.0.2.1'] }] }\n",
        "1:47: resolver.stub_zones[0].servers[0]: expected an address, with or without port (`192.0.2.1`, \
         `192.0.2.1:5300`, `[2001:db8::1]:5300`), found `tls://192.0.2.1`",
    );
    check(
        "resolver: { forward_zones: [{ name: a, servers: ['::1'] }],\n  stub_zones: [{ name: A., servers: ['::1'] }] }\n",
        "2:24: resolver.stub_zones[0].name: where A. is resolved is given twice, first at line 1",
    );
    check(
        "resolver: { ipv4: false, ipv6: false }\n",
        "1:32: resolver: with neither ipv4 nor ipv6 no server can be asked",
    );
    check(
        "resolver: { root_hints: bad-hints }\n",
        "1:25: resolver.root_hints: bad-hints:1:1: only the root's name servers belong here",
    );
    check(
        "resolver: { root_hints: nowhere }\n",
        "1:25: resolver.root_hints: nowhere cannot be read: No such file or directory (os error 2)",
    );
    check(
        "resolver: { trust_anchor_files: [bad-anchors] }\n",
        "1:34: resolver.trust_anchor_files[0]: bad-anchors:1:1: a record of type A, which is no trust anchor",
    );
    check(
        "resolver: { trust_anchor_files: [no-anchors] }\n",
        "1:34: resolver.trust_anchor_files[0]: no-anchors: no DS or DNSKEY record",
    );
    check(
        "resolver: { dns64: { prefix: '64:ff9b::/97' } }\n",
        "1:30: resolver.dns64.prefix: the length of a DNS64 prefix is 32, 40, 48, 56, 64 or 96 (RFC 6052 2.2)",
    );
    check("cache: { min_ttl: 10, max_ttl: 9 }\n", "1:32: cache: min_ttl 10 is more than max_ttl 9");
    check(
        "cache: { overrides: [{ name: a, max_ttl: 0 }] }\n",
        "1:42: cache.overrides[0]: min_ttl 1 is more than max_ttl 0",
    );
    check("cache: { overrides: [{ name: a }, { name: A }] }\n", "1:43: cache.overrides[1].name: A. is given twice");
    check(
        "security: { allowed_networks: [any] }\n",
        "1:32: security.allowed_networks[0]: `any` is not an address or prefix",
    );
    let (_, warnings) = load("security: { allowed_networks: ['0.0.0.0/0'] }\n").expect("loads");
    let open = "1:31: security.allowed_networks: everybody may use recursion, also for attacks on others (RFC 5358)";
    assert_eq!(warnings, [open]);
}

#[test]
fn a_reload_says_what_changed() {
    let old = Config::default();
    let new = config(
        "upstream_servers: ['tls://192.0.2.2#dns.example']\n\
         resolver: { validate: false, query_timeout_ms: 1, stub_zones: [{ name: a, servers: ['192.0.2.1'] }] }\n\
         cache: { max_ttl: 10 }\nsecurity: { allowed_networks: ['::1'] }\n",
    );
    let want = [
        "resolver.forward_zones: [] -> [. [tls://192.0.2.2:853#dns.example]]",
        "resolver.stub_zones: [] -> [a. [192.0.2.1:53]]",
        "resolver: validate: false, query_timeout_ms: 1",
        "cache: max_ttl: 10",
        "security.allowed_networks: [127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, \
         fe80::/10] -> [::1]",
    ];
    let lines = changes(&old, &new);
    let is_place =
        |line: &&String| ["data_dir", "journal.file", "dnssec.keys_dir"].iter().any(|key| line.starts_with(key));
    let lines: Vec<&str> = lines.iter().filter(|line| !is_place(line)).map(String::as_str).collect();
    assert_eq!(lines, want);
}
