//! What counts, with several writers: what was built on something else does not, nor does an event that comes twice.

mod common;

use common::{HASHER, append, name, soa};
use dns::RType;
use journal::{Journal, MemoryJournal, Offset, Rejected, Replica};
use zone::{
    Action, ChangeSet, EventId, NodeId, RecordListBuilder, Records, RrsetChange, Variant, ZoneChange, ZoneKey,
    ZoneSettings,
};

const A: NodeId = *b"node a..";
const B: NodeId = *b"node b..";

fn id(node: NodeId, number: u64) -> Option<EventId> {
    Some(EventId { node, number })
}

fn event(id: Option<EventId>, zones: Vec<ZoneChange>) -> ChangeSet {
    ChangeSet { id, who: "test".to_owned(), zones, ..ChangeSet::default() }
}

fn create(zone: &str) -> ZoneChange {
    let mut list = RecordListBuilder::default();
    list.push(&name(zone), RType::SOA, 3600, &soa(1));
    let action = Action::Create { settings: ZoneSettings::default(), records: list.finish() };
    ZoneChange { zone: name(zone).into(), base: None, from: None, to: Some(1), primary_serial: None, action }
}

/// Sets an address and the next serial.
fn edit(zone: &str, base: Option<EventId>, from: u32, last: u8) -> ZoneChange {
    let records = |data: Vec<u8>| Some(Records { ttl: 3600, data: vec![data], signatures: Vec::new() });
    let change =
        |owner: &str, rtype, data| RrsetChange { owner: name(owner), rtype, before: None, after: records(data) };
    let changes =
        vec![change(&format!("www.{zone}"), RType::A, vec![192, 0, 2, last]), change(zone, RType::SOA, soa(from + 1))];
    let (zone, to) = (name(zone).into(), Some(from + 1));
    ZoneChange { zone, base, from: Some(from), to, primary_serial: None, action: Action::Edit(changes) }
}

/// Folds everything, in a new replica and in one that goes on: both say the same.
fn folded(journal: &dyn Journal, replica: &mut Replica) -> Vec<(Offset, Result<(), Rejected>)> {
    let run = |replica: &mut Replica| {
        let mut outcomes = Vec::new();
        let each = |folded: journal::Folded| outcomes.push((folded.event.offset, folded.outcome));
        replica.catch_up(journal, None, each).expect("folded");
        outcomes
    };
    let new = run(replica);
    let all = run(&mut Replica::new(HASHER, 0, Vec::new()));
    assert_eq!(all[all.len() - new.len()..], new[..]);
    new
}

fn address(replica: &Replica, zone: &str) -> Option<u8> {
    let contents = replica.zone(&name(zone))?.contents.as_ref()?;
    let node = contents.get(&name(&format!("www.{zone}")))?;
    let rrset = node.rrset(RType::A)?;
    Records::of(&rrset).data.first()?.last().copied()
}

/// Two nodes change the same version; the one that came second had made a further change on top of its first. Its
/// serial fits, what it was built on does not.
#[test]
fn what_was_built_on_a_rejected_change_is_rejected() {
    let (journal, mut replica) = (MemoryJournal::default(), Replica::new(HASHER, 0, Vec::new()));
    append(&journal, event(id(A, 1), vec![create("z.")]));
    append(&journal, event(id(A, 2), vec![edit("z.", id(A, 1), 1, 10)]));
    append(&journal, event(id(B, 1), vec![edit("z.", id(A, 1), 1, 20)]));
    append(&journal, event(id(B, 2), vec![edit("z.", id(B, 1), 2, 21)]));
    append(&journal, event(id(B, 3), vec![edit("z.", id(A, 2), 2, 22)]));
    let outdated = |serial| Err(Rejected::Outdated { zone: name("z.").into(), serial: Some(serial) });
    let want = [(1, Ok(())), (2, Ok(())), (3, outdated(2)), (4, outdated(2)), (5, Ok(()))];
    assert_eq!(folded(&journal, &mut replica), want);
    assert_eq!(address(&replica, "z."), Some(22));
}

/// The journal took an event although it had said that it could not, or took it twice.
#[test]
fn an_event_counts_once() {
    let (journal, mut replica) = (MemoryJournal::default(), Replica::new(HASHER, 0, Vec::new()));
    let gone = |base| {
        let Action::Create { settings, records } = create("z.").action else { unreachable!("it is one") };
        ZoneChange { base, from: Some(1), to: None, action: Action::Delete { settings, records }, ..create("z.") }
    };
    append(&journal, event(id(A, 1), vec![create("z.")]));
    append(&journal, event(id(A, 1), vec![create("z.")]));
    append(&journal, event(id(A, 3), vec![gone(id(A, 1))]));
    // It would fit, but its node has made a later one since.
    append(&journal, event(id(A, 1), vec![create("z.")]));
    append(&journal, event(id(A, 2), vec![create("z.")]));
    append(&journal, event(id(B, 1), vec![create("z.")]));
    let repeated = || Err(Rejected::Repeated);
    let want = [(1, Ok(())), (2, repeated()), (3, Ok(())), (4, repeated()), (5, repeated()), (6, Ok(()))];
    assert_eq!(folded(&journal, &mut replica), want);
}

/// Events of format 1 have no identity: their serials must do.
#[test]
fn events_without_identity_count_by_serial() {
    let (journal, mut replica) = (MemoryJournal::default(), Replica::new(HASHER, 0, Vec::new()));
    append(&journal, event(None, vec![create("z.")]));
    append(&journal, event(None, vec![edit("z.", None, 1, 1)]));
    append(&journal, event(id(A, 1), vec![edit("z.", None, 2, 2)]));
    append(&journal, event(None, vec![edit("z.", None, 3, 3)]));
    append(&journal, event(id(A, 2), vec![edit("z.", id(A, 1), 4, 4)]));
    append(&journal, event(id(A, 3), vec![edit("z.", None, 4, 5)]));
    let outcomes: Vec<bool> = folded(&journal, &mut replica).iter().map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, true, true, true, false, true]);
    assert_eq!(address(&replica, "z."), Some(5));
}

/// Two zones of one name: each has its own contents, and queries see the plain one.
#[test]
fn variants_are_zones_of_their_own() {
    let (journal, mut replica) = (MemoryJournal::default(), Replica::new(HASHER, 0, Vec::new()));
    let internal = ZoneKey { name: name("z."), variant: Variant::new("internal").expect("a variant") };
    let of_internal = |change: ZoneChange| ZoneChange { zone: internal.clone(), ..change };
    append(&journal, event(id(A, 1), vec![create("z."), of_internal(create("z."))]));
    append(&journal, event(id(A, 2), vec![of_internal(edit("z.", id(A, 1), 1, 9))]));
    append(&journal, event(id(A, 3), vec![edit("z.", id(A, 1), 1, 7)]));
    assert!(folded(&journal, &mut replica).iter().all(|(_, outcome)| outcome.is_ok()));
    let mut keys: Vec<String> = replica.zones().map(|zone| zone.key.to_string()).collect();
    keys.sort();
    assert_eq!((keys, address(&replica, "z.")), (vec!["z.".to_owned(), "z.@internal".to_owned()], Some(7)));
    let published = zone::Published::new(zone::ZoneTable::new(HASHER, Vec::new()));
    let names = replica.publish(&published, |_, _| Some(None));
    assert_eq!(names, [name("z.")]);
}
