//! Lists of networks who may do something or not: entries of the configuration, and files that it names.
//!
//! An entry is a network, a network with `!` before it, which is an exception, or `file:PATH`. The longest network that
//! has an address decides.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ::policy::limits::access::{self, Networks, Verdict};
use dns::network::Entry;
use ipnet::IpNet;
use serde_json::Value;

use super::files;
use super::problem::{Mark, Report};
use super::setting::Setting;
use super::value::At;

/// Begins an entry that names a file.
pub(super) const FILE_PREFIX: &str = "file:";
/// The keys whose lists may name files.
const KEYS: [&str; 4] =
    ["security.allowed_networks", "security.denied_networks", "web.allowed_networks", "web.metrics_allowed"];

/// Most networks of a list, its files included. Half of what a table takes: blocks for a while have their place, too.
const MAX_NETWORKS: usize = access::MAX_NETWORKS / 2;
/// Largest file of networks, in octets.
const MAX_FILE_BYTES: u64 = 32 << 20;
/// Most characters of what is no network that a message has: more than any network takes.
const MAX_SHOWN_CHARS: usize = 64;
/// Most errors of one file that are reported.
const MAX_ERRORS: usize = 100;
/// Most networks of a list that are reported one by one to be given twice.
const MAX_REPEATED: usize = 20;

/// A list of networks, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct NetworkList {
    /// The entries as they are written.
    texts: Vec<String>,
    files: Vec<NetworkFile>,
    table: Arc<Networks>,
}

/// A file of networks, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many networks it has.
    pub networks: usize,
    /// Differs for other contents.
    digest: u64,
}

impl NetworkList {
    /// Whether it has no entry. A file without networks is an entry.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether `address` is allowed.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.table.allows(address, 0)
    }

    /// Its networks, each with what holds there and why.
    pub fn table(&self) -> &Arc<Networks> {
        &self.table
    }

    /// The files that it names.
    pub fn files(&self) -> &[NetworkFile] {
        &self.files
    }
}

impl PartialEq for NetworkList {
    /// Two lists are the same if they are written in the same way and their files have the same contents.
    fn eq(&self, other: &NetworkList) -> bool {
        (&self.texts, &self.files) == (&other.texts, &other.files)
    }
}

impl Eq for NetworkList {}

impl fmt::Display for NetworkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.texts.join(", "))
    }
}

/// The list at `path`, whose entries without `!` are what `plain` says.
pub(super) fn check_networks(
    texts: &[At<String>],
    path: &'static str,
    plain: Verdict,
    report: &mut Report,
) -> NetworkList {
    debug_assert!(KEYS.contains(&path));
    let mut reading = Reading { plain, networks: Vec::new(), known: HashMap::new(), repeated: 0, report };
    let mut files = Vec::new();
    let reason: Arc<str> = path.into();
    for (index, text) in texts.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match text.strip_prefix(FILE_PREFIX) {
            Some(file) => files.extend(reading.read_file(file, text.mark, &path)),
            None => reading.add(text, text.mark, &path, &reason),
        }
    }
    let Reading { networks, repeated, report, .. } = reading;
    let first = texts.first().map_or(Mark::default(), |text| text.mark);
    if repeated > MAX_REPEATED {
        report.warn(first, path, format!("{} more networks are given twice", repeated - MAX_REPEATED));
    }
    let allows = |(_, verdict, _): &(IpNet, Verdict, Arc<str>)| *verdict == Verdict::Allow;
    if plain == Verdict::Allow && files.is_empty() && !networks.is_empty() && !networks.iter().any(allows) {
        report.error(
            first,
            path,
            "denies only, so that nobody may: who may has to be there, too, such as 0.0.0.0/0 and ::/0",
        );
    }
    if networks.len() > MAX_NETWORKS {
        report.error(first, path, format!("{} networks, at most {MAX_NETWORKS}", networks.len()));
        return NetworkList::default();
    }
    // They are not too many.
    let table = Arc::new(Networks::new(networks, &[], 0).unwrap_or_default());
    NetworkList { texts: texts.iter().map(|text| text.value.clone()).collect(), files, table }
}

