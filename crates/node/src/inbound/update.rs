//! Dynamic update (RFC 2136): permission here, prerequisites and changes on the committer's thread.

use std::sync::Arc;

use dns::Rcode;
use server::control::{Answer, Reply, Request};
use zone::ZonePolicy;
use zone::check::Finding;
use zone::update::{self, UpdateMessage};

use super::{ControlPlane, refuse, response, who, zone_of};
use crate::commit::{self, CommitError, Intent, PendingZones, SerialRule};
use crate::read_only::Part;

/// Findings of an update that the log has.
const MAX_LOGGED: usize = 10;

impl ControlPlane {
    /// Takes an update, and answers when it is made or refused.
    pub(super) fn update(&self, request: &Request, reply: Reply) {
        let update = match update::parse(&request.message) {
            Ok(update) => update,
            Err(rcode) => return reply.send(refuse(request, rcode)),
        };
        // RFC 2136 3.1.1: a zone that is not ours.
        let Some(zone) = zone_of(&self.zones.latest(), &update.zone) else {
            return reply.send(refuse(request, Rcode::NOTAUTH));
        };
        if let Some(why) = self.refusal(&zone, request) {
            tracing::warn!(target: "security", zone = %zone.name, client = who(request), "update refused: {why}");
            return reply.send(refuse(request, Rcode::REFUSED));
        }
        let (message, client) = (request.message.clone(), who(request));
        let request = commit::Request {
            who: format!("update:{}", who(request)),
            why: String::new(),
            reverts: None,
            prepare: prepare(update, zone.policy.clone(), request),
            dry_run: false,
        };
        let zone = zone.name.clone();
        self.committer.submit(request, move |outcome| {
            if let Ok(made) = &outcome
                && !made.warnings.is_empty()
            {
                tracing::warn!(%zone, client, "updated, but: {}", listed(&made.warnings));
            }
            let rcode = outcome.map_or_else(|error| rcode(&error, &zone, &client), |_| Rcode::NOERROR);
            reply.send(Answer::Message(response(&message, rcode, false)));
        });
    }

    /// Why nothing of this zone can be updated by this client, if so (RFC 2136 3.3).
    fn refusal(&self, zone: &zone::Zone, request: &Request) -> Option<String> {
        let entry = self.catalogue.zone(&zone.name)?;
        if let Some(why) = entry.read_only(Part::Records) {
            return Some(why.to_string());
        }
        let allowed = zone
            .policy
            .as_ref()
            .is_some_and(|policy| policy.allow_update.allows(request.client.ip(), request.key.as_deref()));
        (!allowed).then(|| "not in allow_update".to_owned())
    }
}

/// What the committer's thread does: prerequisites, permission for each name and type, changes.
fn prepare(update: UpdateMessage, policy: Option<Arc<ZonePolicy>>, request: &Request) -> commit::Prepare {
    let (client, key) = (request.client.ip(), request.key.clone());
    Box::new(move |zones: &dyn PendingZones| {
        let Some(contents) = zones.zone(&update.zone).and_then(|zone| zone.contents) else {
            return Err(CommitError::Update(Rcode::SERVFAIL));
        };
        let may = |owner: &dns::Name, rtype: dns::RType| {
            policy
                .as_ref()
                .is_some_and(|policy| policy.allow_update.allows_change(client, key.as_deref(), owner, rtype))
        };
        let edits = update::apply(&update, &contents, &may).map_err(CommitError::Update)?;
        Ok(vec![(update.zone.clone(), Intent::Edit { edits, serial: SerialRule::Policy })])
    })
}

/// Findings for the log, the first few of them.
fn listed(findings: &[Finding]) -> String {
    let mut texts: Vec<String> = findings.iter().take(MAX_LOGGED).map(ToString::to_string).collect();
    if let Some(more) = findings.len().checked_sub(MAX_LOGGED + 1) {
        texts.push(format!("{} more", more + 1));
    }
    texts.join("; ")
}

/// RFC 2136 2.2: what a client is told.
fn rcode(error: &CommitError, zone: &dns::Name, client: &str) -> Rcode {
    match error {
        CommitError::Update(rcode) => {
            if *rcode == Rcode::REFUSED {
                tracing::warn!(target: "security", %zone, client, "update refused: allow_update does not allow this name and type");
            }
            *rcode
        }
        CommitError::NoSuchZone(_) => Rcode::NOTAUTH,
        CommitError::Invalid(findings) => {
            tracing::warn!(%zone, client, "update refused, the zone would be broken: {}", listed(findings));
            Rcode::REFUSED
        }
        CommitError::ReadOnly { .. } | CommitError::Denied(_) | CommitError::ZoneExists(_) => Rcode::REFUSED,
        CommitError::Signing { .. } => {
            tracing::error!(%zone, client, "update refused: {error}");
            Rcode::SERVFAIL
        }
        CommitError::Conflict { .. }
        | CommitError::Difference(_)
        | CommitError::Busy
        | CommitError::Stopping
        | CommitError::Journal(_)
        | CommitError::Unknown { .. } => {
            tracing::warn!(%zone, client, "update not made: {error}");
            Rcode::SERVFAIL
        }
    }
}
