//! What the worker remembers of its program, for a host that did not hear it. Pure.

use std::collections::{BTreeMap, VecDeque};

use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, OutputId, RenditionName};
use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_common::sprite::Sprite;
use sm_media_protocol::{
    Command, HlsSettings, Hosting, LayerReport, OnAir, OutputReport, Part, RenditionFailure,
    RenditionOnAir, RenditionReport, Report, ScenePicture, Segment, WantedOutput, WantedScene,
    WorkerState,
};

/// How much of the program is remembered, in seconds: longer than a host may be away.
const KEPT_S: f64 = 120.0;
/// Most segments that are remembered.
const SEGMENTS_MAX: usize = 1500;
/// For how much of it the parts are remembered, in seconds: the longest segment that is being
/// made, and three target durations before it, for which players are offered parts.
const PARTS_KEPT_S: f64 = 45.0;
/// Most parts that are remembered: more than the longest segment can have.
const PARTS_MAX: usize = 1000;

/// What a host asked for, as far as the next one must know it.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// The program is on air.
    Configured {
        program: ProgramFormat,
        ladder: Vec<Rendition>,
        hls: HlsSettings,
        hosting: Hosting,
        at: Timestamp,
        scene: SceneNote,
        outputs: Vec<OutputId>,
    },
    /// Another scene.
    Scene(SceneNote),
    /// Other renditions.
    Ladder(Vec<Rendition>),
    /// The layers of another preview.
    Preview(Vec<LayerId>),
    /// Other outputs.
    Outputs(Vec<OutputId>),
}

/// A scene without what its layers show.
#[derive(Clone, Debug)]
pub(crate) struct SceneNote {
    revision: u64,
    picture: ScenePicture,
    layers: Vec<LayerId>,
}

impl Note {
    /// What of a command the next host must know.
    pub(crate) fn of(command: &Command, at: Timestamp) -> Option<Self> {
        match command {
            Command::Configure {
                program,
                ladder,
                hls,
                recordings: _,
                scene,
                outputs,
                hosting,
                network: _,
                sprite: _,
                targets: _,
                retry: _,
                web: _,
                adaptive: _,
                feeds: _,
            } => Some(Self::Configured {
                program: program.clone(),
                ladder: ladder.clone(),
                hls: hls.clone(),
                hosting: hosting.clone(),
                at,
                scene: SceneNote::of(scene),
                outputs: identifiers(outputs),
            }),
            Command::ApplyScene { scene } | Command::Rebuild { scene, .. } => {
                Some(Self::Scene(SceneNote::of(scene)))
            }
            Command::ApplyLadder { ladder } => Some(Self::Ladder(ladder.clone())),
            Command::ApplyOutputs { outputs } => Some(Self::Outputs(identifiers(outputs))),
            // The next host tells of its preview anew, and wants to know how its layers do. Of the
            // chat it tells anew, too; what becomes of rates is reported.
            Command::ApplyPreview { scene } => {
                let layers = scene.iter().flat_map(|scene| &scene.layers);
                Some(Self::Preview(layers.map(|layer| layer.id).collect()))
            }
            Command::Lease(_)
            | Command::ChangeRates { .. }
            | Command::ApplyChat { .. }
            | Command::ApplyValues { .. }
            | Command::Snapshot { .. }
            | Command::PreviewPicture { .. }
            | Command::Stop => None,
        }
    }
}

impl SceneNote {
    fn of(scene: &WantedScene) -> Self {
        Self {
            revision: scene.revision,
            picture: scene.picture(),
            layers: scene
                .layers
                .iter()
                .chain(scene.cover.iter().flat_map(|cover| &cover.layers))
                .map(|layer| layer.id)
                .collect(),
        }
    }
}

