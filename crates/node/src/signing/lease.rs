//! Which server of a cluster signs a zone: one, which has its private keys. The document of the zone's keys names it, and of
//! those who want to be it the journal takes one. It moves the keys on and makes signatures anew; the others sign the changes
//! that they make if they have copies of the keys, and refuse them if not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dns::{Name, NameBuf};
use journal::shared::Author;
use signer::policy::SigningPolicy;
use signer::zone_signer::ZoneSigner;

use super::document::{self, Versioned, ZoneDocument};
use super::key_store::KeyStoreError;
use super::signer_of::signer_of;
use super::{Parts, SigningError};
use crate::cluster::Cluster;

/// A server that did not make the zone leaves it so long to the one that did, in seconds.
const FIRST_S: u64 = 5;
/// A zone that another server signs is looked at this often, in seconds: its server may be gone.
pub const FOLLOW_S: u64 = 30;
/// Zones that are left to others at once; more are not waited with.
const MAX_LEFT: usize = 10_000;

/// Since when zones that nobody signs yet are left to the servers that made them, in seconds since 1970.
#[derive(Default)]
pub struct LeftToOthers(Mutex<HashMap<NameBuf, u64>>);

/// Who signs a zone.
pub enum Turn {
    /// This server.
    Ours,
    /// The server of this name; empty: one that is not known.
    Theirs(String),
    /// It is not known yet.
    Later,
}

/// What is said where a zone is to be changed whose keys another server has.
pub fn elsewhere(server: &str) -> String {
    let server = if server.is_empty() { "another server" } else { server };
    format!("{server} of the cluster has its private keys and signs it: change the zone there")
}

/// Whether `document` says that another server than `own` signs its zone.
pub fn is_theirs(document: &ZoneDocument, own: Option<&str>) -> bool {
    own.is_some_and(|own| !document.signer.is_empty() && document.signer != own)
}

impl LeftToOthers {
    fn lock(&self) -> MutexGuard<'_, HashMap<NameBuf, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a zone has been left to others for long enough.
    fn is_over(&self, zone: &Name, now_s: u64) -> bool {
        let mut left = self.lock();
        if left.len() >= MAX_LEFT && !left.contains_key(zone) {
            return true;
        }
        let since_s = *left.entry(zone.to_owned()).or_insert(now_s);
        now_s >= since_s + FIRST_S
    }

    /// Somebody signs the zone.
    fn forget(&self, zone: &Name) {
        self.lock().remove(zone);
    }
}

/// A zone that one of the servers of a cluster is to sign.
pub struct Candidate<'a> {
    pub parts: &'a Parts,
    pub zone: &'a Name,
    /// The name of its policy; empty: it shall not be signed.
    pub policy_name: &'a str,
    /// The policy, or that by which it was signed until now.
    pub policy: Arc<SigningPolicy>,
    /// What the clock says, in seconds since 1970.
    pub now_s: u64,
}

impl Candidate<'_> {
    /// Who signs the zone. Where nobody does yet, or the one who did is gone and this server has the keys, it becomes this one,
    /// and `author` says so.
    ///
    /// # Errors
    /// [`SigningError::Raced`]: another server was faster; or it cannot be kept.
    pub fn turn(&self, cluster: &Cluster, kept: &mut Versioned, author: &Author) -> Result<Turn, SigningError> {
        let (own, signer) = (&cluster.identity().name, &kept.document.signer);
        if signer == own {
            return Ok(Turn::Ours);
        }
        let has_keys = !kept.document.keys.keys.is_empty();
        if !has_keys && self.policy_name.is_empty() {
            // There is nothing to sign, and nobody to do it.
            return Ok(Turn::Ours);
        }
        let is_free = signer.is_empty() || cluster.has_forgotten(signer);
        match (is_free, has_keys) {
            (true, false) if !self.may_be_first() => return Ok(Turn::Later),
            (true, false) => {}
            (true, true) if self.signer(&kept.document).is_ok() => {}
            _ => return Ok(Turn::Theirs(signer.clone())),
        }
        kept.document.zone = self.zone.to_string();
        kept.document.signer.clone_from(own);
        if !has_keys {
            self.policy_name.clone_into(&mut kept.document.policy);
        }
        kept.version = document::write(&self.parts.settings, self.zone, kept.version, &kept.document, author)?;
        tracing::info!(zone = %self.zone, "this server of the cluster signs the zone");
        self.parts.left.forget(self.zone);
        Ok(Turn::Ours)
    }

    /// Has changes that are made here signed if the keys of a zone that `server` signs are here, too, and refused if not.
    pub fn follow(&self, server: &str, document: &ZoneDocument) {
        self.parts.left.forget(self.zone);
        self.parts.signers.set(self.zone, self.signer(document).map_err(|_| elsewhere(server)));
    }

    fn signer(&self, document: &ZoneDocument) -> Result<ZoneSigner, KeyStoreError> {
        signer_of(self.zone, document, &self.policy, Vec::new(), &self.parts.store())
    }

    /// Whether this server may be the first to sign the zone: it made the last change of it, or who made it has not begun.
    fn may_be_first(&self) -> bool {
        let (committer, zone) = (&self.parts.committer, self.zone.to_owned());
        let own = committer.node();
        let last = committer.inspect(move |replica| replica.zone(&zone).and_then(|state| state.last));
        let is_ours = last.flatten().is_none_or(|last| last.node == own);
        is_ours || self.parts.left.is_over(self.zone, self.now_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_left_to_others_for_a_while() {
        let (left, zone): (LeftToOthers, NameBuf) = (LeftToOthers::default(), "a.example".parse().expect("a name"));
        assert!(!left.is_over(&zone, 100) && !left.is_over(&zone, 100 + FIRST_S - 1));
        assert!(left.is_over(&zone, 100 + FIRST_S));
        left.forget(&zone);
        assert!(!left.is_over(&zone, 200), "it begins anew");
    }

    #[test]
    fn who_signs_is_in_the_document() {
        let document = |signer: &str| ZoneDocument { signer: signer.to_owned(), ..ZoneDocument::default() };
        assert!(is_theirs(&document("a"), Some("b")));
        assert!(!is_theirs(&document("a"), Some("a")) && !is_theirs(&document(""), Some("a")));
        assert!(!is_theirs(&document("a"), None), "a server alone has all that there is");
    }
}
