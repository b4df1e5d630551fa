//! What became of a change, as the client hears it.

use access::limits::MAX_WHY;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dns::NameBuf;
use node::commit::Committed;
use node::difference::word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zone::check::{Finding, Severity, Source};

use super::diff::{self, ZoneDiff};
use super::etag;
use super::problem::Problem;
use super::receipts::MadeChange;
use super::state::Submission;

/// The parameters of every request that changes zones.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WriteParams {
    /// Only say what would happen: the difference and what the checks find.
    #[serde(default)]
    pub dry_run: bool,
    /// Why the change is made, for its history.
    #[serde(default)]
    pub why: String,
}

impl WriteParams {
    /// For a change that may depend on the state of the zone.
    ///
    /// # Errors
    /// 400: the reason is too long.
    pub fn submission(self, conditional: bool) -> Result<Submission, Problem> {
        check_why(&self.why)?;
        Ok(Submission { why: self.why, reverts: None, conditional, dry_run: self.dry_run })
    }
}

/// Checks the length of a reason.
///
/// # Errors
/// 400: it is too long.
pub fn check_why(why: &str) -> Result<(), Problem> {
    match why.chars().count() {
        0..=MAX_WHY => Ok(()),
        _ => Err(Problem::parameter("why", format!("at most {MAX_WHY} characters"))),
    }
}

/// A zone of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneOutcome {
    /// The zone.
    pub zone: String,
    /// `create`, `edit`, `replace`, `configure` or `delete`.
    pub action: &'static str,
    /// The serial before.
    pub from: Option<u32>,
    /// The serial after.
    pub to: Option<u32>,
}

/// Something the owner of a zone should look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    /// `warning` or `error`.
    pub severity: &'static str,
    /// Where.
    pub name: String,
    /// At which type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub rtype: Option<String>,
    /// What.
    pub detail: String,
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcome {
    /// Its place in the history; null: there was nothing to change, or it was a dry run.
    pub change: Option<u64>,
    /// Whether nothing was done because that was asked for.
    pub dry_run: bool,
    /// The zones that changed.
    pub zones: Vec<ZoneOutcome>,
    /// What should be looked at.
    pub warnings: Vec<Warning>,
    /// Of a dry run: what would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Vec<ZoneDiff>>,
    /// Names of the zones, for who waits for servers.
    #[serde(skip)]
    pub names: Vec<NameBuf>,
}

impl Warning {
    /// A finding in records from `source`.
    pub fn new(finding: &Finding, source: Source) -> Warning {
        let severity = match finding.severity(source) {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let rtype = finding.rtype.map(|rtype| rtype.to_string());
        Warning { severity, name: finding.owner.to_string(), rtype, detail: finding.message.clone() }
    }
}

impl Outcome {
    /// What the committer said.
    pub fn new(committed: &Committed, dry_run: bool) -> Outcome {
        let zones = committed.change.zones.iter().map(|change| ZoneOutcome {
            zone: change.zone.to_string(),
            action: word(&change.action),
            from: change.from,
            to: change.to,
        });
        Outcome {
            change: committed.offset,
            dry_run,
            zones: zones.collect(),
            warnings: committed.warnings.iter().map(|finding| Warning::new(finding, Source::Made)).collect(),
            diff: dry_run.then(|| committed.change.zones.iter().map(diff::of).collect()),
            names: committed.change.zones.iter().map(|change| change.zone.name.clone()).collect(),
        }
    }

    /// With what whoever wrote the change should look at, found before the committer saw it.
    pub fn noted(mut self, notes: &[Finding]) -> Outcome {
        self.warnings.extend(notes.iter().map(|note| Warning::new(note, Source::Made)));
        self
    }

    /// As a response; the entity tag is that of the zone, if there is just one.
    pub fn respond(mut self, status: StatusCode) -> Response {
        let serial = match &self.zones[..] {
            [zone] if !self.dry_run => zone.to,
            _ => None,
        };
        let zones = std::mem::take(&mut self.names);
        let made = self.change.map(|offset| MadeChange { offset, zones });
        let mut response = (status, Json(self)).into_response();
        if let Some(made) = made {
            response.extensions_mut().insert(made);
        }
        if let Some(serial) = serial {
            response.headers_mut().insert(header::ETAG, etag::of(serial));
        }
        response
    }
}
