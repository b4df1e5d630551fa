//! Problems of zone files: where, and what, for people.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use super::limits::{MAX_PROBLEMS, MAX_SHOWN_TOKEN};
use crate::scan::{ScanError, ScanErrorKind, Scanner};

/// Something wrong in a zone file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the caller or `$INCLUDE` named it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// The octet in the line, from 1.
    pub column: u32,
    /// What is wrong, without the place.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)
    }
}

/// The entry in which something went wrong.
pub(super) struct Place<'a> {
    /// The file's name.
    pub file: &'a Path,
    /// The file's text.
    pub src: &'a [u8],
    /// Offset of the entry's first octet, which starts a line.
    pub start: usize,
    /// The number of that line.
    pub line: u32,
}

/// The problems so far.
#[derive(Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    unlisted: u64,
}

impl Problems {
    pub(super) fn add(&mut self, place: &Place<'_>, error: &ScanError) {
        if self.list.len() > MAX_PROBLEMS {
            self.unlisted += 1;
            return;
        }
        let before = place.src.get(place.start..error.offset).unwrap_or_default();
        let breaks = memchr::memchr_iter(b'\n', before).count();
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        self.list.push(Problem {
            file: place.file.to_owned(),
            line: place.line.saturating_add(breaks as u32),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            message: describe(error, place.src),
        });
    }

    /// All of them; the one above the limit becomes the count of those left out.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        if let Some(last) = self.list.get_mut(MAX_PROBLEMS) {
            last.message = format!("{} more problems from here on", self.unlisted + 1);
        }
        self.list
    }
}

/// An error with a message of its own.
pub(super) fn other(message: impl Into<String>, offset: usize) -> ScanError {
    ScanError::new(ScanErrorKind::Other(message.into()), offset)
}

/// The message for an error in `src`, with the field that is wrong.
pub(super) fn describe(error: &ScanError, src: &[u8]) -> String {
    use ScanErrorKind::*;
    let link = match error.kind {
        Expected(_) => ", found ",
        OutOfRange(_) | Name(_) | Trailing => ": ",
        Missing(_) | OpenQuote | Parenthesis | OpenParenthesis | Comment | Other(_) => return error.to_string(),
    };
    match Scanner::new(src.get(error.offset..).unwrap_or_default()).token() {
        Ok(Some(token)) => format!("{error}{link}{}", shown(token.raw)),
        _ => error.to_string(),
    }
}

/// A field in quotes, shortened, octets outside printable ASCII as `\DDD`.
pub(super) fn shown(raw: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in raw.iter().take(MAX_SHOWN_TOKEN) {
        match byte {
            b' '..=b'~' => text.push(byte as char),
            _ => drop(write!(text, "\\{byte:03}")),
        }
    }
    text.push_str(if raw.len() > MAX_SHOWN_TOKEN { "...\"" } else { "\"" });
    text
}
