//! The parts of a node that metrics and health look at.

use std::sync::Arc;

use telemetry::Collector;
use telemetry::health::Board;

use crate::cluster::Cluster;
use crate::handle::NodeHandle;
use crate::ingest::Ingest;
use crate::listeners::Workers;
use crate::lookups::Lookups;
use crate::policy::Policing;
use crate::signing::Signing;
use crate::telling::Telling;
use crate::timings::Timings;

/// What is looked at.
pub struct Sources {
    /// Zones, journal, store, backups.
    pub handle: NodeHandle,
    /// The counters of the data plane.
    pub workers: Arc<Workers>,
    /// The resolver.
    pub lookups: Lookups,
    /// The outputs of what is answered.
    pub collector: Arc<Collector>,
    /// What is blocked, and for whom.
    pub policing: Arc<Policing>,
    /// What signs zones.
    pub signing: Arc<Signing>,
    /// How long changes take.
    pub timings: Arc<Timings>,
    /// Who shares the zones; `None`: nobody.
    pub cluster: Option<Arc<Cluster>>,
    /// Topics whose records are taken over.
    pub ingest: Arc<Ingest>,
    /// Who is told of changes.
    pub telling: Arc<Telling>,
    /// Results of health checks.
    pub board: Board,
}
