//! The servers of the test's own world: real sockets on loopback addresses, with what goes wrong on the way to them
//! and in them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dns::{Message, Name, RType, Rcode, Record};

use crate::common::Random;
use crate::data::{ASKED, FORGED, Knowledge, ZONES, Zone, address_record, name};

/// How long a server keeps a connection on which nothing comes.
const IDLE: Duration = Duration::from_secs(5);
/// How long the thread that sends late responses sleeps when there are none.
const NAP: Duration = Duration::from_secs(1);
/// The server whose address forged responses come from; it has no zone.
const STRANGER: u8 = 9;

/// What is wrong with the second server of every zone, or with all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    None,
    /// The second one takes questions and never answers.
    Dead,
    /// The second one says what is not so.
    Lying,
    /// All of them answer over TCP only.
    TcpOnly,
}

/// A world.
#[derive(Clone, Copy)]
pub struct Plan {
    pub fault: Fault,
    /// Bounds of the time that a response is late, in milliseconds.
    pub delay_ms: (u64, u64),
    /// Questions of a hundred that get lost on the way.
    pub loss: usize,
    pub addresses: fn(u8) -> IpAddr,
    pub port: u16,
}

/// A response on its way.
type Late = (Instant, Arc<UdpSocket>, Vec<u8>, SocketAddr);

/// The servers, which end with the value.
pub struct World {
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
    /// Questions that came in over UDP, lost ones as well.
    pub questions: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

struct Server {
    plan: Plan,
    knowledge: Arc<Knowledge>,
    /// The second one of its zones.
    second: bool,
    socket: Arc<UdpSocket>,
    stranger: Arc<UdpSocket>,
    late: Sender<Late>,
    stop: Arc<AtomicBool>,
    questions: Arc<AtomicU64>,
    random: Random,
}

fn bind(address: SocketAddr) -> Arc<UdpSocket> {
    Arc::new(UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}")))
}

impl World {
    pub fn start(plan: Plan) -> World {
        let (late, inbox) = channel();
        let at = |number| SocketAddr::new((plan.addresses)(number), plan.port);
        let (stop, questions) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut world = World { addresses: Vec::new(), stop, questions, threads: Vec::new() };
        let shared = at(1) == at(2);
        let stranger = bind(SocketAddr::new((plan.addresses)(STRANGER), if shared { 0 } else { plan.port }));
        for number in 1..=8 {
            let address = at(number);
            if world.addresses.contains(&address) {
                continue;
            }
            world.addresses.push(address);
            let has = |zone: &&Zone| shared || zone.servers.contains(&number);
            let knowledge =
                Arc::new(Knowledge { zones: ZONES.iter().filter(has).collect(), addresses: plan.addresses });
            let server = Server {
                plan,
                knowledge: knowledge.clone(),
                second: ZONES.iter().any(|zone| zone.servers[1] == number),
                socket: bind(address),
                stranger: stranger.clone(),
                late: late.clone(),
                stop: world.stop.clone(),
                questions: world.questions.clone(),
                random: Random(u64::from(number)),
            };
            let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            let (stop, dead) = (world.stop.clone(), server.is_dead());
            world.threads.push(thread::spawn(move || accept(&listener, &knowledge, dead, &stop)));
            world.threads.push(thread::spawn(move || server.run()));
        }
        let stop = world.stop.clone();
        world.threads.push(thread::spawn(move || send_late(&inbox, &stop)));
        world
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for address in &self.addresses {
            // Each thread is woken once to see that it is over.
            let _ = TcpStream::connect(address);
            let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let _ = UdpSocket::bind(any).and_then(|socket| socket.send_to(&[], address));
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Sends responses when their time has come.
fn send_late(inbox: &Receiver<Late>, stop: &AtomicBool) {
    let mut waiting = BinaryHeap::new();
    let mut kept: Vec<Option<Late>> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let next = waiting.peek().map(|&Reverse((at, _)): &Reverse<(Instant, usize)>| at);
        let nap = next.map_or(NAP, |at| at.saturating_duration_since(Instant::now()));
        match inbox.recv_timeout(nap) {
            Ok(late) => {
                waiting.push(Reverse((late.0, kept.len())));
                kept.push(Some(late));
            }
            Err(RecvTimeoutError::Disconnected) if waiting.is_empty() => return,
            Err(_) => {}
        }
        while let Some(&Reverse((at, i))) = waiting.peek()
            && at <= Instant::now()
        {
            waiting.pop();
            if let Some((_, socket, octets, to)) = kept[i].take() {
                let _ = socket.send_to(&octets, to);
            }
        }
    }
}

/// Takes connections; a dead server takes them as well, and is silent.
fn accept(listener: &TcpListener, knowledge: &Arc<Knowledge>, dead: bool, stop: &AtomicBool) {
    let mut silent = Vec::new();
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if dead {
            silent.push(stream);
            continue;
        }
        let knowledge = knowledge.clone();
        thread::spawn(move || converse(stream, &knowledge));
    }
}

/// Answers on a connection until it ends or nothing comes for a while; `None` at the end.
fn converse(mut stream: TcpStream, knowledge: &Knowledge) -> Option<()> {
    stream.set_read_timeout(Some(IDLE)).and_then(|()| stream.set_nodelay(true)).ok()?;
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len).ok()?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut octets).ok()?;
        let response = knowledge.respond(&Message::parse(&octets).ok()?).to_wire(65_535);
        let len = (response.len() as u16).to_be_bytes();
        stream.write_all(&[&len[..], &response].concat()).ok()?;
    }
}

