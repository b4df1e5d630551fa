//! HTTP in the clear where TLS is expected: the client hears in its own protocol what is wrong.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::problem::{CONTENT_TYPE, Problem};
use axum::http::StatusCode;

/// Whether a connection begins as a request in the clear does: methods are in capitals (RFC 9110 9.1), and a TLS
/// handshake begins with octet 22.
pub fn looks_like_http(first: u8) -> bool {
    first.is_ascii_uppercase()
}

/// Answers 400 and closes.
///
/// # Errors
/// The connection's.
pub async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let detail = "this port speaks HTTPS: the address begins with https://";
    let body = serde_json::to_string(&Problem::new(StatusCode::BAD_REQUEST, detail))?;
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
    stream.shutdown().await?;
    crate::linger::linger(stream).await;
    Ok(())
}
