//! R11: calls that wait for calls that wait for calls, in both directions, at any limit.

use futures::future::join_all;
use ws_core::{CallContext, CallError, Limits, ws_service};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
trait Left {
    async fn down(&self, levels: u32) -> Result<u32, String>;
    async fn depth(&self, ctx: &CallContext) -> u8;
}

#[ws_service]
trait Right {
    async fn down(&self, levels: u32) -> Result<u32, String>;
    async fn depth(&self, ctx: &CallContext) -> u8;
}

struct LeftSide(RightRemote);
struct RightSide(LeftRemote);

fn flat(error: CallError<String>) -> String {
    match error {
        CallError::App(text) => text,
        error => format!("{error:?}"),
    }
}

impl Left for LeftSide {
    async fn down(&self, levels: u32) -> Result<u32, String> {
        if levels == 0 { Ok(0) } else { Ok(1 + self.0.down(levels - 1).await.map_err(flat)?) }
    }
    async fn depth(&self, ctx: &CallContext) -> u8 {
        ctx.depth()
    }
}

impl Right for RightSide {
    async fn down(&self, levels: u32) -> Result<u32, String> {
        if levels == 0 { Ok(0) } else { Ok(1 + self.0.down(levels - 1).await.map_err(flat)?) }
    }
    async fn depth(&self, ctx: &CallContext) -> u8 {
        ctx.depth()
    }
}

fn both_limits() -> [Limits; 2] {
    [Limits::default().max_in_flight(1), Limits::default()]
}

#[tokio::test]
async fn r11_sixteen_levels_from_either_side() {
    for limits in both_limits() {
        for way in ways() {
            let ends = connect(
                way,
                &limits,
                |r| LeftProvider::new(LeftSide(r)),
                |l| RightProvider::new(RightSide(l)),
            )
            .await;
            assert_eq!(ends.client.remote().down(16).await, Ok(16));
            assert_eq!(ends.serving.remote().down(16).await, Ok(16));
            assert_eq!(ends.client.remote().down(32).await, Ok(32), "32 is the deepest");
            let both = join_all((0..40).map(|i| {
                let (client, serving) = (ends.client.remote().down(16), ends.serving.remote().down(16));
                async move { if i % 2 == 0 { client.await } else { serving.await } }
            }))
            .await;
            assert!(both.iter().all(|outcome| *outcome == Ok(16)), "{both:?}");
            until_true(|| ends.client.running() == 0 && ends.serving.running() == 0).await;
            assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0));
            ends.client.close().await;
            ends.server.close().await;
        }
    }
}

#[tokio::test]
async fn r11_deeper_than_32_is_overloaded_locally() {
    for way in ways() {
        let limits = Limits::default();
        let ends =
            connect(way, &limits, |r| LeftProvider::new(LeftSide(r)), |l| RightProvider::new(RightSide(l)))
                .await;
        let error = ends.client.remote().down(33).await.expect_err("one too deep");
        assert_eq!(error, CallError::App("Overloaded".to_owned()));
        assert_eq!(
            (ends.client.stats().violations, ends.serving.stats().violations),
            (0, 0),
            "nothing was sent"
        );
        assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0));
    }
}

#[tokio::test]
async fn a_call_outside_of_handlers_has_no_depth() {
    for way in ways() {
        let limits = Limits::default();
        let ends =
            connect(way, &limits, |r| LeftProvider::new(LeftSide(r)), |l| RightProvider::new(RightSide(l)))
                .await;
        assert_eq!(ends.client.remote().depth().await, Ok(0));
        assert_eq!(ends.serving.remote().depth().await, Ok(0));
    }
}
