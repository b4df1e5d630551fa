//! The configuration as a whole: what loads, what does not, and what is said about it.

use config::{Config, LoadOptions, Problem, Warning, ZoneSource, document};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A new configuration file of the test called `name`.
fn write(name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config").join(name);
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let file = directory.join("headwater.yaml");
    std::fs::write(&file, text).expect("a file for the test");
    file
}

fn file_of(zone: &ZoneSource) -> &Path {
    zone.file().expect("a zone from a file")
}

fn with_file(file: &Path) -> LoadOptions {
    LoadOptions { config: Some(file.into()), ..LoadOptions::default() }
}

fn load(options: LoadOptions, environment: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::load_with(options, environment)
}

/// Problems without the file's path in front.
fn lines(problems: &[Problem], file: &Path) -> Vec<String> {
    let prefix = format!("{}:", file.display());
    problems.iter().map(|problem| problem.to_string().replacen(&prefix, "", 1)).collect()
}

/// Loads `text`; the problems, or the configuration's warnings with "warning: " in front.
fn problems(name: &str, text: &str) -> Vec<String> {
    let file = write(name, text);
    match load(with_file(&file), &[]) {
        Err(problems) => lines(&problems, &file),
        Ok((_, warnings)) => lines(&warnings, &file).into_iter().map(|line| format!("warning: {line}")).collect(),
    }
}

#[test]
fn nothing_is_needed() {
    let (config, warnings) = load(LoadOptions::default(), &[("HOME", "/root"), ("HEADWATERS", "x")]).expect("loads");
    assert_eq!((config.clone(), warnings), (Config::default(), vec![]));
    let sockets: Vec<String> = config.server.listen.iter().map(|listen| listen.address.to_string()).collect();
    assert_eq!(sockets, ["127.0.0.1:5353", "[::1]:5353"]);
    assert!(config.server.listen.iter().all(|listen| listen.udp && listen.tcp));
    assert!(config.server.workers >= 1);
    assert_eq!(config.control_socket(), Path::new("data/control.sock"));
}

#[test]
fn original_requirements_load_without_a_warning() {
    let file = repository("testdata/config/original.yaml");
    let (config, warnings) = load(with_file(&file), &[]).expect("loads");
    assert_eq!(config.server.listen[0].address.to_string(), "192.0.2.53:5300");
    assert_eq!((config.server.listen.len(), config.server.workers), (1, 2));
    assert_eq!(config.logging.level.as_str(), "DEBUG");
    let paths: Vec<&str> = warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(paths, [""; 0]);
    assert!(config.security.rate_limit.per_second > 0 && config.blocking.enabled);
    let log = config.logging.file.as_ref().expect("a log file");
    assert_eq!((log.max_bytes, log.keep_files), (20 << 20, 3));
    assert!(log.path.ends_with("testdata/config/logs/server.log"), "{log:?}");
    let queries = config.logging.queries.as_ref().expect("there is no switch for queries in it");
    assert_eq!((queries.file.as_ref(), queries.stdout, queries.sample), (Some(log), false, 1.0));

    let file = repository("../shared/corpora/original.yaml");
    if !file.exists() {
        return println!("skipped: no corpora");
    }
    let (config, warnings) = load(with_file(&file), &[]).expect("loads");
    let paths: Vec<&str> = warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!((config.server.workers, paths), (4, vec!["security.allowed_networks"]));
}

#[test]
fn all_mistakes_come_at_once() {
    let file = repository("testdata/config/mistakes.yaml");
    let found = load(with_file(&file), &[]).expect_err("has mistakes");
    let want = std::fs::read_to_string(repository("testdata/config/mistakes.txt")).expect("the expected lines");
    assert_eq!(lines(&found, &file).join("\n"), want.trim_end());
}

