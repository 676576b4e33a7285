use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::body::Document;
use super::copy::{AddedLayers, added};
use super::error::ApiError;
use super::layer::{LayersQuery, optional};
use crate::domain::templates::{self, Template};

/// The templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    templates: Vec<TemplateSummary>,
}

/// A template.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateSummary {
    /// As it is named in addresses.
    name: &'static str,
    /// As people call it.
    title: &'static str,
    /// What it makes.
    description: &'static str,
    /// A JSON Schema of its parameters; `x-order` is their order in a form.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    parameters: Value,
}

impl From<&Template> for TemplateSummary {
    fn from(template: &Template) -> Self {
        Self {
            name: template.name,
            title: template.title,
            description: template.description,
            parameters: template.schema(),
        }
    }
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

/// Lists the templates, with the JSON Schema of each one's parameters.
#[utoipa::path(
    get, path = "/api/templates", tag = "layer-service",
    responses(
        (status = 200, description = "The templates.", body = TemplateList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_templates(_caller: Authorized<ReadStream>) -> HttpResponse {
    let templates = templates::ALL.iter().copied().map(TemplateSummary::from);
    HttpResponse::Ok().json(TemplateList {
        templates: templates.collect(),
    })
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
    let template = templates::find(&name).ok_or_else(|| {
        let known: Vec<&str> = templates::ALL.iter().map(|known| known.name).collect();
        let detail = format!(
            "there is no template {name}; there are {}",
            known.join(", ")
        );
        ApiProblem::new(ProblemCode::TemplateNotFound).detail(detail)
    })?;
    let expected = optional(request.headers())?;
    let author = (&caller.identity).into();
    let place = (&query.stream, query.which());
    let made = context
        .scenes
        .use_template(place, template, &body, expected, &author)
        .await;
    let changed = made.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %query.stream, user.id = %author.id, scene.id = %changed.scene.id,
        template = name, "template used"
    );
    Ok(added(&query.stream, changed))
}
