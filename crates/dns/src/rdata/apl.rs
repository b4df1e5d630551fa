//! Address prefix lists (RFC 3123).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::codec;
use super::field::Field;
use super::read::Fields;
use super::wire::RdataError;
use crate::scan::{ScanError, Token};

/// Address family of IPv4 (IANA "Address Family Numbers").
const FAMILY_IPV4: u16 = 1;
/// Address family of IPv6.
const FAMILY_IPV6: u16 = 2;

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix<'a> {
    /// 1 for IPv4, 2 for IPv6.
    pub family: u16,
    /// Bits of the prefix.
    pub length: u8,
    /// Whether the item is excluded (`!`).
    pub negated: bool,
    /// The address, trailing zero octets left out.
    pub address: &'a [u8],
}

/// The items of a list; ends with the first one that is not valid.
pub(super) fn prefixes(wire: &[u8]) -> impl Iterator<Item = Prefix<'_>> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (prefix, tail) = split(rest).ok()?;
        rest = tail;
        Some(prefix)
    })
}

fn split(wire: &[u8]) -> Result<(Prefix<'_>, &[u8]), RdataError> {
    let (&[high, low, length, size], rest) = wire.split_first_chunk().ok_or(RdataError::Truncated)?;
    let (address, rest) = rest.split_at_checked((size & 0x7f).into()).ok_or(RdataError::Truncated)?;
    let family = u16::from_be_bytes([high, low]);
    let octets = octets_of(family).ok_or(RdataError::Invalid("a prefix of an unknown address family"))?;
    // RFC 3123 4: trailing zero octets must not be there.
    if usize::from(length) > octets * 8 || address.len() > octets || address.last() == Some(&0) {
        return Err(RdataError::Invalid("a bad address prefix"));
    }
    Ok((Prefix { family, length, negated: size & 0x80 != 0, address }, rest))
}

fn octets_of(family: u16) -> Option<usize> {
    match family {
        FAMILY_IPV4 => Some(4),
        FAMILY_IPV6 => Some(16),
        _ => None,
    }
}

/// Whether `wire` is a list of prefixes.
pub(super) fn check(mut wire: &[u8]) -> Result<(), RdataError> {
    while !wire.is_empty() {
        (_, wire) = split(wire)?;
    }
    Ok(())
}

/// Appends the prefixes in all further fields.
pub(super) fn scan(fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    while let Some(token) = fields.next()? {
        scan_prefix(token, out)?;
    }
    Ok(())
}

/// Appends one prefix, `[!]FAMILY:ADDRESS/LENGTH`.
pub(super) fn scan_prefix(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let expected = || ScanError::expected(Field::Apl.expects(), token);
    if token.quoted {
        return Err(expected());
    }
    let (negated, raw) = match token.raw {
        [b'!', rest @ ..] => (0x80, rest),
        raw => (0, raw),
    };
    let at = |byte| raw.iter().position(|&b| b == byte).ok_or_else(expected);
    let (colon, slash) = (at(b':')?, at(b'/')?);
    let part = |raw| Token { raw, ..token };
    let family = part(&raw[..colon]).number(u16::MAX.into())? as u16;
    let text = raw.get(colon + 1..slash).ok_or_else(expected)?;
    let (v4, v6);
    let address: &[u8] = match family {
        FAMILY_IPV4 => {
            v4 = codec::ipv4(text).ok_or_else(expected)?;
            &v4
        }
        FAMILY_IPV6 => {
            v6 = codec::ipv6(text).ok_or_else(expected)?;
            &v6
        }
        _ => return Err(expected()),
    };
    let length = part(&raw[slash + 1..]).number(address.len() as u64 * 8)? as u8;
    let used = address.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    out.extend_from_slice(&[length, negated | used as u8]);
    out.extend_from_slice(&address[..used]);
    Ok(())
}

/// Prints the prefixes with blanks between them.
pub(super) fn write(wire: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, prefix) in prefixes(wire).enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{prefix}")?;
    }
    Ok(())
}

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = [0; 16];
        octets[..self.address.len()].copy_from_slice(self.address);
        write!(f, "{}{}:", if self.negated { "!" } else { "" }, self.family)?;
        match self.family {
            FAMILY_IPV4 => write!(f, "{}", Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))?,
            _ => write!(f, "{}", Ipv6Addr::from(octets))?,
        }
        write!(f, "/{}", self.length)
    }
}
