//! Tokens: `hw_ID_SECRET`, where ID is public and SECRET is 32 random octets in base64url (RFC 4648 5). The text is
//! shown once; only the SHA-256 digest of the secret is kept, which is enough for one that nobody can guess.

use std::fmt;
use std::net::IpAddr;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use super::authorise::{Denied, Principal};
use super::event::EventKind;
use super::grant::Grant;
use super::secret::{RandomError, Secret, random};
use super::state::AccessState;

/// What the text of a token starts with, so that scanners for leaked secrets find it.
const PREFIX: &str = "hw_";
/// Octets of the secret.
const SECRET_LEN: usize = 32;
/// Characters of an identifier.
const ID_LEN: usize = 12;

/// The SHA-256 digest of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

/// A token that does not exist before its event is submitted.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its public identifier.
    pub id: String,
    /// Its text, to be shown once.
    pub text: Secret,
    /// The event that makes it.
    pub kind: EventKind,
}

impl NewToken {
    /// A token called `name` for the user `owner`.
    ///
    /// # Errors
    /// No random octets.
    pub fn new(owner: &str, name: &str, grants: Vec<Grant>, expires_ms: Option<u64>) -> Result<NewToken, RandomError> {
        // 60 of 64 bits: identifiers of 50,000 tokens clash once in a billion times, and then the fold says so.
        let mut id = BASE32_NOPAD.encode(&random::<8>()?).to_ascii_lowercase();
        id.truncate(ID_LEN);
        let secret = random::<SECRET_LEN>()?;
        let text = Secret::new(format!("{PREFIX}{id}_{}", BASE64URL_NOPAD.encode(&secret)));
        let kind = EventKind::TokenCreated {
            id: id.clone(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            secret_sha256: TokenHash::of(&secret),
            expires_ms,
            grants,
        };
        Ok(NewToken { id, text, kind })
    }
}

/// Who the token with this text is.
///
/// # Errors
/// It is none, was revoked or has expired; its owner is disabled; the reason goes to the log only.
pub fn principal_of_token(state: &AccessState, text: &str, client: IpAddr, now_ms: u64) -> Result<Principal, Denied> {
    let unknown = |why: String| Denied::unknown(why, client);
    let Some((id, secret)) = split(text) else {
        return Err(unknown("what was sent as a token does not look like one".to_owned()));
    };
    let Some(token) = state.token(id) else {
        return Err(unknown(format!("there is no token {id}")));
    };
    if !token.secret_sha256.is_of(&secret) {
        return Err(unknown(format!("wrong secret for token {id}")));
    }
    if token.expires_ms.is_some_and(|at| now_ms >= at) {
        return Err(unknown(format!("token {id} of {} has expired", token.owner)));
    }
    match state.user(&token.owner) {
        Some(user) if !user.disabled => Ok(Principal::token(
            token.id.clone(),
            token.name.clone(),
            token.owner.clone(),
            token.grants.clone(),
            state.grants_of(user),
        )),
        _ => Err(unknown(format!("token {id}: its owner {} is disabled", token.owner))),
    }
}

/// Whether `text` is meant as a token.
pub fn looks_like_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Whether `id` may be the identifier of a token.
pub(super) fn is_id(id: &str) -> bool {
    id.len() == ID_LEN && id.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
}

/// The identifier and the secret in `text`.
fn split(text: &str) -> Option<(&str, [u8; SECRET_LEN])> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let secret = BASE64URL_NOPAD.decode(secret.as_bytes()).ok()?;
    is_id(id).then_some((id, secret.try_into().ok()?))
}

impl TokenHash {
    /// The digest of `secret`.
    pub fn of(secret: &[u8; SECRET_LEN]) -> TokenHash {
        TokenHash(dnssec::digest::sha256(secret))
    }

    /// Whether it is the digest of `secret`.
    pub fn is_of(&self, secret: &[u8; SECRET_LEN]) -> bool {
        dnssec::digest::equal(&self.0, &dnssec::digest::sha256(secret))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<TokenHash, &'static str> {
        let octets = HEXLOWER.decode(text.as_bytes()).ok().and_then(|octets| octets.try_into().ok());
        octets.map(TokenHash).ok_or("not a SHA-256 digest in hex")
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> String {
        HEXLOWER.encode(&hash.0)
    }
}
