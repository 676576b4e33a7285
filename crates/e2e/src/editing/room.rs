//! A scene that one person alone edits: what each change must make of it is known exactly, and so is
//! what undo and redo return to.

use std::collections::VecDeque;

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::act::{Act, draw_batch};
use super::copy::{contains, seen};
use super::ledger::Acknowledged;
use super::line::{Line, Outcome};

/// Steps that a person can take back, as the service's configuration has it.
const STEPS_MAX: usize = 200;

/// The scene, as its editor knows it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) scene: String,
    pub(super) revision: u64,
    pub(super) layers: Vec<Value>,
    name: String,
    names: u32,
    /// What undo returns to, the newest last.
    past: VecDeque<Vec<Value>>,
    /// What redo returns to, the newest last.
    future: VecDeque<Vec<Value>>,
}

/// A request, and what it must come to.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) expected: Option<u64>,
    pub(super) body: Option<Value>,
    /// What it must make of the layers; the status of its refusal otherwise.
    pub(super) outcome: Result<Vec<Value>, u16>,
    /// What becomes of the steps.
    pub(super) deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Change,
    Undo,
    Redo,
    Rename,
}

impl Room {
    pub(super) fn new(scene: &Value) -> Self {
        Self {
            scene: scene["id"].as_str().unwrap().to_owned(),
            revision: 0,
            layers: Vec::new(),
            name: scene["name"].as_str().unwrap().to_owned(),
            names: 0,
            past: VecDeque::new(),
            future: VecDeque::new(),
        }
    }

    /// Does something.
    pub(super) async fn act(&mut self, rng: &mut Rng, line: &mut Line) -> Option<Acknowledged> {
        let request = self.draw(rng);
        self.carry_out(request, line).await
    }

    /// Takes everything back, and makes all of it again.
    pub(super) async fn there_and_back(&mut self, line: &mut Line) -> Vec<Acknowledged> {
        let mut acknowledged = Vec::new();
        while !self.past.is_empty() {
            let request = self.step(Deed::Undo);
            acknowledged.extend(self.carry_out(request, line).await);
        }
        while !self.future.is_empty() {
            let request = self.step(Deed::Redo);
            acknowledged.extend(self.carry_out(request, line).await);
        }
        acknowledged
    }

    fn draw(&mut self, rng: &mut Rng) -> Request {
        match rng.u8(..20) {
            0..=4 => self.step(Deed::Undo),
            5..=7 => self.step(Deed::Redo),
            8..=9 => self.batch(rng),
            10 => self.rename(),
            11 => self.stale(rng),
            12 => self.nonsense(),
            _ => self.single(rng),
        }
    }

    fn single(&self, rng: &mut Rng) -> Request {
        let act = Act::draw(rng, &self.layers);
        let mut layers = self.layers.clone();
        let outcome = act.apply(&mut layers);
        let outcome = outcome.map(|()| layers).map_err(|_locked| 423);
        let revision_of = |id: &Value| {
            let layer = self.layers.iter().find(|layer| layer["id"] == *id);
            layer.unwrap()["revision"].as_u64()
        };
        let (method, path, expected, body) = match act {
            Act::Create { layer, index } => {
                let body = Act::new_layer(&layer, index);
                (Method::POST, self.path(""), None, Some(body))
            }
            Act::Patch { id, patch } => {
                let path = self.path(&format!("/{}", id.as_str().unwrap()));
                (Method::PATCH, path, revision_of(&id), Some(patch))
            }
            Act::Delete { id } => {
                let path = self.path(&format!("/{}", id.as_str().unwrap()));
                (Method::DELETE, path, revision_of(&id), None)
            }
            Act::Reorder { order } => {
                let body = json!({"order": order});
                (
                    Method::PUT,
                    self.path("/order"),
                    Some(self.revision),
                    Some(body),
                )
            }
        };
        Request {
            method,
            path,
            expected,
            body,
            outcome,
            deed: Deed::Change,
        }
    }

    fn batch(&self, rng: &mut Rng) -> Request {
        let acts = draw_batch(rng, &self.layers);
        if acts.is_empty() {
            return self.single(rng);
        }
        let mut layers = self.layers.clone();
        for act in &acts {
            act.apply(&mut layers).unwrap();
        }
        let operations: Vec<Value> = acts.iter().map(Act::operation).collect();
        Request {
            method: Method::POST,
            path: self.path("/batch"),
            expected: rng.bool().then_some(self.revision),
            body: Some(json!({"operations": operations})),
            outcome: Ok(layers),
            deed: Deed::Change,
        }
    }

    fn step(&self, deed: Deed) -> Request {
        let (path, steps) = match deed {
            Deed::Undo => ("/undo", &self.past),
            Deed::Redo | Deed::Change | Deed::Rename => ("/redo", &self.future),
        };
        Request {
            method: Method::POST,
            path: self.path(path),
            expected: None,
            body: None,
            outcome: steps.back().cloned().ok_or(409),
            deed,
        }
    }

    fn rename(&mut self) -> Request {
        self.names += 1;
        self.name = format!("{} {}", self.scene, self.names);
        Request {
            method: Method::PATCH,
            path: format!("/api/scenes/{}", self.scene),
            expected: Some(self.revision),
            body: Some(json!({"name": self.name})),
            outcome: Ok(self.layers.clone()),
            deed: Deed::Rename,
        }
    }

