//! Changes that a person prepares as a draft of their room: applied, they must make of it what was prepared.

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::act::{Act, draw_batch};
use super::copy::seen;
use super::ledger::Acknowledged;
use super::line::{Line, Outcome};
use super::room::{Deed, Request, Room};

/// Batches that are prepared in one draft at most.
const BATCHES_MAX: usize = 3;
/// Members that differ between a layer and the one of a draft that stands for it.
const IDENTITY: [&str; 3] = ["id", "scene", "created_at"];

impl Room {
    /// Begins a draft, edits it, and applies it or throws it away.
    pub(super) async fn draft(&mut self, rng: &mut Rng, line: &mut Line) -> Option<Acknowledged> {
        let prepared = self.prepare(rng, line).await;
        let done = match prepared {
            Some(request) if rng.u8(..4) > 0 => self.carry_out(request, line).await,
            Some(_) | None => None,
        };
        self.discard(line).await;
        done
    }

    /// What applies a draft, and what that must come to; `None` where nobody answered.
    async fn prepare(&self, rng: &mut Rng, line: &mut Line) -> Option<Request> {
        let path = format!("/api/scenes/{}/draft", self.scene);
        let Outcome::Answered(begun) = line.ask(Method::POST, &path, None, None).await else {
            return None;
        };
        if begun.status == 409 {
            // Of a request that nobody answered for, and that was done after all.
            let _exists = begun.expect_problem(409, "scene.draft.exists");
            return None;
        }
        let begun = begun.expect(201).body;
        let draft = begun["id"].as_str().unwrap();
        let originals: Vec<(Value, &Value)> = begun["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["id"].clone())
            .zip(&self.layers)
            .collect();
        assert_eq!(originals.len(), self.layers.len());
        for _ in 0..rng.usize(1..=BATCHES_MAX) {
            let (_, layers) = line.layers(draft).await;
            let acts = draw_batch(rng, &layers);
            if acts.is_empty() {
                continue;
            }
            let operations: Vec<Value> = acts.iter().map(Act::operation).collect();
            let body = json!({"operations": operations});
            let path = format!("/api/layers/batch?scene={draft}");
            let asked = line.ask(Method::POST, &path, None, Some(&body)).await;
            let Outcome::Answered(answer) = asked else {
                return None;
            };
            let _done = answer.expect(200);
        }
        let (revision, layers) = line.layers(draft).await;
        let outcome = self.applied(&layers, &originals);
        Some(Request {
            method: Method::POST,
            path: format!("{path}/apply"),
            expected: Some(revision),
            body: None,
            outcome,
            deed: Deed::Change,
        })
    }

    /// The room's layers after the draft: those of the draft, as the layers that they stand for.
    fn applied(&self, layers: &[Value], originals: &[(Value, &Value)]) -> Result<Vec<Value>, u16> {
        let mut applied = seen(layers);
        for layer in &mut applied {
            let mut known = originals.iter();
            let original = known.find(|(id, _)| *id == layer["id"]);
            let Some((_, original)) = original else {
                layer["scene"] = json!(self.scene);
                continue;
            };
            for member in IDENTITY {
                layer[member].clone_from(&original[member]);
            }
            let before = seen(std::slice::from_ref(*original));
            if original["locked"] == true && layer["locked"] == true && before[0] != *layer {
                // The room's lock was never lifted.
                return Err(423);
            }
        }
        Ok(applied)
    }

    /// Throws the draft away, until there is none.
    async fn discard(&self, line: &mut Line) {
        let path = format!("/api/scenes/{}/draft", self.scene);
        loop {
            let draft = line.get(&path).await;
            if draft.status == 404 {
                return;
            }
            let revision = draft.expect(200).body["scene"]["revision"].as_u64();
            // Whether it was done is seen by looking again.
            drop(line.ask(Method::DELETE, &path, revision, None).await);
        }
    }
}
