//! The files that the resolver's configuration names: root hints, certificates, trust anchors.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dns::zonefile::{self, NoIncludes, Options, Problem, Sink};
use dns::{Class, Name, RType, Record};
use resolver::hints;
use resolver::settings::Hint;
use server::upstream::stream::Authorities;

use super::problem::Report;
use super::value::At;

/// Largest of these files, in octets.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most trust anchors in all files.
const MAX_TRUST_ANCHORS: usize = 10_000;

/// The hints file, or those built in.
pub(super) fn check_hints(file: &At<String>, report: &mut Report) -> Vec<Hint> {
    if file.is_empty() {
        return hints::built_in();
    }
    let path = report.resolve(file.mark, file);
    let problems = match read(&path, MAX_FILE_BYTES) {
        Ok(text) => match hints::parse(&text, &path) {
            Ok(hints) => return hints,
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        },
        Err(message) => vec![message],
    };
    for problem in problems {
        report.error(file.mark, "resolver.root_hints", problem);
    }
    hints::built_in()
}

/// The certificates in a file.
pub(super) fn check_authorities(file: &At<String>, report: &mut Report) -> Authorities {
    if file.is_empty() {
        return Authorities::default();
    }
    let path = report.resolve(file.mark, file);
    let parse = |pem: Vec<u8>| Authorities::parse(&pem).map_err(|error| format!("{}: {error}", path.display()));
    read(&path, MAX_FILE_BYTES).and_then(parse).unwrap_or_else(|message| {
        report.error(file.mark, "resolver.tls_ca_file", message);
        Authorities::default()
    })
}

/// The DS and DNSKEY records of all files.
pub(super) fn check_anchors(files: &[At<String>], report: &mut Report) -> Option<Vec<Record>> {
    let mut anchors = Anchors::default();
    for (index, file) in files.iter().enumerate() {
        let path = report.resolve(file.mark, file);
        anchors.file.clone_from(&path);
        let before = anchors.records.len();
        match read(&path, MAX_FILE_BYTES) {
            Err(message) => anchors.problems.push(message),
            Ok(text) => {
                // The TTL of an anchor means nothing.
                let options =
                    Options { origin: Name::root(), default_ttl: Some(0), file: &path, class: Class::IN, rules: false };
                let outcome = zonefile::parse(&text, &options, &NoIncludes, &mut anchors);
                anchors.problems.extend(outcome.problems.iter().map(ToString::to_string));
                if anchors.records.len() == before && anchors.problems.is_empty() {
                    anchors.problems.push(format!("{}: no DS or DNSKEY record", path.display()));
                }
            }
        }
        for problem in anchors.problems.drain(..) {
            report.error(file.mark, format!("resolver.trust_anchor_files[{index}]"), problem);
        }
    }
    (!files.is_empty()).then_some(anchors.records)
}

#[derive(Default)]
struct Anchors {
    file: PathBuf,
    records: Vec<Record>,
    problems: Vec<String>,
}

impl Sink for Anchors {
    fn record(&mut self, record: zonefile::Record<'_>) {
        let message = match record.rtype {
            RType::DS | RType::DNSKEY if self.records.len() == MAX_TRUST_ANCHORS => "too many trust anchors".to_owned(),
            RType::DS | RType::DNSKEY => {
                let (owner, rdata) = (record.owner.to_owned(), record.rdata.to_vec());
                self.records.push(Record { owner, rtype: record.rtype, class: record.class, ttl: record.ttl, rdata });
                return;
            }
            other => format!("a record of type {other}, which is no trust anchor"),
        };
        let problem = Problem { file: self.file.clone(), line: record.line, column: 1, message };
        self.problems.push(problem.to_string());
    }
}

/// What is in a file of at most `max_bytes` octets.
///
/// # Errors
/// It cannot be read, or is larger, in words.
pub(super) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(max_bytes + 1).read_to_end(&mut text)) {
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        Ok(read) if read as u64 > max_bytes => Err(format!("{} is larger than {max_bytes} octets", path.display())),
        Ok(_) => Ok(text),
    }
}
