//! Signatures: the examples of the RFCs, whole zones that others signed, and our own.

mod support;

use dns::{Class, Name, RType};
use dnssec::algorithm::Algorithm;
use dnssec::key::{PublicKey, zone_keys};
use dnssec::sign::{SEED_LEN, SignatureTerms, SigningKey, sign_rrset};
use dnssec::verify::{
    Rrset, Scratch, Verified, VerifyBudget, VerifyError, check_rrsig, verify_rrset, verify_with_keys,
};
use proptest::prelude::*;
use support::{Zone, name, rdata};

/// One record, its signature, the key.
fn check_example(zone: &str, owner: &str, rtype: RType, record: &str, rrsig: &str, key: &str) {
    let (zone, owner) = (name(zone), name(owner));
    let (record, rrsig) = (rdata(rtype, record), rdata(RType::RRSIG, rrsig));
    let key = PublicKey::from_dnskey(&rdata(RType::DNSKEY, key)).expect("key");
    let set = Rrset { owner: &owner, class: Class::IN, rtype, ttl: 7200, rdatas: &[&record] };
    let now = dns::rdata::typed::Rrsig::parse(&rrsig).expect("RRSIG").inception;
    let mut scratch = Scratch::default();
    let got = verify_rrset(&set, &rrsig, &zone, &key, now, &mut scratch).expect("verified");
    assert_eq!((got.ttl, got.wildcard, got.key_tag), (3600, None, key.key_tag()));
    let mut changed = rrsig.clone();
    *changed.last_mut().expect("signature") ^= 1;
    let got = verify_rrset(&set, &changed, &zone, &key, now, &mut scratch);
    assert_eq!(got, Err(VerifyError::BadSignature));
    changed.pop();
    let got = verify_rrset(&set, &changed, &zone, &key, now, &mut scratch);
    assert_eq!(got, Err(VerifyError::BadSignature));
}

#[test]
fn rfc5702_examples() {
    check_example(
        "example.net.",
        "www.example.net.",
        RType::A,
        "192.0.2.91",
        "A 8 3 3600 20300101000000 20000101000000 9033 example.net. \
         kRCOH6u7l0QGy9qpC9l1sLncJcOKFLJ7GhiUOibu4teYp5VE9RncriShZNz85mwlMgNEacFYK/lPtPiVYP4bwg==",
        "256 3 8 AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=",
    );
    check_example(
        "example.net.",
        "www.example.net.",
        RType::A,
        "192.0.2.91",
        "A 10 3 3600 20300101000000 20000101000000 3740 example.net. tsb4wnjRUDnB1BUi+t6TMTXThjVnG+eCkWqjvvjhzQL1d0YRo\
         Oe0CbxrVDYd0xDtsuJRaeUw1ep94PzEWzr0iGYgZBWm/zpq+9fOuagYJRfDqfReKBzMweOLDiNa8iP5g9vMhpuv6OPlvpXwm9Sa9ZXIbNl1M\
         BGk0fthPgxdDLw=",
        "256 3 10 AwEAAdHoNTOW+et86KuJOWRDp1pndvwb6Y83nSVXXyLA3DLroROUkN6X0O6pnWnjJQujX/AyhqFDxj13tOnD9u/1kTg7cV6rklM\
         rZDtJCQ5PCl/D7QNPsgVsMu1J2Q8gpMpztNFLpPBz1bWXjDtaR7ZQBlZ3PFY12ZTSncorffcGmhOL",
    );
}

