//! The bodies that callers send and receive, as the OpenAPI document shows them. Sent layers are
//! read by `domain`, which names every fault at once; a test compares the two.

use std::collections::BTreeMap;

use serde::Serialize;
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId, SceneId};
use sm_common::layer::{
    Anchor, Blend, Easing, Fit, Layer, LayerKind, LayerSource, PlaybackAction, Transform,
    Transition,
};
use sm_common::scene::SceneSummary;
use utoipa::ToSchema;

use crate::domain::Step;

/// What one operation of a batch did.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(crate) enum BatchResult {
    /// A layer was created.
    Create {
        /// The layer.
        layer: Layer,
        /// Its place from the back.
        index: usize,
    },
    /// A layer was changed, or already was as wanted.
    Update {
        /// The layer.
        layer: Layer,
        /// The fields that are different now, as JSON Pointers.
        changed: Vec<String>,
    },
    /// A layer was deleted.
    Delete {
        /// The layer.
        id: LayerId,
    },
    /// Layers were made a group.
    Group {
        /// The group.
        group: Group,
    },
    /// A group was changed, or already was as wanted.
    UpdateGroup {
        /// The group.
        group: Group,
        /// The fields that are different now, as JSON Pointers.
        changed: Vec<String>,
    },
    /// A group has ended.
    Ungroup {
        /// The group.
        id: GroupId,
    },
    /// The layers are in this order.
    Reorder {
        /// From the back of the picture to the front.
        order: Vec<LayerId>,
    },
}

impl From<Step> for BatchResult {
    fn from(step: Step) -> Self {
        match step {
            Step::Created { layer, index } => Self::Create { layer, index },
            Step::Updated { layer, changed } => Self::Update { layer, changed },
            Step::Deleted { layer } => Self::Delete { id: layer },
            Step::Reordered { order, .. } => Self::Reorder { order },
            Step::Grouped { group } => Self::Group { group },
            Step::Regrouped { group, changed } => Self::UpdateGroup { group, changed },
            Step::Ungrouped { group } => Self::Ungroup { id: group },
        }
    }
}

/// What a batch did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// The scene after the batch.
    pub(crate) scene: SceneSummary,
    /// What each operation did, in the order sent.
    pub(crate) results: Vec<BatchResult>,
}

/// A layer to create.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewLayer {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Title")]
    name: String,
    /// What it shows.
    #[serde(flatten)]
    source: LayerSource,
    /// The group that it belongs to; none unless said otherwise. It comes beside the group's layers.
    group: Option<GroupId>,
    /// The whole canvas unless said otherwise; members left out are those of the whole canvas.
    transform: Option<Transform>,
    /// 0 (clear) to 1 (opaque); 1 unless said otherwise.
    #[schema(minimum = 0, maximum = 1, default = 1.0)]
    opacity: Option<f64>,
    /// How its colours join those behind it; `normal` unless said otherwise.
    blend: Option<Blend>,
    /// How its changes are made; at once unless said otherwise.
    transition: Option<Transition>,
    /// Whether it is in the picture.
    #[schema(default = true)]
    visible: Option<bool>,
    /// Whether it refuses every change but unlocking.
    #[schema(default = false)]
    locked: Option<bool>,
    /// Linear volume of its sound, 0 to 20 (+26 dB).
    #[schema(minimum = 0, maximum = 20, default = 1.0)]
    volume: Option<f64>,
    /// Whether its sound is off.
    #[schema(default = false)]
    muted: Option<bool>,
    /// How much later than the picture its sound comes, in milliseconds.
    #[schema(minimum = 0, maximum = 5000, default = 0)]
    audio_delay_ms: Option<u32>,
    /// Whether the slate is on air while this layer fails.
    #[schema(default = false)]
    required: Option<bool>,
    /// Its place from the back, 0 to the number of layers; the front unless said otherwise.
    #[schema(minimum = 0)]
    index: Option<usize>,
}

