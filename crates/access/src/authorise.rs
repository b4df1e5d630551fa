//! The one function that says who may do what: for the API, dynamic updates (RFC 2136), DDNS and the control socket.
//!
//! [`authorise`] only decides, so that lists can be filtered with it; whoever refuses a request with the result calls
//! [`Denied::refuse`], which writes the reason to the log and gives what the client may know.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use dns::{Name, NameBuf};

use super::grant::{Action, Grant, Mismatch, Verb};

/// Who wants to do something, and what they may do. Made for one request, by the functions `principal_of_...`, so that
/// a right that is taken away is gone with the next request.
#[derive(Debug, Clone)]
pub struct Principal {
    who: Who,
    /// Of the one who asks.
    grants: Vec<Arc<[Grant]>>,
    /// Of the owner of a token, which never has more rights than they.
    owner: Option<Vec<Arc<[Grant]>>>,
}

/// Who wants to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person, by password or session.
    User(Arc<str>),
    /// A token of a user.
    Token {
        /// Its public identifier.
        id: Arc<str>,
        /// What it is called.
        name: Arc<str>,
        /// Whose it is.
        owner: Arc<str>,
    },
    /// A TSIG key (RFC 8945).
    Key(NameBuf),
    /// A topic whose records are taken over.
    Stream(Arc<str>),
    /// Whoever may open the control socket.
    Local,
    /// Nobody known.
    Anonymous,
}

/// What a client learns of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nobody known asks, or the proof of who asks does not hold (HTTP 401).
    Unknown,
    /// What is asked for is not there as far as this client may know (HTTP 404).
    Hidden,
    /// It may not be done (HTTP 403, REFUSED).
    Forbidden,
    /// Later (HTTP 429).
    Later {
        /// In how many milliseconds.
        after_ms: u64,
    },
    /// Too much to do just now (HTTP 503).
    Busy,
}

/// A refusal. No part of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal is logged by `refuse`"]
pub struct Denied {
    refused: Refused,
    for_log: String,
    for_client: String,
    client: IpAddr,
}

impl Principal {
    /// A user with the grants of their roles.
    pub fn user(name: Arc<str>, grants: Vec<Arc<[Grant]>>) -> Principal {
        Principal { who: Who::User(name), grants, owner: None }
    }

    /// A token with its grants and those of its owner.
    pub fn token(
        id: Arc<str>,
        name: Arc<str>,
        owner: Arc<str>,
        grants: Arc<[Grant]>,
        of_owner: Vec<Arc<[Grant]>>,
    ) -> Principal {
        Principal { who: Who::Token { id, name, owner }, grants: vec![grants], owner: Some(of_owner) }
    }

    /// A TSIG key with what a zone's list of who may update grants it.
    pub fn key(name: NameBuf, grants: Vec<Grant>) -> Principal {
        Principal { who: Who::Key(name), grants: vec![grants.into()], owner: None }
    }

    /// A topic whose records are taken over, with what the configuration grants it.
    pub fn stream(name: Arc<str>, grant: Grant) -> Principal {
        Principal { who: Who::Stream(name), grants: vec![Arc::from([grant])], owner: None }
    }

    /// Whoever may open the control socket; they may do everything.
    pub fn local() -> Principal {
        Principal { who: Who::Local, grants: vec![Arc::from([Grant::everything()])], owner: None }
    }

    /// Nobody known, with what everybody may do; usually nothing.
    pub fn anonymous(grants: Vec<Grant>) -> Principal {
        Principal { who: Who::Anonymous, grants: vec![grants.into()], owner: None }
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// What they may do, each by itself. A token may do no more of it than its owner.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().flat_map(|grants| grants.iter())
    }

    /// The user that stands behind it; whose tokens and password may be changed without [`Verb::Admin`].
    pub fn user_name(&self) -> Option<&str> {
        match &self.who {
            Who::User(name) => Some(name),
            Who::Token { .. } | Who::Key(_) | Who::Stream(_) | Who::Local | Who::Anonymous => None,
        }
    }

    /// Whether it may know that there is such a zone.
    pub fn may_see(&self, zone: &Name, client: IpAddr, now_ms: u64) -> bool {
        self.sets()
            .all(|set| set.iter().flat_map(|grants| grants.iter()).any(|grant| grant.shows(zone, client, now_ms)))
    }