/// RFC 4035 appendix A: RSA/SHA-1 with a key of 1024 bits.
#[test]
fn rfc4035_examples() {
    check_example(
        "example.",
        "ai.example.",
        RType::A,
        "192.0.2.9",
        "A 5 2 3600 20040509183619 20040409183619 38519 example. pAOtzLP2MU0tDJUwHOKE5FPIIHmdYsCgTb5BERGgpnJluA9ixOyf6\
         xxVCgrEJW0WNZSsJicdhBHXfDmAGKUajUUlYSAH8tS4ZnrhyymIvk3uArDu2wfT130e9UHnumaHHMpUTosKe22PblOy6zrTpg9FkS0XGVmYR\
         vOTNYx2HvQ=",
        "256 3 5 AQOy1bZVvpPqhg4j7EJoM9rI3ZmyEx2OzDBVrZy/lvI5CQePxXHZS4i8dANH4DX3tbHol61ek8EFMcsGXxKciJFHyhl94C+NwILQd\
         zsUlSFovBZsyl/NX6yEbtw/xN9ZNcrbYvgjjZ/UVPZIySFNsgEYvh0z2542lzMKR4Dh8uZffQ==",
    );
}

/// RFC 5155 appendix A has RSA/SHA-1 with keys of 512 bits.
#[test]
fn rfc5155_examples() {
    let zone_key =
        "256 3 7 AwEAAaetidLzsKWUt4swWR8yu0wPHPiUi8LUsAD0QPWU+wzt89epO6tHzkMBVDkC7qphQO2hTY4hHn9npWFRw5BYubE=";
    check_example(
        "example.",
        "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.",
        RType::NSEC3,
        "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG",
        "NSEC3 7 2 3600 20150420235959 20051021000000 40430 example. \
         OSgWSm26B+cS+dDL8b5QrWr/dEWhtCsKlwKLIBHYH6blRxK9rC0bMJPwQ4mLIuw85H2EY762BOCXJZMnpuwhpA==",
        zone_key,
    );
    check_example(
        "example.",
        "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.",
        RType::A,
        "192.0.2.127",
        "A 7 2 3600 20150420235959 20051021000000 40430 example. \
         h6c++bzhRuWWt2bykN6mjaTNBcXNq5UuL5EdK+iDP4eY8I0kSiKaCjg3tC1SQkeloMeub2GWk8p6xHMPZumXlw==",
        zone_key,
    );
}

#[test]
fn rfc6605_examples() {
    check_example(
        "example.net.",
        "www.example.net.",
        RType::A,
        "192.0.2.1",
        "A 13 3 3600 20100909100439 20100812100439 55648 example.net. \
         qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
        "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
    );
    check_example(
        "example.net.",
        "www.example.net.",
        RType::A,
        "192.0.2.1",
        "A 14 3 3600 20100909102025 20100812102025 10771 example.net. /L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hx\
         QouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuzWTSSPdz7wnqXL5bdcJzusdnI0RSMROxxwGipWcJm",
        "257 3 14 xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8r\
         p65F6Glur8I/mlVNgF6W/qTI37m40",
    );
}

/// With the signatures of erratum 4935.
#[test]
fn rfc8080_examples() {
    let mx = |rrsig: &str, key: &str| {
        check_example("example.com.", "example.com.", RType::MX, "10 mail.example.com.", rrsig, key);
    };
    mx(
        "MX 15 2 3600 1440021600 1438207200 3613 example.com. \
         oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
        "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
    );
    mx(
        "MX 15 2 3600 1440021600 1438207200 35217 example.com. \
         zXQ0bkYgQTEFyfLyi9QoiY6D8ZdYo4wyUhVioYZXFdT410QPRITQSqJSnzQoSm5poJ7gD7AQR0O7KuI5k2pcBg==",
        "257 3 15 zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
    );
}

