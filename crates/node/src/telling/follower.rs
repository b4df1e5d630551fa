//! The thread that tells one listener of changes: in order, each until it has arrived, from where a file says.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::NamePattern;
use journal::{Accepted, Offset};
use serde::{Deserialize, Serialize};

use super::form;
use super::listener::{Event, Failure, Listener};
use super::status::Status;
use crate::handle::{HandleError, NodeHandle};
use crate::persist::{Retry, Stop, Stopped};

/// Changes that are told at once, where the listener takes many.
const PAGE: usize = 500;
/// How long news is waited for before other things are looked at.
const POLL: Duration = Duration::from_millis(200);
/// The file is written this often at the most.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before a listener that failed is told again.
const RETRY: Retry = Retry { first: Duration::from_millis(500), longest: Duration::from_secs(60) };
/// A listener that is further behind is told of the latest so many changes, and not of those before.
const MAX_BEHIND: Offset = 100_000;

/// What the file has.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// All changes up to this one have been told.
    told: Offset,
}

/// Tells a listener.
pub struct Follower {
    pub name: String,
    pub listener: Box<dyn Listener>,
    pub zones: Vec<NamePattern>,
    pub handle: NodeHandle,
    pub status: Arc<Status>,
    pub stop: Stop,
    /// Where it is noted how far the listener has been told.
    pub file: PathBuf,
}

impl Follower {
    /// Works until told to stop.
    pub fn run(mut self) {
        let latest = *self.handle.position().borrow();
        let mut told = read(&self.file).unwrap_or_else(|| {
            // Who is new hears of what happens from now on, also if the server is killed before anything is told.
            self.note(latest);
            latest
        });
        let (mut noted, mut written) = (None, Instant::now());
        // Whoever stops it knows.
        while let Ok(()) = self.turn(&mut told) {
            if noted != Some(told) && written.elapsed() >= WRITE_INTERVAL {
                (noted, written) = (Some(told), Instant::now());
                self.note(told);
            }
        }
        self.note(told);
    }

    /// Tells what there is, or waits for news.
    fn turn(&mut self, told: &mut Offset) -> Result<(), Stopped> {
        let latest = *self.handle.position().borrow();
        self.status.behind(latest.saturating_sub(*told));
        if latest <= *told {
            return self.stop.pause(POLL);
        }
        if latest - *told > MAX_BEHIND {
            let from = latest - MAX_BEHIND;
            tracing::error!(
                listener = self.name,
                from,
                behind = latest - *told,
                "too far behind: changes are not told"
            );
            self.status.dropped(from - *told);
            *told = from;
        }
        let (stop, status, name) = (&self.stop, &self.status, &self.name);
        let hear = |heard: Result<(), &str>| status.heard(name, heard);
        let handle = &self.handle;
        let changes = stop.persist(RETRY, hear, || match handle.changes_after(*told, PAGE) {
            // What is forgotten cannot be told.
            Err(HandleError::Trimmed(_)) => Ok(Vec::new()),
            page => page,
        })?;
        // Changes that the fold rejected have offsets too.
        let end = changes.last().map_or(latest, |change| change.offset);
        let events: Vec<Event> = changes.iter().filter_map(|change| self.event(change)).collect();
        let mut left = &events[..];
        while !left.is_empty() {
            let listener = &mut self.listener;
            let taken = stop.persist(RETRY, hear, || match listener.tell(left) {
                Ok(taken) => Ok(Ok(taken)),
                Err(Failure { is_final: true, why }) => Ok(Err(why)),
                Err(Failure { why, .. }) => Err(why),
            })?;
            let taken = taken.unwrap_or_else(|why| {
                let change = left.first().map_or(0, |event| event.id);
                tracing::error!(listener = name, change, "it refuses a change for good: {why}");
                status.dropped(1);
                1
            });
            let taken = taken.clamp(1, left.len());
            *told = left.get(taken - 1).map_or(*told, |event| event.id);
            left = &left[taken..];
            self.status.sent(taken as u64);
        }
        *told = end;
        Ok(())
    }

    fn event(&self, change: &Accepted) -> Option<Event> {
        Some(Event { id: change.offset, json: form::event(change, &self.zones)? })
    }

    fn note(&self, told: Offset) {
        if let Err(error) = write(&self.file, told) {
            tracing::warn!(listener = self.name, %error, "how far it has been told is not noted: after a start it hears of some changes again");
        }
    }
}

fn read(file: &Path) -> Option<Offset> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    Some(kept.told)
}

/// Writes a new file in the place of the old one.
fn write(file: &Path, told: Offset) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut writer = std::fs::File::create(&unfinished)?;
    writer.write_all(&serde_json::to_vec(&Kept { told })?)?;
    writer.sync_all()?;
    std::fs::rename(&unfinished, file)
}
