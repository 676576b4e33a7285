//! Uploads that are wrong, cut, too large or hostile: a clear answer, and nothing kept.

use reqwest::Method;
use serde_json::json;
use sm_test_kit::{Answer, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{App, BOUNDARY, END, LIMIT, Upload, content_type, mp4, png, png_header, pointers};

async fn nothing_is_kept(app: &App) {
    app.expect_files(0).await;
    assert_eq!(app.api.get("/api/assets").await.body, json!([]));
}

#[tokio::test]
async fn what_is_neither_picture_video_sound_nor_font_is_refused() {
    let app = App::start().await;
    let zip_bomb = [b"PK\x03\x04".as_slice(), &[0; 500]].concat();
    let cases: [(&str, &[u8]); 6] = [
        ("an empty file", b""),
        ("text", b"just text"),
        ("a page", b"<!doctype html><script>alert(1)</script>"),
        ("an archive", &zip_bomb),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
        ("garbage", &[0x5a; 10_000]),
    ];
    for (what, content) in cases {
        let answer = app.upload(&Upload::new("a.png", "", content)).await;
        let refused = answer.expect_problem(415, "asset.type.unsupported");
        assert!(refused.text.contains("PNG"), "{what}: {}", refused.text);
    }
    nothing_is_kept(&app).await;
}

/// A drawing may carry a script; no browser runs it.
#[tokio::test]
async fn a_drawing_is_served_to_nobody_who_would_run_what_is_in_it() {
    let app = App::start().await;
    let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let upload = Upload::new("a.svg", "image/svg+xml", drawing);
    let asset = app.upload(&upload).await.expect(201).body;
    let path = format!("/api/assets/{}/content", asset["id"].as_str().unwrap());
    let content = app.api.get(&path).await.expect(200);
    assert_eq!(content.header("content-type"), "image/svg+xml");
    assert_eq!(
        content.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    assert_eq!(content.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_file_that_is_not_what_it_says_is_refused() {
    let app = App::start().await;
    let image = png(8, 8, b"");
    let video = mp4(100);
    for (media_type, content) in [
        ("image/jpeg", &image),
        ("video/mp4", &image),
        ("text/html", &image),
        ("image/png", &video),
    ] {
        let answer = app.upload(&Upload::new("a", media_type, content)).await;
        let refused = answer.expect_problem(415, "asset.type.unsupported");
        assert!(refused.text.contains(media_type), "{}", refused.text);
    }
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn a_picture_that_would_not_fit_into_memory_is_refused_by_its_header() {
    let app = App::start().await;
    for (width, height) in [
        (30_000, 30_000),
        (8_193, 1),
        (8_192, 8_192),
        (u32::MAX, u32::MAX),
    ] {
        let image = png_header(width, height);
        let answer = app.upload(&Upload::new("a.png", "image/png", &image)).await;
        let _refused = answer.expect_problem(422, "asset.dimensions.too-large");
    }
    for (what, image) in [
        ("no pixels", png_header(0, 10)),
        ("half a header", png(8, 8, b"")[..18].to_vec()),
        ("no header", b"\x89PNG\r\n\x1a\n".to_vec()),
        (
            "a JPEG without a frame",
            b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(),
        ),
        ("half a WebP", b"RIFF\x10\0\0\0WEBPVP8 ".to_vec()),
    ] {
        let answer = app.upload(&Upload::new("a", "", &image)).await;
        assert_eq!(answer.status, 415, "{what}: {}", answer.text);
    }
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn a_name_that_is_a_path_is_refused() {
    let app = App::start().await;
    let image = png(8, 8, b"");
    let long = "x".repeat(256);
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        "C:\\\\evil.png",
        "a/b.png",
        &long,
    ] {
        let answer = app.upload(&Upload::new(name, "image/png", &image)).await;
        let refused = answer.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), ["/file"], "{name}");
    }
    let upload = Upload::new("a\u{1}b.png", "image/png", &image);
    let answer = app.upload(&upload).await;
    let _refused = answer.expect_problem(400, "request.body.invalid");
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn a_form_has_one_file_and_nothing_else() {
    let app = App::start().await;
    let image = png(8, 8, b"");
    let file = Upload::new("a.png", "image/png", &image);
    let note = Upload {
        field: "note",
        ..Upload::new("a.txt", "text/plain", b"hello")
    };
    let end = END.as_bytes();
    let cases = [
        ("no member", end.to_vec()),
        ("another member", [&note.part(), end].concat()),
        (
            "one too many",
            [&file.part(), note.part().as_slice(), end].concat(),
        ),
        (
            "twice",
            [&file.part(), file.part().as_slice(), end].concat(),
        ),
    ];
    for (what, form) in cases {
        let answer = app.post_form(form).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        let _refused = answer.expect_problem(400, "request.body.invalid");
    }
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let app = App::start().await;
    let image = png(8, 8, b"");
    let form = Upload::new("a.png", "image/png", &image).form();
    let send = |media_type: &'static str, body: Vec<u8>| {
        let request = app.api.request(Method::POST, "/api/assets");
        app.api
            .send(request.header("content-type", media_type).body(body))
    };
    for media_type in ["image/png", "application/json", "nonsense"] {
        let refused = send(media_type, image.clone()).await;
        let _refused = refused.expect_problem(415, "request.media-type.unsupported");
    }
    let refused = send("multipart/form-data", form).await;
    let _refused = refused.expect_problem(400, "request.body.invalid");
    for (what, body) in [
        ("nothing", Vec::new()),
        ("another boundary", b"--other\r\n\r\n--other--\r\n".to_vec()),
        (
            "no disposition",
            format!("--{BOUNDARY}\r\n\r\nx\r\n{END}").into_bytes(),
        ),
        (
            "endless headers",
            format!("--{BOUNDARY}\r\n{}", "x: y\r\n".repeat(20_000)).into_bytes(),
        ),
    ] {
        let answer = app.post_form(body).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    }
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn a_form_without_its_end_was_cut() {
    let app = App::start().await;
    let video = mp4(50_000);
    let form = Upload::new("a.mp4", "video/mp4", &video).form();
    // Inside the file, inside the last boundary, and after a complete file without the form's end.
    for kept in [30_000, form.len() - 12, form.len() - END.len()] {
        let answer = app.post_form(form[..kept].to_vec()).await;
        assert_eq!(answer.status, 400, "{kept}: {}", answer.text);
    }
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_refused_announced_or_not() {
    let app = App::with(&[("assets.file_bytes_max", "100000")]).await;
    let video = mp4(1_000_000);
    let answer = app.upload(&Upload::new("a.mp4", "video/mp4", &video)).await;
    let _refused = answer.expect_problem(413, "asset.too-large");
    // Without a length the limit is met on the way.
    let form = Upload::new("a.mp4", "video/mp4", &video).form();
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = form
        .chunks(10_000)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    let request = app
        .api
        .request(Method::POST, "/api/assets")
        .header("content-type", content_type())
        .body(reqwest::Body::wrap_stream(futures_util::stream::iter(
            pieces,
        )));
    let _refused = app
        .api
        .send(request)
        .await
        .expect_problem(413, "asset.too-large");
    nothing_is_kept(&app).await;
}

/// An upload by hand: head, and the first part of a form that never ends.
async fn begin(app: &App, form: &[u8], announced: usize) -> TcpStream {
    let address = app.service.kit().http_address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = app.issuer.token(sm_common::auth::Role::Operator);
    let head = format!(
        "POST /api/assets HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
         content-type: {}\r\ncontent-length: {announced}\r\n\r\n",
        content_type()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(form).await.unwrap();
    stream
}

async fn answer_of(mut stream: TcpStream) -> String {
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(LIMIT, stream.read(&mut answer));
    let count = read.await.expect("an answer").unwrap();
    answer.truncate(count);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing_behind() {
    let app = App::start().await;
    let video = mp4(600_000);
    let form = Upload::new("a.mp4", "video/mp4", &video).form();
    let stream = begin(&app, &form[..500_000], form.len()).await;
    app.expect_files(1).await;
    drop(stream);
    nothing_is_kept(&app).await;
    let _kept = app.post_form(form).await.expect(201);
}

#[tokio::test]
async fn a_sender_that_falls_silent_is_not_waited_for() {
    let app = App::with(&[("assets.idle_timeout_s", "1")]).await;
    let form = Upload::new("a.mp4", "video/mp4", &mp4(600_000)).form();
    let stream = begin(&app, &form[..400_000], form.len()).await;
    let answer = answer_of(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request.body.timeout"), "{answer}");
    nothing_is_kept(&app).await;
}

#[tokio::test]
async fn only_so_many_uploads_are_taken_at_a_time() {
    let app = App::with(&[("assets.uploads_max", "1")]).await;
    let video = mp4(600_000);
    let form = Upload::new("a.mp4", "video/mp4", &video).form();
    let slow = begin(&app, &form[..500_000], form.len()).await;
    app.expect_files(1).await;
    let image = png(8, 8, b"");
    let refused = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let refused = refused.expect_problem(429, "rate.limited");
    assert_eq!(refused.header("retry-after"), "1");
    drop(slow);
    until("there is room again", LIMIT, || async {
        let upload = Upload::new("a.png", "image/png", &image);
        matches!(app.upload(&upload).await, Answer { status, .. } if status == 201)
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_redis_does_not_survive_leaves_nothing_behind() {
    let mut app = App::start().await;
    let form = Upload::new("a.mp4", "video/mp4", &mp4(600_000)).form();
    let (first, rest) = form.split_at(500_000);
    let mut stream = begin(&app, first, form.len()).await;
    app.expect_files(1).await;
    app.redis.kill();
    stream.write_all(rest).await.unwrap();
    let answer = answer_of(stream).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    app.expect_files(0).await;
}
