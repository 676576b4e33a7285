//! The worker as its host meets it: the real binary, real GStreamer, and the segments it wrote,
//! decoded by ffmpeg and compared pixel by pixel.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test picks the reports it is about"
)]

mod adaptive;
mod audio;
mod chat;
mod clock;
mod continuity;
mod countdown;
mod cover;
mod failing;
mod format;
mod hosts;
mod images;
mod ingest;
mod killed;
mod ladder;
mod life;
mod look;
mod matrix;
mod matrix_outputs;
mod matrix_sources;
mod motion;
mod narrow;
mod network;
mod network_radio;
mod network_rtsp;
mod network_secure;
mod network_servers;
mod outputs;
mod parts;
mod peers;
mod pictures;
mod playback;
mod playlist;
mod preview;
mod recording;
mod rtsp_server;
mod scene;
mod sound;
mod sprite;
mod stats;
mod tap;
mod texts;
mod ticker;
mod transitions;
mod values;
mod video;
mod web;
mod worker;
