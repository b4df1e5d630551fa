//! Proofs of non-existence with NSEC (RFC 4035 5.4, RFC 6840 4), for the resolver's validator.
//!
//! Records that are malformed, or whose owner or next name is outside the zone, prove nothing.

use std::cmp::Ordering;

use dns::rdata::typed::Nsec;
use dns::{Name, RType};

use crate::canonical::suffix;
use crate::denial::{Denial, DenialRecords, hides_below, is_unsigned_delegation, lacks};

/// Whether neither `qname` exists nor a wildcard that would answer for it: checks an NXDOMAIN answer.
///
/// ```
/// use dns::{Name, NameBuf};
/// use dnssec::denial::Denial;
/// use dnssec::nsec::nsec_denies_name;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (zone, a): (NameBuf, NameBuf) = ("example.".parse()?, "a.example.".parse()?);
/// // Nothing is between the apex and a.example., and nothing between a.example. and the end. Both have type A.
/// let types = b"\0\x01\x40";
/// let (first, last) = ([a.as_wire(), &types[..]].concat(), [zone.as_wire(), &types[..]].concat());
/// let records: [(&Name, &[u8]); 2] = [(&zone, &first), (&a, &last)];
/// let denied = |name: &str| Ok::<_, dns::NameError>(nsec_denies_name(&records, &zone, &*name.parse::<NameBuf>()?));
/// assert_eq!(denied("b.example.")?, Denial::Proved);
/// assert_eq!(denied("a.example.")?, Denial::NotProved);
/// # Ok(())
/// # }
/// ```
pub fn nsec_denies_name(records: &DenialRecords<'_>, zone: &Name, qname: &Name) -> Denial {
    let proved = || {
        let gap = Gap::around(records, zone, qname)?;
        let wildcard = gap.closest_encloser(qname)?.prepend(b"*").ok()?;
        Gap::around(records, zone, &wildcard)
    };
    verdict(proved().is_some())
}

/// Whether `qname` has no data of type `qtype`, neither itself nor by a wildcard: checks a NODATA answer.
///
/// The absence of DS does not say whether the name is a delegation; [`nsec_denies_ds`] does.
pub fn nsec_denies_type(records: &DenialRecords<'_>, zone: &Name, qname: &Name, qtype: RType) -> Denial {
    if let Some(nsec) = matching(records, zone, qname) {
        return verdict(lacks(nsec.types, qname, qtype));
    }
    if is_empty_non_terminal(records, zone, qname) {
        return Denial::Proved;
    }
    let proved = || {
        let gap = Gap::around(records, zone, qname)?;
        let wildcard = gap.closest_encloser(qname)?.prepend(b"*").ok()?;
        Some(match matching(records, zone, &wildcard) {
            Some(nsec) => lacks(nsec.types, &wildcard, qtype),
            None => is_empty_non_terminal(records, zone, &wildcard),
        })
    };
    verdict(proved().unwrap_or(false))
}

/// Whether no name exists between `qname` and the wildcard that its data was expanded from. The wildcard's parent has
/// `encloser_labels` labels (RFC 4035 5.3.4); see [`crate::verify::Verified::wildcard`].
pub fn nsec_denies_for_wildcard(
    records: &DenialRecords<'_>,
    zone: &Name,
    qname: &Name,
    encloser_labels: usize,
) -> Denial {
    let next_closer = suffix(qname, encloser_labels + 1);
    verdict(next_closer.is_some_and(|name| Gap::around(records, zone, name).is_some()))
}

/// Whether `name` is a delegation of `zone` without DS. If so, the child zone is insecure.
pub fn nsec_denies_ds(records: &DenialRecords<'_>, zone: &Name, name: &Name) -> Denial {
    verdict(matching(records, zone, name).is_some_and(|nsec| is_unsigned_delegation(nsec.types)))
}

fn verdict(proved: bool) -> Denial {
    if proved { Denial::Proved } else { Denial::NotProved }
}

/// The records that can prove something about `zone`.
fn parsed<'a>(records: &DenialRecords<'a>, zone: &Name) -> impl Iterator<Item = (&'a Name, Nsec<'a>)> {
    records.iter().filter_map(move |&(owner, rdata)| {
        let nsec = Nsec::parse(rdata)?;
        (owner.is_at_or_below(zone) && nsec.next.is_at_or_below(zone)).then_some((owner, nsec))
    })
}

/// The record whose owner is `name`.
fn matching<'a>(records: &DenialRecords<'a>, zone: &Name, name: &Name) -> Option<Nsec<'a>> {
    parsed(records, zone).find(|(owner, _)| *owner == name).map(|(_, nsec)| nsec)
}

