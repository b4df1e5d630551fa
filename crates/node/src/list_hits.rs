//! How often each list blocked, by the hour, for a week: counters of the workers, looked at each minute and kept in a file.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use policy::ListId;
use serde::{Deserialize, Serialize};

/// The file in the data directory.
const FILE: &str = "list-hits.json";
/// Hours that are kept: a week.
const HOURS: usize = 7 * 24;
/// How often the counters are looked at.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// Lists that are known, those that are gone included; the one that blocked nothing for the longest time goes first.
const MAX_LISTS: usize = 1024;
/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// How often each list blocked.
#[derive(Debug)]
pub struct ListHits {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The counter of each number when it was last looked at, and whose it was.
    seen: HashMap<ListId, (String, u64)>,
    lists: BTreeMap<String, Hours>,
    /// Something has changed since the file was written.
    news: bool,
}

/// Counts of the hours up to `newest`, the latest first.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hours {
    /// Hours since 1970.
    newest: u64,
    counts: Vec<u64>,
}

impl Hours {
    fn add(&mut self, hour: u64, count: u64) {
        let gap = usize::try_from(hour.saturating_sub(self.newest)).unwrap_or(HOURS).min(HOURS);
        self.counts.splice(..0, std::iter::repeat_n(0, gap));
        self.counts.resize(HOURS, 0);
        self.newest = self.newest.max(hour);
        if let Some(first) = self.counts.first_mut() {
            *first += count;
        }
    }

    fn last(&self, hour: u64, hours: usize) -> u64 {
        let gap = usize::try_from(hour.saturating_sub(self.newest)).unwrap_or(HOURS);
        self.counts.iter().take(hours.saturating_sub(gap)).sum()
    }
}

impl ListHits {
    /// What the file of the data directory has.
    pub fn new(data_dir: &Path) -> ListHits {
        let file = data_dir.join(FILE);
        let lists = read(&file).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(file = %file.display(), %error, "how often lists blocked before this start is not known");
            }
            BTreeMap::new()
        });
        ListHits { file, state: Mutex::new(State { lists, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the counters of all lists, by number and name. `now_ms` is in milliseconds since 1970.
    pub fn look(&self, counters: impl Iterator<Item = (ListId, String, u64)>, now_ms: u64) {
        let (mut state, hour) = (self.state(), now_ms / HOUR_MS);
        for (id, name, count) in counters {
            // A number that another list had until now begins where that one's ended.
            let before = match state.seen.get(&id) {
                Some((known, before)) if *known == name => *before,
                Some(_) => count,
                None => 0,
            };
            if count > before {
                state.lists.entry(name.clone()).or_default().add(hour, count - before);
                state.news = true;
            }
            state.seen.insert(id, (name, count));
        }
        while state.lists.len() > MAX_LISTS {
            let oldest = state.lists.iter().min_by_key(|(_, hours)| hours.newest).map(|(name, _)| name.clone());
            oldest.and_then(|name| state.lists.remove(&name));
        }
    }

    /// How often a list blocked in the last 24 hours and the last 7 days, the hour under way included.
    pub fn of(&self, list: &str, now_ms: u64) -> [u64; 2] {
        let hour = now_ms / HOUR_MS;
        self.state().lists.get(list).map_or([0; 2], |hours| [hours.last(hour, 24), hours.last(hour, HOURS)])
    }

    /// Writes the file anew if there is news. It waits for the disk.
    ///
    /// # Errors
    /// What the file system says; the next call tries again.
    pub fn write(&self) -> io::Result<()> {
        let mut state = self.state();
        if !std::mem::take(&mut state.news) {
            return Ok(());
        }
        let text = serde_json::to_vec(&state.lists)?;
        drop(state);
        let unfinished = self.file.with_extension("new");
        let written = std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, &self.file));
        if written.is_err() {
            self.state().news = true;
        }
        written
    }
}

fn read(file: &Path) -> io::Result<BTreeMap<String, Hours>> {
    let mut text = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(file)?, MAX_FILE_BYTES), &mut text)?;
    let mut lists: BTreeMap<String, Hours> = serde_json::from_slice(&text)?;
    lists.values_mut().for_each(|hours| hours.counts.truncate(HOURS));
    Ok(lists)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_900_000_000_000;

    fn look(hits: &ListHits, lists: &[(u8, &str, u64)], now_ms: u64) {
        hits.look(lists.iter().map(|(id, name, count)| (ListId(*id), (*name).to_owned(), *count)), now_ms);
    }

    #[test]
    fn what_a_list_blocked_counts_for_a_day_and_a_week() {
        let directory = tempfile::tempdir().expect("a directory");
        let hits = ListHits::new(directory.path());
        look(&hits, &[(1, "ads", 5), (2, "other", 0)], NOW_MS);
        look(&hits, &[(1, "ads", 12), (2, "other", 0)], NOW_MS + HOUR_MS);
        assert_eq!(hits.of("ads", NOW_MS + HOUR_MS), [12, 12]);
        assert_eq!(hits.of("ads", NOW_MS + 24 * HOUR_MS), [7, 12]);
        assert_eq!(hits.of("ads", NOW_MS + 25 * HOUR_MS), [0, 12]);
        assert_eq!(hits.of("ads", NOW_MS + 168 * HOUR_MS), [0, 7]);
        assert_eq!(hits.of("ads", NOW_MS + 9000 * HOUR_MS), [0, 0]);
        assert_eq!(hits.of("other", NOW_MS), [0, 0]);
        look(&hits, &[(1, "ads", 13)], NOW_MS + 9000 * HOUR_MS);
        assert_eq!(hits.of("ads", NOW_MS + 9000 * HOUR_MS), [1, 1]);
    }

    #[test]
    fn a_number_that_goes_to_another_list_takes_nothing_along() {
        let directory = tempfile::tempdir().expect("a directory");
        let hits = ListHits::new(directory.path());
        look(&hits, &[(1, "ads", 5)], NOW_MS);
        look(&hits, &[(1, "new", 6)], NOW_MS);
        look(&hits, &[(1, "new", 9)], NOW_MS);
        assert_eq!((hits.of("ads", NOW_MS), hits.of("new", NOW_MS)), ([5, 5], [3, 3]));
    }

    #[test]
    fn counts_outlive_a_restart_and_a_broken_file_is_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let hits = ListHits::new(directory.path());
        look(&hits, &[(1, "ads", 5)], NOW_MS);
        hits.write().expect("written");
        let again = ListHits::new(directory.path());
        look(&again, &[(1, "ads", 2)], NOW_MS);
        assert_eq!(again.of("ads", NOW_MS), [7, 7]);
        std::fs::write(directory.path().join(FILE), "{").expect("written");
        assert_eq!(ListHits::new(directory.path()).of("ads", NOW_MS), [0, 0]);
    }
}
