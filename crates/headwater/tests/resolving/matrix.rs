//! The first answer from zones whose servers misbehave, each fault alone and in pairs. In short: ours alone, which has to
//! come, and soon. With `HEADWATER_MATRIX=1`: beside other resolvers, several times each, as a table.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use dns::{Message, NameBuf, RType, Rcode};

use crate::common::{PATIENCE, Scratch, free_port, receive, until};
use crate::data::name;
use crate::faults::{self, Fault, Heard, PARENT, TRUE_ADDRESS};
use crate::peers::{self, Peer};
use crate::{in_namespace, inside};

/// The longest that the first client waits.
const FIRST_ANSWER: Duration = Duration::from_millis(1500);
/// How long answers are waited for.
const LONGEST: Duration = Duration::from_secs(12);
/// Set, the long form is run.
pub const LONG: &str = "HEADWATER_MATRIX";
/// Zones of each kind in the long form; the table has medians.
const COPIES: usize = 5;
/// While nothing else is asked; what takes longer goes on beside the next question.
const ALONE: Duration = Duration::from_millis(60);
/// How much slower than the best peer an answer may be: so many per cent, and this for the noise of the machine. Rows
/// below it are not told apart.
const SLOWER_PERCENT: u32 = 20;
const NOISE: Duration = Duration::from_millis(3);
/// Faults with which some peer is faster on purpose. Names on the way are asked for with type NS by BIND and Knot
/// Resolver, and with type A by Unbound, PowerDNS and us below two labels (RFC 9156 2.1). Here it happens that NS is
/// refused at once and A is not answered at all. Asking for NS would lose all rows with `NsDropped`, in which BIND and Knot
/// Resolver have no answer.
const FASTER_ELSEWHERE: [&[Fault]; 1] = [&[Fault::NsRefused, Fault::EmptyDropped]];

/// A way in which a zone's server misbehaves, and its zones.
struct Cell {
    faults: Vec<Fault>,
    zones: Vec<NameBuf>,
    /// What the servers of each zone got.
    heard: Vec<Arc<Heard>>,
}

impl Cell {
    fn counts(&self) -> Vec<u64> {
        self.heard.iter().map(|heard| heard.questions.load(Ordering::Relaxed)).collect()
    }

    fn label(&self) -> String {
        let faults: Vec<_> = self.faults.iter().map(|fault| format!("{fault:?}")).collect();
        if faults.is_empty() { "none".to_owned() } else { faults.join(" + ") }
    }
}

/// Loopback addresses; of the namespace others, as some resolvers believe no glue that is a loopback address.
pub fn address(number: usize) -> IpAddr {
    let (third, fourth) = (10 + (number / 250) as u8, 1 + (number % 250) as u8);
    IpAddr::from(if inside() { [198, 19, third, fourth] } else { [127, 0, third, fourth] })
}

/// Every fault alone and all pairs that go together, after a server that behaves.
fn cells() -> Vec<Vec<Fault>> {
    let pairs = Fault::ALL.iter().enumerate().flat_map(|(i, &one)| {
        let others = Fault::ALL[i + 1..].iter().filter(move |&&other| one.goes_with(other));
        others.map(move |&other| vec![one, other])
    });
    let singles = Fault::ALL.iter().map(|&fault| vec![fault]);
    std::iter::once(Vec::new()).chain(singles).chain(pairs).collect()
}

/// Starts all servers; the root's is at address 0.
fn start(copies: usize, port: u16) -> Vec<Cell> {
    let at = |number| SocketAddr::new(address(number), port);
    let mut children = Vec::new();
    let mut cells: Vec<_> =
        cells().into_iter().map(|faults| Cell { faults, zones: Vec::new(), heard: Vec::new() }).collect();
    for copy in 0..copies {
        for (i, cell) in cells.iter_mut().enumerate() {
            let zone = name(&format!("c{copy}n{i}.{PARENT}"));
            let number = 2 + children.len();
            children.push((zone.clone(), address(number)));
            let server = faults::Server::new(zone.clone(), &cell.faults, Vec::new());
            cell.heard.push(server.heard.clone());
            server.start(at(number));
            cell.zones.push(zone);
        }
    }
    let parent = name(PARENT);
    faults::Server::new(parent.clone(), &[], children).start(at(1));
    faults::Server::new(name("."), &[], vec![(parent, address(1))]).start(at(0));
    cells
}

/// What a question got, and after how long.
pub fn ask(resolver: SocketAddr, owner: &str) -> Option<(Message, Duration)> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    socket.connect(resolver).expect("connect");
    socket.set_read_timeout(Some(LONGEST)).expect("timeout");
    let mut query = Message::query(7, name(owner), RType::A);
    query.header.rd = true;
    let (sent, mut buffer) = (Instant::now(), vec![0; 4096]);
    socket.send(&query.to_wire(512)).ok()?;
    let len = receive(&socket, &mut buffer).ok()?;
    Some((Message::parse(&buffer[..len]).expect("a well-formed response"), sent.elapsed()))
}

