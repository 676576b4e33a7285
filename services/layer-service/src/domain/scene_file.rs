//! A scene as a document that another installation can read: its layers as callers decide them, and the
//! names of the files that they show. No secret is in it, and no key that is valid anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use sm_common::asset::Asset;
use sm_common::group::Group;
use sm_common::id::{AssetId, GroupId, LayerId};
use sm_common::layer::{Layer, LayerSource};
use sm_common::scene::Scene;

use super::draft::Draft;
use super::fault::{Fault, Faults};
use super::field::{Members, parsed, text};
use super::group::GroupDraft;
use super::proposal::{Action, Operation, Proposal};
use super::scene_list::NAME_CHARS_MAX;
use super::variables::{self, Values};

/// What kind of document it is.
const FORMAT: &str = "stream-manager-scene";
/// The version of the document that is written, and the only one that is read.
const VERSION: u64 = 1;
/// Longest name of a file, in characters.
const FILE_NAME_CHARS_MAX: usize = 255;

/// A scene to be written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SceneFile {
    format: &'static str,
    version: u64,
    name: String,
    /// From the back of the picture to the front.
    layers: Vec<FileLayer>,
    groups: Vec<FileGroup>,
    /// The files that the layers need.
    assets: Vec<FileAsset>,
    /// What their texts show.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: Values,
}

#[derive(Clone, Debug, Serialize)]
struct FileLayer {
    id: LayerId,
    /// A password or passphrase belonged to its source and is not here.
    needs_secret: bool,
    layer: Value,
}

#[derive(Clone, Debug, Serialize)]
struct FileGroup {
    layers: Vec<LayerId>,
    group: Value,
}

#[derive(Clone, Debug, Serialize)]
struct FileAsset {
    id: AssetId,
    name: String,
}

impl SceneFile {
    /// `scene`, and the names of `assets` and the `variables`, as far as its layers need them.
    pub(crate) fn of(scene: &Scene, assets: &BTreeMap<AssetId, Asset>, variables: &Values) -> Self {
        let needed: BTreeSet<&AssetId> = scene
            .layers
            .iter()
            .flat_map(|layer| layer.source.assets())
            .collect();
        let assets = needed.into_iter().filter_map(|id| {
            let Asset { id, name, .. } = assets.get(id)?;
            Some(FileAsset {
                id: id.clone(),
                name: name.clone(),
            })
        });
        Self {
            format: FORMAT,
            version: VERSION,
            name: scene.name.clone(),
            layers: scene.layers.iter().map(FileLayer::of).collect(),
            groups: scene
                .groups
                .iter()
                .map(|group| FileGroup::of(group, scene))
                .collect(),
            assets: assets.collect(),
            variables: variables::shown(&scene.layers, variables),
        }
    }

    /// The files that belong to it.
    pub(crate) fn assets(&self) -> Vec<AssetId> {
        self.assets.iter().map(|asset| asset.id.clone()).collect()
    }
}

impl FileLayer {
    fn of(layer: &Layer) -> Self {
        let mut document = Draft::of(layer).to_document();
        // Groups say which layers they have.
        if let Some(members) = document.as_object_mut() {
            members.remove("group");
        }
        if let Some(source) = document.get_mut("source").and_then(Value::as_object_mut) {
            // A secret and a stream key are of this installation alone.
            for member in ["secret", "has_password", "has_passphrase", "generation"] {
                source.remove(member);
            }
        }
        let needs_secret =
            matches!(&layer.source, LayerSource::Network(source) if source.secret.is_some());
        Self {
            id: layer.id,
            needs_secret,
            layer: document,
        }
    }
}

impl FileGroup {
    fn of(group: &Group, scene: &Scene) -> Self {
        let layers = scene.layers.iter();
        let members = layers.filter(|layer| layer.group == Some(group.id));
        Self {
            layers: members.map(|layer| layer.id).collect(),
            group: GroupDraft::of(group).to_document(),
        }
    }
}

