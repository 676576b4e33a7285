use reqwest::Method;
use sm_test_kit::Answer;

use crate::app::{App, Upload, mp4};

/// A video of 1024 bytes, and where its content is.
async fn video(app: &App) -> (Vec<u8>, String) {
    let video = mp4(1_000);
    let asset = app.upload(&Upload::new("a.mp4", "video/mp4", &video)).await;
    let asset = asset.expect(201).body;
    let id = asset["id"].as_str().unwrap();
    (video, format!("/api/assets/{id}/content"))
}

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> (Answer, Vec<u8>) {
    let mut request = app.api.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.unwrap().to_vec();
    let answer = Answer {
        status,
        headers,
        body: serde_json::Value::Null,
        text: String::new(),
    };
    (answer, bytes)
}

#[tokio::test]
async fn content_is_handed_out_as_it_came_and_never_as_a_page() {
    let app = App::start().await;
    let (video, path) = video(&app).await;
    let (answer, bytes) = get(&app, &path, &[]).await;
    assert_eq!((answer.status.as_u16(), bytes), (200, video));
    assert_eq!(answer.header("content-type"), "video/mp4");
    assert_eq!(answer.header("content-length"), "1024");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(
        answer.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    let tag = answer.header("etag").to_owned();
    let (same, bytes) = get(&app, &path, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), bytes.len()), (304, 0));
}

#[tokio::test]
async fn a_part_is_handed_out_where_it_is_asked_for() {
    let app = App::start().await;
    let (video, path) = video(&app).await;
    for (range, part, shown) in [
        ("bytes=0-99", &video[..100], "bytes 0-99/1024"),
        ("bytes=1000-", &video[1000..], "bytes 1000-1023/1024"),
        ("bytes=-24", &video[1000..], "bytes 1000-1023/1024"),
        ("bytes=1000-9999", &video[1000..], "bytes 1000-1023/1024"),
    ] {
        let (answer, bytes) = get(&app, &path, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(bytes, part, "{range}");
        assert_eq!(answer.header("content-range"), shown);
    }
    for whole in [
        "bytes=2000-",
        "bytes=9-3",
        "bytes=0-1,5-6",
        "lines=1-2",
        "bytes",
    ] {
        let (answer, bytes) = get(&app, &path, &[("range", whole)]).await;
        assert_eq!(
            (answer.status.as_u16(), bytes.len()),
            (200, 1024),
            "{whole}"
        );
    }
    let stale = [("range", "bytes=0-9"), ("if-range", "\"other\"")];
    let (answer, _) = get(&app, &path, &stale).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn content_that_nobody_uploaded_is_not_found() {
    let app = App::start().await;
    let path = format!("/api/assets/{}/content", "ab".repeat(32));
    let answer = app.api.get(&path).await;
    let _missing = answer.expect_problem(404, "asset.not-found");
    for id in ["..%2f..%2fetc%2fpasswd", "AB", &"g".repeat(64)] {
        let answer = app.api.get(&format!("/api/assets/{id}/content")).await;
        let _refused = answer.expect_problem(400, "request.path.invalid");
    }
}
