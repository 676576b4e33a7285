use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sm_service_kit::ApiProblem;
use sm_service_kit::http::{etag, if_none_match};
use utoipa::ToSchema;

use super::Context;
use super::error::ApiError;
use crate::console::Served;
use crate::static_file::StaticFile;

/// Content-hashed names never change their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Kept, and asked about every time.
const REVALIDATED: &str = "no-cache";

/// What runs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    /// The API's version.
    api: &'static str,
    /// The console's version; null when it was not built. A page with another one is out of date.
    console: Option<String>,
}

/// The versions of the API and of the console that it serves.
#[utoipa::path(
    get, path = "/version.json", tag = "api-gateway",
    responses((status = 200, description = "Both versions.", body = Version)),
)]
pub(crate) async fn read_version(context: Data<Context>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, REVALIDATED))
        .json(Version {
            api: crate::ABOUT.version,
            console: context.console.version().await,
        })
}

/// The console, and nothing where the API has nothing.
pub(super) async fn serve(
    request: HttpRequest,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let served = context.console.at(request.path()).await;
    let Some(Served { file, immutable }) = served else {
        return Err(ApiError::NoRoute.into());
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Err(ApiError::NoMethod.into());
    }
    let caching = if immutable { IMMUTABLE } else { REVALIDATED };
    Ok(answer(&request, &file, caching))
}

/// A file in the best encoding, or 304.
pub(super) fn answer(
    request: &HttpRequest,
    file: &StaticFile,
    caching: &'static str,
) -> HttpResponse {
    let accepted = request
        .headers()
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (encoding, bytes) = file.best(accepted);
    let tag = file.tag(encoding);
    let unchanged = if_none_match(request.headers(), &tag);
    let mut answer = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header((ETAG, etag(&tag)))
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((VARY, "Accept-Encoding"));
    if unchanged {
        return answer.finish();
    }
    if let Some(name) = encoding.name() {
        answer.insert_header((CONTENT_ENCODING, name));
    }
    answer
        .insert_header((CONTENT_TYPE, file.media_type()))
        .body(bytes.clone())
}

/// A document that changes with the program.
pub(super) fn revalidated(request: &HttpRequest, file: &StaticFile) -> HttpResponse {
    answer(request, file, REVALIDATED)
}
