//! Signing of zones: keys that move on by themselves, signatures that are made anew before they end. One thread looks at
//! each zone when something about it is due; what it decides is a change like any other.

mod document;
mod even_clock;
mod key_store;
mod lease;
mod look;
mod parent;
mod requests;
mod signer_of;
mod status;
mod survey;
mod wish;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Name, NameBuf};
use journal::Offset;
use journal::shared::{Rejected, SettingsError, SettingsState, SharedSettings};
use server::clock::unix_seconds;
use signer::gate::GateError;
use signer::keys::AddError;
use signer::policy::SigningPolicy;
use signer::sign::first_end_s;
use signer::timeline::TimelineError;
use zone::{Published, ZoneTable};

use crate::catalogue::Catalogue;
use crate::cluster::Cluster;
use crate::commit::{CommitError, Committer};
use crate::lookups::Lookups;
use crate::scheduler::Scheduler;
use crate::signers::Signers;
use even_clock::{BELIEVED_AFTER, EvenClock};
use key_store::{KeyStore, KeyStoreError};
use look::{Found, Look};
use parent::Parents;
use survey::Surveys;
use wish::Wish;

pub use lease::{LeftToOthers, elsewhere};
pub use requests::{KeyImport, Planned};
pub use status::{DsRecord, KeyStatus, ZoneSigning};

/// After a look that failed the next one comes so much later.
const RETRY_S: u64 = 30;
/// Something that others did is looked for at least this often.
const TICK: Duration = Duration::from_secs(60);
/// The clock is looked at this often.
const CLOCK_TICK: Duration = Duration::from_secs(5);
/// Changes that come one after the other are looked at together.
const REST: Duration = Duration::from_millis(200);

/// Why a zone is not signed as it should be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SigningError {
    /// Private keys.
    #[error("{0}")]
    Keys(String),
    /// It cannot be signed.
    #[error(transparent)]
    Signing(#[from] signer::sign::SigningError),
    /// Resolvers would refuse it.
    #[error("resolvers would refuse the zone: {0}")]
    Gate(#[from] GateError),
    /// The change was not made.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The states of the keys cannot be kept.
    #[error("the states of its keys cannot be kept: {0}")]
    Settings(String),
    /// A key that cannot be added.
    #[error(transparent)]
    Key(#[from] AddError),
    /// What was asked for is not to be done now.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    /// Somebody else changed the states of the keys meanwhile.
    #[error("the states of its keys changed meanwhile; it is tried again")]
    Raced,
    /// It is not signed here.
    #[error("zone {0} is not signed here: `dnssec` names the policy by which a zone is signed")]
    NotSigned(NameBuf),
    /// The clock is wrong.
    #[error("the clock stands before this version was made: nothing is signed until it is right")]
    ClockTooEarly,
    /// The clock is wrong, or was.
    #[error(
        "signatures of the zone begin to be valid in {} hours only: the clock is behind, or was ahead when they were made. It \
         stays as it is until the clock is right, or has gone evenly for a day",
        .0.div_ceil(3600)
    )]
    ClockBehind(u64),
    /// It makes no sense for this zone.
    #[error("{0}")]
    Refused(String),
}

impl From<KeyStoreError> for SigningError {
    fn from(error: KeyStoreError) -> SigningError {
        SigningError::Keys(error.to_string())
    }
}

impl From<SettingsError> for SigningError {
    fn from(error: SettingsError) -> SigningError {
        match error {
            SettingsError::Rejected(Rejected::Changed(_)) => SigningError::Raced,
            error => SigningError::Settings(error.to_string()),
        }
    }
}

/// Policies and the place of keys, as the configuration says now.
#[derive(Debug, Clone, Default)]
pub struct Configured {
    /// Directory of the keys.
    pub keys_dir: PathBuf,
    /// Policies by name.
    pub policies: config::Policies,
}

/// What a configuration says of signing.
pub fn configured(config: &config::Config) -> Configured {
    Configured { keys_dir: config.dnssec.keys_dir.clone(), policies: config.dnssec.policies.clone() }
}

