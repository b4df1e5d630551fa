//! Whom we trust, and the settings of TLS that follow from it.
//!
//! A server must prove that it has the name that is configured for it (RFC 8310 8.1), or, without a name, its address.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Trusted certificates, read when they are needed first.
pub struct Certificates {
    ca_file: Option<PathBuf>,
    configs: OnceLock<Result<Configs, String>>,
}

#[derive(Clone)]
struct Configs {
    dns: Arc<ClientConfig>,
    https: Arc<ClientConfig>,
}

impl Certificates {
    /// The system's, and those in a file.
    pub fn new(ca_file: Option<PathBuf>) -> Certificates {
        Certificates { ca_file, configs: OnceLock::new() }
    }

    /// Makes a stream one of TLS.
    ///
    /// # Errors
    /// A server that does not prove who it is, or does not speak TLS.
    pub async fn connect<S>(&self, stream: S, name: Option<&str>, ip: IpAddr, http: bool) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let configs = self.configs.get_or_init(|| {
            let configs = self.load().map_err(|error| error.to_string());
            if let Err(error) = &configs {
                tracing::error!(%error, "no TLS to other servers");
            }
            configs
        });
        let configs = configs.as_ref().map_err(|error| io::Error::other(error.clone()))?;
        let config = if http { configs.https.clone() } else { configs.dns.clone() };
        let name = match name {
            Some(name) => ServerName::try_from(name.to_owned()).map_err(io::Error::other)?,
            None => ServerName::from(ip),
        };
        TlsConnector::from(config).connect(name, stream).await
    }

    fn load(&self) -> io::Result<Configs> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "certificates of the system");
        }
        let (_, unusable) = roots.add_parsable_certificates(system.certs);
        if unusable > 0 {
            tracing::debug!(unusable, "certificates of the system that cannot be used");
        }
        if let Some(path) = &self.ca_file {
            for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
                roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
            }
        }
        if roots.is_empty() {
            tracing::warn!("no trusted certificates: no server can prove over TLS who it is");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let dns = builder.with_root_certificates(roots).with_no_client_auth();
        let mut https = dns.clone();
        https.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Configs { dns: Arc::new(dns), https: Arc::new(https) })
    }
}
