//! Durations: seconds, or numbers with units as in `90d` and `1h30m`.

use dns::rdata::text::duration_s;
use serde_json::Value as Json;
use std::fmt;

use crate::reader::{Node, Reader};
use crate::value::{Kind, Value};

/// The longest duration that is accepted, in days: whatever is added up of several stays below 2^32 seconds, and a
/// signature that is valid for so long can be told from one that has expired (RFC 4034 3.1.5).
const MAX_DAYS: u32 = 7300;
const DAY_S: u32 = 86_400;

/// A duration in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period(pub u32);

impl Value for Period {
    const KIND: Kind = Kind::Duration;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        let seconds = match &node {
            Node::Scalar { text, .. } => duration_s(text.as_bytes()).ok(),
            _ => None,
        };
        match seconds {
            Some(seconds) if seconds <= MAX_DAYS * DAY_S => *self = Period(seconds),
            _ => {
                let expected = format!("a duration up to {MAX_DAYS}d, such as `90d`, `12h` or `3600` (seconds)");
                reader.mismatch(&expected, &node, None);
            }
        }
    }

    fn is_off(&self) -> bool {
        self.0 == 0
    }

    fn to_json(&self) -> Json {
        self.to_string().into()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY_S, "d"), (3600, "h"), (60, "m")];
        match units.into_iter().find(|(unit_s, _)| self.0 != 0 && self.0.is_multiple_of(*unit_s)) {
            Some((unit_s, unit)) => write!(f, "{}{unit}", self.0 / unit_s),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Report;
    use std::path::Path;

    fn read(text: &str) -> Result<Period, String> {
        let mut report = Report::new(Path::new(""));
        let (mut period, mut reader) = (Period(1), Reader::document(text, 0, &mut report));
        let node = reader.next();
        period.read(node, &mut reader);
        report.finish().map(|_| period).map_err(|problems| problems[0].message.clone())
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        let check = |text: &str, seconds: u32, shown: &str| {
            assert_eq!(read(text), Ok(Period(seconds)), "{text}");
            assert_eq!(Period(seconds).to_string(), shown, "{text}");
            assert_eq!(read(shown), Ok(Period(seconds)), "{shown}");
        };
        check("0", 0, "0");
        check("90d", 7_776_000, "90d");
        check("'1h'", 3600, "1h");
        check("60", 60, "1m");
        check("61", 61, "61");
        check("2w", 1_209_600, "14d");
        check("1h30m", 5400, "90m");
        check("7300d", 630_720_000, "7300d");
    }

    #[test]
    fn what_is_no_duration() {
        for text in ["7301d", "99999999999d", "-1", "1.5d", "d", "1 d", "1y", "''", "~", "[1d]"] {
            let message = read(text).expect_err(text);
            assert!(message.starts_with("expected a duration up to 7300d, such as `90d`"), "{text}: {message}");
        }
    }
}
