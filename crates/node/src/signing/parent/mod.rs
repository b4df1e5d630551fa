//! The parents of the zones that are signed here: their name servers are asked for the DS records, and told of new CDS
//! records (RFC 9859). The scheduler says when a zone is due; each round of questions has a thread of its own, so that
//! nobody waits for servers that do not answer.

mod ask;
mod find;
mod round;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use dns::{Name, NameBuf};
use server::clock::unix_seconds;
use signer::keys::ZoneKey;
use signer::parent::{Parent, Round};
use signer::policy::SigningPolicy;
use zone::{Published, ZoneTable};

use crate::lookups::Lookups;
use crate::scheduler::Scheduler;

/// How often it is looked whether a zone is due.
const TICK: Duration = Duration::from_secs(1);
/// Zones whose parents are asked at one time.
const MAX_ROUNDS: usize = 8;

/// What a zone needs of its parent.
#[derive(Debug, Clone)]
pub struct Need {
    /// Its keys.
    pub keys: Vec<ZoneKey>,
    /// Its policy.
    pub policy: Arc<SigningPolicy>,
    /// Since when a step waits for the parent, in seconds since 1970.
    pub waiting_since_s: Option<u64>,
    /// The data of its CDS and CDNSKEY records.
    pub cds: Vec<Vec<u8>>,
}

/// What the rounds need of the rest of the server.
pub struct Parts {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// Where names are looked up.
    pub lookups: Lookups,
    /// Says when, and sends NOTIFY.
    pub scheduler: Scheduler,
}

/// Hears that something else is known of the parent of a zone.
type OnChange = Box<dyn Fn(&Name) + Send + Sync>;

/// Asks parents.
pub struct Parents {
    parts: Parts,
    zones: Mutex<HashMap<NameBuf, Watched>>,
    on_change: OnChange,
}

/// A zone whose parent is asked.
struct Watched {
    need: Need,
    parent: Parent,
    /// A round is under way.
    is_asked: bool,
    /// CDS and CDNSKEY records, and since when the zone has them, in seconds since 1970.
    cds: (Vec<Vec<u8>>, u64),
    /// The parent knows of these, or need not be told.
    is_told: bool,
}

impl Watched {
    /// When the parent is asked next, in seconds since 1970.
    fn next_s(&self, now_s: u64) -> u64 {
        let Need { policy, waiting_since_s, .. } = &self.need;
        let interval_s = self.parent.interval_s(*waiting_since_s, now_s, policy.parent_propagation_s);
        // A clock that was set back keeps nobody from asking.
        self.parent.asked_s.filter(|&asked_s| asked_s <= now_s).map_or(0, |asked_s| asked_s.saturating_add(interval_s))
    }

    /// RFC 9859 4.2: the parent is told when every name server of the zone has the records.
    fn is_to_tell(&self, now_s: u64) -> bool {
        let (cds, since_s) = &self.cds;
        !self.is_told && !cds.is_empty() && since_s.saturating_add(self.need.policy.propagation_s.into()) <= now_s
    }
}

/// What is done for a zone in a thread of its own.
struct Job {
    zone: NameBuf,
    given: Vec<SocketAddr>,
    /// The servers are asked for DS records.
    asks: bool,
    /// The parent is told of CDS records.
    tells: bool,
}

impl Parents {
    /// Parents that are asked by the clock of the scheduler; `on_change` hears of it when they say something else.
    pub fn start(parts: Parts, on_change: impl Fn(&Name) + Send + Sync + 'static) -> Arc<Parents> {
        let scheduler = parts.scheduler.clone();
        let parents = Arc::new(Parents { parts, zones: Mutex::default(), on_change: Box::new(on_change) });
        let own: Weak<Parents> = Arc::downgrade(&parents);
        scheduler.every(TICK, move || {
            if let Some(parents) = own.upgrade() {
                parents.tick(unix_seconds());
            }
        });
        parents
    }

    fn zones(&self) -> MutexGuard<'_, HashMap<NameBuf, Watched>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A zone needs this of its parent from now on.
    pub fn need(&self, zone: &Name, mut need: Need, now_s: u64) {
        need.cds.sort();
        let mut zones = self.zones();
        match zones.get_mut(zone) {
            Some(watched) => {
                if watched.cds.0 != need.cds {
                    watched.cds = (need.cds.clone(), now_s);
                    watched.is_told = false;
                }
                watched.need = need;
            }
            None => {
                let cds = (need.cds.clone(), now_s);
                // After a restart only a parent that has something to do is told again.
                let is_told = need.waiting_since_s.is_none();
                let watched = Watched { need, parent: Parent::default(), is_asked: false, cds, is_told };
                zones.insert(zone.to_owned(), watched);
            }
        }
    }

