//! The route table of layer-service.

mod asset;
mod batch;
mod body;
mod content;
mod copy;
mod draft;
mod error;
mod group;
mod history;
mod ingest;
mod layer;
mod order;
mod playback;
mod resumable;
mod scene;
mod scene_file;
mod schedule;
mod shape;
mod template;
mod thumbnail;
mod variable;

use actix_web::http::Method;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use sm_common::auth::Identity;
use sm_service_kit::ApiProblem;
use sm_service_kit::limits::{Class, Methods, Rule};
use utoipa::OpenApi;

use self::error::ApiError;
pub(crate) use self::ingest::Ingest;
use self::layer::LayersQuery;
use self::resumable::TUS_RESUMABLE;
use crate::assets::Assets;
use crate::domain::Proposal;
use crate::domain::resumable::VERSION;
use crate::scene_files::SceneFiles;
use crate::scenes::{Changed, Scenes};
use crate::schedules::Schedules;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Operations in one batch at most.
    pub(crate) operations_max: usize,
    /// Parameters of one template at most.
    pub(crate) template_parameters_max: usize,
    pub(crate) scenes: Scenes,
    pub(crate) assets: Assets,
    pub(crate) scene_files: SceneFiles,
    pub(crate) schedules: Schedules,
    pub(crate) ingest: Ingest,
}

impl Context {
    /// Makes a change, and notes who made it.
    async fn change(
        &self,
        caller: &Identity,
        query: &LayersQuery,
        proposal: &Proposal,
    ) -> Result<Changed, ApiProblem> {
        let stream = &query.stream;
        let changed = self
            .scenes
            .change(stream, query.which(), proposal, &caller.into())
            .await;
        let changed = changed.map_err(ApiError::from)?;
        tracing::info!(
            stream.id = %stream, user.id = %caller.user, scene.id = %changed.scene.id,
            scene.revision = changed.scene.revision, operations = changed.steps.len(), "scene changed"
        );
        Ok(changed)
    }
}

/// Requests that are more than their method says.
pub(crate) const LIMITS: &[Rule] = &[
    Rule {
        prefix: "/api/assets",
        methods: Methods::Writes,
        class: Some(Class::Upload),
    },
    Rule {
        prefix: "/api/scenes/import",
        methods: Methods::Writes,
        class: Some(Class::Upload),
    },
];

/// Every path of this service.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(Data::new(context.clone()))
            .configure(layer_routes)
            .configure(scene_routes)
            .configure(asset_routes);
    }
}

fn layer_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/api/layers")
                .get(layer::list_layers)
                .post(layer::create_layer),
        )
        .service(web::resource("/api/layers/order").put(order::reorder_layers))
        .service(web::resource("/api/layers/batch").post(batch::change_layers))
        .service(web::resource("/api/layers/undo").post(history::undo_layers))
        .service(web::resource("/api/layers/redo").post(history::redo_layers))
        .service(web::resource("/api/layers/history").get(history::list_history))
        .service(web::resource("/api/layers/copy").post(copy::copy_layers))
        .service(
            web::resource("/api/layers/{id}")
                .get(layer::read_layer)
                .patch(layer::update_layer)
                .delete(layer::delete_layer),
        )
        .service(web::resource("/api/layers/{id}/ingest").get(ingest::read_ingest))
        .service(web::resource("/api/layers/{id}/ingest/rotate").post(ingest::rotate_ingest_key))
        .service(web::resource("/api/layers/{id}/duplicate").post(copy::duplicate_layer))
        .service(web::resource("/api/layers/{id}/playback").post(playback::command_playback))
        .service(
            web::resource("/api/groups")
                .get(group::list_groups)
                .post(group::create_group),
        )
        .service(
            web::resource("/api/groups/{id}")
                .get(group::read_group)
                .patch(group::update_group)
                .delete(group::delete_group),
        )
        .service(web::resource("/api/groups/{id}/duplicate").post(group::duplicate_group))
        .service(
            web::resource("/api/templates")
                .get(template::list_templates)
                .post(template::save_template),
        )
        .service(
            web::resource("/api/templates/{name}")
                .post(template::use_template)
                .delete(template::delete_template),
        )
        .service(
            web::resource("/api/variables")
                .get(variable::read_variables)
                .put(variable::replace_variables)
                .patch(variable::update_variables),
        );
}

