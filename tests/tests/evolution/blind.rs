//! What nobody can notice: the bytes of one type are bytes of another as well. Each reading here is wrong, and each
//! needs a raised `version`, another name, or MessagePack.

use crate::shelf::{exchange, reads, refuses};
use ws_core::{Limits, ws_service};
use ws_tests::fixture::{connect, ways};

#[tokio::test]
async fn p36_swapped_fields_of_one_type_are_misread_by_bincode() {
    version!(old { pub struct Thing { pub from: u32, pub to: u32 } });
    version!(new { pub struct Thing { pub to: u32, pub from: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { from: 1, to: 2 }, new::Thing { from: 1, to: 2 })
        .await
        .bincode(reads("Thing { to: 1, from: 2 }"), reads("Thing { from: 2, to: 1 }"))
        .msgpack(reads("Thing { to: 2, from: 1 }"), reads("Thing { from: 1, to: 2 }"));
}

#[tokio::test]
async fn p36_a_field_that_is_replaced_by_another_of_its_type_is_misread_by_bincode() {
    version!(old { pub struct Thing { pub metres: u32 } });
    version!(new { pub struct Thing { pub feet: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { metres: 1 }, new::Thing { feet: 3 })
        .await
        .bincode(reads("Thing { feet: 1 }"), reads("Thing { metres: 3 }"))
        .msgpack(refuses(), refuses());
}

/// P35 sees that a body ends early or late, and so that a struct at its end has grown. Before other values, what is
/// missing is taken from those.
#[tokio::test]
async fn p35_a_field_that_is_added_before_other_values_can_be_misread_by_bincode() {
    version!(old {
        pub struct Level { pub major: u8 }
        pub struct Thing { pub level: Level, pub codes: Vec<u8> }
    });
    version!(new {
        pub struct Level { pub major: u8, pub minor: u8 }
        pub struct Thing { pub level: Level, pub codes: Vec<u8> }
    });
    let old = |codes| old::Thing { level: old::Level { major: 1 }, codes };
    let new = || new::Thing { level: new::Level { major: 1, minor: 0 }, codes: vec![] };
    let outcome = exchange::<old::Contract, new::Contract>(old(vec![2, 7, 9]), new()).await;
    outcome
        .bincode(reads("Thing { level: Level { major: 1, minor: 3 }, codes: [7, 9] }"), refuses())
        .msgpack(refuses(), reads("Thing { level: Level { major: 1 }, codes: [] }"));
    // It depends on the values: most are refused, which is why a test may not see it.
    exchange::<old::Contract, new::Contract>(old(vec![7, 9]), new()).await.bincode(refuses(), refuses());
}

#[tokio::test]
async fn p36_types_with_the_same_bytes_are_one_in_bincode() {
    version!(old { pub struct Thing { pub on: bool, pub text: String } });
    version!(new { pub struct Thing { pub on: u8, pub text: Vec<u8> } });
    let old = old::Thing { on: true, text: "hi".into() };
    exchange::<old::Contract, new::Contract>(old, new::Thing { on: 1, text: vec![104, 105] })
        .await
        .bincode(reads("Thing { on: 1, text: [104, 105] }"), reads(r#"Thing { on: true, text: "hi" }"#))
        .msgpack(refuses(), refuses());
}

#[tokio::test]
async fn p37_msgpack_takes_nil_for_the_unit_and_for_none() {
    version!(old { pub struct Thing { pub a: Option<u32> } });
    version!(new { pub struct Thing { pub a: () } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: None }, new::Thing { a: () })
        .await
        .msgpack(reads("Thing { a: () }"), reads("Thing { a: None }"))
        .bincode(refuses(), refuses());
}

mod old {
    #[ws_core::ws_service]
    pub trait Bank {
        async fn transfer(&self, from: u32, to: u32) -> String;
    }
}

mod new {
    #[ws_core::ws_service]
    pub trait Bank {
        async fn transfer(&self, to: u32, from: u32) -> String;
    }
}

struct Teller;

impl old::Bank for Teller {
    async fn transfer(&self, from: u32, to: u32) -> String {
        format!("from {from} to {to}")
    }
}

impl new::Bank for Teller {
    async fn transfer(&self, to: u32, from: u32) -> String {
        format!("from {from} to {to}")
    }
}

/// P33: names of arguments are no part of the signature, and no encoding writes them.
#[tokio::test]
async fn p33_swapped_arguments_of_one_type_are_misread_in_every_encoding() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |_: new::BankRemote| new::BankProvider::new(Teller),
            |_: old::BankRemote| old::BankProvider::new(Teller),
        )
        .await;
        assert!(ends.client.mismatches().is_empty() && ends.serving.mismatches().is_empty());
        // The old client means from 1 to 2; so does the new server.
        assert_eq!(ends.client.remote().transfer(1, 2).await, Ok("from 2 to 1".into()));
        assert_eq!(ends.serving.remote().transfer(2, 1).await, Ok("from 2 to 1".into()));
    }
}

mod raised {
    use super::ws_service;

    #[ws_service(version = 2)]
    pub trait Bank {
        async fn transfer(&self, to: u32, from: u32) -> String;
    }
}

impl raised::Bank for Teller {
    async fn transfer(&self, to: u32, from: u32) -> String {
        format!("from {from} to {to}")
    }
}

#[tokio::test]
async fn p34_a_raised_version_shows_what_nobody_could_notice() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |_: raised::BankRemote| raised::BankProvider::new(Teller),
            |_: old::BankRemote| old::BankProvider::new(Teller),
        )
        .await;
        let refused = Err(ws_core::CallError::SchemaMismatch);
        assert_eq!(ends.client.remote().transfer(1, 2).await, refused);
        assert_eq!(ends.serving.remote().transfer(2, 1).await, refused);
    }
}
