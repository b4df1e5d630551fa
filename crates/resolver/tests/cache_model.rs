//! The cache against a model that is too simple to be wrong, and under several threads at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use dns::question::HashedName;
use dns::response::Writer;
use dns::{Message, NameBuf, NameHasher, RType};
use proptest::prelude::*;
use resolver::Rrset;
use resolver::cache::{Ask, Cache, CacheSettings, Found, NewEntry, NewNegative, NewPositive, Rank};
use resolver::security::Security;
use resolver::terms::Terms;

const HASHER: NameHasher = NameHasher::new(11);
const TYPES: [RType; 3] = [RType::A, RType::TXT, RType(65_280)];

#[derive(Debug, Clone)]
enum Step {
    /// Name, type, octets of data, TTL, rank.
    Insert(u16, usize, usize, u32, bool),
    /// Name: it does not exist.
    Deny(u16, u32),
    Wait(u64),
    Lookup(u16, usize),
    FlushName(u16),
    FlushType(u16, usize),
    FlushSubtree(u16),
    Sweep,
    Reload,
}

fn steps(names: u16, largest: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..names, 0..3usize, 1..largest, 1..40u32, any::<bool>())
            .prop_map(|(name, rtype, len, ttl, strong)| Step::Insert(name, rtype, len, ttl, strong)),
        2 => (0..names, 1..40u32).prop_map(|(name, ttl)| Step::Deny(name, ttl)),
        4 => (1..9000u64).prop_map(Step::Wait),
        12 => (0..names, 0..3usize).prop_map(|(name, rtype)| Step::Lookup(name, rtype)),
        1 => (0..names).prop_map(Step::FlushName),
        1 => (0..names, 0..3usize).prop_map(|(name, rtype)| Step::FlushType(name, rtype)),
        1 => (0..names).prop_map(Step::FlushSubtree),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..400)
}

/// Names of a small tree, so that there is something below others.
fn name(i: u16) -> NameBuf {
    let labels: Vec<String> = (0..3).map(|level| (i >> (4 * level) & 15).to_string()).filter(|l| l != "0").collect();
    format!("{}.test.", labels.join(".x-")).trim_start_matches('.').parse().expect("name")
}

/// What was put in last, and when it expires.
#[derive(Debug, Clone)]
struct Known {
    data: Option<Rrset>,
    expires_ms: u64,
    strong: bool,
}

struct Pair {
    cache: Cache,
    model: HashMap<(NameBuf, Option<RType>), Known>,
    now_ms: u64,
}

fn settings() -> CacheSettings {
    CacheSettings { max_size_bytes: 1 << 20, ..CacheSettings::default() }
}

fn soa(ttl: u32) -> Rrset {
    Rrset::new("test.".parse().expect("name"), RType::SOA, ttl).with(&[&[0, 0][..], &[0, 0, 1, 0].repeat(5)].concat())
}

impl Pair {
    fn insert(&mut self, at: u16, rtype: usize, len: usize, ttl: u32, strong: bool) {
        let mut rrset = Rrset::new(name(at), TYPES[rtype], ttl);
        let octets = vec![at as u8; len.next_multiple_of(4)];
        match rrset.rtype {
            RType::A => octets.chunks(4).for_each(|part| rrset.rdata.push(part)),
            RType::TXT => {
                octets.chunks(200).for_each(|part| rrset.rdata.push(&[&[part.len() as u8], part].concat()));
            }
            _ => rrset.rdata.push(&octets),
        }
        let rank = if strong { Rank::AuthoritativeAnswer } else { Rank::NonAuthoritativeAnswer };
        let (security, proofs) = (Security::Insecure, &[][..]);
        let new = NewPositive { rrset: &rrset, rank, security, proofs, origin: None, reason: None };
        self.cache.insert(self.now_ms, NewEntry::Positive(new));
        let known = Known { data: Some(rrset), expires_ms: self.now_ms + u64::from(ttl) * 1000, strong };
        self.replace((name(at), Some(TYPES[rtype])), known);
    }

