//! The live view and the statistics of a node, as configured.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use config::Config;
use telemetry::live::{self, Hub};
use telemetry::statistics::{Counts, Statistics};
use telemetry::{Collector, Subscription};

use crate::listeners::Workers;

/// The directory of the statistics in the data directory.
const STATISTICS_DIR: &str = "statistics";

/// What is seen of a running node as it answers.
pub struct Live {
    /// For those who look now.
    pub hub: Arc<Hub>,
    /// The past in numbers.
    pub statistics: Statistics,
    /// Until the node stops.
    reading: Mutex<Option<Subscription>>,
}

impl Live {
    /// Starts to count what `workers` do, and to read what `collector` has.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn start(config: &Config, workers: &Arc<Workers>, collector: &Arc<Collector>) -> io::Result<Arc<Live>> {
        let hub = Arc::new(Hub::new(getrandom::u64().map_err(io::Error::other)?));
        hub.set_on(config.web.real_time_updates);
        let (workers, records, shown) = (workers.clone(), collector.clone(), hub.clone());
        let count = move || Counts::of(&workers.totals(), records.lost());
        let directory = config.data_dir.join(STATISTICS_DIR);
        let statistics = Statistics::start(&directory, count, move |figures| shown.send_figures(figures))?;
        let reading = Mutex::new(Some(live::read(&hub, collector)?));
        Ok(Arc::new(Live { hub, statistics, reading }))
    }

    /// Takes over a new configuration.
    pub fn configure(&self, config: &Config) {
        self.hub.set_on(config.web.real_time_updates);
    }

    /// Ends every stream and writes out the statistics. The collector has stopped.
    pub fn stop(&self) {
        self.hub.set_on(false);
        self.statistics.stop();
        drop(self.reading.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
