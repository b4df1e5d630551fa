//! What happens to one zone, as octets.
//!
//! An owner inside its zone is written as its own labels and [`ZONE_FOLLOWS`]; data that begins like the
//! data it replaces (an SOA does) as the number of octets they share, and the rest.

use dns::name::MAX_NAME_LEN;
use dns::{Name, NameBuf, RType};
use zone::{Action, EventId, RecordList, Records, RrsetChange, Variant, ZoneChange, ZoneKey};

use super::settings::version_for as version_for_settings;
use super::{
    CodecError, VERSION_1, VERSION_2, VERSION_4, marks, put_no_extensions, put_settings, settings, skip_extensions,
    text,
};
use crate::octets::{Reader, put_counted, put_varint};

/// In place of the last labels of an owner: those of the zone. No label is that long.
const ZONE_FOLLOWS: u8 = 0xC0;

const CREATE: u8 = 0;
const EDIT: u8 = 1;
const REPLACE: u8 = 2;
const CONFIGURE: u8 = 3;
const DELETE: u8 = 4;

/// Bits that say which of two optional things are there.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
/// Bits of what a zone's change has: serials, what it was built on, and that the event's own node made that.
const FROM: u8 = 1;
const TO: u8 = 2;
const BASE: u8 = 4;
const OWN_BASE: u8 = 8;
/// The same: the primary's serial, since format 4.
const PRIMARY: u8 = 16;

/// Fewest octets of an RRset's change, of one record's data in it.
const MIN_RRSET_LEN: usize = 4;
const MIN_DATA_LEN: usize = 2;

/// The first format that can say what happens to a zone.
pub fn version_for(change: &ZoneChange) -> u8 {
    let of_settings = match &change.action {
        Action::Create { settings, .. } | Action::Delete { settings, .. } => version_for_settings(settings),
        Action::Configure { before, after } => version_for_settings(before).max(version_for_settings(after)),
        Action::Edit(_) | Action::Replace { .. } => VERSION_2,
    };
    if change.primary_serial.is_some() { of_settings.max(VERSION_4) } else { of_settings }
}

/// Appends what happens to a zone in the event `id`, which has format `version`, 2 or later.
pub fn put_change(out: &mut Vec<u8>, change: &ZoneChange, id: Option<EventId>, version: u8) {
    out.extend_from_slice(change.zone.name.as_wire());
    put_counted(out, change.zone.variant.as_str().as_bytes());
    let is_ours = |base: EventId| id.is_some_and(|id| id.node == base.node);
    out.push(marks(&[
        (change.from.is_some(), FROM),
        (change.to.is_some(), TO),
        (change.base.is_some(), BASE),
        (change.base.is_some_and(is_ours), OWN_BASE),
        (change.primary_serial.is_some(), PRIMARY),
    ]));
    [change.from, change.to, change.primary_serial]
        .iter()
        .flatten()
        .for_each(|serial| out.extend_from_slice(&serial.to_be_bytes()));
    if let Some(base) = change.base {
        if !is_ours(base) {
            out.extend_from_slice(&base.node);
        }
        put_varint(out, base.number);
    }
    put_action(out, &change.zone.name, &change.action, version);
    put_no_extensions(out);
}

/// What [`put_change`] wrote.
pub fn change(reader: &mut Reader<'_>, id: Option<EventId>, version: u8) -> Result<ZoneChange, CodecError> {
    let name = apex(reader)?;
    let variant = text(reader).and_then(|text| Variant::new(&text)).ok_or(CodecError::Damaged("variant of a zone"))?;
    let bad = CodecError::Damaged("mark of serials");
    let known = FROM | TO | BASE | OWN_BASE | if version >= VERSION_4 { PRIMARY } else { 0 };
    let there = reader.octet().filter(|marks| marks & !known == 0).ok_or(bad)?;
    let (from, to) = (serial(reader, there & FROM != 0)?, serial(reader, there & TO != 0)?);
    let primary_serial = serial(reader, there & PRIMARY != 0)?;
    let mut base = || {
        let node = match there & OWN_BASE {
            0 => reader.array()?,
            _ => id?.node,
        };
        Some(EventId { node, number: reader.varint()? })
    };
    let base = match there & (BASE | OWN_BASE) {
        0 => None,
        OWN_BASE => return Err(bad),
        _ => Some(base().ok_or(CodecError::Damaged("what a change was built on"))?),
    };
    let action = action(reader, name, version)?;
    skip_extensions(reader).ok_or(CodecError::Damaged("extension"))?;
    Ok(ZoneChange { zone: ZoneKey { name: name.to_owned(), variant }, base, from, to, primary_serial, action })
}

