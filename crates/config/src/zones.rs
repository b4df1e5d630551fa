//! The list of zones: entries of the file, the directory of zone files, flags. One process can hold 100,000 of
//! them, so that every step here is linear and messages are only made when they are needed.

use super::dnssec::{Policies, check_choice};
use super::keys::TsigKey;
use super::lists::{EntryPlace, ZoneLists};
use super::problem::{Mark, Report};
use super::raw;
use super::value::At;
use super::zone_source::{ZoneOrigin, ZoneSource};
use dns::{Name, NameBuf};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zone::{DnssecValidation, SerialPolicy, ZoneKind, ZoneSettings};

/// Ending of the zone files in `zones_dir`.
const ZONE_FILE_SUFFIX: &str = ".zone";

/// What zones may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// TSIG keys.
    pub keys: &'a [TsigKey],
    /// Policies to sign by.
    pub policies: &'a Policies,
}

/// The zones of all three sources; unless the report has errors, names are unique.
pub(super) fn check_zones(
    entries: Vec<At<raw::Zone>>,
    directory: &At<String>,
    flags: &[String],
    known: Known<'_>,
    report: &mut Report,
) -> Vec<Arc<ZoneSource>> {
    let mut list = List {
        zones: Vec::with_capacity(entries.len() + flags.len()),
        marks: Vec::new(),
        keys: known.keys.iter().map(|key| &*key.name).collect(),
        policies: known.policies,
        unknown: HashSet::new(),
        default: Shared::default(),
        last: Shared::default(),
    };
    for (index, entry) in entries.into_iter().enumerate() {
        list.add_entry(index, &entry, report);
    }
    list.report_duplicates(report);
    list.add_directory(directory, report);
    list.add_flags(flags, report);
    list.zones.into_iter().map(Arc::new).collect()
}

/// Zones so far, and where each was written.
struct List<'a> {
    zones: Vec<ZoneSource>,
    marks: Vec<Mark>,
    /// Names of the TSIG keys.
    keys: HashSet<&'a Name>,
    /// Policies to sign by.
    policies: &'a Policies,
    /// Keys not among them that a warning was made of: they may be made at run time.
    unknown: HashSet<NameBuf>,
    /// Of zones without settings.
    default: Shared,
    /// Of the last zone that had some.
    last: Shared,
}

/// Settings that zones share.
#[derive(Clone, Default)]
struct Shared {
    settings: Arc<ZoneSettings>,
    lists: Arc<ZoneLists>,
}