    /// The sets of grants; each must allow what is done.
    fn sets(&self) -> impl Iterator<Item = &Vec<Arc<[Grant]>>> {
        [Some(&self.grants), self.owner.as_ref()].into_iter().flatten()
    }
}

/// Who made a change, as the history of zones and the log name them.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::User(name) => write!(f, "user:{name}"),
            Who::Token { id, name, owner } => write!(f, "token:{name} id:{id} user:{owner}"),
            Who::Key(name) => write!(f, "key:{name}"),
            Who::Stream(name) => write!(f, "ingest:{name}"),
            Who::Local => f.write_str("local"),
            Who::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// Whether `principal` may do `action`, asking from `client` at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// Why not. A zone that the principal may not see is denied like one that is not there.
pub fn authorise(principal: &Principal, action: &Action<'_>, client: IpAddr, now_ms: u64) -> Result<(), Denied> {
    for (set, whose) in principal.sets().zip(["", " of its owner"]) {
        if let Err(mismatch) = any_allows(set, action, client, now_ms) {
            let why = format!("{principal} may not {action}: {}{whose}", mismatch.as_str());
            return Err(denied(principal, action, why, client, now_ms));
        }
    }
    Ok(())
}

/// `Ok` if a grant allows it; else the reason of the grant that came nearest.
fn any_allows(set: &[Arc<[Grant]>], action: &Action<'_>, client: IpAddr, now_ms: u64) -> Result<(), Mismatch> {
    let mut nearest = Mismatch::None;
    for grant in set.iter().flat_map(|grants| grants.iter()) {
        match grant.allows(action, client, now_ms) {
            Ok(()) => return Ok(()),
            Err(mismatch) => nearest = nearest.max(mismatch),
        }
    }
    Err(nearest)
}

fn denied(principal: &Principal, action: &Action<'_>, why: String, client: IpAddr, now_ms: u64) -> Denied {
    let (refused, for_client) = match (&principal.who, action.zone) {
        (Who::Anonymous, _) => (Refused::Unknown, "this needs a log-in or a token".to_owned()),
        (_, Some(zone)) if !principal.may_see(zone, client, now_ms) => (Refused::Hidden, no_such_zone(zone)),
        _ => (Refused::Forbidden, format!("not allowed to {action}")),
    };
    Denied { refused, for_log: why, for_client, client }
}

/// What a client is told of a zone that is not there, and of one that it may not see: the same.
pub fn no_such_zone(zone: &Name) -> String {
    format!("there is no zone {zone}")
}

impl Denied {
    /// A refusal of one whose proof of who they are does not hold.
    pub(super) fn unknown(for_log: String, client: IpAddr) -> Denied {
        let for_client = "user, password or token are not right, or no longer valid".to_owned();
        Denied { refused: Refused::Unknown, for_log, for_client, client }
    }

    /// A refusal of one who shall wait.
    pub(super) fn later(for_log: String, after_ms: u64, client: IpAddr) -> Denied {
        let for_client = format!("too many failed log-ins; try again in {} s", after_ms.div_ceil(1000));
        Denied { refused: Refused::Later { after_ms }, for_log, for_client, client }
    }

    /// A refusal because there is too much to do.
    pub(super) fn busy(client: IpAddr) -> Denied {
        let why = "too many log-ins at the same time".to_owned();
        Denied { refused: Refused::Busy, for_log: why.clone(), for_client: why, client }
    }

    /// What kind of refusal it is.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// The full reason.
    pub fn for_log(&self) -> &str {
        &self.for_log
    }

    /// Writes the reason to the log, as a security event; returns what the client may know.
    pub fn refuse(self) -> (Refused, String) {
        tracing::warn!(target: "security", client = %self.client, "refused: {}", self.for_log);
        (self.refused, self.for_client)
    }
}

/// As in "may not ..."
impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.as_str())?;
        match (self.rtype, self.name) {
            (Some(rtype), Some(name)) => write!(f, " {rtype} at {name}")?,
            (None, Some(name)) => write!(f, " records at {name}")?,
            (Some(rtype), None) => write!(f, " {rtype} records")?,
            (None, None) => {}
        }
        match self.zone {
            Some(zone) if self.name.is_some() || self.rtype.is_some() => write!(f, " in zone {zone}"),
            Some(zone) => write!(f, " zone {zone}"),
            None if self.verb == Verb::Admin => f.write_str("ister access"),
            None => f.write_str(" the server"),
        }
    }
}

