//! What a node does now and then: it frees old versions of what it publishes, forgets history that need not be kept, and
//! makes a new secret for server cookies. The scheduler says when.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use journal::History;
use server::clock::unix_ms;
use server::settings::Settings;
use tokio::runtime::Handle;
use zone::{Published, ZoneTable};

use crate::scheduler::Scheduler;

/// What no worker uses any more is freed this often.
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);
/// History that need not be kept is forgotten this often.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
/// Server cookies are made with a new secret this often (RFC 7873 7.1).
const COOKIE_ROTATION: Duration = Duration::from_secs(24 * 3600);

/// How much history is kept, as the configuration says now.
pub type Retention = Arc<Mutex<config::Journal>>;

/// What there is to look after.
pub struct Housekeeping {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// The data plane's settings.
    pub settings: Arc<Published<Settings>>,
    /// Past changes.
    pub history: Arc<History>,
    /// How many of them are kept.
    pub retention: Retention,
    /// Where history is trimmed, which waits for the disk.
    pub runtime: Handle,
}

impl Housekeeping {
    /// Has the scheduler do all of it.
    pub fn start(self, scheduler: &Scheduler) {
        let Housekeeping { zones, settings, history, retention, runtime } = self;
        let own = settings.clone();
        scheduler.every(COLLECT_INTERVAL, move || {
            zones.collect();
            own.collect();
        });
        scheduler.every(COOKIE_ROTATION, move || {
            if let Err(error) = rotate_cookies(&settings) {
                tracing::error!(%error, "cookie secret not rotated");
            }
        });
        let one_at_a_time = Arc::new(Mutex::new(()));
        scheduler.every(RETENTION_INTERVAL, move || {
            let (history, policy) = (history.clone(), retention.lock().unwrap_or_else(PoisonError::into_inner).clone());
            let one_at_a_time = one_at_a_time.clone();
            runtime.spawn_blocking(move || match one_at_a_time.try_lock() {
                Ok(_) | Err(TryLockError::Poisoned(_)) => trim(&history, &policy),
                // The last time is not over yet.
                Err(TryLockError::WouldBlock) => {}
            });
        });
    }
}

/// Makes a new secret for server cookies (RFC 7873 7.1); cookies of the last one stay valid.
fn rotate_cookies(settings: &Published<Settings>) -> Result<(), getrandom::Error> {
    let secret = random_secret()?;
    settings.update(|settings| {
        let cookies = settings.cookies.clone().map(|secrets| secrets.rotated(secret));
        Settings { cookies, ..settings.clone() }
    });
    Ok(())
}

/// A secret for server cookies.
///
/// # Errors
/// The system gives no random numbers.
pub fn random_secret() -> Result<[u8; 16], getrandom::Error> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// Forgets the history that is not to be kept any longer.
fn trim(history: &History, policy: &config::Journal) {
    let plan = history.plan_trim(unix_ms(), policy.retention_days, policy.retention_changes);
    let trimmed = plan.and_then(|before| before.map(|before| history.trim(before).map(|()| before)).transpose());
    match trimmed {
        Ok(Some(before)) => tracing::info!(before, "deleted the history before this offset"),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "history cannot be trimmed"),
    }
}
