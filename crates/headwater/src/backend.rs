//! The node as the API sees it.

use std::path::PathBuf;
use std::sync::Arc;

use dns::{Name, NameBuf};
use journal::backup::{self, Manifest};
use journal::history::Past;
use journal::{History, JournalError, Offset};
use tokio::sync::watch;
use zone::{Contents, Published, ZoneKind, ZoneSettings, ZoneTable};

use crate::api::backend::{
    Backend, BackendError, Backup, Change, Moment, SettingProblem, TransferState, ZoneInfo, ZoneSource, ZoneState,
};
use crate::clock::now_ms;
use crate::commit::{CommitError, Committed, Committer, Request};
use crate::config::ZoneLists;
use crate::keeper::{Entry, Keeper};

/// Directory of backups in the data directory.
const BACKUPS: &str = "backups";

/// What the API needs of a node.
pub struct NodeBackend {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// What else is known of them.
    pub keeper: Arc<Keeper>,
    /// Makes changes.
    pub committer: Committer,
    /// Past changes.
    pub history: Arc<History>,
    /// The data directory.
    pub data_dir: PathBuf,
}

impl NodeBackend {
    fn info(&self, zones: &ZoneTable, entry: &Entry) -> ZoneInfo {
        let contents = zones.get(&entry.name).and_then(|zone| zone.contents.as_ref());
        let status = self.keeper.secondaries.status(&entry.name);
        let state = match contents {
            Some(_) => ZoneState::Serving,
            None if status.as_ref().is_some_and(|status| status.expired) => ZoneState::Expired,
            None => ZoneState::Waiting,
        };
        let ms = |seconds: u64| (seconds > 0).then_some(seconds * 1000);
        let transfer = status.map(|status| TransferState {
            primary: status.primary.map(|primary| primary.to_string()),
            refreshed_at_ms: ms(status.checked_at_s),
            next_refresh_at_ms: ms(status.next_at_s),
            expires_at_ms: ms(status.expires_at_s),
            last_error: Some(status.error).filter(|error| !error.is_empty()),
            behind: status.behind.into_iter().map(|behind| (behind.primary.to_string(), behind.serial)).collect(),
        });
        ZoneInfo {
            name: entry.name.clone(),
            source: match (entry.is_file, entry.is_configured) {
                (true, _) => ZoneSource::File,
                (false, true) => ZoneSource::Configuration,
                (false, false) => ZoneSource::Journal,
            },
            state,
            settings: entry.settings.clone(),
            serial: journal::replica::serial_of(contents),
            records: contents.map_or(0, Contents::record_count),
            findings: contents.map(|contents| contents.findings().clone()).unwrap_or_default(),
            transfer,
        }
    }

    fn entry(&self, name: &Name) -> Result<Arc<Entry>, BackendError> {
        self.keeper.zone(name).ok_or_else(|| BackendError::NotThere(format!("there is no zone {name}")))
    }

    fn backup_of(name: String, manifest: &Manifest) -> Backup {
        Backup {
            name,
            created_at_ms: manifest.created_ms,
            size_bytes: manifest.files.iter().map(|file| file.size).sum(),
            position: manifest.zones.next.saturating_sub(1),
        }
    }
}

impl Backend for NodeBackend {
    fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<ZoneInfo> {
        let zones = self.zones.latest();
        self.keeper.zones_after(after, limit).iter().map(|entry| self.info(&zones, entry)).collect()
    }

    fn zone(&self, name: &Name) -> Option<ZoneInfo> {
        self.keeper.zone(name).map(|entry| self.info(&self.zones.latest(), &entry))
    }

    fn contents(&self, name: &Name) -> Option<Contents> {
        self.zones.latest().get(name)?.contents.clone()
    }

    fn closest_zone(&self, name: &Name) -> Option<NameBuf> {
        let zones = self.zones.latest();
        name.ancestors().find_map(|name| zones.get(name)).map(|zone| zone.name.clone())
    }

    fn zone_count(&self) -> usize {
        self.keeper.len()
    }

    fn check_settings(&self, settings: &ZoneSettings) -> Vec<SettingProblem> {
        let problems = ZoneLists::parse(settings).err().unwrap_or_default();
        let problem = |problem: crate::config::ListProblem| SettingProblem {
            field: problem.place.list,
            index: problem.place.index,
            detail: problem.message,
        };
        problems.into_iter().map(problem).collect()
    }

    fn submit(&self, request: Request, reply: Box<dyn FnOnce(Result<Committed, CommitError>) + Send>) {
        self.committer.submit(request, reply);
    }

