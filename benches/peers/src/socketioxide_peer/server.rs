//! The server. Bytes travel as text, as with jsonrpsee.

use std::time::Duration;

use axum::serve::ListenerExt;
use harness::{EVENT_BYTES, Outcome, Record, repeat_calls};
use serde::Serialize;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::{SocketIo, TransportType};
use tokio::net::TcpListener;

/// Messages that wait for one connection.
const WAITING: usize = 100_000;
const ROOM: &str = "subscribers";

pub async fn serve(listener: TcpListener) -> Outcome<()> {
    let (layer, io) = SocketIo::builder()
        .max_payload(64 << 20)
        .max_buffer_size(WAITING)
        .ws_read_buffer_size(16 << 10)
        .transports([TransportType::Websocket])
        .build_layer();
    let all = io.clone();
    io.ns("/", async move |socket: SocketRef| handlers(&socket, all.clone()));
    let listener = listener.tap_io(|stream| {
        // Without it the figures are those of a timer.
        let _set = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}

fn handlers(socket: &SocketRef, all: SocketIo) {
    socket.on("echo", async |Data::<Record>(record), ack: AckSender| {
        ack.send(&record).ok();
    });
    socket.on("echo_bytes", async |Data::<String>(text), ack: AckSender| {
        ack.send(&text).ok();
    });
    socket.on("subscribe", async |socket: SocketRef, ack: AckSender| {
        socket.join(ROOM);
        ack.send(&()).ok();
    });
    socket.on("broadcast", async move |ack: AckSender| {
        all.to(ROOM).emit("event", &"e".repeat(EVENT_BYTES)).await.ok();
        ack.send(&()).ok();
    });
    socket.on("items", async |socket: SocketRef, Data::<u64>(count), ack: AckSender| {
        for index in 0..count {
            emit(&socket, "item", &Record::new(index)).await;
            if index % 256 == 255 {
                tokio::task::yield_now().await;
            }
        }
        ack.send(&count).ok();
    });
    socket.on("blocks", async |socket: SocketRef, Data::<(u64, usize)>((count, bytes)), ack: AckSender| {
        let block = "x".repeat(bytes);
        for _ in 0..count {
            emit(&socket, "block", &block).await;
            tokio::task::yield_now().await;
        }
        ack.send(&count).ok();
    });
    socket.on(
        "reverse",
        async |socket: SocketRef, Data::<(usize, u64)>((in_flight, milliseconds)), ack: AckSender| {
            let calls = repeat_calls(in_flight, Duration::from_millis(milliseconds), move |_, record| {
                let socket = socket.clone();
                async move {
                    let answer = socket
                        .emit_with_ack::<_, Record>("shown", &record)
                        .map_err(|error| error.to_string())?;
                    Ok(answer.await?)
                }
            });
            ack.send(&calls.await.unwrap_or(0)).ok();
        },
    );
}

/// Its way to say that a connection has too much to send is an error.
async fn emit(socket: &SocketRef, event: &'static str, data: &(impl Serialize + Sync)) {
    while socket.connected() && socket.emit(event, data).is_err() {
        tokio::task::yield_now().await;
    }
}
