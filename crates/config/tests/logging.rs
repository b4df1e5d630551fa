//! `logging`: what of it is right, and what is said about what is not.

use std::ffi::OsString;
use std::path::Path;

use config::logging::{Anonymise, DnstapTarget, LogAddress};
use config::{Compress, Config, LoadOptions, Logging};

/// The configuration of a file with this text, or all that is said about it.
fn load(name: &str, text: &str) -> Result<Logging, Vec<String>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("logging");
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join(format!("{name}.yaml"));
    std::fs::write(&file, text).expect("a file");
    let prefix = format!("{}:", file.display());
    let lines = |problems: Vec<config::Problem>| -> Vec<String> {
        problems.iter().map(|problem| problem.to_string().replacen(&prefix, "", 1)).collect()
    };
    let options = LoadOptions { config: Some(file.clone()), ..LoadOptions::default() };
    let (config, warnings) = Config::load_with(options, Vec::<(OsString, OsString)>::new()).map_err(lines)?;
    if warnings.is_empty() { Ok(config.logging) } else { Err(lines(warnings)) }
}

#[test]
fn every_key_has_its_effect() {
    let text = "logging: { file: s.log, max_size_mb: 1, backup_count: 2, rotate_hours: 24, keep_days: 7, compress: none,\n\
                \x20 syslog: 'udp://192.0.2.1:514#local3',\n\
                \x20 queries: { enabled: true, outputs: [file, stdout, syslog, dnstap], file: q.jsonl, rotate_mb: 3,\n\
                \x20   rotate_hours: 1, keep_files: 4, keep_days: 5, compress: zstd, syslog: 'unix:///dev/log',\n\
                \x20   dnstap: 'tcp://[2001:db8::1]:6000#unidirectional', sample: 0.25, slow_ms: 100, anonymise: '/24, /48' } }\n";
    let logging = load("all", text).expect("it loads");
    let file = logging.file.expect("a file");
    assert!(file.path.ends_with("logging/s.log") && file.compress == Compress::None, "{file:?}");
    assert_eq!((file.max_bytes, file.keep_files, file.rotate_hours, file.keep_days), (1 << 20, 2, Some(24), Some(7)));
    let syslog = logging.syslog.expect("syslog");
    assert_eq!((syslog.address, syslog.facility), (LogAddress::Udp(([192, 0, 2, 1], 514).into()), 19));
    let queries = logging.queries.expect("a query log");
    let file = queries.file.expect("a file");
    assert!(file.path.ends_with("logging/q.jsonl") && file.compress == Compress::Zstd, "{file:?}");
    assert_eq!((file.max_bytes, file.keep_files, file.rotate_hours, file.keep_days), (3 << 20, 4, Some(1), Some(5)));
    let syslog = queries.syslog.expect("syslog");
    assert_eq!((syslog.address, syslog.facility), (LogAddress::Unix("/dev/log".into()), 3));
    let address = LogAddress::Tcp("[2001:db8::1]:6000".parse().expect("an address"));
    assert_eq!(queries.dnstap, Some(DnstapTarget { address, is_bidirectional: false }));
    assert_eq!((queries.stdout, queries.sample, queries.slow_ms), (true, 0.25, Some(100)));
    assert_eq!(queries.anonymise, Anonymise::Prefix { ipv4: 24, ipv6: 48 });
}

#[test]
fn queries_are_logged_if_they_are_wanted() {
    let off = |name, text| load(name, text).expect("it loads").queries.is_none();
    assert!(off("none", "logging: {}\n"));
    assert!(off("section", "logging: { queries: { file: q } }\n"));
    // The original requirements know one file for both, as JSON; their form has no section for queries.
    let file = "logging: { file: s.log, format: json }\n";
    let queries = load("old", file).expect("it loads").queries.expect("a query log");
    assert!(queries.file.expect("a file").path.ends_with("logging/s.log"));
    assert!(off("text", "logging: { file: s.log, format: text }\n"));
    assert!(off("auto", "logging: { file: s.log }\n"));
    assert!(off("switch", "logging: { file: s.log, format: json, queries: { enabled: false } }\n"));
    let hash = load("hash", "logging: { queries: { enabled: true, anonymise: hash } }\n").expect("it loads");
    assert_eq!(hash.queries.expect("a query log").anonymise, Anonymise::Hash);
}

#[test]
fn mistakes_are_named() {
    let check = |name: &str, keys: &str, want: &str| {
        let found = load(name, &format!("logging: {{ {keys} }}\n")).expect_err(keys);
        assert!(found.len() == 1 && found[0].starts_with(want), "{keys}: {found:#?}");
    };
    check(
        "facility",
        "syslog: 'unix:///dev/log#locl0'",
        "1:20: logging.syslog: `locl0` is no facility of syslog (did you mean `local0`?)",
    );
    check("host", "syslog: 'udp://host:514'", "1:20: logging.syslog: `udp://host:514` is none of `unix://PATH`");
    check("port", "syslog: 'tcp://192.0.2.1:0'", "1:20: logging.syslog: `tcp://192.0.2.1:0` is none of");
    let check = |name: &str, keys: &str, want: &str| {
        check(name, &format!("queries: {{ enabled: true, {keys} }}"), &format!("1:{want}"));
    };
    check("outputs", "outputs: []", "47: logging.queries.outputs: no output");
    check("missing", "outputs: [syslog]", "21: logging.queries.syslog: missing: the output `syslog` needs to know");
    check("unused", "dnstap: 'unix://d'", "46: logging.queries.dnstap: has no effect: `dnstap` is not in `outputs`");
    check("udp", "outputs: [dnstap], dnstap: 'udp://192.0.2.1:1'", "65: logging.queries.dnstap: dnstap needs a stream");
    check("option", "outputs: [dnstap], dnstap: 'unix://d#x'", "65: logging.queries.dnstap: `#x` is unknown");
    check("empty", "file: ''", "44: logging.queries.file: empty");
    check("sample", "sample: 1.5", "46: logging.queries.sample: expected a number from 0 to 1");
    check("prefix", "anonymise: '/33,/48'", "49: logging.queries.anonymise: `/33,/48` is neither");
    let found = load("same", "logging: { file: q, queries: { enabled: true, file: q } }\n").expect_err("one file");
    assert_eq!(found, ["1:53: logging.queries.file: is `logging.file`, which is rotated by other keys"]);
}
