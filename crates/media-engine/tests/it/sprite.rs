//! Small pictures of the last minutes.

use sm_common::sprite::Sprite;
use sm_media_protocol::{Report, SpriteSettings};

use crate::recording::Frame;
use crate::scene::{color, layer, scene};
use crate::worker::{Worker, small};

fn colored(revision: u64, text: &str) -> sm_media_protocol::WantedScene {
    scene(revision, &[layer(color(text), [0, 0, 320, 180])])
}

fn wait_for(worker: &mut Worker, enough: impl Fn(&Sprite) -> bool) -> Sprite {
    worker.wait_for_next("sprite", |report| match report {
        Report::Sprite(sprite) => enough(sprite).then(|| sprite.clone()),
        _ => None,
    })
}

#[test]
fn the_pictures_of_the_last_minutes_are_in_one_file() {
    let mut worker = Worker::start();
    worker.sprite = Some(SpriteSettings {
        interval_ms: 100,
        pictures: 12,
        height: 36,
    });
    worker.configure(small(), colored(1, "#ff0000"));
    let red = wait_for(&mut worker, |sprite| sprite.pictures.len() == 3);
    assert_eq!((red.width, red.height), (64, 36));
    let seen = red.pictures.last().unwrap().at;
    worker.apply(colored(2, "#0000ff"));
    // All but the oldest are blue by now, wherever they are.
    let blue = wait_for(&mut worker, |sprite| {
        sprite.pictures.len() == 12 && sprite.pictures[0].at > seen
    });
    let times: Vec<_> = blue.pictures.iter().map(|picture| picture.at).collect();
    assert!(times.is_sorted());
    let newest = blue.pictures.last().unwrap();
    let sheet = Frame::read(&worker.path().join("sprite.jpg"), 640);
    let (x, y) = (
        usize::try_from(newest.x).unwrap(),
        usize::try_from(newest.y).unwrap(),
    );
    sheet.assert_is(x + 32, y + 18, [0, 0, 255]);
    // The next host knows them.
    worker.go_away();
    let on_air = worker.connect(2).unwrap();
    assert!(on_air.sprite.unwrap().pictures.len() == 12);
    worker.wait_for_segments(1);
}

#[test]
fn a_sprite_that_cannot_be_written_hurts_nobody() {
    let mut worker = Worker::start();
    worker.sprite = Some(SpriteSettings {
        interval_ms: 100,
        pictures: 4,
        height: 36,
    });
    std::fs::create_dir(worker.path().join("sprite.jpg")).unwrap();
    worker.configure(small(), colored(1, "#ff0000"));
    worker.wait_for("fault", |report| match report {
        Report::Fault { code, .. } => (code == "sprite.failed").then_some(()),
        _ => None,
    });
    worker.wait_for_segments(1);
}
