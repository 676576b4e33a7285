use actix_web::HttpResponse;
use actix_web::web::Data;
use sm_common::problem::Problem;
use sm_common::scene::Scene;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadStream};
use sm_service_kit::http::Query;

use super::Context;
use super::error::ApiError;
use super::layer::StreamQuery;

/// Lists the scenes of a stream with their layers. A stream has one scene.
#[utoipa::path(
    get, path = "/api/scenes", tag = "layer-service", params(StreamQuery),
    responses(
        (status = 200, description = "The scenes.", body = Vec<Scene>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The scenes cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_scenes(
    _caller: Authorized<ReadStream>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = context.scenes.read(&stream).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json([scene.joined()]))
}
