//! What is known of the servers of a cluster, and who has served which change since when. Pure but for the clock that the
//! caller reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::inventory::Counted;
use super::placement::Holders;
use super::report::{Positions, Report};

/// A server reports at least so often.
pub const BEAT: Duration = Duration::from_secs(5);
/// A server that nobody has heard of for so long is absent.
const ABSENT_AFTER: Duration = Duration::from_secs(16);
/// Servers that are known at most; reports of more are passed over.
const MAX_NODES: usize = 1_000;
/// Positions of a server of which it is known when it had them.
const MAX_SEEN: usize = 4_096;
/// Own inventories that those of others are compared with.
const MAX_COUNTED: usize = 4_096;

/// The servers.
pub struct Nodes {
    own: String,
    state: Mutex<State>,
    /// Counts the reports that were heard.
    heard: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Known>,
    /// What this server had at its latest positions, the oldest first.
    counted: VecDeque<Counted>,
}

/// What is known of a server.
struct Known {
    report: Report,
    heard: Instant,
    /// When it had which positions, the oldest first.
    seen: VecDeque<Seen>,
    /// Its zones differ from ours at the same position.
    differs: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    positions: Positions,
    at_ms: u64,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It reports.
    Serving,
    /// It said that it stops, and has not come back.
    Stopped,
    /// It has not reported for a while.
    Absent,
}

impl Presence {
    /// All of them.
    pub const ALL: [Presence; 3] = [Presence::Serving, Presence::Stopped, Presence::Absent];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Serving => "serving",
            Presence::Stopped => "stopped",
            Presence::Absent => "absent",
        }
    }
}

/// A server as others see it.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// Its last report.
    pub report: Report,
    /// Whether it is this server.
    pub is_own: bool,
    /// How it is.
    pub presence: Presence,
    /// How long ago it reported.
    pub silent: Duration,
    /// Its zones differ from ours at the same position.
    pub differs: bool,
}

impl NodeView {
    /// How many places of the journal each server is behind the one that is furthest.
    pub fn lags(views: &[NodeView]) -> impl Iterator<Item = (&NodeView, u64)> {
        let position = |view: &NodeView| view.report.positions.zones;
        let furthest = views.iter().map(position).max().unwrap_or(0);
        views.iter().map(move |view| (view, furthest - position(view)))
    }
}

/// What servers are to have served, and which of them.
#[derive(Debug, Clone, Default)]
pub struct Awaited {
    /// Everything up to here.
    pub positions: Positions,
    /// Others are not asked for it.
    pub holders: Holders,
}

/// Whether a server has served a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The server.
    pub node: String,
    /// Since when, at the latest, in milliseconds since 1970; or why there is no receipt.
    pub served_at_ms: Result<u64, String>,
    /// It is not waited for.
    pub is_drained: bool,
}

/// Which servers a writer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// All that are known and not drained.
    All,
    /// More than half of these.
    Quorum,
    /// So many, whichever they are.
    Count(usize),
}

impl WaitFor {
    /// Whether it has what it waits for.
    pub fn is_met(self, receipts: &[Receipt]) -> bool {
        let served = |receipt: &&Receipt| receipt.served_at_ms.is_ok();
        let waited = receipts.iter().filter(|receipt| !receipt.is_drained);
        let (count, have) = (waited.clone().count(), waited.filter(served).count());
        match self {
            WaitFor::All => have == count,
            WaitFor::Quorum => have > count / 2,
            WaitFor::Count(wanted) => receipts.iter().filter(served).count() >= wanted,
        }
    }
}

impl Nodes {
    /// No server but this one, which is called `own`.
    pub fn new(own: &str) -> Nodes {
        Nodes { own: own.to_owned(), state: Mutex::default(), heard: watch::Sender::new(0) }
    }

    /// What this server is called.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// How many reports were heard, as the number rises.
    pub fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a report of this server, which has `counted` zones.
    pub fn tell(&self, report: Report, counted: Counted) {
        let mut state = self.state();
        if state.counted.back().is_none_or(|last| last.position < counted.position) {
            state.counted.push_back(counted);
        }
        if state.counted.len() > MAX_COUNTED {
            state.counted.pop_front();
        }
        drop(state);
        self.hear(report, Duration::ZERO);
    }

