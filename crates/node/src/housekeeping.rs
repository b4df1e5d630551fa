//! What a node does now and then: it frees old versions of what it publishes, forgets history that need not be kept, makes
//! backups and a new secret for server cookies. The scheduler says when.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use journal::{History, Offset};
use server::clock::unix_ms;
use server::settings::Settings;
use tokio::runtime::Handle;
use tokio::sync::watch;
use zone::{Published, ZoneTable};

use crate::backups::Backups;
use crate::cluster::{Cluster, LOOK_INTERVAL};
use crate::scheduler::Scheduler;

/// What no worker uses any more is freed this often.
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);
/// History that need not be kept is forgotten this often.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
/// Whether a backup is due is looked at this often.
const BACKUP_INTERVAL: Duration = Duration::from_secs(60);
/// Server cookies are made with a new secret this often (RFC 7873 7.1).
const COOKIE_ROTATION: Duration = Duration::from_secs(24 * 3600);

/// How much history is kept, and which backups are made, as the configuration says now.
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
    /// Backups.
    pub backups: Backups,
    /// Who shares the journal; `None`: nobody.
    pub cluster: Option<Arc<Cluster>>,
    /// The offset of the latest change that is visible.
    pub position: watch::Receiver<Offset>,
    /// Where history is trimmed and backups are made, which waits for the disk.
    pub runtime: Handle,
}

impl Housekeeping {
    /// Has the scheduler do all of it.
    pub fn start(self, scheduler: &Scheduler) {
        let Housekeeping { zones, settings, history, retention, backups, cluster, position, runtime } = self;
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
        let beside = Beside { retention, runtime };
        if let Some(cluster) = cluster.clone() {
            beside.every(scheduler, LOOK_INTERVAL, move |_| cluster.make_due_snapshot(*position.borrow()));
        }
        beside.every(scheduler, RETENTION_INTERVAL, move |policy| {
            let limit = cluster.as_ref().map_or(Offset::MAX, |cluster| cluster.may_trim_before());
            trim(&history, policy, limit);
        });
        beside.every(scheduler, BACKUP_INTERVAL, move |policy| back_up(&backups, policy));
    }
}

/// Does what waits for the disk, on threads for that.
struct Beside {
    retention: Retention,
    runtime: Handle,
}

impl Beside {
    /// Has `work` done once each `interval`, unless the last time is not over yet.
    fn every(
        &self,
        scheduler: &Scheduler,
        interval: Duration,
        work: impl Fn(&config::Journal) + Send + Sync + 'static,
    ) {
        let (retention, runtime) = (self.retention.clone(), self.runtime.clone());
        let (one_at_a_time, work) = (Arc::new(Mutex::new(())), Arc::new(work));
        scheduler.every(interval, move || {
            let policy = retention.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (one_at_a_time, work) = (one_at_a_time.clone(), work.clone());
            runtime.spawn_blocking(move || match one_at_a_time.try_lock() {
                Ok(_) | Err(TryLockError::Poisoned(_)) => work(&policy),
                Err(TryLockError::WouldBlock) => {}
            });
        });
    }
}

/// Makes a backup if it is time.
fn back_up(backups: &Backups, policy: &config::Journal) {
    let Some(hours) = policy.backup_hours else { return };
    match backups.make_due(hours, policy.backups_kept, unix_ms()) {
        Ok(Some(made)) => tracing::info!(name = made.name, size_bytes = made.size_bytes, "made a backup"),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "no backup was made; it is tried again in a minute"),
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

/// Forgets the history that is not to be kept any longer, and stands before `limit`.
fn trim(history: &History, policy: &config::Journal, limit: Offset) {
    let plan = history.plan_trim(unix_ms(), policy.retention_days, policy.retention_changes);
    let plan = plan.map(|before| before.map(|before| before.min(limit)));
    let trimmed = plan.and_then(|before| before.map(|before| history.trim(before).map(|()| before)).transpose());
    match trimmed {
        Ok(Some(before)) => tracing::info!(before, "deleted the history before this offset"),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "history cannot be trimmed"),
    }
}
