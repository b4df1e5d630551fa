//! The words of `headwater query`, in any order, like dig's.

use dns::{NameBuf, RType};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A question and how to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name asked for.
    pub name: NameBuf,
    /// The type asked for; A if none was given.
    pub rtype: RType,
    /// Whom to ask; without an address 127.0.0.1.
    pub server: IpAddr,
    /// Port to ask on; none: the usual one.
    pub port: Option<u16>,
    /// What carries the question.
    pub transport: Transport,
    /// Set the DO bit (RFC 4035 3.2.1) and show DNSSEC records.
    pub dnssec: bool,
    /// Print JSON.
    pub json: bool,
}

/// What carries a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// UDP, and TCP after a truncated answer.
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// TLS (RFC 7858).
    Tls,
    /// HTTPS (RFC 8484).
    Https,
    /// QUIC (RFC 9250).
    Quic,
}

/// Why the words are not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryArgsError {
    /// No word is a name.
    #[error("no name to ask for")]
    NoName,
    /// A word that is not a domain name.
    #[error("`{0}` is not a domain name: {1}")]
    BadName(String, dns::NameError),
    /// A third word, or a second that is not a type.
    #[error("`{0}` is not a record type")]
    BadType(String),
    /// `@` without an address.
    #[error("`@{0}` is not an address: @ADDR or @ADDR:PORT, IPv6 with a port in brackets")]
    BadServer(String),
    /// `+` with an unknown word.
    #[error("`+{0}` is not known: +dnssec +tcp +tls +https +quic +json")]
    BadFlag(String),
    /// Something that may stand once only.
    #[error("{0} is given twice")]
    Twice(&'static str),
}

impl Query {
    /// Reads the words.
    pub fn parse(words: &[String]) -> Result<Query, QueryArgsError> {
        let mut plain = Vec::new();
        let mut server = None;
        let mut transport = None;
        let (mut dnssec, mut json) = (false, false);
        for word in words {
            if let Some(text) = word.strip_prefix('@') {
                set_once(&mut server, parse_server(text)?, "the server")?;
            } else if let Some(flag) = word.strip_prefix('+') {
                match flag {
                    "dnssec" => dnssec = true,
                    "json" => json = true,
                    _ => set_once(&mut transport, parse_transport(flag)?, "the transport")?,
                }
            } else {
                plain.push(word.as_str());
            }
        }
        let (name, rtype) = name_and_type(&plain)?;
        let (server, port) = server.unwrap_or((IpAddr::V4(Ipv4Addr::LOCALHOST), None));
        let transport = transport.unwrap_or(Transport::Udp);
        Ok(Query { name, rtype, server, port, transport, dnssec, json })
    }
}

/// The type may stand before or behind the name; where both words could be a type, the first is the name.
fn name_and_type(words: &[&str]) -> Result<(NameBuf, RType), QueryArgsError> {
    let (name, rtype) = match words {
        [] => return Err(QueryArgsError::NoName),
        [name] => (name, RType(1)),
        [first, second] => match (parse_type(first), parse_type(second)) {
            (_, Some(rtype)) => (first, rtype),
            (Some(rtype), None) => (second, rtype),
            (None, None) => return Err(QueryArgsError::BadType(second.to_string())),
        },
        [_, _, third, ..] => return Err(QueryArgsError::BadType(third.to_string())),
    };
    match name.parse() {
        Ok(name) => Ok((name, rtype)),
        Err(error) => Err(QueryArgsError::BadName(name.to_string(), error)),
    }
}

fn parse_type(word: &str) -> Option<RType> {
    RType::from_text(word.as_bytes())
}

fn parse_server(text: &str) -> Result<(IpAddr, Option<u16>), QueryArgsError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip(), Some(address.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map(|address| (address, None)).map_err(|_| QueryArgsError::BadServer(text.to_owned()))
}

fn parse_transport(flag: &str) -> Result<Transport, QueryArgsError> {
    match flag {
        "tcp" => Ok(Transport::Tcp),
        "tls" => Ok(Transport::Tls),
        "https" => Ok(Transport::Https),
        "quic" => Ok(Transport::Quic),
        _ => Err(QueryArgsError::BadFlag(flag.to_owned())),
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, what: &'static str) -> Result<(), QueryArgsError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryArgsError::Twice(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str) -> Result<String, QueryArgsError> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let query = Query::parse(&words)?;
        let port = query.port.map_or(String::new(), |port| format!(":{port}"));
        let flags = format!("{}{}", if query.dnssec { " dnssec" } else { "" }, if query.json { " json" } else { "" });
        Ok(format!("{} {} @{}{port} {:?}{flags}", query.name, query.rtype, query.server, query.transport))
    }

    #[test]
    fn words_in_any_order() {
        let cases = [
            ("example.org", "example.org. A @127.0.0.1 Udp"),
            ("example.org mx", "example.org. MX @127.0.0.1 Udp"),
            ("MX example.org", "example.org. MX @127.0.0.1 Udp"),
            ("ns mx", "ns. MX @127.0.0.1 Udp"),
            ("a", "a. A @127.0.0.1 Udp"),
            ("+dnssec @192.0.2.1:53 TYPE65 +json . +tcp", ". HTTPS @192.0.2.1:53 Tcp dnssec json"),
            ("@::1 example.org", "example.org. A @::1 Udp"),
            ("@[::1]:5300 example.org +quic", "example.org. A @::1:5300 Quic"),
        ];
        for (words, want) in cases {
            assert_eq!(
                check(words).as_deref().map(|got| got.replace("TYPE65", "HTTPS")),
                Ok(want.to_owned()),
                "{words}"
            );
        }
    }

    #[test]
    fn refusals() {
        let cases = [
            ("@192.0.2.1", QueryArgsError::NoName),
            ("a..b", QueryArgsError::BadName("a..b".into(), dns::NameError::EmptyLabel)),
            ("example.org foo", QueryArgsError::BadType("foo".into())),
            ("example.org a b", QueryArgsError::BadType("b".into())),
            ("example.org @ns", QueryArgsError::BadServer("ns".into())),
            ("example.org +nope", QueryArgsError::BadFlag("nope".into())),
            ("example.org +tcp +tls", QueryArgsError::Twice("the transport")),
            ("example.org @::1 @::2", QueryArgsError::Twice("the server")),
        ];
        for (words, want) in cases {
            assert_eq!(check(words), Err(want), "{words}");
        }
    }
}
