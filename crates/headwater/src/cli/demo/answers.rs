//! What is answered: by the rest of the Internet, which is made up, and by lists and rules. The stand-in for the Internet
//! and the past of the demo say the same.

use dns::header::Header;
use dns::rdata::text;
use dns::{Class, Edns, Message, Name, NameBuf, Question, RType, Rcode, Record};

use super::names::{Fate, Names};
use super::random::{self, Random};

/// Negative answers are kept so long, in seconds.
pub const NEGATIVE_TTL: u32 = 300;
/// TTL of what a list or rule answers, in seconds.
pub const BLOCKED_TTL: u32 = 300;
/// Whoever asks servers that fail says so after this long, in milliseconds: sooner than the question is asked again.
const BROKEN_MS: f64 = 180.0;
/// How much times of answers differ.
const SPREAD: f64 = 0.5;

/// An answer without its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The RCODE.
    pub rcode: Rcode,
    /// The last record is the SOA record of a negative answer, which stands in another section.
    pub negative: bool,
    /// The records.
    pub records: Vec<Record>,
}

/// A record from its text.
///
/// # Errors
/// Data that is none of the type.
pub fn record(owner: &Name, rtype: RType, ttl: u32, data: &str, origin: &Name) -> anyhow::Result<Record> {
    let mut rdata = Vec::new();
    text::scan_single(rtype, data, origin, &mut rdata).map_err(|_| anyhow::anyhow!("no {rtype} record: {data}"))?;
    Ok(Record { owner: owner.to_owned(), rtype, class: Class::IN, ttl, rdata })
}

/// What the Internet answers to a question for a name of the model, or for one that nobody has.
///
/// # Errors
/// A record that is none.
pub fn of_internet(names: &Names, name: &NameBuf, rtype: RType) -> anyhow::Result<Answer> {
    let site = names.find(name).map(|number| &names.sites[number]);
    let Some(site) = site else { return nowhere(name) };
    match site.fate {
        Fate::Broken => Ok(Answer { rcode: Rcode::SERVFAIL, negative: false, records: Vec::new() }),
        Fate::Missing | Fate::Ours => nowhere(name),
        Fate::There => there(name, rtype, site.ttl),
        Fate::Alias(target) => {
            let target: NameBuf = target.parse()?;
            let mut answer = of_internet(names, &target, rtype)?;
            answer.records.insert(0, record(name, RType::CNAME, site.ttl, &format!("{target}"), Name::root())?);
            Ok(answer)
        }
    }
}

/// How long the Internet takes for it, in microseconds.
pub fn delay_us(names: &Names, name: &NameBuf, random: &mut Random) -> u64 {
    let site = names.find(name).map(|number| &names.sites[number]);
    let usual_ms = match site {
        Some(site) if site.fate == Fate::Broken => BROKEN_MS,
        Some(site) => site.latency_ms,
        None => 20.0,
    };
    (usual_ms * random.factor(SPREAD) * 1000.0) as u64
}

/// The records of a name that is there. They follow from its text; addresses are those that are reserved for documents.
fn there(name: &NameBuf, rtype: RType, ttl: u32) -> anyhow::Result<Answer> {
    let text = name.to_string().to_ascii_lowercase();
    let number = random::of_octets(text.as_bytes());
    let [a, b, c, d, ..] = number.to_be_bytes();
    let network = ["192.0.2", "198.51.100", "203.0.113"][usize::from(a % 3)];
    let address = |host: u8| format!("{network}.{}", host.clamp(1, 254));
    let data: Vec<String> = match rtype {
        RType::A if b.is_multiple_of(3) => vec![address(c), address(c ^ 1)],
        RType::A => vec![address(c)],
        // Some names have no address of the newer kind, and no parameters of their service.
        RType::AAAA if !b.is_multiple_of(4) => vec![format!("2001:db8:{a:x}:{b:x}::{c:x}:{d:x}")],
        RType::HTTPS if !c.is_multiple_of(3) => vec![format!("1 . alpn=h2,h3 ipv4hint={}", address(c))],
        RType::MX => vec![format!("10 mx1.{text}")],
        RType::TXT if text.starts_with("_dmarc") => vec!["\"v=DMARC1; p=reject\"".to_owned()],
        RType::TXT => vec!["\"v=spf1 mx -all\"".to_owned()],
        _ => Vec::new(),
    };
    if data.is_empty() {
        return Ok(Answer { rcode: Rcode::NOERROR, negative: true, records: vec![soa(name)?] });
    }
    let records = data.iter().map(|data| record(name, rtype, ttl, data, Name::root()));
    Ok(Answer { rcode: Rcode::NOERROR, negative: false, records: records.collect::<anyhow::Result<_>>()? })
}

