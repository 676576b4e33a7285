//! Redis in every state that it can be in, under load through Traefik: what each service answers
//! meanwhile, what was acknowledged, and how long it takes until all is well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sm_e2e::{RedisControl, Stack, StackOptions};
use sm_test_kit::{Api, LossyProxy, until};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

const NET: &str = "127.95";
/// Nobody is let wait longer than this for any answer.
const HANGS: Duration = Duration::from_secs(10);
/// How often everything is asked before a fault is mended.
const ASKED_MIN: usize = 3;
/// How often each client asks, as far as the answers let it.
const PACE: Duration = Duration::from_millis(25);

const SERVICES: [&str; 6] = [
    "api-gateway",
    "stream-control",
    "layer-service",
    "analytics",
    "ws-fanout",
    "stream-engine",
];
/// What is asked of every service, and what it may answer while Redis is well.
const ASKS: [(&str, &str, Option<&str>, &[u16]); 9] = [
    ("GET", "/api/stream/state", None, &[200]),
    (
        "POST",
        "/api/stream/control",
        Some(r#"{"action":"start"}"#),
        &[200, 202, 409],
    ),
    ("GET", "/api/layers", None, &[200]),
    ("POST", "/api/auth/ws-ticket", Some("{}"), &[200]),
    ("GET", "/api/users", None, &[200]),
    ("GET", "/api/resources", None, &[200]),
    ("GET", "/api/analytics/summary", None, &[200]),
    (
        "POST",
        "/api/chat",
        Some(r#"{"text":"hello"}"#),
        &[200, 201, 429],
    ),
    ("GET", "/live/main/index.m3u8", None, &[200]),
];
/// What needs no Redis.
const ALWAYS: &str = "/live/main/index.m3u8";

/// How Redis is hurt and mended.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Slow,
    Lost,
    Paused,
    Killed,
    Full,
    ReadOnly,
    /// Redis knows the services no more.
    Unknown,
    CannotPersist,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Slow,
        Self::Lost,
        Self::Paused,
        Self::Full,
        Self::ReadOnly,
        Self::Unknown,
        Self::CannotPersist,
        Self::Killed,
    ];

    /// Whether writes must be refused meanwhile.
    const fn stops_writes(self) -> bool {
        match self {
            Self::Lost
            | Self::Paused
            | Self::Full
            | Self::ReadOnly
            | Self::Unknown
            | Self::CannotPersist => true,
            // One that is slow may be in time, and one that was killed is started again.
            Self::Slow | Self::Killed => false,
        }
    }
}

struct Studio {
    stack: Stack,
    proxy: LossyProxy,
    redis: RedisControl,
    admin: Api,
}

/// The longest and the number of answers by what was asked and the status.
type Seen = BTreeMap<(usize, u16), (usize, Duration)>;

#[tokio::test]
async fn whatever_is_wrong_with_redis_nobody_hangs_and_nothing_acknowledged_is_lost() {
    let mut options = StackOptions::at(NET);
    let proxy = LossyProxy::to(options.redis_address());
    for service in SERVICES {
        let url = format!("redis://{service}@127.0.0.1:{}/", proxy.port());
        options.set.push(format!("{service}.SM__REDIS__URL={url}"));
    }
    // Not what is to be seen here.
    options
        .set
        .push("all.SM__HTTP__LIMITS__READ__REQUESTS=1000000".to_owned());
    options
        .set
        .push("all.SM__HTTP__LIMITS__WRITE__REQUESTS=1000000".to_owned());
    options
        .set
        .push("all.SM__HTTP__LIMITS__CONTROL__REQUESTS=1000000".to_owned());
    let stack = Stack::start(options);
    let studio = Studio {
        redis: RedisControl::of(&stack),
        admin: stack.admin().await,
        proxy,
        stack,
    };
    let mut table = String::new();
    for fault in Fault::ALL {
        studio.under(fault, &mut table).await;
    }
    println!("{table}");
}

impl Studio {
    /// Hurts Redis while everything is asked again and again, mends it, and looks at what is left.
    async fn under(&self, fault: Fault, table: &mut String) {
        let before = self.write_until_acknowledged(0).await;
        let stop = CancellationToken::new();
        let seen = Arc::<Mutex<Seen>>::default();
        let (told, mut asked) = mpsc::channel(64);
        let loads: Vec<_> = (0..ASKS.len())
            .map(|index| {
                let load = load(
                    self.admin.clone(),
                    index,
                    Arc::clone(&seen),
                    told.clone(),
                    stop.clone(),
                );
                tokio::spawn(load)
            })
            .collect();
        let pid = self.hurt(fault).await;
        let mut counts = [0; ASKS.len()];
        let mut acknowledged = before;
        let mut pace = tokio::time::interval(PACE);
        while counts.iter().any(|count| *count < ASKED_MIN) {
            pace.tick().await;
            if let Some(written) = self.write(acknowledged + 1).await {
                assert!(
                    !fault.stops_writes(),
                    "{fault:?}: {written} was acknowledged"
                );
                acknowledged = written;
            }
            while let Ok(index) = asked.try_recv() {
                let index: usize = index;
                counts[index] += 1;
            }
        }
        self.mend(fault, pid);
        let mended = Instant::now();
        let after = self.write_until_acknowledged(acknowledged).await;
        let recovery = mended.elapsed();
        stop.cancel();
        for load in loads {
            load.await.unwrap();
        }
        self.is_well().await;
        let kept = self.kept().await;
        assert_eq!(
            kept, after,
            "{fault:?}: what was acknowledged last is there"
        );
        tell(table, fault, &*seen.lock().await, recovery);
    }

