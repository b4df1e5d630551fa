//! Zones with a digest of all their records (RFC 8976).

mod support;

use std::process::Command;

use dns::RType;
use dnssec::algorithm::Algorithm;
use signer::policy::{DenialMode, SigningPolicy};
use signer::sign::zonemd;
use signer::zone_signer::ZoneSigner;
use support::*;
use zone::Contents;

const DENIALS: [DenialMode; 3] =
    [DenialMode::Nsec, DenialMode::Nsec3 { opt_out: false }, DenialMode::Nsec3 { opt_out: true }];

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn the_digest_of_the_example_in_the_rfc() {
    // RFC 8976 A.1.
    let zone = zone(
        "@ 86400 SOA ns1 admin 2018031900 1800 900 604800 86400
@ 86400 NS ns1
@ 86400 NS ns2
@ 86400 ZONEMD 2018031900 1 1 c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c
ns1 3600 A 203.0.113.63
ns2 3600 AAAA 2001:db8::63
",
    );
    let there = zone.records(zone.origin(), RType::ZONEMD).expect("it is there");
    assert_eq!(hex(&zonemd(&zone).expect("a digest").data[0]), hex(&there.data[0]));
}

/// What `ldns-verify-zone` says of signatures and digest; `None`: it is missing.
fn is_taken(contents: &Contents) -> Option<bool> {
    let path = std::env::temp_dir().join(format!("headwater-zonemd-{}.zone", std::process::id()));
    std::fs::write(&path, text(contents)).expect("a file");
    let output = Command::new("ldns-verify-zone").arg("-V1").arg("-Z").arg(&path).output();
    std::fs::remove_file(path).expect("the file");
    let Ok(output) = output else {
        println!("skipped: ldns-verify-zone is missing");
        return None;
    };
    Some(output.status.success())
}

fn with_digest(denial: DenialMode, has_digest: bool) -> ZoneSigner {
    let signer = signer(Algorithm::ECDSAP256SHA256, denial);
    let policy = SigningPolicy { zonemd: has_digest, ..(*signer.policy).clone() };
    ZoneSigner { policy: policy.into(), ..signer }
}

#[test]
fn each_change_keeps_the_digest_right() {
    for denial in DENIALS {
        let signer = with_digest(denial, true);
        let mut now = signed(&signer, &zone(PLAIN));
        for step in 0..8u8 {
            assert_ne!(is_taken(&now), Some(false), "{denial:?} step {step}:\n{}", text(&now));
            let data = vec![vec![192, 0, 2, step]];
            now = changed(&signer, &now, edit(&now, &format!("new{}.example.", step % 3), RType::A, &data));
        }
        // What others say of the digest does not count.
        let theirs = vec![[&[0, 0, 0, 9, 1, 1][..], &[7; 48]].concat()];
        now = changed(&signer, &now, edit(&now, "example.", RType::ZONEMD, &theirs));
        assert_ne!(is_taken(&now), Some(false), "{denial:?}: a digest from outside");
        let apex = now.origin().to_owned();
        let mut wrong = now.records(&apex, RType::A).unwrap_or_default();
        wrong.ttl = 300;
        wrong.data = vec![vec![192, 0, 2, 200]];
        let spoiled = now.with(&[zone::Edit { owner: name("ns.sub.example."), rtype: RType::A, records: Some(wrong) }]);
        assert_ne!(is_taken(&spoiled), Some(true), "{denial:?}: glue changed without a new digest");
    }
}

#[test]
fn the_record_goes_with_the_policy() {
    let signer = with_digest(DenialMode::Nsec, true);
    let before = signed(&signer, &zone(PLAIN));
    assert!(before.records(before.origin(), RType::ZONEMD).is_some());
    let without = ZoneSigner { policy: with_digest(DenialMode::Nsec, false).policy, ..signer };
    assert!(signer::sign::is_behind(&without, &before));
    let after = changed(&without, &before, edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 1]]));
    assert_eq!(after.records(after.origin(), RType::ZONEMD), None);
    assert!(!signer::sign::is_behind(&without, &after));
}
