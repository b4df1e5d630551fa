//! What is known of the keys of a zone besides their private parts: a document of the shared settings for each zone.

use data_encoding::BASE64;
use dns::{Name, NameBuf};
use journal::Offset;
use journal::shared::{Author, Body, Change, Collection, SettingsError, SettingsState, SharedSettings};
use serde::{Deserialize, Serialize};
use signer::keys::ZoneKeys;

/// A DNSKEY RRset that caches may still hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// The data of its records, in base64.
    pub dnskeys: Vec<String>,
    /// Until when, in seconds since 1970.
    pub until_s: u64,
}

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneDocument {
    /// The zone.
    pub zone: String,
    /// The policy by which it is signed, or was before it became insecure.
    pub policy: String,
    /// The server of a cluster that signs it; empty: a server alone does, or none yet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signer: String,
    /// Its keys.
    pub keys: ZoneKeys,
    /// DNSKEY RRsets that caches may still hold.
    pub former: Vec<Former>,
    /// The zone is not yet as the keys want it: their times begin when it is.
    pub pending: bool,
    /// The largest TTL that was served lately, in seconds.
    pub max_ttl_s: u32,
    /// Until when caches may hold records with that TTL, in seconds since 1970.
    pub max_ttl_until_s: u64,
}

impl ZoneDocument {
    /// Notes the largest TTL that the zone has: one that was larger counts until caches have forgotten it.
    pub fn note_ttl(&mut self, ttl_s: u32, now_s: u64) {
        if ttl_s >= self.max_ttl_s || self.max_ttl_until_s <= now_s {
            // Not written down each time that somebody looks.
            let lasts_s = u64::from(ttl_s);
            if ttl_s != self.max_ttl_s || self.max_ttl_until_s < now_s + lasts_s / 2 {
                self.max_ttl_until_s = now_s + lasts_s;
            }
            self.max_ttl_s = ttl_s;
        }
    }
}

/// A document as it was read.
#[derive(Debug, Clone, Default)]
pub struct Versioned {
    /// What it says.
    pub document: ZoneDocument,
    /// The event that made it so; 0: there is none.
    pub version: Offset,
}

/// The event that made the document of a zone what it is; 0: there is none.
pub fn version(state: &SettingsState, zone: &Name) -> Offset {
    state.last_change(Collection::ZoneKeys, &id_of(zone))
}

/// The document of a zone.
pub fn read(state: &SettingsState, zone: &Name) -> Versioned {
    let id = id_of(zone);
    let version = state.last_change(Collection::ZoneKeys, &id);
    let document = state.get(Collection::ZoneKeys, &id).and_then(|document| document.body.read().ok());
    Versioned { document: document.unwrap_or_default(), version }
}

/// The zones that have a document.
pub fn zones(state: &SettingsState) -> Vec<NameBuf> {
    let documents = state.documents(Collection::ZoneKeys);
    let names = documents.filter_map(|(_, document)| document.body.read::<ZoneDocument>().ok()?.zone.parse().ok());
    names.collect()
}

/// Puts a document in the place of the one with this version.
///
/// # Errors
/// Somebody else has changed it meanwhile, or it cannot be kept.
pub fn write(
    shared: &SharedSettings,
    zone: &Name,
    before: Offset,
    document: &ZoneDocument,
    author: &Author,
) -> Result<Offset, SettingsError> {
    let id = id_of(zone);
    shared.submit(author, |_| {
        let body = Body::new(document)?;
        Ok::<_, SettingsError>(vec![Change::Put {
            collection: Collection::ZoneKeys,
            id: id.clone(),
            if_version: before,
            body,
        }])
    })
}

/// Deletes the document of a zone that has no keys any more.
///
/// # Errors
/// Somebody else has changed it meanwhile, or the journal cannot be written.
pub fn delete(shared: &SharedSettings, zone: &Name, before: Offset, author: &Author) -> Result<Offset, SettingsError> {
    let id = id_of(zone);
    shared.submit(author, |_| {
        Ok::<_, SettingsError>(vec![Change::Delete {
            collection: Collection::ZoneKeys,
            id: id.clone(),
            if_version: before,
        }])
    })
}

/// The name in lower case, as the collection wants it.
fn id_of(zone: &Name) -> String {
    zone.to_string().to_ascii_lowercase()
}

/// Data of records in the form that the document has.
pub fn to_text(dnskeys: &[Vec<u8>]) -> Vec<String> {
    dnskeys.iter().map(|dnskey| BASE64.encode(dnskey)).collect()
}

/// The data again; what is none is left out.
pub fn from_text(dnskeys: &[String]) -> Vec<Vec<u8>> {
    dnskeys.iter().filter_map(|dnskey| BASE64.decode(dnskey.as_bytes()).ok()).collect()
}
