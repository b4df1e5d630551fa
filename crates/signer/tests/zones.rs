//! Signed zones, judged by the verifiers of others (RFC 4035 2, RFC 5155 7.1).

mod support;

use std::fmt::Write as _;
use std::process::Command;

use dns::RType;
use dnssec::algorithm::Algorithm;
use signer::policy::DenialMode;
use signer::sign::{sign_change, sign_whole, stale};
use signer::zone_signer::ZoneSigner;
use support::*;
use zone::Contents;

const DENIALS: [DenialMode; 3] =
    [DenialMode::Nsec, DenialMode::Nsec3 { opt_out: false }, DenialMode::Nsec3 { opt_out: true }];

/// Has the zone verified by all the tools that are there.
fn verify(contents: &Contents, what: &str) {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("headwater-signer-{}-{number}.zone", std::process::id()));
    std::fs::write(&path, text(contents)).expect("a file");
    let file = path.to_str().expect("a path");
    let tools: [&[&str]; 3] = [
        &["dnssec-verify", "-q", "-z", "-o", "example.", file],
        &["ldns-verify-zone", "-V1", file],
        &["kzonecheck", "-d", "on", "-o", "example.", file],
    ];
    for tool in tools {
        match Command::new(tool[0]).args(&tool[1..]).output() {
            Err(_) => println!("skipped: {} is missing", tool[0]),
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said);
                // Knot takes no zone with names below a DNAME, signed or not.
                let is_taken = output.status.success() || said.contains("child record exists under DNAME");
                assert!(is_taken, "{what}: {}: {said}\n{}", tool[0], text(contents));
            }
        }
    }
    std::fs::remove_file(path).expect("the file");
}

#[test]
fn every_kind_of_record_is_signed_as_others_want_it() {
    for denial in DENIALS {
        for algorithm in
            [Algorithm::ECDSAP256SHA256, Algorithm::ECDSAP384SHA384, Algorithm::ED25519, Algorithm::RSASHA256]
        {
            let signer = signer(algorithm, denial);
            verify(&signed(&signer, &zone(PLAIN)), &format!("{denial:?} {algorithm}"));
        }
    }
}

/// One data of a random type.
fn data_of(rtype: RType, random: &mut Random) -> Vec<Vec<u8>> {
    let one = |random: &mut Random| match rtype {
        RType::A => vec![192, 0, 2, random.below(250) as u8],
        RType::NS => [&[2, b'n', b'a' + random.below(3) as u8][..], b"\x05other\x04test\0"].concat(),
        RType::DS => [&[1, 2, 13, 2][..], &[random.below(250) as u8; 32]].concat(),
        RType::DNAME => b"\x05other\x04test\0".to_vec(),
        _ => vec![1, b'a' + random.below(20) as u8],
    };
    let count = if rtype == RType::DNAME { 1 } else { 1 + random.below(3) };
    (0..count).map(|_| one(random)).collect()
}

/// Names that get in each other's way: above, below, beside, wildcards.
fn owner(random: &mut Random) -> String {
    let labels = ["a", "b", "c", "*", "zz"];
    let depth = 1 + random.below(4);
    let mut owner = String::new();
    (0..depth).for_each(|_| write!(owner, "{}.", labels[random.below(labels.len())]).expect("text"));
    owner + "example."
}

/// Changes one by one lead to the same zone as signing it as a whole, but for the signatures' octets.
#[test]
fn changes_one_by_one_are_as_good_as_all_at_once() {
    for (seed, denial) in (1..=4).flat_map(|seed| DENIALS.map(|denial| (seed, denial))) {
        let signer = signer(Algorithm::ECDSAP256SHA256, denial);
        let mut random = Random(seed);
        let mut plain = zone(PLAIN);
        let mut now = signed(&signer, &plain);
        for step in 0..60 {
            let owner = owner(&mut random);
            let rtype = [RType::A, RType::TXT, RType::NS, RType::DS, RType::DNAME][random.below(5)];
            // What BIND does not load: delegations of wildcards, and beside DNAME.
            let cuts = [RType::NS, RType::DS, RType::DNAME];
            let has = |rtype| plain.records(&name(&owner), rtype).is_some();
            if cuts.contains(&rtype) && (owner.contains('*') || has(RType::NS) != has(RType::DNAME) && !has(rtype)) {
                continue;
            }
            let is_there = has(rtype);
            let data = if is_there && random.below(3) > 0 { Vec::new() } else { data_of(rtype, &mut random) };
            plain = apply(&plain, &edit(&plain, &owner, rtype, &data));
            let changes = edit(&now, &owner, rtype, &data);
            now = changed(&signer, &now, changes);
            let whole = signed(&signer, &plain);
            assert_eq!(
                unsigned_text(&now),
                unsigned_text(&whole),
                "{denial:?} seed {seed} step {step}: {owner} {rtype}"
            );
        }
        assert_eq!(stale(&signer, &now, now_s(), 10).sets, []);
        verify(&now, &format!("{denial:?} seed {seed}"));
    }
}

