//! The `settings` column of the table `zones`: [`ZoneSettings`] as octets.
//!
//! ```text
//! version u8 = 1, kind u8 (0 primary, 1 secondary), serial policy u8 (0 increment, 1 date, 2 Unix time)
//! then primaries, allow_query, allow_transfer, allow_update, allow_notify, notify, each:
//!     entries u16, then for each: length u16, UTF-8
//! ```
//! Numbers are big-endian.

use zone::{SerialPolicy, ZoneKind, ZoneSettings};

const VERSION: u8 = 1;

/// Packs settings; what is longer than 65,535 octets or entries is refused.
pub fn encode(settings: &ZoneSettings) -> Option<Vec<u8>> {
    let kind = match settings.kind {
        ZoneKind::Primary => 0,
        ZoneKind::Secondary => 1,
    };
    let policy = match settings.serial_policy {
        SerialPolicy::Increment => 0,
        SerialPolicy::Date => 1,
        SerialPolicy::UnixTime => 2,
    };
    let mut out = vec![VERSION, kind, policy];
    let ZoneSettings { primaries, allow_query, allow_transfer, allow_update, allow_notify, notify, .. } = settings;
    for list in [primaries, allow_query, allow_transfer, allow_update, allow_notify, notify] {
        out.extend_from_slice(&u16::try_from(list.len()).ok()?.to_be_bytes());
        for entry in list {
            out.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
            out.extend_from_slice(entry.as_bytes());
        }
    }
    Some(out)
}

/// What [`encode`] packed; `None` if it is not that.
pub fn decode(octets: &[u8]) -> Option<ZoneSettings> {
    let [VERSION, kind, policy, rest @ ..] = octets else { return None };
    let kind = match kind {
        0 => ZoneKind::Primary,
        1 => ZoneKind::Secondary,
        _ => return None,
    };
    let serial_policy = match policy {
        0 => SerialPolicy::Increment,
        1 => SerialPolicy::Date,
        2 => SerialPolicy::UnixTime,
        _ => return None,
    };
    let mut rest = rest;
    let mut list = || -> Option<Vec<String>> {
        let mut entries = Vec::new();
        for _ in 0..number(&mut rest)? {
            let len = number(&mut rest)?;
            let (entry, behind) = rest.split_at_checked(usize::from(len))?;
            entries.push(String::from_utf8(entry.to_vec()).ok()?);
            rest = behind;
        }
        Some(entries)
    };
    let settings = ZoneSettings {
        kind,
        serial_policy,
        primaries: list()?,
        allow_query: list()?,
        allow_transfer: list()?,
        allow_update: list()?,
        allow_notify: list()?,
        notify: list()?,
    };
    rest.is_empty().then_some(settings)
}

fn number(rest: &mut &[u8]) -> Option<u16> {
    let (number, behind) = rest.split_first_chunk::<2>()?;
    *rest = behind;
    Some(u16::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores that are in use hold these octets.
    const GOLDEN: &[u8] =
        b"\x01\x01\x02\x00\x01\x00\x0d192.0.2.1:530\x00\x00\x00\x02\x00\x03any\x00\x04none\x00\x00\x00\x00\x00\x01\x00\x01x";

    fn example() -> ZoneSettings {
        ZoneSettings {
            kind: ZoneKind::Secondary,
            serial_policy: SerialPolicy::UnixTime,
            primaries: vec!["192.0.2.1:530".into()],
            allow_transfer: vec!["any".into(), "none".into()],
            notify: vec!["x".into()],
            ..ZoneSettings::default()
        }
    }

    #[test]
    fn the_form_does_not_change() {
        assert_eq!(encode(&example()).as_deref(), Some(GOLDEN));
        assert_eq!(decode(GOLDEN), Some(example()));
    }

    #[test]
    fn every_kind_comes_back() {
        for kind in [ZoneKind::Primary, ZoneKind::Secondary] {
            for serial_policy in [SerialPolicy::Increment, SerialPolicy::Date, SerialPolicy::UnixTime] {
                let settings = ZoneSettings { kind, serial_policy, ..example() };
                assert_eq!(encode(&settings).as_deref().and_then(decode), Some(settings));
            }
        }
    }

    #[test]
    fn damage_is_refused() {
        for len in 0..GOLDEN.len() {
            assert_eq!(decode(&GOLDEN[..len]), None, "{len}");
        }
        for at in 0..3 {
            let mut octets = GOLDEN.to_vec();
            octets[at] = 9;
            assert_eq!(decode(&octets), None, "{at}");
        }
    }
}
