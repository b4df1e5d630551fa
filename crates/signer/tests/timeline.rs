//! Rollovers step by step, with their times (RFC 7583 3, RFC 6781 4).
//!
//! Keys are written as four signs: DNSKEY record, its signature over the DNSKEY RRset, signatures of the zone, DS record;
//! `-` hidden, `<` rumoured, `+` omnipresent, `>` unretentive, and `!` if the key is on its way out.

use dnssec::algorithm::Algorithm;
use signer::keys::{ElementKind, Goal, Origin, Role, Visibility, ZoneKey, ZoneKeys};
use signer::policy::{KeyLayout, SigningPolicy};
use signer::timeline::{
    Awaited, DsSeen, Facts, NewKey, Outcome, PlannedKey, Request, TimelineError, Wanted, Which, advance, confirm_ds,
    earliest_roll, plan, plan_request, retire, roll,
};

/// From a change of the DNSKEY RRset until caches have no other: TTL, propagation, safety.
const KEY_SET_S: u64 = 1000 + 100 + 10;
/// The same for signatures, with the largest TTL of the zone.
const DATA_S: u64 = 2000 + 100 + 10;
/// From when the parent's servers have a DS RRset until caches have no other: TTL and safety.
const DS_S: u64 = 5000 + 10;
/// How long a parent may act on CDS records that have changed.
const LATE_S: u64 = 100 + 50;

fn policy(layout: KeyLayout) -> SigningPolicy {
    SigningPolicy {
        layout,
        ksk_lifetime_s: 0,
        zsk_lifetime_s: 0,
        dnskey_ttl_s: 1000,
        propagation_s: 100,
        parent_ds_ttl_s: 5000,
        parent_propagation_s: 50,
        safety_s: 10,
        ..SigningPolicy::default()
    }
}

/// The data of a DNSKEY record; different numbers have different tags.
fn dnskey(role: Role, algorithm: Algorithm, number: u8) -> Vec<u8> {
    [&role.flags().to_be_bytes()[..], &[3, algorithm.0, number, 0, number]].concat()
}

/// A zone, its signer and its parent.
struct Life {
    keys: ZoneKeys,
    policy: SigningPolicy,
    facts: Facts,
    last: Outcome,
    made: u8,
}

impl Life {
    fn unsigned(layout: KeyLayout) -> Life {
        let facts = Facts { max_ttl_s: 2000, dnskey_ttl_s: 1000, ..Facts::default() };
        let (keys, last) = (ZoneKeys::default(), Outcome::default());
        Life { keys, policy: policy(layout), facts, last, made: 0 }
    }

    /// A zone that was signed for long, with the keys of its layout.
    fn secure(layout: KeyLayout) -> Life {
        let mut life = Life::unsigned(layout);
        let roles: &[Role] = if layout == KeyLayout::Split { &[Role::Ksk, Role::Zsk] } else { &[Role::Csk] };
        for &role in roles {
            let data = life.next_key(role, life.policy.algorithm);
            life.keys.add(ZoneKey::in_service(role, Origin::Imported, data, 0, role.signs_keys())).expect("a free tag");
        }
        life.facts.zone_is_signed = true;
        life
    }

    fn next_key(&mut self, role: Role, algorithm: Algorithm) -> Vec<u8> {
        self.made += 1;
        dnskey(role, algorithm, self.made)
    }

    /// The keys at a time, when the next look is due, and what is missing was made.
    fn at(&mut self, now_s: u64, expected: &str, next_s: Option<u64>) {
        self.look(now_s);
        assert_eq!(self.text(), expected, "at {now_s}");
        assert_eq!(self.last.next_s, next_s, "at {now_s}: {expected}");
    }

    /// Nothing happens until a time, and then this.
    fn not_before(&mut self, now_s: u64, expected: &str, next_s: Option<u64>) {
        let before = self.text();
        self.look(now_s - 1);
        assert_eq!(self.text(), before, "a second before {now_s}");
        self.at(now_s, expected, next_s);
    }

