//! How fast RRsets are signed: prints signatures per second of one core for each algorithm, of the crypto library alone
//! and of `sign_rrset`, and the ratio of the two.

use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use dns::{Class, NameBuf, RType};
use dnssec::algorithm::Algorithm;
use dnssec::canonical::{Rrset, Scratch};
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};

/// Both sides take turns, so that whatever else the machine does hits both.
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(200);
/// Octets that are signed for the RRset below: the head and the signer of the RRSIG, and two records.
const MESSAGE: &[u8] = &[7; 18 + 9 + 2 * (13 + 10 + 4)];

fn main() {
    let [owner, zone]: [NameBuf; 2] = ["www.example.", "example."].map(|name| name.parse().expect("name"));
    let rdatas: [&[u8]; 2] = [&[192, 0, 2, 1], &[192, 0, 2, 2]];
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &rdatas };
    let terms = SignatureTerms { signer: &zone, inception: 0, expiration: 1, labels: None };
    let mut scratch = Scratch::default();
    for number in [8, 10, 13, 14, 15] {
        let algorithm = Algorithm::from_u8(number);
        let key = SigningKey::generate(algorithm).expect("key");
        let library = bare(algorithm);
        let (mut alone, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(per_second(&library));
            whole.push(per_second(|| {
                sign_rrset(&set, &terms, &key, &mut scratch).expect("signature");
            }));
        }
        let (alone, whole) = (median(alone), median(whole));
        let ratio = whole / alone;
        println!("{algorithm}: library {alone:.0}/s, sign_rrset {whole:.0}/s, ratio {ratio:.3}");
    }
}

/// A signature by the library and nothing else.
fn bare(algorithm: Algorithm) -> Box<dyn Fn()> {
    match algorithm {
        Algorithm::RSASHA256 => bare_rsa(&RSA_PKCS1_SHA256),
        Algorithm::RSASHA512 => bare_rsa(&RSA_PKCS1_SHA512),
        Algorithm::ECDSAP256SHA256 => bare_ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ECDSAP384SHA384 => bare_ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => {
            let pair = Ed25519KeyPair::generate().expect("key");
            Box::new(move || {
                pair.try_sign(MESSAGE).expect("signature");
            })
        }
    }
}

fn bare_rsa(encoding: &'static RsaSignatureEncoding) -> Box<dyn Fn()> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("key");
    Box::new(move || {
        pair.sign(encoding, &SystemRandom::new(), MESSAGE, &mut [0; 256]).expect("signature");
    })
}

fn bare_ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Box<dyn Fn()> {
    let pair = EcdsaKeyPair::generate(algorithm).expect("key");
    Box::new(move || {
        pair.sign(&SystemRandom::new(), MESSAGE).expect("signature");
    })
}

fn per_second(mut run: impl FnMut()) -> f64 {
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < ROUND {
        for _ in 0..16 {
            run();
        }
        count += 16;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
