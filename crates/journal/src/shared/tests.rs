//! Shared settings by whoever uses them: two writers, races, history, revert, restart.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::fold::MAX_GONE;
use super::*;
use crate::corridor::StreamState;
use crate::journal::{Journal, JournalError, Offset};
use crate::memory::{Fate, MemoryJournal};

fn author(who: &str) -> Author {
    Author::new(who, &format!("{who} wants it"), 1_000)
}

fn body(number: u64) -> Body {
    Body::new(&json!({ "number": number })).expect("a body")
}

fn open(journal: &MemoryJournal) -> SharedSettings {
    SharedSettings::open(Arc::new(journal.clone())).expect("opens")
}

fn put(settings: &SharedSettings, who: &str, id: &str, number: u64) -> Result<Offset, SettingsError> {
    settings.submit(&author(who), |state| Ok(vec![state.put(Collection::Lists, id, body(number))]))
}

fn delete(settings: &SharedSettings, who: &str, id: &str) -> Result<Offset, SettingsError> {
    settings.submit(&author(who), |state| Ok(vec![state.delete(Collection::Lists, id)]))
}

fn event(changes: Vec<Change>) -> SettingsEvent {
    SettingsEvent { at_ms: 1, who: "anna".to_owned(), why: String::new(), reverts: None, changes }
}

fn new(collection: Collection, id: &str) -> Change {
    Change::Put { collection, id: id.to_owned(), if_version: 0, body: body(1) }
}

fn number(settings: &SharedSettings, id: &str) -> Option<u64> {
    let state = settings.state();
    let value: serde_json::Value = state.get(Collection::Lists, id)?.body.read().expect("an object");
    value["number"].as_u64()
}

#[test]
fn a_document_says_who_set_it_when_and_why() {
    let journal = MemoryJournal::default();
    let settings = open(&journal);
    let offset = put(&settings, "anna", "ads", 7).expect("counts");
    let state = settings.state();
    let (id, document) = state.documents(Collection::Lists).next().expect("a document");
    assert_eq!((&**id, document.version, &*document.set_by), ("ads", offset, "anna"));
    assert_eq!((document.set_at_ms, &*document.why, &document.body), (1_000, "anna wants it", &body(7)));
    assert_eq!((state.version(Collection::Lists), state.version(Collection::Rules)), (offset, 0));
    assert_eq!(open(&journal).state(), state, "a restart finds it");
}

#[test]
fn several_changes_count_together_or_not_at_all() {
    let settings = open(&MemoryJournal::default());
    let both = |state: &SettingsState| {
        Ok::<_, SettingsError>(vec![
            state.put(Collection::Groups, "family", body(1)),
            state.put(Collection::Devices, "phone", body(2)),
        ])
    };
    let first = settings.submit(&author("anna"), both).expect("counts");
    put(&settings, "bert", "ads", 1).expect("counts");
    let outcome = settings.submit(&author("bert"), |state| {
        Ok::<_, SettingsError>(vec![
            state.put(Collection::Groups, "family", body(9)),
            state.put(Collection::Devices, "phone", body(9)).expecting(first + 7),
        ])
    });
    let conflict =
        Conflict { collection: Collection::Devices, id: "phone".to_owned(), expected: first + 7, found: first };
    assert!(matches!(outcome, Err(SettingsError::Rejected(Rejected::Changed(found))) if found == [conflict]));
    assert_eq!(settings.state().version(Collection::Groups), first, "nothing was changed");
}

#[test]
fn whoever_prepares_may_refuse() {
    let journal = MemoryJournal::default();
    let outcome = open(&journal).submit(&author("anna"), |_| Err(SettingsError::NoChange(7)));
    assert!(matches!(outcome, Err(SettingsError::NoChange(7))));
    assert_eq!(journal.bounds().expect("bounds").next, 1);
}

