//! Snapshots of the zones for servers that come new, or whose place in the journal has been trimmed away: who makes them and
//! when, and how a server begins with one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use journal::backup::{self, BackupError};
use journal::{Bounds, Offset};
use journal_kafka::{SnapshotError, Snapshots};

use super::nodes::{NodeView, Presence};

/// Whether a snapshot is due is looked at this often.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// A server that has no zones begins with a snapshot instead of the journal's beginning, if the journal has more than so
/// many places.
const WORTH_IT: u64 = 10_000;
/// Name of the file in the data directory that a snapshot is written to before it is sent, and after it came.
const FILE: &str = "snapshot.db";

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotsError {
    /// It cannot be sent or had.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store cannot be copied or put into its place.
    #[error(transparent)]
    Store(#[from] BackupError),
}

/// The snapshots of a cluster, as one of its servers has to do with them.
pub struct Snapshooter {
    snapshots: Snapshots,
    directory: PathBuf,
    /// A snapshot is due when there are so many changes behind the last one.
    every: u64,
    /// Up to which offset the latest one has the changes, as far as is known; 0: there is none.
    latest: AtomicU64,
}

impl Snapshooter {
    /// Of a server whose store is in `directory`; a snapshot is made every `every` changes.
    pub fn new(snapshots: Snapshots, directory: &Path, every: u64) -> Snapshooter {
        Snapshooter { snapshots, directory: directory.to_owned(), every, latest: AtomicU64::new(0) }
    }

    /// Up to which offset the latest one has the changes, as far as is known; 0: there is none. The journal must not be
    /// trimmed beyond it.
    pub fn latest(&self) -> Offset {
        self.latest.load(Ordering::Relaxed)
    }

    /// Begins with a snapshot where the store in the directory, which has the changes up to `position` and is not open, can do
    /// nothing with the journal of these bounds, or would have too much to read. Returns what the store has then.
    ///
    /// # Errors
    /// [`SnapshotsError`]; then the store is as it was.
    pub fn begin(&self, position: Offset, journal: Bounds) -> Result<Offset, SnapshotsError> {
        let is_trimmed = position + 1 < journal.first;
        let is_new = position == 0 && journal.next > WORTH_IT;
        if !is_trimmed && !is_new {
            return Ok(position);
        }
        let file = self.clear()?;
        // One that ends before the journal begins is of no use.
        let Some(found) = self.snapshots.fetch(&file, position.max(journal.first.saturating_sub(2)))? else {
            return Ok(position);
        };
        backup::place_store(&file, &self.directory)?;
        tracing::info!(position = found, "begins with a snapshot of the zones from another server");
        Ok(found)
    }

    /// Makes a snapshot if one is due and it is this server's turn: of those that serve, the first by name makes them. While
    /// servers have different zones, nobody knows which are right, and none is made.
    /// `position` is how far the journal is.
    ///
    /// # Errors
    /// [`SnapshotsError`].
    pub fn look(&self, nodes: &[NodeView], position: Offset) -> Result<(), SnapshotsError> {
        if position < self.latest() + self.every {
            return Ok(());
        }
        // Another server may have made one.
        let latest = self.snapshots.latest()?.unwrap_or(0);
        self.latest.store(latest, Ordering::Relaxed);
        let is_first = nodes.iter().find(|node| node.presence == Presence::Serving).is_some_and(|node| node.is_own);
        let is_certain = !nodes.iter().any(|node| node.differs);
        if position < latest + self.every || !is_first || !is_certain {
            return Ok(());
        }
        let file = self.clear()?;
        let copied = backup::copy_store(&self.directory.join(backup::STORE), &file)?;
        // The store is behind the journal, and may be behind the snapshot that there is.
        let published = if copied > latest { self.snapshots.publish(&file, copied) } else { Ok(()) };
        self.clear()?;
        published?;
        if copied <= latest {
            return Ok(());
        }
        self.latest.store(copied, Ordering::Relaxed);
        tracing::info!(position = copied, "made a snapshot of the zones for new servers");
        Ok(())
    }

    /// The file, which is not there then.
    fn clear(&self) -> Result<PathBuf, SnapshotsError> {
        let file = self.directory.join(FILE);
        match std::fs::remove_file(&file) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(BackupError::Io { path: file, source }.into())
            }
            _ => Ok(file),
        }
    }
}
