//! A text on its way to the disk: counted, looked at and digested as it passes, never held in memory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use dnssec::digest::Sha256;
use flate2::bufread::MultiGzDecoder;

use super::problem::Problem;
use super::text::LineIndex;

/// The kind of a text is told from so many bytes of its beginning.
const SNIFF_BYTES: usize = 1024;
/// Bytes that are copied at once.
const COPY_BYTES: usize = 64 << 10;
/// What gzip begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How web pages begin, in small letters.
const HTML_BEGINNINGS: [&str; 6] = ["<!doctype html", "<html", "<head", "<body", "<script", "<title"];

/// A text that is being written to a file beside the one that is kept. The file goes away unless it is kept.
#[derive(Debug)]
pub(super) struct Incoming {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256Debug,
    index: LineIndex,
    head: Vec<u8>,
    looked_at: bool,
    is_called_html: bool,
    size_bytes: u64,
    max_bytes: u64,
}

/// A digest on its way, of which nothing can be shown.
#[derive(Default)]
struct Sha256Debug(Sha256);

impl std::fmt::Debug for Sha256Debug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

/// A text that is complete, and on the disk for good once it has its name.
#[derive(Debug)]
pub(super) struct Written {
    pub path: PathBuf,
    pub file: File,
    pub index: LineIndex,
    pub sha256: String,
    pub size_bytes: u64,
}

impl Incoming {
    /// Begins a text of at most `max_bytes` at `path`, in the place of what is there.
    pub fn create(path: PathBuf, max_bytes: u64) -> Result<Incoming, Problem> {
        // Read later through the same descriptor.
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = BufWriter::with_capacity(COPY_BYTES, file.map_err(Problem::of_disk)?);
        let (digest, index, head) = (Sha256Debug::default(), LineIndex::default(), Vec::new());
        let (looked_at, is_called_html, size_bytes) = (false, false, 0);
        Ok(Incoming { path, file, digest, index, head, looked_at, is_called_html, size_bytes, max_bytes })
    }

    /// The server calls it a web page: then anything that looks like one is.
    pub fn call_html(&mut self) {
        self.is_called_html = true;
    }

    /// Takes all that `source` gives; what is packed with gzip is unpacked, whether `packed` says so or its beginning.
    /// Gives back how many bytes that were.
    pub fn copy(&mut self, mut source: impl Read, packed: bool) -> Result<u64, Problem> {
        let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
        source.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(Problem::of_body)?;
        let is_gzip = magic == GZIP_MAGIC;
        if packed && !is_gzip && !magic.is_empty() {
            return Err(Problem::Packed("it is said to be packed with gzip and is not".to_owned()));
        }
        let all = magic.as_slice().chain(source);
        match is_gzip {
            true => self.copy_plain(MultiGzDecoder::new(io::BufReader::with_capacity(COPY_BYTES, all))),
            false => self.copy_plain(all),
        }
    }

    fn copy_plain(&mut self, mut source: impl Read) -> Result<u64, Problem> {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let taken = match source.read(&mut buffer) {
                Ok(0) => return Ok(self.size_bytes),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Problem::of_body(error)),
            };
            self.write(buffer.get(..taken).unwrap_or_default())?;
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Problem> {
        self.size_bytes += data.len() as u64;
        if self.size_bytes > self.max_bytes {
            return Err(Problem::TooLarge(self.max_bytes));
        }
        if !self.looked_at {
            let wanted = SNIFF_BYTES.saturating_sub(self.head.len()).min(data.len());
            self.head.extend_from_slice(data.get(..wanted).unwrap_or_default());
            if self.head.len() == SNIFF_BYTES {
                self.look()?;
            }
        }
        self.digest.0.update(data);
        self.index.update(data);
        self.file.write_all(data).map_err(Problem::of_disk)
    }

    fn look(&mut self) -> Result<(), Problem> {
        self.looked_at = true;
        look_at(&self.head, self.is_called_html)
    }

