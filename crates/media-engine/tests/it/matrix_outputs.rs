//! Every kind of output through every fault.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use sm_common::id::OutputId;
use sm_common::output::{OutputStatus, SrtMode};
use sm_media_protocol::{OutputReport, Report, WantedOutput};
use tempfile::TempDir;

use crate::matrix::{Beside, assert_in_reference, cell};
use crate::network::next_segments;
use crate::network_servers::noise;
use crate::outputs::{ORANGE, assert_plays, still};
use crate::peers::{Peer, RtmpServer, free_udp_port, rtmp, srt, srt_caller, srt_listener};
use crate::recording::Recording;
use crate::worker::Worker;

/// Where the program goes, as a test needs it.
trait Target {
    fn output(&self) -> WantedOutput;
    /// Comes, or comes back.
    fn come(&mut self);
    fn die(&mut self);
    /// An output of this kind whose target answers with what means nothing.
    fn to_garbage(&mut self) -> WantedOutput;
    /// What came, a file for each time that the target was there.
    fn received(&self) -> Vec<PathBuf>;
}

/// What a report says, as the reference has it.
fn told(report: &OutputReport) -> String {
    let status = match report.status {
        OutputStatus::Stopped => "stopped",
        OutputStatus::Connecting => "connecting",
        OutputStatus::Live => "live",
        OutputStatus::Reconnecting => "reconnecting",
        OutputStatus::Failed => "failed",
    };
    cell(status, report.code.as_deref())
}

fn until(worker: &mut Worker, output: &OutputId, statuses: &[OutputStatus]) -> String {
    let report = worker.wait_for_next("word of the output", |report| match report {
        Report::Output(report) => {
            (report.output == *output && statuses.contains(&report.status)).then(|| report.clone())
        }
        _ => None,
    });
    told(&report)
}

const TROUBLE: &[OutputStatus] = &[OutputStatus::Reconnecting, OutputStatus::Failed];
const LIVE: &[OutputStatus] = &[OutputStatus::Live];

fn on_air(output: &WantedOutput, beside: &Beside) -> Worker {
    let mut outputs = vec![output.clone()];
    outputs.extend(beside.outputs());
    Worker::sending(still(), &outputs, 0)
}

/// Takes an output that calls its target through everything, and looks for what was seen in the
/// reference.
fn go_through(name: &str, target: &mut dyn Target) {
    let output = target.output();
    let beside = Beside::new();
    let mut worker = on_air(&output, &beside);
    let missing = until(&mut worker, &output.id, TROUBLE);
    beside.wait(&mut worker);
    target.come();
    let there = until(&mut worker, &output.id, LIVE);
    next_segments(&mut worker, 2);
    target.die();
    let gone = until(&mut worker, &output.id, TROUBLE);
    target.come();
    let back = until(&mut worker, &output.id, LIVE);
    next_segments(&mut worker, 2);
    beside.stop(&mut worker);
    let received = target.received();
    assert_eq!(received.len(), 2, "{name}: {received:?}");
    for file in &received {
        assert_plays(file);
    }

    let output = target.to_garbage();
    let beside = Beside::new();
    let mut worker = on_air(&output, &beside);
    let garbage = until(&mut worker, &output.id, TROUBLE);
    beside.wait(&mut worker);
    next_segments(&mut worker, 1);
    beside.stop(&mut worker);
    assert_in_reference(&[name, &missing, &there, &gone, &back, &garbage]);
}

struct ToRtmp(RtmpServer);

impl Target for ToRtmp {
    fn output(&self) -> WantedOutput {
        self.0.output("key")
    }

    fn come(&mut self) {
        self.0.come();
    }

    fn die(&mut self) {
        self.0.die();
    }

    fn to_garbage(&mut self) -> WantedOutput {
        rtmp(noise(), "key")
    }

    fn received(&self) -> Vec<PathBuf> {
        self.0.recordings()
    }
}

#[test]
fn an_rtmp_target_goes_through_everything() {
    go_through("RTMP", &mut ToRtmp(RtmpServer::absent()));
}

/// Answers every datagram with bytes that mean nothing.
struct Babbler {
    over: Arc<AtomicBool>,
    port: u16,
    talking: Option<JoinHandle<()>>,
}

impl Babbler {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let talking = thread::spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok((_, caller)) = socket.recv_from(&mut datagram) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // Callers go away.
                let _ = socket.send_to(&[0x9a; 1000], caller);
            }
        });
        Self {
            over,
            port,
            talking: Some(talking),
        }
    }
}

impl Drop for Babbler {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"over", ("127.0.0.1", self.port)).unwrap();
        if let Some(talking) = self.talking.take() {
            talking.join().unwrap();
        }
    }
}

/// Somebody whom we call.
struct ToSrt {
    folder: TempDir,
    port: u16,
    times: u32,
    running: Option<Peer>,
    babbler: Option<Babbler>,
}

impl ToSrt {
    fn absent() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_udp_port(),
            times: 0,
            running: None,
            babbler: None,
        }
    }

    fn file(&self, time: u32) -> PathBuf {
        self.folder.path().join(format!("{time}.ts"))
    }
}

impl Target for ToSrt {
    fn output(&self) -> WantedOutput {
        srt(self.port, SrtMode::Caller, None)
    }

    fn come(&mut self) {
        self.times += 1;
        self.running = Some(srt_listener(self.port, &self.file(self.times), ""));
    }

    fn die(&mut self) {
        self.running = None;
    }

    fn to_garbage(&mut self) -> WantedOutput {
        let babbler = Babbler::start();
        let output = srt(babbler.port, SrtMode::Caller, None);
        self.babbler = Some(babbler);
        output
    }

    fn received(&self) -> Vec<PathBuf> {
        (1..=self.times).map(|time| self.file(time)).collect()
    }
}

#[test]
fn an_srt_target_goes_through_everything() {
    go_through("SRT, calling", &mut ToSrt::absent());
}

/// We listen: nobody has to be there, and nobody can be missing.
#[test]
fn an_srt_listener_of_ours_goes_through_everything() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_udp_port();
    let output = srt(port, SrtMode::Listener, None);
    let beside = Beside::new();
    let mut worker = on_air(&output, &beside);
    let missing = until(&mut worker, &output.id, LIVE);
    beside.wait(&mut worker);
    let readers = |worker: &mut Worker, count| {
        worker.wait_for_output_stats(&output.id, |counters| {
            counters.srt.and_then(|srt| srt.readers) == Some(count)
        })
    };
    let read = folder.path().join("first.ts");
    let reader = srt_caller(port, &read);
    readers(&mut worker, 1);
    drop(reader);
    readers(&mut worker, 0);
    let babbler = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [1, 16, 64, 1316, 9000] {
        babbler
            .send_to(&vec![0x9a; length], ("127.0.0.1", port))
            .unwrap();
    }
    let read = folder.path().join("second.ts");
    let mut reader = srt_caller(port, &read);
    readers(&mut worker, 1);
    next_segments(&mut worker, 2);
    let reports = worker.reports.iter().rev();
    let last = reports.clone().find_map(|report| match report {
        Report::Output(report) => (report.output == output.id).then(|| told(report)),
        _ => None,
    });
    let ever_since = last.unwrap();
    beside.stop(&mut worker);
    reader.wait();
    let frames = Recording::of(read).frames();
    frames.last().unwrap().assert_is(160, 90, ORANGE);
    let mut row = vec!["SRT, called", &missing];
    row.extend([ever_since.as_str(); 4]);
    assert_in_reference(&row);
}
