//! Templates that people have saved: scenes that are in no list, and a field beside the list that names them.

use sm_bus::{BusError, Commit, Guard, keys, redis};
use sm_common::event::TemplateDeleted;
use sm_common::id::{StreamId, TemplateName};
use sm_common::scene::Scene;
use sm_common::template::{OwnTemplate, OwnTemplates};
use sm_service_kit::http::RequestContext;

use super::{SceneStore, read, remove_scene, scene_guard, without_layers, write, write_scene};

const FIELD: &str = "templates";

/// The templates of a stream as they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    text: Option<String>,
    pub(crate) by_name: OwnTemplates,
}

impl Templates {
    fn write(
        &self,
        commit: Commit,
        stream: &StreamId,
        after: &OwnTemplates,
    ) -> Result<Commit, BusError> {
        let key = keys::scenes(stream);
        let commit = commit.guard(Guard::field(key.clone(), FIELD, self.text.as_deref()));
        Ok(if after.is_empty() {
            commit.hash_delete(key, FIELD)
        } else {
            commit.hash_set(key, FIELD, write(after)?)
        })
    }
}

impl SceneStore {
    /// The templates of a stream.
    pub(crate) async fn templates(&self, stream: &StreamId) -> Result<Templates, BusError> {
        let key = keys::scenes(stream);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(FIELD);
        let text: Option<String> = self.bus.query(&command).await?;
        let by_name = text.as_deref().map(|text| read(&key, text)).transpose()?;
        Ok(Templates {
            text,
            by_name: by_name.unwrap_or_default(),
        })
    }

    /// Adds a template whose layers are `layers`, saved from `original`. `false` when somebody else was
    /// faster.
    pub(crate) async fn add_template(
        &self,
        before: &Templates,
        original: &Scene,
        layers: &Scene,
        template: &OwnTemplate,
    ) -> Result<bool, BusError> {
        let stream = &layers.stream;
        let mut after = before.by_name.clone();
        after.insert(template.name.clone(), template.clone());
        let commit = Commit::new().guard(scene_guard(original));
        let commit = before.write(commit, stream, &after)?;
        let commit = write_scene(commit, &without_layers(layers), layers)?;
        let event = self.bus.event(stream, template, trace())?;
        self.committed(commit, vec![event]).await
    }

    /// Removes a template with its layers. `false` when somebody else was faster.
    pub(crate) async fn remove_template(
        &self,
        before: &Templates,
        layers: &Scene,
        name: &TemplateName,
    ) -> Result<bool, BusError> {
        let stream = &layers.stream;
        let mut after = before.by_name.clone();
        after.remove(name);
        let commit = remove_scene(before.write(Commit::new(), stream, &after)?, layers);
        let deleted = TemplateDeleted { name: name.clone() };
        let event = self.bus.event(stream, &deleted, trace())?;
        self.committed(commit, vec![event]).await
    }
}

fn trace() -> Option<String> {
    RequestContext::current_traceparent()
}
