//! Frames ⇄ their fields (P10 to P30).

use std::collections::HashSet;
use std::path::Path;

use ws_core::Metadata;
use ws_core::protocol::{
    Announced, FailClass, Fingerprint, Frame, Hello, Message, Mismatch, Reject, Side, Welcome, encode,
};
use ws_core::service::MethodId;

use super::blocks::{Block, blocks, bytes, hex};

#[test]
fn frames_are_read_as_their_fields() {
    for block in blocks("frames.txt") {
        let frame = block.bytes("hex");
        let expected: Vec<_> = block
            .lines
            .iter()
            .filter(|(key, _)| key != "hex" && key != "decode only")
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        let read = Frame::parse(&frame).unwrap_or_else(|error| panic!("{}: {error}", block.name));
        assert_eq!(fields(&read), expected, "{}", block.name);
    }
}

#[test]
fn fields_are_written_as_their_frames() {
    for block in blocks("frames.txt") {
        if !block.is("decode only") {
            assert_eq!(hex(&written(&block)), hex(&block.bytes("hex")), "{}", block.name);
        }
    }
}

#[test]
fn every_kind_class_and_combination_of_flags_has_a_vector() {
    let frames: Vec<Vec<u8>> = blocks("frames.txt").iter().map(|block| block.bytes("hex")).collect();
    let kinds: HashSet<u8> = frames.iter().map(|frame| frame[0]).filter(|kind| *kind < 0x80).collect();
    assert_eq!(kinds, HashSet::from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]));
    let flags: HashSet<u8> = frames.iter().filter(|frame| frame[0] == 4).map(|frame| frame[1]).collect();
    assert_eq!(flags, (0..16).collect());
    let classes: HashSet<u8> =
        frames.iter().filter(|frame| frame.starts_with(&[6, 0, 5])).map(|frame| frame[3]).collect();
    assert!((0..=12).all(|class| classes.contains(&class)));
}

/// The document's annotated examples are vectors.
#[test]
fn examples_of_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let text = std::fs::read_to_string(path).expect("docs/protocol.md");
    let frames: HashSet<Vec<u8>> = blocks("frames.txt").iter().map(|block| block.bytes("hex")).collect();
    let mut kinds = HashSet::new();
    for example in text.split("```wire\n").skip(1) {
        let example = example.split("```").next().unwrap_or_default();
        // Bytes, two spaces, what they are.
        let hex: String = example.lines().map(|line| line.split("  ").next().unwrap_or_default()).collect();
        let frame = bytes(&hex);
        assert!(frames.contains(&frame), "no vector for the example\n{example}");
        kinds.insert(frame[0]);
    }
    assert_eq!(kinds, HashSet::from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]));
}

fn fields(frame: &Frame<'_>) -> Vec<String> {
    let simple = |kind: &str, fields: &[(&str, u64)]| {
        let fields = fields.iter().map(|(key, number)| format!("{key}: {number}"));
        std::iter::once(format!("frame: {kind}")).chain(fields).collect::<Vec<_>>()
    };
    match frame {
        Frame::Hello(fields) => hello_fields(&Hello::parse(fields).expect("a good HELLO")),
        Frame::Welcome(fields) => welcome_fields(&Welcome::parse(fields).expect("a good WELCOME")),
        Frame::Reject(fields) => {
            let reject = Reject::parse(fields).expect("a good REJECT");
            let mut lines = simple(
                "REJECT",
                &[("version", reject.version), ("code", reject.code.into()), ("retry", reject.retry.into())],
            );
            lines.push(format!("reason: {}", reject.reason));
            lines
        }
        Frame::Message(message) => message_fields(message),
        Frame::Return { id, body } => with_body(simple("RETURN", &[("id", *id)]), "body", body),
        Frame::Open { id } => simple("OPEN", &[("id", *id)]),
        Frame::Item { id, body } => with_body(simple("ITEM", &[("id", *id)]), "body", body),
        Frame::End { id, failure: None } => simple("END", &[("id", *id)]),
        Frame::End { id, failure: Some((class, body)) } => {
            let mut lines = simple("END", &[("id", *id)]);
            lines.push(format!("class: {class:?}"));
            with_body(lines, "body", body)
        }
        Frame::Fail { id, class, body } => {
            let mut lines = simple("FAIL", &[("id", *id)]);
            lines.push(format!("class: {class:?}"));
            with_body(lines, "body", body)
        }
        Frame::Cancel { id } => simple("CANCEL", &[("id", *id)]),
        Frame::Credit { id, messages, bytes } => {
            simple("CREDIT", &[("id", *id), ("messages", *messages), ("bytes", *bytes)])
        }
        Frame::Ping(number) => simple("PING", &[("number", *number)]),
        Frame::Pong(number) => simple("PONG", &[("number", *number)]),
        Frame::GoAway { drain_ms } => simple("GOAWAY", &[("drain_ms", *drain_ms)]),
        Frame::Ignored => simple("IGNORED", &[]),
    }
}

