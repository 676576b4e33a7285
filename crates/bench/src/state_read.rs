use std::time::Duration;

use sm_common::auth::Role;
use sm_stream_control::{ABOUT, Config, serve};
use sm_test_kit::{Api, Issuer, Redis, Running, until_some};

use crate::bare_route::bare_route;
use crate::http_load::requests_per_second;
use crate::measurement::Measurement;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);
const PATH: &str = "/api/stream/state";

/// `GET /api/stream/state` with a verified token, against a bare actix route that answers the same
/// bytes. Both use one thread.
pub(crate) fn run() -> anyhow::Result<Measurement> {
    let redis = Redis::start();
    let issuer = Issuer::new();
    let settings = [
        ("redis.url", redis.url()),
        ("http.workers", "1".to_owned()),
        // One caller asks more than any may: counted, and not refused.
        ("http.limits.read.requests", "1000000000".to_owned()),
    ];
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let config: Config = Running::config(&ABOUT, &settings);
    let service = Running::start(ABOUT, config, issuer.key_source(), serve);
    let token = issuer.token(Role::Viewer);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let api = Api::new(service.url()).with_token(&token);
        let body = until_some("the state can be read", Duration::from_secs(10), || async {
            let answer = api.get(PATH).await;
            (answer.status == 200).then_some(answer.text)
        })
        .await;
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
            Measurement::compare("state-read", "requests/s", "bare actix route", 0.8, &pairs);
        "higher is better; the load shares the cores".clone_into(&mut measurement.note);
        Ok(measurement)
    })
}
