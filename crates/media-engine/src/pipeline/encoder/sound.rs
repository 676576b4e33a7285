use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::gate::Gate;
use super::sample::{bytes, hand_over, news_of_configuration, sink, source, timed};
use super::{Listeners, chain};
use crate::fmp4::AAC_PACKET_SAMPLES;
use crate::number::{to_u64, to_usize};
use crate::pipeline::encoded::{Encoded, EncodedPacket};
use crate::pipeline::fanout::Distribution;
use crate::sound::CHANNELS;
use crate::timeline::{SAMPLE_RATE, nearest_sample, sample_start_ns};

/// Samples of silence that the AAC encoder puts in front of what it is given.
const AAC_PRIMING_SAMPLES: u64 = 1024;

/// Packets that a new encoder makes for nobody before it takes over: by then what it makes
/// depends on the sound alone, and no longer on its beginning.
const PACKETS_UNHEARD: u64 = 8;

/// Where the composer leaves the sound.
///
/// The encoder of AAC takes its bitrate when it is opened and never again. So another one is opened
/// beside it, both are given the same sound for a while, and from one packet to the next
/// the other one's are used ([`Gate`]).
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct SoundInput(Arc<Mutex<Branches>>);

#[derive(Debug)]
struct Branches {
    pipeline: gst::Pipeline,
    encoded: Distribution,
    gate: Arc<Mutex<Gate>>,
    current: Branch,
    joining: Option<Joining>,
    built: u64,
    /// The first sample ever given; all packets lie on a grid that begins there.
    first: Option<u64>,
    /// The sample after the last that was given.
    next: u64,
    kbps: u32,
}

/// An encoder between its source and its sink.
#[derive(Debug)]
struct Branch {
    number: u64,
    source: gst_app::AppSrc,
    elements: Vec<gst::Element>,
}

#[derive(Debug)]
struct Joining {
    branch: Branch,
    /// The first sample that it is given.
    from: u64,
}

impl SoundInput {
    /// Builds an encoder in `pipeline`.
    pub(super) fn build(
        pipeline: &gst::Pipeline,
        kbps: u32,
        listeners: &Listeners,
    ) -> Result<Self, gst::glib::BoolError> {
        let gate = Arc::default();
        let encoded = listeners.encoded.clone();
        let current = Branch::build(pipeline, (0, kbps), &encoded, &gate)?;
        Ok(Self(Arc::new(Mutex::new(Branches {
            pipeline: pipeline.clone(),
            encoded,
            gate,
            current,
            joining: None,
            built: 0,
            first: None,
            next: 0,
            kbps,
        }))))
    }

    /// Takes the samples from position `from` on, which are `whole` as a buffer.
    pub(in crate::pipeline) fn push(
        &self,
        whole: gst::Buffer,
        samples: &[[f32; CHANNELS]],
        from: u64,
    ) -> Result<(), gst::FlowError> {
        self.lock().push(whole, samples, from)
    }

    /// Lets another encoder with this bitrate take over.
    pub(super) fn set_bitrate(&self, kbps: u32) -> Result<(), gst::glib::BoolError> {
        self.lock().set_bitrate(kbps)
    }

    /// No more samples come.
    pub(in crate::pipeline) fn end(&self) {
        let mut branches = self.lock();
        branches.settle();
        if let Some(Joining { branch, .. }) = branches.joining.take() {
            lock(&branches.gate).stay();
            branches.retire(branch);
        }
        // Refused only by a pipeline that has ended already.
        let _ = branches.current.source.end_of_stream();
    }

    /// Sound that waits for the encoder, in milliseconds.
    pub(in crate::pipeline) fn waiting_ms(&self) -> u64 {
        let branches = self.lock();
        branches.current.source.current_level_time().mseconds()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Branches> {
        lock(&self.0)
    }
}

impl Branches {
    fn push(
        &mut self,
        whole: gst::Buffer,
        samples: &[[f32; CHANNELS]],
        from: u64,
    ) -> Result<(), gst::FlowError> {
        self.settle();
        self.first.get_or_insert(from);
        self.next = from + to_u64(samples.len());
        if let Some(Joining {
            branch,
            from: begin,
        }) = &self.joining
            && self.next > *begin
        {
            let skipped = to_usize(begin.saturating_sub(from));
            let rest = samples.get(skipped..).unwrap_or_default();
            let rest = sound_buffer(rest, from.max(*begin));
            branch.source.push_buffer(rest)?;
        }
        self.current.source.push_buffer(whole)?;
        Ok(())
    }

    fn set_bitrate(&mut self, kbps: u32) -> Result<(), gst::glib::BoolError> {
        if kbps == self.kbps {
            return Ok(());
        }
        self.settle();
        if let Some(Joining { branch, .. }) = self.joining.take() {
            lock(&self.gate).stay();
            self.retire(branch);
        }
        self.built += 1;
        let number = self.built;
        let branch = Branch::build(&self.pipeline, (number, kbps), &self.encoded, &self.gate)?;
        for element in &branch.elements {
            element.sync_state_with_parent()?;
        }
        let first = self.first.unwrap_or(0);
        let packet = u64::from(AAC_PACKET_SAMPLES);
        let from = first + self.next.saturating_sub(first).div_ceil(packet) * packet;
        // A packet is called by the sample that is heard when it is decoded.
        lock(&self.gate).change_at(from + PACKETS_UNHEARD * packet, number);
        self.joining = Some(Joining { branch, from });
        self.kbps = kbps;
        Ok(())
    }

