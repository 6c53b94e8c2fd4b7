//! From the first byte to the decision (R5–R9).

use std::task::Poll;

use super::harness::{
    Alarm, CLIENT, GENEROUS, Lone, SECOND, SERVER, Seen, Setup, World, call, hello, limits, ms, ret, welcome,
    whole,
};
use crate::engine::{Activation, Begun, Outcome, Refused, Role};
use crate::protocol::{Announced, CloseInfo, ClosedBy, Hello, Reject, Welcome, code, encode};

#[test]
fn r9_only_hello_opens_a_server_and_only_a_decision_opens_a_client() {
    let early: [(&str, Vec<u8>); 6] = [
        ("a call", call(1, b"")),
        ("a reply", ret(2, b"")),
        ("a ping", whole(&encode::ping(1), b"")),
        ("a pong", whole(&encode::pong(1), b"")),
        ("a credit", whole(&encode::credit(0, 9, 9), b"")),
        ("a goaway", whole(&encode::go_away(0), b"")),
    ];
    for role in [Role::Server, Role::Client] {
        for (name, frame) in &early {
            let mut lone = Lone::fresh(role, limits());
            lone.send([frame]);
            assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{name} to a {role:?}");
            assert!(matches!(lone.activation(), Poll::Ready(Activation::Closed(_))));
        }
        let mut lone = Lone::fresh(role, limits());
        lone.send([[0x80]]);
        assert_eq!(lone.close_code(), None, "an ignorable frame is ignored");
    }
}

#[test]
fn r8_what_comes_before_the_decision_is_dropped_and_counted() {
    let mut lone = Lone::fresh(Role::Server, limits());
    lone.send([hello(GENEROUS), call(1, b"")]);
    lone.send([call(3, b""), ret(2, b"")]);
    assert_eq!((lone.engine.stats().early_dropped, lone.starts.len()), (3, 0));
    assert!(lone.is_deciding());
    assert!(lone.accept(), "it waits for a decision");
    assert!(matches!(lone.out()[..], [Seen::Welcome(_)]), "R9: the acceptance is all that the peer sees");
    lone.send([call(1, b"")]);
    assert_eq!(lone.starts.len(), 1);
}

#[test]
fn r8_a_remote_used_before_acceptance_fails_at_once() {
    for role in [Role::Server, Role::Client] {
        let mut lone = Lone::fresh(role, limits());
        let message = lone.outgoing(3);
        let begun = lone.begin(message);
        assert!(matches!(begun, Begun::Over(Outcome::Refused(Refused::NotAccepted))), "{begun:?}");
        assert_eq!((lone.engine.entries(), lone.out().len()), (0, 0));
    }
}

#[test]
fn r7_a_connection_is_decided_on_once() {
    let mut lone = Lone::active(Role::Server, limits());
    assert!(!lone.accept());
    lone.reject(4000, "late");
    assert_eq!(
        (lone.close_code(), lone.out().len()),
        (None, 0),
        "a rejection after the acceptance does nothing"
    );

    let mut lone = Lone::fresh(Role::Server, limits());
    lone.send([hello(GENEROUS)]);
    lone.reject(4501, "no");
    assert!(!lone.accept());
    assert_eq!(lone.out(), [Seen::Reject(Reject::new(4501, "no"))]);
    lone.send([hello(GENEROUS), call(1, b"")]);
    assert_eq!(lone.engine.stats().calls_received, 0, "R8: nothing after a rejection is processed");
}

#[test]
fn r7_the_client_learns_code_and_reason_of_a_rejection() {
    let mut world = World::unopened(Setup::new());
    world.settle();
    let server = &mut world.sides[SERVER];
    server.engine.reject(4501, "bad token", &mut server.effects);
    world.settle();
    assert_eq!(world.activation(CLIENT), Poll::Ready(Activation::Rejected(Reject::new(4501, "bad token"))));
    let info = world.sides[CLIENT].engine.closed().expect("it is over");
    assert_eq!((info.code, info.by), (4501, ClosedBy::Peer));
}

#[test]
fn r6_the_header_comes_in_time_or_never() {
    let limits = || limits().header_timeout(ms(500));
    let mut lone = Lone::fresh(Role::Server, limits());
    assert_eq!(lone.engine.next_time(), Some(lone.now + ms(500)));
    lone.advance(ms(499));
    assert_eq!(lone.close_code(), None);
    lone.send([[0x80]]);
    lone.advance(ms(1));
    assert_eq!(lone.close_code(), Some(code::ACTIVATION_TIMEOUT), "an ignorable frame buys no time");

    let mut late = Lone::fresh(Role::Server, limits());
    late.now += ms(500);
    late.send([hello(GENEROUS)]);
    assert_eq!(
        late.close_code(),
        Some(code::ACTIVATION_TIMEOUT),
        "the timeout beats a header of the same instant"
    );
}

#[test]
fn r6_the_decision_comes_in_time_or_is_a_rejection() {
    let mut lone = Lone::fresh(Role::Server, limits().decision_timeout(2 * SECOND));
    lone.advance(SECOND);
    lone.send([hello(GENEROUS)]);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 2 * SECOND), "counted from the header");
    lone.advance(2 * SECOND - ms(1));
    assert!(lone.is_deciding());
    lone.advance(ms(1));
    assert_eq!(lone.close_code(), Some(code::ACTIVATION_TIMEOUT));
    assert!(matches!(&lone.out()[..], [Seen::Reject(reject)] if reject.code == code::ACTIVATION_TIMEOUT));
    assert!(!lone.accept(), "R9: the decision is cancelled");
}

