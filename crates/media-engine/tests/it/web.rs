//! Web pages, drawn by WebKit in a process of its own. The packages that it takes are among those of the
//! tests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::slice::from_ref;
use std::thread;
use std::time::Instant;

use sm_common::id::LayerId;
use sm_common::layer::{OnLoss, WebSource};
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, LayerReport, Report, SceneLayer, WebSettings};

use crate::network_servers::free_tcp_port;
use crate::peers::wait_until;
use crate::recording::Frame;
use crate::scene::{color, layer, scene};
use crate::worker::{PATIENCE, Worker, small};

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

const SETTINGS: WebSettings = WebSettings {
    pages_max: 4,
    memory_bytes_max: 2 * 1024 * 1024 * 1024,
    start_ms: 25_000,
    stall_ms: 20_000,
};

/// A server that answers every request with this page, for as long as the tests run.
fn serve(page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let length = page.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n"
                );
                // The renderer may be gone.
                let _ = stream.write_all((head + page).as_bytes());
            });
        }
    });
    format!("http://{address}/")
}

fn page(url: &str) -> WebSource {
    WebSource {
        url: url.to_owned(),
        width: 320,
        height: 180,
        framerate: 30,
        zoom: 100,
        css: String::new(),
        reload_s: None,
        on_loss: OnLoss::Hide,
    }
}

fn web(source: WebSource) -> SceneLayer {
    layer(LayerContent::Web { source }, [0, 0, 320, 180])
}

/// A worker with these layers over blue.
fn on_air(settings: Option<WebSettings>, layers: &[SceneLayer]) -> Worker {
    let mut worker = Worker::start();
    worker.web = settings;
    worker.network.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let mut all = vec![layer(color("#0000ff"), [0, 0, 320, 180])];
    all.extend_from_slice(layers);
    worker.configure(small(), scene(1, &all));
    worker.wait_for_scene(1);
    worker
}

/// The next time that the layer does so.
fn next(worker: &mut Worker, layer: LayerId, state: LayerState) -> LayerReport {
    worker.wait_for_next("report on the page", |report| match report {
        Report::Layer(report) => {
            (report.layer == layer && report.state == state).then(|| report.clone())
        }
        _ => None,
    })
}

/// The processes below `parent` whose names begin so.
fn descendants(parent: u32, name: &str) -> Vec<u32> {
    let listed = Command::new("ps")
        .args(["-eo", "pid=,ppid=,comm="])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let processes: Vec<(u32, u32, String)> = listed
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let pid = words.next()?.parse().ok()?;
            let parent = words.next()?.parse().ok()?;
            Some((pid, parent, words.collect()))
        })
        .collect();
    let mut family = vec![parent];
    let mut found = Vec::new();
    while let Some(parent) = family.pop() {
        for (pid, above, called) in &processes {
            if *above == parent {
                family.push(*pid);
                if called.starts_with(name) {
                    found.push(*pid);
                }
            }
        }
    }
    found
}

/// The first picture on air that is as `is_so` says.
fn until_seen(worker: &mut Worker, is_so: impl Fn(&Frame) -> bool) -> Frame {
    let path = worker.path().join("seen.jpg");
    let start = Instant::now();
    loop {
        worker.send(&sm_media_protocol::Command::Snapshot {
            id: 1,
            path: path.clone(),
        });
        worker.wait_for_next("snapshot", |report| {
            matches!(report, Report::Snapshot { .. }).then_some(())
        });
        let frame = Frame::read(&path, 320);
        if is_so(&frame) {
            return frame;
        }
        assert!(start.elapsed() < PATIENCE, "not seen\n{}", worker.log());
    }
}

fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

const BOXES: &str = "<!doctype html><body style='margin:0'>\
    <div id=a style='position:absolute;left:0;top:0;width:100px;height:100px'></div>\
    <div style='position:absolute;left:200px;top:0;width:100px;height:100px;\
    background:rgba(255,0,0,.5)'></div>";

#[test]
fn a_page_shows_what_is_behind_it_and_the_rules_of_its_layer() {
    let shown = web(WebSource {
        css: "#a { background: #f00 } /* „Regel“ */".to_owned(),
        ..page(&serve(BOXES))
    });
    let zoomed = SceneLayer {
        transform: sm_common::layer::Transform::plain(160, 90, 160, 90),
        ..web(WebSource {
            zoom: 50,
            css: "#a { background: #f00 }".to_owned(),
            ..page(&serve(BOXES))
        })
    };
    let mut worker = on_air(Some(SETTINGS), &[shown.clone(), zoomed.clone()]);
    for layer in [shown.id, zoomed.id] {
        worker.wait_for_layer(layer, LayerState::Ok);
    }
    // The rules come when the page is loaded to its end.
    let frame = until_seen(&mut worker, |frame| {
        frame.is(20, 20, RED) && frame.is(170, 100, RED)
    });
    worker.stop();
    frame.assert_is(90, 80, RED);
    frame.assert_is(120, 20, BLUE);
    frame.assert_is(250, 40, [128, 0, 128]);
    // Half as large by its zoom, and again by its box.
    frame.assert_is(170, 100, RED);
    frame.assert_is(180, 110, RED);
    frame.assert_is(192, 130, BLUE);
    frame.assert_is(20, 150, BLUE);
}

