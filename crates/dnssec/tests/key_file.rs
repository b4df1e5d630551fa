//! Keys in files: the examples of the RFCs, there and back again, and files that are none.

use std::collections::BTreeSet;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dns::{Class, RType};
use dnssec::algorithm::Algorithm;
use dnssec::canonical::{Rrset, Scratch};
use dnssec::key_file::{
    KeyFileError, MAX_FILE_LEN, Timing, file_stem, parse_private, parse_public, to_private_text, to_public_text,
};
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
use dnssec::verify::verify_rrset;

mod support;

use support::{name, rdata};

/// RFC 6605 6.1.
const P256: &str = "Private-key-format: v1.2\n\
    Algorithm: 13 (ECDSAP256SHA256)\n\
    PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n";
const P256_PUBLIC: &str = "example.net. 3600 IN DNSKEY 257 3 13 (\n\
    \tGojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb\n\
    \tkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA== )\n";
/// RFC 6605 6.2.
const P384: &str = "Private-key-format: v1.2\n\
    Algorithm: 14 (ECDSAP384SHA384)\n\
    PrivateKey: WURgWHCcYIYUPWgeLmiPY2DJJk02vgrmTfitxgqcL4vwW7BOrbawVmVe0d9V94SR\n";
const P384_PUBLIC: &str = "example.net. 3600 IN DNSKEY 257 3 14 (\n\
    \txKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1\n\
    \tw/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8\n\
    \t/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40 )\n";
/// RFC 8080 6.1.
const ED25519: &str = "Private-key-format: v1.2\n\
    Algorithm: 15 (ED25519)\n\
    PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n";
const ED25519_PUBLIC: &str = "example.com. 3600 IN DNSKEY 257 3 15 (\n\
    \tl02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4= )\n";
/// RFC 8410 10.3: the same key without and with its public key.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const PEM_V2: &str = "-----BEGIN PRIVATE KEY-----\n\
    MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
    Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PRIVATE KEY-----\n";
const PEM_PUBLIC: &str = "example.com. IN DNSKEY 257 3 15 Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

const SIGNING: [Algorithm; 5] = [
    Algorithm::RSASHA256,
    Algorithm::RSASHA512,
    Algorithm::ECDSAP256SHA256,
    Algorithm::ECDSAP384SHA384,
    Algorithm::ED25519,
];

fn line<T>(line: usize, expected: &'static str) -> Result<T, KeyFileError> {
    Err(KeyFileError::Line { line, expected })
}

#[test]
fn keys_of_the_rfcs() {
    let check = |private: &str, public: &str, tag, ds: &str| {
        let public = parse_public(public).expect("public key");
        let (key, timing) = parse_private(private, public.flags, None).expect("private key");
        assert_eq!(public.check(&key), Ok(()), "{tag}");
        if !ds.is_empty() {
            let ds = rdata(RType::DS, ds);
            assert_eq!(key.ds_rdata(&public.owner, ds[3]), Ok(ds), "{tag}");
        }
        assert_eq!((key.flags(), key.key_tag(), timing), (257, tag, Timing::default()));
    };
    check(P256, P256_PUBLIC, 55648, "55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17");
    check(
        P384,
        P384_PUBLIC,
        10771,
        "10771 14 4 72D7B62976CE06438E9C0BF319013CF801F09ECC84B8D7E9495F27E305C6A9B0563A9B5F4D288405C3008A946DF983D6",
    );
    check(ED25519, ED25519_PUBLIC, 3613, "3613 15 2 3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B");
    check(
        &ED25519
            .replace("ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=", "DSSF3o0s0f+ElWzj9E/Osxw8hLpk55chkmx0LYN5WiY="),
        "example.com. IN DNSKEY 257 3 15 zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
        35217,
        "35217 15 2 401781B934E392DE492EC77AE2E15D70F6575A1C0BC59C5275C04EBE80C6614C",
    );
    let pem = parse_public(PEM_PUBLIC).expect("public key");
    let tag = dnssec::key::key_tag(&pem.rdata);
    check(PEM, PEM_PUBLIC, tag, "");
    check(PEM_V2, PEM_PUBLIC, tag, "");
}

