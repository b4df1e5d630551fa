//! Judges an answer: each RRset of its chain, then what its end says does not exist (RFC 4035 5, RFC 6840 4, 5).

use dns::edns::ede;
use dns::{Name, NameBuf, RType};
use dnssec::canonical::suffix;
use dnssec::denial::Denial;
use dnssec::verify::Verified;

use super::alias::{is_made_from, only_target};
use super::chain::End;
use super::negative::{Proofs, iterations_reason};
use super::signature::{claimed_wildcard, signers, unsigned};
use super::{ChainSource, Checker, Cover, Failure, Judged, SecureZone, Verdict};
use crate::anchors::Anchor;
use crate::fetched::Kind;
use crate::limits::MAX_SIGNERS;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// What became of an RRset, or of a proof.
enum Found {
    Secure(Judged),
    Insecure(Option<Reason>),
    /// Below a negative trust anchor.
    Exempt,
    Indeterminate,
    Bogus(Failure),
}

impl Found {
    fn security(&self) -> Security {
        match self {
            Found::Secure(_) => Security::Secure,
            Found::Insecure(_) | Found::Exempt => Security::Insecure,
            Found::Indeterminate => Security::Indeterminate,
            Found::Bogus(_) => Security::Bogus,
        }
    }

    fn why(&self) -> String {
        match self {
            Found::Insecure(Some(reason)) | Found::Bogus(Failure { reason, .. }) => reason.text.clone(),
            Found::Secure(_) => "verified".to_owned(),
            Found::Insecure(None) => "its zone is not signed".to_owned(),
            Found::Exempt => "below a negative trust anchor".to_owned(),
            Found::Indeterminate => "not validated".to_owned(),
        }
    }
}

impl From<End> for Found {
    fn from(end: End) -> Found {
        match end {
            End::Insecure(reason) => Found::Insecure(reason),
            End::Bogus(failure) => Found::Bogus(failure),
        }
    }
}

/// The worst so far.
struct Sum {
    security: Security,
    reason: Option<Reason>,
    retry: bool,
}

impl Sum {
    /// Adds a part; returns its status.
    fn add(&mut self, found: Found, ttl: u32) -> Judged {
        let security = found.security();
        let (judged, reason, retry) = match found {
            Found::Secure(judged) => (judged, None, false),
            Found::Insecure(reason) => (Judged { security, ttl, wildcard: None }, reason, false),
            Found::Exempt | Found::Indeterminate => (Judged { security, ttl, wildcard: None }, None, false),
            Found::Bogus(Failure { reason, retry, .. }) => {
                (Judged { security, ttl, wildcard: None }, Some(reason), retry)
            }
        };
        if judged.security < self.security {
            (self.security, self.retry, self.reason) = (judged.security, retry, reason);
        } else if judged.security == self.security && self.reason.is_none() {
            self.reason = reason;
        }
        judged
    }
}

/// Judges the answer that `checker` was made for.
pub(super) async fn judge<S: ChainSource>(checker: &Checker<'_, S>) -> Verdict {
    let (question, fetched) = checker.given;
    let mut sum = Sum { security: Security::Secure, reason: None, retry: false };
    let mut proofs = Proofs::new(fetched);
    let mut answers: Vec<Judged> = Vec::with_capacity(fetched.answers.len());
    let mut name = &*question.name;
    for (index, rrset) in fetched.answers.iter().enumerate() {
        let found = match fetched.answers[..index].iter().rposition(|dname| is_made_from(rrset, dname)) {
            // RFC 6672 5.3.1: its signature is that of the DNAME.
            Some(dname) => made_from(rrset, &answers[dname]),
            None => checker.judge_rrset(rrset, &mut proofs).await,
        };
        answers.push(checker.note(rrset, found, &mut sum));
        if rrset.rtype == RType::CNAME && *rrset.owner == *name && question.rtype != RType::CNAME {
            name = only_target(rrset).unwrap_or(name);
        }
        if sum.security == Security::Bogus {
            break;
        }
    }
    let rest = fetched.answers[answers.len()..].iter();
    answers.extend(rest.map(|rrset| Judged { security: Security::Indeterminate, ttl: rrset.ttl, wildcard: None }));
    let (mut unverified, mut kind) = (None, fetched.kind.clone());
    let says_absence = matches!(fetched.kind, Kind::NoData | Kind::NxDomain) || fetched.answers.is_empty();
    if sum.security != Security::Bogus && says_absence {
        let found = checker.judge_absence(name, &mut proofs, &mut kind).await;
        checker.tell(name, question.rtype, found.security(), &|| match kind {
            Kind::NxDomain => format!("no such name: {}", found.why()),
            _ => format!("no such data: {}", found.why()),
        });
        let security = sum.add(found, 0).security;
        unverified = (security != Security::Secure).then_some(security);
    }
    let bogus_server = fetched.server.filter(|_| sum.security == Security::Bogus && sum.retry);
    let (security, reason, authorities) = (sum.security, sum.reason, proofs.into_judged(unverified));
    Verdict { security, reason, kind, answers, authorities, bogus_server }
}

