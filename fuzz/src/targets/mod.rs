//! What is run on each input, and with what it begins.

mod message;
mod query;
mod rdata;
mod zonefile;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The names of all targets.
pub const NAMES: [&str; 4] = ["message", "zonefile", "query", "rdata"];

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

/// Lines of `testdata/rdata/golden.txt`: type, text, wire form in hex.
fn golden() -> Vec<(String, String, Vec<u8>)> {
    let source = fs::read_to_string(testdata("rdata/golden.txt")).unwrap_or_default();
    let line = |line: &str| {
        let mut columns = line.split('\t');
        let (rtype, text, hex) = (columns.next()?, columns.next()?, columns.next()?.trim_matches('-'));
        let octets = (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok());
        Some((rtype.to_owned(), text.to_owned(), octets.collect()))
    };
    source.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

/// One number for an outcome.
fn mark(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}
