//! The scene on air, which everybody edits at once: what a change comes to depends on the others, so what
//! is answered is written down and compared at the end.

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::act::{Act, draw_batch};
use super::copy::seen;
use super::ledger::Acknowledged;
use super::line::{Line, Outcome};

/// What may be answered to a change that others were faster with.
const REFUSALS: [u16; 5] = [404, 409, 412, 422, 423];
/// Steps that are taken back and made again at the end, by each person.
const STEPS: usize = 30;

/// The scene, as one of its editors last saw it.
#[derive(Debug)]
pub(super) struct Commons {
    scene: String,
    revision: u64,
    layers: Vec<Value>,
    pub(super) refused: usize,
}

impl Commons {
    pub(super) fn new(scene: &str) -> Self {
        Self {
            scene: scene.to_owned(),
            revision: 0,
            layers: Vec::new(),
            refused: 0,
        }
    }

    /// Does something.
    pub(super) async fn act(&mut self, rng: &mut Rng, line: &mut Line) -> Option<Acknowledged> {
        if rng.bool() {
            (self.revision, self.layers) = line.layers(&self.scene).await;
        }
        match rng.u8(..16) {
            step @ 0..=4 => {
                let way = if step < 3 { "undo" } else { "redo" };
                let conflicts = ["refuse", "keep", "skip"];
                let conflict = conflicts[rng.usize(..conflicts.len())];
                let path = self.path(&format!("/{way}")) + "&on_conflict=" + conflict;
                self.ask(line, Method::POST, &path, None, None).await
            }
            5..=6 => {
                let acts = draw_batch(rng, &self.layers);
                let operations: Vec<Value> = acts.iter().map(Act::operation).collect();
                let body = json!({"operations": operations});
                let expected = (rng.u8(..3) == 0).then_some(self.revision);
                let path = self.path("/batch");
                self.ask(line, Method::POST, &path, expected, Some(body))
                    .await
            }
            _ => self.single(rng, line).await,
        }
    }

    async fn single(&mut self, rng: &mut Rng, line: &mut Line) -> Option<Acknowledged> {
        let revision_of = |layers: &[Value], id: &Value| {
            let layer = layers.iter().find(|layer| layer["id"] == *id);
            layer.unwrap()["revision"].as_u64()
        };
        match Act::draw(rng, &self.layers) {
            Act::Create { layer, index } => {
                let body = Act::new_layer(&layer, index);
                let path = self.path("");
                self.ask(line, Method::POST, &path, None, Some(body)).await
            }
            Act::Patch { id, patch } => {
                let path = self.path(&format!("/{}", id.as_str().unwrap()));
                let expected = revision_of(&self.layers, &id);
                self.ask(line, Method::PATCH, &path, expected, Some(patch))
                    .await
            }
            Act::Delete { id } => {
                let path = self.path(&format!("/{}", id.as_str().unwrap()));
                let expected = revision_of(&self.layers, &id);
                self.ask(line, Method::DELETE, &path, expected, None).await
            }
            Act::Reorder { order } => {
                let (path, body) = (self.path("/order"), json!({"order": order}));
                let expected = Some(self.revision);
                self.ask(line, Method::PUT, &path, expected, Some(body))
                    .await
            }
        }
    }

    async fn ask(
        &mut self,
        line: &mut Line,
        method: Method,
        path: &str,
        expected: Option<u64>,
        body: Option<Value>,
    ) -> Option<Acknowledged> {
        let asked = line.ask(method.clone(), path, expected, body.as_ref());
        let Outcome::Answered(answer) = asked.await else {
            return None;
        };
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return Some(Acknowledged::of(
                &self.scene,
                &method,
                path,
                expected,
                &answer,
            ));
        }
        assert!(
            REFUSALS.contains(&status),
            "{method} {path} {body:?}: {}",
            answer.text
        );
        self.refused += 1;
        None
    }

    /// When nobody else edits any more: takes back what can be, and makes it again. Each step back leads
    /// to a scene that the step forth leaves and returns to.
    pub(super) async fn there_and_back(&mut self, line: &mut Line) -> Vec<Acknowledged> {
        let mut acknowledged = Vec::new();
        let mut before = Vec::new();
        for way in ["undo", "redo"] {
            for _ in 0..STEPS {
                let now = seen(&line.agreed_layers(&self.scene).await.1);
                if way == "redo" {
                    let Some(wanted) = before.pop() else { break };
                    acknowledged.extend(self.step(way, line).await);
                    assert_eq!(seen(&line.agreed_layers(&self.scene).await.1), wanted);
                    continue;
                }
                let Some(done) = self.step(way, line).await else {
                    break;
                };
                acknowledged.push(done);
                if seen(&line.agreed_layers(&self.scene).await.1) != now {
                    before.push(now);
                }
            }
        }
        acknowledged
    }

    async fn step(&mut self, way: &str, line: &mut Line) -> Option<Acknowledged> {
        let path = self.path(&format!("/{way}"));
        self.ask(line, Method::POST, &path, None, None).await
    }

    fn path(&self, of: &str) -> String {
        format!("/api/layers{of}?scene={}", self.scene)
    }
}
