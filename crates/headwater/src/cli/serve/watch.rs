//! Changes of the configuration file and of the files of networks that it names, noticed as the system tells them, and
//! taken over once the files are quiet.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use config::{Config, Sources};
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use server::clock::unix_ms;
use telemetry::health::Finding;

use super::{Serving, configure};
use crate::control::Event;

/// A file is read when it has not changed for so long: whoever writes it may not be done.
const QUIET: Duration = Duration::from_millis(300);

/// What a file is, without its contents.
type Signature = Option<(u64, u64, u64, i64, i64)>;

/// The configuration file and files of networks, watched if that is wanted.
pub struct Watch {
    file: Option<PathBuf>,
    /// Those of networks, in use.
    lists: Vec<PathBuf>,
    events: Sender<Event>,
    watcher: Option<RecommendedWatcher>,
    /// When the files are to be read.
    due: Option<Instant>,
    /// How the files were when they were read last.
    seen: Vec<Signature>,
    /// What was refused last: it is said once.
    refused: Option<String>,
}

impl Watch {
    /// Watches the file of `sources`, and those that `config` names, if it is wanted; changes become `events`.
    pub fn new(sources: &Sources, config: &Config, events: Sender<Event>) -> Watch {
        let file = sources.file().map(Path::to_owned);
        let (lists, seen) = (Vec::new(), Vec::new());
        let mut watch = Watch { file, lists, events, watcher: None, due: None, seen, refused: None };
        watch.follow(config);
        // It may have changed between the start and now.
        watch.changed();
        watch
    }

    /// Watches what `config` names from now on, or nothing.
    pub fn follow(&mut self, config: &Config) {
        let mut lists: Vec<PathBuf> = config.network_files().map(|file| file.path.clone()).collect();
        lists.sort();
        lists.dedup();
        let is_same = self.lists == lists;
        self.lists = lists;
        if !config.server.watch_config || self.files().next().is_none() {
            (self.watcher, self.due) = (None, None);
        } else if self.watcher.is_none() || !is_same {
            let files: Vec<&Path> = self.files().collect();
            let watcher = start(&files, self.events.clone());
            self.watcher =
                watcher.inspect_err(|error| tracing::warn!(%error, "the configuration file is not watched")).ok();
        }
    }

    /// The configuration file first.
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.file.iter().chain(&self.lists).map(PathBuf::as_path)
    }

    /// A file may have changed.
    pub fn changed(&mut self) {
        if self.watcher.is_some() {
            self.due = Some(Instant::now() + QUIET);
        }
    }

    /// How long to wait for something else to happen, `most` at most.
    pub fn patience(&self, most: Duration) -> Duration {
        self.due.map_or(most, |due| due.saturating_duration_since(Instant::now()).min(most))
    }

    /// Whether it is time to read the files, and one is another one than before. What was refused is read whenever
    /// something happens beside it: a file that it needs may have come.
    fn is_due(&mut self) -> bool {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return false;
        }
        self.due = None;
        if self.file.as_deref().is_some_and(|file| signature(file).is_none()) {
            return false;
        }
        let now: Vec<Signature> = self.files().map(signature).collect();
        let is_other = self.seen != now;
        self.seen = now;
        is_other || self.refused.is_some()
    }
}

/// Device, file, size and time of the last change of what the name leads to; none: it leads nowhere.
fn signature(file: &Path) -> Signature {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Watches the directories: editors replace files, and a watched file that is replaced is watched no longer.
fn start(files: &[&Path], events: Sender<Event>) -> notify::Result<RecommendedWatcher> {
    let names: HashSet<OsString> = files.iter().filter_map(|file| file.file_name()).map(ToOwned::to_owned).collect();
    let directories: BTreeSet<&Path> = files.iter().map(|file| directory(file)).collect();
    let notice = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let is_ours = event.paths.iter().filter_map(|path| path.file_name()).any(|name| names.contains(name));
        let concerns = match event.kind {
            EventKind::Access(_) => false,
            // What the name leads to may have been replaced under another name.
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => true,
            _ => is_ours,
        };
        if concerns {
            // The server is stopping if nobody listens.
            let _ = events.send(Event::FileChanged);
        }
    };
    let mut watcher = notify::recommended_watcher(notice)?;
    for directory in directories {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// The directory that a file is in.
fn directory(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Serving {
    /// Takes over a configuration file, or files of networks, that have changed, as a whole or not at all.
    pub(super) fn look_at_file(&mut self) {
        if !self.watch.is_due() {
            return;
        }
        let loaded = self.running.sources.load();
        let is_other = loaded.as_ref().is_ok_and(|loaded| loaded.text != self.running.in_use().text);
        let outcome = match loaded {
            Ok(loaded) if !is_other && loaded.config.network_files().eq(self.config.network_files()) => {
                if self.watch.refused.is_some() {
                    tracing::info!("the configuration file and what it names are what is in use again");
                }
                return self.note(None);
            }
            Ok(loaded) => self.take(loaded).map_err(|error| error.to_string()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        };
        match outcome {
            Ok(report) => {
                let (loaded, refused, removed) = (report.loaded, report.refused, report.removed);
                if is_other {
                    // Whoever wrote the file has decided.
                    self.settle();
                    configure::record(&self.running, "file", "the file changed");
                    tracing::info!(loaded, refused, removed, "the changed configuration file is in use");
                } else {
                    tracing::info!(loaded, refused, removed, "the changed files of networks are in use");
                }
                self.note(None);
            }
            Err(why) if self.watch.refused.as_ref() == Some(&why) => {}
            Err(why) => {
                let what = "the changed configuration file, or a file that it names, is not used";
                tracing::error!("{what}, nothing changed: {why}");
                self.note(Some(why));
            }
        }
    }

    /// Takes note of why the configuration on the disk is not used, for health; `None`: it is.
    pub(super) fn note(&mut self, refused: Option<String>) {
        let finding = match &refused {
            None => Finding::ok("what is on the disk is in use"),
            Some(why) => {
                let first = why.lines().next().unwrap_or_default();
                let reason = format!("what is on the disk is not used, what was before is: {first}");
                Finding::warn(reason, "correct it: `headwater check` says all that is wrong")
            }
        };
        // The log has it already.
        let _ = self.node.monitor().health().report("configuration", finding, unix_ms());
        self.watch.refused = refused;
    }
}
