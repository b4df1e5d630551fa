//! Names and types as they stand in paths and bodies.

use dns::{Name, NameBuf, RType};
use zone::ZoneKey;
use zone::key::KeyError;

use super::problem::Problem;

/// A zone of the path, `NAME` or `NAME@VARIANT`; a missing final dot is understood as present.
///
/// # Errors
/// 400: it is no name, or a variant: no zone has any yet.
pub fn zone(text: &str) -> Result<NameBuf, Problem> {
    let name = text.parse().and_then(ZoneKey::into_plain_name);
    name.map_err(|error: KeyError| Problem::parameter("zone", error.to_string()))
}

/// An owner: absolute with a final dot; `@` is the apex; without a final dot it is relative to the zone, unless it
/// ends in the zone's name, as people write it. U-labels become A-labels.
///
/// # Errors
/// What is wrong with it.
pub fn owner(text: &str, zone: &Name) -> Result<NameBuf, String> {
    let bad = |error: dns::NameError| format!("no domain name: {error}");
    let relative_to_root: Option<NameBuf> = text.parse().ok();
    if let Some(name) = relative_to_root.filter(|name| text != "@" && name.is_at_or_below(zone)) {
        return Ok(name);
    }
    let name = dns::idn::name(text, zone).map_err(bad)?;
    if name.is_at_or_below(zone) { Ok(name) } else { Err(format!("{name} is not in the zone {zone}")) }
}

/// A type that a zone can hold.
///
/// # Errors
/// What is wrong with it.
pub fn rtype(text: &str) -> Result<RType, String> {
    let rtype = RType::from_text(text.as_bytes()).ok_or_else(|| format!("{text:?} is no record type"))?;
    match rtype {
        RType::RRSIG => Err("signatures are made by the server".into()),
        _ if rtype.is_meta() || rtype.0 == 0 => Err(format!("no zone can hold {rtype} records")),
        _ => Ok(rtype),
    }
}

/// The owner and type of a path.
///
/// # Errors
/// 400.
pub fn rrset_of_path(owner_text: &str, type_text: &str, zone: &Name) -> Result<(NameBuf, RType), Problem> {
    Ok((owner_of_path(owner_text, zone)?, rtype(type_text).map_err(|why| Problem::parameter("type", why))?))
}

/// The owner of a path.
///
/// # Errors
/// 400.
pub fn owner_of_path(text: &str, zone: &Name) -> Result<NameBuf, Problem> {
    owner(text, zone).map_err(|why| Problem::parameter("name", why))
}

/// The number that an object of a path has.
pub fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("`{text}` is no number: objects of this kind have one")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners() {
        let zone: NameBuf = "example.org".parse().expect("name");
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(owner(text, &zone).ok().map(|name| name.to_string()).as_deref(), want, "{text}");
        };
        check("@", Some("example.org."));
        check("www", Some("www.example.org."));
        check("a.b", Some("a.b.example.org."));
        check("www.example.org", Some("www.example.org."));
        check("www.Example.ORG.", Some("www.Example.ORG."));
        check("example.org.", Some("example.org."));
        check("b\u{fc}cher", Some("xn--bcher-kva.example.org."));
        check("b\u{fc}cher.example.org", Some("xn--bcher-kva.example.org."));
        check("*", Some("*.example.org."));
        check("www.example.net.", None);
        check("", None);
        check("a..b", None);
    }

    #[test]
    fn zones_have_no_variants_yet() {
        assert_eq!(zone("example.org").ok().as_deref(), "example.org.".parse::<NameBuf>().ok().as_deref());
        assert_eq!(zone(r"a\@b.example").ok().map(|name| name.to_string()).as_deref(), Some(r"a\@b.example."));
        let refusal = |text: &str| format!("{:?}", zone(text).expect_err("refused"));
        let said = refusal("example.org@internal");
        assert!(said.contains("example.org. has no variant `internal`: views are not supported yet"), "{said}");
        assert!(refusal("example.org@").contains("must have 1 to 63"), "{}", refusal("example.org@"));
    }

    #[test]
    fn types() {
        let check = |text: &str, good: bool| assert_eq!(rtype(text).is_ok(), good, "{text}");
        check("a", true);
        check("TYPE65280", true);
        check("ANY", false);
        check("RRSIG", false);
        check("TYPE0", false);
        check("NOPE", false);
    }
}
