//! What limits claim, in virtual time, with many clients at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::access::{Networks, Verdict};
use super::client::{ClientLimit, ClientSettings};
use super::outcome::{Channel, Handling, Outcome};
use super::responses::{Class, ResponseLimit, ResponseSettings};

const S: u64 = 1_000_000;
/// Octets of a question in the floods, and of its empty answer with TC.
const QUESTION_OCTETS: u64 = 60;
/// Octets of a large answer.
const LARGE: u64 = 3000;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// An address from 1.0.0.0 to 223.255.255.255, outside 10.0.0.0/8.
    fn source(&mut self) -> IpAddr {
        loop {
            let address = Ipv4Addr::from((self.next() >> 32) as u32);
            if (1..224).contains(&address.octets()[0]) && address.octets()[0] != 10 {
                return address.into();
            }
        }
    }
}

fn inside(number: u64) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + number as u32).into()
}

/// A million forged sources at 500,000 questions a second for two seconds. A thousand honest clients ask half of what
/// they may, one asks ten times as much. Calls `judge` for each question with the client's number, if it has one: 0 is
/// the heavy one. Returns for each of these when it was limited, in µs since it began.
fn spoofed_flood(honest_per_second: u64, mut judge: impl FnMut(IpAddr, u64) -> bool) -> Vec<Vec<u64>> {
    let mut random = Random(42);
    let mut limited = vec![Vec::new(); 1001];
    let start = 7 * S;
    let (step, honest_every, heavy_every) = (2, S / honest_per_second, S / honest_per_second / 20);
    for now_us in (start..start + 2 * S).step_by(step) {
        judge(random.source(), now_us);
        let passed_us = now_us - start;
        if passed_us % heavy_every < step as u64 && judge(inside(0), now_us) {
            limited[0].push(passed_us);
        }
        // Clients begin one after the other, two in a step, so that each asks every so often.
        let first = passed_us % honest_every * 1000 / honest_every;
        let last = (passed_us % honest_every + step as u64) * 1000 / honest_every;
        for number in first..last.min(1000) {
            if judge(inside(1 + number * 256), now_us) {
                limited[1 + number as usize].push(passed_us);
            }
        }
    }
    limited
}

#[test]
fn a_million_forged_sources_do_not_get_honest_clients_limited_nor_hide_a_heavy_one() {
    for per_second in [10, 100] {
        let settings = ClientSettings { per_second, ..ClientSettings::default() };
        let limit = ClientLimit::new(&settings, Arc::default(), 1);
        let mut asked = 0;
        let limited = spoofed_flood(u64::from(per_second) / 2, |source, now_us| {
            asked += u32::from(source.is_ipv4() && matches!(source, IpAddr::V4(v4) if v4.octets()[0] == 10));
            limit.judge(source, Channel::Datagram, false, now_us).limited
        });
        // All honest ones asked, at the rate they should.
        assert!(asked >= 1000 * per_second, "{asked}");
        let honest = limited[1..].iter().filter(|times| !times.is_empty()).count();
        assert_eq!(honest, 0, "of 1000 honest clients, at {per_second} a second");
        // The heavy one asks ten times the limit: it is limited within one window, and of what it asks in the second
        // nine tenths are.
        let first = limited[0].first().copied();
        assert!(first.is_some_and(|first| first < S), "first limited at {first:?}");
        let late = limited[0].iter().filter(|time| **time >= S).count() as u64;
        assert!(late >= u64::from(per_second) * 10 * 85 / 100, "{late} of {}", per_second * 10);
    }
}

#[test]
fn a_million_forged_sources_do_not_get_honest_networks_limited_nor_hide_a_heavy_one() {
    let settings = ResponseSettings { per_second: 20, ..ResponseSettings::default() };
    let limit = ResponseLimit::new(&settings, Arc::default(), 1);
    let limited = spoofed_flood(10, |source, now_us| {
        // Everybody asks the same.
        limit.judge(source, Class::Positive, 99, false, now_us).limited
    });
    assert_eq!(limited[1..].iter().filter(|times| !times.is_empty()).count(), 0);
    let first = limited[0].first().copied();
    assert!(first.is_some_and(|first| first < S), "first limited at {first:?}");
    let late = limited[0].iter().filter(|time| **time >= S).count();
    assert!(late >= 195, "{late} of 200");
}

/// Octets in and out, for each second of a flood in the name of `victims`, in turn, at `per_second` questions.
fn flood(
    limit: &ResponseLimit,
    victims: &[IpAddr],
    per_second: u64,
    seconds: u64,
    class: impl Fn(u64) -> (Class, u64),
) -> Vec<(u64, u64)> {
    let mut octets = vec![(0, 0); seconds as usize];
    for i in 0..per_second * seconds {
        let now_us = 3 * S + i * S / per_second;
        let (class, name) = class(i);
        let victim = victims[i as usize % victims.len()];
        let (octets_in, octets_out) = &mut octets[(i / per_second) as usize];
        *octets_in += QUESTION_OCTETS;
        *octets_out += match limit.judge(victim, class, name, false, now_us).handling {
            Handling::Pass => LARGE,
            Handling::Truncate => QUESTION_OCTETS,
            Handling::Drop | Handling::Refuse => 0,
        };
    }
    octets
}

