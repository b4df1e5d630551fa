//! The words of `headwater query` in any order: name, type, class, `@server`, `+options`.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use dns::edns::{ClientSubnet, EdnsOption};
use dns::{Class, Edns, NameBuf, RType};

/// Where our own server listens unless it is told otherwise.
const DEFAULT_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5353);
/// The port of a server that is given without one.
const DNS_PORT: u16 = 53;
/// Longest wait that `+time` takes.
const MAX_TIMEOUT_S: u64 = 3600;
/// Most tries that `+tries` takes.
const MAX_TRIES: u32 = 100;

/// The `+` words: name, what the value is called (empty: a switch, `+noNAME` turns it off), help.
const OPTIONS: [(&str, &str, &str); 23] = [
    ("dnssec", "", "ask for DNSSEC records (the DO bit)"),
    ("tcp", "", "ask over TCP"),
    ("tls", "", "ask over TLS (not in this version yet)"),
    ("https", "", "ask over HTTPS (not in this version yet)"),
    ("quic", "", "ask over QUIC (not in this version yet)"),
    ("json", "", "print one JSON object"),
    ("short", "", "print the answer's data only"),
    ("recurse", "", "set the RD bit (on unless +norecurse)"),
    ("ad", "", "set the AD bit: say whether the answer is validated (on unless +noad)"),
    ("cd", "", "set the CD bit: do not validate"),
    ("edns", "", "send an OPT record (on unless +noedns)"),
    ("ednsversion", "N", "EDNS version (0)"),
    ("bufsize", "N", "largest UDP answer wanted, in octets (1232)"),
    ("nsid", "", "ask which server it is"),
    ("cookie", "", "send a cookie"),
    ("expire", "", "ask when the zone expires"),
    ("keepalive", "", "ask how long a connection may stay open"),
    ("subnet", "ADDR/N", "send a client subnet"),
    ("padding", "N", "send so many octets of padding"),
    ("ignore", "", "take a truncated answer instead of asking again over TCP"),
    ("time", "SECONDS", "wait so long for each try (5)"),
    ("tries", "N", "try so many times over UDP (3)"),
    ("retry", "N", "the same as +tries with one more"),
];

/// What the words ask for.
pub enum Words {
    /// How to use the command.
    Help,
    /// A question to a server.
    Request(Box<Request>),
}

/// One question to one server.
#[derive(Debug, Clone)]
pub struct Request {
    /// QNAME.
    pub name: NameBuf,
    /// QTYPE.
    pub rtype: RType,
    /// QCLASS.
    pub class: Class,
    /// Whom to ask.
    pub server: SocketAddr,
    /// Over TCP from the start.
    pub tcp: bool,
    /// RD.
    pub recurse: bool,
    /// AD.
    pub authentic_data: bool,
    /// CD.
    pub checking_disabled: bool,
    /// The OPT record, but for the cookie.
    pub edns: Option<Edns>,
    /// Whether to send a cookie.
    pub cookie: bool,
    /// Whether a truncated answer will do.
    pub ignore_truncation: bool,
    /// How long to wait for one try.
    pub timeout: Duration,
    /// How often to try over UDP, at least once.
    pub tries: u32,
    /// How to show the reply.
    pub output: Output,
}

/// How to show a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// All of it, for people.
    Full,
    /// The answer section's data, one line each.
    Short,
    /// One JSON object.
    Json,
}

/// The help text.
pub fn usage() -> String {
    let mut out = String::from(
        "Usage: headwater query NAME [TYPE] [CLASS] [@SERVER[:PORT]] [+OPTION]...\n\n\
         Asks a DNS server. The words come in any order.\n\n\
         \x20 NAME           a domain name, or an IP address for the name that belongs to it\n\
         \x20 TYPE           record type (A; PTR for addresses, TXT in class CH)\n\
         \x20 @SERVER        address, name or [IPv6 address], port 53 unless given (127.0.0.1:5353)\n\
         \x20 -x ADDRESS     the same as the address as NAME\n\
         \x20 -p PORT        the server's port\n\n",
    );
    for (name, value, help) in OPTIONS {
        let word = if value.is_empty() { format!("+{name}") } else { format!("+{name}={value}") };
        out.push_str(&format!("  {word:<16} {help}\n"));
    }
    out.push_str("\nExit code: 0 for any answer, 9 when there is none, 1 for words that make no sense.\n");
    out
}

