use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::id::LayerId;
use sm_common::problem::Problem;
use sm_common::scene::SceneSummary;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Query, etag};

use super::Context;
use super::body::Document;
use super::layer::{LayersQuery, optional};
use super::shape::{Batch, BatchAnswer, BatchResult};
use crate::domain::Proposal;
use crate::scenes::Changed;

/// Makes several changes together, or none of them.
///
/// The scene's revision is raised by one; its events come in the order of the operations.
/// `If-Match`, where sent, is the scene's revision that the caller has read.
#[utoipa::path(
    post, path = "/api/layers/batch", tag = "layer-service", params(LayersQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the list.")),
    request_body = Batch,
    responses(
        (status = 200, description = "All was done.", body = BatchAnswer, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene would hold more layers than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The scene or a layer has changed.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn change_layers(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<LayersQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let proposal = Proposal::read_batch(&body, context.operations_max, LayerId::generate)
        .expecting(optional(request.headers())?);
    let Changed { scene, steps } = context.change(&caller.identity, &query, &proposal).await?;
    let answer = BatchAnswer {
        scene: SceneSummary::of(&scene),
        results: steps.into_iter().map(BatchResult::from).collect(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(answer))
}
