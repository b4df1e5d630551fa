//! Runs the entries of the zone-file corpus that exercise record data: good lines give exactly the
//! expected data, bad ones are rejected. Skipped where the corpus is not there.

use std::fmt::Write;
use std::path::Path;

use dns::rdata::text;
use dns::scan::Scanner;
use dns::{Class, Name, RType};

/// Lines that the corpus calls bad and this server takes, as BIND, NSD and ldns do: any octet may
/// stand in a name (RFC 2181 11), and blanks anywhere in base64 (RFC 4034 2.2).
const TAKEN: &[&str] = &[
    "NS\t&",
    "NS\t@@",
    "NS\ta,",
    "NS\t,b",
    "MX\t1\t$",
    "SRV\t0\t0\t0\t%",
    "CERT\t0\t0\t0\tAA ==",
    "KEY\t0\t0\t0\tAA ==",
    "DNSKEY\t0\t0\t0\tAA ==",
];

/// Type and data of an entry `@ [TTL] [CLASS] TYPE DATA`; `Err` says why it is bad.
fn read(entry: &[u8]) -> Result<(RType, String), String> {
    let mut scanner = Scanner::new(entry);
    let mut rtype = None;
    scanner.token().map_err(|e| e.to_string())?;
    while rtype.is_none() {
        let token = scanner.require("a type").map_err(|e| e.to_string())?;
        rtype = RType::from_text(token.raw);
        let other = Class::from_text(token.raw).is_some() || token.raw[0].is_ascii_digit();
        if rtype.is_none() && !other {
            return Err("no type".into());
        }
    }
    let (rtype, mut rdata) = (rtype.ok_or("no type")?, Vec::new());
    text::scan(rtype, &mut scanner, Name::root(), &mut rdata).map_err(|e| e.to_string())?;
    let mut hex = String::new();
    for octet in rdata {
        write!(hex, "{octet:02X}").map_err(|e| e.to_string())?;
    }
    Ok((rtype, hex))
}

#[test]
fn corpus_entries() {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let path = Path::new(&package).join("../../../shared/corpora/zonefile/zscan.jsonl");
    let Ok(corpus) = std::fs::read_to_string(path) else {
        println!("skipped: no corpora");
        return;
    };
    let (mut entries, mut failures) = (0, Vec::new());
    for line in corpus.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        let is_type_file = matches!(field("file").as_bytes(), [b'1'..=b'9', b'0'..=b'9', b'_', ..]);
        if row.get("items").is_some() || !is_type_file || !field("text").starts_with('@') {
            continue;
        }
        entries += 1;
        let want = row["ok"].as_bool() == Some(true);
        match read(field("text").as_bytes()) {
            Ok((rtype, rdata)) if want => {
                if Some(u64::from(rtype.0)) != row["type"].as_u64() || rdata != field("rdata") {
                    failures.push(format!("{}: got {rdata}, want {}", field("text"), field("rdata")));
                }
            }
            Ok(_) if TAKEN.iter().any(|taken| field("text")[2..].starts_with(taken)) => {}
            Ok((_, rdata)) => failures.push(format!("{}: bad line gives {rdata}", field("text"))),
            Err(error) if want => failures.push(format!("{}: {error}", field("text"))),
            Err(_) => {}
        }
    }
    assert!(entries > 200, "only {entries} entries");
    assert!(failures.is_empty(), "{} of {entries}:\n{}", failures.len(), failures.join("\n"));
}
