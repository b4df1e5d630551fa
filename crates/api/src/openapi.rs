//! The description of the API (OpenAPI 3.1), made from the code; `docs/api/openapi.json` is a copy
//! that a test compares.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ArrayBuilder, ContentBuilder, Object, ObjectBuilder, OpenApi, Ref, RefOr, Required, Type};
use utoipa::{Modify, OpenApi as _};

use super::auth::COOKIE;
use super::limits::{DEFAULT_WAIT_MS, MAX_IDEMPOTENCY_KEY_BYTES, MAX_WAIT_MS};
use super::problem::{self, Problem};
use super::receipts;

/// The parts that are not in the handlers.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Headwater",
        description = "Zones, their records and history, access and backups. Every error is `application/problem+json` (RFC 9457).",
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    security(("token" = []), ("password" = []), ("session" = [])),
    modifiers(&Security),
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut OpenApi) {
        let components = api.components.get_or_insert_default();
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("token", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("password", http(HttpAuthScheme::Basic));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))));
    }
}

/// What is set by API and has a version begins so.
const OF_POLICY: [&str; 3] = ["/blocking/", "/groups/", "/clients/"];

/// What the routes are added to.
pub fn base() -> OpenApi {
    Base::openapi()
}

/// Adds what all operations have in common: a name of their own, how errors look, header fields of writes.
pub fn finished(mut api: OpenApi) -> OpenApi {
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(name_of(method, path));
            describe_responses(operation);
            let mut headers = Vec::new();
            if method != "get" {
                let key = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some(MAX_IDEMPOTENCY_KEY_BYTES));
                let description = "A request that is sent again with it is not made again.";
                headers.push(header("Idempotency-Key", description, key.build()));
            }
            if method != "get" && receipts::may_wait(path) {
                headers.extend(wait_parameters());
                describe_waits(operation);
            }
            if method != "get" && (path.starts_with("/zones/{zone}") || path == "/drafts/{id}") {
                let description = "Only if this is the entity tag: the serial in quotes.";
                headers.push(header("If-Match", description, Object::with_type(Type::String)));
            }
            if matches!(method, "put" | "delete") && OF_POLICY.iter().any(|prefix| path.starts_with(prefix)) {
                let description = "Only if this is the entity tag: the version in quotes.";
                headers.push(header("If-Match", description, Object::with_type(Type::String)));
            }
            if matches!((method, path.as_str()), ("put" | "patch", "/config")) {
                let description = "Only if this is the entity tag.";
                headers.push(header("If-Match", description, Object::with_type(Type::String)));
            }
            operation.parameters.get_or_insert_default().extend(headers.into_iter().map(RefOr::T));
        }
    }
    api
}

/// `get_zones_zone_rrsets` for `GET /zones/{zone}/rrsets`.
fn name_of(method: &str, path: &str) -> String {
    let words = path.split(['/', '-']).map(|word| word.trim_matches(['{', '}'])).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// Every response needs a description.
fn describe_responses(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let known = status.parse::<u16>().ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.description = known.and_then(|status| status.canonical_reason()).unwrap_or("done").to_lowercase();
        }
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description("an error").content(problem::CONTENT_TYPE, content);
    operation.responses.responses.insert("default".into(), RefOr::T(response.build()));
}

/// What every write takes: whom it waits for, and how long.
fn wait_parameters() -> [Parameter; 2] {
    let parameter = |name: &str, description: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema.build()))
            .build()
    };
    let servers = "Answers when these servers of the cluster have served what was made: `all`, `quorum`, or a number of them. \
                   The response has `receipts`, and `wait_met`.";
    let timeout = format!("For so long at most, {DEFAULT_WAIT_MS} without it; what was made stays made.");
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^(all|quorum|[1-9][0-9]{0,2})$"));
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(MAX_WAIT_MS as f64));
    [parameter(receipts::WAIT, servers, text), parameter(receipts::TIMEOUT_MS, &timeout, number)]
}

/// What is answered with nothing else is answered with receipts to whoever waits.
fn describe_waits(operation: &mut Operation) {
    if operation.responses.responses.contains_key("204") {
        let list = ArrayBuilder::new().items(Ref::from_schema_name("ReceiptOut"));
        let schema = ObjectBuilder::new()
            .property("receipts", list)
            .property("wait_met", Object::with_type(Type::Boolean))
            .required("receipts")
            .required("wait_met");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response =
            ResponseBuilder::new().description("done, to whoever waits").content("application/json", content);
        operation.responses.responses.insert("200".into(), RefOr::T(response.build()));
    }
}

fn header(name: &str, description: &str, schema: Object) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// The operations of a path, each with its method in lower case.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_operations() {
        assert_eq!(name_of("get", "/zones/{zone}/rrsets"), "get_zones_zone_rrsets");
        assert_eq!(name_of("post", "/tsig-keys"), "post_tsig_keys");
    }
}
