//! What limits cost per question: `cargo run --release -p headwater-policy --example limits`.
//!
//! Each is asked from 8,192 or 65,536 addresses in random order, by one thread and by two that share it. Only for
//! Linux: processor time is read there.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use policy::limits::access::{Networks, Verdict};
use policy::limits::client::{ClientLimit, ClientSettings};
use policy::limits::outcome::Channel;
use policy::limits::responses::{Class, ResponseLimit, ResponseSettings};
use policy::limits::work::{WorkLimit, WorkSettings};

const QUESTIONS: u64 = 2_000_000;
/// Runs, of which the best and the median are shown.
const RUNS: usize = 5;
const ADDRESSES: usize = 65_536;
/// As many as a table of the usual size has room for.
const FEW: usize = 8192;
/// Questions between two looks at the clock, as in a batch of packets.
const BATCH: u64 = 16;
/// No address asks more than eight questions a second: nobody is limited but where it is said.
const STEP_US: u64 = BATCH * 16;

/// Time that this thread has spent on a processor, in ns: what else the machine does is not counted. It is brought up to
/// date every few ms.
fn spent_ns() -> u64 {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").expect("figures of the scheduler");
    figures.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// Runs `question` with addresses and moments, by one and by two threads; prints ns per question of a thread.
fn measure(what: &str, addresses: &[IpAddr], question: impl Fn(IpAddr, u64) + Sync) {
    let run = |offset: usize| {
        let start = spent_ns();
        for i in 0..QUESTIONS {
            let address = addresses[black_box(i as usize + offset) % addresses.len()];
            question(address, 1_000_000 + i / BATCH * STEP_US);
        }
        (spent_ns() - start) as f64 / QUESTIONS as f64
    };
    let best = |mut runs: [f64; RUNS]| {
        runs.sort_by(f64::total_cmp);
        (runs[0], runs[RUNS / 2])
    };
    let one = best([0; RUNS].map(run));
    let two = best([0; RUNS].map(|_| {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| run(addresses.len() / 2));
            let own = run(0);
            own.max(other.join().expect("the other thread"))
        })
    }));
    println!("{what:<45} {:6.1} ns (median {:6.1})   two threads {:6.1} ns ({:6.1})", one.0, one.1, two.0, two.1);
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn networks(count: usize) -> Networks {
    let mut state = 77;
    let list = (0..count).map(|i| {
        let address = Ipv4Addr::from((random(&mut state) >> 32) as u32);
        let net = Ipv4Net::new(address, 16 + (i % 17) as u8).expect("at most 32 bits");
        (IpNet::V4(net), Verdict::Deny, Arc::from("measured"))
    });
    Networks::new(list.collect(), &[], 0).expect("not too many")
}

fn main() {
    let mut state = 99;
    let v4: Vec<IpAddr> =
        (0..ADDRESSES).map(|_| Ipv4Addr::from(0x7f00_0000 | (random(&mut state) >> 48) as u32).into()).collect();
    let v6: Vec<IpAddr> = (0..ADDRESSES)
        .map(|_| Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(random(&mut state) >> 48) << 64 | 1).into())
        .collect();
    let anywhere: Vec<IpAddr> =
        (0..ADDRESSES).map(|_| Ipv4Addr::from((random(&mut state) >> 32) as u32).into()).collect();
    let near: Vec<IpAddr> =
        (0..FEW).map(|_| Ipv4Addr::from(0x7f00_0000 | (random(&mut state) >> 51) as u32).into()).collect();
    let one = [v4[0]];
    let (few_v4, few_v6) = (&v4[..FEW], &v6[..FEW]);

    measure("nothing", &v4, |address, now_us| {
        black_box((address, now_us));
    });
    for (what, window_seconds) in [("client, bucket alone", 0), ("client, bucket and window", 1)] {
        let settings = ClientSettings { per_second: 20, window_seconds, ..ClientSettings::default() };
        for (clients, addresses) in
            [("IPv4", few_v4), ("IPv6", few_v6), ("more than the table has", &v4[..]), ("one beyond it", &one[..])]
        {
            let limit = ClientLimit::new(&settings, Arc::default(), 1);
            measure(&format!("{what}, {clients}"), addresses, |address, now_us| {
                black_box(limit.judge(address, Channel::Datagram, false, now_us));
            });
        }
    }
    let settings = ResponseSettings { per_second: 200, ..ResponseSettings::default() };
    let limit = ResponseLimit::new(&settings, Arc::default(), 1);
    let judge = |address, now_us| {
        black_box(limit.judge(address, Class::Positive, 5, false, now_us));
    };
    measure("responses, IPv4, a /19", &near, judge);
    measure("responses, IPv4, everywhere", &anywhere[..FEW], judge);
    measure("responses, IPv6", few_v6, judge);
    measure("responses, IPv4, more than the table has", &anywhere, judge);
    measure("responses, a flood", &one, judge);
    for count in [1000, 100_000] {
        let networks = networks(count);
        let verdict = |address, now_us| {
            black_box(networks.verdict(address, now_us / 1000));
        };
        measure(&format!("networks, {count}"), &anywhere, verdict);
    }
    let work = WorkLimit::new(&WorkSettings::default(), Arc::default(), 1);
    measure("work, may", few_v4, |address, now_us| {
        black_box(work.may(address, now_us));
    });
    measure("work, charge", few_v4, |address, now_us| {
        black_box(work.charge(address, 20, now_us));
    });
}
