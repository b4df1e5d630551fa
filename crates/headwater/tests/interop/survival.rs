//! Restarts. A secondary whose primary is dead starts with its zones, lets them expire when their time has come, and
//! serves them again when the primary is back (RFC 1034 4.3.5); a primary knows what it knew of past changes.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{RType, Rcode};

use crate::common::{PATIENCE, Scratch, Server, query, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, nsupdate, transfer, wait_for_serial};
use crate::zonefile::{self, LONG_TIMERS};

const LONG: &str = "long.survival.test.";
const SHORT: &str = "short.survival.test.";
/// Refresh and retry each second, expire after four.
const SHORT_TIMERS: &str = "1 1 4 1";

fn zones() -> Vec<Zone> {
    let zone = |name: &str, timers| Zone {
        name: name.to_owned(),
        signing: Signing::Sha256,
        primary: Some(zonefile::text(name, 0, timers)),
        extra: String::new(),
    };
    vec![zone(LONG, LONG_TIMERS), zone(SHORT, SHORT_TIMERS)]
}

fn secondary(scratch: &Scratch, address: SocketAddr, primary: SocketAddr) -> Server {
    let entry = |name: &str| {
        format!("  - {{ name: {name}, primaries: [\"{primary} key:key256\"], allow_transfer: [\"key:key256\"] }}\n")
    };
    tools::headwater(scratch, address, &(entry(LONG) + &entry(SHORT)))
}

fn rcode(server: &Server, zone: &str) -> Rcode {
    server.ask(&query(&format!("www.{zone}"), RType::A)).header.rcode
}

fn wait_for_rcode(server: &Server, zone: &str, wanted: Rcode) {
    let reached = until(PATIENCE, || (rcode(server, zone) == wanted).then_some(()));
    assert!(reached.is_some(), "{zone}: {}, not {wanted}:\n{}", rcode(server, zone), server.process.log());
}

/// A primary that restarts, in good order and not, still sends differences from long before (RFC 1995).
#[test]
fn differences_outlive_a_restart() {
    if !have(&["dig", "nsupdate"]) {
        return;
    }
    let zone = "history.survival.test.";
    let scratch = Scratch::new("interop-history");
    let address = free_address();
    let entry = format!("  - {{ name: {zone}, allow_transfer: [\"127.0.0.1\"], allow_update: [\"127.0.0.1\"] }}\n");
    let update = |stage| {
        assert_eq!(nsupdate(address, Signing::None, &["-v"], &zonefile::update(zone, stage)), Ok(()), "stage {stage}");
    };
    let difference = |from: u32| transfer(address, Signing::None, zone, &format!("IXFR={from}")).expect("IXFR");
    let mut server = tools::headwater(&scratch, address, &entry);
    (0..=2).for_each(update);
    let mut before = difference(2);
    // SOA of now, of before and after each change, of now.
    assert_eq!(before.iter().filter(|line| line.contains(" SOA ")).count(), 4, "{before:#?}");
    for (stage, in_good_order) in [(3, true), (4, false), (5, true)] {
        if in_good_order {
            stop(server)
        } else {
            drop(server)
        }
        server = tools::headwater(&scratch, address, &entry);
        assert_eq!(difference(2), before, "{}", server.process.log());
        update(stage);
        let after = difference(2);
        assert!(after.len() < 60 && after != before, "{after:#?}\n{}", server.process.log());
        before = after;
    }
}

/// Stops a server in good order.
fn stop(mut server: Server) {
    server.process.signal("TERM");
    assert!(server.process.wait().success());
}

#[test]
fn a_secondary_lives_without_its_primary() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let scratch = Scratch::new("interop-survival");
    let (ours, theirs) = (free_address(), free_address());
    let server = secondary(&scratch, ours, theirs);
    let peer = Peer::start(Kind::Bind, &scratch, theirs, ours, &zones());
    for zone in [LONG, SHORT] {
        wait_for_serial(ours, zone, 1, || server.process.log());
    }
    let before = contents(ours, Signing::Sha256, LONG);
    // More than the time to expire: each refresh gives it anew.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(rcode(&server, SHORT), Rcode::NOERROR, "{}", server.process.log());

    drop(peer);
    stop(server);
    let server = secondary(&scratch, ours, theirs);
    assert_eq!(rcode(&server, LONG), Rcode::NOERROR);
    assert_eq!(contents(ours, Signing::Sha256, LONG), before);
    assert!(!server.process.log().contains("transferred"));
    wait_for_rcode(&server, SHORT, Rcode::SERVFAIL);

    // Expired before the restart is expired behind it; killing is no excuse.
    drop(server);
    let server = secondary(&scratch, ours, theirs);
    wait_for_rcode(&server, SHORT, Rcode::SERVFAIL);
    assert_eq!(rcode(&server, LONG), Rcode::NOERROR);

    let _peer = Peer::start(Kind::Bind, &scratch, theirs, ours, &zones());
    wait_for_rcode(&server, SHORT, Rcode::NOERROR);
    assert_eq!(rcode(&server, LONG), Rcode::NOERROR);
}
