//! Why a line is ignored.

use std::fmt;

/// Why a line of a list has no effect. Lists are counted by it ([`Reason::index`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The line, its pattern or its number of values passes a limit.
    TooLong,
    /// A rule for the contents of pages (`##`, `#@#`, `#?#`, `#$#`, `#%#`, `$$`).
    Cosmetic,
    /// A pattern of URLs (`|https://...`).
    Url,
    /// A modifier for browsers, such as `third-party`.
    BrowserModifier,
    /// A modifier that nobody documents.
    UnknownModifier,
    /// A modifier without a value it needs, with one it does not take, with one that is not valid, or twice.
    BadModifier,
    /// A tag of `ctag` that is not in the documented list.
    UnknownTag,
    /// A type of `dnstype` that does not exist.
    UnknownType,
    /// A value of `dnsrewrite` that cannot be answered.
    BadRewrite,
    /// A pattern that no name can match: blanks in it, or letters that are not ASCII beside a wildcard.
    BadPattern,
    /// A pattern that would match nearly every name, with no modifier that narrows it.
    TooWide,
    /// An `/etc/hosts` line without any valid name.
    BadName,
    /// No regular expression.
    RegexSyntax,
    /// A regular expression that looks ahead or behind, which linear time does not allow.
    RegexLookAround,
    /// A regular expression that refers back to a group, which linear time does not allow.
    RegexBackReference,
    /// A regular expression that becomes too large.
    RegexTooLarge,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Reason::ALL.len();

    /// Every reason, in the order of [`Reason::index`].
    pub const ALL: [Reason; 16] = [
        Reason::TooLong,
        Reason::Cosmetic,
        Reason::Url,
        Reason::BrowserModifier,
        Reason::UnknownModifier,
        Reason::BadModifier,
        Reason::UnknownTag,
        Reason::UnknownType,
        Reason::BadRewrite,
        Reason::BadPattern,
        Reason::TooWide,
        Reason::BadName,
        Reason::RegexSyntax,
        Reason::RegexLookAround,
        Reason::RegexBackReference,
        Reason::RegexTooLarge,
    ];

    /// Its place among all reasons, from 0: what an array of counters is indexed by.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name in the API and in metrics: stable, lower case, with hyphens.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::TooLong => "too-long",
            Reason::Cosmetic => "cosmetic",
            Reason::Url => "url",
            Reason::BrowserModifier => "browser-modifier",
            Reason::UnknownModifier => "unknown-modifier",
            Reason::BadModifier => "bad-modifier",
            Reason::UnknownTag => "unknown-tag",
            Reason::UnknownType => "unknown-type",
            Reason::BadRewrite => "bad-rewrite",
            Reason::BadPattern => "bad-pattern",
            Reason::TooWide => "too-wide",
            Reason::BadName => "bad-name",
            Reason::RegexSyntax => "regex-syntax",
            Reason::RegexLookAround => "regex-look-around",
            Reason::RegexBackReference => "regex-back-reference",
            Reason::RegexTooLarge => "regex-too-large",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_at_its_index_and_has_a_name_of_its_own() {
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), i);
            assert_eq!(Reason::ALL.into_iter().filter(|other| other.as_str() == reason.as_str()).count(), 1);
        }
    }
}
