//! A zone with what the node knows of it: where it is described, whether it answers, how its transfers go.

use std::sync::Arc;

use dns::NameBuf;
use zone::check::{Finding, Source};
use zone::{Contents, ZoneKind, ZoneSettings};

use crate::catalogue::ZoneEntry;
use crate::presigned::Validated;
use crate::read_only::MaintainedIn;
use crate::secondary::Status;

/// Whether a zone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneState {
    /// It does.
    Serving,
    /// Other servers of the cluster do (`placement`); this one refuses queries.
    Elsewhere,
    /// It has no contents yet: its file is bad, or its first transfer is outstanding.
    Waiting,
    /// It was not refreshed in time (RFC 1035 3.3.13 EXPIRE), or has lost a signature that resolvers need and is not to be
    /// served then: SERVFAIL.
    Expired,
}

/// How the transfers of a secondary zone go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferState {
    /// The primary that was asked last.
    pub primary: Option<String>,
    /// The serial that the primary had of the zone. Where the zone is signed here, its own is another one.
    pub primary_serial: Option<u32>,
    /// When a primary last said that the zone is current, or sent it; milliseconds since 1970.
    pub refreshed_at_ms: Option<u64>,
    /// When the next refresh is due.
    pub next_refresh_at_ms: Option<u64>,
    /// When the zone stops being served unless it is refreshed.
    pub expires_at_ms: Option<u64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Primaries whose serial is earlier than the zone's, with it.
    pub behind: Vec<(String, u32)>,
}

impl From<Status> for TransferState {
    fn from(status: Status) -> TransferState {
        let ms = |seconds: u64| (seconds > 0).then_some(seconds * 1000);
        TransferState {
            primary: status.primary.map(|primary| primary.to_string()),
            primary_serial: status.primary_serial,
            refreshed_at_ms: ms(status.checked_at_s),
            next_refresh_at_ms: ms(status.next_at_s),
            expires_at_ms: ms(status.expires_at_s),
            last_error: Some(status.error).filter(|error| !error.is_empty()),
            behind: status.behind.into_iter().map(|behind| (behind.primary.to_string(), behind.serial)).collect(),
        }
    }
}

/// A zone as lists show it.
#[derive(Debug, Clone)]
pub struct ZoneInfo {
    /// The apex.
    pub name: NameBuf,
    /// Where it is maintained.
    pub maintained_in: MaintainedIn,
    /// Whether it answers.
    pub state: ZoneState,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// Its serial, if it has contents.
    pub serial: Option<u32>,
    /// Number of records.
    pub records: u64,
    /// What the checks say about the records; some of it, where there is very much.
    pub findings: Arc<[Finding]>,
    /// Of a secondary.
    pub transfer: Option<TransferState>,
}

impl ZoneInfo {
    /// What is known of a zone with these contents; of a secondary, with this status; of one that others sign, with what was
    /// found out about that. `is_here`: this server answers for it.
    pub(crate) fn new(
        entry: &ZoneEntry,
        contents: Option<&Contents>,
        status: Option<Status>,
        validated: Option<Validated>,
        is_here: bool,
    ) -> ZoneInfo {
        let has_ended = validated.as_ref().is_some_and(Validated::has_ended);
        let findings = contents.map(|contents| contents.findings().clone()).unwrap_or_default();
        let refused = validated.map(|validated| validated.findings).unwrap_or_default();
        let state = match contents {
            Some(_) if is_here => ZoneState::Serving,
            Some(_) => ZoneState::Elsewhere,
            None if has_ended || status.as_ref().is_some_and(|status| status.expired) => ZoneState::Expired,
            None => ZoneState::Waiting,
        };
        ZoneInfo {
            name: entry.name().clone(),
            maintained_in: entry.maintained_in(),
            state,
            settings: entry.settings().clone(),
            serial: journal::replica::serial_of(contents),
            records: contents.map_or(0, Contents::record_count),
            findings: match refused.is_empty() {
                true => findings,
                false => refused.into_iter().chain(findings.iter().cloned()).collect(),
            },
            transfer: status.map(TransferState::from),
        }
    }

    /// Whose records the zone has.
    pub fn records_from(&self) -> Source {
        match (self.settings.kind, self.maintained_in) {
            (ZoneKind::Secondary, _) => Source::Transferred,
            (ZoneKind::Primary, MaintainedIn::File | MaintainedIn::SignedFile) => Source::ZoneFile,
            (ZoneKind::Primary, _) => Source::Made,
        }
    }
}
