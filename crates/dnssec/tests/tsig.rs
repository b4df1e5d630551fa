//! TSIG against octets that were computed apart from it, and against everything that can be wrong.

use std::sync::Arc;

use dns::{NameBuf, Rcode};
use dnssec::tsig::{
    Algorithm, Expected, Failure, Key, KeyRing, MAX_UNSIGNED, Refusal, Signer, TsigError, Verified, sign_request,
    verify_request,
};

/// The octets 0 to 31.
const SECRET: &[u8] = b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
    \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
const TIME: u64 = 1_700_000_000;
/// A query for www.Example.org A, and the answer to it.
const QUERY: &str = "12340100000100000000000003777777074578616d706c65036f72670000010001";
const RESPONSE: &str =
    "12348580000100010000000003777777074578616d706c65036f72670000010001c00c000100010000012c0004c0000201";
/// The same query, refused with NOTAUTH.
const NOTAUTH: &str = "12348589000100000000000003777777074578616d706c65036f72670000010001";
/// The query signed at TIME with HMAC-SHA256 by the key transfer.key.
const SIGNED: &str = "12340100000100000000000103777777074578616d706c65036f72670000010001\
    087472616e73666572036b65790000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c0020\
    ef6214739a4e363dde6758001d400051bab005eac0012f09bd750e18f6570d33123400000000";
/// What NOTAUTH becomes when SIGNED comes 301 seconds late.
const LATE: &str = "12348589000100000000000103777777074578616d706c65036f72670000010001\
    087472616e73666572036b65790000fa00ff0000000000430b686d61632d7368613235360000006553f100012c0020\
    4472be8445698e9082d8908c169a824875cbb5ac4ebaa29f47ca6f76a908355b12340012000600006553f22d";
/// Where its TSIG record starts.
const AT: usize = QUERY.len() / 2;
/// Where its MAC starts.
const MAC_AT: usize = AT + 14 + 10 + 13 + 10;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn key(algorithm: Algorithm) -> Arc<Key> {
    Arc::new(Key::new(name("Transfer.KEY"), algorithm, SECRET))
}

fn ring(algorithm: Algorithm) -> KeyRing {
    KeyRing::new([Key::new(name("transfer.key."), algorithm, SECRET)])
}

fn verify(message: &[u8], now: u64) -> Result<Verified, Failure> {
    verify_request(message, AT, &ring(Algorithm::HmacSha256), now)
}

fn refusal(result: Result<Verified, Failure>) -> Refusal {
    match result {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("no refusal: {other:?}"),
    }
}

/// QUERY signed with `algorithm`, its MAC truncated to `len` octets.
fn truncated(algorithm: Algorithm, len: usize) -> (Vec<u8>, Expected) {
    let mut message = hex(QUERY);
    let expected = sign_request(&key(algorithm), &mut message, TIME);
    // On the wire the name of HMAC-MD5 is longer (RFC 8945 6).
    let in_wire =
        if algorithm == Algorithm::HmacMd5 { "hmac-md5.sig-alg.reg.int".len() } else { algorithm.to_string().len() };
    let mac_at = AT + 14 + 10 + in_wire + 2 + 10;
    let full = message.len() - mac_at - 6;
    message.drain(mac_at + len..mac_at + full);
    message[mac_at - 2..mac_at].copy_from_slice(&(len as u16).to_be_bytes());
    let data_len = message.len() - AT - 14 - 10;
    message[AT + 14 + 8..AT + 14 + 10].copy_from_slice(&(data_len as u16).to_be_bytes());
    (message, expected)
}

/// A verified request and what its client expects.
fn exchange() -> (Verified, Expected) {
    let mut message = hex(QUERY);
    let expected = sign_request(&key(Algorithm::HmacSha256), &mut message, TIME);
    (verify(&message, TIME).expect("verified"), expected)
}

