//! Domain names (RFC 1035 3.1): uncompressed wire bytes, case kept.
//!
//! [`Name`] is to [`NameBuf`] what `str` is to `String`. Equality and hash ignore ASCII case
//! (RFC 4343); the order is the canonical one of RFC 4034 6.1.

mod case;
pub mod idn;
mod message;
mod text;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use ref_cast::RefCast;

use case::cmp_ignore_case;
pub use case::{eq_ignore_case, lower8};
pub use message::{MAX_POINTERS, expand};
pub use text::{append_text, unescape};

/// Longest name in wire form, with its root label (RFC 1035 2.3.4).
pub const MAX_NAME_LEN: usize = 255;
/// Longest label (RFC 1035 2.3.4).
pub const MAX_LABEL_LEN: usize = 63;
/// Most labels a name can have, the root label not counted.
pub const MAX_LABELS: usize = 127;

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
    /// A label in Unicode that has no form in the DNS (UTS 46).
    #[error("not a label of an internationalised domain name (UTS 46)")]
    BadULabel,
    /// Bytes behind the end of the name.
    #[error("data after the name")]
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

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An owned domain name.
///
/// ```
/// use dns::{Name, NameBuf};
///
/// let name: NameBuf = "www.example.org".parse()?;
/// assert_eq!(name.to_string(), "www.example.org.");
/// assert_eq!(name.label_count(), 3);
/// assert!(name.is_at_or_below(&"Example.ORG".parse::<NameBuf>()?));
/// assert_eq!(NameBuf::from_text(b"mail", &name)?.to_string(), "mail.www.example.org.");
/// assert!("a..example".parse::<NameBuf>().is_err());
/// # Ok::<(), dns::NameError>(())
/// ```
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

    /// The same in lower case (RFC 4034 6.2).
    pub fn into_canonical(mut self) -> NameBuf {
        self.0.make_ascii_lowercase();
        self
    }
}

impl std::str::FromStr for NameBuf {
    type Err = NameError;

    /// Presentation form as people write it: a missing final dot is understood as present, and U-labels become
    /// A-labels ([`idn`]).
    fn from_str(text: &str) -> Result<NameBuf, NameError> {
        idn::name(text, Name::root())
    }
}

impl Deref for NameBuf {
    type Target = Name;

    fn deref(&self) -> &Name {
        Name::ref_cast(&self.0)
    }
}

impl From<&Name> for NameBuf {
    fn from(name: &Name) -> NameBuf {
        name.to_owned()
    }
}

impl Borrow<Name> for NameBuf {
    fn borrow(&self) -> &Name {
        self
    }
}

impl AsRef<Name> for Name {
    fn as_ref(&self) -> &Name {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("test name")
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
    fn suffixes() {
        assert_eq!(name("a.b.Example.").strip_suffix(&name("example.")), Some(&b"\x01a\x01b"[..]));
        assert_eq!(name("xexample.").strip_suffix(&name("example.")), None);
        assert!(name("example.").is_at_or_below(Name::root()));
    }
}
