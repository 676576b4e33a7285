//! Reads from an RTSP server, on a thread of its own.
//!
//! Everything comes over the one connection that was made to the checked address: redirects are
//! not followed, addresses in descriptions are only names to the server, and nothing is sent or
//! received by UDP.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt as _;
use gstreamer as gst;
use gstreamer_app as gst_app;
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionGroup,
    SessionOptions, SetupOptions, TeardownPolicy,
};
use retina::codec::{CodecItem, FrameFormat};
use tokio::time::timeout;
use url::Url;

use super::fetch::unless;
use super::pipeline::Intake;
use super::wanted::Wanted;
use crate::layer::failure::Failure;
use crate::layer::player::Watcher;

/// Longest wait for the server's answers until it sends.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether the pipeline plays.
const READY_INTERVAL: Duration = Duration::from_millis(10);

/// Who we say we are.
const USER_AGENT: &str = "stream-manager";

const NS_PER_S: i128 = 1_000_000_000;

/// Kinds of pictures and sounds that are taken, as RTP names them, and what they are to GStreamer.
const KNOWN: [(&str, &str, Kind); 6] = [
    ("video", "h264", Kind::H264),
    ("video", "h265", Kind::H265),
    ("video", "jpeg", Kind::Jpeg),
    ("audio", "mpeg4-generic", Kind::Aac),
    ("audio", "pcmu", Kind::Mulaw),
    ("audio", "pcma", Kind::Alaw),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    H264,
    H265,
    Jpeg,
    Aac,
    Mulaw,
    Alaw,
}

impl Kind {
    fn of(media: &str, encoding: &str) -> Option<Self> {
        let known = KNOWN
            .iter()
            .find(|(of, name, _)| (*of, *name) == (media, encoding));
        known.map(|(_, _, kind)| *kind)
    }

    const fn is_picture(self) -> bool {
        match self {
            Self::H264 | Self::H265 | Self::Jpeg => true,
            Self::Aac | Self::Mulaw | Self::Alaw => false,
        }
    }

    fn caps(self, rate: u32, channels: u16) -> gst::Caps {
        let sound = |name: &str| {
            gst::Caps::builder(name)
                .field("rate", i32::try_from(rate).unwrap_or(i32::MAX))
                .field("channels", i32::from(channels))
        };
        let picture = |name: &str| {
            gst::Caps::builder(name)
                .field("stream-format", "byte-stream")
                .field("alignment", "au")
                .build()
        };
        match self {
            Self::H264 => picture("video/x-h264"),
            Self::H265 => picture("video/x-h265"),
            Self::Jpeg => gst::Caps::new_empty_simple("image/jpeg"),
            Self::Aac => gst::Caps::builder("audio/mpeg")
                .field("mpegversion", 4)
                .field("stream-format", "adts")
                .build(),
            Self::Mulaw => sound("audio/x-mulaw").build(),
            Self::Alaw => sound("audio/x-alaw").build(),
        }
    }
}

/// Starts to read from the server that `port` of this host leads to; ends when the pipeline is gone.
pub(super) fn start(
    wanted: &Wanted,
    port: u16,
    intake: Intake,
    watcher: Watcher,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::engine(error.kind()))?;
    let url = near(wanted.url.expose(), port).ok_or_else(|| Failure::engine("no address"))?;
    let credentials = wanted
        .credentials()
        .map(|(username, password)| Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        });
    let read = move || {
        let outcome = runtime.block_on(read(url, credentials, &intake, &watcher));
        runtime.shutdown_background();
        if let Err(failure) = outcome {
            watcher.fail(failure);
        }
    };
    thread::Builder::new()
        .name("rtsp".to_owned())
        .spawn(read)
        .map(|_detached| ())
        .map_err(|error| Failure::engine(error.kind()))
}

/// The address as it is on this host's end of the connection.
fn near(url: &Url, port: u16) -> Option<Url> {
    let path = url.path();
    let query = url.query().map(|query| format!("?{query}"));
    let query = query.unwrap_or_default();
    Url::parse(&format!("rtsp://127.0.0.1:{port}{path}{query}")).ok()
}

async fn read(
    url: Url,
    credentials: Option<Credentials>,
    intake: &Intake,
    watcher: &Watcher,
) -> Result<(), Failure> {
    let over = || intake.is_over();
    while !intake.is_ready() {
        if over() {
            return Ok(());
        }
        tokio::time::sleep(READY_INTERVAL).await;
    }
    let opening = timeout(ANSWER_TIMEOUT, Box::pin(open(url, credentials, intake)));
    let (mut frames, inlets) = match unless(over, opening).await {
        None => return Ok(()),
        Some(Err(_elapsed)) => return Err(Failure::silent()),
        Some(Ok(opened)) => opened?,
    };
    watcher.bytes_arrived();
    loop {
        let item = match unless(over, frames.next()).await {
            None => return Ok(()),
            Some(None | Some(Err(_))) => return Err(Failure::lost()),
            Some(Some(Ok(item))) => item,
        };
        let Some(frame) = Frame::of(item) else {
            continue;
        };
        let inlet = inlets.iter().find(|(known, _)| *known == frame.stream);
        if let Some((_, inlet)) = inlet
            && !push(inlet, frame)
        {
            return Ok(());
        }
    }
}

