//! Threads that try until something is done, and end when they are told to.

use std::fmt::Display;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

/// The thread is to stop.
#[derive(Debug)]
pub struct Stopped;

/// What a thread learns from that it is to stop.
pub struct Stop(Receiver<()>);

/// What has it stop when it is dropped.
pub struct Stopper {
    _sender: Sender<()>,
}

/// The pause before something is tried again, at first and at the most; it doubles each time.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// At first.
    pub first: Duration,
    /// At the most.
    pub longest: Duration,
}

impl Stop {
    /// A pair of both ends.
    pub fn pair() -> (Stopper, Stop) {
        let (sender, receiver) = channel();
        (Stopper { _sender: sender }, Stop(receiver))
    }

    /// # Errors
    /// It is to stop.
    pub fn check(&self) -> Result<(), Stopped> {
        match self.0.try_recv() {
            Err(TryRecvError::Disconnected) => Err(Stopped),
            _ => Ok(()),
        }
    }

    /// Waits.
    ///
    /// # Errors
    /// It is to stop.
    pub fn pause(&self, duration: Duration) -> Result<(), Stopped> {
        match self.0.recv_timeout(duration) {
            Err(RecvTimeoutError::Disconnected) => Err(Stopped),
            _ => Ok(()),
        }
    }

    /// Tries something until it is done; `told` hears of each failure, and that it is done.
    ///
    /// # Errors
    /// It is to stop.
    pub fn persist<T, E: Display>(
        &self,
        retry: Retry,
        told: impl Fn(Result<(), &str>),
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, Stopped> {
        let mut pause = retry.first;
        loop {
            self.check()?;
            match attempt() {
                Ok(done) => {
                    told(Ok(()));
                    return Ok(done);
                }
                Err(error) => told(Err(&error.to_string())),
            }
            self.pause(pause)?;
            pause = (pause * 2).min(retry.longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_fails_is_tried_again_until_it_is_done_or_nobody_wants_it() {
        let retry = Retry { first: Duration::from_millis(1), longest: Duration::from_millis(2) };
        let (stopper, stop) = Stop::pair();
        let (heard, mut left) = (RefCell::new(Vec::new()), 2);
        let hear = |told: Result<(), &str>| heard.borrow_mut().push(told.map_err(str::to_owned));
        let done = stop.persist(retry, hear, || {
            left -= 1;
            if left > 0 { Err(format!("{left} left")) } else { Ok("done") }
        });
        assert_eq!(done.ok(), Some("done"));
        assert_eq!(heard.take(), [Err("1 left".to_owned()), Ok(())]);
        drop(stopper);
        assert!(stop.persist(retry, hear, || Ok::<_, String>(())).is_err());
        assert!(stop.pause(Duration::from_secs(1000)).is_err());
    }
}
