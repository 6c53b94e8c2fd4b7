//! What a connection keeps while it rests. These figures are not of the protocol: they stand here so that whoever adds to
//! what every idle connection pays notices. What few connections need, or none while nothing goes on, belongs behind a
//! `Box` that is made when it is needed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Driver;
use crate::codec::Encoding;
use crate::error::Never;
use crate::limits::Limits;
use crate::link::{Link, LinkConfig, Opening};
use crate::service::{CallContext, MethodTable, Router};
use crate::shared::Shared;
use crate::transport::{MemoryTransport, memory_pair};

#[test]
fn what_every_connection_keeps_stays_small() {
    // The whole of a connection, idle, is to stay within 4 KiB on a server. Beside these two it has, of tokio's, a task,
    // a timer and a registration of its socket, and the application's provider, header and context.
    assert!(size_of::<Shared>() <= 1400, "{}", size_of::<Shared>());
    // tokio gives a task whole steps of 128 bytes: with a TCP stream of 24 bytes and the 112 of a server's task around
    // it, this makes six.
    #[cfg(feature = "websocket")]
    {
        type OfWebSocket = Driver<crate::transport::WebSocketTransport<tokio::io::Empty>>;
        assert!(size_of::<OfWebSocket>() <= 608, "{}", size_of::<OfWebSocket>());
    }
}

/// Polls both until neither has anything to do.
fn settle(drivers: [&mut Driver<MemoryTransport>; 2]) {
    let mut cx = Context::from_waker(Waker::noop());
    let drivers = drivers.map(|driver| {
        // Memory wakes as soon as there is something, so a few turns of each are enough.
        move |cx: &mut Context<'_>| assert!(Pin::new(&mut *driver).poll(cx).is_pending(), "it goes on")
    });
    let [mut one, mut other] = drivers;
    for _ in 0..8 {
        one(&mut cx);
        other(&mut cx);
    }
}

fn assert_rests(driver: &Driver<MemoryTransport>) {
    assert!(driver.work.is_none(), "the lists of a turn are for the next one, of whichever connection");
    assert!(driver.uploads.is_empty() && driver.closing.is_none() && driver.tasks.get().is_none());
    assert!(driver.shared.lock().mail.is_none(), "what handles left was taken");
}

#[tokio::test(start_paused = true)]
async fn a_driver_at_rest_keeps_nothing_of_what_it_worked_with() {
    let table = Arc::<MethodTable>::default();
    let config = LinkConfig::new(Arc::new(Limits::default()), Arc::clone(&table), table);
    let (here, there) = memory_pair(8);
    let encoding = Encoding::available()[0];
    let (server, mut serving) = Link::server(here, encoding, &config, None);
    let (client, mut calling) = Link::client(there, encoding, &config, &(), None).expect("a header");
    let mut cx = Context::from_waker(Waker::noop());

    settle([&mut serving, &mut calling]);
    assert!(matches!(pin!(server.opening()).poll(&mut cx), Poll::Ready(Opening::Header(_))));
    let router = Router::new().route("add", |_: CallContext, (a, b): (u8, u8)| async move {
        // Pending at first, so that the driver keeps the handler.
        let mut pending = true;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::take(&mut pending) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        a + b
    });
    server.accept(Arc::new(router.expect("a free name"))).expect("it is open");
    settle([&mut serving, &mut calling]);
    for driver in [&serving, &calling] {
        assert_rests(driver);
        assert!(driver.handlers.is_empty(), "no handler has run");
    }

    let mut call = client.peer().route("add").call::<u8, Never>(&(2_u8, 3_u8));
    assert!(pin!(&mut call).poll(&mut cx).is_pending(), "it is on its way");
    settle([&mut serving, &mut calling]);
    assert!(matches!(pin!(&mut call).poll(&mut cx), Poll::Ready(Ok(5))));
    settle([&mut serving, &mut calling]);
    for driver in [&serving, &calling] {
        assert_rests(driver);
    }

    // Silence: the tables of handlers go as well.
    tokio::time::advance(Limits::default().ping_interval).await;
    settle([&mut serving, &mut calling]);
    assert_rests(&serving);
    assert!(serving.handlers.is_empty(), "nothing has run for long");
}
