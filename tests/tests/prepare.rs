//! What a provider does once, before the first connection is accepted with it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::transport::memory_pair;
use ws_core::{CallError, ContractName, Encoding, Guarded, Limits, Named, Provider, code, ws_service};
use ws_server::{AcceptError, WebSocketServer};
use ws_tests::fixture::{heard, until_true};

#[ws_service]
trait Shop {
    async fn open_since(&self) -> usize;
}

/// Counts how often it is prepared, and lets the test say how that ends.
struct Corner {
    prepared: AtomicUsize,
    fails: AtomicBool,
    panics: AtomicBool,
    begun: UnboundedSender<usize>,
    gate: Semaphore,
}

impl Shop for Corner {
    async fn open_since(&self) -> usize {
        self.prepared.load(Ordering::SeqCst)
    }
}

async fn prepare(shop: Arc<Corner>) -> Result<(), String> {
    let times = shop.prepared.fetch_add(1, Ordering::SeqCst) + 1;
    let _ = shop.begun.send(times);
    shop.gate.acquire().await.expect("it stays open").forget();
    assert!(!shop.panics.load(Ordering::SeqCst), "a secret panic");
    if shop.fails.load(Ordering::SeqCst) { Err("a secret reason".to_owned()) } else { Ok(()) }
}

fn corner() -> (Arc<Corner>, ShopProvider<Corner>, UnboundedReceiver<usize>) {
    let (begun, told) = unbounded_channel();
    let shop = Arc::new(Corner {
        prepared: AtomicUsize::new(0),
        fails: AtomicBool::new(false),
        panics: AtomicBool::new(false),
        begun,
        gate: Semaphore::new(0),
    });
    (Arc::clone(&shop), ShopProvider::from_arc(shop).prepare(prepare), told)
}

type Server<P> = WebSocketServer<(), P, ()>;

/// Serves clones of one provider; tells what each `accept` said.
async fn serve<P: Provider + Clone>(
    provider: P,
) -> (Server<P>, String, UnboundedReceiver<Option<AcceptError>>) {
    let (server, url, told, _) = serve_counting(provider).await;
    (server, url, told)
}

/// The same, and how many wait in `accept`, or have left it.
async fn serve_counting<P: Provider + Clone>(
    provider: P,
) -> (Server<P>, String, UnboundedReceiver<Option<AcceptError>>, Arc<AtomicUsize>) {
    let server = Server::<P>::new();
    let (tell, told) = unbounded_channel();
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let (provider, tell, count) = (provider.clone(), tell.clone(), Arc::clone(&count));
            async move {
                // On one thread nobody looks between this and the first poll of `accept`.
                count.fetch_add(1, Ordering::SeqCst);
                let accepted = acceptor.accept(provider).await;
                let _ = tell.send(accepted.err());
                Ok(())
            }
        })
        .await
        .expect("a free port");
    (server, format!("ws://{address}"), told, asked)
}

fn connector() -> WebSocketConnector<(), (), ShopRemote> {
    WebSocketConnector::new(())
}

#[tokio::test]
async fn it_runs_once_for_all_clones_and_before_the_first_acceptance() {
    let (shop, provider, mut begun) = corner();
    let (server, url, _accepted, asked) = serve_counting(provider).await;
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { connector().connect(url, ()).await })
        })
        .collect();
    assert_eq!(heard(&mut begun).await, Some(1));
    until_true(|| asked.load(Ordering::SeqCst) == 5).await;
    assert!(clients.iter().all(|client| !client.is_finished()), "R9: nobody is accepted before it is done");
    assert_eq!(server.connections().len(), 0);
    shop.gate.add_permits(1);
    for client in clients {
        let connection = client.await.expect("no panic").expect("a connection");
        assert_eq!(connection.remote().open_since().await, Ok(1));
    }
    assert!(begun.try_recv().is_err(), "once");
    let late = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(late.remote().open_since().await, Ok(1));
}

#[tokio::test]
async fn it_may_be_done_before_the_server_opens() {
    let (shop, provider, mut begun) = corner();
    shop.gate.add_permits(1);
    provider.prepared().await.expect("it works");
    assert_eq!(heard(&mut begun).await, Some(1));
    provider.clone().prepared().await.expect("it is done");
    let (_server, url, _accepted) = serve(provider).await;
    let connection = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(connection.remote().open_since().await, Ok(1));
}

#[tokio::test]
async fn one_that_was_never_asked_for_never_runs() {
    let (shop, provider, mut begun) = corner();
    drop(provider);
    assert!(begun.try_recv().is_err());
    assert_eq!((shop.prepared.load(Ordering::SeqCst), Arc::strong_count(&shop)), (0, 1));
}

