use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::who::{ListId, ListSet};

const MINUTE_MS: i64 = 60_000;
/// Monday, 1 June 2026, noon in Berlin.
const NOON_MS: i64 = 1_780_308_000_000;

fn at(text: &str) -> IpAddr {
    text.parse().expect("a well-formed text")
}

fn set(numbers: &[u8]) -> ListSet {
    numbers.iter().fold(ListSet::default(), |set, number| set.with(ListId(*number)))
}

/// List 0 is "ads", 1 "games", 2 "school", 3 of the default group, 4 the rules of "kids", 9 holds always.
fn lists() -> Lists {
    let by_name = [("ads", 0), ("games", 1), ("school", 2)];
    Lists {
        by_name: by_name.into_iter().map(|(name, number)| (name.to_owned(), ListId(number))).collect(),
        of_group: [(DEFAULT_GROUP.to_owned(), set(&[3]))].into(),
        rules: [("kids".to_owned(), ListId(4))].into(),
        always: set(&[9]),
    }
}

fn build_with(setup: Setup<'_>, leases: &Leases) -> Result<Directory, Vec<Mistake>> {
    let system_zone = Zone::named("Europe/Berlin").expect("a known zone");
    let around = Surroundings { lists: &lists(), leases, system_zone: &system_zone, now_ms: NOON_MS, seed: 5 };
    Directory::build(setup, &around)
}

fn build(devices: &str, groups: &str, pauses: &[Pause]) -> Result<Directory, Vec<Mistake>> {
    let devices: Vec<Device> = serde_json::from_str(devices).expect("JSON of this form");
    let groups: Vec<Group> = serde_json::from_str(groups).expect("JSON of this form");
    build_with(Setup { devices: &devices, groups: &groups, pauses }, &Leases::default())
}

const DEVICES: &str = r#"[
    {"id": "1", "name": "tablet", "addresses": ["192.0.2.7", "2001:db8:7::/64"], "group": "kids", "tags": ["user_child"]},
    {"name": "office", "addresses": ["192.0.2.0/24"], "logging": "none"}
]"#;

const GROUPS: &str = r#"[
    {"name": "kids", "lists": ["ads", "games"], "allow": ["school"], "safe_search": "strict", "logging": "counts",
     "upstreams": ["198.51.100.53"], "schedules": [
        {"days": ["mon", "tue", "wed", "thu", "sun"], "from": "21:00", "to": "07:00", "action": "block_all"},
        {"days": ["mon"], "from": "14:00", "to": "15:00", "time_zone": "UTC", "action": {"lists": ["ads"]}},
        {"days": ["mon"], "from": "15:00", "to": "16:00", "time_zone": "UTC", "action": "no_blocking"}]}
]"#;

fn hours(hours: i64) -> i64 {
    NOON_MS + hours * 60 * MINUTE_MS
}

#[test]
fn clients_have_the_profile_of_their_device_or_the_default_group() {
    let directory = build(DEVICES, GROUPS, &[]).expect("no mistake");
    let profiles = directory.at(NOON_MS);
    let tablet = profiles.find(at("192.0.2.7"));
    assert_eq!((tablet.device.as_deref(), &*tablet.group), (Some("tablet"), "kids"));
    assert_eq!(tablet.lists, set(&[0, 1, 4, 9]));
    assert_eq!((tablet.safe_search, tablet.logging), (SafeSearch::Strict, Logging::Counts));
    assert_eq!(directory.upstreams(tablet.upstreams), ["198.51.100.53"]);
    let who = tablet.who(at("192.0.2.7"));
    assert_eq!((who.device, who.tags.len(), who.lists), (Some("tablet"), 1, &tablet.lists));
    assert_eq!(profiles.find(at("2001:db8:7::1")), tablet);
    assert_eq!(profiles.find(at("::ffff:192.0.2.7")), tablet);
    let office = profiles.find(at("192.0.2.8"));
    assert_eq!((office.device.as_deref(), office.logging, office.lists), (Some("office"), Logging::None, set(&[3, 9])));
    let unknown = profiles.find(at("203.0.113.1"));
    assert_eq!((unknown.device.as_deref(), &*unknown.group, unknown.upstreams), (None, DEFAULT_GROUP, 0));
    assert_eq!((unknown, directory.upstream_sets(), profiles.devices().len()), (profiles.unknown(), 2, 2));
}

