//! Grants: what a role or a token allows, and why it does not. Pure; called by `authorise.rs`.

use std::net::IpAddr;

use dns::{Name, NameBuf, RType};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::limits::{MAX_GRANTS, MAX_LIST};
use zone::policy::NamePattern;

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
    /// See what clients ask: the history of queries, the live view.
    ReadLogs,
    /// Users, roles, tokens of others, TSIG keys, backups. Whoever has it can get every right.
    Admin,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 8] = [
        Verb::Read,
        Verb::Create,
        Verb::Update,
        Verb::Delete,
        Verb::Configure,
        Verb::Transfer,
        Verb::ReadLogs,
        Verb::Admin,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Read => "read",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Configure => "configure",
            Verb::Transfer => "transfer",
            Verb::ReadLogs => "read_logs",
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
    use Verb::{Configure, Create, Delete, Read, ReadLogs, Transfer, Update};
    let records = Grant { names: vec![NamePattern::all()], ..Grant::of(&[Update]) };
    [
        ("admin", "everything", vec![Grant::everything()]),
        ("operator", "all zones", vec![Grant::of(&[Read, Create, Update, Delete, Configure, Transfer, ReadLogs])]),
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
            dns::network::parse(&text)
                .ok_or_else(|| D::Error::custom(format!("\"{text}\" is not an address or a network")))
        };
        texts.into_iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{grant, ip, name};
    use super::*;

    const MAIN: &str = r#"{"zones":["example.org","*.example.net"],"names":["**.example.org","*.a.example.net"],
        "types":["A","TXT"],"verbs":["update"],"networks":["192.0.2.0/24","2001:db8::/32","198.51.100.7"],
        "not_before_ms":1000,"expires_ms":2000}"#;

    #[test]
    fn limits() {
        let rrset = |json: &str, verb, zone: &str, owner: &str, rtype, client: &str, now_ms| {
            let (zone, owner) = (name(zone), name(owner));
            grant(json).allows(&Action::rrset(verb, &zone, &owner, rtype), ip(client), now_ms)
        };
        let check = |verb, zone: &str, owner: &str, rtype, client: &str, now_ms, want: Result<(), Mismatch>| {
            let got = rrset(MAIN, verb, zone, owner, rtype, client, now_ms);
            assert_eq!(got, want, "{verb:?} {zone} {owner} {rtype} {client} {now_ms}");
        };
        use Verb::{Create, Delete, Read, Update};
        let (a, txt, mx) = (RType::A, RType::TXT, RType::MX);
        check(Update, "example.org.", "www.example.org.", a, "192.0.2.1", 1000, Ok(()));
        check(Create, "example.org.", "www.example.org.", a, "192.0.2.1", 1999, Ok(()));
        check(Delete, "EXAMPLE.org.", "x.WWW.example.org.", txt, "2001:db8::1", 1500, Ok(()));
        check(Update, "a.example.net.", "www.a.example.net.", a, "198.51.100.7", 1500, Ok(()));
        check(Update, "example.org.", "www.example.org.", a, "::ffff:192.0.2.255", 1500, Ok(()));
        check(Update, "org.", "www.example.org.", a, "192.0.2.1", 1500, Err(Mismatch::Zone));
        check(Update, "example.net.", "www.example.net.", a, "192.0.2.1", 1500, Err(Mismatch::Zone));
        check(Read, "example.org.", "www.example.org.", a, "192.0.2.1", 1500, Err(Mismatch::Verb));
        check(Update, "example.org.", "example.org.", a, "192.0.2.1", 1500, Err(Mismatch::Name));
        check(Update, "a.example.net.", "x.y.a.example.net.", a, "192.0.2.1", 1500, Err(Mismatch::Name));
        check(Update, "example.org.", "www.example.org.", mx, "192.0.2.1", 1500, Err(Mismatch::Type));
        check(Update, "example.org.", "www.example.org.", a, "192.0.3.0", 1500, Err(Mismatch::Network));
        check(Update, "example.org.", "www.example.org.", a, "198.51.100.8", 1500, Err(Mismatch::Network));
        check(Update, "example.org.", "www.example.org.", a, "2001:db9::", 1500, Err(Mismatch::Network));
        check(Update, "example.org.", "www.example.org.", a, "192.0.2.1", 999, Err(Mismatch::NotYet));
        check(Update, "example.org.", "www.example.org.", a, "192.0.2.1", 2000, Err(Mismatch::Expired));
    }

    #[test]
    fn zones_as_a_whole_and_the_server() {
        let (org, www) = (name("example.org."), name("www.example.org."));
        let check = |json: &str, action: Action<'_>, want: Result<(), Mismatch>| {
            assert_eq!(grant(json).allows(&action, ip("192.0.2.1"), 0), want, "{json}: {action}");
        };
        let free = r#"{"zones":["**"],"verbs":["update","read"]}"#;
        let named = r#"{"zones":["**"],"names":["**"],"verbs":["update","create"]}"#;
        let typed = r#"{"zones":["**"],"types":["A"],"verbs":["update"]}"#;
        let zoned = r#"{"zones":["**.org"],"verbs":["read"]}"#;
        check(free, Action::zone(Verb::Update, &org), Ok(()));
        check(free, Action::server(Verb::Read), Ok(()));
        // Changing records is not making or removing zones.
        check(free, Action::zone(Verb::Create, &org), Err(Mismatch::Verb));
        check(free, Action::zone(Verb::Delete, &org), Err(Mismatch::Verb));
        check(named, Action::zone(Verb::Update, &org), Err(Mismatch::Name));
        check(named, Action::zone(Verb::Create, &org), Err(Mismatch::Name));
        check(named, Action::rrset(Verb::Update, &org, &www, RType::A), Ok(()));
        check(typed, Action::zone(Verb::Update, &org), Err(Mismatch::Type));
        let all_types = Action { rtype: None, ..Action::rrset(Verb::Update, &org, &www, RType::A) };
        check(typed, all_types, Err(Mismatch::Type));
        check(zoned, Action::zone(Verb::Read, &org), Ok(()));
        check(zoned, Action::server(Verb::Read), Err(Mismatch::Zone));
    }

    #[test]
    fn acme_is_one_name_and_one_type() {
        let grant = Grant::acme(&name("www.example.org.")).expect("grant");
        let (zone, here) = (name("example.org."), name("_acme-challenge.www.example.org."));
        let check = |action: Action<'_>, want: Result<(), Mismatch>| {
            assert_eq!(grant.allows(&action, ip("192.0.2.1"), 0), want, "{action}");
        };
        check(Action::rrset(Verb::Update, &zone, &here, RType::TXT), Ok(()));
        check(Action::rrset(Verb::Delete, &zone, &here, RType::TXT), Ok(()));
        check(Action::rrset(Verb::Update, &zone, &here, RType::A), Err(Mismatch::Type));
        check(Action::rrset(Verb::Update, &zone, &name("www.example.org."), RType::TXT), Err(Mismatch::Name));
        check(Action::rrset(Verb::Read, &zone, &here, RType::TXT), Err(Mismatch::Verb));
        check(Action::zone(Verb::Update, &zone), Err(Mismatch::Name));
        assert!(grant.shows(&zone, ip("192.0.2.1"), 0));
        assert!(!grant.shows(&name("example.net."), ip("192.0.2.1"), 0));
    }

    #[test]
    fn json() {
        let parsed = grant(MAIN);
        let text = serde_json::to_string(&parsed).expect("JSON");
        assert_eq!(grant(&text), parsed);
        assert!(text.contains(r#""198.51.100.7/32""#) && text.contains(r#""types":["A","TXT"]"#), "{text}");
        let mistake = |json: &str, want: &str| {
            let error = match serde_json::from_str::<Grant>(json) {
                Ok(grant) => grant.check().expect_err(json),
                Err(error) => error.to_string(),
            };
            assert!(error.contains(want), "{json}: {error}");
        };
        mistake(r#"{"verbs":["read"]}"#, "missing field `zones`");
        mistake(r#"{"zones":[],"verbs":["read"]}"#, "at least one pattern of zones");
        mistake(r#"{"zones":["**"],"verbs":[]}"#, "at least one verb");
        mistake(r#"{"zones":["a..b"],"verbs":["read"]}"#, "not a pattern of names");
        mistake(r#"{"zones":["**"],"verbs":["rule"]}"#, "unknown variant");
        mistake(r#"{"zones":["**"],"verbs":["read"],"types":["AAAAA"]}"#, "not a record type");
        mistake(r#"{"zones":["**"],"verbs":["read"],"networks":["192.0.2.0/33"]}"#, "not an address or a network");
        mistake(r#"{"zones":["**"],"verbs":["read"],"network":["192.0.2.0/24"]}"#, "unknown field");
        mistake(r#"{"zones":["**"],"verbs":["read"],"not_before_ms":2,"expires_ms":2}"#, "before it holds");
        let long = format!(r#"{{"zones":["**"],"verbs":["read"],"types":[{}"A"]}}"#, r#""A","#.repeat(MAX_LIST));
        mistake(&long, "more than 256 entries");
    }
}
