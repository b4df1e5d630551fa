//! Who signs which zone. The committer asks here with each change of a signed zone; [`crate::signing::Signing`] says who it is.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use dns::{Name, NameBuf};
use signer::zone_signer::ZoneSigner;

/// What is known of the signing of a zone.
#[derive(Debug, Clone)]
enum Entry {
    Ready(Arc<ZoneSigner>),
    Unusable(String),
}

/// A change that the gate refused, or that could not be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// Why.
    pub why: String,
}

/// The signers of the zones that are signed here.
#[derive(Default)]
pub struct Signers {
    zones: RwLock<HashMap<NameBuf, Entry>>,
    /// The last change of a zone that was refused, until one is made.
    refused: RwLock<HashMap<NameBuf, Refusal>>,
}

impl Signers {
    /// Who signs a zone; `None`: nobody here does.
    ///
    /// # Errors
    /// It is signed here, and its keys cannot be used: why.
    pub fn signer(&self, zone: &Name) -> Result<Option<Arc<ZoneSigner>>, String> {
        match self.zones.read().unwrap_or_else(PoisonError::into_inner).get(zone) {
            None => Ok(None),
            Some(Entry::Ready(signer)) => Ok(Some(signer.clone())),
            Some(Entry::Unusable(why)) => Err(why.clone()),
        }
    }

    /// Whether a zone is signed here, or was and still has its keys.
    pub fn has(&self, zone: &Name) -> bool {
        self.zones.read().unwrap_or_else(PoisonError::into_inner).contains_key(zone)
    }

    /// The zones that are signed here.
    pub fn zones(&self) -> Vec<NameBuf> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Says who signs a zone, or why nobody can.
    pub fn set(&self, zone: &Name, signer: Result<ZoneSigner, String>) {
        let entry = signer.map_or_else(Entry::Unusable, |signer| Entry::Ready(Arc::new(signer)));
        self.zones.write().unwrap_or_else(PoisonError::into_inner).insert(zone.to_owned(), entry);
    }

    /// Nobody signs the zone any more.
    pub fn remove(&self, zone: &Name) {
        self.zones.write().unwrap_or_else(PoisonError::into_inner).remove(zone);
        self.passed(zone);
    }

    /// Notes that a change of a zone was refused.
    pub fn refused(&self, zone: &Name, refusal: Refusal) {
        self.refused.write().unwrap_or_else(PoisonError::into_inner).insert(zone.to_owned(), refusal);
    }

    /// Notes that a change of a zone was made.
    pub fn passed(&self, zone: &Name) {
        let is_refused = |all: &HashMap<NameBuf, Refusal>| all.contains_key(zone);
        if is_refused(&self.refused.read().unwrap_or_else(PoisonError::into_inner)) {
            self.refused.write().unwrap_or_else(PoisonError::into_inner).remove(zone);
        }
    }

    /// The last change of a zone that was refused, if none was made since.
    pub fn last_refusal(&self, zone: &Name) -> Option<Refusal> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner).get(zone).cloned()
    }
}