#[test]
fn a_lost_race_is_prepared_again() {
    let journal = MemoryJournal::default();
    let (one, other) = (open(&journal), open(&journal));
    let mut raced = 0;
    // The other writer is faster twice, in the moment between a look and the append.
    one.submit(&author("anna"), |state| {
        let change = state.put(Collection::Lists, "ads", body(1));
        if raced < 2 {
            raced += 1;
            put(&other, "bert", "ads", 10 + raced)?;
        }
        Ok::<_, SettingsError>(vec![change])
    })
    .expect("counts");
    other.corridor().catch_up().expect("caught up");
    assert_eq!((number(&one, "ads"), raced), (Some(1), 2));
    assert_eq!(one.state(), other.state());
    let past = one.history(Collection::Lists, "ads", None, 9).expect("history");
    assert_eq!(past.iter().map(|past| &*past.who).collect::<Vec<_>>(), ["anna", "bert", "bert"]);
}

#[test]
fn what_is_fixed_by_the_caller_is_not_overwritten() {
    let settings = open(&MemoryJournal::default());
    let first = put(&settings, "anna", "ads", 1).expect("counts");
    let second = put(&settings, "bert", "ads", 2).expect("counts");
    let late = settings.submit(&author("anna"), |state| {
        Ok::<_, SettingsError>(vec![state.put(Collection::Lists, "ads", body(3)).expecting(first)])
    });
    let text = late.expect_err("changed meanwhile").to_string();
    assert_eq!(text, format!("changed meanwhile: ads in lists (at version {second}, not {first})"));
    delete(&settings, "bert", "ads").expect("counts");
    assert!(matches!(delete(&settings, "bert", "ads"), Err(SettingsError::Rejected(Rejected::Unknown { .. }))));
    // A document that is new does not take the place of one that was deleted unseen.
    let unseen = settings.submit(&author("anna"), |_| Ok::<_, SettingsError>(vec![new(Collection::Lists, "ads")]));
    assert!(matches!(unseen, Err(SettingsError::Rejected(Rejected::Changed(_)))));
}

#[test]
fn history_shows_what_was_before_and_after() {
    let settings = open(&MemoryJournal::default());
    let offsets = [1, 2, 3].map(|number| put(&settings, "anna", "ads", number).expect("counts"));
    put(&settings, "anna", "other", 9).expect("counts");
    let gone = delete(&settings, "bert", "ads").expect("counts");
    let again = put(&settings, "carl", "ads", 4).expect("counts");
    let past = settings.history(Collection::Lists, "ads", None, 10).expect("history");
    let bodies: Vec<_> = past.iter().map(|past| (past.offset, past.before.clone(), past.after.clone())).collect();
    let want = [
        (again, None, Some(body(4))),
        (gone, Some(body(3)), None),
        (offsets[2], Some(body(2)), Some(body(3))),
        (offsets[1], Some(body(1)), Some(body(2))),
        (offsets[0], None, Some(body(1))),
    ];
    assert_eq!(bodies, want);
    assert_eq!((&*past[1].who, &*past[1].why, past[1].at_ms), ("bert", "bert wants it", 1_000));
    let page = settings.history(Collection::Lists, "ads", Some(gone), 2).expect("history");
    assert_eq!(page, past[2..4]);
    assert!(settings.history(Collection::Lists, "none", None, 10).expect("history").is_empty());
    assert!(settings.history(Collection::Lists, "ads", None, 0).expect("history").is_empty());
}

#[test]
fn a_change_is_taken_back_and_that_as_well() {
    let settings = open(&MemoryJournal::default());
    put(&settings, "anna", "ads", 1).expect("counts");
    let both = settings
        .submit(&author("anna"), |state| {
            Ok::<_, SettingsError>(vec![
                state.put(Collection::Lists, "ads", body(2)),
                state.put(Collection::Lists, "new", body(3)),
            ])
        })
        .expect("counts");
    let back = settings.revert(both, &author("bert")).expect("counts");
    assert_eq!((number(&settings, "ads"), number(&settings, "new")), (Some(1), None));
    let latest = &settings.history(Collection::Lists, "ads", None, 1).expect("history")[0];
    assert_eq!((latest.offset, latest.reverts, &*latest.who, latest.others), (back, Some(both), "bert", 1));
    settings.revert(back, &author("anna")).expect("counts");
    assert_eq!((number(&settings, "ads"), number(&settings, "new")), (Some(2), Some(3)));
    let deleted = delete(&settings, "anna", "ads").expect("counts");
    settings.revert(deleted, &author("anna")).expect("counts");
    assert_eq!(number(&settings, "ads"), Some(2));
}

