//! The JSON forms of what the name servers of a zone's parent have.

use dns::RType;
use dnssec::digest::ds_matches;
use node::signing::ZoneSigning;
use serde::Serialize;
use signer::parent::Server;
use utoipa::ToSchema;

use super::key_waits::ms;
use super::record_text::text;

/// What the name servers of the parent say of the zone's DS records.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParentOut {
    /// The parent zone; null: it is not known, or its servers are those that the policy names.
    pub zone: Option<String>,
    /// When they were asked last; null: not yet.
    pub asked_at_ms: Option<u64>,
    /// When they are asked next.
    pub next_ms: u64,
    /// Why they cannot be found.
    pub problem: Option<String>,
    /// A server has DS records none of which leads to a key of the zone: who asks it refuses the zone.
    pub broken: bool,
    /// The servers.
    pub servers: Vec<ParentServerOut>,
}

/// A name server of the parent. Without name and address it is this server.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParentServerOut {
    /// Its name; null: its address is one that the policy names.
    pub name: Option<String>,
    /// Where it is asked; null: no address is found.
    pub address: Option<String>,
    /// The DS records that it had when it answered last.
    pub ds: Vec<ParentDsOut>,
    /// For how long caches keep that, in seconds; null: it has not answered yet.
    pub ttl_s: Option<u32>,
    /// When it answered last.
    pub answered_at_ms: Option<u64>,
    /// What it does instead of answering; null: it answered the last time.
    pub problem: Option<String>,
    /// Since when.
    pub problem_since_ms: Option<u64>,
}

/// A DS record that the parent has.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParentDsOut {
    /// The key tag.
    pub tag: u16,
    /// Its data, as zone files have them.
    pub text: String,
    /// It leads to a key of the zone.
    pub matches: bool,
}

impl ParentOut {
    /// What is known of the parent of a zone, whose servers are asked next at `next_s`, in seconds since 1970.
    pub fn new(status: &ZoneSigning, next_s: u64) -> ParentOut {
        let parent = &status.parent;
        ParentOut {
            zone: parent.zone.as_ref().map(ToString::to_string),
            asked_at_ms: parent.asked_s.map(ms),
            next_ms: ms(next_s),
            problem: parent.problem.as_ref().map(|problem| problem.why.clone()),
            broken: status.broken_at.is_some(),
            servers: parent.servers.iter().map(|server| ParentServerOut::new(status, server)).collect(),
        }
    }
}

impl ParentServerOut {
    fn new(status: &ZoneSigning, server: &Server) -> ParentServerOut {
        let ds = |rdata: &Vec<u8>| ParentDsOut {
            tag: rdata.first_chunk().map_or(0, |tag| u16::from_be_bytes(*tag)),
            text: text(RType::DS, rdata),
            matches: status.published.iter().any(|dnskey| ds_matches(&status.zone, dnskey, rdata)),
        };
        ParentServerOut {
            name: server.id.name.as_ref().map(ToString::to_string),
            address: server.id.address.map(|address| address.to_string()),
            ds: server.said.iter().flat_map(|said| said.ds.iter().map(ds)).collect(),
            ttl_s: server.said.as_ref().map(|said| said.ttl_s),
            answered_at_ms: server.said.as_ref().map(|said| ms(said.at_s)),
            problem: server.problem.as_ref().map(|problem| problem.why.clone()),
            problem_since_ms: server.problem.as_ref().map(|problem| ms(problem.since_s)),
        }
    }
}
