use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use sm_common::clock::SystemClock;
use sm_service_kit::auth::{Authenticator, KeySource};
use sm_service_kit::config::ServiceConfig as _;
use sm_test_kit::{Api, Running, until};
use tokio_util::sync::CancellationToken;

use crate::harness::{PASSWORD, SOON, World, field, login, refresh, text, until_ready};

/// People who work while the key changes.
const PEOPLE: usize = 4;

async fn published(api: &Api) -> BTreeSet<String> {
    let jwks = api.get("/.well-known/jwks.json").await.expect(200);
    let keys = jwks
        .body
        .pointer("/keys")
        .and_then(Value::as_array)
        .unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

fn signed_by(token: &str) -> String {
    let header = jsonwebtoken::decode_header(token).unwrap();
    header.kid.unwrap()
}

/// Somebody who refreshes and calls, on both replicas in turn, and a third service that has the
/// keys from one of them. Counts what was answered; panics at the first refusal.
async fn work(
    replicas: [Api; 2],
    service: Authenticator,
    answered: Arc<AtomicUsize>,
    stop: CancellationToken,
) {
    let [here, there] = &replicas;
    let first = login(here, "admin", PASSWORD).await.expect(200);
    let mut pair = first;
    while !stop.is_cancelled() {
        let access = field(&pair, "access_token");
        for replica in &replicas {
            let me = replica.with_token(&access).get("/api/auth/me").await;
            let _believed = me.expect(200);
            answered.fetch_add(1, Ordering::Relaxed);
        }
        let proven = service.verify(&access).await;
        assert!(proven.is_ok(), "{proven:?}");
        let replica = if answered.load(Ordering::Relaxed).is_multiple_of(3) {
            here
        } else {
            there
        };
        pair = refresh(replica, &field(&pair, "refresh_token"))
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_takes_over_under_load_and_nothing_is_refused() {
    let world = World::new();
    let directory = world.path("keys");
    std::fs::create_dir(&directory).unwrap();
    let folder = text(&directory);
    let settings = [
        ("signing.directory", folder.as_str()),
        ("signing.publish_s", "3"),
        ("signing.reload_ms", "50"),
        ("signing.access_lifetime_s", "60"),
        ("auth.leeway_s", "0"),
        ("sessions.per_user_max", "100000"),
        ("http.limits.login.requests", "1000000"),
    ];
    let replicas = [world.start(&settings).await, world.start(&settings).await];
    for replica in &replicas {
        until_ready(replica).await;
    }
    let apis = replicas.each_ref().map(|replica| Api::new(replica.url()));
    let stop = CancellationToken::new();
    let service = third_service(&world, &replicas[0], &stop);
    let before = published(&apis[0]).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let people: Vec<_> = (0..PEOPLE)
        .map(|_| {
            let working = work(
                apis.clone(),
                service.clone(),
                Arc::clone(&answered),
                stop.clone(),
            );
            tokio::spawn(working)
        })
        .collect();
    until("people work", SOON, || async {
        answered.load(Ordering::Relaxed) > 20
    })
    .await;

    let new_key = world.write_key("new.pem");
    // Whole or absent, whoever looks.
    std::fs::rename(new_key, directory.join("new.pem")).unwrap();
    until("two keys overlap on both replicas", SOON, || async {
        published(&apis[0]).await.len() == 2 && published(&apis[1]).await.len() == 2
    })
    .await;
    until("the new key signs", SOON, || async {
        let pair = login(&apis[0], "admin", PASSWORD).await.expect(200);
        !before.contains(&signed_by(&field(&pair, "access_token")))
    })
    .await;
    let then = answered.load(Ordering::Relaxed);
    until("people go on working", SOON, || async {
        answered.load(Ordering::Relaxed) > then + 20
    })
    .await;
    // Its tokens have to end first, which takes the leeway that any verifier may have.
    assert!(published(&apis[0]).await.is_superset(&before));
    stop.cancel();
    for person in people {
        person.await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_leaves_the_known_ones() {
    let world = World::new();
    let directory = world.path("keys");
    std::fs::create_dir(&directory).unwrap();
    let folder = text(&directory);
    let settings = [
        ("signing.directory", folder.as_str()),
        ("signing.reload_ms", "20"),
    ];
    let service = world.start(&settings).await;
    let api = Api::new(service.url());
    let before = published(&api).await;
    std::fs::write(directory.join("broken.pem"), "no key").unwrap();
    std::fs::write(directory.join("notes.txt"), "no key either").unwrap();
    let good = world.write_key("good.pem");
    std::fs::rename(good, directory.join("good.pem")).unwrap();
    // While one of them is broken, nothing changes; afterwards the good one is taken.
    let _still = login(&api, "admin", PASSWORD).await.expect(200);
    assert_eq!(published(&api).await, before);
    std::fs::remove_file(directory.join("broken.pem")).unwrap();
    until("the good key is published", SOON, || async {
        published(&api).await.len() == 2
    })
    .await;
}

/// A service that reads the keys from a replica, as all others do.
fn third_service(world: &World, replica: &Running, stop: &CancellationToken) -> Authenticator {
    let config = world.config(&[("auth.leeway_s", "0")]);
    let url = format!("{}/.well-known/jwks.json", replica.url());
    let service = Authenticator::new(
        &config.kit().auth,
        KeySource::Url(url),
        SystemClock::shared(),
    );
    let keeping = service
        .clone()
        .keep_current(Duration::from_millis(200), stop.clone());
    tokio::spawn(keeping);
    service
}
