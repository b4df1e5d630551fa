//! Decisions of two servers on one journal.

use alerts::state::{Phase, State};
use journal::MemoryJournal;

use super::*;

fn open(journal: &MemoryJournal) -> SharedDecisions {
    let shared = SharedSettings::open(Arc::new(journal.clone())).expect("opens");
    SharedDecisions::new(Arc::new(shared))
}

fn silence(rule: &str, until_ms: u64) -> Silence {
    let (rule, labels, who, why) = (rule.to_owned(), String::new(), "anna".to_owned(), "known\nalready".to_owned());
    Silence { id: 0, rule, labels, until_ms, who, why }
}

fn acknowledged(since_ms: u64) -> Acknowledged {
    let by = Acknowledgement { who: "anna".to_owned(), at_ms: since_ms + 5 };
    Acknowledged { rule: "disk".to_owned(), labels: String::new(), since_ms, by }
}

/// An alert as the file of an earlier version has it.
fn alert(since_ms: u64) -> Alert {
    Alert {
        id: 1,
        rule: "disk".to_owned(),
        labels: String::new(),
        severity: alerts::Severity::Warning,
        summary: String::new(),
        value: None,
        detail: String::new(),
        phase: Phase::Firing,
        since_ms,
        held_ms: since_ms,
        fired_ms: Some(since_ms),
        resolved_ms: None,
        acknowledged: Some(acknowledged(since_ms).by),
        told: Default::default(),
    }
}

#[test]
fn a_silence_holds_on_every_server_until_somebody_ends_it() {
    let journal = MemoryJournal::default();
    let (one, other) = (open(&journal), open(&journal));
    let id = one.silence(&silence("disk", 900), 100).expect("kept").expect("a number");
    other.shared.corridor().catch_up().expect("caught up");
    let want = Silence { id, why: "known already".to_owned(), ..silence("disk", 900) };
    assert_eq!(other.decided().silences, [want]);
    assert_eq!(other.unsilence(id, "bert", 200), Ok(true));
    assert_eq!(one.unsilence(id, "anna", 300), Ok(false));
    assert!(one.decided().silences.is_empty());
    let past = one.shared.history(Collection::Silences, &id.to_string(), None, 9).expect("history");
    assert_eq!(past.iter().map(|past| (&*past.who, past.at_ms)).collect::<Vec<_>>(), [("bert", 200), ("anna", 100)]);
}

#[test]
fn two_servers_never_give_two_silences_one_number() {
    let journal = MemoryJournal::default();
    let servers = [open(&journal), open(&journal)];
    let silenced = |at: usize| servers[at % 2].silence(&silence("disk", 900), 100).expect("kept").expect("a number");
    let mut ids: Vec<u64> = (0..10).map(silenced).collect();
    ids.dedup();
    assert_eq!(ids.len(), 10);
}

#[test]
fn silences_are_bounded_and_those_that_ended_make_room() {
    let decisions = open(&MemoryJournal::default());
    for _ in 0..MAX_SILENCES {
        decisions.silence(&silence("disk", 900), 100).expect("kept").expect("a number");
    }
    assert_eq!(decisions.silence(&silence("disk", 900), 899), Ok(None));
    decisions.silence(&silence("disk", 2000), 900).expect("kept").expect("a number");
    assert_eq!(decisions.decided().silences.len(), 1, "what has ended is gone");
}

#[test]
fn whoever_acknowledges_last_looks_after_it() {
    let decisions = open(&MemoryJournal::default());
    let by = Acknowledgement { who: "bert".to_owned(), at_ms: 20 };
    let later = Acknowledged { by, ..acknowledged(7) };
    for one in [&acknowledged(7), &acknowledged(8), &later] {
        decisions.acknowledge(one, &[]).expect("kept");
    }
    assert_eq!(decisions.decided().acknowledged, [acknowledged(8), later]);
    // What is over goes with the next one.
    decisions.acknowledge(&acknowledged(9), &[alert(8)]).expect("kept");
    let since: Vec<u64> = decisions.decided().acknowledged.iter().map(|it| it.since_ms).collect();
    assert_eq!(since, [7, 9]);
}

#[test]
fn what_cannot_be_written_does_not_hold() {
    let journal = MemoryJournal::default();
    let decisions = open(&journal);
    journal.refuse(Some("disk full"));
    let problem = decisions.silence(&silence("disk", 900), 100).expect_err("refused");
    assert_eq!(problem.to_string(), "the journal cannot be written: disk full");
    assert!(decisions.acknowledge(&acknowledged(1), &[]).is_err());
    assert_eq!(decisions.unsilence(1, "anna", 100), Ok(false), "nothing is to be written for that");
    assert_eq!(decisions.decided(), Decided::default());
}

#[test]
fn what_an_earlier_version_decided_is_taken_over_once() {
    let journal = MemoryJournal::default();
    let decisions = open(&journal);
    let silences = vec![Silence { id: 7, ..silence("disk", 900) }, Silence { id: 8, ..silence("old", 50) }];
    let state = State { silences, alerts: vec![alert(3)], ..State::default() };
    for _ in 0..2 {
        decisions.take_over(&Decided::of(&state), 100).expect("kept");
        let decided = decisions.decided();
        let silence = Silence { id: 7, why: "known already".to_owned(), ..silence("disk", 900) };
        assert_eq!((decided.silences, decided.acknowledged), (vec![silence], vec![acknowledged(3)]));
    }
    let state = open(&journal).shared.state();
    assert_eq!((state.count(Collection::Silences), state.count(Collection::Acknowledgements)), (1, 1));
}
