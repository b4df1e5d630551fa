//! The parts of a node that metrics and health look at.

use std::sync::Arc;

use telemetry::Collector;
use telemetry::health::Board;

use crate::cluster::Cluster;
use crate::handle::NodeHandle;
use crate::listeners::Workers;
use crate::lookups::Lookups;
use crate::policy::Policing;
use crate::signing::Signing;
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
    /// Results of health checks.
    pub board: Board,
}
