//! The interface to our own zones. The resolver looks there first for every name of a chain.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Name, NameBuf, RType, Rcode};

use crate::rrset::Rrset;

/// What our own zones say about a question.
#[derive(Debug, Clone)]
pub enum Local {
    /// No zone of ours.
    Elsewhere,
    /// The answer, authoritative data that needs no validation.
    Answer {
        /// The RCODE of the last name.
        rcode: Rcode,
        /// Aliases and the RRset.
        answers: Vec<Arc<Rrset>>,
        /// SOA of negative answers.
        authorities: Vec<Arc<Rrset>>,
        /// An alias that leads out of our zones.
        alias: Option<NameBuf>,
    },
    /// A zone of ours delegates it: the resolver asks these servers.
    Delegated {
        /// The zone cut.
        zone: NameBuf,
        /// The name servers, with the addresses that the zone has for them.
        servers: Vec<(NameBuf, Vec<SocketAddr>)>,
        /// The DS RRset at the cut; `None`: below an unsigned cut nothing is validated.
        ds: Option<Arc<Rrset>>,
        /// The NS RRset at the cut, for responses that are not minimal.
        ns: Arc<Rrset>,
        /// The addresses that the zone has for its name servers, for the same.
        glue: Vec<Arc<Rrset>>,
    },
}

/// Our own zones.
pub trait LocalData {
    /// What they say.
    fn find(&self, name: &Name, rtype: RType) -> Local;

    /// Which version of them a look at them now sees; a later one has a larger number.
    fn version(&self) -> u64 {
        0
    }
}

/// No zones at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLocalData;

impl LocalData for NoLocalData {
    fn find(&self, _: &Name, _: RType) -> Local {
        Local::Elsewhere
    }
}
