//! Writes the scenarios with signatures: `testdata/scenarios/signed/NAME.template` becomes `testdata/scenarios/NAME.rpl`.
//!
//! Keys come from the zones' names and Ed25519 signatures are always the same, so that the files can be compared; with
//! HEADWATER_WRITE_SCENARIOS=1 they are written. A template is a scenario with these lines besides:
//!
//! - `%answer MATCH | REPLY | QUESTION`, `%ask STEP REPLY | QUESTION`, `%check STEP MATCH | REPLY | QUESTION`: the head
//!   of an entry, up to `%end`; within it `ANSWER`, `AUTHORITY` and `ADDITIONAL` begin sections.
//! - `%sign SIGNER [expired|early|forged|labels=N] OWNER TTL TYPE DATA [/ DATA]...`: an RRset and its signature.
//! - `%dnskey ZONE`, `%ds ZONE SIGNER`: the zone's RRset and its signature. `%ds ZONE` within a line: the DS record.
//! - `%nsec3 ZONE ITERATIONS FLAGS OWNER NEXT [TYPE]...`: an NSEC3 record and its signature; the names are hashed, and a
//!   `-` or `+` behind one makes it the hash before or behind.

use std::fs;
use std::path::{Path, PathBuf};

use dns::rdata::{bitmap, text, wire};
use dns::zonefile::write_record;
use dns::{Class, NameBuf, RType};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::digest::sha256;
use dnssec::nsec3;
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
use simulator::scenario::text::record;

/// Scenarios begin on 2018-01-01, signatures are valid for a year around it.
const START: u32 = 1_514_764_800;
const DAY: u32 = 86_400;
const SHA256: u8 = 2;

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

/// The one key of a zone.
fn key(zone: &str) -> SigningKey {
    SigningKey::from_seed(&sha256(zone.as_bytes())).expect("key").with_flags(257)
}

/// An RRset as lines, and its signature.
fn signed(signer: &str, how: &str, owner: &NameBuf, ttl: u32, rtype: RType, rdata: &[Vec<u8>]) -> String {
    let days = |from: i64, to: i64| [from, to].map(|days| (i64::from(START) + days * i64::from(DAY)) as u32);
    let [inception, expiration] = match how {
        "expired" => days(-60, -1),
        "early" => days(1, 60),
        _ => days(-180, 180),
    };
    let labels = how.strip_prefix("labels=").map(|labels| labels.parse().expect("labels"));
    let signer_name = name(signer);
    let terms = SignatureTerms { signer: &signer_name, inception, expiration, labels };
    let set: Vec<&[u8]> = rdata.iter().map(Vec::as_slice).collect();
    // The signature of a wildcard's records is made over the wildcard.
    let set = Rrset { owner, rtype, class: Class::IN, ttl, rdatas: &set };
    let mut signature = sign_rrset(&set, &terms, &key(signer), &mut Scratch::default()).expect("signature");
    if how == "forged" {
        *signature.last_mut().expect("octet") ^= 1;
    }
    let mut out = String::new();
    for rdata in rdata {
        write_record(owner, ttl, Class::IN, rtype, rdata, &mut out).expect("string");
    }
    write_record(owner, ttl, Class::IN, RType::RRSIG, &signature, &mut out).expect("string");
    out
}

fn sign(words: &str) -> String {
    let mut rest: Vec<&str> = words.split_whitespace().collect();
    let signer = rest.remove(0);
    let special = matches!(rest[0], "expired" | "early" | "forged") || rest[0].starts_with("labels=");
    let how = if special { rest.remove(0) } else { "" };
    let [owner, ttl, rtype, data @ ..] = &rest[..] else { panic!("%sign {words}") };
    let records = data.split(|word| *word == "/").map(|data| {
        record(&format!("{owner} {ttl} IN {rtype} {}", data.join(" ")), 0)
            .unwrap_or_else(|why| panic!("{words}: {why}"))
    });
    let rdata: Vec<Vec<u8>> = records.map(|record| record.rdata).collect();
    let rtype = RType::from_text(rtype.as_bytes()).expect("type");
    signed(signer, how, &name(owner), ttl.parse().expect("TTL"), rtype, &rdata)
}

fn ds(zone: &str) -> Vec<u8> {
    key(zone).ds_rdata(&name(zone), SHA256).expect("DS")
}