    /// Lets the former encoder go, once the other one's packets are used. The gate is never
    /// waited for: who holds it may wait for the disk.
    fn settle(&mut self) {
        let speaking = match self.gate.try_lock() {
            Ok(gate) => gate.speaking(),
            Err(_held) => return,
        };
        if let Some(Joining { branch, .. }) = self
            .joining
            .take_if(|joining| joining.branch.number == speaking)
        {
            let former = std::mem::replace(&mut self.current, branch);
            self.retire(former);
        }
    }

    /// Takes an encoder out of the pipeline, elsewhere: its threads may be at work.
    fn retire(&self, branch: Branch) {
        let pipeline = self.pipeline.clone();
        let retired = thread::Builder::new()
            .name("retire-encoder".to_owned())
            .spawn(move || {
                for element in &branch.elements {
                    // It is taken out in any case, and goes with its last reference.
                    let _ = element.set_state(gst::State::Null);
                    let _ = pipeline.remove(element);
                }
            });
        if let Err(error) = retired {
            tracing::warn!(%error, "an encoder that is not needed any more stays");
        }
    }
}

impl Branch {
    fn build(
        pipeline: &gst::Pipeline,
        (number, kbps): (u64, u32),
        encoded: &Distribution,
        gate: &Arc<Mutex<Gate>>,
    ) -> Result<Self, gst::glib::BoolError> {
        let source = source(&format!("sound-{number}"), &sound_caps());
        let bitrate = i32::try_from(kbps.saturating_mul(1000)).unwrap_or(i32::MAX);
        let aac = gst::ElementFactory::make("avenc_aac")
            .property("bitrate", bitrate)
            .build()?;
        let callbacks = callbacks(number, encoded.clone(), Arc::clone(gate));
        let sink = sink(&format!("encoded-sound-{number}"), &aac_caps(), callbacks);
        // Those that are given sound come last: what they push into is ready then.
        let elements = vec![sink.upcast(), aac, source.clone().upcast()];
        let links: Vec<&gst::Element> = elements.iter().rev().collect();
        chain(pipeline, &links)?;
        Ok(Self {
            number,
            source,
            elements,
        })
    }
}

fn callbacks(
    number: u64,
    encoded: Distribution,
    gate: Arc<Mutex<Gate>>,
) -> gst_app::AppSinkCallbacks {
    let (ended, ending) = (encoded.clone(), Arc::clone(&gate));
    let mut first: Option<u64> = None;
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            let position = nearest_sample(start_ns);
            let Some(first) = first else {
                // Nothing but what the encoder begins with.
                first = Some(position);
                return Ok(gst::FlowSuccess::Ok);
            };
            let packet = EncodedPacket {
                position: packet_start(first, position.saturating_sub(AAC_PRIMING_SAMPLES)),
                data: bytes(buffer)?,
            };
            // Held while they are handed over: no other encoder's come in between.
            let mut gate = lock(&gate);
            for packet in gate.pass(number, packet) {
                if let Some(news) = news_of_configuration(&sample, &mut gate.configuration)? {
                    hand_over(&encoded, Encoded::AudioConfiguration(news))?;
                }
                hand_over(&encoded, Encoded::Audio(packet))?;
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .eos(move |_sink| {
            if lock(&ending).speaking() == number {
                // Nobody takes it when the writer has failed, which it has said itself.
                let _ = ended.send(Encoded::AudioEnd);
            }
        })
        .build()
}

/// The packet boundary nearest to `position`, counted from `first`: time stamps are rounded to
/// nanoseconds.
fn packet_start(first: u64, position: u64) -> u64 {
    let packet = u64::from(AAC_PACKET_SAMPLES);
    let packets = (position.saturating_sub(first) + packet / 2) / packet;
    first + packets * packet
}

/// Mixed sound in the caps of [`sound_caps`], from position `from` on.
pub(in crate::pipeline) fn sound_buffer(samples: &[[f32; CHANNELS]], from: u64) -> gst::Buffer {
    let until = from + to_u64(samples.len());
    let bytes: Vec<u8> = samples
        .as_flattened()
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let mut buffer = gst::Buffer::from_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        let start_ns = sample_start_ns(from);
        buffer.set_pts(gst::ClockTime::from_nseconds(start_ns));
        buffer.set_duration(gst::ClockTime::from_nseconds(
            sample_start_ns(until) - start_ns,
        ));
    }
    buffer
}

/// The program's sound as it is mixed.
pub(crate) fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", i32::try_from(SAMPLE_RATE).unwrap_or(i32::MAX))
        .field("channels", i32::try_from(CHANNELS).unwrap_or(i32::MAX))
        .field("channel-mask", gst::Bitmask::new(0x3))
        .build()
}

fn aac_caps() -> gst::Caps {
    gst::Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .build()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
