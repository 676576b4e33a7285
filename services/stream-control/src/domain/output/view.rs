use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::id::OutputId;
use sm_common::output::{
    Adaptive, FileTarget, Output, OutputKind, OutputState, OutputTarget, SrtMode,
};
use utoipa::ToSchema;

/// The outputs of a stream: HLS, and the others in the order in which they were added.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OutputList {
    pub(crate) outputs: Vec<OutputView>,
}

/// An output: what is wanted of it, without secrets, and what is observed of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OutputView {
    /// The output.
    pub(crate) id: OutputId,
    /// Its name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: OutputKind,
    /// Where it goes.
    pub(crate) target: TargetView,
    /// Whether it may be sent less while its target is congested.
    pub(crate) adaptive: Adaptive,
    /// Whether it is to send while the stream is on air.
    pub(crate) enabled: bool,
    /// Raised to let it begin anew.
    pub(crate) generation: u64,
    /// Raised by every change; the `ETag`. 0 of the built-in output, which does not change.
    pub(crate) revision: u64,
    /// When it was added; absent of the built-in output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<Timestamp>,
    /// How it does, once the engine has reported.
    pub(crate) observed: Option<OutputState>,
}

/// Where an output goes, without its secrets.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum TargetView {
    /// An RTMP server.
    Rtmp {
        /// The address without the key.
        url: String,
        /// Whether there is a key.
        has_key: bool,
    },
    /// An SRT peer.
    Srt {
        /// The address.
        url: String,
        /// Who calls.
        mode: SrtMode,
        /// The stream that the peer asks for.
        stream_id: Option<String>,
        /// Whether the connection is encrypted.
        has_passphrase: bool,
        /// How long lost packets may be asked for again, in milliseconds.
        latency_ms: u32,
    },
    /// A recording.
    File(FileTarget),
    /// HLS: there is nothing to set.
    Hls {},
}

impl OutputView {
    /// The output beside what is observed of it.
    pub(crate) fn of(output: &Output, observed: &[OutputState]) -> Self {
        Self {
            id: output.id.clone(),
            name: output.name.clone(),
            kind: output.target.kind(),
            target: TargetView::of(&output.target),
            adaptive: output.adaptive,
            enabled: output.enabled,
            generation: output.generation,
            revision: output.revision,
            created_at: Some(output.created_at),
            updated_at: Some(output.updated_at),
            observed: find(observed, &output.id),
        }
    }

    /// The output that every stream has.
    pub(crate) fn hls(observed: &[OutputState]) -> Self {
        let id = OutputId::hls();
        Self {
            observed: find(observed, &id),
            id,
            name: "HLS".to_owned(),
            kind: OutputKind::Hls,
            target: TargetView::Hls {},
            adaptive: Adaptive::default(),
            enabled: true,
            generation: 0,
            revision: 0,
            created_at: None,
            updated_at: None,
        }
    }
}

impl TargetView {
    fn of(target: &OutputTarget) -> Self {
        match target {
            OutputTarget::Rtmp(target) => Self::Rtmp {
                url: target.url.clone(),
                has_key: target.key.is_some(),
            },
            OutputTarget::Srt(target) => Self::Srt {
                url: target.url.clone(),
                mode: target.mode,
                stream_id: target.stream_id.clone(),
                has_passphrase: target.passphrase.is_some(),
                latency_ms: target.latency_ms,
            },
            OutputTarget::File(target) => Self::File(target.clone()),
        }
    }
}

fn find(observed: &[OutputState], id: &OutputId) -> Option<OutputState> {
    observed.iter().find(|state| state.id == *id).cloned()
}
