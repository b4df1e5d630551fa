//! Service parameters of SVCB and HTTPS (RFC 9460 2.1, 2.2, 7, 8; RFC 9461, 9540, 9848;
//! draft-ietf-tls-key-share-prediction 3.1).

pub(super) mod json;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::codec::{self, Base64Decoder};
use super::print;
use super::read::Fields;
use super::wire::{self, RdataError};
use crate::scan::{ScanError, ScanErrorKind, Token};

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rdata) enum Kind {
    /// Ascending parameter keys, at least one.
    Keys,
    /// Protocol identifiers behind length octets, at least one.
    Alpn,
    /// Nothing.
    Empty,
    /// A port number.
    Port,
    /// IPv4 addresses, at least one.
    Ipv4s,
    /// IPv6 addresses, at least one.
    Ipv6s,
    /// Octets written in base64, at least one.
    Base64,
    /// Numbers of TLS groups, at least one, each once.
    Groups,
    /// The template of a path, with a variable `dns` (RFC 9461 5).
    PathTemplate,
    /// Any octets.
    Octets,
}

/// The known parameters (IANA "Service Parameter Keys").
const PARAMS: &[(u16, &str, Kind)] = &[
    (MANDATORY, "mandatory", Kind::Keys),
    (ALPN, "alpn", Kind::Alpn),
    (NO_DEFAULT_ALPN, "no-default-alpn", Kind::Empty),
    (3, "port", Kind::Port),
    (4, "ipv4hint", Kind::Ipv4s),
    (ECH, "ech", Kind::Base64),
    (6, "ipv6hint", Kind::Ipv6s),
    (DOHPATH, "dohpath", Kind::PathTemplate),
    (8, "ohttp", Kind::Empty),
    (9, "tls-supported-groups", Kind::Groups),
];
const MANDATORY: u16 = 0;
pub(in crate::rdata) const ALPN: u16 = 1;
pub(in crate::rdata) const NO_DEFAULT_ALPN: u16 = 2;
pub(in crate::rdata) const ECH: u16 = 5;
pub(in crate::rdata) const DOHPATH: u16 = 7;

/// The kind of a parameter's value.
pub(in crate::rdata) fn kind(key: u16) -> Kind {
    PARAMS.iter().find(|param| param.0 == key).map_or(Kind::Octets, |param| param.2)
}

/// The key that `text` names; RFC 9460 14.3.1: `keyNNNNN` has no leading zeros. The flag tells
/// whether it was written by name.
pub(in crate::rdata) fn key(text: &[u8]) -> Option<(u16, bool)> {
    if let Some(param) = PARAMS.iter().find(|param| param.1.as_bytes() == text) {
        return Some((param.0, true));
    }
    let digits = text.strip_prefix(b"key").filter(|digits| digits.len() == 1 || !digits.starts_with(b"0"))?;
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0u32, |value, &digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))?;
    Some((u16::try_from(number).ok()?, false))
}

/// Prints the name of a key.
pub(in crate::rdata) fn write_key(key: u16, out: &mut impl fmt::Write) -> fmt::Result {
    match PARAMS.iter().find(|param| param.0 == key) {
        Some(param) => out.write_str(param.1),
        None => write!(out, "key{key}"),
    }
}

/// The parameters as key and value; ends with the first that is cut off.
pub(in crate::rdata) fn params(wire: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&[k0, k1, l0, l1], tail) = rest.split_first_chunk()?;
        let (value, next) = tail.split_at_checked(u16::from_be_bytes([l0, l1]).into())?;
        rest = next;
        Some((u16::from_be_bytes([k0, k1]), value))
    })
}

/// Two octets each as keys.
pub(in crate::rdata) fn keys(value: &[u8]) -> impl Iterator<Item = u16> {
    value.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// The protocol identifiers in the value of "alpn".
pub(in crate::rdata) fn alpn_ids(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let id = wire::char_string(rest).ok()?;
        rest = rest.get(1 + id.len()..)?;
        Some(id)
    })
}

/// Whether `wire` consists of whole parameters.
pub(in crate::rdata) fn check_frames(wire: &[u8]) -> Result<(), RdataError> {
    let used: usize = params(wire).map(|(_, value)| 4 + value.len()).sum();
    if used == wire.len() { Ok(()) } else { Err(RdataError::Truncated) }
}

