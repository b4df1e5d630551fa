//! Questions of class CH about the server itself (RFC 4892).

use dns::header::Rcode;
use dns::query::Query;
use dns::response::{Owner, Section, Writer};
use dns::{Class, Name, RType};

use crate::settings::Settings;

/// Answers `version.bind`, `version.server`, `id.server` and `hostname.bind`; all else is refused.
pub fn answer(settings: &Settings, query: &Query, w: &mut Writer<'_>) -> Rcode {
    let text = match lower(w.question().name()).as_slice() {
        b"\x07version\x04bind\x00" | b"\x07version\x06server\x00" => &settings.version,
        b"\x02id\x06server\x00" | b"\x08hostname\x04bind\x00" => &settings.server_id,
        _ => return Rcode::REFUSED,
    };
    let Some(text) = text else { return Rcode::REFUSED };
    if query.qtype != RType::TXT && query.qtype != RType::ANY {
        return Rcode::NOERROR;
    }
    let mut data = [0u8; 256];
    let len = text.len().min(255);
    data[0] = len as u8;
    data[1..1 + len].copy_from_slice(&text.as_bytes()[..len]);
    let kind = (RType::TXT, Class::CH);
    if w.record_in_class(Section::Answer, Owner::Question, kind, 0, &data[..1 + len]).is_err() {
        w.set_truncated();
    }
    Rcode::NOERROR
}

/// The lower-case octets of a short name; longer ones are no name of ours.
fn lower(name: &Name) -> Short {
    let mut short = Short { octets: [0; 32], len: 0 };
    if let Some(slot) = short.octets.get_mut(..name.len()) {
        slot.copy_from_slice(name.as_wire());
        slot.make_ascii_lowercase();
        short.len = name.len();
    }
    short
}

struct Short {
    octets: [u8; 32],
    len: usize,
}

impl Short {
    fn as_slice(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}