    fn replace(&mut self, key: (NameBuf, Option<RType>), known: Known) {
        let old = self.model.get(&key).filter(|old| self.now_ms < old.expires_ms);
        if old.is_none_or(|old| known.strong >= old.strong) {
            self.model.insert(key, known);
        }
    }

    fn deny(&mut self, at: u16, ttl: u32) {
        let (at, soa) = (name(at), soa(ttl));
        let new = NewNegative {
            name: &at,
            rtype: None,
            soa: Some(&soa),
            proofs: &[],
            rank: Rank::AuthoritativeAnswer,
            security: Security::Insecure,
            origin: None,
            reason: None,
        };
        self.cache.insert(self.now_ms, NewEntry::Negative(new));
        let expires_ms = self.now_ms + u64::from(ttl) * 1000;
        self.replace((at, None), Known { data: None, expires_ms, strong: true });
    }

    /// What the cache says is what the model says; only what was evicted may be missing.
    fn lookup(&mut self, at: u16, rtype: usize, may_evict: bool) {
        let (at, rtype) = (name(at), TYPES[rtype]);
        let fresh = |key: (NameBuf, Option<RType>)| self.model.get(&key).filter(|known| self.now_ms < known.expires_ms);
        let exact = fresh((at.clone(), Some(rtype)));
        let expected = exact.or_else(|| fresh((at.clone(), None)));
        match self.cache.lookup(self.now_ms, &at, rtype, dns::Name::root()) {
            Some(found) => {
                let ttl = ((expected.expect("known").expires_ms - self.now_ms) / 1000).max(1);
                match found {
                    Found::Positive(found) => {
                        let expected = exact.expect("positive");
                        assert_eq!(Some(&*found.data.rrset), expected.data.as_ref());
                        assert_eq!(u64::from(found.data.ttl), ttl);
                    }
                    // Of two things known, the RRset may have been evicted.
                    Found::Negative(found) => {
                        let denied = fresh((at.clone(), None)).expect("denied");
                        assert_eq!(u64::from(found.ttl), ((denied.expires_ms - self.now_ms) / 1000).max(1));
                        assert!(may_evict || exact.is_none());
                    }
                    other => panic!("{other:?}"),
                }
            }
            None => assert!(expected.is_none() || may_evict, "{at} {rtype} is missing: {expected:?}"),
        }
    }

    fn flush(&mut self, count: usize, may_evict: bool, is: impl Fn(&(NameBuf, Option<RType>)) -> bool) {
        let now_ms = self.now_ms;
        let fresh = self.model.iter().filter(|(key, known)| is(key) && now_ms < known.expires_ms).count();
        assert!(count >= fresh || may_evict, "{count} of {fresh}");
        self.model.retain(|key, _| !is(key));
    }

    fn reload(&mut self) {
        let mut file = Vec::new();
        self.cache.save(self.now_ms, self.now_ms, &Terms::default(), &mut file).expect("saved");
        self.cache = Cache::new(settings(), HASHER);
        self.cache.load(self.now_ms, self.now_ms, &Terms::default(), &mut &file[..]).expect("loaded");
    }

    fn step(&mut self, step: Step, may_evict: bool) {
        match step {
            Step::Insert(at, rtype, len, ttl, strong) => self.insert(at, rtype, len, ttl, strong),
            Step::Deny(at, ttl) => self.deny(at, ttl),
            Step::Wait(ms) => self.now_ms += ms,
            Step::Lookup(at, rtype) => self.lookup(at, rtype, may_evict),
            Step::FlushName(at) => {
                let count = self.cache.flush_name(&name(at));
                self.flush(count, may_evict, |key| key.0 == name(at));
            }
            Step::FlushType(at, rtype) => {
                let count = self.cache.flush_type(&name(at), TYPES[rtype]);
                self.flush(count, may_evict, |key| key.0 == name(at) && key.1.is_none_or(|t| t == TYPES[rtype]));
            }
            Step::FlushSubtree(at) => {
                let count = self.cache.flush_subtree(&name(at));
                self.flush(count, may_evict, |key| key.0.is_at_or_below(&name(at)));
            }
            Step::Sweep => {
                self.cache.sweep(self.now_ms, usize::MAX);
            }
            Step::Reload => self.reload(),
        }
        let stats = self.cache.stats();
        assert!(stats.bytes <= stats.max_bytes && stats.max_bytes <= 1 << 20, "{stats:?}");
    }
}

