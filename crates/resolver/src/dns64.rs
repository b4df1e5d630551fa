//! DNS64 (RFC 6147): IPv6 addresses for hosts that have only IPv4 ones, in a prefix that a NAT64 translates.
//!
//! [`crate::resolve`] asks for A when there is no AAAA, and calls this.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// The well-known prefix, `64:ff9b::/96` (RFC 6052 2.1).
const WELL_KNOWN: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// How addresses are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns64 {
    prefix: Ipv6Net,
    exclude: Vec<Ipv6Net>,
}

/// Why a prefix cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Its length.
    #[error("the length of a DNS64 prefix is 32, 40, 48, 56, 64 or 96 (RFC 6052 2.2)")]
    Length,
    /// Its bits.
    #[error("bits 64 to 71 of a DNS64 prefix are zero (RFC 6052 2.2)")]
    Reserved,
}

impl Dns64 {
    /// Addresses in `prefix`; AAAA records in one of `exclude` count as none. `::ffff:0:0/96` always does
    /// (RFC 6147 5.1.4).
    ///
    /// # Errors
    /// A prefix that addresses cannot be made in.
    pub fn new(prefix: Ipv6Net, mut exclude: Vec<Ipv6Net>) -> Result<Dns64, PrefixError> {
        if !matches!(prefix.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(PrefixError::Length);
        }
        if prefix.trunc().addr().octets()[8] != 0 {
            return Err(PrefixError::Reserved);
        }
        exclude.extend(Ipv6Net::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96));
        Ok(Dns64 { prefix: prefix.trunc(), exclude })
    }

    /// The prefix.
    pub fn prefix(&self) -> Ipv6Net {
        self.prefix
    }
}