/// A scene that was read, to be judged as if somebody created its layers.
#[derive(Clone, Debug)]
pub(crate) struct ReadScene {
    pub(crate) name: String,
    pub(crate) proposal: Proposal,
    /// The files that its layers need, with the names that they had.
    pub(crate) assets: BTreeMap<AssetId, String>,
    /// New layers whose sources had a secret.
    pub(crate) needs_secrets: Vec<LayerId>,
    /// What their texts showed.
    pub(crate) variables: Values,
}

/// Reads a document. `draw` hands out identifiers for the new layers.
pub(crate) fn read(
    document: &Value,
    layers_max: usize,
    draw: impl Fn() -> LayerId,
) -> Result<ReadScene, Faults> {
    let mut faults = Faults::default();
    let scene = read_scene(document, layers_max, draw, &mut faults);
    scene.filter(|_| faults.is_empty()).ok_or(faults)
}

fn read_scene(
    document: &Value,
    layers_max: usize,
    draw: impl Fn() -> LayerId,
    faults: &mut Faults,
) -> Option<ReadScene> {
    let mut fields = Members::of(document, "", faults)?;
    let is = |wanted: Value| {
        move |value: &Value| {
            let detail = || Fault::Value(format!("must be {wanted}; nothing else can be read"));
            (*value == wanted).then_some(()).ok_or_else(detail)
        }
    };
    let format = fields.required("format", faults, is(json!(FORMAT)));
    let version = fields.required("version", faults, is(json!(VERSION)));
    // Of another kind or version, everything else may mean something else.
    format.zip(version)?;
    let name = fields.required("name", faults, text(1, NAME_CHARS_MAX, false));
    let layers = fields.required("layers", faults, list(layers_max));
    let groups = fields.or("groups", Vec::new(), faults, list(layers_max));
    let assets = fields.required("assets", faults, list(usize::MAX));
    let nothing = json!({});
    let variables = fields.raw("variables").unwrap_or(&nothing);
    let variables = variables::read_values(variables, "/variables", faults);
    fields.finish(faults);
    let named = read_assets(&assets?, faults);
    let groups = read_groups(&groups?, faults);
    let layers = read_layers(&layers?, faults);
    let ids: BTreeMap<LayerId, LayerId> = layers.iter().map(|(id, ..)| (*id, draw())).collect();
    if ids.len() < layers.len() {
        faults.value("/layers", "must not hold a layer twice");
    }
    let new_id = |id: &LayerId| ids.get(id).copied().unwrap_or(*id);
    let needs_secrets = layers.iter().filter(|(_, _, needs, _)| *needs);
    let needs_secrets = needs_secrets.map(|(id, ..)| new_id(id)).collect();
    let (mut operations, mut later) = (Vec::new(), Vec::new());
    let grouped: BTreeSet<LayerId> = groups.iter().flat_map(|group| &group.1).copied().collect();
    for (former, at, _, mut layer) in layers {
        let id = new_id(&former);
        let next = take_next(id, &at, &mut layer, new_id);
        if next.is_none() && grouped.contains(&former) {
            later.extend(take_lock(id, &at, &mut layer));
        }
        later.extend(next);
        let action = Action::Create { id, layer };
        operations.push(Operation { at, action });
    }
    let mut locks = Vec::new();
    for (at, members, mut group) in groups {
        let id = GroupId::generate();
        let lock = group
            .remove("locked")
            .filter(|locked| *locked == json!(true));
        locks.extend(lock.map(|locked| Operation {
            at: at.clone(),
            action: Action::UpdateGroup {
                id,
                expected: None,
                patch: json!({"locked": locked}),
            },
        }));
        let members: Vec<LayerId> = members.iter().map(new_id).collect();
        group.insert("layers".to_owned(), json!(members));
        let group = Value::Object(group);
        let action = Action::Group { id, group };
        operations.push(Operation { at, action });
    }
    operations.extend(later);
    operations.extend(locks);
    let nothing: &[Layer] = &[];
    let needed = operations
        .iter()
        .flat_map(|operation| operation.assets(nothing));
    let assets = needed.map(|id| {
        let name = named.get(&id).cloned();
        (id, name.unwrap_or_else(|| "upload".to_owned()))
    });
    Some(ReadScene {
        name: name?,
        assets: assets.collect(),
        needs_secrets,
        variables: variables?,
        proposal: Proposal {
            operations,
            ..Proposal::default()
        },
    })
}

