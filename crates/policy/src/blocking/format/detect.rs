//! Which format a text is in, by its start.

use thiserror::Error;

use super::line::{self, Found};
use super::{Format, plain};

/// Octets at the start of a text that are looked at.
pub const SAMPLE_OCTETS: usize = 64 * 1024;
/// One rule of AdGuard's syntax in so many lines makes the text a list of such rules: in no other format may one stand.
const LINES_PER_RULE: usize = 50;

/// Why a text is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotAList {
    /// It is a page for people.
    #[error("this is an HTML page, not a list")]
    Html,
    /// It is JSON or XML.
    #[error("this is structured data (JSON or XML), not a list")]
    Structured,
    /// It is compressed, in UTF-16, or no text at all.
    #[error("this is binary data or text in another encoding than UTF-8")]
    Binary,
    /// It is a zone file.
    #[error("this is a zone file: subscribe to it as a response policy zone")]
    Zone,
    /// No format reads most of its lines.
    #[error("no known format of lists reads most of these lines")]
    Unknown,
}

/// Says which format a text is in, of which `start` is the beginning: of more than [`SAMPLE_OCTETS`] the first are looked
/// at. A text of comments alone counts as rules of AdGuard's syntax, which are all that may be added to it.
///
/// # Errors
/// What it is, if it is no list.
pub fn detect(start: &[u8]) -> Result<Format, NotAList> {
    let sample = start.get(..SAMPLE_OCTETS).unwrap_or(start);
    let text = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    if text.contains(&0)
        || text.starts_with(b"\x1f\x8b")
        || text.starts_with(b"\xff\xfe")
        || text.starts_with(b"\xfe\xff")
    {
        return Err(NotAList::Binary);
    }
    other_data(text.trim_ascii_start())?;
    let mut votes = Votes::default();
    // The last line may be cut.
    let cut =
        if sample.len() < start.len() || sample.len() == SAMPLE_OCTETS { memchr::memrchr(b'\n', text) } else { None };
    let text = cut.and_then(|end| text.get(..end)).unwrap_or(text);
    text.split(|octet| *octet == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .for_each(|line| votes.take(line));
    votes.winner()
}

fn other_data(text: &[u8]) -> Result<(), NotAList> {
    let head: Vec<u8> = text.iter().take(1024).map(u8::to_ascii_lowercase).collect();
    let has = |mark: &[u8]| memchr::memmem::find(&head, mark).is_some();
    match head.as_slice() {
        [b'<', ..] if has(b"<html") || has(b"<!doctype html") || has(b"<head") || has(b"<body") => Err(NotAList::Html),
        [b'<', b'?' | b'!' | b'a'..=b'z', ..] => Err(NotAList::Structured),
        [b'{', ..] | [b'[', b'{' | b'"', ..] => Err(NotAList::Structured),
        _ => Ok(()),
    }
}

/// How many lines each format reads.
#[derive(Debug, Default)]
struct Votes {
    lines: usize,
    hosts: usize,
    domains: usize,
    dnsmasq: usize,
    unbound: usize,
    rules: usize,
    zone: usize,
}

impl Votes {
    fn take(&mut self, text: &[u8]) {
        if matches!(text.first(), Some(b'!' | b'[' | b'#')) && !text.starts_with(b"##") {
            return;
        }
        if text.starts_with(b"$TTL") || text.starts_with(b"$ORIGIN") || is_zone_record(text) {
            self.zone += 1;
        } else if text.starts_with(b";") {
            return;
        } else if text.starts_with(b"||") || text.starts_with(b"@@") || text.starts_with(b"##") || is_regex(text) {
            self.rules += 1;
        } else if [&b"address=/"[..], b"local=/", b"server=/"].iter().any(|key| text.starts_with(key)) {
            self.dnsmasq += 1;
        } else if [&b"local-zone:"[..], b"local-data:", b"server:"].iter().any(|key| text.starts_with(key)) {
            self.unbound += 1;
        } else if line::words(text).next().and_then(plain::target).is_some() {
            self.hosts += 1;
        } else {
            plain::domains(text, &mut |found| {
                self.domains += usize::from(matches!(found, Found::Name(..) | Found::Unicode(..)));
            });
        }
        self.lines += 1;
    }

    fn winner(&self) -> Result<Format, NotAList> {
        if self.lines == 0 || self.rules * LINES_PER_RULE >= self.lines {
            return Ok(Format::Adguard);
        }
        let most = [
            (self.hosts, Ok(Format::Hosts)),
            (self.domains, Ok(Format::Domains)),
            (self.dnsmasq, Ok(Format::Dnsmasq)),
            (self.unbound, Ok(Format::Unbound)),
            (self.zone, Err(NotAList::Zone)),
        ];
        let (count, format) = most.into_iter().max_by_key(|(count, _)| *count).unwrap_or((0, Err(NotAList::Unknown)));
        if count * 2 >= self.lines { format } else { Err(NotAList::Unknown) }
    }
}

fn is_regex(text: &[u8]) -> bool {
    text.len() > 2 && text.starts_with(b"/") && text.ends_with(b"/")
}

/// A record as zone files of policies have them: `name CNAME .`, or the SOA.
fn is_zone_record(text: &[u8]) -> bool {
    line::words(text).skip(1).take(4).any(|word| word == b"CNAME" || word == b"SOA")
}
