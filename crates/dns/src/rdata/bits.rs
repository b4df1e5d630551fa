//! Plain bitmaps, one bit for each number from 0 on: the services of WKS (RFC 1035 3.4.2) and the types of
//! NXT (RFC 2535 5.2).

use std::fmt;

use super::field::{BitNames, Field};
use super::read::Fields;
use super::wire::RdataError;
use crate::rtype::RType;
use crate::scan::{ScanError, Token};

/// Octets of a bitmap that has a bit for every port.
const MAX_LEN: usize = 1 << 13;

/// Names of well-known services, the same for TCP and UDP (IANA "Service Name and Transport Protocol Port Number
/// Registry"); all other ports are written as numbers.
const SERVICES: &[(u16, &str)] = &[
    (7, "echo"),
    (9, "discard"),
    (11, "systat"),
    (13, "daytime"),
    (17, "qotd"),
    (19, "chargen"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (43, "whois"),
    (49, "tacacs"),
    (53, "domain"),
    (67, "bootps"),
    (68, "bootpc"),
    (69, "tftp"),
    (70, "gopher"),
    (79, "finger"),
    (80, "http"),
    (88, "kerberos"),
    (109, "pop2"),
    (110, "pop3"),
    (111, "sunrpc"),
    (113, "auth"),
    (119, "nntp"),
    (123, "ntp"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (194, "irc"),
    (389, "ldap"),
    (443, "https"),
    (514, "syslog"),
    (631, "ipp"),
    (636, "ldaps"),
    (853, "domain-s"),
    (993, "imaps"),
    (995, "pop3s"),
];

/// How many bits there can be.
fn room(names: BitNames) -> u64 {
    match names {
        BitNames::Ports => 1 << 16,
        BitNames::Types => 128,
    }
}

/// Whether `octets` are a bitmap.
pub(super) fn check(octets: &[u8]) -> Result<(), RdataError> {
    if octets.len() > MAX_LEN { Err(RdataError::Trailing) } else { Ok(()) }
}

/// Whether `octets` are the one bitmap that their numbers in text give: none too many, no zero octets at the end.
pub(super) fn is_canonical(names: BitNames, octets: &[u8]) -> bool {
    octets.last() != Some(&0) && octets.len() as u64 * 8 <= room(names)
}

/// The numbers whose bit is set.
pub(super) fn numbers(octets: &[u8]) -> impl Iterator<Item = u16> {
    let all = octets.iter().zip(0u16..).take(MAX_LEN);
    all.flat_map(|(&octet, at)| (0..8).filter(move |bit| octet & 0x80 >> bit != 0).map(move |bit| at * 8 + bit))
}

/// Appends the bitmap of the numbers in all further fields.
pub(super) fn scan(names: BitNames, fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let start = out.len();
    while let Some(token) = fields.next()? {
        set(names, token, out, start)?;
    }
    Ok(())
}

/// Sets the bit that `token` names in the bitmap that begins at `start`.
pub(super) fn set(names: BitNames, token: Token<'_>, out: &mut Vec<u8>, start: usize) -> Result<(), ScanError> {
    let expected = || ScanError::expected(Field::Bits(names).expects(), token);
    let number = match names {
        _ if token.quoted => return Err(expected()),
        BitNames::Ports if token.raw.first().is_some_and(u8::is_ascii_digit) => token.number(u16::MAX.into())? as u16,
        BitNames::Ports => service(token.raw).ok_or_else(expected)?,
        BitNames::Types => RType::from_text(token.raw).ok_or_else(expected)?.0,
    };
    if u64::from(number) >= room(names) {
        return Err(expected());
    }
    let at = start + usize::from(number / 8);
    if out.len() <= at {
        out.resize(at + 1, 0);
    }
    out[at] |= 0x80 >> (number % 8);
    Ok(())
}

fn service(text: &[u8]) -> Option<u16> {
    SERVICES.iter().find(|(_, name)| text.eq_ignore_ascii_case(name.as_bytes())).map(|(port, _)| *port)
}

/// Prints the numbers, or the types, with blanks between them.
pub(super) fn write(names: BitNames, octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (i, number) in numbers(octets).enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        match names {
            BitNames::Ports => write!(out, "{number}")?,
            BitNames::Types => write!(out, "{}", RType(number))?,
        }
    }
    Ok(())
}
