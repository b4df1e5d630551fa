//! Who asks, and whether they may: tokens, passwords and sessions to a [`Caller`], and the way to
//! the one function that authorises ([`crate::auth::authorise`]).

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use data_encoding::BASE64;

use super::body::is_json;
use super::problem::Problem;
use super::state::App;
use crate::auth::{Action, Denied, Principal, Refused, authorise, looks_like_token, principal_of_token};
use crate::clock::now_ms;

/// The cookie of a session.
pub const COOKIE: &str = "hw_session";
/// The header that scripts of our own pages send: other sites' pages cannot (Fetch standard, CORS protocol).
const SCRIPT_HEADER: &str = "x-headwater";

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// From where.
    pub client: IpAddr,
}

/// How somebody showed who they are.
enum Proof<'a> {
    Token(&'a str),
    Password(String, String),
    Session(&'a str),
}

impl Caller {
    /// Who, as the history names them.
    pub fn who(&self) -> String {
        self.principal.to_string()
    }

    /// Whether this is allowed, for choosing what to show; nothing is logged.
    pub fn may(&self, action: &Action<'_>) -> bool {
        authorise(&self.principal, action, self.client, now_ms()).is_ok()
    }

    /// Refuses what is not allowed.
    ///
    /// # Errors
    /// What the client may know of the reason.
    pub fn require(&self, action: &Action<'_>) -> Result<(), Problem> {
        authorise(&self.principal, action, self.client, now_ms()).map_err(refusal)
    }
}

/// A refusal as the client sees it; the log hears the whole reason.
pub fn refusal(denied: Denied) -> Problem {
    let (refused, why) = denied.refuse();
    match refused {
        Refused::Unknown => Problem::new(StatusCode::UNAUTHORIZED, why),
        Refused::Hidden => Problem::not_found(why),
        Refused::Forbidden => Problem::forbidden(why),
        Refused::Later { after_ms } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after_s(after_ms.div_ceil(1000))
        }
        Refused::Busy => Problem::unavailable(why).retry_after_s(1),
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        let needed = || Problem::new(StatusCode::UNAUTHORIZED, "this needs a log-in or a token");
        parts.extensions.get::<Caller>().cloned().ok_or_else(needed)
    }
}

/// Who makes a request; `None`: it does not say.
///
/// # Errors
/// What it says does not hold; or it may have been made by a page of another site.
pub async fn identify(app: &App, parts: &Parts, client: IpAddr) -> Result<Option<Caller>, Problem> {
    let Some(proof) = proof(&parts.headers)? else { return Ok(None) };
    let principal = match proof {
        Proof::Token(text) => principal_of_token(&app.access.state(), text, client, now_ms()).map_err(refusal)?,
        Proof::Password(user, password) => by_password(app, user, password, client).await?,
        Proof::Session(text) => {
            if !parts.method.is_safe() {
                not_forged(&parts.headers)?;
            }
            app.logins.principal_of_session(&app.access.state(), text, client, now_ms()).map_err(refusal)?
        }
    };
    Ok(Some(Caller { principal, client }))
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
    let find = move || logins.principal_of_basic(&access.state(), &user, &password, client, now_ms()).map_err(refusal);
    // Only a password takes long.
    if is_token { find() } else { super::backend::blocking(find).await }
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
