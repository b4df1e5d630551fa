//! `/tokens`: secrets for programs, shown once, limited by grants and by what their owner may do.

use std::sync::Arc;

use access::{Action, EventKind, Grant, NewToken, Token, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{missing, require_admin, slice, submit};
use super::body::{Body, Params};
use super::caller::Caller;
use super::page::{self, ListParams, Page};
use super::problem::{FieldError, Problem};
use super::roles::GrantDoc;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, revoke))
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenOut {
    /// Its public identifier.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The user whose it is.
    pub owner: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it no longer counts, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// What it allows, of what its owner may do.
    #[schema(value_type = Vec<GrantDoc>)]
    pub grants: Vec<Grant>,
    /// The token itself: only in the response that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl From<&Arc<Token>> for TokenOut {
    fn from(token: &Arc<Token>) -> TokenOut {
        TokenOut {
            id: token.id.to_string(),
            name: token.name.to_string(),
            owner: token.owner.to_string(),
            created_at_ms: token.created_ms,
            expires_at_ms: token.expires_ms,
            grants: token.grants.to_vec(),
            token: None,
        }
    }
}

/// The tokens by identifier: one's own, or all for who administers access.
#[utoipa::path(get, path = "/tokens", tag = "access", params(ListParams), responses((status = 200, body = Page<TokenOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let own = caller.principal.user_name();
    let all = caller.may(&Action::server(Verb::Admin));
    if own.is_none() {
        require_admin(&caller)?;
    }
    let (state, size) = (app.access.state(), page::size(params.limit)?);
    let tokens = state.tokens().filter(|token| all || own == Some(&*token.owner));
    Ok(slice(tokens, |token| token.id.to_string(), params.after.as_deref(), size, TokenOut::from).respond(&uri))
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ci", "grants": [{"zones": ["example.org"], "verbs": ["read", "update"]}]}))]
pub struct NewTokenBody {
    /// What it is called.
    name: String,
    /// The user whose it is; without it, who asks.
    #[serde(default)]
    owner: Option<String>,
    /// When it no longer counts, in milliseconds since 1970.
    #[serde(default)]
    expires_at_ms: Option<u64>,
    /// What it allows, of what its owner may do.
    #[schema(value_type = Vec<GrantDoc>)]
    grants: Vec<Grant>,
}

/// Makes a token. It is in the response, and nowhere else ever.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = NewTokenBody, responses((status = 201, body = TokenOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(body): Body<NewTokenBody>,
) -> Result<Response, Problem> {
    let own = caller.principal.user_name();
    let owner = body.owner.as_deref().or(own);
    let owner = owner.ok_or_else(|| Problem::unprocessable(vec![FieldError::at("/owner", "the user whose it is")]))?;
    if own != Some(owner) {
        require_admin(&caller)?;
    }
    let token = NewToken::new(owner, &body.name, body.grants, body.expires_at_ms)
        .map_err(|error| Problem::unavailable(error.to_string()))?;
    submit(&app, &caller, token.kind).await?;
    let mut out = find(&app, &token.id)?;
    out.token = Some(token.text.reveal().to_owned());
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(out)).into_response())
}

fn find(app: &App, id: &str) -> Result<TokenOut, Problem> {
    app.access.state().token(id).map(TokenOut::from).ok_or_else(|| missing("token", id))
}

/// A token that the caller may see: one's own, or any for who administers access.
fn own_or_admin(app: &App, caller: &Caller, id: &str) -> Result<TokenOut, Problem> {
    let token = find(app, id);
    if !token.as_ref().is_ok_and(|token| caller.principal.user_name() == Some(&token.owner)) {
        require_admin(caller)?;
    }
    token
}

/// One token, without its secret.
#[utoipa::path(get, path = "/tokens/{id}", tag = "access", params(("id" = String, Path, description = "The token's identifier")),
    responses((status = 200, body = TokenOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<TokenOut>, Problem> {
    own_or_admin(&app, &caller, &id).map(Json)
}

/// Revokes a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path, description = "The token's identifier")),
    responses((status = 204)))]
async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    own_or_admin(&app, &caller, &id)?;
    submit(&app, &caller, EventKind::TokenRevoked { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