#[tokio::test]
async fn a_failure_rejects_without_detail_and_the_next_one_tries_again() {
    let (shop, provider, _begun) = corner();
    let (server, url, mut accepted) = serve(provider).await;
    for panics in [false, true] {
        shop.fails.store(!panics, Ordering::SeqCst);
        shop.panics.store(panics, Ordering::SeqCst);
        shop.gate.add_permits(1);
        let rejected = connector().connect(&url, ()).await.expect_err("it fails");
        let ConnectError::Rejected { code: code::INTERNAL, reason } = &rejected else {
            panic!("{rejected:?}")
        };
        assert_eq!(reason, "", "R7");
        assert!(!format!("{rejected} {rejected:?}").contains("secret"));
        let error = heard(&mut accepted).await.expect("told").expect("not accepted");
        let AcceptError::Prepare(cause) = &error else { panic!("{error:?}") };
        let source = std::error::Error::source(cause).expect("the server's own code learns why").to_string();
        assert!(panics || source == "a secret reason", "{source}");
        assert_eq!(server.connections().len(), 0);
    }
    shop.fails.store(false, Ordering::SeqCst);
    shop.panics.store(false, Ordering::SeqCst);
    shop.gate.add_permits(1);
    let connection = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(connection.remote().open_since().await, Ok(3), "each of the three tried");
    assert!(heard(&mut accepted).await.expect("told").is_none());
}

#[tokio::test]
async fn all_who_wait_for_one_that_fails_are_rejected_and_it_ran_once() {
    let (shop, provider, mut begun) = corner();
    let (_server, url, _accepted, asked) = serve_counting(provider).await;
    shop.fails.store(true, Ordering::SeqCst);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { connector().connect(url, ()).await })
        })
        .collect();
    assert_eq!(heard(&mut begun).await, Some(1));
    until_true(|| asked.load(Ordering::SeqCst) == 4).await;
    shop.gate.add_permits(1);
    for client in clients {
        let rejected = client.await.expect("no panic").expect_err("it fails");
        assert!(matches!(rejected, ConnectError::Rejected { code: code::INTERNAL, .. }), "{rejected:?}");
    }
    assert!(begun.try_recv().is_err());
}

#[tokio::test]
async fn it_goes_on_where_the_socket_that_waited_for_it_dies() {
    let (shop, provider, mut begun) = corner();
    let (server, url, _accepted) = serve(provider).await;
    let first = tokio::spawn({
        let url = url.clone();
        async move { connector().connect(url, ()).await }
    });
    assert_eq!(heard(&mut begun).await, Some(1));
    first.abort();
    until_true(|| server.counts().unactivated == 0).await;
    shop.gate.add_permits(1);
    let second = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(second.remote().open_since().await, Ok(1), "it was not begun again");
    server.close().await;
}

