//! The values of `dnsrewrite`.

use std::net::IpAddr;

use dns::header::Rcode;
use dns::rdata::text;
use dns::{Name, NameBuf, RType};

use super::reason::Reason;
use crate::action::Rewrite;

/// Types whose records a rule can spell out, beside CNAME.
const TYPES: [RType; 8] =
    [RType::A, RType::AAAA, RType::MX, RType::PTR, RType::TXT, RType::SRV, RType::HTTPS, RType::SVCB];

/// Codes above need EDNS (RFC 6891 6.1.3), so they are no words here.
const MAX_RCODE: Rcode = Rcode(15);

/// What a value says: an address, a name, a word in capitals, or `RCODE;TYPE;VALUE`.
///
/// # Errors
/// [`Reason::BadRewrite`].
pub fn parse(value: &str) -> Result<Rewrite, Reason> {
    if let Some((code, rest)) = value.split_once(';') {
        let (rtype, data) = rest.split_once(';').ok_or(Reason::BadRewrite)?;
        return full(rcode(code)?, rtype, data);
    }
    if let Ok(address) = value.parse::<IpAddr>() {
        return Ok(of_address(address));
    }
    // Words stand in capitals; so a name of one label can be told from them.
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(of_rcode(rcode(value)?));
    }
    alias(value)
}

fn full(rcode: Rcode, rtype: &str, data: &str) -> Result<Rewrite, Reason> {
    if rtype.is_empty() && data.is_empty() {
        return Ok(of_rcode(rcode));
    }
    let rtype = RType::from_text(rtype.as_bytes()).ok_or(Reason::BadRewrite)?;
    // Data beside an error would contradict it.
    if rcode != Rcode::NOERROR || data.is_empty() {
        return Err(Reason::BadRewrite);
    }
    if rtype == RType::CNAME {
        return alias(data);
    }
    if !TYPES.contains(&rtype) {
        return Err(Reason::BadRewrite);
    }
    let mut wire = Vec::new();
    text::scan_single(rtype, data, Name::root(), &mut wire).map_err(|_| Reason::BadRewrite)?;
    Ok(Rewrite { data: vec![(rtype, wire.into())], ..of_rcode(Rcode::NOERROR) })
}

fn rcode(word: &str) -> Result<Rcode, Reason> {
    let known = word.parse().ok().filter(|rcode| *rcode <= MAX_RCODE);
    known.filter(|_| word.bytes().all(|byte| byte.is_ascii_uppercase())).ok_or(Reason::BadRewrite)
}

fn of_rcode(rcode: Rcode) -> Rewrite {
    Rewrite { rcode, alias: None, data: Vec::new(), ttl: None }
}

fn of_address(address: IpAddr) -> Rewrite {
    let data: (RType, Box<[u8]>) = match address {
        IpAddr::V4(address) => (RType::A, Box::new(address.octets())),
        IpAddr::V6(address) => (RType::AAAA, Box::new(address.octets())),
    };
    Rewrite { data: vec![data], ..of_rcode(Rcode::NOERROR) }
}

fn alias(name: &str) -> Result<Rewrite, Reason> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Reason::BadRewrite);
    }
    let target: NameBuf = dns::idn::name(name, Name::root()).map_err(|_| Reason::BadRewrite)?;
    Ok(Rewrite { alias: Some(target), ..of_rcode(Rcode::NOERROR) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(value: &str) -> Vec<(RType, Box<[u8]>)> {
        parse(value).expect("a rewrite").data
    }

    #[test]
    fn the_short_forms() {
        assert_eq!(data("192.0.2.1"), [(RType::A, Box::from([192, 0, 2, 1]))]);
        assert_eq!(data("::1").first().map(|(rtype, _)| *rtype), Some(RType::AAAA));
        assert_eq!(parse("REFUSED").expect("a word"), of_rcode(Rcode::REFUSED));
        assert_eq!(parse("NOERROR").expect("a word"), of_rcode(Rcode::NOERROR));
        let target = |value| parse(value).expect("a name").alias.map(|name| name.to_string());
        assert_eq!(target("example.net").as_deref(), Some("example.net."));
        assert_eq!(target("refused").as_deref(), Some("refused."));
        assert_eq!(target("NOERROR;CNAME;example.net.").as_deref(), Some("example.net."));
    }

    #[test]
    fn the_full_forms() {
        assert_eq!(data("NOERROR;A;192.0.2.1"), data("192.0.2.1"));
        assert_eq!(data("NOERROR;MX;32 example.mail"), [(RType::MX, Box::from(*b"\x00\x20\x07example\x04mail\x00"))]);
        assert_eq!(data("NOERROR;TXT;hello_world"), [(RType::TXT, Box::from(*b"\x0bhello_world"))]);
        assert_eq!(data("NOERROR;TXT;a;b c"), [(RType::TXT, Box::from(*b"\x05a;b c"))]);
        assert_eq!(data("NOERROR;PTR;a."), [(RType::PTR, Box::from(*b"\x01a\x00"))]);
        let srv = b"\x00\x0a\x00\x3c\x1f\x90\x01a\x00";
        assert_eq!(data("NOERROR;SRV;10 60 8080 a"), [(RType::SRV, Box::from(*srv))]);
        let https = b"\x00\x20\x01a\x00\x00\x01\x00\x03\x02h3";
        assert_eq!(data("NOERROR;HTTPS;32 a alpn=h3"), [(RType::HTTPS, Box::from(*https))]);
        assert_eq!(data("NOERROR;SVCB;32 a alpn=h3"), [(RType::SVCB, Box::from(*https))]);
        assert_eq!(parse("NXDOMAIN;;").expect("a code"), of_rcode(Rcode::NXDOMAIN));
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for value in [
            "",
            "NOERROR;",
            ";;",
            "NOERROR;A;",
            "NOERROR;A;::1",
            "NOERROR;AAAA;192.0.2.1",
            "NOERROR;MX;example.mail",
            "NOERROR;NS;example.org",
            "NOERROR;NONE;a",
            "NXDOMAIN;A;192.0.2.1",
            "noerror;;",
            "BADVERS",
            "UNKNOWN",
            "NOERROR;CNAME;",
            "a b",
            "NOERROR;CNAME;a b",
            "RCODE3;;",
            "a..b",
            "NOERROR;HTTPS;x",
            "NOERROR;SRV;1 2 x y",
        ] {
            assert_eq!(parse(value), Err(Reason::BadRewrite), "{value}");
        }
    }
}
