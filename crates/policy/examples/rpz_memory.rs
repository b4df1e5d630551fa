//! Memory and time of a response policy zone: `cargo run --release -p headwater-policy --example rpz_memory [rules]`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use policy::ListId;
use policy::ListSet;
use policy::rpz::{PolicyRecord, PolicySource, PolicyZone, PolicyZones, Replacement, RpzQuestion};

const HASHER: NameHasher = NameHasher::new(0x5eed);
/// Records of a change, as an hour's incremental transfer may have.
const CHANGED: u32 = 1000;
const LOOKUPS: u32 = 500_000;

fn main() {
    let rules: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let before = resident();
    let (mut octets, started) = (0, cpu());
    let mut change = PolicyZone::new(HASHER).change();
    for i in 0..rules {
        let name = listed(i);
        octets += name.len();
        change.add(&record(&name));
    }
    let (zone, _) = change.finish();
    let built = cpu() - started;
    let used = resident() - before;
    println!("{} rules, {:.1} octets a name: built in {built:.2?}", zone.len(), octets as f64 / f64::from(rules));
    println!("{:.1} MiB resident, {:.1} bytes a rule", used as f64 / 1_048_576.0, used as f64 / f64::from(rules));

    let zone = Arc::new(zone);
    let names: Vec<NameBuf> = (0..CHANGED).map(|i| listed(rules + i)).collect();
    let started = cpu();
    let (next, _) = zone.apply([], names.iter().map(record));
    let changed = cpu() - started;
    let more = (resident() - before - used) as f64 / 1_048_576.0;
    println!("{CHANGED} added in {changed:.2?}, {more:.1} MiB more while both versions are held");
    drop(next);
    look_up(rules, zone);
}

fn look_up(rules: u32, zone: Arc<PolicyZone>) {
    let (list, replacement) = (ListId(0), Replacement::Given);
    let (log, break_dnssec, recursive_only, max_policy_ttl_s) = (true, true, true, None);
    let source = PolicySource { list, zone, replacement, log, break_dnssec, recursive_only, max_policy_ttl_s };
    let zones = PolicyZones::new(vec![source]).unwrap_or_default();
    let client = IpAddr::from([127, 0, 0, 1]);
    let mut hashed = HashedName::default();
    for (what, offset) in [("listed", 0), ("not listed", rules)] {
        let names: Vec<NameBuf> = (0..LOOKUPS).map(|i| asked(offset + i.wrapping_mul(0x9e37_79b1) % rules)).collect();
        let started = cpu();
        let mut found = 0u32;
        for name in &names {
            hashed.set(name, HASHER);
            let (name, lists) = (&hashed, &ListSet::ALL);
            let question =
                RpzQuestion { name, client, lists, recursion_desired: true, dnssec_ok: false, signed: false };
            found += u32::from(zones.before(&question, &mut Vec::new()).is_some());
        }
        let ns = (cpu() - started).as_nanos() as f64 / f64::from(LOOKUPS);
        println!("{what}: {ns:.0} ns a question with hashing its name, {found} of {LOOKUPS} matched");
    }
}

/// The name that the rule is for: below its owner, if that is a wildcard.
fn asked(i: u32) -> NameBuf {
    let name = listed(i);
    match name.parent() {
        Some(parent) if name.is_wildcard() => parent.prepend(b"www").unwrap_or(name),
        _ => name,
    }
}

/// Time that this thread ran, so that others on the machine do not count.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split_whitespace().next().and_then(|text| text.parse().ok());
    Duration::from_nanos(ns.unwrap_or_default())
}

/// Half are wildcards.
fn listed(i: u32) -> NameBuf {
    let text = format!("h{:x}.site{}.example", i.wrapping_mul(0x9e37_79b1), i % 1000);
    let name: NameBuf = text.parse().unwrap_or_else(|_| NameBuf::root());
    if i.is_multiple_of(2) { name } else { name.prepend(b"*").unwrap_or(name) }
}

fn record(name: &NameBuf) -> PolicyRecord<'_> {
    PolicyRecord { owner: name, rtype: RType::CNAME, ttl: 300, rdata: &[0] }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    pages * 4096
}
