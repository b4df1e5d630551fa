//! Limits as configured, and blocks for a while that were set by API.

use std::sync::Arc;

use config::{RateLimit, Security};
use journal::shared::{Collection, SettingsState};
use policy::limits::access::{Block, Entry, Networks, Verdict};
use policy::limits::client::{ClientLimit, ClientSettings};
use policy::limits::recursion::{RecursionLimit, RecursionSettings};
use policy::limits::responses::{ResponseLimit, ResponseSettings};
use policy::limits::work::{WorkLimit, WorkSettings};
use serde::{Deserialize, Serialize};
use server::policy::limits::{Limits, WorkLimits};

use super::plan::documents;

/// A network that gets no answers for a while, as it was set by API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockDocument {
    /// Address or prefix.
    pub network: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
}

/// Limits that go on counting while what they are made of stays the same.
#[derive(Default)]
pub struct Limiting {
    of: Option<RateLimit>,
    clients: Option<Arc<ClientLimit>>,
    responses: Option<Arc<ResponseLimit>>,
    misses: Option<Arc<RecursionLimit>>,
    work: Option<WorkLimits>,
}

impl Limiting {
    /// The limits in force; `None`: there are none. When the first block ends comes too.
    pub fn make(
        &mut self,
        security: &Security,
        shared: &SettingsState,
        seed: u64,
        now_ms: u64,
    ) -> (Option<Arc<Limits>>, Option<u64>) {
        if self.of.as_ref() != Some(&security.rate_limit) {
            self.start(&security.rate_limit, seed);
        }
        let blocks: Vec<Block> = blocks(shared).filter(|block| block.ends_ms > now_ms).collect();
        let next_end = blocks.iter().map(|block| block.ends_ms).min();
        let configured = |entry: &Entry| (entry.network, entry.verdict, entry.reason.clone());
        let denied = security.denied_networks.table().entries().iter().map(configured).collect();
        let networks = Networks::new(denied, &blocks, now_ms).unwrap_or_else(|error| {
            tracing::error!(%error, "no network is denied");
            Networks::default()
        });
        let limits = Limits {
            networks,
            clients: self.clients.clone(),
            responses: self.responses.clone(),
            misses: self.misses.clone(),
            work: self.work.clone(),
        };
        let counts = limits.clients.is_some() || limits.responses.is_some() || limits.misses.is_some();
        let is_used = counts || limits.work.is_some() || !limits.networks.entries().is_empty();
        (is_used.then(|| Arc::new(limits)), next_end)
    }

    fn start(&mut self, limit: &RateLimit, seed: u64) {
        let exempt = Networks::of(&limit.exempt, Verdict::Allow, "security.rate_limit.exempt").unwrap_or_default();
        let exempt = Arc::new(exempt);
        let slip = u8::try_from(limit.slip).unwrap_or(u8::MAX);
        self.clients = (limit.per_second > 0).then(|| {
            let settings = ClientSettings {
                per_second: limit.per_second,
                burst: limit.burst,
                window_seconds: limit.window_s,
                slip,
                dry_run: limit.dry_run,
                ..ClientSettings::default()
            };
            Arc::new(ClientLimit::new(&settings, exempt.clone(), seed))
        });
        self.responses = (limit.responses_per_second > 0).then(|| {
            let settings = ResponseSettings {
                per_second: limit.responses_per_second,
                slip,
                dry_run: limit.dry_run,
                ..ResponseSettings::default()
            };
            Arc::new(ResponseLimit::new(&settings, exempt.clone(), seed))
        });
        let limits_misses = [limit.client_misses_per_second, limit.client_outstanding, limit.zone_misses_per_second];
        self.misses = limits_misses.iter().any(|limit| *limit > 0).then(|| {
            let settings = RecursionSettings {
                client_outstanding: limit.client_outstanding,
                client_per_second: limit.client_misses_per_second,
                zone_per_second: limit.zone_misses_per_second,
                dry_run: limit.dry_run,
                ..RecursionSettings::default()
            };
            Arc::new(RecursionLimit::new(&settings, exempt.clone(), seed))
        });
        self.work = (limit.tcp_work_ms_per_second > 0).then(|| {
            let per_second_us = limit.tcp_work_ms_per_second.saturating_mul(1000);
            let burst_us = per_second_us.saturating_mul(2);
            let settings = WorkSettings { per_second_us, burst_us, ..WorkSettings::default() };
            WorkLimits { limit: Arc::new(WorkLimit::new(&settings, exempt, seed)), dry_run: limit.dry_run }
        });
        self.of = Some(limit.clone());
    }
}

/// Blocks for a while, as they were set by API.
fn blocks(shared: &SettingsState) -> impl Iterator<Item = Block> {
    documents::<BlockDocument>(shared, Collection::Blocks).filter_map(|(id, block)| {
        let network = dns::network::parse(&block.network)?;
        Some(Block { network, reason: block.reason.into(), ends_ms: block.until_ms, by: id.into() })
    })
}
