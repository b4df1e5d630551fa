//! Entity tags of zones: the serial in quotes. `If-Match` on a write is looked at where the change is
//! prepared, so that nothing comes between the look and the change (RFC 9110 13.1.1).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use dns::Name;
use node::commit::CommitError;

use super::problem::Problem;

/// Entity tags in one header.
const MAX_TAGS: usize = 16;

/// The entity tag of a zone with this serial.
pub fn of(serial: u32) -> HeaderValue {
    // Digits in quotes are a header value; the alternative is never taken.
    HeaderValue::try_from(format!("\"{serial}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The entity tag whose text is `tag`.
pub fn of_text(tag: &str) -> HeaderValue {
    // Letters and digits in quotes are a header value; the alternative is never taken.
    HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Refuses a write that expects another version than the one whose tag is `tag` (RFC 9110 13.1.1).
///
/// # Errors
/// 412.
pub fn check_text(headers: &HeaderMap, tag: &str) -> Result<(), Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(()) };
    let value = value.to_str().unwrap_or_default().trim();
    let mut tags = value.split(',').take(MAX_TAGS).map(str::trim);
    match value == "*" || tags.any(|known| known == format!("\"{tag}\"")) {
        true => Ok(()),
        false => Err(Problem::new(StatusCode::PRECONDITION_FAILED, "it has changed meanwhile: read it anew")),
    }
}

/// Whether the client has this version already (RFC 9110 13.1.2).
pub fn is_known(headers: &HeaderMap, serial: u32) -> bool {
    is_known_text(headers, &serial.to_string())
}

/// Whether the client has the version already whose tag is `tag` (RFC 9110 13.1.2).
pub fn is_known_text(headers: &HeaderMap, tag: &str) -> bool {
    let value = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let mut tags = value.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        value.trim() == "*" || tags.any(|known| known == format!("\"{tag}\""))
    })
}

/// What a write expects the zone to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Anything.
    #[default]
    Nothing,
    /// Any zone that is there.
    Exists,
    /// One of these serials.
    Serials(Vec<u32>),
}

impl IfMatch {
    /// Reads the header.
    ///
    /// # Errors
    /// 400: it is none.
    pub fn from_headers(headers: &HeaderMap) -> Result<IfMatch, Problem> {
        let Some(value) = headers.get(header::IF_MATCH) else { return Ok(IfMatch::Nothing) };
        let bad = || Problem::bad_request("If-Match is `*` or a list of entity tags, which are serials in quotes");
        let value = value.to_str().map_err(|_| bad())?.trim();
        if value == "*" {
            return Ok(IfMatch::Exists);
        }
        // A tag that is no serial is one that no version has, not an error.
        let serial = |tag: &str| -> Result<Option<u32>, Problem> {
            let inner = tag.trim().strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(bad)?;
            Ok(inner.parse().ok())
        };
        let tags: Vec<Option<u32>> = value.split(',').take(MAX_TAGS).map(serial).collect::<Result<_, _>>()?;
        Ok(IfMatch::Serials(tags.into_iter().flatten().collect()))
    }

    /// Whether a zone with this serial is what was expected.
    ///
    /// # Errors
    /// [`CommitError::Conflict`].
    pub fn check(&self, zone: &Name, serial: Option<u32>) -> Result<(), CommitError> {
        match self {
            IfMatch::Serials(wanted) if !serial.is_some_and(|serial| wanted.contains(&serial)) => {
                Err(CommitError::Conflict { zone: zone.to_owned(), serial })
            }
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        IfMatch::from_headers(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match() {
        let zone: dns::NameBuf = "example.".parse().expect("name");
        let check = |text: &'static str, serial, want: Option<bool>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
            let got = IfMatch::from_headers(&headers).ok().map(|expected| expected.check(&zone, serial).is_ok());
            assert_eq!(got, want, "{text}");
        };
        check("\"7\"", Some(7), Some(true));
        check("\"7\"", Some(8), Some(false));
        check("\"7\"", None, Some(false));
        check("\"6\", \"7\"", Some(7), Some(true));
        check("\"other\"", Some(7), Some(false));
        check("*", Some(7), Some(true));
        check("7", Some(7), None);
        assert_eq!(of(4_294_967_295), "\"4294967295\"");
    }
}
