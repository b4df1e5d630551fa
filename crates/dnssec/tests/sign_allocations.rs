//! Signing allocates its result, whatever the crypto library allocates, and nothing else: a counting allocator watches.

use allocation_counter::measure;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use dns::{Class, RType};
use dnssec::algorithm::Algorithm;
use dnssec::canonical::{Rrset, Scratch};
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};

mod support;

/// Allocations of `sign_rrset`, after a signature that left its buffers.
fn allocations(algorithm: Algorithm) -> u64 {
    let owner = support::name("www.Example.");
    let data: Vec<Vec<u8>> = (0..50).map(|at| vec![192, 0, 2, at]).collect();
    let rdatas: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &rdatas };
    let terms = SignatureTerms { signer: &owner, inception: 0, expiration: 1, labels: None };
    let key = SigningKey::generate(algorithm).expect("key");
    let mut scratch = Scratch::default();
    sign_rrset(&set, &terms, &key, &mut scratch).expect("signature");
    fewest(|| {
        sign_rrset(&set, &terms, &key, &mut scratch).expect("signature");
    })
}

/// The library allocates once more for ECDSA signatures whose numbers happen to be short, so the smallest number counts.
fn fewest(mut run: impl FnMut()) -> u64 {
    (0..64).map(|_| measure(&mut run).count_total).min().expect("runs")
}

#[test]
fn the_result_and_nothing_else() {
    let random = SystemRandom::new();
    let message = &[7; 99];
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("key");
    let library = fewest(|| rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut [0; 256]).expect("signature"));
    assert_eq!(allocations(Algorithm::RSASHA256), library + 1);
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
    let library = fewest(|| {
        ecdsa.sign(&random, message).expect("signature");
    });
    assert_eq!(allocations(Algorithm::ECDSAP256SHA256), library + 1);
    let ed25519 = Ed25519KeyPair::generate().expect("key");
    let library = fewest(|| {
        ed25519.try_sign(message).expect("signature");
    });
    assert_eq!(allocations(Algorithm::ED25519), library + 1);
}
