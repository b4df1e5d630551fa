//! What a backup consists of: `manifest.json`, and beside it `manifest.sha256`, so that the manifest itself
//! cannot change unnoticed (`sha256sum -c manifest.sha256` checks it as well).

use std::path::Path;

use std::fmt::Write;

use dnssec::digest::{SHA256_LEN, sha256};
use serde_json::{Value, json};

use crate::journal::Bounds;

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The file with its digest.
pub const MANIFEST_DIGEST: &str = "manifest.sha256";
/// The format of the manifest.
const VERSION: u64 = 1;

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// Its files.
    pub files: Vec<FileEntry>,
    /// What its journal holds.
    pub streams: Streams,
}

/// What the journal of a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// Changes of zones.
    pub zones: Bounds,
    /// Events of access.
    pub access: Bounds,
    /// Shared settings; `None`: the journal was of a version that did not know them.
    pub settings: Option<Bounds>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name, without a directory.
    pub name: String,
    /// Octets.
    pub size: u64,
    /// Its digest.
    pub sha256: [u8; SHA256_LEN],
}

impl Manifest {
    /// The manifest of the backup in the directory `backup`, as it stands there: nothing is verified.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn read(backup: &Path) -> Result<Manifest, String> {
        let text = std::fs::read(backup.join(MANIFEST)).map_err(|error| error.to_string())?;
        Manifest::from_json(&text)
    }

    /// The text of [`MANIFEST`].
    pub(super) fn to_json(&self) -> String {
        let file = |f: &FileEntry| json!({"name": f.name, "size": f.size, "sha256": hex(&f.sha256)});
        let bounds = |bounds: Bounds| json!({"first": bounds.first, "next": bounds.next});
        let mut value = json!({
            "version": VERSION,
            "created_ms": self.created_ms,
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "journal": {"zones": bounds(self.streams.zones), "access": bounds(self.streams.access)},
        });
        if let Some(settings) = self.streams.settings {
            value["journal"]["settings"] = bounds(settings);
        }
        format!("{value:#}\n")
    }

    /// What the text of [`MANIFEST`] says; the error is for people.
    pub(super) fn from_json(text: &[u8]) -> Result<Manifest, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        match value["version"].as_u64() {
            Some(VERSION) => {}
            Some(version) => return Err(format!("version {version}; this server knows {VERSION}")),
            None => return Err("it has no version".to_owned()),
        }
        read(&value).ok_or_else(|| "something in it is missing".to_owned())
    }
}

/// The text of [`MANIFEST_DIGEST`] for a manifest.
pub(super) fn digest_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", hex(&sha256(manifest)))
}

fn read(value: &Value) -> Option<Manifest> {
    let file = |file: &Value| {
        let sha256 = unhex(file["sha256"].as_str()?)?;
        Some(FileEntry { name: file["name"].as_str()?.to_owned(), size: file["size"].as_u64()?, sha256 })
    };
    let bounds = |stream: &str| {
        let bounds = &value["journal"][stream];
        Some(Bounds { first: bounds["first"].as_u64()?, next: bounds["next"].as_u64()? })
    };
    let settings = match &value["journal"]["settings"] {
        Value::Null => None,
        _ => Some(bounds("settings")?),
    };
    Some(Manifest {
        created_ms: value["created_ms"].as_u64()?,
        files: value["files"].as_array()?.iter().map(file).collect::<Option<_>>()?,
        streams: Streams { zones: bounds("zones")?, access: bounds("access")?, settings },
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; SHA256_LEN]> {
    let mut out = [0; SHA256_LEN];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != SHA256_LEN || !rest.is_empty() {
        return None;
    }
    for (octet, pair) in out.iter_mut().zip(pairs) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
