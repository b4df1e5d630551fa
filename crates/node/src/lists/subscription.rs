//! What is subscribed to, and how fetching is bounded.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::problem::Problem;

/// The most lists that are subscribed to; each keeps a file open. Those beyond are refused by
/// [`super::Lists::configure`].
pub const MAX_SUBSCRIPTIONS: usize = 256;
/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 4096;
/// The shortest time between refreshes, in hours; less counts as this.
const MIN_REFRESH_HOURS: u32 = 1;
/// The longest time between refreshes, in hours; more counts as this.
const MAX_REFRESH_HOURS: u32 = 24 * 365;

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `https://…`, or `http://…` where [`Settings::allow_http`] permits it.
    Url(String),
    /// A file of this machine, which is followed.
    File(PathBuf),
}

impl Source {
    /// The source as people write it.
    pub fn text(&self) -> String {
        match self {
            Source::Url(url) => url.clone(),
            Source::File(path) => path.display().to_string(),
        }
    }
}

/// Who subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file: who writes it may read any file of this machine.
    Configuration,
    /// The API: files are out of its reach.
    Api,
}

/// A list that is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name, one among the subscriptions.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// Who subscribed to it.
    pub origin: Origin,
    /// What the configuration says of the format. Nothing here depends on it; [`super::ListState`] hands it on to
    /// whoever reads the text.
    pub format: String,
    /// Hours between two refreshes of a URL, from 1 to 8,760; what is outside counts as the nearer bound.
    pub refresh_hours: u32,
    /// Whether it is fetched and used. What is kept of a list that is off stays on disk.
    pub enabled: bool,
}

impl Subscription {
    /// The time between two refreshes.
    pub(super) fn period(&self) -> Duration {
        let hours = self.refresh_hours.clamp(MIN_REFRESH_HOURS, MAX_REFRESH_HOURS);
        Duration::from_secs(3600 * u64::from(hours))
    }

    /// Whether it may be fetched at all.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), Problem> {
        match (&self.source, self.origin) {
            (Source::File(_), Origin::Api) => Err(Problem::FileByApi),
            (Source::File(_), Origin::Configuration) => Ok(()),
            (Source::Url(url), _) => parse_url(url, settings).map(drop),
        }
    }
}

/// A URL that may be fetched: of a scheme that is permitted, with a host, without a password that would be shown
/// wherever the URL is.
pub(super) fn parse_url(text: &str, settings: &Settings) -> Result<Url, Problem> {
    if text.len() > MAX_URL_BYTES {
        return Err(Problem::Url(format!("it is longer than {MAX_URL_BYTES} bytes")));
    }
    let url = Url::parse(text).map_err(|error| Problem::Url(error.to_string()))?;
    check_url(url, settings)
}

/// The target of a redirect, which may be relative to the URL that redirects; checked as the first URL is.
pub(super) fn join_url(base: &Url, location: &str, settings: &Settings) -> Result<Url, Problem> {
    if location.len() > MAX_URL_BYTES {
        return Err(Problem::Url(format!("the redirect is longer than {MAX_URL_BYTES} bytes")));
    }
    let url = base.join(location).map_err(|error| Problem::Url(format!("the redirect is wrong: {error}")))?;
    check_url(url, settings)
}

fn check_url(mut url: Url, settings: &Settings) -> Result<Url, Problem> {
    match url.scheme() {
        "https" => {}
        "http" if settings.allow_http => {}
        "http" => return Err(Problem::Url("http is not permitted: anybody on the way could change the list".into())),
        other => return Err(Problem::Url(format!("`{other}` is not a scheme that lists are fetched by"))),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Problem::Url("it has no host".into()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::Url("it has a user name or a password, which would be shown with the list".into()));
    }
    url.set_fragment(None);
    Ok(url)
}

/// How lists are fetched.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Networks inside that lists may come from; without any, addresses are public.
    pub allowed: Vec<IpNet>,
    /// Whether `http://` is permitted.
    pub allow_http: bool,
    /// Certificate authorities that are trusted besides the system's, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// Sizes and times.
    pub limits: Limits,
}

/// Bounds of fetching. What passes one is given up, and the list that was kept stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest list, in bytes, unpacked or as it is sent.
    pub max_bytes: u64,
    /// The time for looking the host up, connecting and agreeing on TLS.
    pub connect: Duration,
    /// The time until the head of the response is there.
    pub head: Duration,
    /// The time for all of it.
    pub whole: Duration,
    /// The slowest transfer, in bytes a second.
    pub min_bytes_per_s: u64,
    /// The time over which that is measured; also the longest silence.
    pub rate_window: Duration,
    /// The pause after the first failure; it doubles with each.
    pub first_retry: Duration,
    /// The longest pause after a failure.
    pub last_retry: Duration,
    /// How often files are looked at.
    pub watch_interval: Duration,
    /// A change is reported when no other came for so long.
    pub report_after: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_bytes: 256 << 20,
            connect: Duration::from_secs(15),
            head: Duration::from_secs(30),
            whole: Duration::from_secs(900),
            min_bytes_per_s: 1024,
            rate_window: Duration::from_secs(20),
            first_retry: Duration::from_secs(60),
            last_retry: Duration::from_secs(6 * 3600),
            watch_interval: Duration::from_secs(3),
            report_after: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_password_and_of_permitted_schemes_are_fetched() {
        let strict = Settings::default();
        let lax = Settings { allow_http: true, ..Settings::default() };
        assert!(parse_url("https://lists.example/ads.txt#x", &strict).is_ok_and(|url| url.fragment().is_none()));
        assert!(parse_url("http://lists.example/", &strict).is_err());
        assert!(parse_url("http://lists.example/", &lax).is_ok());
        for refused in ["file:///etc/passwd", "ftp://a/", "https://", "ads.txt", "https://me:secret@a/", "data:,x"] {
            assert!(parse_url(refused, &lax).is_err(), "{refused}");
        }
        assert!(parse_url(&format!("https://a/{}", "x".repeat(MAX_URL_BYTES)), &lax).is_err());
    }

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        let url = parse_url("https://0x7f.1/", &Settings::default()).expect("a URL");
        assert_eq!(url.host_str(), Some("127.0.0.1"));
    }

    #[test]
    fn redirects_are_relative_and_stay_with_https() {
        let settings = Settings::default();
        let base = parse_url("https://a.example/lists/ads.txt", &settings).expect("a URL");
        let joined = |location| join_url(&base, location, &settings).map(|url| url.to_string()).ok();
        assert_eq!(joined("../x"), Some("https://a.example/x".into()));
        assert_eq!(joined("//b.example/y"), Some("https://b.example/y".into()));
        assert_eq!((joined("http://a.example/"), joined("file:///etc/passwd")), (None, None));
    }

    #[test]
    fn files_come_from_the_configuration_alone() {
        let source = Source::File("/etc/hosts".into());
        let (format, origin) = (String::new(), Origin::Configuration);
        let own = Subscription { id: "a".into(), source, origin, format, refresh_hours: 0, enabled: true };
        assert!(own.check(&Settings::default()).is_ok());
        assert_eq!(own.period(), Duration::from_secs(3600));
        let foreign = Subscription { origin: Origin::Api, ..own };
        assert!(matches!(foreign.check(&Settings::default()), Err(Problem::FileByApi)));
    }
}
