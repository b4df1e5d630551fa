//! History against a model: listed, as a chain, as of a serial or a time, and what is kept of it.

mod common;

use std::sync::Arc;

use common::{HASHER, Moment, SparseJournal, State, World, append, is_same, name, soa};
use dns::{Name, NameBuf, RType};
use journal::{Accepted, Follower, History, Journal, Past, Store, codec, frame, history};
use tempfile::TempDir;
use zone::{Action, ChangeSet, Contents, RecordList, RecordListBuilder, ZoneChange, ZoneSettings};

struct Setting {
    moments: Vec<Moment>,
    journal: Arc<SparseJournal>,
    follower: Arc<Follower>,
    history: History,
    _directory: TempDir,
}

/// A history with its changes just handed to the follower.
fn setting(moments: impl FnOnce(&SparseJournal) -> Vec<Moment>) -> Setting {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("store.db");
    let journal = Arc::new(SparseJournal::default());
    let moments = moments(&journal);
    let store = Store::open(&path).expect("store");
    let follower = Arc::new(Follower::start(store, || (), |error| panic!("{error}")).expect("thread"));
    moments.iter().for_each(|moment| follower.push(std::slice::from_ref(&moment.accepted)));
    let history = History::new(&path, journal.clone(), follower.clone(), HASHER).expect("history");
    Setting { moments, journal, follower, history, _directory: directory }
}

fn random(seed: u64) -> Setting {
    setting(|journal| World::history(seed, journal, 150))
}

fn touches(accepted: &Accepted, zone: &Name) -> bool {
    accepted.change.zones.iter().any(|change| change.zone.is(zone))
}

fn zones(moments: &[Moment]) -> Vec<NameBuf> {
    let mut zones: Vec<_> = moments.iter().flat_map(|moment| moment.state.keys().cloned()).collect();
    zones.sort();
    zones.dedup();
    zones
}

fn contents<'a>(state: &'a State, zone: &NameBuf) -> Option<&'a Contents> {
    state.get(zone).and_then(|model| model.contents.as_ref())
}

#[test]
fn pages_hold_every_change_once() {
    let setting = random(1);
    let all: Vec<Accepted> = setting.moments.iter().map(|moment| moment.accepted.clone()).collect();
    let check = |zone: Option<&Name>, limit: usize| {
        let (mut got, mut before) = (Vec::new(), None);
        loop {
            let page = setting.history.changes(zone, before, limit).expect("page");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            before = Some(last.offset);
            got.extend(page);
        }
        got.reverse();
        let want: Vec<_> = all.iter().filter(|a| zone.is_none_or(|zone| touches(a, zone))).cloned().collect();
        assert_eq!(got, want, "{zone:?} {limit}");
    };
    for limit in [1, 7, 1000] {
        check(None, limit);
        zones(&setting.moments).iter().for_each(|zone| check(Some(zone), limit));
        check(Some(&name("EXAMPLE.")), limit);
        check(Some(&name("not.there.")), limit);
    }
    for limit in [1, 50, usize::MAX] {
        let (mut got, mut after) = (Vec::new(), 0);
        while let Some(last) = got.len().checked_sub(1).map(|i: usize| &all[i]).or(Some(&all[0])) {
            let page = setting.history.after(after, limit).expect("page");
            after = page.last().unwrap_or(last).offset;
            if page.is_empty() {
                break;
            }
            got.extend(page);
        }
        assert_eq!(got, all, "{limit}");
    }
    for accepted in &all {
        assert_eq!(setting.history.get(accepted.offset).expect("read").as_ref(), Some(accepted));
    }
    let last = all.last().expect("changes").offset;
    let gaps = (0..last + 3).filter(|offset| all.iter().all(|accepted| accepted.offset != *offset));
    for gap in gaps {
        assert_eq!(setting.history.get(gap).expect("read"), None);
    }
}

/// The chain by the model: contents changes of the zone's present life from `serial` on.
fn model_chain(moments: &[Moment], zone: &NameBuf, serial: u32) -> Option<Vec<Accepted>> {
    let mut chain = Vec::new();
    for moment in moments.iter().rev() {
        let Some(change) = moment.accepted.change.zones.iter().find(|change| change.zone.is(zone)) else { continue };
        match change.action {
            _ if change.to == Some(serial) => break,
            Action::Configure { .. } if change.to.is_some() => {}
            Action::Edit(_) | Action::Replace { .. } if change.from.is_some() => chain.push(moment.accepted.clone()),
            _ => return None,
        }
    }
    chain.reverse();
    Some(chain)
}

