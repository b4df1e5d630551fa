//! Places for connections, bounded in all and for each client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places.
pub struct Room {
    all: Arc<Semaphore>,
    for_each: usize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, free again when dropped.
pub struct Place {
    room: Arc<Room>,
    client: IpAddr,
    _one: OwnedSemaphorePermit,
}

impl Room {
    /// Room for `all` connections, `for_each` of one client.
    pub fn new(all: usize, for_each: usize) -> Arc<Room> {
        Arc::new(Room { all: Arc::new(Semaphore::new(all)), for_each, clients: Mutex::default() })
    }

    /// A place for `client`, unless there is none.
    pub fn take(self: &Arc<Room>, client: IpAddr) -> Option<Place> {
        let client = network_of(client);
        let one = self.all.clone().try_acquire_owned().ok()?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_insert(0);
        if *count >= self.for_each {
            return None;
        }
        *count += 1;
        Some(Place { room: self.clone(), client, _one: one })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.room.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(clients.remove(&self.client)),
        }
    }
}

/// Whose address it is: a client of IPv6 has a network of 2^64 to itself (RFC 6177).
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_client_and_come_back() {
        let room = Room::new(8, 3);
        let client: IpAddr = "192.0.2.1".parse().expect("address");
        let places: Vec<Place> = std::iter::from_fn(|| room.take(client)).collect();
        assert_eq!(places.len(), 3);
        let other = |address: &str| room.take(address.parse().expect("address"));
        let neighbours: Vec<Option<Place>> = (1..=4).map(|i| other(&format!("2001:db8::{i}"))).collect();
        assert_eq!(neighbours.iter().flatten().count(), 3, "one network");
        assert!(other("2001:db8:0:1::1").is_some());
        drop(places);
        assert!(room.take(client).is_some());
        drop(neighbours);
        assert!(room.clients.lock().expect("lock").is_empty(), "nobody is remembered");
    }
}
