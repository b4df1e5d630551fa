//! A Headwater process for a test: start, ask, signal, stop. Every wait has a bound, and a process ends
//! with the value that stands for it.
#![allow(dead_code)] // Each test file uses its part.

pub mod ran;
pub mod tmpfs;
pub mod webhook;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dns::{Edns, Message, RType};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a process may take to get ready, to reload or to end.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer may take; the machine may be busy.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for what shall not come.
pub const SILENCE: Duration = Duration::from_millis(300);

/// A directory of a test's own, empty at first, gone with the value.
pub struct Scratch(PathBuf);

impl Scratch {
    /// The directory called `name`, which no other test uses.
    pub fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("scratch directory");
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, as an editor that is well-behaved does: readers see the old or the new contents.
    pub fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.0.join(name);
        let new = self.0.join(format!(".{name}.new"));
        fs::write(&new, contents).and_then(|()| fs::rename(&new, &path)).expect("file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Ports for servers of tests: below those that the system gives to sockets that ask for any, or a connection of somebody
/// else could take one before its server does.
const PORTS: std::ops::Range<usize> = 10_000..32_000;

/// A port of 127.0.0.1 that is free, for UDP and TCP, and that no other test of this process got.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let time_ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let mut random = Random(time_ns ^ u64::from(std::process::id()) << 32);
    for _ in 0..1000 {
        let port = (PORTS.start + random.below(PORTS.len())) as u16;
        let is_free = TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok();
        if is_free && given.insert(port) {
            return port;
        }
    }
    panic!("no port is free for both UDP and TCP");
}

/// A running process, killed with the value.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in `directory`; what it says goes to the file `log` there.
    pub fn start(command: &mut Command, directory: &Path, log: &str) -> Process {
        let log = directory.join(log);
        let file = || fs::File::create(&log).and_then(|file| file.try_clone());
        let output = file().expect("log file");
        let errors = output.try_clone().expect("log file");
        let child = command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Process { child, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the process has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log has `text` at least `count` times.
    pub fn wait_for(&mut self, text: &str, count: usize) {
        let found = until(PATIENCE, || {
            let ended = self.child.try_wait().expect("a child").is_some();
            (self.log().matches(text).count() >= count).then_some(true).or(ended.then_some(false))
        });
        assert_eq!(found, Some(true), "no `{text}` in:\n{}", self.log());
    }

    /// Sends it a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let signal: Signal = format!("SIG{name}").parse().expect("a signal");
        kill(Pid::from_raw(self.id() as i32), signal).expect("the signal is sent");
    }

    /// Ends it at once, with no chance to do anything.
    pub fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        until(PATIENCE, || self.child.try_wait().expect("a child"))
            .unwrap_or_else(|| panic!("the process does not end:\n{}", self.log()))
    }

    /// Memory in use in KiB, as the system counts it.
    pub fn resident_kib(&self) -> u64 {
        self.kib("status", "VmRSS:")
    }

    /// Memory of its own in KiB: no file can give it back (`Pss_Anon`).
    pub fn anonymous_kib(&self) -> u64 {
        self.kib("smaps_rollup", "Pss_Anon:")
    }

    fn kib(&self, file: &str, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.id())).expect("process status");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        line.trim().trim_end_matches(" kB").parse().expect("number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `headwater serve`.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
    reloads: usize,
}

/// `headwater` with these arguments and nothing from the environment; `HEADWATER_BIN` is another one to test.
pub fn headwater(args: &[&str]) -> Command {
    let binary = std::env::var_os("HEADWATER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_headwater").into());
    let mut command = Command::new(binary);
    command.args(args).env_clear();
    command
}

/// The counters of the server whose data directory is `data` in `scratch`.
pub fn counters(scratch: &Scratch) -> String {
    let output = headwater(&["stats", "--data", "data"]).current_dir(scratch.path()).output();
    String::from_utf8(output.expect("headwater runs").stdout).expect("text")
}

/// One of them.
pub fn counter(counters: &str, name: &str) -> u64 {
    let line = counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{counters}"))
}

impl Server {
    /// Starts `headwater serve` in `scratch` on a free port of 127.0.0.1, and waits until it is ready.
    pub fn start(scratch: &Scratch, args: &[&str]) -> Server {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let listen = address.to_string();
        let mut server = Server::launch(scratch, &[&["--listen", &listen][..], args].concat(), address);
        server.process.wait_for("\"ready\"", 1);
        server
    }

