//! A server whose resolver forwards everything to one other server, and such a server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dns::{Edns, Message, NameHasher, RType, Rcode, Record};
use policy::limits::access::{Networks, Verdict};
use resolver::cache::Cache;
use resolver::outcome::Timed;
use resolver::trace::Trace;
use resolver::upstream::{Exchange, ExchangeError, Transport};
use resolver::{Outcome, Question, Rrset, Security, Upstream};
use server::answered::Exit;
use server::listen::tcp::ConnectionLimits;
use server::listen::{tcp, udp};
use server::query::Worker;
use server::record::{Recorder, Recorders};
use server::recursion::{self, Recursion, Resolve, Running, ThreadSettings};
use server::settings::Settings;
use server::stats::Stats;
use server::upstream::Net;
use zone::{Published, Zone, ZoneTable};

/// Any free port of the loopback address.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Asks one server for everything, as it is configured; over TCP what is truncated.
pub struct Forward {
    net: Net,
    server: SocketAddr,
    transport: Transport,
    timeout_us: u64,
}

impl Forward {
    async fn ask(&self, question: &Question, transport: Transport) -> Result<Message, ExchangeError> {
        let mut query = Message::query(0, question.name.clone(), question.rtype);
        query.edns = Some(Edns { udp_size: 1232, dnssec_ok: true, ..Edns::default() });
        let (server, timeout_us) = (self.server, self.timeout_us);
        let exchange = Exchange { server, transport, message: query.to_wire(1232), timeout_us };
        let reply = self.net.exchange(exchange).await?;
        assert_eq!(reply[..2], [0, 0], "the identifier is taken out");
        Message::parse(&reply).map_err(|_| ExchangeError::Unreachable)
    }
}

impl Resolve for Forward {
    async fn resolve(self: Rc<Self>, question: Question, _: bool, _: Trace, _: u64) -> Arc<Outcome> {
        let mut reply = self.ask(&question, self.transport.clone()).await;
        if reply.as_ref().is_ok_and(|reply| reply.header.tc) {
            reply = self.ask(&question, Transport::Tcp).await;
        }
        let Ok(reply) = reply else {
            let reason = resolver::security::Reason::new(dns::edns::ede::NO_REACHABLE_AUTHORITY, "nobody answers");
            return Arc::new(Outcome::failure(reason));
        };
        let timed = |records: &[Record]| {
            let sets = records.iter().map(|record| {
                let rrset = Rrset::new(record.owner.clone(), record.rtype, record.ttl).with(&record.rdata);
                Timed { rrset: Arc::new(rrset), ttl: record.ttl }
            });
            sets.collect()
        };
        let security = if reply.header.ad { Security::Secure } else { Security::Insecure };
        let mut outcome = Outcome::empty(reply.header.rcode, security);
        (outcome.answers, outcome.authorities) = (timed(&reply.answers), timed(&reply.authorities));
        Arc::new(outcome)
    }

    async fn name_servers(
        self: Rc<Self>,
        _: Vec<dns::NameBuf>,
        _: Arc<Outcome>,
        _: bool,
        _: u64,
    ) -> Vec<Vec<resolver::way::NamedServer>> {
        Vec::new()
    }

    async fn refresh(self: Rc<Self>, question: Question) {
        let _ = self.ask(&question, self.transport.clone()).await;
    }
}

/// A server that resolves for the loopback address.
pub struct Server {
    pub address: SocketAddr,
    pub exits: Vec<Arc<Exit>>,
    #[allow(dead_code)] // Not every test looks at them.
    pub recorders: Arc<Recorders>,
    settings: Arc<Published<Settings>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    resolver: Option<Running>,
}

/// How a test's server forwards.
pub struct Forwarding {
    pub server: SocketAddr,
    pub transport: Transport,
    pub timeout_us: u64,
    pub threads: usize,
    pub zones: Vec<Arc<Zone>>,
    pub cache: Option<Arc<Cache>>,
    pub settings: ThreadSettings,
}

impl Forwarding {
    /// Over UDP, on one thread.
    pub fn to(server: SocketAddr) -> Forwarding {
        let (transport, timeout_us, settings) = (Transport::Udp, 2_000_000, ThreadSettings::default());
        Forwarding { server, transport, timeout_us, threads: 1, zones: Vec::new(), cache: None, settings }
    }

    /// Starts a server.
    pub fn start(self) -> Server {
        self.start_on(ANY)
    }