#[test]
fn mistakes_in_the_form() {
    let cases = [
        ("tab", "server:\n\tdns_port: 1\n", "2:2: server: not YAML"),
        ("open-map", "server: {\n  dns_port: 1\n", "3:1: server: not YAML"),
        ("open-quote", "data_dir: \"x\n", "1:11: data_dir: not YAML"),
        ("text", "just text\n", "1:1: expected a section, found `just text`"),
        ("list", "- a\n", "1:1: expected a section, found a list"),
        ("two", "web:\n---\nweb:\n", "3:1: only one document is expected"),
        ("key", "server: { [a]: 1 }\n", "1:11: server: expected a key, found a list"),
        ("deep", &format!("server: {}\n", "[".repeat(100_000)), "1:9: server: expected a section, found a list"),
        ("port", "server: { dns_port: 0 }\n", "1:21: server.dns_port: expected a whole number from 1 to 65535"),
        ("quoted", "server: { dns_port: '53' }\n", "1:21: server.dns_port: expected a whole number"),
        ("none", "server: { bind_address: [] }\n", "1:25: server.bind_address: no address to answer on"),
        (
            "twice",
            "server: { bind_address: [\"::1\", \"::1\"] }\n",
            "1:33: server.bind_address: [::1]:5353 is given twice",
        ),
        ("data", "data_dir: ''\n", "1:11: data_dir: empty"),
        ("zones-dir", "zones_dir: nowhere\n", "1:12: zones_dir: "),
        (
            "listen",
            "server: { listen: [{ address: 'a:1' }] }\n",
            "1:31: server.listen[0].address: `a:1` is not ADDRESS:PORT",
        ),
        ("listen-0", "server: { listen: [{ address: '[::1]:0' }] }\n", "1:31: server.listen[0].address: port 0"),
        ("no-address", "server: { listen: [{}] }\n", "1:20: server.listen[0].address: missing"),
        (
            "no-protocol",
            "server: { listen: [{ address: '[::1]:1', protocols: [] }] }\n",
            "1:53: server.listen[0].protocols: no",
        ),
        (
            "level",
            "logging: { level: warning }\n",
            "1:19: logging.level: expected one of ERROR, WARN, INFO, DEBUG, TRACE",
        ),
    ];
    for (name, text, want) in cases {
        let found = problems(name, text);
        assert!(found.first().is_some_and(|line| line.starts_with(want)), "{name}: {found:#?}");
    }
    let file = write("latin1", "");
    std::fs::write(&file, b"web:\nserver:\n  nsid: \xc3\xa4\xe4\n").expect("a file for the test");
    assert_eq!(lines(&load(with_file(&file), &[]).expect_err("not UTF-8"), &file), ["3:10: not UTF-8"]);
    let file = Path::new("no/such/file");
    let found = load(with_file(file), &[]).expect_err("there is no file");
    assert!(found[0].to_string().starts_with("no/such/file: cannot be read: "), "{found:?}");
}

#[test]
fn later_sources_override_earlier_ones() {
    let text = "server: { dns_port: 1, workers: 3, nsid: file }\ndata_dir: files\n\
                zones: [{ name: a.example, file: a }, { name: b.example, file: /b }]\n";
    let file = write("precedence", text);
    let base = file.parent().expect("a directory");
    let environment = [
        ("HEADWATER_SERVER__DNS_PORT", "2"),
        ("HEADWATER_SERVER__BIND_ADDRESS", "::1"),
        ("HEADWATER_SERVER__NSID", ""),
        ("HEADWATER_LOGGING", "{ level: trace, format: text }"),
    ];

    let (config, _) = load(with_file(&file), &environment).expect("loads");
    assert_eq!(config.server.listen[0].address.to_string(), "[::1]:2");
    assert_eq!((config.server.listen.len(), config.server.workers, config.server.nsid.len()), (1, 3, 0));
    assert_eq!((config.logging.level.as_str(), config.logging.format.as_str()), ("TRACE", "text"));
    assert_eq!(config.data_dir, base.join("files"));
    assert_eq!((config.zones[0].file(), config.zones[1].file()), (Some(&*base.join("a")), Some(Path::new("/b"))));

    let mut options = with_file(&file);
    options.listen = vec!["192.0.2.1:3".into(), "[2001:db8::1]:3".into()];
    options.zones = vec!["B.example=b2".into(), "c.example.=c".into()];
    options.data = Some("flags".into());
    let (config, _) = load(options, &[("HEADWATER_DATA_DIR", "environment")]).expect("loads");
    let sockets: Vec<String> = config.server.listen.iter().map(|listen| listen.address.to_string()).collect();
    assert_eq!(sockets, ["192.0.2.1:3", "[2001:db8::1]:3"]);
    let zones: Vec<String> =
        config.zones.iter().map(|zone| format!("{} {}", zone.name, file_of(zone).display())).collect();
    assert_eq!(zones, [format!("a.example. {}/a", base.display()), "b.example. b2".into(), "c.example. c".into()]);
    assert_eq!(config.data_dir, Path::new("flags"));

    let (config, _) = load(LoadOptions::default(), &[("HEADWATER_DATA_DIR", "environment")]).expect("loads");
    assert_eq!(config.data_dir, Path::new("environment"));
}

