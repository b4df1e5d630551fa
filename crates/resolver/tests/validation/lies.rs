//! Replies that are put together at random from what the zones have signed: nothing false becomes secure, and nothing
//! that is signed insecure.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use dns::rdata::wire;
use dns::{Name, RType};

use crate::world::World;
use crate::zone::{Zone, name};
use resolver::fetched::{Fetched, Kind};
use resolver::question::Question;
use resolver::rrset::{Packed, Rrset};
use resolver::security::Security;
use resolver::validate::Verdict;

const NAMES: &[&str] = &[
    "zone.test.",
    "a.zone.test.",
    "b.a.zone.test.",
    "ent.zone.test.",
    "x.ent.zone.test.",
    "none.zone.test.",
    "*.w.zone.test.",
    "y.w.zone.test.",
    "z.y.w.zone.test.",
    "d.zone.test.",
    "a.d.zone.test.",
    "c.zone.test.",
    "plain.zone.test.",
    "a.plain.zone.test.",
    "sub.zone.test.",
    "a.sub.zone.test.",
    "none.sub.zone.test.",
    "test.",
];
const TYPES: &[RType] = &[RType::A, RType::TXT, RType::DS, RType::DNSKEY, RType::CNAME, RType::SOA, RType::NS];

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % below
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.roll(from.len())]
    }
}

fn world(kind: usize) -> World {
    let lines = [
        "a.zone.test. A 192.0.2.1",
        "a.zone.test. TXT x",
        "x.ent.zone.test. TXT x",
        "*.w.zone.test. A 192.0.2.2",
        "y.w.zone.test. TXT x",
        "d.zone.test. DNAME sub.zone.test.",
        "c.zone.test. CNAME a.zone.test.",
    ];
    let mut zone = Zone::new("zone.test.", &lines);
    if kind > 0 {
        zone = zone.nsec3(1, kind == 2);
    }
    let plain = Zone::new("plain.zone.test.", &["a.plain.zone.test. A 192.0.2.3"]).unsigned();
    let sub = Zone::new("sub.zone.test.", &["a.sub.zone.test. A 192.0.2.4"]);
    World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone, plain, sub])
}

/// RRsets of honest replies to all questions, without aliases.
fn pool(world: &World) -> Vec<Arc<Rrset>> {
    let mut pool: Vec<Arc<Rrset>> = Vec::new();
    for (qname, rtype) in NAMES.iter().flat_map(|qname| TYPES.iter().map(move |rtype| (qname, rtype))) {
        let reply = world.reply(&name(qname), *rtype, &[]).expect("reply");
        for rrset in reply.answers.iter().chain(&reply.authorities) {
            if !pool.contains(rrset) {
                pool.push(rrset.clone());
            }
        }
    }
    pool
}

/// Changes an octet of a record's data, or cuts it.
fn damage(packed: &mut Packed, dice: &mut Dice) {
    let mut all: Vec<Vec<u8>> = packed.iter().map(<[u8]>::to_vec).collect();
    let count = all.len();
    if let Some(rdata) = all.get_mut(dice.roll(count + 1)) {
        let at = dice.roll(rdata.len() + 1);
        match rdata.get_mut(at) {
            Some(octet) if dice.roll(4) > 0 => *octet = dice.roll(256) as u8,
            _ => rdata.truncate(at),
        }
    }
    *packed = Packed::default();
    all.iter().for_each(|rdata| packed.push(rdata));
}

/// The records' data in the form that is signed: the case of names in it is not, nor the order.
fn signed_data(rrset: &Rrset) -> Vec<Vec<u8>> {
    let canonical = |rdata| {
        let mut out = Vec::new();
        wire::canonical(rrset.rtype, rdata, &mut out);
        out
    };
    let mut all: Vec<Vec<u8>> = rrset.rdata.iter().map(canonical).collect();
    all.sort();
    all.dedup();
    all
}

