//! Outputs as they are wanted, in the worker's words and in the words of an answer. Pure.

use sm_common::id::StreamId;
use sm_common::output::{Output, OutputTarget};
use sm_common::stream::DesiredState;
use sm_media_protocol::WantedOutput;

/// What stands for a stream key in an address.
const HIDDEN: &str = "***";

/// The outputs that the worker is to serve: the enabled ones, with their secrets.
pub(crate) fn wanted(desired: Option<&DesiredState>) -> Vec<WantedOutput> {
    let outputs = desired.map_or(&[][..], |desired| &desired.outputs);
    let enabled = outputs.iter().filter(|output| output.enabled);
    enabled
        .map(|output| WantedOutput {
            id: output.id.clone(),
            target: output.target.clone(),
            adaptive: output.adaptive,
            generation: output.generation,
        })
        .collect()
}

/// Where an output goes, without its secrets.
pub(crate) fn redacted_url(stream: &StreamId, output: &Output) -> String {
    match &output.target {
        OutputTarget::Rtmp(target) if target.key.is_some() => format!("{}/{HIDDEN}", target.url),
        OutputTarget::Rtmp(target) => target.url.clone(),
        OutputTarget::Srt(target) => target.url.clone(),
        OutputTarget::File(_) => format!("/live/{stream}/recordings/"),
    }
}
