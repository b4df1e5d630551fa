//! How well anomalies are found: false alarms on generated days of clients with nothing wrong, and how many of generated
//! attacks are reported. `cargo run --release -p headwater-policy --example anomaly [known|all|cost]`: `known` leaves
//! out the half of the families that thresholds were not fixed on, `cost` measures the time per observation.

mod attacks;
mod benign;
mod evaluate;
mod traffic;

use std::net::IpAddr;
use std::time::Instant;

use dns::{NameBuf, RType, Rcode};
use policy::anomaly::{Detector, Observation, Thresholds};
use traffic::Rng;

const TRIALS: u64 = 20;
const DAYS: u64 = 20;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("cost") => cost(),
        Some("known") => half(true),
        _ => [true, false].into_iter().for_each(half),
    }
}

/// Prints one half.
fn half(is_known: bool) {
    println!("{}", if is_known { "Families that thresholds were fixed on" } else { "Families not seen before" });
    let seed = if is_known { 11 } else { 977 };
    let (mut all, mut of) = (0, 0);
    for family in attacks::FAMILIES.iter().filter(|family| family.is_known == is_known) {
        let found = evaluate::detected(family, TRIALS, seed);
        println!("  {:42} {:>3} of {TRIALS}", family.name, found);
        (all, of) = (all + found, of + TRIALS);
    }
    let client_days = benign::MODELS.len() as u64 * DAYS;
    let (alarms, queries) = evaluate::false_alarms(seed, DAYS);
    let count: usize = alarms.values().map(Vec::len).sum();
    println!("  detected {all} of {of} ({:.1} %)", all as f64 * 100.0 / of as f64);
    println!(
        "  false alarms: {count} in {client_days} client-days ({queries} queries), {:.2} per 100 client-days",
        count as f64 * 100.0 / client_days as f64
    );
    for anomaly in alarms.values().flatten() {
        let reasons: Vec<String> = anomaly.reasons.iter().map(ToString::to_string).collect();
        println!("    {} {} {:.2}: {}", anomaly.kind, anomaly.subject, anomaly.score, reasons.join(", "));
    }
}

/// Prints what an observation costs: 20,000 a second from 5,000 clients, nine of ten names popular, judged every ten
/// seconds.
fn cost() {
    let mut rng = Rng::new(5);
    let names: Vec<NameBuf> =
        (0..200_000).filter_map(|_| format!("{}.{}", rng.hex(8), rng.site()).parse().ok()).collect();
    let address: IpAddr = IpAddr::from([93, 184, 216, 34]);
    let mut detector = Detector::new(Thresholds::default(), 1);
    let (seconds, per_second) = (120u64, 20_000u64);
    let started = Instant::now();
    let mut news = 0;
    for i in 0..seconds * per_second {
        let name = if rng.chance(0.9) { &names[rng.popular(20_000)] } else { rng.pick(&names) };
        let time_ms = i * 1_000 / per_second;
        detector.observe(&Observation {
            time_ms,
            client: IpAddr::from((0x0a00_0000 + rng.below(5_000) as u32).to_be_bytes()),
            device: None,
            name,
            qtype: RType::A,
            rcode: if rng.chance(0.1) { Rcode::NXDOMAIN } else { Rcode::NOERROR },
            blocked: false,
            payload_len: 0,
            addresses: &[address],
            min_ttl: 60,
            from_cache: rng.chance(0.8),
            zone_of_ours: false,
        });
        if i % per_second == 0 {
            news += detector.tick(time_ms).len();
        }
    }
    let spent = started.elapsed().as_secs_f64();
    println!(
        "{:.2} us an observation, {:.1} % of a core at {per_second}/s, {news} told; {:?}",
        spent * 1e6 / (seconds * per_second) as f64,
        spent * 100.0 / seconds as f64,
        detector.fill()
    );
}
