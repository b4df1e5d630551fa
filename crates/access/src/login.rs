//! Log-ins by name and password, and the sessions that come of them. Called by the API; what carries a session
//! (a cookie, a header) is its affair. Sessions live in memory only: a restart ends them.
//!
//! Log-ins block for some 20 ms of computing, and longer while others log in: not for threads that must not wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use dnssec::digest::sha256;

use super::authorise::{Denied, Principal};
use super::failures::Failures;
use super::fold::is_name;
use super::limits::{MAX_SESSIONS, MAX_USER_SESSIONS};
use super::password::{PasswordError, verify};
use super::secret::{Secret, random};
use super::session::{OpenSession, Session, id_of, stamp};
use super::state::{AccessState, User};
use super::token::{looks_like_token, principal_of_token};

/// The sessions, and what failed lately. Everybody who decides by them shares this.
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
        let session =
            Session { user: user.name.clone(), password: stamp(user), client, begun_ms: now_ms, used_ms: now_ms };
        let ends_ms = session.ends_ms(state);
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
        self.session(state, text, client, now_ms, true)
    }

    /// The same for who looks at a session that is not used by it: a stream that stays open.
    ///
    /// # Errors
    /// As for [`Logins::principal_of_session`].
    pub fn look_at_session(
        &self,
        state: &AccessState,
        text: &str,
        client: IpAddr,
        now_ms: u64,
    ) -> Result<Principal, Denied> {
        self.session(state, text, client, now_ms, false)
    }

    /// When a session ends in any case, in milliseconds since 1970; `None`: there is no such session.
    pub fn session_ends_ms(&self, state: &AccessState, text: &str) -> Option<u64> {
        let sessions = lock(&self.sessions);
        sessions.get(&sha256(text.as_bytes())).map(|session| session.ends_ms(state))
    }

    /// Ends a session; one that is not there is ended already.
    pub fn log_out(&self, text: &str) {
        lock(&self.sessions).remove(&sha256(text.as_bytes()));
    }

    /// The sessions that hold, by what they are called.
    pub fn sessions(&self, state: &AccessState, now_ms: u64) -> Vec<OpenSession> {
        let sessions = lock(&self.sessions);
        let holding = sessions.iter().filter(|(_, session)| session.holder(state, now_ms).is_ok());
        let mut open: Vec<OpenSession> = holding.map(|(digest, session)| session.shown(digest, state)).collect();
        open.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        open
    }

    /// Ends the session that is called `id`; one that is not there is ended already.
    pub fn end_session(&self, id: &str) {
        lock(&self.sessions).retain(|digest, _| id_of(digest) != id);
    }

    /// Ends all sessions of a user, and says how many there were.
    pub fn log_out_everywhere(&self, user: &str) -> usize {
        let mut sessions = lock(&self.sessions);
        let before = sessions.len();
        sessions.retain(|_, session| *session.user != *user);
        before - sessions.len()
    }

    /// Whose session this is.
    fn session(
        &self,
        state: &AccessState,
        text: &str,
        client: IpAddr,
        now_ms: u64,
        is_use: bool,
    ) -> Result<Principal, Denied> {
        let id = sha256(text.as_bytes());
        let mut sessions = lock(&self.sessions);
        let Some(session) = sessions.get_mut(&id) else {
            return Err(Denied::unknown("there is no such session".to_owned(), client));
        };
        let why = match session.holder(state, now_ms) {
            Ok(user) => {
                if is_use {
                    session.used_ms = session.used_ms.max(now_ms);
                    session.client = client;
                }
                return Ok(Principal::user(user.name.clone(), state.grants_of(user)));
            }
            Err(why) => why,
        };
        let denied = Denied::unknown(format!("the session of user:{} {why}", session.user), client);
        sessions.remove(&id);
        Err(denied)
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No change is left half done by a panic: each is one insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::authorise::Refused;
    use super::super::event::{EventKind, Settings};
    use super::super::fixture::{PASSWORD, disabled, event, hash, ip, logged, new_user, state};
    use super::super::grant::Grant;
    use super::super::password::{PasswordHash, fits};
    use super::super::session::session_id;
    use super::super::token::NewToken;
    use super::*;

    const CLIENT: &str = "192.0.2.1";

    fn people() -> AccessState {
        let settings = Settings { session_idle_s: 60, session_max_s: 150 };
        let bot = EventKind::UserCreated {
            name: "bot".to_owned(),
            display_name: String::new(),
            roles: Vec::new(),
            password: None,
        };
        let kinds = [new_user("root", &["admin"]), new_user("anna", &["editor"]), new_user("gone", &[]), bot];
        let mut state = state(&kinds);
        for kind in [disabled("gone", true), EventKind::SettingsChanged(settings)] {
            state.fold(state.next(), &event(kind)).expect("counts");
        }
        state
    }

    fn fold(state: &mut AccessState, kind: EventKind) {
        state.fold(state.next(), &event(kind)).expect("counts");
    }

    /// The client is told the same whatever is wrong; the log is told what, and never the password.
    #[test]
    fn refusals() {
        let state = people();
        let check = |name: &str, password: &str, log: &str| {
            let refuse = || {
                let denied = Logins::new().log_in(&state, name, password, ip(CLIENT), 0).expect_err(log);
                format!("{denied:?} {:?}", denied.clone().refuse())
            };
            let (told, lines) = logged(refuse);
            assert!(
                told.contains("(Unknown, \"user, password or token are not right, or no longer valid\")"),
                "{told}"
            );
            assert!(lines.contains(&format!("security: refused: {log}")) && lines.contains(CLIENT), "{lines}");
            assert!(!lines.contains(password) && !told.contains(password), "{lines} {told}");
        };
        check("anna", "wrong horse", "log-in of anna: wrong password");
        check("nobody", PASSWORD, "log-in of nobody: there is no such user");
        check("gone", PASSWORD, "log-in of gone: the user is disabled");
        check("gone", "wrong horse", "log-in of gone: wrong password");
        check("bot", PASSWORD, "log-in of bot: the user has no password");
        check("my Secret\n", "my Secret", "log-in of (not a name): there is no such user");
    }

    #[test]
    fn sessions_end() {
        let mut state = people();
        let logins = Logins::new();
        let (begun, lines) = logged(|| logins.log_in(&state, "anna", PASSWORD, ip(CLIENT), 0).expect("log-in"));
        let text = begun.session.reveal();
        assert_eq!((text.len(), begun.ends_ms, begun.principal.to_string().as_str()), (43, 150_000, "user:anna"));
        assert!(lines.contains("user:anna logged in"), "{lines}");
        assert!(!format!("{begun:?} {lines}").contains(text) && !lines.contains(PASSWORD), "{lines}");
        let check = |state: &AccessState, text: &str, now_ms, want: Result<(), &str>| {
            let got = logins.principal_of_session(state, text, ip(CLIENT), now_ms);
            let got = got.map(|principal| assert_eq!(principal.to_string(), "user:anna"));
            assert_eq!(got.as_ref().map(|_| ()).map_err(|denied| denied.for_log()), want, "at {now_ms}");
        };
        let none = Err("there is no such session");
        let ended = Err("the session of user:anna has ended");
        assert_eq!(logins.session_ends_ms(&state, text), Some(150_000));
        assert_eq!(logins.session_ends_ms(&state, ""), None);
        check(&state, text, 59_999, Ok(()));
        check(&state, text, 119_998, Ok(()));
        check(&state, text, 149_999, Ok(()));
        check(&state, text, 150_000, ended);
        check(&state, text, 0, none);
        check(&state, "", 0, none);
        let log_in = |state: &AccessState, now_ms| {
            logins.log_in(state, "anna", PASSWORD, ip(CLIENT), now_ms).expect("log-in").session.reveal().to_owned()
        };
        let idle = log_in(&state, 0);
        check(&state, &idle, 60_000, ended);
        let out = log_in(&state, 0);
        logins.log_out(&out);
        check(&state, &out, 0, none);
        let (one, other) = (log_in(&state, 0), log_in(&state, 0));
        let open = logins.sessions(&state, 0);
        let mut ids = [session_id(&one), session_id(&other)];
        ids.sort();
        assert_eq!(open.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ids);
        assert!(open.iter().all(|session| session.client == ip(CLIENT) && session.ends_ms == 150_000));
        assert!(logins.sessions(&state, 60_000).is_empty(), "they have ended, though nobody has looked");
        logins.end_session("");
        logins.end_session(&session_id(&one));
        check(&state, &one, 0, none);
        check(&state, &other, 0, Ok(()));
        let one = log_in(&state, 0);
        assert_eq!(logins.log_out_everywhere("anna"), 2);
        check(&state, &one, 0, none);
        check(&state, &other, 0, none);
        let (before, after) = (log_in(&state, 0), log_in(&state, 0));
        fold(&mut state, disabled("anna", true));
        check(&state, &before, 0, Err("the session of user:anna is of a user who is disabled"));
        fold(&mut state, disabled("anna", false));
        let password = Some(PasswordHash::new("another horse").expect("hash"));
        let name = "anna".to_owned();
        fold(&mut state, EventKind::UserChanged { name, display_name: None, roles: None, password, disabled: None });
        check(&state, &after, 0, Err("the session of user:anna is from before a change of the password"));
    }

    #[test]
    fn sessions_are_bounded() {
        let state = people();
        let logins = Logins::new();
        let user = state.user("anna").expect("anna");
        let keep = |i: u64, now_ms| {
            let session = Session {
                user: user.name.clone(),
                password: stamp(user),
                client: ip(CLIENT),
                begun_ms: now_ms,
                used_ms: now_ms,
            };
            logins.keep(sha256(&i.to_be_bytes()), session, &state, now_ms);
        };
        (0..MAX_USER_SESSIONS as u64 + 10).for_each(|i| keep(i, i));
        let sessions = lock(&logins.sessions);
        assert_eq!(sessions.len(), MAX_USER_SESSIONS);
        assert!(!sessions.contains_key(&sha256(&9u64.to_be_bytes())), "the oldest make room");
        assert!(sessions.contains_key(&sha256(&10u64.to_be_bytes())));
    }

    #[test]
    fn failed_log_ins_slow_down() {
        let state = people();
        let logins = Logins::new();
        let refused = |name: &str, password: &str, now_ms| {
            logins.log_in(&state, name, password, ip(CLIENT), now_ms).map(drop).map_err(|denied| denied.refused())
        };
        for name in ["anna", "nobody"] {
            for _ in 0..4 {
                assert_eq!(refused(name, "wrong horse", 0), Err(Refused::Unknown));
            }
            // Also with the right password, and also if there is no such user.
            assert_eq!(refused(name, PASSWORD, 1), Err(Refused::Later { after_ms: 999 }));
        }
        assert_eq!(refused("anna", PASSWORD, 1000), Ok(()));
        assert_eq!(refused("anna", "wrong horse", 1000), Err(Refused::Unknown), "success has cleared the failures");
    }

    #[test]
    fn basic_takes_a_password_or_a_token() {
        let mut state = people();
        let token = NewToken::new("anna", "router", vec![Grant::everything()], None).expect("token");
        fold(&mut state, token.kind.clone());
        let logins = Logins::new();
        let who = |name: &str, password: &str| {
            let got = logins.principal_of_basic(&state, name, password, ip(CLIENT), 0);
            got.map(|principal| principal.to_string()).map_err(|denied| denied.for_log().to_owned())
        };
        let as_token = format!("token:router id:{} user:anna", token.id);
        assert_eq!(who("anna", PASSWORD).as_deref(), Ok("user:anna"));
        assert_eq!(who("anna", token.text.reveal()).as_ref(), Ok(&as_token));
        assert_eq!(who("", token.text.reveal()).as_ref(), Ok(&as_token));
        assert_eq!(
            who("root", token.text.reveal()),
            Err(format!("{as_token} was sent with the name of somebody else"))
        );
        assert!(who("anna", "wrong horse").is_err());
    }

    /// Whoever is asked for, the time of a hash is spent. An eighth leaves room for a machine that is busy meanwhile.
    #[test]
    fn every_failure_costs_a_hash() {
        let state = people();
        let time = |run: &dyn Fn()| {
            let started = std::time::Instant::now();
            run();
            started.elapsed()
        };
        for name in ["anna", "nobody", "bot", "gone", "not a name"] {
            let hash = (0..3).map(|_| time(&|| assert!(!fits(Some(&hash()), "wrong horse")))).min().expect("a time");
            let log_in = time(&|| {
                assert!(Logins::new().log_in(&state, name, "wrong horse", ip(CLIENT), 0).is_err());
            });
            assert!(log_in > hash / 8, "{name}: {log_in:?}, a hash: {hash:?}");
        }
    }
}
