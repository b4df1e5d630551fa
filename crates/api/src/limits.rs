//! Every bound of the API.

use std::time::Duration;

/// Octets of a request body, unless one of the limits below applies.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// Octets of a changeset: 10,000 zones fit in.
pub const MAX_CHANGESET_BYTES: usize = 16 << 20;
/// Octets of a zone file that is imported.
pub const MAX_IMPORT_BYTES: usize = 1 << 30;
/// Octets of all bodies larger than the usual ones that are being worked on.
pub const MAX_LARGE_BODIES_BYTES: usize = 2 << 30;
/// Octets of a draft.
pub const MAX_DRAFT_BYTES: usize = 1 << 20;
/// Octets of a configuration's text.
pub const MAX_CONFIG_BYTES: usize = 16 << 20;
/// Drafts that are kept.
pub const MAX_DRAFTS: usize = 1000;
/// Steps (zones and RRsets) of one changeset.
pub const MAX_STEPS: usize = 200_000;

/// Items of a page when the client asks for no number.
pub const PAGE_DEFAULT: usize = 100;
/// Items of a page.
pub const PAGE_MAX: usize = 1000;
/// Items that are looked at for one page; those that the client may not see count too.
pub const PAGE_MAX_SCANNED: usize = 10_000;
/// Zones or RRsets that are looked at for one page of a search.
pub const SEARCH_MAX_SCANNED: usize = 200_000;
/// A page of a search ends after this time with what it has.
pub const SEARCH_TIME: Duration = Duration::from_millis(200);
/// Characters of what is searched for.
pub const MAX_SEARCHED: usize = 255;
/// Records that a diff lists; a longer one says that it goes on.
pub const MAX_DIFF_RECORDS: usize = 100_000;
/// Octets of an exported zone that are made at once.
pub const EXPORT_CHUNK_BYTES: usize = 64 << 10;
/// Faults of one request that are reported.
pub const MAX_ERRORS: usize = 1000;

/// Searches of the history of queries at a time; others wait.
pub const MAX_SEARCHES: usize = 4;
/// For one search: it ends with what it has, and says where to go on.
pub const SEARCH_SLICE: Duration = Duration::from_millis(250);
/// For suggestions.
pub const SUGGEST_SLICE: Duration = Duration::from_millis(100);
/// Rows of one answer of `/api/logs`.
pub const MAX_LOG_ROWS: usize = 10_000;

/// Octets of an idempotency key.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// Responses that are kept for being sent again.
pub const MAX_IDEMPOTENT_RESPONSES: usize = 4096;
/// Octets of all responses that are kept.
pub const MAX_IDEMPOTENT_BYTES: usize = 64 << 20;
/// How long they are kept.
pub const IDEMPOTENT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Connections at a time.
pub const MAX_CONNECTIONS: usize = 1024;
/// Connections of one client address at a time.
pub const MAX_CONNECTIONS_PER_CLIENT: usize = 256;
/// TLS handshakes under way at a time.
pub const MAX_HANDSHAKES: usize = 512;
/// TLS handshakes of one client address under way at a time.
pub const MAX_HANDSHAKES_PER_CLIENT: usize = 32;
/// For a TLS handshake, or a request in the clear where one is expected.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks whether the files of a certificate have changed; they are read once they stay as they are.
pub const CERTIFICATE_LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Requests at a time on one connection of HTTP/2.
pub const MAX_STREAMS_PER_CONNECTION: u32 = 32;
/// Octets that a client of HTTP/2 may send ahead.
pub const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// Octets of one response that wait for a client of HTTP/2 to take them.
pub const STREAM_SEND_BYTES: usize = 64 << 10;
/// Between two questions whether the client of an HTTP/2 connection is there; it has as long to answer.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Between two looks at what the requests of an HTTP/2 connection are doing.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Octets of the request line and the header fields.
pub const MAX_HEAD_BYTES: usize = 32 << 10;
/// For the request line and the header fields to arrive; a kept connection may be idle as long.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// For a request body to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// For a zone file to arrive.
pub const IMPORT_TIMEOUT: Duration = Duration::from_secs(600);
/// For a client to take some of what is sent to it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// For a client to close its side of a connection that the server has closed.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Octets of a refused body that are read before the connection is closed all the same.
pub const LINGER_BYTES: u64 = 8 << 20;
/// For requests under way when the server stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams of changes at a time.
pub const MAX_STREAMS: usize = 256;
/// Changes read from the history at once.
pub const STREAM_BATCH: usize = 256;
/// Between two signs of life on a stream.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream whose client takes nothing for so long is closed.
pub const SLOW_CLIENT: Duration = Duration::from_secs(10);

/// A stream ends after so long: its client comes back and shows anew who it is, so that rights that were taken away
/// are gone.
pub const STREAM_AGE: Duration = Duration::from_secs(600);

/// Longest time that another level of the log may be asked for, in seconds.
pub const MAX_LOG_LEVEL_S: u64 = 24 * 3600;
/// Modules with levels of their own.
pub const MAX_LOG_MODULES: usize = 100;
/// Time within which a change of sockets is to be confirmed, in seconds, unless the request says another.
pub const CONFIRM_S: u64 = 60;
/// Longest such time, in seconds.
pub const MAX_CONFIRM_S: u64 = 3600;
/// Items of a list among values of the configuration that are shown.
pub const MAX_SHOWN_ITEMS: usize = 1000;
/// Octets of a message that a client of a live stream sends.
pub const MAX_LIVE_MESSAGE_BYTES: usize = 8 << 10;
/// Octets that wait to be written to a live stream.
pub const MAX_LIVE_WRITE_BYTES: usize = 256 << 10;
/// Messages that a client may send from one review to the next.
pub const MAX_LIVE_MESSAGES_PER_REVIEW: u32 = 20;
/// Between two looks whether a live stream may go on.
pub const LIVE_REVIEW_INTERVAL: Duration = Duration::from_secs(1);
/// Between two questions whether the client of a live stream is there.
pub const LIVE_PING_INTERVAL: Duration = Duration::from_secs(20);
/// A live stream whose client is not heard for so long is closed.
pub const LIVE_SILENCE: Duration = Duration::from_secs(60);
/// For the client of a live stream to take its end.
pub const LIVE_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Host names of one dyndns2 request.
pub const MAX_DDNS_HOSTS: usize = 20;
/// Questions that one request may have resolved ahead.
pub const MAX_WARM_QUESTIONS: usize = 1000;
/// So many of them at once.
pub const MAX_WARM_AT_ONCE: usize = 32;

/// A write that waits for other servers waits so long, in milliseconds, if it does not say how long.
pub const DEFAULT_WAIT_MS: u64 = 5_000;
/// The longest that a write waits for other servers, in milliseconds.
pub const MAX_WAIT_MS: u64 = 60_000;
/// Servers that a write waits for at most.
pub const MAX_NODES_WAITED: usize = 1_000;
/// Octets of a response that receipts are added to.
pub const MAX_WAITED_BODY_BYTES: usize = 16 << 20;
