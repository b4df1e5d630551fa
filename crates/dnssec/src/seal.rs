//! Encryption of secrets that the server must read again, as those of TSIG keys: AES-256-GCM (NIST SP 800-38D).
//!
//! The caller chooses the nonce. Never use a nonce twice with the same key.
//!
//! ```
//! use dnssec::seal::{KEY_LEN, NONCE_LEN, open, seal};
//!
//! # fn main() -> Result<(), dnssec::seal::SealError> {
//! let (key, nonce) = ([7; KEY_LEN], [1; NONCE_LEN]);
//! let sealed = seal(&key, nonce, b"tsig key.example.", b"secret")?;
//! assert_eq!(open(&key, nonce, b"tsig key.example.", &sealed)?, b"secret");
//! assert!(open(&key, nonce, b"tsig other.example.", &sealed).is_err(), "sealed for another context");
//! # Ok(())
//! # }
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes by which a sealed text is longer than its plain text.
pub const TAG_LEN: usize = 16;

/// The text was sealed with another key, nonce or context, was changed, or is too long for the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text and the key do not fit")]
pub struct SealError;

/// Encrypts `plain`. `context` is not part of the result, but opening needs the same one.
///
/// # Errors
/// [`SealError`] for more than 2^36 bytes.
pub fn seal(key: &[u8; KEY_LEN], nonce: [u8; NONCE_LEN], context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut text = Vec::with_capacity(plain.len() + TAG_LEN);
    text.extend_from_slice(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    aead(key)?.seal_in_place_append_tag(nonce, Aad::from(context), &mut text).map_err(|_| SealError)?;
    Ok(text)
}

/// Decrypts `sealed`.
///
/// # Errors
/// [`SealError`] if key, nonce, context or text differ from those of sealing.
pub fn open(key: &[u8; KEY_LEN], nonce: [u8; NONCE_LEN], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut text = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let len = aead(key)?.open_in_place(nonce, Aad::from(context), &mut text).map_err(|_| SealError)?.len();
    text.truncate(len);
    Ok(text)
}

fn aead(key: &[u8; KEY_LEN]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| SealError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_LEN] = [7; KEY_LEN];
    const NONCE: [u8; NONCE_LEN] = [9; NONCE_LEN];

    /// The GCM specification's test case 14: a block of zeros under a key and a nonce of zeros.
    #[test]
    fn known_text() {
        let sealed = seal(&[0; KEY_LEN], [0; NONCE_LEN], b"", &[0; 16]).expect("sealed");
        let want = [
            0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1,
            0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
        ];
        assert_eq!(sealed, want);
    }

    #[test]
    fn opens_only_as_it_was_sealed() {
        let sealed = seal(&KEY, NONCE, b"context", b"secret").expect("sealed");
        assert_eq!(open(&KEY, NONCE, b"context", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(open(&[8; KEY_LEN], NONCE, b"context", &sealed), Err(SealError));
        assert_eq!(open(&KEY, [8; NONCE_LEN], b"context", &sealed), Err(SealError));
        assert_eq!(open(&KEY, NONCE, b"other", &sealed), Err(SealError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&KEY, NONCE, b"context", &changed), Err(SealError), "octet {at}");
            assert_eq!(open(&KEY, NONCE, b"context", &sealed[..at]), Err(SealError), "{at} octets");
        }
    }
}