/// Reads the words behind `query`.
pub fn parse(args: &[String]) -> anyhow::Result<Words> {
    let mut plain = Vec::new();
    let mut reverse = None;
    let mut server = None;
    let mut port = None;
    let mut settings = Settings::default();
    let mut words = args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-h" | "--help" => return Ok(Words::Help),
            "-x" => {
                let address = words.next().context("-x needs an address")?;
                reverse = Some(address.parse().map_err(|_| anyhow!("-x {address}: not an IP address"))?);
            }
            "-p" => {
                let text = words.next().context("-p needs a port")?;
                port = Some(text.parse().map_err(|_| anyhow!("-p {text}: not a port"))?);
            }
            _ => match word.as_bytes() {
                [b'@', ..] => server = Some(&word[1..]),
                [b'+', ..] => settings.set(&word[1..])?,
                [b'-', _, ..] => bail!("unknown option {word}, see headwater query --help"),
                _ => plain.push(word),
            },
        }
    }
    let (name, rtype, class) = question(&plain, reverse)?;
    if rtype == RType::AXFR || rtype == RType::IXFR {
        bail!("zone transfers ({rtype}) are not in this version of headwater query yet");
    }
    let server = match (server, port) {
        (None, None) => DEFAULT_SERVER,
        (None, Some(port)) => SocketAddr::new(DEFAULT_SERVER.ip(), port),
        (Some(text), port) => server_address(text, port.unwrap_or(DNS_PORT))?,
    };
    Ok(Words::Request(Box::new(settings.into_request(name, rtype, class, server))))
}

/// Name, type and class from the words that are no options. The first word that is neither a type
/// nor a class is the name; when all of them are, the first is.
fn question(plain: &[&str], reverse: Option<IpAddr>) -> anyhow::Result<(NameBuf, RType, Class)> {
    let as_type = |word: &str| RType::from_text(word.as_bytes());
    let as_class = |word: &str| Class::from_text(word.as_bytes());
    let mut rest = plain.to_vec();
    let name = if reverse.is_some() {
        None
    } else if rest.is_empty() {
        bail!("no NAME given, see headwater query --help");
    } else {
        let at = rest.iter().position(|word| as_type(word).is_none() && as_class(word).is_none());
        Some(rest.remove(at.unwrap_or(0)))
    };

    let (mut rtype, mut class) = (None, None);
    for word in rest {
        if let (None, Some(found)) = (rtype, as_type(word)) {
            rtype = Some(found);
        } else if let (None, Some(found)) = (class, as_class(word)) {
            class = Some(found);
        } else {
            bail!("{word}: neither a record type nor a class, or a second one");
        }
    }
    let class = class.unwrap_or(Class::IN);
    let address = reverse.or_else(|| name.and_then(|name| name.parse().ok()));
    let default_type = match address {
        Some(_) => RType::PTR,
        None if class == Class::CH => RType::TXT,
        None => RType::A,
    };
    let name = match (address, name) {
        (Some(address), _) => reverse_name(address),
        (None, name) => {
            let name = name.unwrap_or_default();
            name.parse().map_err(|error| anyhow!("{name}: {error}"))?
        }
    };
    Ok((name, rtype.unwrap_or(default_type), class))
}

/// The name under which an address has its PTR record (RFC 1035 3.5, RFC 3596 2.5).
fn reverse_name(address: IpAddr) -> NameBuf {
    let text = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            nibbles.chain(["ip6.arpa.".to_string()]).collect()
        }
    };
    text.parse().unwrap_or(NameBuf::root())
}

/// `ADDR`, `ADDR:PORT`, `[ADDR]`, `[ADDR]:PORT`, or a host name with or without a port.
fn server_address(text: &str, default_port: u16) -> anyhow::Result<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, default_port));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| anyhow!("@{text}: not a port: {port}"))?),
        None => (text, default_port),
    };
    let mut addresses = (host, port).to_socket_addrs().with_context(|| format!("@{text}"))?;
    addresses.next().with_context(|| format!("@{text}: no address"))
}

/// What the `+` words set.
struct Settings {
    tcp: bool,
    recurse: bool,
    authentic_data: bool,
    checking_disabled: bool,
    send_edns: bool,
    edns: Edns,
    nsid: bool,
    cookie: bool,
    expire: bool,
    keepalive: bool,
    subnet: Option<ClientSubnet>,
    padding: Option<u16>,
    ignore_truncation: bool,
    timeout: Duration,
    tries: u32,
    json: bool,
    short: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tcp: false,
            recurse: true,
            authentic_data: true,
            checking_disabled: false,
            send_edns: true,
            edns: Edns::default(),
            nsid: false,
            cookie: false,
            expire: false,
            keepalive: false,
            subnet: None,
            padding: None,
            ignore_truncation: false,
            timeout: Duration::from_secs(5),
            tries: 3,
            json: false,
            short: false,
        }
    }
}

