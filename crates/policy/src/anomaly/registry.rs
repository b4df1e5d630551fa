//! Anomalies that are under way, and what is not to be reported.

use std::net::IpAddr;

use dns::NameBuf;
use ipnet::IpNet;

use super::report::{Anomaly, Finding, Kind, MAX_EXAMPLES, Stage, Subject};
use super::table::ByHash;
use super::thresholds::Thresholds;

/// Most anomalies under way; what is found beyond is counted (`Fill::overflown`) and not reported.
pub const MAX_ACTIVE: usize = 1_024;
/// Most mutes; one more is refused.
pub const MAX_MUTES: usize = 1_024;
/// How much the score must rise to be told at once.
const TELLING_RISE: f32 = 0.1;

/// Whom a mute is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MuteTarget {
    /// Clients with addresses in a network.
    Network(IpNet),
    /// A device, by number.
    Device(u32),
    /// A name and all below it.
    Zone(NameBuf),
    /// An upstream server.
    Server(IpAddr),
}

/// Something not to be reported for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Whom it is about.
    pub target: MuteTarget,
    /// The only kind it holds for; all kinds without.
    pub kind: Option<Kind>,
    /// Why, in the words of who set it.
    pub reason: String,
    /// When it ends; never without.
    pub until_ms: Option<u64>,
}

impl Mute {
    /// Whether an anomaly of this kind and subject is not to be reported at `now_ms`.
    pub fn holds_for(&self, kind: Kind, subject: &Subject, now_ms: u64) -> bool {
        let meant = match &self.target {
            MuteTarget::Network(network) => subject.client.is_some_and(|client| network.contains(&client)),
            MuteTarget::Device(device) => subject.device == Some(*device),
            MuteTarget::Zone(zone) => subject.zone.as_ref().is_some_and(|name| name.is_at_or_below(zone)),
            MuteTarget::Server(server) => subject.server == Some(*server),
        };
        meant && self.kind.is_none_or(|only| only == kind) && self.until_ms.is_none_or(|until| now_ms < until)
    }
}

/// There are [`MAX_MUTES`] already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_MUTES} mutes")]
pub struct TooManyMutes;

#[derive(Debug)]
struct Active {
    anomaly: Anomaly,
    /// What is to be told about it.
    news: Option<Stage>,
    told_ms: u64,
    told_score: f32,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    active: ByHash<Active>,
    mutes: Vec<Mute>,
    next_id: u64,
    overflown: u64,
    muted: u64,
}

impl Registry {
    /// Takes a finding: begins an anomaly, goes on with one, or drops what is muted.
    pub fn take(&mut self, now_ms: u64, found: Finding, thresholds: &Thresholds) {
        if self.mutes.iter().any(|mute| mute.holds_for(found.kind, &found.subject, now_ms)) {
            self.muted += 1;
            return;
        }
        let key = found.key ^ (found.kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(active) = self.active.get_mut(&key) {
            active.confirm(now_ms, found);
            if active.is_news(now_ms, thresholds) {
                active.news.get_or_insert(Stage::Updated);
            }
            return;
        }
        if self.active.len() >= MAX_ACTIVE {
            self.overflown += 1;
            return;
        }
        self.next_id += 1;
        let anomaly = Anomaly {
            id: self.next_id,
            kind: found.kind,
            subject: found.subject,
            stage: Stage::Begun,
            begun_ms: now_ms,
            last_seen_ms: now_ms,
            score: found.score,
            reasons: found.reasons,
            examples: found.examples.into_iter().take(MAX_EXAMPLES).collect(),
        };
        let (told_score, news) = (anomaly.score, Some(Stage::Begun));
        self.active.insert(key, Active { anomaly, news, told_ms: now_ms, told_score });
    }

    /// What is new since the last call, with what has ended.
    pub fn news(&mut self, now_ms: u64, thresholds: &Thresholds) -> Vec<Anomaly> {
        let over = |active: &Active| now_ms.saturating_sub(active.anomaly.last_seen_ms) >= thresholds.quiet_ms;
        let mut news: Vec<Anomaly> = self.active.values_mut().filter_map(|active| active.tell(now_ms)).collect();
        let ended = self.active.extract_if(|_, active| over(active));
        news.extend(ended.map(|(_, active)| Anomaly { stage: Stage::Ended, ..active.anomaly }));
        self.mutes.retain(|mute| mute.until_ms.is_none_or(|until| now_ms < until));
        news.sort_by_key(|anomaly| (anomaly.id, anomaly.stage == Stage::Ended));
        news
    }

    pub fn active(&self) -> impl Iterator<Item = &Anomaly> {
        self.active.values().map(|active| &active.anomaly)
    }

    pub fn overflown(&self) -> u64 {
        self.overflown
    }

    pub fn muted(&self) -> u64 {
        self.muted
    }

    pub fn mute(&mut self, mute: Mute) -> Result<(), TooManyMutes> {
        if self.mutes.len() >= MAX_MUTES {
            return Err(TooManyMutes);
        }
        self.mutes.push(mute);
        Ok(())
    }

    pub fn set_mutes(&mut self, mutes: Vec<Mute>) -> Result<(), TooManyMutes> {
        if mutes.len() > MAX_MUTES {
            return Err(TooManyMutes);
        }
        self.mutes = mutes;
        Ok(())
    }

    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }
}

