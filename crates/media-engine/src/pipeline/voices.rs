//! The sound of what is in the picture, from frame to frame.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::acts::Scene;
use super::stage::Voice;
use crate::number::to_f32;
use crate::sound::{CHANNELS, Fader};

/// The voices of the last frame. What comes and what goes is faded over a frame: it may be cut in
/// the middle of a wave, and would click.
#[derive(Debug, Default)]
pub(super) struct Voices {
    sounding: BTreeMap<usize, Voice>,
    begun: bool,
}

/// A voice with its gain: in one scene, and in several that play the same.
struct Part {
    voice: Voice,
    alone: f64,
    shared: f64,
    scenes: usize,
}

impl Voices {
    /// Adds what sounds from sample `start` until `frame` begins to `mix`.
    pub(super) fn mix_into(
        &mut self,
        mix: &mut [[f32; CHANNELS]],
        start: u64,
        scenes: &[Scene<'_>],
        frame: u64,
    ) {
        let mut sounding = BTreeMap::new();
        for (key, part) in parts(scenes, frame) {
            let gain = if part.scenes > 1 {
                part.shared
            } else {
                part.alone
            };
            let comes = self.sounding.remove(&key).is_none() && self.begun;
            play(&part.voice, gain, comes, mix, start);
            sounding.insert(key, part.voice);
        }
        for voice in self.sounding.values() {
            play(voice, 0.0, false, mix, start);
        }
        self.sounding = sounding;
        self.begun = true;
    }
}

/// Every voice once, whatever scenes it is in, as the newest of them has it.
fn parts(scenes: &[Scene<'_>], frame: u64) -> BTreeMap<usize, Part> {
    let mut parts = BTreeMap::new();
    for scene in scenes {
        for item in &scene.act.items {
            let Some(voice) = &item.voice else { continue };
            let gain = scene.motions.look(item, frame).gain;
            let key = Arc::as_ptr(&voice.queue).addr();
            let part = parts.entry(key).or_insert_with(|| Part {
                voice: voice.clone(),
                alone: 0.0,
                shared: 0.0,
                scenes: 0,
            });
            part.voice = voice.clone();
            part.alone += gain * scene.levels.alone;
            part.shared += gain * scene.levels.shared;
            part.scenes += 1;
        }
    }
    parts
}

fn play(voice: &Voice, gain: f64, comes: bool, mix: &mut [[f32; CHANNELS]], start: u64) {
    let mut queue = voice.queue.lock().unwrap_or_else(PoisonError::into_inner);
    if comes {
        queue.begin_silently(voice.delay);
    }
    let fader = Fader {
        gain: to_f32(gain),
        delay: voice.delay,
    };
    queue.mix_into(mix, start, fader);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sm_common::id::LayerId;
    use sm_common::layer::{Blend, Transform, Transition};
    use sm_common::transition::{SceneTransition, TransitionKind};

    use super::super::acts::Acts;
    use super::super::stage::{Act, Item, Stage, Surface};
    use super::*;
    use crate::sound::SoundQueue;

    const FRAME: usize = 1600;

    fn ones() -> Arc<Mutex<SoundQueue>> {
        let mut queue = SoundQueue::default();
        queue.push(0, vec![[1.0; CHANNELS]; FRAME * 100]);
        Arc::new(Mutex::new(queue))
    }

    fn act(number: u64, duration_ms: u32, voices: &[&Arc<Mutex<SoundQueue>>]) -> Act {
        let items = voices.iter().map(|queue| Item {
            layer: LayerId::generate(),
            transform: Transform::plain(0, 0, 10, 10),
            opacity: 1.0,
            blend: Blend::Normal,
            transition: Transition::default(),
            surface: Surface::Empty,
            voice: Some(Voice {
                queue: Arc::clone(queue),
                gain: 1.0,
                delay: 0,
            }),
        });
        Act {
            number,
            entrance: SceneTransition {
                kind: TransitionKind::Fade,
                duration_ms,
                ..SceneTransition::default()
            },
            items: items.collect(),
        }
    }

    /// The sound of frames 1 to 20, where the second stage comes with frame 5.
    fn heard(first: Act, second: Vec<Act>) -> Vec<f32> {
        let (mut acts, mut voices) = (Acts::default(), Voices::default());
        let mut stage = Stage {
            revision: Some(1),
            acts: vec![first],
        };
        acts.follow(&stage, 0, 30);
        let mut second = Some(second);
        let mut heard = Vec::new();
        for frame in 1..=20_u64 {
            if frame == 5 {
                stage.acts = second.take().unwrap();
                acts.follow(&stage, 5, 30);
            }
            let mut mix = vec![[0.0; CHANNELS]; FRAME];
            let scenes = acts.scenes(&stage, frame);
            voices.mix_into(&mut mix, (frame - 1) * 1600, &scenes, frame);
            heard.extend(mix.into_iter().map(|[left, _right]| left));
        }
        heard
    }

    fn steps_max(heard: &[f32]) -> f32 {
        let steps = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    }

    #[test]
    fn scenes_cross_with_equal_power_and_without_a_step() {
        let (a, b) = (ones(), ones());
        let heard = heard(act(1, 0, &[&a]), vec![act(1, 0, &[&a]), act(2, 333, &[&b])]);
        // Half way, both are 3 dB down.
        let half = heard[FRAME * 10 - 1];
        assert!((half - 2.0_f32.sqrt()).abs() < 0.01, "{half}");
        assert!((heard[FRAME * 4 - 1] - 1.0).abs() < 1e-6);
        assert!((heard[FRAME * 16 - 1] - 1.0).abs() < 1e-6);
        assert!(steps_max(&heard) < 0.001);
    }

    #[test]
    fn what_both_scenes_play_goes_on_as_it_was() {
        let a = ones();
        let heard = heard(act(1, 0, &[&a]), vec![act(1, 0, &[&a]), act(2, 333, &[&a])]);
        assert!(heard.iter().all(|sample| (sample - 1.0).abs() < 1e-5));
    }

    #[test]
    fn a_cut_does_not_click() {
        let (a, b) = (ones(), ones());
        let heard = heard(act(1, 0, &[&a]), vec![act(2, 0, &[&b])]);
        assert!(steps_max(&heard) < 0.001);
        assert!((heard[FRAME * 6] - 1.0).abs() < 1e-6);
        let silence = self::heard(act(1, 0, &[&a]), vec![act(2, 0, &[])]);
        assert!(steps_max(&silence) < 0.001);
        assert!(silence[FRAME * 6].abs() < f32::EPSILON);
    }
}
