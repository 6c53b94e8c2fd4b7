//! The seam to generated code: what every `…Broadcast` is made of.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::casting::Cast;
use super::frames::{PerEncoding, spoken};
use super::{Casting, Gathering, LatestKey, SlowConsumer};
use crate::call::{Call, RawCall, metadata, unencodable};
use crate::codec::{Body, EncodeError, Encoding};
use crate::context::CallOptions;
use crate::engine::{Content, SharedFrame};
use crate::limits::MAX_MESSAGE_CEILING;
use crate::peer::Peer;
use crate::service::method::NameScope;
use crate::service::{ContractName, Event, EventWriter, MethodId, MethodSpec, Named, Payload, Written};

/// Who is reached by a broadcast; asked anew for each.
pub trait Recipients: Send + Sync + 'static {
    /// Them, each once: connections of servers. Over a connection to a server only calls go; it refuses what is
    /// broadcast (R19).
    fn recipients(&self) -> Vec<Peer>;
}

impl<F: Fn() -> Vec<Peer> + Send + Sync + 'static> Recipients for F {
    fn recipients(&self) -> Vec<Peer> {
        self()
    }
}

/// A typed stub for many: `ChatBroadcast`, which `#[ws_service]` generates. `()` tells nobody anything; a tuple has one
/// for each of its remotes.
pub trait Broadcast: Clone + fmt::Debug + Send + Sync + 'static {
    /// The stub that reaches whom `handle` does.
    fn from_handle(handle: BroadcastHandle) -> Self;
}

impl Broadcast for () {
    fn from_handle(_handle: BroadcastHandle) -> Self {}
}

impl<N: ContractName, B: Broadcast> Broadcast for Named<N, B> {
    fn from_handle(handle: BroadcastHandle) -> Self {
        Self::new(B::from_handle(handle.renamed(N::NAME)))
    }
}

macro_rules! tuples {
    ($(($($member:ident)+))+) => {$(
        impl<$($member: Broadcast),+> Broadcast for ($($member,)+) {
            fn from_handle(handle: BroadcastHandle) -> Self {
                ($($member::from_handle(handle.clone()),)+)
            }
        }
    )+};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

/// Who is reached, and how: what every generated `…Broadcast` is made of.
#[derive(Clone)]
pub struct BroadcastHandle {
    recipients: Arc<dyn Recipients>,
    scope: Option<NameScope>,
    options: Option<Arc<CallOptions>>,
    slow: SlowConsumer,
    latest: Option<LatestKey>,
}

impl BroadcastHandle {
    /// A handle with default options.
    #[must_use]
    pub fn new(recipients: Arc<dyn Recipients>) -> Self {
        Self { recipients, scope: None, options: None, slow: SlowConsumer::default(), latest: None }
    }

    /// What becomes of those who do not keep up with events; calls are bounded by their deadline.
    #[must_use]
    pub const fn slow(mut self, slow: SlowConsumer) -> Self {
        self.slow = slow;
        self
    }

    /// Of the events of one method that wait in one connection under this key, only the latest is sent, in the place of
    /// the first.
    #[must_use]
    pub fn latest_by(mut self, key: impl Into<LatestKey>) -> Self {
        self.latest = Some(key.into());
        self
    }

    /// The same handle with these options: their deadline holds for calls, their metadata for both.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { options: Some(Arc::new(options)), ..self.clone() }
    }

    /// The handle of the contract that is the field `field` of this one, whose own name is `contract`.
    #[must_use]
    pub fn nested(&self, contract: &str, field: &str) -> Self {
        let scope = self.scope.unwrap_or_else(|| NameScope::of(contract)).then(field);
        Self { scope: Some(scope), ..self.clone() }
    }

    /// The handle of the same contract under another name.
    #[must_use]
    pub fn renamed(self, contract: &str) -> Self {
        Self { scope: self.scope.or_else(|| Some(NameScope::of(contract))), ..self }
    }

    /// An event of `method`, its arguments encoded here, once for each encoding that the audience speaks.
    pub fn event(&self, method: &'static MethodSpec, arguments: &impl Serialize) -> Casting {
        let peers = self.recipients.recipients();
        let (encodings, limit) = spoken(&peers);
        let bodies = encodings.iter().map(|encoding| encoding.encode(arguments, limit));
        let id = method.id_in(self.scope);
        self.cast(peers, &encodings, bodies, method, id)
    }

    /// A message that is given as data, of a call's method as well as of an event's: nobody awaits a result.
    pub fn send<V: Event>(&self, event: V) -> Casting {
        let peers = self.recipients.recipients();
        let (mut encodings, mut limit) = spoken(&peers);
        if encodings.is_empty() {
            // The method is known only once it is written.
            encodings.extend(Encoding::available().first());
            limit = MAX_MESSAGE_CEILING;
        }
        let Written { id, method, body, others, .. } =
            event.write(EventWriter::broadcast(&encodings, limit, self.scope));
        self.cast(peers, &encodings, std::iter::once(body).chain(others), method, id)
    }

    fn cast(
        &self,
        peers: Vec<Peer>,
        encodings: &[Encoding],
        bodies: impl IntoIterator<Item = Result<Body, EncodeError>>,
        method: &'static MethodSpec,
        id: MethodId,
    ) -> Casting {
        let metadata = metadata(self.options.as_deref());
        let frames =
            PerEncoding::of(encodings, bodies, |body| Some(SharedFrame::new(id, &metadata, body.ok()?)));
        Casting::new(Cast {
            peers,
            frames,
            id,
            method,
            options: self.options.clone(),
            slow: self.slow,
            latest: self.latest.clone(),
        })
    }

    /// A call of `method` of each of them; its arguments are encoded here, once for each encoding, and shared.
    pub fn call<T: Payload, E: Payload>(
        &self,
        method: &'static MethodSpec,
        arguments: &impl Serialize,
    ) -> Gathering<T, E> {
        let peers = self.recipients.recipients();
        let (encodings, limit) = spoken(&peers);
        let bodies = encodings.iter().map(|encoding| encoding.encode(arguments, limit));
        let bodies = PerEncoding::of(&encodings, bodies, |body| Some(body.map(shared)));
        let id = method.id_in(self.scope);
        let (mut calls, mut failed) = (Vec::with_capacity(peers.len()), Vec::new());
        for peer in peers {
            match bodies.get(peer.encoding()) {
                Some(Ok(body)) => {
                    let content = Content::Shared(body.clone());
                    let to = Arc::clone(peer.shared());
                    let raw = RawCall::new(to, id, method, Ok(content), self.options.clone(), None);
                    calls.push((peer.id(), Call::of(raw)));
                }
                Some(Err(error)) => failed.push((peer.id(), unencodable(error).widen())),
                // Every peer's encoding is among them.
                None => {}
            }
        }
        Gathering::new(calls, failed)
    }
}

fn shared(body: Body) -> Bytes {
    Bytes::from(body.into_buffer()).slice(Body::HEADROOM..)
}

impl fmt::Debug for BroadcastHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastHandle")
            .field("slow", &self.slow)
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}
