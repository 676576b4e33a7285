use std::collections::VecDeque;

use super::CHANNELS;
use crate::number::{to_f32, to_f64, to_u64, to_usize};

/// Samples that may wait, three seconds; what comes on top pushes the oldest out.
const WAITING_MAX: usize = 144_000;

/// A block that starts this close to the end of the one before continues it: time stamps are
/// rounded, and half a millisecond of silence or overlap would click.
const SEAM_SAMPLES_MAX: u64 = 240;

/// The sound of one layer on its way into the mix, by position in the program.
#[derive(Debug, Default)]
pub(crate) struct SoundQueue {
    blocks: VecDeque<Block>,
    end: Option<u64>,
    /// The gain of the last mix, from which the next one ramps.
    gain: Option<f32>,
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

    /// Adds what sounds from `start` to `mix`, and forgets it. The gain moves evenly from the
    /// last one to `gain`, so that a change does not click.
    pub(crate) fn mix_into(&mut self, mix: &mut [[f32; CHANNELS]], start: u64, gain: f32) {
        let end = start + to_u64(mix.len());
        let from = self.gain.replace(gain).unwrap_or(gain);
        let step = (gain - from) / to_f32(to_f64(to_u64(mix.len().max(1))));
        for block in &self.blocks {
            let overlap = block.start.max(start)..block.end().min(end);
            if overlap.is_empty() {
                continue;
            }
            let in_mix = to_usize(overlap.start - start);
            let in_block = to_usize(overlap.start - block.start);
            let mut gain = to_f32(to_f64(to_u64(in_mix))).mul_add(step, from);
            let samples = block.samples.iter().skip(in_block);
            for (mix, sample) in mix.iter_mut().skip(in_mix).zip(samples) {
                for (mix, sample) in mix.iter_mut().zip(sample) {
                    *mix += sample * gain;
                }
                gain += step;
            }
        }
        self.blocks.retain(|block| block.end() > end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(length: usize) -> Vec<[f32; CHANNELS]> {
        vec![[1.0; CHANNELS]; length]
    }

    fn mixed(queue: &mut SoundQueue, start: u64, length: usize) -> Vec<f32> {
        let mut mix = vec![[0.0; CHANNELS]; length];
        queue.mix_into(&mut mix, start, 1.0);
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
        queue.mix_into(&mut mix, 0, 1.0);
        let mut mix = vec![[0.0; CHANNELS]; 100];
        queue.mix_into(&mut mix, 100, 0.0);
        assert!(mix.windows(2).all(|pair| pair[0][0] - pair[1][0] < 0.011));
        assert!(mix[99][0] < 0.02);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = SoundQueue::default();
        for block in 0..100 {
            queue.push(block * 10_000, ones(10_000));
        }
        let waiting: usize = queue.blocks.iter().map(|block| block.samples.len()).sum();
        assert!(waiting <= WAITING_MAX);
    }
}
