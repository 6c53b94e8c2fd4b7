//! Starting handlers and polling them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::drive::{AHEAD, Budget, Driver, POLLS};
use super::guarded::{Guarded, refused, stop};
use super::handlers::Handler;
use super::spawned::{Spawned, Tasks};
use crate::engine::{DYNAMIC, Key, Start, Verdict};
use crate::failure::{FailureKind, panic_text};
use crate::interceptor::{Passed, Returning, Subject};
use crate::peer::Peer;
use crate::protocol::FailClass;
use crate::service::scope::{self, Scope};
use crate::service::{Invocation, InvocationParts, MethodSpec, Refusal};
use crate::stream::cost_of_turn;
use crate::transport::Transport;

/// What is known of a method that is in no table.
static ROUTED: MethodSpec = MethodSpec::call("(a route)", "", 0);

impl<T: Transport> Driver<T> {
    /// Sets how many answers leave before all of `waiting` handlers have started. Where other connections keep this
    /// thread busy, writing more often would only cost.
    pub(super) fn pace(&mut self, waiting: usize) {
        if waiting > 0 {
            self.ahead = if self.alone { (waiting / 4).clamp(AHEAD, POLLS) } else { POLLS };
        }
    }

    /// Whether one more handler may be polled before answers are written.
    pub(super) fn may_poll(&self, budget: &Budget) -> bool {
        let verdicts = self.work.as_ref().map_or(0, |work| work.verdicts.len());
        budget.polls > 0 && self.room > 0 && verdicts < self.ahead
    }

    /// Starts what waits and polls what was woken, within the budget and while the outbox has room (R38).
    pub(super) fn run_handlers(&mut self, budget: &mut Budget) {
        while self.may_poll(budget) {
            if let Some(mut start) = self.work().starts.pop_front() {
                self.start(&mut start);
                budget.polls = budget.polls.saturating_sub(cost_of_turn());
                continue;
            }
            match self.handlers.poll_next() {
                None => return,
                Some(None) => budget.polls = budget.polls.saturating_sub(cost_of_turn()),
                Some(Some((key, verdict))) => {
                    budget.polls = budget.polls.saturating_sub(cost_of_turn());
                    self.ended_with(key, verdict);
                }
            }
        }
    }

    /// Decodes the arguments, makes the handler and polls it once, in place.
    pub(super) fn start(&mut self, start: &mut Start) {
        let key = start.key;
        let verdict = match self.handler(start) {
            Ok(handler) => self.handlers.start(key, handler),
            Err(verdict) => Some(verdict),
        };
        if let Some(verdict) = verdict {
            self.ended_with(key, verdict);
        }
    }

    fn tasks(&self) -> &Arc<Tasks> {
        self.tasks.get_or_init(Arc::default)
    }

    fn handler(&self, start: &mut Start) -> Result<Handler, Verdict> {
        let returning = self.intercept(start)?;
        let listened = self.shared.hub.turn(&self.shared, start);
        let provider = self.provider.as_ref().ok_or(Verdict::Fail(FailClass::NoProvider))?;
        let spec = self.shared.serves.spec(start.method).unwrap_or(&ROUTED);
        // What streams values has a deadline only until it is open; then it, and what it calls, goes on (R14).
        let deadline = start.deadline.filter(|_| !spec.streams.down());
        let scope = Scope { depth: start.depth, deadline };
        let report = self.shared.report(spec.name, start.event_id);
        let parts = InvocationParts {
            peer: Peer::new(Arc::clone(&self.shared)),
            encoding: self.shared.encoding,
            decode_limits: self.shared.limits.decode(),
            max_reply: self.max_answer,
            method: spec.name,
            streams: spec.streams,
            depth: start.depth,
            deadline,
            event_id: start.event_id,
            reply_to: start.reply_to,
            asked: crate::ask::asked(start.wants_answer),
            metadata: start.metadata.take().map(Arc::new),
            awaiting: start.awaiting.clone(),
            flow: start.flow,
        };
        // Aborted tasks that still block their threads have lost their slots; bound them as well (R14).
        if spec.spawn && self.tasks().alive() > 2 * self.shared.limits.all_slots() {
            report.failed(FailureKind::Overloaded, Some("too many tasks"));
            return Err(Verdict::Fail(FailClass::Overloaded));
        }
        let future = {
            let _entered = scope::enter(scope);
            let _awaiting = start.awaiting.clone().map(|awaiting| scope::enter_awaiting(Some(awaiting)));
            let invocation = Invocation::new(&start.body, &parts);
            catch_unwind(AssertUnwindSafe(|| match start.method {
                DYNAMIC => provider.start_route(start.id, &invocation),
                method => provider.start(method, &invocation),
            }))
        };
        let handler = match future {
            Ok(Ok(future)) => Guarded::new(future, scope, start.awaiting.take(), report, returning),
            // Listeners had it, and nothing else is there for it.
            Ok(Err(Refusal::UnknownMethod | Refusal::NoProvider)) if listened => {
                return Err(Verdict::Nothing);
            }
            Ok(Err(refusal)) => return Err(Verdict::Fail(refused(&report, &refusal))),
            Err(panic) => {
                let number = report.internal(FailureKind::Panicked, &panic_text(panic.as_ref()));
                return Err(Verdict::Internal(number));
            }
        };
        if !spec.spawn {
            return Ok(Handler::Inline(handler));
        }
        Ok(Handler::Spawned(Spawned::new(handler, self.tasks())))
    }

    /// Has the interceptors see a message before it is handled: what it is now, and what they are asked at its end.
    fn intercept(&self, start: &mut Start) -> Result<Option<Box<Returning>>, Verdict> {
        let Some(interceptors) = &self.shared.interceptors else { return Ok(None) };
        let (shared, peer) = (&self.shared, Peer::new(Arc::clone(&self.shared)));
        let spec = shared.serves.spec(start.method).unwrap_or(&ROUTED);
        let began = crate::clock::now();
        let subject = Subject {
            peer: &peer,
            method: spec.name,
            id: start.id,
            is_call: start.is_call,
            event_id: Some(start.event_id),
            metadata: start.metadata.as_ref(),
            began,
            limit: shared.limits.max_message,
        };
        let report = shared.report(spec.name, start.event_id);
        let Passed { replaced, rerouted } =
            interceptors.receive(subject, &start.body).map_err(|stopped| stop(&report, stopped))?;
        if let Some(body) = replaced {
            start.body = Bytes::copy_from_slice(body.payload());
        }
        if let Some(id) = rerouted {
            start.id = id;
            start.method = shared.serves.index(id).unwrap_or(DYNAMIC);
        }
        let metadata = start.metadata.clone().map(Arc::new);
        let returning = start.is_call.then(|| {
            Box::new(Returning {
                interceptors: interceptors.clone(),
                peer,
                method: spec.name,
                id: start.id,
                event_id: start.event_id,
                metadata,
                began,
                limit: self.max_answer,
            })
        });
        Ok(returning)
    }

    fn ended_with(&mut self, key: Key, verdict: Verdict) {
        if let Verdict::Value(body) | Verdict::Declared(body) = &verdict {
            self.room = self.room.saturating_sub(body.len());
        }
        self.work().verdicts.push_back((key, verdict));
    }
}
