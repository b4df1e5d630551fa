//! Who asks: tokens, passwords and sessions to a [`Caller`].

use std::net::IpAddr;

use access::{Principal, Who, looks_like_token, principal_of_token};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use data_encoding::BASE64;
use server::clock::unix_ms;

use super::body::is_json;
use super::caller::{Caller, refusal};
use super::problem::Problem;
use super::state::App;

/// The cookie of a session.
pub const COOKIE: &str = "hw_session";
/// The header that scripts of our own pages send: other sites' pages cannot (Fetch standard, CORS protocol).
const SCRIPT_HEADER: &str = "x-headwater";

/// How somebody showed who they are.
enum Proof<'a> {
    Token(&'a str),
    Password(String, String),
    Session(&'a str),
}

/// Who makes a request; `None`: it does not say, or by a session that has ended.
///
/// # Errors
/// What it says does not hold; or it may have been made by a page of another site.
pub async fn identify(app: &App, parts: &Parts, client: IpAddr) -> Result<Option<Caller>, Problem> {
    let Some(proof) = proof(&parts.headers)? else { return Ok(None) };
    let principal = match proof {
        Proof::Token(text) => principal_of_token(&app.access.state(), text, client, unix_ms()).map_err(refusal)?,
        Proof::Password(user, password) => by_password(app, user, password, client).await?,
        Proof::Session(text) => {
            if !parts.method.is_safe() {
                not_forged(&parts.headers)?;
            }
            match app.logins.principal_of_session(&app.access.state(), text, client, unix_ms()) {
                Ok(principal) => principal,
                // Browsers go on sending the cookie of a session that has ended: with the log-in, and where none is needed.
                Err(denied) => {
                    tracing::debug!(target: "security", %client, "{}", denied.for_log());
                    return Ok(None);
                }
            }
        }
    };
    Ok(Some(Caller { principal, client }))
}

/// What somebody has shown who opens a stream, to be looked at again while it is open.
pub enum Held {
    /// A session.
    Session(String),
    /// A token.
    Token(String),
    /// Whoever may open the control socket.
    Local,
}

impl Held {
    /// What the head of `caller`'s request shows.
    ///
    /// # Errors
    /// A password: looking at it again and again would take too long.
    pub fn of(headers: &HeaderMap, caller: &Caller) -> Result<Held, Problem> {
        match proof(headers)? {
            Some(Proof::Session(text)) => Ok(Held::Session(text.to_owned())),
            Some(Proof::Token(text)) => Ok(Held::Token(text.to_owned())),
            None if *caller.principal.who() == Who::Local => Ok(Held::Local),
            _ => Err(Problem::forbidden("a stream is opened with a session or a bearer token, not with a password")),
        }
    }

    /// Who it is, now. A session is not used by it: one that nobody uses otherwise ends.
    ///
    /// # Errors
    /// It does not hold any more.
    pub fn caller(&self, app: &App, client: IpAddr) -> Result<Caller, Problem> {
        let (access, now_ms) = (app.access.state(), unix_ms());
        let principal = match self {
            Held::Session(text) => app.logins.look_at_session(&access, text, client, now_ms).map_err(refusal)?,
            Held::Token(text) => principal_of_token(&access, text, client, now_ms).map_err(refusal)?,
            Held::Local => Principal::local(),
        };
        Ok(Caller { principal, client })
    }
}

fn proof(headers: &HeaderMap) -> Result<Option<Proof<'_>>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(session_of(headers).map(Proof::Session));
    };
    let bad = || Problem::new(StatusCode::UNAUTHORIZED, "Authorization is `Bearer TOKEN` or `Basic` (RFC 7617)");
    let (scheme, rest) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(bad)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Proof::Token(rest.trim())));
    }
    let (user, password) = basic(scheme, rest).ok_or_else(bad)?;
    Ok(Some(Proof::Password(user, password)))
}

/// User and password of the `Authorization` header, if that is what it holds.
pub fn basic_of(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    basic(scheme, rest)
}

/// User and password of RFC 7617.
fn basic(scheme: &str, rest: &str) -> Option<(String, String)> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(rest.trim().as_bytes()).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// The session that the cookies name.
pub fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Who sends this name and password; a token may stand in place of the password.
///
/// # Errors
/// 401, 429.
pub async fn by_password(app: &App, user: String, password: String, client: IpAddr) -> Result<Principal, Problem> {
    let is_token = looks_like_token(&password);
    let (access, logins) = (app.access.clone(), app.logins.clone());
    let find = move || logins.principal_of_basic(&access.state(), &user, &password, client, unix_ms()).map_err(refusal);
    // Only a password takes long.
    if is_token { find() } else { super::blocking::blocking(find).await }
}

/// A cookie comes along whoever made the browser send the request. JSON and headers of our own are what a page of
/// another site cannot send without asking first, and the answer to that is no.
fn not_forged(headers: &HeaderMap) -> Result<(), Problem> {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if !cross_site && (headers.contains_key(SCRIPT_HEADER) || is_json(headers)) {
        return Ok(());
    }
    Err(Problem::forbidden("a change by session needs the header X-Headwater or a JSON body (against forged requests)"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().expect("name"), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn forms_of_proof() {
        let check = |value: &'static str, want: &str| {
            let got = match proof(&headers(&[("authorization", value)])) {
                Err(_) => "bad".to_owned(),
                Ok(None) => "none".to_owned(),
                Ok(Some(Proof::Token(token))) => format!("token {token}"),
                Ok(Some(Proof::Password(user, password))) => format!("{user} {password}"),
                Ok(Some(Proof::Session(_))) => "session".to_owned(),
            };
            assert_eq!(got, want, "{value}");
        };
        check("Bearer hw_x_y", "token hw_x_y");
        check("bearer hw_x_y", "token hw_x_y");
        check("Basic YTpiOmM=", "a b:c");
        check("Basic YTpi OmM=", "bad");
        check("Basic YQ==", "bad");
        check("Digest x", "bad");
        check("Bearer", "bad");
    }

    #[test]
    fn sessions_and_forgery() {
        assert_eq!(session_of(&headers(&[("cookie", "a=b; hw_session=xyz")])), Some("xyz"));
        assert_eq!(session_of(&headers(&[("cookie", "xhw_session=xyz")])), None);
        let check =
            |pairs: &[(&'static str, &'static str)], want| assert_eq!(not_forged(&headers(pairs)).is_ok(), want);
        check(&[], false);
        check(&[("content-type", "text/plain")], false);
        check(&[("content-type", "application/json; charset=utf-8")], true);
        check(&[("x-headwater", "1")], true);
        check(&[("x-headwater", "1"), ("sec-fetch-site", "cross-site")], false);
    }
}
