use reqwest::Method;
use sm_test_kit::Answer;

use crate::harness::{Gateway, World, at, text};

const POLICY_PARTS: [&str; 12] = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
];

/// A gateway that serves a small console from a folder.
async fn with_folder() -> Gateway {
    let world = World::new();
    let folder = world.path("console");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for (name, content) in [
        ("index.html", "<!doctype html><title>console</title>"),
        ("version.json", r#"{"console":"9.9+test"}"#),
        ("favicon.svg", "<svg/>"),
        ("assets/app-1.js", "plain"),
        ("assets/app-1.js.br", "brotli"),
        ("assets/app-1.js.gz", "gzip"),
        ("assets/logo-1.png", "png"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let service = world.start(&[("console.directory", &text(&folder))]).await;
    Gateway { world, service }
}

fn assert_careful(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    for part in POLICY_PARTS {
        assert!(
            policy.split("; ").any(|found| found == part),
            "{part} in {policy}"
        );
    }
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
}

#[tokio::test]
async fn there_is_a_page_whether_or_not_the_console_was_built() {
    let gateway = Gateway::start(&[]).await;
    let page = gateway.anonymous().get("/").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_careful(&page);
    let version = gateway.anonymous().get("/version.json").await.expect(200);
    assert_eq!(at(&version, "/api"), env!("CARGO_PKG_VERSION"));
    assert!(version.body.get("console").is_some());
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_in_the_best_encoding() {
    let gateway = with_folder().await;
    let api = gateway.anonymous();
    for (accepted, encoding, content) in [
        ("gzip, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("identity", "", "plain"),
    ] {
        let request = api
            .request(Method::GET, "/assets/app-1.js")
            .header("accept-encoding", accepted);
        let file = api.send(request).await.expect(200);
        assert_eq!(file.header("content-encoding"), encoding);
        assert_eq!(file.text, content);
        assert_eq!(file.header("vary"), "Accept-Encoding");
        assert_eq!(
            file.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(
            file.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_careful(&file);
    }
    let picture = api.get("/assets/logo-1.png").await.expect(200);
    assert_eq!(picture.header("content-type"), "image/png");
}

#[tokio::test]
async fn the_page_is_asked_about_every_time_and_sent_when_it_changed() {
    let gateway = with_folder().await;
    let api = gateway.anonymous();
    let page = api.get("/").await.expect(200);
    let tag = page.header("etag").to_owned();
    let ask = || {
        let request = api.request(Method::GET, "/").header("if-none-match", &tag);
        api.send(request)
    };
    let unchanged = ask().await.expect(304);
    assert_eq!(
        (unchanged.text.as_str(), unchanged.header("etag")),
        ("", tag.as_str())
    );

    let index = gateway.world.path("console").join("index.html");
    std::fs::write(index, "<!doctype html><title>newer</title>").unwrap();
    let changed = ask().await.expect(200);
    assert!(changed.text.contains("newer"));
}

#[tokio::test]
async fn paths_of_the_console_are_its_own_to_read() {
    let gateway = with_folder().await;
    let api = gateway.anonymous();
    for path in ["/layers", "/layers/a/b", "/chat/"] {
        let page = api.get(path).await.expect(200);
        assert!(page.text.contains("<title>console"), "{path}");
    }
    let head = api.send(api.request(Method::HEAD, "/")).await.expect(200);
    assert_eq!(head.text, "");
    let version = api.get("/version.json").await.expect(200);
    assert_eq!(at(&version, "/console"), "9.9+test");
}

#[tokio::test]
async fn what_is_nowhere_is_a_problem_and_never_a_page() {
    let gateway = with_folder().await;
    let api = gateway.anonymous();
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/auth",
        "/live/main/index",
        "/assets/missing.js",
        "/..%2fsigning.pem",
        "/%2e%2e/signing.pem",
        "/assets/%2e%2e/%2e%2e/signing.pem",
    ] {
        let answer = api.get(path).await.expect_problem(404, "route.not-found");
        assert_careful(&answer);
    }
    let post = |path| api.send(api.request(Method::POST, path));
    post("/layers")
        .await
        .expect_problem(405, "route.method-not-allowed");
    post("/api/nothing")
        .await
        .expect_problem(404, "route.not-found");
    post("/api/health")
        .await
        .expect_problem(405, "route.method-not-allowed");
}
