//! A server that resolves for us, as `upstream_servers` and `forward_zones` name it; and one that has a zone, as
//! `stub_zones` do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use resolver::settings::Forwarder;
use resolver::upstream::{HttpsTarget, Peer, Transport};

use super::problem::closest;

/// Ports of DNS (RFC 1035 4.2), DNS over TLS (RFC 7858 3.1) and HTTPS (RFC 9110 4.2.2).
const DNS_PORT: u16 = 53;
const TLS_PORT: u16 = 853;
const HTTPS_PORT: u16 = 443;
/// The path of DNS over HTTPS where none is given.
const HTTPS_PATH: &str = "/dns-query";
/// What stands behind `#` where any certificate will do.
pub const INSECURE: &str = "insecure";
/// Schemes, for suggestions.
const SCHEMES: [&str; 4] = ["udp", "tcp", "tls", "https"];

/// Why a text is no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The address is missing or none.
    #[error(
        "expected an address, with or without port (`192.0.2.1`, `192.0.2.1:5300`, `[2001:db8::1]:5300`), found `{0}`"
    )]
    Address(String),
    /// Port 0.
    #[error("port 0 cannot be a destination")]
    Port,
    /// A scheme that is none.
    #[error("`{0}://` is not one of udp://, tcp://, tls:// and https://")]
    Scheme(String),
    /// What stands behind `#` is no host name.
    #[error("`{0}` is not a host name, against which the certificate could be checked")]
    Name(String),
    /// What stands behind `#` in a URL.
    #[error(
        "`#{0}` after a URL: only `#{INSECURE}` is allowed there; the certificate is checked against the host of the URL"
    )]
    Fragment(String),
    /// A URL with a name, and nothing that says where it is.
    #[error("the address of `{0}` is missing: `https://{0}{1}@192.0.2.1`")]
    NoAddress(String, String),
}

impl UpstreamError {
    /// What was probably meant.
    pub fn suggestion(&self) -> Option<String> {
        match self {
            UpstreamError::Scheme(scheme) => closest(scheme, SCHEMES).map(|scheme| format!("{scheme}://")),
            _ => None,
        }
    }
}

/// Parses `ADDRESS[:PORT]`, `udp://`, `tcp://ADDRESS[:PORT]`, `tls://ADDRESS[:PORT][#NAME]`,
/// `https://ADDRESS[:PORT][/PATH]`, `https://NAME[:PORT][/PATH]@ADDRESS`; the last three also with `#insecure`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_forwarder(text: &str) -> Result<Forwarder, UpstreamError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Forwarder { address: parse_server(text, DNS_PORT)?, transport: Transport::Udp });
    };
    match scheme.to_ascii_lowercase().as_str() {
        "udp" => Ok(Forwarder { address: parse_server(rest, DNS_PORT)?, transport: Transport::Udp }),
        "tcp" => Ok(Forwarder { address: parse_server(rest, DNS_PORT)?, transport: Transport::Tcp }),
        "tls" => {
            let (address, name) = rest.split_once('#').map_or((rest, None), |(address, name)| (address, Some(name)));
            let peer = match name {
                None => Peer::Address,
                Some(INSECURE) => Peer::Anyone,
                Some(name) => Peer::Name(host_name(name)?.into()),
            };
            Ok(Forwarder { address: parse_server(address, TLS_PORT)?, transport: Transport::Tls(peer) })
        }
        "https" => parse_https(rest),
        _ => Err(UpstreamError::Scheme(scheme.to_owned())),
    }
}

/// Parses `ADDRESS[:PORT]`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_server(text: &str, port: u16) -> Result<SocketAddr, UpstreamError> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => {
            let address = text.parse::<IpAddr>().ok().or_else(bracketed);
            SocketAddr::new(address.ok_or_else(|| UpstreamError::Address(text.to_owned()))?, port)
        }
    };
    if address.port() == 0 { Err(UpstreamError::Port) } else { Ok(address) }
}

