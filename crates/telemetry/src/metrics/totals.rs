//! The counters of the data plane as metrics.

use dns::Rcode;
use server::answered::SourceGroup;
use server::stats::{Totals, UpstreamGroup};
use server::transport::Transport;

use super::catalogue::*;
use super::{Snapshot, Value};

/// Validation's results, by the numbers of `resolver::Security`.
const SECURITY: [&str; 4] = ["bogus", "indeterminate", "insecure", "secure"];

/// Adds what the threads have counted.
pub fn add_totals(snapshot: &mut Snapshot, totals: &Totals) {
    let get = |name| totals.get(name);
    for transport in Transport::ALL {
        let name = transport.as_str();
        totals.questions_over(transport).iter().for_each(|(rtype, count)| {
            snapshot.count(&QUERIES, &[name, rtype], *count);
        });
    }
    snapshot.count(&RECEIVED, &["udp"], get("udp_received"));
    snapshot.count(&RECEIVED, &["tcp"], get("tcp_received"));
    add_answers(snapshot, totals);
    let plain = [
        (&RESPONSE_BYTES, "response_bytes"),
        (&TRUNCATED, "truncated"),
        (&EDNS, "edns"),
        (&DNSSEC_OK, "dnssec_ok"),
        (&CONNECTIONS_ACCEPTED, "tcp_accepted"),
        (&ACCEPT_PAUSED, "tcp_accept_paused"),
        (&RESOLVER_FAILURES, "resolver_failures"),
        (&UPSTREAM_TIMEOUTS, "upstream_timeouts"),
        (&UPSTREAM_IGNORED, "upstream_ignored"),
    ];
    plain.into_iter().for_each(|(family, name)| snapshot.count(family, &[], get(name)));
    snapshot.count(&COOKIES, &["valid"], get("cookies_valid"));
    snapshot.count(&COOKIES, &["new"], get("cookies").saturating_sub(get("cookies_valid")));
    let labelled = [
        (&TSIG, "verified", "tsig_verified"),
        (&TSIG, "badsig", "tsig_badsig"),
        (&TSIG, "badkey", "tsig_badkey"),
        (&TSIG, "badtime", "tsig_badtime"),
        (&CONTROL, "update", "updates"),
        (&CONTROL, "forward", "forwards"),
        (&CONTROL, "notify", "notifies"),
        (&CONTROL, "transfer", "transfers"),
        (&REFUSED, "malformed", "malformed"),
        (&REFUSED, "not_authoritative", "not_authoritative"),
        (&REFUSED, "allow_query", "denied"),
        (&REFUSED, "recursion", "resolver_denied"),
        (&REFUSED, "resolver_busy", "resolver_busy"),
        (&REFUSED, "control_busy", "control_busy"),
        (&REFUSED, "transfers_busy", "transfers_refused"),
        (&RATE_LIMITED, "client", "rate_limited"),
        (&RATE_LIMITED, "responses", "responses_limited"),
        (&RATE_LIMITED, "client_misses", "client_misses_limited"),
        (&RATE_LIMITED, "zone_misses", "zone_misses_limited"),
        (&RATE_LIMITED, "tcp_work", "tcp_work_limited"),
        (&RATE_LIMITED, "networks", "networks_denied"),
        (&DROPPED, "ignored", "ignored"),
        (&DROPPED, "rule", "rules_dropped"),
        (&DROPPED, "send_error", "send_errors"),
        (&CONNECTIONS_CLOSED, "limit", "tcp_refused"),
        (&CONNECTIONS_CLOSED, "evicted", "tcp_evicted"),
        (&CONNECTIONS_CLOSED, "idle", "tcp_idle_closed"),
        (&CONNECTIONS_CLOSED, "stalled", "tcp_stalled_closed"),
        (&CONNECTIONS_CLOSED, "unanswered", "tcp_unanswered_closed"),
        (&CONNECTIONS_CLOSED, "malformed", "tcp_malformed_closed"),
        (&CONNECTIONS_CLOSED, "memory", "tcp_overflow_closed"),
        (&RESOLVER_QUERIES, "client", "resolver_queries"),
        (&RESOLVER_QUERIES, "refresh", "resolver_prefetches"),
        (&UPSTREAM_QUESTIONS, "udp", "upstream_udp"),
        (&UPSTREAM_QUESTIONS, "stream", "upstream_streams"),
    ];
    labelled.into_iter().for_each(|(family, label, name)| snapshot.count(family, &[label], get(name)));
    snapshot.number(&CONNECTIONS, &[], get("tcp_accepted").saturating_sub(get("tcp_closed")) as f64);
    let lookups = Value::Sum(get("cache_lookup_ns") as f64 / 1e9, get("cache_lookups_timed"));
    snapshot.add(&CACHE_LOOKUP_SECONDS, &[], lookups);
    add_upstreams(snapshot, totals);
}

fn add_upstreams(snapshot: &mut Snapshot, totals: &Totals) {
    for (group, times) in &totals.upstream {
        let server = match group {
            UpstreamGroup::Iterate => "iterate".to_owned(),
            UpstreamGroup::Forwarder(address) => address.to_string(),
            UpstreamGroup::OtherForwarder => "other".to_owned(),
        };
        snapshot.times(&UPSTREAM_SECONDS, &[&server], *times);
    }
}

fn add_answers(snapshot: &mut Snapshot, totals: &Totals) {
    for (rcode, groups) in (0..).zip(&totals.answers) {
        for (group, &count) in SourceGroup::ALL.iter().zip(groups).filter(|(_, count)| **count > 0) {
            snapshot.count(&RESPONSES, &[&Rcode(rcode).to_string(), group.as_str()], count);
        }
    }
    for (group, times) in SourceGroup::ALL.iter().zip(&totals.times) {
        snapshot.times(&RESPONSE_SECONDS, &[group.as_str()], *times);
    }
    for (code, &count) in totals.info.iter().enumerate().filter(|(_, count)| **count > 0) {
        let code = if code + 1 == totals.info.len() { "other".to_owned() } else { code.to_string() };
        snapshot.count(&EXTENDED_ERRORS, &[&code], count);
    }
    for (result, &count) in SECURITY.iter().zip(&totals.security) {
        snapshot.count(&VALIDATION, &[result], count);
    }
}

#[cfg(test)]
mod tests {
    use server::stats::Stats;

    use super::*;

    #[test]
    fn counters_have_their_metrics() {
        let stats = Stats::default();
        let counters = [&stats.truncated, &stats.cookies, &stats.tsig_badkey, &stats.tcp_refused, &stats.upstream_udp];
        counters.iter().zip(1..).for_each(|(counter, n)| counter.add(n));
        let mut totals = Totals::default();
        totals.add(&stats);
        let mut snapshot = Snapshot::default();
        add_totals(&mut snapshot, &totals);
        for (name, labels, count) in [
            ("headwater_truncated_total", vec![], 1),
            ("headwater_cookies_total", vec!["new"], 2),
            ("headwater_tsig_total", vec!["badkey"], 3),
            ("headwater_connections_closed_total", vec!["limit"], 4),
            ("headwater_upstream_questions_total", vec!["udp"], 5),
        ] {
            let sample = snapshot.samples(name).iter().find(|sample| sample.labels == labels);
            assert_eq!(sample.map(|sample| &sample.value), Some(&Value::Count(count)), "{name}");
        }
        assert_eq!(snapshot.samples("headwater_response_seconds").len(), SourceGroup::ALL.len());
    }
}
