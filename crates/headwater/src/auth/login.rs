//! Log-ins by name and password, and the sessions that come of them. Called by the API; what carries a session
//! (a cookie, a header) is its affair. Sessions live in memory only: a restart ends them.
//!
//! Log-ins block for some 20 ms of computing, and longer while others log in: not for threads that must not wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use dnssec::digest::sha256;

use super::authorise::{Denied, Principal};
use super::failures::Failures;
use super::limits::{MAX_SESSIONS, MAX_USER_SESSIONS};
use super::password::{PasswordError, verify};
use super::secret::{Secret, random};
use super::state::{AccessState, User, is_name};
use super::token::{looks_like_token, principal_of_token};

/// The sessions, and what failed lately. Shared by all doors.
#[derive(Default)]
pub struct Logins {
    sessions: Mutex<HashMap<[u8; 32], Session>>,
    failures: Mutex<Failures>,
}

/// A log-in that was right.
#[derive(Debug)]
pub struct LoggedIn {
    /// The text of the session: 32 random octets in base64url.
    pub session: Secret,
    /// Who logged in.
    pub principal: Principal,
    /// When the session ends in any case, in milliseconds since 1970.
    pub ends_ms: u64,
}

/// A session, found by the SHA-256 digest of its text.
#[derive(Clone)]
struct Session {
    user: Arc<str>,
    /// Digest of the password's hash: another password ends the session.
    password: [u8; 32],
    begun_ms: u64,
    used_ms: u64,
}

impl Logins {
    /// Nobody is logged in, nothing has failed.
    pub fn new() -> Logins {
        Logins::default()
    }

    /// Logs in.
    ///
    /// # Errors
    /// Wrong name or password, disabled, too many failures lately, too much to do.
    pub fn log_in(
        &self,
        state: &AccessState,
        name: &str,
        password: &str,
        client: IpAddr,
        now_ms: u64,
    ) -> Result<LoggedIn, Denied> {
        let user = self.check_password(state, name, password, client, now_ms)?;
        let text: [u8; 32] = random().map_err(|_| Denied::busy(client))?;
        let text = Secret::new(BASE64URL_NOPAD.encode(&text));
        let session = Session { user: user.name.clone(), password: stamp(user), begun_ms: now_ms, used_ms: now_ms };
        let ends_ms = now_ms.saturating_add(state.settings().session_max_s.saturating_mul(1000));
        self.keep(sha256(text.reveal().as_bytes()), session, state, now_ms);
        let principal = Principal::user(user.name.clone(), state.grants_of(user));
        tracing::info!(target: "security", %client, "user:{} logged in", user.name);
        Ok(LoggedIn { session: text, principal, ends_ms })
    }

    /// Who sends this name and password with a request (RFC 7617). A token may stand in place of the password, which
    /// costs no hash; the name must be that of its owner, or empty.
    ///
    /// # Errors
    /// As for [`Logins::log_in`] and [`principal_of_token`].
    pub fn principal_of_basic(
        &self,
        state: &AccessState,
        name: &str,
        password: &str,
        client: IpAddr,
        now_ms: u64,
    ) -> Result<Principal, Denied> {
        if looks_like_token(password) {
            let principal = principal_of_token(state, password, client, now_ms)?;
            let fits = match principal.who() {
                super::Who::Token { owner, .. } => name.is_empty() || **owner == *name,
                _ => false,
            };
            let other = || Denied::unknown(format!("{principal} was sent with the name of somebody else"), client);
            return if fits { Ok(principal) } else { Err(other()) };
        }
        let user = self.check_password(state, name, password, client, now_ms)?;
        Ok(Principal::user(user.name.clone(), state.grants_of(user)))
    }

