//! A real Kafka broker for a test, stopped with the value; `.ci/kafka` runs it.
#![allow(dead_code)] // Each test file uses its part.

pub mod certificates;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a broker may take until it takes connections; the machine may be busy.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// A broker.
pub struct Broker {
    directory: PathBuf,
    lib: PathBuf,
    port: u16,
    control: u16,
    secured: Option<Listeners>,
    child: Option<Child>,
}

/// Where a broker takes connections over TLS.
struct Listeners {
    /// Directory with `ca.pem` and `broker.pem`.
    certificates: PathBuf,
    /// For clients with a certificate.
    mutual: u16,
    /// For the user `node` with the password `node-secret`.
    sasl: u16,
}

impl Broker {
    /// Starts one whose data is in `directory`; `target_tmp` is Cargo's directory for files of tests. `None`, and said so:
    /// there is no Java, or nobody has fetched Kafka.
    pub fn start(directory: &Path, target_tmp: &str) -> Option<Broker> {
        Broker::start_with(directory, target_tmp, None)
    }

    /// Starts one that takes connections over TLS too, with the certificates in a directory.
    pub fn start_secured(directory: &Path, target_tmp: &str, certificates: &Path) -> Option<Broker> {
        let listeners = Listeners { certificates: certificates.to_owned(), mutual: free_port(), sasl: free_port() };
        Broker::start_with(directory, target_tmp, Some(listeners))
    }

    fn start_with(directory: &Path, target_tmp: &str, secured: Option<Listeners>) -> Option<Broker> {
        let lib = Path::new(target_tmp).parent().expect("a target directory").join("kafka");
        let has_java = Command::new("java").arg("-version").stderr(Stdio::null()).status().is_ok();
        if !has_java || !lib.join("complete").exists() {
            println!("skipped: no Kafka; `.ci/kafka jars {}` fetches it, Java runs it", lib.display());
            return None;
        }
        let ports = [free_port(), free_port()];
        let directory = directory.to_owned();
        let mut broker = Broker { directory, lib, port: ports[0], control: ports[1], secured, child: None };
        broker.restart();
        Some(broker)
    }

    /// Where clients find it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where clients with a certificate find it.
    pub fn mutual_address(&self) -> String {
        format!("127.0.0.1:{}", self.secured.as_ref().expect("a secured broker").mutual)
    }

    /// Where clients with a password find it.
    pub fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.secured.as_ref().expect("a secured broker").sasl)
    }

    /// Starts it again, and waits until it takes connections.
    pub fn restart(&mut self) {
        std::fs::create_dir_all(&self.directory).expect("a directory");
        let log = std::fs::File::create(self.directory.join("log")).expect("a log");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/kafka");
        let mut command = Command::new(script);
        command.arg("serve").arg(&self.lib).arg(self.directory.join("broker"));
        command.args([self.port.to_string(), self.control.to_string()]);
        if let Some(secured) = &self.secured {
            command.arg(&secured.certificates).args([secured.mutual.to_string(), secured.sasl.to_string()]);
        }
        let output = log.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(log).spawn().expect("a shell");
        self.child = Some(child);
        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.as_mut().is_none_or(|child| child.try_wait().expect("a child").is_some());
            assert!(!ended && Instant::now() < end, "no broker:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it at once, with no chance to do anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("a child");
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Runs one of Kafka's own tools, by its class.
    pub fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("java");
        command.args(["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", &format!("{}/*", self.lib.display()), class]);
        command.args(["--bootstrap-server", &self.address()]).args(args);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("java");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input).expect("written");
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of 127.0.0.1 that nobody has, below those that the system gives to whoever asks for any.
pub fn free_port() -> u16 {
    for _ in 0..1000 {
        let port = 10_000 + (getrandom::u64().expect("random") % 22_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
