//! Zones from zone files: read at the start and on reload, published beside those of the journal.

use std::path::Path;
use std::sync::Arc;

use config::ZoneSource;
use dns::zonefile::Problem;
use dns::{NameBuf, RType};
use server::clock::unix_seconds;
use zone::check::{Finding, Rule};
use zone::{Contents, DnssecValidation, Published, Zone, ZoneTable};

use crate::catalogue::{Catalogue, ZoneRef};
use crate::loader::{self, Loaded, Loader, Refused};
use crate::presigned::Presigned;
use crate::progress::Progress;
use crate::read_only::MaintainedIn;

/// A zone that comes from a file.
#[derive(Clone, Copy)]
struct FileZone<'a> {
    entry: &'a ZoneRef,
    source: &'a ZoneSource,
    file: &'a Path,
}

impl<'a> FileZone<'a> {
    fn of(entry: &'a ZoneRef) -> Option<FileZone<'a>> {
        let source = entry.source()?;
        source.file().map(|file| FileZone { entry, source, file })
    }

    /// Whether its files are still those that were read.
    fn is_current(&self) -> bool {
        self.entry.files_read().is_some_and(|stamps| stamps.are_current(self.file))
    }

    /// Judges signatures that others made, if the zone wants it.
    fn validate(&self, presigned: &Presigned, loaded: Loaded) -> Result<Loaded, Refused> {
        let validation = self.entry.validation();
        if validation == DnssecValidation::Off || self.entry.maintained_in() != MaintainedIn::File {
            return Ok(loaded);
        }
        match presigned.examine(validation, &loaded.contents, None, unix_seconds()) {
            Ok(()) => Ok(loaded),
            Err(message) => {
                let problem = Problem { file: self.file.to_owned(), line: 1, column: 1, message };
                Err(Refused { problems: vec![problem], stamps: loaded.stamps })
            }
        }
    }
}

/// What a reload did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// Zones read anew.
    pub loaded: usize,
    /// Zones that were refused; they keep their old contents, if they had any.
    pub refused: usize,
    /// Zones that no longer come from files.
    pub removed: usize,
}

/// Reads every zone of the catalogue whose source or files changed, and publishes all of them at once, without those
/// that do not come from files any more. `changed_to` hears of each zone that has new records, with those of before;
/// `sign` gets those that are signed here, which are not published before they have signatures.
pub fn reload(
    catalogue: &Catalogue,
    presigned: &Presigned,
    not_from_files: &[NameBuf],
    zones: &Published<ZoneTable>,
    mut changed_to: impl FnMut(&ZoneSource, Option<&Contents>, &Contents),
    mut sign: impl FnMut(&ZoneSource, &Contents),
) -> ReloadReport {
    let old = zones.latest();
    let entries = catalogue.file_zones();
    let changed: Vec<FileZone> = entries.iter().filter_map(FileZone::of).filter(|zone| !zone.is_current()).collect();
    let progress = Progress::new("zones", changed.len());
    let results = loader::in_parallel(
        &changed,
        || Loader::new(old.hasher()),
        |loader, zone| loader.load(&zone.source.name, zone.file).and_then(|loaded| zone.validate(presigned, loaded)),
        |done| progress.at(done),
    );
    progress.finish();
    let mut report = ReloadReport { removed: not_from_files.len(), ..ReloadReport::default() };
    let mut changes: Vec<(NameBuf, Option<Arc<Zone>>)> = Vec::with_capacity(changed.len() + not_from_files.len());
    for (FileZone { entry, source, .. }, result) in changed.into_iter().zip(results) {
        let before = old.get(&source.name).and_then(|zone| zone.contents.as_ref());
        let (contents, stamps) = match result {
            Ok(loaded) => {
                report.loaded += 1;
                if entry.maintained_in() == MaintainedIn::SignedFile {
                    crate::findings::log(&source.name, &loaded.warnings);
                    sign(source, &loaded.contents);
                    entry.note_read(loaded.stamps);
                    continue;
                }
                let (contents, stamps) = take(source, before, loaded);
                changed_to(source, before, &contents);
                (Some(contents), stamps)
            }
            Err(refused) => {
                report.refused += 1;
                log_refusal(source, &refused, before.is_some());
                if entry.maintained_in() == MaintainedIn::SignedFile && before.is_some() {
                    entry.note_read(refused.stamps);
                    continue;
                }
                (before.cloned(), refused.stamps)
            }
        };
        entry.note_read(stamps);
        changes.push((source.name.clone(), Some(Arc::new(zone_of(source, contents)))));
    }
    changes.extend(not_from_files.iter().map(|name| (name.clone(), None)));
    zones.update(|table| table.with_all(changes));
    report
}

/// The records that were read, after the log has been told what their owner should look at.
fn take(source: &ZoneSource, before: Option<&Contents>, loaded: Loaded) -> (Contents, loader::Stamps) {
    let Loaded { mut contents, warnings, stamps } = loaded;
    crate::findings::log(&source.name, &warnings);
    if let Some(finding) = before.and_then(|before| unnoticed(before, &contents)) {
        tracing::warn!(zone = %source.name, "{finding}");
        contents = contents.with_finding(finding);
    }
    (contents, stamps)
}

/// Has a zone served no longer, if it still has this serial: a signature that resolvers need has ended.
pub fn withdraw(entry: &ZoneRef, serial: Option<u32>, zones: &Published<ZoneTable>) {
    let empty = Zone { name: entry.name().clone(), contents: None, policy: entry.lists().policy.clone() };
    zones.update(|table| {
        let now = table.get(entry.name()).and_then(|zone| zone.contents.as_ref());
        let is_same = now.and_then(|now| now.soa()).map(|soa| soa.serial) == serial;
        table.with_all(is_same.then(|| (entry.name().clone(), Some(Arc::new(empty)))))
    });
}

fn zone_of(source: &ZoneSource, contents: Option<Contents>) -> Zone {
    Zone { name: source.name.clone(), contents, policy: source.lists.policy.clone() }
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
    Some(Finding { rule: Rule::Serial, owner: after.origin().to_owned(), rtype: Some(RType::SOA), host: None, message })
}

fn log_refusal(source: &ZoneSource, refused: &Refused, keeps: bool) {
    for problem in &refused.problems {
        tracing::error!(zone = %source.name, "{problem}");
    }
    let now = if keeps { "its old contents stay in service" } else { "it answers SERVFAIL" };
    tracing::error!(zone = %source.name, problems = refused.problems.len(), "zone refused, {now}");
}
