//! `tsig_keys`: the keys that the configuration gives. Their secrets never appear in a message or a log.

use std::collections::HashMap;
use std::fmt;

use data_encoding::BASE64;
use dns::NameBuf;
use dnssec::tsig::{Algorithm, Key};

use super::problem::{Mark, Report};
use super::raw;
use super::value::At;

/// A TSIG key (RFC 8945).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsigKey {
    /// Its name.
    pub name: NameBuf,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its secret.
    pub secret: Secret,
}

impl From<&TsigKey> for Key {
    fn from(key: &TsigKey) -> Key {
        Key::new(key.name.clone(), key.algorithm, &key.secret.0)
    }
}

/// Octets that are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The keys of `entries`; names are unique unless the report has errors.
pub(super) fn check_keys(entries: &[At<raw::TsigKey>], report: &mut Report) -> Vec<TsigKey> {
    let mut first: HashMap<NameBuf, Mark> = HashMap::with_capacity(entries.len());
    let mut keys = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let Some(key) = check_key(index, entry, report) else { continue };
        if let Some(&earlier) = first.get(&*key.name) {
            let message = format!("key {} is given twice, first at {}", key.name, report.place(earlier));
            report.error(entry.name.mark, format!("tsig_keys[{index}].name"), message);
            continue;
        }
        first.insert(key.name.clone(), entry.name.mark);
        keys.push(key);
    }
    keys
}

/// All that is wrong with one entry goes to the report.
fn check_key(index: usize, entry: &At<raw::TsigKey>, report: &mut Report) -> Option<TsigKey> {
    let path = |key: &str| format!("tsig_keys[{index}].{key}");
    let name = match entry.name.parse::<NameBuf>() {
        _ if entry.name.is_empty() => Err((entry.mark, "missing".to_owned())),
        Err(error) => Err((entry.name.mark, format!("`{}` is not a domain name: {error}", entry.name.value))),
        Ok(name) => Ok(name),
    };
    let name = name.map_err(|(mark, message)| report.error(mark, path("name"), message));
    let algorithm = entry.algorithm.parse::<Algorithm>();
    let algorithm = algorithm.map_err(|error| report.error(entry.algorithm.mark, path("algorithm"), error.to_string()));
    if let Ok(algorithm) = algorithm
        && algorithm.is_obsolete()
    {
        let message = format!("{algorithm} must not be used where another can be (RFC 8945 6)");
        report.warn(entry.algorithm.mark, path("algorithm"), message);
    }
    let secret = match BASE64.decode(entry.secret.text().as_bytes()) {
        Ok(secret) if !secret.is_empty() => Ok(Secret(secret)),
        Ok(_) => Err((entry.mark, "missing")),
        Err(_) => Err((entry.secret.mark, "not base64")),
    };
    let secret = secret.map_err(|(mark, message)| report.error(mark, path("secret"), message));
    Some(TsigKey { name: name.ok()?, algorithm: algorithm.ok()?, secret: secret.ok()? })
}
