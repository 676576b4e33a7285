use serde::{Deserialize, Serialize};

/// The first argument of a process that looks into a file.
pub const ARGUMENT: &str = "--probe";

/// What is to be looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The media type that the first bytes of the file tell, such as `image/png`.
    pub media_type: String,
    /// What the file, and looking into it, may take.
    pub limits: Limits,
}

/// What a file, and looking into it, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Pixels on a side.
    pub side_max: u32,
    /// Pixels in all.
    pub pixels_max: u64,
    /// Frames of an animation.
    pub frames_max: u64,
    /// Length of an animation, a video or a sound, in milliseconds.
    pub duration_ms_max: u64,
    /// Bytes of a drawing.
    pub svg_bytes_max: usize,
    /// Elements within elements of a drawing.
    pub svg_depth_max: usize,
    /// Parts of a drawing, each as often as others refer to it.
    pub svg_parts_max: u64,
    /// Bytes of a font.
    pub font_bytes_max: u64,
    /// Pixels of the thumbnail on its longer side.
    pub thumbnail_side: u32,
    /// Memory of the process, in bytes.
    pub memory_bytes_max: u64,
    /// CPU time of the process, in seconds.
    pub cpu_s_max: u64,
}
