//! A handle on a running node, for whatever stands on it: its zones, their history, transfers, backups, and the corridor
//! for changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::AccessStore;
use dns::{Name, NameBuf};
use journal::history::Past;
use journal::shared::SharedSettings;
use journal::{Accepted, Follower, History, JournalError, Offset};
use tokio::sync::watch;
use zone::{Contents, DnssecValidation, Published, ZoneTable};

use crate::backups::Backups;
use crate::catalogue::{Catalogue, ZoneEntry, ZoneRef};
use crate::cluster::{Cluster, Holders, Positions};
use crate::commit::{CommitError, Committed, Committer, Request};
use crate::durable::Durable;
use crate::presigned::Presigned;
use crate::scheduler::Scheduler;
use crate::zone_info::ZoneInfo;

/// How a request for something that is no change failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandleError {
    /// What was asked for is not there.
    #[error("{0}")]
    NotThere(String),
    /// It was there, but history has been trimmed.
    #[error("{0}")]
    Trimmed(String),
    /// It cannot be done to this object.
    #[error("{0}")]
    Refused(String),
    /// It did not work out now.
    #[error("{0}")]
    Failed(String),
}

/// A moment of a zone's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it had this serial.
    Serial(u32),
    /// At this time, in milliseconds since 1970.
    TimeMs(u64),
}

/// The handle; clones are handles on the same node. Methods that are said to block are called on threads for that.
#[derive(Clone)]
pub struct NodeHandle {
    /// The zones as they are served.
    zones: Arc<Published<ZoneTable>>,
    /// What else is known of them.
    catalogue: Arc<Catalogue>,
    scheduler: Scheduler,
    /// What is known of zones that others sign and that are validated.
    presigned: Arc<Presigned>,
    /// The offset of the latest change that is visible.
    position: watch::Sender<Offset>,
    /// Makes changes.
    committer: Committer,
    /// Past changes.
    history: Arc<History>,
    /// How far the store is.
    follower: Arc<Follower>,
    /// The data directory.
    data_dir: PathBuf,
    journal_file: PathBuf,
    backups: Backups,
    settings: Arc<SharedSettings>,
    access: Arc<AccessStore>,
    cluster: Option<Arc<Cluster>>,
}

impl NodeHandle {
    /// A handle on what is in `data_dir` and `journal_file`, and served as `zones`.
    pub fn new(
        durable: &Durable,
        zones: &Arc<Published<ZoneTable>>,
        data_dir: PathBuf,
        journal_file: PathBuf,
    ) -> NodeHandle {
        NodeHandle {
            zones: zones.clone(),
            catalogue: durable.catalogue.clone(),
            scheduler: durable.scheduler.clone(),
            presigned: durable.presigned.clone(),
            position: durable.position.clone(),
            committer: durable.committer.clone(),
            history: durable.history.clone(),
            follower: durable.follower.clone(),
            backups: Backups::new(data_dir.clone(), journal_file.clone()),
            settings: durable.settings.clone(),
            access: durable.access.clone(),
            cluster: durable.cluster.clone(),
            data_dir,
            journal_file,
        }
    }

    fn info(&self, zones: &ZoneTable, entry: &ZoneEntry) -> ZoneInfo {
        let contents = zones.get(entry.name()).and_then(|zone| zone.contents.as_ref());
        let is_validated = entry.validation() != DnssecValidation::Off;
        let validated = is_validated.then(|| self.presigned.zone(entry.name())).flatten();
        let (status, is_here) = (self.scheduler.status(entry.name()), self.catalogue.answers_for(entry.lists()));
        ZoneInfo::new(entry, contents, status, validated, is_here)
    }

    /// How many zones only other servers of the cluster answer for.
    pub fn elsewhere_count(&self) -> usize {
        self.catalogue.elsewhere_count()
    }

