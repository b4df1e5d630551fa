use std::collections::HashMap;

use proptest::prelude::*;
use telemetry::Filter;
use telemetry::filter::{Facts, FoldedName};
use telemetry::history::{Cursor, Found, Limits, Store, StoredRow, Subject, Wanted, Writer};

use super::rows::{Directory, Made, START_US, roomy, rows, write};

const FOREVER: u64 = u64::MAX;

/// Whether a row matches, the plainest way.
fn matches(filter: &Filter, made: &Made) -> bool {
    let name = made.name.as_deref().map(FoldedName::new);
    let row = made.row();
    let facts = Facts { decision: made.decision(), ..Facts::new(&row, name.as_ref()) };
    filter.accepts(&facts)
}

/// All that a search finds, `limit` rows at a time, of a store that stops it after each segment if `slices`.
pub fn all(store: &Store, wanted: &Wanted<'_>, limit: usize, slices: bool) -> Vec<StoredRow> {
    let (mut rows, mut after): (Vec<StoredRow>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let Found { rows: found, progress } = store.search(wanted, after, limit, &|| slices);
        assert!(found.len() <= limit);
        assert!(found.is_sorted_by(|a, b| a.id > b.id));
        rows.extend(found);
        let Some(next) = progress.next else { return rows };
        assert!(after.is_none_or(|after| next < after), "it gets on");
        assert_eq!(next.to_string().parse(), Ok(next));
        after = Some(next);
    }
}

/// A stored row is what went in.
fn assert_same(stored: &StoredRow, made: &Made) {
    assert_eq!(stored.id, made.id);
    assert_eq!(stored.elapsed_us, made.elapsed_us);
    assert_eq!(stored.client, made.client.ip().to_canonical());
    assert_eq!((stored.transport, stored.source, stored.rcode), (made.transport, made.source, made.rcode));
    assert_eq!((stored.security, stored.upstream), (made.security, made.upstream));
    let name = made.name.as_ref().map(|name| name.clone().into_canonical());
    assert_eq!(stored.question.as_ref().map(|(name, ..)| name), name.as_ref());
    let zone = made.row().zone().map(|zone| zone.to_canonical());
    assert_eq!(stored.zone, zone);
    assert_eq!(stored.question.as_ref().map(|(_, rtype, _)| *rtype), name.map(|_| made.rtype));
    assert_eq!(usize::from(stored.response_len), made.response.len());
    assert_eq!(stored.data.len(), usize::from(made.name.is_some()));
    assert!(stored.data.iter().all(|text| text.starts_with("192.0.2.")));
    assert_eq!(stored.decision.list.as_deref(), made.list);
    assert_eq!(stored.decision.policy, None);
}

fn filter_text() -> impl Strategy<Value = String> {
    let terms = [
        "example",
        "name:*.example.org",
        "-name:www.example.org",
        "zone:example.org",
        "zone:*",
        "type:A,MX",
        "-type:AAAA",
        "code:NXDOMAIN",
        "source:refused",
        "source:zone",
        "cache:hit",
        "cache:miss",
        "proto:tcp",
        "dnssec:secure",
        "-dnssec:none",
        "client:192.0.2.0/25",
        "client:2001:db8::/32",
        "upstream:*",
        "upstream:9.9.9.9",
        "time:>200ms",
        "time:<50ms",
        "list:Ads",
        "-list:*",
        "action:blocked",
        "rule:*example*",
        "nothing-has-this",
        "name:.",
        "id:0c6b93c0-1d40-7000-8000-004d00000003",
    ];
    proptest::collection::vec(proptest::sample::select(terms.to_vec()), 0..4).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the filter, the range and the size of pages and segments, a search finds what looking at each row finds.
    #[test]
    fn a_search_finds_what_there_is(
        seed in 0u64..1000,
        texts in proptest::collection::vec(filter_text(), 1..6),
        (from, to) in (0u64..700, 0u64..700),
        rows_per_segment in 20u64..200,
        limit in 1usize..150,
        slices in any::<bool>(),
    ) {
        let directory = Directory::new("search");
        let made = rows(seed, 600);
        let mut writer = Writer::open(directory.path(), roomy(rows_per_segment.max(40))).expect("a store");
        write(&mut writer, &made);
        let (from_us, to_us) = (START_US + from * 10_000, START_US + to.max(from) * 10_000);
        for text in &texts {
            let filter = Filter::parse(text).expect("a filter");
            for (from_us, to_us) in [(0, FOREVER), (from_us, to_us)] {
                let wanted = Wanted { filter: &filter, from_us, to_us };
                let found = all(writer.store(), &wanted, limit, slices);
                let is_wanted = |made: &&Made| {
                    (from_us..=to_us).contains(&made.id.time_us()) && matches(&filter, made)
                };
                let want: Vec<&Made> = made.iter().rev().filter(is_wanted).collect();
                prop_assert_eq!(found.len(), want.len(), "{}", text);
                found.iter().zip(want).for_each(|(stored, made)| assert_same(stored, made));
            }
        }
    }
}

