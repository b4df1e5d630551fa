//! Mutes: anomalies that nobody wants to hear of until some time, as shared settings.

use journal::shared::{Author, Body, Change, Collection, MAX_CHANGES, SettingsError, SettingsState, SharedSettings};
use policy::anomaly::{Kind, MAX_MUTES, Mute, MuteTarget};
use serde::{Deserialize, Serialize};

use crate::timed_blocks;

/// Mutes that have ended, and go with one change.
const MAX_SWEPT: usize = MAX_CHANGES / 2;

/// A mute as it stands in the shared settings. Exactly one of client, device, zone and server is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuteDocument {
    /// An address or network of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The name of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// A name: it and all below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The address of an upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The only kind it holds for; all kinds without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
}

/// A field of a mute that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {expected}")]
pub struct BadMute {
    /// The field.
    pub field: &'static str,
    /// What should stand there.
    pub expected: &'static str,
}

/// Why a mute is not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMuted {
    /// There are as many as there may be.
    #[error("there are {MAX_MUTES} mutes, not more: end one first")]
    TooMany,
    /// It could not be kept.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A mute that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMute {
    /// Its number.
    pub id: u64,
    /// What it says.
    pub document: MuteDocument,
    /// Who made it.
    pub who: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
}

impl MuteDocument {
    /// The mute for the detector; `number` gives the number of a device, `None`: there are too many devices.
    ///
    /// # Errors
    /// [`BadMute`]: a field that cannot be read, or not exactly one subject.
    pub fn mute(&self, number: impl FnOnce(&str) -> Option<u32>) -> Result<Mute, BadMute> {
        let bad = |field, expected| BadMute { field, expected };
        let target = match (&self.client, &self.device, &self.zone, &self.server) {
            (Some(client), None, None, None) => {
                let network = dns::network::parse(client);
                MuteTarget::Network(network.ok_or(bad("client", "an address or a network"))?)
            }
            (None, Some(device), None, None) => {
                MuteTarget::Device(number(device).ok_or(bad("device", "the name of a device"))?)
            }
            (None, None, Some(zone), None) => MuteTarget::Zone(zone.parse().map_err(|_| bad("zone", "a domain name"))?),
            (None, None, None, Some(server)) => {
                MuteTarget::Server(server.parse().map_err(|_| bad("server", "an address"))?)
            }
            _ => return Err(bad("client", "exactly one of client, device, zone and server")),
        };
        Ok(Mute { target, kind: self.kind, reason: self.reason.clone(), until_ms: Some(self.until_ms) })
    }
}

/// The mutes that hold at `now_ms`, by number. What cannot be read is left out.
pub fn list(state: &SettingsState, now_ms: u64) -> Vec<KeptMute> {
    let read = state.documents(Collection::Muted).filter_map(|(id, document)| {
        let (id, who, since_ms) = (id.parse().ok()?, document.set_by.clone(), document.set_at_ms);
        Some(KeptMute { id, document: document.body.read().ok()?, who, since_ms })
    });
    let mut mutes: Vec<KeptMute> = read.filter(|mute| now_ms < mute.document.until_ms).collect();
    mutes.sort_by_key(|mute| mute.id);
    mutes
}

/// Makes a mute on behalf of `author`, and removes those that have ended. It is durable then.
///
/// # Errors
/// [`NotMuted`].
pub fn add(shared: &SharedSettings, author: &Author, document: &MuteDocument) -> Result<KeptMute, NotMuted> {
    let mut id = 0;
    shared.submit(author, |state| {
        if list(state, author.at_ms).len() >= MAX_MUTES {
            return Err(NotMuted::TooMany);
        }
        id = state.free_number(Collection::Muted);
        let body = Body::new(document).map_err(SettingsError::from)?;
        let mut changes = vec![state.put(Collection::Muted, &id.to_string(), body)];
        changes.extend(ended(state, author.at_ms));
        Ok(changes)
    })?;
    Ok(KeptMute { id, document: document.clone(), who: author.who.clone(), since_ms: author.at_ms })
}

/// Ends a mute; whether there was one of this number.
///
/// # Errors
/// It could not be kept.
pub fn remove(shared: &SharedSettings, author: &Author, id: u64) -> Result<bool, SettingsError> {
    timed_blocks::remove_document(shared, author, Collection::Muted, id)
}

fn ended(state: &SettingsState, now_ms: u64) -> Vec<Change> {
    let over = state.documents(Collection::Muted).filter(|(_, document)| {
        let mute = document.body.read::<MuteDocument>();
        mute.is_ok_and(|mute| mute.until_ms <= now_ms)
    });
    over.take(MAX_SWEPT).map(|(id, _)| state.delete(Collection::Muted, id)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use journal::MemoryJournal;

    use super::*;

    fn of_zone(until_ms: u64) -> MuteDocument {
        MuteDocument { zone: Some("example.org".into()), reason: "a test".into(), until_ms, ..MuteDocument::default() }
    }

    #[test]
    fn a_mute_is_about_exactly_one_subject() {
        let mute = |document: &MuteDocument| document.mute(|_| Some(7)).map(|mute| mute.target);
        let text = |text: &str| Some(text.to_owned());
        let client = MuteDocument { client: text("192.0.2.7"), ..MuteDocument::default() };
        assert_eq!(mute(&client), Ok(MuteTarget::Network("192.0.2.7/32".parse().expect("network"))));
        let device = MuteDocument { device: text("tv"), ..MuteDocument::default() };
        assert_eq!(mute(&device), Ok(MuteTarget::Device(7)));
        assert_eq!(mute(&of_zone(1)), Ok(MuteTarget::Zone("example.org".parse().expect("name"))));
        let server = MuteDocument { server: text("2001:db8::1"), ..MuteDocument::default() };
        assert_eq!(mute(&server), Ok(MuteTarget::Server("2001:db8::1".parse().expect("address"))));
        let field = |document: &MuteDocument| mute(document).map_err(|bad| bad.field);
        assert_eq!(field(&MuteDocument::default()), Err("client"));
        assert_eq!(field(&MuteDocument { client: text("192.0.2.7"), ..of_zone(1) }), Err("client"));
        assert_eq!(field(&MuteDocument { client: text("192.0.2"), ..MuteDocument::default() }), Err("client"));
        assert_eq!(field(&MuteDocument { zone: text("a..b"), ..MuteDocument::default() }), Err("zone"));
        assert_eq!(field(&MuteDocument { server: text("ns1"), ..MuteDocument::default() }), Err("server"));
    }

    #[test]
    fn a_mute_holds_until_its_end_and_goes_with_the_next_one() {
        let shared = SharedSettings::open(Arc::new(MemoryJournal::default())).expect("shared settings");
        let author = |at_ms| Author::new("user:a", "", at_ms);
        let first = add(&shared, &author(1_000), &of_zone(5_000)).expect("a mute");
        assert_eq!(list(&shared.state(), 4_999), std::slice::from_ref(&first));
        assert!(list(&shared.state(), 5_000).is_empty());
        let second = add(&shared, &author(6_000), &of_zone(9_000)).expect("a mute");
        assert_eq!(shared.state().count(Collection::Muted), 1, "the first is swept");
        assert!(!remove(&shared, &author(6_001), first.id).expect("kept"));
        assert!(remove(&shared, &author(6_001), second.id).expect("kept"));
        assert!(list(&shared.state(), 6_001).is_empty());
    }
}
