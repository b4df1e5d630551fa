//! A cluster in one thread: servers with the real committer, fold and store on one log that loses acknowledgements, is late,
//! refuses, and is trimmed; servers pause, are killed, start with what their stores have, or with the store of another one. At the
//! end all have the same zones, judged every event alike, have all that was acknowledged, and no receipt was false. A seed
//! reproduces a run: `HEADWATER_SEED`; `HEADWATER_SEEDS` says how many there are.

mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::{Name, NameBuf, NameHasher, RType};
use journal::{Accepted, Journal, JournalError, Offset, Replica, Store, ZoneState, backup};
use signer::zone_signer::ZoneSigner;
use zone::{Edit, NodeId, Published, RecordListBuilder, Records, SerialPolicy, Zone, ZoneSettings, ZoneTable};

use log::{Chance, Handle, Log, Planted};

use super::super::cleanup::Cleanup;
use super::super::{CommitError, Committed, Intent, Job, Observer, Request, SerialRule, SigningFailure};
use super::{Done, Group};
use crate::cluster::{Inventory, NodeView, Nodes, Positions, Report};
use crate::new_zone;
use crate::read_only::MaintainedIn;

/// Seeds of the ordinary run.
const SEEDS: u64 = 60;
/// Steps of a run.
const STEPS: usize = 60;
/// The zones that are changed.
const ZONES: [&str; 2] = ["a.", "b."];

/// The observer of a server: its store and its inventory follow.
struct Watch {
    /// What the store does not have yet; a kill loses it.
    waiting: Arc<Mutex<Vec<Accepted>>>,
    inventory: Arc<Inventory>,
    /// The events that counted.
    counted: Arc<Mutex<BTreeSet<Offset>>>,
}

impl Observer for Watch {
    fn maintained_in(&self, _: &Name) -> MaintainedIn {
        MaintainedIn::Journal
    }

    fn configured(&self, _: &Name) -> Option<Arc<ZoneSettings>> {
        None
    }

    fn signer(&self, _: &Name) -> Result<Option<Arc<ZoneSigner>>, String> {
        Ok(None)
    }

    fn signed(&self, _: &Name, _: Option<&SigningFailure>) {}

    fn serve(&self, state: &ZoneState) -> Arc<Zone> {
        Arc::new(Zone { name: state.key.name.clone(), contents: state.contents.clone(), policy: None })
    }

