//! The resolver's cache: nanoseconds per hit, miss and insertion, and what the process grows by under far more names
//! than it can hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Message, NameBuf, NameHasher, RType};
use resolver::Rrset;
use resolver::cache::{Ask, Cache, CacheSettings, NewEntry, NewNegative, NewPositive, Rank};
use resolver::security::Security;

use crate::cpu_ns;

/// Lookups that are timed, each kind.
const LOOKUPS: usize = 2_000_000;
const HASHER: NameHasher = NameHasher::new(0x5eed);

/// Fills a cache of `size_mb` with `names` names, on `threads` threads, and looks some of them up.
pub fn run(size_mb: usize, names: u64, threads: u64, hot: usize) -> anyhow::Result<()> {
    lookups(size_mb, hot)?;
    growth(size_mb, names, threads)
}

fn growth(size_mb: usize, names: u64, threads: u64) -> anyhow::Result<()> {
    let empty = rss_bytes()?;
    let settings = CacheSettings { max_size_bytes: size_mb << 20, ..CacheSettings::default() };
    let cache = Arc::new(Cache::new(settings, HASHER));
    let (next, spent) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut highest = 0;
    std::thread::scope(|scope| {
        let fill = || {
            let start = cpu_ns();
            loop {
                let first = next.fetch_add(10_000, Ordering::Relaxed);
                if first >= names {
                    break;
                }
                (first..first + 10_000).for_each(|i| insert(&cache, i, mixed(i)));
            }
            spent.fetch_add(cpu_ns() - start, Ordering::Relaxed);
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(fill)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            highest = highest.max(rss_bytes().unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    let (full, stats) = (rss_bytes()?, cache.stats());
    println!(
        "{names} names into {size_mb} MB: the process grew by {:.1} MB (at most {:.1}), the cache counts {:.1} MB of \
         {:.1}, {:.1} MB of them entries; {} entries, {} evicted; {} ns an insertion",
        mb(full.saturating_sub(empty)),
        mb(highest.saturating_sub(empty)),
        mb(stats.bytes as usize),
        mb(stats.max_bytes as usize),
        mb(stats.entry_bytes as usize),
        stats.entries,
        stats.evictions,
        spent.load(Ordering::Relaxed) / names,
    );
    let before = cpu_ns();
    let gone = cache.sweep(200_000_000, usize::MAX);
    println!(
        "swept {gone} entries in {} ms, the process is {:.1} MB larger than before",
        (cpu_ns() - before) / 1_000_000,
        mb(rss_bytes()?.saturating_sub(empty))
    );
    Ok(())
}

/// Sizes as they are in the world: addresses, some text, absence with an SOA, signatures for one in eight.
fn insert(cache: &Cache, i: u64, random: u64) {
    let owner = name(i);
    let soa = || {
        let mut rdata = [owner.parent().unwrap_or(&owner).as_wire(); 2].concat();
        [2_026_010_100u32, 3600, 900, 604_800, 300].iter().for_each(|n| rdata.extend_from_slice(&n.to_be_bytes()));
        Rrset::new(owner.parent().unwrap_or(&owner).to_owned(), RType::SOA, 3600).with(&rdata)
    };
    let mut rrset = match random % 8 {
        0 => Rrset::new(owner.clone(), RType::AAAA, 300).with(&[1; 16]),
        1 => Rrset::new(owner.clone(), RType::TXT, 300).with(&[60; 61]),
        2 => {
            let (rtype, soa) = ((random & 8 == 0).then_some(RType::AAAA), soa());
            cache.insert(
                1000,
                NewEntry::Negative(NewNegative {
                    name: &owner,
                    rtype,
                    soa: Some(&soa),
                    proofs: &[],
                    rank: Rank::AuthoritativeAnswer,
                    security: Security::Insecure,
                    origin: None,
                    reason: None,
                }),
            );
            return;
        }
        _ => (0..=random as u8 / 8 % 4)
            .fold(Rrset::new(owner.clone(), RType::A, 300), |set, i| set.with(&[192, 0, 2, i])),
    };
    if (random >> 32) & 7 == 0 {
        rrset.signatures.push(&[3; 100]);
    }
    put(cache, &rrset);
}

fn put(cache: &Cache, rrset: &Rrset) {
    cache.insert(
        1000,
        NewEntry::Positive(NewPositive {
            rrset,
            rank: Rank::AuthoritativeAnswer,
            security: Security::Insecure,
            proofs: &[],
            origin: Some([192, 0, 2, 1].into()),
            reason: None,
        }),
    );
}

fn name(i: u64) -> NameBuf {
    format!("host-{:x}.zone{}.example.", mixed(i) >> 20, i % 4000).parse().unwrap_or_else(|_| NameBuf::root())
}

/// SplitMix64.
fn mixed(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn lookups(size_mb: usize, hot: usize) -> anyhow::Result<()> {
    let settings = CacheSettings { max_size_bytes: size_mb << 20, ..CacheSettings::default() };
    let cache = Cache::new(settings, HASHER);
    for i in 0..hot as u64 {
        put(&cache, &Rrset::new(name(i), RType::A, 3600).with(&[192, 0, 2, 1]));
        let alias = Rrset::new(name(1 << 40 | i), RType::CNAME, 3600).with(name(i).as_wire());
        put(&cache, &alias);
    }
    let kinds = [("a hit", 0, true), ("a hit behind an alias", 1 << 40, true), ("a miss", 1 << 50, false)];
    for (what, offset, hits) in kinds {
        let questions: Vec<NameBuf> = (0..hot as u64).map(|i| name(offset | (mixed(i) % hot as u64))).collect();
        let (found, ns) = timed(&cache, &questions);
        println!("{what}: {ns:.0} ns ({hot} names)");
        anyhow::ensure!(found == if hits { LOOKUPS } else { 0 }, "{found} hits");
    }
    Ok(())
}

/// Hits, and nanoseconds of one question. Reading the question's name is not counted.
fn timed(cache: &Cache, questions: &[NameBuf]) -> (usize, f64) {
    let (mut question, mut alias) = (HashedName::default(), HashedName::default());
    let ask = Ask { qtype: RType::A, dnssec_ok: false, checking_disabled: false };
    let mut buf = Message::query(7, NameBuf::root(), RType::A).to_wire(512);
    buf.resize(1232, 0);
    let (mut found, mut best) = (0, [f64::MAX; 2]);
    for round in 0..6 {
        found = 0;
        let start = cpu_ns();
        for i in 0..LOOKUPS {
            question.set(&questions[i % questions.len()], HASHER);
            let mut w = Writer::new(&mut buf, &question, HASHER, 12 + question.name().len() + 4, 1232);
            if round % 2 == 1 {
                found += usize::from(cache.answer(2000, &ask, &mut alias, |_| false, &mut w).is_some());
            }
            std::hint::black_box(&mut w);
        }
        best[round % 2] = best[round % 2].min((cpu_ns() - start) as f64 / LOOKUPS as f64);
    }
    (found, best[1] - best[0])
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What the process takes of memory now.
fn rss_bytes() -> anyhow::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kb: usize = line.trim().trim_end_matches(" kB").trim().parse().context("VmRSS")?;
    Ok(kb << 10)
}
