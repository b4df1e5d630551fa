//! The options that we read and write ourselves; any other stays bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{EdnsError, code};
use crate::name::{Name, NameBuf};

const FAMILY_IPV4: u16 = 1;
const FAMILY_IPV6: u16 = 2;

/// One EDNS option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdnsOption {
    /// Name server identifier, empty in queries (RFC 5001).
    Nsid(Vec<u8>),
    /// Client subnet (RFC 7871).
    ClientSubnet(ClientSubnet),
    /// Seconds until the zone expires, absent in queries (RFC 7314).
    Expire(Option<u32>),
    /// Cookie: the client's part, and the server's of 8 to 32 octets or empty (RFC 7873 4).
    Cookie {
        /// The client's cookie.
        client: [u8; 8],
        /// The server's cookie.
        server: Vec<u8>,
    },
    /// Idle timeout in units of 100 ms, absent in queries (RFC 7828 3.1).
    Keepalive(Option<u16>),
    /// So many octets of zero (RFC 7830); their values are ignored on receipt.
    Padding(u16),
    /// Closest trust point known to the client (RFC 7901 4).
    Chain(NameBuf),
    /// Key tags of the trust anchors in use (RFC 8145 4.1).
    KeyTag(Vec<u16>),
    /// Extended error (RFC 8914 2).
    ExtendedError {
        /// One of [`super::ede`].
        info: u16,
        /// Explanation for people; octets that are not UTF-8 become U+FFFD on receipt.
        text: String,
    },
    /// Where to report errors (RFC 9567 5).
    ReportChannel(NameBuf),
    /// Any other option, or a client subnet of an unknown address family.
    Other {
        /// The option's code.
        code: u16,
        /// Its data.
        data: Vec<u8>,
    },
}

/// The network a query came from (RFC 7871 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSubnet {
    /// The address; bits beyond `source_prefix` are zero on the wire.
    pub address: IpAddr,
    /// How many bits of the address the client gave.
    pub source_prefix: u8,
    /// For how many bits the answer holds; zero in queries.
    pub scope_prefix: u8,
}

impl EdnsOption {
    /// The option with these code and data.
    pub fn from_wire(code: u16, data: &[u8]) -> Result<EdnsOption, EdnsError> {
        let other = || EdnsOption::Other { code, data: data.to_vec() };
        let option = match code {
            code::NSID => Some(EdnsOption::Nsid(data.to_vec())),
            code::CLIENT_SUBNET => match data {
                [0, 1 | 2, ..] => ClientSubnet::from_wire(data).map(EdnsOption::ClientSubnet),
                [_, _, _, _, ..] => Some(other()),
                _ => None,
            },
            code::EXPIRE if data.is_empty() => Some(EdnsOption::Expire(None)),
            code::EXPIRE => data.try_into().ok().map(|data| EdnsOption::Expire(Some(u32::from_be_bytes(data)))),
            code::COOKIE => cookie(data),
            code::KEEPALIVE if data.is_empty() => Some(EdnsOption::Keepalive(None)),
            code::KEEPALIVE => data.try_into().ok().map(|data| EdnsOption::Keepalive(Some(u16::from_be_bytes(data)))),
            code::PADDING => u16::try_from(data.len()).ok().map(EdnsOption::Padding),
            code::CHAIN => Name::from_wire(data).ok().map(|name| EdnsOption::Chain(name.to_owned())),
            code::KEY_TAG => key_tags(data),
            code::EXTENDED_ERROR => extended_error(data),
            code::REPORT_CHANNEL => Name::from_wire(data).ok().map(|name| EdnsOption::ReportChannel(name.to_owned())),
            _ => Some(other()),
        };
        option.ok_or(EdnsError::BadOption(code))
    }

    /// The option's code.
    pub fn code(&self) -> u16 {
        match self {
            EdnsOption::Nsid(_) => code::NSID,
            EdnsOption::ClientSubnet(_) => code::CLIENT_SUBNET,
            EdnsOption::Expire(_) => code::EXPIRE,
            EdnsOption::Cookie { .. } => code::COOKIE,
            EdnsOption::Keepalive(_) => code::KEEPALIVE,
            EdnsOption::Padding(_) => code::PADDING,
            EdnsOption::Chain(_) => code::CHAIN,
            EdnsOption::KeyTag(_) => code::KEY_TAG,
            EdnsOption::ExtendedError { .. } => code::EXTENDED_ERROR,
            EdnsOption::ReportChannel(_) => code::REPORT_CHANNEL,
            EdnsOption::Other { code, .. } => *code,
        }
    }

