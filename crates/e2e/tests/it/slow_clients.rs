//! Clients that take their time, come in floods or guess: what others notice of them.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use sm_e2e::{Stack, StackOptions};
use sm_test_kit::{Api, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const NET: &str = "127.95";
/// Connections that begin a request and do not end it, of each kind and to each address.
const SLOW: usize = 200;
/// Requests of one address in a flood.
const FLOOD: usize = 1000;
/// Attempts to sign in from one address.
const GUESSES: usize = 150;
/// How often others do what they do.
const PACE: Duration = Duration::from_millis(25);
/// How long a service waits for a head and for a body, in milliseconds.
const DEADLINE_MS: &str = "2000";
/// Where the flood and the guesses come from.
const STRANGER: &str = "127.95.200.9";

const HEAD: &str = "POST /api/auth/logout HTTP/1.1\r\nhost: x\r\n";
const BODY: &str = "content-type: application/json\r\ncontent-length: 40\r\n\r\n{\"refresh_token\"";

#[tokio::test]
async fn slow_clients_floods_and_guesses_keep_nobody_from_anything() {
    let mut options = StackOptions::at(NET);
    for setting in ["HEAD_TIMEOUT_MS", "BODY_TIMEOUT_MS"] {
        options
            .set
            .push(format!("all.SM__HTTP__{setting}={DEADLINE_MS}"));
    }
    // What is slow is to be given up for that, and not for being much.
    options
        .set
        .push("all.SM__HTTP__LIMITS__WRITE__REQUESTS=100000".to_owned());
    let stack = Stack::start(options);
    let admin = stack.admin().await;
    let quiet = used(&stack, &admin, async {}).await;
    let (edge, gateway) = (format!("{NET}.0.1:4200"), format!("{NET}.1.1:4200"));
    let slow = used(&stack, &admin, async {
        let edges = [
            (edge.as_str(), ""),
            (edge.as_str(), BODY),
            (gateway.as_str(), ""),
            (gateway.as_str(), BODY),
        ];
        let mut open = Vec::new();
        for (address, more) in edges {
            for _ in 0..SLOW {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(HEAD.as_bytes()).await.unwrap();
                stream.write_all(more.as_bytes()).await.unwrap();
                open.push((address, more, stream));
            }
        }
        // The service gives each of them up. In front of it Traefik keeps them, and keeps them away.
        for (address, more, mut stream) in open {
            if address == gateway {
                let mut answer = String::new();
                let _reset = stream.read_to_string(&mut answer).await;
                assert!(answer.starts_with("HTTP/1.1 408 "), "{more}: {answer}");
            }
        }
    })
    .await;
    let stranger = from(STRANGER, &stack.url());
    let flood = used(&stack, &admin, async {
        let mut refused = 0;
        for batch in 0..FLOOD / 50 {
            let path = if batch % 2 == 0 {
                "/api/layers"
            } else {
                "/api/users"
            };
            let asked = (0..50).map(|_| stranger.get(path));
            for status in futures_util::future::join_all(asked).await {
                assert!(status.is_client_error(), "{status}");
                refused += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
            }
        }
        refused
    })
    .await;
    let guesses = used(&stack, &admin, async {
        let mut limited = 0;
        for number in 0..GUESSES {
            let status = stranger.guess(&format!("guess-{number}")).await;
            assert!(
                status == StatusCode::UNAUTHORIZED || status == StatusCode::TOO_MANY_REQUESTS,
                "{status}"
            );
            limited += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(limited > GUESSES / 2, "{limited}");
    })
    .await;
    // Whose name was guessed at is not locked out.
    let _tokens = stack.sign_in().await;
    for (what, p99) in [
        ("quiet", quiet),
        ("slow heads and bodies", slow),
        ("a flood", flood),
        ("guesses", guesses),
    ] {
        println!("{what}: others waited {p99:?} at most, 99 times of 100");
    }
}

/// Uses the system and its health probes as others do while `meanwhile` goes on, and gives the time
/// that 99 of 100 requests took at most. Everything is answered as it should be.
async fn used<T>(stack: &Stack, admin: &Api, meanwhile: impl Future<Output = T>) -> Duration {
    let health = Api::new(stack.entrypoint(4291));
    let stop = CancellationToken::new();
    let others = async {
        let mut waited = Vec::new();
        let mut pace = tokio::time::interval(PACE);
        while !stop.is_cancelled() || waited.len() < 100 {
            pace.tick().await;
            for (api, path) in [
                (admin, "/api/stream/state"),
                (admin, "/api/layers"),
                (admin, "/api/users"),
                (&health, "/api-gateway/health/ready"),
                (&health, "/layer-service/health/ready"),
            ] {
                let start = Instant::now();
                let _answer = api.get(path).await.expect(200);
                waited.push(start.elapsed());
            }
        }
        waited.sort();
        waited[waited.len() * 99 / 100]
    };
    let ended = async {
        let _outcome = meanwhile.await;
        stop.cancel();
    };
    let (p99, ()) = tokio::join!(others, ended);
    until("the process answers", Duration::from_secs(10), || async {
        admin.get("/api/stream/state").await.status == 200
    })
    .await;
    p99
}

/// A client at another address of this machine.
struct Stranger {
    client: reqwest::Client,
    base: String,
}

fn from(address: &str, base: &str) -> Stranger {
    let address: IpAddr = address.parse().unwrap();
    Stranger {
        client: reqwest::Client::builder()
            .local_address(address)
            .build()
            .unwrap(),
        base: base.to_owned(),
    }
}

impl Stranger {
    async fn get(&self, path: &str) -> StatusCode {
        let url = format!("{}{path}", self.base);
        self.client.get(url).send().await.unwrap().status()
    }

    async fn guess(&self, password: &str) -> StatusCode {
        let url = format!("{}/api/auth/login", self.base);
        let body = json!({"username": "admin", "password": password});
        let answer = self.client.post(url).json(&body).send().await;
        answer.unwrap().status()
    }
}
