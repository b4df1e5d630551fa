//! Every metric: name, kind, labels, meaning. Names are stable; dashboards and rules of others have them.

use super::{Family, Kind};

macro_rules! families {
    ($( $id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal; )*) => {
        $(
            #[doc = $help]
            pub static $id: Family = Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All families, in the order of the guide.
        pub static ALL: &[&Family] = &[$(&$id),*];
    };
}

families! {
    BUILD_INFO = Gauge "headwater_build_info" ["version"] "1; the version that runs.";
    HEALTH = Gauge "headwater_health" ["check"] "State of a health check: 0 ok, 1 warn, 2 fail.";

    QUERIES = Counter "headwater_queries_total" ["transport", "type"] "Questions, by type; those without a name are other.";
    RECEIVED = Counter "headwater_received_total" ["transport"] "Messages that came in.";
    RESPONSES = Counter "headwater_responses_total" ["rcode", "source"] "Responses, by RCODE and by who gave them.";
    RESPONSE_BYTES = Counter "headwater_response_bytes_total" [] "Bytes of responses, without headers of UDP, TCP and IP.";
    RESPONSE_SECONDS = Histogram "headwater_response_seconds" ["source"] "Time from a query to its response; queries of one batch have the time of the batch.";
    EXTENDED_ERRORS = Counter "headwater_extended_errors_total" ["code"] "Responses that give a reason (RFC 8914), by INFO-CODE.";
    TRUNCATED = Counter "headwater_truncated_total" [] "Responses with TC set.";
    EDNS = Counter "headwater_edns_total" [] "Queries with EDNS.";
    DNSSEC_OK = Counter "headwater_dnssec_ok_total" [] "Queries with the DO bit.";
    COOKIES = Counter "headwater_cookies_total" ["state"] "Queries with a cookie: valid, if it is one of ours and fresh, else new.";
    TSIG = Counter "headwater_tsig_total" ["result"] "Messages with a TSIG signature: verified, badsig, badkey, badtime.";
    CONTROL = Counter "headwater_control_messages_total" ["kind"] "Updates to be made here (update) and those to be sent on to a primary (forward), notifications and transfers, allowed or not.";
    REFUSED = Counter "headwater_refused_total" ["reason"] "Queries that were refused or could not be taken, by reason.";
    BLOCKED = Counter "headwater_blocked_total" ["list"] "Answers that a rule blocked or spelled out, by list; lists that are gone are not shown.";
    RATE_LIMITED = Counter "headwater_rate_limited_total" ["limit"] "Queries and answers held back: client, by the rate of queries; responses, by that of answers; client_misses and zone_misses, by the questions of a client or for names of a zone that others must be asked about; networks, as the network may not ask.";
    DROPPED = Counter "headwater_dropped_total" ["reason"] "Messages without an answer: ignored, as they were no queries; rule, as a rule said so; send_error, as the system did not take the answer.";
    VALIDATION = Counter "headwater_validation_total" ["result"] "Answers of resolver and cache, by what validation said.";

    CONNECTIONS = Gauge "headwater_connections" [] "Connections of clients that are open.";
    CONNECTIONS_ACCEPTED = Counter "headwater_connections_accepted_total" [] "Connections that were accepted.";
    CONNECTIONS_CLOSED = Counter "headwater_connections_closed_total" ["reason"] "Connections that the server closed, by reason.";
    ACCEPT_PAUSED = Counter "headwater_accept_paused_total" [] "Times that no connection could be accepted for want of descriptors or memory.";
    LISTENERS = Gauge "headwater_listeners" ["transport"] "Addresses that are listened on.";

    CACHE_HITS = Counter "headwater_cache_hits_total" [] "Look-ups that the cache answered, those of the resolver included; from 0 again when cache settings change.";
    CACHE_MISSES = Counter "headwater_cache_misses_total" [] "Look-ups that it did not answer.";
    CACHE_STALE_HITS = Counter "headwater_cache_stale_hits_total" [] "Look-ups answered with data that had expired.";
    CACHE_ENTRIES = Gauge "headwater_cache_entries" [] "Entries of the cache.";
    CACHE_BYTES = Gauge "headwater_cache_bytes" [] "Memory that the cache takes.";
    CACHE_MAX_BYTES = Gauge "headwater_cache_max_bytes" [] "Memory that it may take.";
    CACHE_INSERTS = Counter "headwater_cache_inserts_total" [] "Entries that were put in.";
    CACHE_EVICTIONS = Counter "headwater_cache_evictions_total" [] "Entries that were evicted to make room for others.";
    CACHE_EXPIRED = Counter "headwater_cache_expired_total" [] "Entries that were removed because they had expired.";
    CACHE_LOOKUP_SECONDS = Summary "headwater_cache_lookup_seconds" [] "Time of a look-up for a client: each 1,024th is measured.";

    RESOLVER_QUERIES = Counter "headwater_resolver_queries_total" ["for"] "Questions that the resolver got: from client, or to refresh the cache.";
    RESOLVER_FAILURES = Counter "headwater_resolver_failures_total" [] "Queries whose resolution failed.";
    UPSTREAM_SECONDS = Histogram "headwater_upstream_seconds" ["server"] "Time until another server replied, or was waited for no longer: a configured forwarder, or iterate for authoritative servers.";
    UPSTREAM_QUESTIONS = Counter "headwater_upstream_questions_total" ["transport"] "Questions to other servers: udp; stream for TCP, TLS and HTTPS.";
    UPSTREAM_TIMEOUTS = Counter "headwater_upstream_timeouts_total" [] "Questions to other servers without a reply in time.";
    UPSTREAM_IGNORED = Counter "headwater_upstream_ignored_total" [] "Datagrams that were no reply to anything asked.";

    ZONES = Gauge "headwater_zones" ["state"] "Zones: serving, waiting for contents, expired.";
    RECORDS = Gauge "headwater_records" [] "Records of all zones.";
    ZONES_LEFT_OUT = Gauge "headwater_zones_left_out" [] "Zones without metrics of their own: those above metrics.zones_max.";
    ZONE_SERIAL = Gauge "headwater_zone_serial" ["zone"] "Serial.";
    ZONE_FINDINGS = Gauge "headwater_zone_findings" ["zone"] "What the checks find in the records.";
    ZONE_EXPIRES = Gauge "headwater_zone_expires_seconds" ["zone"] "Seconds until a secondary is served no longer unless it is refreshed.";
    ZONE_REFRESHED = Gauge "headwater_zone_refreshed_timestamp_seconds" ["zone"] "When a primary last confirmed or sent a secondary.";
    ZONE_SIGNATURES_END = Gauge "headwater_zone_signatures_end_seconds" ["zone"] "Seconds until the first signature of a zone ends that is signed here, or that others sign and that is validated, unless it is made anew before.";
    ZONE_SIGNING_FAILING = Gauge "headwater_zone_signing_failing" ["zone"] "1 if a zone that is signed here cannot be signed, or a change of it was refused.";
    ZONE_INVALID = Gauge "headwater_zone_invalid" ["zone"] "1 if resolvers would refuse what is served of a zone that others sign, or a version of it was refused (dnssec_validate).";
    ZONE_REFRESH_FAILING = Gauge "headwater_zone_refresh_failing" ["zone"] "1 if the last refresh of a secondary failed.";

    CHANGES = Counter "headwater_changes_total" ["result"] "Changes of zones that were submitted here: made, or refused for whatever reason.";
    CHANGE_SERVED_SECONDS = Histogram "headwater_change_served_seconds" [] "Time from a change's submission until it is durable and served.";
    JOURNAL_FSYNC_SECONDS = Histogram "headwater_journal_fsync_seconds" [] "Time in which the journal takes a group of changes, most of which is its fsync.";
    NODES = Gauge "headwater_nodes" ["state"] "Servers of the cluster: serving, stopped, absent.";
    NODE_LAG = Gauge "headwater_node_lag" ["node"] "Places of the journal that a server of the cluster is behind the one that is furthest.";
    JOURNAL_POSITION = Gauge "headwater_journal_position" [] "Offset of the latest change that is served.";
    JOURNAL_BYTES = Gauge "headwater_journal_bytes" [] "Size of the journal's database.";
    JOURNAL_WAL_BYTES = Gauge "headwater_journal_wal_bytes" [] "Size of its WAL.";
    STORE_LAG = Gauge "headwater_store_lag_changes" [] "Changes that are in the journal and not yet in the store.";
    STORE_BYTES = Gauge "headwater_store_bytes" [] "Size of the store's database.";
    STORE_WAL_BYTES = Gauge "headwater_store_wal_bytes" [] "Size of its WAL.";

    INGEST_EVENTS = Counter "headwater_ingest_events_total" ["stream", "result"] "Messages of a stream of records: applied (they may have changed nothing), or refused and in the dead-letter topic.";
    INGEST_LAG = Gauge "headwater_ingest_lag_messages" ["stream"] "Messages of a stream of records that wait to be taken over.";

    CHANGE_EVENTS = Counter "headwater_change_events_total" ["to", "result"] "Changes of zones told to a topic or a webhook: sent, or dropped because it refused them for good or was too far behind.";
    CHANGE_EVENTS_LAG = Gauge "headwater_change_events_lag_changes" ["to"] "Changes that a topic or a webhook has not been told of yet.";

    ANOMALIES = Counter "headwater_anomalies_total" ["kind"] "Anomalies that began, by kind; those that are muted do not count.";
    ANOMALIES_ACTIVE = Gauge "headwater_anomalies_active" ["kind"] "Anomalies that are under way and not muted, by kind.";

    LOG_RECORDS = Counter "headwater_log_records_total" ["output"] "Records of answers that were offered to an output that is on.";
    HISTORY_SKIPPED = Counter "headwater_history_skipped_total" [] "Answers that the history left out: while only the history wants them, a thread that answers more than 25,000 a second records a part.";
    LOG_DROPPED = Counter "headwater_log_dropped_total" ["output"] "Records that an output lost because it was slow; records: lost before any output saw them.";

    PROCESS_CPU = Counter "process_cpu_seconds_total" [] "Processor time, of user and system.";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the process started.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" [] "Memory that is resident.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] "Memory that is mapped.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" [] "Descriptors that are open.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" [] "Descriptors that may be open.";
    PROCESS_THREADS = Gauge "process_threads" [] "Threads.";
}

/// The table of the guide: every family, in Markdown.
pub fn table() -> String {
    let mut out = String::from("| Metric | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n");
    for family in ALL {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = [format!("`{}`", family.name), family.kind.as_str().into(), labels.join(", "), family.help.into()];
        out += &format!("| {} |\n", row.join(" | "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let mut names: Vec<&str> = ALL.iter().map(|family| family.name).collect();
        for family in ALL {
            let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(fits(family.name) && family.labels.iter().all(|label| fits(label)), "{}", family.name);
            let ours = family.name.starts_with("headwater_") || family.name.starts_with("process_");
            assert!(ours && family.help.ends_with('.'), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            let is_time = matches!(family.kind, Kind::Histogram | Kind::Summary);
            assert!(!is_time || family.name.ends_with("_seconds"), "{}", family.name);
            assert!(!["_ms", "_us", "_kb", "_mb"].iter().any(|unit| family.name.ends_with(unit)), "{}", family.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "each name once");
    }
}
