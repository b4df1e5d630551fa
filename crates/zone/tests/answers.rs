//! Questions and the whole responses to them, from `zone::answer`: every file `testdata/answers/*.txt`
//! names the zones that are served and lists the questions of one subject.
//!
//! ```text
//! zone ORIGIN FILE                              a zone that is served
//! ? NAME TYPE [do] [tcp] [full] [size=OCTETS]   a question; behind it the response, up to an empty line:
//! RCODE [aa] [tc]
//! SECTION OWNER TTL TYPE DATA                   signatures without their times and octets
//! ```
//!
//! With `BLESS=1` in the environment the responses are written anew, to be read against the RFC that
//! the comment above each names before they are committed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dns::query::{Query, flags};
use dns::question::HashedName;
use dns::rdata::{text, typed::Rrsig};
use dns::response::Writer;
use dns::zonefile::{self, NoIncludes, Options, Sink};
use dns::{Class, Message, NameBuf, NameHasher, RType, Record};
use zone::answer::{Ask, answer};
use zone::check::{Severity, Source};
use zone::{Builder, Zone, ZoneTable};

/// A question as a line of a test file gives it.
struct Asked {
    name: NameBuf,
    qtype: RType,
    dnssec_ok: bool,
    tcp: bool,
    minimal: bool,
    size: usize,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/answers")
}

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: zonefile::Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

fn load(name: NameBuf, file: &str, hasher: NameHasher) -> Arc<Zone> {
    let path = directory().join(file);
    let source = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let options = Options { origin: &name, default_ttl: None, file: &path, class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&name, hasher));
    let outcome = zonefile::parse(&source, &options, &NoIncludes, &mut sink);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let (contents, findings) = sink.0.finish();
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity(Source::Transferred) == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{file}: {errors:?}");
    Arc::new(Zone { name, contents: Some(contents), policy: None })
}

impl Asked {
    /// Reads what stands behind the question mark.
    fn parse(line: &str) -> Asked {
        let mut words = line.split_whitespace();
        let name = words.next().and_then(|word| word.parse().ok()).expect("name");
        let qtype = words.next().and_then(|word| RType::from_text(word.as_bytes())).expect("type");
        let mut asked = Asked { name, qtype, dnssec_ok: false, tcp: false, minimal: true, size: 1232 };
        for word in words {
            match word.split_once('=') {
                None if word == "do" => asked.dnssec_ok = true,
                None if word == "tcp" => (asked.tcp, asked.size) = (true, 65_535),
                None if word == "full" => asked.minimal = false,
                Some(("size", octets)) => asked.size = octets.parse().expect("octets"),
                _ => panic!("unknown word {word}"),
            }
        }
        asked
    }

    /// The response of a server that has `zones`; `None` where no zone is ours.
    fn response(&self, zones: &ZoneTable) -> Option<Message> {
        let mut buffer = vec![0; 65_535];
        let query = Message::query(0x1234, self.name.clone(), self.qtype).to_wire(512);
        buffer[..query.len()].copy_from_slice(&query);
        let (mut read, mut name, mut alias) = (Query::default(), HashedName::default(), HashedName::default());
        read.read(&query, &mut name, zones.hasher()).expect("a query");
        let (zone, _) = zones.find(&name, self.qtype)?;
        let mut writer = Writer::new(&mut buffer, &name, zones.hasher(), usize::from(read.question_end), self.size);
        let Asked { qtype, dnssec_ok, tcp: any_in_full, minimal, .. } = *self;
        let ask = Ask { qtype, dnssec_ok, any_in_full, minimal };
        let verdict = answer(zones, zone, ask, &|_| true, &mut alias, &mut writer);
        let aa = if verdict.authoritative { flags::AA } else { 0 };
        let len = writer.finish(1, aa, verdict.rcode.0 as u8);
        assert!(len <= self.size, "{} {}: {len} octets", self.name, self.qtype);
        let message = Message::parse(&buffer[..len]).expect("a well-formed response");
        assert_eq!(message.questions, Message::parse(&query).expect("well-formed").questions);
        Some(message)
    }
}

/// The lines of a response.
fn show(message: Option<Message>) -> String {
    let Some(message) = message else { return "none\n".into() };
    let mut out = message.header.rcode.to_string();
    out.push_str(if message.header.aa { " aa" } else { "" });
    out.push_str(if message.header.tc { " tc\n" } else { "\n" });
    let sections =
        [("answer", &message.answers), ("authority", &message.authorities), ("additional", &message.additionals)];
    for (section, records) in sections {
        for record in records {
            show_record(section, record, &mut out);
        }
    }
    out
}

fn show_record(section: &str, record: &Record, out: &mut String) {
    let Record { owner, ttl, rtype, rdata, .. } = record;
    write!(out, "{section} {owner} {ttl} {rtype} ").expect("a string takes it");
    match Rrsig::parse(rdata).filter(|_| *rtype == RType::RRSIG) {
        Some(rrsig) => write!(out, "{} {} {}", rrsig.type_covered, rrsig.labels, rrsig.signer),
        None => text::write(*rtype, rdata, out),
    }
    .expect("a string takes it");
    out.push('\n');
}

/// The zones that a test file names.
fn zones(source: &str, hasher: NameHasher) -> ZoneTable {
    let lines = source.lines().filter_map(|line| line.strip_prefix("zone ")?.split_once(' '));
    ZoneTable::new(hasher, lines.map(|(name, file)| load(name.parse().expect("origin"), file, hasher)).collect())
}

/// The test file as it has to be (all but the responses as it is), and how many questions it has.
fn regenerate(source: &str, zones: &ZoneTable) -> (String, usize) {
    let (mut out, mut in_response, mut count) = (String::new(), false, 0);
    for line in source.lines() {
        if let Some(question) = line.strip_prefix("? ") {
            writeln!(out, "{line}").expect("a string takes it");
            out.push_str(&show(Asked::parse(question).response(zones)));
            (in_response, count) = (true, count + 1);
        } else if !in_response || line.is_empty() {
            in_response = false;
            writeln!(out, "{line}").expect("a string takes it");
        }
    }
    (out, count)
}

#[test]
fn responses() {
    let mut files: Vec<PathBuf> = fs::read_dir(directory())
        .expect("test directory")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let mut total = 0;
    for path in files {
        let source = fs::read_to_string(&path).expect("test file");
        // Nothing may depend on how names are hashed.
        for seed in [0, 0x5eed_5eed_5eed_5eed] {
            let (got, count) = regenerate(&source, &zones(&source, NameHasher::new(seed)));
            if std::env::var_os("BLESS").is_some() {
                fs::write(&path, &got).expect("test file");
            } else {
                compare(&path, &source, &got);
            }
            total += count;
        }
    }
    assert!(total > 200, "{total} questions");
}

/// Fails at the first question whose response is another.
fn compare(path: &Path, want: &str, got: &str) {
    for (want, got) in want.split("\n\n").zip(got.split("\n\n")) {
        assert!(want.trim_end() == got.trim_end(), "{}\n--- want\n{want}\n--- got\n{got}", path.display());
    }
    assert_eq!(want.lines().count(), got.lines().count(), "{}", path.display());
}