    async fn hurt(&self, fault: Fault) -> Option<u32> {
        let pid = self.stack.pid("redis-1");
        match fault {
            Fault::Slow => self.proxy.delay(Some(Duration::from_millis(150))),
            Fault::Lost => self.proxy.delay(Some(HANGS)),
            Fault::Paused => self.stack.freeze(pid.unwrap()),
            Fault::Killed => self.stack.kill(pid.unwrap()),
            Fault::Full => {
                self.redis.run(&["config", "set", "maxmemory", "1"]);
            }
            Fault::ReadOnly => {
                self.redis.run(&["replicaof", "127.0.0.1", "1"]);
            }
            Fault::Unknown => {
                for service in SERVICES {
                    self.redis.run(&["acl", "setuser", service, "off"]);
                }
                self.redis.run(&["client", "kill", "type", "normal"]);
            }
            Fault::CannotPersist => {
                // A folder where the snapshot should go.
                std::fs::create_dir_all(self.stack.data().join("redis/dump.rdb/x")).unwrap();
                self.redis.run(&["config", "set", "save", "3600 1"]);
                self.redis.run(&["bgsave"]);
                until("it has failed", Duration::from_mins(1), || async {
                    let status = self.redis.run(&["info", "persistence"]);
                    status.contains("rdb_last_bgsave_status:err")
                })
                .await;
            }
        }
        pid
    }

    fn mend(&self, fault: Fault, pid: Option<u32>) {
        match fault {
            Fault::Slow | Fault::Lost => self.proxy.delay(None),
            Fault::Paused => self.stack.thaw(pid.unwrap()),
            Fault::Killed => {}
            Fault::Full => {
                self.redis.run(&["config", "set", "maxmemory", "0"]);
            }
            Fault::ReadOnly => {
                self.redis.run(&["replicaof", "no", "one"]);
            }
            Fault::Unknown => {
                for service in SERVICES {
                    self.redis.run(&["acl", "setuser", service, "on"]);
                }
            }
            Fault::CannotPersist => {
                std::fs::remove_dir_all(self.stack.data().join("redis/dump.rdb")).unwrap();
                self.redis.run(&["config", "set", "save", ""]);
            }
        }
    }

    /// Writes a number; `None` where it was not acknowledged.
    async fn write(&self, number: u64) -> Option<u64> {
        let body = json!({"values": {"written": number}});
        let request = self.admin.request(Method::PATCH, "/api/variables");
        let answer = self.admin.send(request.json(&body).timeout(HANGS)).await;
        match answer.status.as_u16() {
            200 => Some(number),
            503 => None,
            status => unreachable!("{status}: {}", answer.text),
        }
    }

    /// Writes a greater number until that is acknowledged.
    async fn write_until_acknowledged(&self, last: u64) -> u64 {
        let mut number = last.max(self.known().await);
        until("writes are acknowledged", Duration::from_mins(1), || {
            number += 1;
            let number = number;
            async move { self.write(number).await.is_some() }
        })
        .await;
        number
    }

    async fn known(&self) -> u64 {
        let answer = self.admin.get("/api/variables").await;
        answer.body["values"]["written"].as_u64().unwrap_or(0)
    }

    async fn kept(&self) -> u64 {
        let answer = self.admin.get("/api/variables").await.expect(200);
        answer.body["values"]["written"].as_u64().unwrap()
    }

    /// Everything is answered as if nothing had been.
    async fn is_well(&self) {
        for (method, path, body, statuses) in ASKS {
            until(path, Duration::from_mins(1), || async {
                let (status, _, _) = ask(&self.admin, method, path, body).await;
                statuses.contains(&status)
            })
            .await;
        }
    }
}

/// Asks the same again and again, and judges every answer.
async fn load(
    admin: Api,
    index: usize,
    seen: Arc<Mutex<Seen>>,
    told: mpsc::Sender<usize>,
    stop: CancellationToken,
) {
    let (method, path, body, statuses) = ASKS[index];
    let mut pace = tokio::time::interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let start = Instant::now();
        let (status, retry_after, text) = ask(&admin, method, path, body).await;
        let took = start.elapsed();
        let may_be_refused = path != ALWAYS && status == 503;
        assert!(
            statuses.contains(&status) || may_be_refused,
            "{method} {path}: {status} {text}"
        );
        if status == 503 {
            assert_eq!(retry_after, "1", "{method} {path}: {text}");
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert!(problem["code"].is_string(), "{text}");
        }
        let mut seen = seen.lock().await;
        let entry = seen.entry((index, status)).or_default();
        *entry = (entry.0 + 1, entry.1.max(took));
        drop(seen);
        let _counted = told.try_send(index);
    }
}

async fn ask(admin: &Api, method: &str, path: &str, body: Option<&str>) -> (u16, String, String) {
    let request = admin.request(method.parse().unwrap(), path).timeout(HANGS);
    let request = match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body.to_owned()),
        None => request,
    };
    let answer = admin.send(request).await;
    let retry_after = answer.header("retry-after").to_owned();
    (answer.status.as_u16(), retry_after, answer.text)
}

fn tell(table: &mut String, fault: Fault, seen: &Seen, recovery: Duration) {
    use std::fmt::Write as _;
    writeln!(table, "{fault:?}: well again after {recovery:?}").unwrap();
    for ((index, status), (count, longest)) in seen {
        let (method, path, ..) = ASKS[*index];
        writeln!(
            table,
            "  {method} {path}: {count} x {status}, at most {longest:?}"
        )
        .unwrap();
    }
}
