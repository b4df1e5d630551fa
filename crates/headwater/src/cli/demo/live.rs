//! The devices of the demo while it runs: they ask its own server, each from its own address.

use std::iter::Peekable;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dns::{Edns, Message, RType};
use server::clock::unix_us;

use super::model::DEVICES;
use super::names::Names;
use super::traffic::{Asked, Traffic};
use super::zones::HOME;

/// Whether to stop is looked at so often.
const LOOK: Duration = Duration::from_millis(50);
/// From one attempt to reach the server to the next, until it is ready.
const KNOCK: Duration = Duration::from_millis(200);
/// What should have been asked longer ago is left out: the machine slept, or the server was not ready.
const MAX_LATE_US: u64 = 2_000_000;
/// The longest query, in octets.
const MAX_QUERY_LEN: usize = 512;
/// The longest answer, in octets.
const MAX_ANSWER_LEN: usize = 4096;

/// The devices, with a socket for each.
#[derive(Debug)]
pub struct Live {
    names: Arc<Names>,
    sockets: Vec<UdpSocket>,
    server: SocketAddr,
    id: u16,
}

impl Live {
    /// Opens the sockets. The second value is whether each device has its own address: not every system has all that begin
    /// with 127.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn open(names: Arc<Names>, server: SocketAddr) -> std::io::Result<(Live, bool)> {
        let (mut sockets, mut have_own) = (Vec::new(), true);
        for device in &DEVICES {
            let socket = UdpSocket::bind((device.address, 0)).or_else(|_| {
                have_own = false;
                UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            })?;
            socket.connect(server)?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
        Ok((Live { names, sockets, server, id: 0 }, have_own))
    }

    /// Asks what `traffic` says, once the server answers and until told to stop.
    pub fn run(mut self, traffic: Peekable<Traffic>, stopping: &AtomicBool) {
        if !self.wait_until_ready(stopping) {
            return;
        }
        for asked in traffic {
            let mut wait_us = asked.at_us.saturating_sub(unix_us());
            while wait_us > 0 {
                if stopping.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(LOOK.min(Duration::from_micros(wait_us)));
                self.hear();
                wait_us = asked.at_us.saturating_sub(unix_us());
            }
            if stopping.load(Ordering::Relaxed) {
                return;
            }
            if unix_us().saturating_sub(asked.at_us) < MAX_LATE_US {
                self.ask(asked);
            }
        }
    }

    /// Waits until the server answers for a zone of its own; false: told to stop before that.
    fn wait_until_ready(&self, stopping: &AtomicBool) -> bool {
        let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else { return false };
        let prepared = socket.connect(self.server).and_then(|()| socket.set_read_timeout(Some(KNOCK)));
        let Ok(zone) = HOME.parse() else { return false };
        let query = Message::query(1, zone, RType::SOA).to_wire(MAX_QUERY_LEN);
        while prepared.is_ok() && !stopping.load(Ordering::Relaxed) {
            let sent = socket.send(&query);
            if sent.is_ok() && socket.recv(&mut [0; MAX_ANSWER_LEN]).is_ok() {
                return true;
            }
            thread::sleep(KNOCK);
        }
        false
    }

    fn ask(&mut self, asked: Asked) {
        self.id = self.id.wrapping_add(1);
        let query = Message::query(self.id, self.names.sites[asked.site].name.clone(), asked.rtype);
        let query = Message { edns: Some(Edns::default()), ..query };
        if let Some(socket) = self.sockets.get(asked.device) {
            // What does not get through is asked for another time, as everywhere.
            let _ = socket.send(&query.to_wire(MAX_QUERY_LEN));
        }
    }

    /// Takes the answers, which nobody reads: else they would be in the way of others.
    fn hear(&self) {
        let mut buffer = [0; MAX_ANSWER_LEN];
        for socket in &self.sockets {
            while socket.recv(&mut buffer).is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::time::Instant;

    use super::*;

    #[test]
    fn devices_ask_from_their_addresses_once_there_is_an_answer() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        server.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let names = Arc::new(Names::new().expect("names"));
        let (live, have_own) = Live::open(names.clone(), server.local_addr().expect("an address")).expect("sockets");
        assert!(have_own, "this system has all addresses that begin with 127");
        let traffic = Traffic::new(names, 1, 500.0, unix_us()).peekable();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = thread::spawn(move || live.run(traffic, &stop));
        let mut buffer = [0; MAX_ANSWER_LEN];
        let (len, first) = server.recv_from(&mut buffer).expect("it knocks");
        server.send_to(&buffer[..len], first).expect("sent");
        let mut clients = BTreeSet::new();
        let end = Instant::now() + Duration::from_secs(20);
        while clients.len() < 4 && Instant::now() < end {
            let (len, client) = server.recv_from(&mut buffer).expect("a query");
            assert!(Message::parse(&buffer[..len]).is_ok_and(|query| query.questions.len() == 1));
            clients.insert(client.ip());
        }
        let known = |client: &IpAddr| DEVICES.iter().any(|device| IpAddr::from(device.address) == *client);
        assert!(clients.len() >= 4 && clients.iter().filter(|client| known(client)).count() >= 3, "{clients:?}");
        stopping.store(true, Ordering::Relaxed);
        thread.join().expect("it ends");
    }
}
