//! The keys of recursion.

use super::{Fallback, Milliseconds, Numbers, Port};
use crate::section::section;
use crate::value::{At, Int};

section! {
    /// Recursion.
    Resolver at "resolver" {
        /// Resolve for clients of `security.allowed_networks`.
        enabled: bool = true,
        /// File with the root servers, in zone-file form; empty: built in.
        root_hints: String = String::new(),
        /// Ask for the root servers at start (RFC 9609).
        priming: bool = true,
        /// Ask servers over IPv4.
        ipv4: bool = true,
        /// Ask servers over IPv6.
        ipv6: bool = true,
        /// Files of DS or DNSKEY records of any domain, in zone-file form; empty: the root's, built in.
        trust_anchor_files: Vec<At<String>> = Vec::new(),
        /// Follow key changes of the trust anchors (RFC 5011).
        trust_anchor_update: bool = true,
        /// Tell the trust anchors in use (RFC 8145).
        trust_anchor_signalling: bool = true,
        /// Names below which nothing is validated (RFC 7646).
        negative_trust_anchors: Vec<At<String>> = Vec::new(),
        /// Validate answers (DNSSEC).
        validate: bool = true,
        /// Tell each server no more of a name than it needs (RFC 9156): strict where the server answers properly, else relaxed.
        qname_minimisation: bool = true,
        /// Mix the case of names asked for (0x20).
        randomise_case: bool = true,
        /// Send cookies to servers that have answered before (RFC 7873).
        cookies: bool = true,
        /// Trust glue only inside the zone that gives it.
        harden_glue: bool = true,
        /// Validate algorithms 5 and 7 instead of treating them as insecure.
        allow_sha1: bool = false,
        /// Answer special-use names and locally served zones here (RFC 6761, RFC 6303).
        special_names: bool = true,
        /// Names that are forwarded elsewhere. Of these and `stub_zones` the longest name counts.
        forward_zones: Vec<At<ForwardZone>> = Vec::new(),
        /// Names whose authoritative servers are given here.
        stub_zones: Vec<At<StubZone>> = Vec::new(),
        /// PEM file of certificates of authorities that may certify servers asked over TLS and HTTPS, besides those that the system trusts.
        tls_ca_file: String = String::new(),
        /// How long clients wait for an answer; they get one 500 ms before that, or after half of it if that is less than a second.
        query_timeout_ms: Milliseconds = Int(5000),
        /// Time after which a question is asked again.
        retry_interval_ms: Milliseconds = Int(400),
        /// How often a question is asked again.
        retries: Int<0, 100> = Int(3),
        /// Source addresses of questions, chosen among at random; empty, or none of the server's family: the system chooses.
        outgoing_addresses: Vec<At<String>> = Vec::new(),
        /// Port that servers are asked on; for tests.
        upstream_port: Port = Int(53),
        /// Prefixes that must not be asked.
        do_not_query: Vec<At<String>> = Vec::new(),
        /// Named limits of the work for one query, `exchanges: 50`; for tests. The names are in the guide of the resolver.
        max_work_per_query: Numbers = Numbers::default(),
        /// Protection of private networks against public names with private addresses.
        rebinding_protection: RebindingProtection = RebindingProtection::default(),
        /// IPv6 addresses for hosts that have only IPv4 ones (RFC 6147).
        dns64: Dns64 = Dns64::default(),
    }
}

section! {
    /// Protection of private networks against public names with private addresses (DNS rebinding).
    RebindingProtection at "resolver.rebinding_protection" {
        /// Refuse answers in which a name has a private, loopback or link-local address.
        enabled: bool = false,
        /// Names at and below which such addresses are wanted.
        allowed: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// IPv6 addresses for hosts that have only IPv4 ones (RFC 6147).
    Dns64 at "resolver.dns64" {
        /// Prefix of the addresses: `64:ff9b::/96`, or one of the network's own of 32, 40, 48, 56, 64 or 96 bits; empty: off.
        prefix: String = String::new(),
        /// IPv6 prefixes whose addresses count as none, besides `::ffff:0:0/96`.
        exclude: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// One name that is forwarded elsewhere.
    ForwardZone at "resolver.forward_zones[]" {
        /// The name; everything below it is forwarded too.
        name: String = String::new(),
        /// Where to, as in `upstream_servers`.
        servers: Vec<At<String>> = Vec::new(),
        /// What happens if none of them gives an answer.
        fallback: Fallback = Fallback::None,
    }
}

section! {
    /// One name whose authoritative servers are given.
    StubZone at "resolver.stub_zones[]" {
        /// The name.
        name: String = String::new(),
        /// Its authoritative servers: `192.0.2.1`, `192.0.2.1:5300`, `[2001:db8::1]:5300`.
        servers: Vec<At<String>> = Vec::new(),
    }
}
