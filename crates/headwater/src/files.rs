//! Zones from zone files: read at the start and on reload, published beside those of the journal.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};
use zone::check::{Finding, Rule};
use zone::{Contents, Published, Zone, ZoneTable};

use crate::config::ZoneSource;
use crate::loader::{self, Loader, Stamps};
use crate::progress::Progress;

/// A zone that comes from a file.
#[derive(Clone, Copy)]
struct FileZone<'a> {
    source: &'a Arc<ZoneSource>,
    file: &'a Path,
}

impl<'a> FileZone<'a> {
    fn of(source: &'a Arc<ZoneSource>) -> Option<FileZone<'a>> {
        source.file().map(|file| FileZone { source, file })
    }
}

/// A configured zone, known by its name.
struct Configured(Arc<ZoneSource>);

impl Borrow<Name> for Configured {
    fn borrow(&self) -> &Name {
        &self.0.name
    }
}

impl Hash for Configured {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for Configured {
    fn eq(&self, other: &Configured) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Configured {}

/// What a reload did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// Zones read anew.
    pub loaded: usize,
    /// Zones that were refused; they keep their old contents, if they had any.
    pub refused: usize,
    /// Zones that are no longer configured.
    pub removed: usize,
}

/// The zones that come from files.
#[derive(Default)]
pub struct FileZones {
    /// What the files of each zone looked like when they were read.
    sources: HashMap<Configured, Option<Stamps>>,
}

impl FileZones {
    /// Reads every zone whose source or files changed, and publishes all of them at once. `changed_to` hears of each
    /// zone that has new records, with those of before.
    pub fn reload(
        &mut self,
        configured: &[Arc<ZoneSource>],
        zones: &Published<ZoneTable>,
        mut changed_to: impl FnMut(&ZoneSource, Option<&Contents>, &Contents),
    ) -> ReloadReport {
        let old = zones.latest();
        // Those of the journal are not of the file loader.
        let files: Vec<FileZone> = configured.iter().filter_map(FileZone::of).collect();
        let changed: Vec<FileZone> = files.iter().filter(|zone| !self.is_current(zone)).copied().collect();
        let progress = Progress::new("zones", changed.len());
        let loaded = loader::in_parallel(
            &changed,
            || Loader::new(old.hasher()),
            |loader, zone| loader.load(&zone.source.name, zone.file),
            |done| progress.at(done),
        );
        progress.finish();
        let mut report = ReloadReport::default();
        let mut sources = HashMap::with_capacity(files.len());
        let mut changes: Vec<(NameBuf, Option<Arc<Zone>>)> = Vec::with_capacity(files.len());
        // The changed zones stand in the same order as all of them.
        let mut results = changed.into_iter().zip(loaded).peekable();
        for FileZone { source, .. } in files {
            let before = old.get(&source.name);
            let result = results.next_if(|(changed, _)| Arc::ptr_eq(changed.source, source));
            let (zone, stamps) = match result.map(|(_, result)| result) {
                Some(Ok(loaded)) => {
                    report.loaded += 1;
                    warn(source, &loaded.warnings);
                    let old = before.and_then(|zone| zone.contents.as_ref());
                    let mut contents = loaded.contents;
                    if let Some(finding) = old.and_then(|old| unnoticed(old, &contents)) {
                        tracing::warn!(zone = %source.name, "{finding}");
                        contents = contents.with_finding(finding);
                    }
                    changed_to(source, old, &contents);
                    (Arc::new(zone_of(source, Some(contents))), Some(loaded.stamps))
                }
                Some(Err(refused)) => {
                    report.refused += 1;
                    let contents = before.and_then(|zone| zone.contents.clone());
                    refuse(source, &refused, contents.is_some());
                    (Arc::new(zone_of(source, contents)), Some(refused.stamps))
                }
                None => {
                    let stamps = self.sources.remove::<Name>(&source.name).flatten();
                    sources.insert(Configured(source.clone()), stamps);
                    continue;
                }
            };
            changes.push((source.name.clone(), Some(zone)));
            sources.insert(Configured(source.clone()), stamps);
        }
        let gone = self.sources.keys().filter(|old| !sources.contains_key::<Name>(&old.0.name));
        changes.extend(gone.map(|old| (old.0.name.clone(), None)));
        report.removed = changes.iter().filter(|(_, zone)| zone.is_none()).count();
        self.sources = sources;
        zones.update(|table| table.with_all(changes));
        report
    }

    fn is_current(&self, zone: &FileZone<'_>) -> bool {
        self.sources.get_key_value::<Name>(&zone.source.name).is_some_and(|(known, stamps)| {
            *known.0 == **zone.source && stamps.as_ref().is_some_and(|stamps| stamps.are_current(zone.file))
        })
    }
}

fn zone_of(source: &ZoneSource, contents: Option<Contents>) -> Zone {
    let policy = source.lists.policy.clone().map(|policy| policy as Arc<_>);
    Zone { name: source.name.clone(), contents, policy }
}

fn warn(source: &ZoneSource, warnings: &[dns::zonefile::Problem]) {
    crate::logging::findings(&source.name, warnings);
}

/// Why secondaries do not notice that the records changed, if so: a serial tells them (RFC 1034 4.3.5, RFC 1982).
fn unnoticed(before: &Contents, after: &Contents) -> Option<Finding> {
    let (was, is) = (before.soa()?.serial, after.soa()?.serial);
    if dns::serial::is_later(is, was) || zone::diff::diff(before, after).is_empty() {
        return None;
    }
    let how = if is == was { "is the same as before".to_owned() } else { format!("has gone back from {was}") };
    let message = format!(
        "the records changed, but the serial {is} {how}: secondaries will not fetch them; raise it in the zone file"
    );
    Some(Finding { rule: Rule::Serial, owner: after.origin().to_owned(), rtype: Some(RType::SOA), message })
}

fn refuse(source: &ZoneSource, refused: &loader::Refused, keeps: bool) {
    for problem in &refused.problems {
        tracing::error!(zone = %source.name, "{problem}");
    }
    let now = if keeps { "its old contents stay in service" } else { "it answers SERVFAIL" };
    tracing::error!(zone = %source.name, problems = refused.problems.len(), "zone refused, {now}");
}
