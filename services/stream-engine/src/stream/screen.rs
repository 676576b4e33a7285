//! What a worker was told to show, and what it shows. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::LayerId;
use sm_common::layer::{Layer, LayerKind};
use sm_common::scene::Scene;
use sm_common::stream::SceneOnAir;
use sm_common::transition::Take;
use sm_media_protocol::{CoverPicture, CoverReason, ScenePicture};

use crate::reconcile::{Cover, Picture, Shot};
use crate::scene::{changed_at, on_air};
use crate::store::Wanted;

/// Pictures that wait to be confirmed at most; the oldest is forgotten, not the newest.
const WAITING_MAX: usize = 64;

/// A picture with the scenes that it is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Canvas {
    /// `None` stands for black.
    pub(super) program: Option<Arc<Scene>>,
    /// The take that brought it on air, if one did.
    pub(super) take: Option<Take>,
    pub(super) cover: Option<Drape>,
}

/// The slate over the program.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drape {
    pub(super) why: CoverReason,
    /// `None` stands for the built-in slate.
    pub(super) slate: Option<Arc<Scene>>,
}

impl Canvas {
    /// The picture that is wanted, with the scenes that are known.
    pub(super) fn of(picture: Picture, wanted: &Wanted) -> Self {
        let program = wanted.scene.clone().filter(|_| picture.program.is_some());
        let taken = program.as_ref().map(|scene| scene.id);
        let desired = wanted.desired.as_ref();
        let take = desired.and_then(|desired| desired.chosen.take.clone());
        Self {
            program,
            take: take.filter(|take| Some(take.scene) == taken),
            cover: picture.cover.map(|cover| Drape {
                why: cover.why,
                slate: wanted.slate.clone(),
            }),
        }
    }

    /// What it is, in words that the worker keeps for the next host.
    pub(super) fn described(&self) -> ScenePicture {
        let on_air = |scene: &Arc<Scene>| on_air(scene);
        ScenePicture {
            scene: self.program.as_ref().map(on_air),
            take: self.take.clone(),
            cover: self.cover.as_ref().map(|drape| CoverPicture {
                why: drape.why,
                scene: drape.slate.as_ref().map(on_air),
            }),
        }
    }

