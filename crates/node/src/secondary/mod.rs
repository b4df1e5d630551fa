//! Secondary zones: when to ask which primary, and what becomes of its answer (RFC 1034 4.3.5, RFC 1996, RFC 1995).
//!
//! The scheduler (`scheduler.rs`) says what happens and when something is due. Each conversation with a primary has a
//! thread, [`MAX_CONVERSATIONS`] at the same time. What a primary sends goes through the committer like every other
//! change.

mod client;
mod refresh;
mod state;
mod timers;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use dnssec::tsig::KeyRing;
use journal::Follower;

use crate::catalogue::ZoneRef;
use crate::commit::Committer;
use crate::presigned::Presigned;
use crate::schedule::{Now, Schedule};
pub use refresh::Behind;
use refresh::{RefreshResult, Visit};
pub use state::{SecondaryStates, Status};
pub use timers::Held;

/// Most conversations with primaries at the same time.
const MAX_CONVERSATIONS: usize = 64;

/// What the secondaries need of the rest of the server.
pub struct Shared {
    /// The TSIG keys.
    pub keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
    /// Where the times of refreshes are kept over restarts.
    pub follower: Arc<Follower>,
    /// Makes changes.
    pub committer: Committer,
    /// What is known of zones that others sign and that are validated.
    pub presigned: Arc<Presigned>,
}

/// Something that concerns a secondary.
pub enum Event {
    /// It is one, perhaps with other primaries or other contents: these.
    Configure(ZoneRef, Option<Held>),
    /// It is none any more.
    Remove(ZoneRef),
    /// A primary says that a zone changed (RFC 1996).
    Notified {
        /// Which.
        zone: ZoneRef,
        /// Who says it.
        from: IpAddr,
        /// To what, if it says that.
        serial: Option<u32>,
    },
    /// Somebody wants it transferred as a whole.
    Retransfer(ZoneRef),
    /// A conversation is over.
    Done(Conversation),
}

/// The end of a conversation.
pub struct Conversation {
    zone: ZoneRef,
    result: RefreshResult,
}

/// Takes what conversations report.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;

/// The secondaries of a server.
pub struct Secondaries {
    states: Arc<SecondaryStates>,
    shared: Arc<Shared>,
    report: Report,
    schedule: Schedule<ZoneRef>,
    conversations: usize,
    backlog: VecDeque<(ZoneRef, Visit)>,
}