impl List<'_> {
    fn push(&mut self, zone: ZoneSource, mark: Mark) {
        self.zones.push(zone);
        self.marks.push(mark);
    }

    /// Adds a zone of which nothing but its file is known.
    fn push_file(&mut self, name: NameBuf, file: PathBuf, mark: Mark) {
        let Shared { settings, lists } = self.default.clone();
        let (origin, key_files) = (ZoneOrigin::File(file), Vec::new());
        self.push(ZoneSource { name, origin, settings, lists, key_files }, mark);
    }

    fn add_entry(&mut self, index: usize, entry: &At<raw::Zone>, report: &mut Report) {
        check_kind(index, entry, report);
        let Shared { settings, lists } = self.check_settings(index, entry, report);
        if entry.name.is_empty() {
            return report.error(entry.mark, format!("zones[{index}].name"), "missing");
        }
        let primary_api = check_primary_api(index, entry, report);
        let origin = match settings.kind {
            ZoneKind::Secondary => ZoneOrigin::Secondary { primary_api },
            ZoneKind::Primary if entry.file.is_empty() => ZoneOrigin::Journal,
            ZoneKind::Primary => ZoneOrigin::File(report.resolve(entry.file.mark, &entry.file)),
        };
        let key_files = check_key_files(index, entry, report);
        match entry.name.parse::<NameBuf>() {
            Ok(name) => {
                self.push(ZoneSource { name, origin, settings, lists, key_files }, entry.name.mark);
            }
            Err(error) => report.error(
                entry.name.mark,
                format!("zones[{index}].name"),
                format!("`{}` is not a domain name: {error}", entry.name.value),
            ),
        }
    }

    /// The settings of an entry with their lists; those of the entry before, or the default ones, if they are the same.
    fn check_settings(&mut self, index: usize, entry: &At<raw::Zone>, report: &mut Report) -> Shared {
        let dnssec = check_choice(&entry.dnssec, || format!("zones[{index}].dnssec"), self.policies, report);
        let settings = ZoneSettings { dnssec, ..settings_of(entry) };
        if settings == ZoneSettings::default() {
            return self.default.clone();
        }
        if settings != *self.last.settings {
            let mark = |place: EntryPlace| list_of(entry, place.list).get(place.index).map_or(entry.mark, |at| at.mark);
            let path = |place: EntryPlace| format!("zones[{index}].{}[{}]", place.list, place.index);
            let lists = match ZoneLists::parse(&settings) {
                Ok(lists) => lists,
                Err(problems) => {
                    for problem in problems {
                        report.error(mark(problem.place), path(problem.place), problem.message);
                    }
                    return self.default.clone();
                }
            };
            for (place, key) in &lists.keys {
                if !self.keys.contains(&**key) && self.unknown.insert(key.clone()) {
                    report.warn(mark(*place), path(*place), format!("key {key} is not in tsig_keys"));
                }
            }
            for place in &lists.repeated {
                report.warn(mark(*place), path(*place), "an entry before says the same");
            }
            self.last = Shared { settings: Arc::new(settings), lists: Arc::new(lists) };
        }
        self.last.clone()
    }

    /// Reports names given twice.
    fn report_duplicates(&self, report: &mut Report) {
        let mut first: HashMap<&Name, Mark> = HashMap::with_capacity(self.zones.len());
        for (zone, &mark) in self.zones.iter().zip(&self.marks) {
            match first.get(&*zone.name) {
                None => {
                    first.insert(&zone.name, mark);
                }
                Some(&earlier) => {
                    let place = report.place(earlier);
                    report.error(mark, "zones", format!("zone {} is given twice, first at {place}", zone.name));
                }
            }
        }
    }

    /// Adds every `NAME.zone` of the directory. An entry for the same file stands for it.
    fn add_directory(&mut self, directory: &At<String>, report: &mut Report) {
        if directory.is_empty() {
            return;
        }
        let mark = directory.mark;
        let path = report.resolve(mark, directory);
        let found = match zone_files(&path) {
            Ok(found) => found,
            Err(error) => {
                return report.error(mark, "zones_dir", format!("{} cannot be read: {error}", path.display()));
            }
        };
        let known: HashMap<NameBuf, usize> =
            self.zones.iter().enumerate().map(|(index, zone)| (zone.name.clone(), index)).collect();
        let mut added: HashMap<NameBuf, PathBuf> = HashMap::new();
        for (stem, file) in found {
            let name = match stem.parse::<NameBuf>() {
                Ok(name) => name,
                Err(error) => {
                    let message = format!("{}: `{stem}` is not a domain name: {error}", file.display());
                    report.error(mark, "zones_dir", message);
                    continue;
                }
            };
            if let Some(&entry) = known.get(&*name) {
                if self.zones[entry].file() != Some(&file) {
                    let message = format!("zone {name} is given twice: {} is in zones_dir", file.display());
                    report.error(self.marks[entry], "zones", message);
                }
            } else if let Some(other) = added.insert(name.clone(), file.clone()) {
                let message = format!("zone {name} is given twice: {} and {}", other.display(), file.display());
                report.error(mark, "zones_dir", message);
            } else {
                self.push_file(name, file, mark);
            }
        }
    }

    /// Adds the zones of the flags; one with a name already known replaces that zone's file.
    fn add_flags(&mut self, flags: &[String], report: &mut Report) {
        let mut given: HashSet<NameBuf> = HashSet::new();
        for flag in flags {
            let source = report.add_source(format!("--zone {flag}"), Path::new(""));
            let mark = Mark { source, line: 0, column: 0 };
            let parts = flag.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
            let Some((name, file)) = parts else {
                report.error(mark, "", "expected NAME=FILE");
                continue;
            };
            let name = match name.parse::<NameBuf>() {
                Ok(name) => name,
                Err(error) => {
                    report.error(mark, "", format!("`{name}` is not a domain name: {error}"));
                    continue;
                }
            };
            if !given.insert(name.clone()) {
                report.error(mark, "", format!("zone {name} is given twice"));
                continue;
            }
            match self.zones.iter_mut().find(|zone| zone.name == name) {
                Some(ZoneSource { origin: ZoneOrigin::File(known), .. }) => *known = file.into(),
                Some(_) => report.error(mark, "", format!("zone {name} lives in the journal, by its entry in `zones`")),
                None => self.push_file(name, file.into(), mark),
            }
        }
    }
}

/// Reports what does not go together.
fn check_kind(index: usize, entry: &raw::Zone, report: &mut Report) {
    let path = |key: &str| format!("zones[{index}].{key}");
    let (file, secondary) = (!entry.file.is_empty(), !entry.primaries.is_empty());
    if file && secondary {
        let message = "a zone is from a file or a secondary, not both; a secondary's records are in the journal";
        report.error(entry.primaries.mark, path("primaries"), message);
    }
    if file && !entry.allow_update.is_empty() {
        let message = "a zone from a file takes no updates; leave `file` out, and `headwater zone import` takes the file over \
                       into the journal";
        report.error(entry.allow_update.mark, path("allow_update"), message);
    }
    if secondary && !entry.allow_update.is_empty() {
        report.error(
            entry.allow_update.mark,
            path("allow_update"),
            "a secondary takes no updates; `allow_update_forwarding` has them sent to its primary",
        );
    }
    if !secondary && !entry.allow_update_forwarding.is_empty() {
        let message = "only a secondary forwards updates, to its `primaries`; leave it out";
        report.error(entry.allow_update_forwarding.mark, path("allow_update_forwarding"), message);
    }
    if !secondary && !entry.allow_notify.is_empty() {
        report.warn(entry.allow_notify.mark, path("allow_notify"), "has no effect without primaries");
    }
    let is_signed = !entry.dnssec.as_str().is_empty();
    let is_validated = *entry.dnssec_validate != raw::DnssecValidation::Off;
    if is_validated && is_signed {
        let message = "the zone is signed here, where each change is validated: leave out either this or `dnssec`";
        report.error(entry.dnssec_validate.mark, path("dnssec_validate"), message);
    } else if is_validated && !(file || secondary) {
        let message = "only a zone from a file or a secondary is signed by others; leave it out";
        report.error(entry.dnssec_validate.mark, path("dnssec_validate"), message);
    }
    if file && !entry.placement.is_empty() {
        let message = "the file is this server's alone, and others cannot answer for the zone; leave it out";
        report.error(entry.placement.mark, path("placement"), message);
    }
    if (file || secondary) && !is_signed && *entry.serial_policy != raw::SerialPolicy::Increment {
        let message = "has no effect on a zone that does not live in the journal";
        report.warn(entry.serial_policy.mark, path("serial_policy"), message);
    }
}

