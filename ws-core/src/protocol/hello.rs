//! The handshake: HELLO, WELCOME and REJECT (P14–P16). Rare frames, so they own what they carry.

use super::close::clip;
use super::frame::{encode, kind};
use super::reader::{Malformed, Reader};
use super::{VERSION, varint};
use crate::limits::{MAX_FINGERPRINTS, MAX_MESSAGE_CEILING, MAX_REASON_BYTES};
use crate::service::{MethodId, MethodTable};

/// What a side takes, announced once (R12). The other side keeps to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Bytes of one frame.
    pub max_message: u64,
    /// Calls at once, at depth 0.
    pub max_in_flight: u64,
    /// Argument bytes of the calls at once, at depth 0.
    pub max_call_bytes: u64,
    /// Events before the first CREDIT.
    pub event_messages: u64,
    /// Event bytes before the first CREDIT.
    pub event_bytes: u64,
    /// Calls that stream at once, at depth 0.
    pub max_streams: u64,
    /// Items of a stream before its first CREDIT.
    pub stream_items: u64,
    /// Bytes of a stream's items before its first CREDIT.
    pub stream_bytes: u64,
    /// Silence after which this side pings, in milliseconds.
    pub ping_ms: u64,
}

/// One method's identity and its signature's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The wire identity.
    pub method: MethodId,
    /// The signature's hash.
    pub signature: u64,
}

/// HELLO: the client's first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The protocol version; a server that speaks another one reads no further.
    pub version: u64,
    /// Reserved feature bits, 0 in version 1; unknown ones are ignored.
    pub features: u64,
    /// What the client takes.
    pub announced: Announced,
    /// The methods that the client serves.
    pub serves: Vec<Fingerprint>,
    /// The methods that the client calls.
    pub calls: Vec<Fingerprint>,
    /// The typed header in the connection's encoding.
    pub header: Vec<u8>,
}

/// Which side serves a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The server serves it.
    Server,
    /// The client serves it.
    Client,
}

/// A method whose signature differs, as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Who serves it.
    pub served_by: Side,
    /// The wire identity, and the server's signature.
    pub fingerprint: Fingerprint,
}

/// WELCOME: the server's first frame on an accepted connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version, that of the HELLO.
    pub version: u64,
    /// Reserved feature bits, 0 in version 1.
    pub features: u64,
    /// What the server takes.
    pub announced: Announced,
    /// The methods that will fail `SchemaMismatch`, and only they.
    pub mismatches: Vec<Mismatch>,
}

/// REJECT: the server's answer to a HELLO that it does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The server's protocol version.
    pub version: u64,
    /// Why, as the close code that follows.
    pub code: u16,
    /// How many more HELLOs the server takes on this connection; 0: it closes (R7).
    pub retry: u8,
    /// Why, for people; at most 1 KiB.
    pub reason: String,
}

impl Announced {
    fn write(&self, out: &mut Vec<u8>) {
        for value in [
            self.max_message,
            self.max_in_flight,
            self.max_call_bytes,
            self.event_messages,
            self.event_bytes,
            self.max_streams,
            self.stream_items,
            self.stream_bytes,
            self.ping_ms,
        ] {
            varint::put(value, |byte| out.push(byte));
        }
    }

    /// Reads what the other side announces. A bound of zero could never be met, so it is malformed (P15).
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let announced = Self {
            max_message: reader.varint()?,
            max_in_flight: reader.varint()?,
            max_call_bytes: reader.varint()?,
            event_messages: reader.varint()?,
            event_bytes: reader.varint()?,
            max_streams: reader.varint()?,
            stream_items: reader.varint()?,
            stream_bytes: reader.varint()?,
            ping_ms: reader.varint()?,
        };
        let usable = announced.max_message >= 1024
            && announced.max_in_flight >= 1
            && announced.max_call_bytes >= 1
            && announced.event_messages >= 1
            && announced.event_bytes >= 1
            && announced.max_streams >= 1
            && announced.stream_items >= 1
            && announced.stream_bytes >= 1;
        if usable { Ok(announced) } else { Err(Malformed("an announced limit can never be met")) }
    }

    /// The longest frame to send: theirs, and never more than what this implementation builds.
    #[must_use]
    pub fn frame_limit(&self) -> usize {
        usize::try_from(self.max_message).unwrap_or(usize::MAX).min(MAX_MESSAGE_CEILING)
    }
}

impl Fingerprint {
    /// The fingerprints of a table, in its order.
    #[must_use]
    pub fn of(table: &MethodTable) -> Vec<Self> {
        table.specs().iter().map(|spec| Self { method: spec.id, signature: spec.signature }).collect()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.method.to_u32().to_le_bytes());
        out.extend_from_slice(&self.signature.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { method: MethodId::from_u32(reader.u32()?), signature: reader.u64()? })
    }
}

fn read_list<T>(
    reader: &mut Reader<'_>,
    most: usize,
    mut one: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.varint()?;
    if count > most as u64 {
        return Err(Malformed("more fingerprints than there may be"));
    }
    // No reservation: the list grows with what is really there.
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(one(reader)?);
    }
    Ok(list)
}

