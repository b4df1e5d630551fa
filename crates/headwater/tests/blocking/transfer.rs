//! A policy zone that is transferred: AXFR at first, then IXFR, signed with TSIG; what changes holds at once.

use std::time::{Duration, Instant};

use dns::RType;

use crate::common::{Scratch, until};
use crate::peer::{Kind, Peer, Zone};
use crate::site::{CLIENT, OUTSIDE, Site};
use crate::tools::{Signing, free_address, nsupdate};

/// How soon a change of the primary holds.
const SOON: Duration = Duration::from_secs(2);
const ZONE: &str = "$TTL 60\n@ SOA localhost. root.localhost. 1 7200 900 1209600 300\n@ NS localhost.\n\
    first.com CNAME .\n*.first.com CNAME *.\n";

fn changes(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let (address, primary) = (free_address(), free_address());
    let scratch = Scratch::new(&format!("blocking-primary-{kind:?}"));
    let zone = Zone {
        name: "rpz.".to_owned(),
        signing: Signing::Sha256,
        primary: Some(ZONE.to_owned()),
        extra: String::new(),
    };
    let peer = Peer::start(kind, &scratch, primary, address, &[zone]);
    let (key, algorithm, secret) = Signing::Sha256.key().expect("a key");
    let policy = format!(
        "tsig_keys: [{{ name: {key}, algorithm: {algorithm}, secret: \"{secret}\" }}]\n\
         blocking: {{ rpz: [{{ name: rpz, primaries: ['{primary} key:{key}'] }}] }}\n"
    );
    let site = Site::start_at(address, &format!("transfer-{kind:?}"), &policy, &[], "");
    site.wait("first.com", RType::A, "NXDOMAIN");
    assert_eq!(site.says(CLIENT, "a.first.com", RType::A), "NOERROR");
    assert_eq!(site.says(CLIENT, "second.com", RType::A), OUTSIDE);
    let update = "zone rpz.\nupdate add second.com.rpz. 60 CNAME .\nupdate delete first.com.rpz. CNAME\n\
                  update add third.com.rpz. 60 A 203.0.113.9";
    if let Err(error) = nsupdate(primary, Signing::Sha256, &[], update) {
        panic!("the primary does not take it: {error}:\n{}", peer.process.log());
    }
    let begin = Instant::now();
    let held = until(SOON, || (site.says(CLIENT, "second.com", RType::A) == "NXDOMAIN").then(|| begin.elapsed()));
    println!("{kind:?}: holds after {held:?}");
    assert!(held.is_some_and(|time| time < SOON), "not within {SOON:?}:\n{}", site.server.process.log());
    for (name, wanted) in [
        ("first.com", OUTSIDE),
        ("a.first.com", "NOERROR"),
        ("third.com", "NOERROR 203.0.113.9"),
        ("fourth.com", OUTSIDE),
    ] {
        assert_eq!(site.says(CLIENT, name, RType::A), wanted, "{name}");
    }
    // What changed holds before the log says so.
    let by_difference = until(SOON, || site.server.process.log().contains("\"from\":1,\"to\":2").then_some(()));
    assert!(by_difference.is_some(), "by difference, not as a whole: {}", site.server.process.log());
}

#[test]
fn a_policy_zone_of_bind_changes_by_ixfr() {
    changes(Kind::Bind);
}

#[test]
fn a_policy_zone_of_knot_changes_by_ixfr() {
    changes(Kind::Knot);
}
