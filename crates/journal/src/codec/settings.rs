//! How a zone is served, as octets.

use zone::{DnssecValidation, SerialPolicy, ZoneKind, ZoneSettings};

use super::{CodecError, VERSION_2, VERSION_3, VERSION_4, VERSION_5, text};
use crate::octets::{Reader, put_counted, put_varint};

/// The first format that has room for these settings: before 3 there is no policy to sign by, before 4 nobody validates,
/// before 5 all servers answer for all zones, and no secondary forwards updates.
pub(crate) fn version_for(settings: &ZoneSettings) -> u8 {
    match settings.dnssec_validate {
        _ if !(settings.placement.is_empty() && settings.allow_update_forwarding.is_empty()) => VERSION_5,
        DnssecValidation::Off if settings.dnssec.is_empty() => VERSION_2,
        DnssecValidation::Off => VERSION_3,
        _ => VERSION_4,
    }
}

/// Appends settings in the form of format `version`: the store keeps them in this form too.
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
        put_list(out, list);
    }
    if version > VERSION_2 {
        put_counted(out, dnssec.as_bytes());
    }
    if version > VERSION_3 {
        out.push(match settings.dnssec_validate {
            DnssecValidation::Off => 0,
            DnssecValidation::Warn => 1,
            DnssecValidation::Refuse => 2,
            DnssecValidation::Expire => 3,
        });
    }
    if version > VERSION_4 {
        put_list(out, &settings.placement);
        put_list(out, &settings.allow_update_forwarding);
    }
}

fn put_list(out: &mut Vec<u8>, list: &[String]) {
    put_varint(out, list.len() as u64);
    list.iter().for_each(|entry| put_counted(out, entry.as_bytes()));
}

fn list(reader: &mut Reader<'_>) -> Result<Vec<String>, CodecError> {
    let read = |reader: &mut Reader<'_>| {
        let count = reader.count(1)?;
        (0..count).map(|_| text(reader)).collect::<Option<Vec<String>>>()
    };
    read(reader).ok_or(CodecError::Damaged("list of settings"))
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
    let settings = ZoneSettings {
        kind,
        serial_policy,
        primaries: list(reader)?,
        allow_query: list(reader)?,
        allow_transfer: list(reader)?,
        allow_update: list(reader)?,
        allow_notify: list(reader)?,
        notify: list(reader)?,
        ..ZoneSettings::default()
    };
    if version <= VERSION_2 {
        return Ok(settings);
    }
    let dnssec = text(reader).ok_or(CodecError::Damaged("policy to sign by"))?;
    let dnssec_validate = match version {
        ..=VERSION_3 => Some(DnssecValidation::Off),
        _ => validation(reader),
    };
    let dnssec_validate = dnssec_validate.ok_or(CodecError::Damaged("validation of signatures"))?;
    let (placement, allow_update_forwarding) = match version > VERSION_4 {
        true => (list(reader)?, list(reader)?),
        false => Default::default(),
    };
    Ok(ZoneSettings { dnssec, dnssec_validate, placement, allow_update_forwarding, ..settings })
}

fn validation(reader: &mut Reader<'_>) -> Option<DnssecValidation> {
    match reader.octet()? {
        0 => Some(DnssecValidation::Off),
        1 => Some(DnssecValidation::Warn),
        2 => Some(DnssecValidation::Refuse),
        3 => Some(DnssecValidation::Expire),
        _ => None,
    }
}
