//! Authoritative servers that misbehave, each in its own way, on addresses of their own: a root, `alpha.` below it, which
//! behave, and below that one zone for each way to misbehave.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dns::edns::EdnsOption;
use dns::{Class, Edns, Message, Name, NameBuf, RType, Rcode, Record};

use crate::data::{address_record, name, text};

/// The zone whose servers behave, below the root; the others are below it.
pub const PARENT: &str = "alpha.";
/// The address of the names that are asked for.
pub const TRUE_ADDRESS: [u8; 4] = [198, 18, 7, 7];
const TTL: u32 = 3600;
/// Names with an address that is soon out of date; `alias` leads to this one.
pub const BRIEF: &str = "www-brief";
pub const BRIEF_TTL_S: u32 = 1;
/// How long a server keeps a connection on which nothing comes.
const IDLE: Duration = Duration::from_secs(5);
/// Server threads need no more.
const STACK: usize = 128 << 10;
/// An option of the range for experiments (RFC 6891 9), which nobody asks for.
const STRANGE_OPTION: u16 = 65_100;

/// One way to misbehave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Questions with EDNS get no response.
    EdnsDropped,
    /// They get FORMERR without OPT, as from servers that know nothing of EDNS.
    EdnsFormerr,
    /// They get FORMERR with OPT.
    EdnsFormerrOpt,
    /// They get NOTIMP.
    EdnsNotimp,
    /// They get BADVERS, although the version is 0.
    EdnsBadvers,
    /// They get REFUSED.
    EdnsRefused,
    /// They get SERVFAIL.
    EdnsServfail,
    /// Questions with a cookie get no response.
    CookieDropped,
    /// They get FORMERR with OPT.
    CookieFormerr,
    /// They get BADVERS.
    CookieBadvers,
    /// They get REFUSED.
    CookieRefused,
    /// They get BADCOOKIE and another cookie each time.
    CookieBad,
    /// What options a question has come back, with one more that nobody asked for.
    OptionsEchoed,
    /// Responses have options that are not well-formed.
    OptionsBroken,
    /// The name comes back in lower case.
    CaseLowered,
    /// The name comes back in any case.
    CaseScrambled,
    /// Nobody listens on the TCP port.
    TcpClosed,
    /// Connections are taken, and nothing is said on them.
    TcpSilent,
    /// Responses over UDP are truncated.
    UdpTruncated,
    /// Questions for NS get no response.
    NsDropped,
    /// They get REFUSED.
    NsRefused,
    /// Questions for names without data, which have names below, get no response.
    EmptyDropped,
    /// They get REFUSED.
    EmptyRefused,
    /// They get SERVFAIL.
    EmptyServfail,
    /// They get FORMERR.
    EmptyFormerr,
    /// They get NOTIMP.
    EmptyNotimp,
    /// They get NXDOMAIN.
    EmptyNxdomain,
    /// Responses are without the question.
    QuestionMissing,
    /// Responses are to another question.
    QuestionOther,
}

impl Fault {
    /// Those with which there is an answer to be had.
    pub const ALL: [Fault; 27] = [
        Fault::EdnsDropped,
        Fault::EdnsFormerr,
        Fault::EdnsFormerrOpt,
        Fault::EdnsNotimp,
        Fault::EdnsBadvers,
        Fault::EdnsRefused,
        Fault::EdnsServfail,
        Fault::CookieDropped,
        Fault::CookieFormerr,
        Fault::CookieBadvers,
        Fault::CookieRefused,
        Fault::CookieBad,
        Fault::OptionsEchoed,
        Fault::OptionsBroken,
        Fault::CaseLowered,
        Fault::CaseScrambled,
        Fault::TcpClosed,
        Fault::TcpSilent,
        Fault::UdpTruncated,
        Fault::NsDropped,
        Fault::NsRefused,
        Fault::EmptyDropped,
        Fault::EmptyRefused,
        Fault::EmptyServfail,
        Fault::EmptyFormerr,
        Fault::EmptyNotimp,
        Fault::EmptyNxdomain,
    ];

