//! What is blocked, and for whom: lists, rules, response policy zones, devices and groups, made into what questions are
//! looked up in, and made anew when any of it changes.
//!
//! `plan.rs` is what is to be, from the configuration and the shared settings; `compile.rs` makes indexes of texts,
//! `zones.rs` rules of response policy zones; `worker.rs` is the thread that does it all in turn and publishes the result
//! ([`policy::Policies`]) with the settings of the data plane. `naming.rs` finds words for what records say, `look.rs` and
//! `simulate.rs` are for whoever changes it by API.

mod compile;
mod limits;
mod look;
mod naming;
mod plan;
mod simulate;
#[cfg(test)]
mod tests;
mod worker;
mod zones;

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::Config;
use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use journal::shared::SharedSettings;
use policy::blocking::build::ListReport;
use policy::blocking::engine::Match;
use policy::devices::{Profile, Profiles};
use policy::rpz::{RpzMatch, RpzQuestion, Stage};
use policy::{ListId, Policies};
use server::policy::limits::Limits;
use server::settings::Settings;
use zone::{Published, ZoneTable};

use crate::lists::{ListState, Lists, Lookup, OnChange, Settings as ListSettings, Source};
use naming::Names;
use worker::Worker;

pub use limits::BlockDocument;
pub use look::{Summary, url_problem};
pub use plan::{ListDocument, MAX_NUMBER, OWN_RULES, Plan, PlannedList, RuleDocument};
pub use simulate::{Simulation, SimulationError, Tried};

/// Between two looks whether files of lists have been read.
const FILE_INTERVAL: Duration = Duration::from_millis(10);

/// What is blocked, and for whom.
pub struct Policing {
    shared: Arc<Shared>,
    lists: Arc<Lists>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    settings: Arc<Published<Settings>>,
    zones: Arc<Published<ZoneTable>>,
    documents: Arc<SharedSettings>,
    hasher: NameHasher,
    seed: u64,
    order: Mutex<Order>,
    ordered: Condvar,
    state: RwLock<Arc<State>>,
    give_back: fn(),
    /// The configuration that was given last.
    config: RwLock<Option<Arc<Config>>>,
}

/// What the thread is to do next.
#[derive(Default)]
struct Order {
    config: Option<Arc<Config>>,
    /// Texts of lists, shared settings, devices or pauses may have changed.
    look: bool,
    /// Zones may have changed.
    zones: bool,
    stop: bool,
    /// Configurations that are in force.
    made: u64,
}

/// What is in force, for those who look.
#[derive(Clone, Default)]
struct State {
    plan: Arc<Plan>,
    /// Who is who, also while nothing is blocked; `None` before the first plan.
    profiles: Option<Arc<Profiles>>,
    policies: Option<Arc<Policies>>,
    reports: Vec<ListReport>,
    problems: Vec<(ListId, String)>,
    names: Arc<Names>,
}

impl State {
    /// What holds for a client.
    fn profile(&self, client: IpAddr) -> Option<&Profile> {
        self.profiles.as_ref().map(|profiles| profiles.find(client.to_canonical()))
    }
}

/// What is known of a list.
#[derive(Debug, Clone)]
pub struct ListView {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: ListId,
    /// What is known of its text; `None`: the text stands in the configuration.
    pub state: Option<ListState>,
    /// What it contributes; `None`: nothing yet.
    pub report: Option<ListReport>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// A rule that matches a question.
#[derive(Debug, Clone)]
pub struct FoundRule {
    /// Its list.
    pub list: String,
    /// Its line in the list, from 1.
    pub line: u32,
    /// Its text, if it can be had.
    pub text: Option<String>,
    /// What it does: `block`, `allow` or `rewrite`.
    pub effect: &'static str,
    /// It decides.
    pub decides: bool,
}

/// What policy says of a question.
#[derive(Debug, Clone)]
pub struct Check {
    /// The device that asks, if it has a name.
    pub device: Option<String>,
    /// The group of the client.
    pub group: String,
    /// Whether the question is blocked or rewritten.
    pub blocked: bool,
    /// Why nothing is blocked though rules match, or everything is though none does.
    pub because: Option<String>,
    /// All that match, in the order of their effect.
    pub rules: Vec<FoundRule>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the service stands on.
pub struct Parts<'a> {
    /// Where the result is published.
    pub settings: &'a Arc<Published<Settings>>,
    /// Where response policy zones are.
    pub zones: &'a Arc<Published<ZoneTable>>,
    /// What was set by API.
    pub documents: &'a Arc<SharedSettings>,
    /// Finds the hosts of lists.
    pub lookup: Lookup,
    /// Gives memory back that is free: indexes are made of much that is not kept.
    pub give_back: fn(),
}

impl Policing {
    /// Starts the threads. Nothing is blocked before [`Policing::configure`].
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn start(data_dir: &std::path::Path, parts: Parts<'_>) -> std::io::Result<Arc<Policing>> {
        let shared = Arc::new(Shared {
            settings: parts.settings.clone(),
            zones: parts.zones.clone(),
            documents: parts.documents.clone(),
            hasher: parts.zones.latest().hasher(),
            seed: getrandom::u64().map_err(std::io::Error::other)?,
            order: Mutex::default(),
            ordered: Condvar::new(),
            state: RwLock::default(),
            give_back: parts.give_back,
            config: RwLock::default(),
        });
        let told = shared.clone();
        let on_change: OnChange = Box::new(move |_| told.order(|order| order.look = true));
        let lists = Arc::new(Lists::start(ListSettings::default(), data_dir, parts.lookup, on_change)?);
        let (working, texts) = (shared.clone(), lists.clone());
        let thread = std::thread::Builder::new().name("policy".into()).spawn(move || {
            server::priority::background();
            Worker::new(working, texts).run();
        })?;
        Ok(Arc::new(Policing { shared, lists, thread: Mutex::new(Some(thread)) }))
    }

