//! Chains and answers that are wrong, why, and what it takes to find a good one.

use std::sync::Arc;

use dns::edns::ede;
use dns::{Name, RType};
use dnssec::sign::SigningKey;

use crate::world::World;
use crate::zone::{NOW, Zone, name};
use resolver::fetched::Fetched;
use resolver::limits::{BOGUS_TTL_S, MAX_BOGUS_RETRIES};
use resolver::question::Question;
use resolver::rrset::Rrset;
use resolver::security::Security::{Bogus, Secure};
use resolver::validate::Verdict;

const WWW: &str = "www.zone.test. A 192.0.2.1";

fn world(zone: Zone) -> World {
    World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone])
}

fn text(verdict: Verdict) -> String {
    verdict.reason.expect("reason").text
}

/// Applies `change` to the RRsets of this type and owner in answers.
fn changing(owner: &str, rtype: RType, change: impl Fn(&mut Rrset) + 'static) -> impl Fn(&Question, &mut Fetched) {
    let owner = name(owner);
    move |_, reply| {
        for rrset in reply.answers.iter_mut().filter(|rrset| rrset.is(&owner, rtype)) {
            change(Arc::make_mut(rrset));
        }
    }
}

#[test]
fn times() {
    let check = |inception, expiration, code, want: &str| {
        // The answer alone.
        let other = Zone::new("zone.test.", &[WWW]).valid(inception, expiration);
        let world = world(Zone::new("zone.test.", &[WWW])).lying(changing("www.zone.test.", RType::A, move |rrset| {
            rrset.signatures = Default::default();
            *rrset = other.signed(rrset.clone());
        }));
        let verdict = world.check("www.zone.test.", RType::A, Bogus, Some(code));
        assert!(verdict.bogus_server.is_some());
        let tag = world.zone("zone.test.").keys[0].key_tag();
        assert_eq!(text(verdict), format!("A of www.zone.test.: signature of key {tag} of zone.test. {want}"));
        // All of the zone.
        let all = self::world(Zone::new("zone.test.", &[WWW]).valid(inception, expiration));
        let verdict = all.check("www.zone.test.", RType::A, Bogus, Some(code));
        assert_eq!(verdict.bogus_server, None);
        assert_eq!(text(verdict), format!("DNSKEY of zone.test.: signature of key {tag} of zone.test. {want}"));
    };
    check(NOW - 9, NOW - 1, ede::SIGNATURE_EXPIRED, "expired on 2027-01-15 07:59:59 UTC");
    check(NOW + 1, NOW + 9, ede::SIGNATURE_NOT_YET_VALID, "is not valid before 2027-01-15 08:00:01 UTC");
    let want = "expires on 2027-01-15 08:00:01 UTC, before its inception on 2027-01-15 08:00:09 UTC";
    check(NOW + 9, NOW + 1, ede::SIGNATURE_EXPIRED_BEFORE_VALID, want);
    world(Zone::new("zone.test.", &[WWW]).valid(NOW, NOW)).check("www.zone.test.", RType::A, Secure, None);
}

#[test]
fn ttls_are_bounded() {
    let check = |zone: Zone, received, want| {
        let mut reply = world(zone).lying(|_, _| {});
        reply.lie = Some(Box::new(changing("www.zone.test.", RType::A, move |rrset| rrset.ttl = received)));
        assert_eq!(reply.check("www.zone.test.", RType::A, Secure, None).answers[0].ttl, want);
    };
    check(Zone::new("zone.test.", &[WWW]), 100, 100);
    check(Zone::new("zone.test.", &[WWW]), 1_000_000, 3600);
    check(Zone::new("zone.test.", &[WWW]).valid(NOW, NOW + 7), 3600, 7);
}

