//! Secondary zones: when to ask which primary, and what becomes of its answer (RFC 1034 4.3.5, RFC 1996, RFC 1995).
//!
//! One thread keeps the timers of all secondaries and starts a thread for each conversation, so many at once as
//! [`MAX_CONVERSATIONS`]. What a primary sends goes through the committer like every other change.

mod client;
mod refresh;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Name, NameBuf};
use dnssec::tsig::KeyRing;
use journal::{Checked, Follower, Replica};
use zone::{Contents, Published, ZoneTable};

use crate::clock::now_s;
use crate::commit::Committer;
use crate::config::Peer;
pub use refresh::Behind;
use refresh::{Outcome, Visit};
use timers::{Schedule, Timers};

/// Most conversations with primaries at the same time.
const MAX_CONVERSATIONS: usize = 64;
/// The thread looks around at least this often.
const TICK: Duration = Duration::from_secs(60);

/// What is known about a secondary, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// When a primary last confirmed the contents, in seconds since 1970; 0: never.
    pub checked_at_s: u64,
    /// When the contents expire, in seconds since 1970; 0: there are none.
    pub expires_at_s: u64,
    /// Whether they have.
    pub expired: bool,
    /// When a primary is asked next, in seconds since 1970.
    pub next_at_s: u64,
    /// The primary that has confirmed them last.
    pub primary: Option<Peer>,
    /// A conversation is under way.
    pub refreshing: bool,
    /// What went wrong the last time; empty: nothing.
    pub error: String,
    /// Primaries that went back, as each of them was last seen.
    pub behind: Vec<Behind>,
}

/// What the secondaries share with the rest of the server.
pub struct Shared {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// The TSIG keys.
    pub keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
    /// Where the times of refreshes are kept over restarts.
    pub follower: Arc<Follower>,
}

/// Something that concerns a secondary.
enum Event {
    /// When secondaries were refreshed before the start.
    Remember(Vec<(NameBuf, Checked)>),
    /// It is one, with these primaries; or it is none any more.
    Configure(NameBuf, Option<Vec<Peer>>),
    /// A primary says that it changed (RFC 1996), to this serial.
    Notify { zone: NameBuf, from: IpAddr, serial: Option<u32> },
    /// Somebody wants it refreshed, or transferred as a whole.
    Refresh { zone: NameBuf, whole: bool },
    /// A conversation is over.
    Done(NameBuf, Outcome),
    /// Finish.
    Stop,
}

/// The secondaries of a server. Clones speak to the same thread.
#[derive(Clone)]
pub struct Secondaries {
    events: Sender<Event>,
    status: Arc<RwLock<HashMap<NameBuf, Status>>>,
}

impl Secondaries {
    /// Prepares the secondaries; [`Secondaries::run`] starts them. The committer's observer needs the one before the
    /// other can be.
    pub fn new() -> (Secondaries, Waiting) {
        let (events, received) = channel();
        let secondaries = Secondaries { events, status: Arc::default() };
        (secondaries.clone(), Waiting { secondaries, received })
    }

    /// Takes over when secondaries were last refreshed before the start. Comes before they are configured.
    pub fn remember(&self, checks: Vec<(NameBuf, Checked)>) {
        let now_s = now_s();
        let expired = checks.iter().filter(|(_, checked)| checked.are_expired(now_s));
        // Before the zones are published for the first time: what expired while nobody looked is not served at all.
        let mut status = self.status.write().unwrap_or_else(PoisonError::into_inner);
        status.extend(expired.map(|(zone, _)| (zone.clone(), Status { expired: true, ..Status::default() })));
        drop(status);
        let _ = self.events.send(Event::Remember(checks));
    }

    /// Takes over which primaries a zone has; `None`: it is no secondary (any more).
    pub fn configure(&self, zone: NameBuf, primaries: Option<Vec<Peer>>) {
        let _ = self.events.send(Event::Configure(zone, primaries));
    }

    /// A NOTIFY came that is allowed.
    pub fn notify(&self, zone: NameBuf, from: IpAddr, serial: Option<u32>) {
        let _ = self.events.send(Event::Notify { zone, from, serial });
    }

    /// Refreshes a zone now, or transfers it as a whole.
    pub fn refresh(&self, zone: NameBuf, whole: bool) {
        let _ = self.events.send(Event::Refresh { zone, whole });
    }

    /// What is known about a secondary; `None`: it is none.
    pub fn status(&self, zone: &Name) -> Option<Status> {
        self.status.read().unwrap_or_else(PoisonError::into_inner).get(zone).cloned()
    }

    /// Whether the zone is a secondary whose contents must not be served any more.
    pub fn is_expired(&self, zone: &Name) -> bool {
        self.status(zone).is_some_and(|status| status.expired)
    }

    /// Ends the thread.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Stop);
    }
}

/// Secondaries that nobody looks after yet.
pub struct Waiting {
    secondaries: Secondaries,
    received: Receiver<Event>,
}

