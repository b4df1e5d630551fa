//! The cache on disk: saved at the end of a run, loaded at the start of the next.
//!
//! Magic and version, the wall clock's time, the terms with their length in front ([`Terms`]), entries with their lengths
//! in front, a length of 0, the number of entries, and SHA-256 of all of it. Nothing is taken from a file that is damaged
//! or that another version wrote, and no entry that the terms of this run do not hold for: data that nobody validated is
//! not taken over by a resolver that validates. Ages go on over the gap. Numbers are little-endian.

use std::io::{self, Read, Write};

use dnssec::digest::{SHA256_LEN, Sha256};

use super::entry::{self, Kind, View};
use super::key::Key;
use super::limits::SEGMENT_BYTES;
use super::{Cache, lock};
use crate::terms::{Changes, Terms};

const MAGIC: &[u8; 8] = b"HWCACHE\n";
/// Changes with the form of [`entry`] and of the file.
const VERSION: u32 = 2;
/// Octets in front of the terms.
const HEAD: usize = 8 + 4 + 8 + 4;
/// Room for the terms, which are about as long as the part of the configuration that they come from.
const MAX_TERMS: usize = 64 << 20;
/// Octets of the mark behind the entries, their number and the digest.
const FOOT: usize = 4 + 8 + SHA256_LEN;

/// Why a file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It is something else.
    #[error("not a saved cache")]
    Foreign,
    /// It has another form.
    #[error("saved by another version (form {0}, this is {VERSION})")]
    Version(u32),
    /// It is larger than the cache may be.
    #[error("larger than the cache may be")]
    TooLarge,
    /// It is not what was written.
    #[error("damaged")]
    Damaged,
}

/// Writes and digests.
struct Digested<'w, W> {
    out: &'w mut W,
    digest: Sha256,
}

impl<W: Write> Digested<'_, W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.digest.update(octets);
        self.out.write_all(octets)
    }
}

impl Cache {
    /// Writes all that has not expired but failures; how many entries that are. `wall_ms` is the time of a clock that
    /// goes on when nothing runs.
    pub fn save(&self, now_ms: u64, wall_ms: u64, terms: &Terms, out: &mut impl Write) -> io::Result<u64> {
        let terms = terms.to_text();
        let mut out = Digested { out, digest: Sha256::default() };
        out.write(MAGIC)?;
        out.write(&VERSION.to_le_bytes())?;
        out.write(&wall_ms.to_le_bytes())?;
        out.write(&u32::try_from(terms.len()).map_err(io::Error::other)?.to_le_bytes())?;
        out.write(terms.as_bytes())?;
        let (mut count, mut octets) = (0u64, Vec::with_capacity(2 * SEGMENT_BYTES));
        for shard in &self.shards {
            for segment in 0.. {
                // Copied with the lock, written without it.
                octets.clear();
                {
                    let shard = lock(shard);
                    if segment >= shard.segments() {
                        break;
                    }
                    shard.walk(segment, |_, view| count += u64::from(pack(view, now_ms, &mut octets)));
                }
                out.write(&octets)?;
            }
        }
        out.write(&0u32.to_le_bytes())?;
        out.write(&count.to_le_bytes())?;
        let Digested { out, digest } = out;
        out.write_all(&digest.finish())?;
        out.flush()?;
        Ok(count)
    }

    /// Takes over what another run saved, and what has not expired since and holds under `terms`; how many entries that
    /// are. What the cache has already stays.
    ///
    /// # Errors
    /// Nothing is taken from a file that is not whole.
    pub fn load(&self, now_ms: u64, wall_ms: u64, terms: &Terms, input: &mut impl Read) -> Result<u64, LoadError> {
        // An entry takes four octets more than in memory, and at least 40.
        let limit = self.settings.size_bytes() + self.settings.size_bytes() / 8 + MAX_TERMS;
        let mut file = Vec::new();
        input.take(limit as u64 + 1).read_to_end(&mut file)?;
        if file.len() > limit {
            return Err(LoadError::TooLarge);
        }
        let Saved { saved_ms, terms: saved, entries } = unwrap(&file)?;
        let gap_ms = wall_ms.saturating_sub(saved_ms);
        let changes = saved.changes_to(terms);
        let mut loaded = 0;
        for octets in entries {
            loaded += u64::from(self.load_entry(octets, now_ms, gap_ms, &changes));
        }
        Ok(loaded)
    }

