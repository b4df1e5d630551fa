//! What `users.rs`, `roles.rs`, `tokens.rs` and `tsig_keys.rs` share: changes of access are events of
//! [`::access`], which checks them.

use std::sync::Arc;

use access::{AccessError, AccessEvent, Action, EventKind, PasswordError, PasswordHash, Rejected, Verb};
use axum::http::StatusCode;
use node::handle::HandleError;
use server::clock::unix_ms;

use super::blocking::blocking;
use super::caller::Caller;
use super::problem::{FieldError, Problem};
use super::state::App;

/// Refuses who may not administer access.
///
/// # Errors
/// The refusal.
pub fn require_admin(caller: &Caller) -> Result<(), Problem> {
    caller.require(&Action::server(Verb::Admin))
}

/// Makes a change of access durable and visible.
///
/// # Errors
/// What is wrong with it.
pub async fn submit(app: &Arc<App>, caller: &Caller, kind: EventKind) -> Result<(), Problem> {
    let event = AccessEvent { at_ms: unix_ms(), who: caller.who(), why: String::new(), kind };
    let access = app.access.clone();
    blocking(move || access.submit(&event).map(drop).map_err(problem)).await
}

/// Hashes a new password.
///
/// # Errors
/// It is too short or too long; 503 if there is too much to do.
pub async fn hash(password: String) -> Result<PasswordHash, Problem> {
    blocking(move || {
        PasswordHash::new(&password).map_err(|error| match error {
            PasswordError::TooShort | PasswordError::TooLong => {
                Problem::unprocessable(vec![FieldError::at("/password", error.to_string())])
            }
            error => Problem::unavailable(error.to_string()).retry_after_s(1),
        })
    })
    .await
}

/// An error of access as the client sees it.
pub fn problem(error: AccessError) -> Problem {
    let detail = error.to_string();
    let AccessError::Rejected(rejected) = error else { return Problem::unavailable(detail) };
    match rejected {
        Rejected::Unknown { .. } => Problem::not_found(detail),
        Rejected::Exists { .. }
        | Rejected::InUse { .. }
        | Rejected::BuiltIn(_)
        | Rejected::LastAdmin(_)
        | Rejected::Repeated => Problem::conflict(detail),
        Rejected::TooMany { .. } => Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail),
        Rejected::Invalid { field, why } => Problem::unprocessable(vec![FieldError::at(format!("/{field}"), why)]),
    }
}

/// 404 for something of access.
pub fn missing(what: &str, name: &str) -> Problem {
    HandleError::NotThere(format!("there is no {what} {name}")).into()
}

/// A page of sorted items behind `after`; all of them are in memory.
pub fn slice<T, O>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    after: Option<&str>,
    size: usize,
    out: impl Fn(T) -> O,
) -> super::page::Page<O> {
    let mut rest = items.filter(|item| after.is_none_or(|after| key(item).as_str() > after));
    let page: Vec<T> = rest.by_ref().take(size).collect();
    let next = rest.next().and_then(|_| page.last().map(&key));
    super::page::Page { items: page.into_iter().map(out).collect(), next }
}