/// Whether whole parameters are a list that clients take (RFC 9460 2.2: keys ascend, values have their form; 8: the
/// mandatory ones are there).
pub(in crate::rdata) fn check(wire: &[u8]) -> Result<(), RdataError> {
    check_frames(wire)?;
    let mut previous = None;
    for (key, value) in params(wire) {
        if previous.is_some_and(|previous| previous >= key) {
            return Err(RdataError::Invalid("service parameters twice or out of order"));
        }
        if !is_value(kind(key), value) {
            return Err(RdataError::Invalid("a service parameter with a bad value"));
        }
        previous = Some(key);
    }
    let mut mandatory = params(wire).filter(|param| param.0 == MANDATORY).flat_map(|param| keys(param.1));
    // Both ascend: what is passed over is not looked for again.
    let mut present = params(wire).map(|param| param.0);
    if mandatory.any(|key| !present.any(|other| other == key)) {
        return Err(RdataError::Invalid("a mandatory service parameter that is missing"));
    }
    Ok(())
}

fn is_value(kind: Kind, value: &[u8]) -> bool {
    let multiple_of = |len: usize| !value.is_empty() && value.len().is_multiple_of(len);
    match kind {
        Kind::Octets => true,
        Kind::PathTemplate => is_path_template(value),
        Kind::Groups => multiple_of(2) && all_different(keys(value)),
        Kind::Empty => value.is_empty(),
        Kind::Port => value.len() == 2,
        Kind::Base64 => !value.is_empty(),
        Kind::Ipv4s => multiple_of(4),
        Kind::Ipv6s => multiple_of(16),
        Kind::Keys => multiple_of(2) && keys(value).is_sorted_by(|a, b| a < b) && !keys(value).any(|k| k == MANDATORY),
        Kind::Alpn => {
            let used: usize = alpn_ids(value).map(|id| 1 + id.len()).sum();
            used > 0 && used == value.len() && alpn_ids(value).all(|id| !id.is_empty())
        }
    }
}

/// Whether the value of "ech" is a list of configurations behind its length, each behind version and length
/// (RFC 9849 4).
pub(in crate::rdata) fn is_ech_list(value: &[u8]) -> bool {
    let Some((&len, mut rest)) = value.split_first_chunk() else { return false };
    if usize::from(u16::from_be_bytes(len)) != rest.len() || rest.is_empty() {
        return false;
    }
    while let Some((&[_, _, high, low], tail)) = rest.split_first_chunk() {
        let Some(next) = tail.get(usize::from(u16::from_be_bytes([high, low]))..) else { return false };
        rest = next;
    }
    rest.is_empty()
}