    /// Appends code, length and data. Data of more than 65535 octets fits no message; its length is
    /// then wrong, and [`super::Edns::to_record`] leaves the option out.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.code().to_be_bytes());
        let len_at = out.len();
        out.extend_from_slice(&[0, 0]);
        self.write_data(out);
        let len = (out.len() - len_at - 2) as u16;
        out[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
    }

    fn write_data(&self, out: &mut Vec<u8>) {
        match self {
            EdnsOption::Nsid(data) | EdnsOption::Other { data, .. } => out.extend_from_slice(data),
            EdnsOption::ClientSubnet(subnet) => subnet.write(out),
            EdnsOption::Expire(seconds) => out.extend(seconds.iter().flat_map(|value| value.to_be_bytes())),
            EdnsOption::Cookie { client, server } => {
                out.extend_from_slice(client);
                out.extend_from_slice(server);
            }
            EdnsOption::Keepalive(timeout) => out.extend(timeout.iter().flat_map(|value| value.to_be_bytes())),
            EdnsOption::Padding(len) => out.resize(out.len() + usize::from(*len), 0),
            EdnsOption::Chain(name) | EdnsOption::ReportChannel(name) => out.extend_from_slice(name.as_wire()),
            EdnsOption::KeyTag(tags) => out.extend(tags.iter().flat_map(|tag| tag.to_be_bytes())),
            EdnsOption::ExtendedError { info, text } => {
                out.extend_from_slice(&info.to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

impl ClientSubnet {
    /// RFC 7871 6: exactly the octets that the prefix needs, the bits beyond it zero.
    fn from_wire(data: &[u8]) -> Option<ClientSubnet> {
        let ([f0, f1, source_prefix, scope_prefix], octets) = data.split_first_chunk::<4>()?;
        let mut full = [0u8; 16];
        full.get_mut(..octets.len())?.copy_from_slice(octets);
        let (address, bits) = match u16::from_be_bytes([*f0, *f1]) {
            FAMILY_IPV4 => (IpAddr::V4(Ipv4Addr::new(full[0], full[1], full[2], full[3])), 32),
            FAMILY_IPV6 => (IpAddr::V6(Ipv6Addr::from(full)), 128),
            _ => return None,
        };
        let subnet = ClientSubnet { address, source_prefix: *source_prefix, scope_prefix: *scope_prefix };
        let exact = *source_prefix <= bits && *scope_prefix <= bits && subnet.octets() == octets;
        exact.then_some(subnet)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let family = if self.address.is_ipv4() { FAMILY_IPV4 } else { FAMILY_IPV6 };
        out.extend_from_slice(&family.to_be_bytes());
        out.extend_from_slice(&[self.source_prefix, self.scope_prefix]);
        out.extend(self.octets());
    }

    /// The octets of the address that carry the source prefix, the bits beyond it cleared.
    fn octets(&self) -> Vec<u8> {
        let mut octets = match self.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets.truncate(usize::from(self.source_prefix).div_ceil(8));
        if let (Some(last), spare @ 1..) = (octets.last_mut(), octets_spare_bits(self.source_prefix)) {
            *last &= 0xff << spare;
        }
        octets
    }
}

/// How many bits of a prefix's last octet do not belong to it.
fn octets_spare_bits(prefix: u8) -> u32 {
    (8 - u32::from(prefix % 8)) % 8
}

/// RFC 7873 4: eight octets of the client, then nothing or 8 to 32 of the server.
fn cookie(data: &[u8]) -> Option<EdnsOption> {
    let (client, server) = data.split_first_chunk::<8>()?;
    let valid = server.is_empty() || (8..=32).contains(&server.len());
    valid.then(|| EdnsOption::Cookie { client: *client, server: server.to_vec() })
}

/// RFC 8145 4.1: one tag or more, two octets each.
fn key_tags(data: &[u8]) -> Option<EdnsOption> {
    let (tags, rest) = data.as_chunks::<2>();
    let valid = rest.is_empty() && !tags.is_empty();
    valid.then(|| EdnsOption::KeyTag(tags.iter().map(|tag| u16::from_be_bytes(*tag)).collect()))
}

/// RFC 8914 2: the text may or may not end with a zero octet.
fn extended_error(data: &[u8]) -> Option<EdnsOption> {
    let (info, text) = data.split_first_chunk::<2>()?;
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let text = String::from_utf8_lossy(text).into_owned();
    Some(EdnsOption::ExtendedError { info: u16::from_be_bytes(*info), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str, source_prefix: u8) -> EdnsOption {
        let address = text.parse().expect("test address");
        EdnsOption::ClientSubnet(ClientSubnet { address, source_prefix, scope_prefix: 0 })
    }

    #[test]
    fn wire_forms() {
        let check = |code: u16, data: &[u8], want: EdnsOption| {
            assert_eq!(EdnsOption::from_wire(code, data), Ok(want.clone()));
            let mut wire = Vec::new();
            want.write(&mut wire);
            assert_eq!(wire[..2], code.to_be_bytes());
            assert_eq!(wire[2..4], (data.len() as u16).to_be_bytes());
            assert_eq!(wire[4..], *data);
        };
        check(code::NSID, b"ns1", EdnsOption::Nsid(b"ns1".to_vec()));
        check(code::CLIENT_SUBNET, &[0, 1, 20, 0, 192, 0, 32], subnet("192.0.32.0", 20));
        check(code::CLIENT_SUBNET, &[0, 1, 0, 0], subnet("0.0.0.0", 0));
        check(code::CLIENT_SUBNET, &[0, 2, 32, 0, 0x20, 1, 0x0d, 0xb8], subnet("2001:db8::", 32));
        let unknown = EdnsOption::Other { code: code::CLIENT_SUBNET, data: vec![0, 3, 0, 0] };
        check(code::CLIENT_SUBNET, &[0, 3, 0, 0], unknown);
        check(code::EXPIRE, &[], EdnsOption::Expire(None));
        check(code::EXPIRE, &[0, 1, 0, 0], EdnsOption::Expire(Some(65536)));
        check(code::COOKIE, b"clientco", EdnsOption::Cookie { client: *b"clientco", server: vec![] });
        let both = EdnsOption::Cookie { client: *b"clientco", server: b"serverco".to_vec() };
        check(code::COOKIE, b"clientcoserverco", both);
        check(code::KEEPALIVE, &[], EdnsOption::Keepalive(None));
        check(code::KEEPALIVE, &[1, 0], EdnsOption::Keepalive(Some(256)));
        check(code::PADDING, &[0; 9], EdnsOption::Padding(9));
        check(code::CHAIN, b"\x03com\0", EdnsOption::Chain("com.".parse().expect("name")));
        check(code::KEY_TAG, &[0x4f, 0x66, 0, 1], EdnsOption::KeyTag(vec![20326, 1]));
        check(code::EXTENDED_ERROR, b"\0\x0flist", EdnsOption::ExtendedError { info: 15, text: "list".into() });
        check(code::REPORT_CHANNEL, b"\x01a\0", EdnsOption::ReportChannel("a.".parse().expect("name")));
        check(65001, &[1], EdnsOption::Other { code: 65001, data: vec![1] });
    }

    #[test]
    fn bad_data() {
        let check = |code: u16, data: &[u8]| {
            assert_eq!(EdnsOption::from_wire(code, data), Err(EdnsError::BadOption(code)), "{code} {data:?}");
        };
        check(code::CLIENT_SUBNET, &[]);
        check(code::CLIENT_SUBNET, &[0, 1, 0]);
        // Too few octets, too many, bits beyond the prefix, a prefix that is too long.
        check(code::CLIENT_SUBNET, &[0, 1, 24, 0, 192, 0]);
        check(code::CLIENT_SUBNET, &[0, 1, 8, 0, 192, 0]);
        check(code::CLIENT_SUBNET, &[0, 1, 20, 0, 192, 0, 33]);
        check(code::CLIENT_SUBNET, &[0, 1, 33, 0, 192, 0, 2, 1, 0]);
        check(code::CLIENT_SUBNET, &[&[0, 2, 255, 0][..], &[1; 32]].concat());
        check(code::EXPIRE, &[0, 0, 1]);
        check(code::COOKIE, b"short");
        check(code::COOKIE, b"clientcoserver");
        check(code::COOKIE, &[0; 41]);
        check(code::KEEPALIVE, &[1]);
        check(code::CHAIN, b"\x03com");
        check(code::KEY_TAG, &[]);
        check(code::KEY_TAG, &[1, 2, 3]);
        check(code::EXTENDED_ERROR, &[1]);
        check(code::REPORT_CHANNEL, &[]);
    }

    #[test]
    fn padding_is_ignored_and_text_ends_at_a_zero() {
        assert_eq!(EdnsOption::from_wire(code::PADDING, &[1, 2, 3]), Ok(EdnsOption::Padding(3)));
        let text = EdnsOption::from_wire(code::EXTENDED_ERROR, b"\0\x06bad\0");
        assert_eq!(text, Ok(EdnsOption::ExtendedError { info: 6, text: "bad".into() }));
    }
}
