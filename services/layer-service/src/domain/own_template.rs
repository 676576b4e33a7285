//! Templates that people save: a group with its layers, and which of their fields are asked for where it is
//! used.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sm_common::clock::Timestamp;
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId, SceneId, TemplateName};
use sm_common::layer::{Color, Layer};
use sm_common::scene::Scene;
use sm_common::template::{OwnTemplate, TemplateParameter};

use super::copying::{Copies, copies_with_groups};
use super::draft::{Draft, NAME_CHARS_MAX};
use super::fault::{Fault, Faults};
use super::field::{Members, escape, parsed, text};
use super::history::Author;
use super::proposal::{Action, Operation, Proposal};
use super::scene_file;

/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Longest JSON Pointer of a parameter, in characters.
const POINTER_CHARS_MAX: usize = 200;
/// What is asked for nowhere: it says what a layer is, where it belongs, or is a secret.
const FIXED: [&str; 7] = [
    "/kind",
    "/group",
    "/locked",
    "/source/next",
    "/source/secret",
    "/source/generation",
    "/source/has_",
];

/// A template that is to be saved.
#[derive(Clone, Debug)]
pub(crate) struct NewTemplate {
    pub(crate) name: TemplateName,
    title: String,
    description: String,
    group: GroupId,
    parameters: Vec<NewParameter>,
}

#[derive(Clone, Debug)]
struct NewParameter {
    name: TemplateName,
    title: String,
    layer: LayerId,
    pointer: String,
}

impl NewTemplate {
    /// Reads `{"name", "title", "description", "group", "parameters"}`.
    pub(crate) fn read(body: &Value, parameters_max: usize) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let template = Self::read_members(body, parameters_max, &mut faults);
        template.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn read_members(body: &Value, parameters_max: usize, faults: &mut Faults) -> Option<Self> {
        let mut fields = Members::of(body, "", faults)?;
        let name = fields.required("name", faults, parsed);
        let title = fields.required("title", faults, text(1, NAME_CHARS_MAX, false));
        let description = text(0, DESCRIPTION_CHARS_MAX, false);
        let description = fields.or("description", String::new(), faults, description);
        let group = fields.required("group", faults, parsed);
        let items = fields.or("parameters", Vec::new(), faults, |value| {
            let items = value.as_array();
            let items = items.ok_or_else(|| Fault::Shape("must be a list".to_owned()))?;
            if items.len() > parameters_max {
                return Err(Fault::Value(format!("must hold at most {parameters_max}")));
            }
            Ok(items.clone())
        });
        fields.finish(faults);
        let mut parameters: Vec<NewParameter> = Vec::new();
        for (place, item) in items?.iter().enumerate() {
            let at = format!("/parameters/{place}");
            let Some(parameter) = NewParameter::read(item, &at, faults) else {
                continue;
            };
            if parameters.iter().any(|known| known.name == parameter.name) {
                faults.value(format!("{at}/name"), "is the name of another parameter");
            }
            parameters.push(parameter);
        }
        Some(Self {
            name: name?,
            title: title?,
            description: description?,
            group: group?,
            parameters,
        })
    }

    /// What is saved of the group, as a scene under the identifier `id`.
    pub(crate) fn save(
        &self,
        scene: &Scene,
        id: SceneId,
        author: &Author,
        now: Timestamp,
    ) -> Result<(Scene, OwnTemplate), Faults> {
        let mut faults = Faults::default();
        let members: Vec<Layer> = scene
            .layers
            .iter()
            .filter(|layer| layer.group == Some(self.group))
            .cloned()
            .collect();
        if members.is_empty() {
            faults.value("/group", "is no group of this scene");
            return Err(faults);
        }
        let adapt = |layer: &mut Layer| {
            layer.scene = id;
            layer.locked = false;
            layer.created_at = now;
            layer.updated_at = now;
        };
        let Copies { layers, mut groups } =
            copies_with_groups(scene, &members, LayerId::generate, GroupId::generate, adapt);
        for group in &mut groups {
            group.scene = id;
            group.locked = false;
            group.revision = 1;
            group.created_at = now;
            group.updated_at = now;
        }
        let mut parameters = Vec::new();
        for (place, parameter) in self.parameters.iter().enumerate() {
            let at = format!("/parameters/{place}");
            let pairs = members.iter().zip(&layers);
            let mut copies = pairs.filter(|(original, _)| original.id == parameter.layer);
            let Some((_, layer)) = copies.next() else {
                faults.value(format!("{at}/layer"), "is no layer of the group");
                continue;
            };
            parameters.extend(parameter.of(layer, &at, &mut faults));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let saved = OwnTemplate {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            parameters,
            scene: id,
            user_id: author.id,
            user_name: author.name.clone(),
            created_at: now,
        };
        let layers = Scene {
            id,
            stream: scene.stream.clone(),
            name: self.title.clone(),
            revision: 0,
            updated_at: now,
            layers,
            groups,
        };
        Ok((layers, saved))
    }
}

impl NewParameter {
    fn read(item: &Value, at: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Members::of(item, at, faults)?;
        let name = fields.required("name", faults, parsed);
        let title = fields.required("title", faults, text(1, NAME_CHARS_MAX, false));
        let layer = fields.required("layer", faults, parsed);
        let pointer = fields.required("pointer", faults, text(1, POINTER_CHARS_MAX, false));
        fields.finish(faults);
        Some(Self {
            name: name?,
            title: title?,
            layer: layer?,
            pointer: pointer?,
        })
    }

