//! Grants: what a role or a token allows, and why it does not. Pure; called by `authorise.rs`.

use std::net::IpAddr;

use dns::{Name, NameBuf, RType};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::limits::{MAX_GRANTS, MAX_LIST};
use super::pattern::NamePattern;

/// What one wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Look at zones, records and history; without a zone: at the server's state.
    Read,
    /// Make a zone, or an RRset that was not there.
    Create,
    /// Change records in any way: [`Verb::Create`] and [`Verb::Delete`] of RRsets, but not of zones, are part of it.
    Update,
    /// Remove a zone, or an RRset.
    Delete,
    /// Change how a zone is served, or the server.
    Configure,
    /// Get a zone by transfer, or order one.
    Transfer,
    /// Users, roles, tokens of others, TSIG keys, backups. Whoever has it can get every right.
    Admin,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 7] =
        [Verb::Read, Verb::Create, Verb::Update, Verb::Delete, Verb::Configure, Verb::Transfer, Verb::Admin];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Read => "read",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Configure => "configure",
            Verb::Transfer => "transfer",
            Verb::Admin => "admin",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action<'a> {
    /// What.
    pub verb: Verb,
    /// The zone's apex; `None`: something of the server as a whole.
    pub zone: Option<&'a Name>,
    /// The owner of the records; `None`: the zone as a whole.
    pub name: Option<&'a Name>,
    /// The type of the records; `None`: all types at once.
    pub rtype: Option<RType>,
}

impl<'a> Action<'a> {
    /// Something of the server as a whole.
    pub fn server(verb: Verb) -> Action<'a> {
        Action { verb, zone: None, name: None, rtype: None }
    }

    /// Something of a zone as a whole.
    pub fn zone(verb: Verb, zone: &'a Name) -> Action<'a> {
        Action { verb, zone: Some(zone), name: None, rtype: None }
    }

    /// Something of an RRset.
    pub fn rrset(verb: Verb, zone: &'a Name, name: &'a Name, rtype: RType) -> Action<'a> {
        Action { verb, zone: Some(zone), name: Some(name), rtype: Some(rtype) }
    }
}

/// A right. All its limits hold together; of several grants, one that allows is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// In which zones: patterns of apexes, at least one. Only `**` reaches what has no zone.
    pub zones: Vec<NamePattern>,
    /// Which owners; empty: no limit. With a limit, even `**`, only records are allowed, nothing of the zone as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NamePattern>,
    /// Which types; empty: no limit. With a limit, what concerns all types at once is not allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "types_as_text")]
    pub types: Vec<RType>,
    /// What may be done, at least one thing.
    pub verbs: Vec<Verb>,
    /// From which networks; empty: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "networks_as_text")]
    pub networks: Vec<IpNet>,
    /// From when on, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<u64>,
    /// No longer from this moment on, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// Why a grant does not allow an action: the first of its limits that stands against it. Later variants are nearer to
/// being allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// There is no grant.
    None,
    /// Another zone.
    Zone,
    /// Another verb.
    Verb,
    /// Another owner, or the zone as a whole.
    Name,
    /// Another type, or all of them.
    Type,
    /// Another network.
    Network,
    /// It holds later.
    NotYet,
    /// It held earlier.
    Expired,
}

impl Mismatch {
    /// For the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Mismatch::None => "there are no grants",
            Mismatch::Zone => "no grant for this zone",
            Mismatch::Verb => "no grant for doing this there",
            Mismatch::Name => "no grant for this name",
            Mismatch::Type => "no grant for this type",
            Mismatch::Network => "no grant for this network",
            Mismatch::NotYet => "the grant does not hold yet",
            Mismatch::Expired => "the grant has expired",
        }
    }
}

impl Grant {
    /// Everything.
    pub fn everything() -> Grant {
        Grant::of(&Verb::ALL)
    }

    /// These verbs everywhere.
    pub fn of(verbs: &[Verb]) -> Grant {
        Grant {
            zones: vec![NamePattern::all()],
            names: Vec::new(),
            types: Vec::new(),
            verbs: verbs.to_vec(),
            networks: Vec::new(),
            not_before_ms: None,
            expires_ms: None,
        }
    }

    /// What proves control over `host` to a certification authority (RFC 8555 8.4): its TXT records at
    /// `_acme-challenge`, nothing else.
    ///
    /// # Errors
    /// `host` is too long to have a name below it.
    pub fn acme(host: &Name) -> Result<Grant, dns::NameError> {
        let name: NameBuf = host.prepend(b"_acme-challenge")?;
        Ok(Grant { names: vec![NamePattern::exactly(&name)], types: vec![RType::TXT], ..Grant::of(&[Verb::Update]) })
    }