fn identifiers(outputs: &[WantedOutput]) -> Vec<OutputId> {
    outputs.iter().map(|output| output.id.clone()).collect()
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory(Option<Known>);

#[derive(Debug)]
struct Known {
    program: ProgramFormat,
    ladder: Vec<Rendition>,
    hls: HlsSettings,
    hosting: Hosting,
    since: Timestamp,
    state: WorkerState,
    scene: SceneNote,
    /// The layers of the preview.
    preview: Vec<LayerId>,
    outputs_wanted: Vec<OutputId>,
    layers: BTreeMap<LayerId, LayerReport>,
    outputs: BTreeMap<OutputId, OutputReport>,
    segments: Recent<Segment>,
    parts: Recent<Part>,
    renditions: BTreeMap<RenditionName, KnownRendition>,
    sprite: Option<Sprite>,
}

#[derive(Debug)]
struct KnownRendition {
    failure: Option<RenditionFailure>,
    segments: Recent<Segment>,
    parts: Recent<Part>,
}

impl Default for KnownRendition {
    fn default() -> Self {
        Self {
            failure: None,
            segments: Recent::new(KEPT_S, SEGMENTS_MAX),
            parts: Recent::new(PARTS_KEPT_S, PARTS_MAX),
        }
    }
}

/// The newest of what was written.
#[derive(Debug)]
struct Recent<T> {
    /// Each with its length in seconds.
    kept: VecDeque<(f64, T)>,
    kept_s: f64,
    /// How long all of it may be.
    limit_s: f64,
    /// How much it may be.
    limit: usize,
}

impl Memory {
    /// A host asked for something. A second configuration is not carried out.
    pub(crate) fn note(&mut self, note: Note) {
        match (&mut self.0, note) {
            (
                None,
                Note::Configured {
                    program,
                    ladder,
                    hls,
                    hosting,
                    at,
                    scene,
                    outputs,
                },
            ) => {
                self.0 = Some(Known {
                    program,
                    ladder,
                    hls,
                    hosting,
                    since: at,
                    state: WorkerState::Starting,
                    scene,
                    preview: Vec::new(),
                    outputs_wanted: outputs,
                    layers: BTreeMap::new(),
                    outputs: BTreeMap::new(),
                    segments: Recent::new(KEPT_S, SEGMENTS_MAX),
                    parts: Recent::new(PARTS_KEPT_S, PARTS_MAX),
                    renditions: BTreeMap::new(),
                    sprite: None,
                });
            }
            (Some(known), Note::Scene(scene)) => {
                known.scene = scene;
                known.forget_layers();
            }
            (Some(known), Note::Preview(layers)) => {
                known.preview = layers;
                known.forget_layers();
            }
            (Some(known), Note::Ladder(ladder)) => {
                known.ladder = ladder;
                let wanted = &known.ladder;
                known
                    .renditions
                    .retain(|name, _| wanted.iter().any(|rendition| rendition.name == *name));
            }
            (Some(known), Note::Outputs(outputs)) => {
                known.outputs.retain(|output, _| outputs.contains(output));
                known.outputs_wanted = outputs;
            }
            (Some(_), Note::Configured { .. })
            | (None, Note::Scene(_) | Note::Preview(_) | Note::Ladder(_) | Note::Outputs(_)) => {}
        }
    }

    /// Something was reported.
    pub(crate) fn take(&mut self, report: &Report) {
        let Some(known) = &mut self.0 else {
            return;
        };
        match report {
            Report::StateChanged { state } => known.state = *state,
            // What was on its way when the scene or the outputs changed is about what is gone.
            Report::Layer(report) if known.has(report.layer) => {
                known.layers.insert(report.layer, report.clone());
            }
            Report::Output(report) if known.outputs_wanted.contains(&report.output) => {
                known.outputs.insert(report.output.clone(), report.clone());
            }
            Report::SegmentWritten(segment) => {
                known.segments.keep(segment.duration_s, segment.clone());
            }
            Report::ProgramChanged { program, hls } => {
                if known.hls.run != hls.run {
                    // Those of another run are listed already, or lost with the host.
                    known.segments = Recent::new(KEPT_S, SEGMENTS_MAX);
                    known.parts = Recent::new(PARTS_KEPT_S, PARTS_MAX);
                    known.renditions = BTreeMap::new();
                }
                known.program = program.clone();
                known.hls = hls.clone();
            }
            Report::PartWritten(part) => known.parts.keep(part.duration_s, part.clone()),
            Report::Sprite(sprite) => known.sprite = Some(sprite.clone()),
            Report::Rendition(report) => {
                if let Some(rendition) = known.rendition(&report.rendition) {
                    rendition.failure.clone_from(&report.failure);
                }
            }
            Report::RenditionSegment { rendition, segment } => {
                if let Some(rendition) = known.rendition(rendition) {
                    rendition.segments.keep(segment.duration_s, segment.clone());
                }
            }
            Report::RenditionPart { rendition, part } => {
                if let Some(rendition) = known.rendition(rendition) {
                    rendition.parts.keep(part.duration_s, part.clone());
                }
            }
            Report::Layer(_)
            | Report::Output(_)
            | Report::Ready { .. }
            | Report::TakeStarted { .. }
            | Report::SceneApplied { .. }
            | Report::InitWritten { .. }
            | Report::ProgramRefused { .. }
            | Report::Stats(_)
            | Report::Snapshot { .. }
            | Report::Fault { .. }
            | Report::Finished { .. } => {}
        }
    }

    /// What a new host must know; `None` while nothing is on air.
    pub(crate) fn on_air(&self) -> Option<OnAir> {
        let known = self.0.as_ref()?;
        Some(OnAir {
            program: known.program.clone(),
            hls: known.hls.clone(),
            hosting: known.hosting.clone(),
            since: known.since,
            state: known.state,
            revision: known.scene.revision,
            picture: known.scene.picture.clone(),
            layers: known.layers.values().cloned().collect(),
            outputs: known.outputs.values().cloned().collect(),
            segments: known.segments.all(),
            parts: known.parts.all(),
            ladder: known.ladder.clone(),
            renditions: known.renditions(),
            sprite: known.sprite.clone(),
        })
    }
}

impl Known {
    /// What is remembered of a rendition that is wanted.
    fn rendition(&mut self, name: &RenditionName) -> Option<&mut KnownRendition> {
        let is_wanted = self.ladder.iter().any(|wanted| wanted.name == *name);
        is_wanted.then(|| self.renditions.entry(name.clone()).or_default())
    }

    fn renditions(&self) -> Vec<RenditionOnAir> {
        let all = self.renditions.iter();
        all.map(|(name, known)| RenditionOnAir {
            report: RenditionReport {
                rendition: name.clone(),
                failure: known.failure.clone(),
            },
            segments: known.segments.all(),
            parts: known.parts.all(),
        })
        .collect()
    }

    fn has(&self, layer: LayerId) -> bool {
        self.scene.layers.contains(&layer) || self.preview.contains(&layer)
    }

    fn forget_layers(&mut self) {
        let (scene, preview) = (&self.scene.layers, &self.preview);
        self.layers
            .retain(|layer, _| scene.contains(layer) || preview.contains(layer));
    }
}

impl<T: Clone> Recent<T> {
    fn new(limit_s: f64, limit: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            kept_s: 0.0,
            limit_s,
            limit,
        }
    }

    fn keep(&mut self, duration_s: f64, one: T) {
        self.kept_s += duration_s;
        self.kept.push_back((duration_s, one));
        while self.kept.len() > 1
            && (self.kept_s > self.limit_s || self.kept.len() > self.limit)
            && let Some((oldest_s, _)) = self.kept.pop_front()
        {
            self.kept_s -= oldest_s;
        }
    }

    /// Oldest first.
    fn all(&self) -> Vec<T> {
        self.kept.iter().map(|(_, one)| one.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use sm_common::stream::LayerState;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn scene(revision: u64, layers: &[LayerId]) -> SceneNote {
        SceneNote {
            revision,
            picture: ScenePicture::default(),
            layers: layers.to_vec(),
        }
    }

    fn configured(layers: &[LayerId]) -> Note {
        Note::Configured {
            program: ProgramFormat::default(),
            ladder: Vec::new(),
            hls: HlsSettings {
                directory: "/live".into(),
                run: "a".to_owned(),
                part_frames: 10,
            },
            hosting: Hosting {
                generation: 3,
                orphan_ms: 1,
            },
            at: at(7),
            scene: scene(1, layers),
            outputs: Vec::new(),
        }
    }

    fn layer(layer: LayerId, state: LayerState) -> Report {
        Report::Layer(LayerReport {
            layer,
            state,
            code: None,
            reason: None,
            attempts: None,
            next_attempt_at: None,
            playback: None,
        })
    }

    fn segment(number: u64, duration_s: f64) -> Report {
        Report::SegmentWritten(Segment {
            file: format!("a-{number}.m4s"),
            number,
            duration_s,
            bytes: 1,
            starts_at: at(0),
            independent: true,
        })
    }

    #[test]
    fn nothing_is_remembered_before_a_program_is_on_air() {
        let mut memory = Memory::default();
        memory.take(&segment(0, 1.0));
        memory.note(Note::Scene(scene(2, &[])));
        assert_eq!(memory.on_air(), None);
    }

    #[test]
    fn a_new_host_hears_how_everything_is_now() {
        let (a, b) = (LayerId::generate(), LayerId::generate());
        let mut memory = Memory::default();
        memory.note(configured(&[a, b]));
        memory.take(&Report::StateChanged {
            state: WorkerState::Playing,
        });
        for state in [LayerState::Loading, LayerState::Ok] {
            memory.take(&layer(a, state));
            memory.take(&layer(b, state));
        }
        memory.note(Note::Scene(scene(2, &[b])));
        memory.take(&layer(a, LayerState::Failing));
        memory.note(configured(&[]));
        let on_air = memory.on_air().unwrap();
        assert_eq!((on_air.revision, on_air.since), (2, at(7)));
        assert_eq!(on_air.state, WorkerState::Playing);
        assert_eq!((on_air.hosting.generation, on_air.layers.len()), (3, 1));
        assert_eq!(
            (on_air.layers[0].layer, on_air.layers[0].state),
            (b, LayerState::Ok)
        );
    }

    #[test]
    fn the_segments_of_the_last_minutes_are_remembered_and_no_more() {
        let mut memory = Memory::default();
        memory.note(configured(&[]));
        for number in 0..500 {
            memory.take(&segment(number, 1.0));
        }
        let kept = memory.on_air().unwrap().segments;
        assert_eq!((kept.len(), kept[0].number), (120, 380));
        for number in 500..5000 {
            memory.take(&segment(number, 0.001));
        }
        assert_eq!(memory.on_air().unwrap().segments.len(), SEGMENTS_MAX);
        memory.take(&segment(5000, 1000.0));
        assert_eq!(memory.on_air().unwrap().segments.len(), 1);
    }

    fn part(number: u64, part: u64, duration_s: f64) -> Report {
        Report::PartWritten(Part {
            file: format!("a-{number}.{part}.m4s"),
            number,
            part,
            duration_s,
            bytes: 1,
            independent: part == 0,
            starts_at: at(0),
            last: false,
        })
    }

    #[test]
    fn the_parts_of_what_is_being_made_are_remembered_in_bounds() {
        let mut memory = Memory::default();
        memory.note(configured(&[]));
        for number in 0..100 {
            for index in 0..3 {
                memory.take(&part(number, index, 0.25));
            }
            memory.take(&segment(number, 0.75));
        }
        memory.take(&part(100, 0, 0.25));
        let kept = memory.on_air().unwrap().parts;
        let place = |part: &Part| (part.number, part.part);
        assert_eq!(kept.last().map(place), Some((100, 0)));
        // 45 seconds are 60 segments.
        assert_eq!((kept.len(), kept.first().map(place)), (180, Some((40, 1))));
        for index in 1..5000 {
            memory.take(&part(100, index, 0.001));
        }
        assert_eq!(memory.on_air().unwrap().parts.len(), PARTS_MAX);
    }
}
