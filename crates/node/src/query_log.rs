//! The query log as configured.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use config::Config;
use config::logging::{Anonymise, LogAddress, LogFile, SyslogTarget};
use telemetry::output::syslog::SyslogSettings;
use telemetry::output::{Address, Compression, Rotation};
use telemetry::query_log::anonymise::{self, Key};
use telemetry::query_log::dnstap::Identity;
use telemetry::query_log::{Output, Selection, Settings};

/// What is lost is looked at this often.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The key of pseudonyms in the data directory.
const KEY_FILE: &str = "query-log.key";

/// What the query log does with this configuration.
pub(crate) fn settings(config: &Config) -> Settings {
    let Some(queries) = &config.logging.queries else { return Settings::default() };
    let file = queries.file.iter().map(|file| Output::File { path: file.path.clone(), rotation: rotation(file) });
    let stdout = queries.stdout.then_some(Output::Stdout);
    let syslog = queries.syslog.iter().map(|target| Output::Syslog(syslog(target)));
    let dnstap = queries.dnstap.iter().map(|target| Output::Dnstap {
        address: address(&target.address),
        is_bidirectional: target.is_bidirectional,
        identity: Identity {
            name: config.server.name.to_string(),
            version: concat!("headwater ", env!("CARGO_PKG_VERSION")).into(),
        },
    });
    let anonymise = match queries.anonymise {
        Anonymise::No => anonymise::Anonymise::No,
        Anonymise::Prefix { ipv4, ipv6 } => anonymise::Anonymise::Prefix { ipv4, ipv6 },
        Anonymise::Hash => anonymise::Anonymise::Keyed(key(&config.data_dir)),
    };
    let slow_us = queries.slow_ms.map(|slow_ms| slow_ms * 1000);
    let selection = Selection { sample: queries.sample, slow_us, anonymise, filter: queries.filter.clone() };
    Settings { outputs: file.chain(stdout).chain(syslog).chain(dnstap).collect(), selection }
}

/// What becomes of a log file that is full.
pub fn rotation(file: &LogFile) -> Rotation {
    Rotation {
        max_bytes: file.max_bytes,
        period_hours: file.rotate_hours,
        keep_files: file.keep_files,
        keep_days: file.keep_days,
        compression: match file.compress {
            config::Compress::Gzip => Compression::Gzip,
            config::Compress::Zstd => Compression::Zstd,
            config::Compress::None => Compression::None,
        },
    }
}

/// Whom to tell, and as whom.
pub fn syslog(target: &SyslogTarget) -> SyslogSettings {
    let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok()).unwrap_or_default();
    SyslogSettings { address: address(&target.address), facility: target.facility, host }
}

fn address(address: &LogAddress) -> Address {
    match address {
        LogAddress::Unix(path) => Address::Unix(path.clone()),
        LogAddress::Tcp(address) => Address::Tcp(*address),
        LogAddress::Udp(address) => Address::Udp(*address),
    }
}

/// The key of pseudonyms; another one each time if it cannot be kept.
fn key(data_dir: &Path) -> Key {
    let path = data_dir.join(KEY_FILE);
    kept_key(&path).unwrap_or_else(|error| {
        let path = path.display();
        tracing::warn!(%path, "the key of clients' pseudonyms is another one after the next start: {error}");
        let mut key = [0; 16];
        if let Err(error) = getrandom::fill(&mut key) {
            // Without a key that is secret, everybody has the same pseudonym for everybody: who it is stays hidden.
            tracing::error!(%error, "no random numbers: clients' pseudonyms can be guessed");
        }
        Key(key)
    })
}

/// The key of the file, which is made if it is not there.
fn kept_key(path: &Path) -> io::Result<Key> {
    match fs::read(path) {
        Ok(bytes) => {
            let wrong = "not 16 bytes; without the file there will be a new key, and other pseudonyms";
            bytes.try_into().map(Key).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, wrong))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 16];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(Key(key))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_kept_and_nobody_else_reads_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(KEY_FILE);
        let first = kept_key(&path).expect("a key");
        assert!(kept_key(&path).expect("a key") == first && first != Key([0; 16]));
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").expect("a file");
        kept_key(&path).expect_err("it is damaged");
    }
}
