use std::time::Duration;

use sm_common::id::StreamId;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

use crate::handover::NotNow;
use crate::live::forward::HolderSilent;
use crate::live::playback::PlaybackRefusal;
use crate::live::reload::NotDirectives;
use crate::live::snapshot::SnapshotError;
use crate::live::waiting::WaitError;
use crate::webrtc::{OfferRefused, OpenError};

/// When to ask again for a picture that is not there.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error("the stream is off air, or on its way")]
    NotOnAir,
    #[error("there is no such rendition, or it does not deliver; master.m3u8 names those that do")]
    NoRendition,
    #[error("no small picture has been taken yet, or none is to be")]
    NoSprite,
    #[error("which engine holds the stream is not known yet")]
    HolderUnknown,
    #[error(transparent)]
    HolderSilent(#[from] HolderSilent),
    #[error(transparent)]
    Directives(#[from] NotDirectives),
    #[error("the playlist will not hold that for a while; read it without directives first")]
    TooFarAhead,
    #[error(transparent)]
    Waited(#[from] WaitError),
    #[error("the segment has left the playlist, or never was in it")]
    UnknownFile,
    #[error("there is no such recording here")]
    UnknownRecording,
    #[error("the recording is being written; stop the output first")]
    RecordingInUse,
    #[error(transparent)]
    Playback(#[from] PlaybackRefusal),
    #[error("the file cannot be read")]
    Read(#[source] std::io::Error),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Webrtc(#[from] OpenError),
    #[error("there is no such session here; it may have ended by itself")]
    UnknownSession,
    #[error("this path is for a stream's heir alone")]
    NotTheHeir,
    #[error(transparent)]
    NotHandedOver(#[from] NotNow),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        let code = match &error {
            ApiError::UnknownStream(_) => ProblemCode::StreamNotFound,
            ApiError::NotOnAir
            | ApiError::NoRendition
            | ApiError::NoSprite
            | ApiError::Waited(WaitError::OffAir)
            | ApiError::Snapshot(SnapshotError::NotOnAir) => ProblemCode::StreamNotOnAir,
            ApiError::Snapshot(SnapshotError::NothingInPreview) => ProblemCode::PreviewNotFound,
            ApiError::Directives(_) | ApiError::TooFarAhead => ProblemCode::QueryInvalid,
            ApiError::UnknownRecording => ProblemCode::RecordingNotFound,
            ApiError::RecordingInUse => ProblemCode::RecordingInUse,
            ApiError::UnknownFile => ProblemCode::SegmentNotFound,
            ApiError::Playback(PlaybackRefusal::Invalid) => ProblemCode::PlaybackInvalid,
            ApiError::Playback(PlaybackRefusal::Expired) => ProblemCode::PlaybackExpired,
            ApiError::UnknownSession => ProblemCode::WebrtcSessionNotFound,
            ApiError::Webrtc(OpenError::Disabled) => ProblemCode::WebrtcDisabled,
            ApiError::Webrtc(OpenError::Full(_)) => ProblemCode::WebrtcLimit,
            // An offer that breaks what negotiates is no better than one that cannot be read.
            ApiError::Webrtc(
                OpenError::Offer(OfferRefused::Unreadable(_) | OfferRefused::TooMuch)
                | OpenError::Broken(_),
            ) => ProblemCode::OfferInvalid,
            ApiError::Webrtc(OpenError::Offer(
                OfferRefused::NoVideo | OfferRefused::NotThisVideo(_),
            )) => ProblemCode::OfferUnsupported,
            ApiError::NotTheHeir => ProblemCode::RouteNotFound,
            ApiError::HolderUnknown
            | ApiError::NotHandedOver(_)
            | ApiError::Webrtc(OpenError::NoPicture)
            | ApiError::HolderSilent(_)
            | ApiError::Waited(WaitError::Full | WaitError::TooLate | WaitError::Ending)
            | ApiError::Snapshot(SnapshotError::TooLate | SnapshotError::Refused(_)) => {
                ProblemCode::Unavailable
            }
            ApiError::Snapshot(SnapshotError::Unreadable) | ApiError::Read(_) => {
                ProblemCode::Internal
            }
        };
        let problem = Self::new(code).detail(error.to_string());
        let problem = if code.retryable() {
            problem.retry_after(ASK_AGAIN)
        } else {
            problem
        };
        problem.cause(error)
    }
}
