//! The reader: hands answers to the detector, asks it now and then what is news, and tells it.

use std::collections::HashMap;
use std::sync::Arc;

use journal::Offset;
use journal::shared::Collection;
use policy::anomaly::{Anomaly, Answer, Detector, MAX_MUTES, Mismatch, Mute, Stage, Thresholds};
use server::clock::unix_ms;
use server::record::Recorders;
use telemetry::{Delivery, Rows};

use super::board::AnomalyView;
use super::defence::defend;
use super::observe::observation;
use super::{Settings, Shared, mutes};

/// How often the detector is asked what is news.
const TICK_MS: u64 = 5_000;
/// The log says at most this often that an anomaly goes on.
const UPDATE_MS: u64 = 600_000;
/// Devices that are told apart; further ones count by address.
const MAX_DEVICES: usize = 65_536;
/// Numbers of anomalies of one second: those of a later start are larger.
const IDS_PER_SECOND: u64 = 1_000;

/// Hands answers to the detector and tells what it finds. Its time is that of the answers, and that of the clock while
/// there are none.
pub(super) struct Watcher {
    shared: Arc<Shared>,
    /// They know who sent replies to questions that nobody asked.
    recorders: Arc<Recorders>,
    detector: Detector,
    devices: Devices,
    /// The settings that the detector has.
    settings: Arc<Settings>,
    /// The change after which mutes were handed to the detector; `None`: none were.
    mutes_of: Option<Offset>,
    ticked_ms: u64,
    /// When the log was last told of each anomaly under way.
    told_ms: HashMap<u64, u64>,
    first_id: u64,
}

impl Watcher {
    /// A reader that has seen nothing. `seed` should be secret; `now_ms` is wall-clock time.
    pub fn new(shared: Arc<Shared>, recorders: Arc<Recorders>, seed: u64, now_ms: u64) -> Watcher {
        Watcher {
            shared,
            recorders,
            detector: Detector::new(Thresholds::default(), seed),
            devices: Devices::default(),
            settings: Arc::default(),
            mutes_of: None,
            ticked_ms: 0,
            told_ms: HashMap::new(),
            first_id: now_ms / 1000 * IDS_PER_SECOND,
        }
    }

    /// Takes what the collector delivers.
    pub fn read(&mut self, delivery: &Delivery<'_>) {
        self.refresh();
        match delivery {
            Delivery::Rows(rows) => self.observe(rows),
            Delivery::Idle => self.tick_if_due(unix_ms()),
            Delivery::End => self.shared.board().active.clear(),
        }
    }

    /// Takes over settings and mutes that have changed.
    fn refresh(&mut self) {
        let settings = self.shared.settings();
        if settings != self.settings {
            self.detector.set_rebinding_exceptions(settings.rebinding_exceptions.clone());
            self.settings = settings;
        }
        let state = self.shared.documents.state();
        let version = state.version(Collection::Muted);
        if self.mutes_of == Some(version) {
            return;
        }
        self.mutes_of = Some(version);
        let mut mutes = Vec::new();
        for kept in mutes::list(&state, unix_ms()).into_iter().take(MAX_MUTES) {
            match kept.document.mute(|device| self.devices.number(&Arc::from(device))) {
                Ok(mute) => mutes.push(mute),
                Err(error) => tracing::warn!(id = kept.id, %error, "a mute of anomalies is left out"),
            }
        }
        if let Err(error) = self.detector.set_mutes(mutes) {
            tracing::error!(%error, "mutes of anomalies are not taken over");
        }
        self.show(unix_ms());
    }

    fn observe(&mut self, rows: &Rows) {
        for row in rows.rows() {
            let answer = Answer::read(row.record.response);
            let device = (self.shared.device)(row.record.client.ip());
            let device = device.and_then(|device| self.devices.number(&device));
            if let Some(seen) = observation(&row, &answer, device) {
                self.detector.observe(&seen);
            }
            self.tick_if_due(row.record.time_us / 1000);
        }
    }

    /// Answers of several threads are not quite in the order of their times; a clock that was set back is followed.
    fn tick_if_due(&mut self, now_ms: u64) {
        if now_ms.abs_diff(self.ticked_ms) < TICK_MS {
            return;
        }
        self.ticked_ms = now_ms;
        for server in self.recorders.take_strangers() {
            self.detector.mismatch(&Mismatch { time_ms: now_ms, server: server.to_canonical() });
        }
        for anomaly in self.detector.tick(now_ms) {
            self.tell(&anomaly, now_ms);
        }
        self.show(now_ms);
    }

    /// Has those who look see what is under way.
    fn show(&self, now_ms: u64) {
        let mut active: Vec<AnomalyView> = self.detector.active().map(|anomaly| self.view(anomaly, now_ms)).collect();
        active.sort_by_key(|view| view.id);
        self.shared.board().active = active;
    }

    fn view(&self, anomaly: &Anomaly, now_ms: u64) -> AnomalyView {
        let device = anomaly.subject.device.and_then(|number| self.devices.name(number));
        let covers = |mute: &Mute| mute.holds_for(anomaly.kind, &anomaly.subject, now_ms);
        AnomalyView::of(anomaly, self.first_id, device, self.detector.mutes().iter().any(covers))
    }

    /// Counts and logs what is news of an anomaly, and blocks its client if that is wanted.
    fn tell(&mut self, anomaly: &Anomaly, now_ms: u64) {
        let view = self.view(anomaly, now_ms);
        match anomaly.stage {
            Stage::Begun => {
                self.shared.board().begin(view.kind);
                self.told_ms.insert(view.id, now_ms);
                log(&view, "begun");
            }
            Stage::Updated => {
                let told_ms = self.told_ms.entry(view.id).or_default();
                if now_ms.saturating_sub(*told_ms) >= UPDATE_MS {
                    *told_ms = now_ms;
                    log(&view, "updated");
                }
            }
            Stage::Ended => {
                self.told_ms.remove(&view.id);
                log(&view, "ended");
                self.shared.board().end(view);
                return;
            }
        }
        defend(&self.shared.documents, &view, &self.settings, unix_ms());
    }
}

/// One event of the server's log, among those that concern security.
fn log(view: &AnomalyView, stage: &'static str) {
    let score = f64::from(view.score_percent) / 100.0;
    tracing::warn!(
        target: "security",
        event = "anomaly", stage, kind = view.kind.as_str(), subject = view.subject(), score,
        reasons = view.why(), id = view.id,
        "anomaly {stage}"
    );
}

/// Numbers of devices by name: the detector knows numbers only.
#[derive(Default)]
struct Devices {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Devices {
    /// The number of a device; `None`: there are too many.
    fn number(&mut self, name: &Arc<str>) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.names.len() >= MAX_DEVICES {
            return None;
        }
        let number = u32::try_from(self.names.len()).ok()?;
        self.numbers.insert(name.clone(), number);
        self.names.push(name.clone());
        Some(number)
    }

    fn name(&self, number: u32) -> Option<Arc<str>> {
        self.names.get(number as usize).cloned()
    }
}
