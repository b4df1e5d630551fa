//! Locks whose changes are one step each.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock. Every change is one step, so a panic elsewhere leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
