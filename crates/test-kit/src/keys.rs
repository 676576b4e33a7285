use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Issuer;

/// Serves an issuer's public keys, as api-gateway does, to services that are processes of their own. Ends
/// with the value.
#[derive(Debug)]
pub struct Keys {
    url: String,
    serving: JoinHandle<()>,
}

impl Keys {
    /// The keys of this issuer, on a port of their own.
    pub async fn of(issuer: &Issuer) -> Self {
        let keys = serde_json::to_string(issuer.jwks()).unwrap();
        let length = keys.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{keys}"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            while let Ok((mut socket, _peer)) = listener.accept().await {
                // Whoever asks has sent its short question by then.
                let _ = socket.readable().await;
                let _ = socket.try_read(&mut [0; 4096]);
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, serving }
    }

    /// Where they are.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
