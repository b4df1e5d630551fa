//! The life of keys, day by day.

use dns::RType;
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};

use super::*;

const NOW: u64 = 1_800_000_000;
const TTL: u32 = 172_800;

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn key(number: u8, flags: u16) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).expect("key").with_flags(flags)
}

const KSK: u16 = ZONE_KEY | SEP;

/// The RRset of these keys, as (number, flags, signs).
fn rrset(now_s: u64, keys: &[(u8, u16, bool)]) -> Rrset {
    let zone = name("example.");
    let mut set = Rrset::new(zone.clone(), RType::DNSKEY, TTL);
    let keys: Vec<(SigningKey, bool)> =
        keys.iter().map(|&(number, flags, signs)| (key(number, flags), signs)).collect();
    keys.iter().for_each(|(key, _)| set.rdata.push(key.dnskey_rdata()));
    let rdatas: Vec<Vec<u8>> = set.rdata.iter().map(<[u8]>::to_vec).collect();
    let rdatas: Vec<&[u8]> = rdatas.iter().map(Vec::as_slice).collect();
    let plain = verify::Rrset { owner: &zone, class: Class::IN, rtype: RType::DNSKEY, ttl: TTL, rdatas: &rdatas };
    let (inception, expiration) = (now_s as u32 - 10, (now_s + 20 * DAY_S) as u32);
    let terms = SignatureTerms { signer: &zone, inception, expiration, labels: None };
    for (key, _) in keys.iter().filter(|(_, signs)| *signs) {
        set.signatures.push(&sign_rrset(&plain, &terms, key, &mut Scratch::default()).expect("signature"));
    }
    set
}

fn managed(trusted: &[u8]) -> Managed {
    let keys = trusted.iter().map(|number| key(*number, KSK).dnskey_rdata().to_vec()).collect();
    Managed::new(&Anchor { zone: name("example."), ds: Vec::new(), keys }, NOW)
}

struct Life {
    managed: Managed,
    now_s: u64,
}

impl Life {
    fn new(managed: Managed) -> Life {
        Life { managed, now_s: NOW }
    }

    /// Days later the zone has these keys: then the changes are these, by number and state.
    fn after(&mut self, days: u64, keys: &[(u8, u16, bool)], want: &[(u8, Option<KeyState>)]) -> &mut Life {
        self.now_s += days * DAY_S;
        let got = self.managed.update(&rrset(self.now_s, keys), self.now_s).expect("signed");
        let tags = |number: u8| {
            let flags = keys.iter().find(|(other, _, _)| *other == number).map_or(KSK, |(_, flags, _)| *flags);
            key(number, flags).key_tag()
        };
        let want: Vec<Change> = want.iter().map(|&(number, state)| Change { key_tag: tags(number), state }).collect();
        assert_eq!(got, want, "after {} days", (self.now_s - NOW) / DAY_S);
        self
    }

    fn trusts(&self, numbers: &[u8]) {
        let want: Vec<Vec<u8>> = numbers.iter().map(|number| key(*number, KSK).dnskey_rdata().to_vec()).collect();
        assert_eq!(self.managed.anchor().keys, want);
    }
}

use KeyState::{AddPend, Missing, Removed, Revoked, Valid};

#[test]
fn a_rollover() {
    let mut life = Life::new(managed(&[1]));
    let both = [(1, KSK, true), (2, KSK, false)];
    life.after(0, &[(1, KSK, true), (9, ZONE_KEY, false)], &[]).trusts(&[1]);
    life.after(1, &both, &[(2, Some(AddPend))]).trusts(&[1]);
    life.after(29, &both, &[]).trusts(&[1]);
    life.after(1, &both, &[(2, Some(Valid))]).trusts(&[1, 2]);
    // The old key revokes itself.
    let revoked = [(1, KSK | REVOKED, true), (2, KSK, true)];
    life.after(5, &revoked, &[(1, Some(Revoked))]).trusts(&[2]);
    life.after(29, &[(2, KSK, true)], &[]).trusts(&[2]);
    life.after(1, &[(2, KSK, true)], &[(1, Some(Removed))]).trusts(&[2]);
    // It never comes back.
    life.after(1, &[(1, KSK, true), (2, KSK, true)], &[]);
    life.after(90, &[(1, KSK, true), (2, KSK, true)], &[]).trusts(&[2]);
}

#[test]
fn keys_come_and_go() {
    let mut life = Life::new(managed(&[1]));
    let (one, both) = ([(1, KSK, true)], [(1, KSK, true), (2, KSK, false)]);
    life.after(0, &both, &[(2, Some(AddPend))]);
    // RFC 5011 4.1 KeyRem: the hold-down begins anew.
    life.after(10, &one, &[(2, None)]);
    life.after(1, &both, &[(2, Some(AddPend))]);
    life.after(29, &both, &[]).trusts(&[1]);
    life.after(1, &both, &[(2, Some(Valid))]);
    // Missing keys stay trusted.
    life.after(1, &one, &[(2, Some(Missing))]).trusts(&[1, 2]);
    life.after(100, &[(2, KSK, true)], &[(1, Some(Missing)), (2, Some(Valid))]).trusts(&[1, 2]);
    life.after(1, &[(1, KSK | REVOKED, true), (2, KSK, true)], &[(1, Some(Revoked))]).trusts(&[2]);
}

