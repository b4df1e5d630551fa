//! Texts that are shown to one person once and nowhere else.

use std::fmt;

/// A secret text: a generated password, a token, a session. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the one who may have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Random octets from the operating system.
///
/// # Errors
/// The system has none to give.
pub(super) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(RandomError)?;
    Ok(octets)
}

/// The operating system gives no random octets.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no random octets: {0}")]
pub struct RandomError(getrandom::Error);
