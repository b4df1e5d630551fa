//! An observation and what its name says.

use dns::Name;

use crate::suffix;

use super::known::Class;
use super::observation::Observation;

/// An observation with its name divided and classed.
pub(super) struct Seen<'a> {
    pub o: &'a Observation<'a>,
    pub class: Class,
    /// The name that one party registered.
    pub registrable: &'a Name,
    /// Octets of the labels in front of it, their lengths left out.
    pub prefix_octets: usize,
    /// How many labels stand in front of it.
    pub prefix_labels: usize,
    pub zone_hash: u64,
    pub name_hash: u64,
    /// Whether it ends in a suffix of the Public Suffix List.
    pub is_listed: bool,
    /// Whether nothing is registered: the name is a public suffix or the root.
    pub is_suffix: bool,
    /// Whether a whole public name stands in front of the registrable one, as the search lists of resolvers make them
    /// (`www.example.com.corp.example.`).
    pub is_search_list: bool,
}

impl Seen<'_> {
    /// Whether the name counts for more than the frequency.
    pub fn is_judged(&self) -> bool {
        !self.o.blocked && !self.is_suffix && !matches!(self.class, Class::Lookup | Class::Reverse | Class::Local)
    }

    /// Whether a program that looks for its master may have made the registrable name up.
    pub fn could_be_generated(&self) -> bool {
        self.is_listed && !self.o.zone_of_ours && self.class == Class::Ordinary && self.prefix_labels <= 1
    }

    /// The labels in front of the registrable name.
    pub fn prefix_label_iter(&self) -> impl Iterator<Item = &[u8]> {
        self.o.name.labels().take(self.prefix_labels)
    }
}

/// Whether the first `prefix_labels` labels of `name` are a public name, perhaps with a part of the search list behind.
/// New top-level domains are ordinary words (`dev`, `cloud`), so only the old ones count, and those of countries behind
/// two labels.
pub(super) fn is_search_list(name: &Name, prefix_labels: usize) -> bool {
    let is_old =
        |label: &[u8]| [&b"com"[..], b"net", b"org", b"arpa"].iter().any(|old| label.eq_ignore_ascii_case(old));
    name.labels()
        .take(prefix_labels)
        .enumerate()
        .skip(1)
        .any(|(at, label)| is_old(label) || (at >= 2 && label.len() == 2 && suffix::is_listed_top(label)))
}