impl Settings {
    /// One `+` word, without the plus.
    fn set(&mut self, word: &str) -> anyhow::Result<()> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let known = |name: &str| OPTIONS.iter().find(|(known, _, _)| *known == name);
        let (option, on) = match (known(name), name.strip_prefix("no").and_then(known)) {
            (Some(option), _) => (option, true),
            (None, Some(option)) => (option, false),
            (None, None) => bail!("unknown option +{name}, see headwater query --help"),
        };
        match (option, value) {
            ((name, "", _), None) => self.switch(name, on),
            ((name, "", _), Some(_)) => bail!("+{name} takes no value"),
            ((name, meaning, _), None) => bail!("+{name} needs a value: +{name}={meaning}"),
            ((name, _, _), Some(_)) if !on => bail!("+no{name} takes no value"),
            ((name, _, _), Some(value)) => self.value(name, value),
        }
    }

    fn switch(&mut self, name: &str, on: bool) -> anyhow::Result<()> {
        match name {
            "dnssec" => self.edns.dnssec_ok = on,
            "tcp" => self.tcp = on,
            "tls" | "https" | "quic" if on => bail!("+{name} is not in this version yet"),
            "json" => self.json = on,
            "short" => self.short = on,
            "recurse" => self.recurse = on,
            "ad" => self.authentic_data = on,
            "cd" => self.checking_disabled = on,
            "edns" => self.send_edns = on,
            "nsid" => self.nsid = on,
            "cookie" => self.cookie = on,
            "expire" => self.expire = on,
            "keepalive" => self.keepalive = on,
            "ignore" => self.ignore_truncation = on,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let bad = || anyhow!("+{name}={value}: bad value");
        match name {
            "ednsversion" => self.edns.version = value.parse().map_err(|_| bad())?,
            "bufsize" => self.edns.udp_size = value.parse().map_err(|_| bad())?,
            "subnet" => self.subnet = Some(subnet(value).ok_or_else(bad)?),
            "padding" => self.padding = Some(value.parse().map_err(|_| bad())?),
            "time" => {
                let seconds = value.parse::<u64>().ok().filter(|s| (1..=MAX_TIMEOUT_S).contains(s));
                self.timeout = Duration::from_secs(seconds.ok_or_else(bad)?);
            }
            "tries" | "retry" => {
                let number = value.parse::<u32>().ok().filter(|number| *number < MAX_TRIES).ok_or_else(bad)?;
                self.tries = if name == "retry" { number + 1 } else { number.max(1) };
            }
            _ => {}
        }
        Ok(())
    }

    fn into_request(self, name: NameBuf, rtype: RType, class: Class, server: SocketAddr) -> Request {
        let mut edns = self.edns;
        edns.options.extend(self.nsid.then(|| EdnsOption::Nsid(Vec::new())));
        edns.options.extend(self.expire.then_some(EdnsOption::Expire(None)));
        edns.options.extend(self.keepalive.then_some(EdnsOption::Keepalive(None)));
        edns.options.extend(self.subnet.map(EdnsOption::ClientSubnet));
        edns.options.extend(self.padding.map(EdnsOption::Padding));
        Request {
            name,
            rtype,
            class,
            server,
            tcp: self.tcp,
            recurse: self.recurse,
            authentic_data: self.authentic_data,
            checking_disabled: self.checking_disabled,
            edns: self.send_edns.then_some(edns),
            cookie: self.cookie,
            ignore_truncation: self.ignore_truncation,
            timeout: self.timeout,
            tries: self.tries,
            output: match (self.json, self.short) {
                (true, _) => Output::Json,
                (false, true) => Output::Short,
                (false, false) => Output::Full,
            },
        }
    }
}

