//! Hosts files, and lists of a name a line.

use super::super::text;
use super::line::{self, Found, Listed, Reason, Scope};

/// Names that hosts files give to the host itself and its links.
fn is_local(name: &[u8]) -> bool {
    const LOCAL_NAMES: [&[u8]; 14] = [
        b"localhost",
        b"localhost.localdomain",
        b"localhost4",
        b"localhost6",
        b"local",
        b"broadcasthost",
        b"ip6-localhost",
        b"ip6-loopback",
        b"ip6-localnet",
        b"ip6-mcastprefix",
        b"ip6-allnodes",
        b"ip6-allrouters",
        b"ip6-allhosts",
        b"0.0.0.0",
    ];
    matches!(name.first(), Some(b'l' | b'L' | b'b' | b'B' | b'i' | b'I' | b'0'))
        && LOCAL_NAMES.iter().any(|local| local.eq_ignore_ascii_case(name))
}

/// What the first word of a hosts line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// 0.0.0.0, ::, or a loopback address: the names are blocked.
    Null,
    /// Another address.
    Other,
}

/// The address that a hosts line begins with, if it does.
pub fn target(word: &[u8]) -> Option<Target> {
    if word == b"0.0.0.0" || word == b"127.0.0.1" {
        return Some(Target::Null);
    }
    let unscoped = word.split(|octet| *octet == b'%').next()?;
    let address = line::address(unscoped)?;
    Some(if line::is_null(&address) { Target::Null } else { Target::Other })
}

/// Whether the line is a comment: `#`, `!` or `;` comes first.
pub fn is_comment(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'#' | b'!' | b';'))
}

/// A line of a hosts file.
pub fn hosts<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    if is_comment(text) {
        return;
    }
    // Nearly every line is a null address and one name.
    if let Some(rest) = text.strip_prefix(b"0.0.0.0 ").or_else(|| text.strip_prefix(b"127.0.0.1 "))
        && let text::Kind::Name(name) = text::check(rest)
        && !is_local(rest)
    {
        return found(Found::Name(name, Listed::block(Scope::Exact)));
    }
    let mut words = line::words(text);
    let target = words.next().and_then(target);
    let mut any = false;
    for word in words {
        any = true;
        match target {
            Some(target) => host(word, target, found),
            None => return found(Found::Ignored(Reason::Syntax)),
        }
    }
    if !any {
        found(Found::Ignored(Reason::Syntax));
    }
}

/// A name of a hosts line.
pub fn host<'a>(word: &'a [u8], target: Target, found: &mut impl FnMut(Found<'a>)) {
    if is_local(word) {
        found(Found::Ignored(Reason::LocalName));
    } else if target == Target::Other {
        found(Found::Ignored(Reason::Redirect));
    } else {
        found(line::name(word, Listed::block(Scope::Exact)));
    }
}

/// A line of a list of names.
pub fn domains<'a>(text: &'a [u8], found: &mut impl FnMut(Found<'a>)) {
    if is_comment(text) {
        return;
    }
    // Nearly every line is a name and nothing else.
    let whole = domain(text);
    if matches!(whole, Found::Name(..)) {
        return found(whole);
    }
    let mut words = line::words(text);
    match (words.next(), words.next()) {
        (Some(word), None) => found(domain(word)),
        _ => found(Found::Ignored(Reason::Syntax)),
    }
}

fn domain(word: &[u8]) -> Found<'_> {
    let name = word.strip_prefix(b"*").unwrap_or(word);
    let name = name.strip_prefix(b".").unwrap_or(name);
    line::name(name, Listed::block(Scope::Below))
}
