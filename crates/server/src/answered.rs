//! The exit: every response passes here as it leaves, whoever made it and whatever it leaves over, and makes one record.

use std::net::SocketAddr;

use dns::header::{HEADER_LEN, Rcode};
use dns::query::flags;
use dns::{Class, Name, RType};
use policy::Mark;
use resolver::Security;

use crate::clock::unix_us;
use crate::record::{Record, Recorder, ResponseRecord};
use crate::stats::{Counter, Stats};
use crate::transport::Transport;

pub use crate::source::{Refusal, Source, SourceGroup};

/// Bytes that are recorded of a message of the control plane: a transfer has thousands of 64 KiB.
const MAX_TRANSFER_BYTES: usize = 512;

/// What a thread lets responses leave by.
#[derive(Debug, Default)]
pub struct Exit {
    /// Its counters.
    pub stats: Stats,
    /// Records what leaves, for whoever reads it.
    pub recorder: Recorder,
}

/// Which thread lets a response leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The one that the exit belongs to.
    Owner,
    /// Another one.
    Other,
}

/// The record of one response.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Who asked.
    pub client: SocketAddr,
    /// How the query came.
    pub transport: Transport,
    /// The message.
    pub response: &'a [u8],
    /// Its RCODE, with the upper bits that are in the OPT record.
    pub rcode: Rcode,
    /// Who gave the answer, or what policy said of the query.
    pub source: Source,
    /// Microseconds that it took.
    pub elapsed_us: u64,
    /// When it leaves, in microseconds since 1970; `None`: now.
    pub left_us: Option<u64>,
    /// The query as it came; empty if it was not kept.
    pub query: &'a [u8],
    /// Bytes of the query; 0 if they are not known.
    pub query_len: u16,
    /// Labels of the apex of the zone of ours that the name is in.
    pub apex_labels: Option<u8>,
    /// What validation said of the answer.
    pub security: Option<Security>,
    /// Who told the resolver the last part that it did not know.
    pub upstream: Option<SocketAddr>,
    /// The reason that the response gives (RFC 8914).
    pub info: Option<u16>,
    /// What policy did with the question; `None`: nothing.
    pub policy: Option<Mark>,
}

impl<'a> Answered<'a> {
    /// The record of a response that was given at once, and by ourselves.
    #[inline(always)]
    pub fn new(
        client: SocketAddr,
        transport: Transport,
        response: &'a [u8],
        rcode: Rcode,
        source: Source,
    ) -> Answered<'a> {
        Answered {
            client,
            transport,
            response,
            rcode,
            source,
            elapsed_us: 0,
            left_us: None,
            query: &[],
            query_len: 0,
            apex_labels: None,
            security: None,
            upstream: None,
            info: None,
            policy: None,
        }
    }

    /// What was asked; `None` if the response does not repeat it.
    pub fn question(&self) -> Option<(&'a Name, RType, Class)> {
        question(self.response)
    }

    /// Whether TC is set.
    #[inline]
    pub fn is_truncated(&self) -> bool {
        self.response.get(2).is_some_and(|octet| octet & flags::TC != 0)
    }

    /// Takes the record: whatever reads answers reads them here.
    #[inline(always)] // Else every field goes through memory, which costs 5 ns an answer.
    pub(crate) fn leave(&self, exit: &Exit, by: By) {
        match by {
            By::Owner => self.count(&exit.stats, Counter::add),
            By::Other => self.count(&exit.stats, Counter::add_shared),
        }
        if exit.recorder.wanted().responses {
            self.record(&exit.recorder, by);
        }
    }

    /// Tells whoever keeps or shows responses of this one.
    #[inline(never)] // Most of the time nobody wants it.
    fn record(&self, recorder: &Recorder, by: By) {
        let left_us = self.left_us.unwrap_or_else(unix_us);
        let response = match self.source {
            Source::ControlPlane => self.response.get(..MAX_TRANSFER_BYTES).unwrap_or(self.response),
            _ => self.response,
        };
        let record = Record::Response(ResponseRecord {
            time_us: left_us.saturating_sub(self.elapsed_us),
            elapsed_us: self.elapsed_us,
            client: self.client,
            transport: self.transport,
            source: self.source,
            rcode: self.rcode,
            security: self.security,
            apex_labels: self.apex_labels,
            upstream: self.upstream,
            policy: self.policy,
            query_len: self.query_len,
            response_len: self.response.len().try_into().unwrap_or(u16::MAX),
            query: self.query,
            response,
        });
        match by {
            By::Owner => recorder.record(&record),
            By::Other => recorder.record_shared(&record),
        }
    }

    #[inline(always)]
    fn count(&self, stats: &Stats, add: impl Fn(&Counter, u64)) {
        stats.answered(self.rcode, SourceGroup::of(self.source, self.rcode), self.elapsed_us, &add);
        add(&stats.response_bytes, self.response.len() as u64);
        if let Some(security) = self.security {
            add(stats.of_security(security), 1);
        }
        if let Some(info_code) = self.info {
            add(stats.of_info(info_code), 1);
        }
        if self.is_truncated() {
            add(&stats.truncated, 1);
        }
        if let Some(mark) = self.policy {
            add(stats.of_rule(&mark), 1);
        }
        match self.source {
            Source::Zone | Source::ControlPlane | Source::Server | Source::Policy => {}
            Source::Cache => add(&stats.cache_hits, 1),
            Source::Stale => {
                add(&stats.cache_hits, 1);
                add(&stats.stale_answers, 1);
            }
            Source::Resolver => {
                if self.rcode == Rcode::SERVFAIL {
                    add(&stats.resolver_failures, 1);
                }
            }
            Source::Refused(refusal) => add(counter(refusal, stats), 1),
        }
    }
}

