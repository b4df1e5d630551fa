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

/// Follows the zones of trust anchors, and tells them what is trusted.
pub struct AnchorTracker {
    /// The resolver.
    pub lookup: Lookup,
    /// The trust anchors of the configuration.
    pub configured: Anchors,
    /// The file; `None`: trust anchors do not follow changes of keys.
    pub file: Option<PathBuf>,
    /// Tell the zones which keys are trusted.
    pub signalling: bool,
}

impl AnchorTracker {
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
            Err(error) => tracing::warn!(%zone, %error, "the DNSKEY records of the trust anchor's zone cannot be used"),
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
            tracing::warn!(path = %path.display(), %error, "the state of the trust anchors cannot be saved");
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use dns::{NameBuf, NameHasher};
    use resolver::cache::CacheSettings;
    use resolver::resolve::Shared;
    use resolver::security::Reason;
    use resolver::{Outcome, Settings};
    use server::clock::Clock;
    use server::recursion::Explained;

    use super::*;
    use crate::lookups::Explain;

    const DS: &str = ". DS 1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n";
    const KEY: &str = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";

    /// Nobody answers; what was asked is remembered.
    #[derive(Default)]
    struct Silence(Mutex<Vec<String>>);

    impl Explain for Silence {
        fn explain(&self, question: Question, _: bool, explained: Explained) {
            self.0.lock().expect("questions").push(question.to_string());
            explained(Arc::new(Outcome::failure(Reason::new(22, "nobody"))), Vec::new());
        }
    }

    fn tracker(silence: &Arc<Silence>, anchors: &str, file: Option<PathBuf>, signalling: bool) -> AnchorTracker {
        let configured = Anchors::parse(anchors.as_bytes(), Path::new("test")).expect("anchors");
        let (cache, hasher) = (CacheSettings::default(), NameHasher::new(1));
        let shared = Shared::new(Settings::default(), cache, configured.clone(), hasher, 1);
        let lookup = Lookup { shared, resolver: silence.clone(), clock: Clock::Monotonic };
        AnchorTracker { lookup, configured, file, signalling }
    }

    /// Lets a tracker go through its zones once.
    fn run(tracker: AnchorTracker) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        let zones = tracker.load();
        tracker.publish(&zones);
        let once = async { tokio::time::timeout(Duration::from_millis(200), tracker.run(zones)).await };
        assert!(runtime.block_on(once).is_err(), "it never ends");
    }

    #[test]
    fn zones_are_asked_and_told() {
        let directory = tempfile::tempdir().expect("directory");
        let file = directory.path().join(FILE);
        let silence = Arc::new(Silence::default());
        let begin_s = unix_seconds();
        run(tracker(&silence, DS, Some(file.clone()), true));
        assert_eq!(*silence.0.lock().expect("questions"), ["_ta-0001. NULL", ". DNSKEY"]);
        let kept = read(&file);
        assert_eq!((kept.len(), kept[0].ds.len(), kept[0].checked_s), (1, 1, 0));
        assert!(kept[0].next_s > begin_s, "asked again later");
        let told = Arc::new(Silence::default());
        run(tracker(&told, DS, None, true));
        assert_eq!(*told.0.lock().expect("questions"), ["_ta-0001. NULL"]);
    }

    #[test]
    fn what_was_learned_counts() {
        let directory = tempfile::tempdir().expect("directory");
        let file = directory.path().join(FILE);
        let far = u64::MAX / 2;
        let state = format!(
            "version 1\nzone . checked 5 next {far} retry 3600\nkey valid since 1 until 0 {KEY}\n\
             key revoked since 1 until {far} 257 3 15 AQI=\nzone gone.example. checked 5 next {far} retry 3600\n"
        );
        std::fs::write(&file, state).expect("file");
        let configured = format!("{DS}. DNSKEY 257 3 15 AQI=\n");
        let tracker = tracker(&Arc::default(), &configured, Some(file.clone()), false);
        let shared = tracker.lookup.shared.clone();
        run(tracker);
        let anchors = shared.anchors();
        let zones: Vec<NameBuf> = anchors.iter().map(|anchor| anchor.zone.clone()).collect();
        assert_eq!(zones, [NameBuf::root()], "what is no longer configured is gone");
        let root = anchors.iter().next().expect("the root");
        assert_eq!((root.ds.len(), root.keys.len()), (1, 1), "a revoked key stays revoked");
        std::fs::write(&file, "something else").expect("file");
        assert_eq!(read(&file), []);
        assert_eq!(read(&directory.path().join("nothing")), []);
    }
}
