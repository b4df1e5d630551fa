//! Rules in AdGuard's syntax that say no more than a name: they go into the index, whatever is more goes on as text.

use super::super::text;
use super::line::{self, Found, Listed, Reason, Scope};
use super::plain;

/// What separates the parts of rules about elements of pages, which mean nothing to a DNS server.
const COSMETIC: [&[u8]; 6] = [b"##", b"#@#", b"#$#", b"#%#", b"#?#", b"#@$#"];

/// One rule.
pub fn rule<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    if let Some(listed) = name_rule(text) {
        return found(listed);
    }
    match text {
        [b'!', ..] | [b'#'] => {}
        [b'[', .., b']'] => {}
        [b'#', next, ..] if !b"#@$%?".contains(next) => {}
        [first, ..] if *first != b'/' && is_cosmetic(text) => found(Found::Ignored(Reason::Unsupported)),
        _ => hosts_or_rule(text, found),
    }
}

/// A rule that is a name alone, or a name between `||` and `^` with no modifier but `important` and `badfilter`.
fn name_rule(text: &[u8]) -> Option<Found<'_>> {
    let (allow, pattern) = text.strip_prefix(b"@@").map_or((false, text), |pattern| (true, pattern));
    let Some(pattern) = pattern.strip_prefix(b"||") else {
        return match text::check(text) {
            text::Kind::Name(name) if name.has_dot() => Some(Found::Name(name, Listed::block(Scope::Exact))),
            _ => None,
        };
    };
    let (name, rest) = pattern.split_at(memchr::memchr(b'^', pattern)?);
    let mut listed = Listed { scope: Scope::Below, allow, important: false, disables: false };
    match rest {
        b"^" => {}
        [b'^', b'$', modifiers @ ..] => {
            for modifier in modifiers.split(|octet| *octet == b',') {
                match modifier {
                    b"important" => listed.important = true,
                    b"badfilter" => listed.disables = true,
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    match text::check(name) {
        text::Kind::Name(name) => Some(Found::Name(name, listed)),
        text::Kind::Unicode => Some(Found::Unicode(name, listed)),
        text::Kind::Address | text::Kind::Other => None,
    }
}

fn is_cosmetic(text: &[u8]) -> bool {
    memchr::memchr_iter(b'#', text)
        .any(|at| text.get(at..).is_some_and(|rest| COSMETIC.iter().any(|mark| rest.starts_with(mark))))
}

fn hosts_or_rule<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    let mut words = line::words(text);
    if let Some(plain::Target::Null) = words.next().and_then(plain::target) {
        return words.for_each(|word| plain::host(word, plain::Target::Null, found));
    }
    match std::str::from_utf8(text) {
        Ok(rule) if !rule.contains(char::is_control) => found(Found::Rule(rule)),
        _ => found(Found::Ignored(Reason::NotText)),
    }
}
