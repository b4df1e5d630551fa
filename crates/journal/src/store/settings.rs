//! The `settings` column of the table `zones`: a version, then what the codec of changes makes of
//! [`ZoneSettings`]. Version 2 has the policy that a zone is signed by; it is written only where there is one, so that
//! a server that does not sign can read all the others, and refuses these.

use zone::ZoneSettings;

use crate::codec;
use crate::octets::Reader;

const VERSION: u8 = 2;
const VERSION_1: u8 = 1;

/// Packs settings.
pub fn encode(settings: &ZoneSettings) -> Vec<u8> {
    let version = if settings.dnssec.is_empty() { VERSION_1 } else { VERSION };
    let mut out = vec![version];
    codec::put_settings(&mut out, settings, format_of(version));
    out
}

/// What [`encode`] packed; `None` if it is not that.
pub fn decode(octets: &[u8]) -> Option<ZoneSettings> {
    let (&version @ (VERSION_1 | VERSION), rest) = octets.split_first()? else { return None };
    let mut reader = Reader::new(rest);
    let settings = codec::settings(&mut reader, format_of(version)).ok()?;
    reader.rest().is_empty().then_some(settings)
}

/// The format of events whose form of settings follows `version`.
fn format_of(version: u8) -> u8 {
    if version == VERSION_1 { codec::VERSION_2 } else { codec::VERSION }
}

#[cfg(test)]
mod tests {
    use zone::{SerialPolicy, ZoneKind};

    use super::*;

    /// Stores that are in use hold these octets.
    const GOLDEN: &[u8] = b"\x01\x01\x02\x01\x0d192.0.2.1:530\x00\x02\x03any\x04none\x00\x00\x01\x01x";
    const GOLDEN_SIGNED: &[u8] = b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x07default";

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

    #[test]
    fn the_form_does_not_change() {
        for (settings, golden) in [(example(), GOLDEN), (signed(), GOLDEN_SIGNED)] {
            assert_eq!(encode(&settings), golden);
            assert_eq!(decode(golden), Some(settings));
        }
    }

    #[test]
    fn damage_is_refused() {
        for golden in [GOLDEN, GOLDEN_SIGNED] {
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
