//! Past configurations: the texts of the file that were in use, who brought each in, when and why. Kept in the data
//! directory, readable by the server's user alone, bounded in number and size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

/// Most versions that are kept.
pub const MAX_VERSIONS: usize = 100;
/// Most octets of all versions; the latest one is kept whatever its size.
pub const MAX_VERSIONS_BYTES: u64 = 64 << 20;
/// The directory, in the data directory.
const DIRECTORY: &str = "config-history";
/// The version to go back to if nobody confirms the one in use.
const UNCONFIRMED: &str = "unconfirmed";

/// Who brought a configuration in, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A configuration that was in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number; later ones have larger numbers.
    pub id: u64,
    /// Who, when, why.
    pub about: About,
    /// The text of the file.
    pub text: String,
}

/// The versions of a data directory.
#[derive(Debug, Clone)]
pub struct Versions {
    directory: PathBuf,
}

impl Versions {
    /// Those of `data_dir`.
    pub fn new(data_dir: &Path) -> Versions {
        Versions { directory: data_dir.join(DIRECTORY) }
    }

    /// The numbers of all versions, the earliest first.
    pub fn ids(&self) -> Vec<u64> {
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok();
        let mut ids: Vec<u64> =
            fs::read_dir(&self.directory).into_iter().flatten().flatten().filter_map(number).collect();
        ids.sort_unstable();
        ids
    }

    /// One version; none: there is none, or it cannot be read.
    pub fn get(&self, id: u64) -> Option<Version> {
        let json: Json = serde_json::from_slice(&fs::read(self.path(id)).ok()?).ok()?;
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let about = About { at_ms: json["at_ms"].as_u64()?, who: text("who")?, why: text("why")? };
        Some(Version { id, about, text: text("text")? })
    }

    /// The latest version.
    pub fn latest(&self) -> Option<Version> {
        self.ids().into_iter().rev().find_map(|id| self.get(id))
    }

    /// Keeps a text that is in use from now on, unless it is that of the latest version; its number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, about: &About, text: &str) -> io::Result<u64> {
        if let Some(latest) = self.latest().filter(|latest| latest.text == text) {
            return Ok(latest.id);
        }
        fs::create_dir_all(&self.directory)?;
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700))?;
        let id = self.ids().last().map_or(1, |last| last + 1);
        let version = json!({ "at_ms": about.at_ms, "who": about.who, "why": about.why, "text": text });
        write_whole(&self.path(id), version.to_string().as_bytes(), 0o600)?;
        self.trim();
        Ok(id)
    }

    /// Remembers which version to go back to, should nobody confirm what is in use now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_unconfirmed(&self, back_to: u64) -> io::Result<()> {
        write_whole(&self.directory.join(UNCONFIRMED), back_to.to_string().as_bytes(), 0o600)
    }

    /// What is in use is confirmed, or no longer in use.
    pub fn clear_unconfirmed(&self) {
        if let Err(error) = fs::remove_file(self.directory.join(UNCONFIRMED))
            && error.kind() != io::ErrorKind::NotFound
        {
            // An empty file names no version.
            let _ = File::create(self.directory.join(UNCONFIRMED));
        }
    }

    /// The version to go back to, if a server ended before anybody confirmed what it used.
    pub fn unconfirmed(&self) -> Option<Version> {
        let id = fs::read_to_string(self.directory.join(UNCONFIRMED)).ok()?;
        self.get(id.trim().parse().ok()?)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.directory.join(format!("{id:08}.json"))
    }

    /// Takes out the earliest ones until the rest is within bounds.
    fn trim(&self) {
        let ids = self.ids();
        let size = |id: &u64| fs::metadata(self.path(*id)).map_or(0, |metadata| metadata.len());
        let (mut count, mut bytes) = (0, 0);
        for id in ids.iter().rev() {
            count += 1;
            bytes += size(id);
            if count > 1 && (count > MAX_VERSIONS || bytes > MAX_VERSIONS_BYTES) {
                // One that stays is tried again the next time.
                let _ = fs::remove_file(self.path(*id));
            }
        }
    }
}