/// Zones that another program signed: every signature stands, and for no other set of the zone.
#[test]
fn whole_zones() {
    for file in ["rfc4035.zone", "rfc5155.zone"] {
        let (zone, apex) = (Zone::read(file), name("example."));
        let keys = zone_keys(zone.get(&apex, RType::DNSKEY).iter().map(Vec::as_slice), false);
        let (mut scratch, mut count) = (Scratch::default(), 0);
        for ((owner, rtype), data) in zone.0.iter().filter(|((_, rtype), _)| *rtype != RType::RRSIG) {
            let rdatas: Vec<&[u8]> = data.iter().rev().map(Vec::as_slice).collect();
            let set = Rrset { owner, class: Class::IN, rtype: *rtype, ttl: 100, rdatas: &rdatas };
            for rrsig in zone.get(owner, RType::RRSIG) {
                let mut budget = VerifyBudget::new(2);
                let got = verify_with_keys(&set, rrsig, &apex, &keys, 1_700_000_000, &mut budget, &mut scratch);
                if rrsig[..2] != rtype.0.to_be_bytes() {
                    assert_eq!(got, Err(VerifyError::WrongType));
                    continue;
                }
                // The NSEC3PARAM records have 0.
                let ttl = if *rtype == RType::NSEC3PARAM { 0 } else { 100 };
                assert_eq!(got.map(|got| (got.ttl, got.wildcard)), Ok((ttl, None)), "{owner} {rtype}");
                count += 1;
            }
        }
        assert_eq!(count, zone.all(RType::RRSIG).len(), "{file}");
    }
}

const NOW: u32 = 1_700_000_000;

struct Signed {
    key: SigningKey,
    public: PublicKey,
    rrsig: Vec<u8>,
}

fn key_of(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; SEED_LEN]).expect("key")
}

fn sign(set: &Rrset<'_>, key: SigningKey, times: (u32, u32), labels: Option<u8>) -> Signed {
    let signer = name("Example.");
    let terms = SignatureTerms { signer: &signer, inception: times.0, expiration: times.1, labels };
    let rrsig = sign_rrset(set, &terms, &key, &mut Scratch::default()).expect("RRSIG");
    let public = PublicKey::from_dnskey(key.dnskey_rdata()).expect("key");
    Signed { key, public, rrsig }
}

fn verify(set: &Rrset<'_>, signed: &Signed, now: u32) -> Result<Verified, VerifyError> {
    verify_rrset(set, &signed.rrsig, &name("example."), &signed.public, now, &mut Scratch::default())
}

#[test]
fn every_algorithm_signs() {
    let owner = name("www.example.");
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &[&[1, 2, 3, 4]] };
    for number in [8, 10, 13, 14, 15] {
        let key = SigningKey::generate(Algorithm(number)).expect("key");
        let signed = sign(&set, key, (NOW, NOW + 10), None);
        assert_eq!(verify(&set, &signed, NOW).map(|got| got.ttl), Ok(10), "{number}");
        let (dnskey, ds) = (signed.key.dnskey_rdata(), signed.key.ds_rdata(&owner, 2).expect("DS"));
        assert!(dnssec::digest::ds_matches(&owner, dnskey, &ds), "{number}");
        assert_eq!(signed.key.key_tag(), signed.public.key_tag());
    }
    assert!(SigningKey::generate(Algorithm::RSASHA1).is_err());
}

#[test]
fn validity() {
    let owner = name("www.example.");
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &[&[1, 2, 3, 4]] };
    let check = |times, now, want: Result<u32, VerifyError>| {
        let signed = sign(&set, key_of(1), times, None);
        assert_eq!(verify(&set, &signed, now).map(|got| got.ttl), want, "{times:?} {now}");
    };
    check((NOW, NOW + 100), NOW, Ok(60));
    check((NOW, NOW + 100), NOW + 90, Ok(10));
    check((NOW, NOW + 100), NOW + 100, Ok(0));
    check((NOW, NOW + 100), NOW + 101, Err(VerifyError::Expired));
    check((NOW, NOW + 100), NOW - 1, Err(VerifyError::NotYetValid));
    check((NOW, NOW - 1), NOW, Err(VerifyError::ExpirationBeforeInception));
    // Over the end of 32 bits, in 2106.
    check((u32::MAX - 5, 100), u32::MAX, Ok(60));
    check((u32::MAX - 5, 100), 50, Ok(50));
    check((u32::MAX - 5, 100), 101, Err(VerifyError::Expired));
    check((u32::MAX - 5, 100), u32::MAX - 6, Err(VerifyError::NotYetValid));
}

