use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::id::{GroupId, LayerId, TemplateName, UserId};
use sm_common::problem::{Problem, ProblemCode};
use sm_common::template::OwnTemplate;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::body::Document;
use super::copy::{AddedLayers, added};
use super::error::ApiError;
use super::layer::{LayersQuery, StreamQuery, optional};
use crate::domain::own_template;
use crate::domain::templates::{self, Template};
use crate::scenes::SceneError;

/// The templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    templates: Vec<TemplateSummary>,
}

/// A template.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateSummary {
    /// As it is named in addresses.
    name: String,
    /// As people call it.
    title: String,
    /// What it makes.
    description: String,
    /// A JSON Schema of its parameters; `x-order` is their order in a form.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    parameters: Value,
    /// Who saved it; absent for those of the system, which cannot be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<TemplateOrigin>,
}

/// Where a template comes from.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateOrigin {
    /// Who saved it.
    user_id: UserId,
    /// Their name.
    user_name: String,
    /// When.
    created_at: Timestamp,
}

impl From<&Template> for TemplateSummary {
    fn from(template: &Template) -> Self {
        Self {
            name: template.name.to_owned(),
            title: template.title.to_owned(),
            description: template.description.to_owned(),
            parameters: template.schema(),
            saved: None,
        }
    }
}

impl From<&OwnTemplate> for TemplateSummary {
    fn from(template: &OwnTemplate) -> Self {
        Self {
            name: template.name.to_string(),
            title: template.title.clone(),
            description: template.description.clone(),
            parameters: own_template::schema(template),
            saved: Some(TemplateOrigin {
                user_id: template.user_id,
                user_name: template.user_name.clone(),
                created_at: template.created_at,
            }),
        }
    }
}

/// A group that is to be saved as a template.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewTemplate {
    /// As it is named in addresses; unique in the stream, and none of the system's.
    name: TemplateName,
    /// As people call it, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    title: String,
    /// What it makes, at most 500 characters.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The group whose layers it makes. Neither is locked in what it makes.
    group: GroupId,
    /// What is asked for where it is used, in the order of a form; at most 20.
    #[schema(max_items = 20)]
    parameters: Option<Vec<NewTemplateParameter>>,
}

/// A field that is asked for where a template is used.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewTemplateParameter {
    /// As it is named in requests.
    name: TemplateName,
    /// As people call it, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    title: String,
    /// A layer of the group.
    layer: LayerId,
    /// JSON Pointer within the layer to a text, a number, or true or false; that is its default.
    #[schema(max_length = 200, example = "/source/text")]
    pointer: String,
}

/// What is to be made with a template.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct TemplateUse {
    /// The group's name, 1 to 100 characters; the template's title unless said otherwise.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// As the template's schema says; what is left out has the value that it says.
    parameters: Option<std::collections::BTreeMap<String, Value>>,
}

/// Which template is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TemplatePath {
    /// The template.
    name: String,
}

/// Lists the templates, those that people have saved last, with the JSON Schema of each one's parameters.
#[utoipa::path(
    get, path = "/api/templates", tag = "layer-service", params(StreamQuery),
    responses(
        (status = 200, description = "The templates.", body = TemplateList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The templates cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_templates(
    _caller: Authorized<ReadStream>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let own = context.scenes.own_templates(&stream).await;
    let own = own.map_err(ApiError::from)?;
    let templates = templates::ALL.iter().copied().map(TemplateSummary::from);
    Ok(HttpResponse::Ok().json(TemplateList {
        templates: templates
            .chain(own.values().map(TemplateSummary::from))
            .collect(),
    }))
}

/// Saves a group of a scene as a template of the stream.
///
/// What the group is now is what the template makes, but for the fields that are its parameters. Its
/// files count as used. A template is not changed: delete it, and save it again.
#[utoipa::path(
    post, path = "/api/templates", tag = "layer-service", params(LayersQuery), request_body = NewTemplate,
    responses(
        (status = 201, description = "The template.", body = TemplateSummary, headers(("Location" = String, description = "Where it is used."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a template of this name (`template.exists`, or `template.built-in` where it is the system's), or the stream has as many as it may (`template.limit-reached`).", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds, or name what is not there; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn save_template(
    caller: Authorized<EditLayers>,
    Query(query): Query<LayersQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let new = own_template::NewTemplate::read(&body, context.template_parameters_max);
    let new = new.map_err(|faults| ApiError::Scene(SceneError::Invalid(faults)))?;
    let author = (&caller.identity).into();
    let place = (&query.stream, query.which());
    let saved = context.scenes.save_template(place, &new, &author).await;
    let template = saved.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %query.stream, user.id = %author.id, template = %template.name, "template saved"
    );
    let place = format!("/api/templates/{}?stream={}", template.name, query.stream);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, place))
        .json(TemplateSummary::from(&template)))
}

/// Deletes a template that somebody has saved. What was made with it stays.
#[utoipa::path(
    delete, path = "/api/templates/{name}", tag = "layer-service", params(TemplatePath, StreamQuery),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such template.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is one of the system's (`template.built-in`).", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_template(
    caller: Authorized<EditLayers>,
    Path(TemplatePath { name }): Path<TemplatePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name: TemplateName = name.parse().map_err(|_not_a_name| {
        ApiProblem::new(ProblemCode::TemplateNotFound)
            .detail(format!("there is no template {name}"))
    })?;
    let deleted = context.scenes.delete_template(&stream, &name).await;
    deleted.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, user.id = %caller.identity.user, template = %name, "template deleted"
    );
    Ok(HttpResponse::NoContent().finish())
}

/// Makes the layers of a template, as a group at the front of a scene.
///
/// Variables that the layers show are set where there are none of their names. `If-Match`, where sent,
/// is the scene's revision that the caller has read.
#[utoipa::path(
    post, path = "/api/templates/{name}", tag = "layer-service", params(TemplatePath, LayersQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the list of layers.")),
    request_body = TemplateUse,
    responses(
        (status = 201, description = "The group and its layers.", body = AddedLayers, headers(("ETag" = String, description = "The scene's revision."), ("Location" = String, description = "The layers of the scene."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such template, stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene would hold more layers or groups than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Parameters are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn use_template(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(TemplatePath { name }): Path<TemplatePath>,
    Query(query): Query<LayersQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = optional(request.headers())?;
    let author = (&caller.identity).into();
    let place = (&query.stream, query.which());
    let scenes = &context.scenes;
    let made = if let Some(template) = templates::find(&name) {
        let used = scenes.use_template(place, template, &body, expected, &author);
        Box::pin(used).await
    } else {
        let used = scenes.use_own_template(place, &name, &body, expected, &author);
        Box::pin(used).await
    };
    let changed = made.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %query.stream, user.id = %author.id, scene.id = %changed.scene.id,
        template = name, "template used"
    );
    Ok(added(&query.stream, changed))
}
