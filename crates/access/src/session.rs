//! A session: whose it is, whether it holds, and how it is shown. Kept by `login.rs`.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use dnssec::digest::sha256;

use super::state::{AccessState, User};

/// Octets of the digest of a session that it is called by.
const ID_LEN: usize = 10;

/// A session, found by the SHA-256 digest of its text.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) user: Arc<str>,
    /// Digest of the password's hash: another password ends the session.
    pub(super) password: [u8; 32],
    /// From where it was used last.
    pub(super) client: IpAddr,
    pub(super) begun_ms: u64,
    pub(super) used_ms: u64,
}

/// A session as it is shown: not its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// What it is called: see [`session_id`].
    pub id: String,
    /// Whose it is.
    pub user: Arc<str>,
    /// From where it was used last.
    pub client: IpAddr,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: u64,
    /// When it was used last, in milliseconds since 1970.
    pub used_ms: u64,
    /// When it ends in any case, in milliseconds since 1970.
    pub ends_ms: u64,
}

/// What the session with this text is called: a part of its digest, which lets nobody in.
pub fn session_id(text: &str) -> String {
    id_of(&sha256(text.as_bytes()))
}

impl Session {
    /// Whose it is, or why it does not hold any more.
    pub(super) fn holder<'a>(&self, state: &'a AccessState, now_ms: u64) -> Result<&'a User, &'static str> {
        match state.user(&self.user) {
            _ if self.has_ended(state, now_ms) => Err("has ended"),
            None => Err("is of a user who is gone"),
            Some(user) if user.disabled => Err("is of a user who is disabled"),
            Some(user) if stamp(user) != self.password => Err("is from before a change of the password"),
            Some(user) => Ok(user),
        }
    }

    pub(super) fn shown(&self, digest: &[u8; 32], state: &AccessState) -> OpenSession {
        let Session { user, client, begun_ms, used_ms, .. } = self.clone();
        OpenSession { id: id_of(digest), user, client, begun_ms, used_ms, ends_ms: self.ends_ms(state) }
    }

    /// When it ends in any case.
    pub(super) fn ends_ms(&self, state: &AccessState) -> u64 {
        self.begun_ms.saturating_add(state.settings().session_max_s.saturating_mul(1000))
    }

    pub(super) fn has_ended(&self, state: &AccessState, now_ms: u64) -> bool {
        let settings = state.settings();
        now_ms >= self.ends_ms(state)
            || now_ms.saturating_sub(self.used_ms) >= settings.session_idle_s.saturating_mul(1000)
    }
}

pub(super) fn id_of(digest: &[u8; 32]) -> String {
    HEXLOWER.encode(&digest[..ID_LEN])
}

/// What a session remembers of the password.
pub(super) fn stamp(user: &User) -> [u8; 32] {
    sha256(user.password.as_ref().map_or("", |hash| hash.as_phc()).as_bytes())
}
