//! How a person reaches the replicas: any of them, and another one where one does not answer.

use std::time::Duration;

use fastrand::Rng;
use reqwest::Method;
use serde_json::Value;
use sm_test_kit::{Answer, Api, until_some};

/// Longest wait until somebody answers again.
const PATIENCE: Duration = Duration::from_mins(2);

/// What came of a request that may change something.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was answered.
    Answered(Answer),
    /// Whether it was done is not known: nobody answered, or 503.
    Unknown,
}

/// The replicas, as one person reaches them.
#[derive(Debug)]
pub(super) struct Line {
    replicas: Vec<Api>,
    rng: Rng,
    pub(super) unknown: usize,
}

impl Line {
    pub(super) fn new(replicas: Vec<Api>, rng: Rng) -> Self {
        Self {
            replicas,
            rng,
            unknown: 0,
        }
    }

    /// Asks one replica for a change.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        expected: Option<u64>,
        body: Option<&Value>,
    ) -> Outcome {
        let replica = &self.replicas[self.rng.usize(..self.replicas.len())];
        let mut request = replica.request(method.clone(), path);
        if let Some(revision) = expected {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        match replica.try_send(request).await {
            Some(answer) if answer.status != 503 => {
                let status = answer.status;
                assert!(
                    !status.is_server_error(),
                    "{method} {path}: {}",
                    answer.text
                );
                Outcome::Answered(answer)
            }
            Some(_) | None => {
                self.unknown += 1;
                // Everybody is away while Redis is: what is asked next is to be answered.
                self.get("/api/scenes").await;
                Outcome::Unknown
            }
        }
    }

    /// Reads from any replica, as soon as one answers.
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let replicas = &self.replicas;
        let mut next = self.rng.usize(..replicas.len());
        until_some(&format!("GET {path} is answered"), PATIENCE, || {
            let replica = &replicas[next % replicas.len()];
            next += 1;
            async move {
                let answer = replica.try_get(path).await?;
                (answer.status != 503).then_some(answer)
            }
        })
        .await
    }

    /// The layers of a scene and its revision.
    pub(super) async fn layers(&mut self, scene: &str) -> (u64, Vec<Value>) {
        let path = format!("/api/layers?scene={scene}");
        let list = self.get(&path).await.expect(200).body;
        let layers = list["layers"].as_array().unwrap().clone();
        (list["scene"]["revision"].as_u64().unwrap(), layers)
    }

    /// The same from each replica, which must agree.
    pub(super) async fn agreed_layers(&self, scene: &str) -> (u64, Vec<Value>) {
        let mut agreed: Option<Value> = None;
        for replica in &self.replicas {
            let list = replica.get(&format!("/api/layers?scene={scene}")).await;
            let list = list.expect(200).body;
            let known = agreed.get_or_insert_with(|| list.clone());
            assert_eq!(*known, list, "the replicas disagree");
        }
        let list = agreed.unwrap();
        let layers = list["layers"].as_array().unwrap().clone();
        (list["scene"]["revision"].as_u64().unwrap(), layers)
    }
}