#[tokio::test]
async fn r6_one_that_takes_too_long_ends_the_wait_and_not_itself() {
    let (shop, provider, mut begun) = corner();
    let server = Server::<ShopProvider<Corner>>::builder()
        .limits(Limits::default().decision_timeout(Duration::from_millis(50)))
        .build()
        .expect("good limits");
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let provider = provider.clone();
            async move {
                acceptor.accept(provider).await?;
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let url = format!("ws://{address}");
    assert!(connector().connect(&url, ()).await.is_err(), "the decision took too long");
    assert_eq!(heard(&mut begun).await, Some(1));
    shop.gate.add_permits(1);
    let connection = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(connection.remote().open_since().await, Ok(1));
}

#[tokio::test]
async fn a_server_that_closes_meanwhile_accepts_nobody() {
    let (shop, provider, mut begun) = corner();
    let (server, url, mut accepted) = serve(provider).await;
    let waiting = tokio::spawn(async move { connector().connect(url, ()).await });
    assert_eq!(heard(&mut begun).await, Some(1));
    server.close().await;
    shop.gate.add_permits(1);
    assert!(waiting.await.expect("no panic").is_err());
    if let Some(told) = heard(&mut accepted).await {
        assert!(told.is_some(), "it was not accepted");
    }
    assert_eq!(server.connections().len(), 0);
}

#[tokio::test]
async fn tuples_names_and_guards_pass_it_on() {
    struct Second;
    impl ContractName for Second {
        const NAME: &'static str = "second";
    }
    let ((first, one, _begun), (second, two, _begun_second)) = (corner(), corner());
    first.gate.add_permits(1);
    second.gate.add_permits(1);
    let provider = ((), one, (Named::<Second, _>::new(Guarded::new(two)),));
    let (_server, url, _accepted) = serve(provider).await;
    type Remotes = (ShopRemote, Named<Second, ShopRemote>);
    let connection =
        WebSocketConnector::<(), (), Remotes>::new(()).connect(&url, ()).await.expect("a connection");
    let (one, two) = connection.remote();
    assert_eq!((one.open_since().await, two.open_since().await), (Ok(1), Ok(1)));
}

#[tokio::test]
async fn of_a_tuple_each_is_prepared_once_though_another_fails() {
    let ((first, one, _begun), (second, two, _begun_second)) = (corner(), corner());
    struct Second;
    impl ContractName for Second {
        const NAME: &'static str = "second";
    }
    let (_server, url, _accepted) = serve((one, Named::<Second, _>::new(two))).await;
    first.gate.add_permits(5);
    second.gate.add_permits(5);
    second.fails.store(true, Ordering::SeqCst);
    assert!(connector().connect(&url, ()).await.is_err());
    second.fails.store(false, Ordering::SeqCst);
    let connection = connector().connect(&url, ()).await.expect("a connection");
    assert_eq!(connection.remote().open_since().await, Ok(1), "what is done stays done");
    assert_eq!(second.prepared.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_client_prepares_before_it_is_connected_and_tells_its_caller_why_not() {
    let (shop, provider, mut begun) = corner();
    let server = WebSocketServer::<(), (), ShopRemote>::new();
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let tell = Arc::clone(&tell);
            async move {
                let connection = acceptor.accept(()).await?;
                if let Some(tell) = tell.lock().expect("unpoisoned").take() {
                    let _ = tell.send(connection);
                }
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), ShopProvider<Corner>, ()>::new(());
    let url = format!("ws://{address}");
    shop.fails.store(true, Ordering::SeqCst);
    shop.gate.add_permits(1);
    let failed = connector.connect(&url, provider.clone()).await.expect_err("it fails");
    let ConnectError::Prepare(cause) = &failed else { panic!("{failed:?}") };
    assert_eq!(std::error::Error::source(cause).expect("why").to_string(), "a secret reason");
    assert_eq!(heard(&mut begun).await, Some(1));
    until_true(|| server.counts().unactivated == 0 && server.connections().is_empty()).await;

    shop.fails.store(false, Ordering::SeqCst);
    let connecting = tokio::spawn({
        let url = url.clone();
        async move { connector.connect(url, provider).await }
    });
    assert_eq!(heard(&mut begun).await, Some(2));
    assert!(!connecting.is_finished() && server.connections().is_empty());
    shop.gate.add_permits(1);
    let connection = connecting.await.expect("no panic").expect("a connection");
    let serving = told.await.expect("accepted");
    assert_eq!(serving.remote().open_since().await, Ok(2));
    connection.close().await;
}

#[tokio::test]
async fn in_memory_it_is_awaited_as_well() {
    for encoding in Encoding::available() {
        let (shop, provider, mut begun) = corner();
        let server = Server::<ShopProvider<Corner>>::new();
        let (here, there) = memory_pair(4);
        let attached = server.clone();
        tokio::spawn(async move {
            let handler = move |acceptor: ws_server::Acceptor<(), ShopProvider<Corner>, ()>| {
                let provider = provider.clone();
                async move {
                    acceptor.accept(provider).await?;
                    Ok(())
                }
            };
            attached.attach(there, *encoding, handler).await
        });
        let connecting = tokio::spawn(async move { connector().attach(here, *encoding, ()).await });
        assert_eq!(heard(&mut begun).await, Some(1));
        assert!(!connecting.is_finished());
        shop.gate.add_permits(1);
        let connection = connecting.await.expect("no panic").expect("a connection");
        assert_eq!(connection.remote().open_since().await, Ok(1));
        connection.close().await;
        assert!(matches!(connection.remote().open_since().await, Err(CallError::Closed(_))));
    }
}

/// The runtime that prepared may end; another one tries again.
#[test]
fn a_runtime_that_ends_meanwhile_leaves_nothing_behind() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    struct Idle;
    impl Shop for Idle {
        async fn open_since(&self) -> usize {
            0
        }
    }
    let again = Arc::new(AtomicBool::new(false));
    let provider = ShopProvider::new(Idle).prepare({
        let again = Arc::clone(&again);
        move |_| {
            let again = Arc::clone(&again);
            async move {
                if !again.swap(true, Ordering::SeqCst) {
                    pending::<()>().await;
                }
                Ok::<(), std::io::Error>(())
            }
        }
    });
    let first = runtime();
    first.block_on(async {
        let waiting = provider.prepared();
        tokio::select! {
            biased;
            _ = waiting => panic!("it hangs"),
            () = tokio::task::yield_now() => {}
        }
    });
    drop(first);
    runtime().block_on(async {
        // The first to ask finds that it was given up; the next one begins anew.
        let outcome = match provider.prepared().await {
            Ok(()) => Ok(()),
            Err(_) => provider.prepared().await,
        };
        assert!(outcome.is_ok());
    });
}