    /// What it is about. Of faults about the same thing a server has one.
    fn about(self) -> &'static str {
        let name = Box::leak(format!("{self:?}").into_boxed_str());
        let end = name[1..].find(char::is_uppercase).map_or(name.len(), |at| at + 1);
        &name[..end]
    }

    /// Whether a server can have both, and still answer over some transport.
    pub fn goes_with(self, other: Fault) -> bool {
        let no_way = |fault| matches!(fault, Fault::TcpClosed | Fault::TcpSilent);
        let only_tcp = no_way(self) && other == Fault::UdpTruncated || no_way(other) && self == Fault::UdpTruncated;
        self.about() != other.about() && !only_tcp
    }
}

/// What a server got.
#[derive(Default)]
pub struct Heard {
    /// Questions over UDP.
    pub questions: AtomicU64,
    /// Questions with a cookie.
    pub cookies: AtomicU64,
    /// Questions without DO.
    pub without_do: AtomicU64,
}

/// What a server does.
pub struct Server {
    /// The zone that it has, its only one.
    pub zone: NameBuf,
    pub faults: Vec<Fault>,
    /// The zones below, and where their servers are.
    pub children: Vec<(NameBuf, IpAddr)>,
    pub heard: Arc<Heard>,
    /// While it is set, questions get no response.
    pub silent: Arc<AtomicBool>,
}

impl Server {
    pub fn new(zone: NameBuf, faults: &[Fault], children: Vec<(NameBuf, IpAddr)>) -> Server {
        Server { zone, faults: faults.to_vec(), children, heard: Arc::default(), silent: Arc::default() }
    }

