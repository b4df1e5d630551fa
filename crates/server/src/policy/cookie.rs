//! Server cookies (RFC 7873, in the interoperable form of RFC 9018 4): a client that shows one has
//! received our packets at its address before.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

/// Octets of a client cookie (RFC 7873 4).
pub const CLIENT_LEN: usize = 8;
/// Octets of a client cookie with our server cookie.
pub const FULL_LEN: usize = 24;
/// The version of RFC 9018 4.1.
const VERSION: u8 = 1;
/// A cookie made longer ago is not accepted (RFC 9018 4.3), in seconds.
const MAX_AGE: u32 = 3600;
/// A cookie made this far in the future is not accepted (RFC 9018 4.3), in seconds.
const MAX_AHEAD: u32 = 300;

/// A server secret; all servers behind one address share it.
pub type Secret = [u8; 16];

/// The secrets in use: cookies are made with the current one, the previous one is still accepted.
#[derive(Clone)]
pub struct Secrets {
    current: Secret,
    previous: Option<Secret>,
}

impl Secrets {
    /// A first secret, from a random source.
    pub fn new(secret: Secret) -> Secrets {
        Secrets { current: secret, previous: None }
    }

    /// These secrets with `secret` as the current one (RFC 7873 7.1).
    pub fn rotated(&self, secret: Secret) -> Secrets {
        Secrets { current: secret, previous: Some(self.current) }
    }

    /// Whether `cookie` (client and server part) was made by us for `client` not too long before `now`
    /// (seconds, modulo 2^32).
    pub fn verify(&self, cookie: &[u8], client: IpAddr, now: u32) -> bool {
        let Some((body, hash)) = cookie.split_last_chunk::<8>().filter(|(body, _)| body.len() == 16) else {
            return false;
        };
        let made = u32::from_be_bytes([body[12], body[13], body[14], body[15]]);
        let age = now.wrapping_sub(made);
        let fresh = age <= MAX_AGE || made.wrapping_sub(now) <= MAX_AHEAD;
        let ours = |secret: &Secret| mac(secret, body, client) == *hash;
        body[8] == VERSION && fresh && (ours(&self.current) || self.previous.as_ref().is_some_and(ours))
    }

    /// The cookie for a client: its own eight octets and our part.
    pub fn make(&self, client_cookie: &[u8; CLIENT_LEN], client: IpAddr, now: u32) -> [u8; FULL_LEN] {
        let mut cookie = [0u8; FULL_LEN];
        cookie[..8].copy_from_slice(client_cookie);
        cookie[8] = VERSION;
        cookie[12..16].copy_from_slice(&now.to_be_bytes());
        let hash = mac(&self.current, &cookie[..16], client);
        cookie[16..].copy_from_slice(&hash);
        cookie
    }
}

/// RFC 9018 4.4: SipHash-2-4 over both cookies' fixed part and the client's address.
fn mac(secret: &Secret, body: &[u8], client: IpAddr) -> [u8; 8] {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(body);
    match client {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
    }

    /// The examples of RFC 9018 appendix A.1 and A.2.
    #[test]
    fn rfc9018_examples() {
        let secret: Secret = hex("e5e973e5a6b2a43f48e7dc849e37bfcf").try_into().expect("16 octets");
        let secrets = Secrets::new(secret);
        let client = IpAddr::from([198, 51, 100, 100]);
        let made = secrets.make(b"\x24\x64\xc4\xab\xcf\x10\xc9\x57", client, 1559731985);
        assert_eq!(made.to_vec(), hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
        let later = hex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
        let client = IpAddr::from([203, 0, 113, 203]);
        assert!(secrets.verify(&later, client, 1559727985 + 3), "reserved octets are not looked at");
    }

    #[test]
    fn what_is_not_accepted() {
        let secrets = Secrets::new([7; 16]);
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let cookie = secrets.make(&[1; 8], client, 1000);
        let check = |cookie: &[u8], client, now| secrets.verify(cookie, client, now);
        assert!(check(&cookie, client, 1000) && check(&cookie, client, 1000 + MAX_AGE));
        assert!(check(&cookie, client, 1000 - MAX_AHEAD));
        assert!(!check(&cookie, client, 1001 + MAX_AGE) && !check(&cookie, client, 999 - MAX_AHEAD));
        assert!(!check(&cookie, other, 1000) && !check(&cookie[..8], client, 1000));
        let secrets = secrets.rotated([8; 16]);
        assert!(secrets.verify(&cookie, client, 1000), "the previous secret counts");
        let secrets = secrets.rotated([9; 16]);
        assert!(!secrets.verify(&cookie, client, 1000), "the one before does not");
    }
}