    fn wait_for_room(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn committed(&mut self, changes: &[Accepted]) {
        self.counted.lock().expect("lock").extend(changes.iter().map(|change| change.offset));
        self.waiting.lock().expect("lock").extend_from_slice(changes);
    }

    fn published(&mut self, replica: &Replica, zones: &[NameBuf]) {
        self.inventory.follow(replica, zones);
    }
}

/// A server.
struct Server {
    name: String,
    path: PathBuf,
    /// `None`: it is down.
    running: Option<Running>,
    starts: u64,
}

struct Running {
    group: Group,
    store: Arc<Mutex<Store>>,
    waiting: Arc<Mutex<Vec<Accepted>>>,
    inventory: Arc<Inventory>,
    counted: Arc<Mutex<BTreeSet<Offset>>>,
    number: u64,
    /// Where it began: what stands before was folded by somebody else.
    begins: Offset,
}

/// Why a run is wrong.
type Wrong = String;

/// The cluster.
struct Cluster {
    log: Arc<Mutex<Log>>,
    is_calm: Arc<Mutex<bool>>,
    servers: Vec<Server>,
    /// What each has said, as whoever waits for receipts hears it.
    nodes: Nodes,
    chance: Chance,
    planted: Planted,
    /// Virtual time.
    now_ms: u64,
    /// The records that were acknowledged: zone, label, and the place of their change.
    acknowledged: BTreeMap<(usize, usize), Offset>,
    sent: usize,
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn create(zone: &str) -> Intent {
    let made = new_zone::records(&name(zone), &[name("ns.other.")], &[], SerialPolicy::Increment, 0);
    let mut list = RecordListBuilder::default();
    made.iter().for_each(|record| list.push(record.owner, record.rtype, record.ttl, record.rdata));
    Intent::Create { settings: ZoneSettings::default(), records: list.finish(), serial: SerialRule::Policy }
}

fn add(zone: &str, label: usize) -> Intent {
    let records = Records { ttl: 60, data: vec![b"\x01x".to_vec()], signatures: Vec::new() };
    let edit = Edit { owner: name(&format!("n{label}.{zone}")), rtype: RType::TXT, records: Some(records) };
    Intent::Edit { edits: vec![edit], serial: SerialRule::Policy }
}

fn request(zone: &str, intent: Intent) -> Request {
    let zone = name(zone);
    let prepare = Box::new(move |_: &dyn super::super::PendingZones| Ok(vec![(zone.clone(), intent.clone())]));
    Request { who: "test".to_owned(), why: String::new(), reverts: None, prepare, dry_run: false }
}

impl Running {
    /// Begins with what the store has.
    fn start(server: (&Path, u8, u64), log: Handle) -> Result<Running, JournalError> {
        let (path, which, starts) = server;
        let planted = log.planted;
        let store = Store::open(path)?;
        let position = store.position()?;
        if planted != Planted::NoTrimCheck {
            journal::check_position(position, log.bounds()?)?;
        }
        let hasher = NameHasher::new(7);
        let stored = store.load(hasher)?.into_iter().map(ZoneState::from).collect();
        let mut replica = Replica::new(hasher, position, stored);
        replica.remember(store.gone()?, store.writers()?);
        let store = Arc::new(Mutex::new(store));
        let (waiting, inventory, counted) = (Arc::default(), Arc::new(Inventory::default()), Arc::default());
        let published = Published::new(ZoneTable::new(hasher, Vec::new()));
        let mut observer = Box::new(Watch {
            waiting: Arc::clone(&waiting),
            inventory: inventory.clone(),
            counted: Arc::clone(&counted),
        });
        super::publish(&mut replica, &published, &mut *observer);
        let mut node = NodeId::default();
        node[0] = which;
        node[1..].copy_from_slice(&starts.to_be_bytes()[1..]);
        let cleanup = Cleanup::start(published.clone()).expect("a thread");
        let group = Group {
            journal: Arc::new(log),
            replica,
            published,
            observer,
            cleanup,
            next: Arc::default(),
            node,
            number: 0,
            others_lost: false,
        };
        Ok(Running { group, store, waiting, inventory, counted, number: 0, begins: position + 1 })
    }

    fn turn(&mut self, jobs: Vec<Job>) {
        let (mut waiting, mut done, mut stopping) = (jobs, Done::default(), false);
        while !waiting.is_empty() {
            waiting = self.group.turn(waiting, &mut stopping, &mut done);
        }
    }

