//! Private keys in BIND's format: lines with a name and a value, numbers in base64 (RFC 6605 6, RFC 8080 6 and RFC 5702
//! 6 have examples).

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::components::{RSA_FIELDS, rsa_key, single_key};
use super::pkcs8::{decode_base64, rsa_numbers_of};
use super::timing::{self, Timing};
use super::{KeyFileError, lines};
use crate::algorithm::Algorithm;
use crate::sign::{Private, SignError, SigningKey, curve, rsa_encoding};

/// The name in the first line.
pub(super) const FORMAT: &str = "Private-key-format";
/// The format that is written. Format v1.2 is the same without times.
const VERSION: &str = "v1.3";
/// The line of the algorithm.
const ALGORITHM: &str = "Algorithm";
/// The line of the number of ECDSA and Ed25519 keys.
const PRIVATE_KEY: &str = "PrivateKey";

/// What the lines of a file say.
#[derive(Default)]
struct Fields {
    format: Option<()>,
    algorithm: Option<Algorithm>,
    single: Option<Zeroizing<Vec<u8>>>,
    rsa: [Option<Zeroizing<Vec<u8>>>; RSA_FIELDS.len()],
    timing: Timing,
}

/// Reads a key. Lines with names that are not known are left out: later versions of the format may have more.
pub(super) fn parse(text: &str) -> Result<(SigningKey, Timing), KeyFileError> {
    let mut fields = Fields::default();
    for (line, content) in lines(text) {
        let split = content.split_once(':');
        let (name, value) = split.ok_or(KeyFileError::Line { line, expected: "\"Name: value\"" })?;
        fields.take(line, name, value.trim())?;
    }
    fields.format.ok_or(KeyFileError::Missing(FORMAT))?;
    let algorithm = fields.algorithm.ok_or(KeyFileError::Missing(ALGORITHM))?;
    let key = if rsa_encoding(algorithm).is_some() {
        let mut numbers: [&[u8]; RSA_FIELDS.len()] = Default::default();
        for (number, (field, name)) in numbers.iter_mut().zip(fields.rsa.iter().zip(RSA_FIELDS)) {
            *number = field.as_ref().ok_or(KeyFileError::Missing(name))?;
        }
        rsa_key(algorithm, numbers)
    } else {
        single_key(algorithm, fields.single.as_ref().ok_or(KeyFileError::Missing(PRIVATE_KEY))?)
    };
    Ok((key?, fields.timing))
}

impl Fields {
    fn take(&mut self, line: usize, name: &str, value: &str) -> Result<(), KeyFileError> {
        let is = |field: &str| name.eq_ignore_ascii_case(field);
        if is(FORMAT) {
            let known = matches!(value, "v1.2" | VERSION).then_some(());
            let known = known.ok_or(KeyFileError::Line { line, expected: "the format v1.2 or v1.3" });
            return put(&mut self.format, line, FORMAT, known?);
        }
        if is(ALGORITHM) {
            return put(&mut self.algorithm, line, ALGORITHM, algorithm(line, value)?);
        }
        let rsa = RSA_FIELDS.into_iter().zip(&mut self.rsa);
        if let Some((name, slot)) = rsa.chain([(PRIVATE_KEY, &mut self.single)]).find(|(field, _)| is(field)) {
            let number = decode_base64(value).filter(|number| !number.is_empty());
            return put(slot, line, name, number.ok_or(KeyFileError::Line { line, expected: "a number in base64" })?);
        }
        if let Some((name, slot)) = self.timing.fields().into_iter().find(|(field, _)| is(field)) {
            let moment_s = timing::parse(value);
            return put(slot, line, name, moment_s.ok_or(KeyFileError::Line { line, expected: timing::FORM })?);
        }
        Ok(())
    }
}

/// The algorithm in `13 (ECDSAP256SHA256)`, if there is a way to sign with it.
fn algorithm(line: usize, value: &str) -> Result<Algorithm, KeyFileError> {
    let number = value.split_ascii_whitespace().next().and_then(|number| number.parse().ok());
    let expected = "the number of an algorithm, such as 13 (ECDSAP256SHA256)";
    let algorithm = Algorithm(number.ok_or(KeyFileError::Line { line, expected })?);
    if rsa_encoding(algorithm).is_some() || curve(algorithm).is_some() || algorithm == Algorithm::ED25519 {
        return Ok(algorithm);
    }
    Err(KeyFileError::UnknownAlgorithm { line, algorithm })
}

fn put<T>(slot: &mut Option<T>, line: usize, field: &'static str, value: T) -> Result<(), KeyFileError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(KeyFileError::Twice { line, field }),
    }
}

/// The secret file of a key, in BIND's format v1.3. Who may read the file is the caller's concern.
///
/// # Errors
/// [`SignError::Crypto`] if the library does not give the private key away.
pub fn to_private_text(key: &SigningKey, timing: &Timing) -> Result<Zeroizing<String>, SignError> {
    // Enough for 4096 bits and all times: a text that grows would leave copies behind.
    let mut out = Zeroizing::new(String::with_capacity(8 * 1024));
    let algorithm = key.algorithm();
    out.push_str(&format!("{FORMAT}: {VERSION}\n{ALGORITHM}: {} ({algorithm})\n", algorithm.0));
    match key.private() {
        Private::Rsa(pair, _) => {
            let der = AsDer::<Pkcs8V1Der>::as_der(&**pair).map_err(|_| SignError::Crypto)?;
            let numbers = rsa_numbers_of(der.as_ref()).ok_or(SignError::Crypto)?;
            RSA_FIELDS.iter().zip(numbers).for_each(|(name, number)| push_number(name, number, &mut out));
        }
        Private::Ecdsa(pair) => {
            let scalar: EcPrivateKeyBin = pair.private_key().as_be_bytes().map_err(|_| SignError::Crypto)?;
            push_number(PRIVATE_KEY, scalar.as_ref(), &mut out);
        }
        Private::Ed25519(pair) => {
            let seed = pair.seed().map_err(|_| SignError::Crypto)?;
            let seed: Curve25519SeedBin = seed.as_be_bytes().map_err(|_| SignError::Crypto)?;
            push_number(PRIVATE_KEY, seed.as_ref(), &mut out);
        }
    }
    let mut timing = *timing;
    for (name, moment_s) in timing.fields() {
        if let Some(moment_s) = moment_s {
            out.push_str(&format!("{name}: {}\n", timing::to_text(*moment_s)));
        }
    }
    Ok(out)
}

fn push_number(name: &str, number: &[u8], out: &mut String) {
    out.push_str(name);
    out.push_str(": ");
    STANDARD.encode_string(number, out);
    out.push('\n');
}
