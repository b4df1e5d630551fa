//! Alerts: rules on metrics and health checks, and who is told when one holds and when it holds no more.
//!
//! `rule.rs` is what may be watched, `engine.rs` decides what is so and who is to be told, without a clock or I/O,
//! `deliver.rs` tells them: `webhook.rs` and `mail.rs`; `outgoing.rs` says which servers requests may reach.
//! `alerting.rs` runs it all and keeps in a file what must outlive a restart.
//! `deliver.rs` tells them: `webhook.rs` and `mail.rs`. `alerting.rs` runs it all and keeps in a file what must outlive a
//! restart; what people decide is kept elsewhere (`decisions.rs`).
#![forbid(unsafe_code)]

pub mod alerting;
pub mod decisions;
pub mod deliver;
pub mod engine;
#[cfg(test)]
mod fixture;
pub mod mail;
pub mod outgoing;
pub mod rule;
pub mod secret;
pub mod state;
pub mod undelivered;
pub mod webhook;
pub mod wording;

pub use alerting::{Alerting, Observed, Settings};
pub use decisions::{Decided, Decisions, NotKept};
pub use rule::{Rule, Severity};
