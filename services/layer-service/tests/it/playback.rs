//! Commands for what layers play, and what they may follow.

use serde_json::{Value, json};

use crate::app::{App, Upload, mp4, path_of, png, pointers, tag_of};

async fn video(app: &App, source: Value) -> Value {
    let content = mp4(500);
    let upload = Upload::new("clip.mp4", "video/mp4", &content);
    let asset = app.upload(&upload).await.body["id"].clone();
    let mut source = source;
    source["asset"] = asset;
    let body = json!({"name": "Clip", "kind": "video", "source": source});
    app.api.post("/api/layers", &body).await.expect(201).body
}

#[tokio::test]
async fn a_command_stays_with_its_layer_until_it_plays_something_else() {
    let app = App::start().await;
    let layer = video(&app, json!({"loop": false, "in_ms": 500, "at_end": "hide"})).await;
    assert_eq!(layer.get("playback"), None);
    let place = path_of(&layer);
    let command = format!("{place}/playback");
    let paused = app.api.post(&command, &json!({"action": "pause"})).await;
    let paused = paused.expect(200);
    assert_eq!(paused.header("etag"), "\"2\"");
    assert_eq!(
        paused.body["playback"],
        json!({"number": 2, "action": "pause", "paused": true})
    );
    let seek = json!({"action": "seek", "position_ms": 1_500});
    let moved = app.api.post(&command, &seek).await.expect(200);
    assert_eq!(
        moved.body["playback"],
        json!({"number": 3, "action": "seek", "paused": true, "position_ms": 1_500})
    );
    // A lock keeps what the layer is, and not what it plays.
    let locked = json!({"locked": true});
    let locked = app.api.patch(&place, "\"3\"", &locked).await.expect(200);
    assert_eq!(locked.body["playback"], moved.body["playback"]);
    let played = app.api.post(&command, &json!({"action": "play"})).await;
    assert_eq!(played.expect(200).body["playback"]["paused"], false);

    let batch = json!({"operations": [
        {"op": "playback", "id": layer["id"], "command": {"action": "restart"}},
        {"op": "update", "id": layer["id"], "patch": {"locked": false}},
    ]});
    let answer = app.api.post("/api/layers/batch", &batch).await.expect(200);
    let results = &answer.body["results"];
    assert_eq!(results[0]["changed"], json!(["/playback"]));
    assert_eq!(results[1]["layer"]["playback"]["action"], "restart");

    let content = mp4(900);
    let other = Upload::new("other.mp4", "video/mp4", &content);
    let other = app.upload(&other).await.body["id"].clone();
    let patch = json!({"source": {"asset": other}});
    let current = app.api.get(&place).await.expect(200).body;
    let changed = app.api.patch(&place, &tag_of(&current), &patch).await;
    assert_eq!(changed.expect(200).body.get("playback"), None);
}

#[tokio::test]
async fn commands_that_make_no_sense_are_refused() {
    let app = App::start().await;
    let color = app.create("Background").await;
    let place = format!("{}/playback", path_of(&color));
    let refused = app.api.post(&place, &json!({"action": "play"})).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/action"]);

    let clip = video(&app, json!({})).await;
    let place = format!("{}/playback", path_of(&clip));
    for (body, pointer) in [
        (json!({"action": "seek"}), "/position_ms"),
        (
            json!({"action": "seek", "position_ms": 604_800_001_u64}),
            "/position_ms",
        ),
        (json!({"action": "play", "position_ms": 1}), "/position_ms"),
        (json!({"action": "fast-forward"}), "/action"),
        (json!({"action": "play", "rate": 2}), "/rate"),
        (json!({}), "/action"),
    ] {
        let refused = app.api.post(&place, &body).await;
        assert!(refused.status.is_client_error(), "{body}");
        assert_eq!(pointers(&refused), [pointer], "{body}");
    }
    let nobody = "/api/layers/00000000-0000-7000-8000-000000000000/playback";
    let missing = app.api.post(nobody, &json!({"action": "play"})).await;
    let _missing = missing.expect_problem(404, "layer.not-found");
}

#[tokio::test]
async fn what_follows_is_another_layer_of_the_scene_and_of_its_copy() {
    let app = App::start().await;
    let first = video(&app, json!({})).await;
    let second = video(&app, json!({})).await;
    let place = path_of(&first);
    for next in [&first["id"], &json!("00000000-0000-7000-8000-000000000000")] {
        let patch = json!({"source": {"loop": false, "at_end": "next", "next": next}});
        let refused = app.api.patch(&place, "\"1\"", &patch).await;
        let refused = refused.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), ["/source/next"]);
    }
    let patch = json!({"source": {"loop": false, "at_end": "next", "next": second["id"]}});
    let _patched = app.api.patch(&place, "\"1\"", &patch).await.expect(200);

    let copy = format!("/api/scenes/{}/duplicate", first["scene"].as_str().unwrap());
    let copy = app.api.post(&copy, &json!({})).await.expect(201).body;
    let list = format!("/api/layers?scene={}", copy["id"].as_str().unwrap());
    let layers = app.api.get(&list).await.expect(200).body["layers"].clone();
    assert_eq!(layers[0]["source"]["next"], layers[1]["id"]);
    assert_ne!(layers[1]["id"], second["id"]);
}

#[tokio::test]
async fn a_list_plays_files_of_several_kinds_and_keeps_them() {
    let app = App::start().await;
    let (clip, still) = (mp4(500), png(8, 8, b""));
    let clip = app.upload(&Upload::new("a.mp4", "video/mp4", &clip)).await;
    let still = app.upload(&Upload::new("b.png", "image/png", &still)).await;
    let [clip, still] = [clip, still].map(|answer| answer.body["id"].clone());
    let list =
        |items: Value| json!({"name": "List", "kind": "playlist", "source": {"items": items}});
    let missing = list(json!([{"asset": clip}, {"asset": "ab".repeat(32)}]));
    let refused = app.api.post("/api/layers", &missing).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/source/items/1/asset"]);

    let whole = list(json!([{"asset": clip}, {"asset": still, "duration_ms": 5000}]));
    let layer = app.api.post("/api/layers", &whole).await.expect(201).body;
    for asset in [&clip, &still] {
        let path = format!("/api/assets/{}", asset.as_str().unwrap());
        let refused = app.api.delete(&path, "").await;
        drop(refused.expect_problem(409, "asset.in-use"));
    }
    let command = format!("{}/playback", path_of(&layer));
    let paused = app.api.post(&command, &json!({"action": "pause"})).await;
    drop(paused.expect(200));
    let to_the_still = json!({"action": "goto", "item": 1});
    let moved = app.api.post(&command, &to_the_still).await.expect(200);
    assert_eq!(
        moved.body["playback"],
        json!({"number": 3, "action": "goto", "paused": true, "item": 1})
    );
    let unknown = json!({"source": {"items": [{"asset": "ab".repeat(32)}]}});
    let refused = app.api.patch(&path_of(&layer), "\"3\"", &unknown).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/source/items/0/asset"]);
    // An edited list goes on as it did.
    let edited = json!({"source": {"items": [{"asset": still}]}});
    let edited = app.api.patch(&path_of(&layer), "\"3\"", &edited).await;
    assert_eq!(edited.expect(200).body["playback"]["paused"], true);

    let alone = video(&app, json!({})).await;
    let command = format!("{}/playback", path_of(&alone));
    let refused = app.api.post(&command, &json!({"action": "next"})).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/action"]);
}