/// The time to the right answer.
pub fn first_answer(resolver: SocketAddr, owner: &str) -> Result<Duration, String> {
    let (answer, time) = ask(resolver, owner).ok_or("silence")?;
    let data: Vec<_> = answer.answers.iter().map(|record| &record.rdata[..]).collect();
    match answer.header.rcode {
        Rcode::NOERROR if data == [TRUE_ADDRESS] => Ok(time),
        rcode => Err(format!("{rcode} after {} ms, data {data:?}", time.as_millis())),
    }
}

/// The root and the parent are known before times count.
pub fn warm_up(resolver: SocketAddr) {
    let well = until(PATIENCE, || ask(resolver, &format!("www.{PARENT}")).filter(|(it, _)| !it.answers.is_empty()));
    assert!(well.is_some(), "{resolver} does not resolve");
}

/// The times to the right answers for a deep name of each zone of each cell, asked one after the other; what takes long
/// goes on beside the next.
fn measure(resolver: SocketAddr, cells: &[Cell], host: &str) -> Vec<Vec<Result<Duration, String>>> {
    let copies = cells[0].zones.len();
    let mut results = Vec::new();
    for copy in 0..copies {
        for (i, cell) in cells.iter().enumerate() {
            let owner = format!("{host}.deep.{}", cell.zones[copy]);
            let (done, over) = channel();
            let asking = thread::spawn(move || {
                let result = first_answer(resolver, &owner);
                let _ = done.send(());
                result
            });
            let _ = over.recv_timeout(ALONE);
            results.push((i, asking));
        }
    }
    let mut table: Vec<_> = cells.iter().map(|_| Vec::with_capacity(copies)).collect();
    for (i, asking) in results {
        table[i].push(asking.join().expect("an outcome"));
    }
    table
}

/// The middle one; `None` if more than half failed.
fn median(results: &[Result<Duration, String>]) -> Option<Duration> {
    let mut times: Vec<_> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    // Failures are the slowest.
    times.sort_by_key(|time| time.unwrap_or(Duration::MAX));
    times[times.len() / 2]
}

