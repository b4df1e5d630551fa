//! Finds hosts as the server itself resolves names; with the system's resolver where it resolves none.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use dns::{NameBuf, RType, Rcode};
use resolver::Question;
use tokio::runtime::Handle;

use super::fetch::Lookup;
use crate::lookups::{self, Lookups, address};

/// An answer that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A function for [`super::Lists::start`] that asks the resolver which there is at that moment. Without one, recursion
/// being off, the system's resolver is asked. It waits for the answer, 15 seconds at most, and must not be called from a
/// task of `runtime`.
pub fn own_resolver(lookups: Lookups, runtime: Handle) -> Lookup {
    Arc::new(move |host| match lookups.get() {
        Some(lookup) => ask(&lookup, &runtime, host),
        None => Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()),
    })
}

/// The addresses of a host, those of IPv4 first: many networks have no others.
fn ask(lookup: &lookups::Lookup, runtime: &Handle, host: &str) -> io::Result<Vec<IpAddr>> {
    let name: NameBuf = host.parse().map_err(io::Error::other)?;
    let both = async {
        let v4 = lookup.ask(Question::new(&name, RType::A), false);
        let v6 = lookup.ask(Question::new(&name, RType::AAAA), false);
        tokio::join!(v4, v6)
    };
    let in_time = async { tokio::time::timeout(TIMEOUT, both).await };
    let (v4, v6) = runtime.block_on(in_time).map_err(|_| io::Error::other("no answer in time"))?;
    let mut problem = "the resolver is being changed".to_owned();
    let mut found = Vec::new();
    for (outcome, _) in [v4, v6].into_iter().flatten() {
        if outcome.rcode != Rcode::NOERROR {
            problem = format!("the answer is {}", outcome.rcode);
            continue;
        }
        problem = "it has no address".to_owned();
        for timed in &outcome.answers {
            let rtype = timed.rrset.rtype;
            found.extend(timed.rrset.rdata.iter().filter_map(|rdata| address(rtype, rdata)));
        }
    }
    match found.is_empty() {
        true => Err(io::Error::other(problem)),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use dns::NameHasher;
    use resolver::anchors::Anchors;
    use resolver::cache::CacheSettings;
    use resolver::outcome::Timed;
    use resolver::resolve::Shared;
    use resolver::{Outcome, Rrset, Security, Settings};
    use server::clock::Clock;
    use server::recursion::Explained;

    use super::*;
    use crate::lookups::Explain;

    /// A resolver that knows one host.
    struct OneHost;

    impl Explain for OneHost {
        fn explain(&self, question: Question, _: bool, explained: Explained) {
            let outcome = |rcode| Outcome::empty(rcode, Security::Insecure);
            let outcome = match question.to_string().as_str() {
                "lists.example. A" => {
                    let alias = Rrset::new(question.name.clone(), RType::CNAME, 60).with(&[1, b'a', 0]);
                    let address = Rrset::new("a.".parse().expect("a name"), RType::A, 60).with(&[192, 0, 2, 1]);
                    let answers = [alias, address].map(|rrset| Timed { ttl: 60, rrset: Arc::new(rrset) }).into();
                    Outcome { answers, ..outcome(Rcode::NOERROR) }
                }
                "lists.example. AAAA" | "bare.example. A" | "bare.example. AAAA" => outcome(Rcode::NOERROR),
                _ => outcome(Rcode::NXDOMAIN),
            };
            explained(Arc::new(outcome), Vec::new());
        }
    }

    fn find(host: &str) -> Result<Vec<IpAddr>, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.expect("a runtime");
        let (cache, anchors) = (CacheSettings::default(), Anchors::default());
        let shared = Shared::new(Settings::default(), cache, anchors, NameHasher::new(1), 1);
        let lookups = Lookups::default();
        lookups.set(Some(lookups::Lookup { shared, resolver: Arc::new(OneHost), clock: Clock::Monotonic }));
        own_resolver(lookups, runtime.handle().clone())(host).map_err(|error| error.to_string())
    }

    #[test]
    fn a_host_is_found_by_the_resolver_of_the_server() {
        assert_eq!(find("lists.example"), Ok(vec![IpAddr::from([192, 0, 2, 1])]));
        assert_eq!(find("bare.example"), Err("it has no address".to_owned()));
        assert_eq!(find("gone.example"), Err("the answer is NXDOMAIN".to_owned()));
        assert!(find(&"x".repeat(300)).is_err());
    }

    #[test]
    fn without_a_resolver_the_system_is_asked() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let found = own_resolver(Lookups::default(), runtime.handle().clone())("localhost").expect("found");
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
    }
}
