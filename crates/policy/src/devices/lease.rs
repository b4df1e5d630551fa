//! Leases of DHCP servers: which device has which address now, and what it calls itself.
//!
//! Read are the lease files of dnsmasq and the CSV files of Kea, in which later lines replace earlier ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;

/// How many leases are kept; the addresses of further ones are counted as left out.
pub const MAX_LEASES: usize = 200_000;
/// How long a line may be, in octets; a longer one counts as malformed.
pub const MAX_LINE_LEN: usize = 4096;
/// How much of a host name is kept, in characters: that of a domain name.
pub const MAX_HOST_CHARS: usize = 253;

/// Kea: the lease is in use.
const KEA_STATE_ASSIGNED: &str = "0";
/// Kea: the lease is of a prefix, and of no client's address.
const KEA_PREFIX_DELEGATION: &str = "2";
/// The hardware type of Ethernet in DUIDs (RFC 8415 11.2) and in front of dnsmasq's hardware addresses.
const ETHERNET: u8 = 1;

/// A hardware address of Ethernet or Wi-Fi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// A text is no hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hardware address: six octets in hexadecimal, 02:00:5e:10:00:07")]
pub struct BadMac;

impl FromStr for Mac {
    type Err = BadMac;

    fn from_str(text: &str) -> Result<Mac, BadMac> {
        let octets = octets(text).ok_or(BadMac)?;
        octets.try_into().map(Mac).map_err(|_| BadMac)
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

/// Octets in hexadecimal with `:` or `-` between them.
fn octets(text: &str) -> Option<Vec<u8>> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let octet = |part: &str| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten();
    text.split(separator).map(octet).collect()
}

/// The hardware address in a DUID (RFC 8415 11.2, 11.4), if it is made of one.
fn mac_of_duid(text: &str) -> Option<Mac> {
    let octets = octets(text)?;
    let address = match octets.as_slice() {
        [0, 1, 0, ETHERNET, _, _, _, _, address @ ..] | [0, 3, 0, ETHERNET, address @ ..] => address,
        _ => return None,
    };
    address.try_into().ok().map(Mac)
}

/// An address that a device has for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The hardware address, if the lease tells it.
    pub mac: Option<Mac>,
    /// What the device calls itself; empty if it does not say.
    pub host: Box<str>,
    /// When it ends, in milliseconds since 1970; `None`: it does not.
    pub expires_ms: Option<i64>,
}

impl Lease {
    fn holds(&self, now_ms: i64) -> bool {
        self.expires_ms.is_none_or(|end| end > now_ms)
    }
}

/// Leases by address.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Leases {
    by_address: HashMap<IpAddr, Lease>,
    /// Lines that could not be read.
    pub malformed: u64,
    /// Leases beyond [`MAX_LEASES`].
    pub left_out: u64,
}

impl Leases {
    /// Adds the leases of a file of dnsmasq: `expiry hardware-address address host-name client-id` in each line, and
    /// for IPv6 an association instead of the hardware address, with the DUID of the client at the end.
    pub fn add_dnsmasq(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.split_ascii_whitespace().next() == Some("duid") {
                // The identifier of the server itself.
                continue;
            }
            match dnsmasq_line(line) {
                Some((address, lease)) => self.put(address, lease),
                None => self.malformed += 1,
            }
        }
    }

    /// Adds the leases of a CSV file of Kea, for IPv4 or IPv6; the first line names the columns.
    pub fn add_kea(&mut self, text: &str) {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let Some(columns) = lines.next().and_then(Columns::new) else {
            self.malformed += lines.count() as u64 + u64::from(!text.trim().is_empty());
            return;
        };
        for line in lines {
            match columns.read(line) {
                Some(KeaLine::Lease(address, lease)) => self.put(address, lease),
                Some(KeaLine::Over(address)) => {
                    self.by_address.remove(&address);
                }
                Some(KeaLine::OfNoClient) => {}
                None => self.malformed += 1,
            }
        }
    }

    fn put(&mut self, address: IpAddr, lease: Lease) {
        if self.by_address.len() >= MAX_LEASES && !self.by_address.contains_key(&address) {
            self.left_out += 1;
        } else {
            self.by_address.insert(address, lease);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// The lease of `address` that holds at `now_ms`.
    pub fn find(&self, address: IpAddr, now_ms: i64) -> Option<&Lease> {
        self.by_address.get(&super::index::canonical(address)).filter(|lease| lease.holds(now_ms))
    }

    /// The addresses that each hardware address has at `now_ms`, in order.
    pub fn by_mac(&self, now_ms: i64) -> HashMap<Mac, Vec<IpAddr>> {
        let mut addresses: HashMap<Mac, Vec<IpAddr>> = HashMap::new();
        for (address, lease) in self.by_address.iter().filter(|(_, lease)| lease.holds(now_ms)) {
            if let Some(mac) = lease.mac {
                addresses.entry(mac).or_default().push(*address);
            }
        }
        addresses.values_mut().for_each(|addresses| addresses.sort_unstable());
        addresses
    }
}

/// The time in seconds that `text` says, as milliseconds; 0 is for ever.
fn expiry(text: &str) -> Option<Option<i64>> {
    let seconds = text.parse::<u32>().ok()?;
    Some((seconds != 0).then(|| i64::from(seconds) * 1000))
}

/// A host name as it can be shown; `*` and nothing are none.
fn host_name(text: &str) -> Box<str> {
    if text == "*" || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Box::default();
    }
    text.trim_end_matches('.').chars().take(MAX_HOST_CHARS).collect::<String>().into()
}

