//! Keyset paging: `?limit=&after=`, with what comes next in the body and in a `Link` header (RFC 8288).

use std::fmt::Write;

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::limits::{PAGE_DEFAULT, PAGE_MAX};
use super::problem::Problem;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for with `after` to get the items behind these; null: there are none.
    pub next: Option<String>,
}

/// What most lists take.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// The number of items that the client asks for.
///
/// # Errors
/// 400: it is not within the bounds.
pub fn size(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        size @ 1..=PAGE_MAX => Ok(size),
        _ => Err(Problem::parameter("limit", format!("a number from 1 to {PAGE_MAX}"))),
    }
}

impl<T: Serialize> Page<T> {
    /// The response to a request for `uri`.
    pub fn respond(self, uri: &Uri) -> Response {
        let link = self.next.as_deref().and_then(|next| HeaderValue::try_from(link(uri, next)).ok());
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// The same request with another `after`.
fn link(uri: &Uri, next: &str) -> String {
    let mut out = format!("<{}?", uri.path());
    for pair in uri.query().unwrap_or_default().split('&') {
        if !pair.is_empty() && !pair.starts_with("after=") {
            out.push_str(pair);
            out.push('&');
        }
    }
    out.push_str("after=");
    encode(next, &mut out);
    out.push_str(">; rel=\"next\"");
    out
}

/// Appends `text` so that it is one value in a path or a query (RFC 3986 2.1).
pub fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_rest_of_the_query() {
        let check = |uri: &'static str, want: &str| assert_eq!(link(&Uri::from_static(uri), "a b./A"), want);
        check("/x", "</x?after=a%20b.%2FA>; rel=\"next\"");
        check("/x?limit=5&after=0&type=A", "</x?limit=5&type=A&after=a%20b.%2FA>; rel=\"next\"");
    }

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(size(None).ok(), Some(PAGE_DEFAULT));
        assert_eq!(size(Some(PAGE_MAX)).ok(), Some(PAGE_MAX));
        for bad in [0, PAGE_MAX + 1] {
            assert_eq!(size(Some(bad)).expect_err("out of bounds").status().as_u16(), 400);
        }
    }
}
