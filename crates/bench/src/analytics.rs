//! Analytics beside Prometheus, with the same samples in the same run.
//!
//! Wall times on a shared machine say little, so that what is compared is CPU time: of analytics and
//! Redis together, and of Prometheus. Ours reads the samples from the bus, where they were published
//! before the clock runs; Prometheus is sent them by remote-write, ten seconds in a request.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use procfs::process::Process;
use sm_bus::{Bus, BusConfig, Commit, keys, redis};
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::event::Channel;
use sm_common::id::{InstanceId, StreamId, UserId};
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_e2e::Fleet;
use sm_test_kit::{Api, until};

use crate::measurement::Measurement;
use crate::prometheus::{Prometheus, Series};

pub(crate) const GROUP: &str = "analytics";

/// Longest that reading and packing may take.
const PATIENCE: Duration = Duration::from_mins(30);
/// Seconds in a request to Prometheus, and events in a commit.
const BATCH_S: i64 = 10;
/// One sample a second for so long, and before that one a minute.
const DAY_S: i64 = 86_400;
const MONTH_S: i64 = 30 * DAY_S;
/// How often a query is asked.
const QUERIES: u32 = 50;

/// The metrics that are filled in, and asked for in queries.
const ASKED: [&str; 4] = ["fps", "bitrate_kbps", "encode_ms_p99", "viewers"];

/// Ingest, bytes a sample, and queries of a day and of a month.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> anyhow::Result<Vec<Measurement>> {
    let settings = [
        ("", "SM__TELEMETRY__LOG", "warn"),
        ("", "SM__REDIS__TIMEOUT_MS", "10000"),
        // What is a day old is packed as seconds too.
        ("analytics", "SM__RETENTION__SECONDS_S", "90000"),
        ("analytics", "SM__PACKING__INTERVAL_MS", "200"),
    ];
    let mut fleet = Fleet::start("127.96", &[("analytics", 1)], &settings).await;
    fleet.stop("analytics-1");
    let bus = publisher(&fleet)?;
    let prometheus = Prometheus::start().await?;
    let stream = StreamId::default();
    // Over whole blocks of ten minutes.
    let now = SystemClock.now().as_unix_seconds();
    let end = (now - 60).div_euclid(600) * 600;
    let begin = end - DAY_S;
    let month: Vec<i64> = (0..(MONTH_S - DAY_S) / 60)
        .map(|minute| end - MONTH_S + minute * 60)
        .collect();
    let day: Vec<i64> = (begin..end).collect();
    publish(&bus, &stream, &month).await?;
    publish(&bus, &stream, &day).await?;
    for part in month.chunks(600) {
        prometheus.write(series_of(&stream, part)).await?;
    }

    let values = count(day.len() + month.len()) * count(METRICS);
    let redis = fleet.redis().pid();
    let before = cpu_s(redis)?;
    fleet.launch_again("analytics-1").await;
    until_packed(&bus, &stream).await;
    let ours = cpu_s(redis)? - before + cpu_s(fleet.pid("analytics-1"))?;

    let before = cpu_s(prometheus.pid())?;
    for part in day.chunks(usize::try_from(BATCH_S)?) {
        prometheus.write(series_of(&stream, part)).await?;
    }
    let peer = cpu_s(prometheus.pid())? - before;
    let peer_values = count(day.len()) * count(METRICS);
    let mut measurements = vec![Measurement::compare(
        "analytics-ingest",
        "samples per core-second",
        "Prometheus",
        1.0,
        &[(values / ours, peer_values / peer)],
    )];

    let packed = packed_bytes(&bus, &stream).await?;
    let blocks = prometheus.snapshot().await?;
    measurements.push(Measurement::compare(
        "analytics-bytes",
        "bytes per sample of a second",
        "Prometheus blocks",
        0.4,
        &[(
            packed / (count(day.len()) * count(METRICS)),
            float(blocks) / values,
        )],
    ));

    let token = fleet.token(UserId::generate(), "bench", Role::Operator);
    let api = Api::new(fleet.url("analytics-1")).with_token(token);
    let pids = [redis, fleet.pid("analytics-1")];
    for (name, range, step_s) in [
        ("analytics-query-24h", (begin, end), 60),
        ("analytics-query-30d", (end - MONTH_S, end), 3600),
    ] {
        measurements.extend(queries(name, (&api, &pids), &prometheus, range, step_s).await?);
    }
    Ok(measurements)
}

