//! `/dnssec/policies`: the policies that zones may be signed by.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use dnssec::algorithm::Algorithm;
use serde::Serialize;
use signer::policy::{DenialMode, KeyLayout, SigningPolicy};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(policies))
}

/// The policies.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningPoliciesOut {
    /// By name.
    items: Vec<SigningPolicyOut>,
}

/// A policy of `dnssec.policies`, as far as it says what becomes of a zone. Times are in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningPolicyOut {
    /// Its name.
    name: String,
    /// The algorithm of new keys.
    algorithm: String,
    /// Bits of new keys; null: the algorithm has one size.
    bits: Option<u16>,
    /// One key that signs everything.
    csk: bool,
    /// After this time the key-signing key, or the only key, is replaced; 0: never by itself.
    ksk_lifetime_s: u64,
    /// The same of the zone-signing key.
    zsk_lifetime_s: u64,
    /// How long new signatures are valid.
    signature_lifetime_s: u32,
    /// Signatures that are valid for less than this are made anew.
    signature_refresh_s: u32,
    /// NSEC3 instead of NSEC.
    nsec3: bool,
    /// Delegations without DS are left out of the NSEC3 records.
    nsec3_opt_out: bool,
    /// CDS and CDNSKEY records ask the parent for the DS record.
    cds: bool,
}

impl SigningPolicyOut {
    fn new(name: String, policy: &SigningPolicy) -> SigningPolicyOut {
        SigningPolicyOut {
            name,
            algorithm: policy.algorithm.to_string(),
            bits: (policy.algorithm == Algorithm::RSASHA256).then_some(policy.rsa_bits),
            csk: policy.layout == KeyLayout::Combined,
            ksk_lifetime_s: policy.ksk_lifetime_s,
            zsk_lifetime_s: policy.zsk_lifetime_s,
            signature_lifetime_s: policy.signature_lifetime_s,
            signature_refresh_s: policy.signature_refresh_s,
            nsec3: policy.denial != DenialMode::Nsec,
            nsec3_opt_out: policy.denial == DenialMode::Nsec3 { opt_out: true },
            cds: policy.cds,
        }
    }
}

/// The policies that zones may be signed by.
#[utoipa::path(get, path = "/dnssec/policies", tag = "dnssec", responses((status = 200, body = SigningPoliciesOut)))]
async fn policies(State(app): State<Arc<App>>, _caller: Caller) -> Result<Json<SigningPoliciesOut>, Problem> {
    let policies = app.signing()?.policies();
    let items = policies.into_iter().map(|(name, policy)| SigningPolicyOut::new(name, &policy)).collect();
    Ok(Json(SigningPoliciesOut { items }))
}
