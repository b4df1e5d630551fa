//! How much one client may ask.

use std::time::{Duration, Instant};

use dns::RType;

use crate::common::query;
use crate::site::{Client, Kinds, Site, over_tcp};

/// For all answers to a burst on this machine to come.
const WAIT: Duration = Duration::from_millis(400);
/// Questions of a burst.
const BURST: usize = 100;

fn burst(client: &Client) -> Kinds {
    for _ in 0..BURST {
        client.send(&query("www.example.org", RType::A).to_wire(512));
        std::thread::sleep(Duration::from_micros(200));
    }
    Kinds::of(&client.await_all(WAIT))
}

#[test]
fn who_asks_too_much_is_held_back_and_nobody_else() {
    let site = Site::start("clients", "slip: 2", "rate_limit_per_ip: 20,");
    let client = Client::new([127, 1, 1, 1], site.address());
    let begin = Instant::now();
    let kinds = burst(&client);
    // Those of a second, and what comes while the burst lasts; of the others every second one is truncated.
    let more = (20.0 * begin.elapsed().as_secs_f64()) as usize + 1;
    assert!((20..=20 + more).contains(&kinds.whole), "{kinds:?}");
    let held_back = BURST - kinds.whole;
    assert!(kinds.truncated.abs_diff(held_back / 2) <= 2, "{kinds:?}");
    assert_eq!(site.count("rate_limited") as usize, held_back);
    // It is really there: over TCP it gets what it wants.
    let octets = query("www.example.org", RType::A).to_wire(512);
    let answer = over_tcp([127, 1, 1, 1], site.address(), &octets);
    assert_eq!(Kinds::of([&answer]).whole, 1);
    // Its neighbour has a limit of its own.
    let other = Client::new([127, 1, 1, 2], site.address());
    let answers: Vec<Vec<u8>> = (0..10)
        .flat_map(|_| {
            other.send(&octets);
            other.await_all(Duration::from_millis(20))
        })
        .collect();
    assert_eq!(Kinds::of(&answers), Kinds { whole: 10, ..Kinds::default() });
}

#[test]
fn exempt_networks_have_no_limit_and_a_dry_run_only_counts() {
    let site = Site::start("exempt", "exempt: [127.2.0.0/16]", "rate_limit_per_ip: 5,");
    assert_eq!(burst(&Client::new([127, 2, 0, 1], site.address())), Kinds { whole: BURST, ..Kinds::default() });
    assert_eq!(site.count("rate_limited"), 0);
    let site = Site::start("dry", "dry_run: true", "rate_limit_per_ip: 5,");
    assert_eq!(burst(&Client::new([127, 2, 0, 1], site.address())), Kinds { whole: BURST, ..Kinds::default() });
    assert!(site.count("rate_limited") as usize > BURST / 2);
}

#[test]
fn denied_networks_hear_nothing() {
    let site = Site::start("denied", "", "denied_networks: [127.3.0.0/16],");
    assert_eq!(burst(&Client::new([127, 3, 0, 1], site.address())), Kinds::default());
    assert_eq!(site.count("networks_denied") as usize, BURST);
    assert_eq!(burst(&Client::new([127, 4, 0, 1], site.address())).whole, BURST);
}
