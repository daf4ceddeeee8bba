//! How many keys of an address were refused. An address with too many is not listened to for the rest of a minute, which bounds
//! what guessing costs the database and the log; the keys themselves cannot be guessed.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::listener::network_of;

/// In which failures are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// The most addresses in memory, at about 150 bytes each. With more, those that come seldom are forgotten.
const MOST: usize = 10_000;

/// Failures since the first one of a window.
struct Counted {
    since: Instant,
    count: u32,
}

/// The failures of each address.
pub(super) struct Failures {
    most: u32,
    by_address: Cache<IpAddr, Arc<Mutex<Counted>>>,
}

impl Failures {
    /// Lets an address have `most` failures in a window.
    pub(super) fn new(most: u32) -> Self {
        Self { most, by_address: Cache::new(MOST) }
    }

    /// For how many seconds the address is not listened to, if it is not.
    pub(super) fn limited_for(&self, address: IpAddr) -> Option<u64> {
        let counted = self.by_address.get(&network_of(address))?;
        let counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = WINDOW.checked_sub(counted.since.elapsed())?;
        (counted.count >= self.most).then(|| rest.as_secs() + 1)
    }

    pub(super) fn add(&self, address: IpAddr) {
        let address = network_of(address);
        let first = || Arc::new(Mutex::new(Counted { since: Instant::now(), count: 0 }));
        let counted = self.by_address.get(&address).unwrap_or_else(|| {
            let counted = first();
            self.by_address.insert(address, counted.clone());
            counted
        });
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.since.elapsed() >= WINDOW {
            *counted = Counted { since: Instant::now(), count: 0 };
        }
        counted.count = counted.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_limited_and_others_are_not() {
        let failures = Failures::new(3);
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..3 {
            assert_eq!(failures.limited_for(bad), None);
            failures.add(bad);
        }
        assert!((1..=60).contains(&failures.limited_for(bad).unwrap()));
        assert_eq!(failures.limited_for(good), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failures = Failures::new(2);
        failures.add(address("2001:db8:0:1::1"));
        failures.add(address("2001:db8:0:1:ffff::2"));
        assert!(failures.limited_for(address("2001:db8:0:1::3")).is_some());
        assert_eq!(failures.limited_for(address("2001:db8:0:2::3")), None);
        // The same client, as a socket for both protocols shows it.
        failures.add(address("192.0.2.1"));
        failures.add(address("::ffff:192.0.2.1"));
        assert!(failures.limited_for(address("192.0.2.1")).is_some());
    }

    #[test]
    fn memory_for_addresses_is_bounded() {
        let failures = Failures::new(1);
        for number in 0..3 * MOST as u32 {
            failures.add(IpAddr::from(number.to_be_bytes()));
        }
        assert!(failures.by_address.len() <= MOST, "{}", failures.by_address.len());
    }
}
