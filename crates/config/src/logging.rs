//! `logging`: where the server's own log and the query log go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use telemetry::Filter;

use super::problem::{Report, closest};
use super::raw::{self, Compress, Format, Level, Output};
use super::value::{At, Named};

const MIB: u64 = 1 << 20;
/// The words for facilities, in the order of their numbers (RFC 5424 6.2.1).
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// The facility where none is given: `daemon`.
const DAEMON: u8 = 3;
/// Behind the address of a dnstap reader that says nothing.
const UNIDIRECTIONAL: &str = "unidirectional";

/// The server's own log, and the query log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logging {
    /// Least severity that is logged.
    pub level: Level,
    /// The same for modules and what is inside them; the longest name counts.
    pub levels: BTreeMap<String, Level>,
    /// Form of a line.
    pub format: Format,
    /// Where to, instead of standard error.
    pub file: Option<LogFile>,
    /// Syslog that gets it too.
    pub syslog: Option<SyslogTarget>,
    /// The query log; `None`: there is none.
    pub queries: Option<QueryLog>,
}

/// A file, and what becomes of it when it is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The file.
    pub path: PathBuf,
    /// Size at which it is rotated.
    pub max_bytes: u64,
    /// It is rotated every so many hours too.
    pub rotate_hours: Option<u64>,
    /// How many rotated files are kept.
    pub keep_files: usize,
    /// Days that they are kept.
    pub keep_days: Option<u64>,
    /// How they are compressed.
    pub compress: Compress,
}

/// Where a program listens that takes what is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
    /// A UDP port.
    Udp(SocketAddr),
}

/// Syslog, and as whom it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogTarget {
    /// Where it listens.
    pub address: LogAddress,
    /// The facility's number.
    pub facility: u8,
}

/// A reader of dnstap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnstapTarget {
    /// Where it listens; never UDP.
    pub address: LogAddress,
    /// It says what it takes, and that it has got everything.
    pub is_bidirectional: bool,
}

/// The query log.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryLog {
    /// Its file.
    pub file: Option<LogFile>,
    /// Whether it goes to standard output.
    pub stdout: bool,
    /// The syslog that it goes to.
    pub syslog: Option<SyslogTarget>,
    /// The reader of dnstap that it goes to.
    pub dnstap: Option<DnstapTarget>,
    /// The part of the queries that is logged, from 0 to 1.
    pub sample: f64,
    /// Queries that took longer than so many milliseconds are logged in any case.
    pub slow_ms: Option<u64>,
    /// What is logged of clients' addresses.
    pub anonymise: Anonymise,
    /// The queries that are logged.
    pub filter: Filter,
}

/// What is logged of clients' addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymise {
    /// All of them.
    No,
    /// So many bits.
    Prefix {
        /// Of an IPv4 address.
        ipv4: u8,
        /// Of an IPv6 address.
        ipv6: u8,
    },
    /// Pseudonyms.
    Hash,
}

/// The logs' settings.
pub(super) fn check_logging(raw: &At<raw::Logging>, report: &mut Report) -> Logging {
    let file = (!raw.file.is_empty()).then(|| LogFile {
        path: report.resolve(raw.file.mark, &raw.file),
        max_bytes: raw.max_size_mb.0 * MIB,
        rotate_hours: limit(raw.rotate_hours.0),
        keep_files: raw.backup_count.0 as usize,
        keep_days: limit(raw.keep_days.0),
        compress: *raw.compress,
    });
    let syslog = check_syslog(&raw.syslog, "logging.syslog", report);
    let is_mentioned = raw.queries.mark != super::problem::Mark::default();
    let queries = if is_mentioned {
        check_queries(&raw.queries, file.as_ref(), report)
    } else {
        // The original requirements have one file for everything, and no switch.
        file.clone().filter(|_| *raw.format == Format::Json).map(|file| QueryLog {
            file: Some(file),
            stdout: false,
            syslog: None,
            dnstap: None,
            sample: 1.0,
            slow_ms: None,
            anonymise: Anonymise::No,
            filter: Filter::default(),
        })
    };
    let levels = check_levels(&raw.levels, report);
    Logging { level: *raw.level, levels, format: *raw.format, file, syslog, queries }
}

/// Levels of modules, whose names are paths: `server::upstream`.
fn check_levels(levels: &Named<Level>, report: &mut Report) -> BTreeMap<String, Level> {
    for (module, level) in &levels.0 {
        if !is_module(module) {
            let message = "no module: `server::upstream` is one, and `resolver`";
            report.error(level.mark, format!("logging.levels.{module}"), message);
        }
    }
    levels.0.iter().map(|(module, level)| (module.clone(), level.value)).collect()
}

/// Whether `name` is the path of a module: words of lower-case letters, digits and underscores, `::` between them.
pub fn is_module(name: &str) -> bool {
    let is_word = |word: &str| {
        let mut letters = word.bytes();
        letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
            && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_')
    };
    name.split("::").all(is_word)
}

