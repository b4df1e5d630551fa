//! What follows from changes of zones: the catalogue, the latest changes, the store, the secondaries and NOTIFY learn of
//! them here. The committer reports to it.

use std::sync::Arc;

use dns::{Name, NameBuf};
use journal::{Accepted, Follower, JournalError, Offset, Replica, ZoneState};
use resolver::cache::ChangedNames;
use server::clock::unix_seconds;
use signer::zone_signer::ZoneSigner;
use tokio::sync::watch;
use zone::{DnssecValidation, Zone, ZoneKind, ZoneSettings};

use crate::catalogue::{Catalogue, SecondaryChange};
use crate::cluster::Inventory;
use crate::commit::{Observer, SigningFailure};
use crate::forgetting::add_changed;
use crate::lookups::Lookups;
use crate::presigned::Presigned;
use crate::read_only::MaintainedIn;
use crate::recent::Recent;
use crate::scheduler::Scheduler;
use crate::secondary::Held;
use crate::signers::{Refusal, Signers};
use crate::signing::elsewhere;

/// The committer's observer.
pub struct ZoneObserver {
    /// The zones.
    pub catalogue: Arc<Catalogue>,
    /// Who signs which zone.
    pub signers: Arc<Signers>,
    /// What is known of zones that others sign and that are validated.
    pub presigned: Arc<Presigned>,
    /// The latest changes, for incremental transfers.
    pub recent: Arc<Recent>,
    /// Timed work: secondaries, NOTIFY.
    pub scheduler: Scheduler,
    /// What keeps the store up.
    pub follower: Arc<Follower>,
    /// The offset of the latest change that is visible.
    pub position: watch::Sender<Offset>,
    /// Of a server of a cluster: which zones it has.
    pub inventory: Option<Arc<Inventory>>,
    /// The resolver there is, if any.
    pub lookups: Lookups,
    /// What it has to forget when the changes that count are visible.
    pub changed: ChangedNames,
    /// Whether the zones of the store have been published: what is published then is news.
    pub started: bool,
}

impl Observer for ZoneObserver {
    fn maintained_in(&self, name: &Name) -> MaintainedIn {
        self.catalogue.maintained_in(name)
    }

    fn configured(&self, name: &Name) -> Option<Arc<ZoneSettings>> {
        self.catalogue.configured(name).map(|source| source.settings.clone())
    }

    fn signer(&self, name: &Name) -> Result<Option<Arc<ZoneSigner>>, String> {
        let signer = self.signers.signer(name)?;
        if signer.is_none() && self.catalogue.is_signed_in_cluster(name) {
            // Whoever signs it has made it so; it is not said here yet who that is, and without signatures nothing is added.
            return Err(elsewhere(""));
        }
        Ok(signer)
    }

    fn signed(&self, name: &Name, failure: Option<&SigningFailure>) {
        match failure {
            Some(why) => self.signers.refused(name, Refusal { at_s: unix_seconds(), why: why.to_string() }),
            None => self.signers.passed(name),
        }
    }

    fn serve(&self, state: &ZoneState) -> Arc<Zone> {
        let policy = self.catalogue.policy(state);
        let expired = state.settings.kind == ZoneKind::Secondary && self.scheduler.is_expired(&state.key.name);
        if !self.started && self.catalogue.validation(state) == DnssecValidation::Expire {
            // Nobody has looked yet, and the zone may have ended while the server was off.
            state.contents.iter().for_each(|contents| self.presigned.end_if_over(contents, unix_seconds()));
        }
        let has_ended = self.presigned.has_ended(&state.key.name, state.serial());
        let contents = state.contents.clone().filter(|_| !expired && !has_ended);
        Arc::new(Zone { name: state.key.name.clone(), contents, policy })
    }

    fn wait_for_room(&self) -> Result<(), JournalError> {
        self.follower.wait_for_room(Follower::MAX_QUEUED_OCTETS)
    }

    fn committed(&mut self, changes: &[Accepted]) {
        self.recent.add(changes);
        self.follower.push(changes);
        if self.lookups.get().is_some() {
            let is_served =
                |zone: &Name| self.catalogue.zone(zone).is_some_and(|zone| self.catalogue.answers_for(zone.lists()));
            changes.iter().for_each(|change| add_changed(&mut self.changed, &change.change, is_served));
        }
    }

    fn published(&mut self, replica: &Replica, zones: &[NameBuf]) {
        for change in self.catalogue.follow(replica, zones) {
            match change {
                SecondaryChange::Is(zone) => {
                    let held = replica.zone(zone.name()).and_then(Held::of);
                    self.scheduler.add_secondary(zone, held);
                }
                SecondaryChange::Was(zone) => self.scheduler.remove_secondary(zone),
            }
        }
        if let Some(inventory) = &self.inventory {
            inventory.follow(replica, zones);
        }
        self.lookups.forget(&std::mem::take(&mut self.changed));
        advance(&self.position, replica.next_offset().saturating_sub(1));
        if std::mem::replace(&mut self.started, true) {
            self.scheduler.zones_changed(self.catalogue.followed(zones));
        }
    }
}

/// Changes up to this offset count and are visible; 0: there is none.
pub fn advance(position: &watch::Sender<Offset>, offset: Offset) {
    if offset > 0 {
        position.send_replace(offset);
    }
}
