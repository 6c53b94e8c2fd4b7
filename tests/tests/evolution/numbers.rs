//! P36, P37: numbers become wider, narrower, signed.

use crate::shelf::{exchange, reads, refuses};

#[tokio::test]
async fn p36_p37_integers_of_16_bits_and_more_may_widen() {
    version!(old { pub struct Thing { pub u: u16, pub i: i32 } });
    version!(new { pub struct Thing { pub u: u32, pub i: i64 } });
    for (u, i) in [(0, 0), (250, -1), (251, i32::MAX), (u16::MAX, i32::MIN)] {
        let both = format!("Thing {{ u: {u}, i: {i} }}");
        exchange::<old::Contract, new::Contract>(
            old::Thing { u, i },
            new::Thing { u: u.into(), i: i.into() },
        )
        .await
        .both(reads(&both), reads(&both));
    }
    // What does not fit into the narrow one is refused, never cut.
    exchange::<old::Contract, new::Contract>(old::Thing { u: 0, i: 0 }, new::Thing { u: 65_536, i: 0 })
        .await
        .both(reads("Thing { u: 0, i: 0 }"), refuses());
    exchange::<old::Contract, new::Contract>(old::Thing { u: 0, i: 0 }, new::Thing { u: 0, i: 1 << 31 })
        .await
        .both(reads("Thing { u: 0, i: 0 }"), refuses());
}

/// P36: a `u8` is its byte; from 251 on, that byte says of a wider integer how long it is.
#[tokio::test]
async fn p36_a_byte_may_widen_in_bincode_below_251_only() {
    version!(old { pub struct Thing { pub n: u8 } });
    version!(new { pub struct Thing { pub n: u32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: 250 }, new::Thing { n: 250 })
        .await
        .both(reads("Thing { n: 250 }"), reads("Thing { n: 250 }"));
    exchange::<old::Contract, new::Contract>(old::Thing { n: 251 }, new::Thing { n: 251 })
        .await
        .bincode(refuses(), refuses())
        .msgpack(reads("Thing { n: 251 }"), reads("Thing { n: 251 }"));
}

/// P36: nor does a signed byte, whose form is not that of the wider ones.
#[tokio::test]
async fn p36_a_signed_byte_that_widens_is_misread_by_bincode() {
    version!(old { pub struct Thing { pub n: i8 } });
    version!(new { pub struct Thing { pub n: i32 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: 6 }, new::Thing { n: 6 })
        .await
        // Nobody notices: these readings are wrong.
        .bincode(reads("Thing { n: 3 }"), reads("Thing { n: 12 }"))
        .msgpack(reads("Thing { n: 6 }"), reads("Thing { n: 6 }"));
}

#[tokio::test]
async fn p36_a_number_that_becomes_signed_is_misread_by_bincode() {
    version!(old { pub struct Thing { pub n: u32 } });
    version!(new { pub struct Thing { pub n: i64 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: 5 }, new::Thing { n: 5 })
        .await
        // Nobody notices: these readings are wrong.
        .bincode(reads("Thing { n: -3 }"), reads("Thing { n: 10 }"))
        .msgpack(reads("Thing { n: 5 }"), reads("Thing { n: 5 }"));
    exchange::<old::Contract, new::Contract>(old::Thing { n: 0 }, new::Thing { n: -1 })
        .await
        .bincode(reads("Thing { n: 0 }"), reads("Thing { n: 1 }"))
        .msgpack(reads("Thing { n: 0 }"), refuses());
}

#[tokio::test]
async fn p37_an_integer_may_become_a_float_in_msgpack_in_one_direction() {
    version!(old { pub struct Thing { pub n: u32 } });
    version!(new { pub struct Thing { pub n: f64 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: 5 }, new::Thing { n: 5.0 })
        .await
        .msgpack(reads("Thing { n: 5.0 }"), refuses())
        .bincode(refuses(), refuses());
}

#[tokio::test]
async fn p37_a_float_may_widen_in_msgpack_alone() {
    version!(old { pub struct Thing { pub n: f32 } });
    version!(new { pub struct Thing { pub n: f64 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: 0.5 }, new::Thing { n: 0.5 })
        .await
        .msgpack(reads("Thing { n: 0.5 }"), reads("Thing { n: 0.5 }"))
        .bincode(refuses(), refuses());
}

/// P36: behind a byte from 251 on, the next ones are taken for the rest of the number.
#[tokio::test]
async fn p36_a_byte_that_widens_before_other_values_can_be_misread_by_bincode() {
    version!(old {
        pub struct Thing { pub n: u8, pub rest: Vec<u8> }
    });
    version!(new {
        pub struct Thing { pub n: u16, pub rest: Vec<u8> }
    });
    let old = old::Thing { n: 251, rest: vec![7, 1, 9] };
    exchange::<old::Contract, new::Contract>(old, new::Thing { n: 0x0703, rest: vec![9] })
        .await
        // Nobody notices: these readings are wrong.
        .bincode(reads("Thing { n: 1795, rest: [9] }"), reads("Thing { n: 251, rest: [7, 1, 9] }"))
        .msgpack(reads("Thing { n: 251, rest: [7, 1, 9] }"), refuses());
}

/// P37: 128 bits are written as bytes in MessagePack; a reader of them takes shorter numbers as well.
#[tokio::test]
async fn p37_an_integer_may_widen_to_128_bits_in_msgpack_in_one_direction() {
    version!(old { pub struct Thing { pub n: u64 } });
    version!(new { pub struct Thing { pub n: u128 } });
    exchange::<old::Contract, new::Contract>(old::Thing { n: u64::MAX }, new::Thing { n: 5 })
        .await
        .bincode(reads("Thing { n: 18446744073709551615 }"), reads("Thing { n: 5 }"))
        .msgpack(reads("Thing { n: 18446744073709551615 }"), refuses());
}
