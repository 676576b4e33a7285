use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Answer, Api};

use crate::harness::{Gateway, PASSWORD, at, create_user, login};

async fn patch(api: &Api, name: &str, change: Value) -> Answer {
    let request = api.request(Method::PATCH, &format!("/api/users/{name}"));
    api.send(request.json(&change)).await
}

async fn delete(api: &Api, name: &str) -> Answer {
    api.send(api.request(Method::DELETE, &format!("/api/users/{name}")))
        .await
}

#[tokio::test]
async fn a_person_is_created_changed_and_deleted() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let created = create_user(&admin, "Ada", "viewer").await;
    assert_eq!(created.header("location"), "/api/users/Ada");
    assert!(!created.text.contains("password"), "{}", created.text);

    let users = admin.get("/api/users").await.expect(200);
    let names: Vec<&Value> = [at(&users, "/0/username"), at(&users, "/1/username")].into();
    assert_eq!(names, ["Ada", "admin"]);
    assert!(!users.text.contains("argon2"), "{}", users.text);

    let changed = patch(
        &admin,
        "ada",
        json!({"role": "operator", "password": "new password"}),
    )
    .await
    .expect(200);
    assert_eq!(at(&changed, "/role"), "operator");
    assert_eq!(at(&changed, "/id"), at(&created, "/id"));
    let api = gateway.anonymous();
    let _old = login(&api, "ada", PASSWORD).await.expect(401);
    let _new = login(&api, "ada", "new password").await.expect(200);

    let _gone = delete(&admin, "ADA").await.expect(204);
    let _nobody = login(&api, "ada", "new password").await.expect(401);
    delete(&admin, "ada")
        .await
        .expect_problem(404, "user.not-found");
}

#[tokio::test]
async fn only_an_admin_manages_people() {
    let gateway = Gateway::start(&[]).await;
    let body = json!({"username": "eve", "password": PASSWORD, "role": "admin"});
    for role in ["viewer", "moderator", "operator", "service"] {
        let caller = gateway.person(role, role).await;
        for answer in [
            caller.get("/api/users").await,
            caller.post("/api/users", &body).await,
            patch(&caller, role, json!({"role": "admin"})).await,
            delete(&caller, "admin").await,
        ] {
            answer.expect_problem(403, "auth.role.insufficient");
        }
    }
    gateway
        .anonymous()
        .post("/api/users", &body)
        .await
        .expect_problem(401, "auth.token.missing");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_person_is_said_at_once() {
    let gateway = Gateway::start(&[("users.count_max", "2")]).await;
    let admin = gateway.admin().await;
    let wrong = json!({"username": "a b", "password": "short", "role": "viewer"});
    let answer = admin
        .post("/api/users", &wrong)
        .await
        .expect_problem(422, "request.validation.failed");
    assert_eq!(at(&answer, "/errors/0/pointer"), "/username");
    assert_eq!(at(&answer, "/errors/1/pointer"), "/password");

    let unknown_role = json!({"username": "a", "password": PASSWORD, "role": "king"});
    let answer = admin
        .post("/api/users", &unknown_role)
        .await
        .expect_problem(400, "request.body.invalid");
    assert_eq!(at(&answer, "/errors/0/pointer"), "/role");

    let taken = json!({"username": "ADMIN", "password": PASSWORD, "role": "viewer"});
    admin
        .post("/api/users", &taken)
        .await
        .expect_problem(409, "user.exists");
    create_user(&admin, "ada", "viewer").await;
    let one_too_many = json!({"username": "bob", "password": PASSWORD, "role": "viewer"});
    admin
        .post("/api/users", &one_too_many)
        .await
        .expect_problem(409, "user.limit-reached");
    patch(&admin, "ada", json!({"password": "short"}))
        .await
        .expect_problem(422, "request.validation.failed");
    patch(&admin, "nobody", json!({}))
        .await
        .expect_problem(404, "user.not-found");
}

#[tokio::test]
async fn the_last_admin_cannot_be_taken_away() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    for change in [json!({"role": "viewer"}), json!({"disabled": true})] {
        patch(&admin, "admin", change)
            .await
            .expect_problem(409, "user.last-admin");
    }
    delete(&admin, "admin")
        .await
        .expect_problem(409, "user.last-admin");
}

#[tokio::test]
async fn changes_at_the_same_moment_are_all_kept() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    tokio::join!(
        create_user(&admin, "ada", "viewer"),
        create_user(&admin, "bob", "viewer"),
        create_user(&admin, "eve", "viewer"),
    );
    let users = admin.get("/api/users").await.expect(200);
    assert_eq!(users.body.as_array().unwrap().len(), 4);
}
