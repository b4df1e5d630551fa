//! The sockets that questions to other servers leave from: some at once, on ports that nobody can guess, replaced
//! all the time (RFC 5452 9.2).
//!
//! A place in the pool is chosen at random for every batch of questions, and gets a socket when it has none, or one
//! that was used enough. A socket that was replaced stays open until its last question is answered or given up.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::random::Random;
use super::waits::Key;
use crate::limits::{
    UPSTREAM_MIN_PORT, UPSTREAM_PORT_TRIES, UPSTREAM_SOCKET_AGE_US, UPSTREAM_SOCKET_BUFFER, UPSTREAM_SOCKET_QUERIES,
    UPSTREAM_SOCKETS,
};

/// An open socket.
struct Entry {
    socket: UdpSocket,
    /// What waits for a reply, by identifier.
    waiting: HashMap<u16, Key>,
    /// Identifiers of all questions that left from it, at most [`UPSTREAM_SOCKET_QUERIES`] and those of one batch.
    asked: Vec<u16>,
    opened_us: u64,
    /// It is in no place any more.
    retired: bool,
}

/// A source address, with its places for sockets.
struct Source {
    address: IpAddr,
    places: Vec<Option<usize>>,
}

/// All sockets of one thread.
pub(crate) struct Pool {
    poller: Rc<OwnedFd>,
    sources: Vec<Source>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
}

impl Pool {
    /// A pool whose sockets `poller` watches; what it reports is the socket's number. Questions leave from `addresses`,
    /// or from whichever the system chooses for a family that has none there.
    pub fn new(poller: Rc<OwnedFd>, addresses: &[IpAddr]) -> Pool {
        let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let missing = any.into_iter().filter(|any| addresses.iter().all(|it| it.is_ipv4() != any.is_ipv4()));
        let sources = addresses.iter().copied().chain(missing);
        let sources = sources.map(|address| Source { address, places: vec![None; UPSTREAM_SOCKETS] }).collect();
        Pool { poller, sources, entries: Vec::new(), free: Vec::new() }
    }

    /// The number of a socket to send from to an address of this family.
    ///
    /// # Errors
    /// What the system says when there is no socket to be had.
    pub fn choose(&mut self, v4: bool, now_us: u64, random: &mut Random) -> io::Result<usize> {
        let fitting = |source: &Source| source.address.is_ipv4() == v4;
        let count = self.sources.iter().filter(|source| fitting(source)).count();
        let chosen = random.below(count);
        let source = self.sources.iter().position(fitting).map_or(0, |first| {
            let others = self.sources.iter().enumerate().skip(first).filter(|(_, source)| fitting(source));
            others.map(|(i, _)| i).nth(chosen).unwrap_or(first)
        });
        let place = random.below(UPSTREAM_SOCKETS);
        if let Some(number) = self.sources[source].places[place] {
            match &mut self.entries[number] {
                Some(entry) if entry.is_fresh(now_us) => return Ok(number),
                Some(entry) => entry.retired = true,
                None => {}
            }
            self.sources[source].places[place] = None;
            self.close_if_done(number);
        }
        let number = self.open(self.sources[source].address, now_us, random)?;
        self.sources[source].places[place] = Some(number);
        Ok(number)
    }