#[test]
fn chains_lead_from_a_serial_to_now() {
    for seed in 20..24 {
        let setting = random(seed);
        let now = &setting.moments.last().expect("changes").state;
        let mut found = 0;
        for zone in zones(&setting.moments) {
            for serial in 0..400 {
                let want = setting.moments.iter().any(|m| m.state.get(&zone).and_then(|z| z.serial()) == Some(serial));
                let want = want.then(|| model_chain(&setting.moments, &zone, serial)).flatten();
                let got = setting.history.since_serial(&zone, serial, 1000).expect("read");
                assert_eq!(got, want, "{zone} {serial}");
                let Some((chain, now)) = got.zip(contents(now, &zone)) else { continue };
                found += chain.len();
                let then = setting.moments.iter().rev().find_map(|moment| {
                    contents(&moment.state, &zone).filter(|c| c.soa().is_some_and(|soa| soa.serial == serial))
                });
                let undone = history::undo_to(now.clone(), &chain);
                assert!(is_same(undone.as_ref(), then), "{zone} {serial}");
                let past = setting.history.at_serial(now, serial).expect("read");
                assert!(is_same(past.as_ref(), then), "{zone} {serial}");
                if chain.len() > 1 {
                    assert_eq!(setting.history.since_serial(&zone, serial, chain.len() - 1).expect("read"), None);
                    assert!(history::undo_to(now.clone(), &chain[..chain.len() - 1]).is_none());
                }
            }
        }
        assert!(found > 20, "only {found} changes in chains");
    }
}

