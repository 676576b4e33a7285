use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sm_common::address::NetworkPolicy;
use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, OutputId};
use sm_common::ladder::Rendition;
use sm_common::layer::{
    AtEnd, AtZero, Blend, ChatSource, Color, GradientShape, GradientStop, NetworkSource, OnLoss,
    Pattern, Playback, TextStyle, TickerDirection, Transform, Transition, WebSource,
};
use sm_common::output::{Adaptive, OutputTarget};
use sm_common::program::ProgramFormat;
use sm_common::secret::Secret;
use sm_common::stream::SceneOnAir;
use sm_common::target::TargetPolicy;
use sm_common::transition::Take;

use crate::adaptive::AdaptiveTerms;
use crate::chat::ChatFeed;
use crate::values::TextValues;
use crate::web::WebSettings;

/// What the host tells the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Who speaks, and for how long. The first line of every connection, and repeated for as long
    /// as the host holds the stream.
    Lease(LeaseTerms),
    /// Go on air with this format and scene. Sent once, first.
    Configure {
        /// Format of the program.
        program: ProgramFormat,
        /// Further encodings of the program, each with segments of its own.
        #[serde(default)]
        ladder: Vec<Rendition>,
        /// Where segments go.
        hls: HlsSettings,
        /// Where recordings go.
        recordings: RecordingSettings,
        /// The first scene.
        scene: WantedScene,
        /// Where the program goes beside HLS.
        outputs: Vec<WantedOutput>,
        /// What the next host must know, and how long to wait for it.
        hosting: Hosting,
        /// Where network sources may be.
        #[serde(default)]
        network: NetworkPolicy,
        /// Small pictures of the last minutes; `None` for none.
        #[serde(default)]
        sprite: Option<Box<SpriteSettings>>,
        /// Where outputs may be sent.
        #[serde(default)]
        targets: TargetPolicy,
        /// How long sources that failed wait before they are tried again.
        #[serde(default)]
        retry: RetryTerms,
        /// When outputs that may adapt are sent less, and when more again.
        #[serde(default)]
        adaptive: Box<AdaptiveTerms>,
        /// How web pages are shown; `None` where they are not.
        #[serde(default)]
        web: Option<Box<WebSettings>>,
        /// An existing directory that only this user can enter. A layer that others push to listens
        /// there, on a socket that is named after it; `None`: nobody can push.
        #[serde(default)]
        feeds: Option<PathBuf>,
    },
    /// Go on at the rates of this format, which differs in nothing else from the one on air.
    /// Nothing is interrupted. Answered by [`crate::Report::ProgramChanged`] or
    /// [`crate::Report::ProgramRefused`].
    ChangeRates {
        /// The format.
        program: ProgramFormat,
    },
    /// Go on in another format: with other encoders and another run of segments, from one frame to
    /// the next, while layers keep their sources. Outputs begin anew. Answered as
    /// [`Command::ChangeRates`]; what is refused leaves everything as it was.
    Rebuild {
        /// The format.
        program: ProgramFormat,
        /// Where segments go from then on; the run is a new one.
        hls: HlsSettings,
        /// The scene, for this format.
        scene: WantedScene,
    },
    /// Make the picture show this scene, all changes on one frame.
    ApplyScene {
        /// The whole scene; the worker finds the difference.
        scene: WantedScene,
    },
    /// Make a picture of this scene beside the program, or of none any more.
    ApplyPreview {
        /// The whole scene; the worker finds the difference.
        scene: Option<WantedScene>,
    },
    /// Make these the outputs. Those that did not change go on undisturbed.
    ApplyOutputs {
        /// All of them; the worker finds the difference.
        outputs: Vec<WantedOutput>,
    },
    /// Make these the further encodings of the program. Those that did not change go on
    /// undisturbed.
    ApplyLadder {
        /// All of them; the worker finds the difference.
        ladder: Vec<Rendition>,
    },
    /// Show this chat in the layers that show the chat. Told again to a worker that is new, or was
    /// told by another host; a worker without such layers forgets it.
    ApplyChat {
        /// All of it; the worker finds the difference.
        chat: ChatFeed,
    },
    /// Show these values in the texts that name them. Told again to a worker that is new, or was told
    /// by another host.
    ApplyValues {
        /// All of them; the worker finds the difference.
        values: TextValues,
    },
    /// Write the picture on air as a JPEG file.
    Snapshot {
        /// Echoed in the report.
        id: u64,
        /// The file, replaced atomically.
        path: PathBuf,
    },
    /// Write the picture of the preview as a JPEG file. The answer is [`crate::Report::Snapshot`].
    PreviewPicture {
        /// Echoed in the report; counted together with those of snapshots.
        id: u64,
        /// The file, replaced atomically.
        path: PathBuf,
        /// Most pixels in a row of it.
        width_max: u32,
        /// For how long files in preview play from now on; then they wait until the next picture.
        watched_ms: u32,
    },
    /// End in good order: finish the last segment and exit.
    Stop,
}

