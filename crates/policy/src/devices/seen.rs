//! Clients that were seen: since when, when last, how much they asked.
//!
//! The table is bounded. When it is full, a client goes that asked little and not for the longest time; so a flood from
//! invented addresses pushes out other invented addresses, and not those that people know.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::index::canonical;

/// How many clients are kept.
pub const MAX_CLIENTS: usize = 100_000;
/// How many clients a page of the list has at the most: a thousand, and one that tells whether there are more.
pub const MAX_PAGE: usize = 1001;
/// From how many queries on a client goes only if there is none left with fewer.
pub const ESTABLISHED_QUERIES: u64 = 16;

/// No place.
const NONE: u32 = u32::MAX;

/// A client that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// When it was first seen, in milliseconds since 1970.
    pub first_ms: i64,
    /// When it was last seen, in milliseconds since 1970.
    pub last_ms: i64,
    /// How many queries it sent.
    pub queries: u64,
    /// How many of them were blocked.
    pub blocked: u64,
}

/// Which clients a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those in this network.
    pub network: Option<IpNet>,
    /// Those that were seen at this instant or later, in milliseconds since 1970.
    pub seen_since_ms: Option<i64>,
    /// Those that were first seen at this instant or later, in milliseconds since 1970.
    pub new_since_ms: Option<i64>,
}

impl Filter {
    fn takes(&self, client: &Client) -> bool {
        self.network.is_none_or(|network| network.contains(&client.address))
            && self.seen_since_ms.is_none_or(|since| client.last_ms >= since)
            && self.new_since_ms.is_none_or(|since| client.first_ms >= since)
    }
}

/// A client in the table, with its neighbours by age.
#[derive(Debug)]
struct Place {
    client: Client,
    older: u32,
    newer: u32,
}

/// Places by when they were last seen.
#[derive(Debug, Clone, Copy)]
struct Queue {
    oldest: u32,
    newest: u32,
}

/// The table of clients.
#[derive(Debug)]
pub struct Seen {
    numbers: HashMap<IpAddr, u32>,
    places: Vec<Place>,
    /// Those with fewer than [`ESTABLISHED_QUERIES`], and the others.
    queues: [Queue; 2],
    capacity: usize,
    forgotten: u64,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::with_capacity(MAX_CLIENTS)
    }
}

impl Seen {
    /// A table of `capacity` clients, [`MAX_CLIENTS`] at the most and one at least.
    pub fn with_capacity(capacity: usize) -> Seen {
        let empty = Queue { oldest: NONE, newest: NONE };
        let capacity = capacity.clamp(1, MAX_CLIENTS);
        Seen { numbers: HashMap::new(), places: Vec::new(), queues: [empty; 2], capacity, forgotten: 0 }
    }

    /// Notes a query from `address` at `now_ms`, in milliseconds since 1970.
    pub fn observe(&mut self, address: IpAddr, now_ms: i64, blocked: bool) {
        let address = canonical(address);
        let number = match self.numbers.get(&address).copied() {
            Some(number) => {
                self.unlink(number);
                number
            }
            None => self.admit(Client { address, first_ms: now_ms, last_ms: now_ms, queries: 0, blocked: 0 }),
        };
        if let Some(place) = self.places.get_mut(number as usize) {
            let client = &mut place.client;
            client.last_ms = client.last_ms.max(now_ms);
            client.queries += 1;
            client.blocked += u64::from(blocked);
        }
        self.link(number);
    }

    /// Takes over what was known of a client before; one that is known already stays as it is.
    pub fn restore(&mut self, client: Client) {
        let client = Client { address: canonical(client.address), ..client };
        if !self.numbers.contains_key(&client.address) {
            let number = self.admit(client);
            self.link(number);
        }
    }

    /// All clients, in no order.
    pub fn all(&self) -> impl Iterator<Item = Client> {
        self.places.iter().map(|place| place.client)
    }

    /// How many clients the table has.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many clients had to go since the start.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of `address`.
    pub fn find(&self, address: IpAddr) -> Option<&Client> {
        let number = self.numbers.get(&canonical(address))?;
        self.places.get(*number as usize).map(|place| &place.client)
    }

    /// The first `limit` clients that `filter` takes, by address, of those whose address comes after `after`; not more
    /// than [`MAX_PAGE`].
    pub fn list(&self, filter: &Filter, after: Option<IpAddr>, limit: usize) -> Vec<Client> {
        let limit = limit.min(MAX_PAGE);
        let rest = |client: &Client| after.is_none_or(|after| client.address > after);
        let clients = self.places.iter().map(|place| place.client);
        let mut page: Vec<Client> = clients.filter(|client| rest(client) && filter.takes(client)).collect();
        if page.len() > limit && limit > 0 {
            page.select_nth_unstable_by_key(limit - 1, |client| client.address);
        }
        page.truncate(limit);
        page.sort_unstable_by_key(|client| client.address);
        page
    }

    /// Gives a new client a place, which is in no queue yet.
    fn admit(&mut self, client: Client) -> u32 {
        let place = Place { client, older: NONE, newer: NONE };
        let number = if self.places.len() < self.capacity {
            self.places.push(place);
            (self.places.len() - 1) as u32
        } else {
            let [few, many] = self.queues;
            let number = if few.oldest == NONE { many.oldest } else { few.oldest };
            self.unlink(number);
            if let Some(gone) = self.places.get_mut(number as usize) {
                self.numbers.remove(&gone.client.address);
                self.forgotten += 1;
                *gone = place;
            }
            number
        };
        self.numbers.insert(client.address, number);
        number
    }

