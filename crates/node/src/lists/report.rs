//! Tells of new texts, on a thread of its own: whoever makes something of them does not keep lists from being fetched.
//! Those that come shortly after each other are told of together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Is told which lists have another text.
pub type OnChange = Box<dyn Fn(&[String]) + Send + Sync>;

/// A change is told of after so many times the quiet that is waited for, however many others come.
const MAX_WAITS: u32 = 5;

/// Tells `on_change` of `changes` once none has come for `quiet`, until nobody makes any more. What has not been told
/// when the server stops is not told: the next start reads all texts.
pub(super) fn run(changes: &Receiver<String>, quiet: Duration, stopping: &Arc<AtomicBool>, on_change: &OnChange) {
    while let Ok(first) = changes.recv() {
        let (mut changed, began) = (BTreeSet::from([first]), Instant::now());
        while began.elapsed() < quiet * MAX_WAITS {
            match changes.recv_timeout(quiet) {
                Ok(id) => drop(changed.insert(id)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        on_change(&changed.into_iter().collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn changes_that_come_together_are_told_of_together() {
        let (sender, changes) = channel();
        let (told, reports) = channel();
        let on_change: OnChange = Box::new(move |ids| told.send(ids.to_vec()).expect("the test listens"));
        ["b", "a", "b"].iter().for_each(|id| sender.send((*id).to_owned()).expect("sent"));
        drop(sender);
        run(&changes, Duration::from_millis(50), &Arc::default(), &on_change);
        assert_eq!(reports.recv().expect("a report"), ["a", "b"]);
        assert!(reports.try_recv().is_err());
    }

    #[test]
    fn a_server_that_stops_is_told_nothing() {
        let (sender, changes) = channel();
        sender.send("a".to_owned()).expect("sent");
        drop(sender);
        let on_change: OnChange = Box::new(|_| panic!("told"));
        run(&changes, Duration::ZERO, &Arc::new(AtomicBool::new(true)), &on_change);
    }
}