#[test]
fn mistakes_outside_the_file() {
    let environment = [
        ("HEADWATER_SERVR__DNS_PORT", "1"),
        ("HEADWATER_SERVER__DNS_PORT", "x"),
        ("HEADWATER_SERVER__BIND_ADDRESS", "[\"::1\""),
        ("HEADWATER_ZONES__0__NAME", "x"),
    ];
    let options = LoadOptions {
        zones: vec!["a".into(), "=f".into(), "a..b=f".into(), "x=1".into(), "X.=2".into()],
        listen: vec!["192.0.2.1".into(), "192.0.2.1:0".into()],
        ..LoadOptions::default()
    };
    let found = load(options, &environment).expect_err("has mistakes");
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let want = [
        "HEADWATER_SERVER__BIND_ADDRESS: server.bind_address: not YAML: ",
        "HEADWATER_SERVER__DNS_PORT: server.dns_port: expected a whole number from 1 to 65535, found `x`",
        "HEADWATER_SERVR__DNS_PORT: servr: unknown key (did you mean `server`?)",
        "HEADWATER_ZONES__0__NAME: zones: expected a list, found a section",
        "--listen 192.0.2.1: `192.0.2.1` is not ADDRESS:PORT",
        "--listen 192.0.2.1:0: port 0",
        "--zone a: expected NAME=FILE",
        "--zone =f: expected NAME=FILE",
        "--zone a..b=f: `a..b` is not a domain name: empty label",
        "--zone X.=2: zone X. is given twice",
    ];
    assert_eq!(found.len(), want.len(), "{found:#?}");
    for (found, want) in found.iter().zip(want) {
        assert!(found.starts_with(want), "{found} instead of {want}");
    }
}

#[test]
fn what_is_not_built_is_an_error() {
    let cases = [
        "server: { tls: { certificate: c.pem } }",
        "server: { tls: { key: k.pem } }",
        "server: { listen: [{ address: '127.0.0.1:1', protocols: [tls] }] }",
        "server: { listen: [{ address: '127.0.0.1:1', protocols: [https] }] }",
        "server: { listen: [{ address: '127.0.0.1:1', protocols: [quic] }] }",
        "server: { listen: [{ address: '127.0.0.1:1', protocols: [udp, xdp] }] }",
    ];
    for (index, text) in cases.iter().enumerate() {
        let found = problems(&format!("unsupported-{index}"), text);
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].starts_with("1:") && found[0].contains("not supported yet"), "{text}: {found:#?}");
    }
}

