//! What a worker was told to show, and what it shows. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::SceneId;
use sm_common::scene::Scene;

use crate::reconcile::Picture;
use crate::scene::changed_at;

/// Pictures that wait to be confirmed at most; the oldest is forgotten, not the newest.
const WAITING_MAX: usize = 64;

/// A picture with the scene that it is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Canvas {
    Black,
    Program(Arc<Scene>),
    Slate,
}

impl Canvas {
    /// The picture that is wanted, with the scene that is known.
    pub(super) fn of(picture: Picture, scene: Option<&Arc<Scene>>) -> Self {
        match (picture, scene) {
            (Picture::Slate, _) => Self::Slate,
            (Picture::Program { .. }, Some(scene)) => Self::Program(Arc::clone(scene)),
            (Picture::Program { .. }, None) | (Picture::Black, _) => Self::Black,
        }
    }

    fn scene(&self) -> Option<(SceneId, u64)> {
        match self {
            Self::Program(scene) => Some((scene.id, scene.revision)),
            Self::Black | Self::Slate => None,
        }
    }

    pub(super) fn picture(&self) -> Picture {
        match (self, self.scene()) {
            (_, Some((scene, revision))) => Picture::Program { scene, revision },
            (Self::Slate, None) => Picture::Slate,
            (Self::Black | Self::Program(_), None) => Picture::Black,
        }
    }
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
            sent: Canvas::Black,
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
        let changed_at = match (&self.sent, &canvas) {
            (Canvas::Program(before), Canvas::Program(after)) => Some(changed_at(after, before)),
            _ => None,
        };
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
    use sm_common::id::StreamId;
    use uuid::Uuid;

    use super::*;

    fn program(revision: u64) -> Canvas {
        Canvas::Program(Arc::new(Scene {
            id: SceneId::from_uuid(Uuid::from_u128(1)),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision,
            updated_at: Timestamp::from_unix_millis(i64::try_from(revision).unwrap() * 1000),
            layers: Vec::new(),
        }))
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
        screen.send(Canvas::Slate);
        assert_eq!(screen.applied(3, at(9000)), None);
        screen.send(program(2));
        assert_eq!(screen.applied(4, at(9000)), None, "resuming is no change");
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
