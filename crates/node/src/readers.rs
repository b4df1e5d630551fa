//! Who reads what was answered: the look-out for anomalies, the notes of who asks, the hits of lists.

use std::io;
use std::sync::Arc;

use ::policy::ListId;
use config::Config;
use server::clock::unix_ms;
use telemetry::Collector;
use tokio::runtime::Handle;

use crate::anomalies::Anomalies;
use crate::durable::Durable;
use crate::list_hits::{self, ListHits};
use crate::listeners::Workers;
use crate::monitor::Monitor;
use crate::policy::Policing;
use crate::seen_clients::SeenClients;

/// The readers while a node runs.
pub struct Readers {
    /// What is unusual.
    pub anomalies: Arc<Anomalies>,
    /// Who asks.
    pub seen_clients: Arc<SeenClients>,
    /// How often each list blocked.
    pub list_hits: Arc<ListHits>,
}

impl Readers {
    /// Starts them as configured.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn start(
        config: &Config,
        durable: &Durable,
        (workers, policing, collector, monitor): (&Arc<Workers>, &Arc<Policing>, &Arc<Collector>, &Monitor),
        runtime: &Handle,
    ) -> io::Result<Readers> {
        let anomalies = start_anomalies(config, durable, collector, policing, monitor)?;
        let seen_clients = Arc::new(SeenClients::new(collector, &config.data_dir));
        seen_clients.configure(config)?;
        let list_hits = start_list_hits(config, durable, (workers, policing), runtime);
        Ok(Readers { anomalies, seen_clients, list_hits })
    }

    /// Takes over a new configuration.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn configure(&self, config: &Config) -> io::Result<()> {
        self.anomalies.configure(config)?;
        self.seen_clients.configure(config)
    }

    /// Ends them and writes what they keep. The collector has stopped.
    pub fn stop(&self, workers: &Workers, policing: &Policing) {
        self.anomalies.stop();
        self.seen_clients.stop();
        look_at_lists(&self.list_hits, workers, policing);
        write_list_hits(&self.list_hits);
    }
}

/// What is unusual in what is asked, with its metrics.
fn start_anomalies(
    config: &Config,
    durable: &Durable,
    collector: &Arc<Collector>,
    policing: &Arc<Policing>,
    monitor: &Monitor,
) -> io::Result<Arc<Anomalies>> {
    let devices = policing.clone();
    let device = Box::new(move |client| devices.device(client));
    let anomalies = Arc::new(Anomalies::new(collector, &durable.settings, device));
    anomalies.configure(config)?;
    let measured = anomalies.clone();
    monitor.add_source(move |snapshot| measured.add_metrics(snapshot));
    Ok(anomalies)
}

/// Counts how often each list blocks.
fn start_list_hits(
    config: &Config,
    durable: &Durable,
    (workers, policing): (&Arc<Workers>, &Arc<Policing>),
    runtime: &Handle,
) -> Arc<ListHits> {
    let hits = Arc::new(ListHits::new(&config.data_dir));
    let (counted, workers, policing, runtime) = (hits.clone(), workers.clone(), policing.clone(), runtime.clone());
    durable.scheduler.every(list_hits::LOOK_INTERVAL, move || {
        look_at_lists(&counted, &workers, &policing);
        let written = counted.clone();
        runtime.spawn_blocking(move || write_list_hits(&written));
    });
    hits
}

fn look_at_lists(hits: &ListHits, workers: &Workers, policing: &Policing) {
    let blocked = workers.totals().blocked;
    let count = |id: ListId| blocked.get(usize::from(id.0)).copied().unwrap_or_default();
    hits.look(policing.list_names().into_iter().map(|(id, name)| (id, name.to_string(), count(id))), unix_ms());
}

fn write_list_hits(hits: &ListHits) {
    if let Err(error) = hits.write() {
        tracing::warn!(%error, "how often lists blocked is not written; it is tried again");
    }
}
