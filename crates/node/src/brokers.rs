//! The brokers of a stream: its own, or those of the cluster.

use config::Config;
use journal_kafka::{Brokers, Security, SecurityError};

use crate::cluster;

/// Where they are; without `own` they are the cluster's, and so is how connections are protected.
///
/// # Errors
/// A file of the cluster's TLS or password that cannot be used.
pub fn brokers(own: Option<&[String]>, config: &Config) -> Result<Brokers, SecurityError> {
    let node = config.server.name.to_string();
    if let Some(own) = own {
        return Ok(Brokers { addresses: own.to_vec(), node, security: Security::default() });
    }
    let addresses = config.cluster.iter().flat_map(|cluster| &cluster.brokers).cloned().collect();
    let security = config.cluster.as_ref().map(cluster::security).transpose()?.unwrap_or_default();
    Ok(Brokers { addresses, node, security })
}
