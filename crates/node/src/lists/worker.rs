//! The thread that fetches lists, one at a time, and looks after files. It answers nobody: whoever asks sees the board.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use server::clock::unix_ms;

use super::board::{Board, Entry, failure, millis};
use super::fetch::{Fetched, Fetcher};
use super::incoming::{Written, discard};
use super::problem::Problem;
use super::schedule;
use super::state::{Kept, Record, Stamp, Validators};
use super::store::{Store, text_name};
use super::subscription::{Limits, Settings, Source, Subscription};
use super::text::Text;
use super::watched::{self, Watched};

/// The thread looks at the board at least this often.
const TICK: Duration = Duration::from_secs(60);
/// What belongs to no list is looked for this often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// A list of less bytes may shrink as it likes.
const SHRINK_MIN_BYTES: u64 = 4096;
/// A list that has less than one part in so many of its bytes left is not taken unless that is forced.
const SHRINK_DIVISOR: u64 = 10;

/// What the thread and its handle share.
pub(super) struct Shared {
    pub board: Board,
    pub store: Store,
    pub fetcher: Mutex<Arc<Fetcher>>,
    pub settings: Mutex<Settings>,
    pub stopping: Arc<AtomicBool>,
    /// Lists have been configured: what belongs to none of them may go.
    pub configured: AtomicBool,
}