/// The question of a message that has one, whose name is not compressed.
pub fn question(message: &[u8]) -> Option<(&Name, RType, Class)> {
    let (name, behind) = Name::split_from_wire(message.get(HEADER_LEN..)?).ok()?;
    let &[_, _, _, _, 0, 1, ..] = message else { return None };
    let &[a, b, c, d] = behind.first_chunk::<4>()?;
    Some((name, RType(u16::from_be_bytes([a, b])), Class(u16::from_be_bytes([c, d]))))
}

/// What counts a refusal.
fn counter(refusal: Refusal, stats: &Stats) -> &Counter {
    match refusal {
        Refusal::Malformed => &stats.malformed,
        Refusal::NotAuthoritative => &stats.not_authoritative,
        Refusal::Zone => &stats.denied,
        Refusal::Recursion => &stats.resolver_denied,
        Refusal::Signature => &stats.tsig_badsig,
        Refusal::Key => &stats.tsig_badkey,
        Refusal::Time => &stats.tsig_badtime,
        Refusal::ControlBusy => &stats.control_busy,
        Refusal::ResolverBusy => &stats.resolver_busy,
        Refusal::TransfersBusy => &stats.transfers_refused,
        Refusal::Rate => &stats.rate_limited,
        Refusal::ResponseRate => &stats.responses_limited,
        Refusal::ClientMisses => &stats.client_misses_limited,
        Refusal::ZoneMisses => &stats.zone_misses_limited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{PLAIN, Totals};

    const RESPONSE: [u8; 21] = [7, 7, 0x82, 3, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'w', b'w', 0, 0, 28, 0, 1];

    #[test]
    fn a_record_says_what_was_asked() {
        let client: SocketAddr = ([192, 0, 2, 1], 5300).into();
        let record = |response| Answered::new(client, Transport::Udp, response, Rcode::NXDOMAIN, Source::Zone);
        let (name, rtype, class) = record(&RESPONSE).question().expect("a question");
        assert_eq!((name.to_string().as_str(), rtype, class), ("www.", RType::AAAA, Class::IN));
        assert!(record(&RESPONSE).is_truncated());
        assert_eq!(record(&RESPONSE[..20]).question(), None, "cut off");
        assert_eq!(record(&[7, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]).question(), None, "the header alone");
        assert!(record(&[]).question().is_none() && !record(&[]).is_truncated());
    }

    #[test]
    fn each_source_has_its_counter() {
        let client: SocketAddr = ([192, 0, 2, 1], 5300).into();
        let check = |source, rcode, counted: &[&str]| {
            let exit = Exit::default();
            let answered = Answered::new(client, Transport::Udp, &RESPONSE, rcode, source);
            answered.leave(&exit, By::Owner);
            Answered { elapsed_us: 3000, ..answered }.leave(&exit, By::Other);
            let stats = &exit.stats;
            let mut totals = Totals::default();
            totals.add(stats);
            let sums = PLAIN.iter().map(|(name, _)| (*name, totals.get(name)));
            let mut sums: Vec<(&str, u64)> = sums.filter(|(_, value)| *value > 0).collect();
            let always = [("response_bytes", 42), ("truncated", 2)];
            let mut expected: Vec<(&str, u64)> =
                always.into_iter().chain(counted.iter().map(|&name| (name, 2))).collect();
            sums.sort_unstable();
            expected.sort_unstable();
            assert_eq!(sums, expected, "{source:?}");
            let group = SourceGroup::of(source, rcode);
            assert_eq!(totals.answers[usize::from(rcode.0)][group as usize], 2);
            assert_eq!((totals.responses(), totals.of_group(group), stats.responses()), (2, 2, 2));
            let times = &totals.times[group as usize];
            assert_eq!((times.count(), times.sum_us, times.quantile_us(1.0)), (2, 3000, Some(5000)));
        };
        check(Source::Zone, Rcode::NOERROR, &[]);
        check(Source::Server, Rcode::BADVERS, &[]);
        check(Source::ControlPlane, Rcode::NOERROR, &[]);
        check(Source::Cache, Rcode::NOERROR, &["cache_hits"]);
        check(Source::Stale, Rcode::NOERROR, &["cache_hits", "stale_answers"]);
        check(Source::Resolver, Rcode::NOERROR, &[]);
        check(Source::Resolver, Rcode::SERVFAIL, &["resolver_failures"]);
        let refused = [
            (Refusal::Malformed, "malformed"),
            (Refusal::NotAuthoritative, "not_authoritative"),
            (Refusal::Zone, "denied"),
            (Refusal::Recursion, "resolver_denied"),
            (Refusal::Signature, "tsig_badsig"),
            (Refusal::Key, "tsig_badkey"),
            (Refusal::Time, "tsig_badtime"),
            (Refusal::ControlBusy, "control_busy"),
            (Refusal::ResolverBusy, "resolver_busy"),
            (Refusal::TransfersBusy, "transfers_refused"),
            (Refusal::Rate, "rate_limited"),
            (Refusal::ResponseRate, "responses_limited"),
            (Refusal::ClientMisses, "client_misses_limited"),
            (Refusal::ZoneMisses, "zone_misses_limited"),
        ];
        for (refusal, name) in refused {
            check(Source::Refused(refusal), Rcode::REFUSED, &[name]);
        }
    }

    #[test]
    fn what_validation_said_and_the_reason_are_counted() {
        let exit = Exit::default();
        let client: SocketAddr = ([192, 0, 2, 1], 5300).into();
        let record = Answered::new(client, Transport::Udp, &RESPONSE, Rcode::NOERROR, Source::Cache);
        let (security, info) = (Some(Security::Secure), Some(dns::edns::ede::STALE_ANSWER));
        Answered { security, info, ..record }.leave(&exit, By::Owner);
        Answered { info: Some(60_000), ..record }.leave(&exit, By::Owner);
        let mut totals = Totals::default();
        totals.add(&exit.stats);
        assert_eq!(totals.security, [0, 0, 0, 1]);
        assert_eq!((totals.info[3], totals.info.last(), totals.info.iter().sum::<u64>()), (1, Some(&1), 2));
    }
}