/// What looks need.
pub struct Parts {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// How they shall be served.
    pub catalogue: Arc<Catalogue>,
    /// Where the states of keys are kept.
    pub settings: Arc<SharedSettings>,
    /// Makes changes.
    pub committer: Committer,
    /// Whom the committer asks for signatures.
    pub signers: Arc<Signers>,
    /// What the configuration says.
    pub configured: RwLock<Configured>,
    /// Where the parents are found.
    pub lookups: Lookups,
    /// Says when parents are asked.
    pub scheduler: Scheduler,
    /// The servers of which one signs each zone; `None`: this one signs all.
    pub cluster: Option<Arc<Cluster>>,
    /// Zones that nobody signs yet.
    pub left: LeftToOthers,
}

impl Parts {
    fn store(&self) -> KeyStore {
        KeyStore::new(self.configured.read().unwrap_or_else(PoisonError::into_inner).keys_dir.clone())
    }

    fn policies(&self) -> config::Policies {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).policies.clone()
    }

    fn policy(&self, name: &str) -> Option<Arc<SigningPolicy>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).policies.get(name).cloned()
    }

    /// What is wanted of a zone; `None`: there is no such zone.
    fn wish(&self, zone: &Name) -> Result<Option<Wish>, SigningError> {
        let Some(entry) = self.catalogue.zone(zone) else { return Ok(None) };
        let wanted = entry.settings().dnssec.clone();
        let kept = document::read(&self.settings.state(), zone).document;
        let named = if wanted.is_empty() { &kept.policy } else { &wanted };
        let policy = match self.policy(named) {
            Some(policy) => policy,
            None if wanted.is_empty() => Arc::default(),
            None => return Err(SigningError::Refused(format!("there is no policy `{named}` in `dnssec.policies`"))),
        };
        let key_files = entry.source().map(|source| source.key_files.clone()).unwrap_or_default();
        Ok(Some(Wish { policy_name: wanted, policy, key_files }))
    }
}

/// Loads the keys of every zone that is signed here, before the first change can come. `own` is what this server of a cluster
/// is called.
pub fn load_signers(settings: &SharedSettings, configured: &Configured, own: Option<&str>) -> Arc<Signers> {
    let (signers, store) = (Arc::new(Signers::default()), KeyStore::new(configured.keys_dir.clone()));
    let state = settings.state();
    for zone in document::zones(&state) {
        let document = document::read(&state, &zone).document;
        let policy = configured.policies.get(&document.policy).cloned().unwrap_or_default();
        let wish = Wish { policy_name: document.policy.clone(), policy, key_files: Vec::new() };
        let signer = signer_of::signer_of(&zone, &document, &wish.policy_for(&document.keys), Vec::new(), &store);
        let is_theirs = lease::is_theirs(&document, own);
        if let Err(error) = &signer
            && !is_theirs
        {
            tracing::error!(%zone, %error, "the zone cannot be changed: a private key is missing or wrong");
        }
        let refusal = |error: KeyStoreError| match is_theirs {
            true => lease::elsewhere(&document.signer),
            false => error.to_string(),
        };
        signers.set(&zone, signer.map_err(refusal));
    }
    signers
}

/// What the last look at a zone led to.
#[derive(Debug, Clone, Default)]
struct Looked {
    found: Found,
    error: Option<String>,
    /// Since when signatures that are not valid yet are left as they are.
    doubted: Option<Instant>,
    /// The policy that the zone named then.
    policy: String,
    /// The event that made what was known of its keys then; 0: there was none.
    version: Offset,
}

/// Signs the zones that name a policy.
pub struct Signing {
    parts: Arc<Parts>,
    parents: Arc<Parents>,
    wake: SyncSender<Wake>,
    looked: Arc<Mutex<HashMap<NameBuf, Looked>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why the thread looks.
enum Wake {
    /// Something changed.
    Look,
    Stop,
}

impl Signing {
    /// Starts the thread.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(parts: Parts) -> std::io::Result<Arc<Signing>> {
        let (wake, wakes) = sync_channel(1);
        let (parts, looked) = (Arc::new(parts), Arc::new(Mutex::new(HashMap::new())));
        let parents = start_parents(&parts, &looked, &wake);
        let work = Work { parts: parts.clone(), parents: parents.clone(), looked: looked.clone() };
        let run = move || {
            server::priority::patient();
            work.run(&wakes);
        };
        let thread = std::thread::Builder::new().name("signing".into()).spawn(run)?;
        Ok(Arc::new(Signing { parts, parents, wake, looked, thread: Mutex::new(Some(thread)) }))
    }

