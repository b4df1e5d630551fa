//! Zone files under `testdata/zones/parse`: what is read from `X.zone` must be `X.out`.
//!
//! A line for each record as `zone wire` prints it, then a line for each problem. With `BLESS=1` in
//! the environment the `.out` files are written anew, to be read before they are committed.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dns::zonefile::{self, Includes, NoIncludes, Options, Record, Sink, limits};
use dns::{Class, NameBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/zones/parse")
}

/// Reads included files from the test directory.
struct Files;

impl Includes for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // The system's own words differ from one to the next.
        fs::read(directory().join(path)).map_err(|_| io::Error::other("no such file"))
    }
}

/// Keeps the records as text.
#[derive(Default)]
struct Lines(String);

impl Sink for Lines {
    fn record(&mut self, record: Record<'_>) {
        let Record { owner, ttl, class, rtype, .. } = record;
        let rdata: String = record.rdata.iter().map(|octet| format!("{octet:02X}")).collect();
        writeln!(self.0, "{owner}\t{ttl}\t{class}\t{rtype}\t{rdata}").expect("a string takes it");
    }
}

fn read(src: &[u8], file: &Path, includes: &dyn Includes) -> (String, zonefile::Outcome) {
    let origin: NameBuf = "example.".parse().expect("origin");
    let options = Options { origin: &origin, default_ttl: None, file, class: Class::IN, rules: false };
    let mut lines = Lines::default();
    let outcome = zonefile::parse(src, &options, includes, &mut lines);
    assert_eq!(outcome.records as usize, lines.0.lines().count());
    (lines.0, outcome)
}

#[test]
fn files() {
    let mut zones: Vec<PathBuf> = fs::read_dir(directory())
        .expect("test directory")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zone"))
        .collect();
    zones.sort();
    assert!(zones.len() >= 10, "{zones:?}");
    for path in zones {
        let name = path.file_name().expect("file name");
        let (mut got, outcome) = read(&fs::read(&path).expect("zone file"), Path::new(name), &Files);
        for problem in outcome.problems {
            writeln!(got, "error {problem}").expect("a string takes it");
        }
        let out = path.with_extension("out");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&out, &got).expect("expected output");
        }
        let want = fs::read_to_string(&out).expect("expected output");
        for (number, (got, want)) in got.lines().zip(want.lines()).enumerate() {
            assert_eq!(got, want, "{}:{}", out.display(), number + 1);
        }
        assert_eq!(got.lines().count(), want.lines().count(), "{}", out.display());
    }
}

#[test]
fn problems_are_listed_up_to_a_limit_and_counted_beyond() {
    let check = |bad: usize, last: &str| {
        let text = "a 60 A x\n".repeat(bad) + "good 60 A 192.0.2.1\n";
        let (lines, outcome) = read(text.as_bytes(), Path::new("z"), &NoIncludes);
        assert_eq!(lines.lines().count(), 1);
        assert_eq!(outcome.problems.len(), bad.min(limits::MAX_PROBLEMS + 1));
        assert_eq!(outcome.problems.last().expect("problems").to_string(), last);
    };
    check(1000, "z:1000:8: expected an IPv4 address, found \"x\"");
    check(1001, "z:1001:8: 1 more problems from here on");
    check(1500, "z:1001:8: 500 more problems from here on");
}

#[test]
fn generated_records_are_bounded_together() {
    let text = "$TTL 60\n$GENERATE 1-600000 a TXT x\n$GENERATE 1-600000 a TXT x\n$GENERATE 1-400000 a TXT x\n";
    let (_, outcome) = read(text.as_bytes(), Path::new("z"), &NoIncludes);
    assert_eq!(outcome.records, limits::MAX_GENERATED);
    let problems: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["z:3:11: more than 1000000 records from $GENERATE in one zone"]);
}

/// A file that includes itself twice would be read 2^10 times without the limit on their number;
/// ten times, 10^10 times.
#[test]
fn includes_are_bounded_together() {
    struct Again;
    impl Includes for Again {
        fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
            Ok("$INCLUDE again\n".repeat(10).into_bytes())
        }
    }
    let (_, outcome) = read(b"$INCLUDE again\n", Path::new("z"), &Again);
    assert_eq!(outcome.files.len(), 1 + limits::MAX_INCLUDES);
    assert_eq!(outcome.problems.len(), limits::MAX_PROBLEMS + 1);
}

#[test]
fn default_ttl_and_places() {
    struct Places(Vec<(u32, u32, u32)>);
    impl Sink for Places {
        fn record(&mut self, record: Record<'_>) {
            self.0.push((record.file, record.line, record.ttl));
        }
    }
    struct Two;
    impl Includes for Two {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            assert_eq!(path, Path::new("dir/two"));
            Ok(b"\n\nb A 192.0.2.2".to_vec())
        }
    }
    let origin: NameBuf = "example.".parse().expect("origin");
    let file = Path::new("dir/one");
    let options = Options { origin: &origin, default_ttl: Some(7), file, class: Class::IN, rules: false };
    let mut places = Places(Vec::new());
    let text = b"@ SOA a b 1 2 3 4 5\na (\n\n) 60 A 192.0.2.1\n$INCLUDE two\n\nb TXT ( \"x\ny\"\n)\nc A 192.0.2.3\n";
    let outcome = zonefile::parse(text, &options, &Two, &mut places);
    assert_eq!(outcome.problems, []);
    assert_eq!(outcome.files, [PathBuf::from("dir/one"), PathBuf::from("dir/two")]);
    assert_eq!(places.0, [(0, 1, 7), (0, 2, 60), (1, 3, 60), (0, 7, 60), (0, 10, 60)]);
}

/// What breaks a rule of its type is an error with its place, where the zone is to be held to them.
#[test]
fn rules_of_types_have_a_place() {
    let text = "$TTL 1\n@ SOA . . 1 2 3 4 5\n@ NS .\na\tDS\t(1 8 2\n\t00)\nb TLSA 3 1 1 00\n@ DNSKEY 257 3 13 AQ==\nc TYPE0 \\# 0\n\
        $GENERATE 1-1 d$ URI \"1 1 \\\"\\\"\"\ne LOC \\# 16 01121613800000008000000000989680\n";
    let origin = NameBuf::root();
    let read = |rules: bool| {
        let options = Options { origin: &origin, default_ttl: None, file: Path::new("z"), class: Class::IN, rules };
        zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut Nowhere)
    };
    assert_eq!(read(false).problems, []);
    let problems: Vec<String> = read(true).problems.iter().map(ToString::to_string).collect();
    let want = [
        "z:4:7: a SHA-256 digest has 32 octets, not 1 (RFC 4509 2.2)",
        "z:6:8: a SHA-256 hash (matching type 1) has 32 octets, not 1 (RFC 6698 2.1.3)",
        "z:7:10: an ECDSA key on curve P-256 has 64 octets, not 1 (RFC 6605 4)",
        "z:8:9: type 0 is reserved: no record has it (RFC 6895 3.1)",
        "z:9:22: at number 1: the target of a URI record is not empty (RFC 7553 4.4)",
    ];
    assert_eq!(problems, want);
}

/// Takes no records.
struct Nowhere;

impl Sink for Nowhere {
    fn record(&mut self, _record: Record<'_>) {}
}
