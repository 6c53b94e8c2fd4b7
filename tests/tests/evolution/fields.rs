//! P36, P37: fields of a struct come, go, move and are renamed.

use tokio::sync::mpsc;
use ws_core::{CallError, Encoding, Limits};
use ws_tests::fixture::{connect, ways};

use crate::shelf::{Called, Version, exchange, reads, refuses};

#[tokio::test]
async fn p37_an_optional_field_may_come_and_go_in_msgpack_alone() {
    version!(old { pub struct Thing { pub a: u32 } });
    version!(new { pub struct Thing { pub a: u32, pub b: Option<u32> } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: 1 }, new::Thing { a: 1, b: Some(2) })
        .await
        .msgpack(reads("Thing { a: 1, b: None }"), reads("Thing { a: 1 }"))
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_a_field_with_a_default_may_come_and_go_in_msgpack_alone() {
    version!(old { pub struct Thing { pub a: u32 } });
    version!(new {
        pub struct Thing { #[serde(default)] pub b: Vec<u8>, pub a: u32 }
    });
    exchange::<old::Contract, new::Contract>(old::Thing { a: 1 }, new::Thing { b: vec![7], a: 1 })
        .await
        .msgpack(reads("Thing { b: [], a: 1 }"), reads("Thing { a: 1 }"))
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_a_field_without_a_default_cannot_be_missing() {
    version!(old { pub struct Thing { pub a: u32 } });
    version!(new { pub struct Thing { pub a: u32, pub b: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: 1 }, new::Thing { a: 1, b: 2 })
        .await
        .msgpack(refuses(), reads("Thing { a: 1 }"))
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_a_field_that_is_removed_is_skipped_by_the_new_and_missed_by_the_old() {
    version!(old { pub struct Thing { pub a: u32, pub b: u32 } });
    version!(new { pub struct Thing { pub a: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: 1, b: 2 }, new::Thing { a: 1 })
        .await
        .msgpack(reads("Thing { a: 1 }"), refuses())
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_deny_unknown_fields_refuses_what_a_newer_side_adds() {
    version!(old {
        #[serde(deny_unknown_fields)]
        pub struct Thing { pub a: u32 }
    });
    version!(new { pub struct Thing { pub a: u32, pub b: Option<u32> } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: 1 }, new::Thing { a: 1, b: None })
        .await
        .msgpack(reads("Thing { a: 1, b: None }"), refuses())
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_a_field_that_is_renamed_is_another_field_in_msgpack_and_the_same_in_bincode() {
    version!(old { pub struct Thing { pub before: u32 } });
    version!(new { pub struct Thing { pub after: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { before: 1 }, new::Thing { after: 2 })
        .await
        .msgpack(refuses(), refuses())
        .bincode(reads("Thing { after: 1 }"), reads("Thing { before: 2 }"));
}

#[tokio::test]
async fn p37_rename_keeps_a_field_the_same_in_both_directions() {
    version!(old { pub struct Thing { pub before: u32 } });
    version!(new {
        pub struct Thing { #[serde(rename = "before")] pub after: u32 }
    });
    exchange::<old::Contract, new::Contract>(old::Thing { before: 1 }, new::Thing { after: 2 })
        .await
        .both(reads("Thing { after: 1 }"), reads("Thing { before: 2 }"));
}

#[tokio::test]
async fn p37_alias_reads_the_old_name_and_writes_the_new_one() {
    version!(old { pub struct Thing { pub before: u32 } });
    version!(new {
        pub struct Thing { #[serde(alias = "before")] pub after: u32 }
    });
    exchange::<old::Contract, new::Contract>(old::Thing { before: 1 }, new::Thing { after: 2 })
        .await
        .msgpack(reads("Thing { after: 1 }"), refuses())
        .bincode(reads("Thing { after: 1 }"), reads("Thing { before: 2 }"));
}

#[tokio::test]
async fn p37_fields_may_move_in_msgpack_and_fields_of_other_types_are_refused_by_bincode() {
    version!(old { pub struct Thing { pub id: u32, pub name: String } });
    version!(new { pub struct Thing { pub name: String, pub id: u32 } });
    let old = old::Thing { id: 700, name: "chair".into() };
    let new = new::Thing { name: "chair".into(), id: 700 };
    exchange::<old::Contract, new::Contract>(old, new)
        .await
        .msgpack(reads(r#"Thing { name: "chair", id: 700 }"#), reads(r#"Thing { id: 700, name: "chair" }"#))
        .bincode(refuses(), refuses());
}

/// P37: tuples and tuple structs are arrays, which are positional in MessagePack as well.
#[tokio::test]
async fn p37_a_tuple_struct_cannot_grow_in_either_encoding() {
    version!(old { pub struct Thing(pub u32, pub u32); });
    version!(new { pub struct Thing(pub u32, pub u32, pub Option<u32>); });
    exchange::<old::Contract, new::Contract>(old::Thing(1, 2), new::Thing(1, 2, None))
        .await
        .both(refuses(), refuses());
}

#[tokio::test]
async fn p37_an_optional_field_may_become_a_required_one_while_it_is_there() {
    version!(old { pub struct Thing { pub a: Option<u32> } });
    version!(new { pub struct Thing { pub a: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { a: Some(700) }, new::Thing { a: 700 })
        .await
        .msgpack(reads("Thing { a: 700 }"), reads("Thing { a: Some(700) }"))
        .bincode(refuses(), refuses());
    exchange::<old::Contract, new::Contract>(old::Thing { a: None }, new::Thing { a: 700 })
        .await
        .msgpack(refuses(), reads("Thing { a: Some(700) }"));
}

/// Not even the same version reads it back: a positional encoding has no place for "absent".
#[tokio::test]
async fn p36_a_field_that_is_skipped_now_and_then_is_refused_by_bincode() {
    version!(old {
        pub struct Thing { pub a: u32, #[serde(default, skip_serializing_if = "Option::is_none")] pub b: Option<u32> }
    });
    let thing = || old::Thing { a: 1, b: None };
    exchange::<old::Contract, old::Contract>(thing(), thing())
        .await
        .msgpack(reads("Thing { a: 1, b: None }"), reads("Thing { a: 1, b: None }"))
        .bincode(refuses(), refuses());
}

/// It has no length beforehand, which bincode needs: what flattens fails where it is encoded, and is not sent.
#[tokio::test]
async fn p36_flatten_needs_msgpack() {
    version!(old {
        pub struct Inner { pub b: u32 }
        pub struct Thing { pub a: u32, #[serde(flatten)] pub inner: Inner }
    });
    for way in ways() {
        let thing = old::Thing { a: 1, inner: old::Inner { b: 2 } };
        let (tossed, _) = mpsc::unbounded_channel();
        let served = thing.clone();
        let serve = move |(): ()| old::Contract::serve(served.clone(), tossed.clone());
        let ends = connect(way, &Limits::default(), serve, |_: Called| ()).await;
        let put = old::Contract::put(ends.client.peer(), thing.clone()).await;
        let got = old::Contract::get(ends.client.peer()).await;
        if way.1 == Encoding::Msgpack {
            assert_eq!(put, Ok(format!("{thing:?}")));
            assert_eq!(got.map(|got| format!("{got:?}")), Ok(format!("{thing:?}")));
        } else {
            assert_eq!(put, Err(CallError::InvalidArguments));
            let error = got.expect_err("it cannot be encoded");
            assert!(matches!(error, CallError::Internal(_)), "{error}");
        }
    }
}