fn with_body(mut lines: Vec<String>, key: &str, body: &[u8]) -> Vec<String> {
    lines.push(format!("{key}: {}", hex(body)));
    lines
}

fn announced_fields(announced: &Announced) -> [String; 9] {
    [
        format!("max_message: {}", announced.max_message),
        format!("max_in_flight: {}", announced.max_in_flight),
        format!("max_call_bytes: {}", announced.max_call_bytes),
        format!("event_messages: {}", announced.event_messages),
        format!("event_bytes: {}", announced.event_bytes),
        format!("max_streams: {}", announced.max_streams),
        format!("stream_items: {}", announced.stream_items),
        format!("stream_bytes: {}", announced.stream_bytes),
        format!("ping_ms: {}", announced.ping_ms),
    ]
}

fn fingerprint_field(fingerprint: &Fingerprint) -> String {
    format!("{:#010x} {:#018x}", fingerprint.method.to_u32(), fingerprint.signature)
}

fn hello_fields(hello: &Hello) -> Vec<String> {
    let mut lines = vec![
        "frame: HELLO".to_owned(),
        format!("version: {}", hello.version),
        format!("features: {}", hello.features),
    ];
    lines.extend(announced_fields(&hello.announced));
    lines.extend(hello.serves.iter().map(|method| format!("serves: {}", fingerprint_field(method))));
    lines.extend(hello.calls.iter().map(|method| format!("calls: {}", fingerprint_field(method))));
    with_body(lines, "header", &hello.header)
}

fn welcome_fields(welcome: &Welcome) -> Vec<String> {
    let mut lines = vec![
        "frame: WELCOME".to_owned(),
        format!("version: {}", welcome.version),
        format!("features: {}", welcome.features),
    ];
    lines.extend(announced_fields(&welcome.announced));
    lines.extend(welcome.mismatches.iter().map(|mismatch| {
        let side = match mismatch.served_by {
            Side::Server => "server",
            Side::Client => "client",
        };
        format!("mismatch: {side} {}", fingerprint_field(&mismatch.fingerprint))
    }));
    lines
}

fn message_fields(message: &Message<'_>) -> Vec<String> {
    let mut lines = vec!["frame: MESSAGE".to_owned(), format!("id: {}", message.id)];
    lines.extend(message.reply_to.map(|reply_to| format!("reply_to: {reply_to}")));
    lines.push(format!("wants_reply: {}", if message.wants_reply { "yes" } else { "no" }));
    if message.wants_answer {
        lines.push("wants_answer: yes".to_owned());
    }
    if message.answers {
        lines.push("answers: yes".to_owned());
    }
    lines.push(format!("depth: {}", message.depth));
    lines.push(format!("method: {:#010x}", message.method.to_u32()));
    lines.extend(message.deadline_ms.map(|deadline| format!("deadline_ms: {deadline}")));
    if let Some(metadata) = &message.metadata {
        lines.push(format!("metadata: {}", metadata.len()));
        lines.extend(metadata.iter().map(|(key, value)| format!("pair: {key}={value}")));
    }
    with_body(lines, "body", message.body)
}

