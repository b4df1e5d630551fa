//! What a line of a list can say.

use std::net::IpAddr;

use super::super::text::{self, Plain};

/// How far what is said of a name reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The name alone.
    Exact,
    /// The name and everything below it.
    Below,
}

/// What a line says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listed {
    /// How far it reaches.
    pub scope: Scope,
    /// The name is allowed, not blocked (`@@`).
    pub allow: bool,
    /// It outranks what is not important (`$important`).
    pub important: bool,
    /// It takes away what else says the same (`$badfilter`), and says nothing itself.
    pub disables: bool,
}

impl Listed {
    /// The name is blocked, not importantly.
    pub const fn block(scope: Scope) -> Listed {
        Listed { scope, allow: false, important: false, disables: false }
    }
}

/// Why a line, or a name of it, has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// It is longer than [`super::MAX_LINE_OCTETS`].
    TooLong,
    /// It is not UTF-8, or has control characters.
    NotText,
    /// A name with other characters than letters, digits, hyphen and underscore, or with labels or a length that
    /// names cannot have, or one that IDNA does not allow.
    BadName,
    /// An address stands where a name should.
    Address,
    /// The name of a host itself, such as `localhost`.
    LocalName,
    /// A rule that would answer with an address that is neither null nor loopback.
    Redirect,
    /// A line that is well formed and nothing that this format can express here.
    Unsupported,
    /// A line that the format does not know.
    Syntax,
    /// A line after the last that can be counted.
    TooMany,
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// All of them.
    pub const ALL: [Reason; Reason::COUNT] = [
        Reason::TooLong,
        Reason::NotText,
        Reason::BadName,
        Reason::Address,
        Reason::LocalName,
        Reason::Redirect,
        Reason::Unsupported,
        Reason::Syntax,
        Reason::TooMany,
    ];

    /// What is wrong, for people.
    pub fn text(self) -> &'static str {
        match self {
            Reason::TooLong => "the line is too long",
            Reason::NotText => "the line is not UTF-8 text",
            Reason::BadName => "this is not a name of a host or domain",
            Reason::Address => "an address stands where a name should",
            Reason::LocalName => "the name of the host itself",
            Reason::Redirect => "the line redirects to an address",
            Reason::Unsupported => "the line has no equivalent here",
            Reason::Syntax => "the format has no such line",
            Reason::TooMany => "the lists have more lines than can be counted",
        }
    }
}

/// Something that stands in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A name, and what is said of it.
    Name(Plain<'a>, Listed),
    /// A name in UTF-8 that IDNA has to turn into such a one.
    Unicode(&'a [u8], Listed),
    /// A rule in AdGuard's syntax that says more than a name.
    Rule(&'a str),
    /// What has no effect, and why.
    Ignored(Reason),
}

/// Sorts a text that should be a name, which may end with a dot.
#[inline]
pub fn name(text: &[u8], listed: Listed) -> Found<'_> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    match text::check(text) {
        text::Kind::Name(name) => Found::Name(name, listed),
        text::Kind::Address => Found::Ignored(Reason::Address),
        text::Kind::Unicode => Found::Unicode(text, listed),
        text::Kind::Other if address(text).is_some() => Found::Ignored(Reason::Address),
        text::Kind::Other => Found::Ignored(Reason::BadName),
    }
}

/// Whether an address is one that lists put behind names that they block: null, or the host itself.
pub fn is_null(address: &IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

/// The address that a text is.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The words of a line, up to a comment that begins with `#`.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = memchr::memchr(b'#', line).unwrap_or(line.len());
    let (line, _) = line.split_at(end);
    line.split(|octet| octet.is_ascii_whitespace()).filter(|word| !word.is_empty())
}
