//! `dnssec`: the policies that zones are signed by, and which of them a zone names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::dnssec::algorithm::Algorithm;
use signer::policy::{DenialMode, KeyLayout, SigningPolicy};

use super::peer::Peer;
use super::problem::{Mark, Report, closest};
use super::raw;
use super::raw::dnssec::{DEFAULT_POLICY, PolicyName, SigningAlgorithm};
use super::raw::period::Period;
use super::value::At;

/// Characters of a policy's name: it stands in the settings of each zone that is signed by it.
const MAX_NAME: usize = 64;

/// Most servers that a policy may name.
const MAX_PARENT_SERVERS: usize = 32;

/// Policies by name; one is called `default`.
pub type Policies = BTreeMap<String, Arc<SigningPolicy>>;

/// Signing of zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dnssec {
    /// Directory of the keys.
    pub keys_dir: PathBuf,
    /// The policies that zones may name; `default` is one of them.
    pub policies: Policies,
}

/// The policies of `raw`; the directory of the keys starts from `data_dir`.
pub(super) fn check_dnssec(raw: &raw::Dnssec, data_dir: &Path, report: &mut Report) -> Dnssec {
    if raw.keys_dir.is_empty() {
        report.error(raw.keys_dir.mark, "dnssec.keys_dir", "empty");
    }
    let mut policies = Policies::from([(DEFAULT_POLICY.to_owned(), Arc::default())]);
    for (name, entry) in &raw.policies.0 {
        if let Err(why) = check_name(name) {
            report.error(entry.mark, "dnssec.policies", why);
        }
        policies.insert(name.clone(), Arc::new(check_policy(name, entry, report)));
    }
    Dnssec { keys_dir: data_dir.join(&*raw.keys_dir.value), policies }
}

fn check_name(name: &str) -> Result<(), String> {
    if PolicyName::of(name).as_str().is_empty() {
        return Err(format!("a policy cannot be called `{name}`: a zone says so that it is not signed"));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() > MAX_NAME || !name.chars().all(fits) {
        let form = format!("1 to {MAX_NAME} of the characters A-Z, a-z, 0-9, `.`, `-` and `_`");
        return Err(format!("`{}` is no name of a policy, which is {form}", name.escape_debug()));
    }
    Ok(())
}

fn check_policy(name: &str, raw: &raw::SigningPolicy, report: &mut Report) -> SigningPolicy {
    let path = |key: &str| format!("dnssec.policies.{name}.{key}");
    let algorithm = match *raw.algorithm {
        SigningAlgorithm::EcdsaP256Sha256 => Algorithm::ECDSAP256SHA256,
        SigningAlgorithm::EcdsaP384Sha384 => Algorithm::ECDSAP384SHA384,
        SigningAlgorithm::Ed25519 => Algorithm::ED25519,
        SigningAlgorithm::RsaSha256 => Algorithm::RSASHA256,
    };
    let usual = raw::SigningPolicy::default();
    if algorithm != Algorithm::RSASHA256 && raw.rsa_bits != usual.rsa_bits {
        let message = format!("has no effect beside `algorithm: {}`", raw.algorithm.as_str());
        report.warn(raw.rsa_bits.mark, path("rsa_bits"), message);
    }
    if *raw.csk && raw.zsk_lifetime != usual.zsk_lifetime {
        let message = "has no effect beside `csk: true`; `ksk_lifetime` is that of the only key";
        report.warn(raw.zsk_lifetime.mark, path("zsk_lifetime"), message);
    }
    if *raw.nsec3_opt_out && !*raw.nsec3 {
        report.error(raw.nsec3_opt_out.mark, path("nsec3_opt_out"), "needs `nsec3: true`: NSEC has no opt-out");
    }
    check_signatures(raw, path, report);
    check_lifetimes(raw, path, report);
    SigningPolicy {
        algorithm,
        rsa_bits: raw.rsa_bits.0 as u16,
        layout: if *raw.csk { KeyLayout::Combined } else { KeyLayout::Split },
        ksk_lifetime_s: raw.ksk_lifetime.0.into(),
        zsk_lifetime_s: raw.zsk_lifetime.0.into(),
        signature_lifetime_s: raw.signature_lifetime.0,
        signature_refresh_s: raw.signature_refresh.0,
        signature_jitter_s: raw.signature_jitter.0,
        inception_offset_s: raw.inception_offset.0,
        dnskey_ttl_s: raw.dnskey_ttl.0,
        denial: if *raw.nsec3 { DenialMode::Nsec3 { opt_out: *raw.nsec3_opt_out } } else { DenialMode::Nsec },
        propagation_s: raw.propagation.0,
        parent_ds_ttl_s: raw.parent_ds_ttl.0,
        parent_propagation_s: raw.parent_propagation.0,
        safety_s: raw.safety.0,
        parent_servers: parent_servers(raw, path, report),
        cds: *raw.cds,
        zonemd: *raw.zonemd,
    }
}

/// The servers that are asked for DS records.
fn parent_servers(raw: &raw::SigningPolicy, path: impl Fn(&str) -> String, report: &mut Report) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for (index, at) in raw.parent_servers.iter().enumerate() {
        let path = path(&format!("parent_servers[{index}]"));
        match at.value.parse::<Peer>() {
            Ok(Peer { address, key: None }) if !servers.contains(&address) => servers.push(address),
            Ok(Peer { address, key: None }) => report.error(at.mark, path, format!("{address} stands there already")),
            Ok(_) => report.error(at.mark, path, "DS records are asked for without a key: leave `key:` out"),
            Err(error) => report.error(at.mark, path, error.to_string()),
        }
    }
    if servers.len() > MAX_PARENT_SERVERS {
        let message = format!("at most {MAX_PARENT_SERVERS} servers are asked, found {}", servers.len());
        report.error(raw.parent_servers.mark, path("parent_servers"), message);
    }
    servers
}

