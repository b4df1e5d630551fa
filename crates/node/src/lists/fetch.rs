//! A list from the network: one request after the other along redirects, each to addresses that are checked between
//! looking the host up and connecting. What comes goes to the disk as it comes.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alerts::outgoing::{self, Guarded, Reach};
use ureq::config::Config;
use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use url::Url;

use super::incoming::Incoming;
use super::problem::Problem;
use super::state::Validators;
use super::subscription::{Limits, Settings, join_url, parse_url};

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// The largest head of a response, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// The longest validator that is kept, in bytes; a longer one is as good as none.
const MAX_VALIDATOR_BYTES: usize = 1024;
/// The longest pause that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;

/// Finds the addresses of a host. It waits for the answer, and has to come to an end by itself.
pub type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    /// The text that is kept is the newest.
    NotModified,
    /// Another text, which has been written.
    Text(Validators),
}

/// Fetches lists.
pub(super) struct Fetcher {
    agent: Agent,
    settings: Settings,
    stopping: Arc<AtomicBool>,
}

impl Fetcher {
    /// A fetcher that finds hosts by `lookup` and gives up once `stopping` is set.
    pub fn new(settings: Settings, lookup: Lookup, stopping: Arc<AtomicBool>) -> Fetcher {
        let limits = &settings.limits;
        let config = Config::builder()
            .tls_config(outgoing::tls(&settings.authorities))
            .proxy(None)
            // Each redirect is looked at here, and is a request of its own with a check of its own.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .max_idle_connections(0)
            .timeout_global(Some(limits.whole))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.head))
            .timeout_per_read(Some(limits.rate_window))
            .timeout_per_write(Some(limits.rate_window))
            .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
            .build();
        let why = "the host has no public address; `blocking.allow_internal` permits networks inside";
        let resolver = Guarded::new(OwnResolver(lookup), Reach::Public, settings.allowed.clone(), why);
        Fetcher { agent: Agent::with_parts(config, DefaultConnector::default(), resolver), settings, stopping }
    }

    /// Ends what is on its way, from another thread; nothing can be fetched any more.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    /// Fetches a list into `incoming`, unless it is the one with these `validators`.
    pub fn fetch(&self, url: &str, known: Option<&Validators>, incoming: &mut Incoming) -> Result<Fetched, Problem> {
        let started = Instant::now();
        let mut url = parse_url(url, &self.settings)?;
        for _ in 0..=MAX_REDIRECTS {
            if self.stopping.load(Ordering::Relaxed) {
                return Err(Problem::Stopping);
            }
            let response = self.request(&url, known)?;
            match response.status().as_u16() {
                200 => return self.take(response, started, incoming),
                304 if known.is_some() => return Ok(Fetched::NotModified),
                301 | 302 | 303 | 307 | 308 => {
                    let location = text_of(response.headers(), header::LOCATION);
                    let location = location.ok_or(Problem::Protocol("a redirect that leads nowhere".to_owned()))?;
                    url = join_url(&url, location, &self.settings)?;
                }
                status => return Err(Problem::Status { status, retry_after: retry_after(response.headers()) }),
            }
        }
        Err(Problem::Redirects(MAX_REDIRECTS))
    }

    fn request(&self, url: &Url, known: Option<&Validators>) -> Result<Response<Body>, Problem> {
        let mut request = self.agent.get(url.as_str()).header(header::ACCEPT_ENCODING, "gzip");
        if let Some(Validators { etag, last_modified }) = known {
            if let Some(etag) = etag {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(last_modified) = last_modified {
                request = request.header(header::IF_MODIFIED_SINCE, last_modified);
            }
        }
        request.call().map_err(Problem::of_http)
    }

    fn take(&self, response: Response<Body>, started: Instant, incoming: &mut Incoming) -> Result<Fetched, Problem> {
        let headers = response.headers();
        let packed = match text_of(headers, header::CONTENT_ENCODING).map(str::to_ascii_lowercase).as_deref() {
            None | Some("identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(_) => return Err(Problem::Packed("it is packed with something else than gzip".to_owned())),
        };
        let chunked = headers.contains_key(header::TRANSFER_ENCODING);
        let length = text_of(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        // What is packed knows its own end.
        if length.is_none() && !chunked && !packed {
            return Err(Problem::NoLength);
        }
        let max_bytes = self.settings.limits.max_bytes;
        if length.is_some_and(|length| length > max_bytes) {
            return Err(Problem::TooLarge(max_bytes));
        }
        if text_of(headers, header::CONTENT_TYPE).is_some_and(is_html) {
            incoming.call_html();
        }
        let validators = validators(headers);
        let body = Paced::new(response.into_body().into_reader(), &self.settings.limits, started, &self.stopping);
        incoming.copy(body, packed)?;
        match self.stopping.load(Ordering::Relaxed) {
            // The end may be ours.
            true => Err(Problem::Stopping),
            false => Ok(Fetched::Text(validators)),
        }
    }
}

/// A header as text; `None`: there is none, or it is no text.
fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_html(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
}

fn validators(headers: &HeaderMap) -> Validators {
    let of = |name| text_of(headers, name).filter(|text| text.len() <= MAX_VALIDATOR_BYTES).map(str::to_owned);
    Validators { etag: of(header::ETAG), last_modified: of(header::LAST_MODIFIED) }
}

/// Seconds of `Retry-After` (RFC 9110 10.2.3); its other form, a date, counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text_of(headers, header::RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Finds hosts as the server itself does; an address needs no finding.
struct OwnResolver(Lookup);

impl std::fmt::Debug for OwnResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnResolver")
    }
}

