//! Domain names (RFC 1035 3.1): uncompressed wire bytes, case kept.
//!
//! [`Name`] is to [`NameBuf`] what `str` is to `String`. Equality and hash ignore ASCII case
//! (RFC 4343); the order is the canonical one of RFC 4034 6.1.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use ref_cast::RefCast;

/// Longest name in wire form, with its root label (RFC 1035 2.3.4).
pub const MAX_NAME_LEN: usize = 255;
/// Longest label (RFC 1035 2.3.4).
pub const MAX_LABEL_LEN: usize = 63;
/// Most labels a name can have, the root label not counted.
pub const MAX_LABELS: usize = 127;

/// Most compression pointers that one name may take: one before each label.
pub const MAX_POINTERS: usize = MAX_LABELS;

/// Why bytes or text are not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The bytes end inside the name.
    #[error("name ends early")]
    Truncated,
    /// A label longer than 63 octets.
    #[error("label longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets in all.
    #[error("name longer than 255 octets")]
    TooLong,
    /// A label type other than a plain label where only those may stand.
    #[error("bad label type")]
    BadLabelType,
    /// A compression pointer that does not point strictly backwards.
    #[error("bad compression pointer")]
    BadPointer,
    /// An empty label inside a name ("a..b").
    #[error("empty label")]
    EmptyLabel,
    /// `\` not followed by a character or by three digits up to 255.
    #[error("bad escape")]
    BadEscape,
    /// Bytes behind the end of the name.
    #[error("data behind the name")]
    TrailingData,
}

/// A borrowed domain name: valid, absolute, uncompressed wire form.
#[derive(RefCast)]
#[repr(transparent)]
pub struct Name([u8]);

impl Name {
    /// The root.
    pub fn root() -> &'static Name {
        Name::ref_cast(&[0])
    }

    /// The name that `wire` holds, no octet more.
    pub fn from_wire(wire: &[u8]) -> Result<&Name, NameError> {
        let (name, rest) = Name::split_from_wire(wire)?;
        if rest.is_empty() { Ok(name) } else { Err(NameError::TrailingData) }
    }

    /// The uncompressed name at the start of `wire`, and what follows it.
    pub fn split_from_wire(wire: &[u8]) -> Result<(&Name, &[u8]), NameError> {
        let mut at = 0;
        loop {
            let len = *wire.get(at).ok_or(NameError::Truncated)? as usize;
            if len > MAX_LABEL_LEN {
                return Err(NameError::BadLabelType);
            }
            at += 1 + len;
            if at > MAX_NAME_LEN {
                return Err(NameError::TooLong);
            }
            if len == 0 {
                let (name, rest) = wire.split_at(at);
                return Ok((Name::ref_cast(name), rest));
            }
        }
    }

    /// A name from wire bytes that this process has validated before (zone memory, parsed queries).
    ///
    /// Wrong bytes give wrong answers, never undefined behaviour.
    pub fn from_validated(wire: &[u8]) -> &Name {
        debug_assert!(Name::from_wire(wire).is_ok(), "not a name: {wire:?}");
        Name::ref_cast(wire)
    }

    /// The wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Octets of the wire form, the root label included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether the first label is `*` (RFC 4592 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The labels from left to right, the root label left out.
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: &self.0 }
    }

    /// Number of labels, the root label left out.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<&Name> {
        let len = *self.0.first()? as usize;
        if len == 0 { None } else { Some(Name::ref_cast(&self.0[1 + len..])) }
    }

    /// This name, its parent, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &Name> {
        std::iter::successors(Some(self), |name| name.parent())
    }

    /// The labels in front of `suffix`, as bytes, when this name is `suffix` or below it.
    pub fn strip_suffix(&self, suffix: &Name) -> Option<&[u8]> {
        let cut = self.0.len().checked_sub(suffix.0.len())?;
        let mut at = 0;
        while at < cut {
            at += 1 + self.0[at] as usize;
        }
        (at == cut && eq_ignore_case(&self.0[cut..], &suffix.0)).then(|| &self.0[..cut])
    }

    /// Whether this name is `zone` or below it.
    pub fn is_at_or_below(&self, zone: &Name) -> bool {
        self.strip_suffix(zone).is_some()
    }

    /// The lower-case copy (RFC 4034 6.2).
    pub fn to_canonical(&self) -> NameBuf {
        NameBuf(self.0.to_ascii_lowercase())
    }

    /// `label` in front of this name.
    pub fn prepend(&self, label: &[u8]) -> Result<NameBuf, NameError> {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > MAX_LABEL_LEN {
            return Err(NameError::LabelTooLong);
        }
        if 1 + label.len() + self.len() > MAX_NAME_LEN {
            return Err(NameError::TooLong);
        }
        let mut wire = Vec::with_capacity(1 + label.len() + self.len());
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
        wire.extend_from_slice(&self.0);
        Ok(NameBuf(wire))
    }

    /// Canonical order (RFC 4034 6.1): labels from the right, as lower-case octet strings.
    pub fn canonical_cmp(&self, other: &Name) -> Ordering {
        let (mut a, mut b) = ([0u8; MAX_LABELS + 1], [0u8; MAX_LABELS + 1]);
        let (na, nb) = (label_starts(&self.0, &mut a), label_starts(&other.0, &mut b));
        for i in 1..=na.min(nb) {
            let (x, y) = (self.label_at(a[na - i]), other.label_at(b[nb - i]));
            match cmp_ignore_case(x, y) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        na.cmp(&nb)
    }

    fn label_at(&self, offset: u8) -> &[u8] {
        let at = offset as usize;
        &self.0[at + 1..at + 1 + self.0[at] as usize]
    }
}

