//! The timers of a secondary (RFC 1034 4.3.5). Times are seconds since 1970, because they outlive a restart.

use std::time::Duration;

use dns::rdata::typed::Soa;
use journal::Checked;

/// The timers of an SOA record, within what makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoaTimers {
    /// Seconds from one refresh to the next.
    pub refresh_s: u64,
    /// Seconds until a failed refresh is tried again.
    pub retry_s: u64,
    /// Seconds that contents are served without being confirmed.
    pub expire_s: u64,
}

/// What the journal has of a secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its timers.
    pub soa: SoaTimers,
    /// The serial that its primary had of it. Where the zone is signed here, its own is another one.
    pub serial: u32,
}

impl Held {
    /// What it is of a zone; `None`: it has no contents.
    pub fn of(state: &journal::ZoneState) -> Option<Held> {
        let soa = state.contents.as_ref()?.soa()?;
        Some(Held { soa: SoaTimers::of(&soa), serial: state.serial_at_primary()? })
    }
}

/// Shortest and longest time between two refreshes, whatever the SOA record says.
const MIN_REFRESH_S: u64 = 1;
const MAX_REFRESH_S: u64 = 28 * 24 * 3600;
/// Without contents that may be served, the time to the next attempt doubles from the one to the other.
const FIRST_RETRY_S: u64 = 1;
const LAST_RETRY_S: u64 = 300;

impl SoaTimers {
    /// Those of a record.
    pub fn of(soa: &Soa<'_>) -> SoaTimers {
        let within = |seconds: u32| u64::from(seconds).clamp(MIN_REFRESH_S, MAX_REFRESH_S);
        SoaTimers {
            refresh_s: within(soa.refresh),
            retry_s: within(soa.retry),
            // Contents that expire before they are refreshed would never be served.
            expire_s: u64::from(soa.expire).max(within(soa.refresh) + 1),
        }
    }
}

/// The timers of one secondary.
#[derive(Debug, Clone)]
pub struct Timers {
    soa: Option<SoaTimers>,
    checked: Option<Checked>,
    /// When to ask next.
    ask_at_s: u64,
    /// Failures since the last success.
    failures: u32,
    expired: bool,
}

impl Timers {
    /// The timers of a zone after a start: with the contents that have these, confirmed when the store says so. The store
    /// may not have been told before a crash: then the contents count as confirmed now, so that they expire at all.
    pub fn new(now_s: u64, checked: Option<Checked>, soa: Option<SoaTimers>) -> Timers {
        let ask_at_s = match (soa, checked) {
            (Some(soa), Some(checked)) => checked.at_s + soa.refresh_s,
            _ => 0,
        };
        let checked = checked.or_else(|| soa.map(|soa| Checked { at_s: now_s, expires_at_s: now_s + soa.expire_s }));
        // Whether the contents have expired is found out with the first look at the clock.
        Timers { soa, checked, ask_at_s, failures: 0, expired: false }
    }

    /// When a primary last confirmed the contents, and until when they are good.
    pub fn checked(&self) -> Option<Checked> {
        self.checked
    }

    /// When a primary is asked next, in seconds since 1970.
    pub fn ask_at_s(&self) -> u64 {
        self.ask_at_s
    }

    /// A primary confirmed the contents or sent new ones.
    pub fn succeeded(&mut self, now_s: u64, soa: SoaTimers) {
        self.soa = Some(soa);
        self.checked = Some(Checked { at_s: now_s, expires_at_s: now_s + soa.expire_s });
        self.ask_at_s = now_s + soa.refresh_s;
        (self.failures, self.expired) = (0, false);
    }

