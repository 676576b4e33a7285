//! The route table of stream-control.

mod audit;
mod control;
mod error;
mod idempotency;
mod operation;
mod outputs;
mod playback;
mod request;
mod state;

use actix_web::web::{self, Data, ServiceConfig};
use sm_service_kit::limits::{Class, Methods, Rule};
use utoipa::OpenApi;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::playback::PlaybackSigner;
use crate::states::States;
use crate::store::Store;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) states: States,
    pub(crate) metrics: Metrics,
    pub(crate) playback: Option<PlaybackSigner>,
}

/// Requests that are more than their method says.
pub(crate) const LIMITS: &[Rule] = &[Rule {
    prefix: "/api/stream/control",
    methods: Methods::Writes,
    class: Some(Class::Control),
}];

/// Every path of this service.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(Data::new(context.clone()))
            .service(web::resource("/api/stream/state").get(state::read_state))
            .service(web::resource("/api/stream/control").post(control::control_stream))
            .service(web::resource("/api/stream/operations/{id}").get(operation::read_operation))
            .service(
                web::resource("/api/stream/outputs")
                    .get(outputs::list_outputs)
                    .post(outputs::create_output),
            )
            .service(
                web::resource("/api/stream/outputs/{id}")
                    .get(outputs::read_output)
                    .patch(outputs::update_output)
                    .delete(outputs::delete_output),
            )
            .service(web::resource("/api/stream/outputs/{id}/{action}").post(outputs::steer_output))
            .service(web::resource("/api/stream/audit").get(audit::list_audit))
            .service(web::resource("/api/stream/playback-url").post(playback::create_playback_url));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "stream-control", description = "Desired state of streams, commands and audit."),
    paths(
        state::read_state,
        control::control_stream,
        operation::read_operation,
        outputs::list_outputs,
        outputs::create_output,
        outputs::read_output,
        outputs::update_output,
        outputs::delete_output,
        outputs::steer_output,
        audit::list_audit,
        playback::create_playback_url,
    ),
    // The type of a parameter is not found through its path.
    components(schemas(outputs::OutputCommand)),
    tags((name = "stream-control", description = "Steer streams, and read what they do."))
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
