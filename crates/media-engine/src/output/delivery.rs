use std::time::Instant;

use sm_common::output::{OutputTarget, SrtStats};
use sm_common::target::TargetPolicy;
use sm_media_protocol::RecordingSettings;

use super::failure::Failure;
use super::queue::Item;
use super::recording::Recorder;
use super::{rtmp, srt};
use crate::pipeline::{Fanout, Tracks};

/// One attempt to bring the program to a target. Dropping it ends it at once.
pub(super) trait Delivery {
    /// Whether it takes more now.
    fn has_room(&self) -> bool;

    /// Takes a frame or a packet; the first is a keyframe.
    fn give(&mut self, item: Item) -> Result<(), Failure>;

    /// How it does.
    fn look(&mut self) -> Result<Look, Failure>;

    /// Lets the target have what is on its way, and ends in good order.
    fn finish(&mut self, deadline: Instant);
}

/// What an attempt has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Look {
    /// Whether the target takes, or would take, what it is given.
    pub(super) live: bool,
    /// Bytes delivered.
    pub(super) bytes: u64,
    /// Bytes that the peer says it has.
    pub(super) acked: Option<u64>,
    /// Whether bytes that stand still mean that something is wrong.
    pub(super) must_move: bool,
    /// Frames that were given and are not on their way yet.
    pub(super) frames_waiting: u64,
    /// Bytes of picture and sound of which the same is true.
    pub(super) bytes_waiting: u64,
    /// Packets sent, where they can be lost.
    pub(super) packets: u64,
    /// What SRT says.
    pub(super) srt: Option<SrtStats>,
}

/// What an attempt needs.
pub(super) struct Surroundings<'a> {
    pub(super) fanout: &'a Fanout,
    pub(super) tracks: Tracks,
    pub(super) recordings: &'a RecordingSettings,
    /// What may be connected to.
    pub(super) targets: TargetPolicy,
    pub(super) output: sm_common::id::OutputId,
    /// Called when there is something to look at.
    pub(super) bell: std::sync::Arc<dyn Fn() + Send + Sync>,
}

/// Begins an attempt. The one place to add a kind of output.
pub(super) fn begin(
    target: &OutputTarget,
    surroundings: Surroundings<'_>,
) -> Result<Box<dyn Delivery>, Failure> {
    match target {
        OutputTarget::Rtmp(target) => Ok(Box::new(rtmp::begin(target, &surroundings)?)),
        OutputTarget::Srt(target) => Ok(Box::new(srt::begin(target, &surroundings)?)),
        OutputTarget::File(target) => Ok(Box::new(Recorder::begin(target, surroundings)?)),
    }
}
