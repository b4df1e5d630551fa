//! Where texts are kept: `lists/` in the data directory. For each list a file of what is known of it, which names the
//! file of its text. A text is complete on the disk before it is named, so a crash leaves the old or the new one.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;

use super::incoming::{Incoming, Written, discard};
use super::problem::Problem;
use super::state::{Kept, Record};
use super::text::Text;

/// Name of the directory in the data directory.
const DIRECTORY: &str = "lists";
/// What belongs to no list is removed when it has not changed for so long: a list may come back.
const KEEP_ORPHANS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Characters of a list's name that its files show.
const NAME_CHARS: usize = 40;
/// The largest file of what is known of a list, in bytes; a larger one is as good as none.
const MAX_RECORD_BYTES: u64 = 64 << 10;

/// The directory of texts.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

/// What was kept of a list.
#[derive(Debug)]
pub(super) struct Loaded {
    pub record: Record,
    pub text: Option<Text>,
    /// Why there is no text though there should be.
    pub problem: Option<Problem>,
}

impl Store {
    /// The store of a data directory. What cannot be written is found out when there is something to write: what is
    /// there already can be used all the same.
    pub fn new(data_dir: &Path) -> Store {
        Store { directory: data_dir.join(DIRECTORY) }
    }

    /// What was kept of a list, looked through from end to end.
    pub fn load(&self, id: &str) -> Loaded {
        let none = || Record { id: id.to_owned(), ..Record::default() };
        let record = match self.read_record(id) {
            Ok(record) => record.filter(|record| record.id == id).unwrap_or_else(none),
            Err(problem) => return Loaded { record: none(), text: None, problem: Some(problem) },
        };
        let Some(kept) = &record.kept else { return Loaded { record, text: None, problem: None } };
        // The name is one of our own, whatever the file says.
        let path = self.directory.join(text_name(id, &kept.sha256));
        match Text::open(path, &kept.sha256) {
            Ok(text) => Loaded { record, text: Some(text), problem: None },
            Err(problem) => {
                let record = Record { kept: None, stamp: None, next_attempt_ms: None, ..record };
                Loaded { record, text: None, problem: Some(problem) }
            }
        }
    }

    fn read_record(&self, id: &str) -> Result<Option<Record>, Problem> {
        let damaged = |why: String| Problem::Damaged(format!("what is known of it cannot be read: {why}"));
        let path = self.record_path(id);
        let size = match fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error.to_string())),
        };
        if size > MAX_RECORD_BYTES {
            return Err(damaged(format!("it has {size} bytes")));
        }
        let octets = fs::read(&path).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(&octets).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Begins a new text of a list.
    pub fn incoming(&self, id: &str, max_bytes: u64) -> Result<Incoming, Problem> {
        fs::create_dir_all(&self.directory).map_err(Problem::of_disk)?;
        Incoming::create(self.directory.join(format!("{}.new", stem(id))), max_bytes)
    }

    /// Keeps a text in the place of `old`, another one, together with what is known of it. On failure all is as it was.
    pub fn keep(&self, record: &Record, old: Option<&Text>, written: Written) -> Result<Text, Problem> {
        let path = self.directory.join(text_name(&record.id, &written.sha256));
        let named = fs::rename(&written.path, &path).and_then(|()| self.sync());
        if let Err(error) = named.and_then(|()| self.write_record(record)) {
            discard(if path.exists() { &path } else { &written.path });
            return Err(Problem::of_disk(error));
        }
        if let Some(old) = old.filter(|old| old.path() != path) {
            discard(old.path());
        }
        Ok(Text::new(path, written.file, written.index, written.sha256))
    }

    /// Keeps what is known of a list.
    pub fn write_record(&self, record: &Record) -> io::Result<()> {
        let (path, octets) = (self.record_path(&record.id), serde_json::to_vec_pretty(record)?);
        let new = path.with_extension("json.new");
        fs::create_dir_all(&self.directory)?;
        let mut file = File::create(&new)?;
        file.write_all(&octets)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        self.sync()
    }

    /// Names of files are durable with their directory.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// Removes what belongs to none of these lists and has not changed for a week.
    pub fn sweep<'a>(&self, records: impl Iterator<Item = (&'a str, Option<&'a Kept>)>, now: SystemTime) {
        let mut used = HashSet::new();
        for (id, kept) in records {
            used.insert(format!("{}.json", stem(id)));
            used.extend(kept.map(|kept| text_name(id, &kept.sha256)));
        }
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return tracing::warn!(%error, "the directory of lists cannot be read"),
        };
        for entry in entries.flatten() {
            let old = entry.metadata().and_then(|file| file.modified());
            let old = old.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= KEEP_ORPHANS));
            if old && !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
                discard(&entry.path());
            }
        }
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{}.json", stem(id)))
    }
}

