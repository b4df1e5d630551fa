//! Tokens as they are kept: a digest, from which nobody gets the token back.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// Bytes of a token's secret.
pub(super) const SECRET_LEN: usize = 32;

/// The SHA-256 digest of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The digest of `secret`.
    pub fn of(secret: &[u8; SECRET_LEN]) -> TokenHash {
        TokenHash(dnssec::digest::sha256(secret))
    }

    /// Whether it is the digest of `secret`.
    pub fn is_of(&self, secret: &[u8; SECRET_LEN]) -> bool {
        dnssec::digest::equal(&self.0, &dnssec::digest::sha256(secret))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<TokenHash, &'static str> {
        let octets = HEXLOWER.decode(text.as_bytes()).ok().and_then(|octets| octets.try_into().ok());
        octets.map(TokenHash).ok_or("not a SHA-256 digest in hex")
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> String {
        HEXLOWER.encode(&hash.0)
    }
}
