//! Changes of the configuration file, noticed as the system tells them, and taken over once the file is quiet.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use config::Sources;
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Serving, configure};
use crate::control::Event;

/// A file is read when it has not changed for so long: whoever writes it may not be done.
const QUIET: Duration = Duration::from_millis(300);

/// What a file is, without its contents.
type Signature = Option<(u64, u64, u64, i64, i64)>;

/// The configuration file, watched if that is wanted.
pub struct Watch {
    file: Option<PathBuf>,
    events: Sender<Event>,
    watcher: Option<RecommendedWatcher>,
    /// When the file is to be read.
    due: Option<Instant>,
    /// How the file was when it was read last.
    seen: Signature,
    /// What was refused last: it is said once.
    refused: Option<String>,
}

impl Watch {
    /// Watches the file of `sources`, if it is `wanted`; changes become `events`.
    pub fn new(sources: &Sources, wanted: bool, events: Sender<Event>) -> Watch {
        let file = sources.file().map(Path::to_owned);
        let mut watch = Watch { file, events, watcher: None, due: None, seen: None, refused: None };
        watch.enable(wanted);
        // It may have changed between the start and now.
        watch.changed();
        watch
    }

    /// Watches from now on, or no longer.
    pub fn enable(&mut self, wanted: bool) {
        match &self.file {
            Some(file) if wanted => {
                if self.watcher.is_none() {
                    let watcher = start(file, self.events.clone());
                    self.watcher = watcher
                        .inspect_err(|error| tracing::warn!(%error, "the configuration file is not watched"))
                        .ok();
                }
            }
            _ => (self.watcher, self.due) = (None, None),
        }
    }

    /// The file may have changed.
    pub fn changed(&mut self) {
        if self.watcher.is_some() {
            self.due = Some(Instant::now() + QUIET);
        }
    }

    /// How long to wait for something else to happen, `most` at most.
    pub fn patience(&self, most: Duration) -> Duration {
        self.due.map_or(most, |due| due.saturating_duration_since(Instant::now()).min(most))
    }

    /// Whether it is time to read the file, and it is another one than before.
    fn is_due(&mut self) -> bool {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return false;
        }
        self.due = None;
        let now = self.file.as_deref().and_then(signature);
        now.is_some() && std::mem::replace(&mut self.seen, now) != now
    }
}

/// Device, file, size and time of the last change of what the name leads to; none: it leads nowhere.
fn signature(file: &Path) -> Signature {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Watches the directory: editors replace files, and a watched file that is replaced is watched no longer.
fn start(file: &Path, events: Sender<Event>) -> notify::Result<RecommendedWatcher> {
    let directory = match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let name = file.file_name().map(ToOwned::to_owned);
    let notice = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let is_ours = event.paths.iter().any(|path| path.file_name() == name.as_deref());
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
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

impl Serving {
    /// Takes over a configuration file that has changed, as a whole or not at all.
    pub(super) fn look_at_file(&mut self) {
        if !self.watch.is_due() {
            return;
        }
        let loaded = self.running.sources.load();
        let outcome = match loaded {
            Ok(loaded) if loaded.text == self.running.in_use().text => return,
            Ok(loaded) => self.take(loaded).map_err(|error| error.to_string()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        };
        match outcome {
            Ok(report) => {
                self.watch.refused = None;
                self.settle();
                configure::record(&self.running, "file", "the file changed");
                let (loaded, refused, removed) = (report.loaded, report.refused, report.removed);
                tracing::info!(loaded, refused, removed, "the changed configuration file is in use");
            }
            Err(why) if self.watch.refused.as_ref() == Some(&why) => {}
            Err(why) => {
                tracing::error!("the changed configuration file is not used, nothing changed: {why}");
                self.watch.refused = Some(why);
            }
        }
    }
}