#[test]
fn what_a_cluster_needs() {
    let good = "cluster: { brokers: ['192.0.2.1:9092', 'kafka.example.org:1'], key_file: cluster.key, start: stale }";
    assert_eq!(problems("cluster-good", good), Vec::<String>::new());
    // A cluster with these keys too.
    let with = |more: &str| format!("cluster: {{ brokers: ['a:1'], key_file: f, {more} }}");
    for (index, more) in [
        "tls: { enabled: true }, sasl: { mechanism: plain, user: u, password: p }",
        "tls: { ca_file: ca.pem, certificate_file: c.pem, key_file: k.pem }",
        "sasl: { mechanism: scram-sha-512, user: u, password_file: p }",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(problems(&format!("cluster-secure-{index}"), &with(more)), Vec::<String>::new(), "{more}");
    }
    let secure = [
        ("tls: { key_file: k.pem }", "cluster.tls.certificate_file: is needed"),
        ("tls: { certificate_file: c.pem }", "cluster.tls.key_file: is needed"),
        ("sasl: { user: u }", "cluster.sasl.user: has no effect without cluster.sasl.mechanism"),
        ("sasl: { password: p }", "cluster.sasl.password: has no effect without cluster.sasl.mechanism"),
        ("sasl: { mechanism: scram-sha-256, password: p }", "cluster.sasl.user: is needed"),
        ("sasl: { mechanism: scram-sha-256, user: u }", "cluster.sasl.password_file: it or cluster.sasl.password is"),
        (
            "sasl: { mechanism: scram-sha-256, user: u, password: p, password_file: f }",
            "cluster.sasl.password_file: has no effect beside cluster.sasl.password",
        ),
        ("sasl: { mechanism: plain, user: u, password: p }", "cluster.sasl.mechanism: `plain` sends the password"),
    ];
    for (index, (more, want)) in secure.into_iter().enumerate() {
        let found = problems(&format!("cluster-insecure-{index}"), &with(more));
        assert!(found.len() == 1 && found[0].contains(want), "{more}: {found:#?}");
    }
    let cases = [
        ("cluster: { tls: { enabled: true } }", "cluster.tls.enabled: has no effect without cluster.brokers"),
        ("cluster: { sasl: { user: u } }", "cluster.sasl.user: has no effect without cluster.brokers"),
        ("cluster: { start: stale }", "cluster.start: has no effect without cluster.brokers"),
        ("cluster: { key_file: f }", "cluster.key_file: has no effect without cluster.brokers"),
        ("cluster: { topic_prefix: f }", "cluster.topic_prefix: has no effect without cluster.brokers"),
        ("cluster: { brokers: ['192.0.2.1:9092'] }", "cluster.key_file: is needed with cluster.brokers"),
        ("cluster: { brokers: ['192.0.2.1'], key_file: f }", "cluster.brokers[0]: `192.0.2.1` is not HOST:PORT"),
        ("cluster: { brokers: ['a:0'], key_file: f }", "cluster.brokers[0]: `a:0` is not HOST:PORT"),
        ("cluster: { brokers: ['a:1,b:1'], key_file: f }", "cluster.brokers[0]: `a:1,b:1` is not HOST:PORT"),
        ("cluster: { brokers: ['a:1'], key_file: f, topic_prefix: 'a b' }", "cluster.topic_prefix: a topic's name has"),
        ("cluster: { brokers: ['a:1'], key_file: f }\njournal: { file: j }", "journal.file: has no effect beside"),
        (
            "cluster: { brokers: ['a:1'], key_file: f }\njournal: { backup_hours: 3 }",
            "journal.backup_hours: beside cluster.brokers not supported yet",
        ),
    ];
    for (index, (text, want)) in cases.into_iter().enumerate() {
        let found = problems(&format!("cluster-{index}"), text);
        assert!(found.len() == 1 && found[0].contains(want), "{text}: {found:#?}");
    }
}

#[test]
fn what_is_not_built_may_be_off() {
    let text = "resolver: { enabled: false, priming: false, ipv6: false, validate: false, special_names: false,\n\
                \x20 trust_anchor_update: false, trust_anchor_signalling: false, randomise_case: false, root_hints: '' }\n\
                web: { enabled: false, bind_address: [], real_time_updates: false }\n\
                cache: { prefetch: false, persist: false, max_size_mb: 100 }\n\
                security: { allowed_networks: [], rate_limit_per_ip: 0, blacklist_enabled: false, denied_networks: [],\n\
                \x20 rate_limit: { burst: 0, window_seconds: 1, slip: 2, exempt: [], responses_per_second: 0, dry_run: false,\n\
                \x20 client_misses_per_second: 0, client_outstanding: 0, zone_misses_per_second: 0,\n\
                \x20 tcp_work_ms_per_second: 0 },\n\
                \x20 anomalies: { enabled: false, block_seconds: 0 } }\n\
                blocking: { enabled: false, action: 'null', ttl: 300, lists: [], rules: [], rpz: [] }\n\
                clients: []\ngroups: []\n\
                dnssec: { keys_dir: keys, policies: {} }\n\
                cluster: { brokers: [], topic_prefix: headwater, key_file: '', node: '', start: synced, labels: {} }\n\
                zones: [{ name: x, file: y, allow_transfer: [], notify: [], primaries: [], dnssec: off, dnssec_key_files: [] }]\n\
                tsig_keys: []\nupstream_servers:\nlogging:\n";
    assert_eq!(problems("off", text), Vec::<String>::new());
}

