//! What whoever changes policy by API looks at: what is in force in figures, and what would be if documents were others.

use std::sync::{Arc, PoisonError};

use config::Config;
use journal::shared::{SettingsState, SharedSettings};
use policy::devices::{Directory, Leases, Mistake, Setup, Surroundings, Zone as TimeZone};
use server::clock::unix_ms;

use super::plan::{Numbers, Plan, plan};
use super::{Policing, list_settings};
use crate::lists::{Origin, Source, Subscription};

/// What is in force, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Names that are listed.
    pub names: u64,
    /// Rules that are more than a name.
    pub rules: u64,
    /// Memory of the names, in octets.
    pub memory_octets: u64,
}

impl Policing {
    /// What was set by API.
    pub fn documents(&self) -> &Arc<SharedSettings> {
        &self.shared.documents
    }

    /// What is in force, in figures.
    pub fn summary(&self) -> Summary {
        let state = self.shared.state();
        let indexes = state.policies.iter().flat_map(|policies| policies.engine.indexes());
        let mut summary =
            Summary { rules: state.reports.iter().map(|report| report.rules).sum(), ..Summary::default() };
        for index in indexes {
            summary.names += index.names() as u64;
            summary.memory_octets += index.octets() as u64;
        }
        summary
    }

    /// What is to be with these documents; numbers of lists are of this plan alone. Empty before there is a
    /// configuration.
    pub fn planned(&self, documents: &SettingsState) -> Plan {
        let config = self.config();
        config.map(|config| plan(&config, documents, &mut Numbers::default(), unix_ms()).0).unwrap_or_default()
    }

    /// Whether devices, groups and pauses of a plan fit together.
    ///
    /// # Errors
    /// Every mistake, up to [`policy::devices::MAX_MISTAKES`].
    pub fn verify(&self, plan: &Plan) -> Result<(), Vec<Mistake>> {
        let leases = Leases::default();
        let around = Surroundings {
            lists: &plan.of_groups,
            leases: &leases,
            system_zone: &TimeZone::utc(),
            now_ms: i64::try_from(unix_ms()).unwrap_or(i64::MAX),
            seed: self.shared.seed,
        };
        let setup = Setup { devices: &plan.devices, groups: &plan.groups, pauses: &plan.pauses };
        Directory::build(setup, &around).map(drop)
    }

    pub(super) fn config(&self) -> Option<Arc<Config>> {
        self.shared.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why a list that is set by API cannot be fetched from `url`; `None`: nothing speaks against it yet.
pub fn url_problem(url: &str) -> Option<String> {
    let subscription = Subscription {
        id: String::new(),
        source: Source::Url(url.to_owned()),
        origin: Origin::Api,
        format: String::new(),
        refresh_hours: 1,
        enabled: true,
    };
    subscription.check(&list_settings(&Config::default())).err().map(|problem| problem.to_string())
}
