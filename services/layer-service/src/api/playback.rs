use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::layer::Layer;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Path, Query};

use super::Context;
use super::body::Document;
use super::layer::{LayerPath, LayersQuery, one, optional, tagged};
use super::shape::PlaybackCommand;
use crate::domain::{Action, Proposal};

/// Plays, pauses or moves the file that a layer plays.
///
/// The command stays with the layer: what is paused stays paused where it is, also when its worker
/// is replaced. The layer's `status.playback` says what became of it. A locked layer obeys as well.
#[utoipa::path(
    post, path = "/api/layers/{id}/playback", tag = "layer-service", params(LayerPath, LayersQuery),
    request_body = PlaybackCommand,
    responses(
        (status = 200, description = "The layer with the command.", body = Layer, headers(("ETag" = String, description = "The layer's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the layer has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is nothing to play in it, or the position is out of bounds.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn command_playback(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    Document(order): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = optional(request.headers())?;
    let proposal = Proposal::of(Action::Play {
        id,
        expected,
        order,
    });
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    Ok(tagged(&one(changed.scene, id)?))
}
