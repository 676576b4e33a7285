use serde_json::{Value, json};
use sm_common::id::LayerId;

use crate::app::{App, pointers};

async fn three(app: &App) -> [Value; 3] {
    let mut ids = [Value::Null, Value::Null, Value::Null];
    for (id, name) in ids.iter_mut().zip(["a", "b", "c"]) {
        *id = app.create(name).await["id"].clone();
    }
    ids
}

#[tokio::test]
async fn the_order_is_changed_as_a_whole() {
    let app = App::start().await;
    let [a, b, c] = three(&app).await;
    let order = json!({"order": [c, a, b]});
    let changed = app
        .api
        .put("/api/layers/order", "\"3\"", &order)
        .await
        .expect(200);
    assert_eq!(changed.header("etag"), "\"4\"");
    assert_eq!(changed.body["layers"][0]["id"], c);
    assert_eq!(app.names().await, ["c", "a", "b"]);
    // No layer has changed.
    assert_eq!(changed.body["layers"][0]["revision"], 1);

    let stale = app.api.put("/api/layers/order", "\"3\"", &order).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"4\"");
    let same = app.api.put("/api/layers/order", "\"4\"", &order).await;
    assert_eq!(same.expect(200).header("etag"), "\"4\"");
}

#[tokio::test]
async fn an_order_names_each_layer_once() {
    let app = App::start().await;
    let [a, b, c] = three(&app).await;
    for (order, status, pointer) in [
        (json!([a, b]), 422, "/order"),
        (json!([a, b, b]), 422, "/order/2"),
        (json!([a, b, c, LayerId::generate()]), 422, "/order/3"),
        (json!([a, b, "c"]), 422, "/order/2"),
        (json!([a, b, 3]), 400, "/order/2"),
        (json!("abc"), 400, "/order"),
        (Value::Null, 400, "/order"),
    ] {
        let body = json!({"order": order});
        let refused = app.api.put("/api/layers/order", "\"3\"", &body).await;
        let code = if status == 400 {
            "request.body.invalid"
        } else {
            "request.validation.failed"
        };
        let refused = refused.expect_problem(status, code);
        assert_eq!(pointers(&refused), [pointer]);
    }
    assert_eq!(app.names().await, ["a", "b", "c"]);
}
