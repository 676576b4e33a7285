//! Small pictures of uploaded files.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use serde_json::Value;

use crate::app::{App, Upload, encoded, mp4, png};

/// The media type and the bytes of an asset's thumbnail.
async fn thumbnail(app: &App, asset: &Value) -> (String, Vec<u8>) {
    let path = format!("/api/assets/{}/thumbnail", asset["id"].as_str().unwrap());
    let answer = app.api.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(
        header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    assert!(header("cache-control").contains("immutable"));
    let media_type = header("content-type");
    (media_type, answer.bytes().await.unwrap().to_vec())
}

async fn uploaded(app: &App, name: &str, content: &[u8]) -> Value {
    app.upload(&Upload::new(name, "", content))
        .await
        .expect(201)
        .body
}

#[tokio::test]
async fn a_picture_is_shown_small_and_in_its_colours() {
    let app = App::start().await;
    let red = DynamicImage::ImageRgb8(RgbImage::from_pixel(1600, 400, Rgb([200, 10, 20])));
    for (name, format) in [("a.jpg", ImageFormat::Jpeg), ("a.webp", ImageFormat::WebP)] {
        let asset = uploaded(&app, name, &encoded(&red, format)).await;
        assert_eq!(asset["thumbnail"], "image/jpeg");
        let (media_type, bytes) = thumbnail(&app, &asset).await;
        assert_eq!(media_type, "image/jpeg");
        let small = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(small.dimensions(), (320, 80));
        let [red, green, blue] = small.get_pixel(160, 40).0;
        assert!(red > 180 && green < 40 && blue < 50, "{red} {green} {blue}");
    }
}

#[tokio::test]
async fn drawings_and_fonts_are_shown_as_well() {
    let app = App::start().await;
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="2000"><rect width="2000" height="2000" fill="#0f0"/></svg>"##;
    let asset = uploaded(&app, "a.svg", svg).await;
    let (media_type, bytes) = thumbnail(&app, &asset).await;
    assert_eq!(media_type, "image/png");
    let small = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert_eq!(small.dimensions(), (320, 160));
    assert_eq!(small.get_pixel(40, 80).0, [0, 255, 0, 255]);
    assert_eq!(small.get_pixel(280, 80).0[3], 0);

    let font = std::fs::read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").unwrap();
    let asset = uploaded(&app, "a.ttf", &font).await;
    assert_eq!(asset["family"], "DejaVu Sans");
    let (_, bytes) = thumbnail(&app, &asset).await;
    let small = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert!(small.pixels().any(|pixel| pixel.0 == [0, 0, 0, 255]));
}

#[tokio::test]
async fn what_cannot_be_seen_has_none() {
    let app = App::start().await;
    let sound = uploaded(&app, "a.mp3", b"ID3\x04\0\0\0\0\0\0").await;
    assert_eq!(sound["thumbnail"], Value::Null);
    let path = format!("/api/assets/{}/thumbnail", sound["id"].as_str().unwrap());
    let answer = app.api.get(&path).await;
    let _none = answer.expect_problem(404, "asset.thumbnail.none");
    let unknown = format!("/api/assets/{}/thumbnail", "ab".repeat(32));
    let answer = app.api.get(&unknown).await;
    let _none = answer.expect_problem(404, "asset.not-found");
}

#[tokio::test]
async fn a_thumbnail_goes_with_its_file_and_is_known_by_its_tag() {
    let app = App::start().await;
    let asset = uploaded(&app, "a.mp4", &mp4(500)).await;
    let (_, bytes) = thumbnail(&app, &asset).await;
    assert_eq!(bytes, b"a picture");
    let path = format!("/api/assets/{}/thumbnail", asset["id"].as_str().unwrap());
    let tag = format!("\"{}\"", asset["id"].as_str().unwrap());
    let request = app
        .api
        .request(Method::GET, &path)
        .header("if-none-match", tag);
    assert_eq!(app.api.send(request).await.status, 304);

    let _other = uploaded(&app, "a.png", &png(8, 8, b"")).await;
    let path = format!("/api/assets/{}", asset["id"].as_str().unwrap());
    let _deleted = app.api.delete(&path, "").await.expect(204);
    app.expect_files(1).await;
}