fn dnsmasq_line(line: &str) -> Option<(IpAddr, Lease)> {
    let mut fields = Some(line).filter(|line| line.len() <= MAX_LINE_LEN)?.split_ascii_whitespace();
    let expires_ms = expiry(fields.next()?)?;
    let hardware = fields.next()?;
    let address = fields.next()?.parse::<IpAddr>().ok()?;
    let host = host_name(fields.next()?);
    let client = fields.next()?;
    let mac = match address {
        // Other hardware than Ethernet has its type in front: 06-02:00:5e:10:00:07.
        IpAddr::V4(_) => match hardware.split_once('-') {
            Some((kind, mac)) if mac.contains(':') => (kind == "01").then(|| mac.parse().ok()).flatten(),
            _ => Some(hardware.parse().ok()?),
        },
        IpAddr::V6(_) => mac_of_duid(client),
    };
    Some((address, Lease { mac, host, expires_ms }))
}

/// What a line of Kea says.
enum KeaLine {
    Lease(IpAddr, Lease),
    /// The lease of this address has ended.
    Over(IpAddr),
    /// A prefix that a router got.
    OfNoClient,
}

/// Where each column stands.
struct Columns {
    address: usize,
    expire: usize,
    valid_lifetime: usize,
    hostname: usize,
    state: usize,
    hwaddr: Option<usize>,
    duid: Option<usize>,
    lease_type: Option<usize>,
}

impl Columns {
    /// The columns that the first line names; `None` if one is missing without which no lease can be read.
    fn new(header: &str) -> Option<Columns> {
        let names: Vec<&str> = header.trim().split(',').collect();
        let at = |name: &str| names.iter().position(|column| *column == name);
        Some(Columns {
            address: at("address")?,
            expire: at("expire")?,
            valid_lifetime: at("valid_lifetime")?,
            hostname: at("hostname")?,
            state: at("state")?,
            hwaddr: at("hwaddr"),
            duid: at("duid"),
            lease_type: at("lease_type"),
        })
    }

