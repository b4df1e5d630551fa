//! RRsets of thousands of records, up to what fits into a message.

use std::rc::Rc;

use dns::question::HashedName;
use dns::response::Writer;
use dns::{Message, RType};

use crate::internet::{Internet, Network, Server, delegate};
use crate::zone::{Zone, name};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::question::Question;
use resolver::security::Security;
use resolver::trace::Trace;

/// The root and `big.`, which has 3,000 A and 2,200 PTR records.
fn internet(signed: bool) -> Internet {
    let mut root = Zone::new(".", &[]);
    let mut big = Zone::new("big.", &[]);
    if !signed {
        big = big.unsigned();
    }
    (0..3000u32).for_each(|i| big.put(name("many.big."), RType::A, &i.to_be_bytes()));
    (0..2200).for_each(|i| big.add(&format!("rev.big. PTR vhost-{i}.customers.hosting.provider.example.")));
    big.seal();
    delegate(&mut root, &big, 2, signed);
    root.seal();
    let mut anchors = Anchors::default();
    root.own_ds().iter().for_each(|ds| assert!(anchors.add(&root.apex, RType::DS, ds)));
    let server = |zone: Zone| Server { zones: vec![Rc::new(zone)], recursive: false, dead: false };
    let servers = [(1, server(root)), (2, server(big))].into();
    Internet::new(Network { servers, ..Network::default() }, Internet::settings(), CacheSettings::default(), anchors)
}

#[test]
fn rrsets_of_thousands_of_records() {
    for signed in [false, true] {
        let internet = internet(signed);
        for (qname, rtype, count) in [("many.big.", RType::A, 3000), ("rev.big.", RType::PTR, 2200)] {
            for cached in [false, true] {
                let (resolver, question) = (internet.resolver.clone(), Question::new(name(qname), rtype));
                let asking = async move { resolver.resolve(question, false, Trace::default()).await };
                let outcome = internet.sim.block_on(60_000_000, asking).expect("an outcome");
                let expected = if signed { Security::Secure } else { Security::Insecure };
                assert_eq!((outcome.cached, outcome.security), (cached, expected), "{qname} {:?}", outcome.reason);
                let hasher = internet.resolver.shared().cache.hasher();
                let (mut octets, mut hashed) =
                    (Message::query(1, name(qname), rtype).to_wire(512), HashedName::default());
                let end = octets.len();
                octets.resize(65_535, 0);
                hashed.set(&name(qname), hasher);
                let mut w = Writer::new(&mut octets, &hashed, hasher, end, 65_535);
                outcome.write(&mut w, rtype, true);
                let len = w.finish(1, 0, 0);
                let message = Message::parse(&octets[..len]).expect("a response");
                let got = message.answers.iter().filter(|record| record.rtype == rtype).count();
                assert_eq!((got, message.header.tc), (count, false), "{qname}");
            }
        }
        let cache = &internet.resolver.shared().cache;
        let now_ms = internet.sim.network().asked.len() as u64;
        let rows = cache.browse(now_ms, None, 10, None);
        assert!(rows.iter().any(|row| row.rtype == Some(RType::PTR) && row.size > 65_536), "the list shows it");
        assert!(
            cache.flush_subtree(&name("big.")) >= 2 && cache.browse(now_ms, None, 10, Some(&name("big."))).is_empty()
        );
    }
}
