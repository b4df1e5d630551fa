//! Internationalised names (UTS 46, RFC 5890): U-labels, as people write them, to A-labels, as the DNS has them, and
//! back for showing.
//!
//! Only where people or programs hand in names in Unicode text: the API and the command line. In zone files and
//! messages any octets stand for themselves (RFC 2181 11).

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::name::{Name, NameBuf, NameError};

/// What A-labels begin with (RFC 5890 2.3.2.1).
const PREFIX: &str = "xn--";

/// The name in `text`, whose U-labels become A-labels; relative names get `origin` behind them.
///
/// # Errors
/// What is wrong with the name.
pub fn name(text: &str, origin: &Name) -> Result<NameBuf, NameError> {
    if text.is_ascii() {
        return NameBuf::from_text(text.as_bytes(), origin);
    }
    NameBuf::from_text(&to_a_labels(text.as_bytes())?, origin)
}

/// Name text with A-labels in the place of U-labels; everything in ASCII, escapes included, stays.
///
/// # Errors
/// Octets that are no UTF-8, labels that UTS 46 does not allow, and escapes in a label with other than ASCII.
pub fn to_a_labels(text: &[u8]) -> Result<Vec<u8>, NameError> {
    let mut out = Vec::with_capacity(text.len() + PREFIX.len());
    for (i, part) in text.split(|&byte| byte == b'.').enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        if part.is_ascii() {
            out.extend_from_slice(part);
        } else if part.contains(&b'\\') {
            return Err(NameError::BadULabel);
        } else {
            let label = Uts46::new().to_ascii(part, AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
            out.extend_from_slice(label.map_err(|_| NameError::BadULabel)?.as_bytes());
        }
    }
    Ok(out)
}

/// The name with U-labels, as text; `None` if it has no A-label that stands for one.
pub fn to_u_labels(name: &Name) -> Option<String> {
    let is_a_label =
        |label: &[u8]| label.get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX.as_bytes()));
    if !name.labels().any(is_a_label) {
        return None;
    }
    let ascii = name.to_string();
    let parts: Vec<String> = ascii.split('.').map(|part| u_label(part).unwrap_or_else(|| part.to_owned())).collect();
    Some(parts.join(".")).filter(|text| *text != ascii)
}

fn u_label(part: &str) -> Option<String> {
    if !part.get(..PREFIX.len())?.eq_ignore_ascii_case(PREFIX) || part.contains('\\') {
        return None;
    }
    let (label, valid) = Uts46::new().to_unicode(part.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    valid.ok().map(|()| label.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let check = |text: &str, ascii: &str, unicode: &str| {
            let name = name(text, Name::root()).expect(text);
            assert_eq!(name.to_string(), ascii, "{text}");
            assert_eq!(to_u_labels(&name).as_deref(), Some(unicode), "{text}");
        };
        check("bücher.test", "xn--bcher-kva.test.", "bücher.test.");
        check("BÜCHER.test.", "xn--bcher-kva.test.", "bücher.test.");
        check("_dmarc.straße.test", "_dmarc.xn--strae-oqa.test.", "_dmarc.straße.test.");
        check("*.日本語.test", "*.xn--wgv71a119e.test.", "*.日本語.test.");
        check("a.例え。テスト", "a.xn--r8jz45g.xn--zckzah.", "a.例え.テスト.");
        check("a\\.b.é.test", "a\\.b.xn--9ca.test.", "a\\.b.é.test.");
        check("XN--BCHER-KVA.test", "XN--BCHER-KVA.test.", "bücher.test.");
    }

    #[test]
    fn what_is_no_internationalised_name() {
        for text in ["a\u{ad}\u{200d}é\u{378}.test", "\\195é.test", "é".repeat(70).as_str(), "é..test"] {
            assert!(name(text, Name::root()).is_err(), "{text}");
        }
        assert_eq!(to_a_labels(b"\xff"), Err(NameError::BadULabel));
        for text in ["example.", "xn--a.", "xn--.", "a.b."] {
            let name: NameBuf = text.parse().expect(text);
            assert_eq!(to_u_labels(&name), None, "{text}");
        }
    }
}
