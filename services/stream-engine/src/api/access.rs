use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::{Data, Query};
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use sm_common::id::StreamId;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{ReadStream, Viewer};
use sm_service_kit::http::Path;

use super::{Context, error::ApiError};
use crate::live::playback::{PlaybackClaim, PlaybackRefusal};

/// Somebody who may watch the stream in the path: anybody where the public may, a caller whose
/// token or cookie says so, or the bearer of a signed playback address.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    /// The stream.
    pub(crate) stream: StreamId,
    /// The signed address, where that is what lets the caller watch.
    pub(crate) playback: Option<PlaybackClaim>,
}

#[derive(Debug, Deserialize)]
struct StreamPath {
    stream: StreamId,
}

#[derive(Debug, Deserialize)]
struct PlaybackQuery {
    expires: Option<String>,
    signature: Option<String>,
}

impl FromRequest for Watcher {
    type Error = ApiProblem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiProblem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let path = Path::<StreamPath>::from_request(request, payload).into_inner();
        let context = request.app_data::<Data<Context>>().cloned();
        let viewer = Viewer::<ReadStream>::from_request(request, payload);
        let claim = claim(request);
        Box::pin(async move {
            let Path(StreamPath { stream }) = path?;
            let context =
                context.ok_or_else(|| ApiProblem::internal("the server has no context"))?;
            let refusal = match claim {
                None => None,
                Some(Err(refusal)) => Some(refusal),
                Some(Ok(claim)) => {
                    match context
                        .playback
                        .verify(&stream, &claim, context.clock.now())
                    {
                        Ok(()) => {
                            return Ok(Self {
                                stream,
                                playback: Some(claim),
                            });
                        }
                        Err(refusal) => Some(refusal),
                    }
                }
            };
            match (viewer.await, refusal) {
                (Ok(_), _) => Ok(Self {
                    stream,
                    playback: None,
                }),
                (Err(_), Some(refusal)) => Err(ApiError::from(refusal).into()),
                (Err(problem), None) => Err(problem),
            }
        })
    }
}

/// What the query claims; `None` when it claims nothing. Players add parameters of their own.
fn claim(request: &HttpRequest) -> Option<Result<PlaybackClaim, PlaybackRefusal>> {
    let Query(PlaybackQuery { expires, signature }) =
        Query::from_query(request.query_string()).ok()?;
    let signature = signature?;
    let expires = expires.and_then(|text| text.parse().ok());
    Some(
        expires
            .map(|expires| PlaybackClaim { expires, signature })
            .ok_or(PlaybackRefusal::Invalid),
    )
}
