//! The time of day, and time that only passes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// No clock is right that stands before this, in milliseconds since 1970: November 2026.
pub const EARLIEST_MS: u64 = 1_793_500_000_000;

/// Seconds since 1970.
pub fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since 1970.
pub fn unix_us() -> u64 {
    u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX)
}

/// Zero on a machine whose clock stands before 1970.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What the resolver's time follows; one for all threads that share a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Time that only passes, also while the machine sleeps: TTLs run out meanwhile.
    #[default]
    Monotonic,
    /// The system's real-time clock, for tests that fake it.
    Wall,
}

/// The time at which the machine started. Not zero, so that points before it have a number.
const START_US: u64 = 1_000_000_000;

impl Clock {
    /// The time in microseconds, since whenever.
    pub fn now_us(self) -> u64 {
        match self {
            Clock::Monotonic => {
                let since = clock_gettime(ClockId::Boottime);
                START_US + since.tv_sec as u64 * 1_000_000 + since.tv_nsec as u64 / 1000
            }
            Clock::Wall => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64),
        }
    }

    /// The same in milliseconds.
    pub fn now_ms(self) -> u64 {
        self.now_us() / 1000
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Tells the test that it runs in a time namespace.
    const INSIDE: &str = "HEADWATER_TEST_TIME_NAMESPACE";
    const ASLEEP_S: u64 = 1_000_000;

    /// Time asleep is the difference between two clocks of the system (CLOCK_BOOTTIME and CLOCK_MONOTONIC); a time
    /// namespace has whatever difference is wanted.
    #[test]
    fn time_asleep_counts() {
        if std::env::var_os(INSIDE).is_some() {
            assert!(Clock::Monotonic.now_us() > ASLEEP_S * 1_000_000, "{}", Clock::Monotonic.now_us());
            return;
        }
        let this = std::env::current_exe().expect("this program");
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(["--time", "--fork", "--boottime", &ASLEEP_S.to_string()]);
            command
        };
        if !unshare().arg("true").output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no time namespace");
            return;
        }
        let name = "clock::tests::time_asleep_counts";
        let output = unshare().arg(this).args(["--exact", name]).env(INSIDE, "1").output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn it_only_goes_forward() {
        let before = Clock::Monotonic.now_us();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(Clock::Monotonic.now_us() >= before + 2000 && before > START_US);
    }
}
