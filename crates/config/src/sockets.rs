//! Addresses of sockets: read from text, each given once.

use super::problem::{Mark, Report};
use super::value::At;
use std::net::{IpAddr, SocketAddr};

/// Socket addresses so far, and where each was written.
#[derive(Debug, Default)]
pub struct Addresses(Vec<(SocketAddr, Mark)>);

impl Addresses {
    /// Whether `address` is new; if it is not, that is an error.
    pub fn claim(&mut self, address: SocketAddr, mark: Mark, path: &str, report: &mut Report) -> bool {
        match self.0.iter().find(|(known, _)| *known == address) {
            Some((_, first)) => {
                let place = report.place(*first);
                report.error(mark, path, format!("{address} is given twice, first at {place}"));
                false
            }
            None => {
                self.0.push((address, mark));
                true
            }
        }
    }
}

/// An IP address.
pub fn parse_address(text: &At<String>, path: &str, report: &mut Report) -> Option<IpAddr> {
    let address = text.parse();
    if address.is_err() {
        report.error(text.mark, path, format!("`{}` is not an IP address", text.value));
    }
    address.ok()
}

/// An IP address with a port.
pub fn parse_socket(text: &str, mark: Mark, path: &str, report: &mut Report) -> Option<SocketAddr> {
    let message = match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => return Some(address),
        Ok(_) => "port 0 is no port to answer on".to_owned(),
        Err(_) => format!("`{text}` is not ADDRESS:PORT (`192.0.2.1:53`, `[2001:db8::1]:53`)"),
    };
    report.error(mark, path, message);
    None
}