#[test]
fn a_flood_gets_no_more_octets_out_than_in_after_the_first_second() {
    let v4 = |count: u32| (0..count).map(|i| Ipv4Addr::from(0xc000_0200 + i).into()).collect::<Vec<IpAddr>>();
    let v6 = |count: u64| (0..count).map(|i| Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(i)).into()).collect();
    // One victim, a /24 and an IPv6 /64 at twice the limit of each at the least; every kind of answer.
    let cases: [(Vec<IpAddr>, u64); 6] =
        [(v4(1), 40), (v4(1), 50_000), (v4(256), 1280), (v4(256), 50_000), (v6(1), 50_000), (v6(100_000), 10_000)];
    for (victims, per_second) in cases {
        for class in [Class::Positive, Class::Negative, Class::Referral, Class::Error, Class::Large] {
            let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
            let octets = flood(&limit, &victims, per_second, 4, |i| {
                (class, class.name(if class == Class::Positive { 5 } else { i }, 5))
            });
            for (second, (octets_in, octets_out)) in octets.iter().enumerate().skip(1) {
                assert!(
                    octets_out <= octets_in,
                    "{octets_out} > {octets_in} in second {second}: {class:?}, {} victims, {per_second}/s",
                    victims.len()
                );
            }
        }
    }
}

#[test]
fn a_flood_in_the_name_of_one_address_leaves_its_neighbours_their_answers() {
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
    let victim = Ipv4Addr::new(192, 0, 2, 1).into();
    let neighbour = Ipv4Addr::new(192, 0, 2, 2).into();
    for i in 0..100_000u64 {
        let now_us = i * 20;
        limit.judge(victim, Class::Large, 5, false, now_us);
        if i % 5000 == 0 {
            assert_eq!(limit.judge(neighbour, Class::Large, 5, false, now_us), Outcome::PASS);
        }
    }
}

#[test]
fn who_is_flooded_is_answered_over_tcp_and_with_a_cookie_and_told_so() {
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
    let victims: Vec<IpAddr> = (0..256).map(|i| Ipv4Addr::from(0xc000_0200 + i).into()).collect();
    flood(&limit, &victims, 50_000, 2, |_| (Class::Large, 5));
    let mut handlings = (0..2).map(|_| limit.judge(victims[9], Class::Large, 5, false, 5 * S).handling);
    assert!(handlings.any(|handling| handling == Handling::Truncate));
    assert_eq!(limit.judge(victims[9], Class::Large, 5, true, 5 * S), Outcome::PASS);
    // Another network notices nothing, and neither does another name or class.
    assert_eq!(limit.judge(Ipv4Addr::new(203, 0, 113, 1).into(), Class::Large, 5, false, 5 * S), Outcome::PASS);
    assert_eq!(limit.judge(victims[9], Class::Large, 6, false, 5 * S), Outcome::PASS);
    assert_eq!(limit.judge(victims[9], Class::Positive, 5, false, 5 * S), Outcome::PASS);
}

#[test]
fn a_resolver_that_asks_many_names_is_not_limited() {
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
    let resolver = Ipv4Addr::new(192, 0, 2, 1).into();
    let limited = (0..40_000u64)
        .filter(|i| limit.judge(resolver, Class::Positive, Class::Positive.name(i % 4000, 5), false, i * 100).limited)
        .count();
    assert_eq!(limited, 0);
}

#[test]
fn names_that_do_not_exist_are_one_for_their_zone() {
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
    let client = Ipv4Addr::new(192, 0, 2, 1).into();
    let passed = (0..1000u64)
        .filter(|i| !limit.judge(client, Class::Negative, Class::Negative.name(*i, 5), false, 1000).limited)
        .count();
    assert_eq!(passed, 20);
}

#[test]
fn after_a_flood_answers_come_again_within_two_seconds() {
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::default(), 1);
    let victim: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    flood(&limit, &[victim], 50_000, 5, |_| (Class::Error, 0));
    assert!(limit.judge(victim, Class::Error, 0, false, 8 * S).limited);
    assert_eq!(limit.judge(victim, Class::Error, 0, false, 10 * S), Outcome::PASS);
}

#[test]
fn networks_that_are_exempt_and_dry_runs_are_answered() {
    let exempt =
        Networks::of(&["192.0.2.0/24".parse().expect("a network")], Verdict::Allow, "exempt").expect("not too many");
    let limit = ResponseLimit::new(&ResponseSettings::default(), Arc::new(exempt), 1);
    let (listed, other) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 3, 1).into());
    assert!((0..100).all(|_| limit.judge(listed, Class::Error, 0, false, 0) == Outcome::PASS));
    assert!((0..100).any(|_| limit.judge(other, Class::Error, 0, false, 0).handling == Handling::Drop));
    let dry_run = ResponseSettings { dry_run: true, ..ResponseSettings::default() };
    let limit = ResponseLimit::new(&dry_run, Arc::default(), 1);
    let outcomes: Vec<Outcome> = (0..30).map(|_| limit.judge(other, Class::Error, 0, false, 0)).collect();
    assert!(outcomes.iter().all(|outcome| outcome.handling == Handling::Pass));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.limited).count(), 10);
}

#[test]
fn answers_have_the_class_of_what_they_are() {
    use dns::header::Rcode;
    let cases = [
        ((Rcode::NOERROR, true, false, false, 100), Class::Positive),
        ((Rcode::NOERROR, false, false, false, 100), Class::Negative),
        ((Rcode::NXDOMAIN, false, false, false, 100), Class::Negative),
        ((Rcode::NXDOMAIN, true, false, false, 100), Class::Negative),
        ((Rcode::NOERROR, false, true, false, 100), Class::Referral),
        ((Rcode::REFUSED, false, false, false, 100), Class::Error),
        ((Rcode::SERVFAIL, false, true, false, 100), Class::Error),
        ((Rcode::NOERROR, true, false, true, 100), Class::Large),
        ((Rcode::NOERROR, true, false, false, 513), Class::Large),
    ];
    for ((rcode, has_answers, is_referral, is_any, size), want) in cases {
        assert_eq!(Class::of(rcode, has_answers, is_referral, is_any, size), want);
    }
}