/// A host's right to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseTerms {
    /// The fencing token. A new connection with an older one is refused.
    pub token: u64,
    /// Until when the worker may send to the network, in milliseconds of the machine's clock since
    /// boot (`CLOCK_BOOTTIME`): a moment, so that no delay on the way makes it later.
    pub valid_until_ms: u64,
}

/// What the worker keeps for its hosts, and how it lives without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosting {
    /// What the host made this worker for; told to the next host.
    pub generation: u64,
    /// How long the program stays on air without a host.
    pub orphan_ms: u64,
}

/// How long a source that failed waits before it is tried again: each time twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryTerms {
    /// The first wait, in milliseconds.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
}

impl Default for RetryTerms {
    fn default() -> Self {
        Self {
            first_ms: 1000,
            longest_ms: 30_000,
        }
    }
}

/// Where and how segments are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HlsSettings {
    /// An existing directory. The worker writes `init-{run}.mp4`, `{run}-{number}.m4s` and
    /// `{run}-{number}.{part}.m4s` into it and deletes nothing. The files of a rendition have
    /// `{rendition}_{run}` in the place of `{run}`, and the numbers of the program's.
    pub directory: PathBuf,
    /// Distinguishes this worker's files from those of every other worker.
    pub run: String,
    /// Most frames in a part of a segment; 0: segments are not written in parts.
    #[serde(default)]
    pub part_frames: u32,
}

/// How small pictures of the last minutes are made. The worker writes them as `sprite.jpg` into the
/// HLS directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpriteSettings {
    /// Time from one to the next, in milliseconds.
    pub interval_ms: u64,
    /// How many are kept.
    pub pictures: u32,
    /// Height of each in pixels; the width follows from the program's shape.
    pub height: u32,
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
    /// Whether it may be sent less while its target is congested. Another value is no new beginning.
    #[serde(default)]
    pub adaptive: Adaptive,
    /// Another number lets the output begin anew, also when it gave up.
    pub generation: u64,
}

/// A scene as the worker needs it: visible and hidden layers, back to front. The worker keeps its
/// [`crate::ScenePicture`] for the next host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedScene {
    /// The revision that [`crate::Report::SceneApplied`] echoes.
    pub revision: u64,
    /// Which scene it is; `None` for one that nobody made.
    #[serde(default)]
    pub scene: Option<SceneOnAir>,
    /// The take that brought it on air, if one did. It says how the scene replaces the one before
    /// it, where that is another one; it says nothing where the same scene has changed.
    #[serde(default)]
    pub take: Option<Take>,
    /// What is seen and heard instead of it. Its own sources stay connected: files wait, as those
    /// of hidden layers do, and go on where they were.
    #[serde(default)]
    pub cover: Option<Cover>,
    /// Layers, from the back of the picture to the front.
    pub layers: Vec<SceneLayer>,
}

/// What stands in for a scene. It comes and goes from one frame to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    /// Why it is there.
    pub why: CoverReason,
    /// Which scene it is; `None` for one that nobody made.
    #[serde(default)]
    pub scene: Option<SceneOnAir>,
    /// Layers, from the back of the picture to the front. Those that the covered scene has as
    /// well share its sources.
    pub layers: Vec<SceneLayer>,
}

/// Why a scene is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverReason {
    /// Somebody wants it.
    Paused,
    /// The scene must not be seen without a layer that fails.
    LayerLost,
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
    /// How its colours join those behind it.
    #[serde(default)]
    pub blend: Blend,
    /// How its changes are made.
    #[serde(default)]
    pub transition: Transition,
    /// Whether it is in the picture.
    pub visible: bool,
    /// Linear volume, 0 to 20.
    pub volume: f64,
    /// Whether its sound is off.
    pub muted: bool,
    /// How much later than the picture its sound comes, in milliseconds.
    #[serde(default)]
    pub audio_delay_ms: u32,
    /// The last command for what it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<Playback>,
}

