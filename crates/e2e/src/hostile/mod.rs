//! Requests that nobody means well with: made from the OpenAPI document, endpoint by endpoint, some
//! nearly right and some not at all, and from a list of what has broken servers before.

mod grammar;
mod raw;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::Mutex;

use self::grammar::{Grammar, Hostile};
use crate::{Stack, StackOptions};

/// Longest wait for an answer. Playlists are waited for at most a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests under way at a time.
const CONCURRENT: usize = 8;
/// What a process may hold more at the end than after the first quarter: the gateway's hashes of
/// passwords take 19 MiB each, and its allocator keeps some of them in each of its arenas.
const GROWTH_MAX_KIB: u64 = 131_072;
/// Failures that are listed.
const SHOWN_MAX: usize = 10;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct HostilePlan {
    /// First two numbers of the stack's addresses.
    pub net: &'static str,
    /// Requests from the grammar.
    pub requests: usize,
    /// Where the choices begin. The same seed makes the same requests.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct HostileReport {
    /// Answers by status.
    pub answers: BTreeMap<u16, usize>,
    /// The longest wait for one.
    pub longest: Duration,
    /// What must not have happened, with the request that it happened to.
    pub failures: Vec<String>,
    /// What each process held after a quarter of the requests and at the end, in KiB.
    pub memory_kib: BTreeMap<String, (u64, u64)>,
}

/// Sends them through Traefik to a stack of its own, as an admin, as nobody and with rubbish for a
/// token.
pub async fn attack(plan: HostilePlan) -> HostileReport {
    let mut options = StackOptions::at(plan.net);
    // Requests are to be judged by what they say, not by how many there are.
    options.environment = [
        "RATE_LIMIT_AVERAGE",
        "RATE_LIMIT_BURST",
        "LOGIN_LIMIT_AVERAGE",
        "LOGIN_LIMIT_BURST",
    ]
    .map(|name| (name, "1000000"))
    .to_vec();
    options
        .set
        .push("all.SM__HTTP__LIMITS__ENABLED=false".to_owned());
    let stack = Stack::start(options);
    let document = stack.anonymous().get("/api/openapi.json").await.expect(200);
    let grammar = Arc::new(Grammar::new(document.body));
    let token = stack.sign_in().await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let report = Arc::<Mutex<HostileReport>>::default();
    let first = plan.requests / 4;
    let send = async |from, to| {
        let shared = (Arc::clone(&grammar), Arc::clone(&report), token.clone());
        send_all(&stack, shared, plan.seed, from, to).await;
    };
    send(0, first).await;
    let early = memory(&stack);
    send(first, plan.requests).await;
    let mut report = report.lock().await.clone();
    for (process, now) in memory(&stack) {
        let before = early.get(&process).copied().unwrap_or(now);
        if now > before + GROWTH_MAX_KIB {
            report.fail(format!("{process} has grown from {before} to {now} KiB"));
        }
        report.memory_kib.insert(process, (before, now));
    }
    for complaint in raw::send_list(&stack).await {
        report.fail(complaint);
    }
    for panic in panics(&stack) {
        report.fail(panic);
    }
    if stack.anonymous().get("/api/stream/state").await.status != 200 {
        report.fail("the state cannot be read any more".to_owned());
    }
    report
}

type Shared = (Arc<Grammar>, Arc<Mutex<HostileReport>>, String);

async fn send_all(stack: &Stack, shared: Shared, seed: u64, from: usize, to: usize) {
    let (next, base) = (Arc::new(AtomicUsize::new(from)), stack.url());
    let clients: Vec<_> = (0..CONCURRENT)
        .map(|_| {
            let (next, base) = (Arc::clone(&next), base.clone());
            let (grammar, report, token) = shared.clone();
            tokio::spawn(async move {
                let client = reqwest::Client::builder()
                    .timeout(PATIENCE)
                    .redirect(reqwest::redirect::Policy::none())
                    .build()
                    .unwrap();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to {
                        return;
                    }
                    let choices = seed.wrapping_add(u64::try_from(number).unwrap());
                    let mut rng = fastrand::Rng::with_seed(choices);
                    let hostile = grammar.request(&mut rng, &token);
                    judge(&client, &base, number, &hostile, &report).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

async fn judge(
    client: &reqwest::Client,
    base: &str,
    number: usize,
    hostile: &Hostile,
    report: &Mutex<HostileReport>,
) {
    let start = Instant::now();
    let answer = client
        .request(hostile.method.clone(), format!("{base}{}", hostile.target))
        .headers(hostile.headers.clone())
        .body(hostile.body.clone())
        .send()
        .await;
    let said = match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let media_type = answer.headers().get(CONTENT_TYPE).cloned();
            let is_problem = media_type.is_some_and(|kind| kind == "application/problem+json");
            let text = answer.text().await.unwrap_or_default();
            Ok((status, is_problem, text))
        }
        Err(error) => Err(format!("no answer: {error}")),
    };
    let took = start.elapsed();
    let mut report = report.lock().await;
    report.longest = report.longest.max(took);
    let complaint = match said {
        Ok((status, is_problem, text)) => {
            *report.answers.entry(status).or_default() += 1;
            complaint(hostile, status, is_problem, &text)
        }
        Err(complaint) => Some(complaint),
    };
    if let Some(complaint) = complaint {
        report.fail(format!("request {number}: {complaint}: {hostile:?}"));
    }
}

fn complaint(hostile: &Hostile, status: u16, is_problem: bool, text: &str) -> Option<String> {
    if status >= 500 {
        return Some(format!("{status} {text}"));
    }
    if status < 400 || hostile.method == reqwest::Method::HEAD {
        return None;
    }
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let told = body["code"].is_string() && body["status"] == status;
    (!is_problem || !told).then(|| format!("{status} is no problem document: {text:?}"))
}

impl HostileReport {
    fn fail(&mut self, what: String) {
        if self.failures.len() < SHOWN_MAX {
            self.failures.push(what);
        }
    }
}

/// What each process of the stack holds, in KiB.
fn memory(stack: &Stack) -> BTreeMap<String, u64> {
    let services = [
        "api-gateway-1",
        "stream-control-1",
        "layer-service-1",
        "analytics-1",
        "ws-fanout-1",
        "stream-engine-1",
    ];
    let held = services.into_iter().filter_map(|process| {
        let status = format!("/proc/{}/status", stack.pid(process)?);
        let status = std::fs::read_to_string(status).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some((process.to_owned(), kib))
    });
    held.collect()
}

/// Lines of any log that tell of a panic.
fn panics(stack: &Stack) -> Vec<String> {
    let logs = std::fs::read_dir(stack.data().join("log")).unwrap();
    let mut found = Vec::new();
    for log in logs.flatten() {
        let text = std::fs::read(log.path()).unwrap();
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|line| line.contains("panicked at"));
        found.extend(lines.map(|line| format!("{}: {line}", log.path().display())));
    }
    found
}
