//! Every type with known text and wire forms: text to wire to text to JSON to wire, octet for octet.

use data_encoding::HEXUPPER;
use dns::rdata::{json, table, text, wire};
use dns::scan::Scanner;
use dns::{Name, RType};

const GOLDEN: &str = include_str!("../../../testdata/rdata/golden.txt");
const BAD: &str = include_str!("../../../testdata/rdata/bad.txt");

/// The columns of each line that is no comment.
fn lines(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| line.split('\t').collect())
}

fn scan(rtype: RType, source: &str) -> Result<Vec<u8>, String> {
    let mut rdata = Vec::new();
    text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut rdata).map_err(|e| e.to_string())?;
    Ok(rdata)
}

fn print(rtype: RType, rdata: &[u8]) -> String {
    let mut out = String::new();
    text::write(rtype, rdata, &mut out).expect("a string takes anything");
    out
}

#[test]
fn golden_lines() {
    for columns in lines(GOLDEN) {
        let [mnemonic, source, hex, ref printed @ ..] = columns[..] else { panic!("{columns:?}") };
        let rtype = RType::from_text(mnemonic.as_bytes()).expect(mnemonic);
        let want = HEXUPPER.decode(hex.trim_matches('-').as_bytes()).expect(hex);
        let rdata = scan(rtype, source).unwrap_or_else(|e| panic!("{mnemonic} {source}: {e}"));
        assert_eq!(HEXUPPER.encode(&rdata), HEXUPPER.encode(&want), "{mnemonic} {source}");
        assert_eq!(wire::validate(rtype, &rdata), Ok(()), "{mnemonic} {source}");

        let printed = printed.first().unwrap_or(&source);
        assert_eq!(print(rtype, &rdata), *printed, "{mnemonic} {source}");
        assert_eq!(scan(rtype, printed).as_deref(), Ok(&want[..]), "{mnemonic} {printed}");
        let generic = format!("\\# {} {}", want.len(), HEXUPPER.encode(&want));
        assert_eq!(scan(rtype, &generic).as_deref(), Ok(&want[..]), "{mnemonic} {generic}");

        let object = json::to_json(rtype, &rdata);
        assert!(object.get("data").is_none() || rtype == RType::NULL, "{mnemonic} {object}");
        assert_eq!(json::from_json(rtype, &object).as_deref(), Ok(&want[..]), "{mnemonic} {object}");

        let mut expanded = b"head".to_vec();
        expanded.extend_from_slice(&want);
        let message = [b"head", &want[..], b"tail"].concat();
        let mut out = b"head".to_vec();
        wire::expand(rtype, &message, 4, want.len(), &mut out).expect(source);
        assert_eq!(out, expanded, "{mnemonic} {source}");
    }
}

#[test]
fn every_type_has_a_golden_line() {
    for def in table::TYPES {
        assert!(lines(GOLDEN).any(|columns| columns[0] == def.mnemonic), "{} has no golden line", def.mnemonic);
    }
}

#[test]
fn every_cut_of_golden_data_is_handled() {
    for columns in lines(GOLDEN) {
        let rtype = RType::from_text(columns[0].as_bytes()).expect(columns[0]);
        let whole = HEXUPPER.decode(columns[2].trim_matches('-').as_bytes()).expect(columns[2]);
        for len in 0..whole.len() {
            let cut = &whole[..len];
            let printed = print(rtype, cut);
            if wire::validate(rtype, cut).is_ok() {
                assert_eq!(scan(rtype, &printed).as_deref(), Ok(cut), "{rtype} {printed}");
                assert_eq!(json::from_json(rtype, &json::to_json(rtype, cut)).as_deref(), Ok(cut), "{rtype} {printed}");
            } else {
                assert!(printed.starts_with("\\# "), "{rtype} {printed}");
                assert!(scan(rtype, &printed).is_err(), "{rtype} {printed}");
            }
        }
    }
}

#[test]
fn bad_lines_are_rejected() {
    for columns in lines(BAD) {
        let rtype = RType::from_text(columns[0].as_bytes()).expect(columns[0]);
        let source = columns.get(1).copied().unwrap_or_default();
        if let Ok(rdata) = scan(rtype, source) {
            panic!("{} {source} gives {}", columns[0], HEXUPPER.encode(&rdata));
        }
    }
}