    /// Takes over a configuration. Comes back at once; what is in force changes when it is made.
    pub fn configure(&self, config: &Config) {
        let is_new = |old: &Arc<Config>| old.blocking.allow_internal != config.blocking.allow_internal;
        let before = self.config();
        if before.as_ref().is_none_or(is_new) {
            self.lists.set_settings(list_settings(config));
        }
        let config = Arc::new(config.clone());
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = Some(config.clone());
        self.shared.order(|order| order.config = Some(config));
    }

    /// Waits until the configuration that was given last is in force, at most so long: a server that starts blocks from
    /// its first answer on.
    pub fn settle(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let mut in_time = self.wait_for(1, end);
        // Files that were never read are read now; lists of the web are waited for by nobody.
        if self.files_are_unread() {
            while self.files_are_unread() && Instant::now() < end {
                std::thread::sleep(FILE_INTERVAL);
            }
            let made = lock(&self.shared.order).made;
            self.look();
            in_time = self.wait_for(made + 1, end);
        }
        if !in_time {
            tracing::warn!("lists are still being read: what they block is answered until they are in force");
        }
    }

    /// Whether what was ordered has been made so often by then.
    fn wait_for(&self, made: u64, end: Instant) -> bool {
        let mut order = lock(&self.shared.order);
        while order.made < made && !order.stop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            order = self.shared.ordered.wait_timeout(order, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Whether a list is a file that has neither been read nor failed.
    fn files_are_unread(&self) -> bool {
        let state = self.shared.state();
        let files = state.plan.lists.iter().map(|list| &list.subscription);
        let mut files = files.filter(|list| list.enabled && matches!(list.source, Source::File(_))).peekable();
        if files.peek().is_none() {
            return false;
        }
        let states = self.lists.states();
        files.any(|file| {
            let known = states.iter().find(|known| known.id == file.id);
            known.is_none_or(|known| known.kept.is_none() && known.failure.is_none())
        })
    }

    /// Something that was set by API may have changed.
    pub fn look(&self) {
        self.shared.order(|order| order.look = true);
    }

    /// A zone has changed: if it is a response policy zone, its rules follow.
    pub fn zone_changed(&self) {
        if self.config().is_some_and(|config| !config.blocking.zones.is_empty()) {
            self.shared.order(|order| order.zones = true);
        }
    }

    /// What is known of each list, in the order of their numbers.
    pub fn lists(&self) -> Vec<ListView> {
        let state = self.shared.state();
        let states = self.lists.states();
        let report = |id: ListId| state.reports.iter().find(|report| report.list == id).cloned();
        let problem = |id: ListId| state.problems.iter().find(|(list, _)| *list == id).map(|(_, why)| why.clone());
        let texts = state.plan.lists.iter().map(|list| ListView {
            name: list.subscription.id.clone(),
            id: list.id,
            state: states.iter().find(|known| known.id == list.subscription.id).cloned(),
            report: report(list.id),
            problem: problem(list.id),
        });
        let own = state.plan.rules.iter().map(|(id, name, _)| ListView {
            name: name.to_string(),
            id: *id,
            state: None,
            report: report(*id),
            problem: problem(*id),
        });
        texts.chain(own).collect()
    }

    /// Everything that decides questions, with its name: lists, rules, response policy zones, schedules, safe search.
    pub fn list_names(&self) -> Vec<(ListId, Arc<str>)> {
        self.shared.state().names.all()
    }

    /// Has a list fetched now; whether there is such a list.
    pub fn refresh(&self, name: &str, force: bool) -> bool {
        self.lists.refresh(name, force)
    }

    /// What is to be: groups, devices, pauses.
    pub fn plan(&self) -> Arc<Plan> {
        self.shared.state().plan.clone()
    }

    /// The name of the device that has an address; `None`: none has.
    pub fn device(&self, client: IpAddr) -> Option<Arc<str>> {
        self.shared.state().profile(client)?.device.clone()
    }

    /// Finds words for records of answers.
    pub fn naming(&self) -> Arc<dyn telemetry::Naming> {
        Arc::new(naming::Naming::new(self.shared.clone()))
    }

    /// What policy says of a question of `client`: every rule that matches, and which decides.
    pub fn check(&self, name: &NameBuf, qtype: RType, client: IpAddr) -> Check {
        let state = self.shared.state();
        let Some(policies) = &state.policies else {
            let profile = state.profile(client);
            let device = profile.and_then(|profile| profile.device.as_deref()).map(str::to_owned);
            let group = profile.map_or_else(String::new, |profile| profile.group.to_string());
            return Check { device, group, blocked: false, because: None, rules: Vec::new() };
        };
        let mut hashed = HashedName::default();
        hashed.set(name, self.shared.hasher);
        let profile = policies.profile(client);
        let who = profile.who(client);
        let lists = &profile.lists;
        let (recursion_desired, dnssec_ok, signed) = (true, false, false);
        let question = RpzQuestion { name: &hashed, client, lists, recursion_desired, dnssec_ok, signed };
        let zones = policies.zones.all_matches(&question, None);
        let mut rules: Vec<FoundRule> = zones.matches.iter().map(|found| self.of_zone(&state, found)).collect();
        let matches = policies.engine.all_matches(&hashed, qtype, &who);
        rules.extend(matches.iter().map(|found| self.of_list(&state, found)));
        let asked = policy::ruling::Asked { name: &hashed, qtype, client, dnssec_ok, signed };
        // What waits for the answer holds if nothing in the answer comes before it.
        let ruling = policy::Rules::name(&**policies, &asked).or_else(|| {
            let stage = Stage { name: &hashed, addresses: &[], servers: &[] };
            policy::Rules::answer(&**policies, &asked, &stage, 0)
        });
        let decided = ruling.as_ref().map(|ruling| ruling.mark);
        if let Some(mark) = decided {
            let list = state.names.list(mark.rule.list);
            let first = rules.iter_mut().find(|rule| *rule.list == *list && rule.line == mark.rule.line);
            first.into_iter().for_each(|rule| rule.decides = true);
        }
        Check {
            device: profile.device.as_deref().map(str::to_owned),
            group: profile.group.to_string(),
            blocked: decided.is_some_and(|mark| matches!(mark.did, policy::Did::Blocked | policy::Did::Rewritten)),
            because: because(profile, decided),
            rules,
        }
    }

    fn of_zone(&self, state: &State, found: &RpzMatch) -> FoundRule {
        let list = state.names.list(found.rule.list).to_string();
        let text = Some(found.trigger.to_string());
        FoundRule { list, line: found.rule.line, text, effect: effect(&found.effect), decides: false }
    }

    fn of_list(&self, state: &State, found: &Match) -> FoundRule {
        let list = state.names.list(found.rule.list).to_string();
        let text = self.rule_text(state, found.rule);
        FoundRule { list, line: found.rule.line, text, effect: effect(&found.effect), decides: false }
    }

    /// The text of a rule.
    fn rule_text(&self, state: &State, rule: policy::RuleRef) -> Option<String> {
        if let Some((_, _, text)) = state.plan.rules.iter().find(|(id, ..)| *id == rule.list) {
            return text.lines().nth(rule.line.checked_sub(1)? as usize).map(str::to_owned);
        }
        let list = state.plan.lists.iter().find(|list| list.id == rule.list)?;
        self.lists.line(&list.subscription.id, rule.line.into()).ok().flatten()
    }

    /// Ends the threads.
    pub fn stop(&self) {
        self.shared.order(|order| order.stop = true);
        self.lists.stop();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of policy panicked; this is a bug of the server");
        }
    }
}

/// Why lists do not have their effect, or everything is blocked.
fn because(profile: &policy::devices::Profile, decided: Option<policy::Mark>) -> Option<String> {
    use policy::devices::Because;
    match (&profile.because, decided) {
        (Because::Paused(pause), _) => {
            Some(format!("blocking is paused until {} (milliseconds since 1970)", pause.until_ms))
        }
        (Because::Schedule(number), _) => Some(format!("schedule {} of group {}", number + 1, profile.group)),
        (Because::Group, Some(mark)) if mark.rule.list == policy::policies::SAFE_SEARCH => {
            Some(format!("safe search of group {}", profile.group))
        }
        (Because::Group, _) => None,
    }
}

fn effect(effect: &policy::Effect) -> &'static str {
    match effect {
        policy::Effect::Allow => "allow",
        policy::Effect::Block(_) => "block",
        policy::Effect::Rewrite(_) => "rewrite",
    }
}

/// How lists are fetched: from public addresses, unless the configuration allows others.
fn list_settings(config: &Config) -> ListSettings {
    ListSettings {
        allowed: config.blocking.allow_internal.clone(),
        allow_http: true,
        authorities: Vec::new(),
        ..ListSettings::default()
    }
}

impl Shared {
    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn order(&self, change: impl FnOnce(&mut Order)) {
        change(&mut lock(&self.order));
        self.ordered.notify_all();
    }

    /// Has this in force, and shown.
    fn publish(&self, state: State, limits: &Option<Arc<Limits>>) {
        let rules = state.policies.clone().map(|policies| policies as Arc<dyn policy::Rules>);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        let limits = limits.clone();
        self.settings.update(|settings| Settings { rules, limits, ..settings.clone() });
    }
}