    /// The layers that the worker reports on.
    pub(super) fn layers(&self) -> Vec<LayerId> {
        let mut layers: Vec<LayerId> = self.all().map(|layer| layer.id).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    /// The kinds of all layers that are open.
    pub(super) fn kinds(&self) -> Vec<LayerKind> {
        self.all().map(|layer| layer.source.kind()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Layer> {
        let slate = self.cover.as_ref().and_then(|drape| drape.slate.as_ref());
        let scenes = [self.program.as_ref(), slate].into_iter().flatten();
        scenes.flat_map(|scene| &scene.layers)
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

/// The picture as decisions see it.
pub(super) fn in_short(picture: &ScenePicture) -> Picture {
    let shot = |scene: &SceneOnAir| (scene.id, scene.revision);
    Picture {
        program: picture.scene.as_ref().map(shot),
        cover: picture.cover.as_ref().map(|cover| Cover {
            why: cover.why,
            slate: cover.scene.as_ref().map(shot),
        }),
    }
}

/// What a worker was told to show, and what it shows.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    /// Number of the latest picture sent; workers echo it.
    sequence: u64,
    sent: ScenePicture,
    /// The picture last sent, where this process has sent it.
    canvas: Option<Canvas>,
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
            sent: ScenePicture::default(),
            canvas: None,
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
            canvas: None,
            waiting: VecDeque::new(),
            shown: Some(picture),
        }
    }

    /// The same, from a worker that was spoken with before: what it does not know was lost.
    pub(super) fn resume(&mut self, sequence: u64, picture: ScenePicture) {
        if sequence != self.sequence {
            self.sequence = self.sequence.max(sequence);
            self.sent = picture;
            self.canvas = None;
            self.waiting.retain(|waiting| waiting.sequence <= sequence);
        }
    }

    /// The picture last sent.
    pub(super) fn sent(&self) -> Picture {
        in_short(&self.sent)
    }

    /// The picture in the frame, as far as the worker has said.
    pub(super) const fn shown(&self) -> Option<&ScenePicture> {
        self.shown.as_ref()
    }

    /// The number of the next picture.
    pub(super) const fn next(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    /// The picture is sent, under the number [`Self::next`]. Returns the one before, where this
    /// process has sent it.
    pub(super) fn send(&mut self, canvas: Canvas) -> Option<Canvas> {
        let before = self.canvas.as_ref();
        let changed_at = before.and_then(|before| canvas.changed_since(before));
        self.sequence = self.next();
        self.sent = canvas.described();
        let before = self.canvas.replace(canvas);
        self.waiting.push_back(Waiting {
            sequence: self.sequence,
            picture: self.sent.clone(),
            changed_at,
        });
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        before
    }

    /// What was sent last was not taken. Where it was another picture than the one before, it is
    /// still to be sent.
    pub(super) fn forget_sent(&mut self) {
        if self.waiting.pop_back().is_some() {
            let waiting = self.waiting.back().map(|waiting| &waiting.picture);
            self.sent = waiting.or(self.shown.as_ref()).cloned().unwrap_or_default();
            self.canvas = None;
        }
    }

    /// The worker shows the picture of this number since `at`. Returns how long after its
    /// acknowledged write each change was in the picture; several may share a frame.
    pub(super) fn applied(&mut self, sequence: u64, at: Timestamp) -> Vec<Duration> {
        let mut delays = Vec::new();
        let on_air = |picture: &ScenePicture| picture.scene.as_ref().map(|scene| scene.id);
        let mut before = self.shown.as_ref().map(on_air);
        while let Some(Waiting {
            picture,
            changed_at,
            ..
        }) = self
            .waiting
            .pop_front_if(|front| front.sequence <= sequence)
        {
            // What changed while a scene was coming is told of when it has come.
            let comes = on_air(&picture) != *before.get_or_insert_with(|| on_air(&picture));
            let changed_at = changed_at.filter(|_| !comes);
            delays.extend(changed_at.map(|changed_at| at.since(changed_at)));
            self.shown = Some(picture);
        }
        delays
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

    const NONE: [Duration; 0] = [];

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
            groups: Vec::new(),
        });
        Canvas {
            program: Some(scene),
            ..Canvas::default()
        }
    }

    fn covered(canvas: Canvas) -> Canvas {
        Canvas {
            cover: Some(Drape {
                why: CoverReason::Paused,
                slate: None,
            }),
            ..canvas
        }
    }

    fn picture(revision: u64) -> Picture {
        Picture {
            program: Some((SceneId::from_uuid(Uuid::from_u128(1)), revision)),
            cover: None,
        }
    }

    #[test]
    fn a_change_is_timed_from_its_write_to_its_frame() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        assert_eq!(
            screen.applied(1, at(5000)),
            NONE,
            "the first picture is no change"
        );
        assert_eq!(screen.next(), 2);
        screen.send(program(2));
        assert_eq!(screen.sent(), picture(2));
        assert_eq!(screen.shown(), Some(&program(1).described()));
        let delay = screen.applied(2, at(2033));
        assert_eq!(delay, [Duration::from_millis(33)]);
        assert_eq!(screen.shown(), Some(&program(2).described()));
        screen.send(covered(program(2)));
        assert_eq!(screen.applied(3, at(9000)), NONE);
        screen.send(program(2));
        assert_eq!(screen.applied(4, at(9000)), NONE, "resuming is no change");
        screen.send(another_program(2, 1));
        assert_eq!(screen.applied(5, at(9000)), NONE, "a take is no change");
        screen.send(another_program(3, 1));
        screen.send(another_program(3, 2));
        let during = screen.applied(7, at(9000));
        assert_eq!(during, NONE, "nor is what changes during it");
    }

    #[test]
    fn what_a_worker_was_never_told_is_sent_again() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        screen.send(program(2));
        screen.resume(2, program(2).described());
        assert_eq!(screen.sent(), picture(2), "it knows");
        screen.send(covered(program(2)));
        screen.resume(2, program(2).described());
        assert_eq!(screen.sent(), picture(2));
        assert_eq!(screen.next(), 4, "a number means one picture");
        screen.send(covered(program(2)));
        screen.applied(4, at(9000));
        assert_eq!(screen.shown(), Some(&covered(program(2)).described()));
    }

    #[test]
    fn a_picture_of_an_earlier_host_is_the_one_it_says_it_is() {
        let screen = Screen::found(7, program(3).described());
        assert_eq!(screen.sent(), picture(3));
        assert_eq!(screen.next(), 8);
        let slate = Screen::found(7, covered(program(3)).described());
        assert_eq!(slate.shown(), Some(&covered(program(3)).described()));
        let cover = Cover {
            why: CoverReason::Paused,
            slate: None,
        };
        assert_eq!(slate.sent().program, picture(3).program);
        assert_eq!(slate.sent().cover, Some(cover));
        let mut screen = screen;
        screen.send(program(4));
        assert_eq!(
            screen.applied(8, Timestamp::from_unix_millis(9000)),
            NONE,
            "what an earlier host sent is not known well enough to be timed"
        );
    }

    #[test]
    fn changes_that_share_a_frame_are_timed_each() {
        let at = Timestamp::from_unix_millis;
        let mut screen = Screen::new(program(1));
        screen.send(program(2));
        screen.send(program(3));
        let delays = [1010, 10].map(Duration::from_millis);
        assert_eq!(screen.applied(3, at(3010)), delays);
        assert_eq!(
            screen.applied(2, at(3020)),
            NONE,
            "an old echo changes nothing"
        );
        assert_eq!(screen.shown(), Some(&program(3).described()));
    }
}
