//! Info codes of extended errors (RFC 8914 and its IANA registry).

macro_rules! info_codes {
    ($( $name:ident = $code:literal, $text:literal; )*) => {
        $( #[doc = $text] pub const $name: u16 = $code; )*

        /// What the registry calls an info code; `None` for codes it does not have.
        pub fn text(code: u16) -> Option<&'static str> {
            match code {
                $( $code => Some($text), )*
                _ => None,
            }
        }
    };
}

info_codes! {
    OTHER = 0, "Other Error";
    UNSUPPORTED_DNSKEY_ALGORITHM = 1, "Unsupported DNSKEY Algorithm";
    UNSUPPORTED_DS_DIGEST = 2, "Unsupported DS Digest Type";
    STALE_ANSWER = 3, "Stale Answer";
    FORGED_ANSWER = 4, "Forged Answer";
    DNSSEC_INDETERMINATE = 5, "DNSSEC Indeterminate";
    DNSSEC_BOGUS = 6, "DNSSEC Bogus";
    SIGNATURE_EXPIRED = 7, "Signature Expired";
    SIGNATURE_NOT_YET_VALID = 8, "Signature Not Yet Valid";
    DNSKEY_MISSING = 9, "DNSKEY Missing";
    RRSIGS_MISSING = 10, "RRSIGs Missing";
    NO_ZONE_KEY_BIT = 11, "No Zone Key Bit Set";
    NSEC_MISSING = 12, "NSEC Missing";
    CACHED_ERROR = 13, "Cached Error";
    NOT_READY = 14, "Not Ready";
    BLOCKED = 15, "Blocked";
    CENSORED = 16, "Censored";
    FILTERED = 17, "Filtered";
    PROHIBITED = 18, "Prohibited";
    STALE_NXDOMAIN = 19, "Stale NXDOMAIN Answer";
    NOT_AUTHORITATIVE = 20, "Not Authoritative";
    NOT_SUPPORTED = 21, "Not Supported";
    NO_REACHABLE_AUTHORITY = 22, "No Reachable Authority";
    NETWORK_ERROR = 23, "Network Error";
    INVALID_DATA = 24, "Invalid Data";
    SIGNATURE_EXPIRED_BEFORE_VALID = 25, "Signature Expired before Valid";
    TOO_EARLY = 26, "Too Early";
    UNSUPPORTED_NSEC3_ITERATIONS = 27, "Unsupported NSEC3 Iterations Value";
    UNABLE_TO_CONFORM = 28, "Unable to conform to policy";
    SYNTHESIZED = 29, "Synthesized";
    INVALID_QUERY_TYPE = 30, "Invalid Query Type";
}
