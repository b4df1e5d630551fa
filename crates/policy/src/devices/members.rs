//! Devices, read: who they are, and which addresses lead to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::groups::Groups;
use super::index::{host, network};
use super::lease::{Leases, Mac};
use super::mistake::Mistakes;
use super::spec::{Device, Logging};

/// How many devices there may be.
pub const MAX_DEVICES: usize = 100_000;
/// How many addresses and networks a device may have.
pub const MAX_DEVICE_ADDRESSES: usize = 64;
/// How many addresses and networks all devices together may have.
pub const MAX_ADDRESSES: usize = 500_000;
/// How many hardware addresses a device may have.
pub const MAX_DEVICE_MACS: usize = 16;
/// How many tags a device may have.
pub const MAX_DEVICE_TAGS: usize = 32;
/// How long the name of a device may be, in characters.
pub const MAX_DEVICE_NAME_CHARS: usize = 128;
/// How long a tag may be, in characters.
pub const MAX_TAG_CHARS: usize = 64;

/// A device, read.
#[derive(Debug)]
pub(super) struct Member {
    /// Its identifier.
    pub key: Arc<str>,
    pub name: Arc<str>,
    pub tags: Arc<[Box<str>]>,
    /// The number of its group.
    pub group: usize,
    /// What is logged, if it is not as the group says.
    pub logging: Option<Logging>,
    /// 0: it has no pause of its own.
    pub paused_until_ms: i64,
}

/// All devices, read.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub members: Vec<Member>,
    /// Networks with the number of their device.
    pub networks: Vec<(IpNet, usize)>,
    /// Leased addresses that another device was given by hand, which has them.
    pub contested_leases: usize,
    numbers: HashMap<String, usize>,
}

impl Members {
    /// The number of the device with this identifier.
    pub fn number(&self, key: &str) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    /// Reads `devices`; those with hardware addresses have what `leases` give them at `now_ms`.
    pub fn read(devices: &[Device], groups: &Groups, leases: &Leases, now_ms: i64, mistakes: &mut Mistakes) -> Members {
        mistakes.limit("clients", "devices", devices.len(), MAX_DEVICES);
        let devices = devices.get(..MAX_DEVICES).unwrap_or(devices);
        let mut reader =
            Reader { devices, mistakes, names: HashMap::new(), nets: HashMap::new(), macs: HashMap::new() };
        let mut read = Members::default();
        for (i, device) in devices.iter().enumerate() {
            let path = format!("clients[{i}]");
            if let Some(other) = read.numbers.insert(device.key().to_owned(), i) {
                let wrong = format!("{} has the same identifier {:?}", reader.describe(other), device.key());
                reader.mistakes.add(format_args!("{path}.id"), wrong, "identifiers that differ");
            }
            reader.device(i, device, &path);
            let group = groups.number(device.group_name()).unwrap_or_else(|| {
                let wrong = format!("no group is called {:?}", device.group);
                reader.mistakes.add(format_args!("{path}.group"), wrong, "the name of one, or \"\"");
                0
            });
            read.members.push(Member {
                key: device.key().into(),
                name: device.name.as_str().into(),
                tags: device.tags.iter().map(|tag| tag.as_str().into()).collect(),
                group,
                logging: device.logging,
                paused_until_ms: device.paused_until_ms,
            });
        }
        let (nets, macs) = (reader.nets, reader.macs);
        mistakes.limit("clients", "addresses of devices", nets.len(), MAX_ADDRESSES);
        let leased = if macs.is_empty() { HashMap::new() } else { leases.by_mac(now_ms) };
        for (mac, device) in &macs {
            for net in leased.get(mac).into_iter().flatten().map(|address| host(*address)) {
                match nets.get(&net) {
                    None => read.networks.push((net, *device)),
                    Some(other) => read.contested_leases += usize::from(other != device),
                }
            }
        }
        read.networks.extend(nets);
        read
    }
}

