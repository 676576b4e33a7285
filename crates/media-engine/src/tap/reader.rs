use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context as _;
use sm_media_protocol::{TapHeader, TapKind};

use super::Source;
use super::annex_b::Parameters;
use super::opus::Opus;
use crate::output::{Item, Queue};
use crate::pipeline::{Encoded, Listener};
use crate::timeline::{Timeline, sample_start_ns};

/// Stream time that may wait for a reader. It wants what is new: what is older is left out, as
/// whole groups of pictures.
const WAITING_MAX: Duration = Duration::from_millis(1500);

/// Longest time for a reader to take anything; then it has to connect again.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether the encoders have said how to decode what they make.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Passes the picture on, and of the sound only that it has ended: readers get a sound of their own.
struct Picture(Arc<Queue>);

impl Listener for Picture {
    fn offer(&self, encoded: &Encoded) {
        let Self(queue) = self;
        match encoded {
            Encoded::Video(_) | Encoded::VideoEnd | Encoded::AudioEnd => queue.offer(encoded),
            Encoded::Audio(_) | Encoded::VideoConfiguration(_) | Encoded::AudioConfiguration(_) => {
            }
        }
    }
}

/// Gives a reader the program until the program ends. Fails when the reader is gone, or takes
/// nothing for longer than [`WRITE_TIMEOUT`].
pub(super) fn serve(line: UnixStream, source: &Source) -> anyhow::Result<()> {
    line.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let format = source.fanout.format();
    let timeline = Timeline::new(format.framerate);
    let queue = Arc::new(Queue::holding(timeline, WAITING_MAX));
    queue.open();
    let picture: Arc<dyn Listener> = Arc::new(Picture(Arc::clone(&queue)));
    let listening: Weak<dyn Listener> = Arc::downgrade(&picture);
    source.fanout.add(listening);
    let _sound = Opus::start(&source.monitor, format.audio_bitrate_kbps, &queue)
        .context("encode the sound")?;
    let mut reader = Reader {
        line,
        source,
        timeline,
        parameters: None,
    };
    while !queue.is_finished() {
        anyhow::ensure!(!queue.is_stopped(), "the sound cannot be encoded");
        if reader.knows_parameters()? {
            while let Some(item) = queue.take() {
                reader.give(&item)?;
            }
        }
        queue.wait(LOOK_INTERVAL);
    }
    Ok(())
}

struct Reader<'a> {
    line: UnixStream,
    source: &'a Source,
    timeline: Timeline,
    parameters: Option<Parameters>,
}

impl Reader<'_> {
    /// Whether the reader was told how to decode the picture, which is the first thing it is told.
    fn knows_parameters(&mut self) -> anyhow::Result<bool> {
        if self.parameters.is_none()
            && let Some(tracks) = self.source.fanout.tracks()
        {
            let record = &tracks.video.decoder_configuration;
            let parameters = Parameters::read(record).context("read what the encoder says")?;
            self.write(TapKind::Parameters, 0, &parameters.sets)?;
            self.parameters = Some(parameters);
        }
        Ok(self.parameters.is_some())
    }

    fn give(&mut self, item: &Item) -> anyhow::Result<()> {
        match item {
            Item::Video(frame) => {
                let unit = self
                    .parameters
                    .as_ref()
                    .and_then(|parameters| parameters.access_unit(&frame.data, frame.keyframe))
                    .context("read a frame of the encoder's")?;
                let kind = if frame.keyframe {
                    TapKind::Keyframe
                } else {
                    TapKind::Frame
                };
                let moment = self.moment(self.timeline.frame_start_ns(frame.number))?;
                self.write(kind, moment, &unit)
            }
            Item::Audio(packet) => {
                let moment = self.moment(sample_start_ns(packet.position))?;
                self.write(TapKind::Sound, moment, &packet.data)
            }
        }
    }

    fn moment(&self, place_ns: u64) -> anyhow::Result<u64> {
        let moment = self.source.clock.moment_of(place_ns);
        moment.context("the program has not begun")
    }

    fn write(&mut self, kind: TapKind, moment_ns: u64, unit: &[u8]) -> anyhow::Result<()> {
        let header = TapHeader {
            kind,
            moment_ns,
            bytes: u32::try_from(unit.len())?,
        };
        let message = [&header.to_bytes()[..], unit].concat();
        self.line.write_all(&message).context("write to the reader")
    }
}
