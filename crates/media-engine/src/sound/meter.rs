use super::CHANNELS;

/// What digital silence reads, in dBFS: below every real signal, and a number.
const SILENCE_DBFS: f64 = -120.0;

/// How loud a stretch of sound was, in dBFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// Of the loudest sample.
    pub(crate) peak_dbfs: f64,
    /// Of the power, over both channels.
    pub(crate) rms_dbfs: f64,
}

/// Measures how loud the program is.
#[derive(Debug, Default)]
pub(crate) struct LevelMeter {
    peak: f32,
    squares: f64,
    samples: f64,
}

impl LevelMeter {
    /// Hears samples.
    pub(crate) fn hear(&mut self, samples: &[[f32; CHANNELS]]) {
        for &sample in samples.as_flattened() {
            self.peak = self.peak.max(sample.abs());
            self.squares += f64::from(sample) * f64::from(sample);
            self.samples += 1.0;
        }
    }

    /// The level since the last call; `None` where nothing was heard.
    pub(crate) fn take(&mut self) -> Option<Level> {
        let heard = std::mem::take(self);
        (heard.samples > 0.0).then(|| Level {
            peak_dbfs: decibels(f64::from(heard.peak)),
            rms_dbfs: decibels((heard.squares / heard.samples).sqrt()),
        })
    }
}

fn decibels(amplitude: f64) -> f64 {
    (20.0 * amplitude.log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_at_half_scale_is_six_decibels_down() {
        let mut meter = LevelMeter::default();
        meter.hear(&[[0.5, -0.5]; 100]);
        let level = meter.take().unwrap();
        assert!((level.peak_dbfs + 6.02).abs() < 0.01);
        assert!((level.rms_dbfs + 6.02).abs() < 0.01);
        assert_eq!(meter.take(), None);
    }

    #[test]
    fn silence_is_a_number() {
        let mut meter = LevelMeter::default();
        meter.hear(&[[0.0, 0.0]]);
        let silence = meter.take().unwrap();
        assert!((silence.rms_dbfs - SILENCE_DBFS).abs() < f64::EPSILON);
    }
}
