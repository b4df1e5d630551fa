//! The control socket: commands from the same machine to the running server. Who may open
//! `data_dir/control.sock` may do anything; its file permission is the authority.
//!
//! A client writes one line with a command; the answer is text up to the end of the stream, its first
//! line `ok` or `error: WHY`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::time::Duration;

use crate::cli::serve::Event;

/// Longest command line in octets.
const MAX_COMMAND: u64 = 4096;
/// How long a client may take to write its command, and to read the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a command may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// A command and where its answer goes.
pub struct Request {
    /// The line that the client wrote.
    pub command: String,
    /// Takes the answer, once.
    pub answer: SyncSender<Result<String, String>>,
}

/// Opens the socket and passes commands on to `events`, one at a time, on a thread of its own.
pub fn listen(path: &Path, events: Sender<Event>) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server uses this data directory"));
    }
    // What is left of a server that was killed.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("control".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = serve(stream, &events) {
                tracing::debug!(%error, "control socket");
            }
        }
    })?;
    Ok(())
}

fn serve(stream: UnixStream, events: &Sender<Event>) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut command = String::new();
    BufReader::new(&stream).take(MAX_COMMAND).read_line(&mut command)?;
    let (answer, answered) = sync_channel(1);
    let request = Request { command: command.trim().to_owned(), answer };
    let gone = || "the server is stopping".to_owned();
    let result = match events.send(Event::Command(request)) {
        Ok(()) => answered.recv_timeout(ANSWER_TIMEOUT).unwrap_or_else(|_| Err(gone())),
        Err(_) => Err(gone()),
    };
    match result {
        Ok(text) => write!(&stream, "ok\n{text}"),
        Err(why) => writeln!(&stream, "error: {why}"),
    }
}

/// Sends `command` to the server at `path`; its answer, or why there is none.
///
/// # Errors
/// The socket's, and what the server says against the command.
pub fn request(path: &Path, command: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(path)
        .map_err(|error| anyhow::anyhow!("no server answers at {}: {error}", path.display()))?;
    writeln!(stream, "{command}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        _ => anyhow::bail!("{}", answer.trim_end().trim_start_matches("error: ")),
    }
}
