//! Where the root's name servers are before anybody was asked (RFC 9609 2.1): built in, or from a hints file.
//!
//! [`crate::settings::Settings::root_hints`] gets them; the configuration reads the file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use dns::zonefile::{self, NoIncludes, Options, Problem, Record, Sink};
use dns::{Class, Name, NameBuf, RType};

use crate::settings::Hint;

/// The TTL of hints that give none; nothing reads it.
const TTL_S: u32 = 3_600_000;
/// Most name servers that hints may name.
const MAX_SERVERS: usize = 100;
/// Most addresses that hints may give.
const MAX_ADDRESSES: usize = 1000;

/// The root's name servers of 2025, `a` to `m` of `root-servers.net`.
const BUILT_IN: [(&str, [u8; 4], [u16; 8]); 13] = [
    ("a", [198, 41, 0, 4], [0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30]),
    ("b", [170, 247, 170, 2], [0x2801, 0x1b8, 0x10, 0, 0, 0, 0, 0xb]),
    ("c", [192, 33, 4, 12], [0x2001, 0x500, 2, 0, 0, 0, 0, 0xc]),
    ("d", [199, 7, 91, 13], [0x2001, 0x500, 0x2d, 0, 0, 0, 0, 0xd]),
    ("e", [192, 203, 230, 10], [0x2001, 0x500, 0xa8, 0, 0, 0, 0, 0xe]),
    ("f", [192, 5, 5, 241], [0x2001, 0x500, 0x2f, 0, 0, 0, 0, 0xf]),
    ("g", [192, 112, 36, 4], [0x2001, 0x500, 0x12, 0, 0, 0, 0, 0xd0d]),
    ("h", [198, 97, 190, 53], [0x2001, 0x500, 1, 0, 0, 0, 0, 0x53]),
    ("i", [192, 36, 148, 17], [0x2001, 0x7fe, 0, 0, 0, 0, 0, 0x53]),
    ("j", [192, 58, 128, 30], [0x2001, 0x503, 0xc27, 0, 0, 0, 2, 0x30]),
    ("k", [193, 0, 14, 129], [0x2001, 0x7fd, 0, 0, 0, 0, 0, 1]),
    ("l", [199, 7, 83, 42], [0x2001, 0x500, 0x9f, 0, 0, 0, 0, 0x42]),
    ("m", [202, 12, 27, 33], [0x2001, 0xdc3, 0, 0, 0, 0, 0, 0x35]),
];

/// The root's name servers as they are built in.
pub fn built_in() -> Vec<Hint> {
    let hint = |(letter, v4, v6): (&str, [u8; 4], [u16; 8])| {
        let name = format!("{letter}.root-servers.net.").parse().ok()?;
        Some(Hint { name, addresses: vec![Ipv4Addr::from(v4).into(), Ipv6Addr::from(v6).into()] })
    };
    BUILT_IN.into_iter().filter_map(hint).collect()
}

/// Reads a hints file: NS records of the root, and the addresses of the servers that they name, in zone-file form.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &[u8], file: &Path) -> Result<Vec<Hint>, Vec<Problem>> {
    let options = Options { origin: Name::root(), default_ttl: Some(TTL_S), file, class: Class::IN, rules: false };
    let mut found = Found { file, servers: Vec::new(), addresses: Vec::new(), problems: Vec::new() };
    let outcome = zonefile::parse(text, &options, &NoIncludes, &mut found);
    let mut problems = outcome.problems;
    let hints = found.hints();
    problems.append(&mut found.problems);
    if problems.is_empty() && hints.iter().all(|hint| hint.addresses.is_empty()) {
        problems.push(found.problem(1, "no NS record of the root with an address"));
    }
    if problems.is_empty() { Ok(hints) } else { Err(problems) }
}

/// What a hints file says.
struct Found<'a> {
    file: &'a Path,
    servers: Vec<NameBuf>,
    addresses: Vec<(NameBuf, IpAddr)>,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn problem(&self, line: u32, message: &str) -> Problem {
        Problem { file: self.file.to_owned(), line, column: 1, message: message.to_owned() }
    }

    fn hints(&self) -> Vec<Hint> {
        let addresses = |name: &Name| {
            let of_name = self.addresses.iter().filter(|(owner, _)| **owner == *name);
            of_name.map(|(_, address)| *address).collect()
        };
        self.servers.iter().map(|name| Hint { name: name.clone(), addresses: addresses(name) }).collect()
    }

    fn add(&mut self, record: Record<'_>) -> Result<(), &'static str> {
        let address = match record.rtype {
            RType::NS if !record.owner.is_root() => return Err("only the root's name servers belong here"),
            RType::NS if self.servers.len() == MAX_SERVERS => return Err("too many name servers"),
            RType::NS => {
                let name = Name::from_wire(record.rdata).map_err(|_| "not a name")?.to_owned();
                if !self.servers.contains(&name) {
                    self.servers.push(name);
                }
                return Ok(());
            }
            RType::A => <[u8; 4]>::try_from(record.rdata).ok().map(IpAddr::from),
            RType::AAAA => <[u8; 16]>::try_from(record.rdata).ok().map(IpAddr::from),
            // Whoever made the file of a copy of the zone left more in; it does no harm.
            _ => return Ok(()),
        };
        if self.addresses.len() == MAX_ADDRESSES {
            return Err("too many addresses");
        }
        let address = address.ok_or("not an address")?;
        self.addresses.push((record.owner.to_owned(), address));
        Ok(())
    }
}

impl Sink for Found<'_> {
    fn record(&mut self, record: Record<'_>) {
        if let Err(message) = self.add(record) {
            let problem = self.problem(record.line, message);
            self.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_are_built_in() {
        let hints = built_in();
        assert_eq!(hints.len(), 13);
        assert!(hints.iter().all(|hint| hint.addresses.len() == 2));
        assert_eq!(hints[12].name.to_string(), "m.root-servers.net.");
        let text = |index: usize| hints[index].addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(0), ["198.41.0.4", "2001:503:ba3e::2:30"]);
        assert_eq!(text(1), ["170.247.170.2", "2801:1b8:10::b"]);
        assert_eq!(text(6), ["192.112.36.4", "2001:500:12::d0d"]);
    }

    #[test]
    fn files() {
        let check = |text: &str, want: Result<&str, &str>| {
            let got = parse(text.as_bytes(), Path::new("hints"));
            let got =
                got.map(|hints| hints.iter().map(|hint| format!("{} {:?};", hint.name, hint.addresses)).collect());
            let got: Result<String, String> =
                got.map_err(|problems| problems.iter().map(|problem| format!("{problem};")).collect());
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
        };
        let file = "; hints\n. 3600000 NS A.ROOT.\n. NS B.ROOT.\na.root. A 192.0.2.1\nA.root. AAAA 2001:db8::1\n";
        check(file, Ok("A.ROOT. [192.0.2.1, 2001:db8::1];B.ROOT. [];"));
        check("", Err("hints:1:1: no NS record of the root with an address;"));
        check(". NS a.\n", Err("hints:1:1: no NS record of the root with an address;"));
        check("org. NS a.\na. A 192.0.2.1", Err("hints:1:1: only the root's name servers belong here;"));
        check(". NS a.\na. A 192.0.2.1\n$INCLUDE x\n", Err("hints:3:10: cannot read x: $INCLUDE is not allowed here;"));
    }
}
