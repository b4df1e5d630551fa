//! Rules of a response policy zone: what triggers one, and what one does.

use std::fmt;
use std::sync::Arc;

use dns::header::Rcode;
use dns::{Name, NameBuf, NameHasher, RType};
use ipnet::IpNet;

use super::address;
use crate::action::{Action, Effect, Rewrite};

/// What a rule looks at. The order is that of precedence within a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TriggerKind {
    /// The address of the client.
    ClientIp,
    /// The name of the question, or an alias in the answer.
    Qname,
    /// An address in the answer.
    ResponseIp,
    /// The name of a server of the zone that the answer is from.
    Nsdname,
    /// An address of such a server.
    NsIp,
}

impl TriggerKind {
    /// Every kind, by precedence.
    pub const ALL: [TriggerKind; 5] =
        [TriggerKind::ClientIp, TriggerKind::Qname, TriggerKind::ResponseIp, TriggerKind::Nsdname, TriggerKind::NsIp];

    /// The label at the end of owner names with this trigger; names of questions have none.
    pub fn label(self) -> Option<&'static str> {
        match self {
            TriggerKind::ClientIp => Some("rpz-client-ip"),
            TriggerKind::Qname => None,
            TriggerKind::ResponseIp => Some("rpz-ip"),
            TriggerKind::Nsdname => Some("rpz-nsdname"),
            TriggerKind::NsIp => Some("rpz-nsip"),
        }
    }

    /// Whether the rule looks at addresses, and not at names.
    pub fn is_address(self) -> bool {
        !matches!(self, TriggerKind::Qname | TriggerKind::Nsdname)
    }
}

/// What triggers a rule. As text it is the owner name in the zone, relative to the apex, without final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A name, or every name below one.
    Name {
        /// [`TriggerKind::Qname`] or [`TriggerKind::Nsdname`].
        kind: TriggerKind,
        /// In lower case, without the `*`.
        name: NameBuf,
        /// Whether it is what is below the name that triggers, and not the name itself.
        wildcard: bool,
    },
    /// A network.
    Network {
        /// One of the other kinds.
        kind: TriggerKind,
        /// Without host bits.
        network: IpNet,
    },
}

impl Trigger {
    /// What it looks at.
    pub fn kind(&self) -> TriggerKind {
        match self {
            Trigger::Name { kind, .. } | Trigger::Network { kind, .. } => *kind,
        }
    }

    /// Where rules like it are kept.
    pub(super) fn space(&self) -> Space {
        match self {
            Trigger::Name { kind, wildcard, .. } => Space::new(*kind, *wildcard),
            Trigger::Network { kind, network } => Space::new(*kind, matches!(network, IpNet::V6(_))),
        }
    }

    /// How specific it is: labels of the name, or length of the prefix.
    pub(super) fn length(&self) -> usize {
        match self {
            Trigger::Name { name, .. } => name.label_count(),
            Trigger::Network { network, .. } => usize::from(network.prefix_len()),
        }
    }

    /// The octets that it is kept under, and their hash.
    pub(super) fn key(&self, hasher: NameHasher) -> (Vec<u8>, u64) {
        match self {
            Trigger::Name { name, .. } => (name.as_wire().to_vec(), hasher.hash(name)),
            Trigger::Network { network, .. } => {
                let mut buffer = [0; address::MAX_KEY_LEN];
                let len = address::key(network, &mut buffer);
                let key = buffer.get(..len).unwrap_or_default();
                (key.to_vec(), hasher.extend(hasher.root(), key))
            }
        }
    }

    /// The trigger that is kept in `space` under `key`.
    pub(super) fn from_key(space: Space, key: &[u8]) -> Option<Trigger> {
        let kind = space.kind()?;
        if kind.is_address() {
            return address::from_key(key).map(|network| Trigger::Network { kind, network });
        }
        let name = NameBuf::from_wire(key.to_vec()).ok()?;
        Some(Trigger::Name { kind, name, wildcard: space.variant() })
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::Name { name, wildcard, .. } => {
                let text = if name.is_root() { String::new() } else { name.to_string() };
                let star = match (wildcard, name.is_root()) {
                    (false, _) => "",
                    (true, false) => "*.",
                    (true, true) => "*",
                };
                write!(f, "{star}{}", text.strip_suffix('.').unwrap_or(&text))?;
            }
            Trigger::Network { network, .. } => f.write_str(&address::spell(network))?,
        }
        match self.kind().label() {
            Some(label) => write!(f, ".{label}"),
            None => Ok(()),
        }
    }
}

/// One of the sets of triggers that are looked up apart from each other: names and what is below names, IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Space(u8);

impl Space {
    /// How many there are.
    pub(super) const COUNT: usize = TriggerKind::ALL.len() * 2;

    /// The space of a kind; `variant`: what is below names, or IPv6.
    pub(super) fn new(kind: TriggerKind, variant: bool) -> Space {
        Space(kind as u8 * 2 + u8::from(variant))
    }

    /// The space with this number.
    pub(super) fn from_number(number: u8) -> Space {
        Space(number)
    }

