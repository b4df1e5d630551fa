//! From records of a policy zone to triggers and what is said at them.

use dns::rdata::wire;
use dns::{Name, NameBuf, RType};

use super::address;
use super::finding::Reason;
use super::rule::{RuleRecord, Trigger, TriggerKind};

/// Labels of owner names and of targets that begin so at their end are kept for the format.
const RESERVED: &[u8] = b"rpz-";

/// A record of a policy zone as a file or a transfer has it.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRecord<'a> {
    /// Owner name relative to the apex: what stands in front of it, with the root behind.
    pub owner: &'a Name,
    /// Its type.
    pub rtype: RType,
    /// Seconds.
    pub ttl: u32,
    /// Wire form, uncompressed.
    pub rdata: &'a [u8],
}

/// The owner name relative to `apex`, as [`PolicyRecord::owner`] wants it; `None` for a name outside the zone.
pub fn relative(owner: &Name, apex: &Name) -> Option<NameBuf> {
    let labels = owner.strip_suffix(apex)?;
    NameBuf::from_wire([labels, &[0]].concat()).ok()
}

/// What `record` says, and at which trigger; `None` for what is no rule by itself: the apex, and records of DNSSEC.
///
/// # Errors
/// Why it is left out.
pub(super) fn parse(record: &PolicyRecord<'_>) -> Result<Option<(Trigger, RuleRecord)>, Reason> {
    if record.owner.is_root() || is_dnssec(record.rtype) {
        return Ok(None);
    }
    let trigger = trigger(record.owner)?;
    if record.rtype.is_meta() || matches!(record.rtype, RType::SOA | RType::NS | RType::DNAME) {
        return Err(Reason::Type);
    }
    wire::validate(record.rtype, record.rdata).map_err(|_| Reason::Data)?;
    if record.rtype == RType::CNAME {
        check_target(Name::from_wire(record.rdata).map_err(|_| Reason::Data)?)?;
    }
    Ok(Some((trigger, RuleRecord { rtype: record.rtype, rdata: record.rdata.into(), ttl: record.ttl })))
}

/// What a signer adds to a zone, which says nothing of policy.
fn is_dnssec(rtype: RType) -> bool {
    matches!(
        rtype,
        RType::RRSIG
            | RType::NSEC
            | RType::NSEC3
            | RType::NSEC3PARAM
            | RType::DNSKEY
            | RType::DS
            | RType::CDS
            | RType::CDNSKEY
            | RType::ZONEMD
    )
}

fn trigger(owner: &Name) -> Result<Trigger, Reason> {
    let last = owner.labels().last().unwrap_or_default();
    let by_label = |kind: &TriggerKind| kind.label().is_some_and(|label| last.eq_ignore_ascii_case(label.as_bytes()));
    let Some(kind) = TriggerKind::ALL.into_iter().find(by_label) else {
        return if is_reserved(last) { Err(Reason::UnknownTrigger) } else { Ok(named(TriggerKind::Qname, owner)) };
    };
    let kept = owner.len().saturating_sub(last.len() + 2);
    let labels = owner.as_wire().get(..kept).unwrap_or_default();
    // What is left of a name in front of its last label is a name.
    let front = NameBuf::from_wire([labels, &[0]].concat()).map_err(|_| Reason::Address)?;
    if kind.is_address() {
        return address::parse(&front).map(|network| Trigger::Network { kind, network });
    }
    if front.is_root() { Err(Reason::NoName) } else { Ok(named(kind, &front)) }
}

fn named(kind: TriggerKind, owner: &Name) -> Trigger {
    let below = owner.parent().filter(|_| owner.is_wildcard());
    Trigger::Name { kind, name: below.unwrap_or(owner).to_canonical(), wildcard: below.is_some() }
}

