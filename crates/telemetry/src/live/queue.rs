//! What waits for one viewer: a few frames. A viewer that does not take them loses rows first; when nothing but figures
//! waits and there is no room left, it is too slow and is let go.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Frames that wait for a viewer at the most.
pub const MAX_FRAMES: usize = 8;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rows: a viewer that is slow does without.
    Rows,
    /// Figures.
    Figures,
}

/// Why a viewer gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It does not take what it is sent.
    TooSlow,
    /// Live updates have been turned off.
    TurnedOff,
}

/// What a viewer gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A frame: one JSON object.
    Frame(Bytes),
    /// Nothing any more.
    End(End),
}

/// The frames that wait.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<(Kind, Bytes)>,
    end: Option<End>,
}

impl Queue {
    /// Puts a frame behind the others. Returns how many frames of rows it took the place of, or fell, for want of room.
    pub fn push(&self, kind: Kind, frame: &Bytes) -> u64 {
        let mut state = self.state();
        if state.end.is_some() {
            return 0;
        }
        let mut lost = 0;
        if state.frames.len() >= MAX_FRAMES {
            lost = 1;
            let rows = state.frames.iter().position(|(kind, _)| *kind == Kind::Rows);
            match (kind, rows) {
                (Kind::Rows, _) => return lost,
                (Kind::Figures, Some(place)) => drop(state.frames.remove(place)),
                (Kind::Figures, None) => {
                    drop(state);
                    self.end(End::TooSlow);
                    return 0;
                }
            }
        }
        state.frames.push_back((kind, frame.clone()));
        drop(state);
        self.changed.notify_one();
        lost
    }

    /// Forgets rows that wait.
    pub fn forget_rows(&self) {
        self.state().frames.retain(|(kind, _)| *kind != Kind::Rows);
    }

    /// Gives nothing any more.
    pub fn end(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        state.frames.clear();
        drop(state);
        self.changed.notify_one();
    }

    /// The end, if there was one.
    pub fn ended(&self) -> Option<End> {
        self.state().end
    }

    /// Waits for what comes next. Only one may wait.
    pub async fn next(&self) -> Next {
        loop {
            {
                let mut state = self.state();
                if let Some(end) = state.end {
                    return Next::End(end);
                }
                if let Some((_, frame)) = state.frames.pop_front() {
                    return Next::Frame(frame);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits for the end alone.
    pub async fn until_ended(&self) -> End {
        loop {
            if let Some(end) = self.ended() {
                return end;
            }
            self.changed.notified().await;
        }
    }

    /// Every change is one step, so a panic elsewhere leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(queue: &Queue) -> Vec<Bytes> {
        queue.state().frames.iter().map(|(_, frame)| frame.clone()).collect()
    }

    #[test]
    fn rows_go_first_then_the_viewer() {
        let (queue, rows, figures) = (Queue::default(), Bytes::from_static(b"rows"), Bytes::from_static(b"figures"));
        let lost: u64 = (0..2 * MAX_FRAMES).map(|_| queue.push(Kind::Rows, &rows)).sum();
        assert_eq!((lost, waiting(&queue).len()), (MAX_FRAMES as u64, MAX_FRAMES));
        for n in 1..=MAX_FRAMES {
            assert_eq!(queue.push(Kind::Figures, &figures), 1, "rows make room");
            assert_eq!(waiting(&queue).iter().filter(|frame| **frame == figures).count(), n);
        }
        assert_eq!(queue.push(Kind::Rows, &rows), 1);
        assert_eq!(queue.ended(), None);
        queue.push(Kind::Figures, &figures);
        assert_eq!((queue.ended(), waiting(&queue).len()), (Some(End::TooSlow), 0));
    }

    #[test]
    fn frames_come_in_order() {
        let queue = Queue::default();
        let frames = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
        queue.push(Kind::Rows, &frames[0]);
        queue.push(Kind::Figures, &frames[1]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let [first, second] = frames.map(Next::Frame);
        assert_eq!(runtime.block_on(async { [queue.next().await, queue.next().await] }), [first, second]);
        queue.end(End::TurnedOff);
        assert_eq!(runtime.block_on(queue.next()), Next::End(End::TurnedOff));
    }
}
