//! The hub between the data plane and those who look: rows by filter, figures and tops, each frame written once and
//! shared.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use server::clock::unix_seconds;
use server::record::Wanted;
use utoipa::ToSchema;

use super::group::Group;
use super::queue::{End, Kind, Next, Queue};
use super::reservoir::Dice;
use super::tops::{TopCounter, Tops};
use crate::collector::Wanting;
use crate::filter::{Filter, FilterError};
use crate::locked::lock;
use crate::rows::Rows;
use crate::statistics::Figures;

/// Viewers at a time.
pub const MAX_VIEWERS: usize = 512;
/// Viewers of one user at a time.
pub const MAX_VIEWERS_PER_USER: usize = 256;
/// Different filters at a time: each has to look at every answer.
pub const MAX_FILTERS: usize = 64;
/// Rows a second that one viewer may have.
pub const MAX_RATE: u32 = 40;
/// Between two frames of rows.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(250);
/// Frames of rows a second.
const FRAMES_PER_SECOND: u32 = 4;
/// Between two frames of tops.
const TOPS_INTERVAL_S: u64 = 5;
/// Of each kind, in a frame of tops.
const TOPS: usize = 10;
/// Minutes that a frame of tops is about.
const TOPS_MINUTES: u64 = 5;
/// Answers are counted for so long after somebody has looked last.
const INTEREST: Duration = Duration::from_secs(3600);

/// Why somebody cannot look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Live updates are off.
    #[error("live updates are off: web.real_time_updates is false")]
    Off,
    /// There are too many.
    #[error("{MAX_VIEWERS} live streams are open, there can be no more")]
    Full,
    /// The user has too many.
    #[error("this user has {MAX_VIEWERS_PER_USER} live streams open, there can be no more")]
    FullForUser,
}

/// Why rows cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// The filter cannot be read.
    #[error("{0}")]
    Filter(#[from] FilterError),
    /// There are too many.
    #[error("{MAX_FILTERS} different filters are in use, there can be no more: take one that is, or none")]
    Full,
    /// More rows than are sent.
    #[error("rate is 0 to {MAX_RATE} rows a second")]
    Rate,
}

/// What became of live streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct HubCounts {
    /// Streams that are open.
    pub viewers: u64,
    /// Frames of rows that were lost because a viewer did not take them.
    pub lost_frames: u64,
    /// Streams that were closed because their viewer was too slow.
    pub too_slow: u64,
}

/// The hub.
pub struct Hub {
    state: Mutex<State>,
    tops: Mutex<TopCounter>,
    /// When somebody has looked last; `None`: never.
    interest: Mutex<Option<Instant>>,
    wanting: OnceLock<Wanting>,
    lost_frames: AtomicU64,
    too_slow: AtomicU64,
}

struct State {
    is_on: bool,
    next_id: u64,
    viewers: HashMap<u64, Seat>,
    groups: Vec<Group>,
    dice: Dice,
    sent: Instant,
    /// Answers that were lost on their way here, when frames were sent last.
    lost_before: u64,
    /// The latest frames of figures and of tops, for those who join.
    latest: [Option<Bytes>; 2],
}

/// A viewer's place.
struct Seat {
    user: String,
    queue: Arc<Queue>,
}

/// Somebody who looks; leaves when this is dropped.
pub struct Viewer {
    id: u64,
    queue: Arc<Queue>,
    hub: Arc<Hub>,
}

impl Hub {
    /// Nobody looks yet. `seed` decides which rows are sampled.
    pub fn new(seed: u64) -> Hub {
        let state = State {
            is_on: true,
            next_id: 0,
            viewers: HashMap::new(),
            groups: Vec::new(),
            dice: Dice::new(seed),
            sent: Instant::now(),
            lost_before: 0,
            latest: [None, None],
        };
        Hub {
            state: Mutex::new(state),
            tops: Mutex::default(),
            interest: Mutex::default(),
            wanting: OnceLock::new(),
            lost_frames: AtomicU64::new(0),
            too_slow: AtomicU64::new(0),
        }
    }

