//! Who is told, and by which way; each way is a file of its own.

use crate::engine::Addressee;
use crate::mail::{MailSender, MailSettings};
use crate::rule::Severity;
use crate::state::Notice;
use crate::undelivered::Undelivered;
use crate::webhook::{Webhook, WebhookSender};

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its name, one among the recipients.
    pub name: String,
    /// How it is told.
    pub way: Way,
    /// It is told only of what nobody has acknowledged for so long, in seconds; 0: of everything, at once.
    pub after_s: u64,
    /// Of what is so bad at least.
    pub min_severity: Severity,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By an HTTP request.
    Webhook(Webhook),
    /// By mail to this address.
    Mail(String),
}

impl Recipient {
    /// What the engine needs to know.
    pub fn addressee(&self) -> Addressee {
        Addressee { name: self.name.clone(), after_ms: self.after_s * 1000, min_severity: self.min_severity }
    }

    /// Delivers a notice; blocks for seconds at most.
    ///
    /// # Errors
    /// Why it did not arrive.
    pub fn deliver(&self, notice: &Notice, mail: &MailSettings, now_ms: u64) -> Result<(), Undelivered> {
        match &self.way {
            Way::Webhook(webhook) => WebhookSender::new(webhook.allowed.clone()).send(webhook, notice, now_ms),
            Way::Mail(address) => MailSender::new(mail)?.send(address, notice),
        }
    }
}
