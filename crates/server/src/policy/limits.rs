//! Who may ask at all, and how much: networks that are denied, the rate of a client, equal responses to a network.

use std::net::IpAddr;
use std::sync::Arc;

use dns::RType;
use dns::header::{HEADER_LEN, Rcode};
use dns::query::flags;
use dns::question::HashedName;
use policy::limits::access::{Networks, Verdict};
use policy::limits::client::ClientLimit;
use policy::limits::outcome::{Channel, Handling, Outcome};
use policy::limits::recursion::{Admission, MissLimit, RecursionLimit, Ticket};
use policy::limits::responses::{Class, ResponseLimit};
use policy::limits::work::WorkLimit;
use policy::suffix;

use crate::answered::Refusal;
use crate::clock::Clock;
use crate::stats::Stats;
use crate::transport::Transport;

/// Limits as the path of a query asks them; shared by all threads.
pub struct Limits {
    /// Networks that get no answer, for good or for a while.
    pub networks: Networks,
    /// How much a client may ask; `None`: as much as it likes.
    pub clients: Option<Arc<ClientLimit>>,
    /// How many equal responses a network gets; `None`: no matter how many.
    pub responses: Option<Arc<ResponseLimit>>,
    /// How many questions there may be that others must be asked about; `None`: no matter how many.
    pub misses: Option<Arc<RecursionLimit>>,
    /// How much processor time a client may take over TCP; `None`: as much as it needs.
    pub work: Option<WorkLimits>,
}

/// The limit of processor time.
#[derive(Clone)]
pub struct WorkLimits {
    /// The limit.
    pub limit: Arc<WorkLimit>,
    /// What is beyond is counted, and nobody waits.
    pub dry_run: bool,
}

/// A question that others are asked about. It counts as one that waits until this is dropped.
pub(crate) struct Miss {
    limit: Arc<RecursionLimit>,
    ticket: Ticket,
    /// It has an answer with records.
    pub positive: bool,
}

impl Drop for Miss {
    fn drop(&mut self) {
        self.limit.done(&self.ticket, self.positive, Clock::Monotonic.now_us());
    }
}

/// Who asks, when, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub client: IpAddr,
    pub transport: Transport,
    /// Its address is its own: it has a cookie of ours, or came by a connection.
    pub verified: bool,
    /// Microseconds of a clock that does not jump.
    pub now_us: u64,
}

impl Limits {
    /// Whether the network of a client is denied. `now_ms` is in milliseconds since 1970.
    #[inline]
    pub(crate) fn denies(&self, client: IpAddr, now_ms: u64) -> bool {
        self.networks.verdict(client, now_ms).is_some_and(|entry| entry.verdict == Verdict::Deny)
    }

    /// Counts a query of a client, and says what becomes of it.
    #[inline]
    pub(crate) fn query(&self, asker: Asker, stats: &Stats) -> Handling {
        let Some(clients) = &self.clients else { return Handling::Pass };
        let channel = match asker.transport {
            Transport::Udp => Channel::Datagram,
            Transport::Tcp => Channel::Stream,
        };
        let Outcome { handling, limited } = clients.judge(asker.client, channel, asker.verified, asker.now_us);
        if limited && is_silent(handling) {
            stats.rate_limited.add(1);
        }
        handling
    }

    /// Counts a question that others must be asked about. `Err`: they are not asked, as this limit is passed.
    pub(crate) fn miss(
        &self,
        client: IpAddr,
        name: &HashedName,
        now_us: u64,
        stats: &Stats,
    ) -> Result<Option<Miss>, Refusal> {
        let Some(limit) = &self.misses else { return Ok(None) };
        let Admission { ticket, beyond } = limit.begin(client, name, zone_labels, now_us);
        let (refusal, counter) = match beyond {
            Some(MissLimit::Zone) => (Refusal::ZoneMisses, &stats.zone_misses_limited),
            _ => (Refusal::ClientMisses, &stats.client_misses_limited),
        };
        let ticket = ticket.ok_or(refusal)?;
        if beyond.is_some() {
            // No response leaves because of it, which the exit would count.
            counter.add(1);
        }
        Ok(Some(Miss { limit: limit.clone(), ticket, positive: false }))
    }

    /// Counts a response to a datagram, and says what becomes of it. `qname` and `zone` are hashes of names.
    #[inline]
    pub(crate) fn response(
        &self,
        asker: Asker,
        message: &[u8],
        rcode: Rcode,
        (qname, zone, qtype): (u64, u64, RType),
        stats: &Stats,
    ) -> Handling {
        let Some(responses) = &self.responses else { return Handling::Pass };
        if asker.verified {
            return Handling::Pass;
        }
        let class = class(message, rcode, qtype);
        let name = class.name(qname, zone);
        let Outcome { handling, limited } = responses.judge(asker.client, class, name, false, asker.now_us);
        if limited && is_silent(handling) {
            stats.responses_limited.add(1);
        }
        handling
    }
}

/// How many labels of a name are the part of it that one party has registered; `None`: it is a public suffix.
fn zone_labels(name: &HashedName) -> Option<usize> {
    let division = suffix::divide(name.name());
    (!division.is_suffix).then_some(division.labels)
}

/// Whether no response of its own leaves because of it, which the exit would count.
fn is_silent(handling: Handling) -> bool {
    matches!(handling, Handling::Drop | Handling::Pass)
}

/// What kind of response it is, by its header.
fn class(message: &[u8], rcode: Rcode, qtype: RType) -> Class {
    let count = |at: usize| message.get(at..at + 2).is_some_and(|count| count != [0, 0]);
    let is_authoritative = message.get(2).is_some_and(|octet| octet & flags::AA != 0);
    let (has_answers, has_authority) = (count(6), count(8));
    let is_referral = rcode == Rcode::NOERROR && !has_answers && has_authority && !is_authoritative;
    debug_assert!(message.len() >= HEADER_LEN);
    Class::of(rcode, has_answers, is_referral, qtype == RType::ANY, message.len())
}