/// What happens to a zone in an event of format 1.
pub fn change_v1(reader: &mut Reader<'_>) -> Result<ZoneChange, CodecError> {
    let name = apex(reader)?;
    let there = both(reader).ok_or(CodecError::Damaged("mark of serials"))?;
    let (from, to) = (serial(reader, there.0)?, serial(reader, there.1)?);
    let action = action(reader, name, VERSION_1)?;
    Ok(ZoneChange { zone: name.to_owned().into(), base: None, from, to, primary_serial: None, action })
}

fn apex<'a>(reader: &mut Reader<'a>) -> Result<&'a Name, CodecError> {
    let (zone, rest) = Name::split_from_wire(reader.rest()).map_err(|_| CodecError::Damaged("name of a zone"))?;
    reader.set_rest(rest);
    Ok(zone)
}

fn serial(reader: &mut Reader<'_>, is_there: bool) -> Result<Option<u32>, CodecError> {
    match is_there {
        true => reader.array().map(|octets| Some(u32::from_be_bytes(octets))).ok_or(CodecError::Damaged("serial")),
        false => Ok(None),
    }
}

fn put_action(out: &mut Vec<u8>, zone: &Name, action: &Action, version: u8) {
    match action {
        Action::Create { settings, records } => {
            out.push(CREATE);
            put_settings(out, settings, version);
            put_counted(out, records.as_octets());
        }
        Action::Edit(changes) => {
            out.push(EDIT);
            put_varint(out, changes.len() as u64);
            changes.iter().for_each(|rrset| put_rrset(out, zone, rrset));
        }
        Action::Replace { before, after } => {
            out.push(REPLACE);
            put_counted(out, before.as_octets());
            put_counted(out, after.as_octets());
        }
        Action::Configure { before, after } => {
            out.push(CONFIGURE);
            put_settings(out, before, version);
            put_settings(out, after, version);
        }
        Action::Delete { settings, records } => {
            out.push(DELETE);
            put_settings(out, settings, version);
            put_counted(out, records.as_octets());
        }
    }
}

fn action(reader: &mut Reader<'_>, zone: &Name, version: u8) -> Result<Action, CodecError> {
    Ok(match reader.octet() {
        Some(CREATE) => Action::Create { settings: settings(reader, version)?, records: records(reader)? },
        Some(EDIT) => {
            let count = reader.count(MIN_RRSET_LEN).ok_or(CodecError::Damaged("number of RRsets"))?;
            let rrsets = (0..count).map(|_| rrset(reader, zone).ok_or(CodecError::Damaged("RRset")));
            Action::Edit(rrsets.collect::<Result<_, _>>()?)
        }
        Some(REPLACE) => Action::Replace { before: records(reader)?, after: records(reader)? },
        Some(CONFIGURE) => Action::Configure { before: settings(reader, version)?, after: settings(reader, version)? },
        Some(DELETE) => Action::Delete { settings: settings(reader, version)?, records: records(reader)? },
        _ => return Err(CodecError::Damaged("kind of change")),
    })
}

