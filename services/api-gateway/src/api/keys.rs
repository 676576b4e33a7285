use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

use super::Context;

/// The public keys that access tokens are verified with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "api-gateway",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517).", body = serde_json::Value)),
)]
pub(crate) async fn read_keys(context: Data<Context>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .json(context.sign_ins.access.keys.jwks())
}