#[test]
fn wildcards() {
    let data: [&[u8]; 1] = [&[1, 2, 3, 4]];
    let star = name("*.b.example.");
    let set = Rrset { owner: &star, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &data };
    let signed = sign(&set, key_of(1), (NOW, NOW), None);
    let check = |owner: &str, want: Result<Option<usize>, VerifyError>| {
        let owner = name(owner);
        assert_eq!(verify(&Rrset { owner: &owner, ..set }, &signed, NOW).map(|got| got.wildcard), want, "{owner}");
    };
    check("*.b.example.", Ok(None));
    check("a.b.Example.", Ok(Some(2)));
    check("x.a.b.example.", Ok(Some(2)));
    check("*.a.b.example.", Ok(Some(2)));
    check("a.c.example.", Err(VerifyError::BadSignature));
    check("b.example.", Err(VerifyError::BadSignature));
    check("example.", Err(VerifyError::TooManyLabels));
    check("a.b.other.", Err(VerifyError::SignerMismatch));
}

#[test]
fn whose_signature_it_is() {
    let (owner, zone, data) = (name("www.example."), name("example."), [&[1, 2, 3, 4][..]]);
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &data };
    let signed = sign(&set, key_of(1), (NOW, NOW), None);
    let check = |set: &Rrset<'_>, zone: &Name, want| {
        assert_eq!(check_rrsig(set, &signed.rrsig, zone, NOW).map(|_| ()), Err(want));
    };
    check(&set, Name::root(), VerifyError::SignerMismatch);
    check(&set, &owner, VerifyError::SignerMismatch);
    check(&Rrset { rtype: RType::AAAA, ..set }, &zone, VerifyError::WrongType);
    check(&Rrset { rdatas: &[], ..set }, &zone, VerifyError::Malformed);
    check(&Rrset { owner: Name::root(), ..set }, &zone, VerifyError::SignerMismatch);
    assert_eq!(check_rrsig(&set, &signed.rrsig[..20], &zone, NOW).map(|_| ()), Err(VerifyError::Malformed));
    let other_class = Rrset { class: Class::CH, ..set };
    assert_eq!(verify(&other_class, &signed, NOW), Err(VerifyError::BadSignature));

    // RFC 4034 3.1.3: fewer labels than the zone has would make it a wildcard outside of it.
    let outside = sign(&set, key_of(1), (NOW, NOW), Some(0));
    assert_eq!(verify(&set, &outside, NOW), Err(VerifyError::SignerMismatch));
}