#[test]
fn what_is_not_signed_changes_nothing() {
    let mut managed = managed(&[1]);
    let check = |managed: &mut Managed, rrset: &Rrset, want| {
        let before = managed.anchor();
        assert_eq!(managed.update(rrset, NOW), Err(want));
        assert_eq!((managed.anchor(), managed.next_s, managed.checked_s), (before, NOW + HOUR_S, 0));
    };
    check(&mut managed, &rrset(NOW, &[(1, KSK, false), (2, KSK, true)]), RolloverError::NotSigned);
    check(&mut managed, &rrset(NOW, &[(2, KSK, true)]), RolloverError::NotSigned);
    check(&mut managed, &rrset(NOW - 30 * DAY_S, &[(1, KSK, true)]), RolloverError::NotSigned);
    // A revocation that the key itself does not sign is none, and without it nobody signs.
    check(&mut managed, &rrset(NOW, &[(1, KSK | REVOKED, false), (2, KSK, true)]), RolloverError::NotSigned);
    let other = Rrset { owner: name("other."), ..rrset(NOW, &[(1, KSK, true)]) };
    check(&mut managed, &other, RolloverError::OtherRrset);
    assert_eq!(managed.keys.len(), 1);
}

#[test]
fn the_last_key_is_revoked() {
    let mut managed = managed(&[1]);
    let all = rrset(NOW, &[(1, KSK | REVOKED, true), (2, KSK, true)]);
    assert_eq!(managed.update(&all, NOW), Err(RolloverError::NotSigned));
    assert_eq!(managed.keys[0].state, Revoked);
    let anchor = managed.anchor();
    assert!(anchor.keys.is_empty() && anchor.ds.is_empty());
    // Configuring it again does not help.
    let zone = name("example.");
    let ds = vec![key(1, KSK).ds_rdata(&zone, 2).expect("DS")];
    managed.configure(&Anchor { zone, ds, keys: vec![key(1, KSK).dnskey_rdata().to_vec()] }, NOW);
    let anchor = managed.anchor();
    assert!(anchor.keys.is_empty() && anchor.ds.is_empty());
}

#[test]
fn beginning_with_ds() {
    let zone = name("example.");
    let ds = [1, 3].map(|number| key(number, KSK).ds_rdata(&zone, 2).expect("DS")).to_vec();
    let mut life = Life::new(Managed::new(&Anchor { zone, ds, keys: Vec::new() }, NOW));
    assert_eq!(life.managed.update(&rrset(NOW, &[(1, KSK, false)]), NOW), Err(RolloverError::NotSigned));
    life.after(0, &[(1, KSK, true), (2, KSK, false)], &[(1, Some(Valid)), (2, Some(AddPend))]).trusts(&[1]);
    assert_eq!(life.managed.ds.len(), 1);
    // The other one is there later, and needs no hold-down.
    life.after(1, &[(1, KSK, true), (3, KSK, false)], &[(3, Some(Valid)), (2, None)]).trusts(&[1, 3]);
    assert!(life.managed.ds.is_empty());
}

#[test]
fn what_is_configured_needs_no_hold_down() {
    let zone = name("example.");
    let anchor = |ds, keys| Anchor { zone: name("example."), ds, keys };
    let mut life = Life::new(managed(&[1]));
    let all = [(1, KSK, true), (2, KSK, false), (3, KSK, false)];
    life.after(0, &all, &[(2, Some(AddPend)), (3, Some(AddPend))]).trusts(&[1]);
    life.managed.configure(&anchor(Vec::new(), vec![key(2, KSK).dnskey_rdata().to_vec()]), NOW);
    life.trusts(&[1, 2]);
    life.managed.configure(&anchor(vec![key(3, KSK).ds_rdata(&zone, 2).expect("DS")], Vec::new()), NOW);
    life.trusts(&[1, 2, 3]);
    assert!(life.managed.ds.is_empty());
    life.after(0, &all, &[]);
}

#[test]
fn times_of_questions() {
    let mut managed = managed(&[1]);
    managed.update(&rrset(NOW, &[(1, KSK, true)]), NOW).expect("signed");
    // Half the TTL; a tenth of it.
    assert_eq!((managed.next_s, managed.retry_s), (NOW + 86_400, 17_280));
    managed.failed(NOW + 5);
    assert_eq!(managed.next_s, NOW + 5 + 17_280);
    let check = |original_ttl, interval, next, retry| {
        let mut managed = self::managed(&[1]);
        managed.schedule(&Signature { original_ttl, interval }, NOW);
        assert_eq!((managed.next_s - NOW, managed.retry_s), (next, retry));
    };
    check(100 * DAY_S, 100 * DAY_S, 15 * DAY_S, DAY_S);
    check(100 * DAY_S, DAY_S, DAY_S / 2, DAY_S / 10);
    check(60, DAY_S, HOUR_S, HOUR_S);
}

#[test]
fn memory_is_bounded() {
    let mut life = Life::new(managed(&[1]));
    let keys: Vec<(u8, u16, bool)> = (1..60).map(|number| (number, KSK, number == 1)).collect();
    life.managed.update(&rrset(NOW, &keys), NOW).expect("signed");
    assert_eq!(life.managed.keys.len(), MAX_MANAGED_KEYS);
    // Removed keys make room.
    life.managed.keys[5].enter(Removed, NOW, 0);
    let known = life.managed.keys[5].rdata.clone();
    let keys = [(1, KSK, true), (60, KSK, false)];
    life.managed.update(&rrset(NOW, &keys), NOW).expect("signed");
    assert!(!life.managed.keys.iter().any(|key| key.rdata == known));
}
