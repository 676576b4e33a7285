use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sm_api_gateway::{ABOUT, own_keys, serve};
use sm_test_kit::{Api, Running};

use crate::harness::{PASSWORD, World, at, login, signed_in, text, until_ready};

#[tokio::test]
async fn of_two_replicas_that_start_together_one_makes_the_admin_and_says_it() {
    let world = World::new();
    let file = world.path("first-login");
    let path = text(&file);
    let settings = [
        ("first_admin.password", ""),
        ("first_admin.file", path.as_str()),
    ];
    let replicas = [world.launch(&settings), world.launch(&settings)];
    for replica in &replicas {
        until_ready(replica).await;
    }
    let written = std::fs::read_to_string(&file).unwrap();
    let (username, password) = written
        .strip_prefix("username: ")
        .and_then(|rest| rest.split_once("\npassword: "))
        .unwrap();
    assert_eq!(username, "admin");
    assert!(password.trim_end().len() >= 20, "{}", password.len());
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let drafts = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("first-login.")
        })
        .count();
    assert_eq!(drafts, 0);
    for replica in &replicas {
        let admin = signed_in(&Api::new(replica.url()), "admin", password.trim_end()).await;
        let users = admin.get("/api/users").await.expect(200);
        assert_eq!(users.body.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_second_start_changes_nobody() {
    let world = World::new();
    let file = text(&world.path("first-login"));
    world.start(&[]).await.stop();
    let settings = [
        ("first_admin.username", "other"),
        ("first_admin.password", ""),
        ("first_admin.file", file.as_str()),
    ];
    let again = world.start(&settings).await;
    let api = Api::new(again.url());
    let admin = signed_in(&api, "admin", PASSWORD).await;
    let users = admin.get("/api/users").await.expect(200);
    assert_eq!(at(&users, "/0/username"), "admin");
    assert_eq!(users.body.as_array().unwrap().len(), 1);
    assert!(!world.path("first-login").exists());
}

#[tokio::test]
async fn the_password_comes_from_a_file_where_one_is_given() {
    let world = World::new();
    let file = world.path("password");
    std::fs::write(&file, "from a file \n").unwrap();
    let path = text(&file);
    let service = world.start(&[("first_admin.password_file", &path)]).await;
    let _in = login(&Api::new(service.url()), "admin", "from a file ")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_first_password_that_is_too_short_stops_the_start() {
    let world = World::new();
    let config = world.config(&[("first_admin.password", "admin")]);
    let keys = own_keys(&config).unwrap().unwrap();
    let service = Running::start(ABOUT, config, keys, serve);
    let kit = service.kit().clone();
    kit.lifecycle().stopping().cancelled().await;
    let bus = world.redis.bus("test");
    let users: u64 = bus
        .query(sm_bus::redis::cmd("HLEN").arg(sm_bus::keys::USERS))
        .await
        .unwrap();
    assert_eq!(json!(users), json!(0));
}

#[tokio::test]
async fn a_gateway_that_starts_before_redis_makes_the_admin_when_it_comes() {
    let mut world = World::new();
    world.redis.kill();
    let service = world.launch(&[]);
    login(&Api::new(service.url()), "admin", PASSWORD)
        .await
        .expect_problem(503, "dependency.unavailable");
    world.redis.restart();
    until_ready(&service).await;
    let _in = login(&Api::new(service.url()), "admin", PASSWORD)
        .await
        .expect(200);
}
