//! What is taken out of the cache, what is listed of it, and what of it outlives the server.

use super::*;

#[test]
fn flushing() {
    let fill = || {
        let cache = cache(CacheSettings { max_size_bytes: 32 << 20, ..CacheSettings::default() });
        for owner in ["a.test.", "b.a.test.", "ba.test.", "test.", "other."] {
            put(&cache, 0, &a(owner, 100, 1));
            put(&cache, 0, &Rrset::new(name(owner), RType::TXT, 100).with(b"\x01x"));
        }
        cache
    };
    let check = |flush: &dyn Fn(&Cache) -> usize, count: usize, left: &[&str]| {
        let cache = fill();
        assert_eq!(
            (flush(&cache), cache.stats().entries, cache.stats().flushed),
            (count, 10 - count as u64, count as u64)
        );
        let rows = cache.browse(0, None, 100, None);
        let rows: Vec<_> = rows.iter().map(|row| format!("{} {}", row.name, row.rtype.expect("type"))).collect();
        assert_eq!(rows, left);
    };
    check(&|cache| cache.flush_all(), 10, &[]);
    let left = ["other. A", "other. TXT", "test. A", "test. TXT", "ba.test. A", "ba.test. TXT"];
    check(&|cache| cache.flush_subtree(&name("A.test.")), 4, &left);
    check(&|cache| cache.flush_name(&name("nothing.")), 0, &{
        let mut all = left.to_vec();
        all.splice(4..4, ["a.test. A", "a.test. TXT", "b.a.test. A", "b.a.test. TXT"]);
        all
    });
    let left = ["other. A", "other. TXT", "test. TXT", "a.test. A", "a.test. TXT"];
    let left = [&left[..], &["b.a.test. A", "b.a.test. TXT", "ba.test. A", "ba.test. TXT"]].concat();
    check(&|cache| cache.flush_type(&name("TEST."), RType::A), 1, &left);
    let left: Vec<_> = left.into_iter().filter(|row| !row.starts_with("test.")).collect();
    check(&|cache| cache.flush_name(&name("TEST.")), 2, &left);
}

#[test]
fn pages_of_names() {
    let cache = cache(CacheSettings { max_size_bytes: 32 << 20, ..CacheSettings::default() });
    let mut names: Vec<NameBuf> = (0..500).map(|i| name(&format!("n{}.z{}.test.", i * 7919 % 500, i % 3))).collect();
    for owner in &names {
        put(&cache, 0, &a(&owner.to_string(), 100, 1));
        put(&cache, 0, &Rrset::new(owner.clone(), RType::AAAA, 100).with(&[0; 16]));
    }
    names.sort();
    names.dedup();
    let (mut seen, mut after) = (Vec::new(), None::<NameBuf>);
    loop {
        let rows = cache.browse(7000, after.as_deref(), 33, None);
        let Some(last) = rows.last() else { break };
        assert_eq!((rows[0].rtype, rows[0].age_s, rows[0].ttl_left), (Some(RType::A), 7, 93));
        assert!(rows.len() <= 66);
        after = Some(last.name.clone());
        seen.extend(rows.iter().step_by(2).map(|row| row.name.clone()));
    }
    assert_eq!(seen, names);
    let below = cache.browse(0, None, 1000, Some(&name("z1.TEST.")));
    assert_eq!(below.len(), 2 * names.iter().filter(|owner| owner.is_at_or_below(&name("z1.test."))).count());
}

/// What was learned without validation, or from other servers, is not taken over.
#[test]
fn other_terms_when_loaded_and_flushed() {
    let anchors = resolver::anchors::Anchors::root();
    let on = || Settings { allow_sha1: true, ..Settings::default() };
    let terms = |settings: Settings| Terms::new(&settings, &anchors);
    let stub = StubZone { name: name("other."), servers: vec![([192, 0, 2, 1], 53).into()] };
    let cases = [
        (on(), on(), 2),
        (Settings { validate: false, ..on() }, on(), 0),
        (on(), Settings { validate: false, ..on() }, 0),
        (on(), Settings { stubs: vec![stub.clone()], ..on() }, 1),
        (Settings { stubs: vec![stub], ..on() }, on(), 1),
        (on(), Settings { negative_trust_anchors: vec![name("www.other.")], ..on() }, 1),
    ];
    for (before, after, left) in cases {
        let (before, after) = (terms(before), terms(after));
        let cache = secure_cache();
        put(&cache, 0, &a("www.other.", 1000, 1));
        let mut file = Vec::new();
        assert_eq!(cache.save(0, 0, &before, &mut file).expect("written"), 2);
        let loaded = Cache::new(small(), NameHasher::new(99));
        assert_eq!(loaded.load(0, 0, &after, &mut &file[..]).expect("loaded"), left, "{before:?} {after:?}");
        assert_eq!(cache.flush_changed(&before.changes_to(&after)) as u64, 2 - left, "{before:?} {after:?}");
        assert_eq!(cache.stats().entries, left);
    }
}

#[test]
fn saved_and_loaded() {
    let cache = secure_cache();
    put(&cache, 0, &a("www.other.", 1000, 1));
    put(&cache, 0, &a("short.other.", 20, 1));
    let (mut file, terms) = (Vec::new(), Terms::default());
    assert_eq!(cache.save(10_000, 1_000_000, &terms, &mut file).expect("written"), 3);
    // Ten seconds in the first run, thirty between, in a run whose clock began anew.
    let fresh = || Cache::new(small(), NameHasher::new(99));
    let loaded = fresh();
    assert_eq!(loaded.load(5_000, 1_030_000, &terms, &mut &file[..]).expect("loaded"), 2);
    let ttl = |at: &str| loaded.lookup(5_000, &name(at), RType::A, Name::root()).map(|found| found.ttl());
    assert_eq!((ttl("www.other."), ttl("short.other."), ttl("gone.test.")), (Some(960), None, Some(260)));
    assert!(loaded.aggressive(5_000, &name("c.test."), RType::A, Name::root()).is_some());
    // Damage anywhere is noticed, and nothing is taken.
    for at in (0..file.len()).step_by(3).chain([file.len() - 1]) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let cache = fresh();
        assert!(cache.load(0, 1_000_000, &terms, &mut &damaged[..]).is_err(), "{at}");
        assert!(cache.load(0, 1_000_000, &terms, &mut &file[..at]).is_err(), "{at}");
        assert_eq!(cache.stats().entries, 0);
    }
}