#[test]
fn requests_are_signed_like_elsewhere() {
    let check = |algorithm: Algorithm, mac: &str| {
        let mut message = hex(QUERY);
        sign_request(&key(algorithm), &mut message, TIME);
        let mac_end = message.len() - 6;
        assert_eq!(message[mac_end - mac.len() / 2..mac_end], hex(mac), "{algorithm}");
        let verified = verify_request(&message, AT, &ring(algorithm), TIME).expect("verified");
        assert_eq!(verified.message, hex(QUERY));
        assert_eq!(*verified.key.name(), *name("transfer.key"));
    };
    check(Algorithm::HmacSha1, "49e5e6a009d58f5fde07f98e132e15feedb284e7");
    check(Algorithm::HmacSha224, "935d75e9a5fce2e5201c2bcfb78ca7ebd081dfa0b36ae01e1fe43c07");
    check(Algorithm::HmacSha256, "ef6214739a4e363dde6758001d400051bab005eac0012f09bd750e18f6570d33");
    check(
        Algorithm::HmacSha384,
        "1d1f8bf44ff7ba2bd63a74364a233f62c7532bfb00de5fdb270fa406e924bd572313fe2514e14096a4431821426fab78",
    );
    check(
        Algorithm::HmacSha512,
        "5f98eabd5a9fe9fb248406052ce6ff621966d0999b45d39dd7b599158456907b\
         ba7ddd6811ab57c1ec8e592f8922cff168be53ac94cf8d6ce2b1ae6074dac4bc",
    );
    let mut message = hex(QUERY);
    sign_request(&key(Algorithm::HmacSha256), &mut message, TIME);
    assert_eq!(message, hex(SIGNED));
}

/// RFC 8945 4.3.2: a forwarder may have given the message another ID; RFC 8945 4.3.3: the key's name is canonical.
#[test]
fn the_id_on_the_wire_and_the_case_of_the_key_do_not_matter() {
    let mut message = hex(SIGNED);
    message[..2].copy_from_slice(&[0xab, 0xcd]);
    message[AT + 1..AT + 9].make_ascii_uppercase();
    message[AT + 24 + 1..AT + 24 + 12].make_ascii_uppercase();
    let verified = verify(&message, TIME + 300).expect("verified");
    assert_eq!(verified.message[..2], [0xab, 0xcd]);
    assert_eq!(verified.message[2..], hex(QUERY)[2..]);
}

/// RFC 8945 5.3.1: the first message has the request's MAC before it, later ones the last MAC and the times only.
#[test]
fn answers_are_signed_like_elsewhere() {
    let mut signer = verify(&hex(SIGNED), TIME).expect("verified").signer;
    let mut check = |now: u64, mac: &str| {
        let mut response = hex(RESPONSE);
        signer.sign(&mut response, now);
        assert_eq!(response[response.len() - 6 - 32..response.len() - 6], hex(mac), "{now}");
        assert_eq!(response[10..12], [0, 1]);
        assert!(response.len() - RESPONSE.len() / 2 <= Signer::MAX_LEN);
    };
    check(TIME + 1, "9f4c61d3c090e56df35d901d837602a020d74cc06a0f1b50ddabd77d3c26e9a9");
    check(TIME + 2, "b622a16a4085a0f042f9c7261e9a5d5ce4eacd83e1618952e68c13a677a30203");
}

#[test]
fn the_longest_record_fits_its_room() {
    let long = format!("{0}.{0}.{0}.{1}", "k".repeat(63), "k".repeat(61));
    let ring = KeyRing::new([Key::new(name(&long), Algorithm::HmacSha512, SECRET)]);
    let key = ring.get(&name(&long)).expect("the key");
    let mut message = hex(QUERY);
    let mut expected = sign_request(key, &mut message, TIME);
    assert_eq!(message.len() - AT, Signer::MAX_LEN - 6, "all but the time of BADTIME");
    let late = refusal(verify_request(&message, AT, &ring, TIME + 301));
    let mut response = hex(NOTAUTH);
    late.finish(&mut response, TIME + 301);
    assert_eq!(response.len() - AT, Signer::MAX_LEN);
    assert_eq!(expected.check(&response, TIME), Err(TsigError::RefusedTime(-301)));
}

