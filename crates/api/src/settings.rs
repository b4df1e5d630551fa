//! How a zone is served, as JSON.

use std::sync::{Arc, PoisonError, RwLock};

use config::{DEFAULT_POLICY, Dnssec, PolicyName, ZoneLists, unknown_policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zone::{DnssecValidation, SerialPolicy, ZoneKind, ZoneSettings};

use super::problem::FieldError;

/// Entries of one list.
const MAX_ENTRIES: usize = 1000;

/// Where a zone's records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Changes are made here.
    Primary,
    /// Changes come by transfer.
    Secondary,
}

/// How the next serial is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// One more.
    Increment,
    /// YYYYMMDDnn of today, or one more.
    Date,
    /// Seconds since 1970, or one more.
    UnixTime,
}

/// What is done about signatures of others that resolvers would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    /// Nobody looks.
    Off,
    /// The version is served, and it is said.
    Warn,
    /// The version is not taken, and the one before it is served.
    Refuse,
    /// The same; and the zone answers SERVFAIL once a signature has ended that resolvers need.
    Expire,
}

/// How a zone is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingsOut {
    /// Primary or secondary.
    pub kind: Kind,
    /// How the next serial is found.
    pub serial_policy: Policy,
    /// Of a secondary: `address[:port] [key:NAME]`.
    pub primaries: Vec<String>,
    /// Who may ask; empty: everybody.
    pub allow_query: Vec<String>,
    /// Who may transfer.
    pub allow_transfer: Vec<String>,
    /// Who may send updates, and of what.
    pub allow_update: Vec<String>,
    /// Of a secondary: whose updates go on to the primaries.
    pub allow_update_forwarding: Vec<String>,
    /// Who may send NOTIFY; empty: the primaries.
    pub allow_notify: Vec<String>,
    /// Whom to tell of changes: `address[:port] [key:NAME]`.
    pub notify: Vec<String>,
    /// Name of the policy of `dnssec.policies` that the zone is signed by here; empty: it is not signed here.
    pub dnssec: String,
    /// What is done about signatures of others: of a secondary or a zone from a file that is not signed here.
    pub dnssec_validate: Validation,
    /// Which servers of a cluster answer for it: names of servers, and labels `KEY=VALUE`, in both of which `*` stands for any
    /// text; empty: all.
    pub placement: Vec<String>,
}

/// Settings to be changed; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsIn {
    /// Primary or secondary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How the next serial is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_policy: Option<Policy>,
    /// Of a secondary: `address[:port] [key:NAME]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primaries: Option<Vec<String>>,
    /// Who may ask; empty: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_query: Option<Vec<String>>,
    /// Who may transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_transfer: Option<Vec<String>>,
    /// Who may send updates, and of what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_update: Option<Vec<String>>,
    /// Of a secondary: whose updates go on to the primaries; elsewhere it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_update_forwarding: Option<Vec<String>>,
    /// Who may send NOTIFY; empty: the primaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_notify: Option<Vec<String>>,
    /// Whom to tell of changes: `address[:port] [key:NAME]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<String>>,
    /// Name of the policy of `dnssec.policies` that the zone is signed by here; empty, or `off`: it is not signed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssec: Option<String>,
    /// What is done about signatures of others: of a secondary or a zone from a file that is not signed here; elsewhere it has
    /// no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssec_validate: Option<Validation>,
    /// Which servers of a cluster answer for it: names of servers, and labels `KEY=VALUE`, in both of which `*` stands for any
    /// text; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Vec<String>>,
}

/// The names of the policies that zones may be signed by, as the configuration has them now.
#[derive(Debug)]
pub struct PolicyNames(RwLock<Arc<[String]>>);

impl Default for PolicyNames {
    fn default() -> PolicyNames {
        PolicyNames(RwLock::new([DEFAULT_POLICY.to_owned()].into()))
    }
}