    /// The text is complete: it goes to the disk.
    pub fn finish(mut self) -> Result<Written, Problem> {
        if !self.looked_at {
            self.look()?;
        }
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(Problem::of_disk)?;
        let file = self.file.get_ref().try_clone().map_err(Problem::of_disk)?;
        let digest = std::mem::take(&mut self.digest).0.finish();
        let (path, index) = (std::mem::take(&mut self.path), std::mem::take(&mut self.index));
        Ok(Written { path, file, index, sha256: HEXLOWER.encode(&digest), size_bytes: self.size_bytes })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // A text that is complete has given its path away.
        if self.path != Path::new("") {
            discard(&self.path);
        }
    }
}

/// Removes a text that is not kept. One that cannot be removed is written over by the next.
pub(super) fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "a text that is not kept stays on the disk");
    }
}

/// Whether the beginning of a text may be that of a list.
fn look_at(head: &[u8], is_called_html: bool) -> Result<(), Problem> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.contains(&0) {
        return Err(Problem::NoList("it has bytes that no text has"));
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start();
    let tagged = HTML_BEGINNINGS.iter().any(|tag| text.starts_with(tag));
    if tagged || (text.starts_with('<') && HTML_BEGINNINGS.iter().any(|tag| text.contains(tag))) {
        return Err(Problem::Html);
    }
    if is_called_html && text.starts_with('<') {
        return Err(Problem::Html);
    }
    match text.as_bytes().first() {
        Some(b'<') => Err(Problem::NoList("it is XML")),
        Some(b'{') => Err(Problem::NoList("it is JSON")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("written");
        encoder.finish().expect("packed")
    }

    fn take(data: &[u8], is_packed: bool) -> Result<Written, Problem> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut incoming = Incoming::create(directory.path().join("a"), 10_000).expect("a file");
        incoming.copy(data, is_packed)?;
        incoming.finish()
    }

    #[test]
    fn pages_are_told_from_lists() {
        for page in ["<!DOCTYPE HTML>", "\n  <html lang=en>", "\u{feff}<html>", "<!-- x --><html>", "<?xml?><html>"] {
            assert!(matches!(look_at(page.as_bytes(), false), Err(Problem::Html)), "{page}");
        }
        assert!(matches!(look_at(b"<p>log in", true), Err(Problem::Html)));
        for other in [&b"<rss>"[..], b"{\"error\":1}", b"\x7fELF\0"] {
            assert!(matches!(look_at(other, false), Err(Problem::NoList(_))));
        }
        for list in ["", "! Title: <html>", "||ads.example^", "# a\n0.0.0.0 ads.example", "[Adblock Plus 2.0]", "/x/"] {
            assert!(look_at(list.as_bytes(), true).is_ok(), "{list}");
        }
    }

    #[test]
    fn a_packed_text_is_unpacked_whether_or_not_anybody_says_so() {
        let text = "ads.example\n".repeat(100);
        for is_packed in [true, false] {
            let written = take(&packed(text.as_bytes()), is_packed).expect("taken");
            assert_eq!((written.size_bytes, written.index.lines()), (1200, 100));
        }
        let two = [packed(b"a.example\n"), packed(b"b.example\n")].concat();
        assert_eq!(take(&two, false).expect("taken").index.lines(), 2);
        assert!(matches!(take(b"ads.example", true), Err(Problem::Packed(_))));
    }

    #[test]
    fn what_is_cut_or_grows_too_large_while_unpacked_is_refused() {
        let whole = packed("ads.example\n".repeat(500).as_bytes());
        assert!(matches!(take(&whole[..whole.len() - 9], false), Err(Problem::Truncated)));
        let bomb = packed(&vec![b'x'; 5_000_000]);
        assert!(bomb.len() < 50_000);
        assert!(matches!(take(&bomb, false), Err(Problem::TooLarge(10_000))));
    }

    #[test]
    fn a_text_that_is_not_finished_leaves_no_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let mut incoming = Incoming::create(path.clone(), 100).expect("a file");
        incoming.copy(&b"ads.example"[..], false).expect("taken");
        assert!(path.exists());
        drop(incoming);
        assert!(!path.exists());
    }
}
