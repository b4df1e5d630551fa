//! What is unusual in what is asked: a reader of answers hands them to the detector and tells what it finds.
//!
//! [`Anomalies`] is what others see: it starts and stops the reader as configured. `watch.rs` is the reader, `observe.rs`
//! how it sees rows, `board.rs` what is known now, `mutes.rs` what nobody wants to hear of, `defence.rs` the blocks of
//! clients that misbehave. A part of the answers is enough where there are very many: rates and shares stay.

mod board;
mod defence;
pub mod mutes;
mod observe;
mod watch;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use config::Config;
use dns::NameBuf;
use ipnet::IpNet;
use journal::shared::SharedSettings;
use server::clock::unix_ms;
use server::record::Wanted;
use telemetry::metrics::Snapshot;
use telemetry::metrics::catalogue::{ANOMALIES, ANOMALIES_ACTIVE};
use telemetry::{Collector, Subscription};

use board::Board;
use watch::Watcher;

pub use ::policy::anomaly::Kind;
pub use board::{AnomalyView, MAX_ENDED};
pub use defence::{AUTHOR, MAX_BLOCKS};

/// The reader's name among the outputs of answers.
const READER: &str = "anomalies";
/// Rows that wait for the reader at most.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// What the reader wants: a part of the answers will do.
const WANTED: Wanted = Wanted { responses: true, queries: false, exchanges: false, sparing: true };

/// Finds the name of the device that has an address.
pub type FindDevice = Box<dyn Fn(IpAddr) -> Option<Arc<str>> + Send + Sync>;

/// What is unusual in what is asked.
pub struct Anomalies {
    collector: Arc<Collector>,
    shared: Arc<Shared>,
    reading: Mutex<Option<Subscription>>,
}

/// What the reader and those who look have in common.
struct Shared {
    documents: Arc<SharedSettings>,
    device: FindDevice,
    settings: RwLock<Arc<Settings>>,
    board: Mutex<Board>,
}

/// What is done, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Settings {
    /// Milliseconds that a client that misbehaves is blocked; 0: it is not.
    block_ms: u64,
    /// Clients that are never blocked.
    exempt: Vec<IpNet>,
    /// Names that may have private addresses.
    rebinding_exceptions: Vec<NameBuf>,
}

impl Settings {
    fn of(config: &Config) -> Settings {
        let rebinding = config.resolver.settings.rebinding.as_ref();
        Settings {
            block_ms: u64::from(config.security.anomalies.block_s) * 1000,
            exempt: config.security.rate_limit.exempt.clone(),
            rebinding_exceptions: rebinding.map(|rebinding| rebinding.allowed.clone()).unwrap_or_default(),
        }
    }
}

impl Shared {
    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every change is one step, so a panic elsewhere leaves nothing half done.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Anomalies {
    /// Looks for nothing before [`Anomalies::configure`].
    pub fn new(collector: &Arc<Collector>, documents: &Arc<SharedSettings>, device: FindDevice) -> Anomalies {
        let shared =
            Shared { documents: documents.clone(), device, settings: RwLock::default(), board: Mutex::default() };
        Anomalies { collector: collector.clone(), shared: Arc::new(shared), reading: Mutex::default() }
    }

    /// Works as a new configuration says. When anomalies are looked for no longer, those under way are forgotten.
    ///
    /// # Errors
    /// A thread or random numbers that the system does not give.
    pub fn configure(&self, config: &Config) -> io::Result<()> {
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Settings::of(config));
        if !config.security.anomalies.enabled {
            self.stop();
            return Ok(());
        }
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.is_none() {
            let seed = getrandom::u64().map_err(io::Error::other)?;
            let recorders = self.collector.recorders().clone();
            let mut watcher = Watcher::new(self.shared.clone(), recorders, seed, unix_ms());
            let read = move |delivery: telemetry::Delivery<'_>| watcher.read(&delivery);
            *reading = Some(self.collector.subscribe(READER, WANTED, MAX_WAITING_BYTES, read)?);
        }
        Ok(())
    }

    /// Those under way, by number.
    pub fn active(&self) -> Vec<AnomalyView> {
        self.shared.board().active.clone()
    }

    /// The latest [`MAX_ENDED`] that have ended, by number.
    pub fn ended(&self) -> Vec<AnomalyView> {
        let mut ended: Vec<AnomalyView> = self.shared.board().ended().cloned().collect();
        ended.sort_by_key(|view| view.id);
        ended
    }

    /// Adds how many have begun and how many are under way, of each kind.
    pub fn add_metrics(&self, snapshot: &mut Snapshot) {
        for (kind, begun, active) in self.shared.board().counts() {
            snapshot.count(&ANOMALIES, &[kind.as_str()], begun);
            snapshot.count(&ANOMALIES_ACTIVE, &[kind.as_str()], active);
        }
    }

    /// Where mutes and blocks are kept.
    pub fn documents(&self) -> &Arc<SharedSettings> {
        &self.shared.documents
    }

    /// Ends the reader.
    pub fn stop(&self) {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(reading);
    }
}
