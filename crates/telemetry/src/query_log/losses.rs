//! What is said about rows that the log lost: at once, then every minute, and when it is over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// From one word about an output to the next.
const INTERVAL: Duration = Duration::from_secs(60);
/// An output that lost nothing for so long has recovered.
const CALM: Duration = Duration::from_secs(2);

/// How an output is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputState {
    /// Its name.
    pub name: String,
    /// Rows that it lost so far.
    pub lost: u64,
    /// What is in its way now.
    pub trouble: Option<String>,
}

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing can be written; rows wait, and so many are lost since the trouble began.
    Trouble { name: String, why: String, lost: u64 },
    /// Rows come faster than they are taken.
    Slow { name: String, lost: u64 },
    /// It is over; so many rows were lost.
    Recovered { name: String, lost: u64 },
}

/// What was seen and said of each output.
#[derive(Debug, Default)]
pub struct Losses {
    seen: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    lost: u64,
    /// When rows were lost last, or something was in the way.
    bad: Option<Instant>,
    said: Option<Instant>,
    /// What was lost before it began.
    lost_before: u64,
}

impl Losses {
    /// Looks at all outputs; those that are gone are forgotten.
    pub fn check(&mut self, now: Instant, outputs: &[OutputState]) -> Vec<Said> {
        self.seen.retain(|name, _| outputs.iter().any(|output| output.name == *name));
        outputs.iter().filter_map(|output| self.check_one(now, output)).collect()
    }

    fn check_one(&mut self, now: Instant, output: &OutputState) -> Option<Said> {
        let first = Seen { lost: 0, bad: None, said: None, lost_before: 0 };
        let seen = self.seen.entry(output.name.clone()).or_insert(first);
        let before = std::mem::replace(&mut seen.lost, output.lost);
        let name = output.name.clone();
        if output.trouble.is_some() || output.lost > before {
            if seen.bad.is_none() {
                seen.lost_before = before;
            }
            seen.bad = Some(now);
            if seen.said.is_some_and(|said| now.duration_since(said) < INTERVAL) {
                return None;
            }
            seen.said = Some(now);
            let lost = output.lost.saturating_sub(seen.lost_before);
            return Some(match output.trouble.clone() {
                Some(why) => Said::Trouble { name, why, lost },
                None => Said::Slow { name, lost },
            });
        }
        if now.duration_since(seen.bad?) < CALM {
            return None;
        }
        seen.bad = None;
        // The next trouble is said at once only if the last was not said just now.
        let lost = output.lost.saturating_sub(seen.lost_before);
        Some(Said::Recovered { name, lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn said_at_once_then_every_minute_then_when_it_is_over() {
        let start = Instant::now();
        let mut losses = Losses::default();
        let mut at = |seconds: u64, lost: u64, trouble: Option<&str>| {
            let output = OutputState { name: "file".into(), lost, trouble: trouble.map(str::to_owned) };
            losses.check(start + Duration::from_secs(seconds), &[output]).pop()
        };
        let name = || "file".to_owned();
        assert_eq!(at(0, 0, None), None);
        assert_eq!(at(1, 0, Some("full")), Some(Said::Trouble { name: name(), why: "full".into(), lost: 0 }));
        assert_eq!(at(2, 100, Some("full")), None);
        assert_eq!(at(61, 900, Some("full")), Some(Said::Trouble { name: name(), why: "full".into(), lost: 900 }));
        assert_eq!(at(62, 950, None), None);
        assert_eq!(at(63, 950, None), None);
        assert_eq!(at(64, 950, None), Some(Said::Recovered { name: name(), lost: 950 }));
        assert_eq!(at(200, 950, None), None);
        assert_eq!(at(201, 960, None), Some(Said::Slow { name: name(), lost: 10 }));
        assert_eq!(at(205, 960, None), Some(Said::Recovered { name: name(), lost: 10 }));
        assert_eq!(losses.check(start, &[]), []);
    }
}
