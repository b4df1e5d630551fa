//! All lists with what is known of each, shared by the thread that fetches and those that ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use server::clock::unix_ms;

use super::problem::Problem;
use super::schedule;
use super::state::{Failure, ListState, Phase, Record};
use super::store::{Loaded, Store};
use super::subscription::{MAX_SUBSCRIPTIONS, Settings, Source, Subscription};
use super::text::Text;
use super::watched::Watched;

/// A list.
#[derive(Debug)]
pub(super) struct Entry {
    pub subscription: Subscription,
    pub record: Record,
    pub text: Option<Arc<Text>>,
    /// It is being fetched.
    pub fetching: bool,
    /// Somebody wants it now; the value says whether a list that shrank is taken.
    pub ordered: Option<bool>,
    /// When it is looked after; `None`: not at all.
    pub due: Option<Instant>,
    pub watched: Watched,
}

impl Entry {
    /// A list that is new here, with what was kept of it.
    fn new(subscription: Subscription, loaded: Loaded) -> Entry {
        let Loaded { mut record, text, problem } = loaded;
        if let Some(problem) = problem {
            tracing::warn!(list = subscription.id, %problem, "the text of a list is not used");
            record.failure = Some(failure(&record, &problem));
        }
        let (text, watched) = (text.map(Arc::new), Watched::default());
        Entry { subscription, record, text, fetching: false, ordered: None, due: None, watched }
    }

    /// When the list comes up after a configuration, `planned` being when it would have.
    fn plan(&mut self, settings: &Settings, planned: Option<Instant>) {
        let now = Instant::now();
        if let Err(problem) = self.subscription.check(settings) {
            self.record.failure = Some(failure(&self.record, &problem));
            self.record.next_attempt_ms = None;
            self.due = None;
            return;
        }
        let period = self.subscription.period();
        let is_same = self.record.kept.as_ref().is_some_and(|kept| kept.source == self.subscription.source.text());
        self.due = match (&self.subscription.source, self.record.next_attempt_ms) {
            _ if !self.subscription.enabled => None,
            (Source::Url(_), Some(at_ms)) if is_same => {
                let planned = planned.unwrap_or_else(|| now + schedule::until(at_ms, unix_ms(), period));
                Some(planned.min(now + schedule::after_success(period, schedule::chance())))
            }
            _ => Some(now),
        };
        self.record.next_attempt_ms = match &self.subscription.source {
            Source::Url(_) => self.due.map(|due| unix_ms() + millis(due.saturating_duration_since(now))),
            Source::File(_) => None,
        };
    }

    fn state(&self) -> ListState {
        let Record { kept, checked_at_ms, failure, next_attempt_ms, .. } = self.record.clone();
        let phase = match (&failure, &kept) {
            _ if self.fetching => Phase::Fetching,
            _ if !self.subscription.enabled => Phase::Disabled,
            (Some(_), _) => Phase::Failing,
            (None, None) => Phase::Waiting,
            (None, Some(kept)) if kept.source != self.subscription.source.text() => Phase::Waiting,
            (None, Some(_)) => Phase::Current,
        };
        let Subscription { id, source, format, .. } = self.subscription.clone();
        ListState { id, source: source.text(), format, phase, kept, checked_at_ms, failure, next_attempt_ms }
    }
}

