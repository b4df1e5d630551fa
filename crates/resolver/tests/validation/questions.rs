//! No question makes the answer to another one worse: whatever was asked before, in whatever order and with whatever flags,
//! a question gets the answer that a resolver gives which was never asked anything.
//!
//! HEADWATER_SEEDS says how many sequences, HEADWATER_SEED runs a single one and prints it (with `--nocapture`).

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use dns::question::HashedName;
use dns::response::Writer;
use dns::{Message, Name, NameBuf, NameHasher, RType, Rcode, Record};

use crate::internet::{Internet, Network, Server, delegate};
use crate::zone::{Zone, name};
use resolver::anchors::Anchors;
use resolver::cache::{Ask, CacheSettings};
use resolver::limits::Limits;
use resolver::outcome::Outcome;
use resolver::question::Question;
use resolver::settings::Settings;
use resolver::trace::Trace;
use resolver::upstream::Upstream;

/// Sequences, unless HEADWATER_SEEDS says otherwise.
const SEEDS: u64 = 400;
/// Steps of one sequence; each asks up to [`TOGETHER`] questions at once.
const STEPS: usize = 14;
const TOGETHER: usize = 3;
/// More than a resolution may take, in microseconds.
const PATIENCE_US: u64 = 60_000_000;
/// The longest pause between two steps, in seconds: all steps together end before signatures do.
const PAUSE_S: usize = 400;

/// Random numbers (SplitMix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A client's question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Query {
    question: Question,
    dnssec_ok: bool,
    checking_disabled: bool,
    authentic_data: bool,
    recursion_desired: bool,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.question)?;
        let flags = [
            (self.dnssec_ok, "DO"),
            (self.checking_disabled, "CD"),
            (self.authentic_data, "AD"),
            (!self.recursion_desired, "no RD"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, flag)| write!(f, " {flag}"))
    }
}

/// An answer as far as it must not depend on what was asked before: times to live do, and which of several proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    rcode: Rcode,
    authentic: bool,
    answers: BTreeSet<(NameBuf, u16, Vec<u8>)>,
    /// There are a SOA, and proofs.
    soa: bool,
    proofs: bool,
}

impl Answer {
    fn of(message: &Message, authentic: bool) -> Answer {
        let has = |rtype| message.authorities.iter().any(|record: &Record| record.rtype == rtype);
        let fact = |record: &Record| (record.owner.to_canonical(), record.rtype.0, record.rdata.clone());
        Answer {
            rcode: message.header.rcode,
            authentic,
            answers: message.answers.iter().map(fact).collect(),
            soa: has(RType::SOA),
            proofs: has(RType::NSEC) || has(RType::NSEC3),
        }
    }
}

