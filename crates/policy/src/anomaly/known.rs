//! Names whose habits look odd and are not: what to judge below them, and what not.

use std::net::IpAddr;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher};

use super::table::ByHash;

/// Deepest suffix that is looked up.
const MAX_DEPTH: usize = 6;
/// Labels of an IPv4 address that stands reversed in front of a name.
const IPV4_LABELS: usize = 4;
/// Labels of an IPv6 address that stands reversed in front of a name, one per nibble.
const IPV6_LABELS: usize = 32;

/// What kind of names are below a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing known: everything is judged.
    Ordinary,
    /// Each question is the key of a look-up: block lists of mail, reputation of files. Names never repeat, most do not
    /// exist, answers are from 127/8. Only the frequency is judged.
    Lookup,
    /// Reverse zones (RFC 1035 3.5, RFC 3596 2.5). Only the frequency is judged.
    Reverse,
    /// Names of the local network (RFC 6762, RFC 6763, RFC 8375). Only the frequency is judged.
    Local,
    /// Machines ask at regular intervals without being told to: beaconing is not judged.
    Telemetry,
    /// Each label below is another customer or a part of a content network: a label more is registrable, and random
    /// subdomains are judged by failures alone.
    Hosting,
    /// Made to point to addresses of private networks: rebinding is not judged.
    AddressNames,
}

const KNOWN: [(Class, &[&str]); 6] = [
    (
        Class::Lookup,
        &[
            "zen.spamhaus.org",
            "sbl.spamhaus.org",
            "xbl.spamhaus.org",
            "pbl.spamhaus.org",
            "dbl.spamhaus.org",
            "dq.spamhaus.net",
            "spamcop.net",
            "b.barracudacentral.org",
            "sorbs.net",
            "surbl.org",
            "uribl.com",
            "dnswl.org",
            "surriel.com",
            "abuseat.org",
            "mailspike.net",
            "dnsbl.dronebl.org",
            "junkemailfilter.com",
            "dnsbl.manitu.net",
            "senderbase.org",
            "senderscore.com",
            "invaluement.com",
            "fmb.la",
            "spameatingmonkey.net",
            "truncate.gbudb.net",
            "cymru.com",
            "isipp.com",
            "wpbl.info",
            "uceprotect.net",
            "efnetrbl.org",
            "tornevall.org",
            "avts.mcafee.com",
            "avqs.mcafee.com",
            "gti.mcafee.com",
            "trustedsource.org",
            "sophosxl.net",
            "sophosxl.com",
            "e5.sk",
            "eset.com",
            "avast.com",
            "avg.com",
            "symantec.com",
            "trendmicro.com",
            "kaspersky-labs.com",
            "bitdefender.net",
            "f-secure.com",
            "rspamd.com",
            "spamassassin.org",
            "clamav.net",
            "webroot.com",
            "brightcloud.com",
            "openphish.com",
            "countries.nerd.dk",
        ],
    ),
    (Class::Reverse, &["in-addr.arpa", "ip6.arpa"]),
    (Class::Local, &["local", "home.arpa", "lan", "internal", "localhost", "localdomain", "resolver.arpa", "onion"]),
    (
        Class::Telemetry,
        &[
            "microsoft.com",
            "windowsupdate.com",
            "msftconnecttest.com",
            "msftncsi.com",
            "windows.com",
            "office.com",
            "live.com",
            "skype.com",
            "msedge.net",
            "office365.com",
            "outlook.com",
            "apple.com",
            "icloud.com",
            "aaplimg.com",
            "apple-dns.net",
            "google.com",
            "googleapis.com",
            "gstatic.com",
            "android.com",
            "gvt2.com",
            "ntp.org",
            "time.nist.gov",
            "ubuntu.com",
            "debian.org",
            "fedoraproject.org",
            "archlinux.org",
            "gnome.org",
            "kde.org",
            "mozilla.org",
            "mozilla.com",
            "mozilla.net",
            "firefox.com",
            "amazon.com",
            "amazonalexa.com",
            "amazontrust.com",
            "a2z.com",
            "roku.com",
            "netflix.com",
            "nflxext.com",
            "samsung.com",
            "samsungcloudsolution.com",
            "lgtvsdp.com",
            "lgtvcommon.com",
            "sonos.com",
            "philips-hue.com",
            "meethue.com",
            "tuyaeu.com",
            "tuyaus.com",
            "tuyacn.com",
            "xiaomi.com",
            "miui.com",
            "ring.com",
            "nest.com",
            "ubnt.com",
            "ui.com",
            "synology.com",
            "quickconnect.to",
            "qnap.com",
            "dropbox.com",
            "slack.com",
            "zoom.us",
            "whatsapp.net",
            "facebook.com",
            "datadoghq.com",
            "newrelic.com",
            "nr-data.net",
            "sentry.io",
            "docker.io",
            "docker.com",
            "github.com",
            "spotify.com",
            "steampowered.com",
            "playstation.net",
            "xboxlive.com",
            "nintendo.net",
            "tplinkcloud.com",
            "netatmo.net",
            "digicert.com",
            "lencr.org",
            "pki.goog",
            "cloudflare-dns.com",
            "dns.google",
            "opendns.com",
        ],
    ),
    (
        Class::Hosting,
        &[
            "googlevideo.com",
            "gvt1.com",
            "googleusercontent.com",
            "1e100.net",
            "ggpht.com",
            "akamaihd.net",
            "akamai.net",
            "akamaized.net",
            "edgesuite.net",
            "edgekey.net",
            "akamaiedge.net",
            "fbcdn.net",
            "cdninstagram.com",
            "nflxvideo.net",
            "amazonaws.com",
            "cloudfront.net",
            "awsglobalaccelerator.com",
            "windows.net",
            "trafficmanager.net",
            "azure.com",
            "azurefd.net",
            "azureedge.net",
            "b-cdn.net",
            "fastly.net",
            "fastlylb.net",
            "cdn77.org",
            "llnwd.net",
            "edgecastcdn.net",
            "hwcdn.net",
            "cloudflare.net",
            "cloudflareinsights.com",
            "sharepoint.com",
            "steamcontent.com",
            "mzstatic.com",
            "cedexis-radar.net",
            "doubleclick.net",
            "googlesyndication.com",
            "2mdn.net",
            "tiktokcdn.com",
            "herokuapp.com",
        ],
    ),
    (
        Class::AddressNames,
        &["plex.direct", "nip.io", "sslip.io", "localtest.me", "lvh.me", "ts.net", "traefik.me", "myfritz.net"],
    ),
];