fn nowhere(name: &NameBuf) -> anyhow::Result<Answer> {
    Ok(Answer { rcode: Rcode::NXDOMAIN, negative: true, records: vec![soa(name)?] })
}

/// The SOA record of the zone that a name would be in: the last two labels.
fn soa(name: &NameBuf) -> anyhow::Result<Record> {
    let above = name.label_count().saturating_sub(2);
    let zone = name.ancestors().nth(above).unwrap_or(Name::root());
    record(
        zone,
        RType::SOA,
        NEGATIVE_TTL,
        &format!("ns1.registry.example. hostmaster.registry.example. 1 7200 900 1209600 {NEGATIVE_TTL}"),
        Name::root(),
    )
}

/// What the server answers where a list or rule has the name: no address, or that there is no such name.
///
/// # Errors
/// A record that is none.
pub fn blocked(name: &NameBuf, rtype: RType, denies: bool) -> anyhow::Result<Answer> {
    let data = match rtype {
        _ if denies => return nowhere(name),
        RType::A => "0.0.0.0",
        RType::AAAA => "::",
        _ => return Ok(Answer { rcode: Rcode::NOERROR, negative: true, records: vec![soa(name)?] }),
    };
    let records = vec![record(name, rtype, BLOCKED_TTL, data, Name::root())?];
    Ok(Answer { rcode: Rcode::NOERROR, negative: false, records })
}

impl Answer {
    /// The message that it makes to this question; `id` is the query's.
    pub fn message(&self, id: u16, name: NameBuf, rtype: RType, authoritative: bool) -> Message {
        let (mut answers, mut authorities) = (self.records.clone(), Vec::new());
        if self.negative {
            authorities.extend(answers.pop());
        }
        let header =
            Header { id, qr: true, aa: authoritative, rd: true, ra: true, rcode: self.rcode, ..Header::default() };
        Message {
            header,
            questions: vec![Question { name, rtype, class: Class::IN }],
            answers,
            authorities,
            additionals: Vec::new(),
            edns: Some(Edns::default()),
        }
    }

    /// How long it is kept, in seconds.
    pub fn ttl(&self) -> u32 {
        self.records.iter().map(|record| record.ttl).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_answered_as_its_fate_is() {
        let names = Names::new().expect("names");
        for site in &names.sites {
            for &rtype in site.types {
                let answer = of_internet(&names, &site.name, rtype).expect("an answer");
                let want = match site.fate {
                    Fate::Broken => Rcode::SERVFAIL,
                    Fate::Missing | Fate::Ours => Rcode::NXDOMAIN,
                    Fate::There | Fate::Alias(_) => Rcode::NOERROR,
                };
                assert_eq!(answer.rcode, want, "{}", site.text);
                let message = answer.message(1, site.name.clone(), rtype, false);
                let again = Message::parse(&message.to_wire(1232)).expect("a message");
                assert_eq!(again, message);
            }
        }
    }

    #[test]
    fn blocked_names_have_no_address() {
        let name: NameBuf = "ads.example".parse().expect("a name");
        let rcode = |rtype, denies| {
            let answer = blocked(&name, rtype, denies).expect("an answer");
            (answer.rcode, answer.negative)
        };
        assert_eq!(rcode(RType::A, false), (Rcode::NOERROR, false));
        assert_eq!(rcode(RType::HTTPS, false), (Rcode::NOERROR, true));
        assert_eq!(rcode(RType::A, true), (Rcode::NXDOMAIN, true));
    }
}
