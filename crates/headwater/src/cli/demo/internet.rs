//! A small stand-in for the Internet: it answers all names of the model on a port of this machine, as late as servers far
//! away would, so that the demo needs no network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dns::Message;

use super::answers;
use super::names::Names;
use super::random::Random;

/// The longest query that is read, in octets.
const MAX_QUERY_LEN: usize = 1500;
/// Answers that wait at most; more queries are left alone, and come again.
const MAX_WAITING: usize = 4096;
/// The longest wait for a query: whether to stop is looked at so often.
const PATIENCE: Duration = Duration::from_millis(100);
/// The shortest wait that a socket takes.
const MIN_WAIT: Duration = Duration::from_micros(200);

/// An answer, and when it leaves. Numbers tell answers of one moment apart.
type Waiting = Reverse<(Instant, u64, SocketAddr, Vec<u8>)>;

/// The stand-in.
#[derive(Debug)]
pub struct Internet {
    socket: UdpSocket,
    names: Arc<Names>,
    random: Random,
    waiting: BinaryHeap<Waiting>,
    number: u64,
}

impl Internet {
    /// Takes the port of this machine; 0: any that is free.
    ///
    /// # Errors
    /// The system's, such as that it is taken.
    pub fn bind(names: Arc<Names>, port: u16, seed: u64) -> io::Result<Internet> {
        let socket = UdpSocket::bind(("127.0.0.1", port))?;
        Ok(Internet { socket, names, random: Random::new(!seed), waiting: BinaryHeap::new(), number: 0 })
    }

    /// Where it is.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until told to stop.
    pub fn run(mut self, stopping: &AtomicBool) {
        let mut buffer = [0; MAX_QUERY_LEN];
        while !stopping.load(Ordering::Relaxed) {
            let next = self.waiting.peek().map(|Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
            let wait = next.map_or(PATIENCE, |next| next.clamp(MIN_WAIT, PATIENCE));
            // Without a bound of the wait it could not stop; it goes on and tries again.
            let _ = self.socket.set_read_timeout(Some(wait));
            if let Ok((len, client)) = self.socket.recv_from(&mut buffer) {
                self.take(&buffer[..len], client);
            }
            self.send_due();
        }
    }

    fn take(&mut self, octets: &[u8], client: SocketAddr) {
        let Some(query) = Message::parse(octets).ok().filter(|query| !query.header.qr) else { return };
        let Some(asked) = query.questions.first().filter(|_| self.waiting.len() < MAX_WAITING) else { return };
        let Ok(answer) = answers::of_internet(&self.names, &asked.name, asked.rtype) else { return };
        let delay = Duration::from_micros(answers::delay_us(&self.names, &asked.name, &mut self.random));
        // The name as it was asked, upper and lower case as well.
        let message = answer.message(query.header.id, asked.name.clone(), asked.rtype, false);
        self.number += 1;
        self.waiting.push(Reverse((Instant::now() + delay, self.number, client, message.to_wire(MAX_QUERY_LEN))));
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while self.waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, _, client, octets))) = self.waiting.pop() else { return };
            // Who has gone away hears nothing.
            let _ = self.socket.send_to(&octets, client);
        }
    }
}

#[cfg(test)]
mod tests {
    use dns::{RType, Rcode};

    use super::*;

    #[test]
    fn it_answers_late_and_stops_when_told() {
        let names = Arc::new(Names::new().expect("names"));
        let internet = Internet::bind(names, 0, 1).expect("a port");
        let address = internet.address().expect("an address");
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = std::thread::spawn(move || internet.run(&stop));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(address).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let ask = |name: &str| {
            let query = Message::query(7, name.parse().expect("a name"), RType::A);
            let begin = Instant::now();
            socket.send(&query.to_wire(512)).expect("sent");
            let mut buffer = [0; MAX_QUERY_LEN];
            let len = socket.recv(&mut buffer).expect("an answer");
            let answer = Message::parse(&buffer[..len]).expect("a message");
            assert_eq!((answer.header.id, &answer.questions), (7, &query.questions));
            (answer.header.rcode, answer.answers.len(), begin.elapsed())
        };
        let (rcode, answers, time) = ask("WWW.Morning-Post.example");
        assert!(
            rcode == Rcode::NOERROR && answers > 0 && time > Duration::from_millis(1),
            "{rcode} {answers} {time:?}"
        );
        assert_eq!(ask("nobody.has.this.example").0, Rcode::NXDOMAIN);
        stopping.store(true, Ordering::Relaxed);
        thread.join().expect("it ends");
    }
}