    /// Has answers recorded through `wanting` while somebody looks.
    pub fn set_wanting(&self, wanting: Wanting) {
        let _ = self.wanting.set(wanting);
        self.review_interest();
    }

    /// Turns live updates on or off; off ends every stream.
    pub fn set_on(&self, is_on: bool) {
        let mut state = lock(&self.state);
        state.is_on = is_on;
        if !is_on {
            state.viewers.values().for_each(|seat| seat.queue.end(End::TurnedOff));
        }
    }

    /// Somebody looks: at figures and tops at once, at rows when they say so.
    ///
    /// # Errors
    /// Live updates are off, or there are too many.
    pub fn join(self: &Arc<Hub>, user: &str) -> Result<Viewer, JoinError> {
        let mut state = lock(&self.state);
        if !state.is_on {
            return Err(JoinError::Off);
        }
        if state.viewers.len() >= MAX_VIEWERS {
            return Err(JoinError::Full);
        }
        if state.viewers.values().filter(|seat| seat.user == user).count() >= MAX_VIEWERS_PER_USER {
            return Err(JoinError::FullForUser);
        }
        let (id, queue) = (state.next_id, Arc::new(Queue::default()));
        state.next_id += 1;
        for frame in state.latest.iter().flatten() {
            queue.push(Kind::Figures, frame);
        }
        state.viewers.insert(id, Seat { user: user.to_owned(), queue: queue.clone() });
        drop(state);
        self.look();
        Ok(Viewer { id, queue, hub: self.clone() })
    }

    /// What came most often in the last `minutes` minutes, `limit` of each kind.
    pub fn tops(&self, minutes: u64, limit: usize) -> Tops {
        self.look();
        lock(&self.tops).tops(unix_seconds(), minutes, limit)
    }

    /// What became of live streams.
    pub fn counts(&self) -> HubCounts {
        HubCounts {
            viewers: lock(&self.state).viewers.len() as u64,
            lost_frames: self.lost_frames.load(Ordering::Relaxed),
            too_slow: self.too_slow.load(Ordering::Relaxed),
        }
    }

    /// Takes answers, and sends frames when it is time to.
    pub fn read(&self, rows: &Rows) {
        {
            let mut tops = lock(&self.tops);
            tops.begin(unix_seconds());
            rows.rows().for_each(|row| tops.count(&row));
        }
        let mut state = lock(&self.state);
        let State { groups, dice, .. } = &mut *state;
        if !groups.is_empty() {
            rows.rows().for_each(|row| groups.iter_mut().for_each(|group| group.see(&row, dice)));
        }
        drop(state);
        self.send_rows();
    }

    /// Sends frames of rows when it is time to.
    pub fn send_rows(&self) {
        let mut state = lock(&self.state);
        let State { groups, dice, sent, lost_before, .. } = &mut *state;
        if sent.elapsed() < FRAME_INTERVAL {
            return;
        }
        *sent = Instant::now();
        let lost_so_far = self.wanting.get().map_or(0, Wanting::dropped);
        let lost = lost_so_far - std::mem::replace(lost_before, lost_so_far);
        let lost_frames: u64 = groups.iter_mut().map(|group| group.send(dice, lost)).sum();
        self.lost_frames.fetch_add(lost_frames, Ordering::Relaxed);
    }