/// Iterator over a name's labels, see [`Name::labels`].
#[derive(Clone)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, tail) = self.rest.split_first()?;
        if len == 0 {
            return None;
        }
        let (label, rest) = tail.split_at(len as usize);
        self.rest = rest;
        Some(label)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        eq_ignore_case(&self.0, &other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (words, rest) = self.0.as_chunks::<8>();
        words.iter().for_each(|word| state.write_u64(lower8(u64::from_le_bytes(*word))));
        rest.iter().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.canonical_cmp(other)
    }
}

impl ToOwned for Name {
    type Owned = NameBuf;

    fn to_owned(&self) -> NameBuf {
        NameBuf(self.0.to_vec())
    }
}

impl fmt::Display for Name {
    /// Presentation form, absolute, with the escapes of RFC 1035 5.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", byte as char)?,
                    0x21..=0x7e => write!(f, "{}", byte as char)?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An owned domain name.
#[derive(Clone)]
pub struct NameBuf(Vec<u8>);

impl PartialEq for NameBuf {
    fn eq(&self, other: &NameBuf) -> bool {
        **self == **other
    }
}

impl Eq for NameBuf {}

impl Hash for NameBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialOrd for NameBuf {
    fn partial_cmp(&self, other: &NameBuf) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameBuf {
    fn cmp(&self, other: &NameBuf) -> Ordering {
        (**self).canonical_cmp(other)
    }
}

impl NameBuf {
    /// The root.
    pub fn root() -> NameBuf {
        NameBuf(vec![0])
    }

    /// Takes over wire bytes after checking them.
    pub fn from_wire(wire: Vec<u8>) -> Result<NameBuf, NameError> {
        Name::from_wire(&wire)?;
        Ok(NameBuf(wire))
    }

    /// Presentation form (RFC 1035 5.1); a name without a final dot gets `origin` behind it.
    pub fn from_text(text: &[u8], origin: &Name) -> Result<NameBuf, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 2 + origin.len());
        append_text(&mut wire, text, origin)?;
        Ok(NameBuf(wire))
    }

    /// The name at `at` of a message, with compression pointers followed (RFC 1035 4.1.4), and the
    /// offset behind it. Pointers must point strictly backwards, at most [`MAX_POINTERS`] of them.
    pub fn from_message(message: &[u8], at: usize) -> Result<(NameBuf, usize), NameError> {
        let mut wire = Vec::with_capacity(64);
        let end = expand(message, at, &mut wire)?;
        Ok((NameBuf(wire), end))
    }