/// A JSON merge patch (RFC 7396) of a layer. What is left out stays; null is the default.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct LayerPatch {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Another kind starts with an empty source: send the new one with it.
    kind: Option<LayerKind>,
    /// The members of the source to change, such as `{"text": "Hello"}` or
    /// `{"style": {"size": 60}}`.
    source: Option<BTreeMap<String, serde_json::Value>>,
    /// The group that it belongs to, or null. It comes beside the group's layers, or out of them.
    group: Option<GroupId>,
    /// The members of the transform to change.
    transform: Option<TransformPatch>,
    /// 0 (clear) to 1 (opaque).
    #[schema(minimum = 0, maximum = 1)]
    opacity: Option<f64>,
    /// How its colours join those behind it.
    blend: Option<Blend>,
    /// The members of the transition to change.
    transition: Option<TransitionPatch>,
    /// Whether it is in the picture.
    visible: Option<bool>,
    /// Whether it refuses every change but unlocking.
    locked: Option<bool>,
    /// Linear volume of its sound, 0 to 20 (+26 dB).
    #[schema(minimum = 0, maximum = 20)]
    volume: Option<f64>,
    /// Whether its sound is off.
    muted: Option<bool>,
    /// How much later than the picture its sound comes, in milliseconds.
    #[schema(minimum = 0, maximum = 5000)]
    audio_delay_ms: Option<u32>,
    /// Whether the slate is on air while this layer fails.
    required: Option<bool>,
}

/// A command for what a layer plays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct PlaybackCommand {
    /// What to do.
    action: PlaybackAction,
    /// Where to go, in milliseconds of the file; for `seek` alone.
    #[schema(minimum = 0, maximum = 604_800_000)]
    position_ms: Option<u64>,
    /// Which file of a playlist to go to, counted from 0; for `goto` alone.
    #[schema(minimum = 0, maximum = 199)]
    item: Option<u32>,
}

/// The members of a transform to change, in canvas pixels.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct TransformPatch {
    /// Left edge.
    #[schema(minimum = -16384, maximum = 16384)]
    x: Option<i32>,
    /// Top edge.
    #[schema(minimum = -16384, maximum = 16384)]
    y: Option<i32>,
    /// Width.
    #[schema(minimum = 1, maximum = 8192)]
    width: Option<u32>,
    /// Height.
    #[schema(minimum = 1, maximum = 8192)]
    height: Option<u32>,
    /// The members of the crop to change.
    crop: Option<CropPatch>,
    /// How the source fills the box.
    fit: Option<Fit>,
    /// Where a source lies that does not fill the box, and the point of rotation.
    anchor: Option<Anchor>,
    /// Clockwise, in degrees.
    #[schema(minimum = -360, maximum = 360)]
    rotation: Option<f64>,
    /// Radius of the corners.
    #[schema(minimum = 0, maximum = 4096)]
    corner_radius: Option<f64>,
}

/// The members of a crop to change, as parts of the source's width and height.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct CropPatch {
    /// From the left edge.
    #[schema(minimum = 0, maximum = 0.99)]
    left: Option<f64>,
    /// From the top edge.
    #[schema(minimum = 0, maximum = 0.99)]
    top: Option<f64>,
    /// From the right edge; with `left` at most 0.99.
    #[schema(minimum = 0, maximum = 0.99)]
    right: Option<f64>,
    /// From the bottom edge; with `top` at most 0.99.
    #[schema(minimum = 0, maximum = 0.99)]
    bottom: Option<f64>,
}

/// The members of a transition to change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct TransitionPatch {
    /// How long changes take; 0 is at once.
    #[schema(minimum = 0, maximum = 60000)]
    duration_ms: Option<u32>,
    /// How they move.
    easing: Option<Easing>,
}

/// An order of all layers of a scene.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct LayerOrder {
    /// From the back of the picture to the front; each layer exactly once.
    order: Vec<LayerId>,
}

/// A scene to create, without a layer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewScene {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Interview")]
    name: String,
}

/// A JSON merge patch (RFC 7396) of a scene; its layers have a path of their own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct ScenePatch {
    /// 1 to 100 characters; it stays when it is left out.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
}

/// An order of all scenes of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct SceneOrder {
    /// Each scene exactly once.
    order: Vec<SceneId>,
}

/// Changes that happen together or not at all.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct Batch {
    /// In the order they are to be done; each sees what the ones before it did.
    operations: Vec<BatchOperation>,
}