    /// Opens a socket on a port chosen at random.
    fn open(&mut self, address: IpAddr, now_us: u64, random: &mut Random) -> io::Result<usize> {
        let socket = Socket::new(Domain::for_address((address, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A wish; the system's limit is what there is.
        let _ = socket.set_recv_buffer_size(UPSTREAM_SOCKET_BUFFER);
        bind(&socket, address, random)?;
        let number = self.free.pop().unwrap_or(self.entries.len());
        let watched = epoll::add(&self.poller, &socket, EventData::new_u64(number as u64), EventFlags::IN);
        if let Err(error) = watched {
            self.free.push(number);
            return Err(error.into());
        }
        let socket = UdpSocket::from(socket);
        let entry = Entry { socket, waiting: HashMap::new(), asked: Vec::new(), opened_us: now_us, retired: false };
        if number == self.entries.len() {
            self.entries.push(Some(entry));
        } else {
            self.entries[number] = Some(entry);
        }
        Ok(number)
    }

    /// The socket with this number.
    pub fn socket(&self, number: usize) -> Option<&UdpSocket> {
        self.entries.get(number)?.as_ref().map(|entry| &entry.socket)
    }

    /// Gives a question an identifier that no other on its socket has; `None` if all are taken.
    pub fn enter(&mut self, number: usize, key: Key, random: &mut Random) -> Option<u16> {
        let entry = self.entries.get_mut(number)?.as_mut()?;
        if entry.waiting.len() >= usize::from(u16::MAX / 2) {
            return None;
        }
        loop {
            let id = random.next() as u16;
            // At least half of all identifiers are free.
            if let std::collections::hash_map::Entry::Vacant(vacant) = entry.waiting.entry(id) {
                vacant.insert(key);
                entry.asked.push(id);
                return Some(id);
            }
        }
    }

    /// What waits on a socket for a reply with this identifier.
    pub fn waiting(&self, number: usize, id: u16) -> Option<Key> {
        self.entries.get(number)?.as_ref()?.waiting.get(&id).copied()
    }

    /// Whether a question with this identifier ever left from a socket.
    pub fn has_asked(&self, number: usize, id: u16) -> bool {
        self.entries.get(number).and_then(Option::as_ref).is_some_and(|entry| entry.asked.contains(&id))
    }

    /// Nobody waits for this reply any more.
    pub fn leave(&mut self, number: usize, id: u16) {
        if let Some(entry) = self.entries.get_mut(number).and_then(Option::as_mut) {
            entry.waiting.remove(&id);
            self.close_if_done(number);
        }
    }

    fn close_if_done(&mut self, number: usize) {
        let done = |entry: &mut Entry| entry.retired && entry.waiting.is_empty();
        if self.entries.get_mut(number).and_then(|slot| slot.take_if(done)).is_some() {
            self.free.push(number);
        }
    }
}

impl Entry {
    fn is_fresh(&self, now_us: u64) -> bool {
        (self.asked.len() as u32) < UPSTREAM_SOCKET_QUERIES
            && now_us.saturating_sub(self.opened_us) < UPSTREAM_SOCKET_AGE_US
    }
}

/// Binds to a port of our choice; if the first few are taken, to one of the system's.
fn bind(socket: &Socket, address: IpAddr, random: &mut Random) -> io::Result<()> {
    for _ in 0..UPSTREAM_PORT_TRIES {
        let port = UPSTREAM_MIN_PORT + random.below(usize::from(u16::MAX - UPSTREAM_MIN_PORT) + 1) as u16;
        match socket.bind(&SocketAddr::new(address, port).into()) {
            Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {}
            result => return result,
        }
    }
    socket.bind(&SocketAddr::new(address, 0).into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rustix::event::epoll::CreateFlags;

    use super::*;
    use crate::upstream::waits::Waits;

    fn port(pool: &Pool, number: usize) -> u16 {
        pool.socket(number).and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port())
    }

    #[test]
    fn sockets_are_many_and_do_not_last() {
        let poller = Rc::new(epoll::create(CreateFlags::CLOEXEC).expect("a poller"));
        let (mut pool, mut random) = (Pool::new(poller, &[IpAddr::V4(Ipv4Addr::LOCALHOST)]), Random::default());
        let mut waits = Waits::default();
        let key = waits.begin(1, None).expect("room");
        let mut ports = HashSet::new();
        for _ in 0..20 * UPSTREAM_SOCKETS {
            let number = pool.choose(true, 0, &mut random).expect("a socket");
            ports.insert(port(&pool, number));
            let id = pool.enter(number, key, &mut random).expect("an identifier");
            assert_eq!(pool.waiting(number, id), Some(key));
            pool.leave(number, id);
            assert_eq!(pool.waiting(number, id), None);
        }
        assert_eq!(ports.len(), UPSTREAM_SOCKETS, "each place has one socket");
        assert!(ports.iter().all(|&port| port >= UPSTREAM_MIN_PORT));
        // Those that are old are replaced; one that waits for a reply stays open.
        let old = pool.choose(true, 0, &mut random).expect("a socket");
        let id = pool.enter(old, key, &mut random).expect("an identifier");
        for _ in 0..20 * UPSTREAM_SOCKETS {
            let number = pool.choose(true, UPSTREAM_SOCKET_AGE_US, &mut random).expect("a socket");
            assert_ne!(number, old);
            ports.insert(port(&pool, number));
        }
        assert!(ports.len() > UPSTREAM_SOCKETS * 3 / 2, "{}", ports.len());
        assert_eq!(pool.waiting(old, id), Some(key));
        pool.leave(old, id);
        assert!(pool.socket(old).is_none());
        assert_eq!(pool.entries.iter().flatten().count(), UPSTREAM_SOCKETS);
    }
}
