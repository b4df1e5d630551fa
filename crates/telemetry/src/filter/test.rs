//! What a value has to be for a term to match.

use std::fmt;
use std::net::IpAddr;

use dns::{RType, Rcode};
use ipnet::IpNet;
use server::answered::Source;

use super::Facts;
use super::key::Key;
use super::lexer::{COMPARISONS, Comparison};
use super::pattern::Pattern;
use crate::names;
use crate::request_id::RequestId;

/// One value of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Anything, but not nothing.
    Any,
    /// Text that matches.
    Text(Pattern),
    /// An address in a network.
    Network(IpNet),
    /// A record type.
    Type(RType),
    /// A response code.
    Code(Rcode),
    /// One of the key's words.
    Word(&'static str),
    /// A time, compared with so many microseconds.
    ElapsedUs(Comparison, u64),
    /// An identifier.
    Id(RequestId),
}

impl Test {
    /// Whether what `key` means in `facts` passes.
    pub fn passes(&self, key: Key, facts: &Facts<'_>) -> bool {
        match self {
            Test::Any => is_there(key, facts),
            Test::Text(pattern) => text(key, facts).is_some_and(|text| pattern.matches(text)),
            Test::Network(network) => address(key, facts).is_some_and(|address| network.contains(&address)),
            Test::Type(rtype) => facts.rtype == Some(*rtype),
            Test::Code(code) => facts.rcode == *code,
            Test::Word(word) => has_word(key, facts, word),
            Test::ElapsedUs(comparison, us) => match comparison {
                Comparison::Above => facts.elapsed_us > *us,
                Comparison::AtLeast => facts.elapsed_us >= *us,
                Comparison::Below => facts.elapsed_us < *us,
                Comparison::AtMost => facts.elapsed_us <= *us,
            },
            Test::Id(id) => facts.id == *id,
        }
    }

    /// Writes it so that it can be read again.
    pub fn write(&self, f: &mut fmt::Formatter<'_>, key: Key) -> fmt::Result {
        match self {
            Test::Any => f.write_str("*"),
            Test::Text(pattern) => pattern.write(f, matches!(key, Key::Name | Key::Zone)),
            Test::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Test::Network(network) => write!(f, "{network}"),
            Test::Type(rtype) => write!(f, "{rtype}"),
            Test::Code(code) => write!(f, "{code}"),
            Test::Word(word) => f.write_str(word),
            Test::ElapsedUs(comparison, us) => {
                let operator = COMPARISONS.iter().find(|(other, _)| other == comparison).map_or("", |(_, text)| text);
                if us % 1000 == 0 { write!(f, "{operator}{}ms", us / 1000) } else { write!(f, "{operator}{us}us") }
            }
            Test::Id(id) => write!(f, "{id}"),
        }
    }
}

fn text<'a>(key: Key, facts: &Facts<'a>) -> Option<&'a [u8]> {
    let decided = |text: &'a str| Some(text.as_bytes()).filter(|text| !text.is_empty());
    match key {
        Key::Name => facts.name,
        Key::Zone => facts.zone,
        Key::Group => decided(facts.decision.group),
        Key::Action => decided(facts.decision.action),
        Key::List => decided(facts.decision.list),
        Key::Rule => decided(facts.decision.rule),
        _ => None,
    }
}

fn address(key: Key, facts: &Facts<'_>) -> Option<IpAddr> {
    match key {
        Key::Client => Some(facts.client),
        Key::Upstream => facts.upstream,
        _ => None,
    }
}

fn is_there(key: Key, facts: &Facts<'_>) -> bool {
    match key {
        Key::Type => facts.rtype.is_some(),
        Key::Upstream => facts.upstream.is_some(),
        Key::Dnssec => facts.security.is_some(),
        Key::Cache => names::cache_hit(facts.source).is_some(),
        Key::Name | Key::Zone | Key::Group | Key::Action | Key::List | Key::Rule => text(key, facts).is_some(),
        Key::Client | Key::Code | Key::Source | Key::Proto | Key::Time | Key::Id => true,
    }
}

fn has_word(key: Key, facts: &Facts<'_>, word: &str) -> bool {
    match key {
        Key::Source => names::source(facts.source) == word || names::refusal(facts.source) == Some(word),
        Key::Cache if word == "stale" => facts.source == Source::Stale,
        Key::Cache => names::cache_hit(facts.source).is_some_and(|is_hit| is_hit == (word == "hit")),
        Key::Proto => names::transport(facts.transport) == word,
        Key::Dnssec => names::security(facts.security) == word,
        _ => false,
    }
}
