//! How far each partition of a topic is taken over. The journal is the truth: every change says in its reason which offsets it
//! is made of. A file beside it says so too, for what changed nothing, and from where on the history must be looked through.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use journal::{Accepted, Offset};
use serde::{Deserialize, Serialize};

use crate::handle::HandleError;

/// The file is written this often at the most, while all that was taken over stands in the journal.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// It is written anew when so many changes of others have been made since, so that a start has little to look through.
const MAX_BEHIND: Offset = 1000;
/// Without a file, so many of the latest changes are looked through.
const MAX_SEARCHED: Offset = 100_000;
/// Changes that are looked through at once.
const PAGE: usize = 1000;

/// What the file has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    topic: String,
    /// All changes of the stream up to this offset of the journal are part of `next`.
    journal: Offset,
    /// What is taken over next, by partition.
    next: BTreeMap<i32, i64>,
}

/// How far a topic is taken over.
pub struct Places {
    file: PathBuf,
    kept: Kept,
    written: Instant,
    /// Something is taken over that the file does not have.
    is_behind: bool,
}

/// The history of changes, as far as this looks at it.
pub trait Past {
    /// Up to `limit` changes behind an offset, the earliest first.
    ///
    /// # Errors
    /// [`HandleError`].
    fn after(&self, offset: Offset, limit: usize) -> Result<Vec<Accepted>, HandleError>;
    /// The offset of the latest one.
    fn latest(&self) -> Offset;
}

impl Places {
    /// What is known of `topic`, which `who` takes over: from the file `NAME.json` of `directory`, and from the changes that it
    /// does not know of yet.
    ///
    /// # Errors
    /// A history that cannot be read now.
    pub fn open(directory: &Path, name: &str, topic: &str, who: &str, past: &dyn Past) -> Result<Places, HandleError> {
        let file = directory.join(format!("{name}.json"));
        let known = read(&file).filter(|kept| kept.topic == topic);
        let fresh = || Kept { journal: past.latest().saturating_sub(MAX_SEARCHED), ..Kept::default() };
        let mut kept = Kept { topic: topic.to_owned(), ..known.unwrap_or_else(fresh) };
        loop {
            // What was trimmed meanwhile is passed over: the later changes say how far the stream is.
            let page = past.after(kept.journal, PAGE)?;
            let Some(last) = page.last() else { break };
            kept.journal = last.offset;
            for change in page.iter().filter(|change| change.change.who == who) {
                let Some((partition, next)) = read_reason(topic, &change.change.why) else { continue };
                let known = kept.next.entry(partition).or_default();
                *known = next.max(*known);
            }
        }
        Ok(Places { file, kept, written: Instant::now(), is_behind: true })
    }

    /// What is taken over next, by partition; those without an entry from their beginning.
    pub fn next(&self) -> &BTreeMap<i32, i64> {
        &self.kept.next
    }

    /// A partition is taken over up to here.
    pub fn set(&mut self, partition: i32, next: i64) {
        self.kept.next.insert(partition, next);
        self.is_behind = true;
    }

    /// Writes the file, if it is time to, or `now`. `journal` is the offset of the latest change that there was when the last
    /// one of the stream was known to be made.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&mut self, journal: Offset, now: bool) -> io::Result<()> {
        let is_due = self.is_behind && self.written.elapsed() >= WRITE_INTERVAL;
        if !now && !is_due && journal.saturating_sub(self.kept.journal) < MAX_BEHIND {
            return Ok(());
        }
        self.kept.journal = journal;
        self.written = Instant::now();
        write(&self.file, &self.kept)?;
        self.is_behind = false;
        Ok(())
    }
}

/// The reason of a change that is made of these messages.
pub fn reason(topic: &str, partition: i32, (first, last): (i64, i64)) -> String {
    format!("{topic}[{partition}] offsets {first} to {last}")
}

/// What [`reason`] said: the partition, and the offset behind.
fn read_reason(topic: &str, text: &str) -> Option<(i32, i64)> {
    let (partition, offsets) = text.strip_prefix(topic)?.strip_prefix('[')?.split_once("] offsets ")?;
    let (_, last) = offsets.split_once(" to ")?;
    Some((partition.parse().ok()?, last.parse::<i64>().ok()?.checked_add(1)?))
}

fn read(file: &Path) -> Option<Kept> {
    let text = std::fs::read(file).ok()?;
    let kept = serde_json::from_slice(&text);
    if let Err(error) = &kept {
        tracing::warn!(file = %file.display(), %error, "what was taken over is not noted in a form that can be read; the history says it");
    }
    kept.ok()
}

/// Writes a new file in the place of the old one, which a loss of power does not undo.
fn write(file: &Path, kept: &Kept) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut writer = std::fs::File::create(&unfinished)?;
    writer.write_all(&serde_json::to_vec(kept)?)?;
    writer.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    file.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zone::ChangeSet;

    use super::*;

    struct Changes(Vec<Accepted>);

    impl Past for Changes {
        fn after(&self, offset: Offset, limit: usize) -> Result<Vec<Accepted>, HandleError> {
            Ok(self.0.iter().filter(|change| change.offset > offset).take(limit).cloned().collect())
        }

        fn latest(&self) -> Offset {
            self.0.last().map_or(0, |change| change.offset)
        }
    }

    fn change(offset: Offset, who: &str, why: String) -> Accepted {
        let change = Arc::new(ChangeSet { who: who.to_owned(), why, ..ChangeSet::default() });
        Accepted { first: offset, offset, change }
    }

    #[test]
    fn reasons_can_be_read_back() {
        assert_eq!(reason("records", 3, (10, 12)), "records[3] offsets 10 to 12");
        assert_eq!(read_reason("records", "records[3] offsets 10 to 12"), Some((3, 13)));
        for other in ["", "records", "record[3] offsets 10 to 12", "records[x] offsets 1 to 2", "records[3] offsets 1"]
        {
            assert_eq!(read_reason("records", other), None, "{other}");
        }
    }

    #[test]
    fn the_journal_says_what_the_file_does_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut changes = Changes(vec![
            change(1, "ingest:s", reason("t", 0, (0, 4))),
            change(2, "user:anna", reason("t", 0, (0, 90))),
            change(3, "ingest:s", reason("t", 1, (7, 7))),
        ]);
        let open =
            |changes: &Changes, topic| Places::open(directory.path(), "s", topic, "ingest:s", changes).expect("places");
        let mut places = open(&changes, "t");
        assert_eq!(places.next(), &BTreeMap::from([(0, 5), (1, 8)]));
        // What changed nothing is in the file alone.
        places.set(0, 6);
        places.keep(3, true).expect("written");
        assert_eq!(open(&changes, "t").next(), &BTreeMap::from([(0, 6), (1, 8)]));
        // Killed before the file was written again.
        changes.0.push(change(4, "ingest:s", reason("t", 0, (6, 9))));
        assert_eq!(open(&changes, "t").next(), &BTreeMap::from([(0, 10), (1, 8)]));
        // Changes that the file knows of are not looked at again.
        changes.0[0] = change(1, "ingest:s", reason("t", 0, (0, 400)));
        assert_eq!(open(&changes, "t").next(), &BTreeMap::from([(0, 10), (1, 8)]));
        // Another topic begins anew.
        assert_eq!(open(&changes, "other").next(), &BTreeMap::new());
        std::fs::write(directory.path().join("s.json"), "{").expect("written");
        assert_eq!(open(&changes, "t").next(), &BTreeMap::from([(0, 401), (1, 8)]));
    }
}