#[cfg(test)]
mod tests {
    use dns::RType;
    use proptest::prelude::*;

    use super::super::fixture::{disabled, event, grant, ip, logged, name, new_user, state};
    use super::super::grant::built_in_roles;
    use super::super::token::{NewToken, principal_of_token};
    use super::*;
    use zone::policy::NamePattern;

    const CLIENT: &str = "192.0.2.1";

    fn user(grants: Vec<Grant>) -> Principal {
        Principal::user("anna".into(), vec![grants.into()])
    }

    fn role(wanted: &str) -> Principal {
        let role = built_in_roles().into_iter().find(|(name, _, _)| *name == wanted);
        user(role.expect("role").2)
    }

    #[test]
    fn built_in_roles_do_what_they_say() {
        let (zone, www) = (name("example.org."), name("www.example.org."));
        let actions = [
            Action::zone(Verb::Read, &zone),
            Action::rrset(Verb::Update, &zone, &www, RType::A),
            Action::rrset(Verb::Delete, &zone, &www, RType::A),
            Action::zone(Verb::Create, &zone),
            Action::zone(Verb::Configure, &zone),
            Action::zone(Verb::Transfer, &zone),
            Action::server(Verb::Read),
            Action::server(Verb::ReadLogs),
            Action::server(Verb::Admin),
        ];
        let check = |principal: Principal, want: [bool; 9]| {
            let got = actions.map(|action| authorise(&principal, &action, ip(CLIENT), 0).is_ok());
            assert_eq!(got, want, "{principal:?}");
        };
        check(role("admin"), [true; 9]);
        check(role("operator"), [true, true, true, true, true, true, true, true, false]);
        check(role("editor"), [true, true, true, false, false, false, true, false, false]);
        check(role("viewer"), [true, false, false, false, false, false, true, false, false]);
        check(Principal::local(), [true; 9]);
        check(Principal::anonymous(Vec::new()), [false; 9]);
        check(Principal::key(name("k."), vec![Grant::of(&[Verb::Update])]), {
            [false, true, true, false, false, false, false, false, false]
        });
    }

