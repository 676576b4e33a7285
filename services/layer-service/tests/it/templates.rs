//! Layers from templates.

use reqwest::Method;
use serde_json::json;
use sm_test_kit::{Answer, Api};

use crate::app::{App, pointers};

async fn undo(api: &Api) -> Answer {
    api.send(api.request(Method::POST, "/api/layers/undo"))
        .await
}

#[tokio::test]
async fn every_template_makes_a_group_that_one_step_takes_back() {
    let app = App::start().await;
    let list = app.api.get("/api/templates").await.expect(200).body;
    let templates = list["templates"].as_array().unwrap();
    assert_eq!(templates.len(), 5);
    for template in templates {
        let name = template["name"].as_str().unwrap();
        let path = format!("/api/templates/{name}");
        let made = app.api.post(&path, &json!({})).await.expect(201).body;
        assert_eq!(made["groups"][0]["name"], template["title"]);
        let layers = made["layers"].as_array().unwrap();
        assert!(
            layers
                .iter()
                .all(|layer| layer["group"] == made["groups"][0]["id"])
        );
        assert_eq!(app.names().await.len(), layers.len());
        let undone = undo(&app.api).await.expect(200).body;
        let expected = format!("create {}", template["title"].as_str().unwrap());
        assert_eq!(undone["step"]["name"], expected);
        assert!(app.names().await.is_empty());
    }
    let _unknown = app
        .api
        .post("/api/templates/banner", &json!({}))
        .await
        .expect_problem(404, "template.not-found");
}

#[tokio::test]
async fn parameters_are_judged_and_a_score_board_brings_its_variables() {
    let app = App::start().await;
    let body = json!({"parameters": {"size": 99, "content": {"kind": "text", "source": {}}}});
    let refused = app
        .api
        .post("/api/templates/picture-in-picture", &body)
        .await;
    let refused = refused.expect_problem(400, "request.body.invalid");
    assert_eq!(
        pointers(&refused),
        ["/parameters/content/source/text", "/parameters/size"]
    );
    let body = json!({"values": {"final_home": 7}});
    let request = app.api.request(Method::PATCH, "/api/variables").json(&body);
    let _set = app.api.send(request).await.expect(200);
    let body = json!({"name": "Final", "parameters": {"prefix": "final", "home": "A"}});
    let made = app
        .api
        .post("/api/templates/score-board", &body)
        .await
        .expect(201)
        .body;
    assert_eq!(made["groups"][0]["name"], "Final");
    assert_eq!(made["layers"][1]["source"]["text"], "{{final_home}}");
    let variables = app.api.get("/api/variables").await.expect(200).body;
    assert_eq!(
        variables["values"],
        json!({"final_home": 7, "final_away": 0, "final_period": "1st"})
    );
}
