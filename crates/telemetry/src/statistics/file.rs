//! The file that the past is kept in over restarts: spans one after the other, each with a checksum, written once a
//! minute, and written anew when it has grown to twice what is kept. A file that is damaged is set aside, and what
//! could be read of it is kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::counts::FIELDS;
use super::levels::{Levels, RESOLUTIONS, Span};
use super::pack::{MAX_PACKED_BYTES, unpack};

/// Its name in its directory.
const NAME: &str = "samples";
/// What the file begins with: its kind and version, and how many numbers a span has.
const MAGIC: &[u8; 8] = b"hwstat\x01\n";
const HEADER_LEN: usize = MAGIC.len() + 2;
/// Level, number and length before the packed counts of a span.
const HEAD_LEN: usize = 1 + 8 + 2;
const SUM_LEN: usize = 4;
/// The file may have so many octets more than twice what is kept before it is written anew.
const MIN_WASTE_BYTES: u64 = 1 << 20;
/// Octets of a file that are read: more than all spans can take.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The file.
#[derive(Debug)]
pub struct StatisticsFile {
    path: PathBuf,
    /// Octets of the file.
    size_bytes: u64,
    /// Octets of it when it was written anew.
    fresh_bytes: u64,
}

impl StatisticsFile {
    /// Whether there is one in `directory`.
    pub fn exists(directory: &Path) -> bool {
        directory.join(NAME).exists()
    }

    /// Opens `samples` in `directory`, which is made if it is missing, and reads it into `levels`.
    ///
    /// # Errors
    /// A directory or file that cannot be read or written.
    pub fn open(directory: &Path, levels: &mut Levels) -> io::Result<StatisticsFile> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(NAME);
        let mut octets = Vec::new();
        match File::open(&path) {
            Ok(file) => drop(file.take(MAX_FILE_BYTES).read_to_end(&mut octets)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let rest = read(&octets, levels);
        // The end of a write that a crash has cut off is no damage.
        if rest > HEAD_LEN + MAX_PACKED_BYTES + SUM_LEN || (rest > 0 && rest == octets.len()) {
            let aside = path.with_extension("damaged");
            std::fs::rename(&path, &aside)?;
            let (kept, lost) = (octets.len() - rest, rest);
            tracing::error!(
                kept_bytes = kept, lost_bytes = lost, aside = %aside.display(),
                "statistics are damaged: the file is set aside, what could be read of it is kept"
            );
        }
        let mut file = StatisticsFile { path, size_bytes: 0, fresh_bytes: 0 };
        file.rewrite(levels)?;
        Ok(file)
    }

    /// Writes spans behind the others; everything anew if the file has grown too large.
    ///
    /// # Errors
    /// What the file system says; the next call writes everything anew.
    pub fn append(&mut self, spans: &[(usize, Span)], levels: &Levels) -> io::Result<()> {
        if self.size_bytes == 0 || self.size_bytes > 2 * self.fresh_bytes + MIN_WASTE_BYTES {
            return self.rewrite(levels);
        }
        let mut octets = Vec::new();
        spans.iter().for_each(|(level, span)| write(*level, span, &mut octets));
        // Unless it succeeds, nobody knows what the file ends with.
        let size_bytes = std::mem::take(&mut self.size_bytes);
        OpenOptions::new().append(true).open(&self.path)?.write_all(&octets)?;
        self.size_bytes = size_bytes + octets.len() as u64;
        Ok(())
    }

    /// Writes all that is kept into a new file, which takes the place of the old one.
    fn rewrite(&mut self, levels: &Levels) -> io::Result<()> {
        let mut octets = MAGIC.to_vec();
        octets.extend_from_slice(&(FIELDS as u16).to_be_bytes());
        levels.all().for_each(|(level, span)| write(level, span, &mut octets));
        self.size_bytes = 0;
        let unnamed = self.path.with_extension("new");
        let mut file = File::create(&unnamed)?;
        file.write_all(&octets)?;
        file.sync_all()?;
        std::fs::rename(&unnamed, &self.path)?;
        self.size_bytes = octets.len() as u64;
        self.fresh_bytes = self.size_bytes;
        Ok(())
    }
}

fn write(level: usize, span: &Span, octets: &mut Vec<u8>) {
    let begin = octets.len();
    octets.push(level as u8);
    octets.extend_from_slice(&span.number.to_be_bytes());
    octets.extend_from_slice(&(span.packed.len() as u16).to_be_bytes());
    octets.extend_from_slice(&span.packed);
    let sum = crc32fast::hash(&octets[begin..]);
    octets.extend_from_slice(&sum.to_be_bytes());
}

/// Reads spans into `levels` up to the first that is not whole; how many octets are left.
fn read(octets: &[u8], levels: &mut Levels) -> usize {
    let Some((header, mut rest)) = octets.split_at_checked(HEADER_LEN) else { return octets.len() };
    if header[..MAGIC.len()] != *MAGIC || header[MAGIC.len()..] != (FIELDS as u16).to_be_bytes() {
        return octets.len();
    }
    while let Some((level, span, behind)) = read_span(rest) {
        levels.put(level, span);
        rest = behind;
    }
    rest.len()
}

/// The first span of `octets`, and what is behind it.
fn read_span(octets: &[u8]) -> Option<(usize, Span, &[u8])> {
    let head = octets.first_chunk::<HEAD_LEN>()?;
    let [level, number @ .., a, b] = *head;
    let packed_len = usize::from(u16::from_be_bytes([a, b]));
    let body = octets.get(..HEAD_LEN + packed_len)?;
    let (sum, behind) = octets[body.len()..].split_first_chunk::<SUM_LEN>()?;
    let packed: Box<[u8]> = body[HEAD_LEN..].into();
    let is_whole = crc32fast::hash(body) == u32::from_be_bytes(*sum);
    if !is_whole || usize::from(level) >= RESOLUTIONS.len() || unpack(&packed).is_none() {
        return None;
    }
    Some((usize::from(level), Span { number: u64::from_be_bytes(number), packed }, behind))
}

#[cfg(test)]
mod tests {
    use super::super::counts::Counts;
    use super::*;

