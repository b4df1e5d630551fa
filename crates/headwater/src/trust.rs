//! Trust anchors that follow their zones' changes of keys (RFC 5011), kept in the data directory, and told to the zones
//! (RFC 8145). A task of the runtime beside the resolver threads; [`crate::recursion`] starts it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dns::RType;
use resolver::Question;
use resolver::anchors::rollover::Managed;
use resolver::anchors::{Anchor, Anchors, signal, store};
use server::clock::unix_seconds;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::lookups::Lookup;

/// The file in the data directory.
pub const FILE: &str = "trust-anchors.state";
/// Largest file that is read, in octets.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Longest time between two looks at the clock, as the system's time may be set.
const MAX_SLEEP: Duration = Duration::from_secs(3600);
/// Trust anchors that are not followed are told this often, in seconds.
const SIGNAL_INTERVAL_S: u64 = 86_400;

/// What the task does.
pub struct Keeper {
    /// The resolver.
    pub lookup: Lookup,
    /// The trust anchors of the configuration.
    pub configured: Anchors,
    /// The file; `None`: trust anchors do not follow changes of keys.
    pub file: Option<PathBuf>,
    /// Tell the zones which keys are trusted.
    pub signalling: bool,
}

impl Keeper {
    /// Has the resolver use what the file says, then follows and tells in a task of its own; `None`: there is nothing
    /// to do.
    pub fn start(self, runtime: &Handle) -> Option<JoinHandle<()>> {
        if self.file.is_none() && !self.signalling {
            return None;
        }
        let zones = self.load();
        self.publish(&zones);
        Some(runtime.spawn(self.run(zones)))
    }

    /// The trust anchors to begin with: those of the configuration, as they are now by the file.
    fn load(&self) -> Vec<Managed> {
        let now_s = unix_seconds();
        let mut kept = self.file.as_deref().map(read).unwrap_or_default();
        let managed = |anchor: &Anchor| match kept.iter().position(|kept| kept.zone == anchor.zone) {
            Some(index) => {
                let mut managed = kept.swap_remove(index);
                managed.configure(anchor, now_s);
                managed
            }
            None => Managed::new(anchor, now_s),
        };
        self.configured.iter().map(managed).collect()
    }

    /// Follows and tells until it is aborted.
    async fn run(self, mut zones: Vec<Managed>) {
        loop {
            let now_s = unix_seconds();
            for zone in zones.iter_mut().filter(|zone| zone.next_s <= now_s) {
                if self.signalling {
                    self.tell(zone).await;
                }
                match self.file {
                    Some(_) => self.follow(zone).await,
                    None => zone.next_s = now_s + SIGNAL_INTERVAL_S,
                }
            }
            self.publish(&zones);
            self.save(&zones);
            let next_s = zones.iter().map(|zone| zone.next_s).min().unwrap_or(u64::MAX);
            // At least a second, so that a zone that cannot be helped does not keep us busy.
            let wait = Duration::from_secs(next_s.saturating_sub(unix_seconds()).max(1));
            tokio::time::sleep(wait.min(MAX_SLEEP)).await;
        }
    }

    /// Asks a zone for its keys, from its servers and not from the cache (RFC 5011 2.3).
    async fn follow(&self, managed: &mut Managed) {
        let zone = managed.zone.clone();
        self.lookup.shared.cache.flush_type(&zone, RType::DNSKEY);
        let answer = self.lookup.ask(Question::new(zone.clone(), RType::DNSKEY), true).await;
        let now_s = unix_seconds();
        let rrset = answer.and_then(|(outcome, _)| {
            let is_keys = |timed: &&resolver::outcome::Timed| timed.rrset.is(&zone, RType::DNSKEY);
            outcome.answers.iter().find(is_keys).map(|timed| timed.rrset.clone())
        });
        let Some(rrset) = rrset else {
            managed.failed(now_s);
            return tracing::debug!(%zone, "the keys of the trust anchor's zone cannot be had");
        };
        match managed.update(&rrset, now_s) {
            Ok(changes) => {
                for change in changes {
                    let state = change.state.map_or("forgotten", |state| state.as_str());
                    tracing::info!(%zone, key_tag = change.key_tag, state, "a trust anchor changed");
                }
            }
            Err(error) => tracing::warn!(%zone, %error, "the keys of the trust anchor's zone say nothing"),
        }
        let left = managed.anchor();
        if left.keys.is_empty() && left.ds.is_empty() {
            tracing::error!(%zone, "the last trust anchor of the zone was revoked: configure a new one");
        }
    }

    /// RFC 8145 5: a question for a name that lists the keys; what is answered does not matter.
    async fn tell(&self, managed: &Managed) {
        if let Some(name) = signal::query_name(&managed.anchor()) {
            self.lookup.ask(Question::new(name, RType::NULL), true).await;
        }
    }

    /// Has the resolver use what is trusted now.
    fn publish(&self, zones: &[Managed]) {
        if self.file.is_none() {
            return;
        }
        let mut anchors = Anchors::default();
        zones.iter().for_each(|zone| anchors.replace(zone.anchor()));
        if anchors != *self.lookup.shared.anchors() {
            self.lookup.shared.set_anchors(anchors);
        }
    }

    fn save(&self, zones: &[Managed]) {
        let Some(path) = &self.file else { return };
        if let Err(error) = write(path, &store::write(zones)) {
            tracing::warn!(path = %path.display(), %error, "the state of the trust anchors cannot be kept");
        }
    }
}

/// What is in the file; one that is damaged is as good as none.
fn read(path: &Path) -> Vec<Managed> {
    let text = match std::fs::metadata(path).and_then(|metadata| match metadata.len() {
        ..=MAX_FILE_BYTES => std::fs::read_to_string(path),
        _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large")),
    }) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the state of the trust anchors cannot be read");
            return Vec::new();
        }
    };
    store::parse(&text).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "the state of the trust anchors is not used");
        Vec::new()
    })
}

/// A file that is there is a whole one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, text)?;
    std::fs::File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, path)
}