    /// Takes over a report that is `age` old. One that is older than what is known changes nothing.
    pub fn hear(&self, report: Report, age: Duration) {
        let mut state = self.state();
        let State { nodes, counted } = &mut *state;
        let is_known = nodes.get(&report.node).is_some_and(|known| !report.is_after(&known.report));
        if is_known || nodes.len() >= MAX_NODES && !nodes.contains_key(&report.node) {
            return;
        }
        let heard = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        let same = counted.iter().rev().find(|counted| counted.position == report.positions.zones);
        let differs = same.map(|counted| (counted.zones, counted.sum) != (report.zones, report.inventory));
        let known = nodes.entry(report.node.clone()).or_insert_with(|| Known {
            report: report.clone(),
            heard,
            seen: VecDeque::new(),
            differs: false,
        });
        known.differs = differs.unwrap_or(known.differs);
        known.see(Seen { positions: report.positions, at_ms: report.at_ms });
        (known.report, known.heard) = (report, heard);
        drop(state);
        self.heard.send_modify(|count| *count += 1);
    }

    /// All servers, in the order of their names.
    pub fn views(&self) -> Vec<NodeView> {
        let state = self.state();
        let view = |(name, known): (&String, &Known)| NodeView {
            report: known.report.clone(),
            is_own: *name == self.own,
            presence: known.presence(),
            silent: known.heard.elapsed(),
            differs: known.differs,
        };
        state.nodes.iter().filter(is_there).map(view).collect()
    }

    /// Which servers have served what is awaited, in the order of their names; those in `drained` are not waited for.
    pub fn receipts(&self, awaited: &Awaited, drained: &BTreeSet<String>) -> Vec<Receipt> {
        let state = self.state();
        let receipt = |(name, known): (&String, &Known)| {
            let (node, is_drained) = (name.clone(), drained.contains(name));
            let served_at_ms = known.served_at_ms(&awaited.positions).ok_or_else(|| known.problem(is_drained));
            Receipt { node, served_at_ms, is_drained }
        };
        let holds = |(_, known): &(&String, &Known)| awaited.holders.has(&known.report);
        state.nodes.iter().filter(is_there).filter(holds).map(receipt).collect()
    }

    /// Waits until the servers that `wait` names have served what is awaited, at most so long; returns what each has said
    /// until then. `drained` says who is not waited for.
    pub async fn wait(
        &self,
        awaited: &Awaited,
        wait: WaitFor,
        timeout: Duration,
        drained: impl Fn() -> BTreeSet<String>,
    ) -> Vec<Receipt> {
        let (mut heard, end) = (self.heard(), tokio::time::Instant::now() + timeout);
        loop {
            heard.mark_unchanged();
            let receipts = self.receipts(awaited, &drained());
            let is_over = wait.is_met(&receipts) || tokio::time::timeout_at(end, heard.changed()).await.is_err();
            if is_over {
                return receipts;
            }
        }
    }
}

/// Whether nobody has removed it.
fn is_there((_, known): &(&String, &Known)) -> bool {
    !known.report.is_removed
}

impl Known {
    /// Takes over that the server had these positions then.
    fn see(&mut self, seen: Seen) {
        // A server that came back with less than it had does not serve the rest now.
        while self.seen.back().is_some_and(|last| !seen.positions.covers(&last.positions)) {
            self.seen.pop_back();
        }
        if self.seen.back().is_none_or(|last| last.positions != seen.positions) {
            self.seen.push_back(seen);
        }
        if self.seen.len() > MAX_SEEN {
            self.seen.pop_front();
        }
    }

    fn presence(&self) -> Presence {
        if self.report.is_stopping {
            Presence::Stopped
        } else if self.heard.elapsed() > ABSENT_AFTER {
            Presence::Absent
        } else {
            Presence::Serving
        }
    }

    fn served_at_ms(&self, positions: &Positions) -> Option<u64> {
        let first = self.seen.partition_point(|seen| !seen.positions.covers(positions));
        self.seen.get(first).map(|seen| seen.at_ms)
    }

    /// Why it has not said that it serves something.
    fn problem(&self, is_drained: bool) -> String {
        let silent_s = self.heard.elapsed().as_secs();
        match self.presence() {
            Presence::Serving if is_drained => "it is drained, and has not served it yet".to_owned(),
            Presence::Serving => "it has not served it yet".to_owned(),
            Presence::Stopped => format!("it stopped {silent_s} s ago"),
            Presence::Absent => format!("nobody has heard of it for {silent_s} s"),
        }
    }
}

#[cfg(test)]
mod tests;
