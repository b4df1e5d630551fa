//! How a server speaks to the brokers of its cluster, from what is configured.

use config::{Cluster as Configured, Password, SaslMechanism};
use journal_kafka::{Mechanism, Sasl, Security, SecurityError, Tls};

/// Reads the password, and sees whether the other files can be read.
///
/// # Errors
/// [`SecurityError`]: the first file that cannot be used.
pub fn security(configured: &Configured) -> Result<Security, SecurityError> {
    let tls = configured.tls.clone().map(|tls| Tls { ca_file: tls.ca_file, certificate: tls.certificate });
    let mut security = Security { tls, sasl: None };
    security.check()?;
    if let Some(sasl) = &configured.sasl {
        let mechanism = match sasl.mechanism {
            SaslMechanism::None => return Ok(security),
            SaslMechanism::Plain => Mechanism::Plain,
            SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
            SaslMechanism::ScramSha512 => Mechanism::ScramSha512,
        };
        let password = match &sasl.password {
            Password::Given(password) => password.text().to_owned(),
            Password::File(path) => Sasl::read_password(path)?,
        };
        security.sasl = Some(Sasl { mechanism, user: sasl.user.clone(), password });
    }
    Ok(security)
}