/// What reading a device needs.
struct Reader<'a> {
    devices: &'a [Device],
    mistakes: &'a mut Mistakes,
    /// Which device has a name, a network, a hardware address.
    names: HashMap<&'a str, usize>,
    nets: HashMap<IpNet, usize>,
    macs: HashMap<Mac, usize>,
}

impl<'a> Reader<'a> {
    fn device(&mut self, number: usize, device: &'a Device, path: &str) {
        self.mistakes.name(format_args!("{path}.name"), &device.name, MAX_DEVICE_NAME_CHARS);
        if !device.id.is_empty() {
            self.mistakes.name(format_args!("{path}.id"), &device.id, MAX_DEVICE_NAME_CHARS);
        }
        if let Some(other) = self.names.insert(&device.name, number) {
            let wrong = format!("{} has the same name {:?}", self.describe(other), device.name);
            self.mistakes.add(format_args!("{path}.name"), wrong, "names that differ");
        }
        self.addresses(number, device, path);
        self.macs(number, device, path);
        self.tags(device, path);
    }

    /// The device as messages name it.
    fn describe(&self, number: usize) -> String {
        let name = self.devices.get(number).map_or("", |device| &device.name);
        format!("clients[{number}] ({name})")
    }

    fn addresses(&mut self, number: usize, device: &Device, path: &str) {
        self.mistakes.limit(
            format_args!("{path}.addresses"),
            "addresses",
            device.addresses.len(),
            MAX_DEVICE_ADDRESSES,
        );
        for (i, text) in device.addresses.iter().take(MAX_DEVICE_ADDRESSES).enumerate() {
            let path = format_args!("{path}.addresses[{i}]");
            let Some(net) = network(text) else {
                let wrong = format!("{text:?} is no address or network");
                self.mistakes.add(path, wrong, "192.0.2.7, 192.0.2.0/24, 2001:db8::7 or 2001:db8::/64");
                continue;
            };
            if net != net.trunc() {
                let wrong = format!("{net} has bits beyond its prefix");
                self.mistakes.add(path, wrong, format!("{} or {}", net.trunc(), net.addr()));
                continue;
            }
            match self.nets.insert(net, number) {
                Some(other) if other != number => {
                    let wrong = format!("{} of {:?} is also of {}", text, device.name, self.describe(other));
                    self.mistakes.add(path, wrong, "each address in one device");
                }
                _ => {}
            }
        }
    }

    fn macs(&mut self, number: usize, device: &Device, path: &str) {
        self.mistakes.limit(format_args!("{path}.macs"), "hardware addresses", device.macs.len(), MAX_DEVICE_MACS);
        for (i, text) in device.macs.iter().take(MAX_DEVICE_MACS).enumerate() {
            let path = format_args!("{path}.macs[{i}]");
            match text.parse::<Mac>().map(|mac| self.macs.insert(mac, number)) {
                Ok(Some(other)) if other != number => {
                    let wrong = format!("{} of {:?} is also of {}", text, device.name, self.describe(other));
                    self.mistakes.add(path, wrong, "each hardware address in one device");
                }
                Ok(_) => {}
                Err(_) => {
                    let wrong = format!("{text:?} is no hardware address");
                    self.mistakes.add(path, wrong, "six octets in hexadecimal, 02:00:5e:10:00:07");
                }
            }
        }
    }

    fn tags(&mut self, device: &Device, path: &str) {
        self.mistakes.limit(format_args!("{path}.tags"), "tags", device.tags.len(), MAX_DEVICE_TAGS);
        let mut seen = HashSet::new();
        for (i, tag) in device.tags.iter().enumerate().take(MAX_DEVICE_TAGS) {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if tag.is_empty() || tag.len() > MAX_TAG_CHARS || !tag.chars().all(good) {
                let right = format!("a to z, 0 to 9 and _, {MAX_TAG_CHARS} at the most: device_tv");
                self.mistakes.add(format_args!("{path}.tags[{i}]"), format!("{tag:?} is no tag"), right);
            } else if !seen.insert(tag) {
                self.mistakes.add(format_args!("{path}.tags[{i}]"), format!("{tag:?} is there twice"), "each tag once");
            }
        }
    }
}
