//! Sources that are encrypted on their way, and those that want to know who asks.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sm_common::address::NetworkPolicy;
use sm_common::layer::{KeyLength, OnLoss};
use sm_common::secret::Secret;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, SceneLayer};

use crate::continuity::assert_regular;
use crate::network::{assert_tone, colors, network, next, next_segments, on_air, over_green};
use crate::network_rtsp::signed;
use crate::network_servers::{
    Origin, TONE, color, free_tcp_port, free_udp_port, publish, rtmp, srt_with, until_up,
};
use crate::rtsp_server::{Manners, RtspServer};
use crate::worker::{WORKER, Worker, small};

/// A certificate for `localhost`, which is its own authority.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .args(["-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Ends TLS in front of the server on `behind`, and returns the port.
fn in_front_of(behind: u16, folder: &Path) -> u16 {
    let certificates = CertificateDer::pem_file_iter(folder.join("cert.pem")).unwrap();
    let certificates = certificates.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut near = acceptor.accept(stream).await.ok()?;
                    let place = ("127.0.0.1", behind);
                    let mut far = tokio::net::TcpStream::connect(place).await.ok()?;
                    tokio::io::copy_bidirectional(&mut near, &mut far)
                        .await
                        .ok()
                });
            }
        });
    });
    port
}

/// A worker that trusts the certificate, with these layers over green.
fn trusting(folder: &Path, layers: &[SceneLayer]) -> Worker {
    let trusted = folder.join("cert.pem");
    let mut worker = Worker::start_as(Command::new(WORKER).env("SSL_CERT_FILE", trusted));
    worker.network = NetworkPolicy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    };
    worker.configure(small(), over_green(layers));
    worker.wait_for_scene(1);
    worker
}

#[test]
fn an_rtmps_source_may_be_late_die_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let behind = free_tcp_port();
    let port = in_front_of(behind, folder.path());
    let url = format!("rtmps://localhost:{port}/live/camera");
    let source = network(&url, OnLoss::Hide);
    let mut worker = trusting(folder.path(), std::slice::from_ref(&source));
    let missing = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(missing.code.as_deref(), Some("layer.source.unreachable"));

    let server = rtmp(folder.path(), behind);
    until_up(behind);
    let camera = publish(behind, &color("red"));
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    drop((server, camera));
    next(&mut worker, source.id, LayerState::Failing);
    next_segments(&mut worker, 1);
    let _server = rtmp(folder.path(), behind);
    until_up(behind);
    let _camera = publish(behind, &color("blue"));
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "grgb");
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

#[test]
fn a_camera_is_seen_through_tls_and_a_stranger_s_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let server = RtspServer::start(Manners::default(), &color("red"));
    let port = in_front_of(server.port, folder.path());
    let source = network(&format!("rtsps://localhost:{port}/camera"), OnLoss::Hide);
    let mut worker = trusting(folder.path(), std::slice::from_ref(&source));
    worker.wait_for_layer(source.id, LayerState::Ok);
    worker.stop();

    let by_number = network(&format!("rtsps://127.0.0.1:{port}/camera"), OnLoss::Hide);
    let no_tls = network(
        &format!("rtmps://localhost:{}/live/camera", server.port),
        OnLoss::Hide,
    );
    let mut worker = trusting(folder.path(), &[by_number.clone(), no_tls.clone()]);
    for layer in [by_number, no_tls] {
        let refused = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(refused.code.as_deref(), Some("layer.source.tls"));
    }
    worker.stop();
    // Whoever does not trust the certificate does not see the picture.
    let mut worker = on_air(std::slice::from_ref(&source));
    let refused = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(refused.code.as_deref(), Some("layer.source.tls"));
    worker.stop();
}

fn encrypted(mut layer: SceneLayer, passphrase: &str, length: KeyLength) -> SceneLayer {
    if let LayerContent::Network { source, secret } = &mut layer.content {
        source.key_length = Some(length);
        *secret = Some(Secret::from(passphrase.to_owned()));
    }
    layer
}

#[test]
fn an_encrypted_srt_source_is_read_with_its_passphrase_alone() {
    let port = free_udp_port();
    let _camera = srt_with(
        port,
        "&passphrase=planted-passphrase&pbkeylen=32",
        &color("red"),
        TONE,
    );
    let layer = || network(&format!("srt://127.0.0.1:{port}"), OnLoss::Hide);
    let wrong = encrypted(layer(), "another-passphrase", KeyLength::Bytes32);
    let mut worker = on_air(std::slice::from_ref(&wrong));
    worker.wait_for_layer(wrong.id, LayerState::Failing);
    let right = encrypted(layer(), "planted-passphrase", KeyLength::Bytes32);
    worker.apply(crate::scene::scene(2, std::slice::from_ref(&right)));
    worker.wait_for_layer(right.id, LayerState::Ok);
    let log = fs::read_to_string(worker.path().join("log")).unwrap();
    assert!(!log.contains("passphrase"), "{log}");
    worker.stop();
}

#[test]
fn a_password_goes_to_the_server_it_is_for_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    crate::network::file(folder.path(), "a.ts", Some(&color("red")), "3");
    let (origin, other) = (Origin::start(folder.path()), Origin::start(folder.path()));
    origin.ask_for_password("Basic bWU6cGxhbnRlZC00NzEx");
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n";
    let list = format!("{head}{}\n#EXT-X-ENDLIST\n", other.url("a.ts"));
    origin.put("elsewhere.m3u8", list.as_bytes());
    origin.redirect("moved", &other.url("a.ts"));
    let layers: Vec<_> = ["a.ts", "elsewhere.m3u8", "moved"]
        .map(|path| {
            signed(
                network(&origin.url(path), OnLoss::Hide),
                "me",
                "planted-4711",
            )
        })
        .into();
    let stranger = network(&origin.url("a.ts"), OnLoss::Hide);
    let mut worker = on_air(&[layers.clone(), vec![stranger.clone()]].concat());
    for layer in &layers {
        worker.wait_for_layer(layer.id, LayerState::Ok);
    }
    let refused = worker.wait_for_layer(stranger.id, LayerState::Failing);
    assert_eq!(refused.code.as_deref(), Some("layer.source.unauthorized"));
    worker.stop();
    assert!(origin.was_told("Basic bWU6cGxhbnRlZC00NzEx"));
    assert!(!other.was_told("Basic"));
}
