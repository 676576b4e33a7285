//! What a receiver must be able to decode, and who says that it can (ITU-T H.264, annex A; RFC
//! 6184, 8.1). Pure.

const NAL_SEQUENCE_PARAMETERS: u8 = 7;
/// `constraint_set1_flag`: of a stream of the Baseline profile, that it is of the constrained one.
const CONSTRAINED: u8 = 0x40;

// Profiles as `profile-level-id` has them, without a level.
const BASELINE: u32 = 0x0042_0000;
const CONSTRAINED_BASELINE: u32 = 0x0042_e000;
const MAIN: u32 = 0x004d_0000;
const HIGH: u32 = 0x0064_0000;
const CONSTRAINED_HIGH: u32 = 0x0064_0c00;
/// High 4:4:4 Predictive, within which High is: what Chromium says of its software decoder.
const HIGH_444: u32 = 0x00f4_0000;

/// Level and profile of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    kind: Kind,
    /// Ten times the level.
    level: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ConstrainedBaseline,
    Main,
    High,
}

impl Profile {
    /// Reads parameter sets behind start codes. `None` where there are none, or for a profile that
    /// the encoder is never asked for.
    pub(super) fn read(parameters: &[u8]) -> Option<Self> {
        let sets = parameters.windows(7);
        let mut sequences = sets.filter_map(|window| match *window {
            [0, 0, 1, nal, profile, constraints, level] => {
                (nal & 0x1f == NAL_SEQUENCE_PARAMETERS).then_some((profile, constraints, level))
            }
            _ => None,
        });
        let (profile, constraints, level) = sequences.next_back()?;
        let kind = match profile {
            66 if constraints & CONSTRAINED != 0 => Kind::ConstrainedBaseline,
            77 => Kind::Main,
            100 => Kind::High,
            _ => return None,
        };
        Some(Self { kind, level })
    }

    /// The `profile-level-id`s under which a receiver may say that it decodes this, the truest
    /// first. The encoder makes no B-frames and no interlaced pictures, so that its High is within
    /// Constrained High.
    pub(super) fn acceptable(self) -> Vec<u32> {
        let with_level = |profile: u32| profile | u32::from(self.level);
        let profiles: &[u32] = match self.kind {
            Kind::ConstrainedBaseline => &[
                CONSTRAINED_BASELINE,
                BASELINE,
                MAIN,
                CONSTRAINED_HIGH,
                HIGH,
                HIGH_444,
            ],
            Kind::Main => &[MAIN, HIGH, HIGH_444],
            Kind::High => &[HIGH, CONSTRAINED_HIGH, HIGH_444],
        };
        profiles.iter().copied().map(with_level).collect()
    }

    /// Its name, for people.
    pub(super) const fn name(self) -> &'static str {
        match self.kind {
            Kind::ConstrainedBaseline => "Constrained Baseline",
            Kind::Main => "Main",
            Kind::High => "High",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(profile: u8, constraints: u8) -> Option<Profile> {
        Profile::read(&[
            0,
            0,
            0,
            1,
            0x67,
            profile,
            constraints,
            31,
            0,
            0,
            0,
            1,
            0x68,
            1,
            2,
            3,
        ])
    }

    #[test]
    fn whoever_decodes_more_decodes_this_as_well() {
        let table = [
            (66, 0xc0, "42e01f 42001f 4d001f 640c1f 64001f f4001f"),
            (77, 0x40, "4d001f 64001f f4001f"),
            (100, 0, "64001f 640c1f f4001f"),
            (66, 0, ""),
            (110, 0, ""),
        ];
        for (profile, constraints, acceptable) in table {
            let read = read(profile, constraints).map(Profile::acceptable);
            let names = read.unwrap_or_default();
            let names: Vec<String> = names.iter().map(|name| format!("{name:x}")).collect();
            assert_eq!(names.join(" "), acceptable, "{profile} {constraints:x}");
        }
        assert_eq!(Profile::read(&[0, 0, 1, 0x68, 1, 2, 3]), None);
        assert_eq!(Profile::read(&[]), None);
    }
}
