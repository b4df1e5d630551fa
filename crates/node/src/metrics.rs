//! The metrics of a node, put together when somebody asks.

use std::path::Path;
use std::sync::Arc;

use config::Listen;
use server::clock::unix_ms;
use telemetry::health::State;
use telemetry::metrics::catalogue::*;
use telemetry::metrics::{Snapshot, add_process, add_totals};
use zone::Contents;

use crate::cluster::{NodeView, Presence};
use crate::sources::Sources;
use crate::zone_info::{TransferState, ZoneState};

/// Everything that can be measured now. Zones beyond `zones_max` leave all zones without metrics of their own.
pub fn collect(sources: &Sources, listen: &[Listen], zones_max: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.number(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    for check in sources.board.checks() {
        let value = match check.finding.state {
            State::Ok => 0.0,
            State::Warn => 1.0,
            State::Fail => 2.0,
        };
        snapshot.number(&HEALTH, &[check.name], value);
    }
    let totals = sources.workers.totals();
    add_totals(&mut snapshot, &totals);
    for (list, name) in sources.policing.list_names() {
        let count = totals.blocked.get(usize::from(list.0)).copied().unwrap_or_default();
        snapshot.count(&BLOCKED, &[&name], count);
    }
    snapshot.number(&LISTENERS, &["udp"], listen.iter().filter(|listen| listen.udp).count() as f64);
    snapshot.number(&LISTENERS, &["tcp"], listen.iter().filter(|listen| listen.tcp).count() as f64);
    add_cache(&mut snapshot, sources);
    add_zones(&mut snapshot, sources, zones_max);
    if sources.handle.zone_count() <= zones_max {
        add_signing(&mut snapshot, sources);
    }
    add_durable(&mut snapshot, sources);
    add_nodes(&mut snapshot, sources);
    sources.ingest.add_metrics(&mut snapshot);
    sources.telling.add_metrics(&mut snapshot);
    add_outputs(&mut snapshot, sources);
    add_process(&mut snapshot);
    snapshot
}

fn add_cache(snapshot: &mut Snapshot, sources: &Sources) {
    let Some(lookup) = sources.lookups.get() else { return };
    let stats = lookup.shared.cache.stats();
    let counts = [
        (&CACHE_HITS, stats.hits),
        (&CACHE_MISSES, stats.misses),
        (&CACHE_STALE_HITS, stats.stale_hits),
        (&CACHE_INSERTS, stats.inserts),
        (&CACHE_EVICTIONS, stats.evictions),
        (&CACHE_EXPIRED, stats.expired),
        (&CACHE_ENTRIES, stats.entries),
        (&CACHE_BYTES, stats.bytes),
        (&CACHE_MAX_BYTES, stats.max_bytes),
    ];
    counts.into_iter().for_each(|(family, count)| snapshot.count(family, &[], count));
}

fn add_zones(snapshot: &mut Snapshot, sources: &Sources, zones_max: usize) {
    let zones = sources.handle.zones().latest();
    let (mut waiting, mut expired) = (0, 0);
    for zone in zones.zones().filter(|zone| zone.contents.is_none()) {
        match sources.handle.zone(&zone.name).map(|zone| zone.state) {
            Some(ZoneState::Expired) => expired += 1,
            _ => waiting += 1,
        }
    }
    let records: u64 = zones.zones().filter_map(|zone| zone.contents.as_ref()).map(Contents::record_count).sum();
    let elsewhere = sources.handle.elsewhere_count() as u64;
    snapshot.count(&ZONES, &["serving"], (zones.len() as u64).saturating_sub(waiting + expired + elsewhere));
    snapshot.count(&ZONES, &["elsewhere"], elsewhere);
    snapshot.count(&ZONES, &["waiting"], waiting);
    snapshot.count(&ZONES, &["expired"], expired);
    snapshot.count(&RECORDS, &[], records);
    let count = sources.handle.zone_count();
    let left_out = if count > zones_max { count } else { 0 };
    snapshot.count(&ZONES_LEFT_OUT, &[], left_out as u64);
    if left_out > 0 {
        return;
    }
    for zone in sources.handle.zones_after(None, zones_max) {
        let name = zone.name.to_string();
        if let Some(serial) = zone.serial {
            snapshot.count(&ZONE_SERIAL, &[&name], serial.into());
        }
        snapshot.count(&ZONE_FINDINGS, &[&name], zone.findings.len() as u64);
        if let Some(transfer) = &zone.transfer {
            add_transfer(snapshot, &name, transfer);
        }
    }
}

fn add_transfer(snapshot: &mut Snapshot, name: &str, transfer: &TransferState) {
    if let Some(expires_ms) = transfer.expires_at_ms {
        let seconds = (expires_ms as f64 - unix_ms() as f64) / 1000.0;
        snapshot.number(&ZONE_EXPIRES, &[name], seconds);
    }
    if let Some(refreshed_ms) = transfer.refreshed_at_ms {
        snapshot.number(&ZONE_REFRESHED, &[name], refreshed_ms as f64 / 1000.0);
    }
    snapshot.count(&ZONE_REFRESH_FAILING, &[name], transfer.last_error.is_some().into());
}

fn add_signing(snapshot: &mut Snapshot, sources: &Sources) {
    for zone in sources.signing.zones() {
        let name = zone.zone.to_string();
        if let Some(end_s) = zone.first_end_s {
            snapshot.number(&ZONE_SIGNATURES_END, &[&name], end_s as f64 - unix_ms() as f64 / 1000.0);
        }
        let is_failing = zone.error.is_some() || zone.refusal.is_some();
        snapshot.count(&ZONE_SIGNING_FAILING, &[&name], is_failing.into());
    }
    for (zone, known) in sources.handle.presigned().zones() {
        let name = zone.to_string();
        if let Some(until) = known.until {
            snapshot.number(&ZONE_SIGNATURES_END, &[&name], until.end_s as f64 - unix_ms() as f64 / 1000.0);
        }
        snapshot.count(&ZONE_INVALID, &[&name], (known.count > 0 || known.refusal.is_some()).into());
    }
}

/// The servers of the cluster, if there is one.
fn add_nodes(snapshot: &mut Snapshot, sources: &Sources) {
    let Some(cluster) = &sources.cluster else { return };
    let views = cluster.nodes().views();
    for state in Presence::ALL {
        let count = views.iter().filter(|view| view.presence == state).count();
        snapshot.count(&NODES, &[state.as_str()], count as u64);
    }
    for (view, lag) in NodeView::lags(&views) {
        snapshot.count(&NODE_LAG, &[&view.report.node], lag);
    }
}

fn add_durable(snapshot: &mut Snapshot, sources: &Sources) {
    let (handle, timings) = (&sources.handle, &sources.timings);
    let served = timings.served();
    snapshot.count(&CHANGES, &["made"], served.count());
    snapshot.count(&CHANGES, &["refused"], timings.refusals());
    snapshot.times(&CHANGE_SERVED_SECONDS, &[], served);
    snapshot.times(&JOURNAL_FSYNC_SECONDS, &[], timings.appends());
    snapshot.count(&JOURNAL_POSITION, &[], *handle.position().borrow());
    snapshot.count(&STORE_LAG, &[], handle.store_lag());
    let store = handle.data_dir().join(crate::data_dir::STORE_FILE);
    let files = [
        (&JOURNAL_BYTES, &JOURNAL_WAL_BYTES, handle.journal_file()),
        (&STORE_BYTES, &STORE_WAL_BYTES, store.as_path()),
    ];
    for (database, wal, path) in files {
        if let Some(bytes) = size(path) {
            snapshot.count(database, &[], bytes);
            // Without a WAL all of it is in the database.
            snapshot.count(wal, &[], size(&with_wal(path)).unwrap_or(0));
        }
    }
}

fn size(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// The file beside an SQLite database that has what is not in it yet.
fn with_wal(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn add_outputs(snapshot: &mut Snapshot, sources: &Sources) {
    let collector: &Arc<_> = &sources.collector;
    snapshot.count(&LOG_DROPPED, &["records"], collector.dropped());
    snapshot.count(&HISTORY_SKIPPED, &[], collector.skipped());
    for counts in collector.counts() {
        snapshot.count(&LOG_RECORDS, &[&counts.name], counts.offered);
        snapshot.count(&LOG_DROPPED, &[&counts.name], counts.dropped);
    }
}
