//! The history of queries of a node, as configured.

use std::sync::{Arc, PoisonError, RwLock};

use config::Config;
use telemetry::Collector;
use telemetry::history::{History, Limits, Store};

/// Its directory in the data directory.
const DIRECTORY: &str = "history";
const MIB: u64 = 1 << 20;

/// The history as the API sees it, whichever one a reload has made.
#[derive(Debug, Clone, Default)]
pub struct QueryHistory(Arc<RwLock<Option<Arc<Store>>>>);

impl QueryHistory {
    /// What is in it; `None`: none is kept.
    pub fn get(&self) -> Option<Arc<Store>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows this one from now on.
    pub fn set(&self, store: Option<Arc<Store>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
    }
}

/// The history while the node runs.
#[derive(Default)]
pub(crate) struct Recording {
    shown: QueryHistory,
    running: Option<History>,
}

impl Recording {
    /// How others see it.
    pub fn shown(&self) -> &QueryHistory {
        &self.shown
    }

    /// Keeps the history that the configuration asks for. One that cannot be opened is tried again at the next reload:
    /// answers do not depend on it.
    pub fn configure(&mut self, config: &Config, collector: &Collector) {
        let wanted = &config.history;
        let limits = Limits {
            max_rows: wanted.max_rows,
            max_days: wanted.max_days,
            max_bytes: wanted.max_mb.saturating_mul(MIB),
        };
        match &self.running {
            _ if !wanted.enabled => self.stop(),
            Some(running) => running.store().set_limits(limits),
            None => {
                let directory = config.data_dir.join(DIRECTORY);
                match History::start(collector, &directory, limits) {
                    Ok(history) => {
                        self.shown.set(Some(history.store().clone()));
                        self.running = Some(history);
                    }
                    Err(error) => tracing::error!(
                        directory = %directory.display(), %error,
                        "no history of queries is kept: its directory cannot be used"
                    ),
                }
            }
        }
    }

    /// Writes out what has been recorded, and ends.
    pub fn stop(&mut self) {
        self.shown.set(None);
        self.running = None;
    }
}
