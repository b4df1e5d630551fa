//! Every type with known text and wire forms: text to wire to text to JSON to wire, octet for octet.

use data_encoding::HEXUPPER;
use dns::rdata::{json, rules, table, text, wire};
use dns::scan::Scanner;
use dns::{Name, NameBuf, RType};

const GOLDEN: &str = include_str!("../../../testdata/rdata/golden.txt");
const FAULTS: &str = include_str!("../../../testdata/rdata/faults.txt");
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
        // Data without a form of its own, and text that is no UTF-8.
        let is_generic = printed.starts_with("\\# ") || printed.contains("\\200");
        assert_eq!(object.get("data").is_some(), is_generic, "{mnemonic} {object}");
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

#[test]
fn rules_of_types() {
    for columns in lines(FAULTS) {
        let [mnemonic, owner, source, said] = columns[..] else { panic!("{columns:?}") };
        let (rtype, owner) = (RType::from_text(mnemonic.as_bytes()).expect(mnemonic), owner.parse::<NameBuf>());
        let rdata = scan(rtype, source).unwrap_or_else(|e| panic!("{mnemonic} {source}: {e}"));
        assert_eq!(wire::validate(rtype, &rdata), Ok(()), "{mnemonic} {source} can be served");
        let fault = rules::check(&owner.expect("a name"), rtype, &rdata).expect_err(source);
        let (said, refused) = said.strip_prefix("odd: ").map_or((said, true), |said| (said, false));
        assert!(fault.to_string().contains(said), "{mnemonic} {source}: {fault}");
        assert_eq!(fault.refuses().is_some(), refused, "{mnemonic} {source}: {fault}");
    }
}

/// What breaks no rule: the examples of the documents, deletion, unknown algorithms.
#[test]
fn rules_leave_alone_what_is_good() {
    let key = "AwEAAaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGzoaGz";
    let rsa = format!("257 3 8 {key}");
    let good = [
        ("A", "192.0.2.1"),
        ("DS", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"),
        ("DS", "1 8 200 00"),
        ("CDS", "0 0 0 00"),
        ("CDNSKEY", "0 3 0 AA=="),
        ("SSHFP", "9 9 00"),
        ("ZONEMD", "1 240 240 001122334455667788990011"),
        ("TLSA", "3 1 0 00"),
        ("TLSA", "255 255 255 00"),
        ("DNSKEY", &rsa),
        ("DNSKEY", "257 3 200 AQ=="),
        ("DNSKEY", "0 3 13 AQ=="),
        ("DNSKEY", "257 3 253 AWEA"),
        ("IPSECKEY", "10 3 0 gw.test."),
        ("IPSECKEY", "10 0 2 . AQNRU3mG"),
        ("CERT", "PGP 0 0 AQ=="),
        ("CERT", "URI 0 0 AA=="),
        ("CERT", "OID 0 0 AA=="),
        ("CERT", "URI 0 0 aHR0cDovL2EuYgABAg=="),
        ("CERT", "IPGP 0 0 AGh0dHA6Ly9h"),
        ("X25", "311061700956"),
        ("DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="),
        ("NSEC3", "2 0 0 - 00000000 A"),
        ("SVCB", "1 . alpn=h2 no-default-alpn dohpath=/q{?dns}"),
        ("SVCB", "1 . dohpath=/q{?a,dns:5}"),
        ("HTTPS", "1 . ech=AAT+DQAA"),
        ("HTTPS", "0 a.test."),
        ("URI", "1 1 x:"),
        ("TYPE65280", "\\# 0"),
    ];
    for (mnemonic, source) in good {
        let rtype = RType::from_text(mnemonic.as_bytes()).expect(mnemonic);
        let rdata = scan(rtype, source).unwrap_or_else(|e| panic!("{mnemonic} {source}: {e}"));
        assert_eq!(rules::check(Name::root(), rtype, &rdata), Ok(()), "{mnemonic} {source}");
    }
}

/// No data makes a rule panic, and rules look only at what is valid.
#[test]
fn every_cut_of_golden_data_has_a_verdict() {
    for columns in lines(GOLDEN) {
        let rtype = RType::from_text(columns[0].as_bytes()).expect(columns[0]);
        let whole = HEXUPPER.decode(columns[2].trim_matches('-').as_bytes()).expect(columns[2]);
        for len in (0..=whole.len()).filter(|&len| wire::validate(rtype, &whole[..len]).is_ok()) {
            let verdict = rules::check(Name::root(), rtype, &whole[..len]);
            assert!(verdict.is_ok() || verdict.is_err_and(|fault| !fault.to_string().is_empty()));
        }
    }
}