    fn read(&self, line: &str) -> Option<KeaLine> {
        let line = Some(line).filter(|line| line.len() <= MAX_LINE_LEN)?;
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        let optional = |column: Option<usize>| column.and_then(|at| fields.get(at).copied()).unwrap_or("");
        let address = fields.get(self.address)?.parse::<IpAddr>().ok()?;
        if optional(self.lease_type) == KEA_PREFIX_DELEGATION {
            return Some(KeaLine::OfNoClient);
        }
        let (state, lifetime) = (*fields.get(self.state)?, fields.get(self.valid_lifetime)?.parse::<u32>().ok()?);
        let expire = fields.get(self.expire)?.parse::<i64>().ok()?;
        if state != KEA_STATE_ASSIGNED || lifetime == 0 {
            return Some(KeaLine::Over(address));
        }
        let mac = optional(self.hwaddr).parse().ok().or_else(|| mac_of_duid(optional(self.duid)));
        // A lifetime of all ones is for ever (RFC 2131 3.3).
        let expires_ms = (lifetime != u32::MAX).then(|| expire.saturating_mul(1000));
        let host = host_name(&fields.get(self.hostname)?.replace("&#x2c", ","));
        Some(KeaLine::Lease(address, Lease { mac, host, expires_ms }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn at(text: &str) -> IpAddr {
        text.parse().expect("a well-formed text")
    }

    fn mac(text: &str) -> Mac {
        text.parse().expect("a well-formed text")
    }

    #[test]
    fn hardware_addresses_are_read_and_written() {
        assert_eq!(mac("02-00-5E-10-00-07").to_string(), "02:00:5e:10:00:07");
        for text in ["", "02:00:5e:10:00", "02:00:5e:10:00:07:08", "02:00:5e:10:00:0g", "2:0:5e:10:0:7", "02005e100007"]
        {
            assert_eq!(text.parse::<Mac>(), Err(BadMac), "{text}");
        }
    }

    #[test]
    fn leases_of_dnsmasq_are_read() {
        let text = "1800000000 02:00:5e:10:00:07 192.0.2.7 tv 01:02:00:5e:10:00:07\n\
                    0 02:00:5e:10:00:08 192.0.2.8 * *\n\
                    1600000000 02:00:5e:10:00:09 192.0.2.9 old *\n\
                    1800000000 06-02:00:5e:10:00:0a 192.0.2.10 printer *\n\
                    duid 00:01:00:01:2a:2b:2c:2d:02:00:5e:10:00:ff\n\
                    1800000000 1234 2001:db8::7 tv 00:01:00:01:2a:2b:2c:2d:02:00:5e:10:00:07\n\
                    1800000000 T99 2001:db8::8 * 00:02:00:00:ab:11\n";
        let mut leases = Leases::default();
        leases.add_dnsmasq(text);
        assert_eq!((leases.len(), leases.malformed), (6, 0));
        assert_eq!(&*leases.find(at("192.0.2.7"), NOW_MS).expect("one that is known").host, "tv");
        assert_eq!(&*leases.find(at("::ffff:192.0.2.8"), NOW_MS).expect("one that is known").host, "");
        assert!(leases.find(at("192.0.2.9"), NOW_MS).is_none());
        assert_eq!(leases.find(at("192.0.2.10"), NOW_MS).expect("one that is known").mac, None);
        let by_mac = leases.by_mac(NOW_MS);
        assert_eq!(by_mac[&mac("02:00:5e:10:00:07")], [at("192.0.2.7"), at("2001:db8::7")]);
        assert!(!by_mac.contains_key(&mac("02:00:5e:10:00:09")));
    }

    #[test]
    fn later_lines_of_kea_replace_earlier_ones() {
        let text = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n\
                    192.0.2.7,02:00:5e:10:00:07,,3600,1600000000,1,0,0,tv.home.arpa.,0,,0\n\
                    192.0.2.8,02:00:5e:10:00:08,,4294967295,1,1,0,0,,0,,0\n\
                    192.0.2.9,02:00:5e:10:00:09,,3600,1800000000,1,0,0,phone,0,{ \"a\": 1&#x2c \"b\": 2 },0\n\
                    192.0.2.7,02:00:5e:10:00:07,,3600,1800000000,1,0,0,tv.home.arpa.,0,,0\n\
                    192.0.2.9,02:00:5e:10:00:09,,3600,1800000000,1,0,0,phone,2,,0\n";
        let mut leases = Leases::default();
        leases.add_kea(text);
        assert_eq!((leases.len(), leases.malformed), (2, 0));
        assert_eq!(&*leases.find(at("192.0.2.7"), NOW_MS).expect("one that is known").host, "tv.home.arpa");
        assert_eq!(leases.find(at("192.0.2.8"), NOW_MS).expect("one that is known").expires_ms, None);
        assert!(leases.find(at("192.0.2.9"), NOW_MS).is_none());
    }

    #[test]
    fn leases_of_kea_for_ipv6_are_read() {
        let text = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,\
                    hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n\
                    2001:db8::7,00:03:00:01:02:00:5e:10:00:07,3600,1800000000,1,1800,0,1,128,0,0,tv,,0,,1,0,0\n\
                    2001:db8::8,00:02:00:01,3600,1800000000,1,1800,0,1,128,0,0,pc,02:00:5e:10:00:08,0,,1,0,0\n\
                    2001:db8:1::,00:03:00:01:02:00:5e:10:00:09,3600,1800000000,1,1800,2,1,56,0,0,,,0,,,,0\n";
        let mut leases = Leases::default();
        leases.add_kea(text);
        assert_eq!((leases.len(), leases.malformed), (2, 0));
        let by_mac = leases.by_mac(NOW_MS);
        assert_eq!(by_mac[&mac("02:00:5e:10:00:07")], [at("2001:db8::7")]);
        assert_eq!(by_mac[&mac("02:00:5e:10:00:08")], [at("2001:db8::8")]);
    }

    #[test]
    fn malformed_lines_are_counted_and_the_rest_is_read() {
        let mut leases = Leases::default();
        let long = "x".repeat(MAX_LINE_LEN + 1);
        leases.add_dnsmasq(&format!(
            "never 02:00:5e:10:00:07 192.0.2.7 a *\n1 zz 192.0.2.8 a *\n1 2\n{long}\n0 02:00:5e:10:00:09 192.0.2.9 a *\n"
        ));
        assert_eq!((leases.len(), leases.malformed), (1, 4));
        let mut leases = Leases::default();
        leases.add_kea("no header\n1\n2\n");
        assert_eq!((leases.len(), leases.malformed), (0, 3));
        leases.add_kea("address,valid_lifetime,expire,hostname,state\n192.0.2.7,1,1800000000,a\nx,1,1,a,0\n192.0.2.8,9,1800000000,b,0\n");
        assert_eq!((leases.len(), leases.malformed), (1, 5));
    }

    #[test]
    fn leases_beyond_the_limit_are_left_out_and_counted() {
        let mut leases = Leases::default();
        let lease = Lease { mac: None, host: Box::default(), expires_ms: None };
        for i in 0..u32::try_from(MAX_LEASES).expect("a small number") + 3 {
            leases.put(IpAddr::from(i.to_be_bytes()), lease.clone());
        }
        leases.put(IpAddr::from([0, 0, 0, 0]), lease);
        assert_eq!((leases.len(), leases.left_out), (MAX_LEASES, 3));
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in "[0-9a-f:.,* \n-]{0,200}") {
            let mut leases = Leases::default();
            leases.add_dnsmasq(&text);
            leases.add_kea(&text);
            leases.add_kea(&format!("address,valid_lifetime,expire,hostname,state,hwaddr,duid\n{text}"));
            prop_assert!(leases.len() <= text.lines().count() * 2);
        }
    }
}
