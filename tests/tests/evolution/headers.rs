//! P17, P35: the header has no fingerprint. It is decoded as a whole, and one that does not decode is rejected 4506.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::transport::memory_pair;
use ws_core::{Encoding, code};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{Carrier, ways};

use crate::shelf::{Read, reads, refuses};

/// What a server that expects a `Wanted` makes of this header.
async fn knock<Wanted>(way: (Carrier, Encoding), header: impl Serialize + Send + Sync + 'static) -> Read
where
    Wanted: DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |acceptor: Acceptor<Wanted, (), ()>| {
        tell.send(format!("{:?}", acceptor.header())).expect("the test waits for it");
        async move {
            acceptor.accept(()).await?;
            Ok(())
        }
    };
    let server = WebSocketServer::<Wanted, (), ()>::new();
    let connector =
        WebSocketConnector::<_, (), ()>::builder(header).encodings([way.1]).build().expect("good limits");
    let connected = match way.0 {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
            connector.connect(format!("ws://{address}"), ()).await
        }
        Carrier::Memory => {
            let (here, there) = memory_pair(4);
            let attached = server.clone();
            tokio::spawn(async move { attached.attach(there, way.1, handler).await });
            connector.attach(here, way.1, ()).await
        }
    };
    match connected {
        Ok(_connection) => Read::As(told.recv().await.expect("the handler saw it")),
        Err(error @ ConnectError::Rejected { code: code::INVALID_HEADER, .. }) => {
            assert!(!error.may_retry(), "it would end in the same way");
            assert!(told.try_recv().is_err(), "no code of the application ran");
            Read::Refused
        }
        Err(error) => panic!("the header ended {error}"),
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Old {
    name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Optional {
    name: String,
    token: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Required {
    name: String,
    token: String,
}

#[tokio::test]
async fn p17_a_header_of_another_shape_is_rejected_4506_unless_msgpack_bridges_it() {
    let old = Old { name: "ann".into() };
    let optional = Optional { name: "ann".into(), token: None };
    let required = Required { name: "ann".into(), token: "t".into() };
    for way in ways() {
        assert_eq!(knock::<Required>(way, old.clone()).await, refuses(), "{way:?}");
        assert_eq!(knock::<Old>(way, 7_u32).await, refuses(), "{way:?}");
        assert_eq!(knock::<()>(way, old.clone()).await, refuses(), "{way:?}");
        let bridged = match way.1 {
            Encoding::Msgpack => {
                [reads(r#"Optional { name: "ann", token: None }"#), reads(r#"Old { name: "ann" }"#)]
            }
            _ => [refuses(), refuses()],
        };
        assert_eq!(knock::<Optional>(way, old.clone()).await, bridged[0], "{way:?}");
        assert_eq!(knock::<Old>(way, optional.clone()).await, bridged[1], "{way:?}");
        assert_eq!(knock::<Old>(way, required.clone()).await, bridged[1], "{way:?}");
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Swapped {
    token: String,
    name: String,
}

#[tokio::test]
async fn p36_swapped_fields_of_a_header_are_misread_by_bincode() {
    for way in ways() {
        let read = knock::<Swapped>(way, Required { name: "ann".into(), token: "t".into() }).await;
        let expected = match way.1 {
            // Nobody notices: the token is taken for the name.
            Encoding::Bincode => r#"Swapped { token: "ann", name: "t" }"#,
            _ => r#"Swapped { token: "t", name: "ann" }"#,
        };
        assert_eq!(read, reads(expected), "{way:?}");
    }
}

/// The recipe: an enum of the versions, to which new ones are only appended.
#[tokio::test]
async fn p36_p37_a_header_that_is_an_enum_of_versions_grows_in_both_encodings() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Before {
        V1 { name: String },
    }
    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum After {
        V1 { name: String },
        V2 { name: String, token: String },
    }
    for way in ways() {
        let old = Before::V1 { name: "ann".into() };
        let new = After::V2 { name: "ann".into(), token: "t".into() };
        assert_eq!(knock::<After>(way, old).await, reads(r#"V1 { name: "ann" }"#), "{way:?}");
        assert_eq!(knock::<Before>(way, new).await, refuses(), "{way:?}");
        let careful = After::V1 { name: "ann".into() };
        assert_eq!(knock::<Before>(way, careful).await, reads(r#"V1 { name: "ann" }"#), "{way:?}");
    }
}