fn put_rrset(out: &mut Vec<u8>, zone: &Name, change: &RrsetChange) {
    // Case counts: owners are shown as they were given.
    match change.owner.strip_suffix(zone).filter(|_| change.owner.as_wire().ends_with(zone.as_wire())) {
        Some(labels) => {
            out.extend_from_slice(labels);
            out.push(ZONE_FOLLOWS);
        }
        None => out.extend_from_slice(change.owner.as_wire()),
    }
    out.extend_from_slice(&change.rtype.0.to_be_bytes());
    out.push(marks(&[(change.before.is_some(), FIRST), (change.after.is_some(), SECOND)]));
    if let Some(before) = &change.before {
        put_records(out, before, &[]);
    }
    if let Some(after) = &change.after {
        put_records(out, after, change.before.as_ref().map_or(&[], |before| &before.data));
    }
}

fn rrset(reader: &mut Reader<'_>, zone: &Name) -> Option<RrsetChange> {
    let owner = owner(reader, zone)?;
    let rtype = RType(u16::from_be_bytes(reader.array()?));
    let (has_before, has_after) = both(reader)?;
    let before = if has_before { Some(rrset_records(reader, &[])?) } else { None };
    let model = before.as_ref().map_or(&[][..], |before| &before.data);
    let after = if has_after { Some(rrset_records(reader, model)?) } else { None };
    Some(RrsetChange { owner, rtype, before, after })
}

fn owner(reader: &mut Reader<'_>, zone: &Name) -> Option<NameBuf> {
    let octets = reader.rest();
    let mut at = 0;
    while at < MAX_NAME_LEN {
        match *octets.get(at)? {
            ZONE_FOLLOWS => {
                let mut wire = Vec::with_capacity(at + zone.len());
                wire.extend_from_slice(octets.get(..at)?);
                wire.extend_from_slice(zone.as_wire());
                reader.set_rest(octets.get(at + 1..)?);
                return NameBuf::from_wire(wire).ok();
            }
            0 => {
                let (name, rest) = Name::split_from_wire(octets).ok()?;
                reader.set_rest(rest);
                return Some(name.to_owned());
            }
            len => at += 1 + usize::from(len),
        }
    }
    None
}

/// `model`: data that each record's data, in turn, may begin like.
fn put_records(out: &mut Vec<u8>, records: &Records, model: &[Vec<u8>]) {
    put_varint(out, u64::from(records.ttl));
    put_varint(out, records.data.len() as u64);
    for (i, data) in records.data.iter().enumerate() {
        let like = model.get(i).map_or(&[][..], Vec::as_slice);
        let shared = data.iter().zip(like).take_while(|(a, b)| a == b).count();
        put_varint(out, shared as u64);
        put_counted(out, data.get(shared..).unwrap_or_default());
    }
    put_varint(out, records.signatures.len() as u64);
    records.signatures.iter().for_each(|data| put_counted(out, data));
}

fn rrset_records(reader: &mut Reader<'_>, model: &[Vec<u8>]) -> Option<Records> {
    let ttl = u32::try_from(reader.varint()?).ok()?;
    let count = reader.count(MIN_DATA_LEN)?;
    let mut data = Vec::with_capacity(count);
    for i in 0..count {
        let shared = usize::try_from(reader.varint()?).ok()?;
        let start = model.get(i).map_or(&[][..], Vec::as_slice).get(..shared)?;
        data.push(checked_len([start, reader.counted()?].concat())?);
    }
    let count = reader.count(1)?;
    let signatures = (0..count).map(|_| checked_len(reader.counted()?.to_vec())).collect::<Option<_>>()?;
    Some(Records { ttl, data, signatures })
}

/// Record data is at most 65,535 octets long (RFC 1035 3.2.1).
fn checked_len(data: Vec<u8>) -> Option<Vec<u8>> {
    (data.len() <= usize::from(u16::MAX)).then_some(data)
}

fn records(reader: &mut Reader<'_>) -> Result<RecordList, CodecError> {
    let octets = reader.counted().ok_or(CodecError::Damaged("length of records"))?;
    RecordList::from_octets(octets.to_vec()).ok_or(CodecError::Damaged("record"))
}

fn both(reader: &mut Reader<'_>) -> Option<(bool, bool)> {
    let octet = reader.octet()?;
    (octet & !(FIRST | SECOND) == 0).then_some((octet & FIRST != 0, octet & SECOND != 0))
}
