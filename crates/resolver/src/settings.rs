//! How the resolver works, as configured: typed and complete.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::NameBuf;
use ipnet::IpNet;

use crate::dns64::Dns64;
use crate::limits::Limits;
use crate::rebinding::Rebinding;
use crate::upstream::Transport;

/// A server that resolves for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarder {
    /// Its address.
    pub address: SocketAddr,
    /// How it is asked; UDP falls back to TCP.
    pub transport: Transport,
}

/// Names that are forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardZone {
    /// Names at or below it; the root for all.
    pub name: NameBuf,
    /// Who is asked.
    pub servers: Vec<Forwarder>,
    /// What happens if none of them gives an answer.
    pub fallback: Fallback,
}

/// What happens if no forwarder gives an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// The question fails.
    #[default]
    None,
    /// The servers of the zone are asked, from the root or the closest stub zone down.
    Iterate,
}

/// A zone whose authoritative servers are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StubZone {
    /// The apex.
    pub name: NameBuf,
    /// Its servers.
    pub servers: Vec<SocketAddr>,
}

/// A name server of the root, from the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its name.
    pub name: NameBuf,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// How the resolver works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name servers of the root.
    pub root_hints: Vec<Hint>,
    /// Ask the hints for the root's name servers of today (RFC 9609).
    pub priming: bool,
    /// Ask servers over IPv4.
    pub ipv4: bool,
    /// Ask servers over IPv6.
    pub ipv6: bool,
    /// Validate (RFC 4035).
    pub validate: bool,
    /// Below these names nothing is validated (RFC 7646).
    pub negative_trust_anchors: Vec<NameBuf>,
    /// Ask for no more of a name than is needed (RFC 9156).
    pub qname_minimisation: bool,
    /// Mix upper and lower case in questions.
    pub randomise_case: bool,
    /// Use glue only within the zone that gave it.
    pub harden_glue: bool,
    /// Validate signatures of RSASHA1 instead of treating them as insecure (RFC 9905).
    pub allow_sha1: bool,
    /// Answer special names ourselves (RFC 6761).
    pub special_names: bool,
    /// Leave out name servers and their addresses where an answer does not need them.
    pub minimal_responses: bool,
    /// TTL of answers that are made here, in seconds.
    pub default_ttl_s: u32,
    /// Whom to forward to, the longest name first.
    pub forward: Vec<ForwardZone>,
    /// Zones with servers that are configured, the longest name first.
    pub stubs: Vec<StubZone>,
    /// Clients give up after so long; they are answered before ([`Settings::answer_within_ms`]).
    pub query_timeout_ms: u64,
    /// A server that is not known is given so long for a reply.
    pub retry_interval_ms: u64,
    /// How often a server is asked again before others only.
    pub retries: u32,
    /// The port of name servers: 53, but in tests.
    pub upstream_port: u16,
    /// Addresses that are never asked.
    pub do_not_query: Vec<IpNet>,
    /// Send cookies to servers (RFC 7873).
    pub cookies: bool,
    /// Take private addresses out of answers for public names; `None`: leave them.
    pub rebinding: Option<Rebinding>,
    /// Make IPv6 addresses of IPv4 addresses (RFC 6147); `None`: do not.
    pub dns64: Option<Dns64>,
    /// What one question may cost.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            root_hints: Vec::new(),
            priming: true,
            ipv4: true,
            ipv6: true,
            validate: true,
            negative_trust_anchors: Vec::new(),
            qname_minimisation: true,
            randomise_case: true,
            harden_glue: true,
            allow_sha1: false,
            special_names: true,
            minimal_responses: true,
            default_ttl_s: 300,
            forward: Vec::new(),
            stubs: Vec::new(),
            query_timeout_ms: 5000,
            retry_interval_ms: 400,
            retries: 3,
            upstream_port: 53,
            do_not_query: Vec::new(),
            cookies: true,
            rebinding: None,
            dns64: None,
            limits: Limits::default(),
        }
    }
}

/// So much earlier than clients give up they are answered.
const ANSWER_EARLIER_MS: u64 = 500;

impl Settings {
    /// How long after its arrival a question is answered at the latest: 500 ms before the client gives up, or halfway
    /// there if it waits for less than a second.
    pub fn answer_within_ms(&self) -> u64 {
        self.query_timeout_ms.saturating_sub(ANSWER_EARLIER_MS).max(self.query_timeout_ms.div_ceil(2))
    }

    /// These settings, shared.
    pub fn shared(self) -> Arc<Settings> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_answered_before_they_give_up() {
        let within = |query_timeout_ms| Settings { query_timeout_ms, ..Settings::default() }.answer_within_ms();
        assert_eq!([5000, 2000, 1000, 600, 1].map(within), [4500, 1500, 500, 300, 1]);
    }
}