#[test]
fn what_has_changed_since_is_not_taken_back() {
    let settings = open(&MemoryJournal::default());
    let first = put(&settings, "anna", "ads", 1).expect("counts");
    let second = put(&settings, "bert", "ads", 2).expect("counts");
    let conflict = Conflict { collection: Collection::Lists, id: "ads".to_owned(), expected: first, found: second };
    let outcome = settings.revert(first, &author("anna"));
    assert!(matches!(outcome, Err(SettingsError::Rejected(Rejected::Changed(found))) if found == [conflict]));
    assert_eq!(number(&settings, "ads"), Some(2));
    assert!(matches!(settings.revert(99, &author("anna")), Err(SettingsError::NoChange(99))));
}

#[test]
fn an_event_of_which_the_journal_does_not_say_whether_it_has_it_counts_once() {
    use Fate::{Kept, Late, Lost};
    for fates in [&[Kept][..], &[Lost], &[Late], &[Lost, Kept], &[Late, Late, Lost]] {
        let journal = MemoryJournal::default();
        let settings = open(&journal);
        put(&settings, "anna", "ads", 1).expect("counts");
        fates.iter().for_each(|fate| journal.doubt(&[*fate]));
        put(&settings, "anna", "ads", 2).expect("counts");
        put(&settings, "anna", "ads", 3).expect("counts");
        settings.corridor().catch_up().expect("caught up");
        assert_eq!(number(&settings, "ads"), Some(3), "{fates:?}");
        assert_eq!(settings.history(Collection::Lists, "ads", None, 9).expect("history").len(), 3, "{fates:?}");
        assert_eq!(open(&journal).state(), settings.state(), "{fates:?}");
    }
}

#[test]
fn a_journal_that_cannot_be_written_changes_nothing() {
    let journal = MemoryJournal::default();
    let settings = open(&journal);
    journal.refuse(Some("disk full"));
    let error = put(&settings, "anna", "ads", 1).expect_err("refused");
    assert!(matches!(error, SettingsError::Journal(JournalError::Unwritable(_))), "{error}");
    assert_eq!(number(&settings, "ads"), None);
}