/// RFC 8945 5.2, 5.2.2.1.
#[test]
fn malformed_records() {
    let check = |what: &str, message: &[u8], at: usize| {
        let result = verify_request(message, at, &ring(Algorithm::HmacSha256), TIME);
        assert!(matches!(result, Err(Failure::Malformed)), "{what}: {result:?}");
    };
    let signed = hex(SIGNED);
    let with = |at: usize, octet: u8| {
        let mut message = signed.clone();
        message[at] = octet;
        message
    };
    check("not counted", &with(11, 0), AT);
    check("type", &with(AT + 15, 249), AT);
    check("class", &with(AT + 17, 1), AT);
    check("TTL", &with(AT + 21, 1), AT);
    check("data length", &with(AT + 23, 0x3c), AT);
    check("algorithm compressed", &with(AT + 24, 0xc0), AT);
    check("MAC size", &with(MAC_AT - 1, 0x21), AT);
    check("other length", &with(signed.len() - 1, 1), AT);
    check("not last", &[&signed[..], b"\0"].concat(), AT);
    check("in the header", &signed, 2);
    check("behind the message", &signed, signed.len());
    check("far behind the message", &signed, usize::MAX);
    for len in 0..signed.len() {
        check("short", &signed[..len], AT);
    }
    for len in [0, 1, 9, 10, 15, 33] {
        let mac = vec![0; len];
        let mut message = signed[..MAC_AT].to_vec();
        message[MAC_AT - 1] = len as u8;
        message[AT + 23] = 0x3d - 32 + len as u8;
        message.extend_from_slice(&[&mac[..], &[0x12, 0x34, 0, 0, 0, 0]].concat());
        check("MAC of no truncation", &message, AT);
    }
}

/// RFC 8945 5.2.1, 5.2.2: not signed, with the request's algorithm and time.
#[test]
fn an_unknown_key_and_a_wrong_signature_are_answered_unsigned() {
    let check = |refusal: Refusal, error: Rcode, request: &[u8]| {
        assert_eq!((refusal.rcode(), refusal.error()), (Rcode::NOTAUTH, error.0));
        assert_eq!(*refusal.key_name(), *name("transfer.key"));
        let mut response = hex(NOTAUTH);
        refusal.finish(&mut response, TIME + 7);
        let mut want = [&hex(NOTAUTH)[..], &request[AT..MAC_AT], &[0x12, 0x34, 0, error.0 as u8, 0, 0]].concat();
        want[11] = 1;
        want[AT + 23] = (want.len() - AT - 24) as u8;
        want[MAC_AT - 1] = 0;
        assert_eq!(response, want);
        let mut expected = sign_request(&key(Algorithm::HmacSha256), &mut hex(QUERY), TIME);
        assert_eq!(expected.check(&response, TIME), Err(TsigError::Refused(error.0)));
        assert!(matches!(expected.finish(), Err(TsigError::Unsigned)));
    };
    let signed = hex(SIGNED);
    let other_secret = KeyRing::new([Key::new(name("transfer.key"), Algorithm::HmacSha256, b"other")]);
    check(refusal(verify_request(&signed, AT, &KeyRing::default(), TIME)), Rcode::BADKEY, &signed);
    let other_algorithm = ring(Algorithm::HmacSha512);
    check(refusal(verify_request(&signed, AT, &other_algorithm, TIME)), Rcode::BADKEY, &signed);
    check(refusal(verify_request(&signed, AT, &other_secret, TIME)), Rcode::BADSIG, &signed);
}

/// Whatever octet changes, in the message or in its signature, but for the ID and the cases that a digest ignores.
#[test]
fn every_bit_is_covered() {
    let signed = hex(SIGNED);
    for at in 2..signed.len() {
        for bit in 0..8 {
            let mut message = signed.clone();
            message[at] ^= 1 << bit;
            let in_name = (AT..AT + 14).contains(&at) || (AT + 24..AT + 37).contains(&at);
            let case = bit == 5 && in_name && signed[at].is_ascii_alphabetic();
            assert_eq!(verify(&message, TIME).is_ok(), case, "octet {at}, bit {bit}");
        }
    }
}