/// The files of keys to sign with.
fn check_key_files(index: usize, entry: &raw::Zone, report: &mut Report) -> Vec<PathBuf> {
    let files = &entry.dnssec_key_files;
    if !files.is_empty() && entry.dnssec.as_str().is_empty() {
        let message = "there are keys, but the zone is not signed: `dnssec` beside them must name a policy";
        report.error(files.mark, format!("zones[{index}].dnssec_key_files"), message);
    }
    for (at, file) in files.iter().enumerate().filter(|(_, file)| file.is_empty()) {
        report.error(file.mark, format!("zones[{index}].dnssec_key_files[{at}]"), "empty");
    }
    files.iter().map(|file| report.resolve(file.mark, file)).collect()
}

/// Where the API of a secondary's primary is.
fn check_primary_api(index: usize, entry: &raw::Zone, report: &mut Report) -> Option<Arc<str>> {
    let (text, path) = (&entry.primary_api, format!("zones[{index}].primary_api"));
    if text.is_empty() {
        return None;
    }
    if entry.primaries.is_empty() {
        report.error(text.mark, path, "has no effect without primaries");
        return None;
    }
    let place = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_place = place.is_some_and(|place| {
        let place = place.trim_end_matches('/');
        !place.is_empty() && !place.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@".contains(c))
    });
    if !is_place {
        let message = format!("`{}` is no address of an API, as https://ns1.example.org:8443 is one", text.value);
        report.error(text.mark, path, message);
    }
    Some(text.trim_end_matches('/').into())
}

/// The settings but for the policy to sign by.
fn settings_of(entry: &raw::Zone) -> ZoneSettings {
    let texts = |list: &[At<String>]| list.iter().map(|text| text.value.clone()).collect();
    ZoneSettings {
        kind: if entry.primaries.is_empty() { ZoneKind::Primary } else { ZoneKind::Secondary },
        serial_policy: match *entry.serial_policy {
            raw::SerialPolicy::Increment => SerialPolicy::Increment,
            raw::SerialPolicy::Date => SerialPolicy::Date,
            raw::SerialPolicy::UnixTime => SerialPolicy::UnixTime,
        },
        primaries: texts(&entry.primaries),
        allow_query: texts(&entry.allow_query),
        allow_transfer: texts(&entry.allow_transfer),
        allow_update: texts(&entry.allow_update),
        allow_update_forwarding: texts(&entry.allow_update_forwarding),
        allow_notify: texts(&entry.allow_notify),
        notify: texts(&entry.notify),
        placement: texts(&entry.placement),
        dnssec_validate: match *entry.dnssec_validate {
            raw::DnssecValidation::Off => DnssecValidation::Off,
            raw::DnssecValidation::Warn => DnssecValidation::Warn,
            raw::DnssecValidation::Refuse => DnssecValidation::Refuse,
            raw::DnssecValidation::Expire => DnssecValidation::Expire,
        },
        ..ZoneSettings::default()
    }
}

/// The list called `name`.
fn list_of<'a>(entry: &'a raw::Zone, name: &str) -> &'a [At<String>] {
    match name {
        "allow_query" => &entry.allow_query,
        "allow_transfer" => &entry.allow_transfer,
        "allow_update" => &entry.allow_update,
        "allow_update_forwarding" => &entry.allow_update_forwarding,
        "allow_notify" => &entry.allow_notify,
        "notify" => &entry.notify,
        "primaries" => &entry.primaries,
        "placement" => &entry.placement,
        _ => &[],
    }
}

/// The zone files of a directory with the part of their names in front of the suffix, by name. Hidden files are
/// passed over, but for the root's, `..zone`.
fn zone_files(directory: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let stem = name.to_string_lossy();
        let Some(stem) = stem.strip_suffix(ZONE_FILE_SUFFIX) else { continue };
        if stem == "." || !(stem.is_empty() || stem.starts_with('.')) {
            found.push((stem.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
