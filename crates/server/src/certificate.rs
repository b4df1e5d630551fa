//! What a server shows to its clients over TLS: a chain of certificates with its private key, read from PEM files or
//! made here ([`self_signed`]), checked before it is used, and described for whoever runs the server.

pub mod self_signed;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Largest file of certificates or of a key, in octets.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;

/// The PEM files of a chain and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// A chain of certificates with its key. Two are equal when their chains are.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    fingerprint: [u8; 32],
    not_before_s: i64,
    not_after_s: i64,
    self_signed: bool,
    names: Vec<String>,
}

/// Why a chain and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file has something else in it.
    #[error("{}: {what}", path.display())]
    Contents {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Key and certificate do not belong together.
    #[error("{} is not the key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A certificate of our own cannot be made.
    #[error("no certificate can be made: {0}")]
    Make(String),
}

impl Identity {
    /// Reads and checks the chain and the key in `files`. Whether its time has come or is over is not asked.
    ///
    /// # Errors
    /// What is wrong, and with which file.
    pub fn read(files: &Files) -> Result<Identity, IdentityError> {
        let bad = |path: &Path, what: String| IdentityError::Contents { path: path.into(), what };
        let pem = read_file(&files.certificate)?;
        let mut chain = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem).take(MAX_CHAIN) {
            let number = chain.len() + 1;
            let certificate = certificate
                .map_err(|error| bad(&files.certificate, format!("certificate {number} is not readable: {error}")))?;
            chain.push(certificate);
        }
        if chain.is_empty() {
            let what = "no certificate in it; they begin with `-----BEGIN CERTIFICATE-----`";
            return Err(bad(&files.certificate, what.to_owned()));
        }
        let pem = read_file(&files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| bad(&files.key, what_key(&pem).to_owned()))?;
        let provider: CryptoProvider = aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                IdentityError::Mismatch { key: files.key.clone(), certificate: files.certificate.clone() }
            }
            Error::InvalidCertificate(_) => {
                bad(&files.certificate, format!("the first certificate is damaged: {error}"))
            }
            error => bad(&files.key, format!("this kind of key does not serve TLS: {error}")),
        })?;
        Identity::describe(key).map_err(|what| bad(&files.certificate, what))
    }

    fn describe(key: CertifiedKey) -> Result<Identity, String> {
        let der = key.end_entity_cert().map_err(|error| error.to_string())?;
        let fingerprint = dnssec::digest::sha256(der);
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| format!("not X.509: {error}"))?;
        let (not_before_s, not_after_s) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let self_signed = parsed.issuer() == parsed.subject();
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name_text).collect(),
            _ => Vec::new(),
        };
        Ok(Identity { key: Arc::new(key), fingerprint, not_before_s, not_after_s, self_signed, names })
    }

    /// For rustls.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// SHA-256 of the server's own certificate, as browsers and `openssl x509 -fingerprint` print it: `AB:CD:...`.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
    }

    /// Its end, in seconds since 1970.
    pub fn not_after_s(&self) -> i64 {
        self.not_after_s
    }

    /// Whether nobody but its own key vouches for it.
    pub fn is_self_signed(&self) -> bool {
        self.self_signed
    }

    /// The names and addresses that it is for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Why clients will not take it at the time `now_s` (seconds since 1970), whoever vouches for it.
    pub fn untimely(&self, now_s: i64) -> Option<String> {
        let ago = |seconds: i64| match seconds / 86_400 {
            0 => format!("{} minutes", seconds / 60),
            days => format!("{days} days"),
        };
        if now_s > self.not_after_s {
            return Some(format!("the certificate expired {} ago", ago(now_s - self.not_after_s)));
        }
        let early = now_s < self.not_before_s;
        early.then(|| format!("the certificate is not valid for another {}", ago(self.not_before_s - now_s)))
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.key.cert == other.key.cert
    }
}

impl Eq for Identity {}

/// Says nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate SHA-256 {}", self.fingerprint())
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut octets));
    match read {
        Err(error) => Err(IdentityError::Read { path: path.into(), error }),
        Ok(read) if read as u64 > MAX_FILE_BYTES => {
            Err(IdentityError::Contents { path: path.into(), what: format!("larger than {MAX_FILE_BYTES} octets") })
        }
        Ok(_) => Ok(octets),
    }
}

/// Why there is no key in a file.
fn what_key(pem: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(pem);
    if text.contains("ENCRYPTED") {
        return "the key is encrypted, and nobody is there to type its password; `openssl pkey` writes it without";
    }
    "no private key in it; they begin with `-----BEGIN PRIVATE KEY-----`"
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn files(directory: &Path, certificate: &str, key: &str) -> Files {
        let files = Files { certificate: directory.join("c.pem"), key: directory.join("k.pem") };
        fs::write(&files.certificate, certificate).expect("file");
        fs::write(&files.key, key).expect("file");
        files
    }

    #[test]
    fn mistakes_say_which_file_and_what() {
        let directory = std::env::temp_dir().join(format!("headwater-certificates-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("directory");
        let made = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
            (made.cert.pem(), made.signing_key.serialize_pem())
        };
        let (certificate, key) = made(&["a.example", "192.0.2.1", "2001:db8::1"]);
        let (_, other) = made(&["b.example"]);
        let good = Identity::read(&files(&directory, &certificate, &key)).expect("good");
        assert_eq!(good.names(), ["a.example", "192.0.2.1", "2001:db8::1"]);
        assert!(good.is_self_signed());
        assert_eq!(good.fingerprint().len(), 95);
        assert_eq!(good.untimely(1_800_000_000), None);
        assert_eq!(good.untimely(0).map(|why| why.contains("not valid for another")), Some(true));
        assert_eq!(
            good.untimely(good.not_after_s() + 3 * 86_400 + 1).as_deref(),
            Some("the certificate expired 3 days ago")
        );
        let fails = |certificate: &str, key: &str| {
            Identity::read(&files(&directory, certificate, key)).expect_err("bad").to_string()
        };
        assert!(fails(&certificate, &other).contains("k.pem is not the key of the certificate in"));
        assert!(fails("", &key).contains("c.pem: no certificate in it"));
        assert!(fails(&certificate, &certificate).contains("k.pem: no private key in it"));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(fails(&certificate, encrypted).contains("k.pem: the key is encrypted"));
        let damaged = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(fails(damaged, &key).contains("c.pem: "));
        let missing = Files { certificate: directory.join("none"), key: directory.join("k.pem") };
        assert!(Identity::read(&missing).expect_err("missing").to_string().contains("none: No such file"));
        assert!(!format!("{good:?}").contains("PRIVATE"));
        fs::remove_dir_all(&directory).expect("removed");
    }
}