fn scene_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/api/scenes")
                .get(scene::list_scenes)
                .post(scene::create_scene),
        )
        .service(web::resource("/api/scenes/import").post(scene_file::import_scene))
        .service(web::resource("/api/scenes/order").put(scene::reorder_scenes))
        .service(
            web::resource("/api/scenes/{id}")
                .get(scene::read_scene)
                .patch(scene::update_scene)
                .delete(scene::delete_scene),
        )
        .service(
            web::resource("/api/scenes/{id}/draft")
                .get(draft::read_draft)
                .post(draft::begin_draft)
                .delete(draft::discard_draft),
        )
        .service(web::resource("/api/scenes/{id}/draft/apply").post(draft::apply_draft))
        .service(web::resource("/api/scenes/{id}/export").get(scene_file::export_scene))
        .service(web::resource("/api/scenes/{id}/duplicate").post(scene::duplicate_scene))
        .service(
            web::resource("/api/schedules")
                .get(schedule::list_schedules)
                .post(schedule::create_schedule),
        )
        .service(web::resource("/api/schedules/{id}").delete(schedule::cancel_schedule));
}

fn asset_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/api/assets")
                .get(asset::list_assets)
                .post(asset::upload_asset),
        )
        // Before assets: it is not the name of one.
        .service(
            web::resource("/api/assets/uploads")
                .wrap(DefaultHeaders::new().add((TUS_RESUMABLE, VERSION)))
                .post(resumable::begin_upload)
                .route(web::method(Method::OPTIONS).to(resumable::describe_uploads)),
        )
        .service(
            web::resource("/api/assets/uploads/{id}")
                .wrap(DefaultHeaders::new().add((TUS_RESUMABLE, VERSION)))
                .route(web::head().to(resumable::read_upload))
                .patch(resumable::continue_upload)
                .delete(resumable::cancel_upload),
        )
        .service(
            web::resource("/api/assets/{id}")
                .get(asset::read_asset)
                .delete(asset::delete_asset),
        )
        .service(web::resource("/api/assets/{id}/content").get(content::read_asset_content))
        .service(web::resource("/api/assets/{id}/thumbnail").get(thumbnail::read_asset_thumbnail));
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "layer-service",
        description = "Scenes, layers and uploaded files."
    ),
    paths(
        layer::list_layers,
        layer::create_layer,
        layer::read_layer,
        layer::update_layer,
        layer::delete_layer,
        ingest::read_ingest,
        ingest::rotate_ingest_key,
        playback::command_playback,
        copy::duplicate_layer,
        copy::copy_layers,
        group::list_groups,
        group::create_group,
        group::read_group,
        group::update_group,
        group::delete_group,
        group::duplicate_group,
        order::reorder_layers,
        batch::change_layers,
        history::undo_layers,
        history::redo_layers,
        history::list_history,
        template::list_templates,
        template::save_template,
        template::use_template,
        template::delete_template,
        variable::read_variables,
        variable::replace_variables,
        variable::update_variables,
        scene::list_scenes,
        scene::create_scene,
        scene::read_scene,
        scene::update_scene,
        scene::delete_scene,
        scene::duplicate_scene,
        scene::reorder_scenes,
        draft::begin_draft,
        draft::read_draft,
        draft::apply_draft,
        draft::discard_draft,
        scene_file::export_scene,
        scene_file::import_scene,
        schedule::list_schedules,
        schedule::create_schedule,
        schedule::cancel_schedule,
        asset::list_assets,
        asset::upload_asset,
        resumable::describe_uploads,
        resumable::begin_upload,
        resumable::read_upload,
        resumable::continue_upload,
        resumable::cancel_upload,
        asset::read_asset,
        asset::delete_asset,
        content::read_asset_content,
        thumbnail::read_asset_thumbnail,
    ),
    tags((name = "layer-service", description = "Compose the picture."))
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
