use std::time::Duration;

use serde_json::json;
use sm_common::auth::Role;
use sm_layer_service::{ABOUT, Config, serve};
use sm_test_kit::{Api, Issuer, Redis, Running, until};

use crate::bare_route::bare_route;
use crate::http_load::requests_per_second;
use crate::measurement::Measurement;

/// Its name.
pub(crate) const NAME: &str = "layers-read-200";

const LAYERS: usize = 200;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);
const PATH: &str = "/api/layers";

/// `GET /api/layers` of a scene of two hundred layers with a verified token, against a bare actix route
/// that answers the same bytes. Both use one thread.
pub(crate) fn run() -> anyhow::Result<Measurement> {
    let redis = Redis::start();
    let issuer = Issuer::new();
    let settings = [("redis.url", redis.url()), ("http.workers", "1".to_owned())];
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let config: Config = Running::config(&ABOUT, &settings);
    let service = Running::start(ABOUT, config, issuer.key_source(), serve);
    let token = issuer.token(Role::Operator);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let api = Api::new(service.url()).with_token(&token);
        until(
            "the layers can be read",
            Duration::from_secs(10),
            || async { api.get(PATH).await.status == 200 },
        )
        .await;
        let layers = (0..LAYERS).map(|number| {
            let place = json!({"x": number, "y": number, "width": 320, "height": 90});
            json!({"op": "create", "layer": {"name": format!("Layer {number}"), "kind": "text",
                "source": {"text": format!("Text {number}")}, "transform": place}})
        });
        let body = json!({"operations": layers.collect::<Vec<_>>()});
        drop(api.post("/api/layers/batch", &body).await.expect(200));
        let body = api.get(PATH).await.expect(200).text;
        let bytes = body.len();
        let ours = service.kit().http_address().to_string();
        let peer = bare_route(PATH, body)?.to_string();
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let mut pairs = Vec::new();
        for _ in 0..ROUNDS {
            let ours = requests_per_second(&ours, PATH, &bearer, ROUND).await?;
            let peer = requests_per_second(&peer, PATH, &bearer, ROUND).await?;
            pairs.push((ours, peer));
        }
        let mut measurement =
            Measurement::compare(NAME, "requests/s", "bare actix route", 0.8, &pairs);
        measurement.note =
            format!("higher is better; {bytes} bytes each; the load and Redis share the cores");
        Ok(measurement)
    })
}