/// Which part of a file is played, and what follows its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Where it begins, in milliseconds of the file.
    pub in_ms: u64,
    /// Where it ends; at the end of the file when absent.
    pub out_ms: Option<u64>,
    /// What follows its end where it does not loop.
    pub at_end: AtEnd,
    /// The layer that is shown then.
    pub next: Option<LayerId>,
}

impl Clip {
    /// Whether it is the whole file, and its last frame stays.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// A file of a playlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaylistEntry {
    /// The file.
    pub path: PathBuf,
    /// Where it begins, in milliseconds of the file.
    pub in_ms: u64,
    /// Where it ends; at the end of the file when absent.
    pub out_ms: Option<u64>,
    /// How long it is shown if it is a picture, in milliseconds.
    pub duration_ms: u64,
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
        /// Which part of it, and what follows its end.
        #[serde(default, skip_serializing_if = "Clip::is_whole")]
        clip: Clip,
    },
    /// A sound file.
    Audio {
        /// The file.
        path: PathBuf,
        /// Starts again at its end.
        looping: bool,
        /// Which part of it, and what follows its end.
        #[serde(default, skip_serializing_if = "Clip::is_whole")]
        clip: Clip,
    },
    /// Files, one after another.
    Playlist {
        /// The files, in their order.
        items: Vec<PlaylistEntry>,
        /// Starts again at its end.
        looping: bool,
        /// In a random order.
        shuffle: bool,
        /// What follows the end of the last.
        #[serde(default)]
        at_end: AtEnd,
        /// The layer that is shown then.
        #[serde(default)]
        next: Option<LayerId>,
    },
    /// Text.
    Text {
        /// The text.
        text: String,
        /// How it looks.
        style: TextStyle,
        /// The uploaded font of the style.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        font: Option<PathBuf>,
    },
    /// The time of day.
    Clock {
        /// `strftime` form.
        format: String,
        /// Name of a time zone; that of the host when absent.
        #[serde(default)]
        timezone: Option<String>,
        /// How it looks.
        style: TextStyle,
        /// The uploaded font of the style.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        font: Option<PathBuf>,
    },
    /// Colours that run into each other.
    Gradient {
        /// In the order of their offsets.
        stops: Vec<GradientStop>,
        /// Direction in degrees: 0 from left to right, 90 from top to bottom.
        angle: u32,
        /// How they lie.
        #[serde(default, skip_serializing_if = "GradientShape::is_linear")]
        shape: GradientShape,
    },
    /// The time until a moment.
    Countdown(Countdown),
    /// Text that moves through the layer.
    Ticker {
        /// All of the text, with what stands between its end and its beginning.
        text: String,
        /// Canvas pixels a second.
        speed: u32,
        /// Where it goes.
        direction: TickerDirection,
        /// How it looks.
        style: TextStyle,
        /// The uploaded font of the style.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        font: Option<PathBuf>,
    },
    /// Live sound and picture from elsewhere.
    Network {
        /// Where from, and how.
        source: NetworkSource,
        /// The password or passphrase.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<Secret>,
    },
    /// A web page.
    Web {
        /// Where it is, and how it is shown.
        source: WebSource,
    },
    /// Live sound and picture that the host hands over as FLV, whenever somebody publishes.
    Ingest {
        /// Whose feed it is: the layer's own.
        feed: LayerId,
        /// How long frames wait for those that come late, in milliseconds.
        latency_ms: u32,
        /// What shows while nothing comes.
        on_loss: OnLoss,
    },
    /// The stream's chat, as [`Command::ApplyChat`] tells it.
    Chat {
        /// How it looks.
        source: ChatSource,
        /// The uploaded font of the style.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        font: Option<PathBuf>,
    },
}

/// A countdown as the worker needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Countdown {
    /// The moment.
    pub to: Timestamp,
    /// `%d`, `%H`, `%M` and `%S`; what fits the time when absent.
    pub format: Option<String>,
    /// What it does when the moment has come.
    pub at_zero: AtZero,
    /// What stands before the time.
    pub before: String,
    /// What stands after it.
    pub after: String,
    /// How it looks.
    pub style: TextStyle,
    /// The uploaded font of the style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<PathBuf>,
}