/// RFC 8080 6.1: Ed25519 gives the signature that stands there.
#[test]
fn the_signature_of_the_rfc() {
    let zone = name("example.com.");
    let mx = rdata(RType::MX, "10 mail.example.com.");
    let set = Rrset { owner: &zone, class: Class::IN, rtype: RType::MX, ttl: 3600, rdatas: &[&mx] };
    let (key, _) = parse_private(ED25519, 257, None).expect("key");
    let terms = SignatureTerms { signer: &zone, inception: 1_438_207_200, expiration: 1_440_021_600, labels: None };
    let rrsig = sign_rrset(&set, &terms, &key, &mut Scratch::default()).expect("signature");
    let want = rdata(
        RType::RRSIG,
        "MX 15 2 3600 1440021600 1438207200 3613 example.com. \
         oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
    );
    assert_eq!(rrsig, want);
}

/// What is written is read as the same key, whose signatures the DNSKEY record verifies.
#[test]
fn there_and_back_again() {
    let zone = name("Example.org.");
    let rdatas: [&[u8]; 1] = [&[192, 0, 2, 1]];
    let set = Rrset { owner: &zone, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &rdatas };
    let terms = SignatureTerms { signer: &zone, inception: 0, expiration: 100, labels: None };
    let timing = Timing { created_s: Some(0), delete_s: Some(4_291_747_199), sync_delete_s: Some(5), ..timing(9) };
    let check = |key: SigningKey, flags| {
        let key = key.with_flags(flags);
        let public = parse_public(&to_public_text(&zone, 7, &key)).expect("public key");
        assert_eq!((&public.owner, public.flags, &public.rdata[..]), (&zone, flags, key.dnskey_rdata()));
        for timing in [timing, Timing::default()] {
            let text = to_private_text(&key, &timing).expect("text");
            let (read, times) = parse_private(&text, flags, Some(key.algorithm())).expect("key");
            assert_eq!((public.check(&read), times), (Ok(()), timing));
            assert_eq!(to_private_text(&read, &times).expect("text"), text);
            let rrsig = sign_rrset(&set, &terms, &read, &mut Scratch::default()).expect("signature");
            let verifier = dnssec::key::PublicKey::from_dnskey(&public.rdata).expect("key");
            assert!(verify_rrset(&set, &rrsig, &zone, &verifier, 50, &mut Scratch::default()).is_ok(), "{key:?}");
        }
    };
    SIGNING.iter().for_each(|algorithm| check(SigningKey::generate(*algorithm).expect("key"), 256));
    check(SigningKey::generate_rsa(Algorithm::RSASHA256, 4096).expect("key"), 257);
    check(SigningKey::generate(Algorithm::ED25519).expect("key"), 257);
}