fn written(block: &Block) -> Vec<u8> {
    let envelope = match block.one("frame") {
        "HELLO" => {
            let hello = Hello {
                version: block.number("version"),
                features: block.number("features"),
                announced: announced(block),
                serves: block.all("serves").map(fingerprint).collect(),
                calls: block.all("calls").map(fingerprint).collect(),
                header: block.bytes("header"),
            };
            return hello.encode();
        }
        "WELCOME" => {
            let welcome = Welcome {
                version: block.number("version"),
                features: block.number("features"),
                announced: announced(block),
                mismatches: block.all("mismatch").map(mismatch).collect(),
            };
            return welcome.encode();
        }
        "REJECT" => {
            let reject = Reject {
                version: block.number("version"),
                code: block.number("code"),
                retry: block.number("retry"),
                reason: block.one("reason").to_owned(),
            };
            return reject.encode();
        }
        "MESSAGE" => return message(block),
        "RETURN" => encode::ret(block.number("id")),
        "FAIL" => encode::fail(block.number("id"), class(block.one("class"))),
        "OPEN" => encode::open(block.number("id")),
        "ITEM" => encode::item(block.number("id")),
        "END" => match block.maybe("class") {
            None => encode::end(block.number("id")),
            Some(name) => encode::end_failed(block.number("id"), class(name)),
        },
        "CANCEL" => encode::cancel(block.number("id")),
        "CREDIT" => encode::credit(block.number("id"), block.number("messages"), block.number("bytes")),
        "PING" => encode::ping(block.number("number")),
        "PONG" => encode::pong(block.number("number")),
        "GOAWAY" => encode::go_away(block.number("drain_ms")),
        kind => panic!("{}: what is {kind}?", block.name),
    };
    [envelope.as_slice(), &block.maybe("body").map(bytes).unwrap_or_default()].concat()
}

fn message(block: &Block) -> Vec<u8> {
    let body = block.bytes("body");
    let metadata = block.maybe("metadata").map(|_| {
        let mut metadata = Metadata::new();
        for pair in block.all("pair") {
            let (key, value) = pair.split_once('=').expect("key=value");
            metadata.insert(key, value).expect("within the bounds");
        }
        metadata
    });
    let pairs = metadata.as_ref().map(encode::metadata).unwrap_or_default();
    let envelope = encode::message(&Message {
        id: block.number("id"),
        reply_to: block.maybe("reply_to").map(|id| id.parse().expect("an id")),
        wants_reply: block.is("wants_reply"),
        wants_answer: block.is("wants_answer"),
        answers: block.is("answers"),
        depth: block.number("depth"),
        method: MethodId::from_u32(u32::try_from(hexadecimal(block.one("method"))).expect("32 bits")),
        deadline_ms: block.maybe("deadline_ms").map(|deadline| deadline.parse().expect("a number")),
        metadata,
        body: &body,
    });
    [envelope.as_slice(), &pairs, &body].concat()
}

fn announced(block: &Block) -> Announced {
    Announced {
        max_message: block.number("max_message"),
        max_in_flight: block.number("max_in_flight"),
        max_call_bytes: block.number("max_call_bytes"),
        event_messages: block.number("event_messages"),
        event_bytes: block.number("event_bytes"),
        max_streams: block.number("max_streams"),
        stream_items: block.number("stream_items"),
        stream_bytes: block.number("stream_bytes"),
        ping_ms: block.number("ping_ms"),
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    let (method, signature) = text.split_once(' ').expect("a method and its signature");
    let method = u32::try_from(hexadecimal(method)).expect("32 bits");
    Fingerprint { method: MethodId::from_u32(method), signature: hexadecimal(signature) }
}

fn mismatch(text: &str) -> Mismatch {
    let (side, rest) = text.split_once(' ').expect("a side and a fingerprint");
    let served_by = match side {
        "server" => Side::Server,
        "client" => Side::Client,
        side => panic!("what is {side}?"),
    };
    Mismatch { served_by, fingerprint: fingerprint(rest) }
}

fn class(name: &str) -> FailClass {
    (0..=12).map(FailClass::from_u8).find(|class| format!("{class:?}") == name).expect("a class")
}

pub fn hexadecimal(text: &str) -> u64 {
    let digits = text.strip_prefix("0x").expect("a hexadecimal number");
    u64::from_str_radix(digits, 16).expect("a hexadecimal number")
}
