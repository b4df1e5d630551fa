//! Differential tests: two other libraries must give the same wire form for the same text, and their
//! text must give the same wire form here, for the types that they know.

use std::fmt::Write;

use data_encoding::HEXUPPER;
use dns::rdata::text;
use dns::scan::Scanner;
use dns::{Name, RType};
use domain::base::rdata::ComposeRecordData;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::zonefile::inplace::{Entry, Zonefile};
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

const GOLDEN: &str = include_str!("../../../testdata/rdata/golden.txt");

/// What an oracle makes of text: wire form and its own text, if that is a zone file's.
type Outcome = Result<(Vec<u8>, Option<String>), String>;

fn domain_crate(mnemonic: &str, source: &str) -> Outcome {
    let line = format!("x. 1 IN {mnemonic} {source}\n");
    let mut file = Zonefile::load(&mut line.as_bytes()).map_err(|e| e.to_string())?;
    match file.next_entry().map_err(|e| e.to_string())? {
        Some(Entry::Record(record)) => {
            let (mut wire, mut text) = (Vec::new(), String::new());
            record.data().compose_rdata(&mut wire).map_err(|e| e.to_string())?;
            write!(text, "{}", record.data().display_zonefile(DisplayKind::Simple)).map_err(|e| e.to_string())?;
            Ok((wire, Some(text)))
        }
        _ => Err("no record".into()),
    }
}

fn hickory(mnemonic: &str, source: &str) -> Outcome {
    let rtype: RecordType = mnemonic.parse().map_err(|_| "no such type")?;
    let rdata = RData::try_from_str(rtype, source).map_err(|e| e.to_string())?;
    let mut wire = Vec::new();
    let mut encoder = BinEncoder::new(&mut wire);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).map_err(|e| e.to_string())?;
    Ok((wire, None))
}

fn scan(rtype: RType, source: &str) -> Result<Vec<u8>, String> {
    let mut rdata = Vec::new();
    text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut rdata).map_err(|e| e.to_string())?;
    Ok(rdata)
}

/// Compares all golden lines but those that begin with one of `except`, where the oracle differs.
/// Case is ignored: one oracle lower-cases names.
fn compare(oracle: fn(&str, &str) -> Outcome, except: &[&str], least: usize) {
    let (mut agreed, mut failures) = (0, Vec::new());
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        if except.iter().any(|prefix| line.starts_with(prefix)) {
            continue;
        }
        let rtype = RType::from_text(columns[0].as_bytes()).expect(columns[0]);
        let want = HEXUPPER.decode(columns[2].trim_matches('-').as_bytes()).expect(columns[2]);
        for source in [Some(&columns[1]), columns.get(3)].into_iter().flatten() {
            let Ok((wire, text)) = oracle(columns[0], source) else { continue };
            agreed += 1;
            if !wire.eq_ignore_ascii_case(&want) {
                failures.push(format!("{} {source}: it gives {}", columns[0], HEXUPPER.encode(&wire)));
            }
            let back = text.as_ref().map(|text| scan(rtype, text));
            if back.is_some_and(|back| back.as_ref() != Ok(&wire)) {
                failures.push(format!("{} {source}: its text {text:?} is not taken here", columns[0]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{agreed} forms agree");
    assert!(agreed >= least, "only {agreed} forms were compared");
}

#[test]
fn domain_agrees() {
    // It prints quotes and parentheses in names bare, no gateway as nothing, and one parameter without hyphens.
    compare(domain_crate, &["NS\ta\\.b", "IPSECKEY\t10 0", "HTTPS\t1 ."], 70);
}

#[test]
fn hickory_agrees() {
    // It takes \DDD for a code point, clears unknown CSYNC flags and does not know escapes in lists.
    compare(hickory, &["TXT\t\"v=", "CSYNC\t0 65535", "SVCB\t1 svc."], 35);
}
