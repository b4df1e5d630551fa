//! What is thought of zones that others sign: of all of it, and of what a difference leads to.

mod support;

use std::collections::BTreeSet;

use dns::{NameBuf, RType};
use dnssec::algorithm::Algorithm;
use signer::gate::{GateError, Judged, Since, judge, needed_until};
use signer::policy::DenialMode;
use signer::sign::sign_change;
use signer::zone_signer::ZoneSigner;
use support::*;
use zone::{Contents, RrsetChange};

const DENIALS: [DenialMode; 3] =
    [DenialMode::Nsec, DenialMode::Nsec3 { opt_out: false }, DenialMode::Nsec3 { opt_out: true }];

/// A signed zone, and the changes that put a host there.
fn new_host(denial: DenialMode) -> (ZoneSigner, Contents, Vec<RrsetChange>) {
    let signer = signer(Algorithm::ECDSAP256SHA256, denial);
    let before = signed(&signer, &zone(PLAIN));
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("it can be signed");
    (signer, before, changes)
}

/// The judgement of all of it, which is that of the difference.
fn judged(before: &Contents, changes: &[RrsetChange], now_s: u64) -> Judged {
    let after = apply(before, changes);
    let owners: BTreeSet<NameBuf> = changes.iter().map(|change| change.owner.clone()).collect();
    let whole = judge(&after, None, now_s, 2);
    assert_eq!(judge(&after, Some(Since { before, owners: &owners }), now_s, 1), whole);
    whole
}

#[test]
fn what_is_signed_well_has_nothing_wrong() {
    for denial in DENIALS {
        let (signer, before, changes) = new_host(denial);
        for changes in [&changes[..], &[]] {
            let judged = judged(&before, changes, now_s());
            assert_eq!((&judged.problems[..], judged.count), (&[][..], 0), "{denial:?}");
            let until = judged.until.expect("there are signatures");
            let life_s = u64::from(signer.policy.signature_lifetime_s);
            assert!(until.end_s > now_s() && until.end_s <= now_s() + life_s && until.late_s < until.end_s);
            assert_eq!(needed_until(&apply(&before, changes), now_s()), Some(until));
        }
    }
}

/// The records of the new host.
fn host(changes: &mut [RrsetChange]) -> &mut zone::Records {
    let host = changes.iter_mut().find(|change| change.rtype == RType::A && change.owner == name("new.example."));
    host.and_then(|change| change.after.as_mut()).expect("the host")
}

type Fault = fn(&mut Vec<RrsetChange>);

#[test]
fn every_fault_is_found() {
    let faults: [(&str, Fault); 4] = [
        ("a bit", |changes| *host(changes).signatures[0].last_mut().expect("an octet") ^= 1),
        ("no signature", |changes| host(changes).signatures.clear()),
        ("no denial", |changes| {
            changes.retain(|change| !(matches!(change.rtype, RType::NSEC | RType::NSEC3) && change.before.is_none()));
        }),
        ("a chain that leads past it", |changes| {
            changes.retain(|change| !(matches!(change.rtype, RType::NSEC | RType::NSEC3) && change.before.is_some()));
        }),
    ];
    for denial in DENIALS {
        for (what, spoil) in faults {
            let (_, before, mut changes) = new_host(denial);
            spoil(&mut changes);
            assert!(judged(&before, &changes, now_s()).count > 0, "{denial:?}: {what}");
        }
    }
}

/// Signatures that were verified before have ended since; a zone without keys can have none that verify.
#[test]
fn what_was_right_does_not_stay_so() {
    let (_, before, changes) = new_host(DenialMode::Nsec);
    let late_s = now_s() + 15 * 86_400;
    let late = judged(&before, &changes, late_s);
    assert!(late.count > 0 && late.until.is_some_and(|until| until.end_s <= late_s), "{late:?}");
    let plain = judge(&zone(PLAIN), None, now_s(), 1);
    assert!(matches!(plain.problems[..], [GateError::NoKeys(_)]) && plain.until.is_none(), "{plain:?}");
}