#[test]
fn misbehaving_servers_keep_no_client_waiting() {
    let long = std::env::var_os(LONG).is_some();
    if long && !inside() {
        let well = in_namespace("matrix::misbehaving_servers_keep_no_client_waiting");
        return assert_eq!(well, Some(true), "the long form needs root and ip, and fails above if it could run");
    }
    let port = if long { 53 } else { free_port() };
    let cells = start(if long { COPIES } else { 1 }, port);
    let scratch = Scratch::new("resolving-matrix");
    scratch.write("hints", &faults::hints(address(0)));
    let (resolver, process) = peers::headwater(&scratch, port, peers::UNSIGNED);
    warm_up(resolver);
    let ours = measure(resolver, &cells, "www");
    let mut problems = Vec::new();
    learned(resolver, &cells, &mut problems);
    drop(process);
    for (cell, results) in cells.iter().zip(&ours) {
        for result in results {
            match result {
                Ok(time) if *time < FIRST_ANSWER => {}
                Ok(time) => problems.push(format!("{}: only after {} ms", cell.label(), time.as_millis())),
                Err(why) => problems.push(format!("{}: {why}", cell.label())),
            }
        }
    }
    if long {
        compare(&scratch, &cells, &ours, &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A root, [`PARENT`] and a zone for each of `faults`, for one test alone: `block` tells its addresses from others.
pub fn small_world(block: usize, port: u16, faults: &[Fault]) -> (Vec<(String, Arc<Heard>)>, Scratch) {
    let at = |number| SocketAddr::new(address(block * 250 + number), port);
    let (mut zones, mut children) = (Vec::new(), Vec::new());
    for (number, &fault) in (2..).zip(faults) {
        let zone = name(&format!("z{number}.{PARENT}"));
        let server = faults::Server::new(zone.clone(), &[fault], Vec::new());
        zones.push((zone.to_string(), server.heard.clone()));
        children.push((zone, at(number).ip()));
        server.start(at(number));
    }
    let parent = name(PARENT);
    faults::Server::new(parent.clone(), &[], children).start(at(1));
    faults::Server::new(name("."), &[], vec![(parent, at(1).ip())]).start(at(0));
    let scratch = Scratch::new(&format!("resolving-small-{block}"));
    scratch.write("hints", &faults::hints(at(0).ip()));
    (zones, scratch)
}

/// What comes from a server and is no reply is not waited out: there is nothing to wait for.
#[test]
fn what_is_no_reply_costs_no_time() {
    let (port, faults) = (free_port(), [Fault::QuestionMissing, Fault::QuestionOther]);
    let (zones, scratch) = small_world(20, port, &faults);
    let (resolver, _process) = peers::headwater(&scratch, port, peers::UNSIGNED);
    warm_up(resolver);
    for ((zone, _), fault) in zones.iter().zip(faults) {
        let (answer, time) = ask(resolver, &format!("www.deep.{zone}")).expect("a response");
        assert_eq!((answer.header.rcode, answer.answers.len()), (Rcode::SERVFAIL, 0), "{fault:?}");
        assert!(time < FIRST_ANSWER, "{fault:?}: {time:?}");
    }
}

/// A stranger gets no cookie, who has answered before does; who does not like it gets no other, but DO as before.
#[test]
fn cookies() {
    for (block, cookies) in [(21, true), (22, false)] {
        let (port, faults) = (free_port(), [Fault::TcpClosed, Fault::CookieFormerr, Fault::CookieDropped]);
        let (zones, scratch) = small_world(block, port, &faults);
        // An anchor of another zone: DO is set, and nothing is validated.
        scratch.write("anchors", &format!("signed.beta. DS 1 13 2 {}\n", "00112233445566778899AABBCCDDEEFF".repeat(2)));
        let keys = format!("cookies: {cookies}, trust_anchor_files: [anchors]");
        let (resolver, _process) = peers::headwater(&scratch, port, &keys);
        warm_up(resolver);
        for ((zone, heard), fault) in zones.iter().zip(faults) {
            let counts = ["www", "www2", "www3", "www4"].map(|host| {
                let time = first_answer(resolver, &format!("{host}.{zone}"));
                assert!(time.as_ref().is_ok_and(|time| *time < FIRST_ANSWER), "{fault:?} {host}: {time:?}");
                heard.cookies.load(Ordering::Relaxed)
            });
            match (cookies, fault) {
                (false, _) => assert_eq!(counts, [0; 4], "{fault:?}"),
                (true, Fault::TcpClosed) => assert!(counts[0] == 0 && counts[3] >= 3, "{counts:?}"),
                (true, _) => {
                    assert!(counts[0] == 0 && counts[1] > 0 && counts[3] == counts[1], "{fault:?}: {counts:?}")
                }
            }
            assert_eq!(heard.without_do.load(Ordering::Relaxed), 0, "{fault:?}");
        }
    }
}

/// What was learned of a server is remembered: after a second question, which tries cookies, another costs one question
/// for the name on the way and one for the name itself. On a busy machine one may be asked twice; not three times in a row.
fn learned(resolver: SocketAddr, cells: &[Cell], problems: &mut Vec<String>) {
    let mut loud: Vec<_> = cells.iter().map(|cell| Some(cell.label())).collect();
    for (i, host) in ["www2", "www3", "www4", "www5"].into_iter().enumerate() {
        let before: Vec<_> = cells.iter().map(Cell::counts).collect();
        let results = measure(resolver, cells, host);
        for (cell, results) in cells.iter().zip(results) {
            let why = results.into_iter().filter_map(Result::err);
            problems.extend(why.map(|why| format!("{}: {host}: {why}", cell.label())));
        }
        for ((cell, before), loud) in cells.iter().zip(before).zip(&mut loud).filter(|_| i > 0) {
            if cell.counts().iter().zip(before).all(|(after, before)| after - before <= 2) {
                *loud = None;
            }
        }
    }
    problems.extend(loud.into_iter().flatten().map(|label| format!("{label}: nothing is learned")));
}

fn compare(scratch: &Scratch, cells: &[Cell], ours: &[Vec<Result<Duration, String>>], problems: &mut Vec<String>) {
    let (mut names, mut tables) = (vec!["headwater".to_owned()], vec![ours.to_vec()]);
    for peer in Peer::ALL {
        match peer.start(scratch) {
            None => println!("skipped: {peer:?} is not installed"),
            Some((resolver, process)) => {
                warm_up(resolver);
                tables.push(measure(resolver, cells, "www"));
                names.push(format!("{peer:?}").to_ascii_lowercase());
                drop(process);
            }
        }
    }
    println!("differences below {} ms do not count", NOISE.as_millis());
    println!("{:34}{}", "ms to the first answer", names.iter().map(|it| format!("{it:>11}")).collect::<String>());
    for (i, cell) in cells.iter().enumerate() {
        let times: Vec<_> = tables.iter().map(|table| median(&table[i])).collect();
        let text = |time: &Option<Duration>| time.map_or("-".to_owned(), |it| format!("{:.2}", it.as_secs_f64() * 1e3));
        let row: String = times.iter().map(|time| format!("{:>11}", text(time))).collect();
        let best = times[1..].iter().flatten().min().copied();
        let late = match (times[0], best) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(ours), Some(best)) => ours > best + best * SLOWER_PERCENT / 100 + NOISE,
        };
        let excused = FASTER_ELSEWHERE.contains(&&cell.faults[..]);
        println!("{:34}{row}{}", cell.label(), if late { "  slower" } else { "" });
        if late && !excused {
            problems.push(format!("{}: slower than the best: {row}", cell.label()));
        }
    }
}
