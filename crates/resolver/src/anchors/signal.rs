//! Telling a zone which of its keys are trusted (RFC 8145 5): a question for `_ta-4f66` and the like. Whoever manages
//! trust anchors asks it now and then.

use std::fmt::Write as _;

use dns::NameBuf;

use super::Anchor;

/// The name to ask for, with type NULL (RFC 8145 5.1): the tags as four hexadecimal digits each, ascending. `None` if
/// there is no key, or the name would be too long.
pub fn query_name(anchor: &Anchor) -> Option<NameBuf> {
    let tags = anchor.key_tags();
    if tags.is_empty() {
        return None;
    }
    let mut label = String::from("_ta");
    for tag in tags {
        let _ = write!(label, "-{tag:04x}");
    }
    anchor.zone.prepend(label.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |zone: &str, tags: &[u16], want: Option<&str>| {
            let ds = tags.iter().map(|tag| [&tag.to_be_bytes()[..], &[8, 2, 1]].concat()).collect();
            let anchor = Anchor { zone: zone.parse().expect("name"), ds, keys: Vec::new() };
            assert_eq!(query_name(&anchor).map(|name| name.to_string()).as_deref(), want, "{tags:?}");
        };
        check(".", &[38696, 20326], Some("_ta-4f66-9728."));
        check("example.", &[1], Some("_ta-0001.example."));
        check(".", &[], None);
        check(".", &(1..=13).collect::<Vec<u16>>(), None);
    }
}
