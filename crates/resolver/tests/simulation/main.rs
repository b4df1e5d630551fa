//! Random topologies and faults from seeds, against a plain model of the right answer.
//!
//! Never a wrong answer; SERVFAIL only where a zone may be out of reach or a limit applies. HEADWATER_SEEDS says how
//! many seeds, HEADWATER_SEED runs a single one and prints what happened (with `--nocapture` and one test's name).

mod cached;
mod model;
mod network;
mod signed;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{NameBuf, NameHasher, RType, Rcode};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::limits::{BOGUS_TTL_S, FAILURE_TTL_S};
use resolver::local::NoLocalData;
use resolver::settings::Hint;
use resolver::trace::Trace;
use resolver::{Outcome, Question, Resolver, Security, Settings, Shared, Upstream};
use simulator::Sim;

use model::{Fact, Truth, reachable, truth};
use network::Network;
use world::{FORGED, Rng, TTL, World};

/// Questions of one seed.
const QUESTIONS: usize = 12;
/// More than a resolution may take, in microseconds.
const PATIENCE_US: u64 = 60_000_000;
/// How long a resolution may take, and how long a failed one is remembered, in microseconds.
const TIMEOUT_US: u64 = 5_000_000;
const REMEMBERED_US: u64 = FAILURE_TTL_S as u64 * 1_000_000;
/// How long data that could not be validated is, in microseconds.
const BOGUS_US: u64 = BOGUS_TTL_S as u64 * 1_000_000;
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
        query_timeout_ms: TIMEOUT_US / 1000,
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

/// A question by its index, what came of it, and how long it took in microseconds.
type End = (usize, Arc<Outcome>, u64);

fn facts(outcome: &Outcome) -> BTreeSet<Fact> {
    let records = outcome.answers.iter().flat_map(|timed| timed.rrset.records(timed.ttl));
    records.map(|record| (record.owner.to_canonical(), record.rtype.0, record.rdata)).collect()
}

/// What is wrong with an outcome, if anything; `limit` says that a limit was met.
fn judge(outcome: &Outcome, truth: &Truth, certain: bool, limit: bool, run: &mut Run) -> Option<String> {
    let got = facts(outcome);
    if got.iter().any(|(_, _, rdata)| *rdata == FORGED) {
        return Some("a forged answer".to_owned());
    }
    if let Some(timed) = outcome.answers.iter().find(|timed| timed.ttl > TTL) {
        return Some(format!("TTL {}", timed.ttl));
    }
    if outcome.rcode == Rcode::SERVFAIL {
        let why = outcome.reason.as_ref().map_or("", |reason| reason.text.as_str());
        run.limited += u64::from(limit && certain);
        let must = certain && truth.rcode != Rcode::SERVFAIL && !limit;
        return must.then(|| format!("SERVFAIL: {why}"));
    }
    run.answered += 1;
    // A DNAME below itself makes names that become too long, further on than anybody follows.
    let endless = truth.rcode == Rcode::SERVFAIL && outcome.rcode == Rcode::YXDOMAIN;
    let right = endless || (outcome.rcode == truth.rcode && got == truth.answers);
    (!right).then(|| format!("{} {got:?} instead of {truth:?}", outcome.rcode))
}

/// Whether validation came to another end than it should.
fn misjudged(outcome: &Outcome, secure: bool) -> Option<String> {
    let expected = if secure { Security::Secure } else { Security::Insecure };
    let wrong = outcome.rcode != Rcode::SERVFAIL && outcome.security != expected;
    wrong.then(|| format!("{:?} instead of {expected:?}: {:?}", outcome.security, outcome.reason))
}

/// What is special about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Some servers send damaged replies.
    Damaged,
    /// Zones are signed.
    Signed,
    /// Zones are signed, and some servers give false answers.
    Forged,
}

fn world_of(rng: &mut Rng, kind: Kind) -> World {
    let mut world = World::new(rng, matches!(kind, Kind::Signed | Kind::Forged));
    match kind {
        Kind::Damaged => world.corrupt(rng),
        Kind::Forged => world.forge(rng),
        Kind::Plain | Kind::Signed => {}
    }
    world
}