impl Active {
    fn confirm(&mut self, now_ms: u64, found: Finding) {
        self.anomaly.last_seen_ms = now_ms;
        self.anomaly.subject.client = found.subject.client;
        if found.score >= self.anomaly.score {
            self.anomaly.score = found.score;
            self.anomaly.reasons = found.reasons;
        }
        for example in found.examples {
            if self.anomaly.examples.len() < MAX_EXAMPLES && !self.anomaly.examples.contains(&example) {
                self.anomaly.examples.push(example);
            }
        }
    }

    fn is_news(&self, now_ms: u64, thresholds: &Thresholds) -> bool {
        self.anomaly.score >= self.told_score + TELLING_RISE
            || now_ms.saturating_sub(self.told_ms) >= thresholds.update_ms
    }

    fn tell(&mut self, now_ms: u64) -> Option<Anomaly> {
        self.anomaly.stage = self.news.take()?;
        self.told_ms = now_ms;
        self.told_score = self.anomaly.score;
        Some(self.anomaly.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::report::Reason;

    fn found(key: u64, score: f32) -> Finding {
        let subject = Subject {
            client: "192.0.2.7".parse().ok(),
            zone: Some(format!("t{key}.example").parse().expect("name")),
            ..Subject::default()
        };
        let reasons = vec![Reason::DistinctNames(key as u32)];
        Finding { kind: Kind::Tunnel, key, subject, score, reasons, examples: vec![NameBuf::root(); 9] }
    }

    #[test]
    fn an_anomaly_is_told_once_then_updated_then_ended() {
        let (mut registry, t) = (Registry::default(), Thresholds::default());
        registry.take(1_000, found(1, 0.75), &t);
        registry.take(2_000, found(1, 0.76), &t);
        let news = registry.news(2_000, &t);
        assert_eq!(news.iter().map(|a| (a.id, a.stage)).collect::<Vec<_>>(), [(1, Stage::Begun)]);
        assert_eq!(news[0].examples.len(), MAX_EXAMPLES);
        registry.take(3_000, found(1, 0.9), &t);
        assert_eq!(registry.news(3_000, &t)[0].stage, Stage::Updated, "the score has risen");
        registry.take(4_000, found(1, 0.9), &t);
        assert!(registry.news(4_000, &t).is_empty());
        registry.take(3_000 + t.update_ms, found(1, 0.8), &t);
        assert_eq!(registry.news(3_000 + t.update_ms, &t)[0].stage, Stage::Updated, "it has gone on for long");
        let end = 3_000 + t.update_ms + t.quiet_ms;
        assert!(registry.news(end - 1, &t).is_empty());
        let ended = registry.news(end, &t);
        assert_eq!((ended[0].stage, ended[0].score, ended[0].begun_ms), (Stage::Ended, 0.9, 1_000));
        assert_eq!(registry.active().count(), 0);
    }

    #[test]
    fn what_is_muted_is_not_told_until_the_mute_ends() {
        let (mut registry, t) = (Registry::default(), Thresholds::default());
        let target = MuteTarget::Network("192.0.2.0/24".parse().expect("network"));
        registry.mute(Mute { target, kind: None, reason: "test".into(), until_ms: Some(5_000) }).expect("room");
        registry.take(1_000, found(1, 0.9), &t);
        assert!(registry.news(1_000, &t).is_empty());
        assert_eq!(registry.muted(), 1);
        registry.take(5_000, found(1, 0.9), &t);
        assert_eq!(registry.news(5_000, &t).len(), 1);
        assert!(registry.mutes().is_empty());
        let zone = MuteTarget::Zone("t2.example".parse().expect("name"));
        let only = Mute { target: zone, kind: Some(Kind::Beacon), reason: "test".into(), until_ms: None };
        registry.mute(only.clone()).expect("room");
        registry.take(6_000, found(2, 0.9), &t);
        assert_eq!(registry.news(6_000, &t).len(), 1, "the mute is about another kind");
        registry.set_mutes(vec![Mute { kind: None, ..only }]).expect("room");
        registry.take(6_000 + t.update_ms, found(2, 0.9), &t);
        assert!(registry.news(6_000 + t.update_ms, &t).is_empty());
    }

    #[test]
    fn anomalies_and_mutes_are_bounded() {
        let (mut registry, t) = (Registry::default(), Thresholds::default());
        (0..3_000).for_each(|key| registry.take(0, found(key, 0.9), &t));
        assert_eq!((registry.active().count(), registry.overflown()), (MAX_ACTIVE, 3_000 - MAX_ACTIVE as u64));
        assert_eq!(registry.news(0, &t).len(), MAX_ACTIVE);
        let mute = Mute { target: MuteTarget::Device(1), kind: None, reason: String::new(), until_ms: None };
        assert_eq!(registry.set_mutes(vec![mute.clone(); MAX_MUTES + 1]), Err(TooManyMutes));
        registry.set_mutes(vec![mute.clone(); MAX_MUTES]).expect("room");
        assert_eq!(registry.mute(mute), Err(TooManyMutes));
    }
}
