use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sm_common::id::{LayerId, OutputId};
use sm_common::layer::{Color, Pattern, TextStyle, Transform};
use sm_common::output::OutputTarget;
use sm_common::program::ProgramFormat;

/// What the host tells the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Go on air with this format and scene. Sent once, first.
    Configure {
        /// Format of the program.
        program: ProgramFormat,
        /// Where segments go.
        hls: HlsSettings,
        /// Where recordings go.
        recordings: RecordingSettings,
        /// The first scene.
        scene: WantedScene,
        /// Where the program goes beside HLS.
        outputs: Vec<WantedOutput>,
    },
    /// Make the picture show this scene, all changes on one frame.
    ApplyScene {
        /// The whole scene; the worker finds the difference.
        scene: WantedScene,
    },
    /// Make these the outputs. Those that did not change go on undisturbed.
    ApplyOutputs {
        /// All of them; the worker finds the difference.
        outputs: Vec<WantedOutput>,
    },
    /// Write the picture on air as a JPEG file.
    Snapshot {
        /// Echoed in the report.
        id: u64,
        /// The file, replaced atomically.
        path: PathBuf,
    },
    /// End in good order: finish the last segment and exit.
    Stop,
}

/// Where and how segments are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HlsSettings {
    /// An existing directory. The worker writes `init-{run}.mp4`, `{run}-{number}.m4s` and
    /// `{run}-{number}.{part}.m4s` into it and deletes nothing.
    pub directory: PathBuf,
    /// Distinguishes this worker's files from those of every other worker.
    pub run: String,
    /// Most frames in a part of a segment; 0: segments are not written in parts.
    #[serde(default)]
    pub part_frames: u32,
}

/// Where recordings are written, and when no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingSettings {
    /// Recordings go into `{directory}/{output}/`, which the worker makes when it needs it.
    pub directory: PathBuf,
    /// Bytes that must stay free on the disk: a recording ends rather than use them.
    pub reserve_bytes: u64,
}

/// An output that is to send now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedOutput {
    /// The output.
    pub id: OutputId,
    /// Where it goes.
    #[serde(flatten)]
    pub target: OutputTarget,
    /// Another number lets the output begin anew, also when it gave up.
    pub generation: u64,
}

/// A scene as the worker needs it: visible and hidden layers, back to front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedScene {
    /// The revision that [`crate::Report::SceneApplied`] echoes.
    pub revision: u64,
    /// Layers, from the back of the picture to the front.
    pub layers: Vec<SceneLayer>,
}

/// A layer as the worker needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneLayer {
    /// The layer.
    pub id: LayerId,
    /// What it shows.
    pub content: LayerContent,
    /// Where it is, in canvas pixels.
    pub transform: Transform,
    /// 0 (clear) to 1 (opaque).
    pub opacity: f64,
    /// Whether it is in the picture.
    pub visible: bool,
    /// Linear volume, 0 to 20.
    pub volume: f64,
    /// Whether its sound is off.
    pub muted: bool,
}

/// What a layer shows; files are resolved to paths by the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerContent {
    /// One colour.
    Color {
        /// The colour.
        color: Color,
    },
    /// A generated test picture.
    TestPattern {
        /// Which one.
        pattern: Pattern,
    },
    /// A picture file.
    Image {
        /// The file.
        path: PathBuf,
    },
    /// A video file.
    Video {
        /// The file.
        path: PathBuf,
        /// Starts again at its end.
        looping: bool,
    },
    /// Text.
    Text {
        /// The text.
        text: String,
        /// How it looks.
        style: TextStyle,
    },
    /// The time of day.
    Clock {
        /// `strftime` form.
        format: String,
        /// How it looks.
        style: TextStyle,
    },
}