#[test]
fn r9_who_opens_a_connection_is_woken_by_whatever_comes_of_it() {
    type Act = fn(&mut Lone);
    let news: [(Role, Act); 6] = [
        (Role::Server, |lone| lone.send([hello(GENEROUS)])),
        (Role::Server, |lone| lone.send([[0x55, 0]])),
        (Role::Server, |lone| lone.advance(60 * SECOND)),
        (Role::Client, |lone| lone.send([welcome(GENEROUS)])),
        (Role::Client, |lone| lone.send([Reject::new(4501, "no").encode()])),
        (Role::Client, |lone| lone.close(CloseInfo::new(code::ABNORMAL, "", ClosedBy::Network))),
    ];
    for (index, (role, come)) in news.into_iter().enumerate() {
        let mut lone = Lone::fresh(role, limits());
        let mut task = Alarm::default();
        assert!(lone.activation_as(&mut task).is_pending());
        come(&mut lone);
        assert!(task.rang(), "{index}");
        assert!(lone.activation_as(&mut task).is_ready(), "{index}");
    }
}

#[test]
fn r9_a_socket_that_dies_during_the_decision_cancels_it() {
    let mut world = World::unopened(Setup::new());
    world.settle();
    assert!(matches!(world.activation(SERVER), Poll::Ready(Activation::Header(_))));
    assert!(world.activation(SERVER).is_pending());
    world.break_socket(CLIENT);
    world.settle();
    assert!(
        matches!(world.activation(SERVER), Poll::Ready(Activation::Closed(info)) if info.by == ClosedBy::Network)
    );
    assert!(!world.accept());
}

#[test]
fn r5_another_version_is_rejected_and_named() {
    let mut hello =
        Hello { version: 1, features: 0, announced: GENEROUS, serves: vec![], calls: vec![], header: vec![] };
    hello.version = 7;
    let mut frame = hello.encode();
    // Whatever follows the number is of the other version, and not looked at.
    frame.truncate(3);
    frame.extend([0xff; 40]);
    let mut lone = Lone::fresh(Role::Server, limits());
    lone.send([frame]);
    let [Seen::Reject(reject)] = &lone.out()[..] else { panic!("a REJECT") };
    assert_eq!((reject.version, reject.code), (1, code::VERSION));
    assert!(reject.reason.contains('7') && reject.reason.contains('1'), "both are named: {}", reject.reason);
}

#[test]
fn r5_a_welcome_of_another_version_is_refused() {
    let welcome = Welcome { version: 2, features: 0, announced: GENEROUS, mismatches: vec![] };
    let mut lone = Lone::fresh(Role::Client, limits());
    lone.send([welcome.encode()]);
    assert_eq!(lone.close_code(), Some(code::PROTOCOL));
}

#[test]
fn r35_a_header_over_its_limit_is_1009() {
    let mut frame = hello(GENEROUS);
    frame.extend(vec![0; 100]);
    let mut lone = Lone::fresh(Role::Server, limits().max_header(100));
    lone.send([frame]);
    assert_eq!(lone.close_code(), Some(code::TOO_LARGE), "101 bytes");
}

#[test]
fn r35_limits_that_nothing_could_meet_are_malformed() {
    let useless: [fn(&mut Announced); 5] = [
        |announced| announced.max_message = 1023,
        |announced| announced.max_in_flight = 0,
        |announced| announced.max_call_bytes = 0,
        |announced| announced.event_messages = 0,
        |announced| announced.event_bytes = 0,
    ];
    for (index, spoil) in useless.into_iter().enumerate() {
        let mut announced = GENEROUS;
        spoil(&mut announced);
        let mut lone = Lone::fresh(Role::Server, limits());
        lone.send([hello(announced)]);
        assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{index}");
        let mut lone = Lone::fresh(Role::Client, limits());
        lone.send([welcome(announced)]);
        assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{index}");
    }
}

/// The greatest numbers that a peer can announce are no more than what this side builds anyway.
#[test]
fn r35_limits_without_end_are_no_danger() {
    let boundless = Announced {
        max_message: u64::MAX,
        max_in_flight: u64::MAX,
        max_call_bytes: u64::MAX,
        event_messages: u64::MAX,
        event_bytes: u64::MAX,
        max_streams: u64::MAX,
        stream_items: u64::MAX,
        stream_bytes: u64::MAX,
        ping_ms: u64::MAX,
    };
    for role in [Role::Client, Role::Server] {
        let mut lone = Lone::fresh(role, limits()).activated(boundless);
        for size in [0, 10, 70_000] {
            lone.call(size);
        }
        assert_eq!(lone.out().len(), 3);
        lone.send([whole(&encode::credit(0, u64::MAX, u64::MAX), b"")]);
        assert_eq!(lone.close_code(), None);
    }
}

#[test]
fn r22_after_the_end_nothing_is_sent() {
    let mut lone = Lone::active(Role::Client, limits());
    lone.close(CloseInfo::new(4000, "enough", ClosedBy::Local));
    let message = lone.outgoing(3);
    let begun = lone.begin(message);
    let Begun::Over(Outcome::Closed(info)) = begun else { panic!("{begun:?}") };
    assert!(info.unsent && info.code == 4000, "R13: it certainly was not sent");
    lone.close(CloseInfo::new(4001, "again", ClosedBy::Peer));
    assert_eq!(lone.close_code(), Some(4000), "R34: the first cause stands");
}