#[test]
fn events_are_bounded() {
    let state = SettingsState::default();
    let check = |event: SettingsEvent, want: &str| {
        let text = state.check(&event).expect_err(want).to_string();
        assert!(text.contains(want), "{text}");
    };
    let (lists, rules) = (Collection::Lists, Collection::Rules);
    check(event(Vec::new()), "there must be 1 to 1000");
    check(event(vec![new(lists, "a"), new(rules, "a"), new(lists, "a")]), "there are two of document a");
    for id in ["", "a b", "ä", &"a".repeat(129)] {
        check(event(vec![new(lists, id)]), "it must have 1 to 128 of the characters");
    }
    check(SettingsEvent { why: "a\nb".to_owned(), ..event(vec![new(lists, "a")]) }, "why: it has control characters");
    check(SettingsEvent { who: "a".repeat(257), ..event(vec![new(lists, "a")]) }, "who: it has more than 256");
    let many = |count: usize| event((0..count).map(|id| new(lists, &id.to_string())).collect());
    assert_eq!(state.check(&many(MAX_CHANGES)), Ok(()));
    check(many(MAX_CHANGES + 1), "there must be 1 to 1000");
    // A name of a zone as text, also one that needs escapes.
    for id in [".", r"0/25.2.0.192.in-addr.arpa.", r"a\032b\.\255.example.", &"a".repeat(1024)] {
        assert_eq!(state.check(&event(vec![new(Collection::ZoneKeys, id)])), Ok(()), "{id}");
    }
    for id in ["", "a b.", "ä.", &"a".repeat(1025)] {
        check(event(vec![new(Collection::ZoneKeys, id)]), "it must have 1 to 1024 printable characters");
    }
    let tagged = event(vec![new(lists, "a")]).encode([1; 16]).expect("encoded");
    let other = String::from_utf8(tagged).expect("text").replace(r#"{"number":1}"#, "[]");
    let (_, event) = SettingsEvent::decode(other.as_bytes()).expect("an event");
    check(event, "body: it is not a JSON object");
}

#[test]
fn a_full_collection_takes_no_more_and_can_be_emptied() {
    let mut state = SettingsState::default();
    let mut fold = |changes| {
        let offset = state.next().max(1);
        state.fold_event(offset, None, &event(changes)).map(|()| offset)
    };
    let views = |from: usize, to: usize| (from..to).map(|id| new(Collection::Views, &id.to_string())).collect();
    let first = fold(views(0, 1_000)).expect("as many as there may be");
    assert_eq!(fold(views(1_000, 1_001)), Err(Rejected::TooMany(Collection::Views)));
    let delete = Change::Delete { collection: Collection::Views, id: "5".to_owned(), if_version: first };
    fold(vec![delete, new(Collection::Views, "1000")]).expect("one goes, one comes");
    assert_eq!(state.count(Collection::Views), 1_000);
}

#[test]
fn all_documents_together_are_bounded() {
    let mut state = SettingsState::default();
    let large = Body::new(&json!({"a": "x".repeat(MAX_BODY - 8)})).expect("a body");
    let put = |id: usize, body: &Body| {
        let (collection, body) = (Collection::Rules, body.clone());
        event(vec![Change::Put { collection, id: id.to_string(), if_version: 0, body }])
    };
    let room = Room::Settings.max_octets() / MAX_BODY;
    (0..room).for_each(|id| state.fold_event(id as Offset + 1, None, &put(id, &large)).expect("has room"));
    let full = Rejected::Full(Room::Settings, Room::Settings.max_octets() + body(1).text().len());
    assert_eq!(state.check(&put(room, &body(1))), Err(full));
    state
        .check(&event(vec![new(Collection::ZoneKeys, "example.org.")]))
        .expect("keys of zones have a room of their own");
    let smaller = event(vec![state.put(Collection::Rules, "0", body(1))]);
    state.fold_event(state.next(), None, &smaller).expect("there is room for less");
    state.check(&put(room, &body(1))).expect("there is room again");
}

#[test]
fn of_what_is_gone_only_the_latest_is_known() {
    let mut state = SettingsState::default();
    for id in 0..=MAX_GONE {
        let id = id.to_string();
        let created = state.next().max(1);
        state.fold_event(created, None, &event(vec![new(Collection::Blocks, &id)])).expect("created");
        let delete = event(vec![state.delete(Collection::Blocks, &id)]);
        state.fold_event(created + 1, None, &delete).expect("deleted");
    }
    assert_eq!((state.last_change(Collection::Blocks, "0"), state.last_change(Collection::Blocks, "1")), (0, 4));
    assert_eq!(state.octets(Room::Settings), 0);
}

#[test]
fn a_free_number_was_never_taken() {
    let settings = open(&MemoryJournal::default());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut id = 0;
        let taken = settings.submit(&author("anna"), |state| {
            id = state.free_number(Collection::Silences);
            Ok::<_, SettingsError>(vec![state.put(Collection::Silences, &id.to_string(), body(1))])
        });
        taken.expect("counts");
        assert!(!seen.contains(&id));
        seen.push(id);
        let gone =
            |state: &SettingsState| Ok::<_, SettingsError>(vec![state.delete(Collection::Silences, &id.to_string())]);
        settings.submit(&author("anna"), gone).expect("counts");
    }
}

/// What somebody does: whether they put or delete, which document, and how far back the version they know is.
fn steps() -> impl Strategy<Value = Vec<(bool, u8, u64, bool)>> {
    prop::collection::vec((any::<bool>(), 0..4u8, 0..3u64, any::<bool>()), 0..60)
}

fn change(state: &SettingsState, (puts, id, age, _): (bool, u8, u64, bool)) -> Change {
    let (collection, id) = (if id % 2 == 0 { Collection::Lists } else { Collection::ZoneKeys }, id.to_string());
    let version = state.last_change(collection, &id).saturating_sub(age);
    let change = if puts { state.put(collection, &id, body(age)) } else { state.delete(collection, &id) };
    change.expecting(version)
}