    const START_S: u64 = 1_700_000_000;

    fn counts() -> Counts {
        let mut fields = [3; FIELDS];
        fields[0] = 1;
        Counts::from_fields(fields)
    }

    fn read_again(directory: &Path) -> (StatisticsFile, usize) {
        let mut levels = Levels::default();
        let file = StatisticsFile::open(directory, &mut levels).expect("a file");
        (file, levels.all().count())
    }

    #[test]
    fn spans_outlive_a_restart_and_a_torn_write() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut levels = Levels::default();
        let mut file = StatisticsFile::open(directory.path(), &mut levels).expect("a file");
        for minute in 0..3 {
            let spans: Vec<_> = (0..60).flat_map(|s| levels.add(START_S + minute * 60 + s, &counts())).collect();
            file.append(&spans, &levels).expect("written");
        }
        let kept = levels.all().count();
        assert_eq!(kept, 180 + 3, "seconds, and the minutes that are over");
        assert_eq!(read_again(directory.path()).1, kept);
        let path = directory.path().join("samples");
        let octets = std::fs::read(&path).expect("octets");
        std::fs::write(&path, &octets[..octets.len() - 3]).expect("written");
        assert_eq!(read_again(directory.path()).1, kept - 1);
        assert!(!path.with_extension("damaged").exists(), "a torn write is no damage");
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut levels = Levels::default();
        (0..600).for_each(|second| drop(levels.add(START_S + second, &counts())));
        let mut file = StatisticsFile { path: directory.path().join("samples"), size_bytes: 0, fresh_bytes: 0 };
        file.append(&[], &levels).expect("written");
        let mut octets = std::fs::read(&file.path).expect("octets");
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        std::fs::write(&file.path, &octets).expect("written");
        let kept = read_again(directory.path()).1;
        assert!((200..500).contains(&kept), "{kept} of 610");
        assert_eq!(std::fs::read(file.path.with_extension("damaged")).expect("aside"), octets);
        assert_eq!(read_again(directory.path()).1, kept, "and the new one is whole");
        std::fs::write(&file.path, b"something else").expect("written");
        assert_eq!(read_again(directory.path()).1, 0);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut levels = Levels::default();
        let mut file = StatisticsFile::open(directory.path(), &mut levels).expect("a file");
        let mut largest = 0;
        for minute in 0..2000 {
            let spans: Vec<_> = (0..60).flat_map(|s| levels.add(START_S + minute * 60 + s, &counts())).collect();
            file.append(&spans, &levels).expect("written");
            largest = largest.max(file.size_bytes);
        }
        assert!(largest > 2 << 20, "it was written anew");
        assert!(largest < 2 * file.fresh_bytes + 2 * MIN_WASTE_BYTES, "{largest} {}", file.fresh_bytes);
        let on_disk = std::fs::metadata(&file.path).expect("a file").len();
        assert_eq!(on_disk, file.size_bytes);
    }
}
