//! What becomes of a log file that is full: it gets another name, is compressed, and goes one day.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::time::stamp;

/// Bytes of a [`stamp`].
const STAMP_LEN: usize = 16;
/// What a file is called while it is being compressed.
const PART: &str = ".part";
const ZSTD_LEVEL: i32 = 3;
/// A rotation that did not work is tried again after so long.
pub(super) const RETRY: Duration = Duration::from_secs(60);

/// How rotated files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// As gzip does.
    Gzip,
    /// As zstd does.
    Zstd,
}

impl Compression {
    fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}

/// When a file is rotated, and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Before it is larger than so many bytes, unless a single write is.
    pub max_bytes: u64,
    /// Every so many hours, counted from midnight UTC of 1970; `None`: whatever the time.
    pub period_hours: Option<u64>,
    /// How many rotated files are kept.
    pub keep_files: usize,
    /// For how many days they are kept; `None`: without a limit.
    pub keep_days: Option<u64>,
    /// How they are compressed.
    pub compression: Compression,
}

impl Rotation {
    /// The number of the period that a moment is in; the same for all without periods.
    pub(super) fn period(&self, moment: SystemTime) -> u64 {
        self.period_hours.map_or(0, |hours| unix_s(moment) / (hours * 3600).max(1))
    }
}

