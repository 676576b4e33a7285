//! Files from an object store, on the host of a worker.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sm_common::id::{AssetId, LayerId};
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_test_kit::{ObjectStore, Running};

use crate::harness::{Studio, until_true};

/// Puts a file into the bucket, as layer-service does.
fn keep(store: &ObjectStore, content: &[u8]) -> AssetId {
    let id = AssetId::from_sha256(&Sha256::digest(content).into());
    write(store, &id, content);
    id
}

fn write(store: &ObjectStore, id: &AssetId, content: &[u8]) {
    let path = store.object(&id.relative_path().display().to_string());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn engine(studio: &Studio, store: &ObjectStore, changes: &[(&str, &str)]) -> Running {
    let settings = store.settings();
    let settings = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let all: Vec<_> = settings.chain(changes.iter().copied()).collect();
    studio.engine(&all)
}

async fn show(studio: &Studio, revision: u64, assets: &[&AssetId]) {
    let layers: Vec<(LayerId, Value)> = assets
        .iter()
        .map(|asset| {
            let layer = json!({"kind": "image", "source": {"asset": asset}});
            (LayerId::generate(), layer)
        })
        .collect();
    studio.compose_of(revision, &layers).await;
}

/// The files of the newest scene that the worker was told of.
fn told(studio: &Studio) -> Vec<String> {
    let commands = studio.host.commands();
    let mut scenes = commands.iter().filter_map(|command| {
        let scene = &command["scene"];
        scene["layers"].as_array()
    });
    let newest = scenes.next_back().map_or(&[][..], Vec::as_slice);
    let path = |layer: &serde_json::Value| layer.pointer("/content/path").cloned();
    let files = newest.iter().filter_map(path);
    let files = files.filter_map(|path| path.as_str().map(str::to_owned));
    files.collect()
}

fn is_told(studio: &Studio, asset: &AssetId) -> bool {
    told(studio)
        .iter()
        .any(|path| path.ends_with(asset.as_str()))
}

fn copy(studio: &Studio, asset: &AssetId) -> Option<Vec<u8>> {
    let path = studio.host.path("assets").join(asset.relative_path());
    std::fs::read(path).ok()
}

#[tokio::test]
async fn a_scene_is_shown_when_its_files_are_on_the_host() {
    let (studio, store) = (Studio::open(), ObjectStore::start());
    store.set_holding(true);
    let _engine = engine(&studio, &store, &[("asset_copies.wait_ms", "600000")]);
    studio.compose(1, &[(LayerId::generate(), "first")]).await;
    studio.go_live().await;

    // More than is read from the store at once.
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let asset = keep(&store, &large);
    show(&studio, 2, &[&asset]).await;
    until_true("the store is asked", || store.held() > 0).await;
    // Commands do not wait for files.
    studio.desire(DesiredStatus::Paused, 1).await;
    studio.until_status(StreamStatus::Paused).await;
    studio.desire(DesiredStatus::Live, 1).await;
    studio.until_status(StreamStatus::Live).await;
    assert!(!is_told(&studio, &asset));
    store.set_holding(false);
    until_true("the scene is told", || is_told(&studio, &asset)).await;
    assert_eq!(copy(&studio, &asset).unwrap(), large);
}

#[tokio::test]
async fn what_cannot_be_had_holds_up_no_other() {
    let (studio, store) = (Studio::open(), ObjectStore::start());
    let quick = [
        ("asset_copies.wait_ms", "600000"),
        ("asset_copies.retry_ms", "50"),
        ("asset_copies.retry_max_ms", "50"),
    ];
    let _engine = engine(&studio, &store, &quick);
    studio.compose(1, &[(LayerId::generate(), "first")]).await;
    studio.go_live().await;
    let (there, content) = (keep(&store, b"there"), b"comes later");
    let missing = AssetId::from_sha256(&Sha256::digest(content).into());
    let forged = AssetId::from_sha256(&[7; 32]);
    write(&store, &forged, b"not what its name says");
    show(&studio, 2, &[&there, &missing, &forged]).await;
    until_true("the scene is told", || is_told(&studio, &missing)).await;
    assert_eq!(copy(&studio, &there).unwrap(), b"there");
    assert_eq!(copy(&studio, &missing), None);
    // The worker looks again by itself; the file comes as soon as it is kept.
    write(&store, &missing, content);
    until_true("it has come", || {
        copy(&studio, &missing).as_deref() == Some(content.as_slice())
    })
    .await;
    assert_eq!(copy(&studio, &forged), None, "its digest is another");
    let making = studio.host.path("assets").join("making");
    until_true("nothing is half made", || {
        std::fs::read_dir(&making).unwrap().count() == 0
    })
    .await;
}

#[tokio::test]
async fn what_no_scene_needs_gives_way() {
    let (studio, store) = (Studio::open(), ObjectStore::start());
    let engine = engine(&studio, &store, &[("asset_copies.bytes_max", "2500")]);
    let [first, second, third] = [1_u8, 2, 3].map(|number| keep(&store, &[number; 1000]));
    show(&studio, 1, &[&first]).await;
    studio.go_live().await;
    until_true("the first is there", || copy(&studio, &first).is_some()).await;
    show(&studio, 2, &[&second]).await;
    until_true("the second is there", || copy(&studio, &second).is_some()).await;
    until_true("it is told", || is_told(&studio, &second)).await;
    show(&studio, 3, &[&second, &third]).await;
    until_true("the third is there", || copy(&studio, &third).is_some()).await;
    assert_eq!(copy(&studio, &first), None);
    assert!(copy(&studio, &second).is_some());

    let metrics = reqwest::get(format!("{}/metrics", engine.metrics_url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    for line in [
        "sm_engine_asset_copies_bytes 2000",
        "sm_engine_asset_copies_total{outcome=\"made\"} 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    // A newer process finds them.
    drop(engine);
    store.set_away(true);
    let engine = self::engine(&studio, &store, &[]);
    let metrics = reqwest::get(format!("{}/metrics", engine.metrics_url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("sm_engine_asset_copies_bytes 2000"),
        "{metrics}"
    );
}
