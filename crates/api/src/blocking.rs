//! Work that blocks, on a thread for that.

use node::handle::HandleError;

/// Runs something that blocks.
///
/// # Errors
/// What it says; [`HandleError::Failed`] if it panicked.
pub async fn blocking<T: Send + 'static, E: From<HandleError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let failed = |_| Err(HandleError::Failed("it failed; this is a bug of the server".into()).into());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}