    fn look(&mut self, now_s: u64) {
        self.last = advance(&self.keys, &self.policy, &self.facts, now_s);
        for new in self.last.make.clone() {
            let data = self.next_key(new.role, new.algorithm);
            self.last.keys.add(ZoneKey::new(new.role, Origin::Made, data, now_s)).expect("a free tag");
            self.last = advance(&self.last.keys, &self.policy, &self.facts, now_s);
        }
        let again = advance(&self.last.keys, &self.policy, &self.facts, now_s);
        assert_eq!(again.keys, self.last.keys, "a second look changes nothing");
        self.keys = self.last.keys.clone();
    }

    fn text(&self) -> String {
        let sign = |visibility| match visibility {
            Visibility::Hidden => '-',
            Visibility::Rumoured => '<',
            Visibility::Omnipresent => '+',
            Visibility::Unretentive => '>',
        };
        let key = |key: &ZoneKey| {
            let signs: String = Role::Csk.elements().iter().map(|&kind| sign(key.element(kind).visibility)).collect();
            format!("{signs}{}", if key.goal == Goal::Gone { "!" } else { "" })
        };
        self.keys.keys.iter().map(key).collect::<Vec<String>>().join(" ")
    }

    /// The parent has these keys' DS records on all its servers from now on, and no others.
    fn parent_has(&mut self, places: &[usize], since_s: u64) {
        let seen = |(place, key): (usize, &ZoneKey)| DsSeen {
            tag: key.tag(),
            algorithm: key.algorithm(),
            at_all_servers_since_s: places.contains(&place).then_some(since_s),
            gone_from_all_servers_since_s: (!places.contains(&place)).then_some(since_s),
            ttl_s: 5000,
        };
        let keys = self.keys.keys.iter().enumerate().filter(|(_, key)| key.role.signs_keys());
        self.facts.ds_seen = keys.map(seen).collect();
    }

    fn roll(&mut self, role: Role, now_s: u64) {
        self.keys = roll(&self.keys, Which::Role(role), now_s).expect("no rollover is under way");
    }

    fn sentences(&self) -> Vec<&str> {
        self.last.waits.iter().map(|wait| wait.sentence.as_str()).collect()
    }
}

/// RFC 7583 3.3.5 for the first keys, RFC 6781 4.4.
#[test]
fn a_zone_becomes_secure() {
    let mut life = Life::unsigned(KeyLayout::Split);
    // Caches may remember that there were no keys: the TTL of negative answers counts.
    life.at(0, "<<-- <-<-", Some(DATA_S));
    let tag = life.keys.keys[1].tag();
    let signing = format!("for every RRset of the zone to be signed by key {tag} (ECDSAP256SHA256)");
    assert_eq!(life.sentences().last(), Some(&&*format!("waits since 1970-01-01 00:00 UTC {signing}")));
    life.facts.zone_is_signed = true;
    life.at(5, "<<-- <-<-", Some(DATA_S));
    life.not_before(DATA_S, "++-- +-<-", Some(5 + DATA_S));
    assert!(!life.keys.keys[0].wants_ds());
    life.not_before(5 + DATA_S, "++-< +-+-", None);
    assert!(life.keys.keys[0].wants_ds());
    let name = format!("key {} (ECDSAP256SHA256)", life.keys.keys[0].tag());
    let sentence = format!("waits since 1970-01-01 00:35:15 UTC for the DS record of {name} at the parent");
    assert_eq!(life.sentences(), [sentence]);
    assert_eq!((life.last.waits[0].what, life.last.waits[0].until_s), (Awaited::DsPublished, None));
    life.parent_has(&[0], 3000);
    life.at(3000, "++-< +-+-", Some(3000 + DS_S));
    assert_eq!(
        life.sentences(),
        [format!(
            "waits until 1970-01-01 02:13:30 UTC for caches to forget the DS RRset without the DS record of {name}"
        )]
    );
    life.not_before(3000 + DS_S, "++-+ +-+-", None);
    assert_eq!(life.last.waits, []);
}

