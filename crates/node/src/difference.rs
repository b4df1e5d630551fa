//! What a change did to a zone, record by record.

use std::collections::HashSet;

use zone::records::ListedRecord;
use zone::{Action, RecordList, Records, RrsetChange};

/// The word for an action.
pub fn word(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Edit(_) => "edit",
        Action::Replace { .. } => "replace",
        Action::Configure { .. } => "configure",
        Action::Delete { .. } => "delete",
    }
}

/// The records that came and went, as many as are listed.
pub struct Difference<'a> {
    /// Records that went.
    pub removed: Vec<ListedRecord<'a>>,
    /// Records that came.
    pub added: Vec<ListedRecord<'a>>,
    /// Whether there are more.
    pub truncated: bool,
}

impl<'a> Difference<'a> {
    /// What `action` did; at most `most` records of each kind are listed.
    pub fn of(action: &'a Action, most: usize) -> Difference<'a> {
        // One more than is listed tells that there are more.
        let take = most + 1;
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        match action {
            Action::Create { records, .. } => added.extend(records.iter().take(take)),
            Action::Delete { records, .. } => removed.extend(records.iter().take(take)),
            Action::Replace { before, after } => {
                removed.extend(only_in(before, after).take(take));
                added.extend(only_in(after, before).take(take));
            }
            Action::Edit(changes) => {
                removed.extend(changes.iter().flat_map(|c| gone(c, c.before.as_ref(), c.after.as_ref())).take(take));
                added.extend(changes.iter().flat_map(|c| gone(c, c.after.as_ref(), c.before.as_ref())).take(take));
            }
            Action::Configure { .. } => {}
        }
        let truncated = removed.len() == take || added.len() == take;
        removed.truncate(most);
        added.truncate(most);
        Difference { removed, added, truncated }
    }
}

/// The records of `list` that `other` does not have.
fn only_in<'a>(list: &'a RecordList, other: &RecordList) -> impl Iterator<Item = ListedRecord<'a>> {
    let key =
        |record: &ListedRecord<'_>| (record.owner.to_canonical(), record.rtype, record.ttl, record.rdata.to_vec());
    let known: HashSet<_> = other.iter().map(|record| key(&record)).collect();
    list.iter().filter(move |record| !known.contains(&key(record)))
}

/// The records of `list` that `other` does not have.
fn gone<'a>(
    change: &'a RrsetChange,
    list: Option<&'a Records>,
    other: Option<&'a Records>,
) -> impl Iterator<Item = ListedRecord<'a>> {
    let known = move |list: &Records, data: &Vec<u8>| {
        other.is_some_and(|other| other.ttl == list.ttl && other.data.contains(data))
    };
    let row = |list: &'a Records, data: &'a Vec<u8>| ListedRecord {
        owner: &change.owner,
        rtype: change.rtype,
        ttl: list.ttl,
        rdata: data,
    };
    list.into_iter()
        .flat_map(move |list| list.data.iter().filter(move |data| !known(list, data)).map(move |data| row(list, data)))
}