/// `ADDR/N`, or an address alone for all its bits.
fn subnet(text: &str) -> Option<ClientSubnet> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address = address.parse::<IpAddr>().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let source_prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
    (source_prefix <= bits).then_some(ClientSubnet { address, source_prefix, scope_prefix: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_request(line: &str) -> anyhow::Result<Box<Request>> {
        let args: Vec<String> = line.split_whitespace().map(String::from).collect();
        match parse(&args)? {
            Words::Request(request) => Ok(request),
            Words::Help => bail!("help"),
        }
    }

    fn request(line: &str) -> Box<Request> {
        try_request(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn questions() {
        let check = |line: &str, want: &str| {
            let request = request(line);
            assert_eq!(format!("{} {} {}", request.name, request.class, request.rtype), want, "{line}");
        };
        check("example.com", "example.com. IN A");
        check("example.com mx", "example.com. IN MX");
        check("MX example.com", "example.com. IN MX");
        check("+dnssec @127.0.0.1 TYPE65280 example.com IN", "example.com. IN TYPE65280");
        check("mx", "mx. IN A");
        check("txt txt", "txt. IN TXT");
        check("any any", "any. IN ANY");
        check("mx. ns", "mx. IN NS");
        check("version.bind CH", "version.bind. CH TXT");
        check("version.bind A CH", "version.bind. CH A");
        check(".", ". IN A");
        check(". ns", ". IN NS");
        check("192.0.2.1", "1.2.0.192.in-addr.arpa. IN PTR");
        check("-x 192.0.2.1 SOA", "1.2.0.192.in-addr.arpa. IN SOA");
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN PTR";
        check("2001:db8::1", v6);
    }

    #[test]
    fn servers() {
        let check = |line: &str, want: &str| assert_eq!(request(line).server.to_string(), want, "{line}");
        check("a", "127.0.0.1:5353");
        check("a -p 54", "127.0.0.1:54");
        check("a @192.0.2.1", "192.0.2.1:53");
        check("@192.0.2.1:5300 a", "192.0.2.1:5300");
        check("a @192.0.2.1 -p 99", "192.0.2.1:99");
        check("a @2001:db8::1", "[2001:db8::1]:53");
        check("a @[2001:db8::1]", "[2001:db8::1]:53");
        check("a @[2001:db8::1]:5353", "[2001:db8::1]:5353");
    }

    #[test]
    fn options() {
        let all = request("a +dnssec +tcp +norecurse +noad +cd +nsid +cookie +bufsize=4096 +time=2 +retry=0 +ignore");
        assert!(all.tcp && !all.recurse && !all.authentic_data && all.checking_disabled && all.cookie);
        assert!(all.ignore_truncation);
        assert_eq!((all.timeout, all.tries), (Duration::from_secs(2), 1));
        let options = vec![EdnsOption::Nsid(Vec::new())];
        assert_eq!(all.edns, Some(Edns { udp_size: 4096, dnssec_ok: true, options, ..Edns::default() }));
        assert_eq!(request("a +noedns").edns, None);
        assert_eq!(request("a +short +json").output, Output::Json);
        let with_subnet = request("a +subnet=192.0.2.0/24").edns.expect("EDNS");
        let subnet = ClientSubnet { address: "192.0.2.0".parse().expect("ip"), source_prefix: 24, scope_prefix: 0 };
        assert_eq!(with_subnet.options, [EdnsOption::ClientSubnet(subnet)]);
    }

    #[test]
    fn every_option_does_something() {
        for (name, value, _) in OPTIONS {
            let word = match value {
                "" => format!("a +{name} +no{name}"),
                "ADDR/N" => format!("a +{name}=::/0"),
                _ => format!("a +{name}=7"),
            };
            let before = format!("{:?}", request("a"));
            let plus = try_request(word.split(" +no").next().expect("word"));
            match plus {
                Ok(plus) if ["recurse", "ad", "edns"].contains(&name) => assert_eq!(format!("{plus:?}"), before),
                Ok(plus) => assert_ne!(format!("{plus:?}"), before, "+{name}"),
                Err(error) => assert!(error.to_string().contains("not in this version"), "+{name}: {error}"),
            }
            assert!(usage().contains(&format!("+{name}")));
        }
    }

    #[test]
    fn nonsense() {
        let check = |line: &str, want: &str| {
            let error = try_request(line).expect_err(line).to_string();
            assert!(error.contains(want), "{line}: {error}");
        };
        check("", "no NAME");
        check("+dnssec", "no NAME");
        check("a..b", "empty label");
        check("example.com example.net", "example.net: neither");
        check("example.com MX TXT", "TXT: neither");
        check("a +nonsense", "unknown option +nonsense");
        check("a +dnssec=1", "takes no value");
        check("a +bufsize", "+bufsize=N");
        check("a +bufsize=70000", "bad value");
        check("a +subnet=192.0.2.0/33", "bad value");
        check("a +time=0", "bad value");
        check("a +tries=100", "bad value");
        check("a -q", "unknown option -q");
        check("a -x", "-x needs");
        check("-x name", "not an IP address");
        check("a -p 65536", "not a port");
        check("a @192.0.2.1:port", "not a port");
        check("a +tls", "+tls is not in this version yet");
        check("a AXFR", "not in this version");
    }
}