    /// Answers at this address for as long as the test runs.
    pub fn start(self, address: SocketAddr) {
        let server = Arc::new(self);
        let socket = UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        if !server.has(Fault::TcpClosed) {
            let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            let server = server.clone();
            spawn(move || server.accept(&listener));
        }
        spawn(move || server.run(&socket));
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn run(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        loop {
            let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
            let Ok(query) = Message::parse(&buffer[..len]) else { continue };
            self.heard.questions.fetch_add(1, Ordering::Relaxed);
            if let Some(mut response) = self.respond(&query) {
                if self.has(Fault::UdpTruncated) {
                    response.header.tc = true;
                    response.answers.clear();
                    response.authorities.clear();
                }
                let _ = socket.send_to(&response.to_wire(1232), from);
            }
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            if self.has(Fault::TcpSilent) {
                silent.push(stream);
                continue;
            }
            let server = self.clone();
            spawn(move || {
                let _ = server.converse(stream);
            });
        }
    }

    fn converse(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(IDLE)).and_then(|()| stream.set_nodelay(true)).ok()?;
        loop {
            let mut len = [0; 2];
            stream.read_exact(&mut len).ok()?;
            let mut octets = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut octets).ok()?;
            let Some(response) = self.respond(&Message::parse(&octets).ok()?) else { continue };
            let response = response.to_wire(65_535);
            stream.write_all(&[&(response.len() as u16).to_be_bytes()[..], &response].concat()).ok()?;
        }
    }

    /// The response with all that is wrong with it; `None`: there is none.
    fn respond(&self, query: &Message) -> Option<Message> {
        if self.silent.load(Ordering::Relaxed) {
            return None;
        }
        let mut response = Message { questions: query.questions.clone(), ..Message::default() };
        response.header.id = query.header.id;
        response.header.qr = true;
        response.edns = query.edns.as_ref().map(|edns| Edns { dnssec_ok: edns.dnssec_ok, ..Edns::default() });
        match self.refusal(query) {
            Some(Refusal::Silence) => return None,
            Some(Refusal::Rcode(rcode, with_opt)) => {
                response.header.rcode = rcode;
                response.edns = response.edns.filter(|_| with_opt);
            }
            None => self.answer(&mut response),
        }
        self.add_options(query, &mut response);
        if self.has(Fault::QuestionMissing) {
            response.questions.clear();
        }
        for question in &mut response.questions {
            if self.has(Fault::QuestionOther) {
                question.name = name("www.other.");
            }
            if self.has(Fault::CaseLowered) {
                question.name = question.name.to_canonical();
            } else if self.has(Fault::CaseScrambled) {
                question.name = upside_down(&question.name);
            }
        }
        Some(response)
    }

    /// What a question gets instead of an answer.
    fn refusal(&self, query: &Message) -> Option<Refusal> {
        let question = query.questions.first()?;
        let mut options = query.edns.iter().flat_map(|edns| &edns.options);
        let cookie = options.any(|option| matches!(option, EdnsOption::Cookie { .. }));
        self.heard.cookies.fetch_add(u64::from(cookie), Ordering::Relaxed);
        let dnssec_ok = query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        self.heard.without_do.fetch_add(u64::from(!dnssec_ok), Ordering::Relaxed);
        let empty = is_empty_non_terminal(&question.name, &self.zone);
        self.faults.iter().find_map(|fault| {
            let (applies, refusal) = match fault {
                Fault::EdnsDropped => (query.edns.is_some(), Refusal::Silence),
                Fault::EdnsFormerr => (query.edns.is_some(), Refusal::Rcode(Rcode::FORMERR, false)),
                Fault::EdnsFormerrOpt => (query.edns.is_some(), Refusal::Rcode(Rcode::FORMERR, true)),
                Fault::EdnsNotimp => (query.edns.is_some(), Refusal::Rcode(Rcode::NOTIMP, false)),
                Fault::EdnsBadvers => (query.edns.is_some(), Refusal::Rcode(Rcode::BADVERS, true)),
                Fault::EdnsRefused => (query.edns.is_some(), Refusal::Rcode(Rcode::REFUSED, false)),
                Fault::EdnsServfail => (query.edns.is_some(), Refusal::Rcode(Rcode::SERVFAIL, false)),
                Fault::CookieDropped => (cookie, Refusal::Silence),
                Fault::CookieFormerr => (cookie, Refusal::Rcode(Rcode::FORMERR, true)),
                Fault::CookieBadvers => (cookie, Refusal::Rcode(Rcode::BADVERS, true)),
                Fault::CookieRefused => (cookie, Refusal::Rcode(Rcode::REFUSED, true)),
                Fault::CookieBad => (cookie, Refusal::Rcode(Rcode::BADCOOKIE, true)),
                Fault::NsDropped => (question.rtype == RType::NS, Refusal::Silence),
                Fault::NsRefused => (question.rtype == RType::NS, Refusal::Rcode(Rcode::REFUSED, true)),
                Fault::EmptyDropped => (empty, Refusal::Silence),
                Fault::EmptyRefused => (empty, Refusal::Rcode(Rcode::REFUSED, true)),
                Fault::EmptyServfail => (empty, Refusal::Rcode(Rcode::SERVFAIL, true)),
                Fault::EmptyFormerr => (empty, Refusal::Rcode(Rcode::FORMERR, true)),
                Fault::EmptyNotimp => (empty, Refusal::Rcode(Rcode::NOTIMP, true)),
                _ => return None,
            };
            applies.then_some(refusal)
        })
    }

    fn answer(&self, response: &mut Message) {
        let question = response.questions[0].clone();
        let (owner, zone) = (&question.name, &self.zone);
        if !owner.is_at_or_below(zone) {
            response.header.rcode = Rcode::REFUSED;
            return;
        }
        let child = self.children.iter().find(|(child, _)| owner.is_at_or_below(child));
        if let Some((child, address)) = child {
            let host = host(child);
            response.authorities.push(record(child, RType::NS, host.as_wire().to_vec()));
            response.additionals.push(address_record(&host, *address));
            return;
        }
        response.header.aa = true;
        let local = text(owner);
        let prefix = local.strip_suffix(&text(zone)).unwrap_or_default();
        match (prefix, question.rtype) {
            ("", RType::NS) => response.answers.push(record(owner, RType::NS, host(zone).as_wire().to_vec())),
            ("" | "deep.", _) => {}
            (prefix, RType::A) if prefix.starts_with("www") => {
                let ttl = if prefix.starts_with(BRIEF) { BRIEF_TTL_S } else { TTL };
                response.answers.push(Record { ttl, ..record(owner, RType::A, TRUE_ADDRESS.to_vec()) });
            }
            ("alias.", _) => {
                let target = name(&format!("{BRIEF}.{zone}"));
                response.answers.push(record(owner, RType::CNAME, target.as_wire().to_vec()));
            }
            (prefix, _) if prefix.starts_with("www") => {}
            _ => response.header.rcode = Rcode::NXDOMAIN,
        }
        if self.has(Fault::EmptyNxdomain) && is_empty_non_terminal(owner, zone) {
            response.header.rcode = Rcode::NXDOMAIN;
        }
        if response.answers.is_empty() {
            response.authorities.push(soa(zone));
        }
    }

    fn add_options(&self, query: &Message, response: &mut Message) {
        let (Some(asked), Some(edns)) = (&query.edns, &mut response.edns) else { return };
        if self.has(Fault::OptionsEchoed) {
            edns.options.clone_from(&asked.options);
            edns.options.push(EdnsOption::Other { code: STRANGE_OPTION, data: vec![1; 3] });
        }
        if self.has(Fault::OptionsBroken) {
            // A cookie, a keepalive and a client subnet of lengths that they never have.
            let broken = [(10, 3), (11, 7), (8, 1)];
            edns.options.extend(broken.map(|(code, len)| EdnsOption::Other { code, data: vec![0; len] }));
        }
        if response.header.rcode == Rcode::BADCOOKIE {
            let number = self.heard.questions.load(Ordering::Relaxed);
            edns.options = asked.options.clone();
            for option in &mut edns.options {
                if let EdnsOption::Cookie { server, .. } = option {
                    *server = number.to_be_bytes().to_vec();
                }
            }
        }
    }
}