/// Takes out what is to follow a layer: that may come after it. The operation that names it again, when
/// all layers are there; a lock waits for it.
pub(super) fn take_next(
    id: LayerId,
    at: &str,
    layer: &mut Value,
    new_id: impl Fn(&LayerId) -> LayerId,
) -> Option<Operation> {
    let next: LayerId = layer.pointer("/source/next")?.as_str()?.parse().ok()?;
    let source = layer.get_mut("source")?.as_object_mut()?;
    source.remove("next");
    // Without a next one it means nothing.
    let at_end = source.remove("at_end");
    let locked = layer.as_object_mut()?.remove("locked");
    let action = Action::Update {
        id,
        expected: None,
        patch: json!({"source": {"next": new_id(&next), "at_end": at_end}, "locked": locked}),
    };
    Some(Operation {
        at: at.to_owned(),
        action,
    })
}

/// Takes a lock out of a layer that a group is to be made of. The operation that locks it again.
fn take_lock(id: LayerId, at: &str, layer: &mut Value) -> Option<Operation> {
    let locked = layer.as_object_mut()?.remove("locked");
    let locked = locked.filter(|locked| *locked == json!(true))?;
    let action = Action::Update {
        id,
        expected: None,
        patch: json!({"locked": locked}),
    };
    Some(Operation {
        at: at.to_owned(),
        action,
    })
}

/// Each group: where it stands, the former identifiers of its layers, and what it is.
fn read_groups(
    items: &[Value],
    faults: &mut Faults,
) -> Vec<(String, Vec<LayerId>, Map<String, Value>)> {
    let mut groups = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = format!("/groups/{index}");
        let Some(mut fields) = Members::of(item, &at, faults) else {
            continue;
        };
        let layers = fields.required("layers", faults, |value| {
            let layers = serde_json::from_value(value.clone()).ok();
            layers.ok_or_else(|| Fault::Shape("must be a list of layer identifiers".to_owned()))
        });
        let group = fields.required("group", faults, |group| {
            let members = group.as_object();
            members
                .cloned()
                .ok_or_else(|| Fault::Shape("must be an object".to_owned()))
        });
        fields.finish(faults);
        if let (Some(layers), Some(group)) = (layers, group) {
            groups.push((at, layers, group));
        }
    }
    groups
}

fn list(max: usize) -> impl FnOnce(&Value) -> Result<Vec<Value>, Fault> {
    move |value| {
        let items = value.as_array();
        let items = items.ok_or_else(|| Fault::Shape("must be a list".to_owned()))?;
        if items.len() > max {
            return Err(Fault::Value(format!("must hold at most {max}")));
        }
        Ok(items.clone())
    }
}

/// Each layer: its former identifier, where it stands, whether it had a secret, and what it is.
fn read_layers(items: &[Value], faults: &mut Faults) -> Vec<(LayerId, String, bool, Value)> {
    let mut layers = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = format!("/layers/{index}");
        let Some(mut fields) = Members::of(item, &at, faults) else {
            continue;
        };
        let id = fields.required("id", faults, parsed);
        let needs = fields.or("needs_secret", false, faults, super::field::boolean);
        let layer = fields.required("layer", faults, |layer| Ok(layer.clone()));
        fields.finish(faults);
        if let (Some(id), Some(needs), Some(layer)) = (id, needs, layer) {
            layers.push((id, at, needs, layer));
        }
    }
    layers
}

fn read_assets(items: &[Value], faults: &mut Faults) -> BTreeMap<AssetId, String> {
    let mut assets = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let at = format!("/assets/{index}");
        let Some(mut fields) = Members::of(item, &at, faults) else {
            continue;
        };
        let id: Option<AssetId> = fields.required("id", faults, parsed);
        let name = fields.required("name", faults, text(1, FILE_NAME_CHARS_MAX, false));
        fields.finish(faults);
        assets.extend(id.zip(name));
    }
    assets
}