/// What is needed to judge the ends of questions.
struct Check<'a> {
    world: &'a Rc<World>,
    depths: &'a [Option<u32>],
    aliases: u32,
    kind: Kind,
    sim: &'a Sim<Network>,
    /// Questions whose time was over are answered the same for a while.
    late_until_us: BTreeMap<(NameBuf, RType), u64>,
}

impl Check<'_> {
    /// Judges the end of a question.
    fn end(&mut self, (name, rtype): &(NameBuf, RType), outcome: &Outcome, took_us: u64, run: &mut Run) {
        let world = self.world;
        let why = outcome.reason.as_ref().map_or("", |reason| reason.text.as_str());
        // The time may be over, or have been over for the same question just before. Addresses of name servers
        // are looked up in a part of the time, so that some is left at the end.
        let late = took_us >= TIMEOUT_US * 3 / 4 || why.contains("not resolved within");
        if late {
            self.late_until_us.insert(
                (name.clone(), *rtype),
                self.sim.now_us() + if world.dnssec { BOGUS_US } else { REMEMBERED_US },
            );
        }
        let late = late
            || self.late_until_us.get(&(name.clone(), *rtype)).is_some_and(|&until_us| self.sim.now_us() <= until_us);
        let limit = late || why.contains("(limit `") || why.contains("within the limits");
        let truth = truth(world, name, *rtype);
        // With losses or damage anything may be out of reach, and long chains are a matter of limits.
        let in_reach = truth.zones.iter().all(|&zone| self.depths[zone].is_some());
        let certain = in_reach
            && world.loss == 0
            && truth.aliases < self.aliases
            && !matches!(self.kind, Kind::Damaged | Kind::Forged);
        let damaged = |&zone: &usize| world.is_corrupt(&world.zones[zone].apex);
        let excused = world.is_corrupt(name) || truth.zones.iter().any(damaged);
        let secure = world.dnssec.then(|| truth.zones.iter().all(|&zone| world.is_secure(zone)));
        let fault = if excused { None } else { judge(outcome, &truth, certain, limit, run) };
        let fault = fault.or_else(|| secure.and_then(|secure| misjudged(outcome, secure)));
        let line = format!("{} {name} {rtype}: {} {:?}", self.sim.now_us(), outcome.rcode, outcome.reason);
        self.sim.network_mut().log.push(line);
        run.faults.extend(fault.map(|fault| format!("{name} {rtype}: {fault}")));
    }
}

/// Runs a seed.
fn run(seed: u64, kind: Kind) -> Run {
    let mut rng = Rng(seed);
    let world = Rc::new(world_of(&mut rng, kind));
    let settings = settings(&world);
    let depths = reachable(&world, &settings.limits);
    let (aliases, seeds) = (settings.limits.aliases, [rng.next(), rng.next(), rng.next()]);
    let sim = Sim::new(Network::new(world.clone(), seeds[0]), seeds[1], signed::START);
    let cache = CacheSettings { negative_ttl_s: 3600, ..CacheSettings::default() };
    let mut anchors = Anchors::default();
    if world.dnssec {
        assert!(anchors.add(dns::Name::root(), RType::DS, &signed::ds(&world, 0)));
    }
    let shared = Shared::new(settings, cache, anchors, NameHasher::new(seeds[2]), seeds[2]);
    let resolver = Resolver::new(sim.clone(), shared.clone(), Rc::new(NoLocalData));

    let mut check = Check { world: &world, depths: &depths, aliases, kind, sim: &sim, late_until_us: BTreeMap::new() };
    let mut run = Run::default();
    let mut asked: Vec<(NameBuf, RType)> = Vec::new();
    let mut left = QUESTIONS;
    while left > 0 {
        let together = (1 + rng.below(3)).min(left);
        left -= together;
        let ends: Rc<RefCell<Vec<End>>> = Rc::default();
        let start_us = sim.now_us();
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
                let now_us = resolver.upstream().now_us();
                ends.borrow_mut().push((index, outcome, now_us - start_us));
            }));
        }
        let until_us = sim.now_us() + PATIENCE_US;
        if !sim.run_until(until_us, || ends.borrow().len() == together) {
            run.faults.push(format!("no end of one of {:?}", &asked[first..]));
            break;
        }
        for (index, outcome, took_us) in ends.take() {
            check.end(&asked[index], &outcome, took_us, &mut run);
        }
        if rng.chance(40) {
            sim.pass(rng.below(400) as u64 * 1_000_000);
        }
    }
    // Whoever sends damaged replies may say anything of the zones that he serves.
    let excused = |name: &NameBuf| world.is_corrupt(name);
    run.faults.extend(cached::faults(&world, &shared, sim.now_us(), &excused));
    run.sent = sim.sent();
    sim.shut_down();
    run.log = std::mem::take(&mut sim.network_mut().log);
    run
}

