//! Places in the history: where a search goes on.

use std::fmt;
use std::str::FromStr;

/// A place in the history: before the row `row` of the segment `segment`. It stays what it is when rows come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    segment: u64,
    row: u32,
}

/// The text is no place in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the history: expected what an earlier answer gave as next")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.segment, self.row)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Cursor, NotACursor> {
        let (segment, row) = text.split_once('-').ok_or(NotACursor)?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(segment) || !is_number(row) {
            return Err(NotACursor);
        }
        segment.parse().ok().zip(row.parse().ok()).map(|(segment, row)| Cursor { segment, row }).ok_or(NotACursor)
    }
}

/// How far a search came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Rows up to this time have not been looked at, in microseconds since 1970; `None`: nothing was.
    pub scanned_to_us: Option<u64>,
    /// Where to go on; `None`: there is nothing more.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Of the rows `0..rows` of a segment those that are before this; `None`: none is.
    pub(super) fn rows_before(after: Option<Cursor>, segment: u64, rows: usize) -> Option<usize> {
        match after {
            Some(after) if after.segment < segment => None,
            Some(after) if after.segment == segment => Some(rows.min(after.row as usize)),
            _ => Some(rows),
        }
        .filter(|rows| *rows > 0)
    }

    /// Before a row of a segment.
    pub(super) fn at(segment: u64, row: usize) -> Cursor {
        Cursor { segment, row: row as u32 }
    }
}
