use reqwest::Method;
use serde_json::{Value, json};
use sm_common::clock::{Clock as _, SystemClock};
use sm_test_kit::{Answer, Api, until};
use totp_rs::{Builder, Secret, Totp};

use crate::harness::{Gateway, PASSWORD, SOON, at, create_user, field, login, signed_in};

const FACTOR: &str = "/api/auth/second-factor";

/// An authenticator app.
struct App(Totp);

impl App {
    /// Enrolled by what the server shows.
    fn enrolled(enrolment: &Value) -> Self {
        let secret = Secret::try_from_base32(enrolment["secret"].as_str().unwrap()).unwrap();
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code of this moment, or of so many half minutes later: taken a step early.
    fn code(&self, steps: u64) -> String {
        let now = u64::try_from(SystemClock.now().as_unix_seconds()).unwrap();
        self.0.generate(now + 30 * steps).to_string()
    }
}

/// The answer to a challenge.
async fn answer(api: &Api, challenge: &Answer, code: &str) -> Answer {
    let body = json!({"challenge": field(challenge, "challenge"), "code": code});
    api.post("/api/auth/login/second-factor", &body).await
}

async fn challenge(api: &Api, name: &str) -> Answer {
    let challenge = login(api, name, PASSWORD).await.expect(202);
    assert_eq!(at(&challenge, "/mfa_required"), true);
    challenge
}

/// Enrols an app for somebody who is signed in. Gives it with the recovery codes.
async fn enrol(person: &Api) -> (App, Vec<String>) {
    let begun = person
        .post(FACTOR, &json!({"password": PASSWORD}))
        .await
        .expect(200);
    let app = App::enrolled(&begun.body);
    let confirmed = person
        .post(&format!("{FACTOR}/confirm"), &json!({"code": app.code(0)}))
        .await
        .expect(200);
    (app, recovery_codes(&confirmed))
}

fn recovery_codes(answer: &Answer) -> Vec<String> {
    let codes = at(answer, "/recovery_codes").as_array().unwrap();
    let text = |code: &Value| code.as_str().unwrap().to_owned();
    codes.iter().map(text).collect()
}

#[tokio::test]
async fn who_has_enrolled_an_app_signs_in_with_a_code_of_it_and_each_code_once() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let ada = gateway.person("ada", "operator").await;
    let before = ada.get(FACTOR).await.expect(200);
    assert_eq!(at(&before, "/enrolled"), false);
    let begun = ada
        .post(FACTOR, &json!({"password": PASSWORD}))
        .await
        .expect(200);
    assert!(field(&begun, "otpauth_uri").starts_with("otpauth://totp/Stream%20Manager:ada?"));
    assert!(field(&begun, "qr_svg").starts_with("<svg"));
    // Nothing has changed before a code was given.
    let _signs_in = login(&api, "ada", PASSWORD).await.expect(200);
    let confirm = format!("{FACTOR}/confirm");
    let wrong = json!({"code": "000000"});
    let refused = ada.post(&confirm, &wrong).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(at(&refused, "/errors/0/pointer"), "/code");
    let app = App::enrolled(&begun.body);
    let used = app.code(0);
    let confirmed = ada.post(&confirm, &json!({"code": used})).await.expect(200);
    assert_eq!(recovery_codes(&confirmed).len(), 10);
    ada.post(&confirm, &json!({"code": app.code(1)}))
        .await
        .expect_problem(409, "auth.second-factor.none-pending");