/// Whether names exist below `name`, but no data at it (RFC 4592 2.2.2).
fn is_empty_non_terminal(records: &DenialRecords<'_>, zone: &Name, name: &Name) -> bool {
    let mut around = parsed(records, zone).filter(|(owner, nsec)| covers(owner, nsec, zone, name));
    around.any(|(_, nsec)| nsec.next.is_at_or_below(name))
}

/// Whether `name` is between the owner and the next name of a record. The next name of a zone's last record is the
/// apex.
fn covers(owner: &Name, nsec: &Nsec<'_>, zone: &Name, name: &Name) -> bool {
    if owner >= name || !name.is_at_or_below(zone) || (name.is_at_or_below(owner) && hides_below(nsec.types)) {
        return false;
    }
    name.cmp(nsec.next) == Ordering::Less || nsec.next == zone
}

/// Two neighbouring names. No name exists between them.
struct Gap<'a> {
    owner: &'a Name,
    next: &'a Name,
}

impl<'a> Gap<'a> {
    /// The gap that `name` falls into; `None` if no record proves one, or if `name` is an empty non-terminal.
    fn around(records: &DenialRecords<'a>, zone: &Name, name: &Name) -> Option<Gap<'a>> {
        let mut around = parsed(records, zone).filter(|(owner, nsec)| covers(owner, nsec, zone, name));
        let (owner, nsec) = around.find(|(_, nsec)| !nsec.next.is_at_or_below(name))?;
        Some(Gap { owner, next: nsec.next })
    }

    /// The longest ancestor of `name` that exists: the longest that it shares with either neighbour.
    fn closest_encloser<'n>(&self, name: &'n Name) -> Option<&'n Name> {
        name.ancestors().skip(1).find(|name| self.owner.is_at_or_below(name) || self.next.is_at_or_below(name))
    }
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;
    use dns::rdata::text;
    use dns::scan::Scanner;

    use super::*;

    struct Chain(Vec<(NameBuf, Vec<u8>)>);

    impl Chain {
        /// Lines of owner, next name and types.
        fn new(lines: &[&str]) -> Chain {
            let line = |line: &&str| {
                let (owner, data) = line.split_once(' ').expect("owner");
                let mut out = Vec::new();
                text::scan(RType::NSEC, &mut Scanner::new(data.as_bytes()), Name::root(), &mut out).expect(line);
                (owner.parse().expect("name"), out)
            };
            Chain(lines.iter().map(line).collect())
        }

        fn records(&self) -> Vec<(&Name, &[u8])> {
            self.0.iter().map(|(owner, data)| (&**owner, data.as_slice())).collect()
        }
    }

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    fn check(chain: &Chain, what: impl Fn(&DenialRecords<'_>, &Name) -> Denial, want: bool, about: &str) {
        let got = what(&chain.records(), &name("example."));
        assert_eq!(got, verdict(want), "{about}");
    }

    #[test]
    fn names() {
        let chain = Chain::new(&[
            "example. a.example. NS SOA NSEC RRSIG",
            "a.example. d.example. A NSEC RRSIG",
            "d.example. x.y.f.example. NS NSEC RRSIG",
            "x.y.f.example. k.example. A NSEC RRSIG",
            "k.example. n.example. DNAME NSEC RRSIG",
            "n.example. *.p.example. A NSEC RRSIG",
            "*.p.example. r.example. A NSEC RRSIG",
            "r.example. x.*.t.example. A NSEC RRSIG",
            "x.*.t.example. example. A NSEC RRSIG",
        ]);
        let check = |qname: &str, want| {
            check(&chain, |records, zone| nsec_denies_name(records, zone, &name(qname)), want, qname);
        };
        check("b.example.", true);
        check("B.A.Example.", true);
        check("z.example.", true);
        check("a.example.", false);
        check("example.", false);
        // Below a delegation and below a DNAME the zone does not know.
        check("x.d.example.", false);
        check("x.k.example.", false);
        check("e.example.", true);
        // Empty non-terminals exist.
        check("f.example.", false);
        check("y.f.example.", false);
        check("z.y.f.example.", true);
        // A wildcard would have been the answer, also one that is an empty non-terminal.
        check("q.p.example.", false);
        check("q.t.example.", false);
        // Other zones.
        check("b.other.", false);
        check(".", false);
    }

    #[test]
    fn both_gaps_are_needed() {
        let check = |lines: &[&str], want| {
            let chain = Chain::new(lines);
            check(
                &chain,
                |records, zone| nsec_denies_name(records, zone, &name("x.c.example.")),
                want,
                &lines.concat(),
            );
        };
        check(&["b.example. d.example. A", "example. a.example. NS SOA"], true);
        check(&["b.example. d.example. A"], false);
        check(&["b.example. d.example. A", "a.example. b.example. A"], false);
        check(&["b.example. d.example. A", "*.example. b.example. A"], false);
        check(&["b.example. c.example. A", "example. a.example. NS SOA"], false);
        check(&["c.example. d.example. A"], true);
        check(&["c.example. *.c.example. A", "*.c.example. d.example. A"], false);
        // The one record of a zone with nothing but its apex.
        check(&["example. example. NS SOA"], true);
        // Owners or next names elsewhere.
        check(&["b.other. d.other. A", "other. a.other. NS SOA"], false);
        check(&["b.example. d.other. A", "example. a.other. NS SOA"], false);
        // Backwards, but not to the apex.
        check(&["b.example. a.example. A", "example. a.example. NS SOA"], false);
        check(&[], false);
    }

    #[test]
    fn types() {
        let chain = Chain::new(&[
            "example. a.example. NS SOA NSEC RRSIG",
            "a.example. c.example. A MX NSEC RRSIG",
            "c.example. d.example. CNAME NSEC RRSIG",
            "d.example. e.example. NS DS NSEC RRSIG",
            "e.example. x.y.f.example. NS NSEC RRSIG",
            "x.y.f.example. *.p.example. A NSEC RRSIG",
            "*.p.example. *.q.example. A NSEC RRSIG",
            "*.q.example. x.*.r.example. CNAME NSEC RRSIG",
            "x.*.r.example. example. A NSEC RRSIG",
        ]);
        let check = |qname: &str, qtype, want| {
            let about = format!("{qname} {qtype}");
            check(&chain, |records, zone| nsec_denies_type(records, zone, &name(qname), qtype), want, &about);
        };
        check("a.example.", RType::AAAA, true);
        check("A.example.", RType::MX, false);
        check("a.example.", RType::DS, true);
        check("a.example.", RType::ANY, false);
        check("c.example.", RType::AAAA, false);
        check("c.example.", RType::CNAME, false);
        // A delegation's parent knows of DS only.
        check("d.example.", RType::A, false);
        check("d.example.", RType::DS, false);
        check("e.example.", RType::A, false);
        check("e.example.", RType::DS, true);
        check("x.e.example.", RType::A, false);
        // The child does not know of DS.
        check("example.", RType::DS, false);
        check("example.", RType::A, true);
        check("f.example.", RType::A, true);
        check("y.f.example.", RType::ANY, true);
        check("f.example.", RType::DS, true);
        // Wildcards.
        check("x.p.example.", RType::AAAA, true);
        check("x.p.example.", RType::A, false);
        check("x.q.example.", RType::A, false);
        check("x.r.example.", RType::A, true);
        check("x.*.r.example.", RType::A, false);
        check("x.example.", RType::A, false);
        check("*.p.example.", RType::AAAA, true);
    }

    #[test]
    fn wildcard_answers() {
        let check = |lines: &[&str], qname: &str, labels, want| {
            let chain = Chain::new(lines);
            let what = |records: &DenialRecords<'_>, zone: &Name| {
                nsec_denies_for_wildcard(records, zone, &name(qname), labels)
            };
            check(&chain, what, want, qname);
        };
        let gap = ["b.example. d.example. A"];
        check(&gap, "c.example.", 1, true);
        check(&gap, "x.y.c.example.", 1, true);
        check(&gap, "x.b.example.", 1, false);
        check(&gap, "x.b.example.", 2, true);
        check(&gap, "e.example.", 1, false);
        check(&gap, "c.example.", 2, false);
        // c.example. exists, so that *.example. was none of its business.
        check(&["b.example. a.c.example. A"], "x.c.example.", 1, false);
        check(&["a.c.example. d.example. A"], "x.c.example.", 1, false);
    }

    #[test]
    fn delegations() {
        let chain = Chain::new(&[
            "example. a.example. NS SOA NSEC RRSIG",
            "a.example. b.example. NS NSEC RRSIG",
            "b.example. c.example. NS DS NSEC RRSIG",
            "c.example. example. A NSEC RRSIG",
        ]);
        let check = |about: &str, want| {
            check(&chain, |records, zone| nsec_denies_ds(records, zone, &name(about)), want, about);
        };
        check("a.example.", true);
        check("b.example.", false);
        check("c.example.", false);
        check("example.", false);
        check("x.a.example.", false);
    }
}
