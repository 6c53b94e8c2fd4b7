//! What `UpgradeChecks` lets through (R4); the matrix of origins stands in `origin.rs`.

use std::future::pending;
use std::time::Duration;

use tokio::time::Instant;

use super::*;

async fn status(checks: &UpgradeChecks, request: &UpgradeRequest) -> u16 {
    let deadline = UpgradeLimits::default().deadline();
    checks.run(request, deadline).await.map_or_else(|refusal| refusal.status().as_u16(), |()| 101)
}

#[tokio::test(start_paused = true)]
async fn r4_path() {
    let host = [("host", "example.com")];
    let any = UpgradeChecks::new();
    let some = UpgradeChecks::new().path("/ws").path(String::from("/a%20b"));
    for (target, expected) in [
        ("/ws", 101),
        ("/ws?a=b", 101),
        ("/a%20b", 101),
        ("http://example.com/ws", 101),
        ("/", 404),
        ("/ws/", 404),
        ("/WS", 404),
        ("//ws", 404),
        ("/a%20b/c", 404),
        ("/%77s", 404),
    ] {
        assert_eq!(status(&any, &request(target, &host)).await, 101, "{target}");
        assert_eq!(status(&some, &request(target, &host)).await, expected, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn r4_origin() {
    let foreign = request("/", &[("host", "example.com"), ("origin", "https://app.example")]);
    assert_eq!(status(&UpgradeChecks::new(), &foreign).await, 403);
    assert_eq!(status(&UpgradeChecks::new().allow_origin("https://app.example"), &foreign).await, 101);
    assert_eq!(status(&UpgradeChecks::new().allow_origin("https://other.example"), &foreign).await, 403);
    assert_eq!(status(&UpgradeChecks::new().allow_any_origin(), &foreign).await, 101);
}

#[tokio::test(start_paused = true)]
async fn r4_rules_run_in_order_and_the_first_refusal_stands() {
    let checks = UpgradeChecks::new()
        .require(|request| match request.query_value("tenant") {
            Some(_) => Ok(()),
            None => Err(UpgradeRefusal::bad_request("a tenant is required")),
        })
        .authenticate(|request| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match request.header("authorization") {
                Some("Bearer secret") => Ok(()),
                _ => Err(UpgradeRefusal::unauthorized("a token is required")),
            }
        });
    assert_eq!(status(&checks, &request("/", &[("authorization", "Bearer secret")])).await, 400);
    assert_eq!(status(&checks, &request("/?tenant=1", &[])).await, 401);
    assert_eq!(status(&checks, &request("/?tenant=1", &[("authorization", "Bearer secret")])).await, 101);
    assert_eq!(status(&checks.path("/ws"), &request("/", &[])).await, 404);
}

#[tokio::test(start_paused = true)]
async fn r4_a_rule_that_hangs_is_dropped_at_the_deadline() {
    let begun = Instant::now();
    let checks = UpgradeChecks::new().authenticate(|_| pending());
    assert_eq!(status(&checks, &request("/", &[])).await, 503);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn r4_a_rule_that_panics_answers_500_without_detail() {
    let in_the_future = UpgradeChecks::new().authenticate(|_| async { panic!("private") });
    let in_the_call = UpgradeChecks::new().require(|_| panic!("private"));
    for checks in [in_the_future, in_the_call] {
        let deadline = UpgradeLimits::default().deadline();
        let refusal = checks.run(&request("/", &[]), deadline).await.unwrap_err();
        assert_eq!(refusal.status(), 500);
        assert!(!answer(&refusal).await.contains("private"));
    }
}

#[test]
#[should_panic(expected = "begins with a slash")]
fn a_path_that_would_never_match_is_a_mistake() {
    let _ = UpgradeChecks::new().path("ws");
}

#[test]
#[should_panic(expected = "without a path")]
fn an_origin_that_would_never_match_is_a_mistake() {
    let _ = UpgradeChecks::new().allow_origin("https://app.example/");
}
