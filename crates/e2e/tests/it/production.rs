use sm_common::event::Channel;
use sm_e2e::{Playlist, Probe, Stack, StackOptions};
use sm_test_kit::Api;

const DOMAIN: &str = "stream.example.test";

/// The production rule: another host, a base path, and everything works under it.
#[tokio::test]
async fn everything_works_under_the_production_rules_base_path() {
    let mut options = StackOptions::at("127.76");
    options.domain = DOMAIN;
    let stack = Stack::start(options);
    let viewer = stack.anonymous();
    let probe = Probe::read(
        &format!("{}/live/main/index.m3u8", stack.url()),
        &format!("Host: {DOMAIN}\r\n"),
    );
    assert_eq!(probe.codecs(), ["aac", "h264"]);
    let playlist = Playlist::fetch(&viewer).await.unwrap();
    playlist.newest_segment(&viewer).await;

    let page = viewer.get("/").await.expect(200);
    assert!(
        !page.text.contains("=\"/assets"),
        "the console names its files relatively"
    );
    let admin = stack.admin().await;
    admin.get("/api/layers").await.expect(200);
    let mut socket = stack.socket(&admin).await.unwrap();
    let subscription = socket.subscribe(Channel::StreamState, None).await;
    assert!(subscription.snapshot.is_some());

    let elsewhere = Api::new(stack.entrypoint(4200));
    let status = elsewhere.get("/api/stream/state").await.status.as_u16();
    assert!(
        [404, 503].contains(&status),
        "another host is not ours: {status}"
    );
}
