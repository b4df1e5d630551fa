//! A reload takes out of the cache what other servers answer for from now on, or what is trusted otherwise.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use dns::{RType, Rcode};

use crate::common::{Server, free_port};
use crate::data::name;
use crate::faults::{self, Fault};
use crate::matrix::{address, ask, small_world, warm_up};
use crate::peers::{self, UNSIGNED};

/// What the log says of it.
const TAKEN_OUT: &str = "removed cached data of names that are now resolved in another way";

/// The RCODE for `www` in a zone, and how many addresses it has.
fn www(server: &Server, zone: &str) -> (Rcode, usize) {
    let (answer, _) = ask(server.address, &format!("www.{zone}")).expect("a response");
    (answer.header.rcode, answer.answers.iter().filter(|record| record.rtype == RType::A).count())
}

#[test]
fn other_servers_for_a_zone() {
    const BLOCK: usize = 23;
    let port = free_port();
    // Faults that no question over UDP meets.
    let (zones, scratch) = small_world(BLOCK, port, &[Fault::TcpClosed, Fault::TcpClosed]);
    let (changed, other) = (&zones[0], &zones[1]);
    let at = |number| SocketAddr::new(address(BLOCK * 250 + number), port);
    let replacements = [10, 11].map(|number| {
        let server = faults::Server::new(name(&changed.0), &[], Vec::new());
        let heard = server.heard.clone();
        server.start(at(number));
        heard
    });
    let mut server = peers::headwater_server(&scratch, port, UNSIGNED);
    warm_up(server.address);
    let counts = || {
        let heard = [&changed.1, &other.1, &replacements[0], &replacements[1]];
        heard.map(|heard| heard.questions.load(Ordering::Relaxed))
    };
    // Which servers get a question when both names are asked for twice.
    let asked = |server: &Server| {
        let before = counts();
        for zone in [changed, other, changed, other] {
            assert_eq!(www(server, &zone.0), (Rcode::NOERROR, 1), "{}", zone.0);
        }
        let after = counts();
        std::array::from_fn::<bool, 4, _>(|i| after[i] > before[i])
    };
    assert_eq!(asked(&server), [true, true, false, false]);
    assert_eq!(asked(&server), [false; 4], "all is in the cache");
    let zone = |key: &str, number| {
        let servers = at(number);
        format!("{UNSIGNED}, {key}: [{{ name: {}, servers: ['{servers}'] }}]", changed.0)
    };
    let changes = [
        (zone("stub_zones", 10), [false, false, true, false]),
        (zone("forward_zones", 11), [false, false, false, true]),
        (UNSIGNED.to_owned(), [true, false, false, false]),
        // Nothing that the cache depends on.
        (format!("{UNSIGNED}, retries: 1"), [false; 4]),
    ];
    for (i, (keys, expected)) in changes.into_iter().enumerate() {
        peers::configure(&scratch, server.address, port, &keys);
        server.reload();
        assert_eq!(asked(&server), expected, "{keys}");
        let lines = server.process.log().matches(TAKEN_OUT).count();
        assert_eq!(lines, (i + 1).min(3), "{keys}:\n{}", server.process.log());
    }
}

/// RFC 7646: what was bogus is not so below a negative trust anchor, and is again without it.
#[test]
fn negative_trust_anchors() {
    let port = free_port();
    let (zones, scratch) = small_world(24, port, &[Fault::TcpClosed, Fault::TcpClosed]);
    let (bogus, other) = (&zones[0], &zones[1]);
    // The zone is not signed, and an anchor says that it is.
    scratch.write("anchors", &format!("{} DS 1 13 2 {}\n", bogus.0, "00112233445566778899AABBCCDDEEFF".repeat(2)));
    let keys = "trust_anchor_files: [anchors]";
    let mut server = peers::headwater_server(&scratch, port, keys);
    warm_up(server.address);
    let with = format!("{keys}, negative_trust_anchors: [{}]", bogus.0);
    let answers = [(Rcode::SERVFAIL, 0), (Rcode::NOERROR, 1), (Rcode::SERVFAIL, 0)];
    let mut questions_to_other = None;
    for (keys, expected) in [keys, &with, keys].into_iter().zip(answers) {
        peers::configure(&scratch, server.address, port, keys);
        server.reload();
        for _ in 0..2 {
            assert_eq!(www(&server, &bogus.0), expected, "{keys}");
            assert_eq!(www(&server, &other.0), (Rcode::NOERROR, 1), "{keys}");
        }
        let count = other.1.questions.load(Ordering::Relaxed);
        assert_eq!(*questions_to_other.get_or_insert(count), count, "{keys}: it stays in the cache");
    }
    assert_eq!(server.process.log().matches(TAKEN_OUT).count(), 2, "{}", server.process.log());
}