    fn position(&self) -> watch::Receiver<Offset> {
        self.keeper.position()
    }

    fn changes(&self, zone: Option<&Name>, before: Option<Offset>, limit: usize) -> Result<Vec<Change>, BackendError> {
        self.history.changes(zone, before, limit).map(changes).map_err(failed)
    }

    fn changes_after(&self, after: Offset, limit: usize) -> Result<Vec<Change>, BackendError> {
        self.history.after(after, limit).map(changes).map_err(failed)
    }

    fn change(&self, offset: Offset) -> Result<Change, BackendError> {
        let found = self.history.get(offset).map_err(failed)?;
        let not_there = || BackendError::NotThere(format!("there is no change {offset}"));
        found.map(|accepted| Change { offset: accepted.offset, set: accepted.change }).ok_or_else(not_there)
    }

    fn zone_at(&self, zone: &Name, moment: Moment) -> Result<Contents, BackendError> {
        let now = self.contents(zone);
        match moment {
            Moment::Serial(serial) => {
                let now = now.ok_or_else(|| BackendError::NotThere(format!("there is no zone {zone}")))?;
                let past = self.history.at_serial(&now, serial).map_err(failed)?;
                past.ok_or_else(|| BackendError::NotThere(format!("history knows no serial {serial} of zone {zone}")))
            }
            Moment::TimeMs(at_ms) => match self.history.at_time(zone, now.as_ref(), at_ms).map_err(failed)? {
                Past::Contents(contents) => Ok(contents),
                Past::Absent => Err(BackendError::NotThere(format!("there was no zone {zone} then"))),
                Past::Forgotten => Err(BackendError::Trimmed("history does not reach back so far".into())),
            },
        }
    }

    fn retransfer(&self, zone: &Name) -> Result<(), BackendError> {
        let entry = self.entry(zone)?;
        if entry.settings.kind != ZoneKind::Secondary {
            return Err(BackendError::Refused(format!("zone {zone} is no secondary")));
        }
        self.keeper.secondaries.refresh(entry.name.clone(), true);
        Ok(())
    }

    fn notify(&self, zone: &Name) -> Result<usize, BackendError> {
        let entry = self.entry(zone)?;
        if self.contents(zone).is_none() {
            return Err(BackendError::Refused(format!("zone {zone} has no records to tell about")));
        }
        self.keeper.notifier.changed([entry.name.clone()]);
        Ok(entry.lists.notify.len())
    }

    fn backup_create(&self) -> Result<Backup, BackendError> {
        let directory = self.data_dir.join(BACKUPS);
        std::fs::create_dir_all(&directory).map_err(|error| BackendError::Failed(error.to_string()))?;
        let name = format!("backup-{}", now_ms());
        let manifest = backup::create(&self.data_dir, &directory.join(&name));
        let manifest = manifest.map_err(|error| BackendError::Failed(error.to_string()))?;
        Ok(NodeBackend::backup_of(name, &manifest))
    }

    fn backup_list(&self) -> Result<Vec<Backup>, BackendError> {
        let entries = match std::fs::read_dir(self.data_dir.join(BACKUPS)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(BackendError::Failed(error.to_string())),
        };
        let read = |entry: std::fs::DirEntry| {
            let manifest = Manifest::read(&entry.path()).ok()?;
            Some(NodeBackend::backup_of(entry.file_name().into_string().ok()?, &manifest))
        };
        let mut backups: Vec<Backup> = entries.flatten().filter_map(read).collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.created_at_ms));
        Ok(backups)
    }

    fn backup_verify(&self, name: &str) -> Result<Vec<String>, BackendError> {
        // The name comes from outside: it must be one of those that are listed.
        if !self.backup_list()?.iter().any(|backup| backup.name == name) {
            return Err(BackendError::NotThere(format!("there is no backup {name}")));
        }
        let verified = backup::verify(&self.data_dir.join(BACKUPS).join(name));
        Ok(verified.err().unwrap_or_default().iter().map(ToString::to_string).collect())
    }
}

fn changes(accepted: Vec<journal::Accepted>) -> Vec<Change> {
    accepted.into_iter().map(|accepted| Change { offset: accepted.offset, set: accepted.change }).collect()
}

fn failed(error: JournalError) -> BackendError {
    match error {
        JournalError::Trimmed { .. } => BackendError::Trimmed(error.to_string()),
        error => BackendError::Failed(error.to_string()),
    }
}