/// What stands behind `https://`.
fn parse_https(text: &str) -> Result<Forwarder, UpstreamError> {
    let (text, insecure) = match text.rsplit_once('#') {
        None => (text, false),
        Some((text, INSECURE)) => (text, true),
        Some((_, other)) => return Err(UpstreamError::Fragment(other.to_owned())),
    };
    let (url, at) = text.rsplit_once('@').map_or((text, None), |(url, at)| (url, Some(at)));
    let (authority, path) = url.find('/').map_or((url, HTTPS_PATH), |slash| url.split_at(slash));
    // RFC 8484 3: a URI template; its only variable is ours to send or not.
    let path = path.strip_suffix("{?dns}").unwrap_or(path);
    let target = |host: String| Transport::Https(Arc::new(HttpsTarget { host, path: path.to_owned(), insecure }));
    if let Ok(address) = parse_server(authority, HTTPS_PORT) {
        let to = at.map_or(Ok(address), |at| parse_server(at, address.port()))?;
        return Ok(Forwarder { address: to, transport: target(address.ip().to_string()) });
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| UpstreamError::Address(authority.to_owned()))?),
        None => (authority, HTTPS_PORT),
    };
    let host = host_name(host)?;
    let at = at.ok_or_else(|| UpstreamError::NoAddress(authority.to_owned(), path.to_owned()))?;
    Ok(Forwarder { address: parse_server(at, port)?, transport: target(host.to_owned()) })
}

/// A name as certificates have it: letters, digits, hyphens and dots (RFC 6125 6.4), or an address.
fn host_name(text: &str) -> Result<&str, UpstreamError> {
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(inner)
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_name = text.len() <= 253 && text.split('.').all(is_label);
    if is_name || text.parse::<IpAddr>().is_ok() { Ok(text) } else { Err(UpstreamError::Name(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarders() {
        let check = |text: &str, address: &str, transport: &str| {
            let got = parse_forwarder(text).expect(text);
            let how = match &got.transport {
                Transport::Udp => "udp".to_owned(),
                Transport::Tcp => "tcp".to_owned(),
                Transport::Tls(Peer::Name(name)) => format!("tls {name}"),
                Transport::Tls(peer) => format!("tls {peer:?}"),
                Transport::Https(target) if target.insecure => format!("https {} insecure", target.host),
                Transport::Https(target) => format!("https {} {}", target.host, target.path),
            };
            assert_eq!((got.address.to_string().as_str(), how.as_str()), (address, transport), "{text}");
        };
        check("9.9.9.9", "9.9.9.9:53", "udp");
        check("192.0.2.1:5300", "192.0.2.1:5300", "udp");
        check("2001:db8::1", "[2001:db8::1]:53", "udp");
        check("[2001:db8::1]", "[2001:db8::1]:53", "udp");
        check("[2001:db8::1]:54", "[2001:db8::1]:54", "udp");
        check("udp://192.0.2.1", "192.0.2.1:53", "udp");
        check("TCP://192.0.2.1:54", "192.0.2.1:54", "tcp");
        check("tls://1.1.1.1", "1.1.1.1:853", "tls Address");
        check("tls://1.1.1.1#insecure", "1.1.1.1:853", "tls Anyone");
        check("https://1.1.1.1#insecure", "1.1.1.1:443", "https 1.1.1.1 insecure");
        check("https://dns.example/q@192.0.2.1#insecure", "192.0.2.1:443", "https dns.example insecure");
        check("tls://1.1.1.1#one.example", "1.1.1.1:853", "tls one.example");
        check("tls://[2001:db8::1]:8853#one.example.", "[2001:db8::1]:8853", "tls one.example");
        check("https://1.1.1.1", "1.1.1.1:443", "https 1.1.1.1 /dns-query");
        check("https://[2001:db8::1]:8443/q{?dns}", "[2001:db8::1]:8443", "https 2001:db8::1 /q");
        check("https://dns.example/dns-query@192.0.2.1", "192.0.2.1:443", "https dns.example /dns-query");
        check("https://dns.example:8443@2001:db8::1", "[2001:db8::1]:8443", "https dns.example /dns-query");
        check("https://192.0.2.1:444/a@192.0.2.2", "192.0.2.2:444", "https 192.0.2.1 /a");
    }

    #[test]
    fn what_is_none() {
        let check = |text: &str, message: &str, suggestion: Option<&str>| {
            let error = parse_forwarder(text).expect_err(text);
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert_eq!(error.suggestion().as_deref(), suggestion, "{text}");
        };
        check("", "found ``", None);
        check("dns.example", "found `dns.example`", None);
        check("192.0.2.1:0", "port 0", None);
        check("htps://192.0.2.1", "`htps://`", Some("https://"));
        check("tls://dns.example", "found `dns.example`", None);
        check("tls://1.1.1.1#", "`` is not a host name", None);
        check("tls://1.1.1.1#a b", "`a b`", None);
        check("https://192.0.2.1/dns-query#dns.example", "`#dns.example` after a URL", None);
        check("https://dns.example/dns-query", "`https://dns.example/dns-query@192.0.2.1`", None);
        check("https://dns.example:x@192.0.2.1", "found `dns.example:x`", None);
        check("https://dns.example@192.0.2", "found `192.0.2`", None);
    }
}
