//! Log files: appended to, rotated by size and by time, opened again when somebody else moved them. Two that write the
//! same file share it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Instant, SystemTime};

use super::rotation::{self, Rotation};
use super::{Pieces, Sink, write_pieces};
use crate::locked::lock;

/// Files that are in use.
static FILES: Mutex<Vec<Weak<LogFile>>> = Mutex::new(Vec::new());

/// A log file, shared by all who write to it.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Mutex<Rotation>,
    is_moved: AtomicBool,
    state: Mutex<State>,
    keeper: Mutex<Keeper>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    size_bytes: u64,
    /// The period of the rotation that the file is for.
    period: u64,
    rest: Vec<u8>,
    lost: u64,
    /// A rotation did not work; the next attempt comes later.
    failed: Option<Instant>,
}

/// What looks after rotated files: at most one thread at a time.
#[derive(Debug, Default)]
struct Keeper {
    is_running: bool,
    /// Another file was rotated meanwhile.
    again: bool,
}

impl LogFile {
    /// The log file at `path`, which is made, its directory too, when something is written. If it is in use, it is
    /// shared, and rotated as `rotation` says from now on.
    pub fn open(path: &Path, rotation: Rotation) -> Arc<LogFile> {
        let mut files = lock(&FILES);
        files.retain(|file| file.strong_count() > 0);
        if let Some(file) = files.iter().filter_map(Weak::upgrade).find(|file| file.path == path) {
            file.set_rotation(rotation);
            return file;
        }
        let (rotation, state) = (Mutex::new(rotation), Mutex::default());
        let is_moved = AtomicBool::new(false);
        let file = Arc::new(LogFile { path: path.into(), rotation, is_moved, state, keeper: Mutex::default() });
        files.push(Arc::downgrade(&file));
        file
    }

    /// Has it rotated otherwise from the next write on.
    pub fn set_rotation(&self, rotation: Rotation) {
        *lock(&self.rotation) = rotation;
    }

    /// Has it opened again before the next write, as somebody may have moved it.
    pub fn reopen(&self) {
        self.is_moved.store(true, Ordering::Relaxed);
    }

    /// Opens it now, if need be.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(self: &Arc<Self>) -> io::Result<()> {
        self.opened(&mut lock(&self.state), &lock(&self.rotation).clone())
    }

    fn write(self: &Arc<Self>, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        let rotation = lock(&self.rotation).clone();
        let mut state = lock(&self.state);
        self.opened(&mut state, &rotation)?;
        let more: usize = (*done..pieces.len()).map(|i| pieces.get(i).len()).sum();
        if state.is_full(more as u64, &rotation) && state.may_rotate() {
            self.rotate(&mut state, &rotation)?;
        }
        let State { file, rest, size_bytes, .. } = &mut *state;
        let Some(file) = file else { return Err(ErrorKind::NotFound.into()) };
        let result = write_pieces(&mut Counting { file, size_bytes }, rest, pieces, done);
        // A disk that is full may have room again; anything else may be the end of this file.
        if result.as_ref().is_err_and(|error| error.kind() != ErrorKind::StorageFull) {
            state.file = None;
        }
        result
    }

    /// Has the file open, and not one that was moved away.
    fn opened(self: &Arc<Self>, state: &mut State, rotation: &Rotation) -> io::Result<()> {
        if self.is_moved.swap(false, Ordering::Relaxed) {
            state.finish();
        }
        if state.file.is_some() {
            return Ok(());
        }
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let metadata = file.metadata()?;
        if state.rest.is_empty() && is_torn(&file, metadata.len()) {
            state.rest.push(b'\n');
        }
        state.size_bytes = metadata.len();
        let begun = if metadata.len() > 0 { metadata.modified()? } else { SystemTime::now() };
        state.period = rotation.period(begun);
        state.file = Some(file);
        // What a process before this one left.
        self.keep();
        Ok(())
    }

    fn rotate(self: &Arc<Self>, state: &mut State, rotation: &Rotation) -> io::Result<()> {
        state.finish();
        let now = SystemTime::now();
        if let Err(error) = rotation::rename(&self.path, now) {
            state.failed = Some(Instant::now());
            tracing::warn!(file = %self.path.display(), %error, "a log file cannot be rotated; it is written on");
        }
        self.opened(state, rotation)?;
        state.period = rotation.period(now);
        Ok(())
    }

    /// Compresses and removes rotated files, on a thread of its own.
    fn keep(self: &Arc<Self>) {
        let mut keeper = lock(&self.keeper);
        if std::mem::replace(&mut keeper.is_running, true) {
            keeper.again = true;
            return;
        }
        let file = self.clone();
        if let Err(error) = thread::Builder::new().name("log files".into()).spawn(move || file.keep_all()) {
            keeper.is_running = false;
            tracing::warn!(%error, "no thread to look after rotated log files");
        }
    }

    fn keep_all(&self) {
        loop {
            let rotation = lock(&self.rotation).clone();
            if let Err(error) = rotation::keep(&self.path, &rotation, SystemTime::now()) {
                let file = self.path.display();
                tracing::warn!(%file, %error, "rotated log files cannot be compressed or removed");
            }
            let mut keeper = lock(&self.keeper);
            if !std::mem::take(&mut keeper.again) {
                keeper.is_running = false;
                return;
            }
        }
    }
}

