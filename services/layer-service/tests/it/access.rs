use reqwest::Method;
use serde_json::json;
use sm_common::auth::Role;
use sm_test_kit::Api;

use crate::app::{App, path_of, tag_of};

const READS: [&str; 3] = ["/api/layers", "/api/scenes", "/api/assets"];
const UPLOAD: &str = "/api/assets/uploads/0b9ec6a1-4f0f-4f0e-8f36-5a5e35d50f33";
const ASSET: &str = "/api/assets/abababababababababababababababababababababababababababababababab";

#[tokio::test]
async fn reading_takes_a_viewer_and_writing_an_operator() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let viewer = app.api.with_token(app.issuer.token(Role::Viewer));
    for path in READS {
        assert_eq!(viewer.get(path).await.status, 200, "{path}");
    }
    let path = path_of(&layer);
    let _found = viewer.get(&path).await.expect(200);
    for (method, path) in [
        (Method::POST, "/api/layers"),
        (Method::PATCH, path.as_str()),
        (Method::DELETE, path.as_str()),
        (Method::PUT, "/api/layers/order"),
        (Method::POST, "/api/layers/batch"),
        (Method::POST, "/api/assets"),
        (Method::POST, "/api/assets/uploads"),
        (Method::PATCH, UPLOAD),
        (Method::DELETE, UPLOAD),
        (Method::DELETE, ASSET),
    ] {
        for role in [Role::Viewer, Role::Moderator, Role::Service] {
            let api = app.api.with_token(app.issuer.token(role));
            let request = api
                .request(method.clone(), path)
                .header("if-match", "\"1\"");
            let answer = api.send(request.json(&json!({}))).await;
            let _refused = answer.expect_problem(403, "auth.role.insufficient");
        }
    }
    let admin = app.api.with_token(app.issuer.token(Role::Admin));
    let _deleted = admin.delete(&path, &tag_of(&layer)).await.expect(204);
}

#[tokio::test]
async fn nobody_gets_in_without_a_valid_token() {
    // Not even where the public may watch.
    let app = App::with(&[("auth.public_view", "true")]).await;
    let anonymous = Api::new(app.service.url());
    let expired = anonymous.with_token(app.issuer.expired_token(Role::Admin));
    let forged = anonymous.with_token("eyJhbGciOiJub25lIn0.e30.");
    for path in READS {
        let _refused = anonymous
            .get(path)
            .await
            .expect_problem(401, "auth.token.missing");
        let _refused = expired
            .get(path)
            .await
            .expect_problem(401, "auth.token.expired");
        let _refused = forged
            .get(path)
            .await
            .expect_problem(401, "auth.token.invalid");
    }
}
