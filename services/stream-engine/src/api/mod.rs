//! The route table of stream-engine.

mod access;
mod error;
mod handover;
mod live;
mod recordings;
mod sending;
mod whep;

use std::path::PathBuf;

use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use ipnet::IpNet;
use sm_bus::Bus;
use sm_common::clock::SharedClock;
use sm_service_kit::limits::{Class, Methods, Rule};
use utoipa::OpenApi;

use crate::live::forward::Forwarder;
use crate::live::playback::PlaybackVerifier;
use crate::live::waiting::WaitingRoom;
use crate::tasks::Registry;
use crate::webrtc::Webrtc;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) bus: Bus,
    pub(crate) registry: Registry,
    /// Where the recordings of every stream are.
    pub(crate) recordings: PathBuf,
    pub(crate) forwarder: Forwarder,
    pub(crate) webrtc: Webrtc,
    pub(crate) waiting: WaitingRoom,
    pub(crate) playback: PlaybackVerifier,
    pub(crate) clock: SharedClock,
    /// Base address at which siblings reach this process.
    pub(crate) own_url: String,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// `Cache-Control` of segments: a shared cache may keep them only where the public may watch.
    pub(crate) file_caching: &'static str,
    /// Who may keep playlists that were waited for.
    pub(crate) caching_scope: &'static str,
}

/// What players fetch, and what engines hand each other, which no route from outside leads to.
pub(crate) const LIMITS: &[Rule] = &[
    Rule {
        prefix: "/live/",
        methods: Methods::All,
        class: Some(Class::Media),
    },
    Rule {
        prefix: "/handover/",
        methods: Methods::All,
        class: None,
    },
];

/// Every path of this service. Players of any origin may read what they are let to: no cookie
/// reaches these paths from another origin.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        let players = DefaultHeaders::new()
            .add(("access-control-allow-origin", "*"))
            .add((
                "access-control-expose-headers",
                "content-length, content-range, etag, link, location, retry-after",
            ));
        config.app_data(Data::new(context.clone()));
        // Before what players read, and not for pages of another origin.
        config.service(
            web::scope("/live/{stream}/recordings")
                .service(
                    web::resource("/")
                        .get(recordings::list_recordings)
                        .route(web::head().to(recordings::list_recordings)),
                )
                .service(
                    web::resource("/{output}/{file}")
                        .get(recordings::read_recording)
                        .delete(recordings::delete_recording)
                        .route(web::head().to(recordings::read_recording)),
                ),
        );
        // Between engines; no public route leads there.
        config.service(
            web::scope("/handover/{stream}")
                .service(
                    web::resource("")
                        .get(handover::read_listed)
                        .post(handover::hand_over),
                )
                .service(web::resource("/{file}").get(handover::read_file)),
        );
        config.service(
            web::resource("/live/{stream}/preview.jpg")
                .get(live::read_preview)
                .route(web::head().to(live::read_preview)),
        );
        config.service(
            web::scope("/live/{stream}")
                .wrap(players)
                .service(
                    web::resource("/index.m3u8")
                        .get(live::read_playlist)
                        .route(web::head().to(live::read_playlist))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/master.m3u8")
                        .get(live::read_master)
                        .route(web::head().to(live::read_master))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/{rendition}.m3u8")
                        .get(live::read_rendition)
                        .route(web::head().to(live::read_rendition))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/snapshot.jpg")
                        .get(live::read_snapshot)
                        .route(web::head().to(live::read_snapshot))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/whep")
                        .post(whep::open_session)
                        .route(web::method(OPTIONS).to(whep::allow_viewers)),
                )
                .service(
                    web::resource("/whep/{session}")
                        .delete(whep::close_session)
                        .route(web::method(OPTIONS).to(whep::allow_viewers)),
                )
                .service(
                    web::resource("/sprite.jpg")
                        .get(live::read_sprite)
                        .route(web::head().to(live::read_sprite))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/sprite.json")
                        .get(live::read_sprite_index)
                        .route(web::head().to(live::read_sprite_index))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                )
                .service(
                    web::resource("/{file}")
                        .get(live::read_live_file)
                        .route(web::head().to(live::read_live_file))
                        .route(web::method(OPTIONS).to(live::allow_players)),
                ),
        );
    }
}

const OPTIONS: actix_web::http::Method = actix_web::http::Method::OPTIONS;

#[derive(OpenApi)]
#[openapi(
    info(title = "stream-engine", description = "The picture of each stream."),
    paths(
        live::read_playlist,
        live::read_master,
        live::read_rendition,
        live::read_sprite,
        live::read_sprite_index,
        live::read_live_file,
        live::read_snapshot,
        live::read_preview,
        whep::open_session,
        whep::close_session,
        recordings::list_recordings,
        recordings::read_recording,
        recordings::delete_recording,
    ),
    tags((name = "stream-engine", description = "Watch a stream."))
)]
struct Document;

/// The OpenAPI document of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The same as JSON.
pub(crate) fn openapi_json() -> String {
    openapi().to_pretty_json().unwrap_or_default()
}
