//! Variables of a stream, which texts show.

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::event::{EventType, VariablesChanged};
use sm_test_kit::{Answer, Api};

use crate::app::{App, pointers};
use crate::events::{listen, next};

const PATH: &str = "/api/variables";

/// A patch for whatever revision there is.
async fn patch(app: &App, values: Value) -> Answer {
    let body = json!({"values": values});
    let request = app.api.request(Method::PATCH, PATH).json(&body);
    app.api.send(request).await
}

#[tokio::test]
async fn a_variable_is_set_changed_and_removed_and_each_is_told() {
    let app = App::start().await;
    let empty = app.api.get(PATH).await.expect(200);
    assert_eq!(empty.body, json!({"revision": 0, "values": {}}));
    let mut events = listen(&app).await;
    let set = patch(&app, json!({"home": 1, "period": "1st", "live": true}))
        .await
        .expect(200);
    assert_eq!(set.header("etag"), "\"1\"");
    let told = next(&mut events).await.event.clone();
    assert_eq!(told.kind, EventType::VariablesChanged);
    let told: VariablesChanged = told.payload().unwrap();
    assert_eq!(told.changed.len(), 3);
    let changed = patch(&app, json!({"home": 2, "live": null}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        changed,
        json!({"revision": 2, "values": {"home": 2, "period": "1st"}})
    );
    let same = patch(&app, json!({"home": 2})).await.expect(200).body;
    assert_eq!(same["revision"], 2);

    let body = json!({"values": {"away": "none"}});
    let _stale = app
        .api
        .put(PATH, "\"1\"", &body)
        .await
        .expect_problem(412, "revision.stale");
    let replaced = app.api.put(PATH, "\"2\"", &body).await.expect(200).body;
    assert_eq!(replaced, json!({"revision": 3, "values": {"away": "none"}}));
    let told = next(&mut events)
        .await
        .event
        .payload::<VariablesChanged>()
        .unwrap();
    assert_eq!(told.variables.revision, 2);
    let told = next(&mut events)
        .await
        .event
        .payload::<VariablesChanged>()
        .unwrap();
    assert_eq!((told.variables.revision, told.changed.len()), (3, 3));
    assert_eq!(app.api.get(PATH).await.expect(200).body, replaced);
}

#[tokio::test]
async fn variables_have_bounds_types_and_a_limit() {
    let app = App::with(&[("variables.count_max", "2")]).await;
    let _set = patch(&app, json!({"home": 1})).await.expect(200);
    let refused = patch(
        &app,
        json!({"home": "2", "Away": 1, "clock": 1, "a": "x".repeat(201)}),
    )
    .await
    .expect_problem(422, "request.validation.failed");
    let mut found = pointers(&refused);
    found.sort_unstable();
    assert_eq!(
        found,
        ["/values/Away", "/values/a", "/values/clock", "/values/home"]
    );
    let refused = patch(&app, json!({"a": 1, "b": 2})).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/values"]);
    let _misshapen = patch(&app, json!([1]))
        .await
        .expect_problem(400, "request.body.invalid");
    let viewer = Api::new(app.service.url()).with_token(app.issuer.token(Role::Viewer));
    let _read = viewer.get(PATH).await.expect(200);
    let request = viewer
        .request(Method::PATCH, PATH)
        .json(&json!({"values": {}}));
    let _forbidden = viewer.send(request).await.expect(403);
}

#[tokio::test]
async fn many_writers_lose_no_change() {
    let app = App::start().await;
    let (_service, other) = app.replica(&[]).await;
    let writes = (0..20).map(|number| {
        let api = if number % 2 == 0 { &app.api } else { &other };
        async move {
            let body = json!({"values": {format!("v{number}"): number}});
            let request = api.request(Method::PATCH, PATH).json(&body);
            api.send(request).await.expect(200)
        }
    });
    let _answers = futures_util::future::join_all(writes).await;
    let all = app.api.get(PATH).await.expect(200).body;
    assert_eq!(all["revision"], 20);
    assert_eq!(all["values"].as_object().unwrap().len(), 20);
}