    /// The wire bytes.
    pub fn into_wire(self) -> Vec<u8> {
        self.0
    }
}

impl std::str::FromStr for NameBuf {
    type Err = NameError;

    /// Presentation form; a missing final dot is understood as present.
    fn from_str(text: &str) -> Result<NameBuf, NameError> {
        NameBuf::from_text(text.as_bytes(), Name::root())
    }
}

impl Deref for NameBuf {
    type Target = Name;

    fn deref(&self) -> &Name {
        Name::ref_cast(&self.0)
    }
}

impl Borrow<Name> for NameBuf {
    fn borrow(&self) -> &Name {
        self
    }
}

impl AsRef<Name> for NameBuf {
    fn as_ref(&self) -> &Name {
        self
    }
}

impl fmt::Display for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// Writes where each label of `wire` starts (a name, or the front of one without its root label) and
/// returns how many there are, the root not counted.
#[inline]
pub fn label_starts(wire: &[u8], starts: &mut [u8; MAX_LABELS + 1]) -> usize {
    let (mut at, mut count) = (0usize, 0usize);
    while let Some(&len) = wire.get(at).filter(|&&len| len != 0) {
        starts[count] = at as u8;
        count += 1;
        at += 1 + usize::from(len);
    }
    count
}

/// Appends the wire form of presentation text to `out`; on an error `out` may hold a part of it.
pub fn append_text(out: &mut Vec<u8>, text: &[u8], origin: &Name) -> Result<(), NameError> {
    let start = out.len();
    if text == b"@" {
        out.extend_from_slice(&origin.0);
        return Ok(());
    }
    if text == b"." {
        out.push(0);
        return Ok(());
    }
    if text.is_empty() {
        return Err(NameError::EmptyLabel);
    }
    let mut label = out.len();
    out.push(0);
    let mut at = 0;
    let mut absolute = false;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte == b'.' {
            close_label(out, label)?;
            absolute = at == text.len();
            label = out.len();
            out.push(0);
        } else if byte == b'\\' {
            let (octet, used) = unescape(&text[at..]).ok_or(NameError::BadEscape)?;
            at += used;
            out.push(octet);
        } else {
            out.push(byte);
        }
        if out.len() - start > 2 * MAX_NAME_LEN {
            return Err(NameError::TooLong);
        }
    }
    if !absolute {
        close_label(out, label)?;
        out.extend_from_slice(&origin.0);
    }
    if out.len() - start > MAX_NAME_LEN { Err(NameError::TooLong) } else { Ok(()) }
}

/// Sets the length octet of the label that starts at `label`.
fn close_label(out: &mut [u8], label: usize) -> Result<(), NameError> {
    match out.len() - label - 1 {
        0 => Err(NameError::EmptyLabel),
        len if len > MAX_LABEL_LEN => Err(NameError::LabelTooLong),
        len => {
            out[label] = len as u8;
            Ok(())
        }
    }
}

/// The octet that an escape stands for (`text` begins behind the backslash) and how many
/// characters it took: `\DDD` or `\X` (RFC 1035 5.1).
pub fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [a @ b'0'..=b'9', rest @ ..] => match rest {
            [b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                let value = (a - b'0') as u16 * 100 + (b - b'0') as u16 * 10 + (c - b'0') as u16;
                Some((u8::try_from(value).ok()?, 3))
            }
            _ => None,
        },
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