    /// Which servers of the cluster answer for zones with these names.
    pub fn holders<'n>(&self, names: impl IntoIterator<Item = &'n NameBuf>) -> Holders {
        self.catalogue.holders(names)
    }

    fn entry(&self, name: &Name) -> Result<ZoneRef, HandleError> {
        self.catalogue.zone(name).ok_or_else(|| HandleError::NotThere(format!("there is no zone {name}")))
    }

    /// Up to `limit` zones in canonical order (RFC 4034 6.1), those behind `after`. Its cost must not depend on the
    /// number of zones.
    pub fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<ZoneInfo> {
        let zones = self.zones.latest();
        self.catalogue.zones_after(after, limit).iter().map(|entry| self.info(&zones, entry)).collect()
    }

    /// A zone.
    pub fn zone(&self, name: &Name) -> Option<ZoneInfo> {
        self.catalogue.zone(name).map(|entry| self.info(&self.zones.latest(), &entry))
    }

    /// Where the API of a secondary's primary is, if the configuration says so.
    pub fn primary_api(&self, name: &Name) -> Option<Arc<str>> {
        self.catalogue.configured(name)?.primary_api().cloned()
    }

    /// The records of a zone; `None`: there is no such zone, or it has no contents.
    pub fn contents(&self, name: &Name) -> Option<Contents> {
        self.zones.latest().get(name)?.contents.clone()
    }

    /// The apex of the zone that `name` is in: the closest one at or above it.
    pub fn closest_zone(&self, name: &Name) -> Option<NameBuf> {
        let zones = self.zones.latest();
        name.ancestors().find_map(|name| zones.get(name)).map(|zone| zone.name.clone())
    }

    /// What is known of zones that others sign and that are validated.
    pub fn presigned(&self) -> &Presigned {
        &self.presigned
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.catalogue.len()
    }

    /// Makes a change and waits until it is durable and visible.
    ///
    /// # Errors
    /// Why it was not made.
    pub async fn commit(&self, request: Request) -> Result<Committed, CommitError> {
        self.committer.commit(request).await
    }

    /// The offset of the latest change that is visible, as it moves.
    pub fn position(&self) -> watch::Receiver<Offset> {
        self.position.subscribe()
    }

    /// Up to `limit` changes, of one zone or of all, the latest first, those before `before`. Blocking.
    ///
    /// # Errors
    /// [`HandleError::Failed`].
    pub fn changes(
        &self,
        zone: Option<&Name>,
        before: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Accepted>, HandleError> {
        self.history.changes(zone, before, limit).map_err(failed)
    }

    /// Up to `limit` changes behind `after`, the earliest first. Blocking.
    ///
    /// # Errors
    /// [`HandleError::Trimmed`], [`HandleError::Failed`].
    pub fn changes_after(&self, after: Offset, limit: usize) -> Result<Vec<Accepted>, HandleError> {
        self.history.after(after, limit).map_err(failed)
    }

    /// One change. Blocking.
    ///
    /// # Errors
    /// [`HandleError::NotThere`], [`HandleError::Trimmed`], [`HandleError::Failed`].
    pub fn change(&self, offset: Offset) -> Result<Accepted, HandleError> {
        let not_there = || HandleError::NotThere(format!("there is no change {offset}"));
        self.history.get(offset).map_err(failed)?.ok_or_else(not_there)
    }

    /// A zone as it was. Blocking.
    ///
    /// # Errors
    /// [`HandleError::NotThere`]: it did not exist then; [`HandleError::Trimmed`], [`HandleError::Failed`].
    pub fn zone_at(&self, zone: &Name, moment: Moment) -> Result<Contents, HandleError> {
        let now = self.contents(zone);
        match moment {
            Moment::Serial(serial) => {
                let now = now.ok_or_else(|| HandleError::NotThere(format!("there is no zone {zone}")))?;
                let past = self.history.at_serial(&now, serial).map_err(failed)?;
                past.ok_or_else(|| HandleError::NotThere(format!("history knows no serial {serial} of zone {zone}")))
            }
            Moment::TimeMs(at_ms) => match self.history.at_time(zone, now.as_ref(), at_ms).map_err(failed)? {
                Past::Contents(contents) => Ok(contents),
                Past::Absent => Err(HandleError::NotThere(format!("there was no zone {zone} then"))),
                Past::Forgotten => Err(HandleError::Trimmed("history does not reach back so far".into())),
            },
        }
    }

    /// How many changes are visible and not yet in the store.
    pub fn store_lag(&self) -> u64 {
        self.position.borrow().saturating_sub(self.follower.stored())
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The journal's file.
    pub fn journal_file(&self) -> &Path {
        &self.journal_file
    }

    /// The zones as they are served.
    pub fn zones(&self) -> &Arc<Published<ZoneTable>> {
        &self.zones
    }

    /// Fetches a secondary zone from its primaries as a whole, soon.
    ///
    /// # Errors
    /// [`HandleError::Refused`]: it is no secondary.
    pub fn retransfer(&self, zone: &Name) -> Result<(), HandleError> {
        let entry = self.entry(zone)?;
        if !entry.is_secondary() {
            return Err(HandleError::Refused(format!("zone {zone} is no secondary")));
        }
        self.scheduler.retransfer(entry);
        Ok(())
    }

    /// Sends NOTIFY to the secondaries of a zone soon; returns how many there are.
    ///
    /// # Errors
    /// [`HandleError::Refused`]: the zone has no contents.
    pub fn notify(&self, zone: &Name) -> Result<usize, HandleError> {
        let entry = self.entry(zone)?;
        if self.contents(zone).is_none() {
            return Err(HandleError::Refused(format!("zone {zone} has no records to tell about")));
        }
        let count = entry.lists().notify.len();
        self.scheduler.zones_changed([entry]);
        Ok(count)
    }

    /// Who shares the zones; `None`: nobody.
    pub fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.as_ref()
    }

    /// What is set by API and holds for every server on the journal.
    pub fn settings(&self) -> &Arc<SharedSettings> {
        &self.settings
    }

    /// How far this server is: all that was acknowledged here, and what it has of others.
    pub fn positions(&self) -> Positions {
        Positions {
            zones: *self.position.borrow(),
            access: self.access.corridor().position(),
            settings: self.settings.corridor().position(),
        }
    }

    /// The backups of this node.
    pub fn backups(&self) -> &Backups {
        &self.backups
    }
}

fn failed(error: JournalError) -> HandleError {
    match error {
        JournalError::Trimmed { .. } => HandleError::Trimmed(error.to_string()),
        error => HandleError::Failed(error.to_string()),
    }
}
