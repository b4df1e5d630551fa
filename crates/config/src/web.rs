//! The web interface and the API as configured: sockets, certificates, origins of other sites.

use super::networks::{NetworkList, check_networks};
use super::problem::{Mark, Report};
use super::raw::{self, WebProtocol};
use super::sockets::{Addresses, parse_address, parse_socket};
use super::value::At;
use ::policy::limits::access::Verdict;
use server::certificate::{Files, Identity};
use server::clock::unix_ms;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The web interface and the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Whether they are served.
    pub enabled: bool,
    /// Where; addresses are unique. Empty only if they are not served.
    pub listen: Vec<WebSocket>,
    /// Whether another port will do when that of `listen` is taken: nobody chose it.
    pub any_port: bool,
    /// Origins of other sites whose pages may use the API, as browsers write them.
    pub cors: Vec<String>,
    /// Whether live streams are served.
    pub real_time_updates: bool,
    /// Whose hosts may use the web interface and the API; empty: all.
    pub allowed_networks: NetworkList,
    /// Whose hosts may read metrics without a log-in.
    pub metrics_allowed: NetworkList,
    /// How many rows of the history of queries are given unless another number is asked for.
    pub history_limit: usize,
}

/// One socket of the web interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// Address and port.
    pub address: SocketAddr,
    /// Where its certificate comes from; `None`: HTTP in the clear.
    pub certificate: Option<CertificateSource>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Files, and what they had in them when the configuration was read.
    Files(Files, Arc<Identity>),
    /// The server makes it.
    SelfSigned,
}

impl fmt::Display for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certificate {
            None => write!(f, "{}", self.address),
            Some(CertificateSource::SelfSigned) => write!(f, "https://{} self-signed", self.address),
            Some(CertificateSource::Files(files, identity)) => {
                write!(f, "https://{} {} {}", self.address, files.certificate.display(), identity.fingerprint())
            }
        }
    }
}

/// Whether the web interface is served on the addresses of `server.bind_address`.
pub(super) fn uses_bind_address(web: &raw::Web) -> bool {
    *web.enabled && web.bind_address.0.is_empty() && web.listen.is_empty()
}

/// Sockets, certificates and origins. What is wrong with `server.bind_address` is reported with the server's.
pub(super) fn check_web(web: &raw::Web, server: &raw::Server, report: &mut Report) -> Web {
    let cors = web.cors.iter().enumerate().filter_map(|(index, origin)| check_origin(origin, index, report)).collect();
    let common = check_common(&web.tls, report);
    let listen = match web.listen.is_empty() {
        true => by_address(web, server, &common, report),
        false => one_by_one(web, server, &common, report),
    };
    let any_port = web.listen.is_empty() && server.web_port.mark == Mark::default();
    let listen = if *web.enabled { listen } else { Vec::new() };
    let (allowed, metrics) = (&web.allowed_networks, &web.metrics_allowed);
    let allowed_networks = check_networks(allowed, "web.allowed_networks", Verdict::Allow, report);
    let metrics_allowed = check_networks(metrics, "web.metrics_allowed", Verdict::Allow, report);
    Web {
        enabled: *web.enabled,
        listen,
        any_port,
        cors,
        real_time_updates: *web.real_time_updates,
        allowed_networks,
        metrics_allowed,
        history_limit: web.history_limit.0 as usize,
    }
}

/// The sockets of `web.bind_address`, else `server.bind_address`, at `server.web_port`.
fn by_address(
    web: &raw::Web,
    server: &raw::Server,
    certificate: &Option<CertificateSource>,
    report: &mut Report,
) -> Vec<WebSocket> {
    let port = server.web_port.0 as u16;
    let own = !web.bind_address.0.is_empty();
    let (mut addresses, mut listen) = (Addresses::default(), Vec::<WebSocket>::new());
    for text in if own { &web.bind_address.0 } else { &server.bind_address.0 } {
        let address = match own {
            true => parse_address(text, "web.bind_address", report),
            false => text.parse().ok(),
        };
        let Some(address) = address.map(|ip| SocketAddr::new(ip, port)) else { continue };
        let known = !own && listen.iter().any(|socket| socket.address == address);
        if !known && addresses.claim(address, text.mark, "web.bind_address", report) {
            listen.push(WebSocket { address, certificate: certificate.clone() });
        }
    }
    listen
}

/// The sockets of `web.listen`.
fn one_by_one(
    web: &raw::Web,
    server: &raw::Server,
    common: &Option<CertificateSource>,
    report: &mut Report,
) -> Vec<WebSocket> {
    let (mut addresses, mut listen) = (Addresses::default(), Vec::new());
    for (index, entry) in web.listen.iter().enumerate() {
        let path = format!("web.listen[{index}]");
        let certificate = check_certificate(entry, &path, common, report);
        let address_path = format!("{path}.address");
        if entry.address.is_empty() {
            report.error(entry.mark, address_path, "missing");
        } else if let Some(address) = parse_socket(&entry.address, entry.address.mark, &address_path, report)
            && addresses.claim(address, entry.address.mark, &address_path, report)
        {
            listen.push(WebSocket { address, certificate });
        }
    }
    for (mark, key) in [(web.bind_address.mark, "web.bind_address"), (server.web_port.mark, "server.web_port")] {
        if mark != Mark::default() {
            report.warn(mark, key, "has no effect beside web.listen");
        }
    }
    if common.is_some() && web.listen.iter().all(|entry| entry.protocol.value == WebProtocol::Http) {
        report.warn(web.tls.mark, "web.tls", "has no effect: no entry of web.listen has `protocol: https`");
    }
    listen
}