/// The zone as text, without what differs between two signatures over the same.
fn unsigned_text(contents: &Contents) -> String {
    let line = |line: &str| match line.contains("\tRRSIG\t") || line.contains(" RRSIG ") {
        false => line.to_owned(),
        true => line.split_whitespace().take(6).collect::<Vec<_>>().join(" "),
    };
    text(contents).lines().map(line).collect::<Vec<_>>().join("\n")
}

/// From one kind of denial to another and to none: one change, and nothing of the old is left.
#[test]
fn denial_changes_in_one_step() {
    let start = signer(Algorithm::ECDSAP256SHA256, DenialMode::Nsec);
    let with = |denial| {
        let mut signer = start.clone();
        signer.policy = signer::policy::SigningPolicy { denial, ..(*signer.policy).clone() }.into();
        signer
    };
    for from in DENIALS {
        for to in DENIALS {
            let before = signed(&with(from), &zone(PLAIN));
            let after = changed(&with(to), &before, edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]));
            verify(&after, &format!("{from:?} to {to:?}"));
            let none = ZoneSigner {
                key_signers: Vec::new(),
                zone_signers: Vec::new(),
                published: Vec::new(),
                cds: Vec::new(),
                cdnskey: Vec::new(),
                ..with(to)
            };
            let whole = sign_whole(&none, &after, now_s(), 1).expect("signatures can go");
            let one = sign_change(&none, &after, Vec::new(), &[], now_s(), 1).expect("signatures can go");
            let left = text(&whole);
            assert_eq!(left, text(&apply(&after, &one)), "{from:?} {to:?}");
            let own = ["RRSIG", "NSEC", "DNSKEY", "CDS"];
            let is_own = |line: &&str| own.iter().any(|rtype| line.contains(rtype));
            assert_eq!(left.lines().filter(is_own).collect::<Vec<_>>(), Vec::<&str>::new(), "{from:?} {to:?}");
        }
    }
}

/// What a change costs does not depend on the size of the zone.
#[test]
fn a_change_touches_its_neighbours_alone() {
    let mut large = PLAIN.to_owned();
    (0..3000).for_each(|i| writeln!(large, "host{i} A 192.0.2.1").expect("text"));
    for denial in DENIALS {
        let signer = signer(Algorithm::ECDSAP256SHA256, denial);
        let before = signed(&signer, &zone(&large));
        let changes = edit(&before, "host77x.example.", RType::A, &[vec![192, 0, 2, 2]]);
        let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("signed");
        // Itself, its denial, the one before, SOA.
        assert_eq!(changes.len(), 4, "{denial:?}: {changes:?}");
        let changes = edit(&before, "host77.example.", RType::A, &[vec![192, 0, 2, 2]]);
        let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("signed");
        assert_eq!(changes.len(), 2, "{denial:?}: {changes:?}");
    }
}

/// Records of denial live as long as negative answers: the lesser of the SOA record's TTL and minimum (RFC 9077 3).
#[test]
fn records_of_denial_live_as_long_as_negative_answers() {
    for denial in DENIALS {
        let signer = signer(Algorithm::ED25519, denial);
        for (minimum, ttl) in [("100", 100), ("300", 300), ("900", 300)] {
            let text = PLAIN.replace("1209600 300", &format!("1209600 {minimum}"));
            let contents = signed(&signer, &zone(&text));
            let is_denial = |rtype| matches!(rtype, RType::NSEC | RType::NSEC3);
            let ttls: Vec<u32> = zone::diff::list(&contents)
                .iter()
                .filter(|record| is_denial(record.rtype))
                .map(|record| record.ttl)
                .collect();
            assert!(ttls.len() > 10 && ttls.iter().all(|it| *it == ttl), "{denial:?} {minimum}: {ttls:?}");
        }
    }
}

/// DNSKEY records of other signers of the zone stay when its own keys change (RFC 8901 4).
#[test]
fn keys_of_other_signers_stay() {
    let first = signer(Algorithm::ECDSAP256SHA256, DenialMode::Nsec);
    let plain = signed(&first, &zone(PLAIN));
    let foreign = key(Algorithm::ECDSAP256SHA256, dnssec::key::ZONE_KEY).dnskey.to_vec();
    let together = [&first.published[..], std::slice::from_ref(&foreign)].concat();
    let with = changed(&first, &plain, edit(&plain, "example.", RType::DNSKEY, &together));
    verify(&with, "the key of another signer");
    let added = key(Algorithm::ECDSAP256SHA256, dnssec::key::ZONE_KEY);
    let published = [&first.published[..], &[added.dnskey.to_vec()]].concat();
    let second = ZoneSigner { known: published.clone(), published, zone_signers: vec![added], ..first.clone() };
    let set = stale(&second, &with, now_s(), 1000).sets;
    let changes = sign_change(&second, &with, Vec::new(), &set, now_s(), 1).expect("it can be signed");
    let after = apply(&with, &changes);
    let dnskeys = after.records(&name("example."), RType::DNSKEY).expect("keys").data;
    assert!(dnskeys.contains(&foreign) && dnskeys.len() == 4, "{dnskeys:?}");
    verify(&after, "other keys beside that of another signer");
}
