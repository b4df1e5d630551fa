//! Clients' addresses in the query log: as they are, cut to a prefix, or replaced by a pseudonym.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip128::SipHasher24;

/// What becomes of the address of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anonymise {
    /// Nothing.
    #[default]
    No,
    /// Bits behind the prefix are zero.
    Prefix {
        /// Bits that stay of an IPv4 address; at most 32.
        ipv4: u8,
        /// Bits that stay of an IPv6 address; at most 128.
        ipv6: u8,
    },
    /// An address of `fd00::/8` instead, always the same one with the same key, of which nobody without the key learns
    /// the client's.
    Keyed(Key),
}

/// A secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 16]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Anonymise {
    /// The address that is logged instead of `client`.
    pub fn address(&self, client: IpAddr) -> IpAddr {
        match (self, client.to_canonical()) {
            (Anonymise::No, client) => client,
            (Anonymise::Prefix { ipv4, .. }, IpAddr::V4(client)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*ipv4).min(32)).unwrap_or(0);
                Ipv4Addr::from_bits(client.to_bits() & mask).into()
            }
            (Anonymise::Prefix { ipv6, .. }, IpAddr::V6(client)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*ipv6).min(128)).unwrap_or(0);
                Ipv6Addr::from_bits(client.to_bits() & mask).into()
            }
            (Anonymise::Keyed(Key(key)), client) => {
                let hasher = SipHasher24::new_with_key(key);
                let bits = match client {
                    IpAddr::V4(client) => client.to_ipv6_mapped().to_bits(),
                    IpAddr::V6(client) => client.to_bits(),
                };
                let hash = hasher.hash(&bits.to_be_bytes()).as_u128();
                Ipv6Addr::from_bits(0xfd << 120 | hash >> 8).into()
            }
        }
    }

    /// Whether anything becomes of it.
    pub fn is_on(&self) -> bool {
        *self != Anonymise::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(anonymise: Anonymise, client: &str) -> String {
        anonymise.address(client.parse().expect("an address")).to_string()
    }

    #[test]
    fn prefixes_and_pseudonyms() {
        assert_eq!(text(Anonymise::No, "::ffff:192.0.2.77"), "192.0.2.77");
        let prefix = |ipv4, ipv6| Anonymise::Prefix { ipv4, ipv6 };
        assert_eq!(text(prefix(24, 48), "192.0.2.77"), "192.0.2.0");
        assert_eq!(text(prefix(24, 48), "::ffff:192.0.2.77"), "192.0.2.0");
        assert_eq!(text(prefix(24, 48), "2001:db8:1:2::3"), "2001:db8:1::");
        assert_eq!(
            (text(prefix(0, 0), "192.0.2.77"), text(prefix(0, 0), "2001:db8::1")),
            ("0.0.0.0".into(), "::".into())
        );
        assert_eq!(text(prefix(32, 128), "2001:db8::1"), "2001:db8::1");
        let keyed = |byte| Anonymise::Keyed(Key([byte; 16]));
        let pseudonym = text(keyed(1), "192.0.2.77");
        assert!(pseudonym.starts_with("fd") && pseudonym == text(keyed(1), "::ffff:192.0.2.77"), "{pseudonym}");
        assert!(pseudonym != text(keyed(2), "192.0.2.77") && pseudonym != text(keyed(1), "192.0.2.78"));
        assert_eq!(format!("{:?}", keyed(1)), "Keyed((secret))");
    }
}
