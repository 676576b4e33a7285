//! What both encoders' inputs and outputs have in common.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_app::prelude::*;

use crate::pipeline::encoded::Encoded;
use crate::pipeline::fanout::Distribution;

pub(in crate::pipeline) fn source(name: &str, caps: &gst::Caps) -> gst_app::AppSrc {
    gst_app::AppSrc::builder()
        .name(name)
        .caps(caps)
        .format(gst::Format::Time)
        // Live sources are never waited for by their pipeline.
        .is_live(true)
        // The composer keeps its own limit and leaves frames out by itself.
        .max_bytes(0)
        .max_buffers(0)
        .build()
}

pub(in crate::pipeline) fn sink(
    name: &str,
    caps: &gst::Caps,
    callbacks: gst_app::AppSinkCallbacks,
) -> gst_app::AppSink {
    let sink = gst_app::AppSink::builder()
        .name(name)
        .caps(caps)
        .sync(false)
        .async_(false)
        .max_buffers(16)
        .callbacks(callbacks)
        .build();
    sink.set_property("enable-last-sample", false);
    sink
}

/// How to decode what the sample begins, where that is not `known` yet.
pub(in crate::pipeline) fn news_of_configuration(
    sample: &gst::Sample,
    known: &mut Option<Arc<[u8]>>,
) -> Result<Option<Arc<[u8]>>, gst::FlowError> {
    let configuration = sample
        .caps()
        .and_then(|caps| caps.structure(0))
        .and_then(|structure| structure.get::<gst::Buffer>("codec_data").ok())
        .ok_or(gst::FlowError::NotNegotiated)?;
    let configuration = bytes(&configuration)?;
    if known.as_ref() == Some(&configuration) {
        return Ok(None);
    }
    *known = Some(Arc::clone(&configuration));
    Ok(Some(configuration))
}

/// The buffer and when it starts, in nanoseconds of program. Encoders may shift time stamps; the
/// sample's segment shifts them back.
pub(in crate::pipeline) fn timed(sample: &gst::Sample) -> Option<(u64, &gst::BufferRef)> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let start = segment.to_running_time(buffer.pts()?)?;
    Some((start.nseconds(), buffer))
}

pub(in crate::pipeline) fn bytes(buffer: &gst::BufferRef) -> Result<Arc<[u8]>, gst::FlowError> {
    let map = buffer
        .map_readable()
        .map_err(|_unmappable| gst::FlowError::Error)?;
    Ok(Arc::from(map.as_slice()))
}

pub(in crate::pipeline) fn hand_over(
    encoded: &Distribution,
    what: Encoded,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    if encoded.send(what) {
        Ok(gst::FlowSuccess::Ok)
    } else {
        Err(gst::FlowError::Error)
    }
}
