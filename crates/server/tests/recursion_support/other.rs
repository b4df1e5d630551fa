//! A server to forward to, over UDP and TCP.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dns::{Message, Rcode};

use crate::recursion_support::{ANY, read_framed, reply, send_framed};

/// A server to forward to.
pub struct Other {
    pub address: SocketAddr,
    /// It says nothing as long as this is set.
    pub silent: Arc<AtomicBool>,
    /// Questions by the port that they came from, over UDP.
    pub asked: Arc<AtomicUsize>,
    pub ports: Arc<std::sync::Mutex<HashMap<u16, usize>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Other {
    pub fn start() -> Other {
        // A port that is free over TCP may be taken over UDP.
        let open = || {
            let listener = TcpListener::bind(ANY).ok()?;
            let address = listener.local_addr().ok()?;
            Some((listener, UdpSocket::bind(address).ok()?, address))
        };
        let (listener, socket, address) = (0..20).find_map(|_| open()).expect("two sockets of one port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("an option");
        let (silent, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (asked, ports) = (Arc::default(), Arc::default());
        let mut upstream = Other { address, silent, asked, ports, stop, thread: None };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                std::thread::spawn(move || {
                    while let Some(query) = read_framed(&mut stream) {
                        let query = Message::parse(&query).expect("a query");
                        send_framed(&mut stream, &reply(&query, false).to_wire(65_535));
                    }
                });
            }
        });
        let (silent, stop) = (upstream.silent.clone(), upstream.stop.clone());
        let (asked, ports) = (upstream.asked.clone(), upstream.ports.clone());
        let work = move || {
            let mut buffer = [0; 4096];
            while !stop.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                asked.fetch_add(1, Ordering::Relaxed);
                *ports.lock().expect("no panic").entry(from.port()).or_insert(0) += 1;
                if !silent.load(Ordering::Relaxed) {
                    answer_datagram(&socket, from, &Message::parse(&buffer[..len]).expect("a query"));
                }
            }
        };
        upstream.thread = Some(std::thread::spawn(work));
        upstream
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

/// Answers, after replies that must be passed over if the name says so.
fn answer_datagram(socket: &UdpSocket, from: SocketAddr, query: &Message) {
    let right = reply(query, true);
    let mut lie = right.clone();
    lie.answers.clear();
    lie.header.rcode = Rcode::REFUSED;
    let name = query.questions[0].name.to_string();
    if name.starts_with("wrong-id.") {
        for i in 1..100 {
            lie.header.id = query.header.id.wrapping_add(i);
            socket.send_to(&lie.to_wire(4096), from).expect("sent");
        }
    } else if name.starts_with("wrong-source.") {
        UdpSocket::bind(ANY).expect("a socket").send_to(&lie.to_wire(4096), from).expect("sent");
    } else if name.starts_with("wrong-question.") {
        lie.questions[0].name = "other.example.".parse().expect("a name");
        socket.send_to(&lie.to_wire(4096), from).expect("sent");
        socket.send_to(&query.to_wire(4096), from).expect("sent");
        socket.send_to(&[1, 2, 3], from).expect("sent");
    }
    std::thread::sleep(if name.starts_with("wrong") { Duration::from_millis(50) } else { Duration::ZERO });
    socket.send_to(&right.to_wire(4096), from).expect("sent");
}
