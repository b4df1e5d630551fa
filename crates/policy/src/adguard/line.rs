//! What a line of a list is.

use std::net::IpAddr;

use super::pattern::{Glob, is_domain, is_name};
use super::reason::Reason;
use super::rule::Rule;

/// Octets of a line; longer ones are ignored with [`Reason::TooLong`].
pub const MAX_LINE_LEN: usize = 4096;

/// What marks rules for the contents of pages.
const COSMETIC: [&str; 9] = ["##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "#@%#", "$$"];

/// Names that systems have in their own hosts files for themselves. Lists repeat them; nobody means to block them.
const OF_THE_HOST: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "0.0.0.0",
];

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Nothing: a comment, an empty line, a heading, or names of the host itself.
    Nothing,
    /// An `/etc/hosts` line with at least one name. 0.0.0.0, :: and addresses of the loopback block; others are the
    /// answer.
    Hosts {
        /// The address.
        address: IpAddr,
        /// The names, not those below them.
        names: HostNames<'a>,
    },
    /// A name alone on a line is blocked, not those below it. As written, in ASCII: its case is not folded.
    Name(&'a str),
    /// A rule.
    Rule(Rule),
    /// What cannot be followed.
    Ignored(Reason),
}

/// The names of an `/etc/hosts` line, as written but without a final dot; those that are not valid and those of the
/// host itself are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNames<'a>(&'a str);

impl<'a> Iterator for HostNames<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (word, rest) = first_word(self.0)?;
            self.0 = rest;
            let name = word.strip_suffix('.').unwrap_or(word);
            if is_name(name) && !is_of_the_host(name) {
                return Some(name);
            }
        }
    }
}

/// What a line says.
pub fn parse(line: &str) -> Parsed<'_> {
    let line = line.trim();
    if line.len() > MAX_LINE_LEN {
        return Parsed::Ignored(Reason::TooLong);
    }
    // A heading such as `[Adblock Plus 2.0]` stands in brackets.
    if line.is_empty() || line.starts_with(['!', '#']) || line.starts_with('[') && line.ends_with(']') {
        return Parsed::Nothing;
    }
    let without_comment = without_comment(line);
    if let Some(parsed) = hosts(without_comment) {
        return parsed;
    }
    if is_domain(without_comment) {
        return Parsed::Name(without_comment);
    }
    if COSMETIC.iter().any(|mark| line.contains(mark)) && !line.starts_with('/') {
        return Parsed::Ignored(Reason::Cosmetic);
    }
    match international(without_comment).map_or_else(|| Rule::parse(line), Ok) {
        Ok(rule) => Parsed::Rule(rule),
        Err(reason) => Parsed::Ignored(reason),
    }
}

/// The line up to a `#` with a blank before it.
fn without_comment(line: &str) -> &str {
    let comment =
        line.match_indices('#').find(|(at, _)| line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])));
    comment.and_then(|(at, _)| line.get(..at)).map_or(line, str::trim_end)
}

/// The line as one of `/etc/hosts`, if an address and a blank begin it.
fn hosts(line: &str) -> Option<Parsed<'_>> {
    let (first, rest) = first_word(line)?;
    let (_, _) = first_word(rest)?;
    // The zone of a link-local address says nothing here.
    let address: IpAddr = first.split('%').next()?.parse().ok()?;
    let names = HostNames(rest);
    if names.clone().next().is_some() {
        return Some(Parsed::Hosts { address, names });
    }
    let of_the_host = rest.split_ascii_whitespace().all(is_of_the_host);
    Some(if of_the_host { Parsed::Nothing } else { Parsed::Ignored(Reason::BadName) })
}

fn is_of_the_host(name: &str) -> bool {
    OF_THE_HOST.iter().any(|of_the_host| of_the_host.eq_ignore_ascii_case(name))
}

/// The rule for a name with U-labels alone on a line.
fn international(line: &str) -> Option<Rule> {
    if line.is_ascii() {
        return None;
    }
    let name = String::from_utf8(dns::idn::to_a_labels(line.as_bytes()).ok()?).ok()?.to_ascii_lowercase();
    is_domain(&name).then(|| Rule::block(Glob::exact(&name)))
}

fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_hosts_line() {
        let names = |line: &'static str| match parse(line) {
            Parsed::Hosts { names, .. } => names.collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(names("0.0.0.0\ta.example  b.example. # c.example"), ["a.example", "b.example"]);
        assert_eq!(names("127.0.0.1 localhost a_b.example bad/name x"), ["a_b.example", "x"]);
        assert_eq!(names("::1 ip6-loopback  v6.example"), ["v6.example"]);
    }

    #[test]
    fn a_rule_is_not_cut_at_what_looks_like_a_comment_in_it() {
        assert_eq!(parse("||a.example^ # why"), Parsed::Ignored(Reason::BadPattern));
        assert!(matches!(parse("||a.example^$client='x #1'"), Parsed::Rule(_)));
        assert_eq!(parse("a.example # why"), Parsed::Name("a.example"));
    }

    #[test]
    fn a_line_that_is_too_long_is_ignored() {
        assert_eq!(parse(&"a".repeat(MAX_LINE_LEN + 1)), Parsed::Ignored(Reason::TooLong));
        assert_eq!(parse(&format!("||{}^", "a".repeat(400))), Parsed::Ignored(Reason::TooLong));
    }
}