/// The world of a seed, for people.
fn describe(seed: u64, kind: Kind) -> String {
    let world = world_of(&mut Rng(seed), kind);
    let mut out = format!("loss {} %, minimise {}, ipv6 {}\n", world.loss, world.minimise, world.ipv6);
    let depths = reachable(&world, &Settings::default().limits);
    for (index, zone) in world.zones.iter().enumerate() {
        let (apex, secure) = (&zone.apex, world.is_secure(index));
        writeln!(out, "zone {index} {apex} of {:?}, depth {:?}, secure {secure}", zone.parent, depths[index])
            .expect("string");
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

/// Runs so many seeds, or as many as HEADWATER_SEEDS says, and fails with those that did; returns the numbers of answers
/// and of resolutions that met a limit. With HEADWATER_SEED it runs that one and prints what happened.
fn run_all(kind: Kind, seeds: u64) -> (u64, u64) {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("HEADWATER_SEED") {
        let run = run(seed, kind);
        println!("{}{}\n{}", describe(seed, kind), run.log.join("\n"), run.faults.join("\n"));
        assert!(run.faults.is_empty());
        return (run.answered, run.limited);
    }
    let seeds = number("HEADWATER_SEEDS").unwrap_or(seeds);
    let (mut bad, mut answered, mut limited, mut sent) = (Vec::new(), 0, 0, 0);
    for seed in 0..seeds {
        let run = run(seed, kind);
        (answered, limited, sent) = (answered + run.answered, limited + run.limited, sent + run.sent);
        bad.extend(run.faults.first().map(|fault| format!("seed {seed}: {fault}")));
    }
    println!("{kind:?}, {seeds} seeds: {answered} questions answered with {sent} messages, {limited} met a limit");
    let some = bad.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(bad.is_empty(), "{} of {seeds} seeds:\n{some}", bad.len());
    // A test that answers nothing shows nothing.
    assert!(answered > seeds * 2, "{answered} answers only");
    (answered, limited)
}

#[test]
fn never_a_wrong_answer() {
    let (answered, limited) = run_all(Kind::Plain, 10_000);
    assert!(limited * 50 < answered + 50, "{limited} resolutions stopped by limits");
}

/// Damaged replies do no harm to anything but the zones they speak for.
#[test]
fn damaged_replies() {
    run_all(Kind::Damaged, 3000);
}

/// What is signed is secure, what is not is insecure.
#[test]
fn signed_zones() {
    run_all(Kind::Signed, 2000);
}

/// False answers for signed zones are found out.
#[test]
fn forged_answers() {
    run_all(Kind::Forged, 2000);
}

#[test]
fn a_seed_repeats_itself() {
    for (seed, kind) in (0..50).zip([Kind::Plain, Kind::Damaged, Kind::Signed, Kind::Forged].into_iter().cycle()) {
        assert_eq!(run(seed, kind).log, run(seed, kind).log, "seed {seed}, {kind:?}");
    }
}
