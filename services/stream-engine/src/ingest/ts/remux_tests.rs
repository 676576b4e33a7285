//! What ffmpeg makes, through the remuxer and back.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::{Limits, Remuxer, TsError};
use crate::ingest::flv::{Prelude, Role, Tag, Unsupported};

const LIMITS: Limits = Limits {
    frame_bytes_max: 1_000_000,
};
/// Bytes of a payload of SRT, as encoders send them.
const PAYLOAD_BYTES: usize = 7 * 188;

/// Two seconds of picture and sound in a transport stream, as ffmpeg makes it of these options.
fn recorded(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.ts");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=160x90:r=25:d=2",
    ]);
    command.args([
        "-f",
        "lavfi",
        "-i",
        "sine=500:r=48000:d=2",
        "-pix_fmt",
        "yuv420p",
    ]);
    command.args(options).args(["-f", "mpegts"]).arg(&file);
    assert!(command.status().unwrap().success(), "{options:?}");
    std::fs::read(file).unwrap()
}

const USUAL: [&str; 8] = [
    "-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-c:a", "aac",
];

fn remux(stream: &[u8]) -> Result<Vec<Tag>, TsError> {
    let mut remuxer = Remuxer::new(LIMITS);
    let mut tags = Vec::new();
    for payload in stream.chunks(PAYLOAD_BYTES) {
        tags.extend(remuxer.push(payload)?);
    }
    tags.extend(remuxer.finish()?);
    Ok(tags)
}

/// The tags as a file.
fn file(tags: &[Tag]) -> Vec<u8> {
    let mut file = Prelude::default().bytes(0).to_vec();
    file.extend(tags.iter().flat_map(Tag::bytes));
    file
}

/// Times of the packets of one kind, decoded and shown, in milliseconds from the first picture that
/// is shown.
fn times(name: &str, bytes: &[u8], kind: &str) -> Vec<(i64, i64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let begin = packets(&path, "v")
        .into_iter()
        .map(|(_, shown)| shown)
        .min()
        .unwrap();
    let times = packets(&path, kind).into_iter();
    times
        .map(|(decoded, shown)| (decoded - begin, shown - begin))
        .collect()
}

fn packets(path: &Path, kind: &str) -> Vec<(i64, i64)> {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", kind, "-of", "csv=p=0"])
        .args(["-show_entries", "packet=dts_time,pts_time"])
        .arg(path)
        .output()
        .unwrap();
    assert!(probe.status.success());
    let text = String::from_utf8(probe.stdout).unwrap();
    let ms = |seconds: &str| {
        let (whole, part) = seconds.split_once('.').unwrap();
        let part: i64 = part.get(..3).unwrap().parse().unwrap();
        whole.parse::<i64>().unwrap() * 1000 + part
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let mut fields = line.split(',');
        let shown = ms(fields.next().unwrap());
        (ms(fields.next().unwrap()), shown)
    });
    pairs.collect()
}