    /// The queue that a place belongs to by what its client asked.
    fn queue_of(place: &Place) -> usize {
        usize::from(place.client.queries >= ESTABLISHED_QUERIES)
    }

    /// Puts a place at the new end of its queue.
    fn link(&mut self, number: u32) {
        let Some(place) = self.places.get_mut(number as usize) else { return };
        let Some(queue) = self.queues.get_mut(Seen::queue_of(place)) else { return };
        place.older = queue.newest;
        place.newer = NONE;
        let older = std::mem::replace(&mut queue.newest, number);
        if older == NONE {
            queue.oldest = number;
        } else if let Some(older) = self.places.get_mut(older as usize) {
            older.newer = number;
        }
    }

    /// Takes a place out of its queue.
    fn unlink(&mut self, number: u32) {
        let Some(place) = self.places.get(number as usize) else { return };
        let (older, newer, queue) = (place.older, place.newer, Seen::queue_of(place));
        let Some(queue) = self.queues.get_mut(queue) else { return };
        match self.places.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => queue.oldest = newer,
        }
        match self.places.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => queue.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(last: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + last).to_be_bytes())
    }

    #[test]
    fn a_client_is_counted_from_first_to_last() {
        let mut seen = Seen::default();
        seen.observe(at(1), 10, false);
        seen.observe("::ffff:10.0.0.1".parse().expect("a well-formed text"), 30, true);
        seen.observe(at(1), 20, false);
        let client = Client { address: at(1), first_ms: 10, last_ms: 30, queries: 3, blocked: 1 };
        assert_eq!(seen.find(at(1)), Some(&client));
        assert_eq!((seen.len(), seen.forgotten()), (1, 0));
    }

    #[test]
    fn the_client_goes_that_was_not_seen_for_longest() {
        let mut seen = Seen::with_capacity(2);
        for (i, ms) in [(1, 1), (2, 2), (1, 3), (3, 4)] {
            seen.observe(at(i), ms, false);
        }
        assert!(seen.find(at(2)).is_none());
        assert_eq!((seen.find(at(1)).expect("one that is known").queries, seen.len(), seen.forgotten()), (2, 2, 1));
    }

    #[test]
    fn a_flood_of_invented_addresses_leaves_those_that_are_known() {
        let mut seen = Seen::with_capacity(100);
        for ms in 0..ESTABLISHED_QUERIES as i64 {
            (0..50).for_each(|i| seen.observe(at(i), ms, false));
        }
        (1000..10_000).for_each(|i| seen.observe(at(i), 1_000, false));
        assert!((0..50).all(|i| seen.find(at(i)).is_some()));
        assert_eq!((seen.len(), seen.forgotten()), (100, 8950));
    }

    #[test]
    fn a_table_full_of_known_clients_takes_new_ones() {
        let mut seen = Seen::with_capacity(3);
        for i in 0..3 {
            (0..ESTABLISHED_QUERIES).for_each(|_| seen.observe(at(i), i64::from(i), false));
        }
        seen.observe(at(9), 9, false);
        assert!(seen.find(at(0)).is_none() && seen.find(at(9)).is_some());
    }

    #[test]
    fn lists_come_in_pages_by_address() {
        let mut seen = Seen::default();
        for i in [5, 3, 9, 1, 7] {
            seen.observe(at(i), i64::from(i), false);
        }
        let page = |after: Option<u32>, limit, filter: Filter| -> Vec<i64> {
            seen.list(&filter, after.map(at), limit).iter().map(|client| client.last_ms).collect()
        };
        let all = Filter::default();
        assert_eq!(page(None, 2, all), [1, 3]);
        assert_eq!(page(Some(3), 2, all), [5, 7]);
        assert_eq!(page(Some(7), 2, all), [9]);
        assert_eq!(page(None, 0, all), [0i64; 0]);
        assert_eq!(page(None, 9, Filter { seen_since_ms: Some(6), ..all }), [7, 9]);
        assert_eq!(page(None, 9, Filter { new_since_ms: Some(8), ..all }), [9]);
        assert_eq!(page(None, 9, Filter { network: "10.0.0.0/30".parse().ok(), ..all }), [1, 3]);
    }

    proptest! {
        /// The queues against a plain list of clients that is searched for the one to go.
        #[test]
        fn it_forgets_whom_a_plain_list_forgets(asked in proptest::collection::vec(0u32..24, 0..600)) {
            let mut seen = Seen::with_capacity(8);
            let mut plain: Vec<(u32, i64, u64)> = Vec::new();
            for (i, ms) in asked.into_iter().zip(0i64..) {
                seen.observe(at(i), ms, false);
                match plain.iter_mut().find(|client| client.0 == i) {
                    Some(client) => (client.1, client.2) = (ms, client.2 + 1),
                    None => {
                        if plain.len() == 8 {
                            let key = |client: &&(u32, i64, u64)| (client.2 >= ESTABLISHED_QUERIES, client.1);
                            let gone = plain.iter().min_by_key(key).expect("a full list").0;
                            plain.retain(|client| client.0 != gone);
                        }
                        plain.push((i, ms, 1));
                    }
                }
            }
            plain.sort_unstable();
            let kept: Vec<_> = seen.list(&Filter::default(), None, 10).iter().map(|c| (c.address, c.last_ms, c.queries)).collect();
            let expected: Vec<_> = plain.iter().map(|(i, ms, queries)| (at(*i), *ms, *queries)).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