    /// A change of what somebody has read before the last change.
    fn stale(&self, rng: &mut Rng) -> Request {
        let mut request = self.single(rng);
        if let Some(revision) = request.expected {
            request.expected = Some(revision.wrapping_sub(1) % (1 << 40));
            request.outcome = Err(412);
        }
        request
    }

    fn nonsense(&self) -> Request {
        Request {
            method: Method::POST,
            path: self.path(""),
            expected: None,
            body: Some(json!({"name": "", "kind": "color", "source": {"color": "red"}})),
            outcome: Err(422),
            deed: Deed::Change,
        }
    }

    fn path(&self, of: &str) -> String {
        format!("/api/layers{of}?scene={}", self.scene)
    }

    pub(super) async fn carry_out(
        &mut self,
        request: Request,
        line: &mut Line,
    ) -> Option<Acknowledged> {
        let Request {
            method,
            path,
            expected,
            body,
            outcome,
            deed,
        } = request;
        let what = format!(
            "{method} {path} {expected:?} {body:?} of {:#?}",
            self.layers
        );
        let asked = line.ask(method.clone(), &path, expected, body.as_ref());
        match asked.await {
            Outcome::Answered(answer) => {
                let status = answer.status;
                let Ok(layers) = outcome else {
                    assert_eq!(Err(status.as_u16()), outcome, "{what}: {}", answer.text);
                    return None;
                };
                assert!(status.is_success(), "{what}: {}", answer.text);
                self.settle(layers, deed, line, &what).await;
                if deed == Deed::Rename {
                    return Some(Acknowledged::Renamed {
                        scene: self.scene.clone(),
                        revision: self.revision,
                        name: self.name.clone(),
                    });
                }
                Some(Acknowledged::of(
                    &self.scene,
                    &method,
                    &path,
                    expected,
                    &answer,
                ))
            }
            Outcome::Unknown => {
                let (was_done, fence) = self.find_out(deed, line).await;
                match outcome {
                    Ok(layers) if was_done => self.settle(layers, deed, line, &what).await,
                    Ok(_) | Err(_) => {
                        assert!(!was_done, "refused and done: {what}");
                        self.settle(self.layers.clone(), Deed::Rename, line, &what)
                            .await;
                    }
                }
                fence
            }
        }
    }

    /// Takes over what a change must have made, and compares it with what is there.
    async fn settle(&mut self, wanted: Vec<Value>, deed: Deed, line: &mut Line, what: &str) {
        let (revision, layers) = line.layers(&self.scene).await;
        assert_eq!(layers.len(), wanted.len(), "{what} made {layers:#?}");
        for (layer, wanted) in seen(&layers).iter().zip(&wanted) {
            let mut wanted = wanted.clone();
            for member in ["revision", "updated_at"] {
                wanted.as_object_mut().unwrap().remove(member);
            }
            let same = if wanted["id"].is_null() {
                contains(layer, &without_null(wanted.clone()))
            } else {
                *layer == wanted
            };
            assert!(same, "{what} made {layer:#}, wanted {wanted:#}");
        }
        let before = seen(&self.layers);
        let is_change = before != seen(&layers);
        // A batch may change something and change it back.
        let raised = revision - self.revision;
        assert!(
            raised == 1 || (raised == 0 && !is_change),
            "{what}: revision {} became {revision}",
            self.revision
        );
        match deed {
            Deed::Change if is_change => {
                push(&mut self.past, before);
                self.future.clear();
            }
            Deed::Undo => {
                self.past.pop_back();
                push(&mut self.future, before);
            }
            Deed::Redo => {
                self.future.pop_back();
                push(&mut self.past, before);
            }
            Deed::Change | Deed::Rename => {}
        }
        (self.revision, self.layers) = (revision, layers);
    }

    /// Whether a change was made that nobody answered for. Another change of the same revision is
    /// tried: where that is made, the former can never be any more. It is told with the answer.
    async fn find_out(&mut self, deed: Deed, line: &mut Line) -> (bool, Option<Acknowledged>) {
        let asked_name = self.name.clone();
        let mut fences = Vec::new();
        loop {
            self.names += 1;
            let name = format!("{} fence {}", self.scene, self.names);
            fences.push(name.clone());
            let path = format!("/api/scenes/{}", self.scene);
            let body = json!({"name": name});
            let fence = line.ask(Method::PATCH, &path, Some(self.revision), Some(&body));
            let Outcome::Answered(answer) = fence.await else {
                continue;
            };
            if answer.status == 200 {
                let fence = Acknowledged::Renamed {
                    scene: self.scene.clone(),
                    revision: self.revision + 1,
                    name,
                };
                return (false, Some(fence));
            }
            let _stale = answer.expect(412);
            let scene = line.get(&path).await.expect(200).body;
            let now = scene["revision"].as_u64().unwrap();
            assert_eq!(now, self.revision + 1, "more was done than was asked for");
            let name = scene["name"].as_str().unwrap().to_owned();
            let was_done = !fences.contains(&name);
            assert!(deed != Deed::Rename || !was_done || name == asked_name);
            return (was_done, None);
        }
    }
}

fn push(steps: &mut VecDeque<Vec<Value>>, layers: Vec<Value>) {
    steps.push_back(layers);
    if steps.len() > STEPS_MAX {
        steps.pop_front();
    }
}

/// Asking a value for a member that it lacks may have put a null there.
fn without_null(mut layer: Value) -> Value {
    layer
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    layer
}