/// The classes of names, by the hash of the suffix they hold for.
#[derive(Debug)]
pub struct Known {
    by_suffix: ByHash<Class>,
}

impl Known {
    /// The built-in names, hashed by `hasher`.
    pub fn new(hasher: NameHasher) -> Known {
        let suffixes = KNOWN.iter().flat_map(|(class, names)| names.iter().map(move |name| (*class, *name)));
        let hashed = suffixes.filter_map(|(class, name)| {
            let name: NameBuf = name.parse().ok()?;
            Some((hasher.hash(&name), class))
        });
        Known { by_suffix: hashed.collect() }
    }

    /// The class of `name`, and of how many labels the suffix is that decides it. The longest suffix wins.
    pub fn classify(&self, name: &HashedName) -> (Class, usize) {
        let depths = (1..=name.labels().min(MAX_DEPTH)).rev();
        let known = depths.filter_map(|depth| Some((*self.by_suffix.get(&name.hash(depth))?, depth))).next();
        match known {
            Some(known) => known,
            None if is_address_lookup(name) => (Class::Lookup, 1),
            None if name.name().labels().any(|label| label.eq_ignore_ascii_case(b"_dns-sd")) => (Class::Local, 1),
            None => (Class::Ordinary, 0),
        }
    }
}

/// Whether a reversed address stands in front, as block lists want it (RFC 5782 2.1, 2.4).
fn is_address_lookup(name: &HashedName) -> bool {
    let first = |count: usize, fits: fn(&[u8]) -> bool| {
        name.labels() >= count + 2 && name.name().labels().take(count).all(fits)
    };
    first(IPV4_LABELS, |label| {
        label.len() <= 3 && std::str::from_utf8(label).is_ok_and(|text| text.parse::<u8>().is_ok())
    }) || first(IPV6_LABELS, |label| label.len() == 1 && label.iter().all(u8::is_ascii_hexdigit))
}

/// Whether `address` is of a network that no public name should point into: private, loopback, link-local, unique
/// local. (`0.0.0.0` and `::` are what other servers answer for names they block.)
pub fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_inner(v4.into()),
            None => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_classed_by_their_longest_known_suffix_or_their_shape() {
        let hasher = NameHasher::new(3);
        let known = Known::new(hasher);
        for (name, class, depth) in [
            ("4.3.2.1.ZEN.spamhaus.org", Class::Lookup, 3),
            ("www.spamhaus.org", Class::Ordinary, 0),
            ("4.3.2.1.bl.unheard-of.example", Class::Lookup, 1),
            ("400.3.2.1.bl.unheard-of.example", Class::Ordinary, 0),
            ("1.0.168.192.in-addr.arpa", Class::Reverse, 2),
            ("printer.local", Class::Local, 1),
            ("lb._dns-sd._udp.example.org", Class::Local, 1),
            ("watson.telemetry.microsoft.com", Class::Telemetry, 2),
            ("rr4---sn-abc.googlevideo.com", Class::Hosting, 2),
            ("10-0-0-1.abcdef.plex.direct", Class::AddressNames, 2),
            ("example.com", Class::Ordinary, 0),
        ] {
            let mut hashed = HashedName::default();
            hashed.set(&name.parse::<NameBuf>().expect("name"), hasher);
            assert_eq!(known.classify(&hashed), (class, depth), "{name}");
        }
    }

    #[test]
    fn every_built_in_name_is_one() {
        let count: usize = KNOWN.iter().map(|(_, names)| names.len()).sum();
        assert_eq!(Known::new(NameHasher::new(1)).by_suffix.len(), count, "a name is bad or stands twice");
    }

    #[test]
    fn inner_addresses_are_those_of_private_networks() {
        for (address, inner) in [
            ("10.1.2.3", true),
            ("192.168.0.1", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("127.0.0.1", true),
            ("169.254.169.254", true),
            ("0.0.0.0", false),
            ("8.8.8.8", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_inner(address.parse().expect("address")), inner, "{address}");
        }
    }
}
