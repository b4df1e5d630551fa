//! What is so and who is to be told: rules and observations in, notices out. No clock, no I/O: time is a parameter.

use std::collections::HashMap;

use crate::decisions::Decided;
use crate::rule::{Condition, Rule, Severity};
use crate::state::{Alert, Notice, Phase, State};

/// An alert whose condition has not held for so long is over: what comes and goes is one alert.
const RESOLVE_AFTER_MS: u64 = 30_000;
/// Alerts of one recipient that begin or end within this time are told together.
const GROUP_MS: u64 = 10_000;
/// Alerts in one notice.
const MAX_ALERTS_OF_NOTICE: usize = 50;
/// Alerts at one time.
const MAX_ALERTS: usize = 1000;
/// Alerts that are over and remembered.
const MAX_HISTORY: usize = 1000;
/// Notices that wait; older ones are given up.
const MAX_OUTBOX: usize = 1000;
/// A delivery that failed is tried again after this long, each time twice as long,
const FIRST_RETRY_MS: u64 = 15_000;
/// up to this.
const MAX_RETRY_MS: u64 = 900_000;
/// A notice that is so old is not tried any more.
const GIVE_UP_MS: u64 = 24 * 3_600_000;

/// The value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name.
    pub metric: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// It is passed.
    pub is_passed: bool,
    /// Why not.
    pub reason: String,
}

/// What the engine needs to know of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Its name.
    pub name: String,
    /// It is told of alerts that nobody looks after for so long: 0: of all, at once.
    pub after_ms: u64,
    /// It is told of alerts that are so bad at least.
    pub min_severity: Severity,
}

/// Decides what is so and who is to be told.
#[derive(Debug, Default)]
pub struct Engine {
    rules: Vec<Rule>,
    addressees: Vec<Addressee>,
    state: State,
    /// The last values of what is watched by its rate, and when that was.
    before: HashMap<(String, String), (u64, f64)>,
}

/// What holds of a rule: labels, value, and what a health check says.
type Holding = (String, Option<f64>, String);

impl Engine {
    /// An engine that goes on from `state`.
    pub fn new(state: State) -> Engine {
        Engine { state, ..Engine::default() }
    }