impl Waiting {
    /// Starts to look after the secondaries.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn run(self, shared: Shared, committer: Committer) -> std::io::Result<JoinHandle<()>> {
        let scheduler = Scheduler {
            secondaries: self.secondaries,
            shared: Arc::new(shared),
            committer,
            checks: HashMap::new(),
            zones: HashMap::new(),
            schedule: Schedule::default(),
            running: 0,
            backlog: VecDeque::new(),
        };
        std::thread::Builder::new().name("secondaries".into()).spawn(move || scheduler.run(&self.received))
    }
}

/// A secondary as the scheduler sees it.
struct Secondary {
    primaries: Arc<Vec<Peer>>,
    timers: Timers,
    running: bool,
    /// Something came while a conversation was under way: look once more.
    again: Option<Visit>,
    /// Where the last success was: there the next conversation begins.
    first: usize,
    /// Primaries that went back, as each of them was last seen.
    behind: Vec<Behind>,
}

impl Secondary {
    /// Takes over what a conversation found out about primaries that went back; returns what is news.
    fn note_behind(&mut self, outcome: &Outcome) -> Vec<Behind> {
        if let Ok((primary, _)) = outcome.current
            && let Some(current) = self.primaries.get(primary)
        {
            self.behind.retain(|known| known.primary != *current);
        }
        let news: Vec<Behind> = outcome.behind.iter().filter(|behind| !self.behind.contains(behind)).cloned().collect();
        self.behind.retain(|known| news.iter().all(|behind| behind.primary != known.primary));
        self.behind.extend(news.iter().cloned());
        news
    }
}

struct Scheduler {
    secondaries: Secondaries,
    shared: Arc<Shared>,
    committer: Committer,
    /// Refreshes from before the start, of zones that were not configured yet.
    checks: HashMap<NameBuf, Checked>,
    zones: HashMap<NameBuf, Secondary>,
    schedule: Schedule,
    running: usize,
    backlog: VecDeque<(NameBuf, Visit)>,
}

