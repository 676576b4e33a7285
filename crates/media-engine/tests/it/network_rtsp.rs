//! Cameras that are fetched by RTSP.

use std::net::TcpListener;

use sm_common::layer::OnLoss;
use sm_common::secret::Secret;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, SceneLayer};

use crate::continuity::assert_regular;
use crate::network::{assert_tone, colors, network, next, next_segments, on_air};
use crate::network_servers::color;
use crate::rtsp_server::{Manners, RtspServer};

/// The layer with a user and a password.
pub(crate) fn signed(mut layer: SceneLayer, user: &str, password: &str) -> SceneLayer {
    if let LayerContent::Network { source, secret } = &mut layer.content {
        source.user = Some(user.to_owned());
        *secret = Some(Secret::from(password.to_owned()));
    }
    layer
}

#[test]
fn a_camera_may_be_late_die_and_come_back_while_its_last_frame_stays() {
    let mut server = RtspServer::absent(Manners::default());
    let source = network(&server.url(""), OnLoss::Hold);
    let mut worker = on_air(std::slice::from_ref(&source));
    let missing = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(missing.code.as_deref(), Some("layer.source.unreachable"));
    let reason = missing.reason.unwrap();
    assert!(
        !reason.contains("camera") && !reason.contains("127"),
        "{reason}"
    );

    server.come(&color("red"));
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    server.die();
    let lost = next(&mut worker, source.id, LayerState::Failing);
    assert_eq!(lost.code.as_deref(), Some("layer.source.lost"));
    next_segments(&mut worker, 1);
    server.come(&color("blue"));
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "grb");
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

#[test]
fn a_camera_lets_in_who_knows_its_password() {
    // me:planted-4711
    let manners = Manners {
        authorization: Some("Basic bWU6cGxhbnRlZC00NzEx".to_owned()),
        ..Manners::default()
    };
    let server = RtspServer::start(manners, &color("red"));
    let url = server.url("");
    let stranger = network(&url, OnLoss::Hide);
    let wrong = signed(network(&url, OnLoss::Hide), "me", "planted-4712");
    let mut worker = on_air(&[stranger.clone(), wrong.clone()]);
    for layer in [&stranger, &wrong] {
        let refused = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(refused.code.as_deref(), Some("layer.source.unauthorized"));
    }
    let known = signed(network(&url, OnLoss::Hide), "me", "planted-4711");
    worker.apply(crate::scene::scene(2, std::slice::from_ref(&known)));
    worker.wait_for_layer(known.id, LayerState::Ok);
    let log = std::fs::read_to_string(worker.path().join("log")).unwrap();
    assert!(!log.contains("planted"), "{log}");
    assert!(!format!("{:?}", worker.reports).contains("planted"));
    worker.stop();
}

#[test]
fn nobody_is_led_elsewhere_by_a_server() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let elsewhere = format!("rtsp://{}/", trap.local_addr().unwrap());
    let redirecting = RtspServer::start(
        Manners {
            redirect: Some(elsewhere.clone()),
            ..Manners::default()
        },
        &color("red"),
    );
    // The address of a stream is only a name within the connection.
    let naming = RtspServer::start(
        Manners {
            control: elsewhere,
            ..Manners::default()
        },
        &color("blue"),
    );
    let noise = RtspServer::absent(Manners {
        noise: Some(b"\x00\x01 not RTSP at all\r\n\r\n".repeat(100)),
        ..Manners::default()
    });
    let layers =
        [&redirecting, &naming, &noise].map(|server| network(&server.url(""), OnLoss::Hide));
    let mut worker = on_air(&layers);
    for at in [0, 2] {
        let failing = worker.wait_for_layer(layers[at].id, LayerState::Failing);
        assert_eq!(
            failing.code.as_deref(),
            Some("layer.source.unsupported"),
            "{at}"
        );
    }
    worker.wait_for_layer(layers[1].id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert!(colors(&recording).ends_with('b'));
    assert_regular(&recording, 30);
    let caught = trap.accept();
    assert_eq!(caught.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