impl PolicyNames {
    /// The policies of another configuration.
    pub fn set(&self, dnssec: &Dnssec) {
        let names = dnssec.policies.keys().cloned().collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Those of now.
    fn now(&self) -> Arc<[String]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl From<ZoneKind> for Kind {
    fn from(kind: ZoneKind) -> Kind {
        match kind {
            ZoneKind::Primary => Kind::Primary,
            ZoneKind::Secondary => Kind::Secondary,
        }
    }
}

impl From<&ZoneSettings> for SettingsOut {
    fn from(settings: &ZoneSettings) -> SettingsOut {
        SettingsOut {
            kind: settings.kind.into(),
            serial_policy: match settings.serial_policy {
                SerialPolicy::Increment => Policy::Increment,
                SerialPolicy::Date => Policy::Date,
                SerialPolicy::UnixTime => Policy::UnixTime,
            },
            primaries: settings.primaries.clone(),
            allow_query: settings.allow_query.clone(),
            allow_transfer: settings.allow_transfer.clone(),
            allow_update: settings.allow_update.clone(),
            allow_update_forwarding: settings.allow_update_forwarding.clone(),
            allow_notify: settings.allow_notify.clone(),
            notify: settings.notify.clone(),
            dnssec: settings.dnssec.clone(),
            dnssec_validate: match settings.dnssec_validate {
                DnssecValidation::Off => Validation::Off,
                DnssecValidation::Warn => Validation::Warn,
                DnssecValidation::Refuse => Validation::Refuse,
                DnssecValidation::Expire => Validation::Expire,
            },
            placement: settings.placement.clone(),
        }
    }
}

impl SettingsIn {
    /// `before` with what is given here.
    pub fn over(&self, before: &ZoneSettings) -> ZoneSettings {
        let list = |new: &Option<Vec<String>>, old: &Vec<String>| new.as_ref().unwrap_or(old).clone();
        ZoneSettings {
            kind: self.kind.map_or(before.kind, |kind| match kind {
                Kind::Primary => ZoneKind::Primary,
                Kind::Secondary => ZoneKind::Secondary,
            }),
            serial_policy: self.serial_policy.map_or(before.serial_policy, |policy| match policy {
                Policy::Increment => SerialPolicy::Increment,
                Policy::Date => SerialPolicy::Date,
                Policy::UnixTime => SerialPolicy::UnixTime,
            }),
            primaries: list(&self.primaries, &before.primaries),
            allow_query: list(&self.allow_query, &before.allow_query),
            allow_transfer: list(&self.allow_transfer, &before.allow_transfer),
            allow_update: list(&self.allow_update, &before.allow_update),
            allow_update_forwarding: list(&self.allow_update_forwarding, &before.allow_update_forwarding),
            allow_notify: list(&self.allow_notify, &before.allow_notify),
            notify: list(&self.notify, &before.notify),
            dnssec: match &self.dnssec {
                Some(name) => PolicyName::of(name).as_str().to_owned(),
                None => before.dnssec.clone(),
            },
            dnssec_validate: self.dnssec_validate.map_or(before.dnssec_validate, |validation| match validation {
                Validation::Off => DnssecValidation::Off,
                Validation::Warn => DnssecValidation::Warn,
                Validation::Refuse => DnssecValidation::Refuse,
                Validation::Expire => DnssecValidation::Expire,
            }),
            placement: list(&self.placement, &before.placement),
        }
    }

    /// Checks what is given: the entries of lists, and their number; the policy to sign by.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers.
    pub fn check(&self, policies: &PolicyNames) -> Result<(), Vec<FieldError>> {
        let settings = self.over(&ZoneSettings::default());
        let lists = [
            ("primaries", &settings.primaries),
            ("allow_query", &settings.allow_query),
            ("allow_transfer", &settings.allow_transfer),
            ("allow_update", &settings.allow_update),
            ("allow_update_forwarding", &settings.allow_update_forwarding),
            ("allow_notify", &settings.allow_notify),
            ("notify", &settings.notify),
            ("placement", &settings.placement),
        ];
        let long = lists.iter().filter(|(_, list)| list.len() > MAX_ENTRIES);
        let mut errors: Vec<FieldError> = long
            .map(|(field, _)| FieldError::at(format!("/{field}"), format!("at most {MAX_ENTRIES} entries")))
            .collect();
        if errors.is_empty() {
            let problems = ZoneLists::parse(&settings).err().unwrap_or_default().into_iter();
            errors.extend(problems.map(|problem| {
                FieldError::at(format!("/{}/{}", problem.place.list, problem.place.index), problem.message)
            }));
        }
        let known = policies.now();
        if !settings.dnssec.is_empty() && !known.contains(&settings.dnssec) {
            errors.push(FieldError::at("/dnssec", unknown_policy(&settings.dnssec, &*known)));
        }
        if !settings.dnssec.is_empty() && settings.dnssec_validate != DnssecValidation::Off {
            let message = "the zone is signed here, where each change is validated: leave out either this or `dnssec`";
            errors.push(FieldError::at("/dnssec_validate", message));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
