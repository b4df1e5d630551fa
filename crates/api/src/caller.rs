//! Who makes a request, and the way to the one function that says whether they may ([`access::authorise`]).

use std::net::IpAddr;

use access::{Action, Denied, Principal, Refused, authorise};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use server::clock::unix_ms;

use super::problem::Problem;

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// From where.
    pub client: IpAddr,
}

impl Caller {
    /// Who, as the history names them.
    pub fn who(&self) -> String {
        self.principal.to_string()
    }

    /// Whether this is allowed, for choosing what to show; nothing is logged.
    pub fn may(&self, action: &Action<'_>) -> bool {
        authorise(&self.principal, action, self.client, unix_ms()).is_ok()
    }

    /// Refuses what is not allowed.
    ///
    /// # Errors
    /// What the client may know of the reason.
    pub fn require(&self, action: &Action<'_>) -> Result<(), Problem> {
        authorise(&self.principal, action, self.client, unix_ms()).map_err(refusal)
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
