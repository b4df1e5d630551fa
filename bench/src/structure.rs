//! What the structure of zone contents costs beside plain maps: lookups, memory, a change of one record.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use zone::draft::{Edit, Records};
use zone::find::Found;
use zone::{Builder, Contents};

/// Lookups that are timed.
const LOOKUPS: usize = 1_000_000;
/// Names that are looked up side by side, as a batch of packets is.
const BATCH: usize = 32;
/// Changes that are timed.
const CHANGES: usize = 2000;
/// Changes that are made in one step.
const CHANGE_BATCH: usize = 100;

/// Prints the figures for a zone of `names` names with one A record each.
pub fn run(names: usize) -> anyhow::Result<()> {
    let origin: NameBuf = "example.".parse()?;
    let hasher = NameHasher::new(1);
    let owners = (0..names).map(|i| format!("n{i:07}.example.").parse()).collect::<Result<Vec<NameBuf>, _>>()?;
    let before = resident_bytes();
    let contents = {
        let mut builder = Builder::new(&origin, hasher);
        builder.add(&origin, RType::SOA, 1, &soa())?;
        for (i, owner) in owners.iter().enumerate() {
            builder.add(owner, RType::A, 300, &(i as u32).to_be_bytes())?;
        }
        builder.finish().0
    };
    println!("contents: {:.0} octets resident a record", resident(before, names));
    let picks = picks(names);
    let (alone, batched) = lookups(&contents, &owners, &picks, hasher);
    println!("contents: {alone:.0} ns a lookup alone, {batched:.0} ns in batches of {BATCH}");
    changes(&contents, &owners, &picks);
    maps(&owners, &picks);
    Ok(())
}

fn soa() -> Vec<u8> {
    [&b"\x00\x00"[..], &[0; 20]].concat()
}

/// Positions in no order that a prefetcher could guess.
fn picks(names: usize) -> Vec<usize> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % names
    };
    (0..LOOKUPS).map(|_| next()).collect()
}

/// Nanoseconds a lookup, one after the other and in batches; reading the names is not counted.
fn lookups(contents: &Contents, owners: &[NameBuf], picks: &[usize], hasher: NameHasher) -> (f64, f64) {
    let mut names = vec![HashedName::default(); BATCH];
    let (mut alone, mut batched) = (0, 0);
    for chunk in picks.chunks_exact(BATCH) {
        names.iter_mut().zip(chunk).for_each(|(name, &pick)| name.set(&owners[pick], hasher));
        let begin = crate::cpu_ticks();
        if chunk[0] % 2 == 0 {
            names.iter().for_each(|name| check(contents.find(name)));
            alone += crate::cpu_ticks() - begin;
        } else {
            (0..3).for_each(|stage| names.iter().for_each(|name| contents.prefetch(name, stage)));
            names.iter().for_each(|name| check(contents.find(name)));
            batched += crate::cpu_ticks() - begin;
        }
    }
    let per = |ticks: u64| ticks as f64 / (picks.len() / 2) as f64;
    (per(alone), per(batched))
}

fn check(found: Found<'_>) {
    match found {
        Found::Exact(node) => drop(black_box(node.rrset(RType::A).and_then(|rrset| rrset.first()))),
        _ => panic!("a name of the zone is not found"),
    }
}

fn changes(contents: &Contents, owners: &[NameBuf], picks: &[usize]) {
    let timed = |what: &str, edits: Vec<Edit>| {
        let mut current = contents.clone();
        let begin = crate::cpu_ns();
        for edit in &edits {
            current = current.with(std::slice::from_ref(edit));
        }
        let us = (crate::cpu_ns() - begin) as f64 / edits.len() as f64 / 1000.0;
        println!("contents: {us:.1} us of CPU to {what} one record");
    };
    let records = || Some(Records { ttl: 1, data: vec![vec![1, 2, 3, 4]], signatures: Vec::new() });
    let of = |owner: NameBuf, records| Edit { owner, rtype: RType::A, records };
    let picked = || picks[..CHANGES].iter().map(|&pick| owners[pick].clone());
    timed("replace", picked().map(|owner| of(owner, records())).collect());
    let new = picked().filter_map(|owner| owner.prepend(b"new").ok());
    timed("add a name with", new.map(|owner| of(owner, records())).collect());
    timed("delete a name with", picked().map(|owner| of(owner, None)).collect());
    let new: Vec<Edit> =
        picked().filter_map(|owner| owner.prepend(b"more").ok()).map(|owner| of(owner, records())).collect();
    let mut current = contents.clone();
    let begin = crate::cpu_ns();
    new.chunks(CHANGE_BATCH).for_each(|edits| current = current.with(edits));
    let us = (crate::cpu_ns() - begin) as f64 / new.len() as f64 / 1000.0;
    println!("contents: {us:.1} us of CPU to add one record, {CHANGE_BATCH} at a time");
}

/// The same lookups in the standard library's maps, which cannot share versions.
fn maps(owners: &[NameBuf], picks: &[usize]) {
    let before = resident_bytes();
    let map: HashMap<NameBuf, Vec<u8>> = owners.iter().map(|owner| (owner.clone(), vec![1, 2, 3, 4])).collect();
    let begin = crate::cpu_ns();
    picks.iter().for_each(|&pick| _ = black_box(map.get(&owners[pick])));
    let ns = (crate::cpu_ns() - begin) as f64 / picks.len() as f64;
    println!("HashMap: {ns:.0} ns a lookup, {:.0} octets resident a record", resident(before, owners.len()));
    drop(map);
    let before = resident_bytes();
    let map: BTreeMap<NameBuf, Vec<u8>> = owners.iter().map(|owner| (owner.clone(), vec![1, 2, 3, 4])).collect();
    let begin = crate::cpu_ns();
    picks.iter().for_each(|&pick| _ = black_box(map.get(&owners[pick])));
    let ns = (crate::cpu_ns() - begin) as f64 / picks.len() as f64;
    println!("BTreeMap: {ns:.0} ns a lookup, {:.0} octets resident a record", resident(before, owners.len()));
}

fn resident(before: u64, names: usize) -> f64 {
    resident_bytes().saturating_sub(before) as f64 / names as f64
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}