/// Name of the file of a text. Another text has another name, so that who reads one is not disturbed.
pub(super) fn text_name(id: &str, sha256: &str) -> String {
    let digest: String = sha256.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    format!("{}.{digest}.txt", stem(id))
}

/// The first part of the names of a list's files: what can be read of its name, and a part of a digest, so that no two
/// lists have the same and no name leads out of the directory.
fn stem(id: &str) -> String {
    let readable = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
    let digest = dnssec::digest::sha256(id.as_bytes());
    let readable: String = readable.take(NAME_CHARS).collect();
    format!("{readable}-{}", HEXLOWER.encode(digest.get(..6).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::state::Validators;
    use super::*;

    fn keep(store: &Store, id: &str, contents: &str) -> (Record, Text) {
        let mut incoming = store.incoming(id, 1000).expect("a file");
        incoming.copy(contents.as_bytes(), false).expect("copied");
        let written = incoming.finish().expect("written");
        let kept = Kept {
            file: text_name(id, &written.sha256),
            source: "https://a.example/".to_owned(),
            validators: Validators::default(),
            fetched_at_ms: 5,
            size_bytes: written.size_bytes,
            lines: written.index.lines(),
            sha256: written.sha256.clone(),
        };
        let record = Record { id: id.to_owned(), kept: Some(kept), ..Record::default() };
        let text = store.keep(&record, None, written).expect("kept");
        (record, text)
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::new(directory.path());
        let (record, text) = keep(&store, "ads", "a.example\nb.example\n");
        assert_eq!(text.line(2).expect("read").as_deref(), Some("b.example"));
        let loaded = Store::new(directory.path()).load("ads");
        assert_eq!(loaded.record, record);
        assert_eq!(loaded.text.and_then(|text| text.line(1).ok().flatten()).as_deref(), Some("a.example"));
    }

    #[test]
    fn a_damaged_text_or_record_is_not_used_and_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::new(directory.path());
        let (_, text) = keep(&store, "ads", "a.example\n");
        fs::write(text.path(), "b.example\n").expect("written");
        let loaded = store.load("ads");
        assert!(loaded.text.is_none() && loaded.record.kept.is_none());
        assert!(loaded.problem.is_some_and(|problem| problem.to_string().contains("checksum")));
        fs::remove_file(text.path()).expect("removed");
        assert!(store.load("ads").problem.is_some());
        fs::write(store.record_path("ads"), "{").expect("written");
        let loaded = store.load("ads");
        assert!(loaded.problem.is_some_and(|problem| problem.to_string().contains("cannot be read")));
    }

    #[test]
    fn names_of_lists_make_names_of_files_that_differ_and_stay_inside() {
        let names: HashSet<String> = ["a b", "a_b", "../../etc/passwd", "", "ä", &"x".repeat(300)].map(stem).into();
        assert_eq!(names.len(), 6);
        assert!(names.iter().all(|name| name.len() < 60 && !name.contains(['/', '.'])), "{names:?}");
        assert!(!text_name("a", "../../x").contains('/'));
    }

    #[test]
    fn what_belongs_to_no_list_goes_after_a_week() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::new(directory.path());
        let (record, text) = keep(&store, "ads", "a.example\n");
        let (_, orphan) = keep(&store, "gone", "b.example\n");
        let known = || std::iter::once(("ads", record.kept.as_ref()));
        store.sweep(known(), SystemTime::now());
        assert!(orphan.path().exists());
        store.sweep(known(), SystemTime::now() + KEEP_ORPHANS + Duration::from_secs(60));
        assert!(!orphan.path().exists() && text.path().exists());
        assert_eq!(orphan.line(1).expect("read").as_deref(), Some("b.example"));
        assert!(store.load("ads").text.is_some());
    }
}
