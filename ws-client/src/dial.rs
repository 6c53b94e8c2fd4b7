//! From a URL to an upgraded stream.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::http::{HeaderValue, Uri, header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL};
use ws_core::transport::WebSocketTransport;
use ws_core::{Encoding, Limits};

use crate::error::ConnectError;

/// A URL that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    uri: Uri,
    host: String,
    port: u16,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let invalid = |text: &str| ConnectError::InvalidUrl(text.to_owned());
        let uri: Uri =
            url.parse().map_err(|error: tungstenite::http::uri::InvalidUri| invalid(&error.to_string()))?;
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss") => {
                return Err(invalid("`wss` needs a TLS stream: dial it yourself and use `connect_over`"));
            }
            _ => return Err(invalid("it must begin with `ws://`")),
        }
        let authority = uri.authority().ok_or_else(|| invalid("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("credentials belong into the header, not into the URL"));
        }
        let host = uri.host().unwrap_or_default();
        // Read here: `http` takes a port that is no number for none at all.
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => 80,
            Some(rest) => rest
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .ok_or_else(|| invalid("its port is not a number up to 65,535"))?,
            None => return Err(invalid("its host is not what it seems")),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        Ok(Self { host: host.to_owned(), port, uri })
    }

    /// Opens a TCP connection.
    pub(crate) async fn dial(&self) -> Result<(TcpStream, Option<SocketAddr>), ConnectError> {
        let stream =
            TcpStream::connect((self.host.as_str(), self.port)).await.map_err(ConnectError::Refused)?;
        // Small messages must not wait for one another; where it cannot be set they are only slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let address = stream.peer_addr().ok();
        Ok((stream, address))
    }

    /// Upgrades a stream; gives the encoding that the server chose.
    pub(crate) async fn upgrade<S>(
        &self,
        stream: S,
        encodings: &[Encoding],
        limits: &Limits,
    ) -> Result<(WebSocketTransport<S>, Encoding), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut request = self
            .uri
            .clone()
            .into_client_request()
            .map_err(|error| ConnectError::InvalidUrl(error.to_string()))?;
        let offered: Vec<&str> = encodings.iter().map(|encoding| encoding.subprotocol()).collect();
        let offered = HeaderValue::from_str(&offered.join(", "))
            .map_err(|error| ConnectError::NotOurProtocol(error.to_string()))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered);
        let (transport, response) =
            WebSocketTransport::connect(request, stream, limits).await.map_err(failed)?;
        let headers = response.headers();
        if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            // Compression and the like are never offered (R35).
            return Err(ConnectError::NotOurProtocol(
                "the server uses an extension that was not offered".to_owned(),
            ));
        }
        let mut chosen = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let encoding = chosen
            .next()
            .filter(|_| chosen.next().is_none())
            .and_then(|name| name.to_str().ok())
            .and_then(|name| encodings.iter().find(|encoding| encoding.subprotocol() == name))
            .ok_or_else(|| ConnectError::NotOurProtocol("the server chose no encoding".to_owned()))?;
        Ok((transport, *encoding))
    }
}

fn failed(error: tungstenite::Error) -> ConnectError {
    match error {
        tungstenite::Error::Http(response) => ConnectError::Status { status: response.status().as_u16() },
        tungstenite::Error::Io(error) => ConnectError::Refused(error),
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            ConnectError::Refused(std::io::ErrorKind::UnexpectedEof.into())
        }
        error => ConnectError::NotOurProtocol(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let target = Target::parse("ws://localhost:9000/a?b=c").expect("a good URL");
        assert_eq!((target.host.as_str(), target.port), ("localhost", 9000));
        let target = Target::parse("ws://[::1]/").expect("a good URL");
        assert_eq!((target.host.as_str(), target.port), ("::1", 80));
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "localhost:1",
            "http://localhost",
            "wss://localhost",
            "ws://",
            "ws://u:p@h",
            "ws://h:",
            "ws://h:99999",
        ] {
            assert!(matches!(Target::parse(url), Err(ConnectError::InvalidUrl(_))), "{url}");
        }
    }
}
