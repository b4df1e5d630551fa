//! A secondary whose primary is dead: it restarts with its zones, lets them expire when their time has come, and
//! serves them again when the primary is back (RFC 1034 4.3.5).

use std::net::SocketAddr;
use std::time::Duration;

use dns::{RType, Rcode};

use crate::common::{PATIENCE, Scratch, Server, query, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, wait_for_serial};
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
