use std::future::Future;
use std::thread::JoinHandle;

use sm_common::clock::SystemClock;
use sm_service_kit::auth::KeySource;
use sm_service_kit::config::ServiceConfig;
use sm_service_kit::{About, Kit, Lifecycle};

/// A service that runs inside the test, on ports that the system chose. Stops with the value.
#[derive(Debug)]
pub struct Running {
    kit: Kit,
    lifecycle: Lifecycle,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    /// Reads the service's default configuration, with `changes` (key, value) on top.
    pub fn config<C: ServiceConfig>(about: &About, changes: &[(&str, &str)]) -> C {
        let mut environment = std::collections::BTreeMap::new();
        let test = [
            ("http.bind", "127.0.0.1"),
            ("http.port", "0"),
            ("http.drain_ms", "0"),
            ("ops.metrics_port", "0"),
            ("ops.health_port", "0"),
            ("ops.check_interval_ms", "100"),
            ("auth.jwks_url", ""),
        ];
        for (key, value) in test.iter().chain(changes) {
            let variable = format!("SM__{}", key.to_uppercase().replace('.', "__"));
            environment.insert(variable, (*value).to_owned());
        }
        sm_service_kit::config::load(about.default_config, None, &environment)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts `serve`, the same function that the service's `main` runs.
    pub fn start<C, S, F>(about: About, config: C, keys: KeySource, serve: S) -> Self
    where
        C: ServiceConfig + Send + 'static,
        S: FnOnce(C, Kit) -> F + Send + 'static,
        F: Future<Output = anyhow::Result<()>>,
    {
        let kit = Kit::bind(about, config.kit(), SystemClock::shared(), Some(keys)).unwrap();
        let lifecycle = kit.lifecycle().clone();
        let given = kit.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let lifecycle = given.lifecycle().clone();
                let outcome = serve(config, given).await;
                lifecycle.stop();
                lifecycle.finished().await;
                outcome
            })
        });
        Self {
            kit,
            lifecycle,
            thread: Some(thread),
        }
    }

    /// `http://address:port` of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.kit.http_address())
    }

    /// `http://address:port` of its health.
    pub fn health_url(&self) -> String {
        format!("http://{}", self.kit.health_address())
    }

    /// `http://address:port` of its metrics.
    pub fn metrics_url(&self) -> String {
        format!("http://{}", self.kit.metrics_address())
    }

    /// The kit it was given.
    pub fn kit(&self) -> &Kit {
        &self.kit
    }

    /// Asks it to end, as SIGTERM would, and waits until it has.
    pub fn stop(mut self) {
        self.lifecycle.drain();
        if let Some(thread) = self.thread.take() {
            thread
                .join()
                .expect("the service does not panic")
                .expect("the service ends well");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifecycle.stop();
        if let Some(thread) = self.thread.take() {
            // A failed test says why; a service that failed with it need not say it again.
            let _ = thread.join();
        }
    }
}
