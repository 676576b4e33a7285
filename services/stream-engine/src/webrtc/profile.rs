//! What a receiver must be able to decode, and who says that it can (ITU-T H.264, annex A; RFC
//! 6184, 8.1). Pure.

const NAL_SEQUENCE_PARAMETERS: u8 = 7;
/// `constraint_set1_flag`: of a stream of the Baseline profile, that it is of the constrained one.
const CONSTRAINED: u8 = 0x40;

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
                0x0042_e000,
                0x0042_0000,
                0x004d_0000,
                0x0064_0c00,
                0x0064_0000,
            ],
            Kind::Main => &[0x004d_0000, 0x0064_0000],
            Kind::High => &[0x0064_0000, 0x0064_0c00],
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
            (66, 0xc0, "42e01f 42001f 4d001f 640c1f 64001f"),
            (77, 0x40, "4d001f 64001f"),
            (100, 0, "64001f 640c1f"),
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
