//! Whom a question goes to: the forwarders or the servers that are configured for a name, or the servers of its zone.
//!
//! The longest configured name that the question is in decides. DS at a configured name is the business of what is
//! above it (RFC 4035 4.2): forwarders and private servers know nothing of it, the parent does.

use std::sync::Arc;

use dns::{Name, RType};

use crate::fetched::{Fetched, Kind};
use crate::question::Question;
use crate::settings::{ForwardZone, Settings, StubZone};

/// Whom a question goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// These resolve for us.
    Forward(&'a ForwardZone),
    /// The servers of this zone, and of those below it.
    Stub(&'a StubZone),
    /// The servers of the zone, from the root down.
    Iterate,
}

impl<'a> Route<'a> {
    /// The name that it is configured for; the root where nothing is.
    pub fn name(self) -> &'a Name {
        match self {
            Route::Forward(zone) => &zone.name,
            Route::Stub(zone) => &zone.name,
            Route::Iterate => Name::root(),
        }
    }
}

/// The name whose zone has the data: for DS the one above.
fn home(name: &Name, rtype: RType) -> &Name {
    name.parent().filter(|_| rtype == RType::DS).unwrap_or(name)
}

impl Settings {
    /// Whom a question goes to.
    pub fn route(&self, name: &Name, rtype: RType) -> Route<'_> {
        let forward = self.forward.iter().find(|zone| home(name, rtype).is_at_or_below(&zone.name));
        match (forward, self.stub(name, rtype)) {
            (Some(forward), Some(stub)) if forward.name.label_count() > stub.name.label_count() => {
                Route::Forward(forward)
            }
            (_, Some(stub)) => Route::Stub(stub),
            (Some(forward), None) => Route::Forward(forward),
            (None, None) => Route::Iterate,
        }
    }

    /// The stub zone that a question which is not forwarded begins at.
    pub fn stub(&self, name: &Name, rtype: RType) -> Option<&StubZone> {
        self.stubs.iter().find(|zone| home(name, rtype).is_at_or_below(&zone.name))
    }

    /// Whether others answer for this name than for its DS RRset: what its parent says of it says nothing of its data.
    pub fn is_private_apex(&self, name: &Name) -> bool {
        self.route(name, RType::NS) != self.route(name, RType::DS)
    }
}

impl Fetched {
    /// The answer up to the first alias whose target `elsewhere` says others answer for: what was said of that target
    /// does not count.
    pub(crate) fn cut_off(self: Arc<Self>, question: &Question, elsewhere: impl Fn(&Name) -> bool) -> Arc<Fetched> {
        if question.rtype == RType::CNAME {
            return self;
        }
        let target = |index: usize| {
            let rrset = self.answers.get(index).filter(|rrset| rrset.rtype == RType::CNAME)?;
            dns::rdata::typed::target(RType::CNAME, rrset.rdata.iter().next()?)
        };
        let leaves = |index: usize| target(index).filter(|target| elsewhere(target)).map(Name::to_owned);
        let Some((index, target)) = (0..self.answers.len()).find_map(|index| Some((index, leaves(index)?))) else {
            return self;
        };
        let answers = self.answers[..=index].to_vec();
        // Proofs of a wildcard's alias stay.
        let proofs = self.authorities.iter().filter(|rrset| matches!(rrset.rtype, RType::NSEC | RType::NSEC3));
        let (kind, authorities) = (Kind::Alias(target), proofs.cloned().collect());
        Arc::new(Fetched { kind, answers, authorities, zone: self.zone.clone(), server: self.server })
    }
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;
    use crate::settings::Fallback;

    #[test]
    fn the_longest_name_decides_and_ds_is_above() {
        let name = |text: &str| text.parse::<NameBuf>().expect("a name");
        let forward = |text: &str| ForwardZone { name: name(text), servers: Vec::new(), fallback: Fallback::None };
        let stub = |text: &str| StubZone { name: name(text), servers: Vec::new() };
        let settings = Settings {
            forward: vec![forward("corp.lab.example."), forward("corp.example."), forward(".")],
            stubs: vec![stub("lab.example.")],
            ..Settings::default()
        };
        let check = |text: &str, rtype, expected: &str| {
            let text = name(text);
            let route = match settings.route(&text, rtype) {
                Route::Forward(zone) => format!("forward {}", zone.name),
                Route::Stub(zone) => format!("stub {}", zone.name),
                Route::Iterate => "iterate".to_owned(),
            };
            assert_eq!(route, expected, "{text} {rtype}");
        };
        check("www.example.", RType::A, "forward .");
        check("corp.example.", RType::A, "forward corp.example.");
        check("corp.example.", RType::DS, "forward .");
        check("sub.CORP.example.", RType::DS, "forward corp.example.");
        check("lab.example.", RType::NS, "stub lab.example.");
        check("lab.example.", RType::DS, "forward .");
        check("www.lab.example.", RType::A, "stub lab.example.");
        check("corp.lab.example.", RType::DS, "stub lab.example.");
        check("www.corp.lab.example.", RType::A, "forward corp.lab.example.");
        check(".", RType::DS, "forward .");
        assert!(settings.is_private_apex(&name("lab.example.")) && !settings.is_private_apex(&name("a.lab.example.")));
        let settings = Settings { forward: Vec::new(), ..settings };
        assert_eq!(settings.route(&name("lab.example."), RType::DS), Route::Iterate);
        assert!(settings.is_private_apex(&name("lab.example.")));
    }
}