/// RFC 6781 4.1.1.1, RFC 7583 3.2.1: pre-publication.
#[test]
fn a_zone_signing_key_is_replaced() {
    let mut life = Life::secure(KeyLayout::Split);
    life.at(100, "++-+ +-+-", None);
    life.roll(Role::Zsk, 1000);
    life.at(1000, "++-+ +-+-! <---", Some(1000 + KEY_SET_S));
    let refused = roll(&life.keys, Which::Tag(life.keys.keys[2].tag()), 1000).expect_err("one is under way");
    let tag = life.keys.keys[1].tag();
    assert_eq!(
        refused.to_string(),
        format!(
            "a rollover is under way: key {tag} (ECDSAP256SHA256), a zone-signing key, is on its way out; it is active \
             since 1970-01-01 00:00 UTC; the next one can begin when it is over"
        )
    );
    let swap_s = 1000 + KEY_SET_S;
    // What is said of signatures in the second of the change may be about those before.
    life.not_before(swap_s, "++-+ +->-! +-<-", Some(swap_s + 1));
    assert_eq!(life.keys.keys[2].active_since_s, Some(swap_s));
    life.facts.zone_is_signed = false;
    life.at(swap_s + 100, "++-+ +->-! +-<-", None);
    assert!(life.last.waits.iter().all(|wait| wait.what == Awaited::Signing));
    life.facts.zone_is_signed = true;
    let signed_s = swap_s + 200;
    life.at(signed_s, "++-+ +->-! +-<-", Some(signed_s + DATA_S));
    life.not_before(signed_s + DATA_S, "++-+ >---! +-+-", Some(signed_s + DATA_S + KEY_SET_S));
    life.not_before(signed_s + DATA_S + KEY_SET_S, "++-+ ----! +-+-", None);
    assert_eq!(life.keys.forget_finished().len(), 1);
    life.roll(Role::Zsk, 90_000);
}

/// RFC 7583 3.3.1 (double KSK), RFC 7344: one change of the DS RRset.
#[test]
fn a_key_signing_key_is_replaced() {
    let mut life = Life::secure(KeyLayout::Split);
    life.parent_has(&[0], 0);
    life.roll(Role::Ksk, 1000);
    life.at(1000, "++-+! +-+- <<--", Some(1000 + KEY_SET_S));
    let asked_s = 1000 + KEY_SET_S;
    life.not_before(asked_s, "++->! +-+- ++-<", None);
    assert_eq!(life.keys.keys.iter().map(ZoneKey::wants_ds).collect::<Vec<bool>>(), [false, false, true]);
    assert!(!life.keys.wants_delete_ds());
    let waits: Vec<Awaited> = life.last.waits.iter().map(|wait| wait.what).collect();
    assert_eq!(waits, [Awaited::DsWithdrawn, Awaited::DsPublished]);
    life.at(900_000, "++->! +-+- ++-<", None);
    // The parent exchanges the records, goes back, and exchanges them again.
    life.parent_has(&[2], 900_010);
    life.at(900_010, "++->! +-+- ++-<", Some(900_010 + DS_S));
    life.parent_has(&[0], 900_020);
    life.at(900_020, "++->! +-+- ++-<", None);
    life.parent_has(&[2], 910_000);
    life.not_before(910_000 + DS_S, ">>--! +-+- ++-+", Some(910_000 + DS_S + KEY_SET_S));
    life.not_before(910_000 + DS_S + KEY_SET_S, "----! +-+- ++-+", None);
}

/// A quick parent may yet act on CDS records that it read before.
#[test]
fn the_old_key_waits_for_a_parent_that_is_late() {
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Ksk, 1000);
    life.look(1000);
    let asked_s = 1000 + KEY_SET_S;
    life.look(asked_s);
    life.parent_has(&[2], asked_s + 1);
    life.at(asked_s + 1, "++->! +-+- ++-<", Some(asked_s + 1 + DS_S));
    life.not_before(asked_s + 1 + DS_S, "++->! +-+- ++-+", Some(asked_s + LATE_S + DS_S));
    let gone_s = asked_s + LATE_S + DS_S;
    life.not_before(gone_s, ">>--! +-+- ++-+", Some(gone_s + KEY_SET_S));
}

/// Signatures and DS record are exchanged at the same time.
#[test]
fn a_combined_key_is_replaced() {
    let mut life = Life::secure(KeyLayout::Combined);
    life.at(10, "++++", None);
    life.roll(Role::Csk, 1000);
    life.at(1000, "++++! <<--", Some(1000 + KEY_SET_S));
    let swap_s = 1000 + KEY_SET_S;
    life.not_before(swap_s, "++>>! ++<<", Some(swap_s + 1));
    life.at(swap_s + 1, "++>>! ++<<", Some(swap_s + 1 + DATA_S));
    life.not_before(swap_s + 1 + DATA_S, "++->! +++<", None);
    life.parent_has(&[1], 10_000);
    life.not_before(10_000 + DS_S, ">>--! ++++", Some(10_000 + DS_S + KEY_SET_S));
    life.not_before(10_000 + DS_S + KEY_SET_S, "----! ++++", None);
}

