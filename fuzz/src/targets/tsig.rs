//! Signed messages: what is found to be in order is what the key's holder signed, and no other message is.
//!
//! The first two octets of an input are where a request's TSIG record is said to start; the message follows.

use std::sync::Arc;

use dns::{Message, NameBuf, RType};
use dnssec::tsig::{Algorithm, Failure, Key, KeyRing, sign_request, verify_request};

use super::{Target, mark};

const NOW: u64 = 1_800_000_000;
const ALGORITHMS: [Algorithm; 6] = Algorithm::ALL;

/// A message with each algorithm.
struct Exchange {
    key: Arc<Key>,
    request: Vec<u8>,
    response: Vec<u8>,
}

pub struct TsigTarget {
    keys: KeyRing,
    query: Vec<u8>,
    exchanges: Vec<Exchange>,
}

fn key(algorithm: Algorithm) -> Key {
    let name: NameBuf = format!("{algorithm}.key.").parse().expect("a name");
    Key::new(name, algorithm, b"a secret of the fuzzer alone")
}

impl TsigTarget {
    pub fn new() -> TsigTarget {
        let name: NameBuf = "www.example.org.".parse().expect("a name");
        let query = Message::query(9, name, RType::A).to_wire(512);
        let keys = KeyRing::new(ALGORITHMS.map(key));
        let exchange = |algorithm| {
            let key = Arc::new(key(algorithm));
            let mut request = query.clone();
            sign_request(&key, &mut request, NOW);
            let mut verified = verify_request(&request, query.len(), &keys, NOW).expect("our own request");
            let mut response = response(&query);
            verified.signer.sign(&mut response, NOW);
            Exchange { key, request, response }
        };
        let exchanges = ALGORITHMS.map(exchange).into();
        TsigTarget { keys, query, exchanges }
    }

    /// A server looks at the message.
    fn as_request(&self, at: usize, message: &[u8]) -> u64 {
        match verify_request(message, at, &self.keys, NOW) {
            Ok(verified) => {
                // The identifier on the wire is not signed.
                assert_eq!(verified.message[2..], self.query[2..], "another message than the one signed");
                let (mut answer, mut signer) = (response(&self.query), verified.signer);
                signer.sign(&mut answer, NOW);
                Message::parse(&answer).expect("a well-formed answer");
                1
            }
            Err(Failure::Malformed) => 2,
            Err(Failure::Refused(refusal)) => {
                let error = refusal.error();
                let mut answer = response(&self.query);
                refusal.finish(&mut answer, NOW);
                Message::parse(&answer).expect("a well-formed refusal");
                mark(error)
            }
        }
    }

    /// A client looks at it.
    fn as_response(&self, exchange: &Exchange, message: &[u8]) -> u64 {
        let mut expected = sign_request(&exchange.key, &mut self.query.clone(), NOW);
        match expected.check(message, NOW) {
            Ok(checked) => {
                assert_eq!(checked[2..], response(&self.query)[2..], "another message than the one signed");
                assert!(expected.check(message, NOW).is_err(), "the same message twice is one too many");
                1
            }
            Err(error) => mark(error.to_string()),
        }
    }
}

/// The response that is signed.
fn response(query: &[u8]) -> Vec<u8> {
    let mut response = query.to_vec();
    response[2] |= 0x80;
    response
}

impl Target for TsigTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let at = (self.query.len() as u16).to_be_bytes();
        let messages = self.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]);
        messages.map(|message| [&at[..], message].concat()).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let algorithms = ALGORITHMS.iter().map(|algorithm| {
            let name: NameBuf = algorithm.to_string().parse().expect("a name");
            name.into_wire()
        });
        let pieces: [&[u8]; 4] =
            [&[0, 250, 0, 255, 0, 0, 0, 0], &[0, 16, 0, 0], &[0, 18, 0, 6], b"\x0bhmac-sha256\x03key\x00"];
        algorithms.chain(pieces.map(<[u8]>::to_vec)).collect()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((at, message)) = input.split_first_chunk::<2>() else { return 0 };
        let request = self.as_request(usize::from(u16::from_be_bytes(*at)), message);
        let responses: Vec<u64> = self.exchanges.iter().map(|exchange| self.as_response(exchange, message)).collect();
        mark((request, responses))
    }
}