    /// Its number, less than [`Space::COUNT`].
    pub(super) fn number(self) -> u8 {
        self.0
    }

    /// Its kind of trigger.
    pub(super) fn kind(self) -> Option<TriggerKind> {
        TriggerKind::ALL.get(usize::from(self.0 / 2)).copied()
    }

    /// Whether it is of what is below names, or of IPv6.
    pub(super) fn variant(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A record of a rule, without its owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRecord {
    /// Its type.
    pub rtype: RType,
    /// Wire form, uncompressed.
    pub rdata: Box<[u8]>,
    /// Seconds.
    pub ttl: u32,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleAction {
    /// Nothing is rewritten, and no other rule is looked at.
    Passthru,
    /// NXDOMAIN.
    Nxdomain,
    /// NODATA.
    Nodata,
    /// No answer.
    Drop,
    /// TC over UDP.
    TcpOnly,
    /// The name is an alias of the CNAME's target.
    Alias,
    /// The records are the answer; NODATA for other types.
    LocalData,
}

/// The records of a rule and what they say; rules with the same share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Body {
    /// By type and data, none twice.
    pub(super) records: Box<[RuleRecord]>,
    /// What they say.
    pub(super) action: RuleAction,
}

impl Body {
    /// What `records` (by type and data, not empty) say at `trigger`. A CNAME beside other data decides alone.
    pub(super) fn new(trigger: &Trigger, records: Box<[RuleRecord]>) -> Body {
        let action = match cname_target(&records) {
            Some(target) => action_of(trigger, target),
            None => RuleAction::LocalData,
        };
        Body { records, action }
    }

    /// The least TTL of the records, at most `cap`.
    pub(super) fn ttl(&self, cap: Option<u32>) -> u32 {
        let least = self.records.iter().map(|record| record.ttl).min().unwrap_or_default();
        cap.map_or(least, |cap| least.min(cap))
    }

    /// What the rule says of `name`.
    pub(super) fn effect(&self, name: &Name, ttl: u32) -> Effect {
        match self.action {
            RuleAction::Passthru => Effect::Allow,
            RuleAction::Nxdomain => Effect::Block(Some(Action::Nxdomain)),
            RuleAction::Nodata => Effect::Block(Some(Action::Nodata)),
            RuleAction::Drop => Effect::Block(Some(Action::Drop)),
            RuleAction::TcpOnly => Effect::Block(Some(Action::TcpOnly)),
            RuleAction::Alias => alias_effect(cname_target(&self.records).unwrap_or(Name::root()), name, ttl),
            RuleAction::LocalData => {
                let data = self.records.iter().map(|record| (record.rtype, record.rdata.clone())).collect();
                Effect::Rewrite(Arc::new(Rewrite { rcode: Rcode::NOERROR, alias: None, data, ttl: Some(ttl) }))
            }
        }
    }
}

/// The target of the first CNAME.
fn cname_target(records: &[RuleRecord]) -> Option<&Name> {
    let record = records.iter().find(|record| record.rtype == RType::CNAME)?;
    Name::from_wire(&record.rdata).ok()
}

/// What a CNAME to `target` says.
fn action_of(trigger: &Trigger, target: &Name) -> RuleAction {
    if target.is_root() {
        return RuleAction::Nxdomain;
    }
    if names_itself(trigger, target) {
        return RuleAction::Passthru;
    }
    let mut labels = target.labels();
    let Some(first) = labels.next().filter(|_| labels.next().is_none()) else { return RuleAction::Alias };
    let special: [(&[u8], RuleAction); 4] = [
        (b"*", RuleAction::Nodata),
        (b"rpz-passthru", RuleAction::Passthru),
        (b"rpz-drop", RuleAction::Drop),
        (b"rpz-tcp-only", RuleAction::TcpOnly),
    ];
    let found = special.iter().find(|(label, _)| first.eq_ignore_ascii_case(label));
    found.map_or(RuleAction::Alias, |(_, action)| *action)
}

/// Whether the target is the trigger, without the label of its kind: PASSTHRU as it was written before there was
/// `rpz-passthru.`. A wildcard with the target `*.` is NODATA.
fn names_itself(trigger: &Trigger, target: &Name) -> bool {
    match trigger {
        Trigger::Name { name, wildcard: false, .. } => target == &**name,
        Trigger::Name { name, wildcard: true, .. } => {
            target.is_wildcard() && !name.is_root() && target.parent().is_some_and(|parent| parent == &**name)
        }
        Trigger::Network { network, .. } => {
            let text = target.to_string();
            text.strip_suffix('.').is_some_and(|text| text.eq_ignore_ascii_case(&address::spell(network)))
        }
    }
}

/// What an alias to `target` says of `name`: it is resolved; with a target `*.…` `name` stands in for the `*`.
///
/// A name that would be its own alias is let pass, since rewriting it would lead nowhere. One that becomes too long
/// gets YXDOMAIN, as from a DNAME (RFC 6672 2.2).
pub(super) fn alias_effect(target: &Name, name: &Name, ttl: u32) -> Effect {
    let alias = if target.is_wildcard() { in_front_of(name, target) } else { Some(target.to_owned()) };
    if alias.as_deref() == Some(name) {
        return Effect::Allow;
    }
    let rcode = if alias.is_some() { Rcode::NOERROR } else { Rcode::YXDOMAIN };
    Effect::Rewrite(Arc::new(Rewrite { rcode, alias, data: Vec::new(), ttl: Some(ttl) }))
}

fn in_front_of(name: &Name, wildcard: &Name) -> Option<NameBuf> {
    let (_, labels) = name.as_wire().split_last()?;
    NameBuf::from_wire([labels, wildcard.parent()?.as_wire()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    fn qname(text: &str, wildcard: bool) -> Trigger {
        Trigger::Name { kind: TriggerKind::Qname, name: name(text), wildcard }
    }

    fn network(text: &str) -> Trigger {
        Trigger::Network { kind: TriggerKind::ResponseIp, network: text.parse().expect("network") }
    }

    fn record(rtype: RType, rdata: &[u8]) -> RuleRecord {
        RuleRecord { rtype, rdata: rdata.into(), ttl: 60 }
    }

    #[test]
    fn targets_of_cnames_say_what_is_done() {
        let cases = [
            (qname("bad.example", false), ".", RuleAction::Nxdomain),
            (qname("bad.example", false), "*.", RuleAction::Nodata),
            (qname(".", true), "*.", RuleAction::Nodata),
            (qname("bad.example", false), "RPZ-passthru.", RuleAction::Passthru),
            (qname("bad.example", false), "rpz-drop.", RuleAction::Drop),
            (qname("bad.example", false), "rpz-tcp-only.", RuleAction::TcpOnly),
            (qname("bad.example", false), "rpz-drop.example.", RuleAction::Alias),
            (qname("bad.example", false), "walled.example.", RuleAction::Alias),
            (qname("bad.example", false), "*.walled.example.", RuleAction::Alias),
            (qname("bad.example", false), "BAD.example.", RuleAction::Passthru),
            (qname("bad.example", true), "*.bad.example.", RuleAction::Passthru),
            (qname("bad.example", true), "bad.example.", RuleAction::Alias),
            (qname("bad.example", false), "*.bad.example.", RuleAction::Alias),
            (network("192.0.2.1/32"), "32.1.2.0.192.", RuleAction::Passthru),
            (network("192.0.2.1/32"), "32.2.2.0.192.", RuleAction::Alias),
            (network("192.0.2.1/32"), "rpz-passthru.", RuleAction::Passthru),
        ];
        for (trigger, target, want) in cases {
            let body = Body::new(&trigger, [record(RType::CNAME, name(target).as_wire())].into());
            assert_eq!(body.action, want, "{trigger} CNAME {target}");
        }
    }

    #[test]
    fn the_owner_of_a_rule_is_its_text() {
        let cases = [
            (qname("bad.example", false), "bad.example"),
            (qname("bad.example", true), "*.bad.example"),
            (qname(".", true), "*"),
            (network("192.0.2.0/24"), "24.0.2.0.192.rpz-ip"),
            (network("2001:db8::/32"), "32.zz.db8.2001.rpz-ip"),
        ];
        for (trigger, want) in cases {
            assert_eq!(trigger.to_string(), want);
            let (key, _) = trigger.key(NameHasher::new(1));
            assert_eq!(Trigger::from_key(trigger.space(), &key), Some(trigger));
        }
    }

    #[test]
    fn a_wildcard_target_gets_the_name_in_front() {
        let Effect::Rewrite(rewrite) = alias_effect(&name("*.walled.example"), &name("www.bad.example"), 5) else {
            panic!("not rewritten")
        };
        assert_eq!(rewrite.alias, Some(name("www.bad.example.walled.example")));
        assert_eq!((rewrite.rcode, rewrite.ttl), (Rcode::NOERROR, Some(5)));
        let label = "a".repeat(60);
        let long = name(&[&*label, &label, &label, &label].join("."));
        let Effect::Rewrite(rewrite) = alias_effect(&name("*.walled.example"), &long, 5) else {
            panic!("not rewritten")
        };
        assert_eq!((rewrite.rcode, &rewrite.alias), (Rcode::YXDOMAIN, &None));
        assert_eq!(alias_effect(&name("www.example"), &name("WWW.example"), 5), Effect::Allow);
    }

    #[test]
    fn the_least_ttl_counts_up_to_the_cap() {
        let mut records = [record(RType::A, &[1, 2, 3, 4]), record(RType::TXT, b"\x01a")];
        records[1].ttl = 30;
        let body = Body::new(&qname("bad.example", false), records.into());
        assert_eq!((body.action, body.ttl(None), body.ttl(Some(5))), (RuleAction::LocalData, 30, 5));
        let Effect::Rewrite(rewrite) = body.effect(&name("bad.example"), 5) else { panic!("not rewritten") };
        assert_eq!((rewrite.data.len(), rewrite.ttl), (2, Some(5)));
    }
}
