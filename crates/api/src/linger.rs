//! The end of a connection: reading what still comes, so that what was sent arrives.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::limits::{LINGER_BYTES, LINGER_TIMEOUT};

/// Reads what still comes until the client has closed, too. Closing with octets unread would reset the connection, and
/// the client would lose the response to a request whose body was refused (RFC 9112 9.6).
pub async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let (mut rest, mut nowhere) = (stream.take(LINGER_BYTES), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    // How it ends does not matter: it ends.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, read).await;
}