fn play(steps: Vec<Step>, may_evict: bool) {
    let mut pair = Pair { cache: Cache::new(settings(), HASHER), model: HashMap::new(), now_ms: 5000 };
    steps.into_iter().for_each(|step| pair.step(step, may_evict));
    // Whatever was evicted, the counts are right: nothing is left behind.
    let rows = pair.cache.browse(pair.now_ms, None, 10_000, None);
    let stats = pair.cache.stats();
    assert_eq!(stats.entries, rows.len() as u64);
    assert_eq!(stats.entry_bytes, rows.iter().map(|row| row.size as u64).sum::<u64>());
    assert_eq!(stats.entries, stats.by_type.iter().map(|counts| counts.entries).sum::<u64>());
    pair.cache.sweep(u64::from(u32::MAX), usize::MAX);
    assert_eq!((pair.cache.stats().entries, pair.cache.stats().entry_bytes), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(steps in steps(64, 60)) {
        play(steps, false);
    }

    #[test]
    fn agrees_with_the_model_when_it_is_full(steps in steps(1024, 30_000)) {
        play(steps, true);
    }
}

/// Threads insert, ask and flush at once; every answer is one that somebody put in.
#[test]
fn threads_do_not_disturb_each_other() {
    let settings = CacheSettings { max_size_bytes: 16 << 20, ..CacheSettings::default() };
    let (cache, done) = (Cache::new(settings, HASHER), AtomicBool::new(false));
    let owner = |i: u32| -> NameBuf { format!("n{i}.test.").parse().expect("name") };
    let insert = |from: u32| {
        for i in 0..60_000u32 {
            let id = (i * 7 + from) % 100_000;
            let rrset = Rrset::new(owner(id), RType::A, 100).with(&id.to_be_bytes());
            let rrset = (0..id % 5).fold(rrset, |rrset, i| rrset.with(&[0xff, 0, 0, i as u8]));
            let (rank, security) = (Rank::AuthoritativeAnswer, Security::Insecure);
            let new = NewPositive { rrset: &rrset, rank, security, proofs: &[], origin: None, reason: None };
            cache.insert(u64::from(i), NewEntry::Positive(new));
        }
    };
    let ask = || {
        let (mut question, mut alias) = (HashedName::default(), HashedName::default());
        let (mut i, mut hits) = (0u32, 0);
        while !done.load(Ordering::Relaxed) {
            i = (i + 12_345) % 100_000;
            let mut buf = Message::query(1, owner(i), RType::A).to_wire(512);
            let end = buf.len();
            buf.resize(1232, 0);
            question.set(&owner(i), HASHER);
            let mut w = Writer::new(&mut buf, &question, HASHER, end, 1232);
            let ask = Ask { qtype: RType::A, dnssec_ok: false, checking_disabled: false };
            if cache.answer(60_000, &ask, &mut alias, |_| false, &mut w).is_some() {
                let len = w.finish(1, 0, 0);
                let answers = Message::parse(&buf[..len]).expect("a message").answers;
                assert_eq!(answers[0].rdata, i.to_be_bytes());
                assert_eq!(answers.len() as u32, 1 + i % 5);
                hits += 1;
            }
        }
        hits
    };
    let hits: u64 = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..2).map(|_| scope.spawn(ask)).collect();
        let inserters: Vec<_> = (0..2).map(|i| scope.spawn(move || insert(i * 3))).collect();
        for i in 0..20 {
            cache.flush_name(&owner(i));
            cache.sweep(60_000, 10_000);
            cache.browse(60_000, Some(&owner(i)), 10, None);
            let stats = cache.stats();
            assert!(stats.bytes <= stats.max_bytes, "{stats:?}");
        }
        inserters.into_iter().for_each(|thread| thread.join().expect("inserts"));
        done.store(true, Ordering::Relaxed);
        askers.into_iter().map(|thread| thread.join().expect("asks")).sum()
    });
    assert!(hits > 0);
}