#[test]
fn which_keys_may_sign() {
    let (zone, data) = (name("example."), [&[1, 2, 3, 4][..]]);
    let check = |rtype, flags, want: Option<VerifyError>| {
        let set = Rrset { owner: &zone, class: Class::IN, rtype, ttl: 60, rdatas: &data };
        let signed = sign(&set, key_of(1).with_flags(flags), (NOW, NOW), None);
        assert_eq!(verify(&set, &signed, NOW).err(), want, "{rtype} {flags}");
    };
    check(RType::A, 256, None);
    check(RType::A, 257, None);
    check(RType::A, 1, Some(VerifyError::KeyMismatch));
    check(RType::A, 385, Some(VerifyError::KeyMismatch));
    check(RType::DNSKEY, 385, None);

    let set = Rrset { owner: &zone, class: Class::IN, rtype: RType::A, ttl: 60, rdatas: &data };
    let mut signed = sign(&set, key_of(1), (NOW, NOW), None);
    let stranger = sign(&set, key_of(2), (NOW, NOW), None).public;
    let mut scratch = Scratch::default();
    let mut run = |rrsig: &[u8], keys: &[PublicKey], operations| {
        let mut budget = VerifyBudget::new(operations);
        let got = verify_with_keys(&set, rrsig, &zone, keys, NOW, &mut budget, &mut scratch).err();
        (got, operations - budget.left())
    };
    let (own, rrsig) = (signed.public.clone(), &mut signed.rrsig);
    assert_eq!(run(rrsig, std::slice::from_ref(&stranger), 1), (Some(VerifyError::KeyMismatch), 0));
    assert_eq!(run(rrsig, &[stranger, own.clone()], 1), (None, 1));
    assert_eq!(run(rrsig, std::slice::from_ref(&own), 0), (Some(VerifyError::OverBudget), 0));
    *rrsig.last_mut().expect("signature") ^= 1;
    let same = vec![own; 5];
    assert_eq!(run(rrsig, &same, 9), (Some(VerifyError::BadSignature), 5));
    assert_eq!(run(rrsig, &same, 3), (Some(VerifyError::OverBudget), 3));
    rrsig[2] = 16;
    assert_eq!(run(rrsig, &same, 9), (Some(VerifyError::UnsupportedAlgorithm), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was signed verifies in any order, with any case of names and with records twice; with one bit
    /// changed in a record or in the signature it does not.
    #[test]
    fn every_bit_is_covered(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..6),
        labels in prop::collection::vec("[A-Za-z0-9]{1,8}", 1..4),
        rtype in prop::sample::select(vec![1234u16, 65280, 10]),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (owner, rtype) = (name(&format!("{}.example.", labels.join("."))), RType(rtype));
        let rdatas: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let set = Rrset { owner: &owner, class: Class::IN, rtype, ttl: 60, rdatas: &rdatas };
        let signed = sign(&set, key_of(7), (NOW - 1, NOW + 1), None);
        let upper = name(&owner.to_string().to_ascii_uppercase());
        let again: Vec<&[u8]> = rdatas.iter().rev().chain(&rdatas).copied().collect();
        let other = Rrset { owner: &upper, rdatas: &again, ..set };
        prop_assert_eq!(verify(&other, &signed, NOW).map(|got| got.wildcard), Ok(None));

        let mut changed = texts.clone();
        let record = at.index(changed.len());
        let octet = at.index(changed[record].len());
        changed[record][octet] ^= 1 << bit;
        let changed: Vec<&[u8]> = changed.iter().map(Vec::as_slice).collect();
        let mut sets = [rdatas.clone(), changed.clone()];
        sets.iter_mut().for_each(|set| { set.sort_unstable(); set.dedup(); });
        if sets[0] != sets[1] {
            let other = Rrset { rdatas: &changed, ..set };
            prop_assert_eq!(verify(&other, &signed, NOW), Err(VerifyError::BadSignature));
        }
        let mut bad = Signed { rrsig: signed.rrsig.clone(), ..signed };
        let octet = at.index(bad.rrsig.len());
        bad.rrsig[octet] ^= 1 << bit;
        // The case of the signer's name does not count.
        if dns::name::eq_ignore_case(&bad.rrsig[18..27], b"\x07example\0") && bad.rrsig[18..27] != *b"\x07example\0" {
            prop_assert!(verify(&set, &bad, NOW).is_ok());
        } else {
            prop_assert!(verify(&set, &bad, NOW).is_err(), "octet {}", octet);
        }
    }

    #[test]
    fn garbage_does_no_harm(
        key in prop::collection::vec(any::<u8>(), 0..200),
        rrsig in prop::collection::vec(any::<u8>(), 0..200),
        record in prop::collection::vec(any::<u8>(), 0..40),
        algorithm in prop::sample::select(vec![1u8, 5, 7, 8, 10, 13, 14, 15, 16]),
        rtype in any::<u16>(),
    ) {
        let key = [&[1, 0, 3, algorithm], &key[..]].concat();
        let _ = dnssec::key::key_tag(&rrsig);
        let owner = name("www.example.");
        let set = Rrset { owner: &owner, class: Class::IN, rtype: RType(rtype), ttl: 60, rdatas: &[&record] };
        let fitting = [&rtype.to_be_bytes(), &[algorithm, 2], &[0; 12][..], &rrsig].concat();
        if let Ok(key) = PublicKey::from_dnskey(&key) {
            for rrsig in [&rrsig, &fitting] {
                let got = verify_rrset(&set, rrsig, &name("example."), &key, 0, &mut Scratch::default());
                prop_assert!(got.is_err());
            }
        }
    }
}
