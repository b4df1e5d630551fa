//! Clients that were seen: a reader of answers notes who asks, and keeps it in a file over restarts.
//!
//! It is kept as long as the history of queries is. Where answers come too fast for all of them to be recorded, counts
//! are of those that were.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::Config;
use policy::Did;
use policy::devices::seen::{Client, Filter, MAX_CLIENTS, Seen};
use server::answered::Source;
use server::record::Wanted;
use telemetry::{Collector, Delivery, Row, Subscription};

/// The reader's name among the outputs of answers.
const READER: &str = "clients";
/// Rows that wait for the reader at most.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// What the reader wants: a part of the answers will do.
const WANTED: Wanted = Wanted { responses: true, queries: false, exchanges: false, sparing: true };
/// The file in the data directory: a client a line, in JSON.
const FILE: &str = "clients.jsonl";
/// The longest line that is read, in bytes; ours have less than 200.
const MAX_LINE_BYTES: u64 = 1024;
/// From one writing of the file to the next.
const WRITE_INTERVAL: Duration = Duration::from_secs(300);

/// The clients that were seen.
pub struct SeenClients {
    collector: Arc<Collector>,
    file: PathBuf,
    table: Arc<Mutex<Seen>>,
    reading: Mutex<Option<Subscription>>,
}

impl SeenClients {
    /// What the file of the data directory has; nobody is noted before [`SeenClients::configure`].
    pub fn new(collector: &Arc<Collector>, data_dir: &Path) -> SeenClients {
        let file = data_dir.join(FILE);
        let seen = read(&file).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                let file = file.display();
                tracing::warn!(%file, %error, "clients that were seen before this start are not known");
            }
            Seen::default()
        });
        SeenClients { collector: collector.clone(), file, table: Arc::new(Mutex::new(seen)), reading: Mutex::default() }
    }

    /// Notes clients as long as there is a history of queries.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn configure(&self, config: &Config) -> io::Result<()> {
        let mut reading = lock(&self.reading);
        match config.history.enabled {
            false => drop(reading.take()),
            true if reading.is_none() => {
                let mut notes =
                    Notes { table: self.table.clone(), file: self.file.clone(), written: Instant::now(), news: false };
                let read = move |delivery: Delivery<'_>| notes.take(&delivery);
                *reading = Some(self.collector.subscribe(READER, WANTED, MAX_WAITING_BYTES, read)?);
            }
            true => {}
        }
        Ok(())
    }

    /// The first `limit` clients by address that `filter` takes, of those behind `after`.
    pub fn list(&self, filter: &Filter, after: Option<IpAddr>, limit: usize) -> Vec<Client> {
        lock(&self.table).list(filter, after, limit)
    }

    /// What is known of an address.
    pub fn find(&self, address: IpAddr) -> Option<Client> {
        lock(&self.table).find(address).copied()
    }

    /// Writes the file, and ends. The collector has stopped.
    pub fn stop(&self) {
        drop(lock(&self.reading).take());
    }
}

/// The reader.
struct Notes {
    table: Arc<Mutex<Seen>>,
    file: PathBuf,
    written: Instant,
    /// Somebody was seen since the file was written.
    news: bool,
}

impl Notes {
    fn take(&mut self, delivery: &Delivery<'_>) {
        match delivery {
            Delivery::Rows(rows) => {
                let mut table = lock(&self.table);
                for row in rows.rows() {
                    let time_ms = (row.record.time_us / 1000) as i64;
                    table.observe(row.record.client.ip(), time_ms, is_blocked(&row));
                    self.news = true;
                }
            }
            Delivery::Idle if self.written.elapsed() >= WRITE_INTERVAL => self.write(),
            Delivery::Idle => {}
            Delivery::End => self.write(),
        }
    }

    fn write(&mut self) {
        self.written = Instant::now();
        if !std::mem::take(&mut self.news) {
            return;
        }
        // Copied, so that nobody who looks waits for the disk.
        let clients: Vec<Client> = lock(&self.table).all().collect();
        if let Err(error) = write(&self.file, &clients) {
            self.news = true;
            let file = self.file.display();
            tracing::warn!(%file, %error, "clients that were seen are not written; it is tried again");
        }
    }
}

/// Whether a rule answered.
fn is_blocked(row: &Row<'_>) -> bool {
    row.record.source == Source::Policy && row.record.policy.is_some_and(|mark| mark.did == Did::Blocked)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clients of a file. Lines that are none, as an old or broken file may have, are left out.
fn read(file: &Path) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let mut reader = BufReader::new(std::fs::File::open(file)?);
    let mut line = Vec::new();
    for _ in 0..MAX_CLIENTS {
        line.clear();
        if io::Read::take(&mut reader, MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if let Ok(client) = serde_json::from_slice::<Client>(&line) {
            seen.restore(client);
        }
    }
    Ok(seen)
}

/// Writes down clients of a time before the server runs in this data directory, in the place of those that it knew.
///
/// # Errors
/// What the file system says.
pub fn write_past(data_dir: &Path, clients: &[Client]) -> io::Result<()> {
    write(&data_dir.join(FILE), clients)
}

/// Writes a new file in the place of the old one.
fn write(file: &Path, clients: &[Client]) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut writer = BufWriter::new(std::fs::File::create(&unfinished)?);
    for client in clients {
        serde_json::to_writer(&mut writer, client)?;
        writer.write_all(b"\n")?;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&unfinished, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn clients_are_known_after_a_restart_and_a_broken_line_costs_nobody_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(FILE);
        assert!(read(&file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        let mut seen = Seen::default();
        for (number, time_ms) in [(1, 1000), (2, 2000), (1, 3000)] {
            seen.observe(address(number), time_ms, number == 2);
        }
        let clients: Vec<Client> = seen.all().collect();
        write(&file, &clients).expect("written");
        let mut text = std::fs::read_to_string(&file).expect("text");
        text.insert_str(0, "{\"address\": 5}\n\u{0}\n");
        std::fs::write(&file, text).expect("written");
        let again = read(&file).expect("read");
        assert_eq!(
            (again.len(), again.find(address(1)), again.find(address(2))),
            (2, seen.find(address(1)), seen.find(address(2)))
        );
        assert_eq!(
            again.find(address(1)).map(|client| (client.first_ms, client.last_ms, client.queries)),
            Some((1000, 3000, 2))
        );
    }
}
