//! Answering from the cache allocates nothing: a counting allocator watches `Cache::answer`.

use std::sync::Arc;

use allocation_counter::measure;
use dns::question::HashedName;
use dns::response::Writer;
use dns::{NameBuf, NameHasher, RType};
use resolver::Rrset;
use resolver::cache::{Ask, Cache, CacheSettings, NewEntry, NewFailure, NewNegative, NewPositive, Rank};
use resolver::security::{Reason, Security};

const HASHER: NameHasher = NameHasher::new(3);

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn rrset(owner: &str, rtype: RType, rdata: &[u8]) -> Rrset {
    let mut rrset = Rrset::new(name(owner), rtype, 100).with(rdata);
    rrset.signatures.push(&[1; 90]);
    rrset
}

fn filled() -> Cache {
    let settings = CacheSettings { serve_stale: true, ..CacheSettings::default() };
    let cache = Cache::new(settings, HASHER);
    let soa = rrset("test.", RType::SOA, &[&[0, 0][..], &[0, 0, 1, 0].repeat(5)].concat());
    let proofs = [Arc::new(rrset("a.test.", RType::NSEC, b"\x01z\x04test\0\0\x01\x40"))];
    let reason = Reason::new(6, "a reason");
    let positive = |rrset: &Rrset, security| {
        let rank = Rank::AuthoritativeAnswer;
        let new = NewPositive { rrset, rank, security, proofs: &proofs, origin: None, reason: Some(&reason) };
        cache.insert(0, NewEntry::Positive(new));
    };
    positive(&rrset("a.test.", RType::A, &[1; 4]), Security::Secure);
    positive(&rrset("c1.test.", RType::CNAME, name("c2.test.").as_wire()), Security::Secure);
    positive(&rrset("c2.test.", RType::CNAME, name("a.test.").as_wire()), Security::Insecure);
    positive(&rrset("bad.test.", RType::A, &[1; 4]), Security::Bogus);
    positive(&rrset("large.test.", RType::TXT, &[60; 61]), Security::Insecure);
    for (at, rtype) in [("gone.test.", None), ("empty.test.", Some(RType::A))] {
        cache.insert(
            0,
            NewEntry::Negative(NewNegative {
                name: &name(at),
                rtype,
                soa: Some(&soa),
                proofs: &proofs,
                rank: Rank::AuthoritativeAnswer,
                security: Security::Secure,
                origin: None,
                reason: None,
            }),
        );
    }
    let failed = name("failed.test.");
    let security = Security::Indeterminate;
    cache.insert(0, NewEntry::Failure(NewFailure { name: &failed, rtype: RType::A, reason: &reason, security }));
    cache
}

const NAMES: [&str; 9] = [
    "a.test.",
    "C1.test.",
    "c2.test.",
    "bad.test.",
    "large.test.",
    "gone.test.",
    "empty.test.",
    "failed.test.",
    "unknown.test.",
];

/// Asks for everything in every way; how many answers there were.
fn ask_all(
    cache: &Cache,
    buf: &mut [u8],
    names: &[NameBuf],
    question: &mut HashedName,
    alias: &mut HashedName,
) -> usize {
    let mut answers = 0;
    for name in names {
        question.set(name, HASHER);
        for flags in 0..4 {
            for (now_ms, limit) in [(1000, 1232), (1000, 100), (99_000, 512), (101_000, 512)] {
                for qtype in [RType::A, RType::TXT, RType::NSEC, RType::ANY] {
                    let ask = Ask { qtype, dnssec_ok: flags & 1 != 0, checking_disabled: flags & 2 != 0 };
                    let mut w = Writer::new(buf, question, HASHER, 16 + name.len(), limit);
                    answers += usize::from(cache.answer(now_ms, &ask, alias, |_| false, &mut w).is_some());
                }
            }
        }
    }
    answers
}

#[test]
fn answering_allocates_nothing() {
    let cache = filled();
    let names = NAMES.map(name);
    let (mut question, mut alias) = (HashedName::default(), HashedName::default());
    let mut buf = vec![0; 1232];
    let mut answers = 0;
    let info = measure(|| answers = ask_all(&cache, &mut buf, &names, &mut question, &mut alias));
    assert_eq!(info.count_total, 0, "{info:?}");
    assert!(answers > 120, "{answers}");
}

#[test]
fn the_allocator_counts() {
    let info = measure(|| drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!((info.count_total, info.bytes_total), (1, 100));
}
