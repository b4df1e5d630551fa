//! Drafts on disk: one JSON file each in `data_dir/drafts`, replaced whole, so that a crash leaves the
//! old one or the new one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::{MAX_DRAFT_BYTES, MAX_DRAFTS};
use super::steps::ZoneStep;

/// Octets of an identifier.
const ID_LEN: usize = 8;
/// What the files' names end in.
const EXTENSION: &str = "json";

/// Changes that are collected and not made yet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its identifier.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Who made it.
    pub owner: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was changed last, in milliseconds since 1970.
    pub changed_at_ms: u64,
    /// How often it was changed: its entity tag.
    pub version: u32,
    /// Why the changes shall be made.
    pub why: String,
    /// What shall happen to each zone.
    pub zones: Vec<ZoneStep>,
}

/// What lists show of a draft.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DraftInfo {
    /// Its identifier.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Who made it.
    pub owner: String,
    /// When it was changed last, in milliseconds since 1970.
    pub changed_at_ms: u64,
}

/// Why a draft is not stored or found.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The directory or a file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no such draft.
    #[error("there is no draft {0}")]
    NotThere(String),
    /// There are too many.
    #[error("there are {MAX_DRAFTS} drafts already")]
    TooMany,
    /// It is too large.
    #[error("a draft has at most {MAX_DRAFT_BYTES} bytes")]
    TooLarge,
    /// Somebody else changed it.
    #[error("the draft has changed in the meantime")]
    Changed,
    /// No identifier can be made.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// All drafts; the lists are kept in memory, the drafts are not.
pub struct DraftStore {
    directory: PathBuf,
    known: Mutex<BTreeMap<String, DraftInfo>>,
}

impl DraftStore {
    /// The drafts in `directory`, which is made if it is not there; where that is not possible there are none. A file
    /// that is no draft is left alone and logged.
    ///
    /// # Errors
    /// [`DraftError::File`].
    pub fn open(directory: &Path) -> Result<DraftStore, DraftError> {
        let at = |error| DraftError::File { path: directory.to_owned(), error };
        let mut known = BTreeMap::new();
        if let Err(error) = fs::create_dir_all(directory) {
            tracing::error!(directory = %directory.display(), %error, "drafts cannot be kept");
            return Ok(DraftStore { directory: directory.to_owned(), known: Mutex::new(known) });
        }
        for entry in fs::read_dir(directory).map_err(at)? {
            let path = entry.map_err(at)?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) || known.len() >= MAX_DRAFTS {
                continue;
            }
            match read(&path) {
                Ok(draft) => drop(known.insert(draft.id.clone(), info(&draft))),
                Err(error) => tracing::warn!(%error, "a draft cannot be read"),
            }
        }
        Ok(DraftStore { directory: directory.to_owned(), known: Mutex::new(known) })
    }

    /// All drafts by identifier.
    pub fn list(&self) -> Vec<DraftInfo> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A draft. Blocking.
    ///
    /// # Errors
    /// [`DraftError::NotThere`], [`DraftError::File`].
    pub fn get(&self, id: &str) -> Result<Draft, DraftError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_known(&known, id)
    }

    /// Stores a new draft under a new identifier. Blocking.
    ///
    /// # Errors
    /// All but [`DraftError::NotThere`].
    pub fn create(&self, mut draft: Draft) -> Result<Draft, DraftError> {
        let mut id = [0; ID_LEN];
        getrandom::fill(&mut id)?;
        draft.id = HEXLOWER.encode(&id);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_DRAFTS {
            return Err(DraftError::TooMany);
        }
        self.write(&draft)?;
        known.insert(draft.id.clone(), info(&draft));
        Ok(draft)
    }

    /// Changes a draft, if it still has `version`. Blocking.
    ///
    /// # Errors
    /// All of [`DraftError`].
    pub fn change(&self, id: &str, version: Option<u32>, change: impl FnOnce(&mut Draft)) -> Result<Draft, DraftError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.read_known(&known, id)?;
        if version.is_some_and(|version| version != draft.version) {
            return Err(DraftError::Changed);
        }
        change(&mut draft);
        draft.version = draft.version.wrapping_add(1);
        self.write(&draft)?;
        known.insert(draft.id.clone(), info(&draft));
        Ok(draft)
    }

    /// Removes a draft. Blocking.
    ///
    /// # Errors
    /// [`DraftError::NotThere`], [`DraftError::File`].
    pub fn delete(&self, id: &str) -> Result<(), DraftError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(id) {
            return Err(DraftError::NotThere(id.to_owned()));
        }
        let path = self.path(id);
        fs::remove_file(&path).map_err(|error| DraftError::File { path, error })?;
        known.remove(id);
        self.sync_directory()
    }

    /// Only identifiers that are known become part of a path.
    fn read_known(&self, known: &BTreeMap<String, DraftInfo>, id: &str) -> Result<Draft, DraftError> {
        if !known.contains_key(id) {
            return Err(DraftError::NotThere(id.to_owned()));
        }
        read(&self.path(id))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(id).with_extension(EXTENSION)
    }

    fn write(&self, draft: &Draft) -> Result<(), DraftError> {
        let path = self.path(&draft.id);
        let at = |error| DraftError::File { path: path.clone(), error };
        let octets = serde_json::to_vec(draft).map_err(|error| at(error.into()))?;
        if octets.len() > MAX_DRAFT_BYTES {
            return Err(DraftError::TooLarge);
        }
        let part = path.with_extension("part");
        let mut file = File::create(&part).map_err(at)?;
        file.write_all(&octets).and_then(|()| file.sync_all()).map_err(at)?;
        fs::rename(&part, &path).map_err(at)?;
        self.sync_directory()
    }

    /// Makes names of files durable.
    fn sync_directory(&self) -> Result<(), DraftError> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| DraftError::File { path: self.directory.clone(), error })
    }
}

fn read(path: &Path) -> Result<Draft, DraftError> {
    let at = |error| DraftError::File { path: path.to_owned(), error };
    serde_json::from_slice(&fs::read(path).map_err(at)?).map_err(|error| at(error.into()))
}

fn info(draft: &Draft) -> DraftInfo {
    let (id, name, owner) = (draft.id.clone(), draft.name.clone(), draft.owner.clone());
    DraftInfo { id, name, owner, changed_at_ms: draft.changed_at_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_survive() {
        let directory = std::env::temp_dir().join(format!("headwater-drafts-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        let store = DraftStore::open(&directory).expect("open");
        let draft = Draft {
            id: String::new(),
            name: "a".into(),
            owner: "user:a".into(),
            created_at_ms: 1,
            changed_at_ms: 1,
            version: 0,
            why: String::new(),
            zones: Vec::new(),
        };
        let id = store.create(draft.clone()).expect("create").id;
        store.change(&id, Some(0), |draft| draft.name = "b".into()).expect("change");
        assert!(matches!(store.change(&id, Some(0), |_| ()), Err(DraftError::Changed)));
        assert!(matches!(store.get("../x"), Err(DraftError::NotThere(_))));
        fs::write(directory.join("junk.json"), "junk").expect("write");
        let again = DraftStore::open(&directory).expect("open again");
        assert_eq!(again.list().len(), 1);
        let read = again.get(&id).expect("get");
        assert_eq!((read.name.as_str(), read.version), ("b", 1));
        again.delete(&id).expect("delete");
        assert!(again.list().is_empty() && matches!(again.delete(&id), Err(DraftError::NotThere(_))));
        fs::remove_dir_all(&directory).expect("remove");
    }
}