/// Pictures that a decoder makes of a file.
fn decoded(bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.flv");
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(&path)
        .args(["-map", "0", "-f", "framehash", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.starts_with("0,")).count()
}

fn count(tags: &[Tag], role: Role) -> usize {
    tags.iter().filter(|tag| tag.role == role).count()
}

#[track_caller]
fn assert_the_same(stream: &[u8]) {
    let tags = remux(stream).unwrap();
    let flv = file(&tags);
    for kind in ["v", "a"] {
        let before = times("feed.ts", stream, kind);
        let after = times("feed.flv", &flv, kind);
        assert!(before.len() > 40, "{kind}");
        // Sound from before the first picture is left out.
        let skipped = before.len() - after.len();
        assert!(
            skipped == 0 || kind == "a" && skipped < 20,
            "{skipped} of {kind}"
        );
        for ((decoded, shown), (decoded_after, shown_after)) in before[skipped..].iter().zip(&after)
        {
            let error = (decoded - decoded_after)
                .abs()
                .max((shown - shown_after).abs());
            assert!(
                error <= 1,
                "{kind}: {decoded} {shown}, {decoded_after} {shown_after}"
            );
        }
    }
    assert_eq!(decoded(&flv), 50);
    assert_eq!(count(&tags, Role::VideoHeader), 1);
    assert_eq!(count(&tags, Role::AudioHeader), 1);
    assert_eq!(count(&tags, Role::Keyframe), 5);
}

#[test]
fn every_frame_comes_through_with_its_times() {
    // B-frames are decoded in another order than they are shown.
    assert_the_same(&recorded(&USUAL));
    assert_the_same(&recorded(&[&USUAL[..], &["-tune", "zerolatency"]].concat()));
    // One frame of sound in a packet, and lengths of pictures' packets where they are short enough.
    let other = ["-pes_payload_size", "0", "-omit_video_pes_length", "0"];
    assert_the_same(&recorded(&[&USUAL[..], &other].concat()));
    // The stamps begin anew within the first second.
    let late = ["-output_ts_offset", "95442.5", "-muxdelay", "0"];
    let wrapped = recorded(&[&USUAL[..], &late].concat());
    let tags = remux(&wrapped).unwrap();
    let stamps: Vec<u32> = tags
        .iter()
        .filter(|tag| tag.role != Role::Sound)
        .map(|tag| tag.message.timestamp)
        .collect();
    assert!(
        stamps.is_sorted() && stamps.last().unwrap() - stamps[0] < 2100,
        "{stamps:?}"
    );
}

#[test]
fn an_encoder_that_never_starts_over_is_understood() {
    let open = ["-x264-params", "open-gop=1:bframes=2", "-forced-idr", "0"];
    let tags = remux(&recorded(&[&USUAL[..], &open].concat())).unwrap();
    assert!(count(&tags, Role::Keyframe) >= 5);
    let refresh = ["-x264-params", "intra-refresh=1:keyint=10"];
    let tags = remux(&recorded(&[&USUAL[..], &refresh].concat())).unwrap();
    assert!(count(&tags, Role::Keyframe) >= 2);
}

#[test]
fn another_picture_has_another_header() {
    let small = recorded(&USUAL);
    let large = recorded(&[&USUAL[..], &["-s", "320x180"]].concat());
    // Two feeds in a row: counters and times jump.
    let tags = remux(&[small, large].concat()).unwrap();
    assert_eq!(count(&tags, Role::VideoHeader), 2);
    assert_eq!(count(&tags, Role::AudioHeader), 1);
    assert!(count(&tags, Role::Keyframe) >= 9);
}

#[test]
fn what_is_lost_costs_pictures_up_to_the_next_keyframe_and_nothing_is_damaged() {
    let stream = recorded(&USUAL);
    let whole = remux(&stream).unwrap();
    for lost in [40, 55, 80] {
        let mut packets: Vec<&[u8]> = stream.chunks(188).collect();
        packets.remove(lost);
        let tags = remux(&packets.concat()).unwrap();
        let pictures = count(&tags, Role::Keyframe) + count(&tags, Role::Picture);
        let sounds = count(&whole, Role::Sound) - count(&tags, Role::Sound);
        assert!((25..=50).contains(&pictures), "{lost}: {pictures}");
        assert!(sounds < 25, "{lost}: {sounds}");
        assert_eq!(decoded(&file(&tags)), pictures, "{lost}");
    }
}

#[test]
fn other_codecs_and_what_is_no_feed_at_all_are_refused() {
    let unsupported = |unsupported| Err(TsError::Unsupported(unsupported));
    let cases = [
        (
            vec!["-c:v", "mpeg2video", "-c:a", "aac"],
            unsupported(Unsupported::Video),
        ),
        (
            vec![
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=none",
                "-c:a",
                "aac",
            ],
            unsupported(Unsupported::Video),
        ),
        (
            vec!["-c:v", "libx264", "-c:a", "libopus"],
            unsupported(Unsupported::Audio),
        ),
        (
            vec!["-c:v", "libx264", "-c:a", "mp2"],
            unsupported(Unsupported::Audio),
        ),
        (
            vec!["-c:v", "libx264", "-c:a", "ac3"],
            unsupported(Unsupported::Audio),
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(remux(&recorded(&options)), expected, "{options:?}");
    }
    assert_eq!(remux(&vec![0x47; 1_000_100]), Err(TsError::NoFrames));
    assert_eq!(remux(&vec![7; 1_000_100]), Err(TsError::NoFrames));
}

#[test]
fn sound_alone_and_picture_alone_come_through() {
    let sound = remux(&recorded(&["-vn", "-c:a", "aac"])).unwrap();
    assert!(count(&sound, Role::Sound) > 80);
    let picture = remux(&recorded(&["-an", "-c:v", "libx264"])).unwrap();
    assert_eq!(
        count(&picture, Role::Keyframe) + count(&picture, Role::Picture),
        50
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_damaged_nothing_panics_and_little_is_kept(
        seed in any::<u64>(),
        damages in 0_usize..400,
        begin in 0_usize..50_000,
        length in 0_usize..50_000,
    ) {
        let mut stream = recorded_once().to_vec();
        let mut state = seed | 1;
        for _ in 0..damages {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % stream.len();
            stream[at] = u8::try_from(state >> 56).unwrap();
        }
        let part = stream.get(begin..).unwrap_or_default();
        let part = &part[..length.min(part.len())];
        let limits = Limits { frame_bytes_max: 20_000 };
        let mut remuxer = Remuxer::new(limits);
        for payload in part.chunks(PAYLOAD_BYTES) {
            let Ok(tags) = remuxer.push(payload) else { break };
            prop_assert!(tags.iter().all(|tag| tag.message.payload.len() < 30_000));
        }
        let _ = remuxer.finish();
    }

    #[test]
    fn garbage_in_packets_is_bounded(packets in proptest::collection::vec(any::<[u8; 32]>(), 0..200)) {
        let mut remuxer = Remuxer::new(Limits { frame_bytes_max: 20_000 });
        for head in packets {
            let mut packet = [0x47; 188];
            packet[1..33].copy_from_slice(&head);
            // Few numbers, so that some are the tables' and the tracks'.
            packet[1] &= 0x41;
            packet[2] &= 3;
            if remuxer.push(&packet).is_err() {
                break;
            }
        }
    }
}

fn recorded_once() -> &'static [u8] {
    static STREAM: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    STREAM.get_or_init(|| recorded(&USUAL))
}
