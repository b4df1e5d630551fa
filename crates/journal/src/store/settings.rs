//! The `settings` column of the table `zones`: a version, then what the codec of changes makes of
//! [`ZoneSettings`]. Version 2 has the policy that a zone is signed by, version 3 what is done about signatures that others
//! made, version 4 which servers answer for the zone, and whose updates it forwards; each is written only where there is something
//! to say, so that a server that does not know it can read all the others, and refuses these.

use zone::ZoneSettings;

use crate::codec;
use crate::octets::Reader;

const VERSION: u8 = 4;
const VERSION_1: u8 = 1;
/// The form of settings in events is numbered by the formats of events, which are so much ahead.
const AHEAD: u8 = codec::VERSION_2 - VERSION_1;

/// Packs settings.
pub fn encode(settings: &ZoneSettings) -> Vec<u8> {
    let format = codec::version_for_settings(settings);
    let mut out = vec![format - AHEAD];
    codec::put_settings(&mut out, settings, format);
    out
}

/// What [`encode`] packed; `None` if it is not that.
pub fn decode(octets: &[u8]) -> Option<ZoneSettings> {
    let (&version @ VERSION_1..=VERSION, rest) = octets.split_first()? else { return None };
    let mut reader = Reader::new(rest);
    let settings = codec::settings(&mut reader, version + AHEAD).ok()?;
    reader.rest().is_empty().then_some(settings)
}

#[cfg(test)]
mod tests {
    use zone::{DnssecValidation, SerialPolicy, ZoneKind};

    use super::*;

    /// Stores that are in use hold these octets.
    const GOLDEN: &[u8] = b"\x01\x01\x02\x01\x0d192.0.2.1:530\x00\x02\x03any\x04none\x00\x00\x01\x01x";
    const GOLDEN_SIGNED: &[u8] = b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x07default";
    const GOLDEN_VALIDATED: &[u8] = b"\x03\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x00\x02";
    const GOLDEN_PLACED: &[u8] = b"\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x00\x02\x02\x04ns-1\x09region=eu\x00";
    const GOLDEN_FORWARDED: &[u8] = b"\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x00\x02\x00\x01\x03::1";

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

    fn signed() -> ZoneSettings {
        ZoneSettings { notify: vec!["x".into()], dnssec: "default".into(), ..ZoneSettings::default() }
    }

    fn validated() -> ZoneSettings {
        ZoneSettings { dnssec: String::new(), dnssec_validate: DnssecValidation::Refuse, ..signed() }
    }

    fn placed() -> ZoneSettings {
        ZoneSettings { placement: vec!["ns-1".into(), "region=eu".into()], ..validated() }
    }

    fn forwarded() -> ZoneSettings {
        ZoneSettings { allow_update_forwarding: vec!["::1".into()], ..validated() }
    }

    #[test]
    fn the_form_does_not_change() {
        for (settings, golden) in [
            (example(), GOLDEN),
            (signed(), GOLDEN_SIGNED),
            (validated(), GOLDEN_VALIDATED),
            (placed(), GOLDEN_PLACED),
            (forwarded(), GOLDEN_FORWARDED),
        ] {
            assert_eq!(encode(&settings), golden);
            assert_eq!(decode(golden), Some(settings));
        }
    }

    #[test]
    fn damage_is_refused() {
        for golden in [GOLDEN, GOLDEN_SIGNED, GOLDEN_VALIDATED, GOLDEN_PLACED, GOLDEN_FORWARDED] {
            for len in 0..golden.len() {
                assert_eq!(decode(&golden[..len]), None, "{len}");
            }
            for at in 0..3 {
                let mut octets = golden.to_vec();
                octets[at] = 9;
                assert_eq!(decode(&octets), None, "{at}");
            }
            assert_eq!(decode(&[golden, &[0]].concat()), None);
        }
    }
}
