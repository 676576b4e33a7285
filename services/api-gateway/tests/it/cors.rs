use reqwest::Method;
use sm_test_kit::{Answer, Api};

use crate::harness::Gateway;

async fn preflight(api: &Api, origin: &str) -> Answer {
    let request = api
        .request(Method::OPTIONS, "/api/auth/login")
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    api.send(request).await
}

#[tokio::test]
async fn other_sites_may_call_only_where_they_are_listed() {
    let origins = ("cors.origins", "https://studio.example.org");
    let gateway = Gateway::start(&[origins]).await;
    let api = gateway.anonymous();
    let allowed = preflight(&api, "https://studio.example.org")
        .await
        .expect(204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://studio.example.org"
    );
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    for hostile in [
        "https://studio.example.org.evil.test",
        "https://evil-studio.example.org",
        "http://studio.example.org",
        "https://studio.example.org:444",
        "https://STUDIO.example.org",
        "https://studio.example.org.",
        "null",
    ] {
        let refused = preflight(&api, hostile).await;
        assert_eq!(
            refused.header("access-control-allow-origin"),
            "",
            "{hostile}"
        );
    }
    let call = api
        .request(Method::GET, "/api/health")
        .header("origin", "https://studio.example.org");
    let answer = api.send(call).await.expect(200);
    assert_eq!(answer.header("vary"), "Origin");
    assert_ne!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn it_is_off_unless_configured() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let refused = preflight(&api, "https://studio.example.org")
        .await
        .expect(405);
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
