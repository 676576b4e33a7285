//! What is known of a feed that somebody pushes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use sm_common::clock::Timestamp;
use sm_common::performance::FeedPerformance;

use crate::number::to_f64;

/// Written by the threads of a pipeline, read once a second.
#[derive(Debug, Default)]
pub(super) struct Facts {
    bytes: AtomicU64,
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    feed: FeedPerformance,
    measured: (Instant, u64),
}

impl Facts {
    /// Somebody publishes.
    pub(super) fn begin(&self, since: Timestamp) {
        let feed = FeedPerformance {
            since,
            bitrate_kbps: None,
            video_codec: None,
            width: None,
            height: None,
            framerate: None,
            audio_codec: None,
            sample_rate: None,
            channels: None,
        };
        let measured = (Instant::now(), self.bytes.load(Ordering::Relaxed));
        *self.lock() = Some(Known { feed, measured });
    }

    /// Nobody does any more.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// So many bytes came.
    pub(super) fn came(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is known now; the bitrate is that since the last call.
    pub(super) fn take(&self) -> Option<FeedPerformance> {
        let mut known = self.lock();
        let known = known.as_mut()?;
        let (now, bytes) = (Instant::now(), self.bytes.load(Ordering::Relaxed));
        let (before, bytes_before) = std::mem::replace(&mut known.measured, (now, bytes));
        let seconds = now.duration_since(before).as_secs_f64();
        let kilobits = to_f64(bytes.saturating_sub(bytes_before)) * 8.0 / 1000.0;
        known.feed.bitrate_kbps = (seconds > 0.0).then(|| kilobits / seconds);
        Some(known.feed.clone())
    }

    /// Notes what comes out of this pad of the demuxer, and what it is decoded to.
    pub(super) fn watch_picture(self: &Arc<Self>, pad: &gst::Pad, sink: &gst_app::AppSink) {
        let codec = codec(pad);
        self.change(|feed| feed.video_codec = codec);
        let facts = Arc::clone(self);
        if let Some(pad) = sink.static_pad("sink") {
            pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_pad, info| {
                if let Some(event) = info.event()
                    && let gst::EventView::Caps(caps) = event.view()
                    && let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps())
                {
                    facts.note_picture(&info);
                }
                gst::PadProbeReturn::Ok
            });
        }
    }

    /// Notes the sound that comes out of this pad of the demuxer.
    pub(super) fn note_sound(&self, pad: &gst::Pad) {
        let codec = codec(pad);
        let caps = pad.current_caps();
        let number = |name: &str| {
            let number = caps.as_ref()?.structure(0)?.get::<i32>(name).ok()?;
            u32::try_from(number).ok()
        };
        self.change(|feed| {
            feed.audio_codec = codec;
            feed.sample_rate = number("rate");
            feed.channels = number("channels");
        });
    }

    fn note_picture(&self, info: &gst_video::VideoInfo) {
        let (rate, per) = (info.fps().numer(), info.fps().denom());
        self.change(|feed| {
            feed.width = Some(info.width());
            feed.height = Some(info.height());
            feed.framerate = (rate > 0 && per > 0).then(|| f64::from(rate) / f64::from(per));
        });
    }

    fn change(&self, change: impl FnOnce(&mut FeedPerformance)) {
        if let Some(known) = self.lock().as_mut() {
            change(&mut known.feed);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The codec by its usual name.
fn codec(pad: &gst::Pad) -> Option<String> {
    let caps = pad.current_caps()?;
    let structure = caps.structure(0)?;
    let name = match structure.name().as_str() {
        "video/x-h264" => "h264",
        "video/x-h265" => "h265",
        "audio/mpeg" => match structure.get::<i32>("mpegversion") {
            Ok(2 | 4) => "aac",
            _ => "mp3",
        },
        other => other
            .trim_start_matches("video/x-")
            .trim_start_matches("audio/x-"),
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_known_from_its_beginning_to_its_end() {
        let facts = Facts::default();
        assert_eq!(facts.take(), None);
        facts.change(|feed| feed.width = Some(1));
        facts.begin(Timestamp::from_unix_millis(7));
        facts.came(1000);
        facts.change(|feed| feed.width = Some(2));
        let feed = facts.take().unwrap();
        assert_eq!((feed.since.as_unix_millis(), feed.width), (7, Some(2)));
        assert!(feed.bitrate_kbps.unwrap() > 0.0);
        facts.forget();
        assert_eq!(facts.take(), None);
    }
}