/// RFC 8945 5.2.3: signed, with the client's time and fudge, and the server's time beside it.
#[test]
fn a_request_out_of_time_is_answered_signed() {
    for now in [TIME - 300, TIME, TIME + 300] {
        assert!(verify(&hex(SIGNED), now).is_ok());
    }
    for (now, off) in [(TIME + 301, -301), (TIME - 301, 301), (0, TIME as i64)] {
        let refusal = refusal(verify(&hex(SIGNED), now));
        assert_eq!((refusal.rcode(), refusal.error()), (Rcode::NOTAUTH, Rcode::BADTIME.0));
        let mut response = hex(NOTAUTH);
        refusal.finish(&mut response, now);
        if off == -301 {
            assert_eq!(response, hex(LATE));
        }
        let mut expected = sign_request(&key(Algorithm::HmacSha256), &mut hex(QUERY), TIME);
        assert_eq!(expected.check(&response, TIME), Err(TsigError::RefusedTime(off)));
    }
}

/// RFC 8945 5.2.2.1, 5.2.4.
#[test]
fn truncation() {
    for algorithm in Algorithm::ALL {
        for len in 0..=full_len(algorithm) {
            let (message, mut expected) = truncated(algorithm, len);
            let result = verify_request(&message, AT, &ring(algorithm), TIME);
            let least = (full_len(algorithm) / 2).max(10);
            if len < least {
                assert!(matches!(result, Err(Failure::Malformed)), "{algorithm} {len}");
            } else if len < 16 {
                let refusal = refusal(result);
                assert_eq!(refusal.error(), Rcode::BADTRUNC.0, "{algorithm} {len}");
                let mut response = hex(NOTAUTH);
                refusal.finish(&mut response, TIME + 5);
                if (algorithm, len) == (Algorithm::HmacSha1, 12) {
                    let mac = hex("78f243259bd4b5b6f016790a8026334e8ad4c011");
                    assert_eq!(response[response.len() - 26..response.len() - 6], mac);
                }
                // This client sent the whole MAC, so that it cannot know what the server made of it.
                assert_eq!(expected.check(&response, TIME), Err(TsigError::BadSignature));
            } else {
                let verified = result.expect("verified");
                assert_eq!(verified.message, hex(QUERY), "{algorithm} {len}");
            }
        }
    }
}

fn full_len(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HmacMd5 => 16,
        Algorithm::HmacSha1 => 20,
        Algorithm::HmacSha224 => 28,
        Algorithm::HmacSha256 => 32,
        Algorithm::HmacSha384 => 48,
        Algorithm::HmacSha512 => 64,
    }
}

#[test]
fn an_answer_of_several_messages() {
    let (verified, mut expected) = exchange();
    let mut signer = verified.signer;
    for now in TIME..TIME + 5 {
        let mut message = hex(RESPONSE);
        signer.sign(&mut message, now);
        assert_eq!(expected.check(&message, now), Ok(hex(RESPONSE)));
        assert_eq!(expected.check(&message, now), Err(TsigError::BadSignature), "the same again");
    }
    assert_eq!(expected.finish(), Ok(()));
}

