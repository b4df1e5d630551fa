//! CNAME records that servers make from DNAME, which nobody signs (RFC 6672 5.3.1).

use dns::rdata::typed::target;
use dns::{Name, NameBuf, RType};

use crate::rrset::Rrset;

/// Whether `cname` is what `dname` makes of its owner.
pub(super) fn is_made_from(cname: &Rrset, dname: &Rrset) -> bool {
    if cname.rtype != RType::CNAME || dname.rtype != RType::DNAME {
        return false;
    }
    let (Some(to), Some(made)) = (only_target(dname), only_target(cname)) else { return false };
    substitute(&cname.owner, &dname.owner, to).is_some_and(|name| *name == *made)
}

/// Where an alias with a single record leads.
pub(super) fn only_target(rrset: &Rrset) -> Option<&Name> {
    let mut rdata = rrset.rdata.iter();
    let target = target(rrset.rtype, rdata.next()?)?;
    rdata.next().is_none().then_some(target)
}

/// `name` with its suffix `from` replaced by `to` (RFC 6672 2.2); `None` if it is not below `from` or becomes too
/// long.
fn substitute(name: &Name, from: &Name, to: &Name) -> Option<NameBuf> {
    let labels = name.strip_suffix(from).filter(|labels| !labels.is_empty())?;
    NameBuf::from_wire([labels, to.as_wire()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dname_makes() {
        let check = |owner: &str, target: &str, want| {
            let name = |text: &str| -> NameBuf { text.parse().expect("name") };
            let set = |owner, rtype, to: NameBuf| Rrset::new(owner, rtype, 1).with(to.as_wire());
            let dname = set(name("from.example."), RType::DNAME, name("to.org."));
            let cname = set(name(owner), RType::CNAME, name(target));
            assert_eq!(is_made_from(&cname, &dname), want, "{owner} {target}");
            assert!(!is_made_from(&dname, &dname) && !is_made_from(&cname, &cname));
        };
        check("a.from.example.", "a.to.org.", true);
        check("a.B.from.EXAMPLE.", "a.b.TO.org.", true);
        check("a.from.example.", "b.to.org.", false);
        check("from.example.", "to.org.", false);
        check("a.example.", "a.to.org.", false);
    }
}