/// What failed, as one more failure of a list.
pub(super) fn failure(record: &Record, problem: &Problem) -> Failure {
    let before = record.failure.as_ref().map_or(0, |failure| failure.count);
    Failure { problem: problem.to_string(), at_ms: unix_ms(), count: before.saturating_add(1) }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All lists.
#[derive(Debug, Default)]
pub(super) struct Board {
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl Board {
    /// The lists. Every change is one step, so a panic elsewhere leaves nothing half done.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has these lists, and no others. Gives back the names of those that are not taken: the second of two with one
    /// name, and those beyond [`MAX_SUBSCRIPTIONS`].
    pub fn configure(&self, subscriptions: Vec<Subscription>, store: &Store, settings: &Settings) -> Vec<String> {
        let mut wanted = BTreeMap::new();
        let mut refused = Vec::new();
        for subscription in subscriptions {
            match wanted.len() < MAX_SUBSCRIPTIONS && !wanted.contains_key(&subscription.id) {
                true => drop(wanted.insert(subscription.id.clone(), subscription)),
                false => refused.push(subscription.id),
            }
        }
        let missing: Vec<String> = {
            let entries = self.lock();
            wanted.keys().filter(|id| !entries.contains_key(*id)).cloned().collect()
        };
        // Texts are looked through without the lock: others ask meanwhile.
        let mut loaded: BTreeMap<_, _> = missing.into_iter().map(|id| (id.clone(), store.load(&id))).collect();
        let mut entries = self.lock();
        entries.retain(|id, _| wanted.contains_key(id));
        for (id, subscription) in wanted {
            if let Some(loaded) = loaded.remove(&id) {
                entries.insert(id.clone(), Entry::new(subscription.clone(), loaded));
            }
            let Some(entry) = entries.get_mut(&id) else { continue };
            let is_new_source = entry.subscription.source != subscription.source;
            if is_new_source {
                (entry.record.failure, entry.record.stamp, entry.watched) = (None, None, Watched::default());
            }
            let planned = entry.due.filter(|_| !is_new_source);
            entry.subscription = subscription;
            entry.plan(settings, planned);
        }
        refused
    }

    /// What is known of each list, by name.
    pub fn states(&self) -> Vec<ListState> {
        self.lock().values().map(Entry::state).collect()
    }

    /// Has a list fetched as soon as its turn comes; whether there is such a list.
    pub fn order(&self, id: &str, force: bool) -> bool {
        self.lock().get_mut(id).map(|entry| entry.ordered = Some(force || entry.ordered == Some(true))).is_some()
    }

    /// The text of a list.
    pub fn text(&self, id: &str) -> Option<Arc<Text>> {
        self.lock().get(id)?.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::subscription::Origin;
    use super::*;

    fn subscription(id: &str) -> Subscription {
        let source = Source::Url(format!("https://lists.example/{id}"));
        let (origin, format) = (Origin::Configuration, "auto".to_owned());
        Subscription { id: id.to_owned(), source, origin, format, refresh_hours: 24, enabled: true }
    }

    fn configured(subscriptions: Vec<Subscription>) -> (Board, Vec<String>) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::new(directory.path());
        let board = Board::default();
        let refused = board.configure(subscriptions, &store, &Settings::default());
        (board, refused)
    }

    #[test]
    fn two_lists_of_one_name_and_too_many_are_refused() {
        let many = (0..=MAX_SUBSCRIPTIONS).map(|n| subscription(&n.to_string()));
        let (board, refused) = configured(std::iter::once(subscription("0")).chain(many).collect());
        assert_eq!(refused, ["0".to_owned(), MAX_SUBSCRIPTIONS.to_string()]);
        assert_eq!(board.states().len(), MAX_SUBSCRIPTIONS);
    }

    #[test]
    fn a_list_that_is_off_is_not_due_and_one_that_may_not_be_fetched_says_why() {
        let off = Subscription { enabled: false, ..subscription("off") };
        let file = Source::File("/etc/hosts".into());
        let foreign = Subscription { source: file, origin: Origin::Api, ..subscription("file") };
        let (board, _) = configured(vec![off, foreign, subscription("on")]);
        let phases: Vec<_> = board.states().iter().map(|state| state.phase).collect();
        assert_eq!(phases, [Phase::Failing, Phase::Disabled, Phase::Waiting]);
        let due: Vec<_> = board.lock().values().map(|entry| entry.due.is_some()).collect();
        assert_eq!(due, [false, false, true]);
        let states = board.states();
        let why = states.first().and_then(|state| state.failure.as_ref()).map(|failure| failure.problem.as_str());
        assert_eq!(why, Some("lists from files come from the configuration file only"));
    }

    #[test]
    fn an_order_that_was_forced_stays_so() {
        let (board, _) = configured(vec![subscription("a")]);
        assert!(board.order("a", true) && board.order("a", false) && !board.order("b", true));
        assert_eq!(board.lock().get("a").and_then(|entry| entry.ordered), Some(true));
    }
}