/// What a question gets instead of an answer.
enum Refusal {
    Silence,
    /// With or without OPT.
    Rcode(Rcode, bool),
}

fn spawn(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
}

/// The name with each letter in the other case.
fn upside_down(name: &Name) -> NameBuf {
    let mut wire = name.as_wire().to_vec();
    wire.iter_mut().filter(|octet| octet.is_ascii_alphabetic()).for_each(|octet| *octet ^= 0x20);
    NameBuf::from_wire(wire).expect("a name")
}

fn is_empty_non_terminal(owner: &Name, zone: &Name) -> bool {
    text(owner).strip_suffix(&text(zone)) == Some("deep.")
}

fn host(zone: &Name) -> NameBuf {
    if zone.is_root() { name("ns.root.") } else { name(&format!("ns.{zone}")) }
}

fn record(owner: &Name, rtype: RType, rdata: Vec<u8>) -> Record {
    Record { owner: owner.to_owned(), rtype, class: Class::IN, ttl: TTL, rdata }
}

fn soa(zone: &Name) -> Record {
    let mailbox = name("hostmaster.alpha.");
    let numbers = [1u32, 7200, 900, 1_209_600, 300].map(u32::to_be_bytes).concat();
    record(zone, RType::SOA, [host(zone).as_wire(), mailbox.as_wire(), &numbers[..]].concat())
}

/// The root's server as a file of hints.
pub fn hints(root: IpAddr) -> String {
    format!(". 3600 IN NS ns.root.\nns.root. 3600 IN A {root}\n")
}
