//! Counters, one set for each worker and each resolver thread, read by whoever wants the sum. What counts answers is
//! counted at the exit ([`crate::answered`]), the rest where it happens.

mod histogram;
mod totals;
mod upstream;

use std::sync::atomic::{AtomicU64, Ordering};

use dns::header::Rcode;
use policy::{Did, Mark};
use resolver::Security;

use crate::source::SourceGroup;
use crate::transport::Transport;

pub use histogram::{BOUNDS_US, CLASSES, Histogram, Times};
pub use totals::Totals;
pub use upstream::{MAX_FORWARDERS, UpstreamGroup, UpstreamTimes};

/// RCODEs that are counted on their own: those up to BADCOOKIE.
pub const RCODES: usize = 24;
/// Record types that are counted on their own: all up to 319. One more counter has the others.
pub const QTYPES: usize = 320;
/// Info codes of extended errors that are counted on their own. One more counter has the others.
pub const INFO_CODES: usize = 31;
/// Lists and response policy zones that there can be.
pub const LISTS: usize = 256;

/// A counter that one thread owns. What other threads count is apart, so that its owner needs no locked instruction.
#[derive(Debug, Default)]
pub struct Counter {
    own: AtomicU64,
    shared: AtomicU64,
}

impl Counter {
    /// Adds `n`. Only the thread that owns the counter may call it: it is not a read-modify-write of the hardware.
    #[inline]
    pub fn add(&self, n: u64) {
        self.own.store(self.own.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds `n` from any thread.
    #[inline]
    pub fn add_shared(&self, n: u64) {
        self.shared.fetch_add(n, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.own.load(Ordering::Relaxed).wrapping_add(self.shared.load(Ordering::Relaxed))
    }
}

macro_rules! counters {
    ($( #[doc = $doc:literal] $name:ident ),* $(,)?) => {
        /// What one worker counts.
        #[derive(Debug, Default)]
        pub struct Stats {
            $( #[doc = $doc] pub $name: Counter, )*
            answers: Answers,
            questions: Questions,
            /// How long other servers take.
            pub(crate) upstream_times: UpstreamTimes,
        }

        /// Names of the plain counters, and what they count.
        pub const PLAIN: &[(&str, &str)] = &[ $( (stringify!($name), $doc.trim_ascii()) ),* ];

        impl Stats {
            /// The plain counters, in the order of [`PLAIN`].
            fn plain(&self) -> [&Counter; PLAIN.len()] {
                [ $( &self.$name ),* ]
            }
        }
    };
}

counters! {
    /// Packets over UDP.
    udp_received,
    /// Messages over TCP.
    tcp_received,
    /// Octets of responses.
    response_bytes,
    /// Packets that were no queries and got no answer.
    ignored,
    /// Queries that were malformed.
    malformed,
    /// Responses with TC set.
    truncated,
    /// Queries with EDNS.
    edns,
    /// Queries that wanted DNSSEC records.
    dnssec_ok,
    /// Queries with a cookie.
    cookies,
    /// Queries whose server cookie was ours and fresh.
    cookies_valid,
    /// Queries for names in no zone of ours.
    not_authoritative,
    /// Queries that a zone's allow_query refused.
    denied,
    /// Messages with a TSIG record that was verified.
    tsig_verified,
    /// Messages refused because their signature is wrong or too short.
    tsig_badsig,
    /// Messages refused because we do not have their TSIG key.
    tsig_badkey,
    /// Messages refused because of the time in their TSIG record.
    tsig_badtime,
    /// Dynamic updates handed to the control plane to be made here.
    updates,
    /// Dynamic updates handed to the control plane to be sent on to a primary.
    forwards,
    /// Notifications handed to the control plane.
    notifies,
    /// Zone transfers handed to the control plane.
    transfers,
    /// Messages answered SERVFAIL because the control plane has too many already.
    control_busy,
    /// Zone transfers answered SERVFAIL because there were too many at once.
    transfers_refused,
    /// Queries of clients that asked more than their rate allows: dropped, or answered with TC.
    rate_limited,
    /// Responses held back because too many such went to the client's network, or sent with TC instead.
    responses_limited,
    /// Queries answered SERVFAIL because their client asks too much that others must be asked about.
    client_misses_limited,
    /// Queries answered SERVFAIL because too many questions for names of their zone have no answer.
    zone_misses_limited,
    /// Times that reading from a TCP connection was put off because its client had no processor time left.
    tcp_work_limited,
    /// Queries of networks that may not ask, or are blocked for a while.
    networks_denied,
    /// Queries that a rule dropped.
    rules_dropped,
    /// Queries answered from the cache.
    cache_hits,
    /// Queries answered with data that has expired.
    stale_answers,
    /// Look-ups of clients' questions in the cache whose time was measured.
    cache_lookups_timed,
    /// The time that they took, in nanoseconds.
    cache_lookup_ns,
    /// Queries handed to the resolver.
    resolver_queries,
    /// Questions handed to the resolver to refresh the cache.
    resolver_prefetches,
    /// Queries for names in no zone of ours whose client may not use the resolver.
    resolver_denied,
    /// Queries answered SERVFAIL at once because too many wait for the resolver.
    resolver_busy,
    /// Queries whose resolution failed.
    resolver_failures,
    /// Questions to other servers over UDP.
    upstream_udp,
    /// Questions to other servers over TCP, TLS and HTTPS.
    upstream_streams,
    /// Questions to other servers without a reply in time.
    upstream_timeouts,
    /// Datagrams that were no reply to anything asked.
    upstream_ignored,
    /// UDP packets that could not be sent.
    send_errors,
    /// Connections accepted.
    tcp_accepted,
    /// Connections closed at once because there were too many.
    tcp_refused,
    /// Connections closed while idle because others needed the room.
    tcp_evicted,
    /// Connections closed because they were idle.
    tcp_idle_closed,
    /// Connections closed because a message did not come whole, or its answer was not taken, in time.
    tcp_stalled_closed,
    /// Connections closed because the control plane did not answer in time.
    tcp_unanswered_closed,
    /// Connections closed because of a message too short to be one.
    tcp_malformed_closed,
    /// Connections closed because there was no memory left to keep for them.
    tcp_overflow_closed,
    /// Times that no connection could be accepted for want of file descriptors or memory.
    tcp_accept_paused,
    /// Connections closed, for whatever reason.
    tcp_closed,
}

/// Answers by what can be said of them.
#[derive(Debug, Default)]
struct Answers {
    /// By RCODE and by who gave them.
    by_rcode: [[Counter; SourceGroup::ALL.len()]; RCODES],
    /// How long they took, by who gave them.
    times: [Histogram; SourceGroup::ALL.len()],
    /// By what validation said.
    security: [Counter; 4],
    /// By the reason that they give.
    info: [Counter; INFO_CODES + 1],
    /// Blocked by a rule of each list.
    blocked: Blocked,
}

/// Answers that a rule blocked or spelled out, by list; the last counts those that a rule allowed.
#[derive(Debug)]
struct Blocked(Box<[Counter; LISTS + 1]>);

impl Default for Blocked {
    fn default() -> Blocked {
        Blocked(Box::new(std::array::from_fn(|_| Counter::default())))
    }
}

/// Questions by transport and type.
#[derive(Debug)]
struct Questions(Box<[[Counter; QTYPES + 1]; Transport::ALL.len()]>);

impl Default for Questions {
    fn default() -> Questions {
        Questions(Box::new(std::array::from_fn(|_| std::array::from_fn(|_| Counter::default()))))
    }
}

impl Stats {
    /// Counters of a thread that asks these forwarders, and other servers.
    pub fn of_resolver(forwarders: &[std::net::SocketAddr]) -> Stats {
        Stats { upstream_times: UpstreamTimes::of(forwarders.iter().copied()), ..Stats::default() }
    }

    /// Counts a packet that came.
    #[inline]
    pub(crate) fn received(&self, transport: Transport) {
        match transport {
            Transport::Udp => self.udp_received.add(1),
            Transport::Tcp => self.tcp_received.add(1),
        }
    }

    /// Counts a question.
    #[inline]
    pub(crate) fn asked(&self, transport: Transport, qtype: dns::RType) {
        self.questions.0[transport as usize][usize::from(qtype.0).min(QTYPES)].add(1);
    }

    /// Counts an answer by RCODE, source and time; `add` is how counters are added to.
    #[inline(always)]
    pub(crate) fn answered(&self, rcode: Rcode, group: SourceGroup, elapsed_us: u64, add: impl Fn(&Counter, u64)) {
        add(&self.answers.by_rcode[usize::from(rcode.0).min(RCODES - 1)][group as usize], 1);
        self.answers.times[group as usize].count(elapsed_us, add);
    }

    /// The counter of answers of which validation said this.
    #[inline]
    pub(crate) fn of_security(&self, security: Security) -> &Counter {
        &self.answers.security[security as usize]
    }

    /// The counter of answers of which a rule decided.
    pub(crate) fn of_rule(&self, mark: &Mark) -> &Counter {
        let list = usize::from(mark.rule.list.0);
        let at = if matches!(mark.did, Did::Blocked | Did::Rewritten) { list } else { LISTS };
        &self.answers.blocked.0[at]
    }

    /// The counter of answers that give this reason.
    pub(crate) fn of_info(&self, info_code: u16) -> &Counter {
        &self.answers.info[usize::from(info_code).min(INFO_CODES)]
    }

    /// Responses that left by this exit.
    pub fn responses(&self) -> u64 {
        self.answers.by_rcode.iter().flatten().map(Counter::get).sum()
    }
}