    /// Whose session this is; the session is used by it.
    ///
    /// # Errors
    /// There is no such session, it has ended, or the user is disabled or has another password.
    pub fn principal_of_session(
        &self,
        state: &AccessState,
        text: &str,
        client: IpAddr,
        now_ms: u64,
    ) -> Result<Principal, Denied> {
        let id = sha256(text.as_bytes());
        let mut sessions = lock(&self.sessions);
        let Some(session) = sessions.get_mut(&id) else {
            return Err(Denied::unknown("there is no such session".to_owned(), client));
        };
        let why = match state.user(&session.user) {
            _ if session.has_ended(state, now_ms) => "has ended",
            None => "is of a user who is gone",
            Some(user) if user.disabled => "is of a user who is disabled",
            Some(user) if stamp(user) != session.password => "is from before a change of the password",
            Some(user) => {
                session.used_ms = session.used_ms.max(now_ms);
                return Ok(Principal::user(user.name.clone(), state.grants_of(user)));
            }
        };
        let denied = Denied::unknown(format!("the session of user:{} {why}", session.user), client);
        sessions.remove(&id);
        Err(denied)
    }

    /// Ends a session; one that is not there is ended already.
    pub fn log_out(&self, text: &str) {
        lock(&self.sessions).remove(&sha256(text.as_bytes()));
    }

    /// Ends all sessions of a user, and says how many there were.
    pub fn log_out_everywhere(&self, user: &str) -> usize {
        let mut sessions = lock(&self.sessions);
        let before = sessions.len();
        sessions.retain(|_, session| *session.user != *user);
        before - sessions.len()
    }

    /// The user whose name and password these are.
    fn check_password<'a>(
        &self,
        state: &'a AccessState,
        name: &str,
        password: &str,
        client: IpAddr,
        now_ms: u64,
    ) -> Result<&'a User, Denied> {
        // Anything may stand where a name should, also a password; only what looks like a name is kept and logged.
        let shown = if is_name(name) { name } else { "(not a name)" };
        let begun = lock(&self.failures).begin(shown, client, now_ms);
        if let Err(wait_ms) = begun {
            return Err(Denied::later(format!("log-in of {shown} after too many failures"), wait_ms, client));
        }
        let user = state.user(name);
        // A user who is not there costs as much time as one who is.
        let right = match verify(user.and_then(|user| user.password.as_ref()), password) {
            Ok(right) => right,
            Err(PasswordError::Busy) => {
                lock(&self.failures).take_back(shown, client);
                return Err(Denied::busy(client));
            }
            Err(_) => false,
        };
        let unknown = |why: &str| Denied::unknown(format!("log-in of {shown}: {why}"), client);
        match user {
            None => Err(unknown("there is no such user")),
            Some(user) if user.password.is_none() => Err(unknown("the user has no password")),
            Some(_) if !right => Err(unknown("wrong password")),
            Some(user) if user.disabled => Err(unknown("the user is disabled")),
            Some(user) => {
                lock(&self.failures).succeeded(shown, client);
                Ok(user)
            }
        }
    }

    /// Keeps a session; those that have ended, or else those used longest ago, make room.
    fn keep(&self, id: [u8; 32], session: Session, state: &AccessState, now_ms: u64) {
        let mut sessions = lock(&self.sessions);
        let of_user = sessions.values().filter(|other| other.user == session.user).count();
        if sessions.len() >= MAX_SESSIONS || of_user >= MAX_USER_SESSIONS {
            sessions.retain(|_, other| !other.has_ended(state, now_ms));
        }
        let mut of_user: Vec<(u64, [u8; 32])> =
            sessions.iter().filter(|(_, other)| other.user == session.user).map(|(id, s)| (s.used_ms, *id)).collect();
        if of_user.len() >= MAX_USER_SESSIONS {
            of_user.sort_unstable();
            if let Some((_, oldest)) = of_user.first() {
                sessions.remove(oldest);
            }
        }
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used_ms).map(|(id, _)| *id);
            oldest.map(|id| sessions.remove(&id));
        }
        sessions.insert(id, session);
    }
}

impl Session {
    fn has_ended(&self, state: &AccessState, now_ms: u64) -> bool {
        let settings = state.settings();
        now_ms.saturating_sub(self.begun_ms) >= settings.session_max_s.saturating_mul(1000)
            || now_ms.saturating_sub(self.used_ms) >= settings.session_idle_s.saturating_mul(1000)
    }
}

/// What a session remembers of the password.
fn stamp(user: &User) -> [u8; 32] {
    sha256(user.password.as_ref().map_or("", |hash| hash.as_phc()).as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No change is left half done by a panic: each is one insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
