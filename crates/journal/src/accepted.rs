//! A change that the fold accepted: what the replica hands to the store, to history and to whoever listens.

use std::sync::Arc;

use zone::{Action, ChangeSet};

use crate::journal::Offset;

/// Octets that a change takes beside its records, roughly.
const CHANGE_OCTETS: usize = 256;
/// Octets that an RRset of a change takes beside its data, roughly.
const RRSET_OCTETS: usize = 128;

/// A change that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Where its first event stands: large changes are several events.
    pub first: Offset,
    /// Where its last event stands; the change is known by it.
    pub offset: Offset,
    /// What it does.
    pub change: Arc<ChangeSet>,
}

impl Accepted {
    /// Octets that it takes in memory, roughly: what queues are bounded by.
    pub fn octets(&self) -> usize {
        let zones = self.change.zones.iter().map(|zone| CHANGE_OCTETS + action_octets(&zone.action));
        CHANGE_OCTETS + self.change.who.len() + self.change.why.len() + zones.sum::<usize>()
    }
}

fn action_octets(action: &Action) -> usize {
    match action {
        Action::Create { records, .. } | Action::Delete { records, .. } => records.as_octets().len(),
        Action::Replace { before, after } => before.as_octets().len() + after.as_octets().len(),
        Action::Configure { .. } => CHANGE_OCTETS,
        Action::Edit(changes) => {
            let records = changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
            let data = records.flat_map(|records| records.data.iter().chain(&records.signatures));
            RRSET_OCTETS * changes.len() + data.map(|data| data.len() + size_of::<Vec<u8>>()).sum::<usize>()
        }
    }
}