    /// Has these rules hold, and these people told, from now on.
    pub fn configure(&mut self, rules: Vec<Rule>, addressees: Vec<Addressee>) {
        let is_known = |name: &str| addressees.iter().any(|it| it.name == name);
        self.state.outbox.retain(|notice| is_known(&notice.recipient));
        // Whoever is gone is not told that an alert is over, which would keep it for ever.
        self.state.alerts.iter_mut().for_each(|alert| alert.told.retain(|name, _| is_known(name)));
        (self.rules, self.addressees) = (rules, addressees);
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Takes what was observed at `now_ms`, and writes the notices that are due.
    pub fn observe(&mut self, now_ms: u64, samples: &[Sample], checks: &[Check]) {
        let mut holding: HashMap<(String, String), Holding> = HashMap::new();
        let rules = std::mem::take(&mut self.rules);
        for rule in &rules {
            for (labels, value, detail) in self.holding(rule, now_ms, samples, checks) {
                self.begin(rule, &labels, now_ms);
                holding.insert((rule.name.clone(), labels.clone()), (labels, value, detail));
            }
        }
        for alert in &mut self.state.alerts {
            let rule = rules.iter().find(|rule| rule.name == alert.rule);
            match holding.remove(&(alert.rule.clone(), alert.labels.clone())) {
                Some((_, value, detail)) => advance(alert, rule, now_ms, value, detail),
                None => recede(alert, now_ms),
            }
        }
        self.rules = rules;
        self.tell(now_ms);
        self.bury(now_ms);
    }

    /// For which labels the condition of a rule holds.
    fn holding(&mut self, rule: &Rule, now_ms: u64, samples: &[Sample], checks: &[Check]) -> Vec<Holding> {
        match &rule.condition {
            Condition::Check(name) => {
                let failed = checks.iter().filter(|check| check.name == *name && !check.is_passed);
                failed.map(|check| (String::new(), None, check.reason.clone())).collect()
            }
            Condition::Metric { metric, labels, is_rate, comparison, threshold } => {
                let has = |sample: &Sample| labels.iter().all(|label| sample.labels.contains(label));
                let mut holding = Vec::new();
                for sample in samples.iter().filter(|sample| sample.metric == *metric && has(sample)) {
                    let text = text_of(&sample.labels);
                    let value =
                        if *is_rate { self.rate(rule, &text, now_ms, sample.value) } else { Some(sample.value) };
                    if let Some(value) = value.filter(|&value| comparison.holds(value, *threshold)) {
                        holding.push((text, Some(value), String::new()));
                    }
                }
                holding
            }
        }
    }

    /// What a counter gained each second since the last look; `None`: this is the first one, or it began anew.
    fn rate(&mut self, rule: &Rule, labels: &str, now_ms: u64, value: f64) -> Option<f64> {
        let key = (rule.name.clone(), labels.to_owned());
        if self.before.len() >= MAX_ALERTS && !self.before.contains_key(&key) {
            return None;
        }
        let (at_ms, before) = self.before.insert(key, (now_ms, value))?;
        let elapsed_ms = now_ms.checked_sub(at_ms).filter(|&ms| ms > 0)?;
        (value >= before).then(|| (value - before) * 1000.0 / elapsed_ms as f64)
    }

    /// Begins an alert unless there is one.
    fn begin(&mut self, rule: &Rule, labels: &str, now_ms: u64) {
        let alerts = &mut self.state.alerts;
        let is_known = alerts
            .iter()
            .any(|alert| alert.rule == rule.name && alert.labels == labels && alert.phase != Phase::Resolved);
        if is_known || alerts.len() >= MAX_ALERTS {
            return;
        }
        let id = self.state.take_id();
        let summary = if rule.summary.is_empty() { rule.condition.to_string() } else { rule.summary.clone() };
        self.state.alerts.push(Alert {
            id,
            rule: rule.name.clone(),
            labels: labels.to_owned(),
            severity: rule.severity,
            summary,
            value: None,
            detail: String::new(),
            phase: Phase::Pending,
            since_ms: now_ms,
            held_ms: now_ms,
            fired_ms: None,
            resolved_ms: None,
            acknowledged: None,
            told: Default::default(),
        });
    }

    /// Writes notices for everybody who is to be told something.
    fn tell(&mut self, now_ms: u64) {
        for addressee in std::mem::take(&mut self.addressees) {
            let due: Vec<usize> =
                (0..self.state.alerts.len()).filter(|&i| self.is_due(i, &addressee, now_ms)).collect();
            let begun = due.iter().map(|&i| began_ms(&self.state.alerts[i], &addressee)).min();
            if begun.is_some_and(|begun| now_ms >= begun + GROUP_MS) {
                for group in due.chunks(MAX_ALERTS_OF_NOTICE) {
                    let alerts =
                        group.iter().map(|&i| tell(&mut self.state.alerts[i], &addressee.name, now_ms)).collect();
                    self.write(&addressee.name, alerts, now_ms);
                }
            }
            self.addressees.push(addressee);
        }
    }

    fn is_due(&self, at: usize, addressee: &Addressee, now_ms: u64) -> bool {
        let alert = &self.state.alerts[at];
        let was_told = alert.told.contains_key(&addressee.name);
        match alert.phase {
            Phase::Pending => false,
            Phase::Resolved => was_told,
            Phase::Firing => {
                let rule = self.rules.iter().find(|rule| rule.name == alert.rule);
                let is_for =
                    rule.is_none_or(|rule| rule.recipients.is_empty() || rule.recipients.contains(&addressee.name));
                let is_late = addressee.after_ms > 0;
                !was_told
                    && is_for
                    && alert.severity >= addressee.min_severity
                    && now_ms >= alert.fired_ms.unwrap_or(now_ms) + addressee.after_ms
                    && !(is_late && alert.acknowledged.is_some())
                    && !self.state.silences.iter().any(|silence| silence.covers(alert, now_ms))
            }
        }
    }

    fn write(&mut self, recipient: &str, alerts: Vec<Alert>, now_ms: u64) -> String {
        let id = format!("{now_ms:x}-{}", self.state.take_id());
        self.state.outbox.push_back(Notice::new(id.clone(), recipient, alerts, now_ms));
        if self.state.outbox.len() > MAX_OUTBOX {
            self.state.outbox.pop_front();
            self.state.given_up += 1;
        }
        id
    }

    /// Takes leave of what is over and told to all who know of it.
    fn bury(&mut self, now_ms: u64) {
        let (over, open): (Vec<Alert>, Vec<Alert>) = std::mem::take(&mut self.state.alerts)
            .into_iter()
            .partition(|alert| alert.phase == Phase::Resolved && alert.told.is_empty());
        self.state.alerts = open;
        // What never was an alert is not remembered.
        over.into_iter()
            .filter(|alert| alert.fired_ms.is_some())
            .for_each(|alert| self.state.history.push_front(alert));
        self.state.history.truncate(MAX_HISTORY);
        self.state.silences.retain(|silence| now_ms < silence.until_ms);
    }

    /// The first notice of each recipient, if it may be tried at `now_ms`: later ones wait for it.
    pub fn due(&self, now_ms: u64) -> Vec<&Notice> {
        let mut seen: Vec<&str> = Vec::new();
        let mut due = Vec::new();
        for notice in &self.state.outbox {
            if !seen.contains(&notice.recipient.as_str()) {
                seen.push(&notice.recipient);
                due.extend((notice.next_ms <= now_ms).then_some(notice));
            }
        }
        due
    }

    /// A notice has been delivered, or not: then it is tried again later, unless that is of no use.
    pub fn delivered(&mut self, id: &str, outcome: Result<(), (String, bool)>, now_ms: u64) {
        let Some(at) = self.state.outbox.iter().position(|notice| notice.id == id) else { return };
        let Err((problem, may_try_again)) = outcome else {
            self.state.outbox.remove(at);
            return;
        };
        let notice = &mut self.state.outbox[at];
        notice.attempts += 1;
        notice.problem = problem;
        let wait_ms = FIRST_RETRY_MS << notice.attempts.saturating_sub(1).min(10);
        notice.next_ms = now_ms + wait_ms.min(MAX_RETRY_MS);
        if !may_try_again || now_ms >= notice.at_ms + GIVE_UP_MS {
            self.state.outbox.remove(at);
            self.state.given_up += 1;
        }
    }

    /// Takes over what people have decided.
    pub fn decide(&mut self, decided: Decided) {
        for alert in self.state.alerts.iter_mut().filter(|alert| alert.phase != Phase::Resolved) {
            let mine = decided.acknowledged.iter().find(|acknowledged| acknowledged.covers(alert));
            alert.acknowledged = mine.map(|acknowledged| acknowledged.by.clone());
        }
        self.state.silences = decided.silences;
        self.state.are_decisions_shared = true;
    }

    /// An alert that is not over; `None`: there is none of this number.
    pub fn open_alert(&self, id: u64) -> Option<&Alert> {
        self.state.alerts.iter().find(|alert| alert.id == id && alert.phase != Phase::Resolved)
    }
}

/// `zone="example.org.",server="a"`.
fn text_of(labels: &[(String, String)]) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    labels.join(",")
}

