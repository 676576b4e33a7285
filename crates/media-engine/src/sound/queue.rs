use std::collections::VecDeque;

use super::{CHANNELS, Level, LevelMeter};
use crate::number::{to_f32, to_f64, to_u64, to_usize};

/// Samples that may wait: three seconds, and the longest delay. What comes on top pushes the
/// oldest out.
const WAITING_MAX: usize = 144_000 + 240_000;

/// A block that starts this close to the end of the one before continues it: time stamps are
/// rounded, and half a millisecond of silence or overlap would click.
const SEAM_SAMPLES_MAX: u64 = 240;

/// The sound of one layer on its way into the mix, by position in the program.
#[derive(Debug, Default)]
pub(crate) struct SoundQueue {
    blocks: VecDeque<Block>,
    end: Option<u64>,
    /// How the last mix was made, from which the next one moves on.
    fader: Option<Fader>,
    level: LevelMeter,
}

/// How a layer is mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fader {
    /// Linear; 0 when muted.
    pub(crate) gain: f32,
    /// How much later than the picture it sounds, in samples.
    pub(crate) delay: u64,
}

#[derive(Debug)]
struct Block {
    start: u64,
    samples: Vec<[f32; CHANNELS]>,
}

impl Block {
    fn end(&self) -> u64 {
        self.start + to_u64(self.samples.len())
    }
}

impl SoundQueue {
    /// Adds samples that sound from `start`.
    pub(crate) fn push(&mut self, start: u64, samples: Vec<[f32; CHANNELS]>) {
        let start = match self.end {
            Some(end) if end.abs_diff(start) <= SEAM_SAMPLES_MAX => end,
            _ => start,
        };
        let block = Block { start, samples };
        self.end = Some(block.end());
        self.blocks.push_back(block);
        let mut waiting: usize = self.blocks.iter().map(|block| block.samples.len()).sum();
        while waiting > WAITING_MAX {
            let Some(oldest) = self.blocks.pop_front() else {
                break;
            };
            waiting -= oldest.samples.len();
        }
    }

    /// Adds what sounds from `start` to `mix`, and forgets it. From the last fader to this one the
    /// sound moves evenly, so that no change clicks.
    pub(crate) fn mix_into(&mut self, mix: &mut [[f32; CHANNELS]], start: u64, fader: Fader) {
        let before = self.fader.replace(fader).unwrap_or(fader);
        let mut own = vec![[0.0; CHANNELS]; mix.len()];
        if before.delay == fader.delay {
            self.play(&mut own, start, fader.delay, (before.gain, fader.gain));
        } else {
            self.play(&mut own, start, before.delay, (before.gain, 0.0));
            self.play(&mut own, start, fader.delay, (0.0, fader.gain));
        }
        self.level.hear(&own);
        for (mix, own) in mix.as_flattened_mut().iter_mut().zip(own.as_flattened()) {
            *mix += own;
        }
        let played = (start + to_u64(mix.len())).saturating_sub(fader.delay.max(before.delay));
        self.blocks.retain(|block| block.end() > played);
    }

    /// What is mixed next begins with silence, and gets as loud as it should be from there.
    pub(crate) fn begin_silently(&mut self, delay: u64) {
        self.fader = Some(Fader { gain: 0.0, delay });
    }

    /// How loud it was in the mix since the last call; `None` where it was not mixed.
    pub(crate) fn take_level(&mut self) -> Option<Level> {
        self.level.take()
    }

    /// Adds what sounds `delay` samples after its position, under a gain that moves from the first
    /// to the second.
    fn play(&self, mix: &mut [[f32; CHANNELS]], start: u64, delay: u64, (from, to): (f32, f32)) {
        let end = start + to_u64(mix.len());
        let step = (to - from) / to_f32(to_f64(to_u64(mix.len().max(1))));
        for block in &self.blocks {
            let (first, last) = (block.start + delay, block.end() + delay);
            let overlap = first.max(start)..last.min(end);
            if overlap.is_empty() {
                continue;
            }
            let in_mix = to_usize(overlap.start - start);
            let in_block = to_usize(overlap.start - first);
            let mut gain = to_f32(to_f64(to_u64(in_mix))).mul_add(step, from);
            let samples = block.samples.iter().skip(in_block);
            for (mix, sample) in mix.iter_mut().skip(in_mix).zip(samples) {
                for (mix, sample) in mix.iter_mut().zip(sample) {
                    *mix += sample * gain;
                }
                gain += step;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Fader = Fader {
        gain: 1.0,
        delay: 0,
    };

    fn ones(length: usize) -> Vec<[f32; CHANNELS]> {
        vec![[1.0; CHANNELS]; length]
    }

    fn mixed(queue: &mut SoundQueue, start: u64, length: usize) -> Vec<f32> {
        let mut mix = vec![[0.0; CHANNELS]; length];
        queue.mix_into(&mut mix, start, FULL);
        mix.into_iter().map(|[left, _right]| left).collect()
    }

    #[test]
    fn blocks_sound_where_they_belong() {
        let mut queue = SoundQueue::default();
        queue.push(1000, ones(3));
        assert_eq!(mixed(&mut queue, 996, 4), [0.0; 4]);
        assert_eq!(mixed(&mut queue, 1000, 5), [1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(mixed(&mut queue, 1000, 5), [0.0; 5]);
    }

    #[test]
    fn rounded_time_stamps_leave_no_seam() {
        let mut queue = SoundQueue::default();
        queue.push(0, ones(10));
        queue.push(11, ones(10));
        queue.push(19, ones(10));
        assert_eq!(mixed(&mut queue, 0, 31)[..30], [1.0; 30]);
    }

    #[test]
    fn a_gain_moves_without_a_step() {
        let mut queue = SoundQueue::default();
        queue.push(0, ones(200));
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 0, FULL);
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 100, Fader { gain: 0.0, ..FULL });
        assert!(mix.windows(2).all(|pair| pair[0][0] - pair[1][0] < 0.011));
        assert!(mix[99][0] < 0.02);
    }

    #[test]
    fn a_delayed_sound_comes_later_and_a_new_delay_does_not_click() {
        let mut queue = SoundQueue::default();
        queue.push(0, ones(1000));
        let late = Fader { delay: 50, ..FULL };
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 0, late);
        assert!(mix[..50].iter().all(|[left, _]| *left == 0.0));
        assert!(mix[50..].iter().all(|[left, _]| (*left - 1.0).abs() < 1e-6));
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 100, FULL);
        assert!(
            mix.iter().all(|[left, _]| (*left - 1.0).abs() < 0.02),
            "one fades out while the other fades in"
        );
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 900, late);
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 1000, late);
        assert!(
            (mix[49][0] - 1.0).abs() < 1e-6,
            "its end comes later as well"
        );
        assert!(mix[50][0].abs() < 1e-6);
    }

    #[test]
    fn the_level_is_of_what_was_mixed() {
        let mut queue = SoundQueue::default();
        queue.push(0, ones(100));
        assert_eq!(queue.take_level(), None, "not mixed yet");
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 0, Fader { gain: 0.5, ..FULL });
        let level = queue.take_level().unwrap();
        assert!((level.peak_dbfs + 6.02).abs() < 0.01);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = SoundQueue::default();
        for block in 0..200 {
            queue.push(block * 10_000, ones(10_000));
        }
        let waiting: usize = queue.blocks.iter().map(|block| block.samples.len()).sum();
        assert!(waiting <= WAITING_MAX);
    }
}