    fn load_entry(&self, octets: &[u8], now_ms: u64, gap_ms: u64, changes: &Changes) -> bool {
        // The digest keeps accidents out; this keeps out whatever else calls itself an entry.
        let mut octets = octets.to_vec();
        let Some(view) = View::new(&octets).filter(|_| entry::is_sound(&octets)) else { return false };
        let name = view.name().to_owned();
        if changes.concern(&name) {
            return false;
        }
        let key = Key { name: &name, hash: self.hasher.hash(&name), rtype: view.rtype() };
        let (age_ms, ttl) = (view.created_ms() + gap_ms, view.ttl());
        if age_ms >= u64::from(ttl) * 1000 {
            return false;
        }
        // A clock that began after the entry came knows no time for that: it came at 0 and has lost some of its TTL.
        let before_s = age_ms.saturating_sub(now_ms).div_ceil(1000) as u32;
        if before_s >= ttl {
            return false;
        }
        entry::rebase(&mut octets, key, now_ms.saturating_sub(age_ms), ttl - before_s);
        if let Some(view) = View::new(&octets) {
            self.learn(view, now_ms);
        }
        let mut shard = self.lock(key.hash);
        shard.find(key, false).is_none() && shard.restore(&octets, key, now_ms)
    }
}

/// An entry as it is saved: its length in front, its age in place of the time at which it came.
fn pack(view: View<'_>, now_ms: u64, out: &mut Vec<u8>) -> bool {
    if view.kind() == Kind::Failure || view.ttl_left(now_ms) == 0 {
        return false;
    }
    let mut octets = view.to_vec();
    entry::set_created(&mut octets, now_ms.saturating_sub(view.created_ms()));
    out.extend_from_slice(&(octets.len() as u32).to_le_bytes());
    out.extend_from_slice(&octets);
    true
}

/// What is in a file.
struct Saved<'f> {
    /// When it was written.
    saved_ms: u64,
    /// What its entries held under.
    terms: Terms,
    entries: Vec<&'f [u8]>,
}

/// Takes a file apart and checks all of it.
fn unwrap(file: &[u8]) -> Result<Saved<'_>, LoadError> {
    let rest = file.strip_prefix(MAGIC).ok_or(LoadError::Foreign)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(LoadError::Damaged)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(LoadError::Version(version));
    }
    let (saved_ms, rest) = rest.split_first_chunk::<8>().ok_or(LoadError::Damaged)?;
    let (terms_len, _) = rest.split_first_chunk::<4>().ok_or(LoadError::Damaged)?;
    let terms_len = u32::from_le_bytes(*terms_len) as usize;
    let (signed, digest) = file.split_last_chunk::<SHA256_LEN>().ok_or(LoadError::Damaged)?;
    if dnssec::digest::sha256(signed) != *digest || file.len() < HEAD.saturating_add(terms_len) + FOOT {
        return Err(LoadError::Damaged);
    }
    let (terms, entries) = file[HEAD..file.len() - FOOT].split_at_checked(terms_len).ok_or(LoadError::Damaged)?;
    let terms = std::str::from_utf8(terms).ok().and_then(Terms::parse).ok_or(LoadError::Damaged)?;
    let count = &file[file.len() - FOOT..];
    let entries = split(entries).ok_or(LoadError::Damaged)?;
    let count = count.get(4..).and_then(|count| count.first_chunk::<8>()).ok_or(LoadError::Damaged)?;
    if u64::from_le_bytes(*count) != entries.len() as u64 {
        return Err(LoadError::Damaged);
    }
    Ok(Saved { saved_ms: u64::from_le_bytes(*saved_ms), terms, entries })
}

fn split(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let (octets, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        entries.push(octets);
        rest = behind;
    }
    rest.is_empty().then_some(entries)
}