#[test]
fn data_was_changed() {
    let other = |rrset: &mut Rrset| rrset.rdata.push(&[192, 0, 2, 99]);
    let world = World::with_zone(&[WWW]).lying(changing("www.zone.test.", RType::A, other));
    let verdict = world.check("www.zone.test.", RType::A, Bogus, Some(ede::DNSSEC_BOGUS));
    assert!(text(verdict).ends_with("does not fit the data"));
    // Signed by the parent's key in the zone's name, or in its own.
    for signer in ["zone.test.", "test."] {
        let mut forger = Zone::new("test.", &[]);
        forger.apex = name(signer);
        let world = World::with_zone(&[WWW]).lying(changing("www.zone.test.", RType::A, move |rrset| {
            rrset.signatures = Default::default();
            let signature = forger.signature(rrset, &forger.keys[0]);
            rrset.signatures.push(&signature);
        }));
        // The parent may; it could sign other keys for the zone as well.
        let want = if signer == "test." { (Secure, None) } else { (Bogus, Some(ede::DNSSEC_BOGUS)) };
        world.check("www.zone.test.", RType::A, want.0, want.1);
    }
    // By a zone that is none, and by one elsewhere.
    for (signer, code) in [("www.zone.test.", ede::RRSIGS_MISSING), ("else.test.", ede::RRSIGS_MISSING)] {
        let mut forger = Zone::new("zone.test.", &[]);
        forger.apex = name(signer);
        let world = World::with_zone(&[WWW]).lying(changing("www.zone.test.", RType::A, move |rrset| {
            rrset.signatures = Default::default();
            let signature = forger.signature(rrset, &forger.keys[0]);
            rrset.signatures.push(&signature);
        }));
        world.check("www.zone.test.", RType::A, Bogus, Some(code));
    }
}

#[test]
fn keys_that_do_not_fit() {
    let check = |zone: Zone, code, want: &str| {
        let world = world(zone);
        assert_eq!(text(world.check("www.zone.test.", RType::A, Bogus, Some(code))), want);
        assert_eq!(text(world.check("nothing.zone.test.", RType::A, Bogus, Some(code))), want);
    };
    let none = "DNSKEY of zone.test.: no key that the DS names";
    check(Zone::new("zone.test.", &[WWW]).with_ds(&["1 15 2 AB"]), ede::DNSKEY_MISSING, none);
    let with_flags = |flags| {
        let mut zone = Zone::new("zone.test.", &[WWW]);
        zone.keys = vec![SigningKey::from_seed(&[3; 32]).expect("key").with_flags(flags)];
        let tag = zone.keys[0].key_tag();
        (zone, format!("DNSKEY of zone.test.: key {tag}, which the DS names, "))
    };
    let (zone, start) = with_flags(1);
    check(zone, ede::NO_ZONE_KEY_BIT, &format!("{start}has no zone key bit"));
    let (zone, start) = with_flags(0x0181);
    check(zone, ede::DNSKEY_MISSING, &format!("{start}is revoked"));
    let ds = Zone::new("zone.test.", &[]).own_ds();
    let unsigned = Zone { ds: Some(ds), ..Zone::new("zone.test.", &[WWW]).unsigned() };
    check(unsigned, ede::DNSKEY_MISSING, "DNSKEY of zone.test.: there is none");
}