/// A frame of a picture or of sound.
struct Frame {
    stream: usize,
    at: gst::ClockTime,
    data: Vec<u8>,
}

impl Frame {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library may give more than frames"
    )]
    fn of(item: CodecItem) -> Option<Self> {
        let (stream, at, data) = match item {
            CodecItem::VideoFrame(frame) => {
                (frame.stream_id(), frame.timestamp(), frame.into_data())
            }
            CodecItem::AudioFrame(frame) => {
                let data = frame.data().to_vec();
                (frame.stream_id(), frame.timestamp(), data)
            }
            _ => return None,
        };
        Some(Self {
            stream,
            at: place(at.elapsed(), at.clock_rate().get()),
            data,
        })
    }
}

type Inlets = Vec<(usize, gst_app::AppSrc)>;

/// Asks for the first picture and the first sound that can be shown, and lets them play.
async fn open(
    url: Url,
    credentials: Option<Credentials>,
    intake: &Intake,
) -> Result<(Demuxed, Inlets), Failure> {
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(USER_AGENT.to_owned())
        .session_group(Arc::new(SessionGroup::default()))
        // A session over TCP ends with its connection.
        .teardown(TeardownPolicy::Never);
    let mut session = Session::describe(url, options).await.map_err(failure)?;
    let mut chosen: Vec<(usize, Kind, u32, u16)> = Vec::new();
    for (number, stream) in session.streams().iter().enumerate() {
        let Some(kind) = Kind::of(stream.media(), stream.encoding_name()) else {
            continue;
        };
        let channels = stream.channels().map_or(1, std::num::NonZeroU16::get);
        if chosen
            .iter()
            .all(|(_, other, ..)| other.is_picture() != kind.is_picture())
        {
            chosen.push((number, kind, stream.clock_rate_hz(), channels));
        }
    }
    if chosen.is_empty() {
        return Err(Failure::no_media());
    }
    let mut inlets = Vec::new();
    for (number, kind, rate, channels) in chosen {
        let options = SetupOptions::default().frame_format(FrameFormat::SIMPLE);
        session.setup(number, options).await.map_err(failure)?;
        let caps = kind.caps(rate, channels);
        inlets.push((number, intake.open(&caps, kind.is_picture())?));
    }
    let options = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    let playing = session.play(options).await.map_err(failure)?;
    Ok((playing.demuxed().map_err(failure)?, inlets))
}

/// The place of a frame in the source's own time.
fn place(elapsed: i64, rate: u32) -> gst::ClockTime {
    let ns = i128::from(elapsed.max(0)) * NS_PER_S / i128::from(rate.max(1));
    gst::ClockTime::from_nseconds(u64::try_from(ns).unwrap_or(u64::MAX / 2))
}

/// `false` when no more is needed.
fn push(inlet: &gst_app::AppSrc, frame: Frame) -> bool {
    let mut buffer = gst::Buffer::from_slice(frame.data);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(frame.at);
    }
    inlet.push_buffer(buffer).is_ok()
}

/// Why the server does not send. The library's own text names addresses, and is not told.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is given what `map_err` has"
)]
fn failure(error: retina::Error) -> Failure {
    if let Some(status) = error.status_code() {
        return match status {
            300..=399 => Failure::unsupported("the server redirects, which is not followed"),
            200..=299 => Failure::no_media(),
            _ => Failure::status(status),
        };
    }
    let text = error.to_string();
    // It says so in no other way.
    if text.starts_with("RTSP framing error") {
        return Failure::no_media();
    }
    if text.contains("auth") {
        return Failure::unauthorized();
    }
    Failure::unreachable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_the_clock_of_its_stream() {
        assert_eq!(place(90_000, 90_000), gst::ClockTime::SECOND);
        assert_eq!(place(1024, 48_000).nseconds(), 21_333_333);
        assert_eq!(place(-5, 90_000), gst::ClockTime::ZERO);
        assert!(place(i64::MAX, 1).nseconds() > 0);
    }

    #[test]
    fn the_path_stays_and_the_server_is_ours() {
        let url = Url::parse("rtsps://camera.example/a/b?channel=1").unwrap();
        let near = near(&url, 4711).unwrap();
        assert_eq!(near.as_str(), "rtsp://127.0.0.1:4711/a/b?channel=1");
    }

    #[test]
    fn only_what_can_be_shown_is_asked_for() {
        assert_eq!(Kind::of("video", "h264"), Some(Kind::H264));
        assert_eq!(Kind::of("audio", "h264"), None);
        assert_eq!(Kind::of("application", "vnd.onvif.metadata"), None);
    }
}
