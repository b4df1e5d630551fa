//! A list that is a file of this machine: whether it is to be read, and how.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use super::incoming::Incoming;
use super::problem::Problem;
use super::state::Stamp;

/// What was seen of a file when it was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watched {
    /// How it was at the last look; `None`: it was not there, or there was no look yet.
    last: Option<Stamp>,
    /// How it was when it could not be taken, and when that is tried again though it has not changed.
    failed: Option<(Option<Stamp>, Instant)>,
}

impl Watched {
    /// Looks at a file, and says whether it is to be read. `taken`: how it was when the text that is kept was read;
    /// `is_failing`: it could not be taken since.
    ///
    /// Who writes a file may not be done: while there is an older text, a file that has changed is read only when it is
    /// the same at two looks.
    pub fn is_due(&mut self, path: &Path, taken: Option<Stamp>, is_failing: bool, now: Instant) -> bool {
        let stamp = Stamp::of(path);
        let before = std::mem::replace(&mut self.last, stamp);
        if let Some((failed, retry)) = self.failed
            && failed == stamp
        {
            return now >= retry;
        }
        match taken {
            None => true,
            Some(taken) if stamp == Some(taken) => is_failing,
            Some(_) => stamp == before,
        }
    }

    /// The file was taken.
    pub fn succeeded(&mut self) {
        self.failed = None;
    }

    /// The file could not be taken; unless it changes that is tried again at `retry`.
    pub fn failed(&mut self, retry: Instant) {
        self.failed = Some((self.last, retry));
    }
}

/// Reads a file into `incoming`; gives back how it was.
pub(super) fn read(path: &Path, incoming: &mut Incoming) -> Result<Stamp, Problem> {
    let failed = |error: io::Error| Problem::File(error.to_string());
    // To open a pipe would wait for somebody who writes.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Problem::File("it is no regular file".to_owned()));
    }
    let changed = || Problem::File("it changed while it was read".to_owned());
    let stamp = Stamp::of(path).ok_or_else(changed)?;
    incoming.copy(Local(File::open(path).map_err(failed)?), false)?;
    match Stamp::of(path) == Some(stamp) {
        true => Ok(stamp),
        false => Err(changed()),
    }
}

/// A file whose errors say that they are those of a file.
struct Local(File);

impl Read for Local {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(Problem::File(error.to_string())),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_changed_is_read_when_it_is_quiet() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("own.txt");
        let (mut watched, now) = (Watched::default(), Instant::now());
        fs::write(&path, "a.example\n").expect("written");
        assert!(watched.is_due(&path, None, false, now));
        let taken = Stamp::of(&path);
        assert!(!watched.is_due(&path, taken, false, now));
        fs::write(&path, "a.example\nb.example\n").expect("written");
        assert!(!watched.is_due(&path, taken, false, now));
        assert!(watched.is_due(&path, taken, false, now));
        let taken = Stamp::of(&path);
        assert!(!watched.is_due(&path, taken, false, now) && watched.is_due(&path, taken, true, now));
    }

    #[test]
    fn a_file_that_cannot_be_taken_is_tried_again_later_or_when_it_changes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("own.txt");
        let (mut watched, now) = (Watched::default(), Instant::now());
        assert!(watched.is_due(&path, None, false, now));
        let retry = now + Duration::from_secs(60);
        watched.failed(retry);
        assert!(!watched.is_due(&path, None, false, now));
        assert!(watched.is_due(&path, None, false, retry));
        fs::write(&path, "a.example\n").expect("written");
        assert!(watched.is_due(&path, None, false, now));
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut incoming = Incoming::create(directory.path().join("new"), 100).expect("a file");
        let error = read(directory.path(), &mut incoming).expect_err("no file");
        assert_eq!(error.to_string(), "the file cannot be read: it is no regular file");
        assert!(read(Path::new("/dev/zero"), &mut incoming).is_err());
    }
}