#[test]
fn keys_without_signature() {
    let bare = changing("zone.test.", RType::DNSKEY, |rrset| rrset.signatures = Default::default());
    let world = World::with_zone(&[WWW]).lying(bare);
    world.check("www.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
}

#[test]
fn other_servers_are_asked() {
    // One of two servers has wrong data.
    for (owner, rtype) in [(".", RType::DNSKEY), ("zone.test.", RType::DNSKEY), ("zone.test.", RType::DS)] {
        let world = World::with_zone(&[WWW]).lying(changing(owner, rtype, |rrset| rrset.rdata = Default::default()));
        world.liars.set(1);
        world.check("www.zone.test.", RType::A, Secure, None);
        let again = format!("{owner} {rtype}");
        let count = world.take_asked().iter().filter(|asked| **asked == again).count();
        assert_eq!(count, 2, "{again}");
        // Both of them have.
        world.trust.flush(Name::root());
        world.liars.set(2);
        let verdict = world.resolve("www.zone.test.", RType::A);
        assert_eq!((verdict.security, verdict.bogus_server), (Bogus, None), "{again}");
    }
}

#[test]
fn not_all_servers_are_asked() {
    for (rtype, want) in [(RType::DS, MAX_BOGUS_RETRIES + 1), (RType::DNSKEY, MAX_BOGUS_RETRIES + 1)] {
        let mut world = World::with_zone(&[WWW]);
        (world.servers, world.liars) = (50, 50.into());
        world = world.lying(changing("zone.test.", rtype, |rrset| rrset.rdata.push(b"\x01\x02\x0f\x02more")));
        world.resolve("www.zone.test.", RType::A);
        let again = format!("zone.test. {rtype}");
        let count = world.take_asked().iter().filter(|asked| **asked == again).count();
        assert_eq!(count, want as usize, "{again}");
    }
}

#[test]
fn wildcards_delegate_nothing() {
    let test = Zone::new("test.", &["*.test. DS 1 15 2 AB"]);
    let world = World::new(vec![Zone::new(".", &[]), test, Zone::new("zone.test.", &[WWW]).with_ds(&[])]);
    let wildcard = world.zone("test.").sets[&(name("*.test."), RType::DS)].clone();
    let world = world.lying(move |question, reply| {
        if *question.name == *name("zone.test.") && question.rtype == RType::DS {
            reply.answers = vec![Arc::new(Rrset { owner: question.name.clone(), ..wildcard.clone() })];
        }
    });
    let verdict = world.check("www.zone.test.", RType::A, Bogus, Some(ede::DNSSEC_BOGUS));
    assert_eq!(text(verdict), "DS of zone.test.: made from a wildcard");
}

#[test]
fn keys_were_changed() {
    // The DS that is remembered names the key from before.
    let old = Zone::new("old.test.", &[]).keys[0].ds_rdata(&name("zone.test."), 2).expect("DS");
    let mut world = World::with_zone(&[WWW]);
    let parent = Zone::new("test.", &[]);
    let mut stale = Rrset::new(name("zone.test."), RType::DS, 3600).with(&old);
    stale = parent.signed(stale);
    world = world.lying(changing("zone.test.", RType::DS, move |rrset| rrset.clone_from(&stale)));
    world.liars.set(1);
    world.check("www.zone.test.", RType::A, Secure, None);
    let asked = world.take_asked();
    assert_eq!(asked.iter().filter(|asked| *asked == "zone.test. DS").count(), 2, "{asked:?}");
}

#[test]
fn what_is_known_expires() {
    let world = world(Zone::new("zone.test.", &[WWW]).with_ds(&["1 15 2 AB"]));
    let code = Some(ede::DNSKEY_MISSING);
    world.check("www.zone.test.", RType::A, Bogus, code);
    world.take_asked();
    world.check("www.zone.test.", RType::A, Bogus, code);
    assert!(world.take_asked().is_empty());
    world.now_s.set(u64::from(NOW + BOGUS_TTL_S));
    world.check("www.zone.test.", RType::A, Bogus, code);
    assert!(!world.take_asked().is_empty());
    let world = World::with_zone(&[WWW]);
    world.check("www.zone.test.", RType::A, Secure, None);
    world.now_s.set(u64::from(NOW + 3599));
    world.take_asked();
    world.check("www.zone.test.", RType::A, Secure, None);
    assert!(world.take_asked().is_empty());
    world.now_s.set(u64::from(NOW + 3600));
    world.check("www.zone.test.", RType::A, Secure, None);
    assert_eq!(world.take_asked().len(), 5);
}

#[test]
fn keys_that_must_not_be_kept() {
    let mut zone = Zone::new("zone.test.", &[WWW, "www.zone.test. TXT x", "www.zone.test. MX 1 a."]);
    zone.ttl = 0;
    let world = world(zone);
    let check = |count| {
        let verdict = world.check("www.zone.test.", RType::ANY, Secure, None);
        assert_eq!(verdict.answers.len(), 4);
        let asked = world.take_asked();
        assert_eq!(asked.iter().filter(|asked| *asked == "zone.test. DNSKEY").count(), 1, "{asked:?}");
        assert_eq!(asked.len(), count);
    };
    check(5);
    check(2);
}

#[test]
fn servers_that_do_not_answer() {
    let mut world = World::with_zone(&[WWW]);
    let reply = world.reply(&name("www.zone.test."), RType::A, &[]).expect("reply");
    world.silent = vec!["zone.test. DNSKEY".to_owned()];
    let verdict = world.judge("www.zone.test.", RType::A, &reply).0;
    assert_eq!((verdict.security, verdict.bogus_server), (Bogus, None));
    let reason = verdict.reason.expect("reason");
    assert_eq!((reason.code, &*reason.text), (ede::NO_REACHABLE_AUTHORITY, "DNSKEY of zone.test.: no server left"));
    // Nothing of that is remembered.
    world.silent.clear();
    world.check("www.zone.test.", RType::A, Secure, None);
}
