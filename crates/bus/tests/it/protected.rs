//! A Redis that is reached with TLS, and that knows its users.

use std::path::{Path, PathBuf};
use std::process::Command;

use sm_bus::{Bus, BusConfig, redis};
use sm_common::clock::SystemClock;
use sm_common::id::InstanceId;
use sm_test_kit::Redis;

fn bus(config: BusConfig) -> Bus {
    let instance = InstanceId::generate("one");
    Bus::new(config, "one", instance, SystemClock::shared()).unwrap()
}

/// A certificate of its own for 127.0.0.1, and its key.
fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (directory.join("server.crt"), directory.join("server.key"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (certificate, key)
}

#[tokio::test]
async fn redis_is_reached_with_tls_where_its_certificate_is_believed() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path());
    let redis = Redis::start_with_tls(&certificate, &key);
    let believed = bus(BusConfig {
        ca_file: certificate,
        timeout_ms: 10_000,
        ..BusConfig::at(redis.tls_url())
    });
    let answer: i64 = believed.query(redis::cmd("INCR").arg("a")).await.unwrap();
    assert_eq!(answer, 1);
    let stranger = bus(BusConfig::at(redis.tls_url()));
    let refused = stranger.ping().await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
}

/// A user is in the address, and its password in a file. What it may not do is refused as what cannot
/// be done now, never as a fault.
#[tokio::test]
async fn a_service_is_a_user_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let password_file = directory.path().join("password");
    std::fs::write(&password_file, "its-own-password\n").unwrap();
    let redis = Redis::start();
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("analytics").arg("on");
    user.arg(">its-own-password").arg("~sm:*");
    user.arg("+@all").arg("-@dangerous").arg("+info");
    let _ok: String = redis.bus("admin").query(&user).await.unwrap();
    let url = redis.url().replacen("redis://", "redis://analytics@", 1);
    let bus = bus(BusConfig {
        password_file,
        ..BusConfig::at(url)
    });
    let written: i64 = bus.query(redis::cmd("INCR").arg("sm:a")).await.unwrap();
    assert_eq!(written, 1);
    for refused in ["FLUSHALL", "SHUTDOWN"] {
        let outcome: Result<String, _> = bus.query(&redis::cmd(refused)).await;
        assert!(outcome.unwrap_err().is_unavailable(), "{refused}");
    }
    let elsewhere: Result<i64, _> = bus.query(redis::cmd("INCR").arg("others:a")).await;
    assert!(elsewhere.unwrap_err().is_unavailable());
}
