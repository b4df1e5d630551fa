//! Which part of a name one party has registered, by the Public Suffix List (publicsuffix.org) that is built in.
//!
//! Limits and anomalies count by this name: below it one party decides which names there are. The private section of the
//! list counts as well, so that the tenants of one hosting service are told apart.

use dns::Name;
use dns::name::{MAX_LABEL_LEN, MAX_LABELS};
use psl::{Psl, Type};

/// Most labels of a name that are compared with the list; the longest suffix of the list has five.
const COMPARED_LABELS: usize = 8;

/// What kind of suffix a name is below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuffixKind {
    /// A registry's, such as `co.uk.`
    Registry,
    /// A service's that gives names to its customers, such as `github.io.`
    Service,
    /// None that the list knows: names of a local network, or of a new registry. Its last label counts as the suffix.
    Unlisted,
}

/// Where a name divides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Labels of the registrable name; those of the whole name where it is a public suffix itself.
    pub labels: usize,
    /// What kind of suffix stands at the end.
    pub kind: SuffixKind,
    /// Whether the name is a public suffix (or the root), with nothing registered in it.
    pub is_suffix: bool,
}

/// Where `name` divides: 100 to 300 ns, no allocation. Case is ignored.
pub fn divide(name: &Name) -> Division {
    let mut labels = [&[][..]; MAX_LABELS];
    let mut count = 0;
    for (slot, label) in labels.iter_mut().zip(name.labels()) {
        *slot = label;
        count += 1;
    }
    let labels = labels.get(..count).unwrap_or_default();
    let mut lower = [[0u8; MAX_LABEL_LEN]; COMPARED_LABELS];
    let mut last = [&[][..]; COMPARED_LABELS];
    let mut compared = 0;
    for ((slot, copy), label) in last.iter_mut().zip(&mut lower).zip(labels.iter().rev()) {
        let copy = copy.get_mut(..label.len()).unwrap_or_default();
        copy.copy_from_slice(label);
        copy.make_ascii_lowercase();
        *slot = copy;
        compared += 1;
    }
    let found = psl::List.find(last.iter().take(compared).copied());
    let suffix = labels_within(&last, found.len).min(count);
    let kind = match found.typ {
        Some(Type::Icann) => SuffixKind::Registry,
        Some(Type::Private) => SuffixKind::Service,
        None => SuffixKind::Unlisted,
    };
    Division { labels: (suffix + 1).min(count), kind, is_suffix: suffix == count }
}

/// How many labels make up `text_len` octets of text, dots between them.
fn labels_within(labels: &[&[u8]], text_len: usize) -> usize {
    let mut len = 0;
    labels
        .iter()
        .take_while(|label| {
            len += label.len() + usize::from(len > 0);
            !label.is_empty() && len <= text_len
        })
        .count()
}

/// The registrable name that `name` is or is below: the public suffix and one label more. A public suffix itself, and
/// the root, are given back whole.
pub fn registrable(name: &Name) -> &Name {
    let keep = divide(name).labels;
    let skip = name.label_count().saturating_sub(keep);
    name.ancestors().nth(skip).unwrap_or(name)
}

/// Whether `label` is a top-level domain of the list. Case is ignored.
pub fn is_listed_top(label: &[u8]) -> bool {
    let mut lower = [0u8; MAX_LABEL_LEN];
    let Some(lower) = lower.get_mut(..label.len()) else { return false };
    lower.copy_from_slice(label);
    lower.make_ascii_lowercase();
    psl::List.find(std::iter::once(&*lower)).typ.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::NameBuf;

    fn of(text: &str) -> String {
        registrable(&text.parse::<NameBuf>().expect("name")).to_string()
    }

    #[test]
    fn the_registrable_name_is_one_label_more_than_the_public_suffix() {
        for (name, expected) in [
            ("www.example.com", "example.com."),
            ("example.com", "example.com."),
            ("a.b.c.example.co.uk", "example.co.uk."),
            ("x.someone.github.io", "someone.github.io."),
            ("WWW.Example.CO.UK", "Example.CO.UK."),
            ("a.b.ck", "a.b.ck."),
            ("x.www.ck", "www.ck."),
            ("d1234.cloudfront.net", "d1234.cloudfront.net."),
            ("x.y.xn--p1ai", "y.xn--p1ai."),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_suffix_is_its_own_registrable_name() {
        for name in ["com.", "co.uk.", ".", "github.io.", "lan."] {
            assert_eq!(of(name), name);
            assert!(divide(&name.parse::<NameBuf>().expect("name")).is_suffix, "{name}");
        }
    }

    #[test]
    fn the_kind_of_the_suffix_is_told() {
        let kind = |text: &str| divide(&text.parse::<NameBuf>().expect("name")).kind;
        assert_eq!(kind("a.example.org"), SuffixKind::Registry);
        assert_eq!(kind("a.github.io"), SuffixKind::Service);
        assert_eq!(kind("printer.lan"), SuffixKind::Unlisted);
        assert_eq!(of("a.printer.lan"), "printer.lan.");
    }

    #[test]
    fn names_of_any_length_and_any_octets_divide() {
        let longest = vec!["a"; 127].join(".");
        assert_eq!(of(&longest), "a.a.");
        let label = "b".repeat(63);
        assert_eq!(of(&format!("{label}.{label}.{label}.com")), format!("{label}.com."));
        assert_eq!(of("\\.\\000.com"), "\\.\\000.com.");
    }
}
