//! Messages from others that one look at the zones does not answer: UPDATE, NOTIFY and transfers. What the data plane
//! hands over ([`server::control`]) is decided here, and answered when it is done.

mod forward;
mod transfer;
mod update;

use std::sync::Arc;

use dns::header::HEADER_LEN;
use dns::{Header, Message, Name, NameBuf, Opcode, RType, Rcode};
use journal::History;
use server::control::{Answer, Control, Kind, Reply, Request};
use zone::{Published, Zone, ZoneTable};

use crate::catalogue::Catalogue;
use crate::commit::Committer;
use crate::recent::Recent;
use crate::scheduler::Scheduler;

pub use forward::Forwards;

/// Octets of the fixed part of a question.
const QUESTION_FIXED_LEN: usize = 4;

/// The control plane as the data plane sees it.
pub struct ControlPlane {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// What else is known of them.
    pub catalogue: Arc<Catalogue>,
    /// Their latest changes.
    pub recent: Arc<Recent>,
    /// Refreshes the secondaries.
    pub scheduler: Scheduler,
    /// Makes changes.
    pub committer: Committer,
    /// Past changes, for incremental transfers from long ago.
    pub history: Arc<History>,
    /// Updates that wait for a primary.
    pub forwards: Arc<Forwards>,
    /// Where work is done that waits, for the store or for a primary.
    pub runtime: tokio::runtime::Handle,
}

impl Control for ControlPlane {
    fn take(&self, request: Request, reply: Reply) {
        match request.kind {
            Kind::Update => self.update(&request, reply),
            Kind::Forward => self.forward(request, reply),
            Kind::Transfer => self.transfer(request, reply),
            Kind::Notify => reply.send(self.notified(&request)),
        }
    }
}

impl ControlPlane {
    /// NOTIFY in (RFC 1996 3.7 to 3.12): from whom it is allowed, for a secondary of ours.
    fn notified(&self, request: &Request) -> Answer {
        let Ok(message) = Message::parse(&request.message) else {
            return refuse(request, Rcode::FORMERR);
        };
        let [question] = &message.questions[..] else { return refuse(request, Rcode::FORMERR) };
        // RFC 9859 4.3: nothing here reads the CDS and CSYNC records of children, so nobody is told that it will be done.
        if question.rtype != RType::SOA {
            return refuse(request, Rcode::NOTIMP);
        }
        let Some(zone) = self.catalogue.zone(&question.name) else { return refuse(request, Rcode::NOTAUTH) };
        if !zone.is_secondary() {
            return refuse(request, Rcode::NOTAUTH);
        }
        let client = request.client.ip();
        let allowed = zone
            .lists()
            .policy
            .as_ref()
            .is_some_and(|policy| policy.allow_notify.allows(client, request.key.as_deref()));
        if !allowed {
            tracing::warn!(target: "security", zone = %zone.name(), %client, "NOTIFY refused: not in allow_notify");
            return refuse(request, Rcode::REFUSED);
        }
        let soa = message.answers.iter().find(|record| record.rtype == RType::SOA && record.owner == *zone.name());
        let serial = soa.and_then(|record| dns::rdata::typed::Soa::parse(&record.rdata)).map(|soa| soa.serial);
        self.scheduler.notified(zone, client, serial);
        Answer::Message(response(&request.message, Rcode::NOERROR, true))
    }
}

/// The zone of exactly this name.
fn zone_of(zones: &ZoneTable, name: &Name) -> Option<Arc<Zone>> {
    zones.get(name).cloned()
}

/// Who asks, for the log and for history: `192.0.2.1` or `192.0.2.1 key:NAME`.
fn who(request: &Request) -> String {
    match &request.key {
        Some(key) => format!("{} key:{key}", request.client.ip()),
        None => request.client.ip().to_string(),
    }
}

fn refuse(request: &Request, rcode: Rcode) -> Answer {
    Answer::Message(response(&request.message, rcode, false))
}

/// A response that repeats the header and the question, or the zone section, of a message.
fn response(message: &[u8], rcode: Rcode, authoritative: bool) -> Vec<u8> {
    let word = |at: usize| message.get(at..at + 2).map_or(0, |octets| u16::from_be_bytes([octets[0], octets[1]]));
    let asked = Header::from_words(word(0), word(2));
    let question = NameBuf::from_message(message, HEADER_LEN).ok().map(|(_, end)| end + QUESTION_FIXED_LEN);
    let question = question.and_then(|end| message.get(HEADER_LEN..end)).filter(|_| word(4) == 1);
    let header = Header {
        id: asked.id,
        qr: true,
        opcode: asked.opcode,
        aa: authoritative,
        rd: asked.rd && asked.opcode == Opcode::QUERY,
        rcode,
        ..Header::default()
    };
    let mut out = Vec::with_capacity(HEADER_LEN + question.map_or(0, <[u8]>::len));
    out.extend_from_slice(&header.id.to_be_bytes());
    out.extend_from_slice(&header.flag_word().to_be_bytes());
    out.extend_from_slice(&[0, u8::from(question.is_some()), 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(question.unwrap_or_default());
    out
}
