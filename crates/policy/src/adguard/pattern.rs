//! What stands before the modifiers of a rule.

use super::glob;
use super::literals;
use super::reason::Reason;

/// Octets of a pattern. Names have at most 253; what is longer matches none that is not mostly `*`.
pub const MAX_PATTERN_LEN: usize = 300;

/// Patterns shorter than this need a modifier that narrows the rule.
const MIN_WIDE_LEN: usize = 3;

/// Where a match may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Anywhere.
    Anywhere,
    /// At the first octet of the name (`|`).
    Name,
    /// At the first octet of a label (`||`).
    Label,
}

/// A pattern in which `*` and `^` are special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// In lower case, without the anchors; no `*` at an end that is open, nor two in a row.
    pub text: Box<str>,
    /// Where a match may begin.
    pub start: Start,
    /// Whether a match must reach to the end of the name (`|`).
    pub end: bool,
}

/// What names a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// With `*`, `^`, `|` and `||`.
    Glob(Glob),
    /// The expression between slashes.
    Regex(Box<str>),
}

impl Glob {
    /// The pattern that `text` writes, and whether it is too wide to stand alone.
    ///
    /// # Errors
    /// Why no name can match it.
    pub fn parse(text: &str) -> Result<(Glob, bool), Reason> {
        if text.len() > MAX_PATTERN_LEN {
            return Err(Reason::TooLong);
        }
        if text.contains("://") {
            return Err(Reason::Url);
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(Reason::BadPattern);
        }
        let wide = text.len() < MIN_WIDE_LEN;
        let (start, rest) = match (text.strip_prefix("||"), text.strip_prefix('|')) {
            (Some(rest), _) => (Start::Label, rest),
            (None, Some(rest)) => (Start::Name, rest),
            (None, None) => (Start::Anywhere, text),
        };
        let (end, rest) = rest.strip_suffix('|').map_or((false, rest), |rest| (true, rest));
        let mut body = ascii(rest)?;
        while body.contains("**") {
            body = body.replace("**", "*");
        }
        let (start, body) = body.strip_prefix('*').map_or((start, &*body), |body| (Start::Anywhere, body));
        let (end, body) = body.strip_suffix('*').map_or((end, body), |body| (false, body));
        Ok((Glob { text: body.into(), start, end }, wide))
    }

    /// The pattern of one name, in lower case.
    pub fn exact(name: &str) -> Glob {
        Glob { text: name.into(), start: Start::Name, end: true }
    }

    /// Whether `name`, in lower case without final dot, matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        let text = self.text.as_bytes();
        match self.start {
            Start::Anywhere => glob::matches(text, name, true, !self.end),
            Start::Name => glob::matches(text, name, false, !self.end),
            Start::Label => self.matches_at_a_label(text, name),
        }
    }

    /// Once what stands before the first `*` has matched at a label, the rest decides: a later label leaves it less.
    fn matches_at_a_label(&self, text: &[u8], name: &[u8]) -> bool {
        let head = text.iter().position(|&byte| byte == b'*').and_then(|at| text.get(..at));
        let mut rest = Some(name);
        while let Some(here) = rest {
            match head {
                None if glob::matches(text, here, false, !self.end) => return true,
                Some(head) if glob::matches(head, here, false, true) => {
                    return glob::matches(text, here, false, !self.end);
                }
                _ => {}
            }
            let dot = here.iter().position(|&byte| byte == b'.');
            rest = dot.and_then(|dot| here.get(dot + 1..));
        }
        false
    }

    /// The one name that this matches, and whether it matches all below it; `None` if it is not of that form.
    pub fn as_name(&self) -> Option<(&str, bool)> {
        let below = match self.start {
            Start::Anywhere => return None,
            Start::Name => false,
            Start::Label => true,
        };
        let name = match self.text.strip_suffix('^') {
            Some(name) => name,
            None if self.end => &*self.text,
            None => return None,
        };
        is_name(name).then_some((name, below))
    }

    /// Sets of literals; a name that matches has one of each set in it ([`literals`]).
    pub fn required(&self) -> Vec<Vec<Vec<u8>>> {
        let mut runs = vec![Vec::new()];
        if self.start != Start::Anywhere {
            runs = vec![vec![literals::START]];
        }
        let mut tokens = self.text.bytes().peekable();
        while let Some(token) = tokens.next() {
            let Some(run) = runs.last_mut() else { break };
            match token {
                b'*' => runs.push(Vec::new()),
                b'^' => {
                    run.push(literals::SEPARATOR);
                    // At the end of the name several of them share the one end that there is.
                    if tokens.peek().is_none_or(|next| *next == b'^') {
                        runs.push(Vec::new());
                    }
                }
                byte => run.push(literals::fold(byte)),
            }
        }
        if self.end
            && !self.text.ends_with('^')
            && let Some(run) = runs.last_mut()
        {
            run.push(literals::SEPARATOR);
        }
        runs.into_iter().filter(|run| !run.is_empty()).map(|run| vec![run]).collect()
    }
}

