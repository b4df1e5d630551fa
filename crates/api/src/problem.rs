//! Errors as clients see them: `application/problem+json` (RFC 9457), with a JSON pointer (RFC 6901)
//! to each field that is at fault.

use std::num::NonZeroU64;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use node::commit::CommitError;
use node::handle::HandleError;
use serde::Serialize;
use utoipa::ToSchema;
use zone::EventId;
use zone::check::Finding;

use super::limits::MAX_ERRORS;

/// The media type.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One fault of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where in the body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which parameter of the path or the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'static str>,
    /// Where in a text, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Where in the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Where in a parameter, in octets from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// What is wrong.
    pub detail: String,
}

impl FieldError {
    /// A fault of a field of the body.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { pointer: Some(pointer.into()), detail: detail.into(), ..FieldError::default() }
    }

    /// The same, seen from further outside.
    pub fn below(mut self, prefix: &str) -> FieldError {
        self.pointer = Some(format!("{prefix}{}", self.pointer.unwrap_or_default()));
        self
    }
}

/// Why a request failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is (RFC 9457 4.2.1).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(value_type = u16)]
    #[serde(serialize_with = "status_number")]
    status: StatusCode,
    /// What went wrong.
    detail: String,
    /// What is at fault, piece by piece.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Of the configuration: what would be different.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    diff: Option<Box<serde_json::Value>>,
    /// Of a rollover that cannot begin yet: when it can, in milliseconds since 1970, if the parent does what it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    earliest_ms: Option<NonZeroU64>,
    /// Of a change that may be made or not: `GET /changes/` with it says whether it is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "change_text")]
    #[schema(value_type = Option<String>)]
    change: Option<Box<EventId>>,
    #[serde(skip)]
    retry_after_s: Option<NonZeroU64>,
}

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

fn change_text<S: serde::Serializer>(change: &Option<Box<EventId>>, serializer: S) -> Result<S::Ok, S::Error> {
    match change {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error");
        let (errors, detail) = (Vec::new(), detail.into());
        Problem {
            kind: "about:blank",
            title,
            status,
            detail,
            errors,
            diff: None,
            earliest_ms: None,
            change: None,
            retry_after_s: None,
        }
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// 503.
    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 422: the request is well formed, but what it asks for cannot be.
    pub fn unprocessable(errors: Vec<FieldError>) -> Problem {
        let detail = match &errors[..] {
            [only] => only.detail.clone(),
            _ => format!("{} fields are at fault", errors.len()),
        };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(errors)
    }

    /// 400: a parameter of the path or the query.
    pub fn parameter(name: &'static str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let error = FieldError { parameter: Some(name), detail: detail.clone(), ..FieldError::default() };
        Problem::bad_request(format!("{name}: {detail}")).with(vec![error])
    }

    /// With what is at fault.
    pub fn with(mut self, mut errors: Vec<FieldError>) -> Problem {
        errors.truncate(MAX_ERRORS);
        self.errors = errors;
        self
    }

    /// With what would be different.
    pub fn with_diff(mut self, diff: serde_json::Value) -> Problem {
        self.diff = Some(Box::new(diff));
        self
    }

    /// With the time at which it can be done at the earliest, in milliseconds since 1970.
    pub fn with_earliest_ms(mut self, earliest_ms: Option<u64>) -> Problem {
        self.earliest_ms = earliest_ms.and_then(NonZeroU64::new);
        self
    }

    /// With the advice to come back after so many seconds.
    pub fn retry_after_s(mut self, seconds: u64) -> Problem {
        self.retry_after_s = NonZeroU64::new(seconds);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Problem {
        let detail = error.to_string();
        match error {
            CommitError::NoSuchZone(_) => Problem::not_found(detail),
            CommitError::ZoneExists(_) | CommitError::ReadOnly { .. } => Problem::conflict(detail),
            CommitError::Conflict { .. } => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
            CommitError::Invalid(findings) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the zone could not be served like this")
                    .with(findings.iter().map(fault).collect())
            }
            CommitError::Denied(_) => Problem::forbidden(detail),
            CommitError::Update(_) | CommitError::Difference(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
            }
            CommitError::Signing { .. } | CommitError::Journal(_) | CommitError::Stopping => {
                Problem::unavailable(detail)
            }
            CommitError::Busy => Problem::unavailable(detail).retry_after_s(1),
            CommitError::Unknown { id, .. } => {
                let change = Some(Box::new(id));
                Problem { change, ..Problem::new(StatusCode::GATEWAY_TIMEOUT, detail) }
            }
        }
    }
}

fn fault(finding: &Finding) -> FieldError {
    FieldError { detail: finding.to_string(), ..FieldError::default() }
}

impl From<HandleError> for Problem {
    fn from(error: HandleError) -> Problem {
        let status = match error {
            HandleError::NotThere(_) => StatusCode::NOT_FOUND,
            HandleError::Trimmed(_) => StatusCode::GONE,
            HandleError::Refused(_) => StatusCode::CONFLICT,
            HandleError::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        // A problem consists of strings and numbers: it can always be written.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"headwater\", Basic realm=\"headwater\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.get().into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_at_fault() {
        let problem =
            Problem::unprocessable(vec![FieldError::at("/address", "no address").below("/rrsets/0/records/1")]);
        let json = serde_json::to_value(&problem).expect("JSON");
        let want = serde_json::json!({
            "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "no address",
            "errors": [{"pointer": "/rrsets/0/records/1/address", "detail": "no address"}],
        });
        assert_eq!(json, want);
    }

    #[test]
    fn statuses_of_commit_errors() {
        let zone = || "example.".parse().expect("name");
        let check = |error: CommitError, want: u16| assert_eq!(Problem::from(error).status().as_u16(), want);
        check(CommitError::NoSuchZone(zone()), 404);
        check(CommitError::ZoneExists(zone()), 409);
        check(CommitError::ReadOnly { zone: zone(), why: node::read_only::ReadOnly::File }, 409);
        check(CommitError::Conflict { zone: zone(), serial: Some(1) }, 412);
        check(CommitError::Invalid(Vec::new()), 422);
        check(CommitError::Denied("no".into()), 403);
        check(CommitError::Journal(journal::JournalError::Unwritable("disk full".into())), 503);
        check(CommitError::Busy, 503);
        let id = EventId { node: [1; 8], number: 10 };
        let unknown = Problem::from(CommitError::Unknown { id, why: "no answer".into() });
        let json = serde_json::to_value(&unknown).expect("JSON");
        assert_eq!((unknown.status().as_u16(), &json["change"]), (504, &serde_json::json!("0101010101010101-a")));
    }
}
