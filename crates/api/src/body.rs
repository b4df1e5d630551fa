//! Request bodies and queries. JSON is parsed once; only a body that is at fault is read again, for
//! the place of the fault.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::problem::{FieldError, Problem};

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let is_json = is_json(request.headers());
        parse_typed(is_json, &octets(request, state).await?).map(Body)
    }
}

/// A JSON body that may be missing: then it is as if it were `{}`.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<OptionalBody<T>, Problem> {
        let is_json = is_json(request.headers());
        let octets = octets(request, state).await?;
        let parsed = if octets.is_empty() { parse(b"{}") } else { parse_typed(is_json, &octets) };
        parsed.map(OptionalBody)
    }
}

fn parse_typed<T: DeserializeOwned>(is_json: bool, octets: &[u8]) -> Result<T, Problem> {
    if is_json {
        parse(octets)
    } else {
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body should be application/json"))
    }
}

/// The octets of a body, whose size `gate.rs` has limited.
async fn octets<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|error| Problem::bad_request(error.body_text()))
}

/// Whether the body is said to be JSON, also in its form for merging (RFC 7396 4).
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/merge-patch+json")
}

/// Reads JSON.
///
/// # Errors
/// 400 with line and column for what is no JSON, 422 with a pointer for what has another form.
pub fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(octets).map_err(|error| {
        let mut reader = serde_json::Deserializer::from_slice(octets);
        let located = serde_path_to_error::deserialize::<_, T>(&mut reader);
        fault(&error, located.err().map(|error| pointer(error.path())).unwrap_or_default())
    })
}

fn fault(error: &serde_json::Error, pointer: String) -> Problem {
    let text = error.to_string();
    // The place is told apart from the text.
    let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_string();
    let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (line, column) = (Some(place(error.line())), Some(place(error.column())));
    let has_form = !error.is_data();
    let at = FieldError {
        pointer: (!has_form).then_some(pointer),
        line,
        column,
        detail: detail.clone(),
        ..FieldError::default()
    };
    if has_form {
        let detail = format!("the body is no JSON: {detail}, line {} column {}", error.line(), error.column());
        return Problem::bad_request(detail).with(vec![at]);
    }
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(vec![at])
}

/// A path as JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } => out.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    out
}

/// The parameters of a query.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        let parsed = Query::<T>::try_from_uri(&parts.uri);
        parsed.map(|Query(params)| Params(params)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its form counts")]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its form counts")]
        number: u8,
    }

    #[test]
    fn faults_have_a_place() {
        let check = |text: &str, status: u16, pointer: Option<&str>, line: u32| {
            let problem = parse::<Outer>(text.as_bytes()).expect_err(text);
            let json = serde_json::to_value(&problem).expect("JSON");
            assert_eq!(problem.status().as_u16(), status, "{json}");
            assert_eq!(json["errors"][0]["pointer"].as_str(), pointer, "{json}");
            assert_eq!(json["errors"][0]["line"], line, "{json}");
        };
        check("{\n \"list\": [}", 400, None, 2);
        check("", 400, None, 1);
        check("{\"list\": [{\"number\": 1}, {\"number\": 300}]}", 422, Some("/list/1/number"), 1);
        check("{\"list\": [{\"number\": 1, \"a/b\": 2}]}", 422, Some("/list/0/a~1b"), 1);
        check("{}", 422, Some(""), 1);
        check("{\"list\": {}}", 422, Some("/list"), 1);
    }
}