fn timing(seconds: u32) -> Timing {
    let at = Some(seconds);
    Timing {
        created_s: at,
        publish_s: at,
        activate_s: at,
        revoke_s: at,
        inactive_s: at,
        delete_s: at,
        ds_publish_s: at,
        sync_publish_s: at,
        sync_delete_s: at,
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn pkcs8_of_every_kind() {
    let check = |der: &[u8], asked, want: Result<Algorithm, KeyFileError>, public: &[u8]| {
        let key = parse_private(&pem(der), 256, asked).map(|(key, _)| key);
        assert_eq!(key.as_ref().map(SigningKey::algorithm).map_err(|error| *error), want);
        assert!(key.is_err() || key.is_ok_and(|key| key.dnskey_rdata().ends_with(public)), "{want:?}");
    };
    use aws_lc_rs::signature::KeyPair;
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("key");
    let modulus = rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let der: Pkcs8V1Der = rsa.as_der().expect("DER");
    check(der.as_ref(), None, Ok(Algorithm::RSASHA256), &modulus);
    for algorithm in [Algorithm::RSASHA256, Algorithm::RSASHA512] {
        check(der.as_ref(), Some(algorithm), Ok(algorithm), &modulus);
    }
    let other = |wanted, found| Err(KeyFileError::OtherAlgorithm { wanted, found });
    check(der.as_ref(), Some(Algorithm::ED25519), other(Algorithm::ED25519, Algorithm::RSASHA256), &[]);
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
    let der = p256.to_pkcs8v1().expect("DER");
    check(der.as_ref(), None, Ok(Algorithm::ECDSAP256SHA256), &p256.public_key().as_ref()[1..]);
    let wanted = Algorithm::RSASHA256;
    check(der.as_ref(), Some(wanted), other(wanted, Algorithm::ECDSAP256SHA256), &[]);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("key");
    let der = p384.to_pkcs8v1().expect("DER");
    check(
        der.as_ref(),
        Some(Algorithm::ECDSAP384SHA384),
        Ok(Algorithm::ECDSAP384SHA384),
        &p384.public_key().as_ref()[1..],
    );
    let ed25519 = Ed25519KeyPair::generate().expect("key");
    for der in [ed25519.to_pkcs8v1().expect("DER"), ed25519.to_pkcs8().expect("DER")] {
        check(der.as_ref(), None, Ok(Algorithm::ED25519), ed25519.public_key().as_ref());
        check(&der.as_ref()[..der.as_ref().len() - 1], None, Err(KeyFileError::Pkcs8), &[]);
        check(&[der.as_ref(), &[0]].concat(), None, Err(KeyFileError::Pkcs8), &[]);
    }
    check(&[], None, Err(KeyFileError::Pkcs8), &[]);
}

/// What does not change a key: line ends, blanks, the case of names, lines that this crate does not know.
#[test]
fn other_spellings() {
    let check = |text: &str| {
        let want = parse_private(if text.contains("BEGIN") { PEM } else { ED25519 }, 256, None).expect("key").0;
        let (key, _) = parse_private(text, 256, None).expect(text);
        assert_eq!(key.dnskey_rdata(), want.dnskey_rdata(), "{text}");
    };
    check(&ED25519.replace('\n', "\r\n"));
    check(ED25519.trim_end());
    check(&ED25519.replace('\n', "\n\n"));
    check(&ED25519.replace("PrivateKey: ", "privatekey:\t"));
    check(&ED25519.replace(" (ED25519)", ""));
    check(&ED25519.replace("v1.2", "v1.3"));
    check(&format!("\n{ED25519}MaxTTL: 86400\nEngine:\n"));
    check(&PEM.replace('\n', "\r\n"));
    check(PEM.trim_end());
    check(&PEM.replace("MC4C", "MC\n4C"));
}

/// Scalars without their leading zeros, as old programs write them.
#[test]
fn short_scalars() {
    let read = |scalar: &[u8]| {
        let text = format!("Private-key-format: v1.2\nAlgorithm: 13 (x)\nPrivateKey: {}\n", STANDARD.encode(scalar));
        parse_private(&text, 256, None).map(|(key, _)| key.dnskey_rdata().to_vec())
    };
    let long = [&[0, 0][..], &[7; 30]].concat();
    assert!(read(&long).is_ok());
    assert_eq!(read(&[7; 30]), read(&long));
    let wrong = Err(KeyFileError::Numbers(Algorithm::ECDSAP256SHA256));
    assert_eq!(read(&[0; 32]), wrong);
    assert_eq!(read(&[0xff; 32]), wrong, "more than the order of the group");
    assert_eq!(read(&[7; 33]), wrong);
}

#[test]
fn private_files_that_are_none() {
    let check = |text: &str, want: Result<(), KeyFileError>| {
        assert_eq!(parse_private(text, 256, None).map(|_| ()), want, "{text}");
    };
    check("", Err(KeyFileError::Format));
    check("example.org. IN DNSKEY 257 3 15 AA==", Err(KeyFileError::Format));
    check("-----BEGIN EC PRIVATE KEY-----\n", Err(KeyFileError::Format));
    check(&ED25519.replace("v1.2", "v1.1"), line(1, "the format v1.2 or v1.3"));
    check("Private-key-formats: v1.3", Err(KeyFileError::Missing("Private-key-format")));
    check("Private-key-format: v1.3", Err(KeyFileError::Missing("Algorithm")));
    check(&ED25519[..49], Err(KeyFileError::Missing("PrivateKey")));
    let number = "the number of an algorithm, such as 13 (ECDSAP256SHA256)";
    check(&ED25519.replace("15 (ED25519)", "ED25519"), line(2, number));
    check(&ED25519.replace("15 (", "271 ("), line(2, number));
    let unknown = |algorithm| Err(KeyFileError::UnknownAlgorithm { line: 2, algorithm });
    check(&ED25519.replace("15 (ED25519)", "16 (ED448)"), unknown(Algorithm(16)));
    check(&ED25519.replace("15 (ED25519)", "5 (RSASHA1)"), unknown(Algorithm::RSASHA1));
    check(&ED25519.replace("15 (ED25519)", "8 (RSASHA256)"), Err(KeyFileError::Missing("Modulus")));
    check(&ED25519.replace("ODIy", "OD!y"), line(3, "a number in base64"));
    check(&ED25519.replace("ODIy", "ODI"), line(3, "a number in base64"));
    check(&ED25519.replace("ODIy", ""), Err(KeyFileError::Numbers(Algorithm::ED25519)));
    check(&format!("{ED25519}junk"), line(4, "\"Name: value\""));
    check(&ED25519.repeat(2), Err(KeyFileError::Twice { line: 4, field: "Private-key-format" }));
    check(&format!("{ED25519}{}", &ED25519[25..]), Err(KeyFileError::Twice { line: 4, field: "Algorithm" }));
    check(&format!("{ED25519}Publish: tomorrow"), line(4, "a time as YYYYMMDDHHMMSS, from 1970 to 2105"));
    let twice = format!("{ED25519}Delete: 20240101000000\nDelete: 20240101000000\n");
    check(&twice, Err(KeyFileError::Twice { line: 5, field: "Delete" }));
    check(&format!("{ED25519}{}", "x".repeat(MAX_FILE_LEN)), Err(KeyFileError::TooLong));
    let end = "\"-----END PRIVATE KEY-----\"";
    check("-----BEGIN PRIVATE KEY-----", line(2, end));
    check(&PEM[..93], line(3, end));
    check(&PEM.replace("MC4C", "MC4"), line(2, "base64 data of whole octets"));
    check(&PEM.replace("MC4C", "M,4C"), line(2, "base64 data, or \"-----END PRIVATE KEY-----\""));
    check(&format!("{PEM}\n{PEM}"), line(5, "the end of the file"));
    check(&PEM.replace("K2Vw", "K2Vx"), Err(KeyFileError::Pkcs8));
}

/// The key of RFC 5702 6.1 has 512 bits.
#[test]
fn short_and_damaged_rsa_keys() {
    let key = SigningKey::generate(Algorithm::RSASHA256).expect("key");
    let text = to_private_text(&key, &Timing::default()).expect("text");
    let check = |field: &str, value: &str, want| {
        let lines = text.lines().map(|line| match line.split_once(": ") {
            Some((name, _)) if name == field => format!("{field}: {value}\n"),
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        assert_eq!(parse_private(&text, 256, None).map(|_| ()), want, "{field}");
    };
    let modulus = "wVwaxrHF2CK64aYKRUibLiH30KpPuPBjel7E8ZydQW1HYWHfoGmidzC2RnhwCC293hCzw+TFR2nqn8OVSY5t2Q==";
    check("Modulus", modulus, Err(KeyFileError::RsaSize(512)));
    check("Modulus", &STANDARD.encode([0xff; 513]), Err(KeyFileError::RsaSize(4104)));
    check("Modulus", "AAAA", Err(KeyFileError::RsaSize(0)));
    let wrong = Err(KeyFileError::Numbers(Algorithm::RSASHA256));
    for field in ["Modulus", "PrivateExponent", "Prime1", "Prime2", "Exponent1", "Exponent2", "Coefficient"] {
        check(field, &STANDARD.encode([0xf1; 256]), wrong);
    }
    check("PublicExponent", "Aw==", wrong);
    check("PublicExponent", "AA==", wrong);
    check("PublicExponent", "AAEAAQ==", Ok(()));
}

#[test]
fn public_files() {
    let key = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let want = parse_public(ED25519_PUBLIC).expect("key");
    let check = |text: &str| assert_eq!(parse_public(text).as_ref(), Ok(&want), "{text}");
    check(&format!("; comment\r\n; another\r\nexample.com. IN DNSKEY 257 3 15 {key}\r\n"));
    check(&format!("example.com DNSKEY 257 3 15 {key} ;{{id = 3613 (ksk), size = 256b}}"));
    check(&format!("example.com.\tIN\t1h\tdnskey\t257 3 ED25519 {key}\n\n;"));
    check(&format!("EXAMPLE.com. 0 IN DNSKEY 257 3 15 {} {}", &key[..9], &key[9..]));
}

#[test]
fn public_files_that_are_none() {
    let record = "a record such as \"example.org. IN DNSKEY 257 3 13 ...\"";
    let data = "DNSKEY data: flags, protocol, algorithm and the key in base64";
    let check = |text: &str, want| assert_eq!(parse_public(text), want, "{text}");
    check("", line(1, record));
    check("; nothing\n\n", line(3, record));
    check(P256, line(1, record));
    check("example.org. IN KEY 257 3 15 AAAA", line(1, record));
    check("example.org. CH DNSKEY 257 3 15 AAAA", line(1, record));
    check("example.org. IN IN DNSKEY 257 3 15 AAAA", line(1, record));
    check("example.org. 1 2 DNSKEY 257 3 15 AAAA", line(1, record));
    check("example.org. IN", line(1, record));
    check("\nexample..org. IN DNSKEY 257 3 15 AAAA", line(2, "the name of the zone"));
    check("\n IN DNSKEY 257 3 15 AAAA", line(2, "the name of the zone at the start of the line"));
    check("example.org. DNSKEY 257 3", line(1, data));
    check("example.org. DNSKEY 65536 3 15 AAAA", line(1, data));
    check("example.org. DNSKEY 257 3 15 A", line(1, data));
    check("example.org. DNSKEY 257 3 15 ( AAAA", line(1, data));
    check(&format!("{P384_PUBLIC}{P256_PUBLIC}"), line(5, "nothing after the DNSKEY record"));
    check(&format!("{P384_PUBLIC})"), line(5, record));
    check(&"x".repeat(MAX_FILE_LEN + 1), Err(KeyFileError::TooLong));
}

#[test]
fn keys_that_do_not_belong_together() {
    let check = |private: &str, flags, public: &str, want| {
        let (key, _) = parse_private(private, flags, None).expect("key");
        assert_eq!(parse_public(public).expect("key").check(&key), want);
    };
    let other = |public, private| Err(KeyFileError::OtherKey { public, private });
    check(P256, 257, P256_PUBLIC, Ok(()));
    check(P256, 256, P256_PUBLIC, other(55648, 55647));
    check(P256, 257, ED25519_PUBLIC, other(3613, 55648));
    check(P256, 257, P384_PUBLIC, other(10771, 55648));
}

#[test]
fn names_of_files() {
    let check = |owner: &str, flags, want: &str| {
        let (key, _) = parse_private(P256, flags, None).expect("key");
        assert_eq!(file_stem(&name(owner), key.dnskey_rdata()), want);
    };
    check("example.net.", 257, "Kexample.net.+013+55648");
    check("Example.NET.", 256, "Kexample.net.+013+55647");
    check(".", 257, "K.+013+55648");
    check("_a-b.x", 257, "K_a-b.x.+013+55648");
    check("\\.\\./etc.", 257, "K%2E%2E%2Fetc.+013+55648");
    check("*.a\\.b\\000\\\\\\255.", 257, "K%2A.a%2Eb%00%5C%FF.+013+55648");
    let (key, _) = parse_private(ED25519, 257, None).expect("key");
    assert_eq!(file_stem(&name("example.com."), key.dnskey_rdata()), "Kexample.com.+015+03613");
}

/// Damaged files never panic. What is read of a damaged RSA key is the same key or none: its numbers hold each other.
#[test]
fn every_truncation_and_every_wrong_octet() {
    let private = |text: &str| parse_private(text, 257, None).map(|(key, _)| key.dnskey_rdata()[4..].to_vec()).ok();
    let public = |text: &str| parse_public(text).map(|key| key.rdata).ok();
    let damaged = |text: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>| {
        let mut keys = BTreeSet::new();
        for at in 0..text.len() {
            keys.extend(read(&text[..at]));
            for bit in [1, 2, 0x10, 0x20, 0x40, 0x80] {
                let mut octets = text.as_bytes().to_vec();
                octets[at] ^= bit;
                keys.extend(String::from_utf8(octets).ok().and_then(|text| read(&text)));
            }
        }
        keys.len()
    };
    [P256, P384, ED25519, PEM, PEM_V2].iter().for_each(|text| assert!(damaged(text, &private) > 1));
    let timed = to_private_text(&parse_private(P384, 257, None).expect("key").0, &timing(1)).expect("text");
    assert!(damaged(&timed, &private) > 1);
    let rsa = SigningKey::generate(Algorithm::RSASHA512).expect("key");
    assert_eq!(damaged(&to_private_text(&rsa, &timing(1)).expect("text"), &private), 1);
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("key");
    let der: Pkcs8V1Der = rsa.as_der().expect("DER");
    assert_eq!(damaged(&pem(der.as_ref()), &private), 1);
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
    assert!(damaged(&pem(p256.to_pkcs8v1().expect("DER").as_ref()), &private) >= 1);
    [P256_PUBLIC, P384_PUBLIC, PEM_PUBLIC].iter().for_each(|text| assert!(damaged(text, &public) > 1));
}
