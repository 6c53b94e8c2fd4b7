//! How many connections may wait for their activation, in all and from one address (R6).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct Gate {
    max: usize,
    max_per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection that is not activated yet; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Gate>,
    address: Option<IpAddr>,
}

impl Gate {
    pub(crate) fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_address, counts: Mutex::default() })
    }

    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Permit> {
        let address = address.map(|address| address.to_canonical());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.max {
            return None;
        }
        if let Some(address) = address {
            let here = counts.by_address.entry(address).or_default();
            if *here >= self.max_per_address {
                return None;
            }
            *here += 1;
        }
        counts.all += 1;
        Some(Permit { gate: Arc::clone(self), address })
    }

    pub(crate) fn inside(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.gate.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(here) = counts.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn places_are_counted_and_given_back() {
        let gate = Gate::new(3, 2);
        let [a, b] = [1, 2].map(|last| Some(IpAddr::from(Ipv4Addr::new(127, 0, 0, last))));
        let first = gate.enter(a).expect("room");
        let _second = gate.enter(a).expect("room");
        assert!(gate.enter(a).is_none(), "two from one address");
        let third = gate.enter(b).expect("room");
        assert!(gate.enter(b).is_none(), "three in all");
        drop(first);
        assert!(gate.enter(a).is_some());
        drop(third);
        assert_eq!(gate.inside(), 1);
        assert_eq!(gate.counts.lock().expect("unpoisoned").by_address.len(), 1);
    }
}
