//! Errors as the outside sees them: RFC 9457 bodies with a stable code.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::id::LayerId;

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $status:literal, $title:literal, $retry:literal;)+) => {
        /// Every problem an API answers with. The table is the one source of code, HTTP status,
        /// title, and whether the same request may succeed later.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[$doc])* $name),+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable, dotted code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// What happened, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// Whether the same request may succeed later.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retry),+ }
            }
        }
    };
}

problem_codes! {
    /// The body is not JSON, or not of the wanted shape.
    BodyInvalid, "request.body.invalid", 400, "The request body cannot be read", false;
    /// The body is larger than the limit.
    BodyTooLarge, "request.body.too-large", 413, "The request body is too large", false;
    /// The body did not arrive in time.
    BodyTimeout, "request.body.timeout", 408, "The request body did not arrive in time", true;
    /// The content type is not the one the endpoint takes.
    MediaTypeUnsupported, "request.media-type.unsupported", 415, "The content type is not supported", false;
    /// A query parameter is wrong.
    QueryInvalid, "request.query.invalid", 400, "A query parameter cannot be read", false;
    /// A part of the path is wrong.
    PathInvalid, "request.path.invalid", 400, "The path cannot be read", false;
    /// A header is wrong.
    HeaderInvalid, "request.header.invalid", 400, "A request header cannot be read", false;
    /// One or more fields are out of bounds; `errors` names each.
    ValidationFailed, "request.validation.failed", 422, "One or more fields are not valid", false;
    /// No such path.
    RouteNotFound, "route.not-found", 404, "There is nothing at this path", false;
    /// The path exists, the method does not.
    MethodNotAllowed, "route.method-not-allowed", 405, "This path does not take that method", false;
    /// No credentials.
    Unauthenticated, "auth.token.missing", 401, "This request needs an access token", false;
    /// The token is wrong.
    TokenInvalid, "auth.token.invalid", 401, "The access token is not valid", false;
    /// The token is too old.
    TokenExpired, "auth.token.expired", 401, "The access token has expired", false;
    /// The sign-in was ended, or what the person may do has changed.
    TokenRevoked, "auth.token.revoked", 401, "The access token has been revoked", false;
    /// The role does not carry the permission.
    Forbidden, "auth.role.insufficient", 403, "The caller's role does not allow this", false;
    /// Wrong name or password.
    CredentialsInvalid, "auth.credentials.invalid", 401, "The name or the password is wrong", false;
    /// The challenge is unknown, too old, or was answered too often.
    ChallengeInvalid, "auth.challenge.invalid", 401, "The challenge is not valid", false;
    /// The one-time code or recovery code is wrong, or has been used.
    CodeInvalid, "auth.code.invalid", 401, "The code is wrong", false;
    /// No second factor is being enrolled, or it took too long.
    SecondFactorNoDraft, "auth.second-factor.none-pending", 409, "No second factor is being enrolled", false;
    /// There is no second factor.
    SecondFactorNone, "auth.second-factor.none", 409, "There is no second factor", false;
    /// The policy asks people of this role for one.
    SecondFactorRequired, "auth.second-factor.required", 409, "People of this role need a second factor", false;
    /// The link is unknown, too old, or has been used.
    PasswordLinkInvalid, "auth.password-link.invalid", 410, "The link is not valid any more", false;
    /// The refresh token is unknown, used or revoked.
    RefreshInvalid, "auth.refresh.invalid", 401, "The refresh token is not valid", false;
    /// The sign-in is over, or somebody else's.
    SessionNotFound, "auth.session.not-found", 404, "There is no such sign-in", false;
    /// No such key, or it was taken back.
    KeyNotFound, "auth.key.not-found", 404, "There is no such key", false;
    /// There are as many keys as there may be.
    KeyLimit, "auth.key.limit-reached", 409, "There are as many keys as there may be", false;
    /// No such person.
    UserNotFound, "user.not-found", 404, "There is no such user", false;
    /// The name is taken.
    UserExists, "user.exists", 409, "The name is taken", false;
    /// There are as many people as there may be.
    UserLimit, "user.limit-reached", 409, "There are as many users as there may be", false;
    /// Nobody would be left who can manage people.
    UserLastAdmin, "user.last-admin", 409, "The last admin cannot be taken away", false;
    /// The browser's origin is not on the list.
    OriginForbidden, "auth.origin.forbidden", 403, "This origin may not connect", false;
    /// Too many requests.
    RateLimited, "rate.limited", 429, "Too many requests", true;
    /// No such stream.
    StreamNotFound, "stream.not-found", 404, "There is no such stream", false;
    /// The action is not legal in this status.
    StreamActionIllegal, "stream.action.illegal", 409, "The action is not possible in this status", false;
    /// No host has enough CPU left for it.
    CapacityExceeded, "stream.capacity.exceeded", 503, "No host can carry this now", true;
    /// The idempotency key was used for another request.
    IdempotencyConflict, "stream.idempotency.conflict", 422, "The idempotency key belongs to another request", false;
    /// No such operation, or it is too old.
    OperationNotFound, "stream.operation.not-found", 404, "There is no such operation", false;
    /// Nothing is on air.
    StreamNotOnAir, "stream.not-on-air", 404, "The stream is not on air", true;
    /// Nobody has put a scene beside the program.
    PreviewNotFound, "preview.not-found", 404, "No scene is in preview", false;
    /// The body is no SDP offer.
    OfferInvalid, "webrtc.offer.invalid", 400, "The SDP offer cannot be read", false;
    /// The offer takes nothing that there is.
    OfferUnsupported, "webrtc.offer.unsupported", 422, "The offer takes nothing that the stream can be sent as", false;
    /// As many sessions as there may be.
    WebrtcLimit, "webrtc.session.limit-reached", 503, "There are as many WebRTC viewers as there may be", true;
    /// No such session, or it is over.
    WebrtcSessionNotFound, "webrtc.session.not-found", 404, "There is no such WebRTC session", false;
    /// WebRTC is switched off.
    WebrtcDisabled, "webrtc.disabled", 404, "There is no WebRTC here", false;
    /// The segment has left the playlist, or never was in it.
    SegmentNotFound, "stream.segment.not-found", 404, "There is no such segment", false;
    /// No such recording, or it is on another engine's disk.
    RecordingNotFound, "recording.not-found", 404, "There is no such recording", false;
    /// The recording is not finished.
    RecordingInUse, "recording.in-use", 409, "The recording is being written", false;
    /// The signed playback address is not one of ours, or is for another stream.
    PlaybackInvalid, "playback.invalid", 403, "The playback address is not valid", false;
    /// The signed playback address was valid once.
    PlaybackExpired, "playback.expired", 403, "The playback address has expired", false;
    /// No such output.
    OutputNotFound, "output.not-found", 404, "There is no such output", false;
    /// The stream has as many outputs as it may.
    OutputLimit, "output.limit-reached", 409, "The stream has as many outputs as it may", false;
    /// The HLS output belongs to every stream.
    OutputBuiltIn, "output.built-in", 409, "The built-in output cannot be changed", false;
    /// The output does not send, so that it cannot begin anew.
    OutputDisabled, "output.disabled", 409, "The output is stopped", false;
    /// No such scene.
    SceneNotFound, "scene.not-found", 404, "There is no such scene", false;
    /// The stream has as many scenes as it may.
    SceneLimit, "scene.limit-reached", 409, "The stream has as many scenes as it may", false;
    /// What was sent is no scene, or not all of one; `detail` says what is wrong.
    SceneFileInvalid, "scene.file.invalid", 422, "The file is no scene that can be taken in", false;
    /// The file is larger than it may be, packed or unpacked.
    SceneFileTooLarge, "scene.file.too-large", 413, "The file with the scene is too large", false;
    /// The scene is on air, in preview or the slate.
    SceneInUse, "scene.in-use", 409, "The scene is in use", false;
    /// A stream has at least one scene.
    SceneLast, "scene.last", 409, "The last scene cannot be deleted", false;
    /// Nobody prepares changes of the scene.
    SceneDraftNotFound, "scene.draft.not-found", 404, "The scene has no draft", false;
    /// Somebody prepares changes of the scene already; `detail` says who.
    SceneDraftExists, "scene.draft.exists", 409, "The scene has a draft", false;
    /// Others have changed in the scene what the draft changes; `conflicts` names each.
    SceneDraftConflict, "scene.draft.conflict", 409, "Others have changed the same in the scene", false;
    /// What is asked for can be done with a scene, and this is a draft of one.
    SceneIsDraft, "scene.draft.no-scene", 409, "That is a draft, not a scene", false;
    /// There is no scene in preview to be taken.
    PreviewEmpty, "stream.preview.empty", 409, "No scene is in preview", false;
    /// The host has not enough CPU left for the scene's layers.
    LayerCapacity, "layer.capacity.exceeded", 503, "The host cannot carry these layers now", true;
    /// No such layer.
    LayerNotFound, "layer.not-found", 404, "There is no such layer", false;
    /// The scene holds as many layers as it may.
    LayerLimit, "layer.limit-reached", 409, "The scene holds as many layers as it may", false;
    /// The layer is not one that others push to.
    IngestNotThis, "ingest.not-this-layer", 409, "Nothing is pushed to this layer", false;
    /// No secret is configured, so that there are no keys.
    IngestDisabled, "ingest.disabled", 409, "Nobody can push to layers of this system", false;
    /// The layer is locked.
    LayerLocked, "layer.locked", 423, "The layer is locked", false;
    /// No such group.
    GroupNotFound, "group.not-found", 404, "There is no such group", false;
    /// The scene holds as many groups as it may.
    GroupLimit, "group.limit-reached", 409, "The scene holds as many groups as it may", false;
    /// The group is locked, and so are its layers.
    GroupLocked, "group.locked", 423, "The group is locked", false;
    /// No such template.
    TemplateNotFound, "template.not-found", 404, "There is no such template", false;
    /// There is a template of this name.
    TemplateExists, "template.exists", 409, "There is a template of this name", false;
    /// The template is one of the system's.
    TemplateBuiltIn, "template.built-in", 409, "The template is a part of the system", false;
    /// The stream has as many templates of its own as it may.
    TemplateLimit, "template.limit-reached", 409, "The stream has as many templates as it may", false;
    /// The caller has made no change here that can be taken back, or taken none back.
    HistoryEmpty, "layer.history.empty", 409, "There is no such step", false;
    /// Others have changed since what the step changed; `conflicts` names each.
    HistoryConflict, "layer.history.conflict", 409, "Others have changed the same since", false;
    /// No such schedule, or it is over.
    ScheduleNotFound, "schedule.not-found", 404, "There is no such schedule", false;
    /// The stream has as many schedules as it may.
    ScheduleLimit, "schedule.limit-reached", 409, "The stream has as many schedules as it may", false;
    /// `If-Match` names an old revision; for a patch, `conflicts` has both versions of what it would
    /// change.
    RevisionStale, "revision.stale", 412, "The resource has changed since it was read", false;
    /// `If-Match` is missing.
    RevisionRequired, "revision.required", 428, "This request needs an If-Match header", false;
    /// No such chat message.
    ChatMessageNotFound, "chat.message.not-found", 404, "There is no such chat message", false;
    /// Somebody who moderates has silenced the caller.
    ChatSilenced, "chat.silenced", 403, "The caller may not write in this chat now", false;
    /// The rules of the chat let no guests in.
    ChatGuestsClosed, "chat.guests.closed", 403, "This chat is for people with an account", false;
    /// The text breaks a rule of the chat.
    ChatTextRefused, "chat.text.refused", 422, "The rules of the chat do not allow this text", false;
    /// The message is somebody else's, or not one that is edited.
    ChatNotAuthor, "chat.edit.not-author", 403, "Only its author may edit a message", false;
    /// The message is too old to be edited.
    ChatEditClosed, "chat.edit.closed", 409, "The message can no longer be edited", false;
    /// As many messages are pinned as may be.
    ChatPinLimit, "chat.pins.limit-reached", 409, "As many messages are pinned as may be", false;
    /// As many messages wait for a moderator as may.
    ChatHeldLimit, "chat.held.limit-reached", 409, "As many messages wait for a moderator as may", false;
    /// No such message waits.
    ChatHeldNotFound, "chat.held.not-found", 404, "No such message waits for a moderator", false;
    /// As many people are silenced as may be.
    ChatBanLimit, "chat.bans.limit-reached", 409, "As many people are silenced as may be", false;
    /// The person is not silenced.
    ChatBanNotFound, "chat.ban.not-found", 404, "This person is not silenced", false;
    /// No such asset.
    AssetNotFound, "asset.not-found", 404, "There is no such asset", false;
    /// Nothing can be seen of the asset, or nobody looked when it was uploaded.
    AssetThumbnailNone, "asset.thumbnail.none", 404, "There is no thumbnail of the asset", false;
    /// No picture, video, sound or font that we take, or a broken one.
    AssetUnsupported, "asset.type.unsupported", 415, "The file is of no supported type", false;
    /// The file is larger than the limit, or the quota is used up.
    AssetTooLarge, "asset.too-large", 413, "The file is too large", false;
    /// The picture has more pixels than the limit.
    AssetDimensions, "asset.dimensions.too-large", 422, "The picture has too many pixels", false;
    /// A video, a sound or an animation is longer than the limit.
    AssetTooLong, "asset.too-long", 422, "The file lasts too long", false;
    /// Looking into the file took more time or memory than the limit, or ended the process that did it.
    AssetTooCostly, "asset.too-costly", 422, "The file takes too much to be decoded", false;
    /// The disk is full, or would be.
    AssetStorageFull, "asset.storage.full", 507, "There is no space left for files", false;
    /// The upload was cancelled, refused or given up, or never begun.
    AssetUploadNotFound, "asset.upload.not-found", 404, "There is no such upload", false;
    /// The piece is not the next one.
    AssetUploadOffset, "asset.upload.offset", 409, "The upload goes on at another offset", false;
    /// Two pieces of an upload at a time.
    AssetUploadLocked, "asset.upload.locked", 423, "Another piece of the upload is just arriving", true;
    /// `Tus-Resumable` is missing, or names another version.
    AssetUploadVersion, "asset.upload.version", 412, "This version of tus is not spoken here", false;
    /// The upload ended before the file did.
    AssetIncomplete, "asset.upload.incomplete", 400, "The upload ended too early", false;
    /// A layer uses the asset.
    AssetInUse, "asset.in-use", 409, "The asset is in use", false;
    /// No such metric.
    MetricUnknown, "analytics.metric.unknown", 400, "There is no such metric", false;
    /// The range is empty, reversed or too long for its step.
    RangeInvalid, "analytics.range.invalid", 400, "The time range cannot be answered", false;
    /// No such alert rule.
    AlertRuleNotFound, "alert.rule.not-found", 404, "There is no such alert rule", false;
    /// There are as many alert rules as there may be.
    AlertRuleLimit, "alert.rule.limit-reached", 409, "There are as many alert rules as there may be", false;
    /// The rule comes with the system.
    AlertRuleBuiltIn, "alert.rule.built-in", 409, "A built-in rule cannot be deleted", false;
    /// No such silence, or it is over.
    SilenceNotFound, "alert.silence.not-found", 404, "There is no such silence", false;
    /// There are as many silences as there may be.
    SilenceLimit, "alert.silence.limit-reached", 409, "There are as many silences as there may be", false;
    /// No such webhook.
    WebhookNotFound, "alert.webhook.not-found", 404, "There is no such webhook", false;
    /// There are as many webhooks as there may be.
    WebhookLimit, "alert.webhook.limit-reached", 409, "There are as many webhooks as there may be", false;
    /// No such delivery has failed.
    DeliveryNotFound, "alert.delivery.not-found", 404, "There is no such failed delivery", false;
    /// No such group of errors.
    ErrorGroupNotFound, "analytics.error.not-found", 404, "There is no such group of errors", false;
    /// No such incident, or it is too old.
    IncidentNotFound, "incident.not-found", 404, "There is no such incident", false;
    /// No broadcast was on air then, or it is too long ago.
    BroadcastUnknown, "analytics.broadcast.unknown", 404, "There is no such broadcast", false;
    /// As many exports as there may be.
    ExportLimit, "analytics.export.limit-reached", 429, "There are as many exports as there may be", true;
    /// The path takes WebSocket handshakes alone.
    UpgradeRequired, "ws.upgrade.required", 426, "This path takes WebSocket connections", false;
    /// None of the offered subprotocols is spoken here.
    SubprotocolUnsupported, "ws.subprotocol.unsupported", 400, "None of the offered subprotocols is supported", false;
    /// The frame is no message of the protocol.
    MessageUnreadable, "ws.message.unreadable", 400, "The message cannot be read", false;
    /// The connection holds as many subscriptions as it may.
    SubscriptionLimit, "ws.subscriptions.limit-reached", 409, "The connection holds as many subscriptions as it may", false;
    /// The channel takes no messages from clients.
    ChannelReadOnly, "ws.channel.read-only", 403, "The channel takes no messages from clients", false;
    /// Redis, or another dependency, does not answer.
    DependencyUnavailable, "dependency.unavailable", 503, "A dependency is not available", true;
    /// The service is shutting down or starting.
    Unavailable, "service.unavailable", 503, "The service is not available", true;
    /// Our fault.
    Internal, "internal", 500, "Something went wrong on our side", false;
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field in the request body.
    pub pointer: String,
    /// What is wrong, and the bound.
    pub detail: String,
}

