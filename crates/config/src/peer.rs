//! Another name server, as `primaries` and `notify` name it: `address[:port] [key:NAME]`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use dns::NameBuf;

/// The port of DNS (RFC 1035 4.2).
const DNS_PORT: u16 = 53;

/// A server to transfer from or to notify.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The TSIG key to sign with.
    pub key: Option<NameBuf>,
}

/// Why a text is no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The address is missing or none.
    #[error(
        "expected an address, with or without port (`192.0.2.1`, `192.0.2.1:5300`, `[2001:db8::1]:5300`), found `{0}`"
    )]
    Address(String),
    /// Port 0.
    #[error("port 0 cannot be a destination")]
    Port,
    /// Something other than a key behind the address.
    #[error("expected `key:NAME` and nothing else after the address, found `{0}`")]
    Behind(String),
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Peer, PeerError> {
        let (address, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        let socket = address.parse::<SocketAddr>().or_else(|_| {
            let address = address.parse::<IpAddr>();
            address.map(|address| SocketAddr::new(address, DNS_PORT))
        });
        let socket = socket.map_err(|_| PeerError::Address(address.to_owned()))?;
        if socket.port() == 0 {
            return Err(PeerError::Port);
        }
        if rest.is_empty() {
            return Ok(Peer { address: socket, key: None });
        }
        let name = rest.strip_prefix("key:").filter(|name| !name.contains(char::is_whitespace));
        let key = name.and_then(|name| name.parse().ok());
        let key = key.ok_or_else(|| PeerError::Behind(rest.to_owned()))?;
        Ok(Peer { address: socket, key: Some(key) })
    }
}

impl fmt::Display for Peer {
    /// The text that parses to this peer; port 53 is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.port() {
            DNS_PORT => write!(f, "{}", self.address.ip())?,
            _ => write!(f, "{}", self.address)?,
        }
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " key:{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_printed_as_they_are_read() {
        let check = |text: &str, socket: &str, want: &str| {
            let peer: Peer = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((peer.address.to_string(), peer.to_string()), (socket.into(), want.into()));
            assert_eq!(want.parse(), Ok(peer));
        };
        check("192.0.2.1", "192.0.2.1:53", "192.0.2.1");
        check("192.0.2.1:5300", "192.0.2.1:5300", "192.0.2.1:5300");
        check("2001:db8::1", "[2001:db8::1]:53", "2001:db8::1");
        check(" [2001:db8::1]:53  key:K ", "[2001:db8::1]:53", "2001:db8::1 key:K.");
        check("192.0.2.1:54\tkey:a.b.", "192.0.2.1:54", "192.0.2.1:54 key:a.b.");
    }

    #[test]
    fn what_is_no_peer() {
        let check = |text: &str, want: &str| {
            let error = text.parse::<Peer>().expect_err(text).to_string();
            assert!(error.contains(want), "{text}: {error}");
        };
        check("", "expected an address");
        check("key:k", "found `key:k`");
        check("ns.example.org", "found `ns.example.org`");
        check("192.0.2.0/24", "found `192.0.2.0/24`");
        check("192.0.2.1:0", "port 0");
        check("192.0.2.1 k", "found `k`");
        check("192.0.2.1 key:", "found `key:`");
        check("192.0.2.1 key:a..b", "found `key:a..b`");
        check("192.0.2.1 key:a key:b", "found `key:a key:b`");
    }
}
