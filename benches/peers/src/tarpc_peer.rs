//! tarpc over TCP, with its bincode transport. It has calls from client to server, and nothing else.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::StreamExt;
use harness::{Outcome, Record, System, raw};
use tarpc::server::{BaseChannel, Channel};
use tarpc::{client, context, serde_transport};
use tokio::net::{TcpListener, TcpStream};
use tokio_serde::formats::Bincode;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Calls that it is told to expect; its defaults are too few for 1,024 in flight.
const IN_FLIGHT: usize = 4096;
const LONGEST: usize = 64 << 20;

#[tarpc::service]
trait Bench {
    async fn echo(record: Record) -> Record;
    async fn echo_bytes(bytes: Bytes) -> Bytes;
}

#[derive(Clone)]
struct Service;

impl Bench for Service {
    async fn echo(self, _: context::Context, record: Record) -> Record {
        record
    }

    async fn echo_bytes(self, _: context::Context, bytes: Bytes) -> Bytes {
        bytes
    }
}

fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::builder().max_frame_length(LONGEST).new_codec())
}

pub async fn serve(listener: TcpListener) -> Outcome<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let transport = serde_transport::new(framed(stream), Bincode::default());
        let config = tarpc::server::Config { pending_response_buffer: 1024 };
        // A task for each request, as its own examples have it.
        tokio::spawn(BaseChannel::new(config, transport).execute(Service.serve()).for_each(
            |request| async move {
                tokio::spawn(request);
            },
        ));
    }
}

#[derive(Clone)]
pub struct Peer(BenchClient);

impl System for Peer {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let transport = serde_transport::new(framed(raw::dial(address).await?), Bincode::default());
        let mut config = client::Config::default();
        config.max_in_flight_requests = IN_FLIGHT;
        config.pending_request_buffer = 1024;
        Ok(Self(BenchClient::new(config, transport).spawn()))
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        Ok(self.0.echo(context::current(), record).await?)
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        Ok(self.0.echo_bytes(context::current(), bytes).await?.len())
    }
}