/// RFC 6781 4.1.4: signatures before keys, keys before DS record; back in the other order.
#[test]
fn the_algorithm_is_replaced() {
    let mut life = Life::secure(KeyLayout::Split);
    life.policy.algorithm = Algorithm::ED25519;
    life.at(1000, "++-+! +-+-! ---- --<-", Some(1001));
    life.at(1001, "++-+! +-+-! ---- --<-", Some(1001 + DATA_S));
    let published_s = 1001 + DATA_S;
    life.not_before(published_s, "++-+! +-+-! <<-- <-+-", Some(published_s + KEY_SET_S));
    let asked_s = published_s + KEY_SET_S;
    life.not_before(asked_s, "++->! +-+-! ++-< +-+-", None);
    life.parent_has(&[2], 20_000);
    let moved_s = 20_000 + DS_S;
    life.not_before(moved_s, ">>--! >-+-! ++-+ +-+-", Some(moved_s + KEY_SET_S));
    let unsigned_s = moved_s + KEY_SET_S;
    life.not_before(unsigned_s, "----! -->-! ++-+ +-+-", Some(unsigned_s + 1));
    life.at(unsigned_s + 1, "----! -->-! ++-+ +-+-", Some(unsigned_s + 1 + DATA_S));
    life.not_before(unsigned_s + 1 + DATA_S, "----! ----! ++-+ +-+-", None);
}

/// A zone whose parent has no DS record may be trusted by its keys: it is replaced in the same order.
#[test]
fn without_a_ds_record_the_order_is_the_same() {
    let mut life = Life::unsigned(KeyLayout::Combined);
    life.look(0);
    life.facts.zone_is_signed = true;
    life.look(5);
    life.at(5 + DATA_S, "+++<", None);
    life.parent_has(&[], 0);
    life.policy.algorithm = Algorithm::ED25519;
    life.at(10_000, "+++<! --<-", Some(10_001));
    life.look(10_001);
    life.not_before(10_001 + DATA_S, "+++<! <<+-", Some(10_001 + DATA_S + KEY_SET_S));
    let asked_s = 10_001 + DATA_S + KEY_SET_S;
    // What the parent may have read of the old key is waited for.
    life.not_before(asked_s, "+++>! +++<", Some(asked_s + LATE_S + DS_S));
    life.parent_has(&[], 0);
    life.not_before(asked_s + LATE_S + DS_S, ">>+-! +++<", Some(asked_s + LATE_S + DS_S + KEY_SET_S));
}

#[test]
fn the_layout_changes() {
    let mut life = Life::secure(KeyLayout::Split);
    life.policy.layout = KeyLayout::Combined;
    life.at(1000, "++-+! +-+-! <<--", Some(1000 + KEY_SET_S));
    life.at(1000 + KEY_SET_S, "++->! +->-! ++<<", Some(1001 + KEY_SET_S));
    life.look(3000);
    life.parent_has(&[2], 3000);
    life.look(100_000);
    life.at(200_000, "----! ----! ++++", None);
    life.keys.forget_finished();
    life.policy.layout = KeyLayout::Split;
    life.at(200_000, "++++! <<-- <---", Some(200_000 + KEY_SET_S));
    life.at(200_000 + KEY_SET_S, "++>>! ++-< +-<-", Some(200_001 + KEY_SET_S));
    life.look(210_000);
    life.parent_has(&[1], 210_000);
    life.look(300_000);
    life.at(400_000, "----! ++-+ +-+-", None);
}

