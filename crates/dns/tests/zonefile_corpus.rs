//! Knot's zone-scanner cases about the zone-file format itself: the files 00 to 07 of `zscan.jsonl`.
//!
//! A row is one entry and what must come of it, or a whole file and its records. The entries of a
//! file are put back on their lines and read together, so that what one leaves for the next counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dns::zonefile::{self, NoIncludes, Options, Outcome, Record, Sink};
use dns::{Class, Name};
use serde_json::Value;

/// Where this server means to differ, or a row cannot stand alone: file, line (0: all), why.
const SKIPPED: &[(&str, u64, &str)] = &[
    ("00-2_general", 0, "the carriage returns it is about are lost in the corpus"),
    ("01_owner", 27, "any octet may stand in a name (RFC 2181 11)"),
    ("01_owner", 31, "any octet may stand in a name (RFC 2181 11)"),
    ("01_owner", 32, "any octet may stand in a name (RFC 2181 11)"),
    ("01_owner", 33, "any octet may stand in a name (RFC 2181 11)"),
    ("01_owner", 34, "the owner before is a good one here"),
    ("01_owner", 36, "any octet may stand in a name (RFC 2181 11)"),
    ("02_class", 10, "CLASS1 is IN (RFC 3597 5)"),
    ("03_rrttl", 7, "a TTL is at most 2^31-1 (RFC 2181 8)"),
    ("04-0_ORIGIN", 9, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 10, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 11, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 13, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 14, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 15, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 17, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 19, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 21, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 23, "its $ORIGIN is not in the corpus"),
    ("04-0_ORIGIN", 29, "the error is in a directive that is not in the corpus"),
    ("04-1_ORIGIN", 0, "$ORIGIN may be relative (RFC 1035 5.1)"),
    ("04-2_ORIGIN", 0, "any octet may stand in a name (RFC 2181 11)"),
    ("06-0_INCLUDE", 0, "the included files are not in the corpus"),
    ("06-6_INCLUDE", 0, "the included files are not in the corpus"),
    ("06-7_INCLUDE", 0, "the included files are not in the corpus"),
    ("06-8_INCLUDE", 0, "the included files are not in the corpus"),
];

/// A record as the corpus writes it, and its line.
#[derive(Debug, PartialEq)]
struct Row {
    line: u32,
    owner: String,
    class: u64,
    ttl: u64,
    rtype: u64,
    rdata: String,
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Sink for Rows {
    fn record(&mut self, record: Record<'_>) {
        self.0.push(Row {
            line: record.line,
            owner: hex(record.owner.as_wire()),
            class: record.class.0.into(),
            ttl: record.ttl.into(),
            rtype: record.rtype.0.into(),
            rdata: hex(record.rdata),
        });
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn read(text: &str, file: &str) -> (Vec<Row>, Outcome) {
    // The corpus is Latin-1: one character is one octet.
    let src: Vec<u8> = text.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect();
    let options =
        Options { origin: Name::root(), default_ttl: Some(0), file: Path::new(file), class: Class::IN, rules: false };
    let mut rows = Rows::default();
    let outcome = zonefile::parse(&src, &options, &NoIncludes, &mut rows);
    (rows.0, outcome)
}

/// `shared/corpora` beside the repository or above it.
fn corpus() -> Option<PathBuf> {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_directory
        .ancestors()
        .map(|above| above.join("shared/corpora/zonefile/zscan.jsonl"))
        .find(|path| path.exists())
}

#[test]
fn zscan() {
    let Some(path) = corpus() else {
        println!("skipped: no corpora");
        return;
    };
    let text = std::fs::read_to_string(path).expect("corpus");
    let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a row is JSON");
        let file = row["file"].as_str().expect("file").to_owned();
        if file.starts_with('0') {
            files.entry(file).or_default().push(row);
        }
    }
    let mut compared = 0;
    for (file, rows) in &files {
        compared += if rows[0].get("items").is_some() { whole(file, &rows[0]) } else { entries(file, rows) };
    }
    println!("{compared} entries and files agree");
    assert!(compared > 90, "{compared}");
}

fn skipped(file: &str, line: u64) -> bool {
    let found = SKIPPED.iter().find(|skip| (skip.0, skip.1) == (file, line));
    if let Some((_, _, why)) = found {
        println!("skipped {file}:{line}: {why}");
    }
    found.is_some()
}

/// Puts the entries on their lines and reads them together.
fn entries(file: &str, rows: &[Value]) -> u32 {
    // The $TTL that is in all but the files 07 is not in the rows.
    let mut text = String::from(if file.starts_with("07") { "" } else { "$TTL 1\n" });
    for row in rows {
        let line = row["line"].as_u64().expect("line") as usize;
        text += &"\n".repeat(line - 1 - text.matches('\n').count());
        text += row["text"].as_str().expect("text");
    }
    let (records, outcome) = read(&text, file);
    let mut compared = 0;
    for row in rows {
        let line = row["line"].as_u64().expect("line");
        if skipped(file, line) {
            continue;
        }
        compared += 1;
        let got: Vec<&Row> = records.iter().filter(|record| u64::from(record.line) == line).collect();
        if row["ok"] == true {
            let want = Row {
                line: line as u32,
                owner: row["owner"].as_str().expect("owner").into(),
                class: row["cls"].as_u64().expect("class"),
                ttl: row["ttl"].as_u64().expect("ttl"),
                rtype: row["type"].as_u64().expect("type"),
                rdata: row["rdata"].as_str().expect("rdata").into(),
            };
            assert_eq!(got, [&want], "{file}:{line} {:?}", outcome.problems);
        } else {
            let lines = line..line + row["text"].as_str().expect("text").lines().count() as u64;
            let problem = outcome.problems.iter().any(|problem| lines.contains(&problem.line.into()));
            assert!(got.is_empty() && problem, "{file}:{line} is bad: {got:?}");
        }
    }
    compared
}

/// A file with directives: its records in order, and whether it has problems.
fn whole(file: &str, row: &Value) -> u32 {
    if skipped(file, 0) {
        return 0;
    }
    let items = row["items"].as_array().expect("items");
    let number = |item: &Value, key: &str| u64::from_str_radix(item[key].as_str().expect(key), 16).expect(key);
    let (records, outcome) = read(row["text"].as_str().expect("text"), file);
    let want: Vec<Row> = items
        .iter()
        .filter(|item| item.get("RDATA").is_some())
        .map(|item| Row {
            line: 0,
            owner: item["OWNER"].as_str().expect("owner").into(),
            class: number(item, "CLASS"),
            ttl: number(item, "RRTTL"),
            rtype: number(item, "RTYPE"),
            rdata: item["RDATA"].as_str().expect("rdata").into(),
        })
        // A TTL is at most 2^31-1 (RFC 2181 8): the $TTL is refused, the one before stays in force.
        .map(|row| if row.ttl == u64::from(u32::MAX) { Row { ttl: 3600, ..row } } else { row })
        .collect();
    let got: Vec<Row> = records.into_iter().map(|row| Row { line: 0, ..row }).collect();
    assert_eq!(got, want, "{file} {:?}", outcome.problems);
    let bad = items.iter().any(|item| item.get("RDATA").is_none());
    assert_eq!(!outcome.problems.is_empty(), bad, "{file} {:?}", outcome.problems);
    1
}