    /// No primary did. Who has nothing to serve asks again sooner, but never later than the SOA record says.
    pub fn failed(&mut self, now_s: u64) {
        let backed_off = LAST_RETRY_S.min(FIRST_RETRY_S << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.ask_at_s = now_s
            + match self.soa {
                Some(soa) if self.expired => backed_off.min(soa.retry_s),
                Some(soa) => soa.retry_s,
                None => backed_off,
            };
    }

    /// Whether it is time to ask.
    pub fn wants_refresh(&self, now_s: u64) -> bool {
        now_s >= self.ask_at_s
    }

    /// Whether the contents must not be served.
    pub fn is_expired(&self) -> bool {
        self.expired
    }

    /// Notes that the contents have expired, if they have; says whether that is new. Then the primaries are asked at
    /// once: now they may have what was no use before.
    pub fn expire(&mut self, now_s: u64) -> bool {
        let due = self.checked.is_some_and(|checked| checked.are_expired(now_s));
        let is_new = !std::mem::replace(&mut self.expired, due) && due;
        if is_new {
            (self.failures, self.ask_at_s) = (0, self.ask_at_s.min(now_s));
        }
        is_new
    }

    /// How long it is until something is due.
    pub fn wait(&self, now_s: u64) -> Duration {
        let expiry = self.checked.filter(|_| !self.expired).map(|checked| checked.expires_at_s);
        let at_s = expiry.map_or(self.ask_at_s, |expiry| expiry.min(self.ask_at_s));
        Duration::from_secs(at_s.saturating_sub(now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOA: SoaTimers = SoaTimers { refresh_s: 100, retry_s: 10, expire_s: 1000 };

    /// RFC 1034 4.3.5: refresh, then retry, then expire.
    #[test]
    fn refresh_retry_expire() {
        let mut timers = Timers::new(0, None, None);
        assert!(timers.wants_refresh(5000));
        timers.succeeded(5000, SOA);
        assert!(!timers.wants_refresh(5099) && timers.wants_refresh(5100));
        timers.failed(5100);
        assert!(!timers.wants_refresh(5109) && timers.wants_refresh(5110));
        assert!(!timers.expire(5999));
        assert!(timers.expire(6000) && timers.is_expired());
        assert!(!timers.expire(6001), "said once");
        timers.succeeded(7000, SOA);
        assert!(!timers.is_expired() && !timers.expire(7999));
    }

    /// RFC 1034 4.3.5: after expiry a primary is asked at once, and then again within the time of RETRY, however many
    /// attempts failed before.
    #[test]
    fn after_expiry_attempts_come_within_retry() {
        let mut timers = Timers::new(0, None, None);
        timers.succeeded(5000, SOA);
        let mut now_s = 5100;
        while !timers.expire(now_s) {
            timers.failed(now_s);
            now_s = timers.ask_at_s();
        }
        assert!(now_s == 6000 && timers.wants_refresh(now_s));
        let mut waits = Vec::new();
        for _ in 0..7 {
            timers.failed(now_s);
            waits.push(timers.ask_at_s() - now_s);
            now_s = timers.ask_at_s();
        }
        assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10]);
    }

    /// What was confirmed before a restart counts; where that is not known, contents expire all the same.
    #[test]
    fn contents_expire_after_a_restart() {
        let check = |checked, expires_at_s, asks_at_s| {
            let timers = Timers::new(5000, checked, Some(SOA));
            assert_eq!(timers.ask_at_s, asks_at_s, "{checked:?}");
            assert!(!timers.clone().expire(expires_at_s - 1), "{checked:?}");
            assert!(timers.clone().expire(expires_at_s), "{checked:?}");
        };
        check(Some(Checked { at_s: 4950, expires_at_s: 5950 }), 5950, 5050);
        check(Some(Checked { at_s: 3000, expires_at_s: 4000 }), 4000, 3100);
        check(None, 6000, 0);
    }

    #[test]
    fn without_contents_attempts_slow_down() {
        let mut timers = Timers::new(0, None, None);
        let mut waits = Vec::new();
        for _ in 0..12 {
            timers.failed(0);
            waits.push(timers.ask_at_s);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }
}
