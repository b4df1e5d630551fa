//! TSIG keys, and the digests that are computed with them (RFC 8945 4.3, 5.3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use dns::{Name, NameBuf};

use super::algorithm::Algorithm;
use super::hmac_md5::HmacMd5;
use super::record::Record;

/// A named secret. The crypto library erases it when the key is dropped (for HMAC-MD5 only hashes of it are held).
/// There is no way to read it back.
pub struct Key {
    name: NameBuf,
    algorithm: Algorithm,
    secret: Secret,
}

/// The secret in the form that computes MACs.
enum Secret {
    Library(Box<hmac::Key>),
    Md5(HmacMd5),
}

impl Key {
    /// A key with a copy of `secret`.
    pub fn new(name: NameBuf, algorithm: Algorithm, secret: &[u8]) -> Key {
        let secret = match algorithm.hmac() {
            Some(hmac) => Secret::Library(Box::new(hmac::Key::new(hmac, secret))),
            None => Secret::Md5(HmacMd5::new(secret)),
        };
        Key { name: name.to_canonical(), algorithm, secret }
    }

    /// The name, in lower case.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The algorithm. Messages that use the key with another one are refused.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A new digest.
    pub(super) fn digest(&self) -> Digest {
        match &self.secret {
            Secret::Library(key) => Digest(Hmac::Library(hmac::Context::with_key(key))),
            Secret::Md5(hmac) => Digest(Hmac::Md5(hmac.clone())),
        }
    }
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.name, self.algorithm)
    }
}

/// The keys that a server accepts. Immutable and cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<HashMap<NameBuf, Arc<Key>>>);

impl KeyRing {
    /// A ring of these keys. Of several with the same name, the last one counts.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> KeyRing {
        KeyRing(Arc::new(keys.into_iter().map(|key| (key.name.clone(), Arc::new(key))).collect()))
    }

    /// The key with this name, case ignored.
    pub fn get(&self, name: &Name) -> Option<&Arc<Key>> {
        self.0.get(name)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Computes a message authentication code.
#[derive(Clone)]
pub(super) struct Digest(Hmac);

#[expect(clippy::large_enum_variant, reason = "the large one is the usual one: a box would be an allocation a message")]
#[derive(Clone)]
enum Hmac {
    Library(hmac::Context),
    Md5(HmacMd5),
}

impl Hmac {
    fn update(&mut self, octets: &[u8]) {
        match self {
            Hmac::Library(context) => context.update(octets),
            Hmac::Md5(hmac) => hmac.update(octets),
        }
    }
}

impl Digest {
    /// Adds the MAC of the previous message, or of the request (RFC 8945 4.3.1, 5.3.1).
    pub fn prior(mut self, mac: &[u8]) -> Digest {
        // A MAC has at most 64 octets if it was computed here, and 65535 if it was received.
        self.0.update(&(mac.len() as u16).to_be_bytes());
        self.0.update(mac);
        self
    }

    /// Adds bytes of a message.
    pub fn message(mut self, octets: &[u8]) -> Digest {
        self.0.update(octets);
        self
    }

    /// Adds the variables of the first message of a sequence (RFC 8945 4.3.3).
    pub fn variables(mut self, key: &Key, record: &Record<'_>) -> Digest {
        self.0.update(key.name.as_wire());
        self.0.update(&[0, 255, 0, 0, 0, 0]); // class ANY, TTL 0
        self.0.update(key.algorithm.name().as_wire());
        self = self.timers(record);
        self.0.update(&record.error.to_be_bytes());
        self.0.update(&(record.other.len() as u16).to_be_bytes());
        self.0.update(record.other);
        self
    }

    /// Adds the variables of a later message (RFC 8945 5.3.1).
    pub fn timers(mut self, record: &Record<'_>) -> Digest {
        self.0.update(&record.time.to_be_bytes()[2..]);
        self.0.update(&record.fudge.to_be_bytes());
        self
    }

    /// The MAC.
    pub fn finish(self) -> Mac {
        match self.0 {
            Hmac::Library(context) => Mac::Library(context.sign()),
            Hmac::Md5(hmac) => Mac::Md5(hmac.finish()),
        }
    }
}

/// A message authentication code made here.
#[derive(Debug)]
pub(super) enum Mac {
    Library(hmac::Tag),
    Md5([u8; super::hmac_md5::CODE_LEN]),
}

impl Mac {
    /// All its octets.
    pub fn as_octets(&self) -> &[u8] {
        match self {
            Mac::Library(tag) => tag.as_ref(),
            Mac::Md5(code) => code,
        }
    }

    /// Whether `shown` is this code, perhaps truncated (an empty one never is). Takes the same time wherever they
    /// differ.
    pub fn is(&self, shown: &[u8]) -> bool {
        let own = self.as_octets().get(..shown.len()).filter(|own| !own.is_empty());
        own.is_some_and(|own| constant_time::verify_slices_are_equal(own, shown).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case_and_do_not_show_their_secret() {
        let key = |name: &str, secret: &[u8]| Key::new(name.parse().expect("name"), Algorithm::HmacSha256, secret);
        let ring = KeyRing::new([key("A.Example", b"first"), key("a.example", b"s3cret"), key("b", b"")]);
        let found = ring.get("a.EXAMPLE".parse::<NameBuf>().expect("name").as_ref()).expect("a key");
        assert_eq!((found.name().to_string().as_str(), found.algorithm()), ("a.example.", Algorithm::HmacSha256));
        assert!(ring.get(Name::root()).is_none() && !ring.is_empty() && KeyRing::default().is_empty());
        let shown = format!("{ring:?} {found:?}");
        let octets = format!("{:?}", b"s3cret");
        assert!(!shown.contains("s3cret") && !shown.contains(octets.trim_matches(['[', ']'])), "{shown}");
    }

    #[test]
    fn codes_are_compared_whole_or_truncated() {
        let mac = Key::new(NameBuf::root(), Algorithm::HmacSha1, b"k").digest().message(b"m").finish();
        let octets = mac.as_octets().to_vec();
        assert!(mac.is(&octets) && mac.is(&octets[..10]));
        let mut longer = octets.clone();
        longer.push(0);
        let mut other = octets.clone();
        other[19] ^= 1;
        assert!(!mac.is(&[]) && !mac.is(&longer) && !mac.is(&other) && !mac.is(&octets[1..]));
    }
}
