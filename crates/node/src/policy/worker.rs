//! The thread that makes what is in force: it waits until something changes or ends, makes all that depends on it, and
//! publishes.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use config::Config;
use dns::NameHasher;
use policy::adguard::Matcher;
use policy::blocking::build::ListReport;
use policy::blocking::engine::Engine;
use policy::blocking::index::Index;
use policy::devices::{Directory, Leases, Profiles, Setup, Surroundings, Zone as TimeZone};
use policy::rpz::{PolicySource, PolicyZones};
use policy::safe_search::SafeSearchTable;
use policy::{ListId, Policies};
use server::clock::unix_ms;
use server::policy::limits::Limits;
use server::settings::Settings;

use super::compile::{Compiled, Input, InputText, compile};
use super::limits::Limiting;
use super::naming::Names;
use super::plan::{Numbers, Plan, plan};
use super::zones::RuleZones;
use super::{Shared, State, lock};
use crate::lists::Lists;

/// Shards of an index that are replaced before the result is published.
const SHARDS_A_PUBLICATION: usize = 36;
/// The longest sleep: a clock that was set is noticed then, and a policy zone that expired.
const MAX_SLEEP: Duration = Duration::from_secs(30);
/// A clock that differs by more from what has passed was set.
const MAX_DRIFT_MS: u64 = 1000;
/// The file that says which time zone the system is in.
const SYSTEM_ZONE: &str = "/etc/localtime";
/// Rules that cannot be used of which the log is told.
const MAX_SAID: usize = 100;

/// What the thread keeps from one turn to the next.
pub(super) struct Worker {
    shared: Arc<Shared>,
    lists: Arc<Lists>,
    config: Option<Arc<Config>>,
    numbers: Numbers,
    zones: RuleZones,
    /// Lists that have a text of their own.
    texts: Made,
    /// Rules of the configuration and the API.
    rules: Made,
    safe_search: Arc<SafeSearchTable>,
    system_zone: TimeZone,
    limiting: Limiting,
    /// What was made last.
    made: Option<Making>,
}

/// What is to be done.
enum Turn {
    /// Anything may have changed, the configuration if it comes with it.
    All(Option<Arc<Config>>),
    /// Zones may have.
    Zones,
}

/// What lists were made into, and of what.
struct Made {
    of: Vec<(ListId, String)>,
    index: Arc<Index>,
    matcher: Arc<Matcher>,
    reports: Vec<ListReport>,
    problems: Vec<(ListId, String)>,
}

impl Made {
    fn nothing(hasher: NameHasher) -> Made {
        let (index, matcher) = (Arc::new(Index::empty(hasher)), Arc::default());
        Made { of: Vec::new(), index, matcher, reports: Vec::new(), problems: Vec::new() }
    }

    fn take(&mut self, compiled: Compiled) {
        for (rule, reason) in compiled.unusable.iter().take(MAX_SAID) {
            tracing::debug!(list = rule.list.0, line = rule.line, %reason, "a rule cannot be used");
        }
        (self.index, self.matcher) = (compiled.index, compiled.matcher);
        (self.reports, self.problems) = (compiled.reports, compiled.problems);
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, lists: Arc<Lists>) -> Worker {
        let zone = std::fs::read(SYSTEM_ZONE).ok().and_then(|file| TimeZone::from_tzif(&file));
        Worker {
            config: None,
            numbers: Numbers::default(),
            zones: RuleZones::default(),
            texts: Made::nothing(shared.hasher),
            rules: Made::nothing(shared.hasher),
            safe_search: Arc::new(SafeSearchTable::new(shared.hasher)),
            system_zone: zone.unwrap_or_else(TimeZone::utc),
            limiting: Limiting::default(),
            made: None,
            shared,
            lists,
        }
    }

    pub fn run(mut self) {
        let mut next_ms = None;
        loop {
            match self.wait(next_ms) {
                None => return,
                Some(Turn::Zones) => self.follow_zones(),
                Some(Turn::All(config)) => {
                    self.config = config.or(self.config.take());
                    let Some(config) = self.config.clone() else { continue };
                    next_ms = self.make(&config);
                    self.shared.order(|order| order.made += 1);
                }
            }
        }
    }

