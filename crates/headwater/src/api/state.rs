//! What all handlers share.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use dns::NameBuf;
use tokio::sync::{Semaphore, watch};

use super::auth::Caller;
use super::backend::{self, Backend};
use super::draft_store::{DraftError, DraftStore};
use super::idempotency::Idempotency;
use super::limits::{MAX_LARGE_BODIES_BYTES, MAX_STREAMS};
use super::problem::Problem;
use crate::auth::{AccessStore, Logins};
use crate::commit::{CommitError, Committed, Prepare, Request};
use crate::lookups::Lookups;

/// The state of the API.
pub struct App {
    /// The node.
    pub backend: Arc<dyn Backend>,
    /// Users, roles, tokens, TSIG keys.
    pub access: Arc<AccessStore>,
    /// Passwords and sessions.
    pub logins: Arc<Logins>,
    /// The resolver.
    pub lookups: Lookups,
    /// Changes that are not made yet.
    pub drafts: DraftStore,
    /// Responses that may be asked for again.
    pub idempotency: Idempotency,
    /// The name server of new zones that come without one.
    pub server_name: NameBuf,
    /// Whether session cookies are for HTTPS only.
    pub secure_cookies: bool,
    /// When the server started.
    pub started: Instant,
    /// Room for large bodies, in KiB.
    pub large_bodies: Arc<Semaphore>,
    /// Room for streams of changes.
    pub streams: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub stopping: watch::Sender<bool>,
}

/// What a request says about the change that it makes.
pub struct Submission {
    /// Why.
    pub why: String,
    /// The change that is taken back.
    pub reverts: Option<u64>,
    /// Whether the request depends on the zone's state: then a conflict is 412, else 409.
    pub conditional: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

impl App {
    /// The state, with drafts in `data_dir/drafts`.
    ///
    /// # Errors
    /// The drafts cannot be read.
    pub fn new(
        backend: Arc<dyn Backend>,
        access: Arc<AccessStore>,
        logins: Arc<Logins>,
        server_name: NameBuf,
        data_dir: &Path,
    ) -> Result<App, DraftError> {
        Ok(App {
            backend,
            access,
            logins,
            lookups: Lookups::default(),
            drafts: DraftStore::open(&data_dir.join("drafts"))?,
            idempotency: Idempotency::default(),
            server_name,
            secure_cookies: false,
            started: Instant::now(),
            large_bodies: Arc::new(Semaphore::new(MAX_LARGE_BODIES_BYTES >> 10)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stopping: watch::Sender::new(false),
        })
    }

    /// Makes a change and waits until it is durable and visible.
    ///
    /// # Errors
    /// What the committer says.
    pub async fn commit(&self, caller: &Caller, said: Submission, prepare: Prepare) -> Result<Committed, Problem> {
        let request =
            Request { who: caller.who(), why: said.why, reverts: said.reverts, prepare, dry_run: said.dry_run };
        backend::commit(&*self.backend, request).await.map_err(|error| match error {
            CommitError::Conflict { .. } if !said.conditional => Problem::new(StatusCode::CONFLICT, error.to_string()),
            error => error.into(),
        })
    }
}
