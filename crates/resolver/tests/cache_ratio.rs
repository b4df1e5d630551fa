//! What the cache keeps is worth keeping: its hit ratio against that of exact LRU with the same number of octets, on
//! names as people ask for them (Zipf) and on the same with scans of names that nobody asks for again.

use std::collections::{BTreeMap, HashMap};

use dns::{NameBuf, NameHasher, RType};
use resolver::Rrset;
use resolver::cache::{Cache, CacheSettings, NewEntry, NewPositive, Rank};
use resolver::security::Security;

/// Octets of the cache.
const SIZE: usize = 4 << 20;
const NAMES: usize = 500_000;
const QUESTIONS: usize = 700_000;
/// What an entry of exact LRU takes beside the octets that ours has for it: one index of hash and pointer at the same
/// load, and the two links of the list.
const LRU_OVERHEAD: usize = 12 + 16;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Ranks by their popularity: the one of rank k is asked for in proportion to 1 / k^s.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(names: usize, s: f64) -> Zipf {
        let mut sum = 0.0;
        Zipf(
            (1..=names)
                .map(|rank| {
                    sum += (rank as f64).powf(-s);
                    sum
                })
                .collect(),
        )
    }

    fn sample(&self, random: &mut Random) -> u64 {
        let at = random.unit() * self.0.last().expect("names");
        self.0.partition_point(|&sum| sum < at) as u64
    }
}

/// The same octets, kept by exact LRU.
#[derive(Default)]
struct Lru {
    entries: HashMap<u64, (u64, usize)>,
    order: BTreeMap<u64, u64>,
    bytes: usize,
    clock: u64,
}

impl Lru {
    /// Whether it was there; it is now.
    fn ask(&mut self, id: u64, size: usize) -> bool {
        self.clock += 1;
        let old = self.entries.insert(id, (self.clock, size));
        self.order.insert(self.clock, id);
        if let Some((then, _)) = old {
            self.order.remove(&then);
            return true;
        }
        self.bytes += size;
        while self.bytes > SIZE {
            let (_, oldest) = self.order.pop_first().expect("an entry");
            self.bytes -= self.entries.remove(&oldest).expect("an entry").1;
        }
        false
    }
}

/// Data of the sizes that names have: most small, some with many addresses, text or signatures.
fn rrset(id: u64) -> Rrset {
    let mut random = Random(id);
    let owner: NameBuf = format!("host{id}.example{}.test.", id % 5000).parse().expect("name");
    let addresses = 1 + random.next() % 4;
    let mut rrset = (0..addresses).fold(Rrset::new(owner, RType::A, 86_400), |set, i| set.with(&[192, 0, 2, i as u8]));
    if random.next().is_multiple_of(10) {
        rrset.signatures.push(&[7; 110]);
    }
    rrset
}

/// Hit ratios of the cache and of LRU.
fn ratios(questions: impl Iterator<Item = u64>) -> (f64, f64) {
    // All of the size is for answers, as it is for LRU.
    let settings = CacheSettings { max_size_bytes: SIZE, aggressive: false, ..CacheSettings::default() };
    let (cache, mut lru) = (Cache::new(settings, NameHasher::new(5)), Lru::default());
    let (mut hits, mut lru_hits, mut asked) = (0u64, 0u64, 0u64);
    let mut sizes: HashMap<u64, usize> = HashMap::new();
    for id in questions {
        let rrset = rrset(id);
        let found = cache.lookup(0, &rrset.owner, RType::A, dns::Name::root()).is_some();
        if !found {
            let (rank, security) = (Rank::AuthoritativeAnswer, Security::Insecure);
            let new = NewPositive { rrset: &rrset, rank, security, proofs: &[], origin: None, reason: None };
            cache.insert(0, NewEntry::Positive(new));
        }
        let size = *sizes.entry(id).or_insert_with(|| {
            let own = 36 + rrset.owner.len() + rrset.rdata.as_octets().len() + rrset.signatures.as_octets().len();
            own.next_multiple_of(8) + LRU_OVERHEAD
        });
        let lru_found = lru.ask(id, size);
        // The first third fills them.
        asked += 1;
        if asked as usize > QUESTIONS / 3 {
            hits += u64::from(found);
            lru_hits += u64::from(lru_found);
        }
    }
    let counted = (asked as usize - QUESTIONS / 3) as f64;
    (hits as f64 / counted, lru_hits as f64 / counted)
}

fn check(what: &str, questions: impl Iterator<Item = u64>) {
    let (ours, lru) = ratios(questions);
    println!("{what}: {:.2} % hits, exact LRU {:.2} %", ours * 100.0, lru * 100.0);
    assert!(ours >= lru, "{what}: {ours} is less than {lru} of LRU");
}

#[test]
fn as_people_ask() {
    for s in [0.8, 1.0, 1.2] {
        let (zipf, mut random) = (Zipf::new(NAMES, s), Random(1));
        check(&format!("Zipf {s}"), (0..QUESTIONS).map(|_| zipf.sample(&mut random)));
    }
}

/// Every tenth of the trace begins with a scan as long as the cache is large; and one question in three is for a name
/// of its own all the time.
#[test]
fn with_scans_in_between() {
    let (zipf, mut random) = (Zipf::new(NAMES, 1.0), Random(2));
    let scanned = |i: usize| 1_000_000_000 + i as u64;
    let scan = QUESTIONS / 10;
    let questions = (0..QUESTIONS).map(|i| {
        let in_scan = i % scan < scan / 3;
        if in_scan { scanned(i) } else { zipf.sample(&mut random) }
    });
    check("Zipf 1.0 with scans", questions);
    let mut random = Random(3);
    let questions = (0..QUESTIONS).map(|i| match random.next() % 3 {
        0 => scanned(i),
        _ => zipf.sample(&mut random),
    });
    check("Zipf 1.0, a third names of their own", questions);
}

/// What people ask for changes: the names that are popular are others from time to time.
#[test]
fn when_popularity_moves() {
    let (zipf, mut random) = (Zipf::new(NAMES, 1.0), Random(4));
    let questions = (0..QUESTIONS).map(|i| zipf.sample(&mut random) + (i / (QUESTIONS / 20)) as u64 * 200);
    check("Zipf 1.0 that moves", questions);
}
