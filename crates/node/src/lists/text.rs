//! The text of a list as it is kept on disk: read from end to end, or one line of it, without holding it in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use dnssec::digest::Sha256;

use super::problem::Problem;

/// The places of lines 1, 1 + 4096 and so on are known.
pub(super) const INDEX_STEP: u64 = 4096;
/// The longest line that is shown, in bytes; the rest of a longer one is left out.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Where lines begin, of each [`INDEX_STEP`]th.
#[derive(Debug, Default)]
pub(super) struct LineIndex {
    offsets: Vec<u64>,
    lines: u64,
    position: u64,
    within_line: bool,
}

impl LineIndex {
    /// Counts the lines of the next piece of the text.
    pub fn update(&mut self, data: &[u8]) {
        for piece in data.split_inclusive(|octet| *octet == b'\n') {
            if !self.within_line {
                if self.lines.is_multiple_of(INDEX_STEP) {
                    self.offsets.push(self.position);
                }
                self.lines += 1;
            }
            self.position += piece.len() as u64;
            self.within_line = !piece.ends_with(b"\n");
        }
    }

    /// Lines so far; a last one without an end counts.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}

/// The text of a list at one moment. It stays as it is while somebody holds it, whatever becomes of the list.
#[derive(Debug)]
pub struct Text {
    path: PathBuf,
    file: File,
    index: LineIndex,
    sha256: String,
}

impl Text {
    /// A text that has been written and looked through.
    pub(super) fn new(path: PathBuf, file: File, index: LineIndex, sha256: String) -> Text {
        Text { path, file, index, sha256 }
    }

    /// Opens a text and looks it through.
    ///
    /// # Errors
    /// It cannot be read, or is not the one with the digest `sha256`.
    pub(super) fn open(path: PathBuf, sha256: &str) -> Result<Text, Problem> {
        let damaged = |error: io::Error| Problem::Damaged(error.to_string());
        let file = File::open(&path).map_err(damaged)?;
        let (mut digest, mut index) = (Sha256::default(), LineIndex::default());
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, At { file: &file, offset: 0 });
        loop {
            let data = reader.fill_buf().map_err(damaged)?;
            if data.is_empty() {
                break;
            }
            digest.update(data);
            index.update(data);
            let taken = data.len();
            reader.consume(taken);
        }
        if HEXLOWER.encode(&digest.finish()) != sha256 {
            return Err(Problem::Damaged("its checksum is another".to_owned()));
        }
        Ok(Text { path, file, index, sha256: sha256.to_owned() })
    }

    /// Where it was kept when it was new. The file goes when a newer text takes its place; what [`Text::reader`] and
    /// [`Text::line`] give stays.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of lines.
    pub fn lines(&self) -> u64 {
        self.index.lines()
    }

    /// Size, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.index.position
    }

    /// SHA-256 of the text, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Reads the text from the beginning. Several may read at a time.
    pub fn reader(&self) -> impl BufRead + '_ {
        self.reader_at(0)
    }

    /// A line by its number from 1 on, without its end; `None`: there are not so many. Reads at most 4,095 lines
    /// besides. A longer line than 64 KiB is cut there, and what is no UTF-8 is replaced.
    ///
    /// # Errors
    /// The disk does not give it.
    pub fn line(&self, number: u64) -> io::Result<Option<String>> {
        let Some(before) = number.checked_sub(1).filter(|before| *before < self.lines()) else { return Ok(None) };
        let place = usize::try_from(before / INDEX_STEP).ok().and_then(|place| self.index.offsets.get(place));
        let Some(offset) = place else { return Ok(None) };
        let mut reader = self.reader_at(*offset);
        for _ in 0..before % INDEX_STEP {
            reader.skip_until(b'\n')?;
        }
        let mut line = Vec::new();
        reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    fn reader_at(&self, offset: u64) -> BufReader<At<'_>> {
        BufReader::with_capacity(BUFFER_BYTES, At { file: &self.file, offset })
    }
}

/// Reads a file from a place of its own, so that several can at a time.
#[derive(Debug)]
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.file.read_at(buffer, self.offset)?;
        self.offset += taken as u64;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contents: &[u8]) -> (tempfile::TempDir, Text) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.txt");
        std::fs::write(&path, contents).expect("written");
        let sha256 = HEXLOWER.encode(&dnssec::digest::sha256(contents));
        (directory, Text::open(path, &sha256).expect("a text"))
    }

    #[test]
    fn every_line_is_found_by_its_number() {
        let contents: String = (1..=10_000).map(|n| format!("name-{n}.example\r\n")).collect();
        let (_directory, text) = text(contents.as_bytes());
        assert_eq!((text.lines(), text.index.offsets.len()), (10_000, 3));
        for n in [1, 2, 4095, 4096, 4097, 8192, 8193, 10_000] {
            assert_eq!(text.line(n).expect("read"), Some(format!("name-{n}.example")));
        }
        assert_eq!((text.line(0).expect("read"), text.line(10_001).expect("read")), (None, None));
    }

    #[test]
    fn the_index_does_not_depend_on_how_the_text_is_cut() {
        let contents = b"a\n\nb\r\nlast without an end";
        let mut whole = LineIndex::default();
        whole.update(contents);
        let mut pieces = LineIndex::default();
        contents.iter().for_each(|octet| pieces.update(&[*octet]));
        assert_eq!((whole.lines(), whole.position), (4, contents.len() as u64));
        assert_eq!((pieces.lines(), pieces.position, pieces.offsets), (4, whole.position, whole.offsets));
    }

    #[test]
    fn empty_lines_long_lines_and_octets_that_are_no_text_are_shown() {
        let long = "x".repeat(100_000);
        let (_directory, text) = text(&[b"\n\xff\n", long.as_bytes()].concat());
        assert_eq!(text.line(1).expect("read").as_deref(), Some(""));
        assert_eq!(text.line(2).expect("read").as_deref(), Some("\u{fffd}"));
        assert_eq!(text.line(3).expect("read").map(|line| line.len() as u64), Some(MAX_LINE_BYTES));
    }

    #[test]
    fn another_text_than_the_one_that_was_kept_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.txt");
        std::fs::write(&path, "ads.example\n").expect("written");
        let error = Text::open(path, &"0".repeat(64)).expect_err("refused");
        assert_eq!(error.to_string(), "the text that was kept is damaged: its checksum is another");
    }
}
