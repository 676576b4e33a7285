use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sm_test_kit::{Api, until_some};

use crate::harness::{Harness, LIMIT, slow_rule, until_firing};

const WEBHOOKS: &str = "/api/analytics/alerts/webhooks";
const DELIVERIES: &str = "/api/analytics/alerts/deliveries";
const RULES: &str = "/api/analytics/alerts/rules";
const SECRET: &str = "a secret of the pager";

/// A message as it arrived.
#[derive(Clone, Debug)]
struct Arrived {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

impl Arrived {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Somebody who is told, and refuses the first so many messages.
#[derive(Clone)]
struct Receiver {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    fn start(refuses: usize) -> Self {
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let state = (Arc::clone(&arrived), Arc::new(AtomicUsize::new(refuses)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks/key", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(Data::new(state.clone()))
                    .default_service(actix_web::web::to(take))
            });
            let server = server
                .workers(1)
                .disable_signals()
                .listen(listener)
                .unwrap();
            actix_web::rt::System::new().block_on(server.run())
        });
        Self { url, arrived }
    }

    /// Waits until as many messages have arrived that `is_it`.
    async fn until(&self, count: usize, is_it: impl Fn(&Arrived) -> bool + Copy) -> Vec<Arrived> {
        until_some("messages arrive", LIMIT, || {
            let all = self.arrived.lock().unwrap().clone();
            let meant: Vec<Arrived> = all.into_iter().filter(|one| is_it(one)).collect();
            async move { (meant.len() >= count).then_some(meant) }
        })
        .await
    }
}

type State = (Arc<Mutex<Vec<Arrived>>>, Arc<AtomicUsize>);

async fn take(request: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name).unwrap();
        value.to_str().unwrap().to_owned()
    };
    let arrived = Arrived {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let (all, left_to_refuse) = state.get_ref();
    all.lock().unwrap().push(arrived);
    let refused = left_to_refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    if refused.is_ok() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    HttpResponse::NoContent().finish()
}

async fn hook(api: &Api, url: &str) -> Value {
    let body = json!({"name": "pager", "url": url, "secret": SECRET});
    api.post(WEBHOOKS, &body).await.expect(201).body
}

fn is_of(kind: &'static str) -> impl Fn(&Arrived) -> bool + Copy {
    move |arrived| arrived.json()["type"] == kind
}

const LOCAL: (&str, &str) = ("delivery.allow", "127.0.0.0/8,::1/128");
const SOON: (&str, &str) = ("delivery.retry_first_ms", "1");