impl Server {
    fn is_dead(&self) -> bool {
        self.second && self.plan.fault == Fault::Dead
    }

    fn run(mut self) {
        let mut buffer = [0; 4096];
        loop {
            let received = self.socket.recv_from(&mut buffer);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Ok((len, from)) = received else { continue };
            let Ok(query) = Message::parse(&buffer[..len]) else { continue };
            self.questions.fetch_add(1, Ordering::Relaxed);
            if self.is_dead() || self.random.below(100) < self.plan.loss {
                continue;
            }
            let mut response = self.knowledge.respond(&query);
            let mut socket = &self.socket;
            match self.plan.fault {
                Fault::TcpOnly => {
                    response.header.tc = true;
                    response.answers.clear();
                    response.authorities.clear();
                    response.additionals.clear();
                }
                Fault::Lying if self.second => {
                    let zone = query.questions.first().and_then(|question| self.knowledge.zone_of(&question.name));
                    if let Some(zone) = zone
                        && lie(&mut response, &name(zone.apex), &mut self.random)
                    {
                        socket = &self.stranger;
                    }
                }
                _ => {}
            }
            let (least, most) = self.plan.delay_ms;
            let delay_ms = least + self.random.below((most - least + 1) as usize) as u64;
            let octets = response.to_wire(1232);
            if delay_ms == 0 {
                let _ = socket.send_to(&octets, from);
            } else {
                let at = Instant::now() + Duration::from_millis(delay_ms);
                let _ = self.late.send((at, socket.clone(), octets, from));
            }
        }
    }
}

/// Makes a response one that is not so. Says whether it comes from somewhere else as well.
fn lie(response: &mut Message, zone: &Name, random: &mut Random) -> bool {
    let Some(question) = response.questions.first().cloned() else { return false };
    let forge = |response: &mut Message| {
        response.header.rcode = Rcode::NOERROR;
        response.header.aa = true;
        response.authorities.clear();
        response.additionals.clear();
        response.answers = vec![address_record(&question.name, IpAddr::from(FORGED))];
    };
    match random.below(5) {
        0 => {
            forge(response);
            response.header.id ^= 1;
        }
        1 => {
            forge(response);
            response.questions[0].name = name("a1.one.alpha.");
            response.questions[0].rtype = if question.rtype == RType::TXT { RType::A } else { RType::TXT };
        }
        2 => {
            forge(response);
            return true;
        }
        3 => {
            response.header.rcode = Rcode::REFUSED;
            response.header.aa = false;
            response.answers.clear();
            response.authorities.clear();
            response.additionals.clear();
        }
        _ => outside(response, zone),
    }
    false
}

/// Adds records of names outside the zone that the response is from: addresses, and servers of zones above it.
fn outside(response: &mut Message, zone: &Name) {
    let forged = |owner: &str| address_record(&name(owner), IpAddr::from(FORGED));
    let hosts = ["ns0.root.", "ns0.alpha.", "ns0.two.alpha.", "far0.two.alpha."].map(str::to_string);
    let asked = (0..8).flat_map(|i| ASKED.map(|zone| format!("a{i}.{zone}")));
    let mut added: Vec<Record> = hosts.into_iter().chain(asked).map(|owner| forged(&owner)).collect();
    added.retain(|record| !record.owner.is_at_or_below(zone));
    response.additionals.extend(added.iter().cloned());
    if !response.answers.is_empty() {
        response.answers.extend(added.into_iter().take(4));
    }
    for above in zone.ancestors().filter(|above| *above != zone) {
        let servers = Record { owner: above.to_owned(), rtype: RType::NS, ..forged("evil.root.") };
        response.authorities.push(Record { rdata: name("evil.root.").as_wire().to_vec(), ..servers });
    }
    response.additionals.extend((!zone.is_root()).then(|| forged("evil.root.")));
}
