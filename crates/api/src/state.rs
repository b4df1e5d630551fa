//! What all handlers share.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ::alerts::Alerting;
use access::{AccessStore, Logins};
use axum::http::StatusCode;
use dns::NameBuf;
use node::NodeHandle;
use node::anomalies::Anomalies;
use node::commit::{CommitError, Committed, Prepare, Request};
use node::history::QueryHistory;
use node::list_hits::ListHits;
use node::live::Live;
use node::lookups::Lookups;
use node::monitor::Monitor;
use node::policy::Policing;
use node::seen_clients::SeenClients;
use node::signing::Signing;
use tokio::sync::{Semaphore, watch};

use super::admission::Admission;
use super::caller::Caller;
use super::cors::Origins;
use super::draft_store::{DraftError, DraftStore};
use super::idempotency::Idempotency;
use super::limits::{MAX_LARGE_BODIES_BYTES, MAX_STREAMS};
use super::operator::Operator;
use super::problem::Problem;
use super::query_history::Queries;
use super::settings::PolicyNames;

/// The state of the API.
pub struct App {
    /// The node.
    pub node: NodeHandle,
    /// Users, roles, tokens, TSIG keys.
    pub access: Arc<AccessStore>,
    /// Passwords and sessions.
    pub logins: Arc<Logins>,
    /// The resolver.
    pub lookups: Lookups,
    /// What runs the process, where something does.
    pub operator: OnceLock<Operator>,
    /// What is seen of the running server as it answers; not there before it runs, and where none does.
    pub live: OnceLock<Arc<Live>>,
    /// What is unusual in what is asked; not there before a server runs, and where none does.
    pub anomalies: OnceLock<Arc<Anomalies>>,
    /// Who asks; not there before a server runs, and where none does.
    pub seen_clients: OnceLock<Arc<SeenClients>>,
    /// How often each list blocked; not there before a server runs, and where none does.
    pub list_hits: OnceLock<Arc<ListHits>>,
    /// What is blocked, and for whom; not there before the server runs, and where none does.
    pub policing: OnceLock<Arc<Policing>>,
    /// What signs zones; not there before a server runs, and where none does.
    pub signing: OnceLock<Arc<Signing>>,
    /// The history of queries.
    pub queries: Queries,
    /// Changes that are not made yet.
    pub drafts: DraftStore,
    /// Responses that may be asked for again.
    pub idempotency: Idempotency,
    /// The name server of new zones that come without one.
    pub server_name: NameBuf,
    /// Origins of other sites whose pages may use the API.
    pub origins: Arc<Origins>,
    /// The policies that zones may be signed by.
    pub policy_names: PolicyNames,
    /// When the server started.
    pub started: Instant,
    /// Room for large bodies, in KiB.
    pub large_bodies: Arc<Semaphore>,
    /// Room for streams of changes.
    pub streams: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub stopping: watch::Sender<bool>,
    /// Who is told when something is wrong; `None`: no server runs.
    pub alerting: Option<Alerting>,
    /// Metrics and health; `None`: no server runs.
    pub monitor: Option<Monitor>,
    /// Whose hosts may use the API, and whose may read metrics without a log-in.
    pub(crate) admission: Admission,
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
        node: NodeHandle,
        access: Arc<AccessStore>,
        logins: Arc<Logins>,
        server_name: NameBuf,
        data_dir: &Path,
    ) -> Result<App, DraftError> {
        Ok(App {
            node,
            access,
            logins,
            lookups: Lookups::default(),
            operator: OnceLock::new(),
            live: OnceLock::new(),
            anomalies: OnceLock::new(),
            seen_clients: OnceLock::new(),
            list_hits: OnceLock::new(),
            policing: OnceLock::new(),
            signing: OnceLock::new(),
            queries: Queries::new(QueryHistory::default()),
            drafts: DraftStore::open(&data_dir.join("drafts"))?,
            idempotency: Idempotency::default(),
            server_name,
            origins: Arc::default(),
            policy_names: PolicyNames::default(),
            started: Instant::now(),
            large_bodies: Arc::new(Semaphore::new(MAX_LARGE_BODIES_BYTES >> 10)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stopping: watch::Sender::new(false),
            alerting: None,
            monitor: None,
            admission: Admission::default(),
        })
    }

    /// What this server is called where it is one of several, as `cluster.node` is without a value.
    pub fn node_name(&self) -> String {
        self.server_name.to_string().trim_end_matches('.').to_owned()
    }

    /// What runs the process.
    ///
    /// # Errors
    /// 503: nothing does, as the server is not up yet, or a command works on its data directory.
    pub fn operator(&self) -> Result<&Operator, Problem> {
        self.operator.get().ok_or_else(|| Problem::unavailable("no server is running here").retry_after_s(1))
    }

    /// What is unusual in what is asked.
    ///
    /// # Errors
    /// 503: no server runs here, or it is not up yet.
    pub fn anomalies(&self) -> Result<&Arc<Anomalies>, Problem> {
        self.anomalies.get().ok_or_else(|| Problem::unavailable("no server is running here").retry_after_s(1))
    }

    /// What signs zones.
    ///
    /// # Errors
    /// 503: no server runs here, or it is not up yet.
    pub fn signing(&self) -> Result<&Arc<Signing>, Problem> {
        let none = "this takes a running server, as it signs the zones and moves their keys on; none is running here";
        self.signing.get().ok_or_else(|| Problem::unavailable(none).retry_after_s(1))
    }

    /// Makes a change and waits until it is durable and visible.
    ///
    /// # Errors
    /// What the committer says.
    pub async fn commit(&self, caller: &Caller, said: Submission, prepare: Prepare) -> Result<Committed, Problem> {
        let request =
            Request { who: caller.who(), why: said.why, reverts: said.reverts, prepare, dry_run: said.dry_run };
        self.node.commit(request).await.map_err(|error| match error {
            CommitError::Conflict { .. } if !said.conditional => Problem::new(StatusCode::CONFLICT, error.to_string()),
            error => error.into(),
        })
    }
}