impl Hello {
    /// The whole frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = encode::rare(kind::HELLO);
        varint::put(self.version, |byte| out.push(byte));
        varint::put(self.features, |byte| out.push(byte));
        self.announced.write(&mut out);
        for list in [&self.serves, &self.calls] {
            varint::put(list.len() as u64, |byte| out.push(byte));
            for fingerprint in list {
                fingerprint.write(&mut out);
            }
        }
        out.extend_from_slice(&self.header);
        out
    }

    /// The version alone, which decides whether the rest can be read (P14).
    ///
    /// # Errors
    /// The number is malformed.
    pub fn version(fields: &[u8]) -> Result<u64, Malformed> {
        Reader::new(fields).varint()
    }

    /// Parses what follows kind and flags.
    ///
    /// # Errors
    /// What the protocol does not allow.
    pub fn parse(fields: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(fields);
        let version = reader.varint()?;
        if version != VERSION {
            return Err(Malformed("a version that is not spoken here"));
        }
        Ok(Self {
            version,
            features: reader.varint()?,
            announced: Announced::read(&mut reader)?,
            serves: read_list(&mut reader, MAX_FINGERPRINTS, Fingerprint::read)?,
            calls: read_list(&mut reader, MAX_FINGERPRINTS, Fingerprint::read)?,
            header: reader.rest().to_vec(),
        })
    }
}

impl Welcome {
    /// The whole frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = encode::rare(kind::WELCOME);
        varint::put(self.version, |byte| out.push(byte));
        varint::put(self.features, |byte| out.push(byte));
        self.announced.write(&mut out);
        varint::put(self.mismatches.len() as u64, |byte| out.push(byte));
        for mismatch in &self.mismatches {
            out.push(match mismatch.served_by {
                Side::Server => 0,
                Side::Client => 1,
            });
            mismatch.fingerprint.write(&mut out);
        }
        out
    }

    /// Parses what follows kind and flags.
    ///
    /// # Errors
    /// What the protocol does not allow.
    pub fn parse(fields: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(fields);
        let version = reader.varint()?;
        if version != VERSION {
            return Err(Malformed("a version that is not spoken here"));
        }
        let features = reader.varint()?;
        let announced = Announced::read(&mut reader)?;
        // Of either direction.
        let mismatches = read_list(&mut reader, 2 * MAX_FINGERPRINTS, |reader| {
            let served_by = match reader.u8()? {
                0 => Side::Server,
                1 => Side::Client,
                _ => return Err(Malformed("a side that is neither server nor client")),
            };
            Ok(Mismatch { served_by, fingerprint: Fingerprint::read(reader)? })
        })?;
        reader.end()?;
        Ok(Self { version, features, announced, mismatches })
    }
}

impl Reject {
    /// A rejection by this version, after which the server closes; the reason is cut to 1 KiB.
    #[must_use]
    pub fn new(code: u16, reason: &str) -> Self {
        Self { version: VERSION, code, retry: 0, reason: clip(reason, MAX_REASON_BYTES).to_owned() }
    }

    /// The same, after which the server takes this many more HELLOs.
    #[must_use]
    pub const fn with_retry(mut self, retry: u8) -> Self {
        self.retry = retry;
        self
    }

    /// The whole frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = encode::rare(kind::REJECT);
        varint::put(self.version, |byte| out.push(byte));
        out.extend_from_slice(&self.code.to_le_bytes());
        out.push(self.retry);
        out.extend_from_slice(self.reason.as_bytes());
        out
    }

    /// Parses what follows kind and flags.
    ///
    /// # Errors
    /// What the protocol does not allow.
    pub fn parse(fields: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(fields);
        let version = reader.varint()?;
        let code = reader.u16()?;
        let retry = reader.u8()?;
        let reason = reader.rest();
        if reason.len() > MAX_REASON_BYTES {
            return Err(Malformed("a reason over 1 KiB"));
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Malformed("a text is not UTF-8"))?.to_owned();
        Ok(Self { version, code, retry, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Frame;

    const ANNOUNCED: Announced = Announced {
        max_message: 1 << 20,
        max_in_flight: 256,
        max_call_bytes: 4 << 20,
        event_messages: 256,
        event_bytes: 1 << 20,
        max_streams: 64,
        stream_items: 32,
        stream_bytes: 8 << 10,
        ping_ms: 15_000,
    };

    #[test]
    fn the_handshake_survives_the_round_trip() {
        let fingerprint = Fingerprint { method: MethodId::of("A.b"), signature: 7 };
        let hello = Hello {
            version: 1,
            features: 0,
            announced: ANNOUNCED,
            serves: vec![fingerprint],
            calls: vec![],
            header: vec![1, 2, 3],
        };
        let bytes = hello.encode();
        let Ok(Frame::Hello(fields)) = Frame::parse(&bytes) else { panic!("a HELLO") };
        assert_eq!(Hello::parse(fields), Ok(hello));

        let mismatches = vec![Mismatch { served_by: Side::Client, fingerprint }];
        let welcome = Welcome { version: 1, features: 0, announced: ANNOUNCED, mismatches };
        let bytes = welcome.encode();
        let Ok(Frame::Welcome(fields)) = Frame::parse(&bytes) else { panic!("a WELCOME") };
        assert_eq!(Welcome::parse(fields), Ok(welcome));

        let reject = Reject::new(4501, &"é".repeat(2000));
        assert_eq!(reject.reason.len(), 1024);
        let bytes = reject.encode();
        let Ok(Frame::Reject(fields)) = Frame::parse(&bytes) else { panic!("a REJECT") };
        assert_eq!(Reject::parse(fields), Ok(reject));
    }

    #[test]
    fn claims_are_not_believed() {
        let mut hello = vec![1, 0];
        ANNOUNCED.write(&mut hello);
        varint::put(5000, |byte| hello.push(byte));
        assert!(Hello::parse(&hello).is_err(), "5,000 fingerprints");
        let mut zero = vec![1, 0];
        Announced { max_in_flight: 0, ..ANNOUNCED }.write(&mut zero);
        zero.extend([0, 0]);
        assert!(Hello::parse(&zero).is_err(), "a limit of nothing");
    }
}
