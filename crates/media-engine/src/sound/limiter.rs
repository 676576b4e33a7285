use std::collections::VecDeque;

use super::CHANNELS;
use crate::number::{to_f32, to_f64, to_u32, to_u64, to_whole};

/// No sample of the program is louder: one decibel below full scale, which leaves room for what
/// the encoder adds.
const CEILING: f32 = 0.891_250_9;

/// How far the limiter looks ahead, in samples: five milliseconds.
const LOOK_AHEAD: usize = 240;

/// Samples that wait for the last one they have to look at.
const HELD_BACK: usize = LOOK_AHEAD - 1;

/// The part of what is missing to full gain that comes back with every sample: half of it in
/// about 60 ms.
const RELEASE: f64 = 1.0 / 4096.0;

/// Full gain. Gains are whole numbers, so that their sum never drifts.
const UNITY: u32 = 1 << 20;

/// Keeps the program under its ceiling without a step in its gain. It turns down before a peak
/// comes, and so holds the sound back by [`HELD_BACK`]; sound under the ceiling passes as it is.
///
/// Of the gains that the samples need by themselves it takes the lowest within the look-ahead,
/// lets it rise slowly, and averages that over the same time: the average has arrived at the
/// lowest exactly when the peak does.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Samples whose gain is not yet known.
    waiting: VecDeque<[f32; CHANNELS]>,
    /// Candidates for the lowest gain of the look-ahead with their positions; rising in both.
    lowest: VecDeque<(u64, u32)>,
    /// The gains of the look-ahead after their release, and their sum.
    released: VecDeque<u32>,
    sum: u64,
    gain: u32,
    position: u64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            waiting: VecDeque::with_capacity(LOOK_AHEAD),
            lowest: VecDeque::new(),
            released: std::iter::repeat_n(UNITY, LOOK_AHEAD).collect(),
            sum: to_u64(LOOK_AHEAD) * u64::from(UNITY),
            gain: UNITY,
            position: 0,
        }
    }
}

impl Limiter {
    /// Takes samples in and gives as many out, less the ones that are held back.
    pub(crate) fn pass(&mut self, samples: &[[f32; CHANNELS]]) -> Vec<[f32; CHANNELS]> {
        samples
            .iter()
            .filter_map(|sample| self.step(*sample))
            .collect()
    }

    fn step(&mut self, sample: [f32; CHANNELS]) -> Option<[f32; CHANNELS]> {
        // What is no number, of a broken source, would stay in every sum.
        let sample = sample.map(|one| if one.is_finite() { one } else { 0.0 });
        let lowest = self.lowest_with(needed_gain(sample));
        self.gain = lowest.min(risen(self.gain));
        self.released.push_back(self.gain);
        let oldest = self.released.pop_front().unwrap_or(UNITY);
        self.sum = self.sum + u64::from(self.gain) - u64::from(oldest);
        self.position += 1;

        self.waiting.push_back(sample);
        if self.waiting.len() <= HELD_BACK {
            return None;
        }
        let gain = to_f32(to_f64(self.sum) / to_f64(to_u64(LOOK_AHEAD) * u64::from(UNITY)));
        self.waiting
            .pop_front()
            .map(|sample| sample.map(|sample| sample * gain))
    }

    /// The lowest gain of the look-ahead, this one included.
    fn lowest_with(&mut self, gain: u32) -> u32 {
        while self.lowest.back().is_some_and(|(_, known)| *known >= gain) {
            self.lowest.pop_back();
        }
        self.lowest.push_back((self.position, gain));
        let gone = |position: u64| self.position - position >= to_u64(LOOK_AHEAD);
        if self
            .lowest
            .front()
            .is_some_and(|(position, _)| gone(*position))
        {
            self.lowest.pop_front();
        }
        self.lowest.front().map_or(gain, |(_, lowest)| *lowest)
    }
}

/// The gain that brings the sample down to the ceiling.
fn needed_gain(sample: [f32; CHANNELS]) -> u32 {
    let peak = sample.iter().fold(0.0_f32, |peak, one| peak.max(one.abs()));
    if peak <= CEILING {
        return UNITY;
    }
    // Rounded down, so that the ceiling holds.
    to_u32(to_whole(
        (f64::from(CEILING / peak) * f64::from(UNITY)).floor(),
    ))
}

/// The gain a sample later, when nothing keeps it down.
fn risen(gain: u32) -> u32 {
    let missing = f64::from(UNITY - gain.min(UNITY));
    // At least one step, so that it arrives.
    gain.saturating_add(to_u32(to_whole((missing * RELEASE).ceil())))
        .min(UNITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, samples: usize) -> Vec<[f32; CHANNELS]> {
        (0..samples)
            .map(|n| amplitude * (to_f32(to_f64(to_u64(n))) * 0.13).sin())
            .map(|value| [value, -value])
            .collect()
    }

    #[test]
    fn what_is_under_the_ceiling_passes_as_it_is_a_little_later() {
        let input = tone(0.8, 5000);
        let mut limiter = Limiter::default();
        let mut output = limiter.pass(&input[..1000]);
        output.extend(limiter.pass(&input[1000..]));
        assert_eq!(output, input[..5000 - HELD_BACK]);
    }

    #[test]
    fn nothing_is_louder_than_the_ceiling() {
        let mut input = tone(0.5, 2000);
        input.extend(tone(6.0, 2000));
        input.push([1000.0, 0.0]);
        input.push([f32::INFINITY, 0.0]);
        input.extend(tone(0.5, 2000));
        let output = Limiter::default().pass(&input);
        assert!(
            output
                .as_flattened()
                .iter()
                .all(|sample| sample.abs() <= CEILING)
        );
    }

    #[test]
    fn the_gain_has_no_step_and_comes_back() {
        let mut input = vec![[0.1, 0.1]; 2000];
        input.push([4.0, 0.1]);
        input.extend(vec![[0.1, 0.1]; 200_000]);
        let output = Limiter::default().pass(&input);
        let quiet: Vec<f32> = output.iter().map(|[_, right]| *right).collect();
        assert!(
            quiet
                .windows(2)
                .all(|pair| (pair[0] - pair[1]).abs() < 0.001)
        );
        assert!(quiet[2000] < 0.03, "turned down for the peak");
        assert!((quiet.last().unwrap() - 0.1).abs() < f32::EPSILON);
    }
}
