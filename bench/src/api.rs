//! What changes over the API cost a client: one record from its PATCH to the first answer that shows it, new
//! zones one by one over kept connections, and many in one changeset. The server runs already.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use dns::{Message, NameBuf, RType};

/// Changes whose way is timed.
const CHANGES: usize = 300;
/// Zones that are made one by one, and over how many connections.
const ZONES: usize = 3000;
const CONNECTIONS: usize = 4;
/// Zones of one changeset.
const BATCH: usize = 10_000;
/// Between two questions whether a change shows.
const STEP: Duration = Duration::from_micros(100);

/// A server's API, its DNS port, and who asks.
pub struct Target {
    /// Address of the API.
    pub api: SocketAddr,
    /// Address of the name server.
    pub dns: SocketAddr,
    /// A token that may do all this.
    pub token: String,
    /// A zone of the journal.
    pub zone: NameBuf,
}

/// A kept HTTP connection.
struct Client<'t> {
    target: &'t Target,
    stream: BufReader<TcpStream>,
}

impl<'t> Client<'t> {
    fn new(target: &'t Target) -> anyhow::Result<Client<'t>> {
        let stream = TcpStream::connect(target.api)?;
        stream.set_nodelay(true)?;
        Ok(Client { target, stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the response; anything but success is an error.
    fn send(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.target.token,
            body.len()
        );
        self.stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if !status.contains(" 20") {
            bail!("{method} {path}: {} {body}", status.trim());
        }
        Ok(body)
    }
}

/// Prints the figures.
pub fn run(target: &Target) -> anyhow::Result<()> {
    patches(target)?;
    one_by_one(target)?;
    changeset(target)
}

fn patches(target: &Target) -> anyhow::Result<()> {
    let mut client = Client::new(target)?;
    let (mut visible, mut acknowledged) = (Vec::new(), Vec::new());
    for i in 0..CHANGES {
        let owner = format!("bench{i}.{}", target.zone);
        let body = format!(
            r#"{{"changes":[{{"op":"replace","name":"{owner}","type":"A","ttl":60,"records":[{{"address":"192.0.2.{}"}}]}}]}}"#,
            i % 250 + 1
        );
        let name: NameBuf = owner.parse()?;
        let (dns, begin) = (target.dns, Instant::now());
        let watcher = std::thread::spawn(move || seen(dns, &name, begin));
        client.send("PATCH", &format!("/zones/{}/rrsets", target.zone), &body)?;
        acknowledged.push(begin.elapsed());
        visible.push(watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))??);
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("PATCH of one record: visible {}, acknowledged {}", percentiles(visible), percentiles(acknowledged));
    Ok(())
}

/// How long after `begin` the name first has an address.
fn seen(dns: SocketAddr, name: &NameBuf, begin: Instant) -> anyhow::Result<Duration> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(dns)?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let query = Message::query(7, name.clone(), RType::A).to_wire(512);
    let mut buffer = [0; 4096];
    while begin.elapsed() < Duration::from_secs(10) {
        socket.send(&query)?;
        if let Ok(octets) = socket.recv(&mut buffer)
            && Message::parse(&buffer[..octets]).is_ok_and(|answer| !answer.answers.is_empty())
        {
            return Ok(begin.elapsed());
        }
        std::thread::sleep(STEP);
    }
    bail!("{name} never showed")
}

fn one_by_one(target: &Target) -> anyhow::Result<()> {
    let begin = Instant::now();
    let results: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let work = |connection: usize| {
            let mut client = Client::new(target)?;
            for i in (connection..ZONES).step_by(CONNECTIONS) {
                client.send("POST", "/zones", &format!(r#"{{"name":"one{i}.bench.example"}}"#))?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|connection| scope.spawn(move || work(connection))).collect();
        let failed = || Err(anyhow::anyhow!("a client panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| failed())).collect()
    });
    results.into_iter().collect::<anyhow::Result<()>>()?;
    let rate = ZONES as f64 / begin.elapsed().as_secs_f64();
    println!("{ZONES} zones one by one over {CONNECTIONS} connections: {rate:.0} zones/s");
    answers(target, &format!("one{}.bench.example", ZONES - 1))
}

fn changeset(target: &Target) -> anyhow::Result<()> {
    let zones: Vec<String> =
        (0..BATCH).map(|i| format!(r#"{{"zone":"many{i}.bench.example","action":"create"}}"#)).collect();
    let body = format!(r#"{{"zones":[{}]}}"#, zones.join(","));
    let begin = Instant::now();
    Client::new(target)?.send("POST", "/changesets", &body).context("changeset")?;
    let rate = BATCH as f64 / begin.elapsed().as_secs_f64();
    println!("{BATCH} zones in one changeset: {rate:.0} zones/s");
    answers(target, &format!("many{}.bench.example", BATCH - 1))
}

/// A zone that was acknowledged answers.
fn answers(target: &Target, zone: &str) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(target.dns)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send(&Message::query(7, zone.parse()?, RType::SOA).to_wire(512))?;
    let mut buffer = [0; 4096];
    let octets = socket.recv(&mut buffer)?;
    let answer = Message::parse(&buffer[..octets]).map_err(|error| anyhow::anyhow!("{error}"))?;
    anyhow::ensure!(!answer.answers.is_empty(), "{zone} does not answer");
    Ok(())
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}