/// A text that is on the disk and not in its place yet; it goes away with the value.
#[derive(Debug)]
pub struct Prepared {
    new: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Prepared {
    /// Writes `text` beside `file`, with the file's mode and owner.
    ///
    /// # Errors
    /// There is no room, or no permission.
    pub fn new(file: &Path, text: &str) -> io::Result<Prepared> {
        // What the name leads to is replaced, not the link.
        let target = fs::canonicalize(file)?;
        let metadata = fs::metadata(&target)?;
        if metadata.permissions().readonly() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let new = target.with_file_name(format!(".{name}.new"));
        let prepared = Prepared { new, target, done: false };
        let _ = fs::remove_file(&prepared.new);
        write_new(&prepared.new, text.as_bytes(), metadata.mode() & 0o7777)?;
        let own = fs::metadata(&prepared.new)?;
        if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
            std::os::unix::fs::chown(&prepared.new, Some(metadata.uid()), Some(metadata.gid()))?;
        }
        Ok(prepared)
    }

    /// Puts it in place.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn put(mut self) -> io::Result<()> {
        fs::rename(&self.new, &self.target)?;
        self.done = true;
        sync_directory(&self.target)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.new);
        }
    }
}

/// Writes a file that is there as a whole or not at all.
fn write_whole(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    write_new(&new, octets, mode)?;
    fs::rename(&new, path)?;
    sync_directory(path)
}

fn write_new(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(octets)?;
    // The mode asked for, whatever the process's mask takes away.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("headwater-config-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory");
        directory
    }

    fn about(why: &str) -> About {
        About { at_ms: 1, who: "somebody".into(), why: why.into() }
    }

    #[test]
    fn versions_are_numbered_and_bounded() {
        let data = directory("versions");
        let versions = Versions::new(&data);
        assert_eq!((versions.latest(), versions.unconfirmed()), (None, None));
        for number in 0..MAX_VERSIONS + 20 {
            let text = format!("data_dir: d{number}\n");
            let id = versions.add(&about("a test"), &text).expect("kept");
            assert_eq!(id as usize, number + 1);
            assert_eq!(versions.add(&about("again"), &text).expect("kept"), id, "the same text is the same version");
        }
        let ids = versions.ids();
        assert_eq!((ids.len(), ids[0], ids[ids.len() - 1]), (MAX_VERSIONS, 21, 120));
        let latest = versions.latest().expect("a version");
        assert_eq!((latest.id, &*latest.about.why, &*latest.text), (120, "a test", "data_dir: d119\n"));
        fs::write(versions.path(120), "{ damaged").expect("written");
        assert_eq!(versions.latest().map(|version| version.id), Some(119));
        versions.set_unconfirmed(50).expect("written");
        assert_eq!(versions.unconfirmed().map(|version| version.id), Some(50));
        versions.clear_unconfirmed();
        assert_eq!(versions.unconfirmed(), None);
        fs::remove_dir_all(data).expect("removed");
    }

    #[test]
    fn large_ones_leave_earlier_than_small_ones() {
        let data = directory("large");
        let versions = Versions::new(&data);
        let large = "x".repeat(MAX_VERSIONS_BYTES as usize / 2);
        for number in 0..2 {
            versions.add(&about(""), &format!("{large}{number}")).expect("kept");
        }
        assert_eq!(versions.ids(), [2], "two of them do not fit");
        fs::remove_dir_all(data).expect("removed");
    }

    #[test]
    fn a_prepared_text_that_is_not_put_leaves_nothing() {
        let data = directory("prepared");
        let file = data.join("headwater.yaml");
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).expect("mode");
        drop(Prepared::new(&file, "new").expect("prepared"));
        assert_eq!(fs::read_dir(&data).expect("a directory").count(), 1);
        assert_eq!(fs::read_to_string(&file).expect("the file"), "old");
        Prepared::new(&file, "new").and_then(Prepared::put).expect("put");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "new");
        assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o604);
        assert_eq!(fs::read_dir(&data).expect("a directory").count(), 1);
        assert!(Prepared::new(&data.join("missing"), "new").is_err());
        fs::remove_dir_all(data).expect("removed");
    }
}
