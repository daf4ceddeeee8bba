//! How many connections there may be: of all clients together, of one address, and a few over these for probes.
//!
//! Which path a connection will ask is not known when it is accepted. So one over the bounds is accepted all the same,
//! has little time for its header, and is answered only if that is a probe's. Of those that have not sent a header yet
//! only the newest stay, and the same holds for those that are being answered: a probe sends its header and takes its answer
//! at once, and a crowd of connections that do neither cannot take its place.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::labels::ConnectionRefusal;

/// Connections over the bounds that may wait for their header.
const RESERVED_WAITING: usize = 64;

/// Connections over the bounds that are answered at the same time.
const RESERVED_ANSWERING: usize = 64;

/// The connections of this process.
pub struct Admission {
    most: usize,
    most_per_address: usize,
    slots: Mutex<Slots>,
    /// Over the bounds, and before their header is complete.
    waiting: Newest,
    /// Over the bounds, and being answered.
    answering: Newest,
}

#[derive(Default)]
struct Slots {
    taken: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// What a connection was accepted as.
pub enum Admitted {
    /// One within the bounds.
    Slot(Slot),
    /// One over them.
    Reserved(Reserved),
}

impl Admission {
    /// Bounds for all clients and for each address.
    pub fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            most,
            most_per_address,
            slots: Mutex::default(),
            waiting: Newest::default(),
            answering: Newest::default(),
        }
    }

    /// Admits a connection from `address`.
    pub fn admit(admission: &Arc<Self>, address: IpAddr) -> Admitted {
        match admission.take_slot(network_of(address)) {
            Ok(()) => Admitted::Slot(Slot { admission: admission.clone(), address: network_of(address) }),
            Err(reason) => Admitted::Reserved(Reserved::new(admission, reason)),
        }
    }

    fn take_slot(&self, address: IpAddr) -> Result<(), ConnectionRefusal> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.taken >= self.most {
            return Err(ConnectionRefusal::MaxConnections);
        }
        let of_address = slots.by_address.entry(address).or_default();
        if *of_address >= self.most_per_address {
            return Err(ConnectionRefusal::MaxConnectionsPerAddress);
        }
        *of_address += 1;
        slots.taken += 1;
        Ok(())
    }
}

/// Whose share a client counts in. The addresses of one IPv6 network are one client's to choose from.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// A connection within the bounds, until it is dropped.
pub struct Slot {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.admission.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.taken -= 1;
        if let Some(of_address) = slots.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                slots.by_address.remove(&self.address);
            }
        }
    }
}

/// What evicts a connection.
type Place = Arc<CancellationToken>;

/// The connections that arrived last.
#[derive(Default)]
struct Newest(Mutex<VecDeque<Place>>);

impl Newest {
    fn places(&self) -> std::sync::MutexGuard<'_, VecDeque<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one; the one that has been there longest is evicted if there are more than `most`.
    fn add(&self, place: Place, most: usize) {
        let mut places = self.places();
        places.push_back(place);
        if places.len() > most
            && let Some(oldest) = places.pop_front()
        {
            oldest.cancel();
        }
    }

    fn remove(&self, place: &Place) {
        self.places().retain(|other| !Arc::ptr_eq(other, place));
    }
}

/// A connection over the bounds, until it is dropped.
pub struct Reserved {
    /// Which bound.
    pub reason: ConnectionRefusal,
    admission: Arc<Admission>,
    place: Place,
    served: AtomicBool,
}

impl Reserved {
    /// Waits for a header, in place of the one that has waited longest if there are too many.
    fn new(admission: &Arc<Admission>, reason: ConnectionRefusal) -> Self {
        let place = Place::default();
        admission.waiting.add(place.clone(), RESERVED_WAITING);
        Self { reason, admission: admission.clone(), place, served: AtomicBool::new(false) }
    }

    /// Is cancelled when newer ones need the place.
    pub fn evicted(&self) -> CancellationToken {
        CancellationToken::clone(&self.place)
    }

    /// Whether it was answered as a probe, and took its answer in time.
    pub fn was_served(&self) -> bool {
        self.served.load(Ordering::Relaxed) && !self.place.is_cancelled()
    }

    /// A probe's header has come, and is being answered.
    pub fn begin_answer(&self) {
        self.admission.waiting.remove(&self.place);
        self.admission.answering.add(self.place.clone(), RESERVED_ANSWERING);
        self.served.store(true, Ordering::Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.admission.waiting.remove(&self.place);
        self.admission.answering.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(admission: &Arc<Admission>, address: &str) -> Result<Slot, Reserved> {
        match Admission::admit(admission, address.parse().unwrap()) {
            Admitted::Slot(slot) => Ok(slot),
            Admitted::Reserved(reserved) => Err(reserved),
        }
    }

    fn reason(admitted: Result<Slot, Reserved>) -> Option<ConnectionRefusal> {
        admitted.err().map(|reserved| reserved.reason)
    }

    #[test]
    fn an_address_has_a_share_and_all_have_a_bound() {
        let admission = Arc::new(Admission::new(3, 2));
        let first = admit(&admission, "10.0.0.1").ok().unwrap();
        let _second = admit(&admission, "::ffff:10.0.0.1").ok().unwrap();
        assert_eq!(reason(admit(&admission, "10.0.0.1")), Some(ConnectionRefusal::MaxConnectionsPerAddress));
        let _third = admit(&admission, "10.0.0.2").ok().unwrap();
        assert_eq!(reason(admit(&admission, "10.0.0.2")), Some(ConnectionRefusal::MaxConnections));
        drop(first);
        assert_eq!(reason(admit(&admission, "10.0.0.1")), None);
        assert_eq!(admission.slots.lock().unwrap().by_address.len(), 2);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let admission = Arc::new(Admission::new(9, 1));
        let _first = admit(&admission, "2001:db8::1").ok().unwrap();
        assert!(admit(&admission, "2001:db8::2").is_err());
        assert!(admit(&admission, "2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn the_newest_of_those_that_wait_for_a_header_stay() {
        let admission = Arc::new(Admission::new(0, 0));
        let reserved = || admit(&admission, "10.0.0.1").err().unwrap();
        let (silent, probe) = (reserved(), reserved());
        probe.begin_answer();
        let crowd: Vec<Reserved> = (0..RESERVED_WAITING).map(|_| reserved()).collect();
        assert!(silent.evicted().is_cancelled());
        assert!(!probe.evicted().is_cancelled() && probe.was_served());
        assert!(crowd.iter().all(|waiting| !waiting.evicted().is_cancelled()));
        drop(crowd);
        assert!(admission.waiting.places().is_empty());
    }

    #[test]
    fn who_does_not_take_its_answer_gives_way_to_newer_ones() {
        let admission = Arc::new(Admission::new(0, 0));
        let answered = || {
            let reserved = admit(&admission, "10.0.0.1").err().unwrap();
            reserved.begin_answer();
            reserved
        };
        let (slow, quick) = (answered(), answered());
        drop(quick);
        let crowd: Vec<Reserved> = (1..RESERVED_ANSWERING).map(|_| answered()).collect();
        assert!(slow.was_served(), "there was room for all");
        let probe = answered();
        assert!(slow.evicted().is_cancelled() && !slow.was_served());
        assert!(probe.was_served() && crowd.iter().all(Reserved::was_served));
        drop((slow, probe, crowd));
        assert!(admission.answering.places().is_empty());
    }
}
