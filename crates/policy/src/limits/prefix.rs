//! Prefixes of addresses, as limits tell clients apart.
//!
//! An IPv4 address is the IPv6 address that it is mapped to (RFC 4291 2.5.5.2), so one kind of number stands for both,
//! and a client of a socket for both families is the same client.

use std::net::IpAddr;

/// Bits in front of a mapped IPv4 address.
const MAPPED_BITS: u8 = 96;
/// Longest prefix of an IPv4 address, in bits.
const MAX_V4_BITS: u8 = 32;
/// Longest prefix of an IPv6 address, in bits.
const MAX_V6_BITS: u8 = 128;

/// How many bits of its address make a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixLengths {
    /// Of an IPv4 address; more than 32 is 32.
    pub v4: u8,
    /// Of an IPv6 address; more than 128 is 128.
    pub v6: u8,
}

impl Default for PrefixLengths {
    /// An IPv4 address is one client, and so is an IPv6 /64, of which one host can use every address.
    fn default() -> PrefixLengths {
        PrefixLengths { v4: 32, v6: 64 }
    }
}

/// The first bits of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    bits: u128,
    length: u8,
}

impl Prefix {
    /// The client that `address` belongs to.
    #[inline]
    pub fn of(address: IpAddr, lengths: PrefixLengths) -> Prefix {
        let (bits, is_v4) = bits_of(address);
        if is_v4 { Prefix::of_v4(bits, lengths.v4) } else { Prefix::of_v6(bits, lengths.v6) }
    }

    /// The first `length` bits of the mapped IPv4 address `bits`.
    #[inline]
    pub fn of_v4(bits: u128, length: u8) -> Prefix {
        Prefix::cut(bits, MAPPED_BITS + length.min(MAX_V4_BITS))
    }

    /// The first `length` bits of the IPv6 address `bits`.
    #[inline]
    pub fn of_v6(bits: u128, length: u8) -> Prefix {
        Prefix::cut(bits, length.min(MAX_V6_BITS))
    }

    #[inline]
    fn cut(bits: u128, length: u8) -> Prefix {
        // A shift by all 128 bits is none for the processor; no bit is left then.
        let mask = u128::MAX.checked_shl(u32::from(MAX_V6_BITS - length)).unwrap_or(0);
        Prefix { bits: bits & mask, length }
    }

    /// Its upper and lower half, and how long it is: what its hash is made of.
    #[inline]
    pub(super) fn parts(self) -> (u64, u64, u64) {
        ((self.bits >> 64) as u64, self.bits as u64, u64::from(self.length))
    }
}

/// The bits of an address, and whether it is an IPv4 address or one that is mapped.
#[inline]
pub fn bits_of(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (0xffff_0000_0000 | u128::from(v4.to_bits()), true),
        IpAddr::V6(v6) => (v6.to_bits(), v6.to_bits() >> 32 == 0xffff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, v4: u8, v6: u8) -> Prefix {
        Prefix::of(address.parse().expect("an address"), PrefixLengths { v4, v6 })
    }

    #[test]
    fn addresses_that_begin_alike_are_one_client() {
        assert_eq!(of("192.0.2.1", 24, 64), of("192.0.2.255", 24, 64));
        assert_ne!(of("192.0.2.1", 24, 64), of("192.0.3.1", 24, 64));
        assert_ne!(of("192.0.2.1", 32, 64), of("192.0.2.255", 32, 64));
        assert_eq!(of("2001:db8::1", 32, 64), of("2001:db8::ffff:ffff:ffff:ffff", 32, 64));
        assert_ne!(of("2001:db8::1", 32, 64), of("2001:db8:0:1::1", 32, 64));
    }

    #[test]
    fn a_prefix_of_no_bits_is_all_of_its_family() {
        assert_eq!(of("192.0.2.1", 0, 0), of("255.0.0.1", 0, 0));
        assert_eq!(of("2001:db8::1", 0, 0), of("ff02::1", 0, 0));
        assert_ne!(of("192.0.2.1", 0, 0), of("ff02::1", 0, 0));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(of("::ffff:192.0.2.1", 24, 64), of("192.0.2.9", 24, 64));
    }

    #[test]
    fn prefixes_of_different_lengths_differ() {
        assert_ne!(of("192.0.0.0", 24, 64), of("192.0.0.0", 20, 64));
    }

    #[test]
    fn too_many_bits_are_all_bits() {
        assert_eq!(of("192.0.2.1", 200, 64), of("192.0.2.1", 32, 64));
        assert_eq!(of("2001:db8::1", 32, 255), of("2001:db8::1", 32, 128));
    }
}
