//! The REST API under `/api/v1` (SPEC 11): zones, records, history, access, backups, over a
//! [`node::NodeHandle`].
//!
//! One file per resource holds its routes, its JSON forms and its description. Every request passes
//! `gate.rs` (who asks, how large), every change is read and authorised in `changeset.rs` and prepared
//! in `plan.rs` on the committer's thread; every error is a [`problem::Problem`].
#![forbid(unsafe_code)]

mod accepts;
mod access;
mod activity;
mod admission;
mod alerts;
mod anomalies;
mod auth;
mod backups;
mod blocking;
mod blocks;
mod body;
mod cache;
mod caller;
mod changes;
mod changeset;
mod config_history;
mod config_plan;
mod configuration;
mod connection;
mod cors;
mod dashboard;
mod ddns;
mod diff;
mod draft_store;
mod drafts;
mod ds_forms;
mod etag;
mod events;
mod explain;
mod export;
pub mod gate;
mod health;
mod idempotency;
mod key_forms;
mod key_waits;
mod keys;
mod lent;
pub mod limits;
mod linger;
mod live;
mod log_level;
mod metrics;
mod names;
mod nodes;
mod openapi;
pub mod operator;
mod outcome;
mod page;
mod parent_forms;
mod patient;
mod plan;
mod policy;
mod problem;
mod queries;
mod query_history;
mod receipts;
mod record_text;
pub mod revert;
mod roles;
mod room;
mod rrset;
mod rrsets;
mod search;
mod seen_clients;
mod server;
mod sessions;
mod settings;
mod setup;
mod signing_policies;
mod state;
mod statistics;
mod steps;
pub mod tls;
mod tokens;
mod transfers;
mod tsig_keys;
mod types;
mod users;
pub mod web;
mod zones;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri, header};
use axum::routing::{get, post};
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;

pub use auth::{basic_of, by_password};
pub use caller::Caller;
pub use connection::serve_connection;
pub use draft_store::DraftError;
pub use export::zone_file;
pub use page::encode;
pub use plan::{Op, Plan, Step, What, prepare};
pub use problem::Problem;
pub use server::{Listening, Server, serve};
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
        .merge(alerts::router())
        .merge(anomalies::router())
        .merge(blocks::router())
        .merge(seen_clients::router())
        .merge(policy::router())
        .merge(keys::router())
        .merge(signing_policies::router())
        .merge(tsig_keys::router())
        .merge(users::router())
        .merge(sessions::router())
        .merge(roles::router())
        .merge(tokens::router())
        .merge(backups::router())
        .merge(nodes::router())
        .merge(cache::router())
        .merge(explain::router())
        .merge(types::router())
        .merge(events::router())
        .merge(queries::router())
        .merge(health::router())
        .merge(configuration::router())
        .merge(config_history::router())
        .merge(log_level::router())
        .merge(setup::router())
        .merge(live::router())
        .merge(statistics::router())
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
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route(admission::METRICS_PATHS[0], get(metrics::metrics))
        .route(admission::METRICS_PATHS[1], get(metrics::metrics))
        .route("/api/status", get(health::status))
        .route("/api/config", get(configuration::settings))
        .route("/ws", get(live::live))
        .route("/api/logs", get(queries::logs))
        .route("/api/cache/stats", get(cache::stats))
        .route("/api/cache/flush", post(cache::flush_by_body));
    Router::new()
        .nest("/api/v1", routes.route("/openapi.json", description))
        .merge(short)
        .merge(dashboard::router())
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_there)
        // The gate bounds bodies, each route's by its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(gate::Gate::new(app.clone(), accepts), gate::gate))
        .layer(middleware::from_fn_with_state(app.clone(), receipts::wait))
        .merge(ddns::router())
        .layer(middleware::from_fn_with_state(app.origins.clone(), cors::cors))
        .layer(middleware::from_fn_with_state(app.clone(), gate::admit))
        .with_state(app)
}

async fn nothing_there(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here")
}
