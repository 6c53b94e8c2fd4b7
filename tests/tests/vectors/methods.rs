//! Identities and fingerprints (P31 to P33).

use ws_core::Remote;
use ws_core::service::{MethodKind, MethodSpec, Streams};

use super::blocks::{Block, blocks};
use super::contracts::{CalculatorRemote, ProgressRemote};
use super::frames::hexadecimal;

/// Signatures laid out as no formatter would.
#[rustfmt::skip]
mod layout {
    use std::borrow::Cow;
    use std::collections::HashMap;
    use std::marker::PhantomData;

    use serde::{Deserialize, Serialize};
    use ws_core::{CallContext, ws_service};

    #[derive(Serialize, Deserialize)]
    pub struct A;
    #[derive(Serialize, Deserialize)]
    pub struct B;

    #[ws_service(version = 3)]
    pub trait Layout {
        async fn map(&self, a: HashMap < String , Vec<u8>, >) -> Option< u8 >;
        async fn path(&self, a: std :: collections :: BTreeMap<String, u64>) -> std::string::String;
        async fn tuple(&self, a: (u8, String,), b: (u8,), c: [u8 ; 4]) -> (A, B,);
        async fn unit(&self) -> ();
        async fn nothing(&self);
        async fn words(&self, a: Box<[ u8 ]>, b: PhantomData<fn(u8) -> u8>) -> Cow< 'static , str >;
        async fn context(&self, ctx: &CallContext, name: String) -> String;
        #[ws(event)]
        async fn r#type(&self, a: String);
    }
}

fn spec(block: &Block) -> MethodSpec {
    // Vectors live as long as the test.
    let name: &'static str = Box::leak(block.name.clone().into_boxed_str());
    let (signature, version) = (block.one("signature"), block.number("version"));
    match block.one("kind") {
        "call" => MethodSpec::call(name, signature, version),
        "event" => MethodSpec::event(name, signature, version),
        "streams down" => MethodSpec::call(name, signature, version).streams(Streams::Down),
        "streams up" => MethodSpec::call(name, signature, version).streams(Streams::Up),
        "streams both" => MethodSpec::call(name, signature, version).streams(Streams::Both),
        kind => panic!("{name}: what is {kind}?"),
    }
}

#[test]
fn p31_identities_and_p32_fingerprints() {
    for block in blocks("methods.txt") {
        let spec = spec(&block);
        assert_eq!(u64::from(spec.id.to_u32()), hexadecimal(block.one("identity")), "{}", block.name);
        assert_eq!(spec.signature, hexadecimal(block.one("fingerprint")), "{}", block.name);
    }
}

#[test]
fn p33_contracts_have_the_signatures_of_the_vectors() {
    let blocks = blocks("methods.txt");
    let contracts = [CalculatorRemote::methods(), ProgressRemote::methods(), layout::LayoutRemote::methods()];
    let specs: Vec<&MethodSpec> = contracts.iter().flat_map(|methods| methods.specs()).collect();
    for spec in &specs {
        let block = blocks.iter().find(|block| block.name == spec.name).expect("a vector");
        assert_eq!(spec.signature, hexadecimal(block.one("fingerprint")), "{}", spec.name);
        assert_eq!(spec.kind == MethodKind::Event, block.one("kind") == "event", "{}", spec.name);
    }
    for block in blocks.iter().filter(|block| block.maybe("written").is_some()) {
        assert!(specs.iter().any(|spec| spec.name == block.name), "{} is in no contract", block.name);
    }
}
