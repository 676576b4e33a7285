use std::time::Duration;

use sm_bus::{Bid, Bus, Claim, HeirKey, Lease, LeaseHolder, LeaseOutcome, Whereabouts};
use sm_common::id::StreamId;
use sm_test_kit::{Redis, until_some};

const LONG: Duration = Duration::from_mins(1);

async fn ask(bus: &Bus, bid: &Bid, url: &str, ttl: Duration) -> LeaseOutcome {
    let at = Whereabouts { host: "host", url };
    bus.hold(&StreamId::default(), bid, at, ttl).await.unwrap()
}

/// The lease, where the process has it.
async fn hold(bus: &Bus, held: Option<Lease>, url: &str, ttl: Duration) -> Option<Lease> {
    let bid = held.map_or(Bid::Take, Bid::Renew);
    lease_of(&ask(bus, &bid, url, ttl).await)
}

fn lease_of(outcome: &LeaseOutcome) -> Option<Lease> {
    match outcome {
        LeaseOutcome::Held { lease, .. } => Some(*lease),
        LeaseOutcome::Taken(_) => None,
    }
}

/// Who holds it instead.
async fn refused(bus: &Bus, bid: &Bid, url: &str) -> LeaseHolder {
    let holder = match ask(bus, bid, url, LONG).await {
        LeaseOutcome::Taken(holder) => Some(holder),
        LeaseOutcome::Held { .. } => None,
    };
    holder.unwrap()
}

async fn claim(bus: &Bus, holder: Lease, key: &HeirKey, ttl: Duration) -> bool {
    let claim = bus
        .become_heir(&StreamId::default(), holder.token, key, ttl)
        .await;
    claim.unwrap() == Claim::Heir
}

#[tokio::test]
async fn one_process_holds_a_stream_until_it_gives_it_back() {
    let redis = Redis::start();
    let (a, b) = (redis.bus("a"), redis.bus("b"));
    let lease = hold(&a, None, "http://a", LONG).await.unwrap();
    let holder = refused(&b, &Bid::Take, "http://b").await;
    assert_eq!(
        (&holder.instance, holder.url.as_str(), holder.leaving),
        (a.instance(), "http://a", false)
    );
    assert_eq!(hold(&a, Some(lease), "http://a", LONG).await, Some(lease));

    a.release(&StreamId::default(), lease).await.unwrap();
    let next = hold(&b, None, "http://b", LONG).await.unwrap();
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
    let short = Duration::from_millis(50);
    let old = hold(&a, None, "http://a", short).await.unwrap();
    let next = until_some("the lease runs out", Duration::from_secs(5), || async {
        hold(&b, None, "http://b", LONG).await
    })
    .await;
    assert!(next > old);
    let holder = refused(&a, &Bid::Renew(old), "http://a").await;
    assert_eq!(
        holder.token, next.token,
        "the old holder learns the newer token"
    );
}

#[tokio::test]
async fn a_successor_on_the_holders_address_takes_over_at_once() {
    let redis = Redis::start();
    let (dead, successor) = (redis.bus("a"), redis.bus("a"));
    let old = hold(&dead, None, "http://a", LONG).await.unwrap();
    let new = hold(&successor, None, "http://a", LONG).await.unwrap();
    assert!(new > old);
}

#[tokio::test]
async fn a_holder_that_leaves_is_followed_by_its_one_heir() {
    let redis = Redis::start();
    let (a, b, c) = (redis.bus("a"), redis.bus("b"), redis.bus("c"));
    let (key, other) = (HeirKey::generate(), HeirKey::generate());
    let lease = hold(&a, None, "http://a", LONG).await.unwrap();
    assert!(!claim(&b, lease, &key, LONG).await, "the holder stays");
    let LeaseOutcome::Held { heir: None, .. } = ask(&a, &Bid::Leave(lease), "http://a", LONG).await
    else {
        panic!("nobody has said so")
    };
    assert!(refused(&b, &Bid::Take, "http://b").await.leaving);
    let earlier = Lease {
        token: lease.token - 1,
    };
    assert!(!claim(&b, earlier, &key, LONG).await, "an older holder's");
    assert!(claim(&b, lease, &key, LONG).await);
    assert!(claim(&b, lease, &key, LONG).await, "it says so again");
    assert!(!claim(&c, lease, &other, LONG).await, "there is one");

    let LeaseOutcome::Held {
        heir: Some(heir), ..
    } = ask(&a, &Bid::Leave(lease), "http://a", LONG).await
    else {
        panic!("the holder is told of it")
    };
    assert_eq!(
        (&heir.instance, heir.key.expose()),
        (b.instance(), key.expose())
    );
    assert_eq!(format!("{:?}", heir.key), "HeirKey", "no log has it");

    // The key alone is not enough, and neither is being the heir.
    refused(&c, &Bid::Inherit(key.clone()), "http://c").await;
    refused(&b, &Bid::Inherit(other), "http://b").await;
    let taken = ask(&b, &Bid::Inherit(key), "http://b", LONG).await;
    let taken = lease_of(&taken).unwrap();
    assert!(taken > lease);
    let holder = refused(&a, &Bid::Leave(lease), "http://a").await;
    assert_eq!((holder.token, holder.leaving), (taken.token, false));
    a.release(&StreamId::default(), lease).await.unwrap();
    let holder = a.lease_holder(&StreamId::default()).await.unwrap().unwrap();
    assert_eq!(&holder.instance, b.instance());
    let key = HeirKey::generate();
    let claim = async |holder: Lease| {
        c.become_heir(&StreamId::default(), holder.token, &key, LONG)
            .await
            .unwrap()
    };
    assert_eq!(claim(lease).await, Claim::Refused, "it is another's now");
    b.release(&StreamId::default(), taken).await.unwrap();
    assert_eq!(claim(taken).await, Claim::Gone);
}

#[tokio::test]
async fn a_silent_heir_makes_room_for_another() {
    let redis = Redis::start();
    let (a, b, c) = (redis.bus("a"), redis.bus("b"), redis.bus("c"));
    let (silent, next) = (HeirKey::generate(), HeirKey::generate());
    let lease = hold(&a, None, "http://a", LONG).await.unwrap();
    ask(&a, &Bid::Leave(lease), "http://a", LONG).await;
    let short = Duration::from_millis(50);
    assert!(claim(&b, lease, &silent, short).await);
    until_some("the heir is forgotten", Duration::from_secs(5), || async {
        match ask(&a, &Bid::Leave(lease), "http://a", LONG).await {
            LeaseOutcome::Held { heir, .. } => heir.is_none().then_some(()),
            LeaseOutcome::Taken(_) => None,
        }
    })
    .await;
    assert!(claim(&c, lease, &next, LONG).await);
    refused(&b, &Bid::Inherit(silent), "http://b").await;
    let taken = ask(&c, &Bid::Inherit(next), "http://c", LONG).await;
    assert!(lease_of(&taken).is_some());
}
