//! How a zone is signed: the policy that an operator gives a name, and zones refer to.

use std::net::SocketAddr;

use dnssec::algorithm::Algorithm;

/// An hour, in seconds.
pub const HOUR_S: u32 = 3600;
/// A day, in seconds.
pub const DAY_S: u32 = 24 * HOUR_S;

/// Which keys a zone has (RFC 6781 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyLayout {
    /// A key-signing key, which the parent's DS record names, and a zone-signing key, which is replaced without the parent.
    #[default]
    Split,
    /// One key that signs everything.
    Combined,
}

/// How the zone proves that something is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DenialMode {
    /// NSEC records (RFC 4034 4).
    #[default]
    Nsec,
    /// NSEC3 records without salt and additional iterations (RFC 9276 3.1).
    Nsec3 {
        /// Delegations without DS have no record of their own (RFC 5155 6).
        opt_out: bool,
    },
}

/// How zones are signed. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SigningPolicy {
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// Bits of new RSA keys.
    pub rsa_bits: u16,
    /// Which keys there are.
    pub layout: KeyLayout,
    /// After this time the key-signing key (or the only key) is replaced; 0: never.
    pub ksk_lifetime_s: u64,
    /// After this time the zone-signing key is replaced; 0: never.
    pub zsk_lifetime_s: u64,
    /// How long new signatures are valid.
    pub signature_lifetime_s: u32,
    /// Signatures that are valid for less time than this are made anew.
    pub signature_refresh_s: u32,
    /// By up to so much signatures made together end earlier, so that not all are made anew at one time.
    pub signature_jitter_s: u32,
    /// So much before they are made signatures begin to be valid, for validators whose clocks are behind.
    pub inception_offset_s: u32,
    /// The TTL of the DNSKEY, CDS and CDNSKEY records.
    pub dnskey_ttl_s: u32,
    /// How names that are not there are proven.
    pub denial: DenialMode,
    /// Until a change is served by every name server of the zone.
    pub propagation_s: u32,
    /// The TTL of the DS records at the parent.
    pub parent_ds_ttl_s: u32,
    /// Until a change of the DS records is served by every name server of the parent.
    pub parent_propagation_s: u32,
    /// Time that is waited longer than the other times say, before a step that others depend on.
    pub safety_s: u32,
    /// The name servers of the parent that are asked for its DS records; empty: they are looked up.
    pub parent_servers: Vec<SocketAddr>,
    /// Whether CDS and CDNSKEY records tell the parent what the DS records shall be (RFC 7344).
    pub cds: bool,
    /// Whether the zone has a digest of all its records, a ZONEMD record (RFC 8976); each change reads the whole zone for it.
    pub zonemd: bool,
}

impl Default for SigningPolicy {
    fn default() -> SigningPolicy {
        SigningPolicy {
            algorithm: Algorithm::ECDSAP256SHA256,
            rsa_bits: 2048,
            layout: KeyLayout::Split,
            ksk_lifetime_s: 0,
            zsk_lifetime_s: u64::from(90 * DAY_S),
            signature_lifetime_s: 14 * DAY_S,
            signature_refresh_s: 7 * DAY_S,
            signature_jitter_s: DAY_S,
            inception_offset_s: HOUR_S,
            dnskey_ttl_s: HOUR_S,
            denial: DenialMode::Nsec,
            propagation_s: HOUR_S,
            parent_ds_ttl_s: DAY_S,
            parent_propagation_s: HOUR_S,
            safety_s: HOUR_S,
            parent_servers: Vec::new(),
            cds: true,
            zonemd: false,
        }
    }
}
