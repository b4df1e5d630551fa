//! Wakes those who wait for answers, once for many of them.

use std::cell::RefCell;

type Later = Vec<Box<dyn FnOnce()>>;

thread_local! {
    /// Wakes that wait for the end of [`together`], if this thread is in it.
    static LATER: RefCell<Option<Later>> = const { RefCell::new(None) };
}

/// Does `work`, which answers several requests. Who waits for these answers is woken at its end, and so once.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    /// Also wakes them if the work panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            LATER.take().into_iter().flatten().for_each(|wake| wake());
        }
    }
    let _end = LATER.with_borrow_mut(|later| later.is_none().then(|| *later = Some(Vec::new()))).map(|()| End);
    work()
}

/// Wakes somebody: at once, or at the end of [`together`].
pub(super) fn wake(wake: impl FnOnce() + 'static) {
    let now = LATER.with_borrow_mut(|later| match later {
        Some(later) => {
            later.push(Box::new(wake));
            None
        }
        None => Some(wake),
    });
    now.into_iter().for_each(|wake| wake());
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn who_waits_is_woken_at_the_end() {
        let (sender, woken) = channel();
        let wake_with = |number: u8| {
            let sender = sender.clone();
            wake(move || sender.send(number).expect("somebody listens"));
        };
        let count = || woken.try_iter().count();
        wake_with(1);
        assert_eq!(count(), 1, "at once");
        together(|| {
            wake_with(2);
            together(|| wake_with(3));
            assert_eq!(count(), 0, "not before the end of the outer one");
        });
        assert_eq!(count(), 2);
        let panics = || together(|| [wake_with(4)].get(7).copied().expect("not there"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err() && count() == 1);
        wake_with(5);
        assert_eq!(count(), 1, "at once again");
    }
}
