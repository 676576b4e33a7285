//! Making layers from templates.

use serde_json::{Map, Value, json};
use sm_bus::Which;
use sm_common::id::{SceneId, StreamId, TemplateName};
use sm_common::scene::Scene;
use sm_common::template::{OwnTemplate, OwnTemplates};

use super::{Changed, SceneError, Scenes};
use crate::domain::history::Author;
use crate::domain::own_template::{NewTemplate, OwnPlan};
use crate::domain::templates::{self, Plan, Template};
use crate::domain::variables::Manner;
use crate::domain::{Expected, Proposal, Rejected};
use crate::store::Templates;

/// Why a template is not used, saved or deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateRefusal {
    #[error("there is no template {name}; there are {known}")]
    None { name: String, known: String },
    #[error("there is a template {0}; delete it first, or choose another name")]
    Exists(TemplateName),
    #[error("template {0} is a part of the system")]
    BuiltIn(TemplateName),
    #[error("the stream has {max} templates of its own, which is the most it may")]
    Full { max: usize },
}

impl Scenes {
    /// Makes the layers of a template, as a group in front of the others. The variables that they
    /// show are set before, where there are no such, so that they are never seen without a value.
    pub(crate) async fn use_template(
        &self,
        (stream, which): (&StreamId, Which),
        template: &Template,
        body: &Value,
        expected: Option<Expected>,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let canvas = self.config.scene.canvas();
        let plan = template.plan(body, canvas, self.clock.now());
        let Plan {
            proposal,
            variables,
        } = plan.map_err(SceneError::Invalid)?;
        self.set_missing(stream, variables).await?;
        let proposal: Proposal = proposal.expecting(expected);
        self.change(stream, which, &proposal, author).await
    }

    /// The templates that people have saved.
    pub(crate) async fn own_templates(
        &self,
        stream: &StreamId,
    ) -> Result<OwnTemplates, SceneError> {
        Ok(self.store.templates(stream).await?.by_name)
    }

    /// Saves a group of a scene as a template.
    pub(crate) async fn save_template(
        &self,
        (stream, which): (&StreamId, Which),
        new: &NewTemplate,
        author: &Author,
    ) -> Result<OwnTemplate, SceneError> {
        if templates::find(new.name.as_str()).is_some() {
            return Err(TemplateRefusal::BuiltIn(new.name.clone()).into());
        }
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                let scene = self.read(stream, which).await?.scene;
                let before = self.store.templates(stream).await?;
                if before.by_name.contains_key(&new.name) {
                    return Err(TemplateRefusal::Exists(new.name.clone()).into());
                }
                let max = self.config.templates.own_max;
                if before.by_name.len() >= max {
                    return Err(TemplateRefusal::Full { max }.into());
                }
                let now = self.clock.now();
                let saved = new.save(&scene, SceneId::generate(), author, now);
                let (layers, template) = saved.map_err(SceneError::Invalid)?;
                // Its layers show the files too: nobody may remove them in between.
                if self.claim_for(&layers).await? {
                    let added = self.store.add_template(&before, &scene, &layers, &template);
                    if added.await.map_err(SceneError::Unconfirmed)? {
                        return Ok(template);
                    }
                }
                self.metrics.count_conflict();
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    /// Makes the layers of a template that somebody has saved, as a group in front of the others.
    pub(crate) async fn use_own_template(
        &self,
        (stream, which): (&StreamId, Which),
        name: &str,
        body: &Value,
        expected: Option<Expected>,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let (_, template, layers) = self.own_template(stream, name).await?;
        let plan = OwnPlan::read(&template, &layers, body).map_err(SceneError::Invalid)?;
        let proposal = plan.proposal.clone().expecting(expected);
        let changed = self.change(stream, which, &proposal, author).await;
        if let Err(SceneError::Rejected(Rejected::Invalid(faults))) = changed {
            let told = plan.told(faults);
            return Err(SceneError::Rejected(Rejected::Invalid(told)));
        }
        changed
    }

    /// Deletes a template that somebody has saved.
    pub(crate) async fn delete_template(
        &self,
        stream: &StreamId,
        name: &TemplateName,
    ) -> Result<(), SceneError> {
        if templates::find(name.as_str()).is_some() {
            return Err(TemplateRefusal::BuiltIn(name.clone()).into());
        }
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                let (before, _, layers) = self.own_template(stream, name.as_str()).await?;
                let removed = self.store.remove_template(&before, &layers, name).await;
                if removed.map_err(SceneError::Unconfirmed)? {
                    return Ok(());
                }
                self.metrics.count_conflict();
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    /// A template with its layers.
    async fn own_template(
        &self,
        stream: &StreamId,
        name: &str,
    ) -> Result<(Templates, OwnTemplate, Scene), SceneError> {
        for _ in 0..self.config.scene.attempts_max {
            let known = self.store.templates(stream).await?;
            let mut own = known.by_name.values();
            let Some(template) = own.find(|own| own.name.as_str() == name).cloned() else {
                return Err(unknown(name, &known).into());
            };
            match self.read(stream, Which::Scene(template.scene)).await {
                Ok(loaded) => return Ok((known, template, loaded.scene)),
                // It was deleted in between.
                Err(SceneError::NoScene(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SceneError::Contended)
    }

    /// Sets variables, as far as there are none of their names.
    async fn set_missing(
        &self,
        stream: &StreamId,
        variables: Map<String, Value>,
    ) -> Result<(), SceneError> {
        let known = self.variables(stream).await?.values;
        let is_known = |name: &str| known.keys().any(|known| known.as_str() == name);
        let missing: Map<String, Value> = variables
            .into_iter()
            .filter(|(name, _)| !is_known(name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let body = json!({"values": missing});
        self.change_variables(stream, Manner::Patch, &body, None)
            .await?;
        Ok(())
    }
}

fn unknown(name: &str, known: &Templates) -> TemplateRefusal {
    let built_in = templates::ALL.iter().map(|template| template.name);
    let own = known.by_name.keys().map(TemplateName::as_str);
    let known: Vec<&str> = built_in.chain(own).collect();
    TemplateRefusal::None {
        name: name.to_owned(),
        known: known.join(", "),
    }
}
