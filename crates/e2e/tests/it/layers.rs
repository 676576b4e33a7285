use serde_json::{Value, json};
use sm_common::event::{Channel, EventType, LayerUpdated};
use sm_common::ws::EventMessage;
use sm_e2e::{Playlist, Rgb, Stack, StackOptions, Still, record};
use sm_test_kit::{Answer, Api, Socket};
use tokio_util::sync::CancellationToken;

/// Encoded at 2.5 Mbit/s in 4:2:0: a large area of one colour comes back this near.
const COLOUR_TOLERANCE: u8 = 12;
/// The demo's canvas.
const WIDTH: usize = 1280;

async fn next_update(socket: &mut Socket) -> EventMessage {
    loop {
        let events = socket.events(1).await;
        let update = events
            .into_iter()
            .find(|event| event.event == EventType::LayerUpdated);
        if let Some(event) = update {
            return event;
        }
    }
}

async fn add_red_layer(admin: &Api) -> Answer {
    let layer = json!({
        "name": "Test card", "kind": "color", "source": {"color": "#c00000"},
        "transform": {"x": 0, "y": 0, "width": 640, "height": 360},
    });
    admin.post("/api/layers", &layer).await.expect(201)
}

async fn colour_on_air(stack: &Stack) -> Rgb {
    let viewer = stack.anonymous();
    let playlist = Playlist::fetch(&viewer).await.unwrap();
    let segment = playlist.newest_segment(&viewer).await;
    Still::last_of(segment.path(), WIDTH).at(320, 180)
}

#[tokio::test]
async fn a_changed_layer_is_in_the_picture_in_the_events_and_in_the_state() {
    let stack = Stack::start(StackOptions::at("127.72"));
    let admin = stack.admin().await;
    let created = add_red_layer(&admin).await;
    stack
        .until("red is on air", || async {
            colour_on_air(&stack)
                .await
                .is_near(Rgb(0xc0, 0, 0), COLOUR_TOLERANCE)
        })
        .await;

    let mut socket = stack.socket(&admin).await.unwrap();
    let offset = socket
        .subscribe(Channel::LayerUpdates, None)
        .await
        .position
        .offset;
    let path = format!("/api/layers/{}", created.body["id"].as_str().unwrap());
    let blue = json!({"source": {"color": "#0000c0"}});
    let etag = admin.get(&path).await.expect(200).header("etag").to_owned();
    let patched = admin.patch(&path, &etag, &blue).await.expect(200);

    let event = next_update(&mut socket).await;
    assert!(event.offset > offset);
    let update: LayerUpdated = serde_json::from_value(event.data).unwrap();
    assert_eq!(json!(update.layer.id), patched.body["id"]);
    assert_eq!(update.changed, ["/source/color"]);
    stack
        .until("blue is on air", || async {
            colour_on_air(&stack)
                .await
                .is_near(Rgb(0, 0, 0xc0), COLOUR_TOLERANCE)
        })
        .await;
    stack
        .until_state("the state says how long it took", |state| {
            state["performance"]["layer_change_to_air_ms"].is_number()
        })
        .await;
    admin
        .patch(&path, &etag, &blue)
        .await
        .expect_problem(412, "revision.stale");
}

/// As fast as they are answered, through Traefik: no packet of the program comes early or late.
#[tokio::test]
async fn three_hundred_changes_leave_no_irregular_packet() {
    let stack = Stack::start(StackOptions::at("127.77"));
    let admin = stack.admin().await;
    let created = add_red_layer(&admin).await;
    let path = format!("/api/layers/{}", created.body["id"].as_str().unwrap());
    let mut etag = admin.get(&path).await.expect(200).header("etag").to_owned();
    let stop = CancellationToken::new();
    let recording = record(stack.anonymous(), stop.clone());
    for step in 0..300 {
        let change = match step % 3 {
            0 => json!({"transform": {"x": step * 2, "y": step}}),
            1 => json!({"opacity": f64::from(step) / 300.0}),
            _ => json!({"source": {"color": format!("#{step:02x}00c0", step = step % 256)}}),
        };
        let patched = admin.patch(&path, &etag, &change).await.expect(200);
        patched.header("etag").clone_into(&mut etag);
    }
    let number = Playlist::fetch(&stack.anonymous()).await.unwrap().next();
    stack
        .until("the last change is in a segment", || async {
            Playlist::fetch(&stack.anonymous())
                .await
                .is_some_and(|playlist| playlist.next() > number + 1)
        })
        .await;
    stop.cancel();
    let recording = recording.await.unwrap();
    let irregular = recording.irregular_packets();
    assert_eq!(irregular.keys().collect::<Vec<_>>(), ["audio", "video"]);
    assert!(
        irregular.values().all(Vec::is_empty),
        "{irregular:?} in {} segments",
        recording.segments()
    );
}

/// How many squares of a frame are where they were, and how many where they are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Squares {
    before: usize,
    after: usize,
}

