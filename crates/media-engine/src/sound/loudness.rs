use std::fmt;

use ebur128::{EbuR128, Mode};

use super::CHANNELS;
use crate::number::{to_u32, to_u64};
use crate::timeline::SAMPLE_RATE;

/// How loud the program is by EBU R128, in LUFS. `None` where it was silent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Loudness {
    /// Over the last 0.4 seconds.
    pub(crate) momentary: Option<f64>,
    /// Over the last 3 seconds.
    pub(crate) short_term: Option<f64>,
    /// Since the program began, without its quiet parts.
    pub(crate) integrated: Option<f64>,
}

/// Measures loudness. Its memory does not grow: the past is kept as a histogram.
pub(crate) struct LoudnessMeter(Option<EbuR128>);

impl fmt::Debug for LoudnessMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoudnessMeter").finish_non_exhaustive()
    }
}

impl Default for LoudnessMeter {
    fn default() -> Self {
        let mode = Mode::M | Mode::S | Mode::I | Mode::HISTOGRAM;
        // Refused only for rates and channels that the program never has.
        Self(EbuR128::new(to_u32(to_u64(CHANNELS)), SAMPLE_RATE, mode).ok())
    }
}

impl LoudnessMeter {
    /// Hears samples.
    pub(crate) fn hear(&mut self, samples: &[[f32; CHANNELS]]) {
        if let Some(meter) = &mut self.0 {
            // Refused only for a number of samples that is not whole in channels.
            let _ = meter.add_frames_f32(samples.as_flattened());
        }
    }

    /// How loud it is now.
    pub(crate) fn loudness(&self) -> Loudness {
        let known = |measure: fn(&EbuR128) -> Result<f64, ebur128::Error>| {
            let measured = measure(self.0.as_ref()?).ok()?;
            measured.is_finite().then_some(measured)
        };
        Loudness {
            momentary: known(EbuR128::loudness_momentary),
            short_term: known(EbuR128::loudness_shortterm),
            integrated: known(EbuR128::loudness_global),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{to_f32, to_f64};

    #[test]
    fn the_reference_tone_reads_as_the_standard_says() {
        // EBU Tech 3341, case 1: a stereo sine of 1 kHz at -23 dBFS reads -23 LUFS.
        let amplitude = to_f32(10.0_f64.powf(-23.0 / 20.0));
        let samples: Vec<[f32; CHANNELS]> = (0..SAMPLE_RATE * 20)
            .map(|n| {
                let turn = to_f64(u64::from(n)) * 1000.0 / f64::from(SAMPLE_RATE);
                amplitude * to_f32((turn * std::f64::consts::TAU).sin())
            })
            .map(|value| [value, value])
            .collect();
        let mut meter = LoudnessMeter::default();
        assert_eq!(meter.loudness(), Loudness::default(), "nothing is made up");
        meter.hear(&samples);
        let loudness = meter.loudness();
        for measured in [loudness.momentary, loudness.short_term, loudness.integrated] {
            assert!((measured.unwrap() + 23.0).abs() < 0.1, "{loudness:?}");
        }
    }

    #[test]
    fn silence_has_no_loudness() {
        let mut meter = LoudnessMeter::default();
        meter.hear(&vec![[0.0; CHANNELS]; 200_000]);
        assert_eq!(meter.loudness(), Loudness::default());
    }
}
