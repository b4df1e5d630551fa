//! Text with `*` for any octets, and the form of names that such patterns are matched with.

use std::fmt::{self, Write};

use dns::Name;
use memchr::memmem::Finder;

/// The longest folded name in bytes.
pub const MAX_FOLDED_LEN: usize = 255;
/// A dot that is part of a label, in a folded name: letters are lower case there, so that no other octet is this one.
pub const LABEL_DOT: u8 = b'A';

/// A name as patterns and the history see it: presentation form in lower case, with a dot behind each label, without
/// escapes; [`LABEL_DOT`] stands for a dot within a label. The root is one dot.
#[derive(Debug, Clone, Copy)]
pub struct FoldedName {
    bytes: [u8; MAX_FOLDED_LEN],
    len: u8,
}

impl FoldedName {
    /// The folded form of a name.
    pub fn new(name: &Name) -> FoldedName {
        let mut bytes = [0; MAX_FOLDED_LEN];
        if name.is_root() {
            bytes[0] = b'.';
            return FoldedName { bytes, len: 1 };
        }
        let mut at = 0;
        for label in name.labels() {
            for (to, octet) in bytes[at..].iter_mut().zip(label) {
                *to = fold(*octet);
            }
            at += label.len();
            bytes[at] = b'.';
            at += 1;
        }
        // A name has at most 255 bytes, and its folded form one less.
        FoldedName { bytes, len: at as u8 }
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The last `labels` labels of a folded name; `None` if it has fewer.
pub fn folded_suffix(folded: &[u8], labels: u8) -> Option<&[u8]> {
    if labels == 0 {
        return Some(b".");
    }
    let is_root = folded == b".";
    let has = memchr::memchr_iter(b'.', folded).count() - usize::from(is_root);
    let skip = has.checked_sub(usize::from(labels))?;
    let start = skip.checked_sub(1).and_then(|dot| memchr::memchr_iter(b'.', folded).nth(dot)).map_or(0, |dot| dot + 1);
    folded.get(start..)
}

/// An octet of a label, folded.
pub fn fold(octet: u8) -> u8 {
    if octet == b'.' { LABEL_DOT } else { octet.to_ascii_lowercase() }
}

/// Literal parts with any octets between them.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<Finder<'static>>,
    /// Any octets may come before the first part.
    is_open_at_start: bool,
    /// Any octets may come behind the last part.
    is_open_at_end: bool,
}

impl Pattern {
    /// Matches texts that consist of `parts`, in this order, with any octets between them.
    pub fn new(parts: &[Vec<u8>], is_open_at_start: bool, is_open_at_end: bool) -> Pattern {
        let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| Finder::new(part).into_owned()).collect();
        Pattern { parts, is_open_at_start, is_open_at_end }
    }

    /// Whether `text` matches. It takes time in proportion to the text's length.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut rest, mut parts) = (text, &self.parts[..]);
        if !self.is_open_at_start {
            let Some((first, others)) = parts.split_first() else { return rest.is_empty() };
            let Some(behind) = rest.strip_prefix(first.needle()) else { return false };
            if others.is_empty() && !self.is_open_at_end {
                return behind.is_empty();
            }
            (rest, parts) = (behind, others);
        }
        if !self.is_open_at_end {
            let Some((last, others)) = parts.split_last() else { return rest.is_empty() };
            let Some(before) = rest.strip_suffix(last.needle()) else { return false };
            (rest, parts) = (before, others);
        }
        parts.iter().all(|part| match part.find(rest) {
            Some(at) => {
                rest = &rest[at + part.needle().len()..];
                true
            }
            None => false,
        })
    }

    /// Writes it as a value of a filter; of names: `is_name`.
    pub fn write(&self, f: &mut fmt::Formatter<'_>, is_name: bool) -> fmt::Result {
        if self.is_open_at_start {
            f.write_char('*')?;
        }
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                f.write_char('*')?;
            }
            part.needle().iter().try_for_each(|&octet| write_octet(f, octet, is_name))?;
        }
        // A pattern without parts is one star.
        if self.is_open_at_end && !self.parts.is_empty() { f.write_char('*') } else { Ok(()) }
    }
}

fn write_octet(f: &mut fmt::Formatter<'_>, octet: u8, is_name: bool) -> fmt::Result {
    match octet {
        LABEL_DOT if is_name => f.write_str("\\."),
        b',' | b'"' | b'\\' | b'*' | b'>' | b'<' | b':' => write!(f, "\\{}", char::from(octet)),
        0x21..=0x7e => f.write_char(char::from(octet)),
        _ => write!(f, "\\{octet:03}"),
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        let needles = |of: &Pattern| of.parts.iter().map(|part| part.needle().to_vec()).collect::<Vec<_>>();
        (self.is_open_at_start, self.is_open_at_end) == (other.is_open_at_start, other.is_open_at_end)
            && needles(self) == needles(other)
    }
}

impl Eq for Pattern {}
