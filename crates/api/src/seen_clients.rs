//! `/seen-clients`: who asks, since when, and how much.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Action, Verb};
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use policy::devices::seen::{Client, Filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Params;
use super::caller::Caller;
use super::page::{self, Page};
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which clients, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SeenParams {
    /// Those in this network: an address or prefix.
    network: Option<String>,
    /// Those that asked at this time or later, in milliseconds since 1970.
    seen_since_ms: Option<i64>,
    /// Those that asked for the first time at this time or later, in milliseconds since 1970.
    new_since_ms: Option<i64>,
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before: an address.
    after: Option<String>,
}

/// A client that asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenClientOut {
    /// Its address.
    address: String,
    /// The device that has the address; null: none has.
    device: Option<String>,
    /// When it asked first, in milliseconds since 1970.
    first_ms: i64,
    /// When it asked last, in milliseconds since 1970.
    last_ms: i64,
    /// How many of its queries were recorded.
    queries: u64,
    /// How many of them were blocked.
    blocked: u64,
}

impl SeenParams {
    fn read(&self) -> Result<(Filter, Option<IpAddr>), Problem> {
        let bad = |name: &str| Problem::bad_request(format!("{name} is no address such as 192.0.2.1 or 2001:db8::1"));
        let after = self.after.as_deref().map(|text| text.parse().map_err(|_| bad("after"))).transpose()?;
        let network = self.network.as_deref().map(|text| {
            let bad = || Problem::bad_request("network is no address or prefix such as 192.0.2.0/24");
            dns::network::parse(text).ok_or_else(bad)
        });
        let network = network.transpose()?;
        Ok((Filter { network, seen_since_ms: self.seen_since_ms, new_since_ms: self.new_since_ms }, after))
    }
}

/// Who asked this server, by address: at most 100,000 clients are known, those who asked little go first. It takes the
/// right to read logs, and there is nobody while the history of queries is off.
#[utoipa::path(get, path = "/seen-clients", tag = "blocking", params(SeenParams), responses((status = 200, body = Page<SeenClientOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<SeenParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let size = page::size(params.limit)?;
    let (filter, after) = params.read()?;
    let missing = || Problem::unavailable("no server is running here").retry_after_s(1);
    let mut clients = app.seen_clients.get().ok_or_else(missing)?.list(&filter, after, size + 1);
    let has_more = clients.len() > size;
    clients.truncate(size);
    let next = clients.last().filter(|_| has_more).map(|client| client.address.to_string());
    let shown = |client: Client| SeenClientOut {
        address: client.address.to_string(),
        device: app.policing.get().and_then(|policing| policing.device(client.address)).map(|name| name.to_string()),
        first_ms: client.first_ms,
        last_ms: client.last_ms,
        queries: client.queries,
        blocked: client.blocked,
    };
    Ok(Page { items: clients.into_iter().map(shown).collect(), next }.respond(&uri))
}
