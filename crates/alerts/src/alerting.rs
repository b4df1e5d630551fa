//! Runs the engine: looks each few seconds, keeps what must outlive a restart in a file, and tells people, each on a
//! thread of its own, so that one who cannot be reached keeps nobody else waiting.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::decisions::{Acknowledged, Decided, Decisions, NotKept};
use crate::deliver::Recipient;
use crate::engine::{Check, Engine, Sample};
use crate::mail::MailSettings;
use crate::rule::Rule;
use crate::state::{Acknowledgement, Alert, Notice, Silence, State};

/// Whether something is due is looked at this often.
const TICK: Duration = Duration::from_secs(1);
/// What is watched is looked at each so many ticks.
const TICKS_OF_A_LOOK: u32 = 5;

/// What is watched, as it is now.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Values of metrics.
    pub samples: Vec<Sample>,
    /// Health checks.
    pub checks: Vec<Check>,
}

/// Who is told of what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// The mail server.
    pub mail: MailSettings,
}

/// What watches and tells. Clones are handles on the same.
#[derive(Clone)]
pub struct Alerting {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

struct Shared {
    engine: Mutex<Engine>,
    settings: Mutex<Arc<Settings>>,
    decisions: Arc<dyn Decisions>,
    /// Recipients that are being told something.
    busy: Mutex<HashSet<String>>,
    file: PathBuf,
    /// Decisions of the last run could not be handed over the last time.
    is_withheld: AtomicBool,
    /// The file could not be written the last time.
    is_unsaved: AtomicBool,
    stopping: AtomicBool,
}

impl Alerting {
    /// Goes on from what `file` says, and watches what `observe` gives. What people decide is kept in `decisions`; what
    /// a file of an earlier version has of it is handed over there, once.
    ///
    /// # Errors
    /// A thread that cannot be started. A file that cannot be read is set aside and logged.
    pub fn start(
        file: PathBuf,
        settings: Settings,
        decisions: Arc<dyn Decisions>,
        observe: impl Fn() -> Observed + Send + 'static,
    ) -> io::Result<Alerting> {
        let shared = Arc::new(Shared {
            engine: Mutex::new(Engine::new(read(&file))),
            settings: Mutex::default(),
            decisions,
            busy: Mutex::default(),
            file,
            is_withheld: AtomicBool::new(false),
            is_unsaved: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        shared.configure(settings);
        shared.hand_over();
        shared.decide();
        let watching = shared.clone();
        let thread = thread::Builder::new().name("alerts".into()).spawn(move || watching.run(&observe))?;
        Ok(Alerting { shared, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Has these rules hold, and these people told, from now on.
    pub fn configure(&self, settings: Settings) {
        self.shared.configure(settings);
    }

    /// What is known.
    pub fn state(&self) -> State {
        lock(&self.shared.engine).state().clone()
    }

    /// Rules and recipients.
    pub fn settings(&self) -> Arc<Settings> {
        lock(&self.shared.settings).clone()
    }

    /// Somebody looks after an alert; `false`: there is no such alert. Blocks until that is durable.
    ///
    /// # Errors
    /// It could not be kept, and does not hold.
    pub fn acknowledge(&self, id: u64, who: &str) -> Result<bool, NotKept> {
        let by = Acknowledgement { who: who.to_owned(), at_ms: now_ms() };
        let (acknowledged, over) = {
            let engine = lock(&self.shared.engine);
            let Some(alert) = engine.open_alert(id) else { return Ok(false) };
            let was_acknowledged = |alert: &&Alert| alert.acknowledged.is_some();
            let over: Vec<Alert> = engine.state().history.iter().filter(was_acknowledged).cloned().collect();
            (Acknowledged::new(alert, by), over)
        };
        self.shared.decisions.acknowledge(&acknowledged, &over)?;
        self.shared.decide();
        Ok(true)
    }

    /// Nobody is told of some alerts for a while; the number of the silence. `None`: there are too many. Blocks until
    /// that is durable.
    ///
    /// # Errors
    /// It could not be kept, and does not hold.
    pub fn silence(&self, silence: &Silence) -> Result<Option<u64>, NotKept> {
        let id = self.shared.decisions.silence(silence, now_ms())?;
        self.shared.decide();
        Ok(id)
    }

    /// Ends a silence on behalf of `who`; `false`: there is none of this number. Blocks until that is durable.
    ///
    /// # Errors
    /// It could not be kept, and the silence goes on.
    pub fn unsilence(&self, id: u64, who: &str) -> Result<bool, NotKept> {
        let was_there = self.shared.decisions.unsilence(id, who, now_ms())?;
        self.shared.decide();
        Ok(was_there)
    }

    /// Sends a test to one recipient, or to all, past whatever waits for them. Blocks until it has arrived or not: each
    /// recipient with the problem, if there is one.
    pub fn test(&self, recipient: Option<&str>) -> Vec<(String, Result<(), String>)> {
        let settings = self.settings();
        let chosen = settings.recipients.iter().filter(|it| recipient.is_none_or(|name| it.name == name));
        let test = |recipient: &Recipient| {
            let now_ms = now_ms();
            let (id, name) = (format!("{now_ms:x}-test"), recipient.name.clone());
            let notice = Notice { is_test: true, ..Notice::new(id, &name, Vec::new(), now_ms) };
            let outcome = recipient.deliver(&notice, &settings.mail, now_ms).map_err(|error| error.problem);
            (name, outcome)
        };
        chosen.map(test).collect()
    }

    /// Ends; what is being told is told to its end.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of alerts panicked; this is a bug of the server");
        }
    }
}

impl Shared {
    fn configure(&self, settings: Settings) {
        let addressees = settings.recipients.iter().map(Recipient::addressee).collect();
        lock(&self.engine).configure(settings.rules.clone(), addressees);
        *lock(&self.settings) = Arc::new(settings);
    }

    fn run(self: &Arc<Self>, observe: &impl Fn() -> Observed) {
        let mut ticks = 0;
        while !self.stopping.load(Ordering::Relaxed) {
            if ticks % TICKS_OF_A_LOOK == 0 {
                self.hand_over();
                self.decide();
                let Observed { samples, checks } = observe();
                self.change(|engine, now_ms| engine.observe(now_ms, &samples, &checks));
            }
            self.deliver();
            ticks = ticks.wrapping_add(1);
            thread::sleep(TICK);
        }
    }

    /// Hands over what a file of an earlier version says that people decided. Until that has worked it holds as it is.
    fn hand_over(&self) {
        let decided = {
            let engine = lock(&self.engine);
            if engine.state().are_decisions_shared {
                return;
            }
            Decided::of(engine.state())
        };
        match self.decisions.take_over(&decided, now_ms()) {
            Ok(()) => self.change(|engine, _| engine.decide(self.decisions.decided())),
            Err(problem) => {
                if !self.is_withheld.swap(true, Ordering::Relaxed) {
                    tracing::error!(%problem, "silences and acknowledgements of the last run are not shared yet");
                }
            }
        }
    }

    /// Takes over what people have decided, here or elsewhere.
    fn decide(&self) {
        // Looked at under the lock of the engine, so that nothing older comes after something newer.
        self.change(|engine, _| {
            if engine.state().are_decisions_shared {
                engine.decide(self.decisions.decided());
            }
        });
    }

    /// Changes what is known, and keeps it in the file before anybody is told.
    fn change<T>(&self, change: impl FnOnce(&mut Engine, u64) -> T) -> T {
        let mut engine = lock(&self.engine);
        let before = engine.state().clone();
        let result = change(&mut engine, now_ms());
        if *engine.state() != before || self.is_unsaved.load(Ordering::Relaxed) {
            self.save(engine.state());
        }
        result
    }

    /// Without the file the alerts of this run are still told; after a restart they are told again.
    fn save(&self, state: &State) {
        let outcome = write(&self.file, state);
        let was_unsaved = self.is_unsaved.swap(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome
            && !was_unsaved
        {
            tracing::error!(file = %self.file.display(), %error, "alerts are not kept over a restart");
        }
    }

    /// Starts to tell whoever is due and is not being told something already.
    fn deliver(self: &Arc<Self>) {
        let due: Vec<Notice> = lock(&self.engine).due(now_ms()).into_iter().cloned().collect();
        let settings = lock(&self.settings).clone();
        for notice in due {
            let recipient = settings.recipients.iter().find(|it| it.name == notice.recipient).cloned();
            let Some(recipient) = recipient else { continue };
            if !lock(&self.busy).insert(notice.recipient.clone()) {
                continue;
            }
            let (shared, mail, name) = (self.clone(), settings.mail.clone(), notice.recipient.clone());
            let telling = move || shared.tell(&recipient, &notice, &mail);
            if let Err(error) = thread::Builder::new().name("notice".into()).spawn(telling) {
                tracing::warn!(%error, recipient = name, "a notice cannot be sent now");
                lock(&self.busy).remove(&name);
            }
        }
    }

    fn tell(&self, recipient: &Recipient, notice: &Notice, mail: &MailSettings) {
        let outcome = recipient.deliver(notice, mail, now_ms());
        if let Err(error) = &outcome {
            let (attempt, name) = (notice.attempts + 1, &recipient.name);
            tracing::warn!(recipient = name, attempt, problem = error.problem, "a notice did not arrive");
        }
        let outcome = outcome.map_err(|error| (error.problem, error.may_try_again));
        self.change(|engine, now_ms| engine.delivered(&notice.id, outcome, now_ms));
        lock(&self.busy).remove(&recipient.name);
    }
}

/// What the file says; nothing if there is none.
fn read(file: &PathBuf) -> State {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return State::default(),
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "alerts of the last run cannot be read");
            return State::default();
        }
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        let aside = file.with_extension("damaged");
        tracing::error!(file = %file.display(), aside = %aside.display(), %error, "alerts are damaged and set aside");
        let _ = fs::rename(file, aside);
        State::default()
    })
}

/// Writes the file as a whole, or leaves it as it was.
fn write(file: &PathBuf, state: &State) -> io::Result<()> {
    let next = file.with_extension("next");
    let mut out: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    out.write_all(&serde_json::to_vec(state)?)?;
    out.sync_all()?;
    fs::rename(&next, file)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Every change is one step, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
