//! Passwords: argon2id (RFC 9106) with the parameters that OWASP recommends, a bounded number at a time.
//! Called by log-in, bootstrap, and whoever sets a password.

use std::fmt;
use std::str::FromStr;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::{Deserialize, Serialize};

use super::limits::{MAX_HASHES, MAX_PASSWORD, MAX_WAITING, MIN_PASSWORD};
use super::secret::{RandomError, random};

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// The largest cost of a hash that comes from elsewhere.
const MAX_COST: (u32, u32, u32) = (262_144, 16, 16);

/// The hash of a password as PHC string (`$argon2id$v=19$m=...`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

/// Why there is no hash.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs at least {MIN_PASSWORD} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {MAX_PASSWORD} bytes")]
    TooLong,
    /// Not a hash of a password, or not one to compute.
    #[error("not a hash of argon2id with at most {} KiB, {} passes and {} lanes", MAX_COST.0, MAX_COST.1, MAX_COST.2)]
    NotAHash,
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hash cannot be computed.
    #[error("the password cannot be hashed: {0}")]
    Failed(String),
    /// No random octets.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl PasswordHash {
    /// Hashes a new password. Takes some 20 ms and 19 MiB; waits while others do.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn new(password: &str) -> Result<PasswordHash, PasswordError> {
        if password.chars().count() < MIN_PASSWORD {
            return Err(PasswordError::TooShort);
        }
        if password.len() > MAX_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        let salt: [u8; 16] = random()?;
        let _turn = Turns::of_all().take()?;
        let failed = |error: &dyn fmt::Display| PasswordError::Failed(error.to_string());
        let params = Params::new(COST.0, COST.1, COST.2, None).map_err(|error| failed(&error))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

/// Whether `password` is the one that `hash` was made of. Without a hash the answer is no, after as much work.
///
/// # Errors
/// [`PasswordError::Busy`].
pub fn verify(hash: Option<&PasswordHash>, password: &str) -> Result<bool, PasswordError> {
    let _turn = Turns::of_all().take()?;
    Ok(fits(hash, password))
}

/// [`verify`] without waiting for a turn.
pub(super) fn fits(hash: Option<&PasswordHash>, password: &str) -> bool {
    // Longer ones are nobody's password, and their length would show in the time.
    let (password, possible) = if password.len() > MAX_PASSWORD { ("", false) } else { (password, true) };
    match hash.and_then(|hash| phc::PasswordHash::new(&hash.0).ok()) {
        Some(hash) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && possible,
        None => {
            let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
            let params = Params::new(COST.0, COST.1, COST.2, None).unwrap_or_default();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            // For the time that it takes only.
            let _ = argon2.hash_password_into(password.as_bytes(), &[0; 16], &mut out);
            std::hint::black_box(out);
            false
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<PasswordHash, PasswordError> {
        let not = |_| PasswordError::NotAHash;
        let hash = phc::PasswordHash::new(text).map_err(not)?;
        let params = Params::try_from(&hash).map_err(|_| PasswordError::NotAHash)?;
        let cheap = params.m_cost() <= MAX_COST.0 && params.t_cost() <= MAX_COST.1 && params.p_cost() <= MAX_COST.2;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        match hash.algorithm.as_str() == "argon2id" && cheap && whole {
            true => Ok(PasswordHash(text.to_owned())),
            false => Err(PasswordError::NotAHash),
        }
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordError;

    fn try_from(text: String) -> Result<PasswordHash, PasswordError> {
        text.parse()
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> String {
        hash.0
    }
}

/// Bounds how many hashes are computed at a time: memory, and processors for answering queries.
struct Turns {
    /// How many are computed, how many wait.
    state: Mutex<(usize, usize)>,
    freed: Condvar,
    most: usize,
}

struct Turn<'a>(&'a Turns);

impl Turns {
    /// The bound of the process.
    fn of_all() -> &'static Turns {
        static ALL: OnceLock<Turns> = OnceLock::new();
        ALL.get_or_init(|| {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
            Turns::new((cores / 2).clamp(1, MAX_HASHES))
        })
    }

    fn new(most: usize) -> Turns {
        Turns { state: Mutex::new((0, 0)), freed: Condvar::new(), most }
    }

    fn take(&self) -> Result<Turn<'_>, PasswordError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 >= self.most {
            if state.1 >= MAX_WAITING {
                return Err(PasswordError::Busy);
            }
            state.1 += 1;
            while state.0 >= self.most {
                state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.1 -= 1;
        }
        state.0 += 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::fixture::{PASSWORD, hash};
    use super::*;

    #[test]
    fn only_the_password_fits() {
        let hash = hash();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_phc());
        assert!(verify(Some(&hash), PASSWORD).expect("verified"));
        for wrong in ["", "correct hors", "correct horsE", &"a".repeat(MAX_PASSWORD + 1)] {
            assert!(!verify(Some(&hash), wrong).expect("verified"), "{wrong}");
        }
        assert!(!verify(None, PASSWORD).expect("verified"));
        assert_ne!(PasswordHash::new(PASSWORD).expect("hash"), hash, "another salt");
    }

    #[test]
    fn new_passwords_have_a_length() {
        assert!(matches!(PasswordHash::new("1234567"), Err(PasswordError::TooShort)));
        assert!(matches!(PasswordHash::new(&"a".repeat(257)), Err(PasswordError::TooLong)));
    }

    #[test]
    fn hashes_from_elsewhere() {
        let good = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify(Some(&good.parse().expect("hash")), "password").expect("verified"));
        for bad in [
            "",
            "password",
            &good.replace("argon2id", "argon2i"),
            &good.replace("65536", "4000000"),
            &good.replace("t=2", "t=1000"),
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
        ] {
            assert!(matches!(bad.parse::<PasswordHash>(), Err(PasswordError::NotAHash)), "{bad}");
        }
    }

    #[test]
    fn nothing_shows_the_hash() {
        assert_eq!(format!("{:?}", hash()), "PasswordHash");
    }

    #[test]
    fn turns_are_bounded() {
        let turns = Arc::new(Turns::new(2));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let (turns, now, most) = (turns.clone(), now.clone(), most.clone());
                std::thread::spawn(move || {
                    let _turn = turns.take().expect("a turn");
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("thread"));
        assert_eq!(most.load(Ordering::SeqCst), 2);
        // With everybody waiting who may, the next one is turned away.
        *turns.state.lock().expect("lock") = (2, MAX_WAITING);
        assert!(matches!(turns.take(), Err(PasswordError::Busy)));
    }
}
