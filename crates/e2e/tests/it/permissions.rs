//! Every operation of the API and every channel of the WebSocket, tried as everybody, through Traefik.

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::auth::{Access, OPERATIONS, Role, access_to_channel};
use sm_common::event::Channel;
use sm_e2e::{Stack, StackOptions};
use sm_test_kit::{Answer, Api, Socket};

const PASSWORD: &str = "a password of the matrix";
/// Names that nothing has, for the variable parts of paths.
const NOWHERE: [(&str, &str); 9] = [
    ("{id}", "00000000-0000-7000-8000-000000000000"),
    ("{session}", "00000000-0000-7000-8000-000000000000"),
    ("{user}", "00000000-0000-7000-8000-000000000000"),
    ("{username}", "nobody"),
    ("{name}", "nothing"),
    ("{output}", "nothing"),
    ("{action}", "start"),
    ("{rendition}", "nothing"),
    ("{file}", "nothing.ts"),
];

/// Somebody who tries everything.
struct Caller {
    role: Option<Role>,
    api: Api,
    token: Option<String>,
}

impl Caller {
    fn name(&self) -> &'static str {
        self.role.map_or("anonymous", Role::as_str)
    }
}

#[tokio::test]
async fn every_operation_and_channel_is_open_to_whom_the_table_names_and_to_nobody_else() {
    let mut options = StackOptions::at("127.94");
    options.set.push("all.PUBLIC_VIEW=false".to_owned());
    let stack = Stack::start(options);
    let admin = stack.admin().await;
    let mut callers = vec![Caller {
        role: None,
        api: stack.anonymous(),
        token: None,
    }];
    for role in Role::ALL {
        callers.push(signed_in(&stack, &admin, role).await);
    }
    every_operation_is_listed(&admin).await;

    let mut tasks = Vec::new();
    for caller in callers {
        let url = format!("{}/ws", stack.url().replacen("http", "ws", 1));
        tasks.push(tokio::spawn(async move {
            let mut mismatches = over_rest(&caller).await;
            mismatches.extend(over_the_websocket(&caller, &url).await);
            mismatches
        }));
    }
    let mut mismatches = Vec::new();
    for task in tasks {
        mismatches.extend(task.await.unwrap());
    }
    assert!(mismatches.is_empty(), "{mismatches:#?}");
}

async fn signed_in(stack: &Stack, admin: &Api, role: Role) -> Caller {
    let name = format!("matrix-{role}");
    let person = json!({"username": name, "password": PASSWORD, "role": role});
    let _created = admin.post("/api/users", &person).await.expect(201);
    let login = json!({"username": name, "password": PASSWORD});
    let tokens = stack.anonymous().post("/api/auth/login", &login).await;
    let token = tokens.expect(200).body["access_token"].clone();
    let token = token.as_str().unwrap().to_owned();
    Caller {
        role: Some(role),
        api: stack.anonymous().with_token(&token),
        token: Some(token),
    }
}

/// What is not in the table cannot be judged by it.
async fn every_operation_is_listed(admin: &Api) {
    let document = admin.get("/api/openapi.json").await.expect(200).body;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            assert!(Access::to(&method, path).is_some(), "{method} {path}");
        }
    }
}

async fn over_rest(caller: &Caller) -> Vec<String> {
    let mut mismatches = Vec::new();
    for (method, path, access) in OPERATIONS {
        if *path == "/api/auth/token" {
            // It takes a machine's key, whoever brings it, and no caller here has one.
            continue;
        }
        let answer = attempt(&caller.api, method, path).await;
        assert_ne!(answer.status, 429, "{method} {path}: {}", answer.text);
        let may = !is_refused(&answer);
        if may != access.allows(caller.role, false) {
            let (status, who) = (answer.status, caller.name());
            mismatches.push(format!(
                "{method} {path} as {who}: {status} {}",
                answer.text
            ));
        }
    }
    mismatches
}

/// A request that is let in and changes nothing: nothing has the names, and the body is empty.
async fn attempt(api: &Api, method: &str, path: &str) -> Answer {
    let mut address = path.replace("{stream}", "main");
    for (part, name) in NOWHERE {
        address = address.replace(part, name);
    }
    if (method, path) == ("DELETE", "/api/auth/sessions") {
        // The caller goes on.
        address.push_str("?keep_current=true");
    }
    let method: Method = method.parse().unwrap();
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let mut request = api.request(method, &address);
    if takes_body {
        request = request.json(&json!({}));
    }
    api.send(request).await
}

/// Whether it is the caller that is refused, and not what was asked for.
fn is_refused(answer: &Answer) -> bool {
    let code = answer.body.get("code").and_then(Value::as_str);
    // An answer to HEAD has no body.
    let by_role = code.is_none_or(|code| code == "auth.role.insufficient");
    answer.status == 401 || (answer.status == 403 && by_role)
}

async fn over_the_websocket(caller: &Caller, url: &str) -> Vec<String> {
    let mut mismatches = Vec::new();
    for channel in Channel::ALL {
        let mut socket = Socket::connect(url, caller.token.as_deref()).await.unwrap();
        let may = socket.try_subscribe(channel, None).await.is_some();
        if may != access_to_channel(channel).allows(caller.role, false) {
            mismatches.push(format!("{channel} as {}: {may}", caller.name()));
        }
    }
    mismatches
}