    let asked = challenge(&api, "ada").await;
    assert!(asked.body.get("enrolment").is_none(), "{}", asked.text);
    answer(&api, &asked, &used)
        .await
        .expect_problem(401, "auth.code.invalid");
    let next = app.code(1);
    let tokens = answer(&api, &asked, &next).await.expect(200);
    let caller = api.with_token(field(&tokens, "access_token"));
    let me = caller.get("/api/auth/me").await.expect(200);
    assert_eq!(at(&me, "/name"), "ada");
    // The challenge is used up, and so is the code.
    answer(&api, &asked, &next)
        .await
        .expect_problem(401, "auth.challenge.invalid");
    let asked = challenge(&api, "ada").await;
    answer(&api, &asked, &next)
        .await
        .expect_problem(401, "auth.code.invalid");
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_the_app_once_even_when_used_twice_at_a_time() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let ada = gateway.person("ada", "viewer").await;
    let (_app, codes) = enrol(&ada).await;
    let (one, other) = (challenge(&api, "ada").await, challenge(&api, "ada").await);
    let (one, other) = tokio::join!(
        answer(&api, &one, &codes[0]),
        answer(&api, &other, &codes[0])
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let status = ada.get(FACTOR).await.expect(200);
    assert_eq!(at(&status, "/recovery_codes_left"), 9);

    let body = json!({"password": PASSWORD, "code": codes[1]});
    let renewed = ada
        .post(&format!("{FACTOR}/recovery-codes"), &body)
        .await
        .expect(200);
    let renewed = recovery_codes(&renewed);
    let asked = challenge(&api, "ada").await;
    let _void = answer(&api, &asked, &codes[2]).await.expect(401);
    let _good = answer(&api, &asked, &renewed[0]).await.expect(200);
}

#[tokio::test]
async fn guessing_ends_the_challenge_and_then_the_guessing() {
    let settings = [
        ("second_factor.attempts_max", "2"),
        ("second_factor.failures_max", "3"),
    ];
    let gateway = Gateway::start(&settings).await;
    let api = gateway.anonymous();
    let ada = gateway.person("ada", "viewer").await;
    let (app, codes) = enrol(&ada).await;
    let asked = challenge(&api, "ada").await;
    for _guess in 0..2 {
        answer(&api, &asked, "000000")
            .await
            .expect_problem(401, "auth.code.invalid");
    }
    // Even the right one is too late now.
    answer(&api, &asked, &app.code(1))
        .await
        .expect_problem(401, "auth.challenge.invalid");
    let asked = challenge(&api, "ada").await;
    let _third = answer(&api, &asked, "000000").await.expect(401);
    let throttled = answer(&api, &asked, &codes[0]).await;
    let throttled = throttled.expect_problem(429, "rate.limited");
    assert!(!throttled.header("retry-after").is_empty());
    // Who is signed in is not signed out by it, and nobody else is held up.
    let _me = ada.get("/api/auth/me").await.expect(200);
    let _admin = gateway.admin().await;
    let attempts = gateway
        .admin()
        .await
        .get("/api/auth/audit?list=attempts")
        .await;
    assert_eq!(at(&attempts, "/entries/0/event"), "second-factor-failed");
    assert_eq!(at(&attempts, "/entries/0/about/name"), "ada");
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_enrols_it_by_signing_in() {
    let settings = [("second_factor.required_for", "operator,admin")];
    let gateway = Gateway::start(&settings).await;
    let api = gateway.anonymous();
    let asked = challenge(&api, "admin").await;
    let app = App::enrolled(at(&asked, "/enrolment"));
    let _wrong = answer(&api, &asked, "000000").await.expect(401);
    let tokens = answer(&api, &asked, &app.code(0)).await.expect(200);
    assert_eq!(recovery_codes(&tokens).len(), 10);
    let admin = api.with_token(field(&tokens, "access_token"));
    let status = admin.get(FACTOR).await.expect(200);
    assert_eq!(
        (at(&status, "/enrolled"), at(&status, "/required")),
        (&json!(true), &json!(true))
    );
    let body = json!({"password": PASSWORD, "code": app.code(1)});
    admin
        .post(&format!("{FACTOR}/remove"), &body)
        .await
        .expect_problem(409, "auth.second-factor.required");
    // Others are not asked.
    create_user(&admin, "ada", "viewer").await;
    let _viewer = signed_in(&api, "ada", PASSWORD).await;
    let asked = challenge(&api, "admin").await;
    assert!(asked.body.get("enrolment").is_none(), "{}", asked.text);
}

#[tokio::test]
async fn changes_of_the_second_factor_ask_for_the_password_and_a_code() {
    let gateway = Gateway::start(&[]).await;
    let ada = gateway.person("ada", "viewer").await;
    let refused = async |path: &str, body: Value, pointer: &str| {
        let answer = ada.post(path, &body).await;
        let answer = answer.expect_problem(422, "request.validation.failed");
        assert_eq!(at(&answer, "/errors/0/pointer"), pointer, "{path} {body}");
    };
    let (remove, renew) = (
        format!("{FACTOR}/remove"),
        format!("{FACTOR}/recovery-codes"),
    );
    let right = json!({"password": PASSWORD});
    for path in [&remove, &renew] {
        ada.post(path, &right)
            .await
            .expect_problem(409, "auth.second-factor.none");
    }
    refused(FACTOR, json!({"password": "wrong password"}), "/password").await;
    let (app, _codes) = enrol(&ada).await;
    for path in [FACTOR, &remove, &renew] {
        refused(path, right.clone(), "/code").await;
        refused(path, json!({"password": PASSWORD, "code": "0"}), "/code").await;
        refused(path, json!({"password": "wrong", "code": "0"}), "/password").await;
    }
    let body = json!({"password": PASSWORD, "code": app.code(1)});
    let _removed = ada.post(&remove, &body).await.expect(204);
    let _signs_in = login(&gateway.anonymous(), "ada", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn an_admin_takes_a_lost_second_factor_away_and_ends_the_sign_ins() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let ada = gateway.person("ada", "operator").await;
    let _app = enrol(&ada).await;
    let users = admin.get("/api/users").await.expect(200);
    assert_eq!(at(&users, "/0/second_factor"), true);
    for secret in ["secret", "recovery"] {
        assert!(!users.text.contains(secret), "{}", users.text);
    }
    let reset = "/api/users/ada/second-factor";
    ada.send(ada.request(Method::DELETE, reset))
        .await
        .expect_problem(403, "auth.role.insufficient");
    let _reset = admin
        .send(admin.request(Method::DELETE, reset))
        .await
        .expect(204);
    until("the token is refused", SOON, || async {
        ada.get("/api/auth/me").await.status == 401
    })
    .await;
    let _signs_in = login(&gateway.anonymous(), "ada", PASSWORD)
        .await
        .expect(200);
    let trail = admin.get("/api/auth/audit").await.expect(200);
    for event in ["second-factor-enrolled", "second-factor-reset"] {
        assert!(trail.text.contains(event), "{event}: {}", trail.text);
    }
}

#[tokio::test]
async fn a_challenge_ends_with_the_password_it_was_given_for() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    let ada = gateway.person("ada", "viewer").await;
    let (app, _codes) = enrol(&ada).await;
    let asked = challenge(&api, "ada").await;
    let request = admin.request(Method::PATCH, "/api/users/ada");
    let change = json!({"password": "another long password"});
    let _changed = admin.send(request.json(&change)).await.expect(200);
    answer(&api, &asked, &app.code(1))
        .await
        .expect_problem(401, "auth.challenge.invalid");
    let asked = login(&api, "ada", "another long password")
        .await
        .expect(202);
    let _signed_in = answer(&api, &asked, &app.code(1)).await.expect(200);
    let nobody = json!({"challenge": "x", "code": "000000"});
    api.post("/api/auth/login/second-factor", &nobody)
        .await
        .expect_problem(401, "auth.challenge.invalid");
}
