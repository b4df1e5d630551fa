//! What systemd is told, and what it gives: readiness, signs of life, sockets that it opened. Without systemd nothing
//! of it does anything.

use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

/// For a reload, during which the main thread gives no sign of life: millions of zones take a while.
const RELOAD_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Tells systemd, where it listens.
pub fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd not notified");
    }
}

/// Signs of life, which systemd waits for with `WatchdogSec=`: without them it ends the process and starts it again.
pub struct Watchdog(Option<Duration>);

impl Watchdog {
    /// As `WATCHDOG_USEC` says; none without it.
    pub fn from_environment() -> Watchdog {
        Watchdog(sd_notify::watchdog_enabled())
    }

    /// How often a sign is due, if that is more often than every `usual`.
    pub fn interval(&self, usual: Duration) -> Duration {
        self.0.map_or(usual, |patience| usual.min(patience / 2))
    }

    /// The main loop turns.
    pub fn alive(&self) {
        if self.0.is_some() {
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// Something long begins (`true`) or is over.
    pub fn be_patient(&self, long: bool) {
        let Some(patience) = self.0 else { return };
        let patience = if long { patience.max(RELOAD_PATIENCE) } else { patience };
        notify(&[
            NotifyState::WatchdogUsec(u32::try_from(patience.as_micros()).unwrap_or(u32::MAX)),
            NotifyState::Watchdog,
        ]);
    }
}

/// The sockets for TCP that a socket unit opened for this process.
pub fn sockets() -> Vec<TcpListener> {
    let mut given = ListenFd::from_env();
    (0..given.len()).filter_map(|index| given.take_tcp_listener(index).ok().flatten()).collect()
}