/// CPU milliseconds of a query, and the time that nearly all take.
async fn queries(
    name: &str,
    (api, pids): (&Api, &[u32; 2]),
    prometheus: &Prometheus,
    range: (i64, i64),
    step_s: i64,
) -> anyhow::Result<Vec<Measurement>> {
    let at = |second: i64| Timestamp::from_unix_millis(second * 1000);
    let path = format!(
        "/api/analytics/timeseries?metric={}&from={}&to={}&step={step_s}s",
        ASKED.join(","),
        at(range.0),
        at(range.1)
    );
    let cpu = || -> anyhow::Result<f64> { Ok(cpu_s(pids[0])? + cpu_s(pids[1])?) };
    let mut ours = (cpu()?, Vec::new());
    for _ in 0..QUERIES {
        let start = Instant::now();
        let _answer = api.get(&path).await.expect(200);
        ours.1.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let ours_ms = (cpu()? - ours.0) * 1000.0 / f64::from(QUERIES);
    let mut peer = (cpu_s(prometheus.pid())?, Vec::new());
    for _ in 0..QUERIES {
        let start = Instant::now();
        prometheus.means(&ASKED, "main", range, step_s).await?;
        peer.1.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let peer_ms = (cpu_s(prometheus.pid())? - peer.0) * 1000.0 / f64::from(QUERIES);
    let pair = |name: &str, unit: &str, ours: f64, peer: f64| {
        Measurement::compare(name, unit, "Prometheus", 1.0, &[(ours, peer)])
    };
    let slowest = (p99(&mut ours.1), p99(&mut peer.1));
    Ok(vec![
        pair(&format!("{name}-cpu"), "CPU ms a query", ours_ms, peer_ms),
        pair(&format!("{name}-p99"), "ms", slowest.0, slowest.1),
    ])
}

/// The time that 99 of 100 take at most.
fn p99(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(rank).copied().unwrap_or(f64::NAN)
}

fn publisher(fleet: &Fleet) -> anyhow::Result<Bus> {
    let config = BusConfig {
        history_max: 1_000_000,
        timeout_ms: 10_000,
        ..BusConfig::at(fleet.redis().url())
    };
    let name = "stream-engine";
    let clock = SystemClock::shared();
    Ok(Bus::new(config, name, InstanceId::generate(name), clock)?)
}

async fn publish(bus: &Bus, stream: &StreamId, seconds: &[i64]) -> anyhow::Result<()> {
    for part in seconds.chunks(usize::try_from(BATCH_S)? * 10) {
        let events = part
            .iter()
            .map(|second| bus.event(stream, &sample(stream, *second), None))
            .collect::<Result<Vec<_>, _>>()?;
        bus.commit(Commit::new(), events).await?;
    }
    Ok(())
}

/// Waits until everything that was published is read and packed.
async fn until_packed(bus: &Bus, stream: &StreamId) {
    until("everything is read and packed", PATIENCE, || {
        Box::pin(async {
            let position = bus.current_position(stream, Channel::Metrics).await;
            let published = position.ok().flatten().map(|position| position.offset);
            let mut command = redis::cmd("HGET");
            command
                .arg(keys::analytics_position(stream, Channel::Metrics))
                .arg("offset");
            let read = bus.query::<Option<u64>>(&command).await.ok().flatten();
            let mut command = redis::cmd("EXISTS");
            command.arg(keys::open_blocks(stream));
            let open = bus.query::<u64>(&command).await;
            published.is_some() && read == published && open.is_ok_and(|open| open == 0)
        })
    })
    .await;
}

/// What Redis needs for the packed seconds.
async fn packed_bytes(bus: &Bus, stream: &StreamId) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for (metric, _) in values(0) {
        let mut command = redis::cmd("MEMORY");
        command
            .arg("USAGE")
            .arg(keys::chunks(stream, metric, "1s"))
            .arg(&["SAMPLES", "0"]);
        bytes += bus.query::<Option<f64>>(&command).await?.unwrap_or(0.0);
    }
    Ok(bytes)
}

const METRICS: usize = 12;

/// What an encoder might say of a second, with noise that follows from it.
fn values(second: i64) -> [(&'static str, f64); METRICS] {
    let noise = |column: i64| {
        let mixed = (second * 31 + column * 7 + 1).wrapping_mul(2_654_435_761) >> 8;
        float(u64::try_from(mixed & 0xffff).unwrap_or(0)) / 65_536.0
    };
    let total =
        |per_second: i64| float(u64::try_from(second % 1_000_000 * per_second).unwrap_or(0));
    let rounded = |value: f64, factor: f64| (value * factor).round() / factor;
    [
        ("fps", 30.0),
        ("frames_total", total(30)),
        ("frames_dropped", total(1) / 100.0 - total(1) / 100.0 % 1.0),
        ("bytes_total", total(312_500)),
        ("bitrate_kbps", rounded(2500.0 + 200.0 * noise(1), 10.0)),
        ("encode_ms_p50", rounded(4.0 + noise(2), 1000.0)),
        ("encode_ms_p99", rounded(9.0 + 6.0 * noise(3), 1000.0)),
        (
            "frame_interval_ms_max",
            rounded(34.0 + 5.0 * noise(4), 1000.0),
        ),
        ("cpu_cores", rounded(0.6 + 0.1 * noise(5), 1000.0)),
        ("audio_peak_dbfs", rounded(-6.0 * noise(6), 100.0)),
        ("audio_rms_dbfs", rounded(-23.0 + 4.0 * noise(7), 100.0)),
        ("viewers", (40.0 + 5.0 * noise(8)).floor()),
    ]
}

/// The same as the engine would publish it.
fn sample(stream: &StreamId, second: i64) -> MetricsSample {
    let values = values(second);
    let of = |name: &str| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    let whole = |name: &str| of(name).and_then(|value| format!("{value:.0}").parse().ok());
    MetricsSample {
        stream: stream.clone(),
        at: Timestamp::from_unix_millis(second * 1000),
        performance: Performance {
            fps: of("fps"),
            frames_total: whole("frames_total"),
            frames_dropped: whole("frames_dropped"),
            bytes_total: whole("bytes_total"),
            bitrate_kbps: of("bitrate_kbps"),
            encode_ms_p50: of("encode_ms_p50"),
            encode_ms_p99: of("encode_ms_p99"),
            frame_interval_ms_max: of("frame_interval_ms_max"),
            cpu_cores: of("cpu_cores"),
            audio_peak_dbfs: of("audio_peak_dbfs"),
            audio_rms_dbfs: of("audio_rms_dbfs"),
            ..Performance::default()
        },
        viewers: Viewers {
            current: whole("viewers").unwrap_or(0),
            peak: 45,
            ..Viewers::default()
        },
    }
}

/// The same for Prometheus.
fn series_of(stream: &StreamId, seconds: &[i64]) -> Vec<Series> {
    (0..METRICS)
        .filter_map(|column| {
            let (name, _) = *values(0).get(column)?;
            let sample = |second: &i64| Some((second * 1000, values(*second).get(column)?.1));
            let samples = seconds.iter().filter_map(sample).collect();
            Some((name, stream.to_string(), samples))
        })
        .collect()
}

/// CPU time that a process has used, in seconds.
fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = Process::new(i32::try_from(pid)?)
        .and_then(|process| process.stat())
        .context("read the process's CPU time")?;
    Ok(float(stat.utime + stat.stime) / float(procfs::ticks_per_second()))
}

fn count(number: usize) -> f64 {
    float(u64::try_from(number).unwrap_or(u64::MAX))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts and bytes of a benchmark are below 2^53"
)]
fn float(number: u64) -> f64 {
    number as f64
}
