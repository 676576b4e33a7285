use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::problem::Problem;
use sm_common::scene::LayerList;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::Query;

use super::Context;
use super::body::Document;
use super::layer::{LayersQuery, list, required};
use super::shape::LayerOrder;
use crate::domain::Proposal;

/// Puts all layers of a scene into another order.
///
/// `If-Match` is the scene's revision that the caller has read. Locked layers keep their
/// settings, not their neighbours.
#[utoipa::path(
    put, path = "/api/layers/order", tag = "layer-service", params(LayersQuery, ("If-Match" = String, Header, description = "The `ETag` of the list.")),
    request_body = LayerOrder,
    responses(
        (status = 200, description = "The layers in their new order.", body = LayerList, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The order does not name each layer once.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn reorder_layers(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<LayersQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = Some(required(request.headers())?);
    let proposal = Proposal::read_order(&body).expecting(expected);
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    Ok(list(changed.scene))
}
