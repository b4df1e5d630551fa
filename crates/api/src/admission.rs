//! Whose hosts may use the web interface and the API at all, before anybody says who they are. The control socket is
//! not concerned: its file permission decides.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use config::NetworkList;

/// Where metrics are.
pub const METRICS_PATHS: [&str; 2] = ["/metrics", "/api/metrics"];
/// What proxies put into requests that they pass on: such a request is not of the host that sent it.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// The lists, changed at a reload.
#[derive(Debug, Default)]
pub struct Admission(RwLock<Arc<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    /// `web.allowed_networks`.
    allowed: NetworkList,
    /// `web.metrics_allowed`.
    metrics: NetworkList,
}

impl Admission {
    /// From now on these lists hold.
    pub fn set(&self, web: &config::Web) {
        let lists = Lists { allowed: web.allowed_networks.clone(), metrics: web.metrics_allowed.clone() };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lists);
    }

    /// Whether `client` may use the web interface and the API.
    pub fn admits(&self, client: IpAddr) -> bool {
        admits(&self.lists().allowed, client)
    }

    /// Whether a request of `client` with this path and head may go on.
    pub fn passes(&self, client: IpAddr, path: &str, headers: &HeaderMap) -> bool {
        self.admits(client) || METRICS_PATHS.contains(&path) && self.shows_metrics(client, headers)
    }

    /// Whether a request of `client` with this head may read metrics without saying who it is.
    pub fn shows_metrics(&self, client: IpAddr, headers: &HeaderMap) -> bool {
        let is_near = client.is_loopback() || self.lists().metrics.allows(client);
        is_near && !FORWARDED.iter().any(|name| headers.contains_key(*name))
    }

    fn lists(&self) -> Arc<Lists> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a list of `web.allowed_networks` lets `client` in.
pub fn admits(allowed: &NetworkList, client: IpAddr) -> bool {
    allowed.is_empty() || allowed.allows(client)
}
