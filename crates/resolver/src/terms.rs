//! The conditions under which cached data holds: who answers for a name, and what is trusted. When a reload or a restart
//! changes them, the cache drops the data that they concern.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use dns::{Name, NameBuf};

use crate::anchors::{Anchor, Anchors};
use crate::settings::Settings;

/// The terms of a configuration. Two that are equal have the same effect on what is learned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    validate: bool,
    allow_sha1: bool,
    /// Forward and stub zones, with their servers.
    routes: HashMap<NameBuf, String>,
    anchors: HashMap<NameBuf, String>,
    negative: HashSet<NameBuf>,
}

/// What is different under other terms.
#[derive(Debug, Default)]
pub struct Changes {
    all: bool,
    /// Names of either terms, and whether what they say of it differs: the closest to a name decides.
    routes: HashMap<NameBuf, bool>,
    anchors: HashMap<NameBuf, bool>,
    /// Negative trust anchors that came or went.
    negative: HashSet<NameBuf>,
}

impl Terms {
    /// Those of these settings; `anchors` are the trust anchors of the configuration.
    pub fn new(settings: &Settings, anchors: &Anchors) -> Terms {
        let forward =
            settings.forward.iter().map(|zone| (zone.name.to_canonical(), format!("forward {:?}", zone.servers)));
        let stubs = settings.stubs.iter().map(|zone| (zone.name.to_canonical(), format!("stub {:?}", zone.servers)));
        Terms {
            validate: settings.validate,
            allow_sha1: settings.allow_sha1,
            routes: forward.chain(stubs).collect(),
            anchors: anchors.iter().map(|anchor| (anchor.zone.to_canonical(), digest(anchor))).collect(),
            negative: settings.negative_trust_anchors.iter().map(|name| name.to_canonical()).collect(),
        }
    }

    /// They as text, a line each, for the file that the cache is kept in.
    pub fn to_text(&self) -> String {
        let mut text = format!("validate {}\nallow_sha1 {}\n", self.validate, self.allow_sha1);
        for (what, names) in [("route", &self.routes), ("anchor", &self.anchors)] {
            for (name, is) in names {
                // Writing to a String does not fail.
                let _ = writeln!(text, "{what} {name} {is}");
            }
        }
        for name in &self.negative {
            let _ = writeln!(text, "negative {name}");
        }
        text
    }

    /// What [`Terms::to_text`] wrote; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Terms> {
        let mut terms = Terms::default();
        for line in text.lines() {
            let (key, rest) = line.split_once(' ')?;
            let named = || {
                let (name, is) = rest.split_once(' ')?;
                Some((name.parse::<NameBuf>().ok()?, is.to_owned()))
            };
            match key {
                "validate" => terms.validate = rest.parse().ok()?,
                "allow_sha1" => terms.allow_sha1 = rest.parse().ok()?,
                "route" => terms.routes.extend([named()?]),
                "anchor" => terms.anchors.extend([named()?]),
                "negative" => terms.negative.extend([rest.parse::<NameBuf>().ok()?]),
                _ => return None,
            }
        }
        Some(terms)
    }

    /// What is different under `new`.
    pub fn changes_to(&self, new: &Terms) -> Changes {
        Changes {
            all: self.validate != new.validate || self.allow_sha1 != new.allow_sha1,
            routes: compare(&self.routes, &new.routes),
            anchors: compare(&self.anchors, &new.anchors),
            negative: self.negative.symmetric_difference(&new.negative).cloned().collect(),
        }
    }
}

impl Changes {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        !self.all
            && self.negative.is_empty()
            && ![&self.routes, &self.anchors].iter().any(|it| it.values().any(|it| *it))
    }

    /// Whether what was learned of this name may not hold any longer.
    pub fn concern(&self, name: &Name) -> bool {
        let differs =
            |at: &HashMap<NameBuf, bool>| name.ancestors().find_map(|above| at.get(above)).is_some_and(|it| *it);
        self.all
            || differs(&self.routes)
            || differs(&self.anchors)
            || !self.negative.is_empty() && name.ancestors().any(|above| self.negative.contains(above))
    }
}