#[test]
fn schedules_say_what_holds_at_their_hours() {
    let directory = build(DEVICES, GROUPS, &[]).expect("no mistake");
    // Berlin is two hours ahead of UTC: the schedules of 14:00 to 16:00 UTC hold from 16:00 to 18:00.
    let steps = [
        (0, set(&[0, 1, 4, 9]), false, Because::Group, 4),
        (4, set(&[0, 4, 9]), false, Because::Schedule(1), 5),
        (5, set(&[9]), false, Because::Schedule(2), 6),
        (6, set(&[0, 1, 4, 9]), false, Because::Group, 9),
        (9, set(&[2, 4, 9]), true, Because::Schedule(0), 19),
        (19, set(&[0, 1, 4, 9]), false, Because::Group, 33),
    ];
    for (from, lists, block_all, because, next) in steps {
        let profiles = directory.at(hours(from));
        let tablet = profiles.find(at("192.0.2.7"));
        assert_eq!((tablet.lists, tablet.block_all, &tablet.because), (lists, block_all, &because), "{from}");
        assert_eq!(profiles.next_change_ms(), Some(hours(next)), "{from}");
        assert_eq!(tablet.safe_search, SafeSearch::Strict, "{from}");
        assert_eq!(profiles.find(at("192.0.2.8")).because, Because::Group);
    }
}