/// Does something to a reply.
fn change(reply: &mut Fetched, pool: &[Arc<Rrset>], dice: &mut Dice) {
    for _ in 0..dice.roll(4) {
        let other = dice.pick(pool).clone();
        let list = if dice.roll(2) == 0 { &mut reply.answers } else { &mut reply.authorities };
        let at = dice.roll(list.len() + 1);
        match (dice.roll(8), list.get_mut(at)) {
            (0, _) => list.insert(at, other),
            (1, Some(rrset)) => *rrset = other,
            (2, Some(_)) => drop(list.remove(at)),
            (3, Some(rrset)) => Arc::make_mut(rrset).signatures = Default::default(),
            (4, Some(rrset)) => Arc::make_mut(rrset).owner = name(dice.pick::<&str>(NAMES)),
            (5, Some(rrset)) => damage(&mut Arc::make_mut(rrset).rdata, dice),
            (6, Some(rrset)) => damage(&mut Arc::make_mut(rrset).signatures, dice),
            _ => reply.kind = [Kind::NoData, Kind::NxDomain, Kind::Positive][dice.roll(3)].clone(),
        }
    }
}

/// Compares a verdict with what is true.
fn compare(world: &World, question: &Question, reply: &Fetched, verdict: &Verdict, opt_out: bool) {
    let about = || format!("{question}: {verdict:?}\n{reply:?}");
    let truth = world.reply(&question.name, question.rtype, &[]).expect("reply");
    for (rrset, judged) in reply.answers.iter().zip(&verdict.answers) {
        let (owner, rtype) = (&rrset.owner, rrset.rtype);
        // Of the zone itself, of the parent's side of a cut, made from a wildcard.
        let honest = world.reply(owner, rtype, &[]).expect("reply");
        let sets = world.zones.iter().filter_map(|zone| zone.sets.get(&(owner.clone(), rtype)));
        let mut all = sets.chain(honest.answers.iter().map(|set| &**set));
        let is_true =
            all.any(|set| set.is(owner, rtype) && signed_data(set) == signed_data(rrset) && !set.signatures.is_empty());
        match judged.security {
            // A CNAME that was made from DNAME has no signature.
            Security::Secure => {
                assert!(is_true || (rtype == RType::CNAME && honest.answers.contains(rrset)), "{}", about())
            }
            Security::Insecure => assert!(owner.is_at_or_below(&name("plain.zone.test.")) || opt_out, "{}", about()),
            _ => {}
        }
    }
    let denies = reply.answers.is_empty() && reply.kind != Kind::Positive;
    if denies && verdict.security == Security::Secure {
        let allowed = match verdict.kind {
            Kind::NxDomain => truth.kind == Kind::NxDomain,
            _ => matches!(truth.kind, Kind::NoData | Kind::NxDomain),
        };
        assert!(allowed, "{}", about());
    }
    if denies && verdict.security == Security::Insecure && !opt_out {
        assert!(question.name.is_at_or_below(&name("plain.zone.test.")), "{}", about());
    }
}

/// Judges answers to random questions, all of it changed at random; counts the verdicts.
fn play(world: &mut World, pool: &Rc<Vec<Arc<Rrset>>>, seed: u64, opt_out: bool, seen: &mut [u32; 4]) {
    let mut dice = Dice(seed);
    world.trust.flush(Name::root());
    world.forwarded = dice.roll(2) == 0;
    let often = dice.roll(4) + 1;
    for _ in 0..10 {
        let question = Question::new(name(dice.pick::<&str>(NAMES)), *dice.pick(TYPES));
        let mut reply = world.reply(&question.name, question.rtype, &[]).expect("reply");
        change(&mut reply, pool, &mut dice);
        let (rolls, rrsets) = (RefCell::new(Dice(dice.0)), pool.clone());
        world.lie = Some(Box::new(move |_, reply| {
            let mut dice = rolls.borrow_mut();
            if dice.roll(often) > 0 {
                change(reply, &rrsets, &mut dice);
            }
        }));
        let verdict = world.judge(&question.name.to_string(), question.rtype, &reply).0;
        world.lie = None;
        seen[verdict.security as usize] += 1;
        compare(world, &question, &reply, &verdict, opt_out);
    }
}

#[test]
fn nothing_false_is_secure() {
    let mut seen = [0; 4];
    for kind in 0..3 {
        let mut world = world(kind);
        let pool = Rc::new(pool(&world));
        (1..=500).for_each(|seed: u64| {
            play(&mut world, &pool, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), kind == 2, &mut seen);
        });
    }
    // The lies are neither all found nor all passed over.
    let [bogus, _, insecure, secure] = seen;
    assert!(bogus > 1000 && insecure > 100 && secure > 1000, "{seen:?}");
}