/// The pattern in lower case and with A-labels. Where U-labels would begin and end is not known beside a wildcard.
fn ascii(text: &str) -> Result<String, Reason> {
    if text.is_ascii() {
        return Ok(text.to_ascii_lowercase());
    }
    let body = text.strip_suffix('^').unwrap_or(text);
    if body.contains(['*', '^', '|', '\\']) {
        return Err(Reason::BadPattern);
    }
    let labels = dns::idn::to_a_labels(body.as_bytes()).map_err(|_| Reason::BadPattern)?;
    let mut out = String::from_utf8(labels).map_err(|_| Reason::BadPattern)?.to_ascii_lowercase();
    out.extend(text.ends_with('^').then_some('^'));
    Ok(out)
}

/// Whether `text` is a host name, as lists write them: labels of letters, digits, `-` and `_`, no final dot.
pub fn is_name(text: &str) -> bool {
    const MAX_TEXT_LEN: usize = dns::name::MAX_NAME_LEN - 2;
    let is_label = |label: &str| {
        (1..=dns::name::MAX_LABEL_LEN).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= MAX_TEXT_LEN && text.split('.').all(is_label)
}

/// Whether `text` alone on a line means that name and not a pattern: two labels at least, hyphens in their middle only,
/// and the last is no number.
pub fn is_domain(text: &str) -> bool {
    let Some((_, last)) = text.rsplit_once('.') else { return false };
    is_name(text)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && text.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::parse(text).expect("a pattern").0
    }

    #[test]
    fn stars_at_open_ends_are_no_part_of_a_pattern() {
        assert_eq!(glob("||*ads*"), glob("ads"));
        assert_eq!(glob("*.example.org^"), glob("||*.example.org^"));
        assert_eq!(glob("ads*|"), glob("ads"));
        assert_ne!(glob("ads|"), glob("ads"));
    }

    #[test]
    fn a_pattern_of_one_name_says_so() {
        assert_eq!(glob("||Example.ORG^").as_name(), Some(("example.org", true)));
        assert_eq!(glob("|example.org|").as_name(), Some(("example.org", false)));
        assert_eq!(glob("|example.org^|").as_name(), Some(("example.org", false)));
        assert_eq!(glob("||b\u{fc}cher.example^").as_name(), Some(("xn--bcher-kva.example", true)));
        for no in ["||example.org", "example.org^", "||*.example.org^", "||example..org^", "||a/b^", "||^"] {
            assert_eq!(glob(no).as_name(), None, "{no}");
        }
    }

    #[test]
    fn what_must_stand_in_a_name_has_its_ends_marked() {
        let runs = |text| glob(text).required().concat().into_iter().map(|run| String::from_utf8(run).expect("ASCII"));
        assert_eq!(runs("||ads*.xyz^").collect::<Vec<_>>(), [".ads", ".xyz^"]);
        assert_eq!(runs("a^^b|").collect::<Vec<_>>(), ["a^", "^b^"]);
        assert_eq!(runs("|a^|").collect::<Vec<_>>(), [".a^"]);
    }
}