impl Shared {
    /// Who fetches.
    pub fn fetcher(&self) -> Arc<Fetcher> {
        self.fetcher.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How lists are fetched.
    pub fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One attempt at a list, with what is known before it.
struct Job {
    subscription: Subscription,
    record: Record,
    text: Option<Arc<Text>>,
    watched: Watched,
    /// Somebody ordered it; the value says whether a list that shrank is taken.
    ordered: Option<bool>,
    limits: Limits,
    /// From 0 to 1: how far the next attempt is from where it would be.
    chance: f64,
}

/// What came of an attempt that did not fail.
enum Update {
    /// The file has not changed, or is not quiet yet.
    Idle,
    /// The source has the text that is kept; if it sent it, perhaps by another name.
    Same(Option<Came>),
    /// There is another text, and what is known of the list with it.
    New(Arc<Text>, Box<Record>),
}

/// How a text that came is told from others without reading it.
#[derive(Default)]
struct Came {
    validators: Validators,
    stamp: Option<Stamp>,
}

/// The thread.
pub(super) struct Worker {
    pub shared: Arc<Shared>,
    /// Who is told of new texts.
    pub changes: Sender<String>,
}

impl Worker {
    /// Works until it is stopped; `wake` says that there may be something to do.
    pub fn run(self, wake: &Receiver<()>) {
        let mut swept = None::<Instant>;
        while !self.shared.stopping.load(Ordering::Relaxed) {
            if let Some(mut job) = self.next_job() {
                let outcome = self.attempt(&mut job);
                self.finish(job, outcome);
                continue;
            }
            let configured = self.shared.configured.load(Ordering::Relaxed);
            if configured && swept.is_none_or(|at| at.elapsed() >= SWEEP_INTERVAL) {
                swept = Some(Instant::now());
                self.sweep();
            }
            if let Err(RecvTimeoutError::Disconnected) = wake.recv_timeout(self.pause()) {
                return;
            }
        }
    }

    fn sweep(&self) {
        let known: Vec<_> = {
            let entries = self.shared.board.lock();
            entries.iter().map(|(id, entry)| (id.clone(), entry.record.kept.clone())).collect()
        };
        self.shared.store.sweep(known.iter().map(|(id, kept)| (id.as_str(), kept.as_ref())), SystemTime::now());
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        let entries = self.shared.board.lock();
        let next = entries.values().filter_map(|entry| entry.due).min();
        next.map_or(TICK, |due| due.saturating_duration_since(Instant::now()).min(TICK))
    }

    /// The list whose turn it is: one that was ordered, or what is due longest.
    fn next_job(&self) -> Option<Job> {
        let (now, limits) = (Instant::now(), self.shared.settings().limits);
        let mut entries = self.shared.board.lock();
        let is_due = |entry: &&mut Entry| entry.ordered.is_some() || entry.due.is_some_and(|due| due <= now);
        let entry = entries.values_mut().filter(is_due).min_by_key(|entry| (entry.ordered.is_none(), entry.due))?;
        entry.fetching = matches!(entry.subscription.source, Source::Url(_));
        Some(Job {
            subscription: entry.subscription.clone(),
            record: entry.record.clone(),
            text: entry.text.clone(),
            watched: entry.watched,
            ordered: entry.ordered.take(),
            limits,
            chance: schedule::chance(),
        })
    }

    fn attempt(&self, job: &mut Job) -> Result<Update, Problem> {
        let fetcher = self.shared.fetcher();
        job.subscription.check(&self.shared.settings())?;
        let (id, source) = (&job.subscription.id, job.subscription.source.clone());
        if let Source::File(path) = &source {
            let (taken, is_failing) = (job.record.stamp.filter(|_| job.text.is_some()), job.record.failure.is_some());
            if !job.watched.is_due(path, taken, is_failing, Instant::now()) && job.ordered.is_none() {
                return Ok(Update::Idle);
            }
        }
        let mut incoming = self.shared.store.incoming(id, job.limits.max_bytes)?;
        let came = match &source {
            Source::Url(url) => match fetcher.fetch(url, job.known(), &mut incoming)? {
                Fetched::NotModified => return Ok(Update::Same(None)),
                Fetched::Text(validators) => Came { validators, stamp: None },
            },
            Source::File(path) => {
                Came { stamp: Some(watched::read(path, &mut incoming)?), validators: Validators::default() }
            }
        };
        self.take(job, incoming.finish()?, came)
    }

    /// Keeps a text that came, if it is another and none that its source would not want us to have.
    fn take(&self, job: &Job, written: Written, came: Came) -> Result<Update, Problem> {
        let is_same = job.text.as_ref().is_some_and(|text| text.sha256() == written.sha256);
        if is_same {
            discard(&written.path);
            return Ok(Update::Same(Some(came)));
        }
        if let Err(problem) = job.check_size(written.size_bytes) {
            discard(&written.path);
            return Err(problem);
        }
        let kept = Kept {
            file: text_name(&job.subscription.id, &written.sha256),
            source: job.subscription.source.text(),
            validators: came.validators,
            fetched_at_ms: unix_ms(),
            size_bytes: written.size_bytes,
            lines: written.index.lines(),
            sha256: written.sha256.clone(),
        };
        let record = Record { kept: Some(kept), stamp: came.stamp, ..job.succeeded().0 };
        let text = self.shared.store.keep(&record, job.text.as_deref(), written)?;
        Ok(Update::New(Arc::new(text), Box::new(record)))
    }

    /// Puts what came of an attempt on the board and on the disk.
    fn finish(&self, mut job: Job, outcome: Result<Update, Problem>) {
        let id = job.subscription.id.clone();
        let (mut record, mut pause) = job.succeeded();
        let mut new_text = None;
        match outcome {
            Ok(Update::Idle) => record = job.record.clone(),
            Ok(Update::Same(came)) => {
                if let (Some(kept), Some(Came { validators, stamp })) = (&mut record.kept, came) {
                    (kept.validators, kept.source) = (validators, job.subscription.source.text());
                    record.stamp = stamp;
                }
                job.watched.succeeded();
                self.keep_record(&record);
            }
            Ok(Update::New(text, newer)) => {
                tracing::info!(list = id, lines = text.lines(), bytes = text.size_bytes(), "a list has another text");
                (record, new_text) = (*newer, Some(text));
                job.watched.succeeded();
            }
            // What was broken off is no failure.
            Err(_) if self.shared.stopping.load(Ordering::Relaxed) => {
                (record, pause) = (job.record.clone(), Duration::ZERO)
            }
            Err(problem) => {
                (record, pause) = job.failed(&problem);
                self.keep_record(&record);
            }
        }
        let mut entries = self.shared.board.lock();
        // It may have left the configuration meanwhile.
        let Some(entry) = entries.get_mut(&id) else { return };
        entry.fetching = false;
        let is_new = new_text.is_some();
        entry.text = new_text.or_else(|| entry.text.take());
        if entry.subscription.source == job.subscription.source {
            (entry.record, entry.watched) = (record, job.watched);
            entry.due = entry.due.map(|_| Instant::now() + pause);
            entry.record.next_attempt_ms = entry.record.next_attempt_ms.filter(|_| entry.due.is_some());
        } else if is_new {
            // The text is of the source of before; the one of now is due.
            entry.record = Record { failure: None, stamp: None, ..record };
        }
        drop(entries);
        if is_new && self.changes.send(id).is_err() && !self.shared.stopping.load(Ordering::Relaxed) {
            tracing::error!("the thread that tells of new lists has ended; this is a bug of the server");
        }
    }

    fn keep_record(&self, record: &Record) {
        if let Err(error) = self.shared.store.write_record(record) {
            tracing::warn!(list = record.id, %error, "what is known of a list cannot be kept");
        }
    }
}

impl Job {
    /// What the server is told of the text that is kept; `None`: the list is wanted whatever it is.
    fn known(&self) -> Option<&Validators> {
        let kept = self.record.kept.as_ref().filter(|_| self.text.is_some() && self.ordered != Some(true))?;
        let is_useful = kept.validators.etag.is_some() || kept.validators.last_modified.is_some();
        (is_useful && kept.source == self.subscription.source.text()).then_some(&kept.validators)
    }

    /// Whether a list may have so many bytes after what it had.
    fn check_size(&self, now: u64) -> Result<(), Problem> {
        let source = self.subscription.source.text();
        let kept = self.record.kept.as_ref().filter(|kept| self.text.is_some() && kept.source == source);
        let before = kept.map_or(0, |kept| kept.size_bytes);
        let is_emptied = now == 0 && before > 0;
        let is_shrunk = before >= SHRINK_MIN_BYTES && now < before / SHRINK_DIVISOR;
        match (is_emptied || is_shrunk) && self.ordered != Some(true) {
            true => Err(Problem::Shrunk { before, now }),
            false => Ok(()),
        }
    }

    /// What is known of the list now that its source was asked, and the pause until it is asked again.
    fn succeeded(&self) -> (Record, Duration) {
        let pause = match self.subscription.source {
            Source::Url(_) => schedule::after_success(self.subscription.period(), self.chance),
            Source::File(_) => self.limits.watch_interval,
        };
        let (now_ms, next_attempt_ms) = (unix_ms(), self.next_attempt_ms(pause));
        let checked_at_ms = Some(now_ms);
        (Record { checked_at_ms, failure: None, next_attempt_ms, ..self.record.clone() }, pause)
    }

    /// What is known of the list now that an attempt failed, and the pause until the next.
    fn failed(&mut self, problem: &Problem) -> (Record, Duration) {
        let failure = failure(&self.record, problem);
        let list = &self.subscription.id;
        let known = self.record.failure.as_ref().is_some_and(|before| before.problem == failure.problem);
        match known {
            true => tracing::debug!(list, %problem, "a list cannot be taken; what is kept of it stays"),
            false => tracing::warn!(list, %problem, "a list cannot be taken; what is kept of it stays"),
        }
        let (period, wanted) = (self.subscription.period(), problem.retry_after());
        let pause = schedule::after_failure(&self.limits, period, failure.count, wanted, self.chance);
        let failure = Some(failure);
        match self.subscription.source {
            Source::Url(_) => {
                let next_attempt_ms = self.next_attempt_ms(pause);
                (Record { failure, next_attempt_ms, ..self.record.clone() }, pause)
            }
            Source::File(_) => {
                self.watched.failed(Instant::now() + pause);
                (Record { failure, ..self.record.clone() }, self.limits.watch_interval)
            }
        }
    }

    fn next_attempt_ms(&self, pause: Duration) -> Option<u64> {
        let is_url = matches!(self.subscription.source, Source::Url(_));
        (is_url && self.subscription.enabled).then(|| unix_ms() + millis(pause))
    }
}