    /// Whether it allows `action` from `client` at `now_ms`, and if not, why.
    pub fn allows(&self, action: &Action<'_>, client: IpAddr, now_ms: u64) -> Result<(), Mismatch> {
        if !self.has_zone(action.zone) {
            return Err(Mismatch::Zone);
        }
        if !self.has_verb(action) {
            return Err(Mismatch::Verb);
        }
        if !self.names.is_empty() && !action.name.is_some_and(|name| self.names.iter().any(|p| p.matches(name))) {
            return Err(Mismatch::Name);
        }
        if !self.types.is_empty() && !action.rtype.is_some_and(|rtype| self.types.contains(&rtype)) {
            return Err(Mismatch::Type);
        }
        self.holds(client, now_ms)
    }

    /// Whether its holder may know that there is such a zone.
    pub fn shows(&self, zone: &Name, client: IpAddr, now_ms: u64) -> bool {
        self.has_zone(Some(zone))
            && (self.names.is_empty() || self.names.iter().any(|pattern| pattern.reaches_into(zone)))
            && self.holds(client, now_ms).is_ok()
    }

    /// What makes it no grant, or too much of one.
    pub fn check(&self) -> Result<(), String> {
        if self.zones.is_empty() {
            return Err("a grant needs at least one pattern of zones (\"**\": all)".to_owned());
        }
        if self.verbs.is_empty() {
            return Err("a grant needs at least one verb".to_owned());
        }
        let longest = [self.zones.len(), self.names.len(), self.types.len(), self.networks.len(), self.verbs.len()]
            .into_iter()
            .max();
        if longest > Some(MAX_LIST) {
            return Err(format!("a list of a grant has more than {MAX_LIST} entries"));
        }
        if let (Some(from), Some(to)) = (self.not_before_ms, self.expires_ms)
            && from >= to
        {
            return Err("the grant expires before it holds".to_owned());
        }
        Ok(())
    }

    /// [`Grant::check`] for all of a role or token.
    pub fn check_all(grants: &[Grant]) -> Result<(), String> {
        if grants.len() > MAX_GRANTS {
            return Err(format!("more than {MAX_GRANTS} grants"));
        }
        grants.iter().try_for_each(Grant::check)
    }

    fn has_zone(&self, zone: Option<&Name>) -> bool {
        self.zones.iter().any(|pattern| match zone {
            Some(zone) => pattern.matches(zone),
            None => pattern.is_all(),
        })
    }

    fn has_verb(&self, action: &Action<'_>) -> bool {
        let of_records = action.name.is_some();
        self.verbs.contains(&action.verb)
            || (of_records && matches!(action.verb, Verb::Create | Verb::Delete) && self.verbs.contains(&Verb::Update))
    }

    fn holds(&self, client: IpAddr, now_ms: u64) -> Result<(), Mismatch> {
        let client = client.to_canonical();
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&client)) {
            return Err(Mismatch::Network);
        }
        if self.not_before_ms.is_some_and(|from| now_ms < from) {
            return Err(Mismatch::NotYet);
        }
        if self.expires_ms.is_some_and(|to| now_ms >= to) {
            return Err(Mismatch::Expired);
        }
        Ok(())
    }
}

/// The roles that are always there: (name, what it is for, grants).
pub fn built_in_roles() -> [(&'static str, &'static str, Vec<Grant>); 4] {
    use Verb::{Configure, Create, Delete, Read, Transfer, Update};
    let records = Grant { names: vec![NamePattern::all()], ..Grant::of(&[Update]) };
    [
        ("admin", "everything", vec![Grant::everything()]),
        ("operator", "all zones", vec![Grant::of(&[Read, Create, Update, Delete, Configure, Transfer])]),
        ("editor", "records of all zones", vec![Grant::of(&[Read]), records]),
        ("viewer", "looking", vec![Grant::of(&[Read])]),
    ]
}

mod types_as_text {
    use super::*;

    pub fn serialize<S: Serializer>(types: &[RType], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(types.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RType>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let parse = |text: String| {
            RType::from_text(text.as_bytes())
                .ok_or_else(|| D::Error::custom(format!("\"{text}\" is not a record type")))
        };
        texts.into_iter().map(parse).collect()
    }
}

mod networks_as_text {
    use super::*;

    pub fn serialize<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(networks.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let parse = |text: String| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| D::Error::custom(format!("\"{text}\" is not an address or a network")))
        };
        texts.into_iter().map(parse).collect()
    }
}