/// The first of `keys` that was written; what is wrong between several may stand at any of them.
fn written<const N: usize>(keys: [(&At<Period>, &'static str); N]) -> (Mark, &'static str) {
    let is_written = |(at, _): &&(&At<Period>, &str)| at.mark != Mark::default();
    keys.iter().find(is_written).or(keys.first()).map_or((Mark::default(), ""), |(at, key)| (at.mark, key))
}

/// Signatures are made anew before they end, and not at once when they were made.
fn check_signatures(raw: &raw::SigningPolicy, path: impl Fn(&str) -> String, report: &mut Report) {
    let (lifetime, refresh, jitter) = (&raw.signature_lifetime, &raw.signature_refresh, &raw.signature_jitter);
    let on_the_way_s = raw.propagation.0 + raw.safety.0;
    let all = [(refresh, "signature_refresh"), (lifetime, "signature_lifetime"), (jitter, "signature_jitter")];
    let delays = [all[0], (&raw.propagation, "propagation"), (&raw.safety, "safety")];
    if refresh.0 >= lifetime.0 {
        let (mark, key) = written([all[0], all[1]]);
        let (refresh, lifetime) = (refresh.value, lifetime.value);
        let message = format!(
            "signature_refresh {refresh} must be less than signature_lifetime {lifetime}, or no signature is good"
        );
        report.error(mark, path(key), message);
    } else if jitter.0 >= lifetime.0 - refresh.0 {
        let (mark, key) = written([all[2], all[0], all[1]]);
        let (left, jitter) = (Period(lifetime.0 - refresh.0), jitter.value);
        let message = format!(
            "signature_jitter {jitter} must be less than signature_lifetime without signature_refresh, {left}, or signatures \
             are made anew as soon as they are there"
        );
        report.error(mark, path(key), message);
    } else if refresh.0 <= on_the_way_s {
        let (mark, key) = written(delays);
        let message = format!(
            "signature_refresh {} must be more than propagation and safety together, {}, or signatures end before new \
             ones are served everywhere",
            refresh.value,
            Period(on_the_way_s)
        );
        report.error(mark, path(key), message);
    }
}

/// A key is in use for longer than it takes to replace it.
fn check_lifetimes(raw: &raw::SigningPolicy, path: impl Fn(&str) -> String, report: &mut Report) {
    let waits = [&raw.dnskey_ttl, &raw.propagation, &raw.safety, &raw.parent_ds_ttl, &raw.parent_propagation];
    let replacement_s: u64 = waits.iter().map(|at| u64::from(at.0)).sum();
    let mut lifetimes = vec![(&raw.ksk_lifetime, "ksk_lifetime")];
    if !*raw.csk {
        lifetimes.push((&raw.zsk_lifetime, "zsk_lifetime"));
    }
    for (lifetime, key) in lifetimes {
        if lifetime.0 != 0 && u64::from(lifetime.0) < 2 * replacement_s {
            // Whoever did not write the lifetime wrote one of what is too long for it.
            let marks = std::iter::once(lifetime).chain(waits).map(|at| at.mark);
            let mark = marks.into_iter().find(|mark| *mark != Mark::default()).unwrap_or_default();
            let message = format!(
                "{} must be 0 or at least twice the {replacement_s} seconds that a replacement takes (dnskey_ttl, propagation, \
                 safety, parent_ds_ttl and parent_propagation together), so that one is over before the next begins",
                lifetime.value
            );
            report.error(mark, path(key), message);
        }
    }
}

/// The policy that an entry of `zones` names, if there is one; else why not.
pub(super) fn check_choice(
    name: &At<PolicyName>,
    path: impl Fn() -> String,
    policies: &Policies,
    report: &mut Report,
) -> String {
    let text = name.as_str();
    if text.is_empty() || policies.contains_key(text) {
        return text.to_owned();
    }
    let meant = closest(text, policies.keys().map(String::as_str));
    report.error_meaning(name.mark, path(), unknown_policy(text, policies.keys()), meant);
    String::new()
}

/// What is said of a policy that is not there; `known` are those that are.
pub fn unknown_policy<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> String {
    let name: String = name.chars().take(MAX_NAME).collect();
    let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
    format!(
        "there is no policy `{}` in dnssec.policies; there are: {}, and `off`",
        name.escape_debug(),
        known.join(", ")
    )
}
