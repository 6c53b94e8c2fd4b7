//! A broadcast in each encoding that its audience speaks.

use crate::codec::{Body, EncodeError, Encoding};
use crate::peer::Peer;

/// One value for each encoding in use: at most as many as there are encodings.
#[derive(Debug)]
pub(super) struct PerEncoding<T> {
    values: Vec<(Encoding, T)>,
}

impl<T> PerEncoding<T> {
    pub(super) fn get(&self, encoding: Encoding) -> Option<&T> {
        self.values.iter().find(|(of, _)| *of == encoding).map(|(_, value)| value)
    }

    /// What is made of the arguments in each of these encodings.
    pub(super) fn of(
        encodings: &[Encoding],
        bodies: impl IntoIterator<Item = Result<Body, EncodeError>>,
        make: impl Fn(Result<Body, EncodeError>) -> Option<T>,
    ) -> Self {
        let bodies = encodings.iter().copied().zip(bodies);
        let values = bodies.filter_map(|(encoding, body)| {
            if let Err(error) = &body {
                tracing::warn!(%error, "the arguments of a broadcast cannot be encoded");
            }
            Some((encoding, make(body)?))
        });
        Self { values: values.collect() }
    }
}

/// The encodings that these peers speak, and the longest arguments that any of them takes.
pub(super) fn spoken(peers: &[Peer]) -> (Vec<Encoding>, usize) {
    let mut encodings = Vec::new();
    let mut limit = 0;
    for peer in peers {
        let encoding = peer.encoding();
        if !encodings.contains(&encoding) {
            encodings.push(encoding);
        }
        limit = limit.max(peer.max_arguments());
    }
    (encodings, limit)
}
