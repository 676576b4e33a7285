//! The ladder: further encodings of the program, smaller than itself, that players choose from by
//! what their network carries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::RenditionName;
use crate::problem::FieldError;
use crate::program::ProgramFormat;

/// Most renditions beside the program itself: each costs an encoder.
pub const RENDITIONS_MAX: usize = 4;
/// Shortest side of a rendition, in pixels.
pub const SIDE_MIN: u32 = 64;
/// Longest side of a rendition, in pixels.
pub const SIDE_MAX: u32 = 4096;
/// Lowest video bitrate of a rendition, in kbit/s.
pub const KBPS_MIN: u32 = 50;
/// Highest video bitrate of a rendition, in kbit/s.
pub const KBPS_MAX: u32 = 50_000;

/// Another encoding of the program: the same picture and sound, smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rendition {
    /// What it is called in addresses, unique in the ladder.
    pub name: RenditionName,
    /// Width in pixels, even; what the program's shape makes of `height` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 64, maximum = 4096)]
    pub width: Option<u32>,
    /// Height in pixels, even.
    #[schema(minimum = 64, maximum = 4096)]
    pub height: u32,
    /// Video bitrate in kbit/s.
    #[schema(minimum = 50, maximum = 50000)]
    pub video_bitrate_kbps: u32,
}

impl Rendition {
    /// Width and height in pixels, both even.
    pub fn size(&self, program: &ProgramFormat) -> (u32, u32) {
        let fitting = u64::from(self.height) * u64::from(program.width);
        let even = (fitting / u64::from(program.height.max(1))).div_ceil(2) * 2;
        let fitting = u32::try_from(even).unwrap_or(SIDE_MAX);
        (self.width.unwrap_or(fitting.max(2)), self.height)
    }
}

/// Everything that is wrong with a ladder, by the place under `pointer`.
pub fn check(ladder: &[Rendition], pointer: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if ladder.len() > RENDITIONS_MAX {
        let detail = format!("there may be at most {RENDITIONS_MAX} renditions");
        errors.push(FieldError::new(pointer, detail));
    }
    for (index, rendition) in ladder.iter().enumerate() {
        let mut wrong = |member: &str, detail: String| {
            errors.push(FieldError::new(
                format!("{pointer}/{index}/{member}"),
                detail,
            ));
        };
        let is_side = |side: u32| side.is_multiple_of(2) && (SIDE_MIN..=SIDE_MAX).contains(&side);
        let side = format!("must be an even number from {SIDE_MIN} to {SIDE_MAX}");
        if ladder
            .iter()
            .take(index)
            .any(|other| other.name == rendition.name)
        {
            wrong("name", "another rendition has this name".to_owned());
        }
        if !is_side(rendition.height) {
            wrong("height", side.clone());
        }
        if !rendition.width.is_none_or(is_side) {
            wrong("width", side);
        }
        if !(KBPS_MIN..=KBPS_MAX).contains(&rendition.video_bitrate_kbps) {
            let detail = format!("must be from {KBPS_MIN} to {KBPS_MAX}");
            wrong("video_bitrate_kbps", detail);
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendition(name: &str) -> Rendition {
        Rendition {
            name: name.parse().unwrap(),
            width: None,
            height: 360,
            video_bitrate_kbps: 800,
        }
    }

    #[test]
    fn a_rendition_has_the_shape_of_the_program_and_even_sides() {
        let cases = [
            ((1280, 720), 480, (854, 480)),
            ((1280, 720), 360, (640, 360)),
            ((720, 1280), 640, (360, 640)),
            ((1920, 1080), 270, (480, 270)),
        ];
        for ((width, height), wanted, expected) in cases {
            let program = ProgramFormat {
                width,
                height,
                ..ProgramFormat::default()
            };
            let rendition = Rendition {
                height: wanted,
                ..rendition("low")
            };
            assert_eq!(rendition.size(&program), expected);
        }
        let given = Rendition {
            width: Some(400),
            ..rendition("low")
        };
        assert_eq!(given.size(&ProgramFormat::default()), (400, 360));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let pointers = |ladder: &[Rendition]| {
            let errors = check(ladder, "/ladder");
            let pointers = errors.into_iter().map(|error| error.pointer);
            pointers.collect::<Vec<String>>()
        };
        assert_eq!(pointers(&[rendition("a"), rendition("b")]), [""; 0]);
        let wrong = Rendition {
            width: Some(33),
            height: 361,
            video_bitrate_kbps: 1,
            ..rendition("a")
        };
        assert_eq!(
            pointers(&[rendition("a"), wrong]),
            [
                "/ladder/1/name",
                "/ladder/1/height",
                "/ladder/1/width",
                "/ladder/1/video_bitrate_kbps"
            ]
        );
        let many: Vec<Rendition> = (0..=RENDITIONS_MAX)
            .map(|index| rendition(&format!("r{index}")))
            .collect();
        assert_eq!(pointers(&many), ["/ladder"]);
    }

    #[test]
    fn a_name_fits_into_every_address() {
        for good in ["480p", "low", "a", "abcdefghijklmnop"] {
            assert!(good.parse::<RenditionName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "480P",
            "a-b",
            "a_b",
            "a.b",
            "abcdefghijklmnopq",
            "index",
            "master",
        ] {
            assert!(bad.parse::<RenditionName>().is_err(), "{bad}");
        }
    }
}
