//! The list of zones: entries of the file, the directory of zone files, flags. One process can hold 100,000 of
//! them, so that every step here is linear and messages are only made when they are needed.

use super::checked::{ZoneSource, parse_prefix};
use super::problem::{Mark, Report};
use super::raw;
use super::unsupported;
use super::value::At;
use dns::{Name, NameBuf};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ending of the zone files in `zones_dir`.
const ZONE_FILE_SUFFIX: &str = ".zone";

/// The zones of all three sources; unless the report has errors, names are unique.
pub(super) fn check_zones(
    entries: Vec<At<raw::Zone>>,
    directory: &At<String>,
    flags: &[String],
    report: &mut Report,
) -> Vec<Arc<ZoneSource>> {
    let mut list = List { zones: Vec::with_capacity(entries.len() + flags.len()), marks: Vec::new() };
    for (index, entry) in entries.into_iter().enumerate() {
        list.add_entry(index, &entry, report);
    }
    list.report_duplicates(report);
    list.add_directory(directory, report);
    list.add_flags(flags, report);
    list.zones.into_iter().map(Arc::new).collect()
}

/// Zones so far, and where each was written.
struct List {
    zones: Vec<ZoneSource>,
    marks: Vec<Mark>,
}

impl List {
    fn push(&mut self, zone: ZoneSource, mark: Mark) {
        self.zones.push(zone);
        self.marks.push(mark);
    }

    fn add_entry(&mut self, index: usize, entry: &At<raw::Zone>, report: &mut Report) {
        let allow_query = check_prefixes(&entry.allow_query, index, report);
        if entry.file.is_empty() && entry.primaries.is_empty() {
            let message = format!("missing: a zone that lives in the journal is {}", unsupported::MESSAGE);
            report.error(entry.mark, format!("zones[{index}].file"), message);
        }
        if entry.name.is_empty() {
            return report.error(entry.mark, format!("zones[{index}].name"), "missing");
        }
        match entry.name.parse::<NameBuf>() {
            Ok(name) => {
                let file = report.resolve(entry.file.mark, &entry.file);
                self.push(ZoneSource { name, file, allow_query }, entry.name.mark);
            }
            Err(error) => report.error(
                entry.name.mark,
                format!("zones[{index}].name"),
                format!("`{}` is not a domain name: {error}", entry.name.value),
            ),
        }
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
                if self.zones[entry].file != file {
                    let message = format!("zone {name} is given twice: {} is in zones_dir", file.display());
                    report.error(self.marks[entry], "zones", message);
                }
            } else if let Some(other) = added.insert(name.clone(), file.clone()) {
                let message = format!("zone {name} is given twice: {} and {}", other.display(), file.display());
                report.error(mark, "zones_dir", message);
            } else {
                self.push(ZoneSource { name, file, allow_query: Vec::new() }, mark);
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
                Some(zone) => zone.file = file.into(),
                None => self.push(ZoneSource { name, file: file.into(), allow_query: Vec::new() }, mark),
            }
        }
    }
}

fn check_prefixes(texts: &At<Vec<At<String>>>, zone: usize, report: &mut Report) -> Vec<IpNet> {
    let mut prefixes = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let path = || format!("zones[{zone}].allow_query[{index}]");
        match parse_prefix(text) {
            Some(prefix) => prefixes.push(prefix),
            None if text.contains("key:") => {
                report.error(text.mark, path(), format!("keys are {}", unsupported::MESSAGE));
            }
            None => report.error(text.mark, path(), format!("`{}` is not an address or prefix", text.value)),
        }
    }
    prefixes
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
