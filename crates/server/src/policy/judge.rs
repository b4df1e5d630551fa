//! What rules say of the names and addresses in an answer: a name that is on no list may be an alias of one that is.

use std::net::IpAddr;

use dns::query::skip_name;
use dns::question::HashedName;
use dns::rdata::wire::expand_names;
use dns::response::{Section, Writer};
use dns::{NameHasher, RType};
use policy::ruling::Asked;
use policy::{Rules, Ruling};

/// Records of an answer that are looked at; more than fit into the answers that aliases come in.
const MAX_RECORDS: u16 = 256;
/// Octets of a record between its owner and its data.
const FIXED_LEN: usize = 10;

/// What judging an answer takes; kept, so that nothing is allocated for each.
#[derive(Default)]
pub(crate) struct Scratch {
    name: Vec<u8>,
    alias: Box<HashedName>,
}

/// The first ruling about an alias or an address in the answer that stands in `w` behind a question that ends at
/// `question_end`. `None`: nothing in it is on a list.
pub(crate) fn answer(
    rules: &dyn Rules,
    asked: &Asked<'_>,
    w: &Writer<'_>,
    question_end: usize,
    scratch: &mut Scratch,
) -> Option<Ruling> {
    let message = w.octets().get(..w.len())?;
    let with_addresses = rules.has_addresses();
    let mut at = question_end;
    for _ in 0..w.count(Section::Answer).min(MAX_RECORDS) {
        let fixed = skip_name(message, at)?;
        let &[t0, t1, _, _, _, _, _, _, l0, l1] = message.get(fixed..)?.first_chunk::<FIXED_LEN>()?;
        let (start, len) = (fixed + FIXED_LEN, usize::from(u16::from_be_bytes([l0, l1])));
        let data = message.get(start..start + len)?;
        let ruling = match RType(u16::from_be_bytes([t0, t1])) {
            RType::CNAME => {
                scratch.read(message, (start, len), w.hasher()).and_then(|name| rules.name(&Asked { name, ..*asked }))
            }
            RType::A if with_addresses => {
                let address = data.first_chunk::<4>().map(|octets| IpAddr::from(*octets));
                address.and_then(|address| rules.address(asked, address))
            }
            RType::AAAA if with_addresses => {
                let address = data.first_chunk::<16>().map(|octets| IpAddr::from(*octets));
                address.and_then(|address| rules.address(asked, address))
            }
            RType::RRSIG | RType::DNAME => None,
            // Aliases come first.
            _ if !with_addresses => return None,
            _ => None,
        };
        if ruling.is_some() {
            return ruling;
        }
        at = start + len;
    }
    None
}

impl Scratch {
    /// The canonical name that stands in a message.
    fn read(&mut self, message: &[u8], (at, len): (usize, usize), hasher: NameHasher) -> Option<&HashedName> {
        self.name.clear();
        expand_names(RType::CNAME, message, at, len, &mut self.name).ok()?;
        self.alias.read(&self.name, hasher).ok()?;
        Some(&self.alias)
    }
}
