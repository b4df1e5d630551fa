//! What becomes of each query, stage by stage, for an operator who follows it: the log at level DEBUG of `server::query`.
//! What is off costs one comparison a stage.

use std::net::SocketAddr;

use dns::header::Rcode;
use dns::{Name, RType};
use tracing::{Level, debug};

use super::packet::Disposition;
use crate::answered;
use crate::transport::Transport;

/// Of stages of a query.
const QUERY: &str = "server::query";

/// Whether stages of queries are logged.
#[inline(always)]
pub(super) fn follows_queries() -> bool {
    tracing::enabled!(target: QUERY, Level::DEBUG)
}

/// A query was read, and the zone of its name found.
#[cold]
pub(super) fn received(client: SocketAddr, transport: Transport, packet: &[u8], zone: Option<&Name>, recursion: bool) {
    let (octets, id) = (packet.len(), packet.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)));
    match answered::question(packet) {
        Some((name, rtype, class)) => {
            debug!(target: QUERY, %client, ?transport, octets, id, %name, %rtype, %class, "received");
        }
        None => debug!(target: QUERY, %client, ?transport, octets, id, "received, without a question to be read"),
    }
    let zone = zone.map(ToString::to_string);
    debug!(target: QUERY, %client, id, zone, recursion, "routed");
}

/// A stage said something.
#[cold]
pub(super) fn verdict(stage: &'static str, name: &Name, rtype: RType, verdict: &'static str, rcode: Option<Rcode>) {
    let rcode = rcode.map(|rcode| rcode.to_string());
    debug!(target: QUERY, stage, %name, %rtype, verdict, rcode, "stage");
}

/// What became of a packet.
#[cold]
pub(super) fn became(client: SocketAddr, packet: &[u8], disposition: &Disposition) {
    let id = packet.first_chunk::<2>().map(|id| u16::from_be_bytes(*id));
    match disposition {
        Disposition::Drop => debug!(target: QUERY, %client, id, "dropped"),
        Disposition::Control(_) => debug!(target: QUERY, %client, id, "handed to the control plane"),
        Disposition::Resolve(_) => debug!(target: QUERY, %client, id, "handed to the resolver"),
        Disposition::Respond(response) => {
            let (octets, rcode, source) = (response.len, response.rcode, response.source);
            debug!(target: QUERY, %client, id, octets, %rcode, ?source, "answered");
        }
    }
}
