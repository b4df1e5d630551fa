//! What a configuration says instead of what the rules of a zone say.

use std::fmt;
use std::str::FromStr;

use dns::{Name, NameBuf};

use super::rule::{Body, alias_effect};
use crate::action::{Action, Effect};

/// What becomes of the rules of a zone that match, as BIND's `policy` of a zone in `response-policy`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Replacement {
    /// What they say.
    #[default]
    Given,
    /// Nothing: it is noted what they would do, and the next zone is looked at.
    Disabled,
    /// Nothing is rewritten, and no further rule is looked at.
    Passthru,
    /// No answer.
    Drop,
    /// NXDOMAIN.
    Nxdomain,
    /// NODATA.
    Nodata,
    /// TC over UDP.
    TcpOnly,
    /// The name is an alias of this one; with `*` in front the name stands in for the `*`.
    Cname(NameBuf),
}

/// Text that is no [`Replacement`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("none of given, disabled, passthru, drop, nxdomain, nodata, tcp_only, and no domain name with a dot")]
pub struct ReplacementError;

/// Those that are one word.
const WORDS: [(&str, Replacement); 7] = [
    ("given", Replacement::Given),
    ("disabled", Replacement::Disabled),
    ("passthru", Replacement::Passthru),
    ("drop", Replacement::Drop),
    ("nxdomain", Replacement::Nxdomain),
    ("nodata", Replacement::Nodata),
    ("tcp_only", Replacement::TcpOnly),
];

impl FromStr for Replacement {
    type Err = ReplacementError;

    /// A word, or the name that is the alias; case is ignored. A name has a dot, as in `localhost.`, and no space, so that no
    /// misspelt word is one.
    fn from_str(text: &str) -> Result<Replacement, ReplacementError> {
        if let Some((_, word)) = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Ok(word.clone());
        }
        let is_name = text.contains('.') && !text.contains(char::is_whitespace);
        match text.parse() {
            Ok(target) if is_name && target != NameBuf::root() => Ok(Replacement::Cname(target)),
            _ => Err(ReplacementError),
        }
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(_, replacement)| replacement == self)) {
            (Replacement::Cname(target), _) => write!(f, "{target}"),
            (_, Some((word, _))) => f.write_str(word),
            // Every other one is a word.
            (_, None) => Ok(()),
        }
    }
}

impl Replacement {
    /// What is done to `name` when a rule with `body` matches.
    pub(super) fn effect(&self, body: &Body, name: &Name, ttl: u32) -> Effect {
        let action = match self {
            Replacement::Given | Replacement::Disabled => return body.effect(name, ttl),
            Replacement::Passthru => return Effect::Allow,
            Replacement::Cname(target) => return alias_effect(target, name, ttl),
            Replacement::Drop => Action::Drop,
            Replacement::Nxdomain => Action::Nxdomain,
            Replacement::Nodata => Action::Nodata,
            Replacement::TcpOnly => Action::TcpOnly,
        };
        Effect::Block(Some(action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in
            ["given", "disabled", "passthru", "drop", "nxdomain", "nodata", "tcp_only", "*.walled.example.", "garden."]
        {
            let replacement: Replacement = text.parse().expect(text);
            assert_eq!(replacement.to_string(), text);
        }
        assert_eq!("Walled.example".parse(), Ok(Replacement::Cname("walled.example".parse().expect("name"))));
        for text in ["", ".", "no", "cname a.b", "drop now", "a..b", "tcponly"] {
            assert_eq!(text.parse::<Replacement>(), Err(ReplacementError), "{text}");
        }
    }
}
