//! Option codes (IANA registry "DNS EDNS0 Option Codes").

/// Name server identifier (RFC 5001).
pub const NSID: u16 = 3;
/// DNSSEC algorithms understood (RFC 6975).
pub const DAU: u16 = 5;
/// DS digest types understood (RFC 6975).
pub const DHU: u16 = 6;
/// NSEC3 hash algorithms understood (RFC 6975).
pub const N3U: u16 = 7;
/// Client subnet (RFC 7871).
pub const CLIENT_SUBNET: u16 = 8;
/// Zone expiry timer (RFC 7314).
pub const EXPIRE: u16 = 9;
/// Cookies (RFC 7873).
pub const COOKIE: u16 = 10;
/// Idle timeout of a TCP connection (RFC 7828).
pub const KEEPALIVE: u16 = 11;
/// Padding (RFC 7830).
pub const PADDING: u16 = 12;
/// Chain query (RFC 7901).
pub const CHAIN: u16 = 13;
/// Key tags of the trust anchors in use (RFC 8145).
pub const KEY_TAG: u16 = 14;
/// Extended error (RFC 8914).
pub const EXTENDED_ERROR: u16 = 15;
/// Where to report errors (RFC 9567).
pub const REPORT_CHANNEL: u16 = 18;
/// Version of the zone that answered (RFC 9660).
pub const ZONE_VERSION: u16 = 19;

const NAMES: [(u16, &str); 14] = [
    (NSID, "NSID"),
    (DAU, "DAU"),
    (DHU, "DHU"),
    (N3U, "N3U"),
    (CLIENT_SUBNET, "ECS"),
    (EXPIRE, "EXPIRE"),
    (COOKIE, "COOKIE"),
    (KEEPALIVE, "KEEPALIVE"),
    (PADDING, "PADDING"),
    (CHAIN, "CHAIN"),
    (KEY_TAG, "KEY-TAG"),
    (EXTENDED_ERROR, "EDE"),
    (REPORT_CHANNEL, "REPORT-CHANNEL"),
    (ZONE_VERSION, "ZONEVERSION"),
];

/// A short name for people; `None` for codes not listed here.
pub fn name(code: u16) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}
