//! P36, P37: variants of an enum come, go, move and are renamed.

use crate::shelf::{exchange, reads, refuses};

#[tokio::test]
async fn p36_p37_a_variant_at_the_end_is_refused_by_those_who_do_not_know_it() {
    version!(old { pub enum Thing { Red, Green } });
    version!(new { pub enum Thing { Red, Green, Blue { shade: u8 } } });
    exchange::<old::Contract, new::Contract>(old::Thing::Green, new::Thing::Green)
        .await
        .both(reads("Green"), reads("Green"));
    exchange::<old::Contract, new::Contract>(old::Thing::Red, new::Thing::Blue { shade: 1 })
        .await
        .both(reads("Red"), refuses());
}

#[tokio::test]
async fn p36_a_variant_in_the_middle_is_another_variant_in_bincode() {
    version!(old { pub enum Thing { Red, Green } });
    version!(new { pub enum Thing { Red, Blue, Green } });
    // Nobody notices: these readings are wrong.
    exchange::<old::Contract, new::Contract>(old::Thing::Green, new::Thing::Blue)
        .await
        .bincode(reads("Blue"), reads("Green"))
        .msgpack(reads("Green"), refuses());
    // Only the one that has no successor is noticed.
    exchange::<old::Contract, new::Contract>(old::Thing::Red, new::Thing::Green)
        .await
        .bincode(reads("Red"), refuses())
        .msgpack(reads("Red"), reads("Green"));
}

#[tokio::test]
async fn p36_a_variant_in_the_middle_is_noticed_where_the_contents_differ() {
    version!(old { pub enum Thing { Empty, Text(String) } });
    version!(new { pub enum Thing { Empty, Numbers(u8, u8), Text(String) } });
    let text = "four".to_owned();
    exchange::<old::Contract, new::Contract>(old::Thing::Text(text.clone()), new::Thing::Text(text))
        .await
        .bincode(refuses(), refuses())
        .msgpack(reads(r#"Text("four")"#), reads(r#"Text("four")"#));
}

#[tokio::test]
async fn p36_p37_a_variant_that_is_renamed_is_another_in_msgpack_and_the_same_in_bincode() {
    version!(old { pub enum Thing { Grey } });
    version!(new { pub enum Thing { Gray } });
    exchange::<old::Contract, new::Contract>(old::Thing::Grey, new::Thing::Gray)
        .await
        .bincode(reads("Gray"), reads("Grey"))
        .msgpack(refuses(), refuses());
}

#[tokio::test]
async fn p37_rename_keeps_a_variant_the_same() {
    version!(old { pub enum Thing { Grey } });
    version!(new { pub enum Thing { #[serde(rename = "Grey")] Gray } });
    exchange::<old::Contract, new::Contract>(old::Thing::Grey, new::Thing::Gray)
        .await
        .both(reads("Gray"), reads("Grey"));
}

#[tokio::test]
async fn p36_p37_other_takes_unknown_variants_without_content() {
    version!(old { pub enum Thing { Red, #[serde(other)] Other } });
    version!(new { pub enum Thing { Red, Blue, Mixed(u8), #[serde(other)] Other } });
    exchange::<old::Contract, new::Contract>(old::Thing::Red, new::Thing::Blue)
        .await
        .both(reads("Red"), reads("Other"));
    // The content of a variant that is not known has no place to go.
    exchange::<old::Contract, new::Contract>(old::Thing::Red, new::Thing::Mixed(7))
        .await
        .both(reads("Red"), refuses());
}

#[tokio::test]
async fn p37_an_optional_field_of_a_variant_may_come_in_msgpack_alone() {
    version!(old { pub enum Thing { Blue { shade: u8 } } });
    version!(new { pub enum Thing { Blue { shade: u8, name: Option<String> } } });
    let new = new::Thing::Blue { shade: 1, name: Some("sky".into()) };
    exchange::<old::Contract, new::Contract>(old::Thing::Blue { shade: 1 }, new)
        .await
        .msgpack(reads("Blue { shade: 1, name: None }"), reads("Blue { shade: 1 }"))
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p36_a_variant_without_content_cannot_get_one() {
    version!(old { pub enum Thing { Blue } });
    version!(new { pub enum Thing { Blue { shade: Option<u8> } } });
    exchange::<old::Contract, new::Contract>(old::Thing::Blue, new::Thing::Blue { shade: None })
        .await
        .both(refuses(), refuses());
}

/// P36: the tag is a field by name, which needs an encoding that says what stands in it.
#[tokio::test]
async fn p36_tagged_enums_need_msgpack() {
    version!(old { #[serde(tag = "kind")] pub enum Thing { Red { a: u8 } } });
    version!(new {
        #[serde(tag = "kind")]
        pub enum Thing { Blue, Red { a: u8 }, #[serde(other)] Other }
    });
    exchange::<old::Contract, new::Contract>(old::Thing::Red { a: 1 }, new::Thing::Red { a: 1 })
        .await
        .msgpack(reads("Red { a: 1 }"), reads("Red { a: 1 }"))
        .bincode(refuses(), refuses());
}

/// P37: with a tag inside, the content of an unknown variant is a map of fields that may be skipped.
#[tokio::test]
async fn p37_other_with_a_tag_takes_unknown_variants_with_content_as_well() {
    version!(old {
        #[serde(tag = "kind")]
        pub enum Thing { Red, #[serde(other)] Other }
    });
    version!(new {
        #[serde(tag = "kind")]
        pub enum Thing { Red, Mixed { a: u8 }, #[serde(other)] Other }
    });
    exchange::<old::Contract, new::Contract>(old::Thing::Red, new::Thing::Mixed { a: 7 })
        .await
        .msgpack(reads("Red"), reads("Other"));
}

#[tokio::test]
async fn p36_untagged_enums_need_msgpack() {
    version!(old {
        #[serde(untagged)]
        pub enum Thing { Number(u32), Text(String) }
    });
    exchange::<old::Contract, old::Contract>(old::Thing::Number(1), old::Thing::Text("a".into()))
        .await
        .msgpack(reads("Number(1)"), reads(r#"Text("a")"#))
        .bincode(refuses(), refuses());
}
