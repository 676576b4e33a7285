//! Bodies that are wrong, and what they are told.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, color, path_of, pointers};

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = App::start().await;
    let layer = json!({"name": "", "kind": "text", "opacity": 1.5, "volume": -1,
        "source": {"text": "x".repeat(2001), "style": {"font": "a;b", "size": 1001}},
        "transform": {"x": 99_999, "width": -5, "height": 0}});
    let refused = app.api.post("/api/layers", &layer).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(
        pointers(&refused),
        [
            "/name",
            "/source/text",
            "/source/style/font",
            "/source/style/size",
            "/transform/x",
            "/transform/width",
            "/transform/height",
            "/opacity",
            "/volume"
        ]
    );
    let details = refused.body["errors"].as_array().unwrap().iter();
    for (index, bound) in [(4, "-16384 to 16384"), (5, "1 to 8192"), (7, "0 to 1")] {
        let detail = details.clone().nth(index).unwrap()["detail"]
            .as_str()
            .unwrap();
        assert!(detail.contains(bound), "{detail}");
    }
    assert_eq!(app.names().await, [""; 0]);
}

#[tokio::test]
async fn fields_of_the_wrong_type_and_unknown_ones_are_named_at_once() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let patch = json!({"opacity": "NaN", "visible": 1, "transform": {"x": null, "y": "0", "z": 1},
        "source": {"color": 255, "blink": null}, "rotation": null});
    let refused = app.api.patch(&path_of(&layer), "\"1\"", &patch).await;
    let refused = refused.expect_problem(400, "request.body.invalid");
    assert_eq!(
        pointers(&refused),
        [
            "/source/color",
            "/source/blink",
            "/transform/y",
            "/transform/z",
            "/opacity",
            "/visible",
            "/rotation"
        ]
    );
    for body in [json!([]), json!("layer"), json!(7), Value::Null] {
        let refused = app.api.patch(&path_of(&layer), "\"1\"", &body).await;
        let _refused = refused.expect_problem(400, "request.body.invalid");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    for text in [
        r#"{"opacity": NaN}"#,
        r#"{"opacity": -Infinity}"#,
        r#"{"opacity": 1e999}"#,
        r#"{"opacity": 01}"#,
        r#"{"opacity": 0.5, "opacity": 0.6}"#,
        r#"{"transform": {"x": 1, "x": 2}}"#,
        r#"{"opacity": 0.5"#,
        r#"{"opacity": 0.5} {}"#,
        "",
        "\u{feff}{}",
        &deep,
    ] {
        let refused = app
            .send_text(Method::PATCH, &path_of(&layer), text.to_owned())
            .await;
        let _refused = refused.expect_problem(400, "request.body.invalid");
    }
    for (text, pointer) in [
        (r#"{"opacity": 1e308}"#, "/opacity"),
        (r#"{"opacity": -0.0000001}"#, "/opacity"),
        (
            r#"{"transform": {"width": 18446744073709551615}}"#,
            "/transform/width",
        ),
        (
            r#"{"transform": {"x": -9223372036854775809}}"#,
            "/transform/x",
        ),
    ] {
        let refused = app
            .send_text(Method::PATCH, &path_of(&layer), text.to_owned())
            .await;
        let refused = refused.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), [pointer]);
    }
    let request = app.api.request(Method::POST, "/api/layers");
    let request = request
        .header("content-type", "text/plain")
        .body(color("b").to_string());
    let answer = app.api.send(request).await;
    let _refused = answer.expect_problem(415, "request.media-type.unsupported");
}

#[tokio::test]
async fn ten_megabytes_of_json_are_refused() {
    let app = App::start().await;
    let mut layer = color("a");
    layer["padding"] = json!("x".repeat(10 * 1024 * 1024));
    let refused = app
        .send_text(Method::POST, "/api/layers", layer.to_string())
        .await;
    let _refused = refused.expect_problem(413, "request.body.too-large");
    assert_eq!(app.names().await, [""; 0]);
}

#[tokio::test]
async fn a_body_made_of_mistakes_is_answered_with_a_bounded_list() {
    let app = App::start().await;
    let members = (0..5_000).map(|index| (format!("m{index}"), json!(0)));
    let refused = app
        .api
        .post("/api/layers", &Value::Object(members.collect()))
        .await;
    let refused = refused.expect_problem(400, "request.body.invalid");
    assert_eq!(pointers(&refused).len(), 100);
}

#[tokio::test]
async fn a_merge_patch_may_say_that_it_is_one() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let request = app
        .api
        .request(Method::PATCH, &path_of(&layer))
        .header("if-match", "\"1\"")
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"opacity": 0.5}"#);
    let changed = app.api.send(request).await.expect(200);
    assert_eq!(changed.body["opacity"], 0.5);
}