/// The entries of `settings` that name files, each with the key of its list.
pub fn named_files(settings: &[Setting]) -> Vec<(&str, &str)> {
    let lists = settings.iter().filter(|setting| KEYS.contains(&setting.path.as_str()));
    let texts = lists.flat_map(|setting| {
        let entries = setting.value.as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(Value::as_str).map(move |text| (setting.path.as_str(), text))
    });
    texts.filter(|(_, text)| text.starts_with(FILE_PREFIX)).collect()
}

/// A list that is being read.
struct Reading<'a> {
    plain: Verdict,
    networks: Vec<(IpNet, Verdict, Arc<str>)>,
    /// What was said of a network first, and where.
    known: HashMap<IpNet, (bool, Mark)>,
    /// Networks that were given before.
    repeated: usize,
    report: &'a mut Report,
}

impl Reading<'_> {
    /// Adds the network that `text` names.
    fn add(&mut self, text: &str, mark: Mark, path: &str, reason: &Arc<str>) {
        let Ok(Entry { network, is_excepted }) = text.parse() else {
            return self.report.error(mark, path, format!("`{}` is not an address or prefix", shortened(text)));
        };
        match self.known.get(&network) {
            Some(&(before, earlier)) if before == is_excepted => {
                self.repeated += 1;
                if self.repeated <= MAX_REPEATED {
                    let place = self.place(earlier, mark);
                    self.report.warn(mark, path, format!("{network} is given twice, first at {place}"));
                }
                return;
            }
            Some(&(_, earlier)) => {
                let place = self.place(earlier, mark);
                return self.report.error(
                    mark,
                    path,
                    format!("{network} is given with and without `!`, first at {place}"),
                );
            }
            None => {}
        }
        self.known.insert(network, (is_excepted, mark));
        let verdict = match (self.plain, is_excepted) {
            (Verdict::Allow, false) | (Verdict::Deny, true) => Verdict::Allow,
            (Verdict::Deny, false) | (Verdict::Allow, true) => Verdict::Deny,
        };
        self.networks.push((network, verdict, reason.clone()));
    }

    /// Adds the networks of a file that is named at `mark`.
    fn read_file(&mut self, file: &str, mark: Mark, path: &str) -> Option<NetworkFile> {
        if file.is_empty() {
            self.report.error(mark, path, "expected the path of a file after `file:`");
            return None;
        }
        let file = self.report.resolve(mark, file);
        let octets = match files::read(&file, MAX_FILE_BYTES) {
            Ok(octets) => octets,
            Err(message) => {
                // The message names the file.
                self.report.error(mark, path, message);
                return None;
            }
        };
        let name = file.display().to_string();
        let source = self.report.add_source(name.clone(), std::path::Path::new(""));
        let reason: Arc<str> = format!("{path}: {name}").into();
        let (before, errors) = (self.networks.len(), self.report.errors());
        for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
            let line_mark = |column: usize| Mark { source, line: index as u32 + 1, column: column as u32 + 1 };
            if self.report.errors() - errors >= MAX_ERRORS {
                self.report.error(line_mark(0), path, "too many errors: the rest of the file is not read");
                break;
            }
            let line = line.split(|&octet| octet == b'#').next().unwrap_or_default();
            let column = line.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
            let line = line.trim_ascii();
            match std::str::from_utf8(line) {
                Ok("") => {}
                Ok(text) => self.add(text, line_mark(column), path, &reason),
                Err(_) => self.report.error(line_mark(column), path, "not UTF-8"),
            }
            if self.networks.len() > MAX_NETWORKS {
                self.report.error(line_mark(0), path, format!("more than {MAX_NETWORKS} networks"));
                break;
            }
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&octets);
        Some(NetworkFile { path: file, networks: self.networks.len() - before, digest: hasher.finish() })
    }

    /// Describes where a network was given, for a message about `mark`.
    fn place(&self, earlier: Mark, mark: Mark) -> String {
        let place = self.report.place(earlier);
        if earlier.source == mark.source || earlier.line == 0 {
            return place;
        }
        format!("{place} of {}", self.report.source_of(earlier))
    }
}

/// The beginning of a text that may be anything.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
