use sm_bus::{Bus, BusConfig, Listener, Signal};
use sm_common::clock::SystemClock;
use sm_common::event::{Channel, EventType};
use sm_common::id::{InstanceId, StreamId};
use sm_test_kit::{LossyProxy, Redis};
use tokio_util::sync::CancellationToken;

use crate::commit::deleted;

async fn until_up(listener: &mut Listener) {
    while !matches!(listener.next().await.unwrap(), Signal::Up) {}
}

#[tokio::test]
async fn a_listener_hears_every_event_with_its_position() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for revision in 1..=3 {
        let traceparent = Some(parent.to_owned());
        let position = bus
            .publish(&stream, &deleted(revision), traceparent)
            .await
            .unwrap();
        let Some(Signal::Event(heard)) = listener.next().await else {
            panic!()
        };
        assert_eq!(heard.position(), position);
        assert_eq!(heard.event.kind, EventType::LayerDeleted);
        assert_eq!(heard.event.traceparent.as_deref(), Some(parent));
        assert_eq!(heard.event.source, format!("/test/{}", bus.instance()));
    }
}

#[tokio::test]
async fn a_listener_says_when_it_is_deaf_and_comes_back_by_itself() {
    let mut redis = Redis::start();
    let bus = redis.bus("test");
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    redis.kill();
    assert!(matches!(listener.next().await.unwrap(), Signal::Down));
    redis.restart();
    assert!(matches!(listener.next().await.unwrap(), Signal::Up));
    redis.freeze();
    assert!(
        matches!(listener.next().await.unwrap(), Signal::Down),
        "silence is noticed"
    );
    redis.thaw();
    assert!(matches!(listener.next().await.unwrap(), Signal::Up));
}

#[tokio::test]
async fn a_subscription_that_answers_and_hears_nothing_is_replaced() {
    let redis = Redis::start();
    let proxy = LossyProxy::start(redis.port());
    let url = format!("redis://127.0.0.1:{}/", proxy.port());
    let instance = InstanceId::generate("test");
    let bus = Bus::new(BusConfig::at(url), "test", instance, SystemClock::shared()).unwrap();
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    // Pings are answered, and nothing that is published arrives.
    proxy.lose(Some(b"\r\nmessage\r\n"));
    assert!(matches!(listener.next().await.unwrap(), Signal::Down));
    proxy.lose(None);
    until_up(&mut listener).await;
    bus.publish(&StreamId::default(), &deleted(1), None)
        .await
        .unwrap();
    assert!(matches!(listener.next().await.unwrap(), Signal::Event(_)));
}

#[tokio::test]
async fn a_subscription_is_replaced_when_its_reader_says_so() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    listener.renew();
    assert!(matches!(listener.next().await.unwrap(), Signal::Down));
    assert!(matches!(listener.next().await.unwrap(), Signal::Up));
}

#[tokio::test]
async fn a_listener_ends_with_the_process() {
    let redis = Redis::start();
    let stop = CancellationToken::new();
    let mut listener = redis.bus("test").listen(&Channel::ALL, stop.clone());
    until_up(&mut listener).await;
    stop.cancel();
    assert!(listener.next().await.is_none());
}
