//! What tells zones apart: two zones may have one name, if they are variants of it (views, tenants).

use std::fmt;

use dns::{Name, NameBuf};

/// Between a name and a variant, as people write them: `example.org@internal`. A name shows an `@` of its own as `\@`.
const MARK: char = '@';
/// Most characters of a variant.
pub const MAX_VARIANT_LEN: usize = 63;

/// The identity of a zone. The journal, the store and the API know zones by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneKey {
    /// The apex.
    pub name: NameBuf,
    /// Which of the zones with this name.
    pub variant: Variant,
}

/// Which of the zones with one name: lower-case letters, digits, `-` and `_`; empty for the zone that everybody sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Variant(String);

/// Why text is not the key of a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name.
    #[error("no domain name: {0}")]
    Name(dns::NameError),
    /// There are variants, but no views that would show them.
    #[error("{name} has no variant `{variant}`: views are not supported yet")]
    NoViews {
        /// The name.
        name: NameBuf,
        /// The variant.
        variant: String,
    },
    /// The variant.
    #[error("the variant after `@` must have 1 to {MAX_VARIANT_LEN} of the characters a-z, 0-9, `-` and `_`")]
    Variant,
}

impl ZoneKey {
    /// The key of the zone that everybody sees.
    pub fn plain(name: NameBuf) -> ZoneKey {
        ZoneKey { name, variant: Variant::default() }
    }

    /// The name of a plain zone.
    ///
    /// # Errors
    /// [`KeyError::NoViews`]: it is a variant.
    pub fn into_plain_name(self) -> Result<NameBuf, KeyError> {
        match self.variant.is_empty() {
            true => Ok(self.name),
            false => Err(KeyError::NoViews { name: self.name, variant: self.variant.0 }),
        }
    }

    /// Whether this is the plain zone of this name.
    pub fn is(&self, name: &Name) -> bool {
        self.variant.is_empty() && *self.name == *name
    }
}

impl Variant {
    /// The variant with this name; `None` if it cannot have that name.
    pub fn new(text: &str) -> Option<Variant> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        (text.len() <= MAX_VARIANT_LEN && text.bytes().all(fits)).then(|| Variant(text.to_owned()))
    }

    /// Whether it is the one that everybody sees.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<NameBuf> for ZoneKey {
    fn from(name: NameBuf) -> ZoneKey {
        ZoneKey::plain(name)
    }
}

impl fmt::Display for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "{MARK}{}", self.variant.0) }
    }
}

impl std::str::FromStr for ZoneKey {
    type Err = KeyError;

    /// Reads `NAME` or `NAME@VARIANT`.
    fn from_str(text: &str) -> Result<ZoneKey, KeyError> {
        let is_mark = |&(at, _): &(usize, &str)| !text[..at].ends_with('\\');
        let (name, variant) = match text.rmatch_indices(MARK).find(is_mark) {
            None => (text, Variant::default()),
            Some((at, mark)) => {
                let variant = Variant::new(&text[at + mark.len()..]).filter(|variant| !variant.is_empty());
                (&text[..at], variant.ok_or(KeyError::Variant)?)
            }
        };
        Ok(ZoneKey { name: name.parse().map_err(KeyError::Name)?, variant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        let check = |text: &str, want: Option<(&str, &str)>| {
            let key: Option<ZoneKey> = text.parse().ok();
            let found = key.as_ref().map(|key| (key.name.to_string(), key.variant.as_str().to_owned()));
            assert_eq!(found, want.map(|(name, variant)| (name.to_owned(), variant.to_owned())), "{text}");
            if let Some(key) = key {
                assert_eq!(key.to_string().parse(), Ok(key), "{text}");
            }
        };
        check("example.org", Some(("example.org.", "")));
        check("example.org.", Some(("example.org.", "")));
        check("example.org@internal", Some(("example.org.", "internal")));
        check("example.org.@a-b_9", Some(("example.org.", "a-b_9")));
        check(".", Some((".", "")));
        check(".@x", Some((".", "x")));
        check(r"a\@b.example", Some((r"a\@b.example.", "")));
        check(r"a\@b.example@x", Some((r"a\@b.example.", "x")));
        check("example.org@", None);
        check("example.org@Internal", None);
        check("example.org@a.b", None);
        check(&format!("example.org@{}", "x".repeat(64)), None);
        check("a..b", None);
    }
}
