//! Security events as lines of JSON between the rows of the query log. They are events of the server's log with the
//! target `security`; their lines have the key `event`, which rows have not.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};
use server::clock::unix_us;
use telemetry::QueryLog;
use telemetry::output::syslog::Severity;
use telemetry::time::push_rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The target of events that concern security.
const TARGET: &str = "security";

/// Passes security events on to the query log, once there is one.
pub(crate) struct SecurityEvents {
    query_log: Arc<OnceLock<Arc<QueryLog>>>,
}

impl SecurityEvents {
    pub fn new(query_log: Arc<OnceLock<Arc<QueryLog>>>) -> SecurityEvents {
        SecurityEvents { query_log }
    }
}

impl<S: Subscriber> Layer<S> for SecurityEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() != TARGET {
            return;
        }
        let Some(query_log) = self.query_log.get() else { return };
        let time_us = unix_us();
        query_log.security_event(severity(*metadata.level()), time_us, line(event, time_us).as_bytes());
    }
}

/// The event as a line, with its end.
fn line(event: &Event<'_>, time_us: u64) -> String {
    let mut time = Vec::new();
    push_rfc3339(&mut time, time_us);
    let mut fields = Fields(Map::new());
    fields.0.insert("timestamp".into(), String::from_utf8_lossy(&time).into());
    fields.0.insert("event".into(), TARGET.into());
    fields.0.insert("level".into(), event.metadata().level().as_str().into());
    event.record(&mut fields);
    format!("{}\n", Value::Object(fields.0))
}

struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().into(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}

/// How bad lines of this level are.
pub(crate) fn severity(level: tracing::Level) -> Severity {
    match level {
        tracing::Level::ERROR => Severity::Error,
        tracing::Level::WARN => Severity::Warning,
        tracing::Level::INFO => Severity::Info,
        tracing::Level::DEBUG | tracing::Level::TRACE => Severity::Debug,
    }
}
