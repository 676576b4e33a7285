//! Where somebody publishes to a layer, and with which key.

use actix_web::http::header::{CACHE_CONTROL, HOST};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use sm_common::ingest::IngestSecret;
use sm_common::layer::{IngestProtocol, IngestSource, Layer, LayerSource};
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Path, Query};
use sm_service_kit::secret;
use url::{Host, Url};
use utoipa::ToSchema;

use super::Context;
use super::layer::{LayerPath, LayersQuery, one, read};
use crate::config::IngestConfig;
use crate::domain::{Action, Proposal};

/// Keys of layers, and where they are good.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    secret: Option<IngestSecret>,
    config: IngestConfig,
}

/// Where somebody publishes to a layer, and with which key. Whoever has this can put a picture on
/// air.
#[derive(Serialize, ToSchema)]
pub(crate) struct IngestAccess {
    /// How it is pushed.
    protocol: IngestProtocol,
    /// What an encoder calls its server.
    #[schema(examples("rtmp://stream.example.com:1935/live", "srt://stream.example.com:4203"))]
    server: String,
    /// What an encoder calls its stream key.
    #[schema(format = Password)]
    stream_key: String,
    /// Both in one, for encoders that have one field for them. By SRT the key is the stream id.
    #[schema(
        format = Password,
        examples("srt://stream.example.com:4203?streamid=main.AZ2k3uJhc9Gq4m0nV7yq1d8fXk2LwPzR5tYbNc6HsEa")
    )]
    address: String,
    /// Which of the layer's keys it is.
    generation: u32,
}

impl Ingest {
    /// Reads the secret. Without one there are no keys.
    pub(crate) fn open(config: &IngestConfig) -> anyhow::Result<Self> {
        let secret = secret::read(&config.secret_file, "ingest.secret_file")?
            .map(|secret| IngestSecret::new(secret.expose_secret()))
            .transpose()
            .context("ingest.secret_file")?;
        Ok(Self {
            secret,
            config: config.clone(),
        })
    }

    fn access(&self, layer: &Layer, request: &HttpRequest) -> Result<HttpResponse, ApiProblem> {
        let source = source(layer)?;
        let secret = self.secret()?;
        let key: SecretString = secret.stream_key(&layer.stream, layer.id, source.generation);
        let server = self.server(source.protocol, request);
        let access = IngestAccess {
            protocol: source.protocol,
            address: whole_address(source.protocol, &server, key.expose_secret()),
            server,
            stream_key: key.expose_secret().to_owned(),
            generation: source.generation,
        };
        Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(access))
    }

    fn secret(&self) -> Result<&IngestSecret, ApiProblem> {
        self.secret.as_ref().ok_or_else(|| {
            ApiProblem::new(ProblemCode::IngestDisabled)
                .detail("set ingest.secret_file of layer-service and of every stream-engine")
        })
    }

    /// The configured address, or one on the host that the caller has reached.
    fn server(&self, protocol: IngestProtocol, request: &HttpRequest) -> String {
        let IngestConfig {
            rtmp_url,
            rtmp_port,
            application,
            srt_url,
            srt_port,
            ..
        } = &self.config;
        let configured = match protocol {
            IngestProtocol::Rtmp => rtmp_url,
            IngestProtocol::Srt => srt_url,
        };
        if !configured.is_empty() {
            return configured.clone();
        }
        let asked = request.headers().get(HOST);
        let host = asked.and_then(|host| host_of(host.to_str().ok()?));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        match protocol {
            IngestProtocol::Rtmp => format!("rtmp://{host}:{rtmp_port}/{application}"),
            IngestProtocol::Srt => format!("srt://{host}:{srt_port}"),
        }
    }
}

/// Server and key in one. Nothing in a key has a meaning in an address.
fn whole_address(protocol: IngestProtocol, server: &str, key: &str) -> String {
    match protocol {
        IngestProtocol::Rtmp => format!("{server}/{key}"),
        IngestProtocol::Srt if server.contains('?') => format!("{server}&streamid={key}"),
        IngestProtocol::Srt => format!("{server}?streamid={key}"),
    }
}

/// The host of a `Host` header, without its port.
fn host_of(header: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{header}/")).ok()?;
    url.host().map(|host: Host<&str>| host.to_string())
}

fn source(layer: &Layer) -> Result<&IngestSource, ApiProblem> {
    if let LayerSource::Ingest(source) = &layer.source {
        return Ok(source);
    }
    let kind = layer.source.kind().as_str();
    let detail = format!("layer {} is of the kind {kind}, not ingest", layer.id);
    Err(ApiProblem::new(ProblemCode::IngestNotThis).detail(detail))
}

/// Says where to publish to an `ingest` layer, and with which key.
///
/// The key is derived from the system's secret, the layer and its `generation`; no document holds
/// it.
#[utoipa::path(
    get, path = "/api/layers/{id}/ingest", tag = "layer-service", params(LayerPath, LayersQuery),
    responses(
        (status = 200, description = "Address and key. Not to be stored.", body = IngestAccess, headers(("Cache-Control" = String, description = "`no-store`."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is pushed to this layer, or to this system.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The layer cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_ingest(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let layer = one(read(&context, &query).await?.joined(), id)?;
    let access = context.ingest.access(&layer, &request)?;
    tracing::info!(
        stream.id = %query.stream, layer.id = %id, user.id = %caller.identity.user,
        "stream key shown"
    );
    Ok(access)
}

/// Makes another key for an `ingest` layer. The one before is worthless from now on, and who
/// publishes with it is cut off.
#[utoipa::path(
    post, path = "/api/layers/{id}/ingest/rotate", tag = "layer-service", params(LayerPath, LayersQuery),
    responses(
        (status = 200, description = "Address and the new key. Not to be stored.", body = IngestAccess, headers(("Cache-Control" = String, description = "`no-store`."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is pushed to this layer, or to this system.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "The layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn rotate_ingest_key(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let _there_are_keys = context.ingest.secret()?;
    let layer = one(read(&context, &query).await?.joined(), id)?;
    let next = source(&layer)?.generation.saturating_add(1);
    let proposal = Proposal::of(Action::Update {
        id,
        expected: None,
        patch: json!({"source": {"generation": next}}),
    });
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    tracing::info!(
        stream.id = %query.stream, layer.id = %id, user.id = %caller.identity.user,
        "stream key replaced"
    );
    context.ingest.access(&one(changed.scene, id)?, &request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_key_where_its_protocol_has_it() {
        use IngestProtocol::{Rtmp, Srt};
        for (protocol, server, expected) in [
            (Rtmp, "rtmp://a:1935/live", "rtmp://a:1935/live/main.K"),
            (Srt, "srt://a:4203", "srt://a:4203?streamid=main.K"),
            (
                Srt,
                "srt://a:4203?latency=500000",
                "srt://a:4203?latency=500000&streamid=main.K",
            ),
        ] {
            assert_eq!(whole_address(protocol, server, "main.K"), expected);
        }
    }

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        for (header, expected) in [
            ("stream.example.com", Some("stream.example.com")),
            ("127.0.0.1:8080", Some("127.0.0.1")),
            ("[::1]:8080", Some("[::1]")),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(host_of(header).as_deref(), expected, "{header}");
        }
    }
}
