//! What the name servers of the parent say, round after round.

use std::net::SocketAddr;

use dns::NameBuf;
use dnssec::algorithm::Algorithm;
use dnssec::digest::{DS_SHA256, DS_SHA384, ds_rdata};
use signer::keys::{DsConfirmation, DsSource, Origin, Role, Visibility, ZoneKey};
use signer::parent::{Parent, Round, Said, ServerId, is_broken};

const HOUR_S: u64 = 3600;

fn zone() -> NameBuf {
    "made.test.".parse().expect("a name")
}

/// A key-signing key whose data nobody could sign with.
fn key(number: u8) -> ZoneKey {
    ZoneKey::new(Role::Ksk, Origin::Made, vec![1, 1, 3, 13, number, 7], 0)
}

fn ds(key: &ZoneKey) -> Vec<u8> {
    ds_rdata(&zone(), &key.dnskey, DS_SHA256).expect("a digest")
}

fn server(number: u8) -> ServerId {
    ServerId { name: None, address: Some(SocketAddr::from(([192, 0, 2, number], 53))) }
}

/// What a server has, or what it does instead.
type Answer<'a> = Result<&'a [&'a ZoneKey], &'a str>;

/// A round in which the servers 1, 2, ... answer so.
fn round(at_s: u64, ttl_s: u32, answers: &[Answer<'_>]) -> Round {
    let said =
        |keys: &[&ZoneKey]| Said { ds: keys.iter().map(|key| ds(key)).collect(), ttl_s, is_delegated: true, at_s };
    let all = answers.iter().zip(1..);
    let all = all.map(|(answer, number)| (server(number), answer.map(said).map_err(ToOwned::to_owned)));
    Round { zone: None, servers: Ok(all.collect()), at_s }
}

/// Since when all servers have the record of a key, and since when none has; `None`: nothing can be said.
fn seen(parent: &Parent, key: &ZoneKey) -> Option<(Option<u64>, Option<u64>)> {
    let all = parent.ds_seen();
    let seen = all.iter().find(|seen| seen.tag == key.tag() && seen.algorithm == Algorithm::ECDSAP256SHA256)?;
    Some((seen.at_all_servers_since_s, seen.gone_from_all_servers_since_s))
}

#[test]
fn only_what_all_servers_agree_on_counts() {
    let (old, new) = (key(1), key(2));
    let keys = [old.clone(), new.clone()];
    let mut parent = Parent::default();
    assert_eq!(seen(&parent, &old), None);
    parent.take(round(100, 60, &[Ok(&[&old]), Ok(&[&old])]), &zone(), &keys);
    assert_eq!((seen(&parent, &old), seen(&parent, &new)), (Some((Some(100), None)), Some((None, Some(100)))));
    // One of the two is faster: neither can be said of either key.
    parent.take(round(200, 60, &[Ok(&[&new]), Ok(&[&old])]), &zone(), &keys);
    assert_eq!((seen(&parent, &old), seen(&parent, &new)), (Some((None, None)), Some((None, None))));
    let late = parent.remark(&zone(), &new, true).expect("a remark");
    assert_eq!(late, "192.0.2.2:53 has not got it");
    assert_eq!(parent.remark(&zone(), &old, false), Some("192.0.2.2:53 still has it".to_owned()));
    parent.take(round(300, 60, &[Ok(&[&new]), Ok(&[&new])]), &zone(), &keys);
    parent.take(round(400, 60, &[Ok(&[&new]), Ok(&[&new])]), &zone(), &keys);
    assert_eq!((seen(&parent, &old), seen(&parent, &new)), (Some((None, Some(300))), Some((Some(300), None))));
    assert_eq!(parent.remark(&zone(), &new, true), None);
}

#[test]
fn while_a_server_does_not_answer_nothing_is_said() {
    let (key, other) = (key(1), key(2));
    let keys = [key.clone()];
    let mut parent = Parent::default();
    parent.take(round(100, 60, &[Ok(&[&key]), Ok(&[&key])]), &zone(), &keys);
    parent.take(round(200, 60, &[Ok(&[&key]), Err("does not answer")]), &zone(), &keys);
    parent.take(round(300, 60, &[Ok(&[&key]), Err("answers REFUSED")]), &zone(), &keys);
    assert_eq!(seen(&parent, &key), None);
    let remark = parent.remark(&zone(), &key, true);
    assert_eq!(remark, Some("192.0.2.2:53 answers REFUSED, since 1970-01-01 00:03:20 UTC".to_owned()));
    // What it had before is known still, and does not count as what it has.
    assert_eq!(parent.servers[1].said.as_ref().map(|said| said.at_s), Some(100));
    // It answers again soon: nobody has said anything else meanwhile.
    parent.take(round(400, 60, &[Ok(&[&key]), Ok(&[&key])]), &zone(), &keys);
    assert_eq!(seen(&parent, &key), Some((Some(100), None)));
    // One that says something else ends it, whether or not the other answers.
    parent.take(round(500, 60, &[Ok(&[&other]), Err("does not answer")]), &zone(), &keys);
    parent.take(round(600, 60, &[Ok(&[&key]), Ok(&[&key])]), &zone(), &keys);
    assert_eq!(seen(&parent, &key), Some((Some(600), None)));
    // After a long silence nobody knows what was between.
    let late_s = 600 + 3 * HOUR_S;
    parent.take(round(late_s - 1, 60, &[Ok(&[&key]), Err("does not answer")]), &zone(), &keys);
    parent.take(round(late_s, 60, &[Ok(&[&key]), Ok(&[&key])]), &zone(), &keys);
    assert_eq!(seen(&parent, &key), Some((Some(late_s), None)));
}

#[test]
fn servers_that_cannot_be_found_are_a_problem_with_a_date() {
    let key = key(1);
    let mut parent = Parent::default();
    let lost = |at_s| Round { zone: None, servers: Err("nobody knows them".to_owned()), at_s };
    parent.take(round(60, 60, &[Ok(&[&key])]), &zone(), std::slice::from_ref(&key));
    for at_s in [120, 180] {
        parent.take(lost(at_s), &zone(), std::slice::from_ref(&key));
    }
    assert_eq!((seen(&parent, &key), parent.is_complete()), (None, false));
    let remark = parent.remark(&zone(), &key, true);
    assert_eq!(remark, Some("nobody knows them, since 1970-01-01 00:02 UTC".to_owned()));
    // No server at all is nobody that agrees.
    parent.take(round(240, 60, &[]), &zone(), std::slice::from_ref(&key));
    assert_eq!((seen(&parent, &key), parent.is_complete()), (None, false));
}

#[test]
fn what_was_seen_before_a_restart_counts() {
    let mut key = key(1);
    key.ds_confirmed = Some(DsConfirmation { by: DsSource::Seen, published: true, at_s: 50 });
    let begin = |answer: Answer<'_>, key: &ZoneKey| {
        let mut parent = Parent::default();
        parent.take(round(100, 60, &[answer]), &zone(), std::slice::from_ref(key));
        seen(&parent, key)
    };
    assert_eq!(begin(Ok(&[&key]), &key), Some((Some(50), None)));
    assert_eq!(begin(Ok(&[]), &key), Some((None, Some(100))));
    assert_eq!(begin(Err("does not answer"), &key), None);
    // What somebody said is no sight.
    key.ds_confirmed = Some(DsConfirmation { by: DsSource::Hand, published: true, at_s: 50 });
    assert_eq!(begin(Ok(&[&key]), &key), Some((Some(100), None)));
}

#[test]
fn a_larger_ttl_counts_until_caches_have_forgotten_it() {
    let key = key(1);
    let mut parent = Parent::default();
    let mut ttl_s = |at_s, ttl_s| {
        parent.take(round(at_s, ttl_s, &[Ok(&[&key])]), &zone(), std::slice::from_ref(&key));
        parent.ds_seen()[0].ttl_s
    };
    assert_eq!([ttl_s(100, 1000), ttl_s(200, 60), ttl_s(1099, 60), ttl_s(1100, 60)], [1000, 1000, 1000, 60]);
    assert_eq!(ttl_s(2000, u32::MAX), 7 * 24 * 3600);
}

#[test]
fn records_that_lead_nowhere() {
    let (key, other) = (key(1), key(2));
    let dnskeys = [key.dnskey.clone()];
    let broken = |ds: &[Vec<u8>]| is_broken(&zone(), &dnskeys, ds);
    assert!(!broken(&[]) && !broken(&[ds(&key)]) && !broken(&[ds(&other), ds(&key)]));
    assert!(broken(&[ds(&other)]));
    // A digest that nobody understands makes no zone bogus, and one that is wrong does.
    let unknown = [&ds(&other)[..3], &[250], &[1; 32]].concat();
    assert!(!broken(&[unknown]));
    let mut wrong = ds_rdata(&zone(), &key.dnskey, DS_SHA384).expect("a digest");
    *wrong.last_mut().expect("a digest") ^= 1;
    assert!(broken(&[wrong]));
    let mut parent = Parent::default();
    let keys = std::slice::from_ref(&key);
    parent.take(round(100, 60, &[Ok(&[&key]), Ok(&[&other]), Err("does not answer")]), &zone(), keys);
    assert_eq!(parent.broken_at(&zone(), &dnskeys), Some(&server(2)));
    parent.take(round(200, 60, &[Ok(&[&key]), Err("does not answer"), Ok(&[])]), &zone(), keys);
    assert_eq!(parent.broken_at(&zone(), &dnskeys), None, "what it had is not what it has");
    assert_eq!(parent.ds_sets(), [vec![], vec![ds(&key)]]);
}

#[test]
fn a_parent_is_asked_soon_and_ever_more_seldom() {
    let mut key = key(1);
    key.dnskey_record.visibility = Visibility::Omnipresent;
    let mut parent = Parent::default();
    parent.take(round(100, 60, &[Ok(&[&key])]), &zone(), std::slice::from_ref(&key));
    let after = |waiting_s: u64, propagation_s| parent.interval_s(Some(1000), 1000 + waiting_s, propagation_s);
    assert_eq!([after(0, 3600), after(400, 3600), after(4000, 3600), after(1_000_000, 3600)], [30, 100, 1000, HOUR_S]);
    assert_eq!([after(0, 0), after(0, 5)], [1, 5]);
    assert_eq!(parent.interval_s(None, 5000, 3600), 24 * HOUR_S);
    // The clock went back.
    assert_eq!(parent.interval_s(Some(9000), 5000, 3600), 30);
    // A server that does not answer, or whose records lead nowhere, is asked again sooner.
    parent.take(round(200, 60, &[Err("does not answer")]), &zone(), std::slice::from_ref(&key));
    assert_eq!([parent.interval_s(None, 5000, 3600), parent.interval_s(Some(1000), 1_000_000, 3600)], [300, 300]);
    parent.take(round(400, 60, &[Ok(&[&self::key(2)])]), &zone(), std::slice::from_ref(&key));
    assert_eq!(parent.interval_s(None, 5000, 3600), HOUR_S);
}