    /// Sends the figures of a second, and the tops when it is time to.
    pub fn send_figures(&self, figures: &Figures) {
        #[derive(Serialize)]
        struct Stat<'a> {
            t: &'static str,
            time_ms: u64,
            #[serde(flatten)]
            figures: &'a Figures,
        }
        let now_s = unix_seconds();
        self.publish(0, &Stat { t: "stat", time_ms: now_s * 1000, figures });
        if now_s.is_multiple_of(TOPS_INTERVAL_S) || lock(&self.state).latest[1].is_none() {
            self.send_tops(now_s);
        }
        self.review_interest();
    }

    fn send_tops(&self, now_s: u64) {
        #[derive(Serialize)]
        struct TopsFrame {
            t: &'static str,
            time_ms: u64,
            #[serde(flatten)]
            tops: Tops,
        }
        let tops = lock(&self.tops).tops(now_s, TOPS_MINUTES, TOPS);
        self.publish(1, &TopsFrame { t: "tops", time_ms: now_s * 1000, tops });
    }

    fn publish(&self, place: usize, frame: &impl Serialize) {
        // It consists of texts and numbers: it can always be written.
        let frame: Bytes = serde_json::to_vec(frame).unwrap_or_default().into();
        let mut state = lock(&self.state);
        let lost: u64 = state.viewers.values().map(|seat| seat.queue.push(Kind::Figures, &frame)).sum();
        if let Some(latest) = state.latest.get_mut(place) {
            *latest = Some(frame);
        }
        self.lost_frames.fetch_add(lost, Ordering::Relaxed);
    }

    /// Somebody looks now.
    fn look(&self) {
        *lock(&self.interest) = Some(Instant::now());
        self.review_interest();
    }

    /// Has answers recorded if somebody looks, or has lately.
    fn review_interest(&self) {
        let Some(wanting) = self.wanting.get() else { return };
        let is_viewed = !lock(&self.state).viewers.is_empty();
        let lately = lock(&self.interest).is_some_and(|last| last.elapsed() < INTEREST);
        wanting.set(Wanted { responses: is_viewed || lately, sparing: !is_viewed, ..Wanted::default() });
    }

    fn show(&self, id: u64, text: &str, rate: u32) -> Result<(), ShowError> {
        if rate > MAX_RATE {
            return Err(ShowError::Rate);
        }
        let text = text.trim();
        let filter = Filter::parse(text)?;
        let mut state = lock(&self.state);
        let State { groups, viewers, .. } = &mut *state;
        let Some(seat) = viewers.get(&id) else { return Ok(()) };
        groups.iter_mut().for_each(|group| group.leave(id));
        groups.retain(|group| !group.is_empty());
        if rate == 0 {
            seat.queue.forget_rows();
            return Ok(());
        }
        let rows = rate.div_ceil(FRAMES_PER_SECOND) as usize;
        let known = groups.iter().position(|group| group.text == text);
        if known.is_none() && groups.len() >= MAX_FILTERS {
            return Err(ShowError::Full);
        }
        let place = known.unwrap_or_else(|| {
            groups.push(Group::new(text, filter));
            groups.len() - 1
        });
        groups[place].join(id, rows, seat.queue.clone());
        Ok(())
    }

    fn leave(&self, id: u64) {
        let mut state = lock(&self.state);
        state.groups.iter_mut().for_each(|group| group.leave(id));
        state.groups.retain(|group| !group.is_empty());
        if let Some(seat) = state.viewers.remove(&id)
            && seat.queue.ended() == Some(End::TooSlow)
        {
            self.too_slow.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        *lock(&self.interest) = Some(Instant::now());
    }
}

impl Viewer {
    /// Shows rows that match the filter from now on, up to `rate` a second; none with rate 0.
    ///
    /// # Errors
    /// What is wrong with the filter or the rate; nothing has changed then, or no rows are shown.
    pub fn show_rows(&self, filter: &str, rate: u32) -> Result<(), ShowError> {
        self.hub.show(self.id, filter, rate)
    }

    /// Waits for what comes next.
    pub async fn next(&self) -> Next {
        self.queue.next().await
    }

    /// Waits for the end alone, while something is being sent.
    pub async fn until_ended(&self) -> End {
        self.queue.until_ended().await
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.hub.leave(self.id);
    }
}
