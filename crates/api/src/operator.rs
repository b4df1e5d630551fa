//! What runs the process, as the API sees it: what is in use, and orders to change it.
//!
//! Whoever runs the process puts an [`Operator`] into the API's state and obeys its orders, one after the other.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use config::versions::Versions;
use config::{Level, Listen, Sources, Warning};
use tokio::sync::oneshot;

/// A configuration to be taken over.
#[derive(Debug, Clone)]
pub struct Change {
    /// The text of the file.
    pub text: Arc<str>,
    /// The tag of what it is to take the place of.
    pub expected: String,
    /// Who changes it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Within which time it is to be confirmed, if sockets change.
    pub confirm_within: Duration,
}

/// A configuration that was taken over.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Its number in the history; none: it could not be kept there.
    pub version: Option<u64>,
    /// It goes away by itself unless it is confirmed within that time.
    pub confirm_within: Option<Duration>,
    /// What should be looked at.
    pub warnings: Vec<Warning>,
}

/// Why an order is not obeyed. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// The configuration has mistakes.
    #[error("the configuration has mistakes")]
    Invalid(Vec<config::Problem>),
    /// What is in use is not what was expected.
    #[error("{0}")]
    Changed(String),
    /// The file cannot be written.
    #[error("{0}")]
    Unwritable(String),
    /// It has no place now.
    #[error("{0}")]
    Conflict(String),
    /// The system does not give what it takes, such as a socket.
    #[error("{0}")]
    Failed(String),
}

/// What becomes of an order.
pub type Answer<T> = oneshot::Sender<Result<T, Refused>>;

/// What is to be done.
pub enum Order {
    /// Take over a configuration, and write it to the file.
    Configure(Change, Answer<Applied>),
    /// Keep the configuration that waits to be confirmed.
    Confirm(String, Answer<()>),
    /// Log other levels.
    LogLevel(Option<Levels>, Option<Duration>, Answer<()>),
}

/// Levels of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// Least severity that is logged.
    pub level: Level,
    /// The same for modules and what is inside them.
    pub modules: BTreeMap<String, Level>,
}

impl From<&config::Logging> for Levels {
    fn from(logging: &config::Logging) -> Levels {
        Levels { level: logging.level, modules: logging.levels.clone() }
    }
}

/// Levels of the log, now and by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevels {
    /// Those of the configuration.
    pub configured: Levels,
    /// Those in use.
    pub now: Levels,
    /// When those of the configuration are back, in milliseconds since 1970.
    pub until_ms: Option<u64>,
}

/// The configuration in use.
#[derive(Debug, Clone)]
pub struct InUse {
    /// The text of the file; none: there is no file.
    pub text: Option<Arc<str>>,
    /// What DNS is served on.
    pub listen: Vec<Listen>,
    /// What the API is served on.
    pub web: Vec<SocketAddr>,
    /// Where queries are forwarded to, in words.
    pub upstreams: Vec<String>,
    /// Whether names are resolved that are in no zone of the server.
    pub recursion: bool,
    /// Until when it waits to be confirmed, in milliseconds since 1970.
    pub confirm_until_ms: Option<u64>,
    /// Levels of the log.
    pub log: LogLevels,
}

impl InUse {
    /// The entity tag of the text.
    pub fn tag(&self) -> String {
        tag(self.text.as_deref())
    }
}

/// The entity tag of a text: it is another one for another text.
pub fn tag(text: Option<&str>) -> String {
    let mut hasher = DefaultHasher::new();
    match text {
        None => return "none".into(),
        Some(text) => hasher.write(text.as_bytes()),
    }
    format!("{:016x}", hasher.finish())
}

/// What the process and the API both see.
pub struct Running {
    /// Where the configuration comes from.
    pub sources: Sources,
    /// Past configurations.
    pub versions: Versions,
    in_use: RwLock<Arc<InUse>>,
    queries: AtomicU64,
}

impl Running {
    /// A process that runs as `in_use` says.
    pub fn new(sources: Sources, versions: Versions, in_use: InUse) -> Running {
        Running { sources, versions, in_use: RwLock::new(Arc::new(in_use)), queries: AtomicU64::new(0) }
    }

    /// What is in use.
    pub fn in_use(&self) -> Arc<InUse> {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what is said to be in use.
    pub fn update(&self, change: impl FnOnce(&mut InUse)) {
        let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut in_use));
    }

    /// Queries so far; never more than a few seconds old.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Sets the number of queries so far.
    pub fn set_queries(&self, queries: u64) {
        self.queries.store(queries, Ordering::Relaxed);
    }
}

/// What runs the process.
pub struct Operator {
    /// What it shows.
    pub running: Arc<Running>,
    /// Takes an order; false: the server is stopping.
    pub submit: Box<dyn Fn(Order) -> bool + Send + Sync>,
}

impl Operator {
    /// Gives an order, and waits until it is obeyed.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn order<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, Refused> {
        let stopping = || Refused::Failed("the server is stopping".into());
        let (answer, answered) = oneshot::channel();
        if !(self.submit)(order(answer)) {
            return Err(stopping());
        }
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}
