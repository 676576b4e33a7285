use crate::harness::Gateway;

#[tokio::test]
async fn the_api_can_be_read_by_people_and_by_programs() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let document = api.get("/api/openapi.json").await.expect(200);
    assert_eq!(document.header("content-type"), "application/json");
    assert!(document.body.get("paths").is_some(), "{}", document.text);

    // The page finds everything relative to itself, so that it works under a base path.
    let page = api.get("/api/docs").await.expect(200);
    for (reference, path, media_type) in [
        (
            "docs/script.js",
            "/api/docs/script.js",
            "text/javascript; charset=utf-8",
        ),
        (
            "docs/style.css",
            "/api/docs/style.css",
            "text/css; charset=utf-8",
        ),
    ] {
        assert!(
            page.text.contains(&format!("\"{reference}\"")),
            "{}",
            page.text
        );
        let file = api.get(path).await.expect(200);
        assert_eq!(file.header("content-type"), media_type);
    }
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_description() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let problem = api
        .get("/api/nothing")
        .await
        .expect_problem(404, "route.not-found");
    let kind = problem
        .body
        .get("type")
        .and_then(serde_json::Value::as_str)
        .unwrap();
    let (page, anchor) = kind.split_once('#').unwrap();
    let page = api.get(page).await.expect(200);
    assert!(page.text.contains(&format!("id=\"{anchor}\"")));
}

#[test]
fn the_gateways_own_document_names_each_operation_once() {
    let document = serde_json::to_value(sm_api_gateway::openapi()).unwrap();
    let paths = document
        .get("paths")
        .and_then(serde_json::Value::as_object)
        .unwrap();
    let mut operations: Vec<&str> = paths
        .values()
        .filter_map(serde_json::Value::as_object)
        .flat_map(|methods| methods.values())
        .filter_map(|operation| operation.get("operationId")?.as_str())
        .collect();
    let count = operations.len();
    operations.sort_unstable();
    operations.dedup();
    assert_eq!(operations.len(), count);
    for schema in ["Tokens", "Ticket", "Identity", "Problem"] {
        let pointer = format!("/components/schemas/{schema}");
        assert!(document.pointer(&pointer).is_some(), "{schema}");
    }
}