const CLOCK: &str = "<!doctype html><body style='margin:0;background:#f00'><script>\
    let on = true; setInterval(() => {\
    document.body.style.background = (on = !on) ? '#f00' : '#0f0' }, 400)</script>";

#[test]
fn a_page_that_moves_is_seen_to_move_and_the_program_keeps_its_pace() {
    let shown = web(page(&serve(CLOCK)));
    let mut worker = on_air(Some(SETTINGS), from_ref(&shown));
    worker.wait_for_layer(shown.id, LayerState::Ok);
    worker.wait_for_segments(7);
    let recording = worker.stop();
    let frames = recording.frames();
    let green = frames.iter().filter(|frame| frame.is(160, 90, [0, 255, 0]));
    let red = frames.iter().filter(|frame| frame.is(160, 90, RED));
    assert!(green.count() > 5 && red.count() > 5);
    let steps = recording.steps("v");
    assert!(
        steps.iter().all(|step| (step - steps[0]).abs() < 0.002),
        "{steps:?}"
    );
}

#[test]
fn a_page_whose_process_dies_or_hangs_is_begun_anew() {
    let shown = web(WebSource {
        css: "#a { background: #f00 }".to_owned(),
        ..page(&serve(BOXES))
    });
    let settings = WebSettings {
        stall_ms: 5000,
        ..SETTINGS
    };
    let mut worker = on_air(Some(settings), from_ref(&shown));
    worker.wait_for_layer(shown.id, LayerState::Ok);
    let page_process = descendants(worker.pid(), "WPEWebProcess");
    signal(page_process[0], "-KILL");
    let failing = next(&mut worker, shown.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.web.crashed"));
    assert_eq!(failing.attempts, Some(1));
    next(&mut worker, shown.id, LayerState::Ok);

    let renderer = descendants(worker.pid(), "media-worker")
        .into_iter()
        .chain(descendants(worker.pid(), "exe"))
        .next();
    signal(renderer.expect("a renderer"), "-STOP");
    let failing = next(&mut worker, shown.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.web.stalled"));
    next(&mut worker, shown.id, LayerState::Ok);
    let dropped = worker.reports.iter().rev().find_map(|report| match report {
        Report::Stats(stats) => Some(stats.frames_dropped),
        _ => None,
    });
    assert_eq!(dropped, Some(0));
    worker.stop();
}

const ENDLESS: &str = "<!doctype html><body style='margin:0;background:#f00'>\
    <script>setTimeout(() => { for (;;) {} }, 1500)</script>";

#[test]
fn a_page_whose_script_never_ends_hangs() {
    let shown = web(page(&serve(ENDLESS)));
    let settings = WebSettings {
        stall_ms: 4000,
        ..SETTINGS
    };
    let mut worker = on_air(Some(settings), from_ref(&shown));
    worker.wait_for_layer(shown.id, LayerState::Ok);
    let failing = worker.wait_for_layer(shown.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.web.stalled"));
    worker.stop();
}

const GREEDY: &str = "<!doctype html><body style='margin:0;background:#f00'><script>\
    const kept = []; setInterval(() => {\
    kept.push(new Uint8Array(32 * 1024 * 1024).fill(kept.length + 1)) }, 50)</script>";

#[test]
fn a_page_that_takes_too_much_memory_is_ended() {
    let shown = web(page(&serve(GREEDY)));
    let settings = WebSettings {
        memory_bytes_max: 500 * 1024 * 1024,
        ..SETTINGS
    };
    let mut worker = on_air(Some(settings), from_ref(&shown));
    let failing = worker.wait_for_layer(shown.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.web.memory"));
    worker.stop();
}

#[test]
fn pages_that_cannot_or_must_not_be_shown_say_so() {
    let blue = serve("<!doctype html><body style='background:#00f'>");
    let dead = format!("http://127.0.0.1:{}/", free_tcp_port());
    let off = web(page(&blue));
    let mut worker = on_air(None, from_ref(&off));
    let failing = worker.wait_for_layer(off.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.web.disabled"));
    assert_eq!(descendants(worker.pid(), ""), [0; 0], "nothing is started");
    worker.stop();

    let settings = WebSettings {
        pages_max: 2,
        ..SETTINGS
    };
    let [dead, private, third] =
        [dead.as_str(), "http://10.0.0.1/", &blue].map(|url| web(page(url)));
    let layers = [dead.clone(), private.clone(), third.clone()];
    let mut worker = on_air(Some(settings), &layers);
    for (layer, code) in [
        (dead.id, "layer.web.not-loaded"),
        (private.id, "layer.source.forbidden"),
        (third.id, "layer.web.too-many"),
    ] {
        let failing = worker.wait_for_layer(layer, LayerState::Failing);
        assert_eq!(failing.code.as_deref(), Some(code));
        assert!(!failing.reason.unwrap().contains("127.0.0.1"));
    }
    worker.stop();
}

#[test]
fn a_worker_that_dies_leaves_no_page_behind() {
    let shown = web(page(&serve(BOXES)));
    let mut worker = on_air(Some(SETTINGS), from_ref(&shown));
    worker.wait_for_layer(shown.id, LayerState::Ok);
    let processes = descendants(worker.pid(), "");
    assert!(processes.len() >= 3, "{processes:?}");
    worker.kill();
    let is_there = |pid: &u32| std::path::Path::new(&format!("/proc/{pid}/exe")).exists();
    wait_until("end of every process", || !processes.iter().any(is_there));
}