/// One operation of a batch.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[serde(tag = "op", rename_all = "lowercase")]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) enum BatchOperation {
    /// Creates a layer.
    Create {
        /// The layer.
        layer: NewLayer,
    },
    /// Changes a layer.
    Update {
        /// The layer.
        id: LayerId,
        /// A JSON merge patch.
        patch: LayerPatch,
        /// Its revision before the batch; any unless said otherwise.
        if_match: Option<u64>,
    },
    /// Copies a layer; the copy is right in front of it.
    Duplicate {
        /// The layer.
        id: LayerId,
        /// Its revision before the batch; any unless said otherwise.
        if_match: Option<u64>,
    },
    /// Deletes a layer.
    Delete {
        /// The layer.
        id: LayerId,
        /// Its revision before the batch; any unless said otherwise.
        if_match: Option<u64>,
    },
    /// Plays what a layer plays otherwise.
    Playback {
        /// The layer.
        id: LayerId,
        /// The command.
        command: PlaybackCommand,
        /// Its revision before the batch; any unless said otherwise.
        if_match: Option<u64>,
    },
    /// Puts the layers into another order.
    Reorder {
        /// From the back of the picture to the front; each layer exactly once.
        order: Vec<LayerId>,
    },
}

/// The form of an upload.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "shows the shape of a form that is read as it arrives"
)]
pub(crate) struct UploadForm {
    /// A PNG, JPEG, WebP, GIF or SVG picture, an MP4, `QuickTime`, `WebM` or Matroska video, an
    /// MP3, AAC, Ogg, FLAC or WAV sound, or a TrueType or `OpenType` font.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use sm_common::clock::Timestamp;
    use sm_common::id::StreamId;
    use sm_common::scene::Scene;

    use super::*;
    use crate::domain::{Action, Canvas, Proposal, Rejected, Surroundings, Vault, apply};

    /// The members that the domain says it knows, from its answer to one that it does not.
    fn known_members(action: Action) -> BTreeSet<String> {
        let scene = Scene {
            id: SceneId::generate(),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision: 0,
            updated_at: Timestamp::from_unix_millis(0),
            layers: Vec::new(),
            groups: Vec::new(),
        };
        let canvas = Canvas {
            width: 1280,
            height: 720,
        };
        let surroundings = Surroundings {
            canvas,
            layers_max: 9,
            groups_max: 9,
            assets: std::collections::BTreeMap::new(),
            network: sm_common::address::NetworkPolicy::default(),
            playing: std::collections::BTreeMap::new(),
            vault: Vault::default(),
            now: Timestamp::from_unix_millis(0),
        };
        let Err(Rejected::Invalid(faults)) = apply(scene, &Proposal::of(action), &surroundings)
        else {
            panic!("refused");
        };
        let errors = faults.into_errors();
        let unknown = errors.iter().find(|e| e.pointer == "/bogus").unwrap();
        let list = unknown.detail.split("known are ").nth(1).unwrap();
        list.split(", ").map(str::to_owned).collect()
    }

    fn shown_members(schema: &Value) -> BTreeSet<String> {
        let schemas =
            &serde_json::to_value(super::super::openapi()).unwrap()["components"]["schemas"];
        let mut members = BTreeSet::new();
        let mut open = vec![schema.clone()];
        while let Some(schema) = open.pop() {
            for list in ["allOf", "oneOf"] {
                open.extend(schema[list].as_array().cloned().unwrap_or_default());
            }
            if let Some(name) = schema["$ref"]
                .as_str()
                .and_then(|path| path.rsplit('/').next())
            {
                open.push(schemas[name].clone());
            }
            let properties = schema["properties"].as_object().into_iter().flatten();
            members.extend(properties.map(|(name, _)| name.clone()));
        }
        members
    }

    #[test]
    fn the_document_shows_the_members_that_the_domain_reads() {
        let id = LayerId::generate();
        let layer = json!({"bogus": 1});
        let known = known_members(Action::Create { id, layer });
        let shown = |name: &str| shown_members(&json!({"$ref": format!("/{name}")}));
        assert_eq!(shown("NewLayer"), known);
        let mut patched = known;
        patched.remove("index");
        assert_eq!(shown("LayerPatch"), patched);
    }
}
