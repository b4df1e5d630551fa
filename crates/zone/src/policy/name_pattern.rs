//! Patterns of domain names, as grants of the API and access lists for updates write them.
//!
//! - `www.example.org`: this name.
//! - `*.example.org`, `_acme-challenge.*.example.org`: `*` is one label, whichever it is, but not the label `*`
//!   of a wildcard owner (RFC 4592), which stands for many names; that one is written `\*`.
//! - `**.example.org`: every name below example.org, at any depth, wildcards included; not example.org itself.
//! - `**`: every name.
//!
//! All patterns are absolute, with or without the dot at the end; case does not matter (RFC 4343).

use std::fmt;
use std::str::FromStr;

use dns::{Name, NameBuf};
use serde::{Deserialize, Serialize};

/// Longest pattern as text, in octets: a name of 255 octets with each of them escaped.
const MAX_TEXT: usize = 1024;

/// A pattern of domain names.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    /// Whether it starts with `**`.
    deep: bool,
    /// Its labels from right to left, those that `**` stands for left out.
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Label {
    /// `*`
    Any,
    /// A name of one label.
    Exactly(NameBuf),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a pattern of names: {why}")]
pub struct PatternError {
    /// The text, its start if it is long.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

impl NamePattern {
    /// The pattern of every name.
    pub fn all() -> NamePattern {
        NamePattern { deep: true, labels: Vec::new() }
    }

    /// The pattern of one name.
    pub fn exactly(name: &Name) -> NamePattern {
        NamePattern { deep: false, labels: labels_of(name).into_iter().map(Label::Exactly).collect() }
    }

    /// Whether it is the pattern of every name.
    pub fn is_all(&self) -> bool {
        self.deep && self.labels.is_empty()
    }

    /// Whether `name` is one of its names.
    pub fn matches(&self, name: &Name) -> bool {
        let labels: Vec<&[u8]> = name.labels().collect();
        let long_enough = match self.deep {
            true => self.is_all() || labels.len() > self.labels.len(),
            false => labels.len() == self.labels.len(),
        };
        long_enough && self.labels.iter().zip(labels.iter().rev()).all(|(pattern, label)| pattern.matches(label))
    }

    /// Whether any of its names is at or below `zone`.
    pub fn reaches_into(&self, zone: &Name) -> bool {
        let labels: Vec<&[u8]> = zone.labels().collect();
        (self.deep || self.labels.len() >= labels.len())
            && self.labels.iter().zip(labels.iter().rev()).all(|(pattern, label)| pattern.matches(label))
    }
}

impl Label {
    fn matches(&self, label: &[u8]) -> bool {
        match self {
            Label::Any => label != b"*",
            Label::Exactly(name) => name.labels().next().is_some_and(|own| own.eq_ignore_ascii_case(label)),
        }
    }
}

/// The labels of `name` from right to left, each as a name of its own.
fn labels_of(name: &Name) -> Vec<NameBuf> {
    let mut labels: Vec<NameBuf> = name.labels().filter_map(|label| Name::root().prepend(label).ok()).collect();
    labels.reverse();
    labels
}

impl FromStr for NamePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<NamePattern, PatternError> {
        let error = |why: String| PatternError { text: text.chars().take(64).collect(), why };
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(error(format!("it must have 1 to {MAX_TEXT} octets")));
        }
        let (deep, rest) = match text.strip_prefix("**") {
            Some("" | ".") => return Ok(NamePattern::all()),
            Some(rest) => {
                let rest = rest.strip_prefix('.');
                (true, rest.ok_or_else(|| error("\"**\" must be a label of its own".to_owned()))?)
            }
            None => (false, text),
        };
        // Reading it as a name checks labels, escapes and lengths; its labels are those between the dots.
        let name = NameBuf::from_text(rest.as_bytes(), Name::root()).map_err(|why| error(why.to_string()))?;
        let pieces = pieces(rest);
        if pieces.contains(&"**") {
            return Err(error("\"**\" may only be the first label".to_owned()));
        }
        let pieces = pieces.into_iter().rev();
        let labels = labels_of(&name)
            .into_iter()
            .zip(pieces)
            .map(|(label, piece)| if piece == "*" { Label::Any } else { Label::Exactly(label) })
            .collect();
        Ok(NamePattern { deep, labels })
    }
}

/// The texts between the dots that are not escaped (RFC 1035 5.1), from left to right.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'.' => {
                pieces.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.extend(text.get(start..).filter(|last| !last.is_empty()));
    pieces
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deep {
            f.write_str(if self.labels.is_empty() { "**" } else { "**." })?;
        } else if self.labels.is_empty() {
            f.write_str(".")?;
        }
        for label in self.labels.iter().rev() {
            match label {
                Label::Any => f.write_str("*.")?,
                Label::Exactly(name) if name.is_wildcard() => f.write_str("\\*.")?,
                Label::Exactly(name) => write!(f, "{name}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for NamePattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<NamePattern, PatternError> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> String {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    #[test]
    fn names() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let parsed: NamePattern = pattern.parse().expect(pattern);
            let again: NamePattern = parsed.to_string().parse().expect("what it prints");
            assert_eq!(again, parsed, "{pattern} printed as {parsed}");
            for text in yes {
                assert!(parsed.matches(&name(text)), "{pattern} has {text}");
            }
            for text in no {
                assert!(!parsed.matches(&name(text)), "{pattern} does not have {text}");
            }
        };
        check("www.example.org", &["www.example.org.", "WWW.Example.ORG."], &["example.org.", "a.www.example.org."]);
        check("*.example.org", &["a.example.org."], &["example.org.", "a.b.example.org.", "*.example.org."]);
        check("a*.example.org", &["a*.example.org."], &["ab.example.org."]);
        check("\\*.example.org", &["*.example.org."], &["a.example.org.", "*.a.example.org."]);
        check("_a.*.org", &["_a.b.org."], &["_a.b.c.org.", "_a.org.", "a.b.org."]);
        check("**.example.org", &["a.example.org.", "*.a.b.example.org."], &["example.org.", "xexample.org.", "org."]);
        check("**.example.org", &["a.b.c.example.org."], &["a.example.net."]);
        check("**.*.org", &["a.b.org."], &["b.org.", "a.*.org."]);
        check("**", &[".", "org.", "a.b.c."], &[]);
        check(".", &["."], &["org."]);
        check("a\\.b.org.", &["a\\.b.org."], &["a.b.org."]);
        check("*", &["org."], &[".", "a.org."]);
    }

    #[test]
    fn zones_that_are_reached() {
        let check = |pattern: &str, zone: &str, want: bool| {
            let parsed: NamePattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.reaches_into(&name(zone)), want, "{pattern} in {zone}");
        };
        check("_acme-challenge.www.example.org", "example.org.", true);
        check("_acme-challenge.www.example.org", "org.", true);
        check("_acme-challenge.www.example.org", "example.net.", false);
        check("example.org", "www.example.org.", false);
        check("**.example.org", "www.example.org.", true);
        check("*.example.org", "b.a.example.org.", false);
        check("**", "example.org.", true);
    }

    #[test]
    fn mistakes() {
        for text in ["", "a..b", "a.**.b", "www.**.example.org", "**a.org", "a\\", &"a".repeat(64), &"a.".repeat(600)] {
            assert!(text.parse::<NamePattern>().is_err(), "{text}");
        }
        // Inside a longer label, stars are letters like others.
        let letters: NamePattern = "x**".parse().expect("pattern");
        assert!(letters.matches(&name("x**.")) && !letters.matches(&name("xyz.")));
    }
}
