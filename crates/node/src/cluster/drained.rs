//! Servers that nobody waits for, as somebody decided: documents of the shared settings.

use std::collections::BTreeSet;

use journal::shared::{Body, Change, Collection, SettingsError, SettingsState};
use serde::{Deserialize, Serialize};

/// The body of a document about a server.
#[derive(Serialize, Deserialize)]
struct Decided {
    drained: bool,
}

/// The servers that are drained.
pub fn drained(state: &SettingsState) -> BTreeSet<String> {
    let is_drained = |(_, decided): &(_, Decided)| decided.drained;
    let documents = state.documents(Collection::Nodes);
    let decided = documents.filter_map(|(node, document)| Some((node.to_string(), document.body.read().ok()?)));
    decided.filter(is_drained).map(|(node, _)| node).collect()
}

/// What has a server drained, or waited for again.
///
/// # Errors
/// A document that cannot be written.
pub fn set_drained(state: &SettingsState, node: &str, is_drained: bool) -> Result<Vec<Change>, SettingsError> {
    let is_known = state.get(Collection::Nodes, node).is_some();
    Ok(match (is_drained, is_known) {
        (true, _) => vec![state.put(Collection::Nodes, node, Body::new(&Decided { drained: true })?)],
        (false, true) => vec![state.delete(Collection::Nodes, node)],
        (false, false) => Vec::new(),
    })
}
