use std::time::Duration;

use sm_bus::{Bus, Lease, LeaseOutcome};
use sm_common::id::StreamId;
use sm_test_kit::{Redis, until_some};

const LONG: Duration = Duration::from_mins(1);

async fn hold(bus: &Bus, held: Option<Lease>, url: &str, ttl: Duration) -> LeaseOutcome {
    bus.hold(&StreamId::default(), held, "host", url, ttl)
        .await
        .unwrap()
}

#[tokio::test]
async fn one_process_holds_a_stream_until_it_gives_it_back() {
    let redis = Redis::start();
    let (a, b) = (redis.bus("a"), redis.bus("b"));
    let LeaseOutcome::Held(lease) = hold(&a, None, "http://a", LONG).await else {
        panic!()
    };
    let LeaseOutcome::Taken(holder) = hold(&b, None, "http://b", LONG).await else {
        panic!()
    };
    assert_eq!(
        (&holder.instance, holder.url.as_str()),
        (a.instance(), "http://a")
    );
    assert_eq!(
        hold(&a, Some(lease), "http://a", LONG).await,
        LeaseOutcome::Held(lease)
    );

    a.release(&StreamId::default(), lease).await.unwrap();
    let LeaseOutcome::Held(next) = hold(&b, None, "http://b", LONG).await else {
        panic!()
    };
    assert!(next > lease, "every new holder has a newer token");
    a.release(&StreamId::default(), lease).await.unwrap();
    let holder = b.lease_holder(&StreamId::default()).await.unwrap().unwrap();
    assert_eq!(
        holder.token, next.token,
        "an old holder cannot give back what it lost"
    );
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_goes_to_another() {
    let redis = Redis::start();
    let (a, b) = (redis.bus("a"), redis.bus("b"));
    let LeaseOutcome::Held(old) = hold(&a, None, "http://a", Duration::from_millis(50)).await
    else {
        panic!()
    };
    let next = until_some("the lease runs out", Duration::from_secs(5), || async {
        match hold(&b, None, "http://b", LONG).await {
            LeaseOutcome::Held(lease) => Some(lease),
            LeaseOutcome::Taken(_) => None,
        }
    })
    .await;
    assert!(next > old);
    let LeaseOutcome::Taken(holder) = hold(&a, Some(old), "http://a", LONG).await else {
        panic!()
    };
    assert_eq!(
        holder.token, next.token,
        "the old holder learns the newer token"
    );
}

#[tokio::test]
async fn a_successor_on_the_holders_address_takes_over_at_once() {
    let redis = Redis::start();
    let (dead, successor) = (redis.bus("a"), redis.bus("a"));
    let LeaseOutcome::Held(old) = hold(&dead, None, "http://a", LONG).await else {
        panic!()
    };
    let LeaseOutcome::Held(new) = hold(&successor, None, "http://a", LONG).await else {
        panic!()
    };
    assert!(new > old);
}