/// Whether no number occurs twice.
fn all_different(mut numbers: impl Iterator<Item = u16>) -> bool {
    let mut seen = [0u64; 1 << 10];
    numbers.all(|number| {
        let (word, bit) = (&mut seen[usize::from(number / 64)], 1 << (number % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    })
}

/// Whether `value` is the template of a path in which a DoH client can put its query: UTF-8, relative, with a
/// variable `dns` (RFC 9461 5, RFC 6570 2).
fn is_path_template(value: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(value).ok().filter(|text| text.starts_with('/')) else { return false };
    let mut rest = text;
    let mut has_dns = false;
    while let Some((_, tail)) = rest.split_once('{') {
        let Some((expression, tail)) = tail.split_once('}') else { return false };
        let variables = expression.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
        let name = |variable: &str| variable.split([':', '*']).next() == Some("dns");
        has_dns |= variables.split(',').any(name);
        rest = tail;
    }
    has_dns
}

/// Parameters that are being collected, in any order.
#[derive(Default)]
pub(in crate::rdata) struct Builder {
    params: Vec<(u16, Vec<u8>)>,
}

impl Builder {
    /// Adds one.
    pub fn add(&mut self, key: u16, value: Vec<u8>) {
        self.params.push((key, value));
    }

    /// Appends the wire form; an error if it would not be valid.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), RdataError> {
        self.params.sort_by_key(|param| param.0);
        let start = out.len();
        for (key, value) in &self.params {
            let len = u16::try_from(value.len()).map_err(|_| RdataError::TooLong)?;
            out.extend_from_slice(&key.to_be_bytes());
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(value);
        }
        check(&out[start..])
    }
}

/// Appends the parameters in all further fields.
pub(in crate::rdata) fn scan(fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let (mut builder, mut offset) = (Builder::default(), fields.offset());
    while let Some(token) = fields.next()? {
        offset = token.offset;
        let equals = token.raw.iter().position(|&byte| byte == b'=');
        let name = &token.raw[..equals.unwrap_or(token.raw.len())];
        let known = if token.quoted { None } else { key(name) };
        let (key, by_name) = known.ok_or_else(|| ScanError::expected("a service parameter", token))?;
        let mut text = Token { raw: equals.map_or(&[][..], |at| &token.raw[at + 1..]), ..token };
        if equals.is_some() && text.raw.is_empty() {
            // `key="value"`: the quoted part follows without a blank.
            text = fields.next_quoted_at(token.offset + token.raw.len())?.unwrap_or(text);
        }
        let mut octets = Vec::new();
        text.unescape(&mut octets)?;
        // RFC 9460 2.1: the value of `keyNNNNN` is the wire form itself.
        let kind = if by_name { kind(key) } else { Kind::Octets };
        let value = parse(kind, octets).ok_or_else(|| ScanError::expected("a value that fits the parameter", text))?;
        builder.add(key, value);
    }
    builder.finish(out).map_err(|e| ScanError::new(ScanErrorKind::Other(e.to_string()), offset))
}

/// The wire form of a value in text whose escapes are resolved already.
pub(in crate::rdata) fn parse(kind: Kind, text: Vec<u8>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match kind {
        Kind::Octets | Kind::PathTemplate => return is_value(kind, &text).then_some(text),
        Kind::Groups => {
            for number in text.split(|&b| b == b',') {
                push_number(number, &mut out)?;
            }
            return is_value(kind, &out).then_some(out);
        }
        Kind::Empty => return text.is_empty().then_some(out),
        Kind::Port => push_number(&text, &mut out)?,
        Kind::Base64 => {
            let mut decoder = Base64Decoder::default();
            decoder.push(&text, &mut out)?;
            decoder.finish()?;
        }
        Kind::Ipv4s => {
            text.split(|&b| b == b',').try_for_each(|a| codec::ipv4(a).map(|a| out.extend_from_slice(&a)))?
        }
        Kind::Ipv6s => {
            text.split(|&b| b == b',').try_for_each(|a| codec::ipv6(a).map(|a| out.extend_from_slice(&a)))?
        }
        Kind::Keys => {
            let keys: Option<Vec<u16>> = text.split(|&b| b == b',').map(|name| Some(key(name)?.0)).collect();
            push_keys(keys?, &mut out);
        }
        Kind::Alpn => parse_alpn(&text, &mut out)?,
    }
    Some(out)
}

/// Appends a 16-bit number.
fn push_number(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let token = Token::plain(text);
    out.extend_from_slice(&(token.number(u16::MAX.into()).ok()? as u16).to_be_bytes());
    Some(())
}

/// Appends keys in ascending order (RFC 9460 8: in text they may have any).
pub(in crate::rdata) fn push_keys(mut keys: Vec<u16>, out: &mut Vec<u8>) {
    keys.sort_unstable();
    keys.iter().for_each(|key| out.extend_from_slice(&key.to_be_bytes()));
}

/// Protocol identifiers with commas between them; `\,` and `\\` stand for themselves (RFC 9460 A.1).
fn parse_alpn(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut id = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b',' => {
                push_alpn(&id, out)?;
                id.clear();
            }
            b'\\' => id.push(*bytes.next().filter(|&&escaped| matches!(escaped, b',' | b'\\'))?),
            _ => id.push(byte),
        }
    }
    push_alpn(&id, out)
}

/// Appends a protocol identifier behind its length octet.
pub(in crate::rdata) fn push_alpn(id: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let len = u8::try_from(id.len()).ok().filter(|&len| len > 0)?;
    out.push(len);
    out.extend_from_slice(id);
    Some(())
}

/// Prints the parameters with blanks between them.
pub(in crate::rdata) fn write(wire: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, (key, value)) in params(wire).enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        write_key(key, out)?;
        if !value.is_empty() {
            out.write_char('=')?;
            write_value(kind(key), value, out)?;
        }
    }
    Ok(())
}

fn write_value(kind: Kind, value: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    match kind {
        Kind::Octets | Kind::PathTemplate => print::quoted(value, out),
        Kind::Groups => with_commas(keys(value), out, |group, out| write!(out, "{group}")),
        Kind::Empty => Ok(()),
        Kind::Port => keys(value).try_for_each(|port| write!(out, "{port}")),
        Kind::Base64 => codec::write_base64(value, out),
        Kind::Keys => with_commas(keys(value), out, write_key),
        Kind::Ipv4s => with_commas(value.as_chunks::<4>().0, out, |a, out| write!(out, "{}", Ipv4Addr::from(*a))),
        Kind::Ipv6s => with_commas(value.as_chunks::<16>().0, out, |a, out| write!(out, "{}", Ipv6Addr::from(*a))),
        Kind::Alpn => {
            let mut text = Vec::new();
            for id in alpn_ids(value) {
                if !text.is_empty() {
                    text.push(b',');
                }
                for &byte in id {
                    if matches!(byte, b',' | b'\\') {
                        text.push(b'\\');
                    }
                    text.push(byte);
                }
            }
            print::quoted(&text, out)
        }
    }
}

fn with_commas<T, W: fmt::Write>(
    items: impl IntoIterator<Item = T>,
    out: &mut W,
    mut write: impl FnMut(T, &mut W) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.write_char(',')?;
        }
        write(item, out)?;
    }
    Ok(())
}
