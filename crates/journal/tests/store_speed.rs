//! How fast the store is. Not part of a normal run:
//! `cargo test -p headwater-journal --profile quick --test store_speed -- --ignored --nocapture --test-threads 1`

use std::sync::Arc;
use std::time::Instant;

use dns::{NameBuf, NameHasher, RType};
use journal::{Accepted, Store};
use zone::{Action, ChangeSet, RecordList, RecordListBuilder, Records, RrsetChange, ZoneChange, ZoneSettings};

const SOA: &[u8] =
    b"\x02ns\x00\x02hm\x00\x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x03\x84\x00\x09\x3a\x80\x00\x00\x0e\x10";

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn change(offset: u64, zones: Vec<ZoneChange>) -> Accepted {
    Accepted { first: offset, offset, change: Arc::new(ChangeSet { at_ms: offset, zones, ..ChangeSet::default() }) }
}

fn create(zone: &NameBuf, records: RecordList) -> ZoneChange {
    let settings = ZoneSettings::default();
    ZoneChange {
        zone: zone.clone().into(),
        base: None,
        from: None,
        to: Some(1),
        primary_serial: None,
        action: Action::Create { settings, records },
    }
}

/// 1,000,000 names with 1,240,000 records, in canonical order or not.
fn large_zone(origin: &NameBuf, in_order: bool) -> RecordList {
    let mut list = RecordListBuilder::default();
    list.push(origin, RType::SOA, 3600, SOA);
    for i in 0..1_000_000u32 {
        let i = if in_order { i } else { i.wrapping_mul(7_919) % 1_000_000 };
        let owner = name(&format!("name{i:07}.example."));
        list.push(&owner, RType::A, 300, &i.to_be_bytes());
        if i % 25 < 6 {
            list.push(&owner, RType::AAAA, 300, &u128::from(i).to_be_bytes());
        }
    }
    list.finish()
}

/// Nanoseconds that this thread has run, where the system says so: other work on the machine does not count.
fn processor_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, before) = (Instant::now(), processor_ns());
    let result = work();
    let own_ms = (processor_ns() - before) / 1_000_000;
    println!("{what}: {:.0} ms, {own_ms} ms of this thread's processor", start.elapsed().as_secs_f64() * 1000.0);
    result
}

fn replace(zone: &NameBuf, before: &RecordList, after: &RecordList) -> ZoneChange {
    let action = Action::Replace { before: before.clone(), after: after.clone() };
    ZoneChange { zone: zone.clone().into(), base: None, from: Some(1), to: Some(2), primary_serial: None, action }
}

fn edit(zone: &NameBuf, i: u32) -> ZoneChange {
    let owner = name(&format!("name{i:07}.example."));
    let after = Some(Records { ttl: 1, data: vec![vec![9; 4]], signatures: Vec::new() });
    let action = Action::Edit(vec![RrsetChange { owner, rtype: RType::A, before: None, after }]);
    ZoneChange { zone: zone.clone().into(), base: None, from: Some(2), to: Some(3), primary_serial: None, action }
}

#[test]
#[ignore = "measures"]
fn one_large_zone() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("store.db");
    let origin = name("example.");
    let records = large_zone(&origin, true);
    let mut store = Store::open(&path).expect("store");
    timed("create, 1.24M records", || store.apply(&[change(1, vec![create(&origin, records.clone())])]))
        .expect("applied");
    println!("file: {} MiB", std::fs::metadata(&path).expect("file").len() >> 20);
    let contents = timed("build from the list alone", || zone::diff::build(&origin, NameHasher::new(3), &records).0);
    for _ in 0..3 {
        let loaded = timed("load", || store.load(NameHasher::new(3))).expect("loaded");
        let loaded = loaded[0].contents.as_ref().expect("contents");
        assert_eq!(loaded.record_count(), contents.record_count());
    }
    let other = large_zone(&origin, false);
    timed("replace, unsorted", || store.apply(&[change(2, vec![replace(&origin, &records, &other)])]))
        .expect("applied");
    timed("replace, sorted", || store.apply(&[change(3, vec![replace(&origin, &other, &records)])])).expect("applied");
    let edits: Vec<_> = (0..10_000).map(|i| change(u64::from(10 + i), vec![edit(&origin, i * 97)])).collect();
    timed("10,000 changes of a record, in batches of 100", || {
        edits.chunks(100).try_for_each(|batch| store.apply(batch))
    })
    .expect("applied");
    timed("load", || store.load(NameHasher::new(3))).expect("loaded");
}

#[test]
#[ignore = "measures"]
fn many_small_zones() {
    let directory = tempfile::tempdir().expect("directory");
    let mut store = Store::open(&directory.path().join("store.db")).expect("store");
    let zones = (0..100_000).map(|i| {
        let origin = name(&format!("zone{i:06}.example."));
        let mut list = RecordListBuilder::default();
        list.push(&origin, RType::SOA, 3600, SOA);
        list.push(&origin, RType::NS, 3600, b"\x02ns\x00");
        list.push(&origin, RType::MX, 3600, b"\x00\x0a\x02mx\x00");
        list.push(&origin, RType::A, 3600, &[192, 0, 2, 1]);
        list.push(&name(&format!("www.zone{i:06}.example.")), RType::A, 3600, &[192, 0, 2, 1]);
        create(&origin, list.finish())
    });
    let change = change(1, zones.collect());
    timed("create 100,000 zones", || store.apply(&[change])).expect("applied");
    for _ in 0..3 {
        let loaded = timed("load", || store.load(NameHasher::new(3))).expect("loaded");
        assert_eq!(loaded.len(), 100_000);
    }
}
