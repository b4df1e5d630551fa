//! HMAC-MD5 (RFC 2104), which the crypto library does not have. For old peers only: RFC 8945 6 says to use another
//! algorithm wherever possible.

use md5::{Digest as _, Md5};

/// Bytes of a block of MD5.
const BLOCK_LEN: usize = 64;
/// Bytes of a MAC.
pub const CODE_LEN: usize = 16;

/// Computes a MAC. Both hashes start with the key.
#[derive(Clone)]
pub struct HmacMd5 {
    inner: Md5,
    outer: Md5,
}

impl HmacMd5 {
    /// Starts with this secret.
    pub fn new(secret: &[u8]) -> HmacMd5 {
        let mut block = [0; BLOCK_LEN];
        match block.get_mut(..secret.len()) {
            Some(start) => start.copy_from_slice(secret),
            // RFC 2104 2: a longer secret is hashed.
            None => block[..CODE_LEN].copy_from_slice(&Md5::digest(secret)),
        }
        let with = |pad: u8| Md5::new_with_prefix(block.map(|octet| octet ^ pad));
        HmacMd5 { inner: with(0x36), outer: with(0x5c) }
    }

    /// Adds bytes of the message.
    pub fn update(&mut self, octets: &[u8]) {
        self.inner.update(octets);
    }

    /// The MAC.
    pub fn finish(mut self) -> [u8; CODE_LEN] {
        self.outer.update(self.inner.finalize());
        self.outer.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of RFC 2202 2 and one with a secret of more than a block.
    #[test]
    fn codes_of_the_rfc() {
        let check = |secret: &[u8], text: &[u8], want: &str| {
            let mut code = HmacMd5::new(secret);
            code.update(text);
            let hex: String = code.finish().iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(hex, want);
        };
        check(&[0x0b; 16], b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d");
        check(b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738");
        check(&[0xaa; 16], &[0xdd; 50], "56be34521d144c88dbb8c733f0e8b3f6");
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        check(&[0xaa; 80], text, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
