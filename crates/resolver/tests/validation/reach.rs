//! What a public zone denies says nothing of names that zones of ours answer, nor of what they delegate.

use std::rc::Rc;
use std::sync::Arc;

use dns::{Name, RType, Rcode};

use crate::internet::{Internet, Network, Server, address, delegate};
use crate::zone::{Zone, name};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::local::{Local, LocalData};
use resolver::question::Question;
use resolver::resolve::Resolver;
use resolver::rrset::Rrset;
use resolver::trace::Trace;

/// `own.public.` is ours, and delegates `sub.own.public.` to 192.0.2.7.
struct Own;

impl LocalData for Own {
    fn find(&self, at: &Name, _: RType) -> Local {
        let (zone, apex) = (name("sub.own.public."), name("own.public."));
        if at.is_at_or_below(&zone) {
            let host = name("ns.sub.own.public.");
            let ns = Arc::new(Rrset::new(zone.clone(), RType::NS, 300).with(host.as_wire()));
            return Local::Delegated { servers: vec![(host, vec![address(7)])], zone, ds: None, ns, glue: Vec::new() };
        }
        let (answers, authorities, alias) = (Vec::new(), Vec::new(), None);
        match at.is_at_or_below(&apex) {
            true => Local::Answer { rcode: Rcode::NOERROR, answers, authorities, alias },
            false => Local::Elsewhere,
        }
    }
}

#[test]
fn delegations_of_our_own_zones() {
    let mut root = Zone::new(".", &[]);
    let mut public = Zone::new("public.", &["a.public. A 192.0.2.100", "z.public. A 192.0.2.100"]);
    let sub = Zone::new("sub.own.public.", &["www.sub.own.public. A 192.0.2.101"]).unsigned();
    public.seal();
    delegate(&mut root, &public, 2, true);
    root.seal();
    let mut anchors = Anchors::default();
    root.own_ds().iter().for_each(|ds| assert!(anchors.add(&root.apex, RType::DS, ds)));
    let server = |zone: Zone| Server { zones: vec![Rc::new(zone)], recursive: false, dead: false };
    let servers = [(1, server(root)), (2, server(public)), (7, server(sub))].into();
    let network = Network { servers, ..Network::default() };
    let internet = Internet::new(network, Internet::settings(), CacheSettings::default(), anchors);
    let resolver = Resolver::new(internet.sim.clone(), internet.resolver.shared().clone(), Rc::new(Own));
    let said = |qname: &str| {
        let (resolver, question) = (resolver.clone(), Question::new(name(qname), RType::A));
        let asking = async move { resolver.resolve(question, false, Trace::default()).await };
        let outcome = internet.sim.block_on(60_000_000, asking).expect("an outcome");
        (outcome.rcode, outcome.answers.len(), outcome.security.as_str())
    };
    // The record from a.public. to z.public. is known now, and covers own.public. and what is below.
    assert_eq!(said("gone.public."), (Rcode::NXDOMAIN, 0, "secure"));
    assert_eq!(said("own.public."), (Rcode::NOERROR, 0, "insecure"));
    assert_eq!(said("www.sub.own.public."), (Rcode::NOERROR, 1, "insecure"));
    assert_eq!(said("gone.sub.own.public."), (Rcode::NXDOMAIN, 0, "insecure"));
    let asked = internet.sim.network().asked.len();
    assert_eq!(said("other.public."), (Rcode::NXDOMAIN, 0, "secure"));
    assert_eq!(internet.sim.network().asked.len(), asked, "without a question");
}
