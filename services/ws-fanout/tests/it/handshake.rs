use sm_common::auth::Role;
use sm_common::ws::SUBPROTOCOL_JSON;
use sm_test_kit::{Api, Socket};

use crate::harness::{World, connect, hear_close};
use crate::raw::handshake;

#[tokio::test]
async fn only_pages_of_the_own_host_and_listed_ones_may_connect() {
    let world = World::with(&[("ws.origins", "https://listed.example")]).await;
    let own = world.service.url();
    let authority = own.strip_prefix("http://").unwrap().to_owned();
    let (host, port) = authority.split_once(':').unwrap();
    for allowed in [own.as_str(), "https://listed.example"] {
        let answer = handshake(&world.service, "/ws", &[("origin", allowed)]).await;
        let _ = answer.expect(101);
    }
    for hostile in [
        format!("{own}.evil.example"),
        format!("http://evil-{authority}"),
        format!("https://{authority}"),
        format!("http://{host}"),
        "null".to_owned(),
        format!("http://{authority}@evil.example"),
        "https://LISTED.example".to_owned(),
        format!("http://{host}.:{port}"),
        "https://listеd.example".to_owned(),
    ] {
        let answer = handshake(&world.service, "/ws", &[("origin", &hostile)]).await;
        let _ = answer.expect_problem(403, "auth.origin.forbidden");
    }
}

#[tokio::test]
async fn the_proxy_says_how_the_page_was_asked_for() {
    let world = World::start().await;
    let page = "https://studio.example";
    let forwarded = [
        ("origin", page),
        ("x-forwarded-host", "studio.example"),
        ("x-forwarded-proto", "wss"),
    ];
    let _ = handshake(&world.service, "/ws", &forwarded)
        .await
        .expect(101);
    let elsewhere = World::with(&[("http.trusted_proxies", "192.0.2.0/24")]).await;
    let answer = handshake(&elsewhere.service, "/ws", &forwarded).await;
    let _ = answer.expect_problem(403, "auth.origin.forbidden");
}

#[tokio::test]
async fn our_subprotocol_or_none_is_spoken() {
    let world = World::start().await;
    let offer = |offers: &'static str| {
        let service = &world.service;
        async move { handshake(service, "/ws", &[("sec-websocket-protocol", offers)]).await }
    };
    let both = offer("graphql-ws, stream-manager.v1+json")
        .await
        .expect(101);
    assert_eq!(both.header("sec-websocket-protocol"), SUBPROTOCOL_JSON);
    let none = handshake(&world.service, "/ws", &[]).await.expect(101);
    assert_eq!(none.header("sec-websocket-protocol"), "");
    let _ = offer("graphql-ws")
        .await
        .expect_problem(400, "ws.subprotocol.unsupported");
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let world = World::start().await;
    let api = Api::new(world.service.url());
    let plain = api
        .get("/ws")
        .await
        .expect_problem(426, "ws.upgrade.required");
    assert_eq!(plain.header("sec-websocket-version"), "13");
    let old = api
        .request(reqwest::Method::GET, "/ws")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "8")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let _ = api
        .send(old)
        .await
        .expect_problem(426, "ws.upgrade.required");
    let _ = api
        .post("/ws", &serde_json::json!({}))
        .await
        .expect_problem(405, "route.method-not-allowed");
    let _ = api
        .get("/ws/echo")
        .await
        .expect_problem(404, "route.not-found");
}

#[tokio::test]
async fn what_asks_for_another_protocol_elsewhere_is_answered_as_ever() {
    let world = World::start().await;
    for path in ["/nowhere", "/ws/echo"] {
        let answer = handshake(&world.service, path, &[]).await;
        let _ = answer.expect_problem(404, "route.not-found");
    }
    let chat = handshake(&world.service, "/api/chat", &[]).await;
    let _ = chat.expect_problem(401, "auth.token.missing");
}

#[tokio::test]
async fn the_websocket_has_a_port_of_its_own_too() {
    let world = World::start().await;
    let health = Api::new(world.service.health_url())
        .get("/health")
        .await
        .expect(200);
    let sockets = health.body["listening"].as_array().unwrap();
    let own = sockets
        .iter()
        .find(|socket| socket["purpose"] == "ws")
        .unwrap();
    let url = format!("ws://{}/ws", own["address"].as_str().unwrap());
    connect(&url, &world.issuer.token(Role::Viewer)).await;
}

#[tokio::test]
async fn connections_are_limited_in_all_by_person_and_by_address() {
    let limits = [
        ("ws.connections_max", "4"),
        ("ws.connections_per_user_max", "2"),
        ("ws.connections_per_address_max", "3"),
    ];
    let world = World::with(&limits).await;
    let _first = world.socket(Role::Viewer).await;
    let second = world.socket(Role::Viewer).await;
    let token = world.issuer.token(Role::Viewer);
    let mut third = Socket::connect(&world.url(), Some(&token)).await.unwrap();
    assert_eq!(hear_close(&mut third).await, 4503);

    let _other_person = world.socket(Role::Admin).await;
    let token = world.issuer.token(Role::Operator);
    let mut same_address = Socket::connect(&world.url(), Some(&token)).await.unwrap();
    assert_eq!(hear_close(&mut same_address).await, 4503);
    for limit in ["connections-per-user", "connections-per-address"] {
        let reached = format!("sm_ws_limits_total{{limit=\"{limit}\"}}");
        world.until_metric(&reached, 1.0).await;
    }

    second.cut();
    world.until_metric("sm_ws_connections", 2.0).await;
    let _again = world.socket(Role::Viewer).await;
    let elsewhere = [("x-forwarded-for", "198.51.100.7")];
    let _ = handshake(&world.service, "/ws", &elsewhere)
        .await
        .expect(101);
}

#[tokio::test]
async fn a_full_instance_says_so_before_the_upgrade() {
    let world = World::with(&[("ws.connections_max", "1")]).await;
    let _only = world.socket(Role::Viewer).await;
    let full = handshake(&world.service, "/ws", &[]).await;
    let full = full.expect_problem(503, "service.unavailable");
    assert_eq!(full.header("retry-after"), "1");
    world
        .until_metric("sm_ws_refused_total{code=\"service.unavailable\"}", 1.0)
        .await;
}