    #[test]
    fn the_log_knows_why_and_the_client_what_it_may() {
        let (org, net, www) = (name("example.org."), name("example.net."), name("www.example.org."));
        let anna = user(vec![grant(r#"{"zones":["example.org"],"types":["TXT"],"verbs":["update"]}"#)]);
        let check = |principal: &Principal, action: Action<'_>, want: (Refused, &str), log: &str| {
            let denied = authorise(principal, &action, ip(CLIENT), 0).expect_err("denied");
            assert_eq!(denied.for_log(), log);
            let ((refused, text), lines) = logged(|| denied.refuse());
            assert_eq!((refused, text.as_str()), want);
            assert!(lines.contains("WARN security: refused: ") && lines.contains(log), "{lines}");
            assert!(lines.contains(CLIENT), "{lines}");
        };
        check(
            &anna,
            Action::rrset(Verb::Update, &org, &www, RType::A),
            (Refused::Forbidden, "not allowed to update A at www.example.org. in zone example.org."),
            "user:anna may not update A at www.example.org. in zone example.org.: no grant for this type",
        );
        check(
            &anna,
            Action::zone(Verb::Delete, &net),
            (Refused::Hidden, "there is no zone example.net."),
            "user:anna may not delete zone example.net.: no grant for this zone",
        );
        check(
            &anna,
            Action::server(Verb::Admin),
            (Refused::Forbidden, "not allowed to administer access"),
            "user:anna may not administer access: no grant for this zone",
        );
        check(
            &Principal::anonymous(Vec::new()),
            Action::zone(Verb::Read, &org),
            (Refused::Unknown, "this needs a log-in or a token"),
            "anonymous may not read zone example.org.: there are no grants",
        );
        // What says "no" for its network or time does not say that the zone is there either.
        let late = user(vec![grant(r#"{"zones":["example.org"],"verbs":["read"],"networks":["198.51.100.0/24"]}"#)]);
        check(
            &late,
            Action::zone(Verb::Read, &org),
            (Refused::Hidden, "there is no zone example.org."),
            "user:anna may not read zone example.org.: no grant for this network",
        );
    }

    #[test]
    fn a_token_has_no_more_rights_than_its_owner() {
        let (org, www) = (name("example.org."), name("www.example.org."));
        let token = NewToken::new("bert", "ci", vec![Grant::everything()], None).expect("token");
        let kinds = [new_user("root", &["admin"]), new_user("bert", &["editor"]), token.kind];
        let mut state = state(&kinds);
        let resolve = |state: &_| principal_of_token(state, token.text.reveal(), ip(CLIENT), 0);
        let principal = resolve(&state).expect("principal");
        let update = Action::rrset(Verb::Update, &org, &www, RType::A);
        assert_eq!(authorise(&principal, &update, ip(CLIENT), 0), Ok(()));
        let denied = authorise(&principal, &Action::zone(Verb::Delete, &org), ip(CLIENT), 0).expect_err("denied");
        assert!(denied.for_log().ends_with("no grant for doing this there of its owner"), "{}", denied.for_log());
        state.fold(state.next(), &event(disabled("bert", true))).expect("disabled");
        let denied = resolve(&state).expect_err("disabled");
        assert_eq!(denied.refused(), Refused::Unknown);
        state.fold(state.next(), &event(disabled("bert", false))).expect("enabled");
        assert!(resolve(&state).is_ok());
    }

    /// A grant with limits of few values, so that actions often meet them.
    fn grants() -> impl Strategy<Value = Vec<Grant>> {
        let pattern = prop::sample::select(vec!["**", "a.org", "*.org", "**.org", "w.a.org", "*.a.org", "**.a.org"])
            .prop_map(|text| text.parse::<NamePattern>().expect("pattern"));
        let grant = (
            prop::collection::vec(pattern.clone(), 1..3),
            prop::collection::vec(pattern, 0..2),
            prop::collection::vec(prop::sample::select(vec![RType::A, RType::TXT]), 0..2),
            prop::collection::vec(prop::sample::select(Verb::ALL.to_vec()), 1..3),
            prop::option::of(1u64..4),
            any::<bool>(),
        )
            .prop_map(|(zones, names, types, verbs, expires_ms, near)| {
                let networks = if near { vec!["192.0.2.0/24".parse().expect("network")] } else { Vec::new() };
                Grant { zones, names, types, verbs, networks, not_before_ms: None, expires_ms }
            });
        prop::collection::vec(grant, 0..4)
    }

    type Asked = (Verb, Option<dns::NameBuf>, Option<dns::NameBuf>, Option<RType>, IpAddr, u64);

    fn asked() -> impl Strategy<Value = Asked> {
        let names = || prop::option::of(prop::sample::select(vec![name("a.org."), name("w.a.org."), name("org.")]));
        (
            prop::sample::select(Verb::ALL.to_vec()),
            names(),
            names(),
            prop::option::of(prop::sample::select(vec![RType::A, RType::TXT])),
            prop::sample::select(vec![ip(CLIENT), ip("2001:db8::1")]),
            0u64..5,
        )
    }

    fn may(principal: &Principal, (verb, zone, name, rtype, client, now_ms): &Asked) -> bool {
        let action = Action { verb: *verb, zone: zone.as_deref(), name: name.as_deref(), rtype: *rtype };
        authorise(principal, &action, *client, *now_ms).is_ok()
    }

    proptest! {
        #[test]
        fn more_grants_never_take_a_right_away(few in grants(), more in grants(), asked in asked()) {
            let both = user(few.iter().chain(&more).cloned().collect());
            prop_assert_eq!(may(&both, &asked), may(&user(few), &asked) || may(&user(more), &asked));
        }

        #[test]
        fn a_token_may_what_it_and_its_owner_may(own in grants(), of_owner in grants(), asked in asked()) {
            let (own, of_owner): (Arc<[Grant]>, Arc<[Grant]>) = (own.into(), of_owner.into());
            let token =
                Principal::token("id".into(), "t".into(), "anna".into(), own.clone(), vec![of_owner.clone()]);
            let both = may(&user(own.to_vec()), &asked) && may(&user(of_owner.to_vec()), &asked);
            prop_assert_eq!(may(&token, &asked), both);
        }

        #[test]
        fn who_may_do_something_in_a_zone_may_know_of_it(grants in grants(), asked in asked()) {
            let principal = user(grants);
            if let (true, (_, Some(zone), name, _, client, now_ms)) = (may(&principal, &asked), &asked)
                && name.as_ref().is_none_or(|name| name.is_at_or_below(zone))
            {
                prop_assert!(principal.may_see(zone, *client, *now_ms));
            }
        }
    }
}