    /// Has every zone looked at soon.
    pub fn look(&self) {
        wake_up(&self.wake);
    }

    /// Has those zones looked at soon whose keys were changed by another server, or through it.
    pub fn follow(&self, state: &SettingsState) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_due = false;
        for (zone, looked) in
            looked.iter_mut().filter(|(zone, looked)| document::version(state, zone) != looked.version)
        {
            tracing::debug!(%zone, "what is known of its keys changed");
            (looked.found.next_s, is_due) = (0, true);
        }
        drop(looked);
        if is_due {
            self.look();
        }
    }

    /// Takes over what a new configuration says.
    pub fn configure(&self, configured: Configured) {
        *self.parts.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
        self.forget_times();
        self.look();
    }

    /// Has the next look look at every zone.
    fn forget_times(&self) {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).values_mut().for_each(|zone| zone.found.next_s = 0);
    }

    /// Ends the thread.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.wake.send(Wake::Stop);
            if thread.join().is_err() {
                tracing::error!("the thread that signs panicked; this is a bug of the server");
            }
        }
    }
}

/// Asks parents; a zone whose parent says something else is looked at soon.
fn start_parents(
    parts: &Parts,
    looked: &Arc<Mutex<HashMap<NameBuf, Looked>>>,
    wake: &SyncSender<Wake>,
) -> Arc<Parents> {
    let (looked, wake) = (looked.clone(), wake.clone());
    let needs = parent::Parts {
        zones: parts.zones.clone(),
        lookups: parts.lookups.clone(),
        scheduler: parts.scheduler.clone(),
    };
    Parents::start(needs, move |zone| {
        if let Some(zone) = looked.lock().unwrap_or_else(PoisonError::into_inner).get_mut(zone) {
            zone.found.next_s = 0;
        }
        wake_up(&wake);
    })
}

fn wake_up(wake: &SyncSender<Wake>) {
    // A wake that waits does for this one, too.
    if let Err(TrySendError::Disconnected(_)) = wake.try_send(Wake::Look) {
        tracing::debug!("signing has stopped");
    }
}

/// The thread's part.
struct Work {
    parts: Arc<Parts>,
    parents: Arc<Parents>,
    looked: Arc<Mutex<HashMap<NameBuf, Looked>>>,
}