impl State {
    /// Whether it is time for another file.
    fn is_full(&self, more_bytes: u64, rotation: &Rotation) -> bool {
        let is_large = self.size_bytes + self.rest.len() as u64 + more_bytes > rotation.max_bytes;
        self.size_bytes > 0 && (is_large || rotation.period(SystemTime::now()) != self.period)
    }

    fn may_rotate(&self) -> bool {
        self.failed.is_none_or(|failed| failed.elapsed() >= rotation::RETRY)
    }

    /// Closes the file, the line that is begun written to its end if that is possible.
    fn finish(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        if let Some(mut file) = self.file.take()
            && file.write_all(&rest).is_err()
        {
            self.lost += 1;
        }
    }
}

/// Whether the last line of a file has no end: whoever wrote it was killed, or could not write on.
fn is_torn(file: &File, size_bytes: u64) -> bool {
    let mut last = [0];
    let Some(at) = size_bytes.checked_sub(1) else { return false };
    file.read_exact_at(&mut last, at).is_ok() && last != *b"\n"
}

/// Counts what is written.
struct Counting<'a> {
    file: &'a mut File,
    size_bytes: &'a mut u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        *self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Arc<LogFile> {
    fn write(&mut self, pieces: &Pieces, done: &mut usize) -> io::Result<()> {
        LogFile::write(self, pieces, done)
    }

    fn lost(&mut self) -> u64 {
        std::mem::take(&mut lock(&self.state).lost)
    }

    fn reopen(&mut self) {
        LogFile::reopen(self);
        // Who moved it may look for the new one; an error comes again with the next write.
        let _ = self.prepare();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use super::super::Compression;
    use super::super::tests::pieces;
    use super::*;

    fn rotation(max_bytes: u64, keep_files: usize) -> Rotation {
        Rotation { max_bytes, period_hours: None, keep_files, keep_days: None, compression: Compression::Gzip }
    }

    fn write(file: &Arc<LogFile>, text: &str) {
        file.clone().write(&pieces(&[text]), &mut 0).expect("it is written");
    }

    /// Waits until nobody looks after rotated files.
    fn settle(file: &LogFile) {
        while lock(&file.keeper).is_running {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn nothing_is_lost_over_rotations_by_size() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("logs/q.log");
        let file = LogFile::open(&path, rotation(1000, 100));
        let other = LogFile::open(&path, rotation(1000, 100));
        assert!(Arc::ptr_eq(&file, &other), "one file");
        (0..100)
            .for_each(|n| write(if n % 2 == 0 { &file } else { &other }, &format!("line {n} {}\n", "x".repeat(90))));
        settle(&file);
        let mut lines = Vec::new();
        for entry in fs::read_dir(path.parent().expect("a directory")).expect("a directory") {
            let entry = entry.expect("an entry");
            let mut text = String::new();
            if entry.path() == path {
                assert!(entry.metadata().expect("a file").len() <= 1000);
                text = fs::read_to_string(&path).expect("text");
            } else {
                let reader = File::open(entry.path()).expect("a file");
                flate2::read::GzDecoder::new(reader).read_to_string(&mut text).expect("gzip");
            }
            lines.extend(text.lines().map(str::to_owned));
        }
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 100);
    }

    #[test]
    fn it_is_opened_again_when_it_was_moved() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("q.log");
        let moved = directory.path().join("q.log.1");
        let mut file = LogFile::open(&path, rotation(1000, 5));
        write(&file, "one\n");
        fs::rename(&path, &moved).expect("it is moved");
        write(&file, "two\n");
        Sink::reopen(&mut file);
        assert!(path.exists(), "before anything is written");
        write(&file, "three\n");
        assert_eq!(fs::read_to_string(&moved).expect("text"), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), "three\n");
    }

    #[test]
    fn a_line_without_an_end_stays_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("q.log");
        fs::write(&path, "one\nhalf a li").expect("a file");
        let file = LogFile::open(&path, rotation(1000, 5));
        write(&file, "two\n");
        write(&file, "three\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), "one\nhalf a li\ntwo\nthree\n");
    }

    #[test]
    fn a_file_of_an_earlier_period_is_rotated() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("q.log");
        fs::write(&path, "yesterday\n").expect("a file");
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        let old = File::options().write(true).open(&path).expect("a file");
        old.set_times(fs::FileTimes::new().set_modified(yesterday)).expect("a time");
        let file = LogFile::open(&path, Rotation { period_hours: Some(24), ..rotation(1000, 5) });
        write(&file, "today\n");
        write(&file, "today\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), "today\ntoday\n");
        settle(&file);
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 2);
    }
}