#[test]
fn keys_without_effect_are_warned_about() {
    let text = "server: { dns_port: 1, bind_address: '::1', listen: [{ address: '127.0.0.1:2' }] }\n";
    let port = "warning: 1:21: server.dns_port: has no effect beside server.listen";
    assert_eq!(problems("no-effect", text), [port], "the web interface uses the address");
    let text = format!("{text}web: {{ enabled: false }}\n");
    let address = "warning: 1:38: server.bind_address: has no effect beside server.listen";
    assert_eq!(problems("no-effect", &text), [port, address]);
}

#[test]
fn bounds_are_keys() {
    let (config, _) = load(LoadOptions::default(), &[]).expect("loads");
    let tcp = config.server.tcp;
    assert_eq!((tcp.connections, tcp.per_client, tcp.idle.as_millis(), tcp.transfers), (20_000, 2_000, 10_000, 100));
    assert_eq!((config.server.udp_receive_buffer, config.cache.save_interval_s), (4 << 20, 900));
    let text = "server: { tcp: { max_connections: 100, max_connections_per_client: 9, idle_timeout_ms: 500 } }\n\
                cache: { save_interval_seconds: 60 }\nlogging: { levels: { 'server::query': debug } }\n";
    let (config, _) = load(with_file(&write("bounds", text)), &[]).expect("loads");
    let tcp = config.server.tcp;
    assert_eq!((tcp.connections, tcp.per_client, tcp.idle.as_millis()), (100, 9, 500));
    assert_eq!(config.logging.levels["server::query"].as_str(), "DEBUG");
    let cases = [
        ("server: { tcp: { max_connections: 15 } }", "expected a whole number from 16 to 1000000"),
        (
            "server: { tcp: { max_connections: 16, max_connections_per_client: 17 } }",
            "17 is more than max_connections 16",
        ),
        ("server: { tcp: { idle_timeout_ms: 99 } }", "expected a whole number from 100 to 600000"),
        ("server: { udp_receive_buffer_kb: 63 }", "expected a whole number from 64"),
        ("cache: { save_interval_seconds: 9 }", "expected a whole number from 10 to 86400"),
        ("logging: { levels: { a-b: INFO } }", "no module"),
        ("logging: { levels: { a: LOUD } }", "expected one of ERROR, WARN, INFO, DEBUG, TRACE"),
        ("logging: { levels: DEBUG }", "expected names with values"),
    ];
    for (index, (text, want)) in cases.iter().enumerate() {
        let found = problems(&format!("bounds-{index}"), text);
        assert!(found.len() == 1 && found[0].starts_with("1:") && found[0].contains(want), "{text}: {found:#?}");
    }
}

#[test]
fn json_is_accepted() {
    let text = "{\n\t\"server\": {\"dns_port\": 53, \"bind_address\": [\"::1\"], \"nsid\": \"n\\u0073\\/1\"},\n\
                \t\"zones\": [{\"name\": \"example.org\", \"file\": \"f\"}]\n}\n";
    let (config, warnings) = load(with_file(&write("json", text)), &[]).expect("loads");
    assert_eq!((config.server.nsid, config.zones.len(), warnings.len()), (b"ns/1".to_vec(), 1, 0));
}