fn compare(old: &HashMap<NameBuf, String>, new: &HashMap<NameBuf, String>) -> HashMap<NameBuf, bool> {
    old.keys().chain(new.keys()).map(|name| (name.clone(), old.get(name) != new.get(name))).collect()
}

/// The keys of an anchor, in whatever order they are configured.
fn digest(anchor: &Anchor) -> String {
    let mut keys: Vec<String> = anchor.ds.iter().chain(&anchor.keys).map(|rdata| format!("{:02x?}", rdata)).collect();
    keys.sort();
    let digest = dnssec::digest::sha256(keys.concat().as_bytes());
    digest.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::{Fallback, ForwardZone, Forwarder, StubZone};
    use crate::upstream::Transport;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("a name")
    }

    fn forward(zone: &str, last: u8) -> ForwardZone {
        let servers = vec![Forwarder { address: ([192, 0, 2, last], 53).into(), transport: Transport::Udp }];
        ForwardZone { name: name(zone), servers, fallback: Fallback::None }
    }

    /// The names of `asked` that a change from `old` to `new` concerns, the same after the terms were written and read.
    fn concerned(old: &Terms, new: &Terms, asked: &[&str]) -> String {
        let concerned = |changes: Changes| -> String {
            let names = asked.iter().filter(|text| changes.concern(&name(text)));
            names.map(|text| format!("{text} ")).collect()
        };
        let read = Terms::parse(&old.to_text()).expect("terms");
        assert_eq!(&read, old);
        let found = concerned(old.changes_to(new));
        assert_eq!(concerned(read.changes_to(new)), found);
        assert_eq!(concerned(new.changes_to(old)), found, "there and back");
        found
    }

    #[test]
    fn what_a_change_concerns() {
        let anchors = Anchors::root();
        let terms = |settings: Settings| Terms::new(&settings, &anchors);
        let of = |forward: Vec<ForwardZone>| terms(Settings { forward, ..Settings::default() });
        let asked = ["org.", "example.", "www.example.", "corp.example.", "www.CORP.example.", "a.lab.corp.example."];
        let check = |old: &Terms, new: &Terms, expected: &str| {
            assert_eq!(concerned(old, new, &asked), expected);
            assert_eq!(old.changes_to(new).is_empty(), expected.is_empty());
        };
        let none = of(Vec::new());
        check(&none, &none, "");
        check(&none, &of(vec![forward("corp.example.", 1)]), "corp.example. www.CORP.example. a.lab.corp.example. ");
        check(&of(vec![forward("corp.example.", 2)]), &of(vec![forward("corp.example.", 1)]), {
            "corp.example. www.CORP.example. a.lab.corp.example. "
        });
        // What has a way of its own keeps it.
        let lab = || forward("lab.corp.example.", 3);
        check(&of(vec![lab()]), &of(vec![lab(), forward("corp.example.", 1)]), "corp.example. www.CORP.example. ");
        check(&of(vec![lab()]), &of(vec![lab(), forward(".", 1)]), {
            "org. example. www.example. corp.example. www.CORP.example. "
        });
        let stubs = vec![StubZone { name: name("corp.example."), servers: vec![([192, 0, 2, 1], 53).into()] }];
        let stub = terms(Settings { stubs, ..Settings::default() });
        check(&of(vec![forward("corp.example.", 1)]), &stub, "corp.example. www.CORP.example. a.lab.corp.example. ");
        let negative_trust_anchors = vec![name("corp.example.")];
        let negative = terms(Settings { negative_trust_anchors, ..Settings::default() });
        check(&none, &negative, "corp.example. www.CORP.example. a.lab.corp.example. ");
        let off = terms(Settings { validate: false, ..Settings::default() });
        check(&off, &none, "org. example. www.example. corp.example. www.CORP.example. a.lab.corp.example. ");
        let text = b"corp.example. DS 1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n";
        let mut more = Anchors::root();
        more.merge(&Anchors::parse(text, Path::new("test")).expect("anchors"));
        check(&none, &Terms::new(&Settings::default(), &more), "corp.example. www.CORP.example. a.lab.corp.example. ");
    }

    #[test]
    fn what_is_no_text_of_terms() {
        for text in ["x", "validate maybe", "route", "route example.", "negative ..", "other x"] {
            assert_eq!(Terms::parse(text), None, "{text}");
        }
    }
}