/// The hash of a name, or the one before or behind.
fn hash(word: &str, iterations: u16) -> [u8; 20] {
    let (text, step) = match word.split_at(word.len() - 1) {
        (text, "-") => (text, u8::MAX),
        (text, "+") => (text, 1),
        _ => (word, 0),
    };
    let mut hash = nsec3::hash(&name(text), &[], iterations);
    // The last octet of the names used here is neither 0 nor 255.
    hash[19] = hash[19].wrapping_add(step);
    hash
}

fn nsec3_record(words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [zone, iterations, flags, owner, next, types @ ..] = &words[..] else { panic!("%nsec3 {words:?}") };
    let iterations: u16 = iterations.parse().expect("iterations");
    let label = nsec3::label(&hash(owner, iterations));
    let owner = name(zone).prepend(&label).expect("owner");
    let mut rdata = vec![1, flags.parse().expect("flags")];
    rdata.extend(iterations.to_be_bytes());
    rdata.extend([0, 20]);
    rdata.extend(hash(next, iterations));
    let types = types.iter().map(|word| RType::from_text(word.as_bytes()).expect("type"));
    bitmap::encode(types, &mut rdata);
    wire::validate(RType::NSEC3, &rdata).expect("NSEC3");
    signed(zone, "", &owner, 300, RType::NSEC3, &[rdata])
}

/// The head of an entry: what comes in front of it, MATCH, REPLY and the question.
fn head(front: &str, matches: &str, reply: &str, question: &str) -> String {
    format!("{front}ENTRY_BEGIN\n{matches}REPLY {reply}\nSECTION QUESTION\n{question}\n")
}

fn expand_line(line: &str) -> String {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let parts: Vec<&str> = rest.split('|').map(str::trim).collect();
    match (word, &parts[..]) {
        ("%answer", [matches, reply, question]) => {
            head("", &format!("MATCH {matches}\nADJUST copy_id copy_query\n"), reply, question)
        }
        ("%ask", [first, question]) => {
            let (step, flags) = first.split_once(' ').expect("STEP FLAGS");
            head(&format!("STEP {step} QUERY\n"), "", flags, question) + "ENTRY_END\n"
        }
        ("%check", [first, reply, question]) => {
            let (step, matches) = first.split_once(' ').expect("STEP MATCH");
            head(&format!("STEP {step} CHECK_ANSWER\n"), &format!("MATCH {matches}\n"), reply, question)
        }
        ("%end", _) => "ENTRY_END\n".to_owned(),
        ("ANSWER" | "AUTHORITY" | "ADDITIONAL", _) => format!("SECTION {word}\n"),
        ("%sign", _) => sign(rest),
        ("%dnskey", _) => {
            let rdata = key(rest).dnskey_rdata().to_vec();
            signed(rest, "", &name(rest), 3600, RType::DNSKEY, &[rdata])
        }
        ("%ds", _) => {
            let (zone, signer) = rest.split_once(' ').expect("ZONE SIGNER");
            signed(signer, "", &name(zone), 3600, RType::DS, &[ds(zone)])
        }
        ("%nsec3", _) => nsec3_record(rest),
        _ => match line.split_once("%ds ") {
            Some((front, rest)) => {
                let (zone, behind) = rest.split_once('"').expect("closing quote");
                let mut out = String::new();
                text::write(RType::DS, &ds(zone), &mut out).expect("string");
                format!("{front}{zone} 3600 IN DS {out}\"{behind}\n")
            }
            None => format!("{line}\n"),
        },
    }
}

#[test]
fn files_are_what_the_templates_make() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scenarios");
    let write = std::env::var_os("HEADWATER_WRITE_SCENARIOS").is_some();
    let common = fs::read_to_string(directory.join("signed/common.part")).expect("common part");
    let mut count = 0;
    for entry in fs::read_dir(directory.join("signed")).expect("templates") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|extension| extension != "template") {
            continue;
        }
        count += 1;
        let template = fs::read_to_string(&path).expect("template").replace("%common\n", &common);
        let made: String = template.lines().map(expand_line).collect();
        let mut file: PathBuf = directory.join(path.file_stem().expect("name"));
        file.set_extension("rpl");
        match write {
            true => fs::write(&file, made).expect("written"),
            false => {
                assert_eq!(fs::read_to_string(&file).unwrap_or_default(), made, "{} is out of date", file.display())
            }
        }
    }
    assert!(count > 0, "no templates");
}
