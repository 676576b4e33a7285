//! What operators see: health, metrics, the document.

use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Api, until};

use crate::app::{App, LIMIT, path_of};

#[tokio::test]
async fn changes_and_conflicts_are_counted() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let patch = json!({"opacity": 0.5});
    let place = path_of(&layer);
    let _changed = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
    let _deleted = app.api.delete(&place, "\"2\"").await.expect(204);
    let metrics = Api::new(app.service.metrics_url()).get("/metrics").await;
    for line in [
        "sm_layers_changes_total{operation=\"create\"} 1",
        "sm_layers_changes_total{operation=\"update\"} 1",
        "sm_layers_changes_total{operation=\"delete\"} 1",
        "sm_layers_conflicts_total 0",
        "sm_assets_uploads_in_progress 0",
    ] {
        assert!(metrics.text.contains(line), "{line}: {}", metrics.text);
    }
}

#[tokio::test]
async fn a_service_without_redis_stays_reachable_and_says_what_is_missing() {
    let mut app = App::start().await;
    let health = Api::new(app.service.health_url());
    app.redis.kill();
    until("degraded", LIMIT, || async {
        health.get("/health/ready").await.expect(200).body["status"] == "degraded"
    })
    .await;
    let _alive = health.get("/health/live").await.expect(200);
    app.redis.restart();
    until("whole again", LIMIT, || async {
        health.get("/health/ready").await.expect(200).body["status"] == "ready"
    })
    .await;
}

#[tokio::test]
async fn a_process_that_ends_finishes_what_it_has_begun() {
    let app = App::start().await;
    let api = app.api.clone();
    let layer = app.create("a").await;
    let App { service, .. } = app;
    service.stop();
    let place = path_of(&layer);
    let gone = api.request(Method::GET, &place).send().await;
    assert!(gone.is_err());
}

#[test]
fn the_document_names_every_route() {
    let document = serde_json::to_value(sm_layer_service::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut operations: Vec<&str> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    operations.sort_unstable();
    assert_eq!(
        operations,
        [
            "apply_draft",
            "begin_draft",
            "begin_upload",
            "cancel_schedule",
            "cancel_upload",
            "change_layers",
            "command_playback",
            "continue_upload",
            "copy_layers",
            "create_group",
            "create_layer",
            "create_scene",
            "create_schedule",
            "delete_asset",
            "delete_group",
            "delete_layer",
            "delete_scene",
            "delete_template",
            "describe_uploads",
            "discard_draft",
            "duplicate_group",
            "duplicate_layer",
            "duplicate_scene",
            "export_scene",
            "import_scene",
            "list_assets",
            "list_groups",
            "list_history",
            "list_layers",
            "list_scenes",
            "list_schedules",
            "list_templates",
            "read_asset",
            "read_asset_content",
            "read_asset_thumbnail",
            "read_draft",
            "read_group",
            "read_ingest",
            "read_layer",
            "read_scene",
            "read_upload",
            "read_variables",
            "redo_layers",
            "reorder_layers",
            "reorder_scenes",
            "replace_variables",
            "rotate_ingest_key",
            "save_template",
            "undo_layers",
            "update_group",
            "update_layer",
            "update_scene",
            "update_variables",
            "upload_asset",
            "use_template",
        ]
    );
    let list: &Value = &document["paths"]["/api/layers"]["get"]["responses"]["200"];
    assert!(list.to_string().contains("LayerList"), "{list}");
}
