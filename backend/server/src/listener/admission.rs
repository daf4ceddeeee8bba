//! How many connections there may be: of all clients together, of one address, and a few over these for probes.
//!
//! Which path a connection will ask is not known when it is accepted. So one over the bounds is accepted all the same,
//! has little time for its header, and is answered only if that is a probe's. Of those that have not sent a header yet
//! only the newest stay: a probe sends its own at once, and a crowd of silent connections cannot take its place.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::labels::ConnectionRefusal;

/// Connections over the bounds that may wait for their header.
const RESERVED_WAITING: usize = 64;

/// Connections over the bounds that are answered at the same time.
const RESERVED_ANSWERING: usize = 16;

/// The connections of this process.
pub struct Admission {
    most: usize,
    most_per_address: usize,
    slots: Mutex<Slots>,
    waiting: Mutex<VecDeque<Arc<Waiting>>>,
    answering: Arc<Semaphore>,
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
            waiting: Mutex::default(),
            answering: Arc::new(Semaphore::new(RESERVED_ANSWERING)),
        }
    }

    /// Admits a connection from `address`.
    pub fn admit(admission: &Arc<Self>, address: IpAddr) -> Admitted {
        match admission.take_slot(share_of(address)) {
            Ok(()) => Admitted::Slot(Slot { admission: admission.clone(), address: share_of(address) }),
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

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose share a connection counts in. The addresses of one IPv6 network are one client's to choose from.
fn share_of(address: IpAddr) -> IpAddr {
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

struct Waiting {
    evicted: CancellationToken,
}

/// A connection over the bounds, until it is dropped.
pub struct Reserved {
    /// Which bound.
    pub reason: ConnectionRefusal,
    admission: Arc<Admission>,
    waiting: Arc<Waiting>,
    answering: Mutex<Option<OwnedSemaphorePermit>>,
    served: AtomicBool,
}

impl Reserved {
    /// Waits for a header, in place of the one that has waited longest if there are too many.
    fn new(admission: &Arc<Admission>, reason: ConnectionRefusal) -> Self {
        let waiting = Arc::new(Waiting { evicted: CancellationToken::new() });
        let mut all = admission.waiting();
        all.push_back(waiting.clone());
        if all.len() > RESERVED_WAITING
            && let Some(oldest) = all.pop_front()
        {
            oldest.evicted.cancel();
        }
        drop(all);
        let admission = admission.clone();
        Self { reason, admission, waiting, answering: Mutex::default(), served: AtomicBool::new(false) }
    }

    /// Is cancelled when newer ones need the place.
    pub fn evicted(&self) -> CancellationToken {
        self.waiting.evicted.clone()
    }

    /// Whether it was answered as a probe.
    pub fn was_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// A probe's header has come. Returns whether it may be answered; then it can no longer be evicted.
    pub fn begin_answer(&self) -> bool {
        let Ok(permit) = self.admission.answering.clone().try_acquire_owned() else { return false };
        self.stop_waiting();
        *self.answering.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        self.served.store(true, Ordering::Relaxed);
        true
    }

    fn stop_waiting(&self) {
        self.admission.waiting().retain(|other| !Arc::ptr_eq(other, &self.waiting));
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.stop_waiting();
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
        assert!(probe.begin_answer());
        let crowd: Vec<Reserved> = (0..RESERVED_WAITING).map(|_| reserved()).collect();
        assert!(silent.evicted().is_cancelled());
        assert!(!probe.evicted().is_cancelled() && probe.was_served());
        assert!(crowd.iter().all(|waiting| !waiting.evicted().is_cancelled()));
        drop(crowd);
        assert!(admission.waiting().is_empty());
    }
}
