//! What stands for a secret where the secret itself is not shown.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// What a placeholder begins with.
pub const PREFIX: &str = "<secret:";

/// What stands for `secret` while this process runs. It says which secrets are the same, and nothing else of them.
pub fn placeholder(secret: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let tag = KEY.get_or_init(RandomState::new).hash_one(secret);
    format!("{PREFIX}{tag:016x}>")
}

/// Whether `secret` is what stands for one, and nobody knows which.
pub fn is_placeholder(secret: &str) -> bool {
    secret.starts_with(PREFIX)
}
