//! The `settings` column of the table `zones`: a version, then what the codec of changes makes of
//! [`ZoneSettings`].

use zone::ZoneSettings;

use crate::codec;
use crate::octets::Reader;

const VERSION: u8 = 1;

/// Packs settings.
pub fn encode(settings: &ZoneSettings) -> Vec<u8> {
    let mut out = vec![VERSION];
    codec::put_settings(&mut out, settings);
    out
}

/// What [`encode`] packed; `None` if it is not that.
pub fn decode(octets: &[u8]) -> Option<ZoneSettings> {
    let (&VERSION, rest) = octets.split_first()? else { return None };
    let mut reader = Reader::new(rest);
    let settings = codec::settings(&mut reader).ok()?;
    reader.rest().is_empty().then_some(settings)
}

#[cfg(test)]
mod tests {
    use zone::{SerialPolicy, ZoneKind};

    use super::*;

    /// Stores that are in use hold these octets.
    const GOLDEN: &[u8] = b"\x01\x01\x02\x01\x0d192.0.2.1:530\x00\x02\x03any\x04none\x00\x00\x01\x01x";

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
        assert_eq!(encode(&example()), GOLDEN);
        assert_eq!(decode(GOLDEN), Some(example()));
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
        assert_eq!(decode(&[GOLDEN, &[0]].concat()), None);
    }
}
