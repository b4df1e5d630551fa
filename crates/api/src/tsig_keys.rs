//! `/tsig-keys`: keys for transfers and updates (RFC 8945). A secret is shown once, when it is made.

use std::sync::Arc;

use access::{EventKind, Key};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use dns::NameBuf;
use dnssec::tsig::Algorithm;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{missing, require_admin, slice, submit};
use super::body::{Body, Params};
use super::caller::Caller;
use super::page::{self, ListParams, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// The algorithm of new keys.
const DEFAULT_ALGORITHM: &str = "hmac-sha256";

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyOut {
    /// Its name.
    pub name: String,
    /// Its algorithm.
    pub algorithm: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Its secret in base64: only in the response that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Why it should be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl From<&Arc<Key>> for KeyOut {
    fn from(key: &Arc<Key>) -> KeyOut {
        let (name, algorithm) = (key.name.to_string(), key.algorithm.clone());
        let is_obsolete = algorithm.parse().is_ok_and(Algorithm::is_obsolete);
        let warning = is_obsolete.then(|| format!("{algorithm} must not be used where another can be (RFC 8945 6)"));
        KeyOut { name, algorithm, created_at_ms: key.created_ms, secret: None, warning }
    }
}

/// The keys.
#[utoipa::path(get, path = "/tsig-keys", tag = "tsig keys", params(ListParams), responses((status = 200, body = Page<KeyOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let (state, size) = (app.access.state(), page::size(params.limit)?);
    let mut keys: Vec<&Arc<Key>> = state.keys().collect();
    // Pages go by the text of the name, not by its canonical order.
    keys.sort_by_key(|key| key.name.to_string());
    let page = slice(keys.into_iter(), |key| key.name.to_string(), params.after.as_deref(), size, KeyOut::from);
    Ok(page.respond(&uri))
}

/// A new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "transfer-key"}))]
pub struct NewKey {
    /// Its name.
    name: String,
    /// `hmac-sha256` without it; also `hmac-sha1`, `-sha224`, `-sha384`, `-sha512`, and `hmac-md5` for old peers.
    #[serde(default)]
    algorithm: Option<String>,
    /// Its secret in base64; without it, one is made.
    #[serde(default)]
    secret: Option<String>,
}

/// Makes a key. Its secret is in the response, and nowhere else ever.
#[utoipa::path(post, path = "/tsig-keys", tag = "tsig keys", request_body = NewKey, responses((status = 201, body = KeyOut)))]
async fn create(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewKey>) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let at = |pointer: &str, detail: String| Problem::unprocessable(vec![FieldError::at(pointer, detail)]);
    let name: NameBuf = body.name.parse().map_err(|error| at("/name", format!("no domain name: {error}")))?;
    let secret = match body.secret {
        Some(text) => BASE64.decode(text.as_bytes()).map_err(|error| at("/secret", format!("no base64: {error}")))?,
        None => {
            // As long as the digest of hmac-sha256 (RFC 2104 3).
            let mut secret = vec![0; 32];
            getrandom::fill(&mut secret).map_err(|error| Problem::unavailable(error.to_string()))?;
            secret
        }
    };
    let algorithm = body.algorithm.as_deref().unwrap_or(DEFAULT_ALGORITHM);
    // Of several spellings the usual one is kept.
    let known = algorithm.parse::<Algorithm>().map(Algorithm::as_str);
    let algorithm = known.unwrap_or(algorithm);
    let kind =
        app.access.new_key(name.clone(), algorithm, &secret).map_err(|error| at("/secret", error.to_string()))?;
    submit(&app, &caller, kind).await?;
    let mut out = find(&app, &name)?;
    out.secret = Some(BASE64.encode(&secret));
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(out)).into_response())
}

fn find(app: &App, name: &NameBuf) -> Result<KeyOut, Problem> {
    app.access.state().key(name).map(KeyOut::from).ok_or_else(|| missing("TSIG key", &name.to_string()))
}

fn name_of(text: &str) -> Result<NameBuf, Problem> {
    text.parse().map_err(|error| Problem::parameter("name", format!("no domain name: {error}")))
}

/// One key, without its secret.
#[utoipa::path(get, path = "/tsig-keys/{name}", tag = "tsig keys", params(("name" = String, Path, description = "The key")),
    responses((status = 200, body = KeyOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Json<KeyOut>, Problem> {
    require_admin(&caller)?;
    find(&app, &name_of(&name)?).map(Json)
}

/// Removes a key.
#[utoipa::path(delete, path = "/tsig-keys/{name}", tag = "tsig keys", params(("name" = String, Path, description = "The key")),
    responses((status = 204)))]
async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    require_admin(&caller)?;
    submit(&app, &caller, EventKind::KeyDeleted { name: name_of(&name)? }).await?;
    Ok(StatusCode::NO_CONTENT)
}
