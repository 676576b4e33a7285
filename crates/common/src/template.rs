//! Templates that people have saved: groups of layers, with parameters that are asked for where they are
//! used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{LayerId, SceneId, TemplateName, UserId};

/// A template that somebody has saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnTemplate {
    /// As it is named in addresses.
    pub name: TemplateName,
    /// As people call it.
    pub title: String,
    /// What it makes.
    pub description: String,
    /// What is asked for where it is used, in the order of a form.
    pub parameters: Vec<TemplateParameter>,
    /// Its layers, as a scene that is in no list.
    pub scene: SceneId,
    /// Who saved it.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// When.
    pub created_at: Timestamp,
}

/// A field of a layer that is asked for where a template is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateParameter {
    /// As it is named in requests.
    pub name: TemplateName,
    /// As people call it.
    pub title: String,
    /// The layer of the template.
    pub layer: LayerId,
    /// JSON Pointer within the layer, such as `/source/text`.
    pub pointer: String,
    /// The value unless said otherwise: a text, a number, or true or false. Others are of its type.
    pub default: Value,
}

/// The templates of a stream that people have saved.
pub type OwnTemplates = BTreeMap<TemplateName, OwnTemplate>;
