//! Random topologies and faults from seeds, against a plain model of the right answer.
//!
//! Never a wrong answer; SERVFAIL only where a zone may be out of reach or a limit applies. HEADWATER_SEEDS says how
//! many seeds (2000 by default), HEADWATER_SEED runs a single one and prints what happened.

mod model;
mod network;
mod world;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{NameBuf, NameHasher, RType, Rcode};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::local::NoLocalData;
use resolver::settings::Hint;
use resolver::sim::Sim;
use resolver::trace::Trace;
use resolver::{Outcome, Question, Resolver, Settings, Shared, Upstream};

use model::{Fact, Truth, reachable, truth};
use network::Network;
use world::{FORGED, FORGER, Rng, TTL, World};

/// Questions of one seed.
const QUESTIONS: usize = 12;
/// More than a resolution may take, in microseconds.
const PATIENCE_US: u64 = 60_000_000;
/// What may be asked for.
const TYPES: [RType; 7] = [RType::A, RType::A, RType::A, RType::AAAA, RType::TXT, RType::CNAME, RType::NS];

fn settings(world: &World) -> Settings {
    let root = &world.zones[0].servers;
    let hint = |(host, addresses): &(usize, Vec<IpAddr>)| Hint {
        name: world.hosts[*host].name.clone(),
        addresses: addresses.clone(),
    };
    Settings {
        root_hints: root.iter().map(hint).collect(),
        priming: false,
        ipv6: world.ipv6,
        qname_minimisation: world.minimise,
        randomise_case: world.mix_case,
        special_names: false,
        ..Settings::default()
    }
}

/// What came of a seed.
#[derive(Default)]
struct Run {
    /// Everything that happened, line by line.
    log: Vec<String>,
    /// What was wrong.
    faults: Vec<String>,
    /// Questions answered, and those that failed although the zones can be reached.
    answered: u64,
    limited: u64,
    /// Messages sent.
    sent: u64,
}

fn facts(outcome: &Outcome) -> BTreeSet<Fact> {
    let records = outcome.answers.iter().flat_map(|timed| timed.rrset.records(timed.ttl));
    records.map(|record| (record.owner.to_canonical(), record.rtype.0, record.rdata)).collect()
}

/// What is wrong with an outcome, if anything.
fn judge(outcome: &Outcome, truth: &Truth, certain: bool, run: &mut Run) -> Option<String> {
    let got = facts(outcome);
    if got.iter().any(|(_, _, rdata)| *rdata == FORGED) {
        return Some("a forged answer".to_owned());
    }
    if let Some(timed) = outcome.answers.iter().find(|timed| timed.ttl > TTL) {
        return Some(format!("TTL {}", timed.ttl));
    }
    if outcome.rcode == Rcode::SERVFAIL {
        let why = outcome.reason.as_ref().map_or("", |reason| reason.text.as_str());
        let limit = why.contains("limit") || why.contains("not resolved within");
        run.limited += u64::from(limit && certain);
        let must = certain && truth.rcode != Rcode::SERVFAIL && !limit;
        return must.then(|| format!("SERVFAIL: {why}"));
    }
    run.answered += 1;
    let right = outcome.rcode == truth.rcode && got == truth.answers;
    (!right).then(|| format!("{} {got:?} instead of {truth:?}", outcome.rcode))
}