fn is_reserved(label: &[u8]) -> bool {
    label.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

/// A top-level label that begins with `rpz-` is an action; if it is none that is known, following it would be wrong.
fn check_target(target: &Name) -> Result<(), Reason> {
    const KNOWN: [&[u8]; 3] = [b"rpz-passthru", b"rpz-drop", b"rpz-tcp-only"];
    let mut labels = target.labels();
    match (labels.next(), labels.next()) {
        (Some(only), None) if is_reserved(only) && !KNOWN.iter().any(|known| only.eq_ignore_ascii_case(known)) => {
            Err(Reason::UnknownAction)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(owner: &str, rtype: RType, rdata: &[u8]) -> Result<Option<String>, Reason> {
        let owner: NameBuf = owner.parse().expect("name");
        let record = PolicyRecord { owner: &owner, rtype, ttl: 60, rdata };
        let found = parse(&record)?;
        Ok(found.map(|(trigger, _)| format!("{:?} {trigger}", trigger.kind())))
    }

    #[test]
    fn the_end_of_the_owner_tells_the_trigger() {
        let cases = [
            ("Bad.example", "Qname bad.example"),
            ("*.bad.example", "Qname *.bad.example"),
            ("*", "Qname *"),
            ("rpz-ip.example", "Qname rpz-ip.example"),
            ("24.0.2.0.192.rpz-client-ip", "ClientIp 24.0.2.0.192.rpz-client-ip"),
            ("24.0.2.0.192.RPZ-IP", "ResponseIp 24.0.2.0.192.rpz-ip"),
            ("32.zz.db8.2001.rpz-nsip", "NsIp 32.zz.db8.2001.rpz-nsip"),
            ("ns.evil.example.rpz-nsdname", "Nsdname ns.evil.example.rpz-nsdname"),
            ("*.evil.example.rpz-nsdname", "Nsdname *.evil.example.rpz-nsdname"),
            ("*.rpz-nsdname", "Nsdname *.rpz-nsdname"),
        ];
        for (owner, want) in cases {
            assert_eq!(parsed(owner, RType::CNAME, &[0]), Ok(Some(want.into())), "{owner}");
        }
    }

    #[test]
    fn the_apex_and_dnssec_are_no_rules() {
        assert_eq!(parsed(".", RType::SOA, &[]), Ok(None));
        assert_eq!(parsed(".", RType::NS, &[0]), Ok(None));
        assert_eq!(parsed("bad.example", RType::RRSIG, &[]), Ok(None));
        assert_eq!(parsed("bad.example", RType::NSEC, &[]), Ok(None));
    }

    #[test]
    fn what_cannot_be_a_rule_has_a_reason() {
        let cases: [(&str, RType, &[u8], Reason); 9] = [
            ("33.0.2.0.192.rpz-ip", RType::CNAME, &[0], Reason::PrefixLength),
            ("bad.example.rpz-ip", RType::CNAME, &[0], Reason::PrefixLength),
            ("rpz-nsip", RType::CNAME, &[0], Reason::Address),
            ("rpz-nsdname", RType::CNAME, &[0], Reason::NoName),
            ("bad.example.rpz-later", RType::CNAME, &[0], Reason::UnknownTrigger),
            ("bad.example", RType::CNAME, b"\x09rpz-later\0", Reason::UnknownAction),
            ("bad.example", RType::NS, &[0], Reason::Type),
            ("bad.example", RType::ANY, &[0], Reason::Type),
            ("bad.example", RType::A, &[1, 2, 3], Reason::Data),
        ];
        for (owner, rtype, rdata, want) in cases {
            assert_eq!(parsed(owner, rtype, rdata), Err(want), "{owner} {rtype}");
        }
    }

    #[test]
    fn names_are_taken_relative_to_the_apex() {
        let apex: NameBuf = "rpz.example".parse().expect("name");
        let of = |text: &str| relative(&text.parse::<NameBuf>().expect("name"), &apex).map(|name| name.to_string());
        assert_eq!(of("bad.test.RPZ.example").as_deref(), Some("bad.test."));
        assert_eq!(of("rpz.example").as_deref(), Some("."));
        assert_eq!(of("rpz.test"), None);
    }
}
