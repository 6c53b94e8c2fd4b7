//! What the engine asks for: wakes, news, verdicts, and handlers to start.

use std::sync::Arc;

use bytes::Bytes;

use super::drive::{Budget, Driver};
use super::guarded::stop;
use super::work::Work;
use crate::clock;
use crate::engine::Arrived;
use crate::failure::Failure;
use crate::interceptor::Subject;
use crate::peer::Peer;
use crate::stream::cost_of_turn;
use crate::transport::Transport;

/// Bytes of messages that arguments may share while their handlers wait for the next turn.
const MAX_PINNED: usize = 256 << 10;

impl<T: Transport> Driver<T> {
    /// Observers see messages first (R20); what answers another goes on from them.
    fn show_arrived(&mut self) {
        if self.work().effects.arrived.is_empty() {
            return;
        }
        for arrived in std::mem::take(&mut self.work().effects.arrived) {
            let Some(arrived) = self.intercept_arrived(arrived) else { continue };
            self.shared.hub.arrived(&self.shared, &arrived);
            if let Some(key) = arrived.answers {
                self.with_engine(|engine, effects| engine.deliver(key, &arrived, effects));
            }
        }
    }

    /// Answers pass the interceptors here, for they have no turn; one that is denied answers nothing.
    fn intercept_arrived(&self, mut arrived: Arrived) -> Option<Arrived> {
        let Some(interceptors) = self.shared.interceptors.as_ref().filter(|_| arrived.answers.is_some())
        else {
            return Some(arrived);
        };
        let peer = Peer::new(Arc::clone(&self.shared));
        let subject = Subject {
            peer: &peer,
            method: self.shared.serves.find(arrived.method).map_or("(an answer)", |spec| spec.name),
            id: arrived.method,
            is_call: false,
            event_id: Some(arrived.event_id),
            metadata: arrived.metadata.as_ref(),
            began: clock::now(),
            limit: self.shared.limits.max_message,
        };
        let report = self.shared.report(subject.method, arrived.event_id);
        match interceptors.receive(subject, &arrived.body) {
            Ok(passed) => {
                if let Some(body) = passed.replaced {
                    arrived.body = Bytes::copy_from_slice(body.payload());
                }
                arrived.method = passed.rerouted.unwrap_or(arrived.method);
                Some(arrived)
            }
            Err(stopped) => {
                stop(&report, stopped);
                None
            }
        }
    }

    /// Tells the application of the messages that the engine refused or gave up.
    fn tell_failed(&mut self) {
        if self.work().effects.failed.is_empty() {
            return;
        }
        let failed = std::mem::take(&mut self.work().effects.failed);
        let Some(hook) = &self.shared.on_failure else { return };
        for failed in failed {
            let spec = failed.method.and_then(|method| self.shared.serves.spec(method));
            hook.tell(&Failure {
                connection: self.shared.id,
                method: spec.map(|spec| spec.name),
                event_id: failed.event_id,
                kind: failed.kind,
                number: None,
                detail: None,
            });
        }
    }

    /// Does what the engine asked for. `message` brought the arguments of what starts.
    pub(super) fn apply(&mut self, message: Option<&Bytes>, budget: &mut Budget) {
        if !self.work.as_ref().is_some_and(|work| work.effects.asks()) {
            return;
        }
        self.show_arrived();
        self.work().effects.wake();
        self.tell_failed();
        let told = std::mem::take(&mut self.work().effects.told);
        self.shared.tell(told);
        let work = &mut **self.work.get_or_insert_with(Work::borrow);
        work.verdicts.extend(work.effects.verdicts.drain(..));
        for key in work.effects.stops.drain(..) {
            self.handlers.stop(key);
            work.starts.retain(|start| start.key != key);
        }
        for flow in work.effects.upload_stops.drain(..) {
            self.uploads.stop(flow);
        }
        if work.starts.is_empty() {
            self.pinned = 0;
        }
        let mut starts = std::mem::take(&mut work.effects.starts);
        let waiting = work.starts.len();
        self.pace(waiting + starts.len());
        let mut pins = false;
        for mut start in starts.drain(..) {
            if self.work().starts.is_empty() && self.may_poll(budget) {
                self.start(&mut start);
                budget.polls = budget.polls.saturating_sub(cost_of_turn());
            } else {
                match message {
                    // Its turn comes soon; until then it may share the message that brought it, within bounds.
                    Some(message) if self.room > 0 && self.pinned + message.len() <= MAX_PINNED => {
                        pins = true
                    }
                    Some(message) => start.detach(message),
                    None => {}
                }
                self.work().starts.push_back(start);
            }
        }
        self.work().effects.starts = starts;
        if pins {
            self.pinned += message.map_or(0, Bytes::len);
        }
    }
}
