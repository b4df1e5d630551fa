//! All timed work of zones, on one thread with one clock: the refreshes of secondaries, the repetitions of NOTIFY, and
//! what is done now and then. Work that takes long gets a thread of its own; the scheduler says when.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Name, NameBuf, Rcode};
use dnssec::tsig::KeyRing;
use journal::{Checked, Follower};
use tokio::runtime::Handle;
use zone::{Published, ZoneTable};

use crate::catalogue::ZoneRef;
use crate::commit::Committer;
use crate::notify::{self, Notifications};
use crate::outbound::Datagrams;
use crate::presigned::Presigned;
use crate::schedule::{Now, Schedule, TimeSource};
use crate::secondary::{self, Held, Secondaries, SecondaryStates, Status};

/// The thread looks at the clock at least this often.
const TICK: Duration = Duration::from_secs(60);

/// What the work of the scheduler needs of the rest of the server.
pub struct Parts<'a> {
    /// The zones as they are served.
    pub zones: &'a Arc<Published<ZoneTable>>,
    /// The TSIG keys.
    pub keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
    /// Where the times of refreshes are kept over restarts.
    pub follower: &'a Arc<Follower>,
    /// Makes changes.
    pub committer: &'a Committer,
    /// What is known of zones that others sign and that are validated.
    pub presigned: &'a Arc<Presigned>,
    /// Where messages are sent and received.
    pub runtime: &'a Handle,
}

enum Event {
    /// Something that concerns a secondary.
    Secondary(secondary::Event),
    /// There are zones that changed.
    Changed,
    /// A parent is to be told that a zone has new CDS records.
    Announce(NameBuf, SocketAddr),
    /// The NOTIFY with this identifier was answered.
    Answered(u16, Rcode),
    /// Do something now and then.
    Every(Periodic),
    /// Finish.
    Stop,
}

/// Tells the thread what happens, and others what is known of secondaries. Clones speak to the same thread.
#[derive(Clone)]
pub struct Scheduler {
    events: Sender<Event>,
    /// Zones that changed, until the thread takes them.
    changed: Arc<Mutex<HashSet<ZoneRef>>>,
    secondaries: Arc<SecondaryStates>,
    time: Arc<dyn TimeSource>,
}

impl Scheduler {
    /// Prepares the thread; [`Unstarted::run`] starts it. What concerns it is kept until then: the committer reports to
    /// the scheduler, and has to be there before it starts.
    pub fn new(time: Arc<dyn TimeSource>) -> (Scheduler, Unstarted) {
        let (events, received) = channel();
        let scheduler = Scheduler { events, changed: Arc::default(), secondaries: Arc::default(), time };
        (scheduler.clone(), Unstarted { scheduler, received })
    }

    fn send(&self, event: Event) {
        // Nobody takes it: then the server is stopping.
        let _ = self.events.send(event);
    }

    /// Takes over when secondaries were last refreshed before the start. Comes before they are configured.
    pub fn remember(&self, checks: Vec<(NameBuf, Checked)>) {
        self.secondaries.remember(checks);
    }

    /// The zone is a secondary, perhaps with other primaries or other contents than before.
    pub fn add_secondary(&self, zone: ZoneRef, held: Option<Held>) {
        self.send(Event::Secondary(secondary::Event::Configure(zone, held)));
    }

    /// The zone is no secondary any more.
    pub fn remove_secondary(&self, zone: ZoneRef) {
        self.send(Event::Secondary(secondary::Event::Remove(zone)));
    }

    /// A NOTIFY came that is allowed.
    pub fn notified(&self, zone: ZoneRef, from: IpAddr, serial: Option<u32>) {
        self.send(Event::Secondary(secondary::Event::Notified { zone, from, serial }));
    }

    /// Transfers a zone as a whole now.
    pub fn retransfer(&self, zone: ZoneRef) {
        self.send(Event::Secondary(secondary::Event::Retransfer(zone)));
    }

    /// What is known about a secondary; `None`: it is none.
    pub fn status(&self, zone: &Name) -> Option<Status> {
        self.secondaries.status(zone, self.time.now().unix_s)
    }

    /// Whether the zone is a secondary whose contents must not be served any more.
    pub fn is_expired(&self, zone: &Name) -> bool {
        self.secondaries.is_expired(zone, self.time.now().unix_s)
    }