impl Resolver for OwnResolver {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let found = match bare.parse() {
            Ok(address) => vec![address],
            Err(_) => self.0(bare).map_err(|error| {
                let problem = Problem::Host(format!("{bare}: {error}"));
                ureq::Error::Other(Box::new(problem))
            })?,
        };
        let mut addresses = self.empty();
        found.into_iter().take(MAX_ADDRESSES).for_each(|address| addresses.push(SocketAddr::new(address, port)));
        match addresses.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

/// A body that has to come fast enough, in time, and not larger than allowed.
struct Paced<'a, R> {
    inner: R,
    limits: &'a Limits,
    stopping: &'a AtomicBool,
    deadline: Instant,
    bytes: u64,
    window_start: Instant,
    window_bytes: u64,
}

impl<'a, R> Paced<'a, R> {
    fn new(inner: R, limits: &'a Limits, started: Instant, stopping: &'a AtomicBool) -> Paced<'a, R> {
        let deadline = started + limits.whole;
        Paced { inner, limits, stopping, deadline, bytes: 0, window_start: Instant::now(), window_bytes: 0 }
    }

    fn check(&mut self, taken: u64, now: Instant) -> Result<(), Problem> {
        self.bytes += taken;
        self.window_bytes += taken;
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Problem::Stopping);
        }
        if self.bytes > self.limits.max_bytes {
            return Err(Problem::TooLarge(self.limits.max_bytes));
        }
        if now >= self.deadline {
            return Err(Problem::Timeout("the list is not complete in time"));
        }
        let elapsed = now.saturating_duration_since(self.window_start);
        if elapsed >= self.limits.rate_window {
            let wanted = elapsed.as_secs_f64() * self.limits.min_bytes_per_s as f64;
            if (self.window_bytes as f64) < wanted {
                return Err(Problem::Slow(self.limits.min_bytes_per_s));
            }
            (self.window_start, self.window_bytes) = (now, 0);
        }
        Ok(())
    }
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(buffer)?;
        // The end is not too slow.
        if taken > 0 {
            self.check(taken as u64, Instant::now()).map_err(io::Error::other)?;
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a value"))])
    }

    #[test]
    fn a_server_may_ask_for_a_pause_but_not_for_ever() {
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, "120")), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, "99999999")), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT")), None);
    }

    #[test]
    fn a_validator_that_is_too_long_is_none() {
        let long = "x".repeat(MAX_VALIDATOR_BYTES + 1);
        assert_eq!(validators(&headers(header::ETAG, &long)), Validators::default());
        assert_eq!(validators(&headers(header::ETAG, "W/\"1\"")).etag.as_deref(), Some("W/\"1\""));
    }

    #[test]
    fn the_pace_is_measured_over_a_window() {
        let limits = Limits { rate_window: Duration::from_secs(10), min_bytes_per_s: 100, ..Limits::default() };
        let (start, stopping) = (Instant::now(), AtomicBool::new(false));
        let mut paced = Paced::new(io::empty(), &limits, start, &stopping);
        let at = |seconds| start + Duration::from_secs(seconds);
        paced.window_start = start;
        assert!(paced.check(10, at(9)).is_ok());
        assert!(paced.check(1100, at(11)).is_ok());
        assert!(matches!(paced.check(500, at(22)), Err(Problem::Slow(100))));
        assert!(matches!(paced.check(1, at(900)), Err(Problem::Timeout(_))));
        stopping.store(true, Ordering::Relaxed);
        assert!(matches!(paced.check(1, at(1)), Err(Problem::Stopping)));
    }
}