    /// What it is for `layer`, a layer of the template; notes the fault where there is no such field.
    fn of(&self, layer: &Layer, at: &str, faults: &mut Faults) -> Option<TemplateParameter> {
        let document = Draft::of(layer).to_document();
        let is_fixed = FIXED.iter().any(|fixed| self.pointer.starts_with(fixed));
        let value = document.pointer(&self.pointer).filter(|_| !is_fixed);
        let default = value.filter(|value| type_name(value).is_some());
        let Some(default) = default else {
            let detail = "must be the JSON Pointer of a text, a number, or true or false that people \
                          decide of the layer, such as `/source/text`";
            faults.value(format!("{at}/pointer"), detail);
            return None;
        };
        Some(TemplateParameter {
            name: self.name.clone(),
            title: self.title.clone(),
            layer: layer.id,
            pointer: self.pointer.clone(),
            default: default.clone(),
        })
    }
}

/// The type of a value that a parameter may have.
const fn type_name(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(_) => Some("a text"),
        Value::Number(_) => Some("a number"),
        Value::Bool(_) => Some("true or false"),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The shape of a template's parameters as a JSON Schema; `x-order` is their order in a form.
pub(crate) fn schema(template: &OwnTemplate) -> Value {
    let mut properties = Map::new();
    for (order, parameter) in template.parameters.iter().enumerate() {
        let default = &parameter.default;
        let mut property = match default {
            Value::Bool(_) => json!({"type": "boolean"}),
            Value::Number(number) if number.is_i64() => json!({"type": "integer"}),
            Value::Number(_) => json!({"type": "number"}),
            Value::String(text) if text.parse::<Color>().is_ok() => {
                json!({"type": "string", "format": "color"})
            }
            Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
                json!({"type": "string"})
            }
        };
        if let Some(members) = property.as_object_mut() {
            members.insert("title".to_owned(), json!(parameter.title));
            members.insert("default".to_owned(), default.clone());
            members.insert("x-order".to_owned(), json!(order));
        }
        properties.insert(parameter.name.to_string(), property);
    }
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// What is to be made with a template of somebody's own.
#[derive(Clone, Debug)]
pub(crate) struct OwnPlan {
    /// Adds the group and its layers.
    pub(crate) proposal: Proposal,
    /// Parameters, by where the proposal has their values.
    asked: BTreeMap<String, String>,
}

impl OwnPlan {
    /// Reads `{"name": …, "parameters": {…}}`, and plans what is to be made of the template, whose layers
    /// are `scene`.
    pub(crate) fn read(
        template: &OwnTemplate,
        scene: &Scene,
        body: &Value,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let plan = Self::read_members(template, scene, body, &mut faults);
        plan.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn read_members(
        template: &OwnTemplate,
        scene: &Scene,
        body: &Value,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut fields = Members::of(body, "", faults)?;
        let title = template.title.clone();
        let name = fields.or("name", title, faults, text(1, NAME_CHARS_MAX, false));
        let values = fields.or("parameters", Map::new(), faults, |value| {
            let members = value.as_object().cloned();
            members.ok_or_else(|| Fault::Shape("must be an object".to_owned()))
        });
        fields.finish(faults);
        let values = read_values(template, values?, faults);
        let group = Group {
            id: GroupId::generate(),
            name: name?,
            revision: 0,
            ..scene.groups.first()?.clone()
        };
        let ids: BTreeMap<LayerId, LayerId> = scene
            .layers
            .iter()
            .map(|layer| (layer.id, LayerId::generate()))
            .collect();
        let new_id = |id: &LayerId| ids.get(id).copied().unwrap_or(*id);
        let group_id = group.id;
        let mut operations = vec![Operation::alone(Action::PutGroup {
            group: Box::new(group),
        })];
        let (mut later, mut asked) = (Vec::new(), BTreeMap::new());
        for (place, layer) in scene.layers.iter().enumerate() {
            let at = format!("/layers/{place}");
            let mut document = Draft::of(layer).to_document();
            for (parameter, value) in values.iter().filter(|(known, _)| known.layer == layer.id) {
                if let Some(field) = document.pointer_mut(&parameter.pointer) {
                    field.clone_from(value);
                }
                let pointer = format!("{at}/layer{}", parameter.pointer);
                asked.insert(pointer, format!("/parameters/{}", parameter.name));
            }
            if let Some(members) = document.as_object_mut() {
                members.insert("group".to_owned(), json!(group_id));
            }
            if let Some(source) = document.get_mut("source").and_then(Value::as_object_mut) {
                // A new layer has a stream key of its own.
                source.remove("generation");
            }
            let id = new_id(&layer.id);
            later.extend(scene_file::take_next(id, &at, &mut document, new_id));
            let action = Action::Create {
                id,
                layer: document,
            };
            operations.push(Operation { at, action });
        }
        operations.extend(later);
        Some(Self {
            proposal: Proposal {
                operations,
                ..Proposal::default()
            },
            asked,
        })
    }

    /// What was found wrong with the layers, in terms of the request.
    pub(crate) fn told(&self, faults: Faults) -> Faults {
        let mut told = Faults::default();
        let misshapen = faults.is_misshapen();
        for error in faults.into_errors() {
            let mut asked = self.asked.iter();
            let parameter = asked.find(|(pointer, _)| error.pointer.starts_with(*pointer));
            // What nobody asked for was right when it was saved.
            let pointer = parameter.map_or("", |(_, parameter)| parameter);
            if misshapen {
                told.shape(pointer, error.detail);
            } else {
                told.value(pointer, error.detail);
            }
        }
        told
    }
}

/// The values of parameters that the request names.
fn read_values<'t>(
    template: &'t OwnTemplate,
    values: Map<String, Value>,
    faults: &mut Faults,
) -> Vec<(&'t TemplateParameter, Value)> {
    let mut read = Vec::new();
    for (name, value) in values {
        let pointer = format!("/parameters/{}", escape(&name));
        let mut known = template.parameters.iter();
        let Some(parameter) = known.find(|known| known.name.as_str() == name) else {
            faults.shape(pointer, "is no parameter of this template");
            continue;
        };
        let wanted = type_name(&parameter.default);
        if type_name(&value) == wanted {
            read.push((parameter, value));
        } else {
            let wanted = wanted.unwrap_or_default();
            faults.shape(pointer, format!("must be {wanted}"));
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use sm_common::id::UserId;

    use super::super::change::{Surroundings, apply};
    use super::super::network::Vault;
    use super::super::samples::{THEN, group, scene};
    use super::super::{Canvas, Rejected};
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            canvas: Canvas {
                width: 1280,
                height: 720,
            },
            layers_max: 20,
            groups_max: 5,
            assets: BTreeMap::new(),
            network: sm_common::address::NetworkPolicy::default(),
            playing: BTreeMap::new(),
            vault: Vault::default(),
            now: THEN,
        }
    }

    fn author() -> Author {
        Author {
            id: UserId::generate(),
            name: "ana".to_owned(),
        }
    }

    /// A scene whose first two layers are a locked group, and the body that saves it.
    fn grouped() -> (Scene, Value) {
        let mut scene = scene(&["a", "b", "c"]);
        let members = [scene.layers[0].id, scene.layers[1].id];
        let id = group(&mut scene, &members);
        scene.groups[0].opacity = 0.5;
        scene.groups[0].locked = true;
        scene.layers[1].locked = true;
        let body = json!({"name": "pair", "title": "Pair", "group": id, "parameters": [
            {"name": "color", "title": "Colour", "layer": members[0], "pointer": "/source/color"},
            {"name": "left", "title": "Left", "layer": members[1], "pointer": "/transform/x"},
        ]});
        (scene, body)
    }

    fn saved(scene: &Scene, body: &Value) -> Result<(Scene, OwnTemplate), Faults> {
        let new = NewTemplate::read(body, 9)?;
        new.save(scene, SceneId::generate(), &author(), THEN)
    }

    fn pointers(faults: &Faults) -> Vec<&str> {
        faults.errors().iter().map(|e| e.pointer.as_str()).collect()
    }

    #[test]
    fn a_group_is_saved_and_made_again_with_what_is_asked_for() {
        let (scene, body) = grouped();
        let (layers, template) = saved(&scene, &body).unwrap();
        assert_eq!(schema(&template)["properties"]["color"]["format"], "color");
        assert_eq!(schema(&template)["properties"]["left"]["type"], "integer");
        let body = json!({"name": "Mine", "parameters": {"color": "#ffffff"}});
        let plan = OwnPlan::read(&template, &layers, &body).unwrap();
        let made = apply(scene.clone(), &plan.proposal, &surroundings()).unwrap();
        let made = made.scene;
        let [former, new] = made.groups.as_slice() else {
            panic!("{:?}", made.groups);
        };
        assert_eq!(former.id, scene.groups[0].id);
        assert_eq!(
            (new.name.as_str(), new.opacity, new.locked),
            ("Mine", 0.5, false)
        );
        let new: Vec<Value> = made.layers[3..]
            .iter()
            .map(|layer| {
                assert_eq!((layer.group, layer.locked), (Some(new.id), false));
                json!([
                    layer.name,
                    Draft::of(layer).to_document()["source"]["color"]
                ])
            })
            .collect();
        assert_eq!(new, [json!(["a", "#ffffff"]), json!(["b", "#102030"])]);
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_by_its_parameter() {
        let (scene, body) = grouped();
        let (layers, template) = saved(&scene, &body).unwrap();
        let body = json!({"by": 1, "parameters": {"color": 7, "other": 1, "left": null}});
        let faults = OwnPlan::read(&template, &layers, &body).unwrap_err();
        let mut found = pointers(&faults);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "/by",
                "/parameters/color",
                "/parameters/left",
                "/parameters/other"
            ]
        );
        let body = json!({"parameters": {"color": "red", "left": 1_000_000}});
        let plan = OwnPlan::read(&template, &layers, &body).unwrap();
        let Err(Rejected::Invalid(faults)) = apply(scene, &plan.proposal, &surroundings()) else {
            panic!("it is taken");
        };
        let told = plan.told(faults);
        let mut found = pointers(&told);
        found.sort_unstable();
        assert_eq!(found, ["/parameters/color", "/parameters/left"]);
    }

    #[test]
    fn every_fault_of_a_new_template_is_told() {
        let (scene, mut body) = grouped();
        body["parameters"] = json!([
            {"name": "a", "title": "A", "layer": scene.layers[2].id, "pointer": "/opacity"},
            {"name": "b", "title": "B", "layer": scene.layers[0].id, "pointer": "/source"},
            {"name": "c", "title": "C", "layer": scene.layers[0].id, "pointer": "/locked"},
        ]);
        let faults = saved(&scene, &body).unwrap_err();
        assert_eq!(
            pointers(&faults),
            [
                "/parameters/0/layer",
                "/parameters/1/pointer",
                "/parameters/2/pointer"
            ]
        );
        body["group"] = json!(GroupId::generate());
        assert_eq!(pointers(&saved(&scene, &body).unwrap_err()), ["/group"]);
        let body = json!({"name": "A b", "title": "", "by": 1, "parameters": [
            {"name": "x", "title": "X", "layer": scene.layers[0].id, "pointer": "/opacity"},
            {"name": "x", "title": "X", "layer": 7},
        ]});
        let faults = saved(&scene, &body).unwrap_err();
        let mut found = pointers(&faults);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "/by",
                "/group",
                "/name",
                "/parameters/1/layer",
                "/parameters/1/pointer",
                "/title"
            ]
        );
        let many = json!({"name": "a", "title": "A", "group": GroupId::generate(),
            "parameters": vec![json!({}); 10]});
        assert_eq!(
            pointers(&saved(&scene, &many).unwrap_err()),
            ["/parameters"]
        );
    }
}
