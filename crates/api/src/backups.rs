//! `/backups`: making, listing and verifying them. A restore is for a server that does not run.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use node::backups::Backup;
use node::handle::HandleError;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{require_admin, slice};
use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::page::{self, ListParams, Page};
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(verify))
}

/// A backup.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackupOut {
    /// Its name.
    name: String,
    /// When it was made, in milliseconds since 1970.
    created_at_ms: u64,
    /// Octets.
    size_bytes: u64,
    /// The latest change that is in it.
    position: u64,
}

impl From<Backup> for BackupOut {
    fn from(backup: Backup) -> BackupOut {
        let Backup { name, created_at_ms, size_bytes, position } = backup;
        BackupOut { name, created_at_ms, size_bytes, position }
    }
}

fn failed(why: String) -> Problem {
    Problem::from(HandleError::Failed(why))
}

/// The backups, by name.
#[utoipa::path(get, path = "/backups", tag = "backups", params(ListParams), responses((status = 200, body = Page<BackupOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let size = page::size(params.limit)?;
    let mut backups = blocking(move || app.node.backups().list().map_err(failed)).await?;
    backups.sort_by(|a, b| a.name.cmp(&b.name));
    let page = slice(backups.into_iter(), |backup| backup.name.clone(), params.after.as_deref(), size, BackupOut::from);
    Ok(page.respond(&uri))
}

/// Makes a backup, while changes go on.
#[utoipa::path(post, path = "/backups", tag = "backups", responses((status = 201, body = BackupOut)))]
async fn create(State(app): State<Arc<App>>, caller: Caller) -> Result<(StatusCode, Json<BackupOut>), Problem> {
    require_admin(&caller)?;
    let backup = blocking(move || app.node.backups().create().map_err(failed)).await?;
    Ok((StatusCode::CREATED, Json(backup.into())))
}

/// What is wrong with a backup.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    /// Whether nothing is.
    sound: bool,
    /// What is.
    problems: Vec<String>,
}

/// Reads a backup through.
#[utoipa::path(post, path = "/backups/{name}/verify", tag = "backups", params(("name" = String, Path, description = "The backup")),
    responses((status = 200, body = Verified)))]
async fn verify(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Verified>, Problem> {
    require_admin(&caller)?;
    let problems = blocking(move || {
        let missing = format!("there is no backup {name}");
        app.node.backups().verify(&name).map_err(failed)?.ok_or_else(|| Problem::not_found(missing))
    });
    let problems: Vec<String> = problems.await?.iter().map(ToString::to_string).collect();
    Ok(Json(Verified { sound: problems.is_empty(), problems }))
}