impl Work {
    fn run(&self, wakes: &Receiver<Wake>) {
        let mut clock = EvenClock::new(Instant::now(), unix_seconds());
        loop {
            let next_s = self.look(unix_seconds(), clock.lead_s(Instant::now(), unix_seconds()));
            let left = Duration::from_secs(next_s.saturating_sub(unix_seconds())).min(TICK);
            match self.wait(wakes, &mut clock, left) {
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Wake::Look) => std::thread::sleep(REST),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits until somebody wakes the thread, that much time has passed, or the clock has jumped: then every zone is due.
    fn wait(&self, wakes: &Receiver<Wake>, clock: &mut EvenClock, left: Duration) -> Result<Wake, RecvTimeoutError> {
        let end = Instant::now() + left;
        let lead_s = clock.lead_s(Instant::now(), unix_seconds());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match wakes.recv_timeout(left.min(CLOCK_TICK)) {
                Err(RecvTimeoutError::Timeout) if left > CLOCK_TICK => {}
                outcome => return outcome,
            }
            let now_leads_s = clock.lead_s(Instant::now(), unix_seconds());
            if now_leads_s.abs_diff(lead_s) > CLOCK_TICK.as_secs() {
                tracing::warn!(ahead_s = now_leads_s, "the clock jumped: keys move on by the time that passes");
                self.looked
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .values_mut()
                    .for_each(|zone| zone.found.next_s = 0);
                return Ok(Wake::Look);
            }
        }
    }

    /// Looks at the zones that are due; returns when the next one is, in seconds since 1970.
    fn look(&self, now_s: u64, lead_s: u64) -> u64 {
        let mut next_s = now_s + TICK.as_secs();
        for zone in self.zones() {
            let known = self.looked.lock().unwrap_or_else(PoisonError::into_inner).get(&zone).cloned();
            // Another policy is looked at whatever was to come.
            let same = known.as_ref().filter(|looked| looked.policy == self.policy_name(&zone));
            let due_s = same.map_or(0, |looked| looked.found.next_s);
            // A clock that was set back does not keep anything from being done.
            if due_s > now_s && due_s <= now_s + 2 * 3600 && !self.lacks_signatures(&zone) {
                next_s = next_s.min(due_s);
                continue;
            }
            next_s = next_s.min(self.look_at(&zone, known, now_s, lead_s).unwrap_or(u64::MAX));
        }
        next_s
    }

    /// The policy that a zone names; empty: none.
    fn policy_name(&self, zone: &Name) -> String {
        self.parts.catalogue.zone(zone).map(|entry| entry.settings().dnssec.clone()).unwrap_or_default()
    }

    /// A zone that shall be signed and came unsigned, just now.
    fn lacks_signatures(&self, zone: &Name) -> bool {
        let zones = self.parts.zones.latest();
        let contents = zones.get(zone).and_then(|zone| zone.contents.as_ref());
        let wanted = self.parts.catalogue.zone(zone).is_some_and(|entry| !entry.settings().dnssec.is_empty());
        wanted && contents.is_some_and(|contents| !contents.is_signed())
    }

    /// When the first signature of a zone ends that cannot be signed now, in seconds since 1970.
    fn first_end_s(&self, zone: &Name, now_s: u64) -> Option<u64> {
        let zones = self.parts.zones.latest();
        first_end_s(zones.get(zone)?.contents.as_ref()?, now_s)
    }

    fn look_at(&self, zone: &Name, known: Option<Looked>, now_s: u64, lead_s: u64) -> Option<u64> {
        let known = known.unwrap_or_default();
        let believes_clock = known.doubted.is_some_and(|since| since.elapsed() >= BELIEVED_AFTER);
        let (parts, parents, parent) = (&self.parts, &self.parents, &self.parents.parent(zone));
        let policy = self.policy_name(zone);
        let found = self.parts.wish(zone).and_then(|wish| match wish {
            Some(wish) => {
                let surveys = Surveys::default();
                Look { parts, parents, parent, zone, wish, now_s, lead_s, believes_clock, surveys }.run()
            }
            None => Ok(None),
        });
        let version = document::version(&self.parts.settings.state(), zone);
        let mut looked = match found {
            Ok(Some(found)) => {
                if known.error.is_some() {
                    tracing::info!(%zone, "signing goes on");
                }
                Looked { found, error: None, doubted: None, policy, version }
            }
            Ok(None) => {
                self.looked.lock().unwrap_or_else(PoisonError::into_inner).remove(zone);
                self.parents.forget(zone);
                return None;
            }
            Err(SigningError::Raced) => {
                Looked { found: Found { next_s: now_s + 1, ..known.found }, policy, version, ..known }
            }
            Err(error) => {
                let is_doubted = matches!(error, SigningError::ClockBehind(_));
                let doubted = is_doubted.then(|| known.doubted.unwrap_or_else(Instant::now));
                let error = error.to_string();
                if known.error.as_ref() != Some(&error) {
                    tracing::error!(%zone, error, "signing does not go on; it is tried again");
                }
                let first_end_s = self.first_end_s(zone, now_s);
                let found = Found { next_s: now_s + RETRY_S, first_end_s, ..known.found };
                Looked { found, error: Some(error), doubted, policy, version }
            }
        };
        let mut all = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !parent.says_the_same(&self.parents.parent(zone)) {
            // The parent said something else meanwhile.
            looked.found.next_s = now_s + 1;
        }
        let next_s = looked.found.next_s;
        all.insert(zone.to_owned(), looked);
        Some(next_s)
    }

    /// The zones that name a policy, and those that have keys.
    fn zones(&self) -> Vec<NameBuf> {
        let mut zones = self.parts.signers.zones();
        zones.extend(self.parts.catalogue.signed_zones());
        zones.sort();
        zones.dedup();
        zones
    }
}
