//! Where zones of a cluster are answered: an entry of a zone's `placement`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Stands for any text.
const ANY: char = '*';
/// Between a label's key and its value.
const IS: char = '=';
/// Octets of a name or a label.
const MAX_LEN: usize = 255;

/// Servers: those with a name, or with a label. `*` in a pattern stands for any text.
///
/// ```
/// use std::collections::BTreeMap;
/// use config::Place;
///
/// let place: Place = "region=eu-*".parse()?;
/// let labels = BTreeMap::from([("region".to_owned(), "eu-west".to_owned())]);
/// assert!(place.has("ns1", &labels));
/// assert!(!place.has("ns1", &BTreeMap::new()));
/// # Ok::<(), config::PlaceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Servers whose name is like this pattern.
    Server(String),
    /// Servers with a label of this key whose value is like the pattern.
    Label {
        /// Its key.
        key: String,
        /// The pattern.
        value: String,
    },
}

/// Text that names no servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither the name of a server, as `ns1` or `eu-*`, nor a label, as `region=eu`")]
pub struct PlaceError(String);

impl Place {
    /// Whether a server of this name with these labels is one of them.
    pub fn has(&self, server: &str, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Place::Server(pattern) => is_like(server, pattern),
            Place::Label { key, value } => labels.get(key).is_some_and(|label| is_like(label, value)),
        }
    }

    /// Whether a label can be named by a place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_label(key: &str, value: &str) -> Result<(), String> {
        if is_word(key) && is_word(value) {
            return Ok(());
        }
        Err(format!("key and value of a label have 1 to {MAX_LEN} characters, and no spaces, `{IS}` or `{ANY}`"))
    }
}

/// A name of a server, a key or a value, without anything that means something in a pattern.
fn is_word(text: &str) -> bool {
    is_pattern(text) && !text.contains(ANY)
}

fn is_pattern(text: &str) -> bool {
    let is_fit = |c: char| !c.is_whitespace() && !c.is_control() && c != IS;
    (1..=MAX_LEN).contains(&text.len()) && text.chars().all(is_fit)
}

/// Whether `text` is what `pattern` says. The parts between the `*` of a pattern are looked for from left to right, the
/// last one at the end.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once(ANY) else { return text == pattern };
    let Some(mut left) = text.strip_prefix(begin) else { return false };
    let (middle, end) = rest.rsplit_once(ANY).unwrap_or(("", rest));
    for part in middle.split(ANY) {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Place, PlaceError> {
        let place = match text.split_once(IS) {
            Some((key, value)) if is_word(key) && is_pattern(value) => {
                Some(Place::Label { key: key.to_owned(), value: value.to_owned() })
            }
            None if is_pattern(text) => Some(Place::Server(text.to_owned())),
            _ => None,
        };
        place.ok_or_else(|| PlaceError(text.to_owned()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Server(pattern) => f.write_str(pattern),
            Place::Label { key, value } => write!(f, "{key}{IS}{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_by_name_and_label() {
        let labels =
            BTreeMap::from([("region".to_owned(), "eu-west".to_owned()), ("disk".to_owned(), "ssd".to_owned())]);
        let has = |text: &str| text.parse::<Place>().expect("a place").has("ns1.example", &labels);
        for text in
            ["ns1.example", "ns*", "*", "*example", "n*1*le", "region=eu-west", "region=eu*", "disk=*", "ns1*.example"]
        {
            assert!(has(text), "{text}");
            assert_eq!(text.parse::<Place>().expect("a place").to_string(), text);
        }
        for text in
            ["ns1", "ns2*", "*.example.org", "region=eu", "region=us*", "zone=a", "eu-west", "n*2*le", "ns1.example*e"]
        {
            assert!(!has(text), "{text}");
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", "=", "=eu", "region=", "a b", "re*=eu", "a=b=c", "ns1\n"] {
            assert_eq!(text.parse::<Place>(), Err(PlaceError(text.to_owned())));
        }
        assert!("x".repeat(MAX_LEN + 1).parse::<Place>().is_err());
        for (key, value) in [("", "x"), ("a", ""), ("a*", "x"), ("a", "x*"), ("a=", "x"), ("a b", "x")] {
            assert!(Place::check_label(key, value).is_err(), "{key} {value}");
        }
        assert_eq!(Place::check_label("region", "eu"), Ok(()));
    }
}