fn check_queries(raw: &At<raw::QueryLog>, log: Option<&LogFile>, report: &mut Report) -> Option<QueryLog> {
    let has = |output: Output| raw.outputs.iter().any(|it| it.value == output);
    let syslog = check_syslog(&raw.syslog, "logging.queries.syslog", report);
    let dnstap = check_dnstap(&raw.dnstap, report);
    let anonymise = check_anonymise(&raw.anonymise, report);
    if !*raw.enabled {
        return None;
    }
    if raw.outputs.is_empty() {
        report.error(raw.outputs.mark, "logging.queries.outputs", "no output: set `enabled: false` for no query log");
    }
    for (output, key, text) in [(Output::Syslog, "syslog", &raw.syslog), (Output::Dnstap, "dnstap", &raw.dnstap)] {
        if has(output) && text.is_empty() {
            let message = format!("missing: the output `{output}` needs to know where it listens");
            report.error(raw.mark, format!("logging.queries.{key}"), message);
        } else if !has(output) && !text.is_empty() {
            let message = format!("has no effect: `{output}` is not in `outputs`");
            report.warn(text.mark, format!("logging.queries.{key}"), message);
        }
    }
    let file = has(Output::File).then(|| LogFile {
        path: report.resolve(raw.file.mark, &raw.file),
        max_bytes: raw.rotate_mb.0 * MIB,
        rotate_hours: limit(raw.rotate_hours.0),
        keep_files: raw.keep_files.0 as usize,
        keep_days: limit(raw.keep_days.0),
        compress: *raw.compress,
    });
    if let Some(file) = &file {
        let message = match log {
            _ if raw.file.is_empty() => Some("empty: the output `file` needs one"),
            Some(log) if log.path == file.path => Some("is `logging.file`, which is rotated by other keys"),
            _ => None,
        };
        if let Some(message) = message {
            report.error(raw.file.mark, "logging.queries.file", message);
        }
    }
    Some(QueryLog {
        file,
        stdout: has(Output::Stdout),
        syslog: syslog.filter(|_| has(Output::Syslog)),
        dnstap: dnstap.filter(|_| has(Output::Dnstap)),
        sample: raw.sample.0,
        slow_ms: limit(raw.slow_ms.0),
        anonymise,
        filter: check_filter(&raw.filter, report),
    })
}

/// The filter of the query log: the grammar of searches in the history.
fn check_filter(text: &At<String>, report: &mut Report) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| {
        let message = format!("at character {}: {}", error.offset + 1, error.message);
        report.error(text.mark, "logging.queries.filter", message);
        Filter::default()
    })
}

/// A number of which 0 means that there is none.
fn limit(number: u64) -> Option<u64> {
    Some(number).filter(|&number| number != 0)
}

fn check_syslog(text: &At<String>, path: &str, report: &mut Report) -> Option<SyslogTarget> {
    let (address, facility) = split(text)?;
    let address = check_address(address, text, path, report)?;
    let facility = match facility {
        None => DAEMON,
        Some(word) => match FACILITIES.iter().position(|known| *known == word) {
            Some(number) => number as u8,
            None => {
                let message = format!("`{word}` is no facility of syslog");
                report.error_meaning(text.mark, path, message, closest(word, FACILITIES));
                return None;
            }
        },
    };
    Some(SyslogTarget { address, facility })
}

fn check_dnstap(text: &At<String>, report: &mut Report) -> Option<DnstapTarget> {
    const PATH: &str = "logging.queries.dnstap";
    let (address, option) = split(text)?;
    let address = check_address(address, text, PATH, report)?;
    let message = match option {
        Some(word) if word != UNIDIRECTIONAL => format!("`#{word}` is unknown, only `#{UNIDIRECTIONAL}` is not"),
        _ if matches!(address, LogAddress::Udp(_)) => {
            "dnstap needs a stream: `unix://PATH`, `tcp://ADDRESS:PORT`".into()
        }
        _ => return Some(DnstapTarget { address, is_bidirectional: option.is_none() }),
    };
    report.error(text.mark, PATH, message);
    None
}

/// What stands before and behind `#`; `None`: the text is empty.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let (address, option) = text.split_once('#').map_or((text, None), |(address, option)| (address, Some(option)));
    (!text.is_empty()).then_some((address, option))
}

fn check_address(address: &str, text: &At<String>, path: &str, report: &mut Report) -> Option<LogAddress> {
    let socket = |address: &str| address.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    let parsed = match address.split_once("://") {
        Some(("unix", path)) if !path.is_empty() => Some(LogAddress::Unix(report.resolve(text.mark, path))),
        Some(("udp", address)) => socket(address).map(LogAddress::Udp),
        Some(("tcp", address)) => socket(address).map(LogAddress::Tcp),
        _ => None,
    };
    if parsed.is_none() {
        let message = format!("`{address}` is none of `unix://PATH`, `udp://ADDRESS:PORT`, `tcp://ADDRESS:PORT`");
        report.error(text.mark, path, message);
    }
    parsed
}

fn check_anonymise(text: &At<String>, report: &mut Report) -> Anonymise {
    let bits = |text: &str, most: u8| text.trim().strip_prefix('/')?.parse().ok().filter(|&bits: &u8| bits <= most);
    let prefixes = |text: &str| {
        let (ipv4, ipv6) = text.split_once(',')?;
        Some(Anonymise::Prefix { ipv4: bits(ipv4, 32)?, ipv6: bits(ipv6, 128)? })
    };
    match text.as_str() {
        "" => Anonymise::No,
        "hash" => Anonymise::Hash,
        other => prefixes(other).unwrap_or_else(|| {
            let message = format!("`{other}` is neither two lengths of prefixes (`/24,/48`), `hash`, nor empty");
            report.error(text.mark, "logging.queries.anonymise", message);
            Anonymise::No
        }),
    }
}
