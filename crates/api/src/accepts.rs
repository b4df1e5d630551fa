//! What each operation takes, as its description says: a request with a parameter or a body that the operation does
//! not have is refused instead of done as if it said nothing. Handlers refuse unknown fields of the bodies that they
//! have; this is the rest.

use std::collections::HashMap;

use axum::extract::{MatchedPath, Query};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::openapi;
use super::problem::Problem;

/// What one operation takes.
#[derive(Debug, Default)]
struct Taken {
    query: Vec<String>,
    body: bool,
}

/// What each operation takes, by method and path; paths that are not described take anything.
#[derive(Debug, Default)]
pub struct Accepts(HashMap<(Method, String), Taken>);

impl Accepts {
    /// From the description of operations whose paths stand behind `prefix`.
    pub fn new(api: &mut OpenApi, prefix: &str) -> Accepts {
        let mut all = HashMap::new();
        for (path, item) in &mut api.paths.paths {
            for (method, operation) in openapi::operations(item) {
                if let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) {
                    all.insert((method, format!("{prefix}{path}")), taken(operation));
                }
            }
        }
        Accepts(all)
    }

    /// Whether the operation takes what the request says.
    ///
    /// # Errors
    /// 400: a parameter that it does not have. 422: a body that it does not have.
    pub fn check(&self, parts: &Parts, body: &[u8]) -> Result<(), Problem> {
        let Some(path) = parts.extensions.get::<MatchedPath>() else { return Ok(()) };
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        let Some(taken) = self.0.get(&(method, path.as_str().to_owned())) else { return Ok(()) };
        let given = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(given) = given.map_err(|error| Problem::bad_request(error.body_text()))?;
        if let Some((name, _)) = given.iter().find(|(name, _)| !taken.query.contains(name)) {
            return Err(Problem::bad_request(format!("there is no parameter {name:?} here")));
        }
        if !body.is_empty() && !taken.body {
            let detail = "there is no body here: what it says would not be done";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Ok(())
    }
}

fn taken(operation: &Operation) -> Taken {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => Some(parameter.name.clone()),
        _ => None,
    });
    Taken { query: parameters.collect(), body: operation.request_body.is_some() }
}
