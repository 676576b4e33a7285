//! Templates: groups of layers that are made from a few parameters.
//!
//! A template is one file here with its parameters, and a function from their values to documents
//! of layers, which are judged as those that callers send. A new one is a line in [`ALL`].

mod chat_box;
mod countdown;
mod lower_third;
mod parameters;
mod picture_in_picture;
mod score_board;

use serde_json::{Value, json};
use sm_common::clock::Timestamp;
use sm_common::group::{Group, GroupTransform};
use sm_common::id::{GroupId, LayerId, SceneId};
use sm_common::layer::Transition;

use self::parameters::{Arguments, Parameter};
use super::draft::{Canvas, NAME_CHARS_MAX};
use super::fault::Faults;
use super::field::{Members, text};
use super::proposal::{Action, Operation, Proposal};

/// Every template.
pub(crate) const ALL: &[&Template] = &[
    &lower_third::TEMPLATE,
    &picture_in_picture::TEMPLATE,
    &countdown::TEMPLATE,
    &chat_box::TEMPLATE,
    &score_board::TEMPLATE,
];

/// A template.
#[derive(Debug)]
pub(crate) struct Template {
    /// As it is named in addresses.
    pub(crate) name: &'static str,
    /// As people call it.
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    parameters: &'static [Parameter],
    build: fn(&Arguments, Canvas, Timestamp) -> Built,
}

/// What a template makes of its parameters.
#[derive(Debug, Default)]
struct Built {
    /// Documents of layers, from the back of the picture to the front.
    layers: Vec<Value>,
    /// Variables that the layers show, with the values that they begin with.
    variables: serde_json::Map<String, Value>,
}

/// What is to be made with a template.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Adds the group and its layers.
    pub(crate) proposal: Proposal,
    /// The values of variables that there have to be, unless there are.
    pub(crate) variables: serde_json::Map<String, Value>,
}

/// The template of this name.
pub(crate) fn find(name: &str) -> Option<&'static Template> {
    ALL.iter().copied().find(|template| template.name == name)
}

impl Template {
    /// The shape of its parameters as a JSON Schema.
    pub(crate) fn schema(&self) -> Value {
        parameters::schema(self.parameters)
    }

    /// Reads `{"name": …, "parameters": {…}}`, and plans what is to be made of it.
    pub(crate) fn plan(
        &self,
        body: &Value,
        canvas: Canvas,
        now: Timestamp,
    ) -> Result<Plan, Faults> {
        let mut faults = Faults::default();
        let plan = self.read(body, canvas, now, &mut faults);
        plan.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn read(
        &self,
        body: &Value,
        canvas: Canvas,
        now: Timestamp,
        faults: &mut Faults,
    ) -> Option<Plan> {
        let mut fields = Members::of(body, "", faults)?;
        let title = self.title.to_owned();
        let name = fields.or("name", title, faults, text(1, NAME_CHARS_MAX, false));
        let nothing = json!({});
        let parameters = fields.raw("parameters").unwrap_or(&nothing);
        let arguments = parameters::read(self.parameters, parameters, "/parameters", faults);
        fields.finish(faults);
        let Built { layers, variables } = (self.build)(&arguments?, canvas, now);
        let group = group(name?, now);
        let layers = layers.into_iter().map(|mut layer| {
            if let Some(members) = layer.as_object_mut() {
                members.insert("group".to_owned(), json!(group.id));
            }
            Action::Create {
                id: LayerId::generate(),
                layer,
            }
        });
        let put = Action::PutGroup {
            group: Box::new(group.clone()),
        };
        let actions = std::iter::once(put).chain(layers);
        Some(Plan {
            proposal: Proposal {
                operations: actions.map(Operation::alone).collect(),
                ..Proposal::default()
            },
            variables,
        })
    }
}

/// A group that has not been in a scene yet.
fn group(name: String, now: Timestamp) -> Group {
    Group {
        id: GroupId::generate(),
        scene: SceneId::generate(),
        name,
        transform: GroupTransform {
            x: 0,
            y: 0,
            scale: 1.0,
            origin_x: 0,
            origin_y: 0,
        },
        opacity: 1.0,
        visible: true,
        locked: false,
        transition: Transition::default(),
        revision: 0,
        created_at: now,
        updated_at: now,
    }
}

/// A part of a length, given in thousandths of it.
fn part(of: u32, thousandths: u32) -> u32 {
    of.saturating_mul(thousandths) / 1000
}

/// A box, in canvas pixels.
fn place(x: u32, y: u32, width: u32, height: u32) -> Value {
    json!({"x": x, "y": y, "width": width.max(1), "height": height.max(1)})
}

#[cfg(test)]
mod tests {
    use super::super::change::{Surroundings, apply};
    use super::super::network::Vault;
    use super::super::samples::{THEN, scene};
    use super::*;

