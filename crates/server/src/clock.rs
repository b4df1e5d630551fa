//! The time of day, and time that only passes.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What the resolver's time follows; one for all threads that share a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Time that only passes.
    #[default]
    Monotonic,
    /// The system's real-time clock, for tests that fake it.
    Wall,
}

/// The beginning of monotonic time. Not zero, so that points before it have a number.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
const START_US: u64 = 1_000_000_000;

impl Clock {
    /// The time in microseconds, since whenever.
    pub fn now_us(self) -> u64 {
        match self {
            Clock::Monotonic => START_US + START.elapsed().as_micros() as u64,
            Clock::Wall => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64),
        }
    }

    /// The same in milliseconds.
    pub fn now_ms(self) -> u64 {
        self.now_us() / 1000
    }
}