    /// Folds what others wrote; `false`: its place has been trimmed away.
    fn follow(&mut self) -> bool {
        let (done, folded) = sync_channel(1);
        self.turn(vec![Job::Follow(done)]);
        match folded.recv().expect("an outcome") {
            Ok(()) => true,
            Err(JournalError::Trimmed { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn submit(&mut self, requests: Vec<Request>) -> Vec<Result<Committed, CommitError>> {
        let (outcome, outcomes) = channel();
        let jobs = requests.into_iter().map(|request| {
            let outcome = outcome.clone();
            Job::Change { request, outcome: Box::new(move |made| drop(outcome.send(made))), attempts: 0 }
        });
        self.turn(jobs.collect());
        drop(outcome);
        outcomes.iter().collect()
    }

    /// Has the store take a part of what waits for it.
    fn store(&mut self, count: usize) {
        let changes: Vec<Accepted> = self.waiting.lock().expect("lock").drain(..count).collect();
        self.store.lock().expect("lock").apply(&changes).expect("stored");
    }

    fn has(&self, zone: &str, label: usize) -> bool {
        let zones = self.group.published.latest();
        let contents = zones.get(&name(zone)).and_then(|zone| zone.contents.as_ref());
        contents.is_some_and(|contents| contents.records(&name(&format!("n{label}.{zone}")), RType::TXT).is_some())
    }
}

impl Cluster {
    fn new(directory: &Path, count: usize, seed: u64, planted: Planted) -> Cluster {
        let log = Log { first: 1, next: 1, ..Log::default() };
        let server = |which: usize| {
            let name = format!("s{which}");
            Server { path: directory.join(format!("{name}.db")), name, running: None, starts: 0 }
        };
        let mut cluster = Cluster {
            log: Arc::new(Mutex::new(log)),
            is_calm: Arc::new(Mutex::new(true)),
            servers: (0..count).map(server).collect(),
            nodes: Nodes::new("observer"),
            chance: Chance(seed),
            planted,
            now_ms: 1_000,
            acknowledged: BTreeMap::new(),
            sent: 0,
        };
        (0..count).for_each(|which| cluster.start(which));
        let zones = ZONES.map(|zone| request(zone, create(zone)));
        let made = cluster.running(0).submit(zones.into());
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        *cluster.is_calm.lock().expect("lock") = false;
        cluster
    }

    fn running(&mut self, which: usize) -> &mut Running {
        self.servers[which].running.as_mut().expect("it runs")
    }

    /// Starts a server; one whose place is gone begins with the store of another one.
    fn start(&mut self, which: usize) {
        for _ in 0..2 {
            let chance = Mutex::new(Chance(self.chance.below(usize::MAX) as u64));
            // One server has the mistake; the others show it.
            let planted = if which == 1 { self.planted } else { Planted::Nothing };
            let (log, is_calm) = (self.log.clone(), self.is_calm.clone());
            let log = Handle { log, chance, is_calm, planted, reads: AtomicU64::new(0) };
            let server = &mut self.servers[which];
            server.starts += 1;
            match Running::start((&server.path, which as u8, server.starts), log) {
                Ok(running) => {
                    server.running = Some(running);
                    return;
                }
                Err(JournalError::Trimmed { .. }) => self.give_snapshot(which),
                Err(error) => panic!("{error}"),
            }
        }
        panic!("server {which} cannot be started with a snapshot");
    }

    /// Folds what others wrote; a server whose place is gone is started again.
    fn follow(&mut self, which: usize) {
        if self.servers[which].running.as_mut().is_some_and(|running| !running.follow()) {
            self.servers[which].running = None;
            self.start(which);
        }
    }

    fn give_snapshot(&mut self, to: usize) {
        let stored = |server: &Server| Store::open(&server.path).and_then(|store| store.position()).unwrap_or(0);
        let from = (0..self.servers.len()).filter(|&from| from != to).max_by_key(|&from| stored(&self.servers[from]));
        let from = self.servers[from.expect("another one")].path.clone();
        let target = &self.servers[to].path;
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", target.display()));
        }
        backup::copy_store(&from, target).expect("copied");
    }

    /// The server says how far it is.
    fn report(&mut self, which: usize) -> Result<(), Wrong> {
        self.now_ms += 1 + self.chance.below(20) as u64;
        let (at_ms, planted, log_end) = (self.now_ms, self.planted, self.log.lock().expect("lock").next - 1);
        let server = &mut self.servers[which];
        let Some(running) = server.running.as_mut() else { return Ok(()) };
        running.number += 1;
        let counted = running.inventory.now();
        let is_early = which == 1 && planted == Planted::ReceiptBeforePublication;
        let position = if is_early { log_end } else { counted.position };
        let report = Report {
            started_ms: server.starts,
            number: running.number,
            at_ms,
            positions: Positions { zones: position, ..Positions::default() },
            zones: counted.zones,
            inventory: counted.sum,
            is_stopping: false,
            is_removed: false,
            ..Report::removed(&server.name, at_ms)
        };
        self.nodes.hear(report, Duration::ZERO);
        // Whoever has the receipt of a change asks this server, and finds it.
        let missing = self
            .acknowledged
            .iter()
            .find(|((zone, label), offset)| **offset <= position && !running.has(ZONES[*zone], *label));
        match missing {
            Some((_, offset)) => Err(format!("{} says that it serves change {offset}, and does not", server.name)),
            None => Ok(()),
        }
    }

    fn write(&mut self, which: usize) {
        if self.servers[which].running.is_none() {
            return;
        }
        let count = 1 + self.chance.below(3);
        let wanted: Vec<(usize, usize)> =
            (0..count).map(|at| (self.chance.below(ZONES.len()), self.sent + at)).collect();
        self.sent += count;
        let requests = wanted.iter().map(|&(zone, label)| request(ZONES[zone], add(ZONES[zone], label))).collect();
        let outcomes = self.running(which).submit(requests);
        assert_eq!(outcomes.len(), count, "everybody hears an outcome");
        for outcome in outcomes.into_iter().flatten() {
            let Some(offset) = outcome.offset else { continue };
            let change = &outcome.change.zones[0];
            let zone = ZONES.iter().position(|zone| *change.zone.name == *name(zone)).expect("one of them");
            let zone::Action::Edit(edits) = &change.action else { panic!("no edit") };
            let text = edits.iter().find(|edit| edit.rtype == RType::TXT).expect("the record").owner.to_string();
            let label = text.trim_start_matches('n').split('.').next().and_then(|text| text.parse().ok());
            self.acknowledged.insert((zone, label.expect("a label")), offset);
        }
    }

    /// One thing that happens.
    fn step(&mut self) -> Result<(), Wrong> {
        let which = self.chance.below(self.servers.len());
        match self.chance.below(12) {
            0..=4 => self.write(which),
            5..=6 => self.follow(which),
            7 => self.report(which)?,
            8 => {
                let waiting =
                    self.servers[which].running.as_ref().map_or(0, |it| it.waiting.lock().expect("lock").len());
                let count = self.chance.below(waiting + 1);
                self.servers[which].running.iter_mut().for_each(|running| running.store(count));
            }
            // Killed: what the store does not have is read again.
            9 => self.servers[which].running = None,
            10 if self.servers[which].running.is_none() => self.start(which),
            // Trimmed as far as one server's store goes.
            11 if self.chance.once_in(3) => {
                let stored =
                    Store::open(&self.servers[which].path).and_then(|store| store.position()).expect("a store");
                let mut log = self.log.lock().expect("lock");
                log.first = (stored + 1).clamp(log.first, log.next);
                let first = log.first;
                log.entries.retain(|entry| entry.offset >= first);
            }
            _ => {
                let mut log = self.log.lock().expect("lock");
                if let Some(body) = log.late.pop() {
                    log.push(&body);
                }
            }
        }
        Ok(())
    }

    /// All run and read everything: what must hold then.
    fn settle(&mut self) -> Result<(), Wrong> {
        *self.is_calm.lock().expect("lock") = true;
        for which in 0..self.servers.len() {
            if self.servers[which].running.is_none() {
                self.start(which);
            }
            self.follow(which);
            self.follow(which);
            self.report(which)?;
        }
        let begins =
            self.servers.iter().map(|server| server.running.as_ref().expect("it runs").begins).max().unwrap_or(1);
        let judged: Vec<BTreeSet<Offset>> = self
            .servers
            .iter()
            .map(|server| server.running.as_ref().expect("it runs").counted.lock().expect("lock"))
            .map(|counted| counted.iter().copied().filter(|offset| *offset >= begins).collect())
            .collect();
        if let Some(which) = judged.iter().position(|other| *other != judged[0]) {
            return Err(format!("servers 0 and {which} judged events differently"));
        }
        let views = self.nodes.views();
        let sums = |view: &NodeView| (view.report.positions, view.report.zones, view.report.inventory);
        if let Some(other) = views.iter().find(|view| sums(view) != sums(&views[0])) {
            return Err(format!("{} and {} have different zones", views[0].report.node, other.report.node));
        }
        for server in &self.servers {
            let running = server.running.as_ref().expect("it runs");
            let lost = self.acknowledged.keys().find(|(zone, label)| !running.has(ZONES[*zone], *label));
            if let Some((zone, label)) = lost {
                return Err(format!("{} has lost n{label}.{}", server.name, ZONES[*zone]));
            }
        }
        Ok(())
    }
}

/// One run; returns how many changes were acknowledged.
fn run(seed: u64, planted: Planted) -> Result<usize, Wrong> {
    let directory = tempfile::tempdir().expect("a directory");
    let count = 2 + (seed % 3) as usize;
    let mut cluster = Cluster::new(directory.path(), count, seed, planted);
    for _ in 0..STEPS {
        cluster.step()?;
    }
    cluster.settle()?;
    Ok(cluster.acknowledged.len())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn simulated_clusters_end_with_the_same_zones() {
    let (first, count) = (setting("HEADWATER_SEED").unwrap_or(0), setting("HEADWATER_SEEDS").unwrap_or(SEEDS));
    let mut acknowledged = 0;
    for seed in first..first + count {
        match run(seed, Planted::Nothing) {
            Ok(made) => acknowledged += made,
            Err(wrong) => panic!("HEADWATER_SEED={seed}: {wrong}"),
        }
    }
    println!("{count} seeds, {acknowledged} changes acknowledged");
    assert!(acknowledged as u64 > count, "hardly anything happened");
}

#[test]
fn the_simulation_finds_mistakes() {
    for planted in [Planted::FoldReadsAClock, Planted::ReceiptBeforePublication, Planted::NoTrimCheck] {
        let found = (0..SEEDS).find_map(|seed| run(seed, planted).err());
        assert!(found.is_some(), "{planted:?} is not found");
        println!("{planted:?}: {}", found.unwrap_or_default());
    }
}