fn check_certificate(
    entry: &raw::WebListen,
    path: &str,
    common: &Option<CertificateSource>,
    report: &mut Report,
) -> Option<CertificateSource> {
    let own = read_files(&entry.certificate, &entry.key, path, report);
    if entry.protocol.value == WebProtocol::Http {
        if let Some(mark) = [&entry.certificate, &entry.key].into_iter().find(|file| !file.is_empty()).map(|at| at.mark)
        {
            report.error(
                mark,
                format!("{path}.protocol"),
                "a certificate is for `protocol: https`; this one is `http`",
            );
        }
        return None;
    }
    let is_named = !entry.certificate.is_empty() || !entry.key.is_empty();
    if is_named {
        return own;
    }
    if common.is_none() {
        let what =
            "https needs a certificate: `certificate` and `key` here or in `web.tls`, or `web.tls.self_signed: true`";
        report.error(entry.protocol.mark, format!("{path}.protocol"), what);
    }
    common.clone()
}

fn check_common(tls: &raw::WebTls, report: &mut Report) -> Option<CertificateSource> {
    let is_named = !tls.certificate.is_empty() || !tls.key.is_empty();
    if *tls.self_signed && is_named {
        let what = "either `certificate` and `key`, or `self_signed: true`";
        report.error(tls.self_signed.mark, "web.tls.self_signed", what);
    }
    match *tls.self_signed {
        true => Some(CertificateSource::SelfSigned),
        false => read_files(&tls.certificate, &tls.key, "web.tls", report),
    }
}

/// The chain and the key in two files, of which neither goes without the other.
fn read_files(
    certificate: &At<String>,
    key: &At<String>,
    path: &str,
    report: &mut Report,
) -> Option<CertificateSource> {
    match (certificate.is_empty(), key.is_empty()) {
        (true, true) => return None,
        (true, false) => report.error(key.mark, format!("{path}.certificate"), "missing beside `key`"),
        (false, true) => report.error(certificate.mark, format!("{path}.key"), "missing beside `certificate`"),
        (false, false) => {
            let files = Files {
                certificate: report.resolve(certificate.mark, certificate),
                key: report.resolve(key.mark, key),
            };
            match Identity::read(&files) {
                Err(error) => report.error(certificate.mark, format!("{path}.certificate"), error.to_string()),
                Ok(identity) => {
                    if let Some(why) = identity.untimely((unix_ms() / 1000) as i64) {
                        report.warn(certificate.mark, format!("{path}.certificate"), why);
                    }
                    return Some(CertificateSource::Files(files, Arc::new(identity)));
                }
            }
        }
    }
    // An error is recorded; what stands in for the certificate spares a second one.
    Some(CertificateSource::SelfSigned)
}

/// An origin as browsers write it (RFC 6454 6.1): scheme, host in lower case, port unless it is the scheme's.
fn check_origin(origin: &At<String>, index: usize, report: &mut Report) -> Option<String> {
    let mut fail = |what: &str| {
        let form = "a full origin is meant, such as `https://dash.example.org` or `http://127.0.0.1:3000`";
        report.error(origin.mark, format!("web.cors[{index}]"), format!("`{}`: {what}; {form}", origin.value));
        None
    };
    let text = origin.as_str();
    if text.contains('*') {
        return fail("no wildcard: pages of any site could act with whatever the browser knows");
    }
    let (rest, default_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, ":443"),
        (_, Some(rest)) => (rest, ":80"),
        _ => return fail("does not begin with `https://` or `http://`"),
    };
    let is_host = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | ':' | '[' | ']');
    if rest.is_empty() || !rest.chars().all(is_host) {
        return fail("after the scheme come a host in lower case and perhaps a port, and nothing else");
    }
    if rest.ends_with(default_port) && !rest.ends_with(']') {
        return fail("browsers leave the scheme's own port out");
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn origins_are_exact() {
        let check = |text: &str| {
            let mut report = Report::new(Path::new(""));
            let origin = check_origin(&At::default_of(text.to_owned()), 0, &mut report);
            (origin.is_some(), report.finish().is_ok())
        };
        for good in ["https://dash.example.org", "http://127.0.0.1:3000", "https://[::1]:8443", "https://x:4430"] {
            assert_eq!(check(good), (true, true), "{good}");
        }
        for bad in
            ["*", "https://*.example.org", "dash.example.org", "https://a.example/", "https://A.example", "https://"]
        {
            assert_eq!(check(bad), (false, false), "{bad}");
        }
        for bad in ["https://a.example:443", "http://a.example:80", "null", "https://a.example/x", "ftp://a.example"] {
            assert_eq!(check(bad), (false, false), "{bad}");
        }
    }
}
