//! What a secondary takes from a primary that went back: nothing before its contents have expired, everything then
//! (RFC 1034 4.3.5).

use std::time::{Duration, Instant};

use dns::RType;
use serde_json::Value;

use crate::common::{PATIENCE, Scratch, Server, headwater, until};
use crate::primary::{Ixfr, Known, Primary};
use crate::tools::{self, free_address, serial};

const ZONE: &str = "back.test.";
/// Refresh and retry each second, expire after four.
const SHORT: [u32; 4] = [1, 1, 4, 1];
/// Nothing expires while a test runs, nor is looked at but after a failure.
const LONG: [u32; 4] = [3600, 1, 7200, 1];
/// What the log says of a primary that went back.
const BEHIND: &str = "the primary has an earlier serial";
/// What the log says when a zone expires. The report of health names zones that have expired, too.
const EXPIRED: &str = "expired: no primary has confirmed the zone";

fn known(serial: u32, timers: [u32; 4], text: &str) -> Known {
    Known { serial, timers, text: text.to_owned(), ixfr: Ixfr::Whole, is_there: true }
}

/// Headwater as secondary of these primaries.
fn secondary(scratch: &Scratch, primaries: &[&Primary]) -> Server {
    let list: Vec<String> = primaries.iter().map(|primary| format!("\"{}\"", primary.address)).collect();
    tools::headwater(scratch, free_address(), &format!("  - {{ name: {ZONE}, primaries: [{}] }}\n", list.join(", ")))
}

fn wait_for(server: &Server, text: &str) {
    let reached = until(PATIENCE, || (server.data(ZONE, RType::TXT) == text).then_some(()));
    let now = server.data(ZONE, RType::TXT);
    assert!(reached.is_some(), "{now}, not {text}:\n{}", server.process.log());
}

fn wait_for_log(server: &Server, text: &str) {
    let found = until(PATIENCE, || server.process.log().contains(text).then_some(()));
    assert!(found.is_some(), "no {text} in:\n{}", server.process.log());
}

fn count(server: &Server, text: &str) -> usize {
    server.process.log().matches(text).count()
}

