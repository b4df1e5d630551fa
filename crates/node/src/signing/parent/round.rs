//! A round: all name servers of the parent are found and asked at once.

use std::net::SocketAddr;
use std::thread;

use dns::{Name, NameBuf};
use server::clock::unix_seconds;
use signer::parent::{Answered, Round, Said, ServerId};
use zone::{Published, ZoneTable};

use super::ask::{self, Failure};
use super::find::{self, Asking, Find, Found};

/// Addresses that are asked in a round.
const MAX_SERVERS: usize = 64;
/// Addresses that are asked at one time.
const MAX_AT_ONCE: usize = 16;

/// Asks the parent of one zone.
pub struct Asker<'a, F> {
    /// The zones as they are served.
    pub zones: &'a Published<ZoneTable>,
    /// The zone.
    pub zone: &'a Name,
    /// The only servers that are asked; empty: they are looked up.
    pub given: &'a [SocketAddr],
    /// Who looks names up.
    pub find: &'a F,
}

impl<F: Find> Asker<'_, F> {
    /// Asks each name server of the parent for the DS records.
    pub fn ask(&self) -> Round {
        let (zone, servers) = match self.given {
            [] => self.found(),
            servers => (None, self.ask_all(given(servers))),
        };
        Round { zone, servers: servers.map_err(|why| cannot(&why)), at_s: unix_seconds() }
    }

    /// The parent zone, and the answers of its servers; if it is one of ours, that counts as the answer of one more.
    fn found(&self) -> (Option<NameBuf>, Result<Vec<Answered>, String>) {
        let ours = find::in_our_zones(&self.zones.latest(), self.zone, unix_seconds());
        let (zone, own) = ours.map(|(zone, said)| (zone, (ServerId { name: None, address: None }, Ok(said)))).unzip();
        let zone = match zone.map_or_else(|| find::parent_zone(self.find, self.zone), Ok) {
            Ok(zone) => zone,
            Err(why) => return (None, Err(why)),
        };
        let others = find::name_servers(self.find, &zone).and_then(|found| self.ask_all(found));
        (Some(zone), others.map(|others| own.into_iter().chain(others).collect()))
    }

    /// Where the parent wants to be told of CDS records.
    ///
    /// # Errors
    /// Nobody knows.
    pub fn cds_endpoint(&self) -> Result<Option<SocketAddr>, String> {
        let find = Asking { servers: self.given, otherwise: self.find };
        find::cds_endpoint(&find, self.zone)
    }

    fn ask_all(&self, found: Vec<Found>) -> Result<Vec<Answered>, String> {
        if found.len() > MAX_SERVERS {
            return Err(format!("they have more than {MAX_SERVERS} addresses"));
        }
        let (zone, mut all) = (self.zone, Vec::new());
        for some in found.chunks(MAX_AT_ONCE) {
            all.extend(thread::scope(|scope| {
                let asked: Vec<_> = some.iter().map(|server| scope.spawn(|| ask_one(zone, server))).collect();
                let join = |asked: thread::ScopedJoinHandle<'_, _>| {
                    // A thread that panicked has said so.
                    asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                asked.into_iter().map(join).collect::<Vec<_>>()
            }));
        }
        Ok(reachable(all))
    }
}

fn ask_one(zone: &Name, (id, address): &Found) -> (ServerId, Result<Said, Failure>) {
    let answer = match address {
        Ok(address) => ask::ds(*address, zone),
        Err(why) => Err(Failure::Problem(why.clone())),
    };
    (id.clone(), answer)
}

/// Servers whose addresses were given.
fn given(servers: &[SocketAddr]) -> Vec<Found> {
    let server = |&address: &SocketAddr| (ServerId { name: None, address: Some(address) }, Ok(address));
    servers.iter().map(server).collect()
}

/// Leaves out addresses that there is no way to from here, where another address of the same server can be asked: a host
/// without IPv6 gets no answer from half of the addresses.
fn reachable(all: Vec<(ServerId, Result<Said, Failure>)>) -> Vec<Answered> {
    let has_way = |name: &NameBuf| {
        all.iter().any(|(id, answer)| id.name.as_ref() == Some(name) && *answer != Err(Failure::NoRoute))
    };
    let is_left_out = |(id, answer): &(ServerId, Result<Said, Failure>)| {
        *answer == Err(Failure::NoRoute) && id.name.as_ref().is_some_and(has_way)
    };
    let answered = |(id, answer): &(ServerId, Result<Said, Failure>)| {
        let answer = answer.clone().map_err(|failure| match failure {
            Failure::NoRoute => "cannot be reached from here".to_owned(),
            Failure::Problem(why) => why,
        });
        (id.clone(), answer)
    };
    all.iter().filter(|one| !is_left_out(one)).map(answered).collect()
}

/// Why the servers cannot be found, with what can be done.
fn cannot(why: &str) -> String {
    format!(
        "the name servers of the parent cannot be found ({why}): `parent_servers` of the policy can name them, and what the \
         parent has can be confirmed by hand"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host without IPv6 asks the other addresses; a server that has no other one is not forgotten.
    #[test]
    fn addresses_without_a_way() {
        let id = |name: &str, number: u8| {
            let address = SocketAddr::from(([192, 0, 2, number], 53));
            ServerId { name: Some(name.parse().expect("a name")), address: Some(address) }
        };
        let said = Said { ds: Vec::new(), ttl_s: 1, is_delegated: true, at_s: 1 };
        let given = ServerId { name: None, address: Some(SocketAddr::from(([192, 0, 2, 9], 53))) };
        let all = vec![
            (id("a.", 1), Ok(said.clone())),
            (id("a.", 2), Err(Failure::NoRoute)),
            (id("b.", 3), Err(Failure::NoRoute)),
            (given.clone(), Err(Failure::NoRoute)),
        ];
        let no_way = || Err("cannot be reached from here".to_owned());
        assert_eq!(reachable(all), [(id("a.", 1), Ok(said)), (id("b.", 3), no_way()), (given, no_way())]);
    }
}
