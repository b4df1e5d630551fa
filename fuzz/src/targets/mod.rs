//! What is run on each input, and with what it begins.

mod dnssec;
mod event;
mod message;
mod query;
mod rdata;
mod reply;
mod transfer;
mod tsig;
mod update;
mod zonefile;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use dns::zonefile::{NoIncludes, Options, Record, Sink};
use dns::{Class, NameBuf, NameHasher};
use zone::{Builder, Contents};

/// The names of all targets.
pub const NAMES: [&str; 10] =
    ["message", "zonefile", "query", "rdata", "update", "transfer", "tsig", "dnssec", "reply", "event"];

/// Something that reads input from outside.
pub trait Target {
    /// Inputs to begin with.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Pieces that inputs are often made of.
    fn words(&self) -> Vec<Vec<u8>>;

    /// Runs on one input and panics if a promise is broken. What it returns stands for the outcome:
    /// inputs with a new one are kept.
    fn run(&mut self, input: &[u8]) -> u64;
}

/// The target with this name.
pub fn by_name(name: &str) -> Option<Box<dyn Target>> {
    match name {
        "message" => Some(Box::new(message::MessageTarget)),
        "zonefile" => Some(Box::new(zonefile::ZoneFileTarget)),
        "query" => Some(Box::new(query::QueryTarget::new())),
        "rdata" => Some(Box::new(rdata::RdataTarget)),
        "update" => Some(Box::new(update::UpdateTarget::new())),
        "transfer" => Some(Box::new(transfer::TransferTarget::new())),
        "tsig" => Some(Box::new(tsig::TsigTarget::new())),
        "dnssec" => Some(Box::new(dnssec::DnssecTarget::new())),
        "reply" => Some(Box::new(reply::ReplyTarget)),
        "event" => Some(Box::new(event::EventTarget)),
        _ => None,
    }
}

fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(path)
}

/// The files with this extension in a directory of `testdata`.
fn files(directory: &str, extension: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(testdata(directory)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|known| known == extension));
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// The zone in a file of `testdata/answers`.
fn contents(name: &str, file: &str, hasher: NameHasher) -> Contents {
    struct ToBuilder(Builder);
    impl Sink for ToBuilder {
        fn record(&mut self, record: Record<'_>) {
            let _ = self.0.add(record.owner, record.rtype, record.ttl, record.rdata);
        }
    }
    let path = testdata("answers").join(file);
    let source = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let origin: NameBuf = name.parse().expect("a name");
    let options = Options { origin: &origin, default_ttl: None, file: &path, class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&origin, hasher));
    dns::zonefile::parse(&source, &options, &NoIncludes, &mut sink);
    sink.0.finish().0
}

/// The octets that a text of hexadecimal digits means; what else is in it does not count.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What an input is made of where several messages follow each other: each behind its length in two octets, the
/// last one cut short if the input ends.
fn framed(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let (len, behind) = rest.split_first_chunk::<2>()?;
        let (message, next) = behind.split_at(usize::from(u16::from_be_bytes(*len)).min(behind.len()));
        rest = next;
        Some(message)
    })
}

/// Such an input.
fn frame(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat()).collect()
}

/// Lines of `testdata/rdata/golden.txt`: type, text, wire form in hex.
fn golden() -> Vec<(String, String, Vec<u8>)> {
    let source = fs::read_to_string(testdata("rdata/golden.txt")).unwrap_or_default();
    let line = |line: &str| {
        let mut columns = line.split('\t');
        Some((columns.next()?.to_owned(), columns.next()?.to_owned(), hex(columns.next()?)))
    };
    source.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

/// One number for an outcome.
fn mark(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}
