//! How a zone is served, as octets.

use zone::{SerialPolicy, ZoneKind, ZoneSettings};

use super::{CodecError, VERSION_2, text};
use crate::octets::{Reader, put_counted, put_varint};

/// Appends settings in the form of format `version`, which before format 3 has no policy to sign by: the store keeps
/// them in this form too.
pub(crate) fn put_settings(out: &mut Vec<u8>, settings: &ZoneSettings, version: u8) {
    let ZoneSettings { kind, serial_policy, primaries, allow_query, allow_transfer, .. } = settings;
    let ZoneSettings { allow_update, allow_notify, notify, dnssec, .. } = settings;
    out.push(match kind {
        ZoneKind::Primary => 0,
        ZoneKind::Secondary => 1,
    });
    out.push(match serial_policy {
        SerialPolicy::Increment => 0,
        SerialPolicy::Date => 1,
        SerialPolicy::UnixTime => 2,
    });
    for list in [primaries, allow_query, allow_transfer, allow_update, allow_notify, notify] {
        put_varint(out, list.len() as u64);
        list.iter().for_each(|entry| put_counted(out, entry.as_bytes()));
    }
    if version > VERSION_2 {
        put_counted(out, dnssec.as_bytes());
    }
}

/// What [`put_settings`] wrote.
pub(crate) fn settings(reader: &mut Reader<'_>, version: u8) -> Result<ZoneSettings, CodecError> {
    let kind = match reader.octet() {
        Some(0) => ZoneKind::Primary,
        Some(1) => ZoneKind::Secondary,
        _ => return Err(CodecError::Damaged("kind of zone")),
    };
    let serial_policy = match reader.octet() {
        Some(0) => SerialPolicy::Increment,
        Some(1) => SerialPolicy::Date,
        Some(2) => SerialPolicy::UnixTime,
        _ => return Err(CodecError::Damaged("serial policy")),
    };
    let mut list = || {
        let count = reader.count(1)?;
        (0..count).map(|_| text(reader)).collect::<Option<Vec<String>>>()
    };
    let mut next = || list().ok_or(CodecError::Damaged("list of settings"));
    let settings = ZoneSettings {
        kind,
        serial_policy,
        primaries: next()?,
        allow_query: next()?,
        allow_transfer: next()?,
        allow_update: next()?,
        allow_notify: next()?,
        notify: next()?,
        dnssec: String::new(),
    };
    if version <= VERSION_2 {
        return Ok(settings);
    }
    let dnssec = text(reader).ok_or(CodecError::Damaged("policy to sign by"))?;
    Ok(ZoneSettings { dnssec, ..settings })
}
