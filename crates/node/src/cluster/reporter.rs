//! Has the other servers of the cluster know how far this one is: at once when it is further, and now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::AccessStore;
use journal::Offset;
use journal::corridor::{Corridor, StreamState};
use journal::shared::SharedSettings;
use journal_kafka::Board;
use server::clock::unix_ms;
use telemetry::health::Board as HealthBoard;
use tokio::sync::{oneshot, watch};

use super::inventory::Inventory;
use super::nodes::{BEAT, Nodes};
use super::report::{MAX_PROBLEMS, Positions, Report};

/// Between two reports: what happens meanwhile is in the later one. Whoever waits for receipts makes one change at a time.
const MIN_INTERVAL: Duration = Duration::from_millis(2);
/// The same while several changes come between two reports: each report costs the broker and every server something.
const BUSY_INTERVAL: Duration = Duration::from_millis(6);

/// What a report is made of.
pub struct Watched {
    /// The offset of the latest change that is visible.
    pub position: watch::Receiver<Offset>,
    /// Users, tokens and keys.
    pub access: Arc<AccessStore>,
    /// Shared settings.
    pub settings: Arc<SharedSettings>,
    /// The zones of the journal.
    pub inventory: Arc<Inventory>,
    /// Gives the health checks that fail.
    pub problems: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// Names of the checks on `board` that fail.
pub fn problems_on(board: &HealthBoard) -> Vec<String> {
    board.failing(MAX_PROBLEMS).into_iter().map(str::to_owned).collect()
}

/// The task that reports.
pub struct Reporter {
    pub nodes: Arc<Nodes>,
    pub board: Arc<Board>,
    pub watched: Watched,
    /// What this server is, for zones that a part of the servers answers for.
    pub labels: BTreeMap<String, String>,
    /// When the server started, in milliseconds since 1970.
    pub started_ms: u64,
    pub number: u64,
}

impl Reporter {
    /// Reports until `stop` says something or is dropped; then once more, that this server stops.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut settings = changes_of(self.watched.settings.corridor());
        let mut access = changes_of(self.watched.access.corridor());
        let mut beat = tokio::time::interval(BEAT);
        let mut reported: Offset = 0;
        loop {
            tokio::select! {
                Ok(()) = self.watched.position.changed() => {}
                Ok(()) = settings.changed() => {}
                Ok(()) = access.changed() => {}
                _ = beat.tick() => {}
                _ = &mut stop => break,
            }
            let position = self.report(false);
            let is_busy = position > reported + 1;
            reported = position;
            tokio::time::sleep(if is_busy { BUSY_INTERVAL } else { MIN_INTERVAL }).await;
        }
        self.report(true);
        self.board.flush();
    }

    /// Reports once; returns the position of the zones that it told.
    fn report(&mut self, is_stopping: bool) -> Offset {
        self.number += 1;
        let Watched { access, settings, inventory, problems, .. } = &self.watched;
        let counted = inventory.now();
        let positions = Positions {
            zones: counted.position,
            access: access.corridor().position(),
            settings: settings.corridor().position(),
        };
        let report = Report {
            node: self.nodes.own().to_owned(),
            started_ms: self.started_ms,
            number: self.number,
            at_ms: unix_ms(),
            positions,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            zones: counted.zones,
            inventory: counted.sum,
            labels: self.labels.clone(),
            problems: problems(),
            is_stopping,
            is_removed: false,
        };
        match serde_json::to_vec(&report) {
            Ok(body) => self.board.post(&report.node, &body),
            Err(error) => tracing::error!(%error, "a report cannot be written; this is a bug of the server"),
        }
        self.nodes.tell(report, counted);
        counted.position
    }
}

/// Changes whenever the state of a stream does.
fn changes_of<S: StreamState>(corridor: &Arc<Corridor<S>>) -> watch::Receiver<()> {
    let (changed, changes) = watch::channel(());
    // Nobody may be left to hear it.
    corridor.observe(move |_| changed.send(()).unwrap_or_default());
    changes
}