    const CANVASES: [Canvas; 3] = [
        Canvas {
            width: 1280,
            height: 720,
        },
        Canvas {
            width: 720,
            height: 1280,
        },
        Canvas {
            width: 320,
            height: 180,
        },
    ];

    fn surroundings(canvas: Canvas) -> Surroundings {
        Surroundings {
            canvas,
            layers_max: 20,
            groups_max: 2,
            assets: std::collections::BTreeMap::new(),
            network: sm_common::address::NetworkPolicy::default(),
            playing: std::collections::BTreeMap::new(),
            vault: Vault::default(),
            now: THEN,
        }
    }

    #[test]
    fn every_template_makes_a_group_within_any_canvas_without_a_word() {
        for template in ALL {
            for canvas in CANVASES {
                let plan = template.plan(&json!({}), canvas, THEN).unwrap();
                let made = apply(scene(&["below"]), &plan.proposal, &surroundings(canvas));
                let made = made.unwrap_or_else(|why| panic!("{}: {why:?}", template.name));
                let [group] = made.scene.groups.as_slice() else {
                    panic!("{}", template.name);
                };
                assert_eq!((group.name.as_str(), group.revision), (template.title, 1));
                let (below, layers) = made.scene.layers.split_first().unwrap();
                assert_eq!(below.group, None);
                assert!(!layers.is_empty());
                for layer in layers {
                    assert_eq!(layer.group, Some(group.id));
                    let at = layer.transform;
                    assert!(at.x >= 0 && at.y >= 0, "{}: {at:?}", layer.name);
                    assert!(at.x.unsigned_abs() + at.width <= canvas.width, "{at:?}");
                    assert!(at.y.unsigned_abs() + at.height <= canvas.height, "{at:?}");
                }
            }
        }
    }

    #[test]
    fn every_schema_describes_what_is_read() {
        for template in ALL {
            let schema = template.schema();
            assert_eq!(schema["additionalProperties"], false);
            let properties = schema["properties"].as_object().unwrap();
            assert_eq!(properties.len(), template.parameters.len());
            // What is said to be the default can be sent.
            let parameters: serde_json::Map<String, Value> = properties
                .iter()
                .filter(|(_, property)| property.get("default").is_some())
                .map(|(name, property)| (name.clone(), property["default"].clone()))
                .collect();
            let body = json!({"name": "x", "parameters": parameters});
            template.plan(&body, CANVASES[0], THEN).unwrap();
        }
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let body = json!({"by": 1, "name": "", "parameters": {"title": "x".repeat(300),
            "color": "red", "accent": 7, "side": "up", "other": 1}});
        let faults = find("lower-third").unwrap().plan(&body, CANVASES[0], THEN);
        let faults = faults.unwrap_err();
        let mut found: Vec<&str> = faults.errors().iter().map(|e| e.pointer.as_str()).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "/by",
                "/name",
                "/parameters/accent",
                "/parameters/color",
                "/parameters/other",
                "/parameters/side",
                "/parameters/title",
            ]
        );
    }

    #[test]
    fn a_score_board_shows_variables_of_its_own() {
        let template = find("score-board").unwrap();
        let body = json!({"parameters": {"prefix": "final", "home": "A {{B}}"}});
        let plan = template.plan(&body, CANVASES[0], THEN).unwrap();
        assert_eq!(plan.variables["final_home"], 0);
        let layers = plan.proposal.operations.iter().skip(1);
        let mut texts = Vec::new();
        for operation in layers {
            if let Action::Create { layer, .. } = &operation.action {
                texts.extend(layer["source"]["text"].as_str().map(str::to_owned));
            }
        }
        assert!(texts.contains(&"{{final_home}}".to_owned()), "{texts:?}");
        assert!(texts.contains(&r"A \{{B}}".to_owned()), "{texts:?}");
    }
}