/// The condition holds.
fn advance(alert: &mut Alert, rule: Option<&Rule>, now_ms: u64, value: Option<f64>, detail: String) {
    if alert.phase == Phase::Resolved {
        return;
    }
    (alert.held_ms, alert.value, alert.detail) = (now_ms, value, detail);
    let for_ms = rule.map_or(0, |rule| rule.for_s * 1000);
    if alert.phase == Phase::Pending && now_ms >= alert.since_ms + for_ms {
        (alert.phase, alert.fired_ms) = (Phase::Firing, Some(now_ms));
    }
}

/// The condition does not hold.
fn recede(alert: &mut Alert, now_ms: u64) {
    let is_over = match alert.phase {
        Phase::Pending => true,
        Phase::Firing => now_ms >= alert.held_ms + RESOLVE_AFTER_MS,
        Phase::Resolved => false,
    };
    if is_over {
        (alert.phase, alert.resolved_ms) = (Phase::Resolved, Some(now_ms));
    }
}

/// Since when there is something to tell this addressee of this alert.
fn began_ms(alert: &Alert, addressee: &Addressee) -> u64 {
    match alert.phase {
        Phase::Resolved => alert.resolved_ms.unwrap_or(0),
        _ => alert.fired_ms.unwrap_or(0) + addressee.after_ms,
    }
}

/// The alert as it is told, and notes who was told.
fn tell(alert: &mut Alert, recipient: &str, now_ms: u64) -> Alert {
    match alert.phase {
        Phase::Resolved => drop(alert.told.remove(recipient)),
        _ => drop(alert.told.insert(recipient.to_owned(), now_ms)),
    }
    Alert { told: Default::default(), ..alert.clone() }
}

#[cfg(test)]
mod tests;