/// Appends the name at `at` of a message, pointers followed; returns the offset behind it.
pub fn expand(message: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, NameError> {
    let start = out.len();
    let (mut pos, mut end, mut limit, mut hops) = (at, None, at, 0);
    loop {
        let len = *message.get(pos).ok_or(NameError::Truncated)? as usize;
        match len & 0xc0 {
            0 => {
                let label = message.get(pos..pos + 1 + len).ok_or(NameError::Truncated)?;
                out.extend_from_slice(label);
                if out.len() - start > MAX_NAME_LEN {
                    return Err(NameError::TooLong);
                }
                pos += 1 + len;
                if len == 0 {
                    return Ok(end.unwrap_or(pos));
                }
            }
            0xc0 => {
                let low = *message.get(pos + 1).ok_or(NameError::Truncated)? as usize;
                end = end.or(Some(pos + 2));
                let target = (len & 0x3f) << 8 | low;
                // Each pointer goes before the one it follows, so no loop is possible; the number of
                // hops is bounded as well, or a long message could make each of its names expensive.
                hops += 1;
                if target >= limit || hops > MAX_POINTERS {
                    return Err(NameError::BadPointer);
                }
                (pos, limit) = (target, target);
            }
            _ => return Err(NameError::BadLabelType),
        }
    }
}

/// Lower-cases the ASCII letters of eight octets at once.
#[inline]
pub fn lower8(x: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low7 = x & (0x7f * ONES);
    let above_z = low7 + (0x7f - b'Z' as u64) * ONES;
    let from_a = low7 + (0x80 - b'A' as u64) * ONES;
    let upper = (from_a ^ above_z) & !x & (0x80 * ONES);
    x | (upper >> 2)
}

/// Equality that ignores ASCII case (RFC 4343).
#[inline]
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(last_a), Some(last_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(x, y)| x.eq_ignore_ascii_case(y));
    };
    // The last word may overlap the one before it.
    let same = |x: &[u8; 8], y: &[u8; 8]| lower8(u64::from_le_bytes(*x)) == lower8(u64::from_le_bytes(*y));
    let (words_a, words_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    words_a.iter().zip(words_b).all(|(x, y)| same(x, y)) && same(last_a, last_b)
}

/// Order of two labels as lower-case octet strings.
fn cmp_ignore_case(a: &[u8], b: &[u8]) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("test name")
    }

    #[test]
    fn text_round_trip() {
        for text in [".", "example.", "a.b.example.", "\\000\\255.x.", "a\\.b.c.", "\\@.x.", "sp\\032ace."] {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(NameBuf::from_text(b"www", &name("example.")).expect("name").to_string(), "www.example.");
    }

    #[test]
    fn text_errors() {
        let check = |text: &str, want| assert_eq!(text.parse::<NameBuf>().expect_err(text), want, "{text}");
        check("", NameError::EmptyLabel);
        check("a..b.", NameError::EmptyLabel);
        check("..", NameError::EmptyLabel);
        check(".a.", NameError::EmptyLabel);
        check("a\\", NameError::BadEscape);
        check("a\\25", NameError::BadEscape);
        check("a\\256", NameError::BadEscape);
        check(&"a".repeat(64), NameError::LabelTooLong);
        check(&"a.".repeat(128), NameError::TooLong);
        assert!("a.".repeat(127).parse::<NameBuf>().is_ok());
    }

    /// The example of RFC 4034 6.1.
    #[test]
    fn canonical_order() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        for pair in sorted.windows(2) {
            assert!(name(pair[0]) < name(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(name("EXAMPLE."), name("example."));
    }

    #[test]
    fn pointers_only_go_backwards() {
        let message = b"\x03www\x07example\x00\xc0\x04\xc0\x0d\xc0\x13";
        assert_eq!(NameBuf::from_message(message, 13).expect("pointer").0, name("example."));
        assert_eq!(NameBuf::from_message(message, 15).expect("two hops").0, name("example."));
        assert_eq!(NameBuf::from_message(message, 17).expect_err("loop"), NameError::BadPointer);
        assert_eq!(NameBuf::from_message(b"\xc0\x00", 0).expect_err("self"), NameError::BadPointer);
    }

    #[test]
    fn lower8_is_ascii_only() {
        for byte in 0..=255u8 {
            let want = u64::from_le_bytes([byte.to_ascii_lowercase(); 8]);
            assert_eq!(lower8(u64::from_le_bytes([byte; 8])), want, "{byte:#x}");
        }
    }

    #[test]
    fn suffixes() {
        assert_eq!(name("a.b.Example.").strip_suffix(&name("example.")), Some(&b"\x01a\x01b"[..]));
        assert_eq!(name("xexample.").strip_suffix(&name("example.")), None);
        assert!(name("example.").is_at_or_below(Name::root()));
    }
}
