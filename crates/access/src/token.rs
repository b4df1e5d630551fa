//! Tokens: `hw_ID_SECRET`, where ID is public and SECRET is 32 random octets in base64url (RFC 4648 5). The text is
//! shown once; only the SHA-256 digest of the secret is kept, which is enough for one that nobody can guess.

use std::net::IpAddr;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

use super::authorise::{Denied, Principal};
use super::event::EventKind;
use super::grant::Grant;
use super::secret::{RandomError, Secret, random};
use super::state::AccessState;
use super::token_hash::{SECRET_LEN, TokenHash};

/// What the text of a token starts with, so that scanners for leaked secrets find it.
const PREFIX: &str = "hw_";
/// Characters of an identifier.
const ID_LEN: usize = 12;

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

#[cfg(test)]
mod tests {
    use super::super::fixture::{event, ip, new_user, state};
    use super::*;

    #[test]
    fn tokens_are_who_they_say() {
        let token = NewToken::new("anna", "ci", vec![Grant::everything()], Some(2000)).expect("token");
        let text = token.text.reveal().to_owned();
        assert_eq!(text.len(), 3 + 12 + 1 + 43);
        let mut state = state(&[new_user("anna", &["admin"]), token.kind.clone()]);
        let check = |state: &AccessState, text: &str, now_ms, want: Result<&str, &str>| {
            let got = principal_of_token(state, text, ip("192.0.2.1"), now_ms);
            let got = got.map(|principal| principal.to_string()).map_err(|denied| {
                let log = denied.for_log().to_owned();
                let (_, told) = denied.refuse();
                assert_eq!(told, "user, password or token are not right, or no longer valid");
                log
            });
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{now_ms}");
        };
        let id = &token.id;
        let no_token = "what was sent as a token does not look like one";
        check(&state, &text, 1999, Ok(&format!("token:ci id:{id} user:anna")));
        check(&state, &text, 2000, Err(&format!("token {id} of anna has expired")));
        let mut wrong = text.clone();
        wrong.replace_range(16..17, if &text[16..17] == "A" { "B" } else { "A" });
        check(&state, &wrong, 0, Err(&format!("wrong secret for token {id}")));
        let other = text.replace(id.as_str(), "aaaaaaaaaaaa");
        check(&state, &other, 0, Err("there is no token aaaaaaaaaaaa"));
        for text in ["", "hw_", "hw__", &text[..text.len() - 1], &text[1..], &format!("{text}A"), &text.to_uppercase()]
        {
            check(&state, text, 0, Err(no_token));
        }
        state.fold(state.next(), &event(EventKind::TokenRevoked { id: id.clone() })).expect("revoked");
        check(&state, &text, 0, Err(&format!("there is no token {id}")));
    }

    #[test]
    fn nothing_shows_the_secret() {
        let token = NewToken::new("anna", "ci", vec![Grant::everything()], None).expect("token");
        let (_, secret) = split(token.text.reveal()).expect("token");
        let text = BASE64URL_NOPAD.encode(&secret);
        let shown = format!("{token:?} {} {:?}", token.kind, state(&[new_user("anna", &[]), token.kind.clone()]));
        assert!(shown.contains(&token.id) && !shown.contains(&text), "{shown}");
        let EventKind::TokenCreated { secret_sha256, .. } = token.kind else { panic!("{:?}", token.kind) };
        assert!(secret_sha256.is_of(&secret) && !shown.contains(&String::from(secret_sha256)), "{shown}");
    }
}
