//! The octets of a change in the journal, called by the committer (encode) and by whoever folds events (decode).
//!
//! The first octet is the version of the format. A version, once released, is read for ever: the files in
//! `testdata/journal` hold it to that. One change becomes the same octets everywhere. The octets are drawn in
//! `docs/decisions/0009-events.md`; what happens to a zone is in `codec/zone.rs`.

mod settings;
#[cfg(test)]
mod tests;
mod zone;

use ::zone::{ChangeSet, EventId, ZoneChange};

pub(crate) use self::settings::{put_settings, settings, version_for as version_for_settings};
use crate::octets::{Reader, put_counted, put_varint};

/// The latest format that [`decode`] knows. [`encode`] writes the first one that can say what is to be said, so that a
/// server that does not know what was added can read all the others, and refuses these.
pub const VERSION: u8 = VERSION_5;
/// Settings say which servers answer for a zone, and whose updates a secondary forwards.
pub(crate) const VERSION_5: u8 = 5;
/// Changes have the serial of the zone's primary, and settings say what is done about signatures that others made.
pub(crate) const VERSION_4: u8 = 4;
/// Settings of zones say by which policy a zone is signed.
pub(crate) const VERSION_3: u8 = 3;
/// The format before zones were signed.
pub(crate) const VERSION_2: u8 = 2;
/// The format before events had an identity, zones a variant, and both extensions.
const VERSION_1: u8 = 1;

/// Bits that say which optional things an event has: what it takes back, its identity.
const REVERTS: u8 = 1;
const ID: u8 = 2;

/// Fewest octets of a zone's change.
const MIN_ZONE_LEN: usize = 4;

/// Why octets are not a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later version of this server wrote it.
    #[error("it is written in format {found}, this server knows formats up to {known}; use a later server")]
    FromTheFuture {
        /// Its format.
        found: u8,
        /// The latest one known.
        known: u8,
    },
    /// It is damaged, or never was a change.
    #[error("it is damaged: bad {0}")]
    Damaged(&'static str),
}

/// The octets of `change`.
pub fn encode(change: &ChangeSet) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let version = change.zones.iter().map(zone::version_for).max().unwrap_or(VERSION_2);
    out.push(version);
    put_varint(&mut out, change.at_ms);
    put_counted(&mut out, change.who.as_bytes());
    put_counted(&mut out, change.why.as_bytes());
    out.push(marks(&[(change.reverts.is_some(), REVERTS), (change.id.is_some(), ID)]));
    change.reverts.iter().for_each(|offset| put_varint(&mut out, *offset));
    if let Some(EventId { node, number }) = &change.id {
        out.extend_from_slice(node);
        put_varint(&mut out, *number);
    }
    put_no_extensions(&mut out);
    put_varint(&mut out, change.zones.len() as u64);
    change.zones.iter().for_each(|zone| zone::put_change(&mut out, zone, change.id, version));
    out
}

/// The change that `octets` are. What it takes of memory is bounded by their number.
///
/// # Errors
/// They are not from [`encode`], or from a later one.
pub fn decode(octets: &[u8]) -> Result<ChangeSet, CodecError> {
    let mut reader = Reader::new(octets);
    let version = match reader.octet() {
        Some(version @ VERSION_1..=VERSION) => version,
        Some(found) if found > VERSION => return Err(CodecError::FromTheFuture { found, known: VERSION }),
        _ => return Err(CodecError::Damaged("version")),
    };
    let at_ms = reader.varint().ok_or(CodecError::Damaged("time"))?;
    let who = text(&mut reader).ok_or(CodecError::Damaged("author"))?;
    let why = text(&mut reader).ok_or(CodecError::Damaged("reason"))?;
    let known = if version == VERSION_1 { REVERTS } else { REVERTS | ID };
    let there = reader.octet().filter(|marks| marks & !known == 0).ok_or(CodecError::Damaged("mark of a revert"))?;
    let reverts = match there & REVERTS {
        0 => None,
        _ => Some(reader.varint().ok_or(CodecError::Damaged("offset of what is reverted"))?),
    };
    let id = match there & ID {
        0 => None,
        _ => Some(event_id(&mut reader).ok_or(CodecError::Damaged("identity"))?),
    };
    if version != VERSION_1 {
        skip_extensions(&mut reader).ok_or(CodecError::Damaged("extension"))?;
    }
    let count = reader.count(MIN_ZONE_LEN).ok_or(CodecError::Damaged("number of zones"))?;
    let change = |_| match version {
        VERSION_1 => zone::change_v1(&mut reader),
        later => zone::change(&mut reader, id, later),
    };
    let zones = (0..count).map(change).collect::<Result<_, _>>()?;
    if !reader.rest().is_empty() {
        return Err(CodecError::Damaged("end: something follows it"));
    }
    Ok(ChangeSet { at_ms, who, why, reverts, id, zones })
}

/// The octets of what happens to one zone, about a tenth of what it takes in memory: for who keeps many.
pub fn encode_zone(change: &ZoneChange) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    zone::put_change(&mut out, change, None, VERSION);
    out
}

/// What [`encode_zone`] of this process wrote.
///
/// # Errors
/// They are not from there.
pub fn decode_zone(octets: &[u8]) -> Result<ZoneChange, CodecError> {
    let mut reader = Reader::new(octets);
    let change = zone::change(&mut reader, None, VERSION)?;
    if reader.rest().is_empty() { Ok(change) } else { Err(CodecError::Damaged("end: something follows it")) }
}

fn event_id(reader: &mut Reader<'_>) -> Option<EventId> {
    Some(EventId { node: reader.array()?, number: reader.varint()? })
}

/// This version has nothing to say beyond the format.
fn put_no_extensions(out: &mut Vec<u8>) {
    put_counted(out, &[]);
}

/// Passes over what later versions may add: fields, each with a number and counted octets, in the order of the numbers.
/// Whoever does not know a field does without it; what a reader must know is a new version of the format.
fn skip_extensions(reader: &mut Reader<'_>) -> Option<()> {
    let mut fields = Reader::new(reader.counted()?);
    let mut last = None;
    while !fields.rest().is_empty() {
        let number = fields.varint()?;
        if last.is_some_and(|last| number <= last) {
            return None;
        }
        last = Some(number);
        fields.counted()?;
    }
    Some(())
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    String::from_utf8(reader.counted()?.to_vec()).ok()
}

/// One octet of the bits of what is there.
fn marks(things: &[(bool, u8)]) -> u8 {
    things.iter().filter(|(is_there, _)| *is_there).map(|(_, bit)| bit).sum()
}