    /// Waits until there is something to do, or `next_ms` has come; `None`: it is to stop.
    fn wait(&self, next_ms: Option<u64>) -> Option<Turn> {
        let (begin, begin_ms) = (Instant::now(), unix_ms());
        let mut order = lock(&self.shared.order);
        loop {
            if order.stop {
                return None;
            }
            if order.config.is_some() || order.look {
                (order.look, order.zones) = (false, false);
                return Some(Turn::All(order.config.take()));
            }
            if std::mem::take(&mut order.zones) {
                return Some(Turn::Zones);
            }
            let due = next_ms.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(unix_ms())));
            if due.is_some_and(|due| due.is_zero()) {
                return Some(Turn::All(None));
            }
            let limit = MAX_SLEEP.saturating_sub(begin.elapsed());
            if limit.is_zero() {
                let expected_ms = begin_ms.saturating_add(begin.elapsed().as_millis() as u64);
                let was_set = unix_ms().abs_diff(expected_ms) > MAX_DRIFT_MS;
                return Some(if was_set { Turn::All(None) } else { Turn::Zones });
            }
            let sleep = due.map_or(limit, |due| due.min(limit));
            order = self.shared.ordered.wait_timeout(order, sleep).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes what is to be in force, and publishes it; says when it changes by itself.
    fn make(&mut self, config: &Config) -> Option<u64> {
        let now_ms = unix_ms();
        let documents = self.shared.documents.state();
        let (limits, block_end) = self.limiting.make(&config.security, &documents, self.shared.seed, now_ms);
        let (plan, next_end) = plan(config, &documents, &mut self.numbers, now_ms);
        let plan = Arc::new(plan);
        let refused = self.lists.configure(plan.lists.iter().map(|list| list.subscription.clone()).collect());
        for list in refused {
            tracing::warn!(list, "there are too many lists: this one is not used");
        }
        let Some(profiles) = self.profiles(&plan, now_ms) else {
            self.shared.settings.update(|settings| Settings { limits, ..settings.clone() });
            return block_end;
        };
        let next_change = profiles.next_change_ms().and_then(|at_ms| u64::try_from(at_ms).ok());
        let (zones, _) = self.rules_of_zones(&plan);
        let made = Making { plan, profiles, zones, safe_search: self.safe_search.clone(), limits };
        self.compile_rules(&made);
        self.compile_texts(&made);
        made.publish(&self.shared, &self.texts, &self.rules);
        self.made = Some(made);
        next_end.into_iter().chain(next_change).chain(block_end).min()
    }

    /// Takes over what changed in response policy zones. A change of other zones costs a look and is not published.
    fn follow_zones(&mut self) {
        let Some(mut made) = self.made.take() else { return };
        let (zones, changed) = self.rules_of_zones(&made.plan);
        if changed {
            made.zones = zones;
            made.publish(&self.shared, &self.texts, &self.rules);
        }
        self.made = Some(made);
    }

    /// Response policy zones as they are now, and whether a rule of them has changed.
    fn rules_of_zones(&mut self, plan: &Plan) -> (PolicyZones, bool) {
        let names: Vec<_> = plan.zones.iter().map(|zone| zone.name.clone()).collect();
        let (rules, changed) = self.zones.update(&names, &self.shared.zones.latest(), self.shared.hasher);
        (policy_zones(plan, rules), changed)
    }

    /// What holds for each device now. Mistakes of documents are told; devices are known by address alone then.
    fn profiles(&self, plan: &Plan, now_ms: u64) -> Option<Arc<Profiles>> {
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let leases = Leases::default();
        let around = Surroundings {
            lists: &plan.of_groups,
            leases: &leases,
            system_zone: &self.system_zone,
            now_ms,
            seed: self.shared.seed,
        };
        let setup = Setup { devices: &plan.devices, groups: &plan.groups, pauses: &plan.pauses };
        let directory = Directory::build(setup, &around).or_else(|mistakes| {
            for mistake in mistakes {
                tracing::error!(
                    path = mistake.path,
                    wrong = mistake.wrong,
                    right = mistake.right,
                    "devices and groups"
                );
            }
            Directory::build(Setup { groups: &plan.groups, ..Setup::default() }, &around)
        });
        let directory = directory.or_else(|_| Directory::build(Setup::default(), &around)).ok()?;
        Some(Arc::new(directory.at(now_ms)))
    }

    fn compile_rules(&mut self, made: &Making) {
        let inputs = made.plan.rules.iter();
        let of: Vec<(ListId, String)> = inputs.clone().map(|(id, _, text)| (*id, text.to_string())).collect();
        if of == self.rules.of {
            return;
        }
        let inputs: Vec<Input> = inputs
            .map(|(id, _, text)| Input {
                list: *id,
                format: Some(policy::blocking::format::Format::Adguard),
                text: InputText::Here(text.clone()),
            })
            .collect();
        match compile(Index::empty(self.shared.hasher), &inputs, &mut |_| {}) {
            Ok(compiled) => {
                self.rules.of = of;
                self.rules.take(compiled);
            }
            Err(error) => tracing::error!(%error, "rules cannot be used; those of before stay"),
        }
    }