/// Seconds from 1970 to `moment`.
fn unix_s(moment: SystemTime) -> u64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Gives the file another name, with the time in it, that no other file has.
///
/// # Errors
/// What the system says.
pub(super) fn rename(path: &Path, now: SystemTime) -> io::Result<()> {
    let name = |number: u32| {
        let number = if number == 0 { String::new() } else { format!("-{number}") };
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}{number}", stamp(unix_s(now))));
        PathBuf::from(name)
    };
    let is_free = |rotated: &PathBuf| {
        let suffixes = [Compression::None, Compression::Gzip, Compression::Zstd].map(Compression::suffix);
        suffixes.iter().all(|suffix| !with_suffix(rotated, suffix).exists())
    };
    match (0..u32::MAX).map(name).find(is_free) {
        Some(rotated) => fs::rename(path, rotated),
        None => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A rotated file: what its name says.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rotated {
    stamp: String,
    number: u32,
    is_compressed: bool,
    path: PathBuf,
}

/// Reads the name of a rotated file of `path`; `None`: it is another file.
fn rotated(path: &Path, entry: &Path) -> Option<Rotated> {
    let rest = entry.file_name()?.to_str()?.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix('.')?;
    let (stamp, rest) = rest.split_at_checked(STAMP_LEN)?;
    let is_stamp = stamp.bytes().enumerate().all(|(i, byte)| match i {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    let base = rest.strip_suffix(".gz").or_else(|| rest.strip_suffix(".zst"));
    let number = match base.unwrap_or(rest) {
        "" => 0,
        number => number.strip_prefix('-')?.parse().ok()?,
    };
    is_stamp.then(|| Rotated { stamp: stamp.into(), number, is_compressed: base.is_some(), path: entry.into() })
}

/// Removes the rotated files of `path` that are not to be kept, and compresses the others.
///
/// # Errors
/// The first thing that did not work; the others were tried all the same.
pub(super) fn keep(path: &Path, rotation: &Rotation, now: SystemTime) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files: Vec<Rotated> = Vec::new();
    let mut result = Ok(());
    for entry in fs::read_dir(directory)? {
        let entry = entry?.path();
        // Left behind by a process that ended while it compressed.
        let is_part = entry.to_str().and_then(|name| name.strip_suffix(PART)).map(PathBuf::from);
        if is_part.is_some_and(|whole| rotated(path, &whole).is_some()) {
            result = result.and(fs::remove_file(&entry));
        }
        files.extend(rotated(path, &entry));
    }
    files.sort();
    let oldest = rotation.keep_days.map(|days| stamp(unix_s(now).saturating_sub(days * 86_400)));
    let too_many = files.len().saturating_sub(rotation.keep_files);
    for (i, file) in files.iter().enumerate() {
        let is_old = oldest.as_ref().is_some_and(|oldest| file.stamp < *oldest);
        let is_compressed_too = || {
            let suffixes = [Compression::Gzip, Compression::Zstd].map(Compression::suffix);
            suffixes.iter().any(|suffix| with_suffix(&file.path, suffix).exists())
        };
        // Both are there if a process ended in between.
        let done = if i < too_many || is_old || is_compressed_too() {
            fs::remove_file(&file.path)
        } else if !file.is_compressed && rotation.compression != Compression::None {
            compress(&file.path, rotation.compression)
        } else {
            Ok(())
        };
        result = result.and(done);
    }
    result
}

/// Compresses a file, which is then gone.
fn compress(path: &Path, compression: Compression) -> io::Result<()> {
    let whole = with_suffix(path, compression.suffix());
    let part = with_suffix(&whole, PART);
    let written = write_compressed(path, &part, compression);
    match written.and_then(|()| fs::rename(&part, &whole)).and_then(|()| fs::remove_file(path)) {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

fn write_compressed(from: &Path, to: &Path, compression: Compression) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, File::open(from)?);
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let mut output = BufWriter::new(file);
    match compression {
        Compression::None => drop(io::copy(&mut input, &mut output)?),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut output, flate2::Compression::default());
            io::copy(&mut input, &mut encoder)?;
            encoder.finish()?;
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut output, ZSTD_LEVEL)?;
            io::copy(&mut input, &mut encoder)?;
            encoder.finish()?;
        }
    }
    output.flush()?;
    let times = fs::FileTimes::new().set_modified(fs::metadata(from)?.modified()?);
    let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.set_times(times)?;
    // The original is removed next.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATION: Rotation = Rotation {
        max_bytes: 100,
        period_hours: Some(24),
        keep_files: 3,
        keep_days: None,
        compression: Compression::Gzip,
    };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_are_kept_and_others_are_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("q.log");
        let others = ["q.log.old", "q.logs.20240101T000000Z", "q.log.20240101T00000xZ", "r.log.20240101T000000Z"];
        others.iter().for_each(|name| fs::write(directory.path().join(name), "x").expect("a file"));
        fs::write(directory.path().join("q.log.20230101T000000Z.gz.part"), "x").expect("a file");
        for (n, seconds) in [1_709_210_000, 1_709_210_000, 1_709_220_000, 1_709_230_000].into_iter().enumerate() {
            fs::write(&path, format!("file {n}\n").repeat(10)).expect("a file");
            rename(&path, at(seconds)).expect("it is renamed");
        }
        keep(&path, &ROTATION, at(1_709_230_000)).expect("it works");
        let kept = ["q.log.20240229T123320Z-1.gz", "q.log.20240229T152000Z.gz", "q.log.20240229T180640Z.gz"];
        let mut expected = [&others[..], &kept[..]].concat();
        expected.sort_unstable();
        assert_eq!(names(directory.path()), expected);
        let mut text = String::new();
        let file = File::open(directory.path().join(kept[1])).expect("a file");
        io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).expect("gzip");
        assert_eq!(text, "file 2\n".repeat(10));
        let days = Rotation { keep_days: Some(1), ..ROTATION };
        keep(&path, &days, at(1_709_230_000 + 80_000)).expect("it works");
        assert_eq!(names(directory.path()).iter().filter(|name| name.ends_with(".gz")).count(), 1);
    }

    #[test]
    fn zstd_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("q.log");
        fs::write(&path, "line\n".repeat(1000)).expect("a file");
        rename(&path, at(1_709_210_000)).expect("it is renamed");
        keep(&path, &Rotation { compression: Compression::Zstd, ..ROTATION }, at(1_709_210_000)).expect("it works");
        let file = File::open(directory.path().join("q.log.20240229T123320Z.zst")).expect("a file");
        assert_eq!(zstd::decode_all(file).expect("zstd"), b"line\n".repeat(1000));
    }

    #[test]
    fn periods_begin_at_whole_hours() {
        let hourly = Rotation { period_hours: Some(1), ..ROTATION };
        assert_eq!(hourly.period(at(7199)), 1);
        assert_eq!(hourly.period(at(7200)), 2);
        assert_eq!(Rotation { period_hours: None, ..ROTATION }.period(at(7200)), 0);
    }
}
