//! Somebody who edits scenes: one alone, and the one on air with everybody else.

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::commons::Commons;
use super::copy::{contains, seen};
use super::ledger::Acknowledged;
use super::line::{Line, Outcome};
use super::room::Room;

#[derive(Debug)]
pub(super) struct Person {
    rng: Rng,
    pub(super) line: Line,
    pub(super) room: Room,
    pub(super) commons: Commons,
    pub(super) acknowledged: Vec<Acknowledged>,
}

impl Person {
    pub(super) async fn new(number: usize, rng: Rng, mut line: Line, on_air: &str) -> Self {
        let body = json!({"name": format!("room {number}")});
        let made = line
            .ask(Method::POST, "/api/scenes", None, Some(&body))
            .await;
        let Outcome::Answered(made) = made else {
            panic!("nobody has been killed yet");
        };
        let scene = made.expect(201).body;
        let room = Room::new(&scene);
        let acknowledged = vec![Acknowledged::SceneAdded(room.scene.clone())];
        Self {
            rng,
            line,
            room,
            commons: Commons::new(on_air),
            acknowledged,
        }
    }

    /// One change, of something.
    pub(super) async fn act(&mut self) {
        let done = match self.rng.u8(..40) {
            0 => self.copy_and_delete().await,
            1 => self.room.draft(&mut self.rng, &mut self.line).await,
            2..=19 => self.commons.act(&mut self.rng, &mut self.line).await,
            _ => self.room.act(&mut self.rng, &mut self.line).await,
        };
        self.acknowledged.extend(done);
    }

    /// At the end, when nobody else edits.
    pub(super) async fn there_and_back(&mut self) {
        let done = self.room.there_and_back(&mut self.line).await;
        self.acknowledged.extend(done);
        let done = self.commons.there_and_back(&mut self.line).await;
        self.acknowledged.extend(done);
    }

    /// Copies the room, compares, and deletes the copy.
    async fn copy_and_delete(&mut self) -> Option<Acknowledged> {
        let path = format!("/api/scenes/{}/duplicate", self.room.scene);
        let Outcome::Answered(copy) = self.line.ask(Method::POST, &path, None, None).await else {
            return None;
        };
        let copy = copy.expect(201).body;
        let id = copy["id"].as_str().unwrap().to_owned();
        let copied = seen(copy["layers"].as_array().unwrap());
        let layers = seen(&self.room.layers);
        assert_eq!(copied.len(), layers.len());
        for (copied, layer) in copied.iter().zip(layers) {
            assert!(contains(copied, &without_identity(layer)), "{copied}");
        }
        self.acknowledged.push(Acknowledged::SceneAdded(id.clone()));
        let path = format!("/api/scenes/{id}");
        match self.line.ask(Method::DELETE, &path, Some(0), None).await {
            Outcome::Answered(gone) => {
                let _gone = gone.expect(204);
                Some(Acknowledged::SceneGone(id))
            }
            Outcome::Unknown => None,
        }
    }
}

fn without_identity(mut layer: Value) -> Value {
    let members = layer.as_object_mut().unwrap();
    for member in ["id", "scene", "created_at"] {
        members.remove(member);
    }
    layer
}