impl Secondaries {
    /// None yet; what is known of each will be in `states`.
    pub fn new(states: Arc<SecondaryStates>, shared: Shared, report: Report) -> Secondaries {
        let (shared, schedule) = (Arc::new(shared), Schedule::default());
        Secondaries { states, shared, report, schedule, conversations: 0, backlog: VecDeque::new() }
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Does what is due.
    pub fn run_due(&mut self, now: Now) {
        while let Some(zone) = self.schedule.take_due(now.instant) {
            self.due(&zone, now);
        }
    }

    /// Takes something that happened.
    pub fn take(&mut self, event: Event, now: Now) {
        match event {
            Event::Configure(zone, held) => self.configure(&zone, held, now),
            Event::Remove(zone) => {
                self.states.remove(zone.name());
                self.schedule.cancel(&zone);
            }
            Event::Notified { zone, from, serial } => self.notified(&zone, from, serial),
            Event::Retransfer(zone) => self.visit(&zone, Visit { whole: true, ..Visit::default() }),
            Event::Done(conversation) => self.done(conversation, now),
        }
    }

    fn configure(&mut self, zone: &ZoneRef, held: Option<Held>, now: Now) {
        match self.states.insert(zone, now.unix_s, held) {
            None => self.due(zone, now),
            Some(before) if before.lists().primaries != zone.lists().primaries => {
                self.states.with(zone.name(), |secondary| secondary.forget_primaries());
                self.visit(zone, Visit::default());
            }
            Some(_) => {}
        }
    }

    /// RFC 1996 3.11: the primary that sent it is asked first; one that has what is here is not asked at all. One that
    /// says that it has something earlier is asked whether that is so: the message may be late.
    fn notified(&mut self, zone: &ZoneRef, from: IpAddr, serial: Option<u32>) {
        let look = |secondary: &mut state::Secondary| (secondary.running, secondary.serial());
        let Some((running, ours)) = self.states.with(zone.name(), look) else { return };
        if serial.is_some() && serial == ours && !running {
            return;
        }
        let first = zone.lists().primaries.iter().position(|peer| peer.address.ip() == from);
        let has_newer = serial.is_some_and(|serial| ours.is_none_or(|ours| dns::serial::is_later(serial, ours)));
        self.visit(zone, Visit { first, has_newer, ..Visit::default() });
    }

    /// Starts a conversation, or has one more follow the one that is under way: a burst of reasons is one reason.
    fn visit(&mut self, zone: &ZoneRef, visit: Visit) {
        let is_free = self.states.with(zone.name(), |secondary| {
            if secondary.running {
                let whole = visit.whole || secondary.again.as_ref().is_some_and(|again| again.whole);
                secondary.again = Some(Visit { whole, ..visit.clone() });
            }
            !std::mem::replace(&mut secondary.running, true)
        });
        if is_free != Some(true) {
            return;
        }
        if self.conversations >= MAX_CONVERSATIONS {
            self.backlog.push_back((zone.clone(), visit));
        } else {
            self.start(zone, visit);
        }
    }

    fn start(&mut self, zone: &ZoneRef, visit: Visit) {
        // It may have got another entry while it waited.
        let Some(zone) = self.states.entry(zone.name()) else { return };
        let known = self.states.with(zone.name(), |secondary| (secondary.first, secondary.timers.is_expired()));
        let Some((first, expired)) = known else { return };
        // RFC 1034 4.3.5: expired contents are discarded, and with them the serial that others are measured by.
        let visit = Visit { first: visit.first.or(Some(first)), whole: visit.whole || expired, ..visit };
        let (shared, report, own) = (self.shared.clone(), self.report.clone(), zone.clone());
        let run = move || {
            let result = refresh::run(&own, &visit, &shared);
            report(Event::Done(Conversation { zone: own, result }));
        };
        self.conversations += 1;
        if let Err(error) = std::thread::Builder::new().name("transfer".into()).spawn(run) {
            let result = RefreshResult { current: Err(error.to_string()), behind: Vec::new() };
            (self.report)(Event::Done(Conversation { zone, result }));
        }
    }

    fn done(&mut self, Conversation { zone, result }: Conversation, now: Now) {
        self.conversations -= 1;
        while self.conversations < MAX_CONVERSATIONS
            && let Some((zone, visit)) = self.backlog.pop_front()
        {
            self.start(&zone, visit);
        }
        if let Err(why) = &result.current {
            tracing::warn!(zone = %zone.name(), "no primary could transfer the zone: {why}");
        }
        let primaries = &zone.lists().primaries;
        let finish = |secondary: &mut state::Secondary| {
            let finished = secondary.finish(primaries, result, now.unix_s);
            (finished, secondary.timers.wait(now.unix_s))
        };
        let Some((finished, wait)) = self.states.with(zone.name(), finish) else { return };
        for Behind { primary, serial, ours } in finished.behind {
            tracing::warn!(
                zone = %zone.name(), %primary, serial, ours,
                "the primary has an earlier serial than the zone has here: it is not asked for its records until its \
                 serial is later, or the zone has expired; `headwater zone refresh` takes them now"
            );
        }
        if let Some(checked) = finished.checked {
            self.shared.follower.note_check(zone.name().clone(), checked);
        }
        let name = zone.name().clone();
        self.schedule.set(zone, now.instant + wait);
        if finished.was_expired {
            self.shared.committer.touch(vec![name.clone()]);
        }
        if let (Some(again), Some(zone)) = (finished.again, self.states.entry(&name)) {
            self.visit(&zone, again);
        }
    }

    /// A timer ran out: expiry first, then refresh or retry.
    fn due(&mut self, zone: &ZoneRef, now: Now) {
        let look = |secondary: &mut state::Secondary| {
            let newly_expired = secondary.timers.expire(now.unix_s);
            (newly_expired, secondary.timers.wants_refresh(now.unix_s), secondary.timers.wait(now.unix_s))
        };
        let Some((newly_expired, wants_refresh, wait)) = self.states.with(zone.name(), look) else { return };
        if newly_expired {
            tracing::error!(
                zone = %zone.name(),
                "expired: no primary has confirmed the zone within the expire time of its SOA record"
            );
            self.shared.committer.touch(vec![zone.name().clone()]);
        }
        if wants_refresh {
            self.visit(zone, Visit::default());
        } else {
            self.schedule.set(zone.clone(), now.instant + wait);
        }
    }
}