#[test]
fn without_schedules_and_pauses_nothing_changes_by_itself() {
    assert_eq!(build(DEVICES, r#"[{"name": "kids"}]"#, &[]).expect("no mistake").at(NOON_MS).next_change_ms(), None);
}

#[test]
fn a_schedule_that_always_holds_is_looked_at_seldom() {
    let week = r#"[{"name": "kids", "schedules": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "from": "00:00", "to": "24:00", "action": "no_blocking"}]}]"#;
    let profiles = build(DEVICES, week, &[]).expect("no mistake").at(NOON_MS);
    assert!(profiles.next_change_ms().expect("a change") > hours(24 * 60));
    assert_eq!(profiles.find(at("192.0.2.7")).because, Because::Schedule(0));
}

#[test]
fn a_pause_leaves_what_holds_always_and_ends_by_itself() {
    for (scope, tablet_paused, office_paused) in [
        (Scope::All, true, true),
        (Scope::Group("kids".into()), true, false),
        (Scope::Device("1".into()), true, false),
        (Scope::Device("office".into()), false, true),
        (Scope::Group(DEFAULT_GROUP.into()), false, true),
    ] {
        let pause = Pause::for_minutes(scope.clone(), NOON_MS, 10, "film", "ann");
        let directory = build(DEVICES, GROUPS, std::slice::from_ref(&pause)).expect("no mistake");
        let profiles = directory.at(NOON_MS);
        assert_eq!(profiles.next_change_ms(), Some(NOON_MS + 10 * MINUTE_MS), "{scope:?}");
        for (address, paused) in [("192.0.2.7", tablet_paused), ("192.0.2.8", office_paused)] {
            let profile = profiles.find(at(address));
            assert_eq!(matches!(profile.because, Because::Paused(_)), paused, "{scope:?} {address}");
            assert_eq!(profile.lists == set(&[9]), paused, "{scope:?} {address}");
        }
        let tablet = profiles.find(at("192.0.2.7"));
        assert_eq!(tablet.safe_search == SafeSearch::Off, tablet_paused);
        assert_eq!(tablet.logging, Logging::Counts);
        let after = directory.at(NOON_MS + 10 * MINUTE_MS);
        assert_eq!(
            (after.find(at("192.0.2.7")).because.clone(), after.next_change_ms()),
            (Because::Group, Some(hours(4)))
        );
    }
}

#[test]
fn a_pause_lifts_a_block_of_everything_and_it_comes_back() {
    let bedtime_ms = hours(9);
    let pause = Pause::for_minutes(Scope::Device("1".into()), bedtime_ms, 15, "", "");
    let directory = build(DEVICES, GROUPS, &[pause]).expect("no mistake");
    let tablet = |at_ms| directory.at(at_ms).find(at("192.0.2.7")).clone();
    let end_ms = bedtime_ms + 15 * MINUTE_MS;
    assert_eq!((tablet(bedtime_ms).block_all, tablet(bedtime_ms).lists), (false, set(&[9])));
    assert_eq!(directory.at(bedtime_ms).next_change_ms(), Some(end_ms));
    assert_eq!((tablet(end_ms).block_all, tablet(end_ms).because), (true, Because::Schedule(0)));
}

#[test]
fn of_several_pauses_the_longest_counts() {
    let pauses = [
        Pause::for_minutes(Scope::Device("1".into()), NOON_MS, 30, "device", ""),
        Pause::for_minutes(Scope::All, NOON_MS, 20, "all", ""),
        Pause::for_minutes(Scope::Group("kids".into()), NOON_MS, 10, "group", ""),
    ];
    let directory = build(DEVICES, GROUPS, &pauses).expect("no mistake");
    let why = |minutes: i64| match &directory.at(NOON_MS + minutes * MINUTE_MS).find(at("192.0.2.7")).because {
        Because::Paused(pause) => pause.why.clone(),
        other => format!("{other:?}"),
    };
    assert_eq!([why(0), why(19), why(29), why(30)], ["device", "device", "device", "Group"]);
    assert_eq!(directory.at(NOON_MS).next_change_ms(), Some(NOON_MS + 20 * MINUTE_MS));
}

#[test]
fn devices_and_groups_have_pauses_of_their_own() {
    let until = NOON_MS + MINUTE_MS;
    let devices = format!(r#"[{{"name": "tv", "addresses": ["192.0.2.1"], "paused_until_ms": {until}}}]"#);
    let groups = format!(r#"[{{"name": "default", "paused_until_ms": {until}}}]"#);
    for (devices, groups) in [(&*devices, "[]"), (r#"[{"name": "tv", "addresses": ["192.0.2.1"]}]"#, &*groups)] {
        let directory = build(devices, groups, &[]).expect("no mistake");
        assert_eq!(directory.at(NOON_MS).find(at("192.0.2.1")).lists, set(&[9]));
        assert_eq!(directory.at(NOON_MS).next_change_ms(), Some(until));
        assert_eq!(directory.at(until).find(at("192.0.2.1")).lists, set(&[3, 9]));
    }
}

#[test]
fn a_device_is_found_by_its_hardware_address_in_leases() {
    let mut leases = Leases::default();
    leases.add_dnsmasq(
        "0 02:00:5e:10:00:01 192.0.2.1 tv *\n0 02:00:5e:10:00:02 192.0.2.2 pc *\n1 02:00:5e:10:00:01 192.0.2.3 tv *\n",
    );
    let devices: Vec<Device> = serde_json::from_str(
        r#"[{"name": "tv", "macs": ["02:00:5E:10:00:01"]}, {"name": "pc", "macs": ["02-00-5e-10-00-02"]},
            {"name": "printer", "addresses": ["192.0.2.2"]}]"#,
    )
    .expect("JSON of this form");
    let directory = build_with(Setup { devices: &devices, ..Setup::default() }, &leases).expect("no mistake");
    let profiles = directory.at(NOON_MS);
    let name = |address: &str| profiles.find(at(address)).device.clone();
    assert_eq!(name("192.0.2.1").as_deref(), Some("tv"));
    assert_eq!(name("192.0.2.2").as_deref(), Some("printer"));
    assert_eq!(name("192.0.2.3"), None);
    assert_eq!(directory.contested_leases(), 1);
}

#[test]
fn two_devices_with_the_same_address_are_named_both() {
    let devices = r#"[{"name": "tv", "addresses": ["192.0.2.1"]},
        {"name": "pc", "addresses": ["192.0.2.2", "::ffff:192.0.2.1/128"]}]"#;
    let mistakes = build(devices, "[]", &[]).expect_err("a mistake");
    let text = mistakes[0].to_string();
    assert!(text.starts_with("clients[1].addresses[1]: "), "{text}");
    assert!(text.contains("tv") && text.contains("pc"), "{text}");
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let devices = r#"[
        {"name": "", "addresses": ["192.0.2.300", "192.0.2.7/24"], "macs": ["xx"], "group": "nobody", "tags": ["TV", "a", "a"]},
        {"name": "tv", "macs": ["02:00:5e:10:00:01"]}, {"id": "x", "name": "tv", "macs": ["02:00:5e:10:00:01"]},
        {"id": "x", "name": "pc"}]"#;
    let groups = r#"[
        {"name": "kids", "lists": ["adds"], "allow": ["none"], "upstreams": [" "], "schedules": [
            {"days": [], "from": "24:00", "to": "7", "time_zone": "Mars/Base", "action": {"lists": ["ads", "toys"]}}]},
        {"name": "kids"}]"#;
    let pauses = [
        Pause::for_minutes(Scope::Group("cats".into()), 0, 1, "", ""),
        Pause::for_minutes(Scope::Device("dog".into()), 0, 1, "", ""),
    ];
    let mistakes = build(devices, groups, &pauses).expect_err("a mistake");
    let mut paths: Vec<_> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "clients[0].addresses[0]",
            "clients[0].addresses[1]",
            "clients[0].group",
            "clients[0].macs[0]",
            "clients[0].name",
            "clients[0].tags[0]",
            "clients[0].tags[2]",
            "clients[2].macs[0]",
            "clients[2].name",
            "clients[3].id",
            "groups[0].allow[0]",
            "groups[0].lists[0]",
            "groups[0].schedules[0].action.lists[1]",
            "groups[0].schedules[0].days",
            "groups[0].schedules[0].from",
            "groups[0].schedules[0].time_zone",
            "groups[0].schedules[0].to",
            "groups[0].upstreams[0]",
            "groups[1].name",
            "pauses[0].scope",
            "pauses[1].scope",
        ]
    );
    assert!(mistakes.iter().all(|mistake| !mistake.wrong.is_empty() && !mistake.right.is_empty()));
}