/// RFC 6781 4.3, RFC 8078 4: the DS record goes before anything else.
#[test]
fn a_zone_becomes_insecure() {
    let mut life = Life::secure(KeyLayout::Split);
    life.parent_has(&[0], 0);
    life.facts.wanted = Wanted::Insecure;
    life.at(1000, "++->! +-+-!", None);
    assert!(life.keys.wants_delete_ds());
    life.parent_has(&[], 5000);
    life.not_before(5000 + DS_S, ">>--! >->-!", Some(5000 + DS_S + 1));
    assert!(!life.keys.wants_delete_ds());
    life.at(5001 + DS_S, ">>--! >->-!", Some(5000 + DS_S + DATA_S));
    // No other DNSKEY RRset is known to caches: what they remember is not more than the TTL of negative answers.
    life.look(5000 + DS_S + DATA_S);
    life.at(5001 + DS_S + DATA_S, "----! ----!", None);
    assert_eq!(life.last.make, []);
}

#[test]
fn lifetimes_begin_rollovers_by_themselves() {
    let mut life = Life::secure(KeyLayout::Split);
    life.policy.zsk_lifetime_s = 50_000;
    // The successor takes over when the lifetime ends.
    life.at(10, "++-+ +-+-", Some(50_000 - KEY_SET_S));
    life.not_before(50_000 - KEY_SET_S, "++-+ +-+-! <---", Some(50_000));
    life.at(50_000, "++-+ +->-! +-<-", Some(50_001));
    life.look(50_001);
    life.look(60_000);
    life.at(70_000, "++-+ ----! +-+-", Some(100_000 - KEY_SET_S));
    life.keys.forget_finished();
    life.policy.ksk_lifetime_s = 80_000;
    life.at(70_001, "++-+ +-+-", Some(80_000 - KEY_SET_S));
    life.not_before(80_000 - KEY_SET_S, "++-+! +-+- <<--", Some(80_000));
    life.at(80_000, "++->! +-+- ++-<", Some(100_000 - KEY_SET_S));
}

#[test]
fn somebody_says_what_the_parent_has() {
    let mut life = Life::secure(KeyLayout::Split);
    life.policy.cds = false;
    life.roll(Role::Ksk, 1000);
    let [old, new] = {
        life.look(1000);
        [0, 2].map(|place| life.keys.keys[place].tag())
    };
    let refused = |keys: &ZoneKeys, tag, published| {
        confirm_ds(keys, tag, published, 1500).expect_err("nothing is waited for").to_string()
    };
    assert_eq!(
        refused(&life.keys, new, true),
        format!("the parent shall have no DS record of key {new} (ECDSAP256SHA256) now")
    );
    assert!(refused(&life.keys, old, false).contains("begin a rollover"));
    assert_eq!(confirm_ds(&life.keys, 1, true, 0), Err(TimelineError::NoKey(Which::Tag(1))));
    life.look(1000 + KEY_SET_S);
    life.keys = confirm_ds(&life.keys, new, true, 5000).expect("it is waited for");
    // Not every server of the parent has it yet.
    life.at(5000, "++->! +-+- ++-<", Some(5050 + DS_S));
    life.keys = confirm_ds(&life.keys, old, false, 6000).expect("it is waited for");
    life.not_before(5050 + DS_S, "++->! +-+- ++-+", Some(6050 + DS_S));
    life.not_before(6050 + DS_S, ">>--! +-+- ++-+", Some(6050 + DS_S + KEY_SET_S));
}

#[test]
fn the_parent_does_what_nobody_asked_for() {
    let mut life = Life::secure(KeyLayout::Split);
    life.parent_has(&[0], 0);
    life.at(10, "++-+ +-+-", None);
    // It loses the DS record, and gets it back.
    life.parent_has(&[], 100);
    life.at(100, "++-< +-+-", None);
    life.parent_has(&[0], 200);
    life.not_before(200 + DS_S, "++-+ +-+-", None);
    // It has a DS record before it may: that cannot be helped, and is waited for no longer than any.
    let mut life = Life::unsigned(KeyLayout::Combined);
    life.look(0);
    life.parent_has(&[0], 1);
    life.facts.zone_is_signed = true;
    life.at(1, "<<<<", Some(1 + DATA_S - 1));
}

#[test]
fn a_clock_that_goes_back_moves_nothing_early() {
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Zsk, 100_000);
    life.look(100_000);
    life.at(50_000, "++-+ +-+-! <---", Some(50_000 + KEY_SET_S));
    life.not_before(50_000 + KEY_SET_S, "++-+ +->-! +-<-", Some(50_001 + KEY_SET_S));
    // Times at the end of what can be counted.
    life.look(u64::MAX);
    life.look(0);
}