proptest! {
    /// Two writers that append in any order, each knowing more or less of what the other did, and every reader, have the
    /// same state and the same outcomes; what comes twice counts once.
    #[test]
    fn writers_and_readers_converge(steps in steps(), repeated in prop::collection::vec(any::<bool>(), 60)) {
        let journal = MemoryJournal::default();
        let settings = [open(&journal), open(&journal)];
        for (at, step) in steps.iter().enumerate() {
            let writer = &settings[usize::from(step.3)];
            // Without a look before: the fold alone decides.
            let event = event(vec![change(&writer.state(), *step)]);
            let body = event.encode((at as u128).to_be_bytes()).expect("encoded");
            journal.append(&[&body]).expect("appended");
            if repeated[at] {
                journal.append(&[&body]).expect("appended");
            }
            if step.2 == 0 {
                writer.corridor().catch_up().expect("caught up");
            }
        }
        settings.iter().for_each(|settings| settings.corridor().catch_up().expect("caught up"));
        prop_assert_eq!(settings[0].state(), settings[1].state());
        let state = open(&journal).state();
        prop_assert_eq!(&settings[0].state(), &state);
        let mut octets = std::collections::BTreeMap::new();
        for collection in Collection::ALL {
            for (id, document) in state.documents(collection) {
                *octets.entry(collection.room()).or_insert(0) += document.body.text().len();
                let past = settings[0].history(collection, id, None, MAX_PAGE).expect("history");
                prop_assert_eq!(past[0].after.as_ref(), Some(&document.body));
                prop_assert!(past.windows(2).all(|two| two[0].before == two[1].after));
                prop_assert!(past.last().is_some_and(|first| first.before.is_none()));
            }
        }
        for room in [Room::Settings, Room::ZoneKeys] {
            prop_assert_eq!(octets.get(&room).copied().unwrap_or(0), state.octets(room));
        }
    }

    /// The outcome of an event is what `check` says, and an event that does not count changes nothing that can be seen.
    #[test]
    fn a_rejected_event_changes_nothing(steps in steps()) {
        let mut state = SettingsState::default();
        for step in steps {
            let offset = state.next().max(1);
            let event = event(vec![change(&state, step)]);
            let (before, checked) = (state.clone(), state.check(&event));
            let outcome = state.fold_event(offset, None, &event);
            prop_assert_eq!(&checked, &outcome);
            prop_assert_eq!(state.next(), offset + 1);
            if outcome.is_err() {
                let seen = SettingsState { next: before.next, ..state.clone() };
                prop_assert_eq!(&seen, &before);
            }
            let folded = state.clone();
            prop_assert_eq!(state.fold_event(offset, None, &event), Ok(()));
            prop_assert_eq!(&state, &folded, "what is folded already is passed over");
        }
    }
}

/// `cargo test --profile quick -p headwater-journal -- --ignored --nocapture keys_of_many`
#[test]
#[ignore = "a measurement"]
fn cost_of_keys_of_many_zones() {
    let mut state = SettingsState::default();
    let keys = Body::new(&json!({ "keys": "k".repeat(900) })).expect("a body");
    let put = |id: usize| {
        let (collection, body) = (Collection::ZoneKeys, keys.clone());
        Change::Put { collection, id: format!("zone{id:06}.example."), if_version: 0, body }
    };
    let started = std::time::Instant::now();
    let all = Collection::ZoneKeys.max_documents();
    for first in (0..all).step_by(MAX_CHANGES) {
        let event = event((first..first + MAX_CHANGES).map(put).collect());
        // Readers hold the state before.
        let held = state.clone();
        state.fold_event(state.next().max(1), None, &event).expect("counts");
        drop(held);
    }
    println!("{:?} to fold {all} documents, {MAX_CHANGES} an event", started.elapsed());
    let (one, held) = (event(vec![state.put(Collection::ZoneKeys, "zone000001.example.", body(1))]), state.clone());
    let started = std::time::Instant::now();
    state.fold_event(state.next(), None, &one).expect("counts");
    drop(held);
    println!("{:?} to fold one more", started.elapsed());
}
