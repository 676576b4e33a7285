//! What a worker was told to show, and what it shows. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::scene::Scene;
use sm_common::stream::SceneOnAir;
use sm_media_protocol::ScenePicture;

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

    /// What it is, in a word that the worker keeps for the next host.
    pub(super) fn described(&self) -> ScenePicture {
        match self {
            Self::Black => ScenePicture::Black,
            Self::Slate => ScenePicture::Slate,
            Self::Program(scene) => ScenePicture::Program(SceneOnAir {
                id: scene.id,
                name: scene.name.clone(),
                revision: scene.revision,
            }),
        }
    }

    fn scene(self) -> Option<Arc<Scene>> {
        match self {
            Self::Program(scene) => Some(scene),
            Self::Black | Self::Slate => None,
        }
    }
}

/// What a worker was told to show, and what it shows.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    /// Number of the latest picture sent; workers echo it.
    sequence: u64,
    sent: ScenePicture,
    /// The scene of the picture last sent, where this process has sent it.
    scene: Option<Arc<Scene>>,
    waiting: VecDeque<Waiting>,
    shown: Option<ScenePicture>,
}

#[derive(Clone, Debug)]
struct Waiting {
    sequence: u64,
    picture: ScenePicture,
    /// When the change that this picture shows was acknowledged.
    changed_at: Option<Timestamp>,
}

impl Screen {
    /// The worker is configured with this picture; its number is 1.
    pub(super) fn new(canvas: Canvas) -> Self {
        let mut screen = Self {
            sequence: 0,
            sent: ScenePicture::Black,
            scene: None,
            waiting: VecDeque::new(),
            shown: None,
        };
        screen.send(canvas);
        screen
    }

    /// The worker says that it was last told to show this.
    pub(super) fn found(sequence: u64, picture: ScenePicture) -> Self {
        Self {
            sequence,
            sent: picture.clone(),
            scene: None,
            waiting: VecDeque::new(),
            shown: Some(picture),
        }
    }

    /// The same, from a worker that was spoken with before: what it does not know was lost.
    pub(super) fn resume(&mut self, sequence: u64, picture: ScenePicture) {
        if sequence != self.sequence {
            self.sequence = self.sequence.max(sequence);
            self.sent = picture;
            self.scene = None;
            self.waiting.retain(|waiting| waiting.sequence <= sequence);
        }
    }

    /// The picture last sent.
    pub(super) const fn sent(&self) -> Picture {
        match &self.sent {
            ScenePicture::Black => Picture::Black,
            ScenePicture::Slate => Picture::Slate,
            ScenePicture::Program(scene) => Picture::Program {
                scene: scene.id,
                revision: scene.revision,
            },
        }
    }

    /// The picture in the frame, as far as the worker has said.
    pub(super) const fn shown(&self) -> Option<&ScenePicture> {
        self.shown.as_ref()
    }

    /// The number of the next picture.
    pub(super) const fn next(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    /// The picture is sent, under the number [`Self::next`].
    pub(super) fn send(&mut self, canvas: Canvas) {
        self.sequence = self.next();
        self.sent = canvas.described();
        let before = std::mem::replace(&mut self.scene, canvas.scene());
        let change = before.zip(self.scene.as_ref());
        self.waiting.push_back(Waiting {
            sequence: self.sequence,
            picture: self.sent.clone(),
            changed_at: change.map(|(before, after)| changed_at(after, &before)),
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
                picture,
                changed_at,
                ..
            } = self.waiting.pop_front()?;
            delay = changed_at.map(|changed_at| at.since(changed_at));
            self.shown = Some(picture);
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
        Canvas::Program(Arc::new(Scene {
            id: SceneId::from_uuid(Uuid::from_u128(1)),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision,
            updated_at: Timestamp::from_unix_millis(i64::try_from(revision).unwrap() * 1000),
            layers: Vec::new(),
        }))
    }

    fn picture(revision: u64) -> Picture {
        Picture::Program {
            scene: SceneId::from_uuid(Uuid::from_u128(1)),
            revision,
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
        assert_eq!(screen.sent(), picture(2));
        assert_eq!(screen.shown(), Some(&program(1).described()));
        let delay = screen.applied(2, at(2033));
        assert_eq!(delay, Some(Duration::from_millis(33)));
        assert_eq!(screen.shown(), Some(&program(2).described()));
        screen.send(Canvas::Slate);
        assert_eq!(screen.applied(3, at(9000)), None);
        screen.send(program(2));
        assert_eq!(screen.applied(4, at(9000)), None, "resuming is no change");
    }

    #[test]
    fn what_a_worker_was_never_told_is_sent_again() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        screen.send(program(2));
        screen.resume(2, program(2).described());
        assert_eq!(screen.sent(), picture(2), "it knows");
        screen.send(Canvas::Slate);
        screen.resume(2, program(2).described());
        assert_eq!(screen.sent(), picture(2));
        assert_eq!(screen.next(), 4, "a number means one picture");
        screen.send(Canvas::Slate);
        screen.applied(4, at(9000));
        assert_eq!(screen.shown(), Some(&ScenePicture::Slate));
    }

    #[test]
    fn a_picture_of_an_earlier_host_is_the_one_it_says_it_is() {
        let screen = Screen::found(7, program(3).described());
        assert_eq!(screen.sent(), picture(3));
        assert_eq!(screen.next(), 8);
        let slate = Screen::found(7, ScenePicture::Slate);
        assert_eq!(slate.shown(), Some(&ScenePicture::Slate));
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
        assert_eq!(screen.shown(), Some(&program(3).described()));
    }
}
