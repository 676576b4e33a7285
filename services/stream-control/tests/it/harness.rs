use std::time::Duration;

use sm_bus::{Bus, Commit, keys};
use sm_common::auth::Role;
use sm_common::event::StreamStateChanged;
use sm_common::id::{SceneId, StreamId};
use sm_common::program::ProgramFormat;
use sm_common::stream::{
    DesiredState, ObservedState, SceneOnAir, Severity, StreamError, StreamState, StreamStatus,
};
use sm_stream_control::{ABOUT, Config, serve};
use sm_test_kit::{Api, Issuer, Redis, Running, until};

/// stream-control over a private Redis.
pub(crate) struct Harness {
    pub(crate) redis: Redis,
    pub(crate) issuer: Issuer,
    pub(crate) service: Running,
    pub(crate) engine: Bus,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(changes: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        let issuer = Issuer::new();
        let service = Self::replica(&redis, &issuer, changes);
        let engine = redis.bus("stream-engine");
        let harness = Self {
            redis,
            issuer,
            service,
            engine,
        };
        harness.until_ready().await;
        harness
    }

    /// One more replica of the service.
    pub(crate) fn replica(redis: &Redis, issuer: &Issuer, changes: &[(&str, &str)]) -> Running {
        let url = redis.url();
        let mut settings = vec![("redis.url", url.as_str())];
        settings.extend_from_slice(changes);
        let config: Config = Running::config(&ABOUT, &settings);
        Running::start(ABOUT, config, issuer.key_source(), serve)
    }

    pub(crate) async fn until_ready(&self) {
        let health = Api::new(self.service.health_url());
        until(
            "stream-control is ready",
            Duration::from_secs(10),
            || async { health.get("/health/ready").await.text.contains("\"ready\"") },
        )
        .await;
    }

    pub(crate) fn anonymous(&self) -> Api {
        Api::new(self.service.url())
    }

    pub(crate) fn as_role(&self, role: Role) -> Api {
        self.anonymous().with_token(self.issuer.token(role))
    }

    pub(crate) fn operator(&self) -> Api {
        self.as_role(Role::Operator)
    }

    pub(crate) async fn desired(&self) -> DesiredState {
        let key = keys::desired(&StreamId::default());
        self.engine
            .hash_document(&key, "doc")
            .await
            .unwrap()
            .unwrap()
    }

    /// Plays the engine: observes `status` and has caught up with the desired state.
    pub(crate) async fn observe(&self, status: StreamStatus) {
        Box::pin(self.observe_scene(status, None)).await;
    }

    /// The same, with a scene in the picture.
    pub(crate) async fn show(&self, status: StreamStatus, scene: SceneId) {
        Box::pin(self.observe_scene(status, Some(scene))).await;
    }

    /// The same, with this format on air, and what is wrong with the one that is wanted.
    pub(crate) async fn observe_format(
        &self,
        status: StreamStatus,
        program: ProgramFormat,
        refused: Option<&str>,
    ) {
        let errors = refused.map(|message| StreamError {
            code: "program.encoder.missing".to_owned(),
            severity: Severity::Info,
            component: "program".to_owned(),
            message: message.to_owned(),
            since: self.engine.clock().now(),
            count: 1,
            recovering: false,
        });
        Box::pin(self.observe_so(status, |observed| {
            observed.program = Some(program);
            observed.errors = errors.into_iter().collect();
        }))
        .await;
    }

    async fn observe_scene(&self, status: StreamStatus, scene: Option<SceneId>) {
        Box::pin(self.observe_so(status, |observed| {
            observed.scene = scene.map(|id| SceneOnAir {
                id,
                name: "a scene".to_owned(),
                revision: 1,
            });
        }))
        .await;
    }

    async fn observe_so(&self, status: StreamStatus, change: impl FnOnce(&mut ObservedState)) {
        let desired = self.desired().await;
        let mut observed =
            ObservedState::never_held(StreamId::default(), self.engine.clock().now());
        observed.status = status;
        change(&mut observed);
        observed.desired_revision = desired.revision;
        observed.generation = desired.generation;
        observed.revision = desired.revision + 100;
        let document = serde_json::to_string(&observed).unwrap();
        let stream = StreamId::default();
        let state = StreamStateChanged(StreamState::join(&desired, observed));
        let event = self.engine.event(&stream, &state, None).unwrap();
        let commit = Commit::new().set(keys::observed(&stream), document);
        self.engine.commit(commit, vec![event]).await.unwrap();
    }
}