    /// Makes an index of lists if one has changed; it is published part by part.
    fn compile_texts(&mut self, made: &Making) {
        let mut inputs = Vec::new();
        let mut of = Vec::new();
        for list in made.plan.lists.iter().filter(|list| list.subscription.enabled) {
            let Some(text) = self.lists.text(&list.subscription.id) else { continue };
            of.push((list.id, format!("{:?} {}", list.format, text.sha256())));
            inputs.push(Input { list: list.id, format: list.format, text: InputText::Kept(text) });
        }
        if of == self.texts.of {
            return;
        }
        let begin = Instant::now();
        // What is replaced is not kept beside what replaces it.
        let old =
            Arc::unwrap_or_clone(std::mem::replace(&mut self.texts.index, Arc::new(Index::empty(self.shared.hasher))));
        let mut shards = 0;
        let (shared, rules) = (&self.shared, &self.rules);
        let (matcher, reports) = (self.texts.matcher.clone(), self.texts.reports.clone());
        let compiled = {
            let publish = &mut |index: &Index| {
                shards += 1;
                if shards % SHARDS_A_PUBLICATION == 0 {
                    let (index, matcher, reports) = (Arc::new(index.clone()), matcher.clone(), reports.clone());
                    let texts = Made { of: Vec::new(), index, matcher, reports, problems: Vec::new() };
                    made.publish(shared, &texts, rules);
                    (shared.give_back)();
                }
            };
            compile(old, &inputs, publish)
        };
        match compiled {
            Ok(compiled) => {
                let (lists, names) = (inputs.len(), compiled.index.names());
                let ms = begin.elapsed().as_millis() as u64;
                tracing::info!(lists, names, rules = compiled.matcher.len(), ms, "lists are in force");
                self.texts.of = of;
                self.texts.take(compiled);
            }
            Err(error) => tracing::error!(%error, "lists cannot be used"),
        }
        (self.shared.give_back)();
    }
}

/// What is being made.
struct Making {
    plan: Arc<Plan>,
    profiles: Arc<Profiles>,
    zones: PolicyZones,
    safe_search: Arc<SafeSearchTable>,
    limits: Option<Arc<Limits>>,
}

impl Making {
    fn publish(&self, shared: &Shared, texts: &Made, rules: &Made) {
        shared.publish(self.state(texts, rules), &self.limits);
    }

    fn state(&self, texts: &Made, rules: &Made) -> State {
        let plan = &self.plan;
        let actions = plan.lists.iter().filter_map(|list| Some((list.id, list.action.clone()?)));
        let indexes = [&rules.index, &texts.index].into_iter().filter(|index| index.names() > 0).cloned().collect();
        let matchers = [&rules.matcher, &texts.matcher].into_iter().filter(|matcher| !matcher.is_empty());
        let matchers = matchers.map(|matcher| matcher.clone() as Arc<dyn policy::blocking::engine::Matcher>).collect();
        let policies = Policies {
            engine: Engine::new(indexes, matchers, actions, &plan.action),
            profiles: self.profiles.clone(),
            zones: self.zones.clone(),
            safe_search: self.safe_search.clone(),
            ttl: plan.ttl_s,
            action: plan.action.clone(),
        };
        let is_used = plan.enabled && !policies.says_nothing();
        State {
            plan: plan.clone(),
            profiles: Some(self.profiles.clone()),
            policies: is_used.then(|| Arc::new(policies)),
            reports: texts.reports.iter().chain(&rules.reports).cloned().collect(),
            problems: texts.problems.iter().chain(&rules.problems).cloned().collect(),
            names: Arc::new(Names::of(plan)),
        }
    }
}

/// Response policy zones as the configuration orders them.
fn policy_zones(plan: &Plan, zones: Vec<Arc<policy::rpz::PolicyZone>>) -> PolicyZones {
    let sources = plan.zones.iter().zip(zones).map(|(planned, zone)| PolicySource {
        list: planned.id,
        zone,
        replacement: planned.replacement.clone(),
        log: planned.log,
        break_dnssec: planned.break_dnssec,
        recursive_only: true,
        max_policy_ttl_s: None,
    });
    PolicyZones::new(sources.collect()).unwrap_or_else(|error| {
        tracing::error!(%error, "response policy zones are not used");
        PolicyZones::default()
    })
}