/// Signed, tried again until it is taken, and by the next process where the first one ends.
#[tokio::test]
async fn a_webhook_is_told_of_an_alert_whatever_happens_on_the_way() {
    let harness = Harness::new();
    let receiver = Receiver::start(3);
    let settings = [LOCAL, SOON];
    let service = harness.watching(&settings);
    let api = harness.operator(&service);
    let hook = hook(&api, &receiver.url).await;
    assert!(hook.get("secret").is_none());
    assert!(!hook["url"].as_str().unwrap().contains("key"));
    let rule = api.post(RULES, &slow_rule()).await.expect(201).body;
    let id = rule["id"].as_str().unwrap();
    harness.on_air().await;
    harness.fps_now(5.0).await;
    until_firing(&api, id, 1).await;
    service.stop();
    let next = harness.watching(&settings);
    let fired = is_of("alert.fired");
    let of_rule = |arrived: &Arrived| fired(arrived) && arrived.json()["data"]["rule"] == id;
    // Refused up to three times, and then taken.
    let arrived = receiver.until(1, of_rule).await;
    for one in &arrived {
        assert_eq!(one.id, arrived[0].id, "the same message");
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}.{}", one.id, one.timestamp, one.body).as_bytes());
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(one.signature, format!("v1,{expected}"));
    }
    harness.fps_now(30.0).await;
    let over = is_of("alert.resolved");
    let of_rule = |arrived: &Arrived| over(arrived) && arrived.json()["data"]["rule"] == id;
    receiver.until(1, of_rule).await;
    let api = harness.operator(&next);
    until_some("nothing waits any more", LIMIT, || async {
        let list = api.get(DELIVERIES).await.expect(200).body;
        assert_eq!(list["dead"], json!([]));
        (list["waiting"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_nobody_takes_is_given_up_and_can_be_sent_again() {
    let harness = Harness::new();
    let receiver = Receiver::start(2);
    let settings = [LOCAL, SOON, ("delivery.attempts_max", "2")];
    let service = harness.watching(&settings);
    let api = harness.operator(&service);
    hook(&api, &receiver.url).await;
    harness
        .status(0, sm_common::stream::StreamStatus::Failed, None)
        .await;
    let dead = until_some("the message is given up", LIMIT, || async {
        let list = api.get(DELIVERIES).await.expect(200).body;
        list["dead"].get(0).cloned()
    })
    .await;
    assert_eq!(dead["attempts"], 2);
    assert_eq!(dead["event"], "alert.fired");
    assert!(dead["error"].as_str().unwrap().contains("503"), "{dead}");
    let path = format!("{DELIVERIES}/{}/resend", dead["id"].as_str().unwrap());
    let _accepted = api.post(&path, &json!({})).await.expect(202);
    let same = |arrived: &Arrived| arrived.id == dead["id"];
    receiver.until(3, same).await;
    let _gone = api
        .post(&path, &json!({}))
        .await
        .expect_problem(404, "alert.delivery.not-found");
}

/// Neither by number nor by name is anything reached that only this host can reach.
#[tokio::test]
async fn webhooks_lead_to_no_private_address() {
    let harness = Harness::new();
    let receiver = Receiver::start(0);
    let settings = [SOON, ("delivery.attempts_max", "1")];
    let service = harness.watching(&settings);
    let api = harness.operator(&service);
    let body = json!({"name": "inside", "url": receiver.url, "secret": SECRET});
    let refused = api.post(WEBHOOKS, &body).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(refused.body["errors"][0]["pointer"], "/url");
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    hook(&api, &by_name).await;
    harness
        .status(0, sm_common::stream::StreamStatus::Failed, None)
        .await;
    let dead = until_some("the message is given up", LIMIT, || async {
        let list = api.get(DELIVERIES).await.expect(200).body;
        list["dead"].get(0).cloned()
    })
    .await;
    let error = dead["error"].as_str().unwrap();
    assert!(error.contains("leads to no address"), "{error}");
    assert!(!error.contains("hooks/key"), "{error}");
    assert!(receiver.arrived.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_webhook_is_changed_by_who_has_read_it() {
    let harness = Harness::new();
    let service = harness.replica(&[("delivery.webhooks_max", "1")]);
    let api = harness.operator(&service);
    let made = hook(&api, "https://example.org/hooks/key").await;
    let path = format!("{WEBHOOKS}/{}", made["id"].as_str().unwrap());
    let full = json!({"name": "other", "url": "https://example.org/", "secret": SECRET});
    let _full = api
        .post(WEBHOOKS, &full)
        .await
        .expect_problem(409, "alert.webhook.limit-reached");
    let change = json!({"least": "critical"});
    let changed = api.patch(&path, "\"1\"", &change).await.expect(200);
    assert_eq!(changed.body["least"], "critical");
    let _stale = api
        .patch(&path, "\"1\"", &change)
        .await
        .expect_problem(412, "revision.stale");
    let _gone = api.delete(&path, "\"2\"").await.expect(204);
    let list = api.get(WEBHOOKS).await.expect(200).body;
    assert_eq!(list["webhooks"], json!([]));
    let _gone = api
        .delete(&path, "\"2\"")
        .await
        .expect_problem(404, "alert.webhook.not-found");
}
