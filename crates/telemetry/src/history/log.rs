//! The rows of the segment that is still open, on disk so that a crash does not lose them: one chunk for what came within
//! about a second, behind its length and its checksum.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::bytes::Reader;
use super::entry::Entry;
use super::segment::{Damaged, sync_directory};

const MAGIC: &[u8; 8] = b"HWROWS01";
/// Magic and the number of the segment.
const START_LEN: usize = 16;
/// Length and checksum of a chunk.
const HEAD_LEN: usize = 8;
const FILE_MODE: u32 = 0o600;
/// The largest file that is read: four times what a full segment can have.
const MAX_FILE_LEN: u64 = 1 << 28;

/// The log of the open segment.
#[derive(Debug)]
pub struct OpenLog {
    file: File,
    path: PathBuf,
    /// What is whole.
    len: u64,
}

/// What was in a log.
#[derive(Debug)]
pub struct Replayed {
    /// The log, to be continued.
    pub log: OpenLog,
    /// The number of its segment.
    pub number: u64,
    /// Bytes at its end that are no whole chunk, and are gone now.
    pub lost_bytes: u64,
}

impl OpenLog {
    /// A new, empty log for the segment `number`.
    ///
    /// # Errors
    /// Those of the file system; then there is no file.
    pub fn create(path: &Path, number: u64) -> io::Result<OpenLog> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
        let mut start = MAGIC.to_vec();
        start.extend(number.to_le_bytes());
        let written = file.write_all_at(&start, 0).and_then(|()| file.sync_data()).and_then(|()| sync_directory(path));
        if let Err(error) = written {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(OpenLog { file, path: path.to_owned(), len: START_LEN as u64 })
    }

    /// Appends a chunk of rows and makes sure that it stays.
    ///
    /// # Errors
    /// Those of the file system; the log is as it was before.
    pub fn append(&mut self, rows: &[u8]) -> io::Result<()> {
        let mut head = (rows.len() as u32).to_le_bytes().to_vec();
        head.extend(crc32fast::hash(rows).to_le_bytes());
        let written = (self.file.write_all_at(&head, self.len))
            .and_then(|()| self.file.write_all_at(rows, self.len + HEAD_LEN as u64))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A part of a chunk takes room that is missing; the checksum tells readers that it is none.
            let _ = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += (HEAD_LEN + rows.len()) as u64;
        Ok(())
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Deletes the file: its rows are elsewhere.
    pub fn delete(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Reads the log in the file `path` and gives its rows to `take`, in order. What is behind the last whole chunk is
    /// cut off.
    pub fn replay(path: &Path, mut take: impl FnMut(&Entry)) -> Result<Replayed, Damaged> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let size = file.metadata()?.len();
        if size > MAX_FILE_LEN {
            return Err(Damaged::Form);
        }
        let octets = fs::read(path)?;
        let mut reader = Reader::new(&octets);
        if reader.take(MAGIC.len()) != Some(MAGIC) {
            return Err(Damaged::Form);
        }
        let number = reader.u64().ok_or(Damaged::Form)?;
        let mut entry = Entry::default();
        let mut len = START_LEN as u64;
        while let Some(chunk) = chunk(&mut reader) {
            let mut rows = Reader::new(chunk);
            while !rows.rest().is_empty() && entry.read(&mut rows).is_some() {
                take(&entry);
            }
            len += (HEAD_LEN + chunk.len()) as u64;
        }
        file.set_len(len)?;
        Ok(Replayed { log: OpenLog { file, path: path.to_owned(), len }, number, lost_bytes: size.saturating_sub(len) })
    }
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let (len, checksum) = (reader.u32()?, reader.u32()?);
    reader.take(len as usize).filter(|chunk| crc32fast::hash(chunk) == checksum)
}
