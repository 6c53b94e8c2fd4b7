//! What has happened and is still to be told, in order.

use std::collections::VecDeque;

use ws_core::presence::RosterChange;
use ws_core::{ConnectionId, Peer};

use super::delivery::Delivery;
use super::event::ServerEvent;
use super::user::UserEvent;

/// How much may wait to be told, while one deliverer is held up by an application's callback.
const MAX_WAITING: usize = 65_536;

#[derive(Debug)]
pub(super) enum Item {
    Server(ServerEvent),
    User(UserEvent),
    /// From here on this connection is told of the roster.
    Watch(Peer),
    /// From here on it is not.
    Unwatch(ConnectionId),
    Change(RosterChange),
}

/// Written under the lock of the tables.
pub(super) struct Log {
    items: VecDeque<Item>,
    /// Who tells, unless somebody is telling.
    delivery: Option<Box<Delivery>>,
    lost: Lost,
}

/// What did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) server: u64,
    pub(super) user: u64,
    /// Something about the roster: those who watch it need a fresh snapshot.
    pub(super) roster: bool,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { items: VecDeque::new(), delivery: Some(Box::default()), lost: Lost::default() }
    }

    pub(super) fn push(&mut self, item: Item) {
        if self.items.len() < MAX_WAITING {
            return self.items.push_back(item);
        }
        match item {
            Item::Server(_) => self.lost.server += 1,
            Item::User(_) => self.lost.user += 1,
            Item::Watch(_) | Item::Unwatch(_) | Item::Change(_) => self.lost.roster = true,
        }
    }

    /// Takes the turn of telling, where there is something to tell and nobody tells it.
    pub(super) fn take_turn(&mut self) -> Option<Box<Delivery>> {
        if self.is_told() { None } else { self.delivery.take() }
    }

    pub(super) fn give_turn_back(&mut self, delivery: Box<Delivery>) {
        self.delivery = Some(delivery);
    }

    pub(super) fn is_told(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn take(&mut self) -> (VecDeque<Item>, Lost) {
        (std::mem::take(&mut self.items), std::mem::take(&mut self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_knows_what_it_lost() {
        let mut log = Log::new();
        for _ in 0..MAX_WAITING + 2 {
            log.push(Item::Server(ServerEvent::Closed));
        }
        log.push(Item::Change(RosterChange::Joined { name: "ann".into() }));
        let delivery = log.take_turn();
        assert!(delivery.is_some() && log.take_turn().is_none(), "one at a time");
        let (items, lost) = log.take();
        assert_eq!((items.len(), lost), (MAX_WAITING, Lost { server: 2, user: 0, roster: true }));
        assert!(log.is_told());
    }
}
