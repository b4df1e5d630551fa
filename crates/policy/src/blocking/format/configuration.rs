//! Lists that are written as configuration of dnsmasq or Unbound.

use super::line::{self, Found, Listed, Reason, Scope};
use super::plain::is_comment;

/// Types of Unbound's local zones that answer every question at or below the name themselves.
const BLOCKING_ZONES: [&[u8]; 11] = [
    b"static",
    b"deny",
    b"refuse",
    b"redirect",
    b"inform_deny",
    b"inform_redirect",
    b"always_refuse",
    b"always_nxdomain",
    b"always_nodata",
    b"always_deny",
    b"always_null",
];

/// A line of dnsmasq's configuration: `address=/a/b/`, with a null address, `#` or nothing behind the last slash, and
/// `local=/a/` and `server=/a/` with nothing there.
pub fn dnsmasq<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    if is_comment(text) {
        return;
    }
    let Some((key, value)) = cut(text, b'=') else {
        return found(Found::Ignored(Reason::Syntax));
    };
    let (key, value) = (key.trim_ascii(), first_word(value));
    if !matches!(key, b"address" | b"local" | b"server") {
        return found(Found::Ignored(Reason::Unsupported));
    }
    let (Some(value), Some(end)) = (value.strip_prefix(b"/"), memchr::memrchr(b'/', value)) else {
        return found(Found::Ignored(Reason::Unsupported));
    };
    // `end` counts from the slash that was stripped.
    let (names, target) = value.split_at(end.saturating_sub(1));
    let target = target.strip_prefix(b"/").unwrap_or(target);
    let blocks = match key {
        b"address" => matches!(target, b"" | b"#") || line::address(target).is_some_and(|to| line::is_null(&to)),
        _ => target.is_empty(),
    };
    for name in names.split(|octet| *octet == b'/') {
        if blocks {
            let name = name.strip_prefix(b"*").unwrap_or(name);
            let name = name.strip_prefix(b".").unwrap_or(name);
            found(line::name(name, Listed::block(Scope::Below)));
        } else {
            found(Found::Ignored(Reason::Redirect));
        }
    }
}

/// A line of Unbound's configuration.
pub fn unbound<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    if is_comment(text) || text == b"server:" {
        return;
    }
    match cut(text, b':') {
        Some((b"local-zone", rest)) => found(local_zone(rest)),
        Some((b"local-data", rest)) => found(local_data(rest)),
        Some(_) => found(Found::Ignored(Reason::Unsupported)),
        None => found(Found::Ignored(Reason::Syntax)),
    }
}

/// `"name" type`.
fn local_zone(rest: &[u8]) -> Found<'_> {
    let mut words = line::words(rest);
    let (Some(name), Some(kind)) = (words.next(), words.next()) else {
        return Found::Ignored(Reason::Syntax);
    };
    if !BLOCKING_ZONES.contains(&unquoted(kind)) {
        return Found::Ignored(Reason::Unsupported);
    }
    line::name(unquoted(name), Listed::block(Scope::Below))
}

/// `"name A 0.0.0.0"`, perhaps with TTL and class.
fn local_data(rest: &[u8]) -> Found<'_> {
    let mut words = line::words(unquoted(rest.trim_ascii()));
    let (Some(name), Some(data)) = (words.next(), words.last()) else {
        return Found::Ignored(Reason::Syntax);
    };
    match line::address(data) {
        Some(address) if line::is_null(&address) => line::name(name, Listed::block(Scope::Exact)),
        Some(_) => Found::Ignored(Reason::Redirect),
        None => Found::Ignored(Reason::Unsupported),
    }
}

/// A text without quotation marks around it.
fn unquoted(text: &[u8]) -> &[u8] {
    for quote in [b"\"", b"'"] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.strip_suffix(quote).unwrap_or(inner);
        }
    }
    text
}

fn first_word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.split(|octet| octet.is_ascii_whitespace()).next().unwrap_or(text)
}

/// What stands before and after the first `at`.
fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at(memchr::memchr(at, text)?);
    Some((before, rest.get(1..)?))
}