/// A zone with all sorts of names; aliases lead to `other`.
fn zone(apex: &str, other: &str) -> Zone {
    let of = |lines: &[&str]| -> Vec<String> {
        lines.iter().map(|line| line.replace('@', apex).replace('%', other)).collect()
    };
    let lines = of(&[
        "a.@ A 192.0.2.100",
        "a.@ TXT x",
        "b.@ AAAA 2001:db8::1",
        "x.y.ent.@ A 192.0.2.100",
        "*.wild.@ A 192.0.2.100",
        "*.wild.@ TXT y",
        "*.pointing.@ CNAME a.%",
        "inside.@ CNAME a.@",
        "outside.@ CNAME a.%",
        "towild.@ CNAME q.wild.%",
        "nowhere.@ CNAME gone.%",
        "ring.@ CNAME ring.@",
        "moved.@ DNAME %",
        "key.@ TYPE25 \\# 5 0100030f01",
    ]);
    Zone::new(apex, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

const SIGNED: &str = "nsec.";
const HASHED: &str = "hashed.";
const OPEN: &str = "open.";
const PLAIN: &str = "plain.";
const APEXES: [&str; 4] = [SIGNED, HASHED, OPEN, PLAIN];

/// The servers and the root's keys: zones of every kind, each with a signed, an unsigned and a bogus delegation.
fn world() -> (Vec<(u8, Rc<Zone>)>, Anchors) {
    let mut root = Zone::new(".", &[]);
    let (mut served, mut number) = (Vec::new(), 10u8);
    for (apex, other) in [(SIGNED, HASHED), (HASHED, OPEN), (OPEN, PLAIN), (PLAIN, SIGNED)] {
        let mut zone = zone(apex, other);
        zone = match apex {
            HASHED => zone.nsec3(1, false),
            OPEN => zone.nsec3(0, true),
            PLAIN => zone.unsigned(),
            _ => zone,
        };
        let own = number;
        for (label, signed) in [("secure", true), ("insecure", false), ("bogus", true)] {
            number += 1;
            let child = format!("{label}.{apex}");
            let lines = [format!("www.{child} A 192.0.2.101"), format!("*.{child} TXT z")];
            let mut child = Zone::new(&child, &[&lines[0], &lines[1]]);
            if !signed || apex == PLAIN {
                child = child.unsigned();
            }
            child.seal();
            delegate(&mut zone, &child, number, signed && label != "bogus");
            if label == "bogus" && apex != PLAIN {
                // A DS record that no key fits.
                let stranger = Zone::new("stranger.", &[]);
                stranger.own_ds().iter().for_each(|ds| zone.put(child.apex.clone(), RType::DS, ds));
            }
            served.push((number, Rc::new(child)));
        }
        zone.seal();
        delegate(&mut root, &zone, own, apex != PLAIN);
        served.push((own, Rc::new(zone)));
        number += 1;
    }
    root.seal();
    let mut anchors = Anchors::default();
    root.own_ds().iter().for_each(|ds| assert!(anchors.add(Name::root(), RType::DS, ds)));
    served.push((1, Rc::new(root)));
    (served, anchors)
}

fn some_name(rng: &mut Rng) -> NameBuf {
    const LABELS: [&str; 23] = [
        "",
        "a.",
        "b.",
        "gone.",
        "x.gone.",
        "ent.",
        "y.ent.",
        "x.y.ent.",
        "q.wild.",
        "r.q.wild.",
        "*.wild.",
        "wild.",
        "p.pointing.",
        "inside.",
        "outside.",
        "towild.",
        "nowhere.",
        "ring.",
        "a.moved.",
        "moved.",
        "key.",
        "below.a.",
        "below.inside.",
    ];
    const BELOW: [&str; 9] = [
        "secure.",
        "www.secure.",
        "gone.secure.",
        "insecure.",
        "www.insecure.",
        "gone.insecure.",
        "bogus.",
        "www.bogus.",
        "gone.bogus.",
    ];
    let apex = *rng.pick(&APEXES);
    match rng.below(20) {
        0 => name("."),
        1 => name("missing."),
        // As long as a name can be.
        2 => {
            let label = format!("{}.", "l".repeat(63));
            let front = label.repeat(3);
            let left = 254 - front.len() - apex.len();
            name(&format!("{front}{}.{apex}", "l".repeat(left - 1)))
        }
        3..8 => name(&format!("{}{apex}", rng.pick(&BELOW))),
        _ => name(&format!("{}{apex}", rng.pick(&LABELS))),
    }
}

fn some_type(rng: &mut Rng) -> RType {
    // Those that matter, then any number: meta types, reserved and unknown ones.
    const TYPES: [u16; 24] =
        [1, 28, 16, 2, 6, 5, 39, 43, 48, 46, 47, 50, 51, 255, 255, 24, 25, 30, 0, 252, 254, 41, 65535, 65400];
    match rng.below(10) {
        0 => RType(rng.next() as u16),
        1..4 => RType::A,
        _ => RType(*rng.pick(&TYPES)),
    }
}

fn some_query(rng: &mut Rng) -> Query {
    let mut flag = |percent: usize| rng.below(100) < percent;
    let (dnssec_ok, checking_disabled, authentic_data, recursion_desired) = (flag(60), flag(25), flag(30), flag(95));
    let question = Question::new(some_name(rng), some_type(rng));
    Query { question, dnssec_ok, checking_disabled, authentic_data, recursion_desired }
}

/// A resolver in this world that was never asked anything.
fn resolver(served: &[(u8, Rc<Zone>)], anchors: &Anchors, limits: Limits) -> Internet {
    let server = |zone: &Rc<Zone>| Server { zones: vec![zone.clone()], recursive: false, dead: false };
    let servers = served.iter().map(|(last, zone)| (*last, server(zone))).collect();
    let network = Network { servers, ..Network::default() };
    let cache = CacheSettings { prefetch: false, ..CacheSettings::default() };
    Internet::new(network, Settings { limits, ..Internet::settings() }, cache, anchors.clone())
}

/// The response with what `write` adds to it.
fn written(query: &Query, write: impl FnOnce(&mut Writer<'_>) -> Option<Rcode>, hasher: NameHasher) -> Option<Message> {
    let mut octets = Message::query(1, query.question.name.clone(), query.question.rtype).to_wire(512);
    let end = octets.len();
    octets.resize(65_535, 0);
    let mut hashed = HashedName::default();
    hashed.set(&query.question.name, hasher);
    let mut w = Writer::new(&mut octets, &hashed, hasher, end, 65_535);
    let rcode = write(&mut w)?;
    let len = w.finish(1, 0, rcode.0 as u8);
    Some(Message::parse(&octets[..len]).expect("a response"))
}

/// What the cache answers at once, as for a worker.
fn cached(internet: &Internet, query: &Query) -> Option<Answer> {
    let Query { question, dnssec_ok, checking_disabled, authentic_data, .. } = query;
    let ask = Ask { qtype: question.rtype, dnssec_ok: *dnssec_ok, checking_disabled: *checking_disabled };
    let (now_ms, mut alias, mut authentic) = (internet.sim.now_us() / 1000, HashedName::default(), false);
    let write = |w: &mut Writer<'_>| {
        let hit = internet.resolver.shared().cache.answer(now_ms, &ask, &mut alias, |_| false, w)?;
        authentic = hit.authentic();
        Some(hit.rcode)
    };
    let message = written(query, write, internet.resolver.shared().cache.hasher())?;
    Some(Answer::of(&message, authentic && (*dnssec_ok || *authentic_data)))
}

fn resolved(query: &Query, outcome: &Outcome, hasher: NameHasher) -> Answer {
    let write = |w: &mut Writer<'_>| {
        outcome.write(w, query.question.rtype, query.dnssec_ok);
        Some(outcome.rcode)
    };
    let message = written(query, write, hasher).expect("a response");
    Answer::of(&message, outcome.is_authentic() && (query.dnssec_ok || query.authentic_data))
}

/// Asks together, as clients do: the cache first, then the resolver. `None`: without RD nothing was in the cache.
fn ask(internet: &Internet, queries: &[Query]) -> Vec<Option<Answer>> {
    let answers: Rc<RefCell<Vec<Option<Answer>>>> = Rc::new(RefCell::new(vec![None; queries.len()]));
    let waiting = Rc::new(RefCell::new(0));
    for (at, query) in queries.iter().enumerate() {
        let hit = if query.question.is_for_data() { cached(internet, query) } else { None };
        if hit.is_some() || !query.recursion_desired {
            answers.borrow_mut()[at] = hit;
            continue;
        }
        *waiting.borrow_mut() += 1;
        let (resolver, query, waiting) = (internet.resolver.clone(), query.clone(), waiting.clone());
        let outcomes: Rc<RefCell<Vec<Option<Answer>>>> = answers.clone();
        internet.sim.spawn(Box::pin(async move {
            let Query { question, checking_disabled, .. } = query.clone();
            let outcome = resolver.resolve(question, checking_disabled, Trace::default()).await;
            let hasher = resolver.shared().cache.hasher();
            outcomes.borrow_mut()[at] = Some(resolved(&query, &outcome, hasher));
            *waiting.borrow_mut() -= 1;
        }));
    }
    let until_us = internet.sim.now_us() + PATIENCE_US;
    assert!(internet.sim.run_until(until_us, || *waiting.borrow() == 0), "no end of {queries:?}");
    answers.take()
}

/// Runs a sequence; what is wrong with it, line by line.
fn run(
    seed: u64,
    world: &(Vec<(u8, Rc<Zone>)>, Anchors),
    fresh: &mut HashMap<Query, Answer>,
    tell: bool,
) -> Vec<String> {
    let (served, anchors) = world;
    let (mut rng, mut faults) = (Rng(seed), Vec::new());
    let internet = resolver(served, anchors, Limits::default());
    let mut asked: Vec<Query> = Vec::new();
    for _ in 0..STEPS {
        let count = 1 + rng.below(TOGETHER);
        let queries: Vec<Query> = (0..count)
            .map(|_| match asked.is_empty() || rng.below(100) < 60 {
                true => some_query(&mut rng),
                // The same name, asked otherwise: what was learned before has most to say about it.
                false => {
                    let name = rng.pick(&asked).question.name.clone();
                    let query = some_query(&mut rng);
                    Query { question: Question { name, ..query.question }, ..query }
                }
            })
            .collect();
        for (query, answer) in queries.iter().zip(ask(&internet, &queries)) {
            let Some(answer) = answer else { continue };
            let expected =
                fresh.entry(Query { recursion_desired: true, ..query.clone() }).or_insert_with_key(|query| {
                    ask(&resolver(served, anchors, Limits::default()), std::slice::from_ref(query))
                        .remove(0)
                        .expect("an answer")
                });
            if tell {
                println!("{query}: {} {}", answer.rcode, answer.authentic);
            }
            if answer != *expected {
                faults.push(format!("{query}: {answer:?}, fresh {expected:?}"));
            }
        }
        asked.extend(queries);
        internet.sim.pass(rng.below(PAUSE_S) as u64 * 1_000_000);
    }
    faults
}

#[test]
fn no_question_makes_the_answer_to_another_worse() {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|value| value.parse::<u64>().ok());
    let (world, mut fresh) = (world(), HashMap::new());
    if let Some(seed) = number("HEADWATER_SEED") {
        let faults = run(seed, &world, &mut fresh, true);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        return;
    }
    let seeds = number("HEADWATER_SEEDS").unwrap_or(SEEDS);
    let faults: Vec<String> = (0..seeds)
        .filter_map(|seed| {
            run(seed, &world, &mut fresh, false).into_iter().next().map(|fault| format!("seed {seed}: {fault}"))
        })
        .collect();
    let some = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} of {seeds} sequences:\n{some}", faults.len());
    // A test in which most fails shows nothing.
    let good =
        fresh.values().filter(|answer| answer.rcode != Rcode::SERVFAIL && answer.rcode != Rcode::FORMERR).count();
    assert!(good * 2 > fresh.len(), "{good} of {} questions", fresh.len());
}

/// A chain of aliases uses up the limit before it comes to its end: that says nothing of the name at its end.
#[test]
fn a_limit_of_one_question_is_none_of_another() {
    let (served, anchors) = world();
    let internet = resolver(&served, &anchors, Limits { verifications: 5, ..Limits::default() });
    let said = |qname: &str| {
        let question = Question::new(name(qname), RType::A);
        let flags = (true, false, false, true);
        let (dnssec_ok, checking_disabled, authentic_data, recursion_desired) = flags;
        let query = Query { question, dnssec_ok, checking_disabled, authentic_data, recursion_desired };
        let answer = ask(&internet, &[query]).remove(0).expect("an answer");
        (answer.rcode, answer.authentic)
    };
    assert_eq!(said("outside.nsec."), (Rcode::SERVFAIL, false));
    assert_eq!(said("a.hashed."), (Rcode::NOERROR, true));
    // With what is known by now the chain comes to its end, once the failure is forgotten.
    internet.sim.pass(6_000_000);
    assert_eq!(said("outside.nsec."), (Rcode::NOERROR, true));
}
