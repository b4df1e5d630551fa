//! The first administrator, made at the first start.

use server::clock::unix_ms;

use super::event::{AccessEvent, EventKind};
use super::password::{PasswordError, PasswordHash};
use super::secret::{RandomError, Secret, random};
use super::store::{AccessError, AccessStore};

/// The name of the first administrator.
pub const ADMIN: &str = "admin";
/// 32 letters and digits that nobody takes for others: 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789E";
/// Characters of a generated password: 100 bits.
const LEN: usize = 20;

/// The administrator that was made.
#[derive(Debug)]
pub struct FirstAdmin {
    /// The name.
    pub user: &'static str,
    /// The generated password, to be shown once; `None`: it was given.
    pub password: Option<Secret>,
}

/// Why there is no first administrator.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The password that was given is none.
    #[error("HEADWATER_ADMIN_PASSWORD: {0}")]
    Given(PasswordError),
    /// No password could be made.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The generated password could not be hashed.
    #[error(transparent)]
    Password(PasswordError),
    /// It could not be written.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// Makes the user `admin` if there are no users, with the password in `given` (the environment's
/// `HEADWATER_ADMIN_PASSWORD`) or a generated one. `None`: there are users.
///
/// # Errors
/// [`BootstrapError`].
pub fn bootstrap(store: &AccessStore, given: Option<String>) -> Result<Option<FirstAdmin>, BootstrapError> {
    if store.state().users().next().is_some() {
        return Ok(None);
    }
    let (hash, password) = match given {
        Some(given) => (PasswordHash::new(&given).map_err(BootstrapError::Given)?, None),
        None => {
            let password = generate()?;
            (PasswordHash::new(password.reveal()).map_err(BootstrapError::Password)?, Some(password))
        }
    };
    let made = store.submit(&AccessEvent {
        at_ms: unix_ms(),
        who: "start".to_owned(),
        why: "the first administrator".to_owned(),
        kind: EventKind::UserCreated {
            name: ADMIN.to_owned(),
            display_name: "Administrator".to_owned(),
            roles: vec!["admin".to_owned()],
            password: Some(hash),
        },
    });
    match made {
        // Another server on the same journal made one meanwhile.
        Err(AccessError::Rejected(_)) if store.state().users().next().is_some() => Ok(None),
        made => made.map(|_| Some(FirstAdmin { user: ADMIN, password })).map_err(BootstrapError::from),
    }
}

fn generate() -> Result<Secret, RandomError> {
    let letters = random::<LEN>()?.map(|octet| char::from(ALPHABET[usize::from(octet & 31)]));
    Ok(Secret::new(letters.iter().collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::authorise::{Principal, authorise};
    use super::super::fixture::{MemoryJournal, ip, logged};
    use super::super::grant::{Action, Verb};
    use super::super::login::Logins;
    use super::*;

    #[test]
    fn the_first_start_makes_an_administrator() {
        let dir = tempfile::tempdir().expect("directory");
        let open = || AccessStore::open(Arc::<MemoryJournal>::default(), &dir.path().join("seal.key")).expect("store");
        let log_in = |store: &AccessStore, password: &str| -> Option<Principal> {
            let logged_in = Logins::new().log_in(&store.state(), "admin", password, ip("::1"), 0);
            logged_in.ok().map(|logged_in| logged_in.principal)
        };
        // Generated, and shown to the caller only.
        let store = open();
        let (first, lines) = logged(|| bootstrap(&store, None).expect("bootstrap").expect("the first start"));
        let password = first.password.as_ref().expect("generated").reveal();
        assert_eq!((first.user, password.len()), ("admin", LEN));
        assert!(!format!("{first:?} {lines} {:?}", store.state()).contains(password));
        let admin = log_in(&store, password).expect("log-in");
        assert_eq!(authorise(&admin, &Action::server(Verb::Admin), ip("::1"), 0), Ok(()));
        assert!(bootstrap(&store, None).expect("bootstrap").is_none(), "only once");
        assert!(bootstrap(&store, Some("another".to_owned())).expect("bootstrap").is_none(), "not changed either");
        assert!(log_in(&store, password).is_some());
        // Whether it is still the first one.
        let is_changed = || store.state().user(ADMIN).expect("the user").password_changed;
        assert!(!is_changed());
        let password = Some(PasswordHash::new("another password").expect("a hash"));
        let kind = EventKind::UserChanged {
            name: ADMIN.to_owned(),
            display_name: None,
            roles: None,
            password,
            disabled: None,
        };
        let (who, why) = (ADMIN.to_owned(), String::new());
        store.submit(&AccessEvent { at_ms: unix_ms(), who, why, kind }).expect("submitted");
        assert!(is_changed());
        // Given.
        let store = open();
        let error = bootstrap(&store, Some("short".to_owned())).expect_err("too short").to_string();
        assert_eq!(error, "HEADWATER_ADMIN_PASSWORD: a password needs at least 8 characters");
        assert_eq!(store.state().users().count(), 0);
        let first = bootstrap(&store, Some("from the environment".to_owned())).expect("bootstrap").expect("made");
        assert!(first.password.is_none());
        assert!(log_in(&store, "from the environment").is_some());
    }

    #[test]
    fn the_alphabet_has_no_lookalikes() {
        let mut letters = ALPHABET.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
        assert!(!letters.iter().any(|letter| b"0O1lIo".contains(letter)));
    }
}
