//! What is known of anomalies, for those who look: API, metrics.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use policy::anomaly::{Anomaly, Kind, Stage};

/// Anomalies that have ended and are still shown.
pub const MAX_ENDED: usize = 1_000;

/// An anomaly as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalyView {
    /// Its number, which none has had before on this server.
    pub id: u64,
    /// What is wrong.
    pub kind: Kind,
    /// The client; the address it asked from last where it is a device with several.
    pub client: Option<IpAddr>,
    /// The name of the client's device.
    pub device: Option<Arc<str>>,
    /// The name that it is about.
    pub zone: Option<String>,
    /// The upstream server.
    pub server: Option<IpAddr>,
    /// The highest score so far in hundredths.
    pub score_percent: u8,
    /// The reasons of the highest score.
    pub reasons: Vec<String>,
    /// Names that belong to it.
    pub examples: Vec<String>,
    /// When it was reported first, in milliseconds since 1970, like all times here.
    pub begun_ms: u64,
    /// When it was confirmed last.
    pub last_seen_ms: u64,
    /// It is over.
    pub ended: bool,
    /// A mute covers it.
    pub muted: bool,
}

impl AnomalyView {
    /// How `anomaly` looks to people. Its number is counted from `first_id`.
    pub(super) fn of(anomaly: &Anomaly, first_id: u64, device: Option<Arc<str>>, muted: bool) -> AnomalyView {
        AnomalyView {
            id: first_id + anomaly.id,
            kind: anomaly.kind,
            client: anomaly.subject.client,
            device,
            zone: anomaly.subject.zone.as_ref().map(ToString::to_string),
            server: anomaly.subject.server,
            // Rounded, and within its bounds whatever the score is.
            score_percent: (anomaly.score.clamp(0.0, 1.0) * 100.0).round() as u8,
            reasons: anomaly.reasons.iter().map(ToString::to_string).collect(),
            examples: anomaly.examples.iter().map(ToString::to_string).collect(),
            begun_ms: anomaly.begun_ms,
            last_seen_ms: anomaly.last_seen_ms,
            ended: anomaly.stage == Stage::Ended,
            muted,
        }
    }

    /// Whom it is about, in words.
    pub fn subject(&self) -> String {
        let parts = [
            self.client.map(|client| format!("client {client}")),
            self.device.as_ref().map(|device| format!("device {device}")),
            self.zone.as_ref().map(|zone| format!("zone {zone}")),
            self.server.map(|server| format!("server {server}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Why, in words.
    pub fn why(&self) -> String {
        self.reasons.join("; ")
    }
}

/// What is known of anomalies.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Those under way, by number.
    pub active: Vec<AnomalyView>,
    /// Those that have ended, in the order of their ends, the latest [`MAX_ENDED`].
    ended: VecDeque<AnomalyView>,
    /// How many have begun, in the order of [`Kind::ALL`].
    begun: [u64; Kind::ALL.len()],
}

impl Board {
    /// Counts one that has begun.
    pub fn begin(&mut self, kind: Kind) {
        let counts = Kind::ALL.iter().zip(&mut self.begun).find(|(other, _)| **other == kind);
        counts.into_iter().for_each(|(_, count)| *count += 1);
    }

    /// Keeps one that has ended.
    pub fn end(&mut self, view: AnomalyView) {
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(view);
    }

    /// Those that have ended.
    pub fn ended(&self) -> impl Iterator<Item = &AnomalyView> {
        self.ended.iter()
    }

    /// Each kind, how many have begun, and how many are under way and not muted.
    pub fn counts(&self) -> impl Iterator<Item = (Kind, u64, u64)> {
        Kind::ALL.iter().zip(self.begun).map(|(kind, begun)| {
            let active = self.active.iter().filter(|view| view.kind == *kind && !view.muted);
            (*kind, begun, active.count() as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use policy::anomaly::{Reason, Subject};

    use super::*;

    fn anomaly(id: u64, stage: Stage) -> Anomaly {
        let zone = Some("example.org".parse().expect("a name"));
        let subject = Subject { client: "192.0.2.7".parse().ok(), device: Some(1), zone, server: None };
        let reasons = vec![Reason::DistinctNames(40), Reason::TtlSeconds(5)];
        let (kind, examples) = (Kind::Tunnel, Vec::new());
        Anomaly { id, kind, subject, stage, begun_ms: 1, last_seen_ms: 2, score: 0.756, reasons, examples }
    }

    #[test]
    fn a_view_says_who_and_why() {
        let view = AnomalyView::of(&anomaly(3, Stage::Begun), 1_000, Some("tv".into()), false);
        assert_eq!(view.subject(), "client 192.0.2.7, device tv, zone example.org.");
        assert_eq!(view.why(), "about 40 distinct names; TTL 5");
        assert_eq!((view.id, view.score_percent, view.ended), (1_003, 76, false));
    }

    #[test]
    fn the_latest_that_ended_are_kept_and_the_muted_do_not_count_as_active() {
        let mut board = Board::default();
        let view = |id, stage, muted| AnomalyView::of(&anomaly(id, stage), 0, None, muted);
        for id in 1..=MAX_ENDED as u64 + 5 {
            board.begin(Kind::Tunnel);
            board.end(view(id, Stage::Ended, false));
        }
        board.active = vec![view(2_000, Stage::Begun, false), view(2_001, Stage::Begun, true)];
        assert_eq!((board.ended().count(), board.ended().next().map(|view| view.id)), (MAX_ENDED, Some(6)));
        let counts: Vec<_> = board.counts().filter(|(_, begun, active)| begun + active > 0).collect();
        assert_eq!(counts, [(Kind::Tunnel, MAX_ENDED as u64 + 5, 1)]);
    }
}
