//! The OPT record of a response (RFC 6891 6.1): sizes, DO, and the options that the query earned.

use std::time::Duration;

use dns::edns::{OPT_LEN, OPTION_HEADER_LEN, code};
use dns::query::EdnsQuery;
use dns::response::{Full, Owner, Section, Writer};
use dns::{Class, RType};

use crate::limits::{MAX_EXTRA_TEXT, MAX_NSID};
use crate::policy::cookie::FULL_LEN;

/// Room for every option that a response can carry.
const MAX_OPTIONS: usize = 3 * OPTION_HEADER_LEN + MAX_NSID + FULL_LEN + 2 + OPTION_HEADER_LEN + 2;

/// The OPT record to be, put together before the answer so that its room can be kept free.
pub struct ResponseEdns {
    udp_size: u16,
    dnssec_ok: bool,
    options: [u8; MAX_OPTIONS],
    len: usize,
}

impl ResponseEdns {
    /// An OPT record for the response to `query`, without options.
    pub fn new(query: &EdnsQuery, udp_size: u16) -> ResponseEdns {
        ResponseEdns { udp_size, dnssec_ok: query.dnssec_ok, options: [0; MAX_OPTIONS], len: 0 }
    }

    fn option(&mut self, code: u16, data: &[u8]) {
        let end = self.len + OPTION_HEADER_LEN + data.len();
        let Some(slot) = self.options.get_mut(self.len..end) else { return };
        slot[..2].copy_from_slice(&code.to_be_bytes());
        slot[2..4].copy_from_slice(&(data.len() as u16).to_be_bytes());
        slot[4..].copy_from_slice(data);
        self.len = end;
    }

    /// The server's identifier (RFC 5001).
    pub fn nsid(&mut self, id: &[u8]) {
        if !id.is_empty() {
            self.option(code::NSID, &id[..id.len().min(MAX_NSID)]);
        }
    }

    /// The client's cookie with ours behind it (RFC 7873 5.2).
    pub fn cookie(&mut self, cookie: &[u8; FULL_LEN]) {
        self.option(code::COOKIE, cookie);
    }

    /// How long an idle connection is kept, in units of 100 ms (RFC 7828 3.1).
    pub fn keepalive(&mut self, idle: Duration) {
        let units = u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX);
        self.option(code::KEEPALIVE, &units.to_be_bytes());
    }

    /// Why the answer is what it is (RFC 8914).
    pub fn extended_error(&mut self, info_code: u16) {
        self.option(code::EXTENDED_ERROR, &info_code.to_be_bytes());
    }

    /// Whether the client wants DNSSEC records.
    pub fn dnssec_ok(&self) -> bool {
        self.dnssec_ok
    }

    /// Writes the record with an extended error, its text if there is room; see [`ResponseEdns::write`].
    pub fn write_with_reason(
        &self,
        w: &mut Writer<'_>,
        rcode_high: u8,
        reason: Option<(u16, &str)>,
    ) -> Result<(), Full> {
        let Some((info_code, text)) = reason else { return self.write(w, rcode_high) };
        let text = &text[..text.floor_char_boundary(MAX_EXTRA_TEXT)];
        let mut options = Vec::with_capacity(self.len + OPTION_HEADER_LEN + 2 + text.len());
        for text in [text, ""] {
            options.clear();
            options.extend_from_slice(&self.options[..self.len]);
            options.extend_from_slice(&code::EXTENDED_ERROR.to_be_bytes());
            options.extend_from_slice(&(2 + text.len() as u16).to_be_bytes());
            options.extend_from_slice(&info_code.to_be_bytes());
            options.extend_from_slice(text.as_bytes());
            if self.record(w, rcode_high, &options).is_ok() {
                return Ok(());
            }
        }
        Err(Full)
    }

    /// Octets of the whole record, an extended error that may still come included.
    pub fn room(&self) -> usize {
        OPT_LEN + self.len + OPTION_HEADER_LEN + 2
    }

    /// Writes the record; `rcode_high` are the upper eight bits of the RCODE (RFC 6891 6.1.3).
    pub fn write(&self, w: &mut Writer<'_>, rcode_high: u8) -> Result<(), Full> {
        self.record(w, rcode_high, &self.options[..self.len])
    }

    fn record(&self, w: &mut Writer<'_>, rcode_high: u8, options: &[u8]) -> Result<(), Full> {
        let ttl = u32::from(rcode_high) << 24 | u32::from(self.dnssec_ok) << 15;
        let kind = (RType::OPT, Class(self.udp_size));
        w.record_in_class(Section::Additional, Owner::Suffix(0), kind, ttl, options)
    }
}
