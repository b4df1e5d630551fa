//! Every bound of the resolver, by name. Those in [`Limits`] can be configured (`resolver.max_work_per_query`).

/// What the resolution of one question may cost before it is given up with SERVFAIL. Against questions and zones made
/// to amplify work: NXNSAttack, CAMP, many-NS delegations, alias loops, KeyTrap (CVE-2023-50387), CVE-2023-50868.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages to other servers in all, for one question and all the questions it leads to.
    pub exchanges: u32,
    /// Aliases that are followed.
    pub aliases: u32,
    /// Referrals from the root of one name to its answer.
    pub referrals: u32,
    /// Names of name servers whose addresses are looked up for one question, in all (NXNSAttack).
    pub name_server_lookups: u32,
    /// Names of name servers that are used of one delegation.
    pub name_servers: usize,
    /// Addresses that are used of one name server.
    pub addresses: usize,
    /// How deep a question may lead to others: addresses of name servers of name servers.
    pub depth: u32,
    /// Signatures that are verified for one question, in all (KeyTrap).
    pub verifications: u32,
    /// Keys of one tag and signatures of one RRset that are tried with each other (KeyTrap).
    pub verifications_per_rrset: u32,
    /// Hashes that are computed for proofs with NSEC3, for one question (CVE-2023-50868).
    pub nsec3_hashes: u32,
    /// Iterations of NSEC3 beyond which a zone counts as insecure (RFC 9276 3.2).
    pub nsec3_iterations: u16,
    /// Names asked on the way down by QNAME minimisation (RFC 9156 2.3 MAX_MINIMISE_COUNT).
    pub minimised: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            exchanges: 120,
            aliases: 11,
            referrals: 30,
            name_server_lookups: 16,
            name_servers: 13,
            addresses: 16,
            depth: 5,
            verifications: 64,
            verifications_per_rrset: 8,
            nsec3_hashes: 256,
            nsec3_iterations: 150,
            minimised: 10,
        }
    }
}

/// The first so many labels below a zone are asked one by one by QNAME minimisation (RFC 9156 2.3 MINIMISE_ONE_LAB).
pub const MINIMISE_ONE_LABEL: u32 = 4;
/// Aliases of one reply that are looked at.
pub const MAX_CHAIN_IN_REPLY: usize = 12;
/// RRsets of one section of a reply; more make a reply that is not used.
pub const MAX_REPLY_RRSETS: usize = 256;
/// Attempts to get an answer that validates, each from servers not heard yet.
pub const MAX_BOGUS_RETRIES: u32 = 4;
/// Questions that clients wait for at once, on one thread; beyond it they get SERVFAIL.
pub const MAX_CLIENTS: usize = 25_000;
/// Flights, that is different questions under way, on one thread.
pub const MAX_FLIGHTS: usize = 25_000;
/// Delegations that are remembered.
pub const MAX_DELEGATIONS: usize = 50_000;
/// Name servers' addresses that are remembered, in names.
pub const MAX_SERVER_NAMES: usize = 50_000;
/// Zones that are remembered not to deal well with QNAME minimisation.
pub const MAX_PLAIN_ZONES: usize = 10_000;
/// Timeouts of a question for a shortened name after which the whole name is asked for instead.
pub const MAX_MINIMISED_TIMEOUTS: u32 = 2;
/// Servers that refuse a question with EDNS, and are asked without when nobody else has an answer.
pub const MAX_PLAIN_ATTEMPTS: usize = 2;
/// Servers whose behaviour is remembered.
pub const MAX_SERVERS: usize = 50_000;
/// Zones whose keys are remembered.
pub const MAX_TRUSTED_ZONES: usize = 20_000;
/// Octets of a UDP reply that we offer to take (RFC 9715: no fragments).
pub const UDP_SIZE: u16 = 1232;
/// A failed resolution is not tried again for so long, in seconds (RFC 9520 3.2: at least 1, at most 300).
pub const FAILURE_TTL_S: u32 = 5;
/// Bogus data is kept for so long at the most, in seconds.
pub const BOGUS_TTL_S: u32 = 60;
/// Where the servers of a zone may be asked in place of forwarders, they are when no forwarder has answered for so long, in
/// microseconds: a resolver behind us that is well answers sooner, and clients wait for longer.
pub const FALLBACK_AFTER_US: u64 = 1_000_000;
/// Servers that are asked for the root's name servers before the hints have to do.
pub const MAX_PRIMING_ATTEMPTS: usize = 4;
/// The hints have to do for so long before priming is tried again, in seconds.
pub const UNPRIMED_ROOT_S: u64 = 60;
/// Signatures of one RRset that are looked at.
pub const MAX_SIGNATURES: usize = 32;
/// Zones that an RRset claims to be signed by and that are looked up.
pub const MAX_SIGNERS: usize = 2;
/// NSEC and NSEC3 RRsets of one reply that are verified.
pub const MAX_PROOFS: usize = 12;
/// Digests of keys that are compared with the DS records of one zone (CVE-2023-50387).
pub const MAX_DS_DIGESTS: usize = 64;
/// What is known about a zone's keys counts for so long at the most, in seconds.
pub const MAX_TRUST_S: u32 = 86_400;
/// Trust anchors, in all.
pub const MAX_ANCHORS: usize = 256;
/// Keys of one zone that are followed by RFC 5011.
pub const MAX_MANAGED_KEYS: usize = 32;
/// Signatures that are verified for one update of trust anchors by RFC 5011.
pub const MAX_UPDATE_VERIFICATIONS: u32 = 64;