#[test]
fn zones_are_as_they_were() {
    for seed in 30..33 {
        let setting = random(seed);
        let end = setting.moments.last().expect("changes");
        // Serials go down to those of the past where the contents at hand are behind the index.
        for moment in setting.moments.iter().rev().step_by(40) {
            for at_ms in (0..end.accepted.change.at_ms + 200).step_by(250) {
                let behind = setting.moments.iter().rev().find(|m| m.accepted.change.at_ms <= at_ms);
                for zone in zones(&setting.moments) {
                    let now = contents(&moment.state, &zone);
                    // What the contents at hand do not tell apart: a zone that is not there.
                    let is_end = std::ptr::eq(moment, end);
                    if !is_end && (now.is_none() || at_ms >= moment.accepted.change.at_ms) {
                        continue;
                    }
                    let want = behind.and_then(|moment| contents(&moment.state, &zone));
                    let got = match setting.history.at_time(&zone, now, at_ms).expect("read") {
                        Past::Contents(contents) => Some(contents),
                        Past::Absent => None,
                        Past::Forgotten => panic!("{zone} {at_ms}: nothing has been forgotten"),
                    };
                    assert!(is_same(got.as_ref(), want), "{zone} {at_ms}");
                }
            }
        }
    }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[test]
fn retention_forgets_the_oldest() {
    let setting = random(40);
    setting.follower.sync_all().expect("synchronised");
    let moments = &setting.moments;
    let offset = |i: usize| Some(moments[i].accepted.offset);
    let (first_ms, last_ms) = (moments[0].accepted.change.at_ms, moments[149].accepted.change.at_ms);
    let plan = |now, days, changes| setting.history.plan_trim(now, days, changes).expect("read");
    assert_eq!(plan(u64::MAX, None, None), None);
    assert_eq!(plan(first_ms + 7 * DAY_MS, Some(7), None), None);
    assert_eq!(plan(last_ms, None, Some(150)), None);
    assert_eq!(plan(last_ms, None, Some(151)), None);
    assert_eq!(plan(last_ms, None, Some(10)), offset(140));
    let middle_ms = moments[75].accepted.change.at_ms;
    let by_age = moments.iter().position(|moment| moment.accepted.change.at_ms >= middle_ms).expect("one");
    assert_eq!(plan(middle_ms + 7 * DAY_MS, Some(7), None), offset(by_age));
    assert_eq!(plan(middle_ms + 7 * DAY_MS, Some(7), Some(10)), offset(140), "both limits hold");
    let end = Some(moments[149].accepted.offset + 1);
    assert_eq!(plan(last_ms + 8 * DAY_MS, Some(7), None), end, "not beyond what the store has");
    assert_eq!(plan(last_ms, None, Some(0)), end);
}

#[test]
fn what_is_forgotten_is_said_to_be() {
    let setting = random(41);
    let (moments, history) = (&setting.moments, &setting.history);
    history.changes(None, None, 1).expect("synchronised");
    let before = history.plan_trim(0, None, Some(50)).expect("read").expect("something");
    history.trim(before).expect("trimmed");
    assert_eq!(history.plan_trim(0, None, Some(50)).expect("read"), None);
    assert_eq!(setting.journal.bounds().expect("bounds").first, before);
    let rest: Vec<_> = moments[100..].iter().map(|moment| moment.accepted.clone()).collect();
    assert_eq!(history.after(0, 1000).expect("page"), rest);
    assert_eq!(history.get(moments[99].accepted.offset).expect("read"), None);
    let (forgotten_ms, now) = (moments[99].accepted.change.at_ms, &moments[149].state);
    let mut forgotten = 0;
    for zone in zones(moments) {
        for moment in moments {
            let at_ms = moment.accepted.change.at_ms;
            let want = moments.iter().rev().find(|m| m.accepted.change.at_ms <= at_ms);
            let want = want.and_then(|moment| contents(&moment.state, &zone));
            match history.at_time(&zone, contents(now, &zone), at_ms).expect("read") {
                Past::Contents(contents) => assert!(is_same(Some(&contents), want), "{zone} {at_ms}"),
                Past::Absent => assert!(want.is_none(), "{zone} {at_ms}"),
                Past::Forgotten => {
                    assert!(at_ms < forgotten_ms);
                    forgotten += 1;
                }
            }
        }
    }
    assert!(forgotten > 0);
}

fn many_records(count: u32) -> RecordList {
    let mut list = RecordListBuilder::default();
    list.push(&name("large."), RType::SOA, 3600, &soa(1));
    (0..count).for_each(|i| list.push(&name(&format!("n{i}.large.")), RType::A, 300, &i.to_be_bytes()));
    list.finish()
}

/// The parts of a large change with a whole other one between them.
#[test]
fn changes_in_parts_are_read() {
    let create = |zone: &str, records| ZoneChange {
        zone: name(zone).into(),
        base: None,
        from: None,
        to: Some(1),
        primary_serial: None,
        action: Action::Create { settings: ZoneSettings::default(), records },
    };
    let large = ChangeSet { at_ms: 5, zones: vec![create("large.", many_records(100_000))], ..ChangeSet::default() };
    let small = ChangeSet { at_ms: 6, zones: vec![create("small.", RecordList::default())], ..ChangeSet::default() };
    let setting = setting(|journal| {
        let bodies = frame::split(&codec::encode(&large), [7; 16]);
        assert!(bodies.len() > 2);
        let first = journal.append(&[&bodies[0]]).expect("appended")[0];
        let between = append(journal, small);
        let rest: Vec<&[u8]> = bodies[1..].iter().map(Vec::as_slice).collect();
        let offset = *journal.append(&rest).expect("appended").last().expect("parts");
        let large = Accepted { first, offset, change: Arc::new(large) };
        let moment = |accepted| Moment { accepted, state: State::new() };
        vec![moment(between), moment(large)]
    });
    let [small, large] = &setting.moments[..] else { panic!("two changes") };
    let got = setting.history.get(large.accepted.offset).expect("read").expect("there");
    assert!(got == large.accepted);
    assert_eq!(setting.history.after(0, 10).expect("page").len(), 2);
    // The small one goes; the large one began before it, so the journal is kept from there.
    let before = setting.history.plan_trim(0, None, Some(1)).expect("read");
    assert_eq!(before, Some(large.accepted.first));
    setting.history.trim(large.accepted.first).expect("trimmed");
    assert!(setting.history.get(large.accepted.offset).expect("read").is_some());
    assert!(setting.history.get(small.accepted.offset).expect("read").is_some());
}

#[test]
fn what_another_server_has_trimmed_is_forgotten_here_too() {
    let setting = random(42);
    let (moments, history) = (&setting.moments, &setting.history);
    setting.follower.sync_all().expect("synchronised");
    let middle = moments[75].accepted.offset;
    setting.journal.trim(middle).expect("trimmed");
    let rest: Vec<_> = moments[75..].iter().map(|moment| moment.accepted.clone()).collect();
    assert_eq!(history.after(0, 1000).expect("page"), rest);
    assert_eq!(history.get(moments[10].accepted.offset).expect("read"), None);
    assert_eq!(history.changes(None, Some(middle), 10).expect("page"), []);
    assert!(history.get(middle).expect("read").is_some());
}