const SQUARES: usize = 20;
const SQUARE: usize = 40;
/// Rows of the squares, before and after.
const TOP: usize = 120;
const BOTTOM: usize = 520;

fn column(square: usize) -> usize {
    40 + square * 60
}

fn squares(frame: &Still) -> Squares {
    let lit = |row: usize| {
        let at = |square| frame.at(column(square) + SQUARE / 2, row + SQUARE / 2);
        (0..SQUARES).filter(|square| at(*square).1 > 128).count()
    };
    Squares {
        before: lit(TOP),
        after: lit(BOTTOM),
    }
}

/// A batch that moves twenty layers: on one frame all of them are where they were, on the next one all
/// are where they are to be.
#[tokio::test]
async fn a_batch_that_moves_twenty_layers_lands_on_one_frame() {
    const BEFORE: Squares = Squares {
        before: SQUARES,
        after: 0,
    };
    const AFTER: Squares = Squares {
        before: 0,
        after: SQUARES,
    };
    let stack = Stack::start(StackOptions::at("127.92"));
    let admin = stack.admin().await;
    let viewer = stack.anonymous();
    let ground = json!({"name": "Ground", "kind": "color", "source": {"color": "#000000"}});
    let squares_of = (0..SQUARES).map(|square| {
        json!({"name": format!("Square {square}"), "kind": "color", "source": {"color": "#ffffff"},
            "transform": {"x": column(square), "y": TOP, "width": SQUARE, "height": SQUARE}})
    });
    let create: Vec<Value> = std::iter::once(ground)
        .chain(squares_of)
        .map(|layer| json!({"op": "create", "layer": layer}))
        .collect();
    let made = admin
        .post("/api/layers/batch", &json!({"operations": create}))
        .await
        .expect(200);
    let shows = |wanted: Squares| {
        let viewer = &viewer;
        move || async move {
            let playlist = Playlist::fetch(viewer).await.unwrap();
            let segment = playlist.newest_segment(viewer).await;
            squares(&Still::last_of(segment.path(), WIDTH)) == wanted
        }
    };
    stack.until("the squares are on air", shows(BEFORE)).await;
    // A whole segment of what was before.
    let first = Playlist::fetch(&viewer).await.unwrap().next();
    let has_segment = || async { Playlist::fetch(&viewer).await.unwrap().next() > first };
    stack.until("there is a segment of them", has_segment).await;
    let ids = made.body["results"].as_array().unwrap().iter().skip(1);
    let moves: Vec<Value> = ids
        .map(|result| {
            json!({"op": "update", "id": result["layer"]["id"], "patch": {"transform": {"y": BOTTOM}}})
        })
        .collect();
    assert_eq!(moves.len(), SQUARES);
    admin
        .post("/api/layers/batch", &json!({"operations": moves}))
        .await
        .expect(200);
    stack.until("they have moved", shows(AFTER)).await;
    let playlist = Playlist::fetch(&viewer).await.unwrap();
    let program = playlist.segments_from(first, &viewer).await;
    let mut frames = Still::each_of(program.path(), WIDTH, squares);
    frames.dedup();
    assert_eq!(frames, [BEFORE, AFTER]);
}

#[tokio::test]
async fn a_layer_whose_file_is_gone_fails_alone() {
    let stack = Stack::start(StackOptions::at("127.73"));
    let admin = stack.admin().await;
    let png = one_pixel_png();
    let part = reqwest::multipart::Part::bytes(png).file_name("dot.png");
    let form = reqwest::multipart::Form::new().part("file", part);
    let upload = admin
        .request(reqwest::Method::POST, "/api/assets")
        .multipart(form);
    let asset = admin.send(upload).await.expect(201).body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shard: String = asset.chars().take(2).collect();
    std::fs::remove_file(stack.data().join("assets").join(shard).join(&asset)).unwrap();
    let layer = json!({"name": "Gone", "kind": "image", "source": {"asset": asset},
        "transform": {"x": 0, "y": 0, "width": 100, "height": 100}});
    let layer = admin.post("/api/layers", &layer).await.expect(201);
    let path = format!("/api/layers/{}", layer.body["id"].as_str().unwrap());
    stack
        .until("the layer says that its file is missing", || async {
            let status = admin.get(&path).await.expect(200).body["status"].clone();
            status["state"] == "failing" && status["code"] == "layer.source.missing"
        })
        .await;
    let state = stack
        .until_state("the stream is degraded", |s| s["status"] == "degraded")
        .await;
    assert!(
        state["errors"][0]["component"]
            .as_str()
            .unwrap()
            .starts_with("layer:"),
        "{state}"
    );
    assert_ne!(
        state["performance"]["fps"],
        Value::Null,
        "the stream goes on"
    );
}

fn one_pixel_png() -> Vec<u8> {
    let output = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "color=red:size=16x16",
            "-frames:v",
            "1",
        ])
        .args(["-f", "image2pipe", "-c:v", "png", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}
