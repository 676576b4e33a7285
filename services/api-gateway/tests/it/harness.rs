use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sm_api_gateway::{ABOUT, Config, own_keys, serve};
use sm_test_kit::{Answer, Api, Redis, Running, until};
use tempfile::TempDir;

/// The first admin's password, unless a test says otherwise.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410).
const PKCS8_ED25519: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
/// Longest wait for something that should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A Redis and a signing key that replicas share.
pub(crate) struct World {
    pub(crate) redis: Redis,
    folder: TempDir,
}

/// A world with one replica.
pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) service: Running,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            redis: Redis::start(),
            folder: tempfile::tempdir().unwrap(),
        };
        world.write_key("signing.pem");
        world
    }

    /// A path in a folder of this test alone.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a new signing key.
    pub(crate) fn write_key(&self, name: &str) -> PathBuf {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).unwrap();
        let body = STANDARD.encode([PKCS8_ED25519, &secret].concat());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let path = self.path(name);
        std::fs::write(&path, pem).unwrap();
        path
    }

    /// The signing key, in PKCS#8.
    pub(crate) fn signing_key(&self) -> Vec<u8> {
        let pem = std::fs::read_to_string(self.path("signing.pem")).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).unwrap()
    }

    /// Settings of a replica: cheap passwords, a known admin, and `changes`.
    pub(crate) fn config(&self, changes: &[(&str, &str)]) -> Config {
        let url = self.redis.url();
        let key = text(&self.path("signing.pem"));
        let mut settings = vec![
            ("redis.url", url.as_str()),
            ("signing.key_file", key.as_str()),
            ("passwords.memory_kib", "256"),
            ("passwords.iterations", "1"),
            ("first_admin.password", PASSWORD),
            ("ops.report_interval_ms", "100"),
            ("auth.revocations_every_ms", "50"),
        ];
        settings.extend_from_slice(changes);
        Running::config(&ABOUT, &settings)
    }

    /// Starts a replica and does not wait for it.
    pub(crate) fn launch(&self, changes: &[(&str, &str)]) -> Running {
        let config = self.config(changes);
        let keys = own_keys(&config).unwrap().unwrap();
        Running::start(ABOUT, config, keys, serve)
    }

    /// Starts a replica.
    pub(crate) async fn start(&self, changes: &[(&str, &str)]) -> Running {
        let service = self.launch(changes);
        until_ready(&service).await;
        service
    }
}

impl Gateway {
    pub(crate) async fn start(changes: &[(&str, &str)]) -> Self {
        let world = World::new();
        let service = world.start(changes).await;
        Self { world, service }
    }

    pub(crate) fn anonymous(&self) -> Api {
        Api::new(self.service.url())
    }

    /// The admin, signed in.
    pub(crate) async fn admin(&self) -> Api {
        signed_in(&self.anonymous(), "admin", PASSWORD).await
    }

    /// A new person with this role, signed in.
    pub(crate) async fn person(&self, name: &str, role: &str) -> Api {
        create_user(&self.admin().await, name, role).await;
        signed_in(&self.anonymous(), name, PASSWORD).await
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) async fn until_ready(service: &Running) {
    let health = Api::new(service.health_url());
    until("api-gateway is ready", SOON, || async {
        health.get("/health/ready").await.status == 200
    })
    .await;
}

/// Creates a person who signs in with [`PASSWORD`].
pub(crate) async fn create_user(admin: &Api, name: &str, role: &str) -> Answer {
    let body = json!({"username": name, "password": PASSWORD, "role": role});
    admin.post("/api/users", &body).await.expect(201)
}

pub(crate) async fn login(api: &Api, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password});
    api.post("/api/auth/login", &body).await
}

pub(crate) async fn refresh(api: &Api, token: &str) -> Answer {
    api.post("/api/auth/refresh", &json!({"refresh_token": token}))
        .await
}

/// `api` with an access token.
pub(crate) async fn signed_in(api: &Api, name: &str, password: &str) -> Api {
    let answer = login(api, name, password).await.expect(200);
    api.with_token(field(&answer, "access_token"))
}

/// A text in the answer's body.
pub(crate) fn field(answer: &Answer, name: &str) -> String {
    let value = answer.body.get(name).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("{name} in {}", answer.text))
        .to_owned()
}

/// The value at a JSON pointer.
pub(crate) fn at<'a>(answer: &'a Answer, pointer: &str) -> &'a Value {
    let value = answer.body.pointer(pointer);
    value.unwrap_or_else(|| panic!("{pointer} in {}", answer.text))
}
