//! Clients that never read, among many that do.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::swarm::open_dead;
use super::target::Target;
use super::usage::{float, memory_kib};
use super::{Crowd, seed};
use crate::measurement::Measurement;

const CLIENTS: usize = 1_000;
const DEAD: usize = 50;
const DELIVERIES_PER_SECOND: f64 = 60_000.0;
const ROUNDS: usize = 5;
/// Little is hidden in the kernel of a client.
const RECEIVE_BYTES: u32 = 16 * 1024;
/// How long a dead client's kernel may take to hand out what it holds.
const READ_TIMEOUT: Duration = Duration::from_millis(200);

/// The delay of those who read without and with 50 that do not, what these make the server keep,
/// and what they got of it when they are looked at in the end.
pub(super) async fn run() -> anyhow::Result<Vec<Measurement>> {
    let settings = [
        // Nothing but the queue limits what waits.
        ("ws.heartbeat_ms", "600000".to_owned()),
        ("ws.send_buffer_bytes", "16384".to_owned()),
    ];
    let target = Target::ours("ours", &settings).await?;
    let crowd = Crowd::open(&target, CLIENTS).await?;
    let mut without = Vec::new();
    for round in 0..ROUNDS {
        let seen = crowd.round(DELIVERIES_PER_SECOND, seed(round)).await?;
        without.push(seen.p99_ms);
    }
    let before = memory_kib(&target.pids()?)?;
    let mut dead = Vec::new();
    for number in 0..DEAD {
        dead.push(open_dead(&target.entrance, number, RECEIVE_BYTES).await?);
    }
    let (mut pairs, mut grown) = (Vec::new(), 0.0_f64);
    for (round, without) in without.iter().enumerate() {
        let seen = crowd.round(DELIVERIES_PER_SECOND, seed(round)).await?;
        pairs.push((seen.p99_ms, *without));
        grown = grown.max(memory_kib(&target.pids()?)? - before);
    }
    let (mut least, mut most, mut closed) = (u64::MAX, 0, 0);
    for client in dead {
        let (bytes, is_closed) = look(client).await?;
        (least, most) = (least.min(bytes), most.max(bytes));
        closed += u32::from(is_closed);
    }
    let mut delay = Measurement::compare("fanout-dead-p99", "ms", "without the dead", 1.2, &pairs);
    let read = |bytes: u64| float(bytes) / 1024.0;
    delay.note = format!(
        "{DEAD} of {} never read; the dead got {:.0} to {:.0} KiB each, {closed} were closed",
        CLIENTS + DEAD,
        read(least),
        read(most),
    );
    let memory = Measurement::within("fanout-dead-memory", "KiB", bound_kib(), &[grown]);
    Ok(vec![delay, memory])
}

/// What every queue may hold, by default.
fn bound_kib() -> f64 {
    float(u64::try_from(DEAD).unwrap_or(u64::MAX)) * 1024.0
}

/// Reads what the kernel and the server have left for a client. Returns how much that was, and
/// whether the connection ended.
async fn look(mut client: TcpStream) -> anyhow::Result<(u64, bool)> {
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match timeout(READ_TIMEOUT, client.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Ok((bytes, true)),
            Ok(Ok(count)) => bytes += u64::try_from(count)?,
            Err(_elapsed) => return Ok((bytes, false)),
        }
    }
}
