//! Transfers out: AXFR (RFC 5936) from the snapshot, IXFR (RFC 1995) from the latest changes, or from history where
//! these do not reach back far enough.

use std::sync::Arc;

use dns::header::HEADER_LEN;
use dns::{NameBuf, RType, Rcode};
use server::control::{Answer, Messages, Reply, Request};
use server::transport::Transport;
use zone::xfr::{Asked, Outgoing};
use zone::{Contents, ZoneChange};

use super::{ControlPlane, refuse, who, zone_of};

/// Most changes that an incremental transfer is made of.
const MAX_CHAIN: usize = 100_000;

/// A transfer as the data plane pulls it.
struct Pulled(Outgoing);

impl Messages for Pulled {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        self.0.next(out)
    }
}

impl ControlPlane {
    /// Answers a transfer query; one that needs history does so on a thread of the runtime.
    pub(super) fn transfer(&self, request: Request, reply: Reply) {
        // RFC 5936 2.2.1: only for the apex of a zone of ours.
        let name = NameBuf::from_message(&request.message, HEADER_LEN).ok().map(|(name, _)| name);
        let Some(zone) = name.and_then(|name| zone_of(&self.zones.latest(), &name)) else {
            return reply.send(refuse(&request, Rcode::NOTAUTH));
        };
        let client = request.client.ip();
        let allowed =
            zone.policy.as_ref().is_some_and(|policy| policy.allow_transfer.allows(client, request.key.as_deref()));
        if !allowed {
            let who = who(&request);
            tracing::warn!(target: "security", zone = %zone.name, client = who, "transfer refused: not in allow_transfer");
            return reply.send(refuse(&request, Rcode::REFUSED));
        }
        let Some(asked) = Asked::read(&request.message) else { return reply.send(refuse(&request, Rcode::FORMERR)) };
        let Some(contents) = zone.contents.clone() else { return reply.send(refuse(&request, Rcode::SERVFAIL)) };
        // RFC 5936 4.2: AXFR is for TCP.
        if asked.qtype == RType::AXFR && request.transport == Transport::Udp {
            return reply.send(refuse(&request, Rcode::FORMERR));
        }
        tracing::info!(zone = %zone.name, client = who(&request), qtype = %asked.qtype, from = asked.serial, "transfer");
        let Some(have) = asked.serial.filter(|_| asked.qtype == RType::IXFR) else {
            return reply.send(answer(Outgoing::axfr(contents, asked), &request));
        };
        let serial = contents.soa().map_or(0, |soa| soa.serial);
        if !dns::serial::is_later(serial, have) {
            return reply.send(answer(Outgoing::soa(contents, asked), &request));
        }
        if let Some(changes) = self.recent.since(&zone.name, have) {
            // Changes behind the snapshot that is sent are not part of it.
            let end = changes.iter().position(|change| change.to == Some(serial)).map_or(changes.len(), |at| at + 1);
            return reply.send(answer(Outgoing::ixfr(contents, asked, &changes[..end]), &request));
        }
        let history = self.history.clone();
        self.runtime.spawn_blocking(move || {
            reply.send(answer(from_history(&history, contents, asked, have), &request));
        });
    }
}

/// An incremental transfer from the store's history; the whole zone where that does not help.
fn from_history(history: &Arc<journal::History>, contents: Contents, asked: Asked, have: u32) -> Outgoing {
    let serial = contents.soa().map(|soa| soa.serial);
    let name = contents.origin().to_owned();
    match history.since_serial(&name, have, MAX_CHAIN) {
        Ok(Some(chain)) => {
            let of_zone = |accepted: &journal::Accepted| {
                accepted.change.zones.iter().find(|change| change.zone.is(&name)).cloned()
            };
            let mut changes: Vec<ZoneChange> = chain.iter().filter_map(of_zone).collect();
            let end = changes.iter().position(|change| change.to == serial).map_or(changes.len(), |at| at + 1);
            changes.truncate(end);
            Outgoing::ixfr(contents, asked, &changes)
        }
        Ok(None) => Outgoing::axfr(contents, asked),
        Err(error) => {
            tracing::error!(zone = %name, %error, "history cannot be read; the whole zone is sent");
            Outgoing::axfr(contents, asked)
        }
    }
}

fn answer(outgoing: Outgoing, request: &Request) -> Answer {
    match request.transport {
        Transport::Udp => Answer::Message(outgoing.into_datagram(request.limit)),
        Transport::Tcp => Answer::Stream(Box::new(Pulled(outgoing.within(request.limit)))),
    }
}
