//! The route table of ws-fanout.

mod chat;
mod error;
mod websocket;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use sm_service_kit::limits::{Methods, Rule};
use utoipa::OpenApi;

use crate::handshake::{Admission, Origins};
use crate::session::Services;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) services: Arc<Services>,
    pub(crate) origins: Origins,
    pub(crate) admission: Admission,
}

/// Connections have limits of their own, `ws.connections_max` and its like.
pub(crate) const LIMITS: &[Rule] = &[Rule {
    prefix: "/ws",
    methods: Methods::All,
    class: None,
}];

/// Every path of this service.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        let has_echo = context.services.config.echo;
        config
            .app_data(Data::new(context.clone()))
            .configure(chat::routes)
            .service(web::resource("/ws").get(websocket::connect_websocket));
        if has_echo {
            config.service(web::resource("/ws/echo").get(websocket::connect_echo));
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ws-fanout", description = "Live events over WebSocket, and chat."),
    paths(websocket::connect_websocket),
    tags((name = "ws-fanout", description = "Hear what happens as it happens, and talk about it."))
)]
struct Document;

/// The OpenAPI document of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(chat::Document::openapi());
    document
}

/// The same as JSON.
pub(crate) fn openapi_json() -> String {
    openapi().to_pretty_json().unwrap_or_default()
}
