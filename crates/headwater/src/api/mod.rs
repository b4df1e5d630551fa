//! The REST API under `/api/v1` (SPEC 11): zones, records, history, access, backups, over the node that
//! [`Backend`] stands for.
//!
//! One file per resource holds its routes, its JSON forms and its description. Every request passes
//! `gate.rs` (who asks, how large), every change is read and authorised in `changeset.rs` and prepared
//! in `plan.rs` on the committer's thread; every error is a [`problem::Problem`].

mod accepts;
mod access;
mod auth;
pub mod backend;
mod backups;
mod body;
mod cache;
mod changes;
mod changeset;
mod diff;
mod draft_store;
mod drafts;
mod etag;
mod events;
mod explain;
mod export;
pub mod gate;
mod health;
mod idempotency;
pub mod limits;
mod names;
mod openapi;
mod outcome;
mod page;
mod plan;
mod problem;
pub mod revert;
mod roles;
mod rrset;
mod rrsets;
mod server;
mod settings;
mod state;
mod tokens;
mod transfers;
mod tsig_keys;
mod types;
mod users;
mod zones;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri, header};
use axum::routing::{get, post};
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;

pub use auth::{Caller, basic_of, by_password};
pub use backend::Backend;
pub use draft_store::DraftError;
pub use export::zone_file;
pub use page::encode;
pub use plan::{Op, Plan, Step, What, prepare};
pub use problem::Problem;
pub use server::{Server, serve, serve_connection};
pub use state::{App, Submission};

/// The routes with their description.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(zones::router())
        .merge(rrsets::router())
        .merge(changes::router())
        .merge(drafts::router())
        .merge(export::router())
        .merge(transfers::router())
        .merge(tsig_keys::router())
        .merge(users::router())
        .merge(roles::router())
        .merge(tokens::router())
        .merge(backups::router())
        .merge(cache::router())
        .merge(explain::router())
        .merge(types::router())
        .merge(events::router())
        .merge(health::router())
}

/// The description of the API as JSON, as it is checked in.
pub fn openapi_json() -> String {
    text_of(described().into_openapi())
}

fn text_of(api: utoipa::openapi::OpenApi) -> String {
    // It consists of strings, numbers and lists: it can always be written.
    serde_json::to_string_pretty(&openapi::finished(api)).unwrap_or_default() + "\n"
}

/// Everything that is served over HTTP.
pub fn router(app: Arc<App>) -> Router {
    let (routes, mut api) = described().split_for_parts();
    let accepts = accepts::Accepts::new(&mut api, "/api/v1");
    let api: Arc<str> = text_of(api).into();
    let description = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], api.to_string()) });
    let short = Router::new()
        .route("/health", get(health::health))
        .route("/api/status", get(health::status))
        .route("/api/cache/stats", get(cache::stats))
        .route("/api/cache/flush", post(cache::flush_by_body));
    Router::new()
        .nest("/api/v1", routes.route("/openapi.json", description))
        .merge(short)
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_there)
        // The gate bounds bodies, each route's by its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(gate::Gate::new(app.clone(), accepts), gate::gate))
        .merge(crate::ddns::router())
        .with_state(app)
}

async fn nothing_there(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here")
}
