//! Counters, one set for each worker: written by it alone, read by whoever wants the sum.

use std::sync::atomic::{AtomicU64, Ordering};

/// The highest RCODE that is counted on its own: BADCOOKIE.
const MAX_RCODE: u16 = 23;

/// Upper bounds of the classes of resolution times, in milliseconds; the last class has none.
pub const RESOLUTION_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// A counter that one thread writes.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only the owning worker may call it: it is not a read-modify-write of the hardware.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($( #[doc = $doc:literal] $name:ident ),* $(,)?) => {
        /// What one worker counts.
        #[derive(Debug, Default)]
        pub struct Stats {
            $( #[doc = $doc] pub $name: Counter, )*
            /// Responses by RCODE, up to [`MAX_RCODE`].
            pub rcodes: [Counter; MAX_RCODE as usize + 1],
            /// Questions by type, 0 to 255; index 256 stands for all above.
            pub qtypes: QtypeCounters,
            /// Resolutions by the time they took, in the classes of [`RESOLUTION_MS`].
            pub resolution_times: [Counter; RESOLUTION_MS.len() + 1],
        }

        impl Stats {
            /// Name, meaning and sum over all workers, of every plain counter.
            pub fn sum<'a>(workers: impl Iterator<Item = &'a Stats> + Clone) -> Vec<(&'static str, &'static str, u64)> {
                vec![ $( (stringify!($name), $doc.trim_ascii(), workers.clone().map(|w| w.$name.get()).sum()) ),* ]
            }
        }
    };
}

counters! {
    /// Packets over UDP.
    udp_received,
    /// Messages over TCP.
    tcp_received,
    /// Responses sent.
    responses,
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
    /// Dynamic updates handed to the control plane.
    updates,
    /// Notifications handed to the control plane.
    notifies,
    /// Zone transfers handed to the control plane.
    transfers,
    /// Messages answered SERVFAIL because the control plane has too many already.
    control_busy,
    /// Zone transfers answered SERVFAIL because there were too many at once.
    transfers_refused,
    /// Queries answered from the cache.
    cache_hits,
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

/// One counter for each QTYPE up to 255, and one for the rest.
#[derive(Debug)]
pub struct QtypeCounters(Box<[Counter]>);

impl Default for QtypeCounters {
    fn default() -> QtypeCounters {
        QtypeCounters((0..257).map(|_| Counter::default()).collect())
    }
}

impl QtypeCounters {
    /// Counts a question.
    #[inline]
    pub fn add(&self, qtype: dns::RType) {
        self.0[usize::from(qtype.0.min(256))].add(1);
    }

    /// The count of one type; 256 stands for all above 255.
    pub fn get(&self, qtype: usize) -> u64 {
        self.0.get(qtype).map_or(0, Counter::get)
    }
}

impl Stats {
    /// Counts a response.
    #[inline]
    pub fn rcode(&self, rcode: dns::header::Rcode) {
        self.rcodes[usize::from(rcode.0.min(MAX_RCODE))].add(1);
    }

    /// Counts a resolution.
    pub(crate) fn resolved(&self, rcode: dns::header::Rcode, elapsed_us: u64) {
        let class = RESOLUTION_MS.partition_point(|&bound_ms| bound_ms * 1000 < elapsed_us);
        self.resolution_times[class].add(1);
        if rcode == dns::header::Rcode::SERVFAIL {
            self.resolver_failures.add(1);
        }
    }

    /// Counts a response that the control plane, or a resolver thread, made.
    pub(crate) fn response(&self, message: &[u8]) {
        self.responses.add(1);
        self.response_bytes.add(message.len() as u64);
        self.rcode(dns::header::Rcode(message.get(3).map_or(0, |octet| u16::from(octet & 0x0f))));
    }

    /// All counts as lines of `name value`, summed over the workers, zeros of the arrays left out.
    pub fn report<'a>(workers: impl Iterator<Item = &'a Stats> + Clone) -> String {
        use std::fmt::Write;
        let mut out = String::new();
        for (name, _, value) in Stats::sum(workers.clone()) {
            let _ = writeln!(out, "{name} {value}");
        }
        for rcode in 0..=MAX_RCODE {
            let value: u64 = workers.clone().map(|w| w.rcodes[usize::from(rcode)].get()).sum();
            if value > 0 {
                let _ = writeln!(out, "rcode.{} {value}", dns::header::Rcode(rcode));
            }
        }
        for class in 0..=RESOLUTION_MS.len() {
            let value: u64 = workers.clone().map(|w| w.resolution_times[class].get()).sum();
            if value > 0 {
                let bound = RESOLUTION_MS.get(class).map_or("inf".to_string(), u64::to_string);
                let _ = writeln!(out, "resolution_ms.{bound} {value}");
            }
        }
        for qtype in 0..257 {
            let value: u64 = workers.clone().map(|w| w.qtypes.get(qtype)).sum();
            let name = if qtype == 256 { "other".to_string() } else { dns::RType(qtype as u16).to_string() };
            if value > 0 {
                let _ = writeln!(out, "qtype.{name} {value}");
            }
        }
        out
    }
}
