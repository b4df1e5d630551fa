//! Levels of the log: what the configuration says, or what was asked for by API, for a while.

use std::time::{Duration, Instant};

use api::operator::Levels;
use config::Logging;
use server::clock::unix_ms;

use super::Serving;

impl Serving {
    /// Logs `levels` from now on, for `time` if it is given; none: what the configuration says.
    pub(super) fn set_levels(&mut self, levels: Option<Levels>, time: Option<Duration>) {
        let time = time.filter(|_| levels.is_some());
        let levels = levels.unwrap_or_else(|| Levels::from(&self.config.logging));
        self.log.set_levels(&levels);
        tracing::info!(level = levels.level.as_str(), modules = ?levels.modules, seconds = time.map(|time| time.as_secs()), "log level changed");
        self.levels_until = time.map(|time| Instant::now() + time);
        let until_ms = time.map(|time| unix_ms() + time.as_millis() as u64);
        self.running.update(|in_use| (in_use.log.now, in_use.log.until_ms) = (levels, until_ms));
    }

    /// Goes back to the configuration's levels when the time is over.
    pub(super) fn end_levels(&mut self) {
        if self.levels_until.is_some_and(|until| Instant::now() >= until) {
            self.set_levels(None, None);
        }
    }

    /// Takes over the levels of a new configuration. If they are those of the one before, what was asked for by API goes
    /// on.
    pub(super) fn take_levels(&mut self, logging: &Logging) {
        let (before, after) = (Levels::from(&self.config.logging), Levels::from(logging));
        if before == after {
            return;
        }
        self.log.set_levels(&after);
        self.levels_until = None;
        self.running.update(|in_use| {
            (in_use.log.configured, in_use.log.now, in_use.log.until_ms) = (after.clone(), after, None);
        });
    }
}