    /// Starts `headwater serve` with just these arguments.
    pub fn launch(scratch: &Scratch, args: &[&str], address: SocketAddr) -> Server {
        Server::launch_in(scratch, args, address, &[])
    }

    /// The same with these environment variables.
    pub fn launch_in(scratch: &Scratch, args: &[&str], address: SocketAddr, environment: &[(&str, &str)]) -> Server {
        let mut command = headwater(&[&["serve", "--data", "data"], args].concat());
        command.envs(environment.iter().copied());
        // Its port is the same for all; tests of the API choose one of their own.
        let config = args.iter().skip_while(|arg| **arg != "--config").nth(1);
        let text = config.and_then(|file| std::fs::read_to_string(scratch.path().join(file)).ok());
        if text.is_none_or(|text| !text.contains("web")) {
            command.env("HEADWATER_WEB__ENABLED", "false");
        }
        Server {
            process: Process::start(&mut command, scratch.path(), &format!("log-{}", address.port())),
            address,
            reloads: 0,
        }
    }

    /// A server that was started some other way, on this port of 127.0.0.1.
    pub fn over(process: Process, port: u16) -> Server {
        Server { process, address: SocketAddr::from(([127, 0, 0, 1], port)), reloads: 0 }
    }

    /// Sends SIGHUP and waits until the server is through with it.
    pub fn reload(&mut self) {
        self.reloads += 1;
        self.process.signal("HUP");
        let (done, failed) = ("\"reloaded\"", "reload failed");
        let reloads = self.reloads;
        let process = &self.process;
        let through = until(PATIENCE, || {
            let log = process.log();
            (log.matches(done).count() + log.matches(failed).count() >= reloads).then_some(())
        });
        assert!(through.is_some(), "no reload:\n{}", self.process.log());
    }

    /// The answer over UDP.
    pub fn ask(&self, query: &Message) -> Message {
        let octets = udp(self.address, &query.to_wire(65_535), ANSWER_TIMEOUT);
        let octets = octets.unwrap_or_else(|| panic!("no answer to {query:?}"));
        let answer = Message::parse(&octets).expect("a well-formed response");
        assert_eq!((answer.header.id, answer.header.qr), (query.header.id, true));
        answer
    }

    /// The TXT or A data that a question gets, as text, sorted; the RCODE if there is none.
    pub fn data(&self, name: &str, rtype: RType) -> String {
        let answer = self.ask(&query(name, rtype));
        let mut data: Vec<String> = answer.answers.iter().map(|record| rdata_text(rtype, &record.rdata)).collect();
        data.sort();
        if data.is_empty() { answer.header.rcode.to_string() } else { data.join(" ") }
    }
}

/// Record data as zone files have it.
pub fn rdata_text(rtype: RType, rdata: &[u8]) -> String {
    let mut text = String::new();
    dns::rdata::text::write(rtype, rdata, &mut text).expect("a string takes it");
    text
}

/// A query without recursion.
pub fn query(name: &str, rtype: RType) -> Message {
    let mut query = Message::query(0x4857, name.parse().expect("name"), rtype);
    query.header.rd = false;
    query
}

/// A query with EDNS.
pub fn query_edns(name: &str, rtype: RType, edns: Edns) -> Message {
    Message { edns: Some(edns), ..query(name, rtype) }
}

/// The response over UDP, if one comes in time.
pub fn udp(server: SocketAddr, octets: &[u8], timeout: Duration) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).expect("socket");
    // A connected socket takes only what comes from the address that was asked.
    socket.connect(server).expect("connect");
    socket.set_read_timeout(Some(timeout)).expect("timeout");
    socket.send(octets).ok()?;
    let mut buffer = vec![0; 65_535];
    let len = receive(&socket, &mut buffer).ok()?;
    buffer.truncate(len);
    Some(buffer)
}

/// Receives a datagram. With a timeout set, Linux lets a receive end early when a child process was
/// started or stopped; that is no loss.
pub fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The response over a TCP connection of its own.
pub fn tcp(server: SocketAddr, octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(&[&(octets.len() as u16).to_be_bytes()[..], octets].concat())?;
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// Calls `check` now and then until it has a result; `None` when time is up.
pub fn until<T>(limit: Duration, mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        match check() {
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
}

/// A generator of numbers that are the same in every run (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A number from the environment, for longer runs than every change of the code deserves.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: not a number")))
}

/// A seed that no run before had.
pub fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("clock").as_secs()
}
