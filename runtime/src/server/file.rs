//! Receives files.
/// Serves one connection.
pub async fn serve(stream: tokio::net::UnixStream) {
    drop(stream);
}
