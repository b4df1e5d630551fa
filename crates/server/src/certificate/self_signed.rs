//! A certificate that the server makes for itself, for where nobody else vouches for it: traffic is encrypted, and
//! whoever compares the fingerprint once knows the server again. It is made once, kept, and renewed with the same key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use time::OffsetDateTime;

use super::{Files, Identity, IdentityError};

/// Clients refuse server certificates that are valid for longer than 825 days.
const VALID_FOR_S: i64 = 820 * 86_400;
/// Clients' clocks may be behind by so much.
const CLOCK_SKEW_S: i64 = 86_400;
/// A certificate that ends sooner is replaced.
const RENEW_BEFORE_S: i64 = 30 * 86_400;

/// The certificate in `directory`, which is made, together with the directory, if there is none or its end is near.
/// A new one is for `names` (host names and addresses); `now_s` is in seconds since 1970.
///
/// # Errors
/// Files that cannot be read or written, names that a certificate cannot have.
pub fn open(directory: &Path, names: &[String], now_s: i64) -> Result<Identity, IdentityError> {
    let files = Files { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") };
    if files.certificate.exists() && files.key.exists() {
        let kept = Identity::read(&files)?;
        if !is_due(&kept, now_s) {
            return Ok(kept);
        }
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| unwritable(directory, error))?;
    let key = open_key(&files.key)?;
    let certificate = make(&key, names, now_s).map_err(|error| IdentityError::Make(error.to_string()))?;
    write(&files.certificate, &certificate, 0o644)?;
    Identity::read(&files)
}

/// Whether the certificate is to be renewed.
pub fn is_due(identity: &Identity, now_s: i64) -> bool {
    now_s > identity.not_after_s() - RENEW_BEFORE_S
}

/// The key that is there, or a new one.
fn open_key(path: &Path) -> Result<KeyPair, IdentityError> {
    match fs::read_to_string(path) {
        Ok(pem) => KeyPair::from_pem(&pem)
            .map_err(|error| IdentityError::Contents { path: path.into(), what: format!("not a key: {error}") }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate().map_err(|error| IdentityError::Make(error.to_string()))?;
            write(path, &key.serialize_pem(), 0o600)?;
            Ok(key)
        }
        Err(error) => Err(IdentityError::Read { path: path.into(), error }),
    }
}

fn make(key: &KeyPair, names: &[String], now_s: i64) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("headwater", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let moment = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| rcgen::Error::Time);
    params.not_before = moment(now_s - CLOCK_SKEW_S)?;
    params.not_after = moment(now_s + VALID_FOR_S)?;
    Ok(params.self_signed(key)?.pem())
}

/// Writes a file as a whole: whoever reads it sees all of it or what was there before.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    let new = path.with_extension("new");
    let written = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> IdentityError {
    IdentityError::Contents { path: path.into(), what: format!("cannot be written: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_kept_and_renewed_with_its_key() {
        let directory = std::env::temp_dir().join(format!("headwater-self-signed-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        let names = ["ns1.example".to_owned(), "::1".to_owned()];
        let now_s = 1_800_000_000;
        let first = open(&directory, &names, now_s).expect("made");
        assert_eq!(first.names(), ["ns1.example", "::1"]);
        assert!(first.is_self_signed());
        let mode = fs::metadata(directory.join("key.pem")).expect("key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let key = fs::read(directory.join("key.pem")).expect("key");
        assert_eq!(open(&directory, &[], now_s + 86_400).expect("kept"), first);
        let renewed = open(&directory, &names, first.not_after_s() - 86_400).expect("renewed");
        assert_ne!(renewed, first);
        assert_eq!(fs::read(directory.join("key.pem")).expect("key"), key);
        fs::write(directory.join("key.pem"), "x").expect("damaged");
        assert!(open(&directory, &names, now_s).expect_err("damaged").to_string().contains("key.pem: no private key"));
        fs::remove_dir_all(&directory).expect("removed");
    }
}