#[cfg(test)]
mod tests {
    use super::super::samples::scene;
    use super::*;

    fn written(scene: &Scene) -> Value {
        serde_json::to_value(SceneFile::of(scene, &BTreeMap::new(), &Values::new())).unwrap()
    }

    #[test]
    fn a_scene_is_read_as_it_was_written_with_layers_of_its_own() {
        let scene = scene(&["a", "b"]);
        let read = read(&written(&scene), 2, LayerId::generate).unwrap();
        assert_eq!(read.name, scene.name);
        assert_eq!(read.proposal.operations.len(), 2);
        for (operation, layer) in read.proposal.operations.iter().zip(&scene.layers) {
            let Action::Create { id, layer: sent } = &operation.action else {
                panic!("{operation:?}");
            };
            assert_ne!(*id, layer.id);
            assert_eq!(*sent, Draft::of(layer).to_document());
        }
    }

    #[test]
    fn what_follows_a_layer_is_named_when_it_is_there() {
        let mut document = written(&scene(&["a", "b"]));
        let next = document["layers"][1]["id"].clone();
        document["layers"][0]["layer"]["source"] = json!({"next": next, "at_end": "next"});
        document["layers"][0]["layer"]["locked"] = json!(true);
        let read = read(&document, 2, LayerId::generate).unwrap();
        let operations = read.proposal.operations;
        let Action::Create { id, .. } = operations[1].action else {
            panic!("{operations:?}");
        };
        let Action::Update { patch, .. } = &operations[2].action else {
            panic!("{operations:?}");
        };
        assert_eq!(
            *patch,
            json!({"source": {"next": id, "at_end": "next"}, "locked": true})
        );
    }

    #[test]
    fn groups_are_made_anew_before_anything_of_them_is_locked() {
        let mut scene = scene(&["a", "b", "c"]);
        let members: Vec<LayerId> = scene.layers.iter().take(2).map(|layer| layer.id).collect();
        let group = super::super::samples::group(&mut scene, &members);
        scene.layers[0].locked = true;
        let group = scene.groups.iter_mut().find(|known| known.id == group);
        group.unwrap().locked = true;
        let read = read(&written(&scene), 3, LayerId::generate).unwrap();
        let actions = read.proposal.operations.iter().map(|op| &op.action);
        let actions: Vec<&Action> = actions.collect();
        let [
            Action::Create { id: a, layer },
            Action::Create { id: b, .. },
            Action::Create { .. },
            Action::Group { id, group },
            Action::Update {
                id: locked, patch, ..
            },
            Action::UpdateGroup {
                id: closed,
                patch: closing,
                ..
            },
        ] = actions.as_slice()
        else {
            panic!("{actions:?}");
        };
        assert_eq!(layer.get("locked"), None);
        assert_eq!(group["layers"], json!([a, b]));
        assert_eq!((locked, patch), (a, &json!({"locked": true})));
        assert_eq!((closed, closing), (id, &json!({"locked": true})));
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let good = written(&scene(&["a", "b"]));
        let cases: [(&str, Value, &str); 8] = [
            ("/format", json!("other"), "/format"),
            ("/version", json!(2), "/version"),
            ("/name", json!(""), "/name"),
            ("/layers", json!({}), "/layers"),
            ("/layers/1/id", json!("x"), "/layers/1/id"),
            ("/layers/1/id", good["layers"][0]["id"].clone(), "/layers"),
            ("/layers/0/layer", Value::Null, "/layers/0/layer"),
            (
                "/assets",
                json!([{"id": "../x", "name": "a"}]),
                "/assets/0/id",
            ),
        ];
        for (place, value, pointer) in cases {
            let mut bad = good.clone();
            *bad.pointer_mut(place).unwrap() = value;
            let faults = read(&bad, 2, LayerId::generate).unwrap_err();
            assert_eq!(faults.errors()[0].pointer, pointer, "{bad}");
        }
        assert!(read(&good, 1, LayerId::generate).is_err());
        assert!(read(&json!([]), 1, LayerId::generate).is_err());
    }
}
