//! Whatever a stranger sends ends in an acceptance, an HTTP answer or a clean error (R4, R35).

use proptest::prelude::*;

use super::super::head_end::HeadEnd;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn r35_arbitrary_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        ends_in_an_answer(&bytes);
    }

    #[test]
    fn r35_text_like_http_ends_in_an_answer(
        lines in proptest::collection::vec("[ -~\u{e4}]{0,30}(: [ -~]{0,20})?", 0..80),
        line_end in "\r\n|\n",
    ) {
        ends_in_an_answer((lines.join(&line_end) + &line_end + &line_end).as_bytes());
    }

    #[test]
    fn r35_a_damaged_request_ends_in_an_answer(
        damage in proptest::collection::vec((0..valid().len(), any::<u8>(), 0..3_u8), 1..4),
        tail in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut bytes = valid().into_bytes();
        for (at, byte, how) in damage {
            let at = at.min(bytes.len() - 1);
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes.extend(tail);
        ends_in_an_answer(&bytes);
    }

    #[test]
    fn the_end_of_a_head_is_where_the_parser_finds_it(
        text in "(\r?\n){0,2}GET / HTTP/1\\.1\r?\n([a-c]: ?[ -~]{0,4}\r?\n){0,4}(\r?\n)?[\r\n -~]{0,6}",
    ) {
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let parsed = httparse::Request::new(&mut slots).parse(text.as_bytes());
        let found = HeadEnd::default().advance(text.as_bytes()).unwrap();
        match parsed {
            Ok(httparse::Status::Complete(length)) => prop_assert_eq!(found, Some(length)),
            Ok(httparse::Status::Partial) => prop_assert_eq!(found, None),
            // Found or not, it is refused.
            Err(_) => {}
        }
    }

    #[test]
    fn nothing_of_a_request_is_reflected(
        marker in "[a-z]{12}",
        line in 0..8_usize,
    ) {
        let mut lines: Vec<String> = VALID.lines().map(str::to_owned).collect();
        // Replaces the value of one line, or the target; the last case is a method.
        match lines.get_mut(line) {
            Some(line) if line.contains(": ") => {
                let name = line.split(": ").next().unwrap().to_owned();
                *line = format!("{name}: {marker}!");
            }
            Some(line) => *line = format!("GET {marker} HTTP/1.1"),
            None => lines[0] = format!("{marker} / HTTP/1.1"),
        }
        let bytes = lines.join("\r\n") + "\r\n\r\n";
        if let Some(answer) = ends_in_an_answer(bytes.as_bytes()) {
            prop_assert!(!answer.contains(&marker), "{}", answer);
        }
    }
}

/// The answer where the outcome is a refusal. A stream that has ended never leaves the reader waiting.
fn ends_in_an_answer(bytes: &[u8]) -> Option<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        match received(bytes, &UpgradeLimits::default()).await {
            Ok(received) => {
                assert!(bytes.ends_with(&received.leftover));
                None
            }
            Err(UpgradeError::Refused(refusal)) => {
                let text = answer(&refusal).await;
                let mut slots = [httparse::EMPTY_HEADER; 16];
                let mut response = httparse::Response::new(&mut slots);
                let head = response.parse(text.as_bytes()).unwrap().unwrap();
                assert!((400..600).contains(&response.code.unwrap()));
                let length = response.headers.iter().find(|field| field.name == "Content-Length").unwrap();
                assert_eq!(length.value, (text.len() - head).to_string().as_bytes());
                Some(text)
            }
            Err(UpgradeError::Closed) => {
                assert!(bytes.is_empty());
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    })
}