    /// A zone has nothing to do with signing any more.
    pub fn forget(&self, zone: &Name) {
        self.zones().remove(zone);
    }

    /// What is known of the parent of a zone.
    pub fn parent(&self, zone: &Name) -> Parent {
        self.zones().get(zone).map(|watched| watched.parent.clone()).unwrap_or_default()
    }

    /// When the parent of a zone is asked next, in seconds since 1970; `None`: it is not.
    pub fn next_s(&self, zone: &Name, now_s: u64) -> Option<u64> {
        self.zones().get(zone).map(|watched| watched.next_s(now_s).max(now_s))
    }

    /// Begins the rounds that are due.
    fn tick(self: &Arc<Self>, now_s: u64) {
        for job in self.due(now_s) {
            let (parents, zone) = (self.clone(), job.zone.clone());
            let run = move || parents.run(&job);
            if let Err(error) = std::thread::Builder::new().name("parent".into()).spawn(run) {
                tracing::error!(%zone, %error, "the parent cannot be asked for DS records");
                self.end(&zone);
            }
        }
    }

    fn due(&self, now_s: u64) -> Vec<Job> {
        let mut zones = self.zones();
        let free = MAX_ROUNDS.saturating_sub(zones.values().filter(|watched| watched.is_asked).count());
        let job = |(zone, watched): (&NameBuf, &mut Watched)| {
            let (asks, tells) = (watched.next_s(now_s) <= now_s, watched.is_to_tell(now_s));
            (asks || tells).then(|| {
                watched.is_asked = true;
                watched.is_told |= tells;
                Job { zone: zone.clone(), given: watched.need.policy.parent_servers.clone(), asks, tells }
            })
        };
        zones.iter_mut().filter(|(_, watched)| !watched.is_asked).filter_map(job).take(free).collect()
    }

    fn run(&self, job: &Job) {
        let (zones, find) = (&self.parts.zones, &self.parts.lookups);
        let asker = round::Asker { zones, zone: &job.zone, given: &job.given, find };
        if job.asks {
            self.take(&job.zone, asker.ask());
        }
        if job.tells {
            self.tell(&job.zone, asker.cds_endpoint());
        }
        self.end(&job.zone);
    }

    fn end(&self, zone: &Name) {
        if let Some(watched) = self.zones().get_mut(zone) {
            watched.is_asked = false;
        }
    }

    /// Takes over what a round brought.
    fn take(&self, zone: &Name, round: Round) {
        let mut zones = self.zones();
        let Some(watched) = zones.get_mut(zone) else { return };
        let before = watched.parent.clone();
        watched.parent.take(round, zone, &watched.need.keys);
        let after = watched.parent.clone();
        drop(zones);
        note(zone, &before, &after);
        if !before.says_the_same(&after) {
            (self.on_change)(zone);
        }
    }

    fn tell(&self, zone: &Name, endpoint: Result<Option<SocketAddr>, String>) {
        match endpoint {
            Ok(Some(endpoint)) => {
                tracing::info!(%zone, %endpoint, "the parent is told that there are new CDS records");
                self.parts.scheduler.announce_cds(zone, endpoint);
            }
            Ok(None) => tracing::debug!(%zone, "the parent does not want to be told of CDS records"),
            Err(why) => tracing::warn!(%zone, why, "it is not known where the parent wants to be told of CDS records"),
        }
    }
}

/// Says which servers begin not to answer, and which answer again.
fn note(zone: &Name, before: &Parent, after: &Parent) {
    let silent = |parent: &Parent| -> HashSet<String> {
        let all = parent.servers.iter().filter(|server| server.problem.is_some());
        all.map(|server| server.id.to_string()).collect()
    };
    let (was, is) = (silent(before), silent(after));
    for server in after.servers.iter().filter(|server| !was.contains(&server.id.to_string())) {
        if let Some(problem) = &server.problem {
            tracing::warn!(%zone, server = %server.id, why = problem.why, "a name server of the parent is not of use");
        }
    }
    was.difference(&is).for_each(|server| tracing::info!(%zone, server, "the name server of the parent answers again"));
    match (&before.problem, &after.problem) {
        (None, Some(problem)) => tracing::warn!(%zone, why = problem.why, "the parent cannot be asked for DS records"),
        (Some(_), None) => tracing::info!(%zone, "the parent can be asked for DS records"),
        _ => {}
    }
}
