//! Extractors: the parts of a request as values, or as a problem that says what to change.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use sm_common::problem::{FieldError, ProblemCode};

use super::json;
use crate::problem::ApiProblem;

/// Largest JSON body, how deep it may be nested, and the time it may take to arrive; application data
/// of every server.
#[derive(Clone, Copy, Debug)]
pub struct OctetLimit {
    /// Bytes.
    pub bytes_max: usize,
    /// Objects and lists within each other.
    pub depth_max: usize,
    /// Time.
    pub timeout: Duration,
}

impl Default for OctetLimit {
    fn default() -> Self {
        Self {
            bytes_max: 256 * 1024,
            depth_max: 32,
            timeout: Duration::from_secs(10),
        }
    }
}

/// A JSON body. Unknown fields are for `T` to refuse.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiProblem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiProblem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = request
            .app_data::<OctetLimit>()
            .copied()
            .unwrap_or_default();
        let content_type = request.content_type().to_ascii_lowercase();
        let payload = payload.take();
        Box::pin(async move {
            if !is_json(&content_type) {
                return Err(ApiProblem::new(ProblemCode::MediaTypeUnsupported)
                    .detail(format!("send `{CONTENT_TYPE}: application/json`")));
            }
            parse(&within(limit, payload).await?, limit.depth_max).map(Json)
        })
    }
}

fn is_json(content_type: &str) -> bool {
    content_type == "application/json"
        || (content_type.starts_with("application/") && content_type.ends_with("+json"))
}

/// Reads a body of text of this media type, within the limits of JSON bodies.
pub async fn read_text(
    request: &HttpRequest,
    payload: Payload,
    media_type: &str,
) -> Result<String, ApiProblem> {
    if !request.content_type().eq_ignore_ascii_case(media_type) {
        return Err(ApiProblem::new(ProblemCode::MediaTypeUnsupported)
            .detail(format!("send `{CONTENT_TYPE}: {media_type}`")));
    }
    let limit = request
        .app_data::<OctetLimit>()
        .copied()
        .unwrap_or_default();
    let body = within(limit, payload).await?;
    String::from_utf8(body.to_vec()).map_err(|error| {
        ApiProblem::new(ProblemCode::BodyInvalid)
            .detail("the body is no text in UTF-8")
            .cause(error)
    })
}

async fn within(limit: OctetLimit, payload: Payload) -> Result<Bytes, ApiProblem> {
    tokio::time::timeout(limit.timeout, read_body(payload, limit.bytes_max))
        .await
        .map_err(|_elapsed| {
            ApiProblem::new(ProblemCode::BodyTimeout)
                .detail(format!("send the whole body within {:?}", limit.timeout))
        })?
}

async fn read_body(mut payload: Payload, bytes_max: usize) -> Result<Bytes, ApiProblem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            ApiProblem::new(ProblemCode::BodyInvalid)
                .detail("the body ended early")
                .cause(error)
        })?;
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(ApiProblem::new(ProblemCode::BodyTooLarge)
                .detail(format!("send at most {bytes_max} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn parse<T: DeserializeOwned>(body: &[u8], depth_max: usize) -> Result<T, ApiProblem> {
    if let Some(fault) = json::fault(body, depth_max) {
        return Err(ApiProblem::new(ProblemCode::BodyInvalid)
            .detail("the body is not of the expected shape; see `errors`")
            .errors(vec![fault]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = json_pointer(error.path());
        let inner = error.inner();
        let detail = inner.to_string();
        let problem = ApiProblem::new(ProblemCode::BodyInvalid);
        if inner.is_data() {
            problem
                .detail("the body is not of the expected shape; see `errors`")
                .errors(vec![FieldError::new(pointer, detail)])
        } else {
            problem.detail(format!("the body is not JSON: {detail}"))
        }
    })?;
    deserializer.end().map_err(|error| {
        ApiProblem::new(ProblemCode::BodyInvalid)
            .detail(format!("after the JSON document: {error}"))
    })?;
    Ok(value)
}

/// A path of `serde_path_to_error` as an RFC 6901 pointer.
fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

/// Query parameters. Unknown ones are for `T` to refuse.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = ApiProblem;
    type Future = std::future::Ready<Result<Self, ApiProblem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        std::future::ready(
            web::Query::<T>::from_query(request.query_string())
                .map(|query| Self(query.into_inner()))
                .map_err(|error| {
                    ApiProblem::new(ProblemCode::QueryInvalid).detail(error.to_string())
                }),
        )
    }
}

/// The variable parts of the path.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = ApiProblem;
    type Future = std::future::Ready<Result<Self, ApiProblem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        use serde::de::value::MapDeserializer;
        let parts = request.match_info().iter();
        let read = T::deserialize(MapDeserializer::<_, serde::de::value::Error>::new(parts));
        std::future::ready(
            read.map(Self).map_err(|error| {
                ApiProblem::new(ProblemCode::PathInvalid).detail(error.to_string())
            }),
        )
    }
}

/// A strong entity tag, as it stands in the header.
pub fn etag(revision: impl std::fmt::Display) -> String {
    format!("\"{revision}\"")
}

/// The revision in `If-Match`. 428 when it is missing, 400 when it is not one strong tag.
pub fn if_match(headers: &HeaderMap) -> Result<String, ApiProblem> {
    let value = headers.get(IF_MATCH).ok_or_else(|| {
        ApiProblem::new(ProblemCode::RevisionRequired)
            .detail("read the resource and send its `ETag` as `If-Match`")
    })?;
    value
        .to_str()
        .ok()
        .and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"'))
        .filter(|tag| !tag.contains('"'))
        .map(str::to_owned)
        .ok_or_else(|| {
            ApiProblem::new(ProblemCode::HeaderInvalid)
                .detail("`If-Match` takes one strong entity tag, such as \"12\"")
        })
}

/// Whether `If-None-Match` names `revision`, so that 304 is the answer.
pub fn if_none_match(headers: &HeaderMap, revision: &str) -> bool {
    headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            text.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == revision)
        })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only read by serde")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read by serde")]
        width: u32,
    }

    #[test]
    fn a_wrong_field_is_named_by_its_pointer() {
        let problem = parse::<Body>(br#"{"inner":{"width":-1}}"#, 32).unwrap_err();
        assert_eq!(problem.code(), ProblemCode::BodyInvalid);
        let shown = format!("{problem:?}");
        assert!(shown.contains("/inner/width"), "{shown}");
    }

    #[test]
    fn text_after_the_document_is_refused() {
        assert!(parse::<Body>(br#"{"inner":{"width":1}} {}"#, 32).is_err());
    }
}
