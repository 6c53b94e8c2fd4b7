//! tonic's service, told to its generator without a `.proto`, so that no compiler for these is needed.

use tonic_build::manual::{Builder, Method, Service};

fn method(name: &str, route: &str, [input, output]: [&str; 2]) -> tonic_build::manual::MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("crate::tonic_peer::{input}"))
        .output_type(format!("crate::tonic_peer::{output}"))
        .codec_path("tonic_prost::ProstCodec")
}

fn main() {
    let service = Service::builder()
        .name("Bench")
        .package("bench")
        .method(method("echo", "Echo", ["Small", "Small"]).build())
        .method(method("echo_bytes", "EchoBytes", ["Block", "Block"]).build())
        .method(method("items", "Items", ["Number", "Small"]).server_streaming().build())
        .method(method("blocks", "Blocks", ["Number", "Block"]).server_streaming().build())
        .method(method("subscribe", "Subscribe", ["Number", "Block"]).server_streaming().build())
        .method(method("broadcast", "Broadcast", ["Number", "Number"]).build())
        .build();
    Builder::new().compile(&[service]);
}