    /// Starts a server on an address.
    pub fn start_on(self, address: SocketAddr) -> Server {
        let Forwarding { server, transport, timeout_us, threads, zones, cache, settings } = self;
        let zones = Published::new(ZoneTable::new(NameHasher::new(7), zones));
        let recorders = Arc::<Recorders>::default();
        let exit = || Arc::new(Exit { recorder: Recorder::new(recorders.clone()), ..Exit::default() });
        let mut exits: Vec<Arc<Exit>> = (0..threads).map(|_| exit()).collect();
        let make = move |net: Net, _| Rc::new(Forward { net, server, transport: transport.clone(), timeout_us });
        let resolver = recursion::start(settings, &zones, exits.clone(), make).expect("threads");
        let threads = resolver.threads().clone();
        let recursion = Some(Recursion { allowed: Arc::default(), threads, cache, dns64: false, rebinding: false });
        let settings = Published::new(Settings { recursion, nsid: b"test".to_vec(), ..Settings::default() });
        let stop = Arc::new(AtomicBool::new(false));
        let (listener, socket, address) = sockets(address);
        let worker_exits = [0; 2].map(|_| Arc::<Exit>::default());
        let workers = worker_exits.each_ref().map(|it| Worker::new(zones.clone(), settings.clone(), it.clone()));
        exits.extend(worker_exits);
        let [for_udp, for_tcp] = workers;
        let (stop_udp, stop_tcp) = (stop.clone(), stop.clone());
        let threads = vec![
            std::thread::spawn(move || udp::run(&socket, for_udp, &stop_udp)),
            std::thread::spawn(move || {
                let limits = Arc::new(ConnectionLimits::default());
                tcp::run(vec![listener], for_tcp, limits, &stop_tcp).expect("a poller");
            }),
        ];
        let server = Server { address, exits, recorders, settings, stop, threads, resolver: Some(resolver) };
        server.allow("127.0.0.0/8");
        server
    }
}

/// A port that is free over TCP may be taken over UDP: then another one is.
fn sockets(address: SocketAddr) -> (TcpListener, UdpSocket, SocketAddr) {
    let open = || {
        let listener = tcp::bind(address).ok()?;
        let address = listener.local_addr().ok()?;
        Some((listener, udp::bind(address, server::limits::UDP_SOCKET_BUFFER).ok()?, address))
    };
    (0..20).find_map(|_| open()).expect("two sockets of one port")
}

impl Server {
    /// Asks over UDP; `None` if nothing comes.
    pub fn ask(&self, query: &Message) -> Option<Message> {
        let socket = client();
        socket.send_to(&query.to_wire(4096), self.address).expect("sent");
        receive(&socket)
    }

    /// Asks over TCP, all at once; the responses in the order in which they come.
    pub fn ask_over_tcp(&self, queries: &[Message]) -> Vec<Message> {
        let mut stream = std::net::TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
        for query in queries {
            send_framed(&mut stream, &query.to_wire(4096));
        }
        queries.iter().map(|_| Message::parse(&read_framed(&mut stream).expect("a response")).expect("one")).collect()
    }

    /// The sum of one counter.
    pub fn count(&self, counter: impl Fn(&Stats) -> u64) -> u64 {
        self.exits.iter().map(|exit| counter(&exit.stats)).sum()
    }

    /// From now on these may use the resolver.
    pub fn allow(&self, network: &str) {
        self.settings.update(|settings| {
            let mut recursion = settings.recursion.clone().expect("it is on");
            let network = network.parse().expect("a network");
            recursion.allowed = Arc::new(Networks::of(&[network], Verdict::Allow, "test").expect("one network"));
            Settings { recursion: Some(recursion), ..settings.clone() }
        });
    }

    /// Stops the resolver's threads alone.
    pub fn stop_resolver(&mut self) {
        if let Some(resolver) = self.resolver.take() {
            resolver.stop();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("no panic"));
        self.stop_resolver();
    }
}

/// A client's socket.
pub fn client() -> UdpSocket {
    let socket = UdpSocket::bind(ANY).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
    socket
}

/// The next response.
pub fn receive(socket: &UdpSocket) -> Option<Message> {
    let mut buffer = [0; 4096];
    let len = socket.recv(&mut buffer).ok()?;
    Some(Message::parse(&buffer[..len]).expect("a message"))
}

pub fn send_framed(stream: &mut impl Write, message: &[u8]) {
    stream.write_all(&(message.len() as u16).to_be_bytes()).expect("sent");
    stream.write_all(message).expect("sent");
}

pub fn read_framed(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// Answers A questions with an address made from the name; the first label says what is special about it.
pub fn reply(query: &Message, over_udp: bool) -> Message {
    let mut reply = query.clone();
    reply.header.qr = true;
    reply.header.ra = true;
    reply.edns = None;
    let question = &query.questions[0];
    let label = question.name.to_string().split('.').next().unwrap_or_default().to_owned();
    let mut add = |rtype, rdata: Vec<u8>| {
        let (owner, class) = (question.name.clone(), question.class);
        reply.answers.push(Record { owner, rtype, class, ttl: 300, rdata });
    };
    match &*label {
        "missing" => reply.header.rcode = Rcode::NXDOMAIN,
        "truncated" if over_udp => reply.header.tc = true,
        // More than a datagram takes.
        "truncated" | "large" => (0..100).for_each(|i| add(RType::A, vec![192, 0, 2, i])),
        "secure" => {
            add(RType::A, vec![192, 0, 2, 1]);
            reply.header.ad = true;
        }
        _ => add(RType::A, vec![192, 0, 2, label.len() as u8]),
    }
    reply
}
