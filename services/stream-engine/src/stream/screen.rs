//! What a worker was told to show, and what it shows. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::LayerId;
use sm_common::scene::Scene;

use crate::reconcile::{Cover, Picture, Shot, Why};
use crate::scene::changed_at;
use crate::store::Wanted;

/// Pictures that wait to be confirmed at most; the oldest is forgotten, not the newest.
const WAITING_MAX: usize = 64;

/// A picture with the scenes that it is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Canvas {
    /// `None` stands for black.
    pub(super) program: Option<Arc<Scene>>,
    pub(super) cover: Option<Drape>,
}

/// The slate over the program.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drape {
    pub(super) why: Why,
    /// `None` stands for the built-in slate.
    pub(super) slate: Option<Arc<Scene>>,
}

impl Canvas {
    /// The picture that is wanted, with the scenes that are known.
    pub(super) fn of(picture: Picture, wanted: &Wanted) -> Self {
        Self {
            program: wanted.scene.clone().filter(|_| picture.program.is_some()),
            cover: picture.cover.map(|cover| Drape {
                why: cover.why,
                slate: wanted.slate.clone(),
            }),
        }
    }

    pub(super) fn picture(&self) -> Picture {
        Picture {
            program: self.program.as_ref().map(shot),
            cover: self.cover.as_ref().map(|drape| Cover {
                why: drape.why,
                slate: drape.slate.as_ref().map(shot),
            }),
        }
    }

    /// The layers that the worker reports on.
    pub(super) fn layers(&self) -> Vec<LayerId> {
        let slate = self.cover.as_ref().and_then(|drape| drape.slate.as_ref());
        let scenes = [self.program.as_ref(), slate].into_iter().flatten();
        let mut layers: Vec<LayerId> = scenes
            .flat_map(|scene| &scene.layers)
            .map(|layer| layer.id)
            .collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    /// When the change that makes this picture of `before` was acknowledged, where it is a change
    /// of the scene that is seen.
    fn changed_since(&self, before: &Self) -> Option<Timestamp> {
        let (before_program, program) = (before.program.as_ref()?, self.program.as_ref()?);
        let seen = before.cover.is_none() && self.cover.is_none();
        (seen && before_program.id == program.id).then(|| changed_at(program, before_program))
    }
}

pub(super) fn shot(scene: &Arc<Scene>) -> Shot {
    (scene.id, scene.revision)
}

/// What a worker was told to show, and what it shows.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    /// Number of the latest picture sent; workers echo it.
    sequence: u64,
    sent: Canvas,
    waiting: VecDeque<Waiting>,
    shown: Option<Canvas>,
}

#[derive(Clone, Debug)]
struct Waiting {
    sequence: u64,
    canvas: Canvas,
    /// When the change that this picture shows was acknowledged.
    changed_at: Option<Timestamp>,
}

impl Screen {
    /// The worker is configured with this picture; its number is 1.
    pub(super) fn new(canvas: Canvas) -> Self {
        let mut screen = Self {
            sequence: 0,
            sent: Canvas::default(),
            waiting: VecDeque::new(),
            shown: None,
        };
        screen.send(canvas);
        screen
    }

    /// The picture last sent.
    pub(super) const fn sent(&self) -> &Canvas {
        &self.sent
    }

    /// The picture in the frame, as far as the worker has said.
    pub(super) const fn shown(&self) -> Option<&Canvas> {
        self.shown.as_ref()
    }

    /// The number of the next picture.
    pub(super) const fn next(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    /// The picture is sent, under the number [`Self::next`].
    pub(super) fn send(&mut self, canvas: Canvas) {
        let changed_at = canvas.changed_since(&self.sent);
        self.sequence = self.next();
        self.sent = canvas.clone();
        self.waiting.push_back(Waiting {
            sequence: self.sequence,
            canvas,
            changed_at,
        });
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
    }

    /// The worker shows the picture of this number since `at`. Returns how long after its
    /// acknowledged write the latest change was in the picture.
    pub(super) fn applied(&mut self, sequence: u64, at: Timestamp) -> Option<Duration> {
        let mut delay = None;
        while let Some(front) = self.waiting.front()
            && front.sequence <= sequence
        {
            let Waiting {
                canvas, changed_at, ..
            } = self.waiting.pop_front()?;
            delay = changed_at.map(|changed_at| at.since(changed_at));
            self.shown = Some(canvas);
        }
        delay
    }

    /// A segment proves that the first picture is shown, if nothing else has.
    pub(super) fn proven(&mut self) {
        if self.shown.is_none() {
            self.shown = Some(self.sent.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::id::{SceneId, StreamId};
    use uuid::Uuid;

    use super::*;

    fn program(revision: u64) -> Canvas {
        another_program(1, revision)
    }

    fn another_program(id: u128, revision: u64) -> Canvas {
        let scene = Arc::new(Scene {
            id: SceneId::from_uuid(Uuid::from_u128(id)),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision,
            updated_at: Timestamp::from_unix_millis(i64::try_from(revision).unwrap() * 1000),
            layers: Vec::new(),
        });
        Canvas {
            program: Some(scene),
            cover: None,
        }
    }

    fn covered(canvas: Canvas) -> Canvas {
        Canvas {
            cover: Some(Drape {
                why: Why::Paused,
                slate: None,
            }),
            ..canvas
        }
    }

    #[test]
    fn a_change_is_timed_from_its_write_to_its_frame() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        assert_eq!(
            screen.applied(1, at(5000)),
            None,
            "the first picture is no change"
        );
        assert_eq!(screen.next(), 2);
        screen.send(program(2));
        assert_eq!(screen.sent(), &program(2));
        assert_eq!(screen.shown(), Some(&program(1)));
        let delay = screen.applied(2, at(2033));
        assert_eq!(delay, Some(Duration::from_millis(33)));
        assert_eq!(screen.shown(), Some(&program(2)));
        screen.send(covered(program(2)));
        assert_eq!(screen.applied(3, at(9000)), None);
        screen.send(program(2));
        assert_eq!(screen.applied(4, at(9000)), None, "resuming is no change");
        screen.send(another_program(2, 1));
        assert_eq!(screen.applied(5, at(9000)), None, "a take is no change");
    }

    #[test]
    fn changes_that_share_a_frame_are_timed_from_the_newest() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        screen.send(program(2));
        screen.send(program(3));
        assert_eq!(screen.applied(3, at(3010)), Some(Duration::from_millis(10)));
        assert_eq!(
            screen.applied(2, at(3020)),
            None,
            "an old echo changes nothing"
        );
        assert_eq!(screen.shown(), Some(&program(3)));
    }
}