fn run(seed: u64) -> Run {
    let mut rng = Rng(seed);
    let world = Rc::new(World::new(&mut rng));
    let settings = settings(&world);
    let depths = reachable(&world, &settings.limits);
    let (aliases, seeds) = (settings.limits.aliases, [rng.next(), rng.next(), rng.next()]);
    let sim = Sim::new(Network::new(world.clone(), seeds[0]), seeds[1], 1_700_000_000);
    let cache = CacheSettings { negative_ttl_s: 3600, ..CacheSettings::default() };
    let shared = Shared::new(settings, cache, Anchors::default(), NameHasher::new(seeds[2]), seeds[2]);
    let resolver = Resolver::new(sim.clone(), shared.clone(), Rc::new(NoLocalData));

    let mut run = Run::default();
    let mut asked: Vec<(NameBuf, RType)> = Vec::new();
    let mut left = QUESTIONS;
    while left > 0 {
        let together = (1 + rng.below(3)).min(left);
        left -= together;
        let ends: Rc<RefCell<Vec<(usize, Arc<Outcome>)>>> = Rc::default();
        let first = asked.len();
        for _ in 0..together {
            let question = match asked.is_empty() || rng.chance(70) {
                true => (world.some_name(&mut rng), *rng.pick(&TYPES)),
                false => rng.pick(&asked).clone(),
            };
            let (index, resolver, ends) = (asked.len(), resolver.clone(), ends.clone());
            asked.push(question.clone());
            sim.spawn(Box::pin(async move {
                let question = Question::new(question.0, question.1);
                let outcome = resolver.resolve(question, false, Trace::default()).await;
                ends.borrow_mut().push((index, outcome));
            }));
        }
        let until_us = sim.now_us() + PATIENCE_US;
        if !sim.run_until(until_us, || ends.borrow().len() == together) {
            run.faults.push(format!("no end of one of {:?}", &asked[first..]));
            break;
        }
        for (index, outcome) in ends.take() {
            let (name, rtype) = &asked[index];
            let truth = truth(&world, name, *rtype);
            // With losses anything may be out of reach, and long chains are a matter of limits.
            let in_reach = truth.zones.iter().all(|&zone| depths[zone].is_some());
            let certain = in_reach && world.loss == 0 && truth.aliases < aliases;
            let fault = judge(&outcome, &truth, certain, &mut run);
            let line = format!("{} {name} {rtype}: {} {:?}", sim.now_us(), outcome.rcode, outcome.reason);
            sim.network_mut().log.push(line);
            run.faults.extend(fault.map(|fault| format!("{name} {rtype}: {fault}")));
        }
        if rng.chance(40) {
            sim.pass(rng.below(400) as u64 * 1_000_000);
        }
    }
    run.faults.extend(forged(&world, &shared, sim.now_us()));
    run.sent = sim.sent();
    sim.shut_down();
    run.log = std::mem::take(&mut sim.network_mut().log);
    run
}

/// Whatever in the caches comes from lies.
fn forged(world: &World, shared: &Shared, now_us: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let IpAddr::V4(forger) = FORGER else { return faults };
    for name in world.zones.iter().flat_map(|zone| zone.nodes.keys()) {
        let Some(found) = shared.cache.lookup(now_us / 1000, name, RType::A) else { continue };
        if let resolver::cache::Found::Positive(cached) = found {
            for rdata in cached.data.rrset.rdata.iter() {
                if *rdata == FORGED || *rdata == forger.octets() {
                    faults.push(format!("forged address of {name} in the cache"));
                }
            }
        }
    }
    for host in &world.hosts {
        let known = shared.addresses.get(&host.name, RType::A, now_us);
        if known.is_some_and(|known| known.contains(&FORGER)) {
            faults.push(format!("forged address of name server {} is believed", host.name));
        }
    }
    faults
}

/// The world of a seed, for people.
fn describe(seed: u64) -> String {
    let world = World::new(&mut Rng(seed));
    let mut out = format!("loss {} %, minimise {}, ipv6 {}\n", world.loss, world.minimise, world.ipv6);
    let depths = reachable(&world, &Settings::default().limits);
    for (index, zone) in world.zones.iter().enumerate() {
        writeln!(out, "zone {index} {} of {:?}, depth {:?}", zone.apex, zone.parent, depths[index]).expect("string");
        for (host, glue) in &zone.servers {
            let host = &world.hosts[*host];
            writeln!(out, "  NS {} (zone {}) {:?} glue {glue:?}", host.name, host.zone, host.addresses)
                .expect("string");
        }
        for (name, node) in &zone.nodes {
            let types: Vec<String> = node.keys().map(|&rtype| RType(rtype).to_string()).collect();
            writeln!(out, "  {name} {}", types.join(" ")).expect("string");
        }
    }
    for (address, server) in &world.servers {
        writeln!(out, "{address} {server:?}").expect("string");
    }
    out
}

#[test]
fn never_a_wrong_answer() {
    if let Some(seed) = std::env::var("HEADWATER_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let run = run(seed);
        println!("{}{}\n{}", describe(seed), run.log.join("\n"), run.faults.join("\n"));
        assert!(run.faults.is_empty());
        return;
    }
    let seeds = std::env::var("HEADWATER_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2000);
    let (mut bad, mut answered, mut limited, mut sent) = (Vec::new(), 0, 0, 0);
    for seed in 0..seeds {
        let run = run(seed);
        (answered, limited, sent) = (answered + run.answered, limited + run.limited, sent + run.sent);
        bad.extend(run.faults.first().map(|fault| format!("seed {seed}: {fault}")));
    }
    println!("{seeds} seeds: {answered} questions answered with {sent} messages, {limited} stopped by a limit");
    assert!(
        bad.is_empty(),
        "{} of {seeds} seeds:\n{}",
        bad.len(),
        bad.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    // A test that answers nothing shows nothing.
    assert!(answered > seeds * QUESTIONS as u64 / 2, "{answered} answers only");
    assert!(limited * 50 < answered, "{limited} resolutions stopped by limits");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 0..50 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first.log, second.log, "seed {seed}");
    }
}
