//! Rows for tests.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Name, NameBuf, RType, Rcode};
use server::answered::Source;
use server::record::{Batch, Record, Recorder, Recorders, ResponseRecord};
use server::transport::Transport;

use crate::rows::{Row, Rows};

/// What matters of a row.
#[derive(Clone, Copy)]
pub struct RowText<'a> {
    pub name: &'a str,
    pub client: &'a str,
    pub rcode: Rcode,
    pub elapsed_us: u64,
}

impl Default for RowText<'_> {
    fn default() -> Self {
        RowText { name: "www.test.", client: "192.0.2.1", rcode: Rcode::NOERROR, elapsed_us: 250 }
    }
}

/// A response to a question for the addresses of `name`.
fn message(name: &Name) -> Vec<u8> {
    let mut message = vec![7, 7, 0x82, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&RType::A.0.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// Rows of these.
pub fn rows<'a>(texts: impl IntoIterator<Item = RowText<'a>>) -> Rows {
    let recorders = Arc::new(Recorders::default());
    let recorder = Recorder::new(recorders.clone());
    for (number, text) in texts.into_iter().enumerate() {
        let name: NameBuf = text.name.parse().expect("a name");
        let response = message(&name);
        recorder.record(&Record::Response(ResponseRecord {
            time_us: 1_700_000_000_000_000 + number as u64,
            elapsed_us: text.elapsed_us,
            client: SocketAddr::new(text.client.parse().expect("an address"), 5300),
            transport: Transport::Udp,
            source: Source::Cache,
            rcode: text.rcode,
            security: None,
            apex_labels: None,
            upstream: None,
            policy: None,
            query_len: 0,
            response_len: response.len() as u16,
            query: &[],
            response: &response,
        }));
    }
    let mut batch = Batch::default();
    recorders.drain(&mut batch);
    Rows::new(batch, 0, 7)
}

/// Has a row looked at.
pub fn with_row(text: &RowText<'_>, look: impl FnOnce(&Row<'_>)) {
    look(&rows([*text]).rows().next().expect("a row"));
}
