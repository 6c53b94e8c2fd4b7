//! Programs that show one thing each; run them with `cargo run --example NAME`.
