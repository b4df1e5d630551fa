//! What is known of a list: kept beside its text over restarts, and shown.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What servers say of a text to be asked about it again (RFC 9110 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validators {
    /// The entity tag, with its quotes.
    pub etag: Option<String>,
    /// When it was changed, as the server writes it.
    pub last_modified: Option<String>,
}

/// The text that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Name of its file.
    pub file: String,
    /// Where it came from: the subscription may name another source by now.
    pub source: String,
    /// How the server is asked whether there is another.
    pub validators: Validators,
    /// When it came, in milliseconds since 1970, like all times here.
    pub fetched_at_ms: u64,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Number of its lines.
    pub lines: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Why the last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words for people.
    pub problem: String,
    /// When that was.
    pub at_ms: u64,
    /// Attempts that failed since the last that did not.
    pub count: u32,
}

/// What is known of a list, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The list.
    pub id: String,
    /// Its last good text; `None`: there never was one.
    pub kept: Option<Kept>,
    /// When the source last had the text that is kept.
    pub checked_at_ms: Option<u64>,
    /// Why the last attempt failed; `None`: it did not.
    pub failure: Option<Failure>,
    /// When the source is asked next; `None`: nobody has planned that yet, or it is a file.
    pub next_attempt_ms: Option<u64>,
    /// What the file was when it was read: one that is still so is not read again.
    pub stamp: Option<Stamp>,
}

/// What tells one state of a file from another, without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Stamp {
    /// The state of a file; `None`: it cannot be looked at.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).ok()?;
        let (device, inode, size_bytes) = (file.dev(), file.ino(), file.size());
        Some(Stamp { device, inode, size_bytes, modified_s: file.mtime(), modified_ns: file.mtime_nsec() })
    }
}

/// How a list is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is off.
    Disabled,
    /// It has not been fetched from its source yet, and nothing has gone wrong.
    Waiting,
    /// It is being fetched.
    Fetching,
    /// Its text is what the source had when it was asked last.
    Current,
    /// The last attempt failed; the text that is kept, if any, is older.
    Failing,
}

/// What is shown of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListState {
    /// Its name.
    pub id: String,
    /// URL or path.
    pub source: String,
    /// What the configuration says of the format.
    pub format: String,
    /// How it is doing.
    pub phase: Phase,
    /// Its last good text; `None`: there is none that can be used.
    pub kept: Option<Kept>,
    /// When the source last had the text that is kept, in milliseconds since 1970.
    pub checked_at_ms: Option<u64>,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
    /// When the source is asked next, in milliseconds since 1970; `None`: it is off, or a file, which is looked at every
    /// few seconds.
    pub next_attempt_ms: Option<u64>,
}
