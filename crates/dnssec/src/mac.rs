//! Authentication of octets with a shared key: HMAC-SHA256 (RFC 2104, FIPS 198-1).
//!
//! ```
//! use dnssec::mac::{mac, verify};
//!
//! let key = [7; 32];
//! let tag = mac(&key, &[b"a", b"bc"]);
//! assert!(verify(&key, &[b"ab", b"c"], &tag), "the pieces stand one behind the other");
//! assert!(!verify(&key, &[b"ab", b"d"], &tag));
//! ```

use aws_lc_rs::hmac;

/// Octets of a key.
pub const KEY_LEN: usize = 32;
/// Octets of a tag.
pub const MAC_LEN: usize = 32;

/// The tag of `pieces`, one behind the other. Where one ends is not part of it: their lengths must follow from what they
/// hold.
pub fn mac(key: &[u8; KEY_LEN], pieces: &[&[u8]]) -> [u8; MAC_LEN] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    pieces.iter().for_each(|piece| context.update(piece));
    let mut tag = [0; MAC_LEN];
    tag.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    tag
}

/// Whether `tag` is that of `pieces`; takes as long whatever differs.
pub fn verify(key: &[u8; KEY_LEN], pieces: &[&[u8]], tag: &[u8; MAC_LEN]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(&mac(key, pieces), tag).is_ok()
}
