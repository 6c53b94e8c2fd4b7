//! Routes that are put together at run time, and an interceptor that logs how long each message took and sends an old
//! name to the new one.
//!
//! `cargo run --example routes`

use serde::{Deserialize, Serialize};
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, CallError, Denial, Interception, Interceptor, Never, Outcome, RouteTaken, Router,
};
use ws_server::WebSocketServer;

/// Why a route failed; any type that can be serialized is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum MathError {
    DivisionByZero,
}

fn routes() -> Result<Router, RouteTaken> {
    // A handler takes the call's context and its arguments, always a tuple.
    Router::new()
        .route(
            "math/sum",
            |_: CallContext, (numbers,): (Vec<i64>,)| async move { numbers.iter().sum::<i64>() },
        )?
        .try_route("math/divide", |_: CallContext, (a, b): (i64, i64)| async move {
            a.checked_div(b).ok_or(MathError::DivisionByZero)
        })
}

/// On the server: clients that still know `math/add`, which took two numbers, are served by `math/sum`, which takes many.
struct Renamed;

impl Interceptor for Renamed {
    fn receive(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        if !message.is("math/add") {
            return Ok(());
        }
        // Who sends something else gets no further; the reason stays here, in the server's log.
        let (a, b) = message.decode::<(i64, i64)>().map_err(|error| Denial::new(error.to_string()))?;
        message.replace(&(vec![a, b],)).map_err(|error| Denial::new(error.to_string()))?;
        message.reroute("math/sum");
        Ok(())
    }
}

/// On either side: how long each call took, from its first point to its last.
struct Timed(&'static str);

impl Timed {
    fn log(&self, call: &Interception<'_>) {
        let outcome = match call.outcome() {
            Some(Outcome::Value) => "a value",
            Some(Outcome::Declared) => "its error",
            _ => "a failure",
        };
        println!("  {}: {outcome} after {:?}", self.0, call.elapsed());
    }
}

impl Interceptor for Timed {
    fn returns(&self, result: &mut Interception<'_>) -> Result<(), Denial> {
        self.log(result);
        Ok(())
    }

    fn complete(&self, outcome: &mut Interception<'_>) -> Result<(), Denial> {
        self.log(outcome);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = routes()?;
    let serving = router.clone();
    let server = WebSocketServer::<(), Router, ()>::builder()
        .intercept(Timed("on the server"))
        .intercept(Renamed)
        .build()?;
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let router = serving.clone();
            async move {
                acceptor.accept(router).await?;
                Ok(())
            }
        })
        .await?;
    let connector =
        WebSocketConnector::<(), (), ()>::builder(()).intercept(Timed("on the client")).build()?;
    let connection = connector.connect(format!("ws://{address}"), ()).await?;
    let peer = connection.peer();

    let sum: i64 = peer.route("math/sum").call::<_, Never>(&(vec![1_i64, 2, 3, 4],)).await?;
    println!("math/sum gives {sum}");

    let sum: i64 = peer.route("math/add").call::<_, Never>(&(2_i64, 3_i64)).await?;
    println!("math/add, which is math/sum now, gives {sum}");

    match peer.route("math/divide").call::<i64, MathError>(&(1_i64, 0_i64)).await {
        Err(CallError::App(MathError::DivisionByZero)) => println!("math/divide fails with its own error"),
        other => return Err(format!("expected its error, got {other:?}").into()),
    }

    // Routes come and go while connections are open.
    let double = peer.route("math/double");
    match double.call::<i64, Never>(&(21_i64,)).await {
        Err(CallError::UnknownMethod) => println!("math/double does not exist yet"),
        other => return Err(format!("expected no such method, got {other:?}").into()),
    }
    router.add("math/double", |_: CallContext, (number,): (i64,)| async move { number * 2 })?;
    println!("math/double gives {}", double.call::<i64, Never>(&(21_i64,)).await?);

    connection.close().await;
    server.close().await;
    Ok(())
}