    /// These zones changed: whoever follows them is told.
    pub fn zones_changed(&self, zones: impl IntoIterator<Item = ZoneRef>) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = changed.is_empty();
        // The latest of two references to one zone says whom to tell.
        zones.into_iter().for_each(|zone| drop(changed.replace(zone)));
        if was_empty && !changed.is_empty() {
            self.send(Event::Changed);
        }
    }

    /// Tells the parent of `zone`, which wants to hear of it at `endpoint`, that there are new CDS records (RFC 9859 4.2).
    pub fn announce_cds(&self, zone: &Name, endpoint: SocketAddr) {
        self.send(Event::Announce(zone.to_owned(), endpoint));
    }

    /// Does something once each `interval`, on the scheduler's thread: it must not wait for anything.
    pub fn every(&self, interval: Duration, work: impl FnMut() + Send + 'static) {
        self.send(Event::Every(Periodic { interval, work: Box::new(work) }));
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.send(Event::Stop);
    }
}

/// A scheduler without a thread.
pub struct Unstarted {
    scheduler: Scheduler,
    received: Receiver<Event>,
}

impl Unstarted {
    /// Starts the thread.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn run(self, parts: &Parts<'_>) -> std::io::Result<JoinHandle<()>> {
        let Unstarted { scheduler, received } = self;
        let shared = secondary::Shared {
            keys: parts.keys.clone(),
            follower: parts.follower.clone(),
            committer: parts.committer.clone(),
            presigned: parts.presigned.clone(),
        };
        let own = scheduler.clone();
        let report: secondary::Report = Arc::new(move |event| own.send(Event::Secondary(event)));
        let thread = Thread {
            secondaries: Secondaries::new(scheduler.secondaries.clone(), shared, report),
            notifications: notifications(&scheduler, parts),
            periodic: Vec::new(),
            periodic_due: Schedule::default(),
            changed: scheduler.changed,
            time: scheduler.time,
        };
        std::thread::Builder::new().name("scheduler".into()).spawn(move || thread.run(&received))
    }
}

fn notifications(scheduler: &Scheduler, parts: &Parts<'_>) -> Option<Notifications> {
    let own = scheduler.clone();
    let answered = move |id, answer: &dns::Message| own.send(Event::Answered(id, answer.header.rcode));
    match Datagrams::start(parts.runtime, answered) {
        Ok(datagrams) => {
            let shared = notify::Shared { zones: parts.zones.clone(), keys: parts.keys.clone() };
            Some(Notifications::new(shared, datagrams))
        }
        Err(error) => {
            tracing::error!(%error, "no NOTIFY can be sent");
            None
        }
    }
}

/// Something that is done now and then.
struct Periodic {
    interval: Duration,
    work: Box<dyn FnMut() + Send>,
}

struct Thread {
    secondaries: Secondaries,
    /// `None`: there is no socket for them.
    notifications: Option<Notifications>,
    periodic: Vec<Periodic>,
    periodic_due: Schedule<usize>,
    changed: Arc<Mutex<HashSet<ZoneRef>>>,
    time: Arc<dyn TimeSource>,
}

impl Thread {
    fn run(mut self, events: &Receiver<Event>) {
        loop {
            let now = self.time.now().instant;
            let wait = self.next().map_or(TICK, |at| at.saturating_duration_since(now).min(TICK));
            match events.recv_timeout(wait) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(event) => self.take(event, self.time.now()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.run_due(self.time.now());
        }
    }

    /// When something is due next.
    fn next(&self) -> Option<Instant> {
        let notifications = self.notifications.as_ref().and_then(Notifications::next);
        [self.secondaries.next(), notifications, self.periodic_due.next()].into_iter().flatten().min()
    }

    fn run_due(&mut self, now: Now) {
        self.secondaries.run_due(now);
        if let Some(notifications) = &mut self.notifications {
            notifications.run_due(now);
        }
        while let Some(index) = self.periodic_due.take_due(now.instant) {
            let periodic = &mut self.periodic[index];
            (periodic.work)();
            self.periodic_due.set(index, now.instant + periodic.interval);
        }
    }

    // Zones are told apart by their names, which do not change.
    #[expect(clippy::mutable_key_type)]
    fn take(&mut self, event: Event, now: Now) {
        match event {
            Event::Secondary(event) => self.secondaries.take(event, now),
            Event::Changed => {
                let zones = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
                if let Some(notifications) = &mut self.notifications {
                    zones.iter().for_each(|zone| notifications.changed(zone, now));
                }
            }
            Event::Announce(zone, endpoint) => {
                if let Some(notifications) = &mut self.notifications {
                    notifications.announce(zone, endpoint, now);
                }
            }
            Event::Answered(id, rcode) => {
                if let Some(notifications) = &mut self.notifications {
                    notifications.answered(id, rcode, now);
                }
            }
            Event::Every(periodic) => {
                self.periodic_due.set(self.periodic.len(), now.instant + periodic.interval);
                self.periodic.push(periodic);
            }
            Event::Stop => {}
        }
    }
}
