//! What it costs to find who a client is: `cargo run --release -p headwater-policy --example devices`.
//!
//! Given are 10,000 devices: most have an address of IPv4 or IPv6, every tenth a network. Asked are known addresses,
//! addresses in networks, and unknown ones, each in an order without pattern.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use policy::devices::{Device, Directory, Leases, Lists, Profiles, Setup, Surroundings, Zone};

const DEVICES: u32 = 10_000;
const ROUNDS: u32 = 2000;

fn address(i: u32) -> IpAddr {
    match i % 4 {
        0 => IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(i) << 64 | 7).to_be_bytes()),
        _ => IpAddr::from((0x0a00_0000 + i * 7).to_be_bytes()),
    }
}

fn network(i: u32) -> String {
    match i % 20 {
        0 => format!("2001:db8:ff:{i:x}::/64"),
        _ => format!("172.{}.{}.0/24", 16 + (i >> 8) % 16, i & 255),
    }
}

fn measure(name: &str, profiles: &Profiles, mut asked: Vec<IpAddr>) {
    // A fixed shuffle, so that neighbours in the table are not asked one after the other.
    let len = asked.len();
    (0..len).for_each(|i| asked.swap(i, i.wrapping_mul(7919).wrapping_add(104_729) % len));
    let found = asked.iter().filter(|address| profiles.find(**address).device.is_some()).count();
    // The fastest round: what else runs on the machine only makes rounds slower.
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for address in &asked {
            black_box(profiles.find(black_box(*address)));
        }
        start.elapsed()
    });
    let ns = rounds.min().unwrap_or_default().as_nanos() as f64 / len as f64;
    println!("{name:10} {ns:6.1} ns  ({found} of {len} known)");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let devices: Vec<Device> = (0..DEVICES)
        .map(|i| {
            let addresses = vec![if i % 10 == 0 { network(i) } else { address(i).to_string() }];
            Device { name: format!("device {i}"), addresses, ..Device::default() }
        })
        .collect();
    let (lists, leases, system_zone) = (Lists::default(), Leases::default(), Zone::utc());
    let around = Surroundings { lists: &lists, leases: &leases, system_zone: &system_zone, now_ms: 0, seed: 1 };
    let start = Instant::now();
    let built = Directory::build(Setup { devices: &devices, ..Setup::default() }, &around);
    let directory =
        built.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    println!("build      {:6.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let profiles = directory.at(0);
    println!("at         {:6.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let known = (0..DEVICES).filter(|i| i % 10 != 0).map(address).collect();
    let in_networks = (0..DEVICES).filter(|i| i % 10 == 0);
    let in_networks = in_networks.filter_map(|i| network(i).split_once('/')?.0.parse::<IpAddr>().ok());
    let unknown = (0..DEVICES).map(|i| address(i + 1_000_000 + i % 3)).collect();
    measure("address", &profiles, known);
    measure("network", &profiles, in_networks.collect());
    measure("unknown", &profiles, unknown);
    Ok(())
}