impl FieldError {
    /// The field at `pointer` is wrong because of `detail`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// A field of which there are two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflict {
    /// The layer; none for what is the scene's, such as the order of its layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerId>,
    /// JSON Pointer (RFC 6901) within it; empty for all of it.
    pub pointer: String,
    /// What the request would have made of it; null for nothing.
    pub wanted: Value,
    /// What others have made of it; null for nothing.
    pub current: Value,
}

/// An RFC 9457 body, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A reference to the description of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to change. Absent from 500s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The stable, dotted code.
    pub code: String,
    /// The wrong fields, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What others have changed, with both versions, so that they can be merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// The trace, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// The body for `code`, with nothing of this occurrence yet.
    pub fn new(code: ProblemCode) -> Self {
        Self {
            kind: format!("/docs/problems#{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: None,
            instance: None,
            code: code.as_str().to_owned(),
            errors: Vec::new(),
            conflicts: Vec::new(),
            trace_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_dotted_and_an_error() {
        let mut seen = std::collections::HashSet::new();
        for code in ProblemCode::ALL {
            assert!(seen.insert(code.as_str()), "{} twice", code.as_str());
            assert!((400..600).contains(&code.status()));
            assert!(
                code.as_str()
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || ".-".contains(c))
            );
        }
    }
}