/// The zone as the API shows it.
fn shown(scratch: &Scratch) -> Value {
    let mut command = headwater(&["zone", "list", "--json", "--data", "data"]);
    let output = command.current_dir(scratch.path()).output().expect("headwater runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The zone made anew at the primary, with a serial from the start.
#[test]
fn an_earlier_serial_is_said_once_and_taken_after_expiry() {
    let scratch = Scratch::new("interop-back");
    let primary = Primary::start(ZONE, known(10, SHORT, "old"));
    let server = secondary(&scratch, &[&primary]);
    wait_for(&server, "\"old\"");
    primary.change(|now| *now = known(4, SHORT, "new"));
    wait_for_log(&server, BEHIND);
    let state = shown(&scratch);
    assert_eq!(state["transfer"]["behind"][0]["serial"], 4, "{state}");
    assert!(state["transfer"]["last_error"].as_str().is_some_and(|why| why.contains("serial 4")), "{state}");
    assert_eq!(serial(server.address, ZONE), Some(10));
    wait_for(&server, "\"new\"");
    assert_eq!(serial(server.address, ZONE), Some(4));
    assert_eq!((count(&server, BEHIND), count(&server, EXPIRED)), (1, 1), "{}", server.process.log());
    assert_eq!(primary.asked().last(), Some(&RType::AXFR));
    assert_eq!(shown(&scratch)["transfer"]["behind"], serde_json::json!([]));
    // It goes on from there.
    primary.change(|now| *now = known(5, SHORT, "newer"));
    wait_for(&server, "\"newer\"");
}

/// The first attempt after expiry comes at once, the next within the time of RETRY, and an equal serial is no reason to
/// keep what was discarded.
#[test]
fn what_expired_is_transferred_as_a_whole_whatever_its_serial() {
    let scratch = Scratch::new("interop-expired");
    let primary = Primary::start(ZONE, known(10, SHORT, "old"));
    let server = secondary(&scratch, &[&primary]);
    wait_for(&server, "\"old\"");
    primary.change(|now| now.is_there = false);
    wait_for(&server, "SERVFAIL");
    // So many failures that a back-off would have grown.
    std::thread::sleep(Duration::from_secs(4));
    primary.asked();
    primary.change(|now| *now = known(10, SHORT, "other"));
    let back = Instant::now();
    wait_for(&server, "\"other\"");
    // RETRY is one second; a question that is under way may have to time out first.
    assert!(back.elapsed() < Duration::from_secs(8), "{:?}", back.elapsed());
    assert_eq!(primary.asked().first(), Some(&RType::AXFR));
}

/// What expired while the server was down is not served for a moment, and an earlier serial is taken then.
#[test]
fn expired_while_the_server_was_down() {
    let scratch = Scratch::new("interop-down");
    let primary = Primary::start(ZONE, known(10, SHORT, "old"));
    let mut server = secondary(&scratch, &[&primary]);
    wait_for(&server, "\"old\"");
    // The time of the refresh is on disk when it was written by an orderly end.
    server.process.signal("TERM");
    assert!(server.process.wait().success());
    primary.change(|now| now.is_there = false);
    std::thread::sleep(Duration::from_secs(5));
    let server = secondary(&scratch, &[&primary]);
    assert_eq!(server.data(ZONE, RType::TXT), "SERVFAIL", "{}", server.process.log());
    primary.change(|now| *now = known(4, SHORT, "new"));
    wait_for(&server, "\"new\"");
    assert_eq!(serial(server.address, ZONE), Some(4));
}

/// A primary that lags does not keep the others from being asked, nor does it confirm what it does not have.
#[test]
fn one_of_two_primaries_lags() {
    let scratch = Scratch::new("interop-lags");
    let (lagging, current) =
        (Primary::start(ZONE, known(3, SHORT, "old")), Primary::start(ZONE, known(10, SHORT, "current")));
    current.change(|now| now.is_there = false);
    let server = secondary(&scratch, &[&lagging, &current]);
    wait_for(&server, "\"old\"");
    current.change(|now| now.is_there = true);
    current.notify(server.address, 10);
    wait_for(&server, "\"current\"");
    lagging.notify(server.address, 3);
    wait_for_log(&server, BEHIND);
    let state = shown(&scratch);
    assert_eq!(state["transfer"]["behind"][0]["primary"], lagging.address.to_string(), "{state}");
    lagging.notify(server.address, 3);
    // Longer than the time to expire: the other one confirms the zone.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(server.data(ZONE, RType::TXT), "\"current\"", "{}", server.process.log());
    assert_eq!((count(&server, BEHIND), count(&server, EXPIRED)), (1, 0), "{}", server.process.log());
    // Alone, it cannot.
    current.change(|now| now.is_there = false);
    wait_for(&server, "\"old\"");
    assert_eq!(count(&server, EXPIRED), 1);
}

/// A NOTIFY may promise what the primary does not have: neither a single SOA record nor a whole zone of an earlier serial
/// takes the place of what is here.
#[test]
fn a_promise_is_not_a_later_serial() {
    for ixfr in [Ixfr::Whole, Ixfr::Single, Ixfr::Unknown] {
        let scratch = Scratch::new(&format!("interop-promise-{ixfr:?}"));
        let primary = Primary::start(ZONE, known(10, LONG, "old"));
        let server = secondary(&scratch, &[&primary]);
        wait_for(&server, "\"old\"");
        primary.change(|now| *now = Known { ixfr, ..known(4, LONG, "new") });
        primary.notify(server.address, 20);
        wait_for_log(&server, BEHIND);
        assert_eq!(server.data(ZONE, RType::TXT), "\"old\"", "{ixfr:?}\n{}", server.process.log());
        // By hand it is taken.
        let mut refresh = headwater(&["zone", "refresh", ZONE, "--data", "data"]);
        assert!(refresh.current_dir(scratch.path()).output().expect("headwater runs").status.success());
        wait_for(&server, "\"new\"");
    }
}
