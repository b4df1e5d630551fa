//! Backups in the data directory: made by hand, by API, and by the clock, of which a number are kept.

use std::fs;
use std::path::{Path, PathBuf};

use journal::Offset;
use journal::backup::{self, MANIFEST, Manifest, Problem};
use server::clock::unix_ms;

/// The directory of backups in the data directory.
const DIRECTORY: &str = "backups";
/// What the names of backups that the clock made begin with; no others are deleted.
const SCHEDULED: &str = "scheduled-";
/// What the names of the others begin with.
const BY_HAND: &str = "backup-";
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// A backup that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name, which is also that of its directory.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Octets.
    pub size_bytes: u64,
    /// The offset up to which it has changes.
    pub position: Offset,
}

impl Backup {
    fn is_scheduled(&self) -> bool {
        self.name.starts_with(SCHEDULED)
    }
}

/// The backups of a data directory. All methods wait for the disk.
#[derive(Debug, Clone)]
pub struct Backups {
    data_dir: PathBuf,
    journal_file: PathBuf,
}

impl Backups {
    /// Those of a data directory whose journal is in this file.
    pub fn new(data_dir: PathBuf, journal_file: PathBuf) -> Backups {
        Backups { data_dir, journal_file }
    }

    fn directory(&self) -> PathBuf {
        self.data_dir.join(DIRECTORY)
    }

    /// Makes one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn create(&self) -> Result<Backup, String> {
        self.make(BY_HAND)
    }

    fn make(&self, prefix: &str) -> Result<Backup, String> {
        if !self.journal_file.exists() {
            let file = self.journal_file.display();
            return Err(format!(
                "there is no journal in {file}; that of a cluster is in Kafka, which keeps copies of it"
            ));
        }
        let (directory, name) = (self.directory(), format!("{prefix}{}", unix_ms()));
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let manifest = backup::create(&self.data_dir, &self.journal_file, &directory.join(&name));
        manifest.map(|manifest| backup_of(name, &manifest)).map_err(|error| error.to_string())
    }

    /// All that are whole, the latest first.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> Result<Vec<Backup>, String> {
        let entries = match fs::read_dir(self.directory()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let read = |entry: fs::DirEntry| {
            let manifest = Manifest::read(&entry.path()).ok()?;
            Some(backup_of(entry.file_name().into_string().ok()?, &manifest))
        };
        let mut backups: Vec<Backup> = entries.flatten().filter_map(read).collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.created_at_ms));
        Ok(backups)
    }

    /// What is wrong with one of those that are listed; `None`: there is none of this name.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn verify(&self, name: &str) -> Result<Option<Vec<Problem>>, String> {
        // The name comes from outside: it must be one of those that are listed.
        if !self.list()?.iter().any(|backup| backup.name == name) {
            return Ok(None);
        }
        Ok(Some(backup::verify(&self.directory().join(name)).err().unwrap_or_default()))
    }

    /// Makes one if the last that the clock made is `hours` old; then deletes those of the clock beyond the latest `keep`,
    /// and what is left of those that a crash kept from becoming whole. `None`: it is not time yet.
    ///
    /// # Errors
    /// Why none was made, or what cannot be deleted.
    pub fn make_due(&self, hours: u32, keep: usize, now_ms: u64) -> Result<Option<Backup>, String> {
        let last = self.list()?.into_iter().find(Backup::is_scheduled);
        // A clock that was set back must not keep them from being made.
        let age_ms = last.map(|last| now_ms.abs_diff(last.created_at_ms));
        if age_ms.is_some_and(|age_ms| age_ms < u64::from(hours) * HOUR_MS) {
            return Ok(None);
        }
        let made = self.make(SCHEDULED)?;
        self.prune(keep)?;
        Ok(Some(made))
    }

    fn prune(&self, keep: usize) -> Result<(), String> {
        let scheduled = self.list()?.into_iter().filter(Backup::is_scheduled);
        let kept: Vec<String> = scheduled.take(keep).map(|backup| backup.name).collect();
        let entries = fs::read_dir(self.directory()).map_err(|error| error.to_string())?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        for name in names.filter(|name| name.starts_with(SCHEDULED) && !kept.contains(name)) {
            let path = self.directory().join(name);
            remove(&path).map_err(|error| format!("{} cannot be deleted: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Deletes a backup, first of all what makes it one.
fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path.join(MANIFEST)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_dir_all(path),
    }
}

fn backup_of(name: String, manifest: &Manifest) -> Backup {
    Backup {
        name,
        created_at_ms: manifest.created_ms,
        size_bytes: manifest.files.iter().map(|file| file.size).sum(),
        position: manifest.streams.zones.next.saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use zone::{Published, ZoneTable};

    use super::*;
    use crate::durable::Durable;
    use crate::lookups::Lookups;
    use crate::schedule::SystemTimeSource;
    use crate::scheduler::Scheduler;
    use crate::signing::Configured;

    fn names(backups: &Backups) -> Vec<String> {
        backups.list().expect("a list").into_iter().map(|backup| backup.name).collect()
    }

    #[test]
    fn the_clock_makes_them_in_time_keeps_so_many_and_touches_no_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let data_dir = directory.path().join("data");
        let journal_file = data_dir.join("journal.db");
        let hasher = dns::NameHasher::new(1);
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let (scheduler, _unstarted) = Scheduler::new(std::sync::Arc::new(SystemTimeSource));
        let durable = Durable::open(
            &data_dir,
            &journal_file,
            hasher,
            &zones,
            (&[], &Configured::default()),
            (scheduler, &Lookups::default()),
        )
        .expect("a data directory");
        let backups = Backups::new(data_dir.clone(), journal_file);
        let by_hand = backups.create().expect("a backup").name;
        let first = backups.make_due(24, 2, unix_ms()).expect("made").expect("the first is due at once");
        assert_eq!(backups.make_due(24, 2, unix_ms()), Ok(None));
        assert_eq!(backups.make_due(24, 2, first.created_at_ms + 24 * HOUR_MS - 1), Ok(None));
        // What a crash left.
        let torn = data_dir.join(DIRECTORY).join(format!("{SCHEDULED}7"));
        fs::create_dir(&torn).expect("a directory");
        let mut made = vec![first.name];
        for _ in 0..2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let backup = backups.make_due(24, 2, unix_ms() + 25 * HOUR_MS).expect("made").expect("due");
            made.insert(0, backup.name);
        }
        assert_eq!(names(&backups), [&*made[0], &made[1], &by_hand]);
        assert!(!torn.exists());
        assert_eq!(backups.verify(&made[0]), Ok(Some(Vec::new())));
        assert_eq!(backups.verify("../data"), Ok(None));
        durable.stop();
    }
}
