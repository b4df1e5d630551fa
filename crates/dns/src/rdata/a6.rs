//! A6 data (RFC 2874 3.1): a prefix length, the rest of an address, and the name where the prefix is found.

use std::fmt;
use std::net::Ipv6Addr;

use super::codec;
use super::wire::RdataError;
use crate::name::Name;
use crate::scan::Token;

/// Bits of an address.
const BITS: u8 = 128;

/// Octets of the suffix that goes with a prefix length.
fn suffix_len(rdata: &[u8]) -> Result<usize, RdataError> {
    match rdata.first() {
        None => Err(RdataError::Truncated),
        Some(&length) if length > BITS => Err(RdataError::Invalid("a prefix longer than an address")),
        Some(&length) => Ok(usize::from(BITS - length).div_ceil(8)),
    }
}

/// Where the suffix that begins at `at` ends.
pub(super) fn suffix_end(rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    let end = at + suffix_len(rdata)?;
    if end > rdata.len() { Err(RdataError::Truncated) } else { Ok(end) }
}

/// Where the name that begins at `at` ends; there is none where nothing is left to be found.
pub(super) fn prefix_end(rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    match rdata.first() {
        Some(0) => Ok(at),
        _ => Ok(at + Name::split_from_wire(rdata.get(at..).unwrap_or_default())?.0.len()),
    }
}

/// Whether text has the suffix, given the data before it; a prefix that is too long is found out with it.
pub(super) fn has_suffix(rdata: &[u8]) -> bool {
    suffix_len(rdata).map_or(true, |len| len > 0)
}

/// Whether text has the name, given the data before it.
pub(super) fn has_prefix(rdata: &[u8]) -> bool {
    rdata.first().is_some_and(|&length| length > 0)
}

/// Appends the suffix of the address in `token`; the bits that the prefix gives are cleared, as loading a zone must
/// (RFC 2874 3.1.1).
pub(super) fn scan_suffix(token: Token<'_>, out: &mut Vec<u8>, start: usize) -> Option<()> {
    let rdata = out.get(start..)?;
    let (len, &length) = (suffix_len(rdata).ok()?, rdata.first()?);
    let address = codec::ipv6(token.raw)?;
    let at = out.len();
    out.extend_from_slice(address.last_chunk::<16>()?.get(16 - len..)?);
    *out.get_mut(at)? &= 0xff >> (length % 8);
    Some(())
}

/// Whether the bits before the suffix are zero, as text makes them.
pub(super) fn is_padded(rdata: &[u8], octets: &[u8]) -> bool {
    let length = rdata.first().copied().unwrap_or_default();
    octets.first().is_none_or(|&first| first & !(0xff >> (length % 8)) == 0)
}

/// Prints the suffix as an address.
pub(super) fn write_suffix(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let mut address = [0; 16];
    let Some(tail) = address.len().checked_sub(octets.len()).and_then(|at| address.get_mut(at..)) else {
        return Ok(());
    };
    tail.copy_from_slice(octets);
    if octets.is_empty() { Ok(()) } else { write!(out, "{}", Ipv6Addr::from(address)) }
}