#[test]
fn keys_that_are_missing_are_asked_for() {
    let policy = policy(KeyLayout::Split);
    let outcome = advance(&ZoneKeys::default(), &policy, &Facts::default(), 0);
    let algorithm = Algorithm::ECDSAP256SHA256;
    let new = |role, flags| NewKey { role, algorithm, flags };
    assert_eq!(outcome.make, [new(Role::Ksk, 257), new(Role::Zsk, 256)]);
    assert_eq!(
        roll(&ZoneKeys::default(), Which::Role(Role::Ksk), 0).map(|_| ()),
        Err(TimelineError::NoKey(Which::Role(Role::Ksk)))
    );
    // Whoever fails to make a successor keeps the key.
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Zsk, 1000);
    let outcome = advance(&life.keys, &policy, &life.facts, 1_000_000);
    assert_eq!(outcome.make, [new(Role::Zsk, 256)]);
    assert!(outcome.keys.keys[1].signs_zone());
}

#[test]
fn the_plan_says_what_will_happen_and_what_it_assumes() {
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Ksk, 1000);
    let steps = plan(&life.keys, &life.policy, &life.facts, 1000, 100_000);
    let old = format!("key {} (ECDSAP256SHA256)", life.keys.keys[0].tag());
    let asked_s = 1000 + KEY_SET_S;
    let done_s = asked_s + 50 + DS_S;
    let expected = [
        (1000, "new key 1 (ECDSAP256SHA256), a key-signing key, is made".to_owned()),
        (1000, "the DNSKEY record of new key 1 (ECDSAP256SHA256), a key-signing key, is published".to_owned()),
        (asked_s, format!("the parent is asked to withdraw the DS record of {old}, a key-signing key")),
        (asked_s, "every cache has the DNSKEY record of new key 1 (ECDSAP256SHA256), a key-signing key".to_owned()),
        (asked_s, "the parent is asked for the DS record of new key 1 (ECDSAP256SHA256), a key-signing key".to_owned()),
        (done_s, "every cache has the DS record of new key 1 (ECDSAP256SHA256), a key-signing key".to_owned()),
        (done_s + 100, format!("the DNSKEY record of {old}, a key-signing key, is withdrawn")),
    ];
    for (at_s, sentence) in &expected {
        assert!(steps.iter().any(|step| (step.at_s, &step.sentence) == (*at_s, sentence)), "{sentence}: {steps:#?}");
    }
    let assumed = steps.iter().find(|step| step.at_s == done_s).and_then(|step| step.assumes.clone());
    assert_eq!(assumed.as_deref(), Some("the parent publishes the DS record of new key 1, as the CDS records ask"));
    assert!(steps.is_sorted_by_key(|step| step.at_s));
    // What happens is what was planned, if the parent does what was assumed.
    life.policy.zsk_lifetime_s = 1_000_000;
    let long = plan(&life.keys, &life.policy, &life.facts, 1000, 10_000_000);
    let rollovers = long.iter().filter(|step| step.sentence.ends_with("is made")).count();
    assert_eq!(rollovers, 1 + 10, "{long:#?}");
}

#[test]
fn a_rollover_is_tried_at_another_time() {
    let life = Life::secure(KeyLayout::Split);
    let request = Request::Roll(Which::Role(Role::Zsk));
    let try_at = |at_s: u64| plan_request(&life.keys, &life.policy, &life.facts, (1000, 100_000), (request, at_s));
    let steps = try_at(5000).expect("nothing is under way");
    let first = steps.first().expect("a step");
    assert_eq!((first.at_s, first.key, first.became), (5000, PlannedKey::New(1), None), "{steps:#?}");
    let signs = (ElementKind::ZoneSignatures, Visibility::Rumoured);
    let takes_over = steps.iter().find(|step| step.became == Some(signs)).expect("it takes over");
    assert_eq!((takes_over.at_s, takes_over.key, takes_over.role), (5000 + KEY_SET_S, PlannedKey::New(1), Role::Zsk));
    let old = PlannedKey::Tag(life.keys.keys[1].tag());
    assert!(steps.iter().any(|step| step.key == old && step.became == Some((ElementKind::Dnskey, Visibility::Hidden))));
    // The times are those of a rollover now, later.
    let now: Vec<u64> = try_at(1000).expect("nothing is under way").iter().map(|step| step.at_s + 4000).collect();
    assert_eq!(steps.iter().map(|step| step.at_s).collect::<Vec<_>>(), now);
    assert_eq!(life.keys.keys.len(), 2, "it was a trial");
}

