//! What is wanted of a zone that is signed.

use std::sync::Arc;

use signer::keys::{Origin, Role, ZoneKeys};
use signer::policy::{KeyLayout, SigningPolicy};

/// What an operator wants of a zone.
pub struct Wish {
    /// The name of the policy; empty: it shall not be signed.
    pub policy_name: String,
    /// The policy, or that by which it was signed until now.
    pub policy: Arc<SigningPolicy>,
    /// Files of keys to sign with.
    pub key_files: Vec<std::path::PathBuf>,
}

impl Wish {
    /// The policy as it is for a zone with these keys: an operator's own keys are neither replaced nor completed.
    pub fn policy_for(&self, keys: &ZoneKeys) -> Arc<SigningPolicy> {
        let own = keys.keys.iter().filter(|key| key.origin == Origin::Operator).collect::<Vec<_>>();
        let Some(first) = own.first() else { return self.policy.clone() };
        let layout = if own.iter().any(|key| key.role == Role::Csk) { KeyLayout::Combined } else { KeyLayout::Split };
        Arc::new(SigningPolicy {
            algorithm: first.algorithm(),
            layout,
            ksk_lifetime_s: 0,
            zsk_lifetime_s: 0,
            ..(*self.policy).clone()
        })
    }
}
