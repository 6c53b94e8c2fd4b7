//! Which subprotocol a connection speaks.

use super::UpgradeRefusal;

/// The first of the client's offers that is available here. It has to be echoed in the 101: a browser fails the
/// connection otherwise.
///
/// # Errors
/// 400, naming what is available, where nothing is offered or nothing that is offered is available.
pub fn negotiate<'a>(
    offered: impl IntoIterator<Item = &'a str>,
    available: &[&'static str],
) -> Result<&'static str, UpgradeRefusal> {
    let find = |offer: &str| available.iter().copied().find(|name| *name == offer);
    offered.into_iter().find_map(find).ok_or_else(|| {
        let names = available.join(", ");
        UpgradeRefusal::bad_request(format!("offer one of these in Sec-WebSocket-Protocol: {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVAILABLE: &[&str] = &["ws-service.v1.bincode", "ws-service.v1.msgpack"];

    #[test]
    fn the_clients_order_decides() {
        let chosen = negotiate(["x", "ws-service.v1.msgpack", "ws-service.v1.bincode"], AVAILABLE);
        assert_eq!(chosen.unwrap(), "ws-service.v1.msgpack");
    }

    #[test]
    fn without_a_common_one_the_answer_names_ours_and_not_theirs() {
        for offers in [&[][..], &["theirs"], &["WS-Service.v1.bincode"]] {
            let refusal = negotiate(offers.iter().copied(), AVAILABLE).unwrap_err();
            assert_eq!(refusal.status(), 400);
            assert_eq!(
                refusal.reason(),
                "offer one of these in Sec-WebSocket-Protocol: ws-service.v1.bincode, ws-service.v1.msgpack"
            );
        }
    }
}
