//! Gateways of IPSECKEY (RFC 4025 2.3, 2.5) and relays of AMTRELAY (RFC 8777 4.2.3, 4.2.4): nothing, an
//! address or a name, told apart by a type in the second octet of the record data.

use std::fmt;

use super::field::{Field, NameRules};
use super::wire::RdataError;
use super::{print, read};
use crate::name::Name;
use crate::scan::{ScanError, Token};

/// What the gateway field is, given its type; `Ok(None)` for type 0, no gateway.
fn kind(mask: u8, rdata: &[u8]) -> Result<Option<Field>, RdataError> {
    match rdata.get(1).ok_or(RdataError::Truncated)? & mask {
        0 => Ok(None),
        1 => Ok(Some(Field::Ipv4)),
        2 => Ok(Some(Field::Ipv6)),
        3 => Ok(Some(Field::Name(NameRules::Verbatim))),
        _ => Err(RdataError::Invalid("an unknown gateway type")),
    }
}

/// Where the gateway that begins at `at` ends. One of an unknown type has no known end: it takes all that is left.
pub(super) fn end(mask: u8, rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    match kind(mask, rdata) {
        Ok(None) => Ok(at),
        Ok(Some(field)) => super::wire::field_end(field, rdata, at),
        Err(RdataError::Invalid(_)) => Ok(rdata.len()),
        Err(error) => Err(error),
    }
}

/// Whether the type of the gateway is known.
pub(super) fn check(mask: u8, rdata: &[u8]) -> Result<(), RdataError> {
    kind(mask, rdata).map(|_| ())
}

/// Appends the gateway in `token`; the data of the record begins at `start` and has its type.
pub(super) fn scan(
    mask: u8,
    token: Token<'_>,
    origin: &Name,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), ScanError> {
    let bad = ScanError::expected(Field::Gateway(mask).expects(), token);
    match kind(mask, out.get(start..).unwrap_or_default()) {
        Ok(None) if token.raw == b"." => Ok(()),
        Ok(Some(field)) => read::single(field, token, origin, out, start),
        _ => Err(bad),
    }
}

/// Prints the gateway, `.` for none.
pub(super) fn write(mask: u8, value: print::Value<'_>, out: &mut impl fmt::Write) -> fmt::Result {
    match kind(mask, value.rdata) {
        Ok(Some(field)) => print::value(field, value, out),
        _ => out.write_char('.'),
    }
}

/// Whether the gateway is a name.
pub(super) fn is_name(mask: u8, rdata: &[u8]) -> bool {
    matches!(kind(mask, rdata), Ok(Some(Field::Name(_))))
}