#[test]
fn the_next_rollover_can_begin_when_the_one_before_is_over() {
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Zsk, 1000);
    let (zsk, span) = (Which::Role(Role::Zsk), (1000, 100_000));
    let earliest_s = earliest_roll(&life.keys, &life.policy, &life.facts, span, zsk).expect("it ends");
    let try_at = |at_s: u64| plan_request(&life.keys, &life.policy, &life.facts, span, (Request::Roll(zsk), at_s));
    assert!(matches!(try_at(1000), Err(TimelineError::UnderWay(_))));
    assert!(matches!(try_at(earliest_s - 1), Err(TimelineError::UnderWay(_))), "{earliest_s}");
    assert!(try_at(earliest_s).is_ok(), "{earliest_s}");
    let other = Which::Role(Role::Ksk);
    assert_eq!(earliest_roll(&life.keys, &life.policy, &life.facts, span, other), Some(1000), "nothing is in its way");
    assert_eq!(earliest_roll(&life.keys, &life.policy, &life.facts, (1000, earliest_s - 1), zsk), None);
}

/// A zone-signing key that others may have: its successor signs beside it at once, so that caches get both in one time.
#[test]
fn a_compromised_key_goes_in_one_time() {
    let gone_s = |life: &Life, compromised: bool| {
        let key = &life.keys.keys[1];
        let request = Request::Retire { tag: key.tag(), compromised };
        let steps = plan_request(&life.keys, &life.policy, &life.facts, (1000, 100_000), (request, 1000));
        let steps = steps.expect("it can go");
        let withdrawn = (ElementKind::Dnskey, Visibility::Unretentive);
        let is_it = |step: &&signer::timeline::PlannedStep| {
            step.key == PlannedKey::Tag(key.tag()) && step.became == Some(withdrawn)
        };
        steps.iter().find(is_it).unwrap_or_else(|| panic!("{steps:#?}")).at_s
    };
    let mut life = Life::secure(KeyLayout::Split);
    // The zone is known to be signed a second after its keys change.
    assert_eq!(gone_s(&life, false), 1000 + KEY_SET_S + 1 + DATA_S);
    assert_eq!(gone_s(&life, true), 1000 + 1 + DATA_S.max(KEY_SET_S));
    let tag = life.keys.keys[1].tag();
    life.keys = retire(&life.keys, tag, true).expect("it is there");
    life.look(1000);
    assert_eq!(life.text(), "++-+ +-+-! <-<-", "both sign");
}

/// A key can go whatever is under way, the new one of a rollover too, and one that goes already can be found to be
/// compromised.
#[test]
fn any_key_can_go_at_any_time() {
    let mut life = Life::secure(KeyLayout::Split);
    life.roll(Role::Zsk, 1000);
    life.look(1000);
    let (old, new) = (life.keys.keys[1].tag(), life.keys.keys[2].tag());
    assert!(matches!(retire(&life.keys, old, false), Err(TimelineError::Going(_))));
    assert!(matches!(retire(&life.keys, 1, true), Err(TimelineError::NoKey(Which::Tag(1)))));
    assert!(roll(&life.keys, Which::Tag(new), 1001).is_err(), "a rollover is under way");
    life.keys = retire(&life.keys, new, true).expect("it can go");
    life.keys = retire(&life.keys, old, true).expect("it can go faster");
    assert!(matches!(retire(&life.keys, old, true), Err(TimelineError::Going(_))));
    life.look(1001);
    assert_eq!(life.keys.keys.len(), 4, "a third one is made: {}", life.text());
    let steps = plan(&life.keys, &life.policy, &life.facts, 1001, 1_000_000);
    for tag in [old, new] {
        let goes = (ElementKind::Dnskey, Visibility::Hidden);
        let is_it =
            |step: &signer::timeline::PlannedStep| step.key == PlannedKey::Tag(tag) && step.became == Some(goes);
        assert!(steps.iter().any(is_it), "{tag}: {steps:#?}");
    }
}
