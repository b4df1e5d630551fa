//! Requests to servers that somebody names: which addresses they may reach, and whose certificates are trusted. One
//! place for webhooks and for subscribed lists. The guard stands between looking a host up and connecting, so the
//! address that is connected to is the one that was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How TLS is spoken: with aws-lc-rs, trusting the system's certificate authorities and those of `further`, in DER.
pub fn tls(further: &[Vec<u8>]) -> TlsConfig {
    let system = rustls_native_certs::load_native_certs().certs;
    let system = system.iter().map(|der| Certificate::from_der(der).to_owned());
    let authorities: Vec<_> = system.chain(further.iter().map(|der| Certificate::from_der(der).to_owned())).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
}

/// How far requests reach without a network that allows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything but this machine and its link: private networks are in reach.
    Outside,
    /// Addresses that are reached globally (RFC 6890 and the registries of special-purpose addresses).
    Public,
}

impl Reach {
    /// Whether it includes an address. An address of IPv4 that is written as one of IPv6 counts as what it is.
    pub fn includes(self, ip: IpAddr) -> bool {
        match (self, ip.to_canonical()) {
            (Reach::Outside, ip) => !is_internal(ip),
            (Reach::Public, IpAddr::V4(ip)) => is_public_v4(ip),
            (Reach::Public, IpAddr::V6(ip)) => is_public_v6(ip),
        }
    }
}

/// Looks hosts up as `inner` does, and keeps back addresses out of reach: a request could reach what trusts the machine.
#[derive(Debug)]
pub struct Guarded<R> {
    inner: R,
    reach: Reach,
    allowed: Vec<IpNet>,
    refusal: &'static str,
}

impl<R> Guarded<R> {
    /// A guard that lets through what is in `reach` or `allowed`; `refusal` is said when nothing is left.
    pub fn new(inner: R, reach: Reach, allowed: Vec<IpNet>, refusal: &'static str) -> Guarded<R> {
        Guarded { inner, reach, allowed, refusal }
    }

    /// Whether a connection to this address is made.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.reach.includes(ip) || self.allowed.iter().any(|prefix| prefix.contains(&ip))
    }
}

impl<R: Resolver> Resolver for Guarded<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut addresses = self.empty();
        found.iter().filter(|address| self.permits(address.ip())).for_each(|address| addresses.push(*address));
        if addresses.is_empty() {
            return Err(ureq::Error::Other(self.refusal.into()));
        }
        Ok(addresses)
    }
}

/// Loopback, link-local, unspecified and multicast addresses.
fn is_internal(ip: IpAddr) -> bool {
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
}

/// What the registry of IPv4 special-purpose addresses does not keep from being global, multicast and class E aside.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network and loopback (RFC 1122 3.2.1.3), multicast, what is reserved, broadcast.
        (0 | 127 | 224.., _, _) => true,
        // Shared (RFC 6598), protocol assignments (RFC 6890), relays of 6to4, benchmarks.
        (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _) => true,
        _ => false,
    };
    !(special || ip.is_private() || ip.is_link_local() || ip.is_documentation())
}

/// Global unicast (RFC 4291 2.4) without what the registry of IPv6 special-purpose addresses keeps back.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = ip.segments();
    match (a, b) {
        // What NAT64 translates is reached as an address of IPv4 (RFC 6052 2.1).
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => {
            let [.., w, x, y, z] = ip.octets();
            is_public_v4(Ipv4Addr::new(w, x, y, z))
        }
        // Teredo and other protocols, documentation, and 6to4, which holds an address of IPv4 that nobody checks.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff) => false,
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn outside_is_all_but_this_machine_and_its_link() {
        for inside in ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"] {
            assert!(!Reach::Outside.includes(ip(inside)), "{inside}");
        }
        for outside in ["192.0.2.1", "10.0.0.1", "fd00::1"] {
            assert!(Reach::Outside.includes(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn public_is_what_the_registries_call_global() {
        let inside = "0.1.2.3 10.1.2.3 100.64.0.1 127.9.9.9 169.254.169.254 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 \
                      192.168.1.1 198.19.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 \
                      ::ffff:10.0.0.1 fe80::1 fec0::1 fd00::1 ff02::1 2001:db8::1 2001::1 2002:7f00:1::1 3fff::1 \
                      64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 5f00::1";
        for inside in inside.split_whitespace() {
            assert!(!Reach::Public.includes(ip(inside)), "{inside}");
        }
        let outside = "1.1.1.1 100.63.255.255 100.128.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255 \
                       2606:4700::1 2001:200::1 2a00:1450::1 64:ff9b::8.8.8.8 ::ffff:8.8.8.8";
        for outside in outside.split_whitespace() {
            assert!(Reach::Public.includes(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_reached() {
        let allowed = vec!["10.1.0.0/16".parse().expect("a network")];
        let guard = Guarded::new((), Reach::Public, allowed, "no");
        assert!(guard.permits(ip("10.1.2.3")) && guard.permits(ip("::ffff:10.1.2.3")));
        assert!(!guard.permits(ip("10.2.0.1")));
    }
}