#[test]
fn what_is_too_many_is_refused() {
    let group = Group { schedules: vec![schedule(0, 1); MAX_SCHEDULES + 1], ..Group::default() };
    let groups: Vec<_> = (0..=MAX_GROUPS).map(|i| Group { name: i.to_string(), ..group.clone() }).collect();
    let device = Device { addresses: vec!["::1".into(); MAX_DEVICE_ADDRESSES + 1], ..Device::default() };
    let devices: Vec<_> = (0..=MAX_DEVICES).map(|i| Device { name: i.to_string(), ..Device::default() }).collect();
    let pauses = vec![Pause::for_minutes(Scope::All, 0, 1, "", ""); MAX_PAUSES + 1];
    let build = |setup| build_with(setup, &Leases::default()).expect_err("a mistake");
    let all = build(Setup { devices: &devices, groups: &groups, pauses: &pauses });
    let has = |mistakes: &[Mistake], path: &str| mistakes.iter().any(|mistake| mistake.path == path);
    assert!(has(&all, "groups") && has(&all, "groups[0].schedules"));
    let others = build(Setup { devices: &devices, groups: &[], pauses: &pauses });
    assert!(has(&others, "clients") && has(&others, "pauses"));
    let one = build(Setup { devices: &[device], ..Setup::default() });
    assert!(has(&one, "clients[0].addresses"));
}

fn schedule(from: u16, to: u16) -> Schedule {
    let text = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let action = ScheduleAction::Fixed(FixedAction::BlockAll);
    Schedule { days: vec![Day::Mon, Day::Sat], from: text(from), to: text(to), time_zone: String::new(), action }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// What is published at each change is right at every minute until the next one.
    #[test]
    fn nothing_changes_between_two_changes(
        times in proptest::collection::vec((0u16..1440, 0u16..1440), 0..4),
        pauses in proptest::collection::vec((0usize..3, 1u32..3000), 0..3),
    ) {
        let group = Group {
            name: "kids".into(),
            schedules: times.iter().map(|(from, to)| schedule(*from, *to)).collect(),
            ..Group::default()
        };
        let scopes = [Scope::All, Scope::Group("kids".into()), Scope::Device("tv".into())];
        let pauses: Vec<_> = pauses
            .iter()
            .map(|(scope, minutes)| Pause::for_minutes(scopes[*scope].clone(), NOON_MS, *minutes, "", ""))
            .collect();
        let device = Device {
            name: "tv".into(), addresses: vec!["192.0.2.1".into()], group: "kids".into(), ..Device::default()
        };
        let setup = Setup { devices: &[device], groups: &[group], pauses: &pauses };
        let directory = build_with(setup, &Leases::default()).expect("no mistake");
        let holds = |at_ms: i64| {
            let profiles = directory.at(at_ms);
            let tv = profiles.find(at("192.0.2.1"));
            (tv.lists, tv.block_all, tv.because.clone(), profiles.unknown().lists)
        };
        let end_ms = NOON_MS + 8 * 24 * 60 * MINUTE_MS;
        let mut from_ms = NOON_MS;
        while from_ms < end_ms {
            let now = holds(from_ms);
            let next_ms = directory.at(from_ms).next_change_ms().unwrap_or(end_ms);
            prop_assert!(next_ms > from_ms);
            for at_ms in (from_ms..next_ms.min(end_ms)).step_by(7 * MINUTE_MS as usize).chain([next_ms - 1]) {
                prop_assert_eq!(&holds(at_ms), &now);
            }
            from_ms = next_ms;
        }
    }
}
