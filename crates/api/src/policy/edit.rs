//! The way of a change: who may make it and why, on which version, checked and written in one step.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use journal::Offset;
use journal::shared::{Author, Body, Change, Collection, Rejected, SettingsError, SettingsState};
use node::policy::Policing;
use serde::Serialize;
use server::clock::unix_ms;

use super::super::blocking::blocking;
use super::super::caller::Caller;
use super::super::etag;
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::policing;

/// A change that its caller may make.
pub struct Edit {
    policing: Arc<Policing>,
    author: Author,
    headers: HeaderMap,
}

impl Edit {
    /// A change by `caller`, on the version that `headers` name.
    ///
    /// # Errors
    /// 403; 503: no server runs.
    pub fn new(app: &App, caller: &Caller, why: &str, headers: HeaderMap) -> Result<Edit, Problem> {
        caller.require(&Action::server(Verb::Configure))?;
        let author = Author::new(&caller.who(), why, unix_ms());
        Ok(Edit { policing: policing(app)?.clone(), author, headers })
    }

    /// Makes the changes that `prepare` says, all or none, and waits until they are durable. `prepare` is called again if
    /// another writer was faster.
    ///
    /// # Errors
    /// Those of `prepare` and of the shared settings.
    pub async fn make(
        self,
        mut prepare: impl FnMut(&Checked<'_>) -> Result<Vec<Change>, Problem> + Send + 'static,
    ) -> Result<Offset, Problem> {
        let Edit { policing, author, headers } = self;
        blocking(move || {
            let checked = |state: &SettingsState| prepare(&Checked { policing: &policing, state, headers: &headers });
            policing.documents().submit(&author, checked)
        })
        .await
    }

    /// Takes back the change at `offset`. What would not fit together afterwards is put right at once.
    ///
    /// # Errors
    /// 404: there is none. 409: it has been changed since, or the rest does not fit to what was before.
    pub async fn revert(self, offset: Offset) -> Result<Offset, Problem> {
        let Edit { policing, author, .. } = self;
        blocking(move || {
            let documents = policing.documents();
            let fits = || policing.verify(&policing.planned(&documents.state()));
            let was_good = fits().is_ok();
            let reverted = documents.revert(offset, &author)?;
            match fits() {
                Err(mistakes) if was_good => {
                    documents.revert(reverted, &author)?;
                    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                    Err(Problem::conflict(format!("what was before does not fit any more: {}", said.join("; "))))
                }
                _ => Ok(reverted),
            }
        })
        .await
    }
}

/// What a change is checked against.
pub struct Checked<'a> {
    /// What is planned.
    pub policing: &'a Policing,
    /// The documents.
    pub state: &'a SettingsState,
    headers: &'a HeaderMap,
}

impl Checked<'_> {
    /// Refuses to change a document that is not there, or that is another version than the caller has seen.
    ///
    /// # Errors
    /// 404, 412.
    pub fn expecting(&self, collection: Collection, id: &str, what: &str) -> Result<(), Problem> {
        let missing = || Problem::not_found(format!("there is no {what} {id}"));
        let document = self.state.get(collection, id).ok_or_else(missing)?;
        etag::check_text(self.headers, &document.version.to_string())
    }
}

/// A document's body.
///
/// # Errors
/// 422: it is too large.
pub fn body(value: &impl Serialize) -> Result<Body, Problem> {
    Body::new(value).map_err(|error| SettingsError::from(error).into())
}

/// What was set, with its entity tag.
pub fn tagged(status: StatusCode, version: Offset, item: impl Serialize) -> Response {
    (status, [(header::ETAG, etag::of_text(&version.to_string()))], Json(item)).into_response()
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Problem {
        let detail = error.to_string();
        match error {
            SettingsError::Rejected(rejected) => match rejected {
                Rejected::Unknown { .. } => Problem::not_found(detail),
                Rejected::Changed(_) | Rejected::Repeated => Problem::conflict(detail),
                Rejected::TooMany(_) | Rejected::Full(..) => Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail),
                Rejected::Invalid { .. } => Problem::unprocessable(vec![FieldError::at("", detail)]),
            },
            SettingsError::NoChange(_) => Problem::not_found(detail),
            SettingsError::Event(_) | SettingsError::Body(_) => {
                Problem::unprocessable(vec![FieldError::at("", detail)])
            }
            SettingsError::Journal(_) | SettingsError::Random(_) => Problem::unavailable(detail),
        }
    }
}
