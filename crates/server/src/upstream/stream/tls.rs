//! Whom we trust, and the settings of TLS that follow from it.
//!
//! A server must prove that it has the name that is configured for it (RFC 8310 8.1), or, without a name, its address,
//! unless the configuration asks for no proof.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use resolver::upstream::Peer;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Certificates of authorities to trust besides those that the system trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

impl Authorities {
    /// Those in a PEM file.
    ///
    /// # Errors
    /// What is wrong with it: something in it that is no certificate, or none at all.
    pub fn parse(pem: &[u8]) -> Result<Authorities, String> {
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let number = certificates.len() + 1;
            let certificate = certificate.map_err(|error| format!("certificate {number}: {error}"))?;
            roots.add(certificate.clone()).map_err(|error| format!("certificate {number}: {error}"))?;
            certificates.push(certificate);
        }
        match certificates.is_empty() {
            true => Err("no certificate in it; they begin with `-----BEGIN CERTIFICATE-----`".to_owned()),
            false => Ok(Authorities(certificates.into())),
        }
    }
}

/// Settings of TLS, made when they are needed first.
pub struct Certificates {
    authorities: Authorities,
    configs: OnceLock<Result<Configs, String>>,
}

struct Configs {
    /// For servers that must prove who they are.
    proved: Arc<ClientConfig>,
    /// For servers that need not.
    any: Arc<ClientConfig>,
}

impl Certificates {
    /// The system's, and these.
    pub fn new(authorities: Authorities) -> Certificates {
        Certificates { authorities, configs: OnceLock::new() }
    }

    /// Makes a stream to the server at `ip` one of TLS; with ALPN for HTTP/2 if it is for `http`.
    ///
    /// # Errors
    /// A server that does not prove who it is, or does not speak TLS.
    pub async fn connect<S>(&self, stream: S, peer: &Peer, ip: IpAddr, http: bool) -> io::Result<TlsStream<S>>
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
        let mut config = if *peer == Peer::Anyone { configs.any.clone() } else { configs.proved.clone() };
        if http {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        }
        let name = match peer {
            Peer::Name(name) => ServerName::try_from(name.to_string()).map_err(io::Error::other)?,
            Peer::Address | Peer::Anyone => ServerName::from(ip),
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
        for certificate in self.authorities.0.iter() {
            roots.add(certificate.clone()).map_err(io::Error::other)?;
        }
        if roots.is_empty() {
            tracing::warn!("no trusted certificates: no server can prove over TLS who it is");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let proved = builder.clone().with_root_certificates(roots).with_no_client_auth();
        let anyone = Arc::new(Anyone(provider));
        let any = builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
        Ok(Configs { proved: Arc::new(proved), any: Arc::new(any) })
    }
}

/// Takes any certificate; but the server must have its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a connection came to nothing, in a few words that a client may be told.
pub fn refusal(error: &io::Error) -> &'static str {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return tls_refusal(error);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to it",
        io::ErrorKind::TimedOut => "no connection in time",
        io::ErrorKind::UnexpectedEof => "it closed the connection",
        io::ErrorKind::AddrNotAvailable => "no connection from `resolver.outgoing_addresses`",
        _ => "no connection",
    }
}

fn tls_refusal(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name or address"
            }
            CertificateError::UnknownIssuer => "its certificate is from an authority that is not trusted",
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::Revoked => "its certificate is revoked",
            _ => "its certificate is not valid",
        },
        Error::AlertReceived(_) => "it refuses TLS with us",
        Error::NoApplicationProtocol => "it does not speak HTTP/2",
        _ => "it does not speak TLS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_certificates() {
        let none = "no certificate in it; they begin with `-----BEGIN CERTIFICATE-----`";
        assert_eq!(Authorities::parse(b""), Err(none.into()));
        assert_eq!(Authorities::parse(b"something else"), Err(none.into()));
        let broken = Authorities::parse(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(broken.is_err_and(|error| error.starts_with("certificate 1: ")));
    }

    #[test]
    fn refusals_have_reasons() {
        let check = |error: Error, expected| assert_eq!(refusal(&io::Error::other(error)), expected);
        check(CertificateError::NotValidForName.into(), "its certificate is for another name or address");
        check(CertificateError::UnknownIssuer.into(), "its certificate is from an authority that is not trusted");
        check(CertificateError::Expired.into(), "its certificate has expired");
        check(Error::DecryptError, "it does not speak TLS");
        assert_eq!(refusal(&io::ErrorKind::ConnectionRefused.into()), "connection refused");
    }
}