#[test]
fn directory_of_zones() {
    let file = write(
        "zones-dir",
        "zones_dir: zones\nzones: [{ name: B.example, file: zones/b.example.zone, allow_query: ['::1'] }]\n",
    );
    let directory = file.with_file_name("zones");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let touch = |name: &str| std::fs::write(directory.join(name), "").expect("a file for the test");
    for name in ["c.example.zone", "b.example.zone", "..zone", ".hidden.zone", "note.txt", "0\\0470.2.192.zone"] {
        touch(name);
    }
    let (config, _) = load(with_file(&file), &[]).expect("loads");
    let zones: Vec<String> =
        config.zones.iter().map(|zone| format!("{} {}", zone.name, zone.settings.allow_query.len())).collect();
    assert_eq!(zones, ["B.example. 1", ". 0", "0/0.2.192. 0", "c.example. 0"]);

    touch("C.EXAMPLE.zone");
    touch("d..e.zone");
    std::fs::write(&file, "zones_dir: zones\nzones: [{ name: b.example, file: elsewhere }]\n").expect("written");
    let found = lines(&load(with_file(&file), &[]).expect_err("has mistakes"), &file);
    let place = directory.display();
    let want = [
        format!("1:12: zones_dir: zone c.example. is given twice: {place}/C.EXAMPLE.zone and {place}/c.example.zone"),
        format!("1:12: zones_dir: {place}/d..e.zone: `d..e` is not a domain name: empty label"),
        format!("2:17: zones: zone b.example. is given twice: {place}/b.example.zone is in zones_dir"),
    ];
    assert_eq!(found, want);
}

#[test]
fn many_zones() {
    let mut text = String::from("zones:\n");
    for number in 0..2000 {
        text += &format!("  - {{ name: \"zone{number:06}.example.\", file: \"/path/z\" }}\n");
    }
    let (config, _) = load(with_file(&write("many", &text)), &[]).expect("loads");
    assert_eq!(config.zones.len(), 2000);
    assert_eq!(config.zones[1999].name.to_string(), "zone001999.example.");
    text += "  - { name: zone000007.EXAMPLE, file: z }\n";
    assert_eq!(problems("many", &text), ["2002:13: zones: zone zone000007.EXAMPLE. is given twice, first at line 9"]);
}

#[test]
fn printed_defaults_are_the_defaults() {
    let file = write("defaults", &document::defaults());
    let (mut config, warnings) = load(with_file(&file), &[]).expect("loads");
    assert_eq!(config.data_dir, file.with_file_name("data"));
    assert_eq!(config.journal.file, config.data_dir.join("journal.db"));
    assert_eq!(config.dnssec.keys_dir, config.data_dir.join("keys"));
    (config.data_dir, config.journal.file) = ("data".into(), "data/journal.db".into());
    config.dnssec.keys_dir = "data/keys".into();
    // A port that is written down was chosen, whichever it is.
    assert!(!std::mem::replace(&mut config.web.any_port, true));
    assert_eq!((config, warnings), (Config::default(), vec![]));
}

#[test]
fn printed_schema_names_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&document::schema()).expect("JSON");
    let port = &schema["properties"]["server"]["properties"]["dns_port"];
    assert_eq!((&port["minimum"], &port["maximum"], &port["default"]), (&1.into(), &65535.into(), &5353.into()));
    let zone = &schema["properties"]["zones"]["items"];
    assert_eq!((&zone["additionalProperties"], &zone["properties"]["file"]["type"]), (&false.into(), &"string".into()));
}

#[test]
fn reference_is_up_to_date() {
    let file = repository("docs/guide/configuration.md");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let command = "cargo run -p headwater -- config reference > docs/guide/configuration.md";
    assert!(written == document::reference(), "docs/guide/configuration.md is out of date; run: {command}");
}

#[test]
fn example_loads() {
    for (example, zones) in [("examples/headwater.yaml", 1), ("examples/journal.yaml", 3)] {
        let (config, warnings) = load(with_file(&repository(example)), &[]).expect("loads");
        assert_eq!((config.zones.len(), warnings), (zones, vec![]), "{example}");
        assert!(config.zones.iter().filter_map(|zone| zone.file()).all(Path::exists), "{:?}", config.zones);
    }
}
