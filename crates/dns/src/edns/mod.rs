//! EDNS (RFC 6891): the OPT record as [`Edns`] for owned messages, and [`Options`], which walks the
//! options of a received OPT record in place for the hot path.

pub mod code;
pub mod ede;
mod option;

pub use option::{ClientSubnet, EdnsOption};

use crate::header::Rcode;
use crate::rtype::RType;

/// Octets of an OPT record without options: root owner, type, class, TTL, data length.
pub const OPT_LEN: usize = 11;
/// Octets in front of an option's data: code and length.
pub const OPTION_HEADER_LEN: usize = 4;

const DNSSEC_OK: u16 = 1 << 15;
const COMPACT_OK: u16 = 1 << 14;

/// What is wrong with an OPT record's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdnsError {
    /// An option's length goes beyond the record.
    #[error("EDNS option ends early")]
    Truncated,
    /// The data of an option (its code is given) is not what its RFC says.
    #[error("bad data in EDNS option {0}")]
    BadOption(u16),
}

/// An OPT record. The upper bits of the response code, which the record carries on the wire, are in
/// the message's [`crate::header::Header::rcode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP payload the sender takes, in octets; below 512 means 512 (RFC 6891 6.2.3).
    pub udp_size: u16,
    /// Version, zero today.
    pub version: u8,
    /// The DO bit: DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// The CO bit: compact denial of existence is understood (RFC 9824 5.1).
    pub compact_ok: bool,
    /// The options in wire order.
    pub options: Vec<EdnsOption>,
}

impl Default for Edns {
    /// What we send where nothing else is configured: 1232 octets, as of DNS Flag Day 2020.
    fn default() -> Edns {
        Edns { udp_size: 1232, version: 0, dnssec_ok: false, compact_ok: false, options: Vec::new() }
    }
}

impl Edns {
    /// The OPT record with these class, TTL and data, and the upper eight bits of the response code.
    /// Flag bits that no RFC defines are ignored (RFC 6891 6.1.4).
    pub fn from_record(class: u16, ttl: u32, rdata: &[u8]) -> Result<(Edns, u8), EdnsError> {
        let mut options = Vec::new();
        for option in Options::new(rdata) {
            let (code, data) = option?;
            options.push(EdnsOption::from_wire(code, data)?);
        }
        Ok(Edns::of_fields(class, ttl, options))
    }

    /// The same of a response: options that are not well-formed are left out. Nothing depends on what a server adds to
    /// an answer that nobody asked for.
    pub fn from_record_of_response(class: u16, ttl: u32, rdata: &[u8]) -> (Edns, u8) {
        let options = Options::new(rdata).map_while(Result::ok);
        let options = options.filter_map(|(code, data)| EdnsOption::from_wire(code, data).ok()).collect();
        Edns::of_fields(class, ttl, options)
    }

    fn of_fields(class: u16, ttl: u32, options: Vec<EdnsOption>) -> (Edns, u8) {
        let [extended_rcode, version, flags @ ..] = ttl.to_be_bytes();
        let flags = u16::from_be_bytes(flags);
        let (dnssec_ok, compact_ok) = (flags & DNSSEC_OK != 0, flags & COMPACT_OK != 0);
        (Edns { udp_size: class, version, dnssec_ok, compact_ok, options }, extended_rcode)
    }

    /// The record in wire form, at most `room` octets long: options that do not fit are left out.
    /// A record without options is written whatever `room` is.
    pub fn to_record(&self, rcode: Rcode, room: usize) -> Vec<u8> {
        let mut out = vec![0];
        out.extend_from_slice(&RType::OPT.0.to_be_bytes());
        out.extend_from_slice(&self.udp_size.to_be_bytes());
        out.extend_from_slice(&[(rcode.0 >> 4) as u8, self.version]);
        let flags = if self.dnssec_ok { DNSSEC_OK } else { 0 } | if self.compact_ok { COMPACT_OK } else { 0 };
        out.extend_from_slice(&flags.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let room = room.min(OPT_LEN + usize::from(u16::MAX));
        for option in &self.options {
            let start = out.len();
            option.write(&mut out);
            if out.len() > room {
                out.truncate(start);
            }
        }
        let len = (out.len() - OPT_LEN) as u16;
        out[OPT_LEN - 2..OPT_LEN].copy_from_slice(&len.to_be_bytes());
        out
    }
}

/// The options of an OPT record's data as they stand there: code and data. Nothing is allocated.
///
/// An option that goes beyond the data is an error and the end.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options in `rdata`, the data of an OPT record.
    pub fn new(rdata: &'a [u8]) -> Options<'a> {
        Options { rest: rdata }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(u16, &'a [u8]), EdnsError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some((&[c0, c1, l0, l1], tail)) = rest.split_first_chunk::<OPTION_HEADER_LEN>() else {
            return Some(Err(EdnsError::Truncated));
        };
        let Some((data, rest)) = tail.split_at_checked(usize::from(u16::from_be_bytes([l0, l1]))) else {
            return Some(Err(EdnsError::Truncated));
        };
        self.rest = rest;
        Some(Ok((u16::from_be_bytes([c0, c1]), data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rdata: &[u8]) -> Vec<Result<(u16, &[u8]), EdnsError>> {
        Options::new(rdata).collect()
    }

    #[test]
    fn options_in_place() {
        let check = |rdata: &[u8], want: &[Result<(u16, &[u8]), EdnsError>]| assert_eq!(walk(rdata), want);
        check(&[], &[]);
        check(&[0, 3, 0, 0], &[Ok((3, &[]))]);
        check(&[0, 3, 0, 1, 9, 1, 0, 0, 2, 7, 8], &[Ok((3, &[9])), Ok((256, &[7, 8]))]);
        check(&[0, 3, 0], &[Err(EdnsError::Truncated)]);
        check(&[0, 3, 0, 1], &[Err(EdnsError::Truncated)]);
        check(&[0, 3, 0, 0, 0, 10, 255, 255, 1], &[Ok((3, &[])), Err(EdnsError::Truncated)]);
    }

    #[test]
    fn record_round_trip() {
        let edns = Edns {
            udp_size: 4096,
            version: 1,
            dnssec_ok: true,
            compact_ok: false,
            options: vec![EdnsOption::Nsid(b"ns1".to_vec())],
        };
        let wire = edns.to_record(Rcode::BADVERS, 512);
        assert_eq!(wire, b"\0\0\x29\x10\0\x01\x01\x80\0\0\x07\0\x03\0\x03ns1");
        let parsed = Edns::from_record(4096, 0x0101_8000, &wire[OPT_LEN..]);
        assert_eq!(parsed, Ok((edns, 1)));
    }

    #[test]
    fn options_that_do_not_fit_are_left_out() {
        let options = vec![EdnsOption::Padding(100), EdnsOption::Nsid(b"x".to_vec()), EdnsOption::Padding(u16::MAX)];
        let edns = Edns { options, ..Edns::default() };
        assert_eq!(edns.to_record(Rcode::NOERROR, 0).len(), OPT_LEN);
        assert_eq!(edns.to_record(Rcode::NOERROR, OPT_LEN + 5).len(), OPT_LEN + 5);
        assert_eq!(edns.to_record(Rcode::NOERROR, usize::MAX).len(), OPT_LEN + 104 + 5);
    }
}
