//! The resolver as the API, commands and pages see it, whichever one a reload has made: its cache, and questions of
//! our own to it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dns::{Name, NameBuf, RType, Rcode};
use resolver::cache::ChangedNames;
use resolver::local::{Local, LocalData};
use resolver::outcome::Timed;
use resolver::resolve::Shared;
use resolver::trace::Stamped;
use resolver::{Outcome, Question, Security};
use server::clock::Clock;
use server::recursion::{Explained, LocalZones, Threads};
use tokio::sync::oneshot;
use zone::{Published, ZoneTable};

/// Who resolves a question and tells how.
pub trait Explain: Send + Sync {
    /// Resolves it; `explained` is called once, or dropped when the resolver stops.
    fn explain(&self, question: Question, checking_disabled: bool, explained: Explained);
}

impl Explain for Threads {
    fn explain(&self, question: Question, checking_disabled: bool, explained: Explained) {
        Threads::explain(self, question, checking_disabled, explained);
    }
}

/// A resolver that runs.
#[derive(Clone)]
pub struct Lookup {
    /// What it knows.
    pub shared: Arc<Shared>,
    /// Who resolves.
    pub resolver: Arc<dyn Explain>,
    /// What its time follows.
    pub clock: Clock,
}

/// What was resolved, and how.
pub type Answer = (Arc<Outcome>, Vec<Stamped>);

impl Lookup {
    /// Milliseconds of the cache's clock.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Resolves a question; `None`: the resolver stops.
    pub fn ask(
        &self,
        question: Question,
        checking_disabled: bool,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send>> {
        let (sender, answered) = oneshot::channel();
        // Who has gone away hears nothing.
        let explained = move |outcome, steps| drop(sender.send((outcome, steps)));
        self.resolver.explain(question, checking_disabled, Box::new(explained));
        Box::pin(async move { answered.await.ok() })
    }

    /// The same, on a thread that may wait.
    ///
    /// # Errors
    /// It takes longer than `timeout`, or the resolver stops.
    pub fn wait(
        &self,
        question: Question,
        checking_disabled: bool,
        timeout: Duration,
    ) -> Result<Arc<Outcome>, RecvTimeoutError> {
        let (sender, answered) = sync_channel(1);
        // Who has gone away hears nothing.
        let explained = move |outcome, _| drop(sender.send(outcome));
        self.resolver.explain(question, checking_disabled, Box::new(explained));
        answered.recv_timeout(timeout)
    }

    /// Takes out of the cache what is kept at a name, or at and below it; how many entries that were. Without a type,
    /// what is known of the way there goes too.
    pub fn flush(&self, name: &Name, subtree: bool, rtype: Option<RType>) -> usize {
        let shared = &self.shared;
        if let Some(rtype) = rtype {
            return match subtree {
                true => shared.cache.flush_type_below(name, rtype),
                false => shared.cache.flush_type(name, rtype),
            };
        }
        shared.trust.flush(name);
        shared.delegations.forget(name);
        shared.addresses.forget(name);
        match subtree {
            true if name.is_root() => shared.cache.flush_all(),
            true => shared.cache.flush_subtree(name),
            false => shared.cache.flush_name(name),
        }
    }
}

/// The resolver there is, if any, and the zones that come before it.
#[derive(Clone, Default)]
pub struct Lookups {
    zones: Option<Arc<Published<ZoneTable>>>,
    current: Arc<RwLock<Option<Lookup>>>,
}

impl Lookups {
    /// No resolver yet.
    pub fn new(zones: Arc<Published<ZoneTable>>) -> Lookups {
        Lookups { zones: Some(zones), current: Arc::default() }
    }

    /// Puts another resolver in the place of the one there was.
    pub fn set(&self, lookup: Option<Lookup>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = lookup;
    }

    /// The resolver; `None`: recursion is off.
    pub fn get(&self) -> Option<Lookup> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the resolver forget what changes have made untrue.
    pub fn forget(&self, changed: &ChangedNames) {
        if changed.is_empty() {
            return;
        }
        if let Some(lookup) = self.get() {
            let entries = lookup.shared.forget(changed);
            tracing::debug!(entries, "the cache forgets what zones have changed");
        }
    }

    /// The zone of our own that a name is in.
    pub fn zone_of(&self, name: &Name) -> Option<NameBuf> {
        let zones = self.zones.as_ref()?.latest();
        name.ancestors().find_map(|name| zones.get(name)).map(|zone| zone.name.clone())
    }

    /// What our own zones say, without any resolver; `None`: the name is in none of them.
    pub fn local(&self, name: &Name, rtype: RType) -> Option<Outcome> {
        let timed = |rrset: Arc<resolver::Rrset>| Timed { ttl: rrset.ttl, rrset };
        let zones = LocalZones::new(self.zones.clone()?, 53);
        match zones.find(name, rtype) {
            Local::Elsewhere => None,
            Local::Delegated { ds, .. } => {
                let authorities = ds.into_iter().map(timed).collect();
                Some(Outcome { authorities, ..Outcome::empty(Rcode::NOERROR, Security::Insecure) })
            }
            Local::Answer { rcode, answers, authorities, .. } => {
                let timed = |rrsets: Vec<_>| rrsets.into_iter().map(timed).collect();
                let (answers, authorities) = (timed(answers), timed(authorities));
                Some(Outcome { answers, authorities, ..Outcome::empty(rcode, Security::Insecure) })
            }
        }
    }
}

/// The address in the data of an A or AAAA record.
pub fn address(rtype: RType, rdata: &[u8]) -> Option<IpAddr> {
    match rtype {
        RType::A => <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from),
        RType::AAAA => <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from),
        _ => None,
    }
}
