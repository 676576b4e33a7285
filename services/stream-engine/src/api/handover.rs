//! What only the heir of a stream may ask of the engine that is about to end. No public route leads
//! here, and the heir shows the key that is in the lease.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sm_bus::Heir;
use sm_common::id::StreamId;
use sm_service_kit::ApiProblem;
use sm_service_kit::http::Path;
use tokio::sync::oneshot;

use super::Context;
use super::error::ApiError;
use super::live::send_file;
use crate::handover::{HandoverRequest, KEY, NotNow};
use crate::live::file_name::LiveFile;
use crate::live::shelf::Shelf;

#[derive(Debug, Deserialize)]
pub(crate) struct StreamPath {
    stream: StreamId,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HandoverFilePath {
    stream: StreamId,
    file: String,
}

/// The playlist as this process saves it for itself.
pub(crate) async fn read_listed(
    request: HttpRequest,
    Path(StreamPath { stream }): Path<StreamPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let shelf = admit(&request, &stream, &context)?;
    let playlist = shelf.playlist().ok_or(ApiError::NotOnAir)?;
    Ok(HttpResponse::Ok().json(&*playlist))
}

/// The heir is ready: the worker ends, and the answer is the last playlist.
pub(crate) async fn hand_over(
    request: HttpRequest,
    Path(StreamPath { stream }): Path<StreamPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let shelf = admit(&request, &stream, &context)?;
    let (answer, answered) = oneshot::channel();
    let request = HandoverRequest { answer };
    let asked = shelf.handovers.try_send(request);
    asked.map_err(|_ended| ApiError::NotHandedOver(NotNow))?;
    let playlist = match answered.await {
        Ok(answer) => answer.map_err(ApiError::NotHandedOver)?,
        Err(_ended) => return Err(ApiError::NotHandedOver(NotNow).into()),
    };
    Ok(HttpResponse::Ok().json(&*playlist))
}

/// A file that is listed.
pub(crate) async fn read_file(
    request: HttpRequest,
    Path(HandoverFilePath { stream, file }): Path<HandoverFilePath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let shelf = admit(&request, &stream, &context)?;
    let file: LiveFile = file.parse().map_err(|_not_one| ApiError::UnknownFile)?;
    Ok(send_file(&request, &shelf, &file, &context).await?)
}

/// The shelf of the stream, for its heir.
fn admit(
    request: &HttpRequest,
    stream: &StreamId,
    context: &Context,
) -> Result<Arc<Shelf>, ApiError> {
    let shelf = context.registry.shelf(stream);
    let shelf = shelf.ok_or_else(|| ApiError::UnknownStream(stream.clone()))?;
    let shown = request.headers().get(KEY);
    let heir = shelf.heir().zip(shown);
    if heir.is_some_and(|(heir, shown)| is_key_of(&heir, shown.as_bytes())) {
        Ok(shelf)
    } else {
        Err(ApiError::NotTheHeir)
    }
}

/// How long the comparison takes says nothing about the key: digests are compared.
fn is_key_of(heir: &Heir, shown: &[u8]) -> bool {
    Sha256::digest(heir.key.expose()) == Sha256::digest(shown)
}
