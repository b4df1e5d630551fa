//! Pages of other sites: which of them a browser lets use the API (Fetch standard, CORS protocol). A site is one of
//! `web.cors`, to the letter, or it is refused; cookies are for the same site in any case (`SameSite=Strict`).

use std::sync::{Arc, RwLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// What such a page may do.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Headers that it may send.
const HEADERS: &str = "authorization, content-type, if-match, if-none-match, idempotency-key, x-headwater";
/// Headers that it may see.
const EXPOSED: &str = "etag, link, location, retry-after, idempotency-replayed";
/// Seconds that a browser may remember it.
const MAX_AGE_S: &str = "600";

/// The origins that `web.cors` names, as it is now.
#[derive(Debug, Default)]
pub struct Origins(RwLock<Arc<[String]>>);

impl Origins {
    /// Other origins than before.
    pub fn set(&self, origins: &[String]) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = origins.into();
    }

    /// Whether pages of `origin` may use the API.
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        let origins = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
    }
}

/// The middleware.
pub async fn cors(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let is_allowed = origins.allow(&origin);
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && asks {
        if !is_allowed {
            let detail = "pages of this origin may not use the API; `web.cors` lists those that may";
            return varied(Problem::forbidden(detail).into_response());
        }
        return varied(preflight(origin));
    }
    let mut response = next.run(request).await;
    if is_allowed {
        allow(response.headers_mut(), origin);
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    varied(response)
}

/// The answer to the question that a browser asks before the request (preflight).
fn preflight(origin: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow(headers, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

/// Caches must not give one origin's response to another.
fn varied(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}
