//! A notice as a mail (RFC 5322), through the operator's server (RFC 5321) with STARTTLS and log-in.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use crate::secret::Secret;
use crate::state::Notice;
use crate::undelivered::Undelivered;
use crate::wording;

/// How long each command may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MailTls {
    /// By STARTTLS (RFC 3207), or no mail is sent.
    #[default]
    Starttls,
    /// From the first byte on.
    Implicit,
    /// Not at all.
    None,
}

/// The mail server, and who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailSettings {
    /// Host name or address; empty: there is none, no mail can be sent.
    pub server: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Certificate authorities in PEM instead of the system's; empty: the system's.
    pub authorities_pem: Vec<u8>,
    /// Log-in name; empty: no log-in.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// The address that mails come from.
    pub from: String,
    /// The name of this server, for subjects and identifiers.
    pub server_name: String,
}

/// Sends mails.
pub struct MailSender<'a> {
    transport: SmtpTransport,
    settings: &'a MailSettings,
}

impl<'a> MailSender<'a> {
    /// A sender for this server.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new(settings: &'a MailSettings) -> Result<MailSender<'a>, Undelivered> {
        if settings.server.is_empty() {
            return Err(Undelivered::for_now("no mail server is configured (`alerts.smtp.server`)"));
        }
        let mut builder = SmtpTransport::builder_dangerous(&settings.server).port(settings.port);
        builder = builder.timeout(Some(TIMEOUT)).tls(match settings.tls {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(tls_parameters(settings)?),
            MailTls::Implicit => Tls::Wrapper(tls_parameters(settings)?),
        });
        if !settings.user.is_empty() {
            builder = builder.credentials(Credentials::new(settings.user.clone(), settings.password.text().to_owned()));
        }
        Ok(MailSender { transport: builder.build(), settings })
    }

    /// Sends a notice to an address.
    ///
    /// # Errors
    /// Why the server did not take it.
    pub fn send(&self, address: &str, notice: &Notice) -> Result<(), Undelivered> {
        let message = self.message(address, notice)?;
        match self.transport.send(&message) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Undelivered::for_good(error.to_string())),
            Err(error) => Err(Undelivered::for_now(with_causes(&error))),
        }
    }

    fn message(&self, address: &str, notice: &Notice) -> Result<Message, Undelivered> {
        let mailbox = |text: &str| {
            let problem = |error| Undelivered::for_good(format!("{text}: {error}"));
            text.parse::<Mailbox>().map_err(problem)
        };
        let server = &self.settings.server_name;
        let subject = match notice.alerts.first() {
            None => format!("[{server}] test"),
            Some(alert) => {
                let more = notice.alerts.len() - 1;
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("[{server}] {}: {} {}{more}", wording::status(notice), alert.severity.as_str(), alert.rule)
            }
        };
        // The same if it is sent again: mail programs show it once.
        let message_id = format!("<{}@{}>", notice.id, server.trim_end_matches('.'));
        Message::builder()
            .from(mailbox(&self.settings.from)?)
            .to(mailbox(address)?)
            .subject(subject)
            .message_id(Some(message_id))
            .header(ContentType::TEXT_PLAIN)
            .body(wording::text(notice) + "\n")
            .map_err(|error| Undelivered::for_good(error.to_string()))
    }
}

fn tls_parameters(settings: &MailSettings) -> Result<TlsParameters, Undelivered> {
    let failed = |error: lettre::transport::smtp::Error| Undelivered::for_now(with_causes(&error));
    let mut builder = TlsParameters::builder(settings.server.clone());
    if !settings.authorities_pem.is_empty() {
        let authority = Certificate::from_pem(&settings.authorities_pem).map_err(failed)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build().map_err(failed)
}

/// An error with what caused it: the first line alone says "network error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut lines: Vec<String> = causes.map(ToString::to_string).collect();
    lines.dedup();
    lines.join(": ")
}

#[cfg(test)]
mod tests;