/// RFC 8945 5.3.1: unsigned messages are covered by the next signature.
#[test]
fn unsigned_messages_in_between() {
    let mut expected = sign_request(&key(Algorithm::HmacSha256), &mut hex(QUERY), TIME);
    assert_eq!(expected.check(&hex(RESPONSE), TIME), Err(TsigError::Unsigned), "the first must be signed");
    let signed = |mac: &str, now: u64| {
        let mut message = [&hex(RESPONSE)[..], &hex(SIGNED)[AT..MAC_AT]].concat();
        message[11] = 1;
        let time_at = RESPONSE.len() / 2 + 37;
        message[time_at..time_at + 6].copy_from_slice(&now.to_be_bytes()[2..]);
        message.extend_from_slice(&[&hex(mac)[..], &[0x12, 0x34, 0, 0, 0, 0]].concat());
        message
    };
    let first = signed("9f4c61d3c090e56df35d901d837602a020d74cc06a0f1b50ddabd77d3c26e9a9", TIME + 1);
    let second = signed("b622a16a4085a0f042f9c7261e9a5d5ce4eacd83e1618952e68c13a677a30203", TIME + 2);
    let third = signed("0ed52dd3c320e023fce2f7af7387e6dac582098c79513c30a8530b584cc14ca9", TIME + 3);
    for message in [&first, &second, &hex(RESPONSE), &hex(RESPONSE)] {
        assert_eq!(expected.check(message, TIME + 3), Ok(hex(RESPONSE)));
    }
    assert_eq!(expected.check(&second, TIME + 3), Err(TsigError::BadSignature));
    assert_eq!(expected.check(&third, TIME + 3), Ok(hex(RESPONSE)), "a failed message leaves no trace");
    for _ in 0..MAX_UNSIGNED {
        assert!(expected.check(&hex(RESPONSE), TIME).is_ok());
    }
    assert_eq!(expected.check(&hex(RESPONSE), TIME), Err(TsigError::Unsigned), "the hundredth");
    assert_eq!(expected.finish(), Err(TsigError::Unsigned), "the last must be signed");
}

#[test]
fn answers_that_are_not_believed() {
    let check = |what: &str, want: TsigError, change: &dyn Fn(&mut Vec<u8>), now: u64| {
        let (mut verified, mut expected) = exchange();
        let mut response = hex(RESPONSE);
        verified.signer.sign(&mut response, TIME);
        change(&mut response);
        assert_eq!(expected.check(&response, now), Err(want), "{what}");
    };
    let at = RESPONSE.len() / 2;
    check("changed", TsigError::BadSignature, &|message| message[at - 1] ^= 1, TIME);
    check("early", TsigError::BadTime(-301), &|_| (), TIME - 301);
    check("late", TsigError::BadTime(301), &|_| (), TIME + 301);
    check("another key", TsigError::OtherKey, &|message| message[at + 1] = b'x', TIME);
    check("another algorithm", TsigError::OtherKey, &|message| message[at + 30] = b'x', TIME);
    check("not last", TsigError::Malformed, &|message| message.push(0), TIME);
    check("no header", TsigError::Malformed, &|message| message.truncate(11), TIME);
    check("too many counted", TsigError::Malformed, &|message| message[11] = 2, TIME);
    check(
        "in the answer section",
        TsigError::Malformed,
        &|message| message[7..12].copy_from_slice(&[2, 0, 0, 0, 0]),
        TIME,
    );
    check("class", TsigError::Malformed, &|message| message[at + 17] = 1, TIME);
    check("unsigned", TsigError::Unsigned, &|message| *message = hex(RESPONSE), TIME);
}

/// Changes of every kind to good messages: nothing panics, and nothing is accepted that was not signed.
#[test]
fn garbage_does_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let keys = ring(Algorithm::HmacSha256);
    for round in 0..50_000 {
        let mut message = if round % 2 == 0 { hex(SIGNED) } else { hex(LATE) };
        for _ in 0..1 + random(4) {
            let at = random(message.len());
            match random(4) {
                0 => message[at] = random(256) as u8,
                1 => drop(message.drain(at..(at + random(8)).min(message.len()))),
                2 => message.insert(at, random(256) as u8),
                _ => message.truncate(at.max(1)),
            }
            if message.is_empty() {
                message.push(0);
            }
        }
        if let Ok(verified) = verify_request(&message, AT, &keys, TIME) {
            assert_eq!(verified.message[2..], hex(QUERY)[2..]);
        }
        if let Err(Failure::Refused(refusal)) = verify_request(&message, random(message.len() + 2), &keys, TIME) {
            refusal.finish(&mut message, TIME);
        }
        let mut expected = sign_request(&key(Algorithm::HmacSha256), &mut hex(QUERY), TIME);
        assert!(expected.check(&message, TIME).is_err());
    }
    let mut short = vec![1, 2, 3];
    sign_request(&key(Algorithm::HmacSha1), &mut short, u64::MAX);
    assert_eq!(short, [1, 2, 3], "what is no message is left alone");
}
