//! The description of the API (OpenAPI 3.1), made from the code; `docs/api/openapi.json` is a copy
//! that a test compares.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr};
use utoipa::{Modify, OpenApi as _};

use super::auth::COOKIE;
use super::problem::{self, Problem};

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

/// What the routes are added to.
pub fn base() -> OpenApi {
    Base::openapi()
}

/// Adds to every operation how its errors look.
pub fn with_problems(mut api: OpenApi) -> OpenApi {
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description("an error").content(problem::CONTENT_TYPE, content);
            operation.responses.responses.insert("default".into(), RefOr::T(response.build()));
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}
