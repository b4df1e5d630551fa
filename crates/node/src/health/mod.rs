//! Health checks of a node: run now and then by `monitor.rs`, on a thread where they may wait. Each gives a finding; the
//! results stand on the board of [`Sources`], where they are read.

mod checks;
mod passing;
mod system;

use server::clock::unix_ms;
use telemetry::health::{Finding, State};

use crate::sources::Sources;
use passing::Passing;

/// A certificate that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for, as operators know it: the file.
    pub name: String,
    /// When it ends, in seconds since 1970.
    pub not_after_s: u64,
}

/// What checks need besides the node's parts.
pub struct Context<'a> {
    /// The node.
    pub sources: &'a Sources,
    /// Certificates of our own.
    pub certificates: &'a [Certificate],
    /// The resolver asks for the root servers by itself, so that the root may be asked for.
    pub asks_root: bool,
    /// Where tasks run.
    pub runtime: &'a tokio::runtime::Handle,
}

/// Runs all checks, and remembers what some of them compare with.
#[derive(Default)]
pub struct Checks {
    passing: Passing,
}

impl Checks {
    /// Runs all checks and puts the results on the board. A state that changes is logged.
    pub fn run(&mut self, context: &Context<'_>) {
        let sources = context.sources;
        let report = |name, finding: Finding| {
            let (state, reason, advice) = (finding.state, finding.reason.clone(), finding.advice.clone());
            match (sources.board.report(name, finding, unix_ms()), state) {
                (None, _) => {}
                (Some(_), State::Ok) => tracing::info!(check = name, reason, "health: ok again"),
                (Some(_), State::Warn) => tracing::warn!(check = name, reason, advice, "health: warn"),
                (Some(_), State::Fail) => tracing::error!(check = name, reason, advice, "health: fail"),
            }
        };
        report("listeners", checks::listeners(sources));
        report("journal", checks::journal(sources));
        if let Some(finding) = checks::cluster(sources) {
            report("cluster", finding);
        }
        if let Some(finding) = checks::nodes(sources) {
            report("nodes", finding);
        }
        if let Some(finding) = sources.ingest.health(unix_ms()) {
            report("ingest", finding);
        }
        if let Some(finding) = sources.telling.health() {
            report("change_events", finding);
        }
        report("store", checks::store(sources));
        report("zones", checks::zones(sources));
        report("signing", checks::signing(sources, unix_ms() / 1000));
        report("backups", checks::backups(sources, unix_ms()));
        report("certificates", checks::certificates(context.certificates, unix_ms() / 1000));
        report("disk", system::disk(&[sources.handle.data_dir(), parent(sources.handle.journal_file())]));
        report("memory", system::memory());
        report("clock", self.passing.clock());
        report("log", self.passing.log(sources));
        report("upstreams", self.passing.upstreams(sources));
        report("root", self.passing.root(context));
    }
}

/// The directory of a file.
fn parent(file: &std::path::Path) -> &std::path::Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."))
}
