//! Keys of what goes to and comes from others as a stream of messages: topics of changes in and out, webhooks.

use super::Seconds;
use crate::section::section;
use crate::value::{At, Int};

section! {
    /// A topic of Apache Kafka in the format of Stream-DNS, whose records this server takes over.
    Ingest at "ingest[]" {
        /// Name of the stream, one among them, in the history of changes, in metrics and health; empty: the topic's.
        name: String = String::new(),
        /// `HOST:PORT` of brokers, one or more of them; empty: those of `cluster`.
        brokers: Vec<At<String>> = Vec::new(),
        /// The topic. Keys are `NAME|TYPE`, values JSON arrays of records; a message without a value removes the records.
        topic: String = String::new(),
        /// The topic for messages that cannot be taken over, with the reason; empty: the log alone has them.
        dead_letter_topic: String = String::new(),
        /// Zones whose records it may change: `NAME`, `*.NAME` (one label more), `**.NAME` (all below NAME) or `**` (all).
        zones: Vec<At<String>> = Vec::new(),
        /// Owners that it may change, as patterns; empty: all.
        names: Vec<At<String>> = Vec::new(),
        /// Record types that it may change; empty: all.
        types: Vec<At<String>> = Vec::new(),
        /// TTL of records that come without one.
        default_ttl_seconds: Seconds = Int(3600),
    }
}

section! {
    /// A topic of Apache Kafka that gets a message for every change of zones.
    ChangeEvents at "change_events" {
        /// `HOST:PORT` of brokers, one or more of them; empty: those of `cluster`.
        brokers: Vec<At<String>> = Vec::new(),
        /// The topic; it is made with one partition if it is missing. Empty: there is none.
        topic: String = String::new(),
        /// Zones whose changes are told, as patterns; empty: all.
        zones: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// Somebody who gets an HTTP request for every change of zones.
    ChangeWebhook at "webhooks[]" {
        /// Its name, one among them.
        name: String = String::new(),
        /// Where a POST request goes. Addresses of this machine and its links are reached only if `alerts.allow_internal` has them.
        url: String = String::new(),
        /// File with the secret that signs requests: the header `X-Headwater-Signature` is `sha256=` and the HMAC of
        /// `X-Headwater-Timestamp`, a full stop and the body; empty: they are not signed.
        secret_file: String = String::new(),
        /// Zones whose changes are told, as patterns; empty: all.
        zones: Vec<At<String>> = Vec::new(),
    }
}
