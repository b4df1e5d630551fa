//! Words for what the exit records, the same in filters, log, history, live view and API.

use std::net::IpAddr;

use resolver::Security;
use server::answered::{Refusal, Source};
use server::transport::Transport;

/// The word for refusals as a whole.
pub const REFUSED: &str = "refused";

/// Every source of an answer, with its word; refusals have words of their own.
pub const SOURCES: [(Source, &str); 7] = [
    (Source::Zone, "zone"),
    (Source::Cache, "cache"),
    (Source::Stale, "stale"),
    (Source::Resolver, "resolved"),
    (Source::ControlPlane, "control"),
    (Source::Server, "local"),
    (Source::Policy, "blocked"),
];

/// Every reason to refuse a query, with its word.
pub const REFUSALS: [(Refusal, &str); 14] = [
    (Refusal::Malformed, "malformed"),
    (Refusal::NotAuthoritative, "not_authoritative"),
    (Refusal::Zone, "zone_denied"),
    (Refusal::Recursion, "recursion_denied"),
    (Refusal::Signature, "tsig_badsig"),
    (Refusal::Key, "tsig_badkey"),
    (Refusal::Time, "tsig_badtime"),
    (Refusal::ControlBusy, "control_busy"),
    (Refusal::ResolverBusy, "resolver_busy"),
    (Refusal::TransfersBusy, "transfers_busy"),
    (Refusal::Rate, "rate_limited"),
    (Refusal::ResponseRate, "responses_limited"),
    (Refusal::ClientMisses, "client_misses_limited"),
    (Refusal::ZoneMisses, "zone_misses_limited"),
];

/// Every transport, with its word.
pub const TRANSPORTS: [(Transport, &str); 2] = [(Transport::Udp, "udp"), (Transport::Tcp, "tcp")];

/// Every result of validation, with its word.
pub const SECURITIES: [(Option<Security>, &str); 5] = [
    (Some(Security::Secure), "secure"),
    (Some(Security::Insecure), "insecure"),
    (Some(Security::Bogus), "bogus"),
    (Some(Security::Indeterminate), "indeterminate"),
    (None, "none"),
];

/// The word for who gave an answer.
pub fn source(source: Source) -> &'static str {
    if matches!(source, Source::Refused(_)) { REFUSED } else { word(&SOURCES, source) }
}

/// The word for why a query was refused, if it was.
pub fn refusal(source: Source) -> Option<&'static str> {
    match source {
        Source::Refused(refusal) => Some(word(&REFUSALS, refusal)),
        _ => None,
    }
}

/// The word for how a query came.
pub fn transport(transport: Transport) -> &'static str {
    word(&TRANSPORTS, transport)
}

/// The word for what validation said.
pub fn security(security: Option<Security>) -> &'static str {
    word(&SECURITIES, security)
}

/// What an answer says of the cache: `Some(true)`: it came from there, expired or not; `Some(false)`: the resolver had to
/// find it out; `None`: the cache was not asked.
pub fn cache_hit(source: Source) -> Option<bool> {
    match source {
        Source::Cache | Source::Stale => Some(true),
        Source::Resolver => Some(false),
        Source::Zone | Source::ControlPlane | Source::Server | Source::Policy | Source::Refused(_) => None,
    }
}

/// The address as people know it: IPv4 as IPv4, also on a socket for both.
pub fn address(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Each of these enumerations is whole, which a test checks.
fn word<T: PartialEq>(words: &[(T, &'static str)], of: T) -> &'static str {
    words.iter().find(|(value, _)| *value == of).map_or("unknown", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_word() {
        assert_eq!(Refusal::ALL, REFUSALS.map(|(refusal, _)| refusal));
        let denied = Source::Refused(Refusal::Recursion);
        assert_eq!(
            (source(denied), refusal(denied), refusal(Source::Zone)),
            ("refused", Some("recursion_denied"), None)
        );
        let sources =
            [Source::Zone, Source::Cache, Source::Stale, Source::Resolver, Source::ControlPlane, Source::Server];
        assert_eq!(sources.map(source), ["zone", "cache", "stale", "resolved", "control", "local"]);
        assert_eq!([Transport::Udp, Transport::Tcp].map(transport), ["udp", "tcp"]);
        assert!(SECURITIES.iter().all(|(value, word)| value.is_none_or(|value| value.as_str() == *word)));
        assert_eq!(security(None), "none");
    }
}