impl Scheduler {
    fn run(mut self, events: &Receiver<Event>) {
        loop {
            let wait = self.schedule.next().map_or(TICK, |at| at.saturating_duration_since(Instant::now()).min(TICK));
            match events.recv_timeout(wait) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(zone) = self.schedule.due(Instant::now()) {
                self.due(zone);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Remember(checks) => self.checks.extend(checks),
            Event::Configure(zone, primaries) => self.configure(zone, primaries),
            Event::Notify { zone, from, serial } => self.notified(zone, from, serial),
            Event::Refresh { zone, whole } => {
                self.visit(zone, Visit { whole, ..Visit::default() });
            }
            Event::Done(zone, outcome) => self.done(&zone, outcome),
            Event::Stop => {}
        }
    }

    fn configure(&mut self, zone: NameBuf, primaries: Option<Vec<Peer>>) {
        let checked = self.checks.remove(&zone);
        let Some(primaries) = primaries else {
            self.zones.remove(&zone);
            self.write_status(|all| drop(all.remove(&zone)));
            return;
        };
        if let Some(known) = self.zones.get_mut(&zone) {
            if *known.primaries != primaries {
                (known.primaries, known.first, known.behind) = (Arc::new(primaries), 0, Vec::new());
                self.visit(zone, Visit::default());
            }
            return;
        }
        let timers = Timers::new(now_s(), checked, self.contents(&zone));
        self.schedule.set(&zone, timers.next(now_s()));
        let (primaries, running, again, first, behind) = (Arc::new(primaries), false, None, 0, Vec::new());
        self.zones.insert(zone.clone(), Secondary { primaries, timers, running, again, first, behind });
        self.show(&zone, |_| {});
        self.due(zone);
    }

    /// What is here of a zone, served or expired.
    fn contents(&self, zone: &Name) -> Option<Contents> {
        let served = self.shared.zones.latest().get(zone).and_then(|zone| zone.contents.clone());
        let name = zone.to_owned();
        let look = move |replica: &Replica| replica.zone(&name).and_then(|state| state.contents.clone());
        served.or_else(|| self.committer.inspect(look).flatten())
    }

    /// RFC 1996 3.11: the primary that sent it is asked first; one that has what is here is not asked at all. One that
    /// says that it has something earlier is asked whether that is so: the message may be late.
    fn notified(&mut self, zone: NameBuf, from: IpAddr, serial: Option<u32>) {
        let Some(secondary) = self.zones.get(&zone) else { return };
        let ours = refresh::serial(&self.shared.zones, &zone);
        if serial.is_some() && serial == ours && !secondary.running {
            return;
        }
        let first = secondary.primaries.iter().position(|peer| peer.address.ip() == from);
        let has_newer = serial.is_some_and(|serial| ours.is_none_or(|ours| dns::serial::is_later(serial, ours)));
        self.visit(zone, Visit { first, has_newer, ..Visit::default() });
    }

    /// Starts a conversation, or has one more follow the one that is under way: a burst of reasons is one reason.
    fn visit(&mut self, zone: NameBuf, visit: Visit) {
        let Some(secondary) = self.zones.get_mut(&zone) else { return };
        if secondary.running {
            let whole = visit.whole || secondary.again.as_ref().is_some_and(|again| again.whole);
            secondary.again = Some(Visit { whole, ..visit });
            return;
        }
        secondary.running = true;
        self.show(&zone, |status| status.refreshing = true);
        if self.running >= MAX_CONVERSATIONS {
            self.backlog.push_back((zone, visit));
        } else {
            self.start(zone, visit);
        }
    }

    fn start(&mut self, zone: NameBuf, visit: Visit) {
        let Some(secondary) = self.zones.get(&zone) else { return };
        // RFC 1034 4.3.5: expired contents are discarded, and with them the serial that others are measured by.
        let whole = visit.whole || secondary.timers.is_expired();
        let visit = Visit { first: visit.first.or(Some(secondary.first)), whole, ..visit };
        let (primaries, shared) = (secondary.primaries.clone(), self.shared.clone());
        let (committer, events, name) = (self.committer.clone(), self.secondaries.events.clone(), zone.clone());
        let run = move || {
            let outcome = refresh::run(&name, &primaries, &visit, &shared, &committer);
            let _ = events.send(Event::Done(name, outcome));
        };
        self.running += 1;
        if let Err(error) = std::thread::Builder::new().name("transfer".into()).spawn(run) {
            let outcome = Outcome { current: Err(error.to_string()), behind: Vec::new() };
            let _ = self.secondaries.events.send(Event::Done(zone, outcome));
        }
    }

    fn done(&mut self, zone: &Name, outcome: Outcome) {
        self.running -= 1;
        while self.running < MAX_CONVERSATIONS
            && let Some((zone, visit)) = self.backlog.pop_front()
        {
            self.start(zone, visit);
        }
        let Some(secondary) = self.zones.get_mut(zone) else { return };
        secondary.running = false;
        let again = secondary.again.take();
        let was_expired = secondary.timers.is_expired();
        for Behind { primary, serial, ours } in secondary.note_behind(&outcome) {
            tracing::warn!(
                %zone, %primary, serial, ours,
                "the primary has an earlier serial than the zone has here: it is not asked for its records until its \
                 serial is later, or the zone has expired; `headwater zone refresh` takes them now"
            );
        }
        let mut error = String::new();
        match outcome.current {
            Ok((primary, soa)) => {
                secondary.first = primary;
                secondary.timers.succeeded(now_s(), soa);
                if let Some(checked) = secondary.timers.checked() {
                    self.shared.follower.note_check(zone.to_owned(), checked);
                }
            }
            Err(why) => {
                tracing::warn!(%zone, "no primary gives the zone: {why}");
                error = why;
                secondary.timers.failed(now_s());
            }
        }
        let next = secondary.timers.next(now_s());
        self.schedule.set(zone, next);
        self.show(zone, |status| (status.refreshing, status.error) = (false, error));
        if was_expired {
            self.committer.touch(vec![zone.to_owned()]);
        }
        if let Some(again) = again {
            self.visit(zone.to_owned(), again);
        }
    }

    /// A timer ran out: expiry first, then refresh or retry.
    fn due(&mut self, zone: NameBuf) {
        let Some(secondary) = self.zones.get_mut(&zone) else { return };
        let newly_expired = secondary.timers.expire(now_s());
        let next = secondary.timers.next(now_s());
        if newly_expired {
            tracing::error!(%zone, "expired: no primary has confirmed it for the time its SOA record allows");
            self.show(&zone, |_| {});
            self.committer.touch(vec![zone.clone()]);
        }
        let wants = self.zones.get(&zone).is_some_and(|secondary| secondary.timers.wants_refresh(now_s()));
        if wants {
            self.visit(zone, Visit::default());
        } else {
            self.schedule.set(&zone, next);
        }
    }

    /// Writes down what is known about a zone, with something changed.
    fn show(&self, zone: &Name, change: impl FnOnce(&mut Status)) {
        let Some(secondary) = self.zones.get(zone) else { return };
        let checked = secondary.timers.checked();
        self.write_status(|all| {
            let status = all.entry(zone.to_owned()).or_default();
            status.checked_at_s = checked.map_or(0, |checked| checked.at_s);
            status.expires_at_s = checked.map_or(0, |checked| checked.expires_at_s);
            status.expired = secondary.timers.is_expired();
            status.next_at_s = secondary.timers.ask_at_s();
            status.primary = secondary.primaries.get(secondary.first).filter(|_| checked.is_some()).cloned();
            status.behind.clone_from(&secondary.behind);
            change(status);
        });
    }

    fn write_status(&self, change: impl FnOnce(&mut HashMap<NameBuf, Status>)) {
        change(&mut self.secondaries.status.write().unwrap_or_else(PoisonError::into_inner));
    }
}
