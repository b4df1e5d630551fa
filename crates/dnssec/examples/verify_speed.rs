//! How fast signatures are verified: prints verifications per second for each algorithm.

use std::time::{Duration, Instant};

use dns::{Class, NameBuf, RType};
use dnssec::algorithm::Algorithm;
use dnssec::key::PublicKey;
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
use dnssec::verify::{Rrset, Scratch, verify_rrset};

const TIME: Duration = Duration::from_secs(2);
const NOW: u32 = 1_700_000_000;

fn main() {
    let [owner, zone]: [NameBuf; 2] = ["www.example.", "example."].map(|name| name.parse().expect("name"));
    let rdatas: [&[u8]; 2] = [&[192, 0, 2, 1], &[192, 0, 2, 2]];
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &rdatas };
    for number in [8, 13, 14, 15] {
        let algorithm = Algorithm::from_u8(number);
        let key = SigningKey::generate(algorithm).expect("key");
        let terms = SignatureTerms { signer: &zone, inception: NOW, expiration: NOW, labels: None };
        let mut scratch = Scratch::default();
        let rrsig = sign_rrset(&set, &terms, &key, &mut scratch).expect("signature");
        let dnskey = key.dnskey_rdata();
        let public = PublicKey::from_dnskey(dnskey).expect("key");
        let verifications = per_second(|| {
            verify_rrset(&set, &rrsig, &zone, &public, NOW, &mut scratch).expect("verified");
        });
        let keys = per_second(|| {
            PublicKey::from_dnskey(dnskey).expect("key");
        });
        println!("{algorithm}: {verifications:.0} verifications/s, {keys:.0} keys read/s");
    }
}

fn per_second(mut run: impl FnMut()) -> f64 {
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < TIME {
        for _ in 0..16 {
            run();
        }
        count += 16;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}