/// A CNAME that its DNAME explains is as good as that.
fn made_from(cname: &Rrset, dname: &Judged) -> Found {
    // RFC 4592 4.4: what a DNAME at a wildcard makes is not defined.
    if dname.wildcard.is_some() {
        return Found::Bogus(Failure::data(
            ede::DNSSEC_BOGUS,
            format!("CNAME of {}: made from a wildcard DNAME", cname.owner),
        ));
    }
    match dname.security {
        Security::Secure => Found::Secure(Judged { ttl: cname.ttl.min(dname.ttl), wildcard: None, ..*dname }),
        Security::Insecure => Found::Insecure(None),
        _ => Found::Indeterminate,
    }
}

/// The name that says which zone an RRset is in: DS is the parent's.
fn home(owner: &Name, rtype: RType) -> &Name {
    match owner.parent() {
        Some(parent) if rtype == RType::DS => parent,
        _ => owner,
    }
}

impl<S: ChainSource> Checker<'_, S> {
    /// Adds what became of an RRset, and tells of it.
    fn note(&self, rrset: &Rrset, found: Found, sum: &mut Sum) -> Judged {
        self.tell(&rrset.owner, rrset.rtype, found.security(), &|| found.why());
        let judged = sum.add(found, rrset.ttl);
        match judged.security {
            Security::Insecure | Security::Indeterminate => Judged { wildcard: claimed_wildcard(rrset), ..judged },
            Security::Secure | Security::Bogus => judged,
        }
    }

    /// Judges one RRset of the answer.
    async fn judge_rrset(&self, rrset: &Rrset, proofs: &mut Proofs<'_>) -> Found {
        // RFC 4035 2.2: signatures are not signed.
        if rrset.rtype == RType::RRSIG {
            return Found::Indeterminate;
        }
        let home = home(&rrset.owner, rrset.rtype);
        let anchor = match self.policy.cover(home) {
            Cover::Anchor(anchor) => anchor,
            Cover::Negative => return Found::Exempt,
            Cover::Nothing => return Found::Indeterminate,
        };
        let mut failure = None;
        for signer in signers(rrset, &anchor.zone) {
            match self.zone_named(anchor, signer).await {
                Ok(Some(zone)) => match self.check_rrset(rrset, &zone.zone, &zone.keys) {
                    Ok(verified) => return self.check_wildcard(rrset, &zone, verified, proofs),
                    Err(bad) if self.is_settled(&bad, &zone) => return Found::Bogus(bad),
                    Err(bad) => failure = failure.or(Some(bad)),
                },
                Ok(None) => {}
                Err(end) => return end.into(),
            }
        }
        match self.zone_around(anchor, home, &self.given.1.zone).await {
            Ok(zone) => Found::Bogus(failure.unwrap_or_else(|| unsigned(&rrset.owner, rrset.rtype, &zone.zone))),
            Err(end) => end.into(),
        }
    }

    /// Whether a failure with keys of `zone` is the last word. It is not if there may be an unsigned zone below.
    fn is_settled(&self, failure: &Failure, zone: &SecureZone) -> bool {
        !failure.lasting || self.given.1.zone.len() <= zone.zone.len()
    }

    /// A verified RRset; one that was made from a wildcard needs the proof that nothing is closer (RFC 4035 5.3.4,
    /// RFC 5155 8.8).
    fn check_wildcard(&self, rrset: &Rrset, zone: &SecureZone, verified: Verified, proofs: &mut Proofs<'_>) -> Found {
        let (security, mut ttl) = (Security::Secure, verified.ttl);
        let Some(labels) = verified.wildcard else {
            return Found::Secure(Judged { security, ttl, wildcard: None });
        };
        let records = proofs.records(self, zone);
        match self.denies_closer(&records, &zone.zone, &rrset.owner, labels) {
            Denial::Proved => {
                ttl = ttl.min(records.ttl);
                let wildcard = suffix(&rrset.owner, labels).and_then(|encloser| encloser.prepend(b"*").ok());
                Found::Secure(Judged { security, ttl, wildcard })
            }
            Denial::ProvedOptOut => Found::Insecure(None),
            Denial::TooManyIterations => Found::Insecure(Some(iterations_reason(&zone.zone))),
            Denial::OverBudget => Found::Bogus(self.hash_limit(&rrset.owner)),
            Denial::NotProved => {
                let text = format!("{} of {}: made from a wildcard, without proof", rrset.rtype, rrset.owner);
                let code = if records.is_empty() { ede::NSEC_MISSING } else { ede::DNSSEC_BOGUS };
                Found::Bogus(Failure::data(code, text))
            }
        }
    }

    /// Judges that `name`, where the answer's chain ends, has no such data or does not exist.
    /// `kind` becomes what is proved.
    async fn judge_absence(&self, name: &Name, proofs: &mut Proofs<'_>, kind: &mut Kind) -> Found {
        let (question, fetched) = self.given;
        let home = home(name, question.rtype);
        let anchor = match self.policy.cover(home) {
            Cover::Anchor(anchor) => anchor,
            Cover::Negative => return Found::Exempt,
            Cover::Nothing => return Found::Indeterminate,
        };
        let mut failure = None;
        for signer in self.absence_signers(home, anchor) {
            match self.zone_named(anchor, &signer).await {
                Ok(Some(zone)) => match self.prove_absence(name, &zone, proofs, kind) {
                    Found::Bogus(bad) if !self.is_settled(&bad, &zone) => failure = failure.or(Some(bad)),
                    found => return found,
                },
                Ok(None) => {}
                Err(end) => return end.into(),
            }
        }
        let soa = fetched.soa().map(|soa| &*soa.owner).filter(|owner| home.is_at_or_below(owner));
        let hint = soa.filter(|owner| owner.len() > fetched.zone.len()).unwrap_or(&fetched.zone);
        let missing = |zone: &Name| {
            let text = format!("{} of {name}: no proof of its absence by {zone}, which is signed", question.rtype);
            Failure::data(ede::NSEC_MISSING, text)
        };
        match self.zone_around(anchor, home, hint).await {
            Ok(zone) => Found::Bogus(failure.unwrap_or_else(|| missing(&zone.zone))),
            Err(end) => end.into(),
        }
    }

    /// The zones that may have signed the authority section, the deepest first.
    fn absence_signers(&self, home: &Name, anchor: &Anchor) -> Vec<NameBuf> {
        let rrsets = self.given.1.authorities.iter();
        let mut zones: Vec<&Name> = rrsets.flat_map(|rrset| signers(rrset, &anchor.zone)).collect();
        zones.retain(|zone| home.is_at_or_below(zone));
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.len()));
        zones.dedup();
        zones.into_iter().take(MAX_SIGNERS).map(Name::to_owned).collect()
    }

    fn prove_absence(&self, name: &Name, zone: &SecureZone, proofs: &mut Proofs<'_>, kind: &mut Kind) -> Found {
        let rtype = self.given.0.rtype;
        if let Err(failure) = proofs.check_soa(self, zone) {
            return Found::Bogus(failure);
        }
        let records = proofs.records(self, zone);
        let no_name = || self.denies_name(&records, &zone.zone, name);
        let no_type = || self.denies_type(&records, &zone.zone, name, rtype);
        let denied = match kind {
            // A wrong RCODE is put right by the proof: the name exists, as an empty non-terminal perhaps. What opt-out
            // leaves open proves no name: without the wildcard's denial the answer is bogus (RFC 5155 8.4).
            Kind::NxDomain => match no_name() {
                Denial::NotProved => match no_type() {
                    Denial::Proved => {
                        *kind = Kind::NoData;
                        Denial::Proved
                    }
                    Denial::ProvedOptOut => Denial::NotProved,
                    denied => denied,
                },
                denied => denied,
            },
            // Names that do not exist have no data.
            _ => match no_type() {
                Denial::NotProved => no_name(),
                denied => denied,
            },
        };
        match denied {
            Denial::Proved => Found::Secure(Judged { security: Security::Secure, ttl: records.ttl, wildcard: None }),
            // RFC 5155 9.2: not authentic.
            Denial::ProvedOptOut => Found::Insecure(None),
            Denial::TooManyIterations => Found::Insecure(Some(iterations_reason(&zone.zone))),
            Denial::OverBudget => Found::Bogus(self.hash_limit(name)),
            Denial::NotProved => Found::Bogus(proofs.failure(name, rtype, &zone.zone)),
        }
    }
}