#[test]
fn counts_are_those_of_the_rows() {
    let directory = Directory::new("counts");
    let made = rows(5, 900);
    let mut writer = Writer::open(directory.path(), roomy(100)).expect("a store");
    write(&mut writer, &made);
    let store = writer.store();
    let filter = Filter::parse("-source:refused").expect("a filter");
    let wanted = Wanted { filter: &filter, from_us: 0, to_us: FOREVER };
    let mut names: HashMap<String, u64> = HashMap::new();
    let mut groups: HashMap<(String, String, u16), u64> = HashMap::new();
    for made in made.iter().filter(|made| matches(&filter, made)) {
        let name = made.name.clone().expect("a name").into_canonical();
        *names.entry(telemetry::history::name_text(&name)).or_default() += 1;
        *groups.entry((name.to_string(), made.client.ip().to_canonical().to_string(), made.rcode.0)).or_default() += 1;
    }
    let top = store.top(&wanted, Subject::Name, "", (None, 100), &|| false);
    assert_eq!(top.values.into_iter().collect::<HashMap<_, _>>(), names);
    assert_eq!((top.rows, top.others, top.progress.next), (names.values().sum(), 0, None));
    let mail = store.top(&wanted, Subject::Name, "Mail", (None, 100), &|| false).values;
    assert_eq!(mail.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["mail.example.org"]);
    for by_client in [false, true] {
        let found = store.groups(&wanted, by_client, (None, 100), &|| false);
        let mut sums: HashMap<(String, String, u16), u64> = HashMap::new();
        for group in &found.groups {
            let (name, client) = (group.name.as_ref().expect("a name"), group.client.expect("a client"));
            *sums.entry((name.to_string(), client.to_string(), group.rcode.0)).or_default() += group.count;
        }
        assert_eq!(sums, groups);
        assert!(found.groups.iter().all(|group| (1..=4).contains(&group.types.len())), "types are folded");
        let sides: Vec<_> = found.groups.iter().map(|group| (by_client, group.client, group.name.clone())).collect();
        let changes =
            sides.windows(2).filter(|two| if by_client { two[0].1 != two[1].1 } else { two[0].2 != two[1].2 });
        let distinct = if by_client { 4 } else { names.len() };
        assert_eq!(changes.count() + 1, distinct, "those of one name or client stand together");
    }
    for (subject, value) in [
        (Subject::Client, "198.51.100.1"),
        (Subject::Type, "TYPE65280"),
        (Subject::Code, "SERVFAIL"),
        (Subject::Upstream, "2001:db8::53"),
        (Subject::Source, "stale"),
        (Subject::Zone, "example.org"),
    ] {
        let top = store.top(&wanted, subject, "", (None, 100), &|| false).values;
        let count = top.iter().find(|(found, _)| found == value).expect(value).1;
        let key = telemetry::history::SUBJECTS.iter().find(|(known, _)| *known == subject).expect("a key").1;
        let same = Filter::parse(&format!("-source:refused {key}:{value}")).expect("a filter");
        assert_eq!(count, made.iter().filter(|made| matches(&same, made)).count() as u64, "{value}");
    }
}

#[test]
fn a_row_is_found_by_its_identifier() {
    let directory = Directory::new("id");
    let made = rows(9, 300);
    let mut writer = Writer::open(directory.path(), roomy(64)).expect("a store");
    write(&mut writer, &made);
    for made in made.iter().step_by(37) {
        assert_same(&writer.store().find(made.id).expect("the row"), made);
    }
    let other = telemetry::RequestId::new(START_US, 77, 1);
    assert_eq!(writer.store().find(other), None);
}

#[test]
fn a_clock_that_jumps_back_loses_nothing() {
    let directory = Directory::new("clock");
    let (mut later, earlier) = (rows(1, 100), rows(2, 100));
    let hour_us = 3_600_000_000;
    for made in &mut later {
        made.id = telemetry::RequestId::new(made.id.time_us() + hour_us, 77, u64::from(made.id.sequence()));
    }
    let mut writer = Writer::open(directory.path(), roomy(60)).expect("a store");
    write(&mut writer, &later);
    write(&mut writer, &earlier);
    let filter = Filter::default();
    let count = |from_us, to_us| all(writer.store(), &Wanted { filter: &filter, from_us, to_us }, 1000, true).len();
    assert_eq!(count(0, FOREVER), 200);
    assert_eq!(count(START_US + hour_us, FOREVER), 100);
    assert_eq!(count(0, START_US + hour_us - 1), 100);
    let first = writer.store().search(&Wanted { filter: &filter, from_us: 0, to_us: FOREVER }, None, 1000, &|| false);
    assert!(first.rows.is_sorted_by(|a, b| a.id > b.id));
}

#[test]
fn limits_hold() {
    let directory = Directory::new("limits");
    let made = rows(3, 5000);
    let limits = Limits { max_rows: 1000, max_days: 3650, max_bytes: 1 << 30 };
    let mut writer = Writer::open(directory.path(), limits).expect("a store");
    for few in made.chunks(50) {
        write(&mut writer, few);
        assert!(writer.store().counts().rows <= 1000);
    }
    let counts = writer.store().counts();
    assert!(counts.rows > 850 && counts.written == 5000, "{counts:?}");
    assert_eq!(counts.segments, directory.files("segment").len());
    writer.store().set_limits(Limits { max_bytes: counts.size_bytes / 2, ..limits });
    write(&mut writer, &made);
    writer.flush();
    let after = writer.store().counts();
    assert!(after.size_bytes <= counts.size_bytes / 2 && after.rows > 200, "{after:?}");
    drop(writer);
    // The rows are of 2030: in a hundred years none is too old; what came in 1970 goes when its segment is closed.
    let mut old = rows(4, 200);
    for made in &mut old {
        made.id = telemetry::RequestId::new(u64::from(made.id.sequence()), 77, u64::from(made.id.sequence()));
    }
    let directory = Directory::new("age");
    let mut writer = Writer::open(directory.path(), Limits { max_days: 30, ..roomy(60) }).expect("a store");
    write(&mut writer, &old);
    let counts = writer.store().counts();
    assert!(counts.segments == 0 && counts.rows < 60, "{counts:?}");
}
