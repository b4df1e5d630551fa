//! How connections to brokers are protected, and who this server is for them.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;

use crate::key::read_private;

/// How connections to brokers are protected, and who this server is for them: not at all and nobody, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// TLS.
    pub tls: Option<Tls>,
    /// A user.
    pub sasl: Option<Sasl>,
}

/// TLS to brokers. The certificate of a broker must be for the name or address under which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that are trusted; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of this server's certificates and its key; `None`: brokers get to see none.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A user of the brokers.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How it shows who it is.
    pub mechanism: Mechanism,
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// How a user shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// By its password, which the broker gets.
    Plain,
    /// By a proof that it knows the password.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {path}: {why}")]
pub struct SecurityError {
    /// Which key of the configuration names it.
    key: &'static str,
    path: PathBuf,
    why: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Sasl {
    /// The password in a file of at most 256 octets, which others may not read. An end of line is no part of it.
    ///
    /// # Errors
    /// [`SecurityError`]: the file cannot be read, others may read it, it is empty or not UTF-8.
    pub fn read_password(path: &Path) -> Result<String, SecurityError> {
        let unfit = |why: String| SecurityError { key: "cluster.sasl.password_file", path: path.to_owned(), why };
        let octets = read_private(path).map_err(|error| unfit(error.to_string()))?;
        let text = String::from_utf8(octets).map_err(|_| unfit("it is not UTF-8".to_owned()))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(unfit("it is empty; it must have the password".to_owned())),
            password => Ok(password.to_owned()),
        }
    }
}

impl Security {
    /// Whether its files can be read; librdkafka does not say why one cannot.
    ///
    /// # Errors
    /// [`SecurityError`]: the first one that cannot.
    pub fn check(&self) -> Result<(), SecurityError> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let (certificate, key) = tls.certificate.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
        let files = [
            ("cluster.tls.ca_file", tls.ca_file.as_ref()),
            ("cluster.tls.certificate_file", certificate),
            ("cluster.tls.key_file", key),
        ];
        for (key, path) in files.into_iter().filter_map(|(key, path)| Some((key, path?))) {
            File::open(path).map_err(|error| SecurityError { key, path: path.clone(), why: error.to_string() })?;
        }
        Ok(())
    }

    /// Tells librdkafka.
    pub(crate) fn configure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(tls) = &self.tls {
            // `probe`: wherever systems have them.
            let ca_file = tls.ca_file.as_deref().unwrap_or(Path::new("probe"));
            config.set("ssl.ca.location", ca_file.to_string_lossy());
            if let Some((certificate, key)) = &tls.certificate {
                config.set("ssl.certificate.location", certificate.to_string_lossy());
                config.set("ssl.key.location", key.to_string_lossy());
            }
        }
        if let Some(sasl) = &self.sasl {
            let mechanism = match sasl.mechanism {
                Mechanism::Plain => "PLAIN",
                Mechanism::ScramSha256 => "SCRAM-SHA-256",
                Mechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            config.set("sasl.mechanism", mechanism);
            config.set("sasl.username", &sasl.user);
            config.set("sasl.password", &sasl.password);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_read_and_shown_nowhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("password");
        for (text, mode, want) in [
            ("s3cret\n", 0o600, Ok("s3cret")),
            (" with space \r\n", 0o400, Ok(" with space ")),
            ("\n", 0o600, Err("it is empty")),
            ("s3cret", 0o640, Err("its mode is 640: others may read it")),
        ] {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("a mode");
            match (Sasl::read_password(&path).map_err(|error| error.to_string()), want) {
                (Ok(password), Ok(want)) => assert_eq!(password, want),
                (Err(error), Err(want)) => assert!(error.contains(want) && !error.contains("s3cret"), "{error}"),
                (got, _) => panic!("{text:?}: {got:?}"),
            }
        }
        let sasl = Sasl { mechanism: Mechanism::Plain, user: "u".to_owned(), password: "s3cret".to_owned() };
        let security = Security { tls: None, sasl: Some(sasl) };
        let mut config = ClientConfig::new();
        security.configure(&mut config);
        assert_eq!(config.get("sasl.password"), Some("s3cret"));
        let shown = format!("{security:?} {config:?}");
        assert!(!shown.contains("s3cret") && shown.contains("\"u\""), "{shown}");
    }

    #[test]
    fn a_file_that_is_missing_is_named_with_its_key() {
        let tls = |ca_file: Option<&str>, certificate: Option<(&str, &str)>| Security {
            tls: Some(Tls {
                ca_file: ca_file.map(PathBuf::from),
                certificate: certificate.map(|(certificate, key)| (certificate.into(), key.into())),
            }),
            sasl: None,
        };
        assert!(tls(None, None).check().is_ok());
        assert!(tls(Some("Cargo.toml"), Some(("Cargo.toml", "src/lib.rs"))).check().is_ok());
        let said = |security: Security| security.check().expect_err("missing").to_string();
        let missing = "No such file or directory (os error 2)";
        assert_eq!(said(tls(Some("a"), None)), format!("cluster.tls.ca_file: a: {missing}"));
        assert_eq!(said(tls(None, Some(("a", "b")))), format!("cluster.tls.certificate_file: a: {missing}"));
        assert_eq!(said(tls(None, Some(("Cargo.toml", "b")))), format!("cluster.tls.key_file: b: {missing}"));
    }
}
