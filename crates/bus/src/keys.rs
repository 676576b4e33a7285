//! Every key and channel name in Redis. Keys of one stream share a hash tag, so that a cluster
//! keeps them in one slot and one script can touch them all.

use sm_common::event::Channel;
use sm_common::id::{InstanceId, LayerId, OperationId, SceneId, SessionId, StreamId, UserId};

/// Identifiers of every known stream (set). stream-control adds; never expires.
pub const STREAMS: &str = "sm:streams";
/// Every event about a stream, for other systems (pub/sub).
pub const EVENTS_STREAM: &str = "events:stream";
/// Every event about the system, for other systems (pub/sub).
pub const EVENTS_SYSTEM: &str = "events:system";
/// What a live subscription says to itself, to know that it hears (pub/sub). `subscription` tells
/// it from all others.
pub fn probe(subscription: &InstanceId) -> String {
    format!("sm:probe:{subscription}")
}

/// Every event of a stream's channel, where Redis is a cluster (shard channel, in the stream's slot).
pub fn live(stream: &StreamId, channel: Channel) -> String {
    format!("sm:{{{stream}}}:live:{channel}")
}

/// What a live subscription to a cluster says to itself, on the node of each stream (shard channel).
pub fn shard_probe(stream: &StreamId, subscription: &InstanceId) -> String {
    format!("sm:{{{stream}}}:probe:{subscription}")
}

/// Instances by the moment of their last report (sorted set). Every service; trimmed on read.
pub const INSTANCES: &str = "sm:{instances}:seen";

/// Desired state (hash `revision`, `doc`). stream-control; never expires.
pub fn desired(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:desired")
}

/// Observed state (string). The lease holder; never expires.
pub fn observed(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:observed")
}

/// The lease (hash `instance`, `host`, `url`, `token`; `leaving`, `heir`, `heir_key` and `heir_until`
/// while its holder is about to end). stream-engine; expires when not renewed.
pub fn lease(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:lease")
}

/// The last fencing token given out (counter). stream-engine; never expires.
pub fn fence(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:fence")
}

/// Control commands, who sent them and what became of them (stream, bounded). stream-control.
pub fn audit(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:audit")
}

/// One operation (string). stream-control; expires.
pub fn operation(stream: &StreamId, operation: OperationId) -> String {
    format!("sm:{{{stream}}}:operation:{operation}")
}

/// The first answer to a request with this idempotency key (string). stream-control; expires.
/// `digest` names caller and key together, in hexadecimal.
pub fn idempotency(stream: &StreamId, digest: &str) -> String {
    format!("sm:{{{stream}}}:idempotency:{digest}")
}

/// The scenes: the list's `revision`, their `order`, the `first`, the `drafts` (JSON by scene) and the
/// `templates` (JSON by name), both absent where there are none; of each scene, those of drafts and
/// templates included, [`scene_revision_field`] and [`scene_document_field`], and of each draft
/// [`draft_base_field`] (hash). layer-service; never expires.
pub fn scenes(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:scenes")
}

/// The field of a scene's revision in [`scenes`].
pub fn scene_revision_field(scene: SceneId) -> String {
    format!("{scene}:revision")
}

/// The field of a scene's document in [`scenes`].
pub fn scene_document_field(scene: SceneId) -> String {
    format!("{scene}:doc")
}

/// The field of what a draft began with in [`scenes`].
pub fn draft_base_field(draft: SceneId) -> String {
    format!("{draft}:base")
}

/// The one scene of a stream as versions before [`scenes`] kept it (hash `revision`, `doc`).
/// Read where there are no [`scenes`] yet; nobody writes it any more.
pub fn former_scene(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:scene")
}

/// The layers of all scenes by identifier (hash). layer-service; never expires.
pub fn layers(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:layers")
}

/// The secrets of network sources by identifier (hash); layers name them. Written and swept by
/// layer-service, read by the lease holder, and by nobody else.
pub fn layer_secrets(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:layer-secrets")
}

/// When the last layer let go of a secret, by identifier, in milliseconds since the Unix epoch
/// (hash). layer-service; swept with [`layer_secrets`].
pub fn layer_secrets_left(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:layer-secrets-left")
}

/// The stream's variables (hash `revision`, `doc`). layer-service; never expires.
pub fn variables(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:variables")
}

/// The steps that a person can take back in a scene (list, newest first, bounded). layer-service;
/// expires.
pub fn layer_undo(stream: &StreamId, scene: SceneId, user: UserId) -> String {
    format!("sm:{{{stream}}}:layer-undo:{scene}:{user}")
}

/// The steps that a person has taken back and can make again (list, newest first, bounded).
/// layer-service; expires.
pub fn layer_redo(stream: &StreamId, scene: SceneId, user: UserId) -> String {
    format!("sm:{{{stream}}}:layer-redo:{scene}:{user}")
}

/// What is to be done later, by identifier (hash). layer-service adds, withdraws, notes when they are due,
/// and makes changes of layers; stream-control gives commands. Never expires.
pub fn schedules(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:schedules")
}

/// Raised with each of [`schedules`] that is added (counter). layer-service; never expires.
pub fn schedules_revision(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:schedules-revision")
}

/// What became of them (stream, bounded). layer-service and stream-control.
pub fn schedules_ended(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:schedules-ended")
}

/// Who changed the layers of a scene, what and when (stream, bounded). layer-service; goes with the
/// scene.
pub fn layer_history(stream: &StreamId, scene: SceneId) -> String {
    format!("sm:{{{stream}}}:layer-history:{scene}")
}

/// How layers do in the picture, by identifier (hash). The lease holder; never expires.
pub fn layer_statuses(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:layer-statuses")
}

/// Raised with every write of [`layer_statuses`] (counter). The lease holder; never expires.
pub fn layer_statuses_revision(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:layer-statuses-revision")
}

/// The field of a layer in [`layers`] and [`layer_statuses`].
pub fn layer_field(layer: LayerId) -> String {
    layer.to_string()
}

/// Uploaded files by identifier (hash). layer-service; never expires.
pub const ASSETS: &str = "sm:{assets}:index";
/// Raised by every change of [`ASSETS`] (counter). layer-service; never expires.
pub const ASSETS_REVISION: &str = "sm:{assets}:revision";
/// When a layer was last about to show an uploaded file, by identifier, in milliseconds since the
/// Unix epoch (hash). layer-service; goes with the file.
pub const ASSET_CLAIMS: &str = "sm:{assets}:claims";
/// Uploads that come in pieces, by identifier (hash). layer-service; each goes when it is given up, or
/// some time after it is complete.
pub const ASSET_UPLOADS: &str = "sm:{assets}:uploads";
/// When a layer was last seen to use an uploaded file, by identifier, in milliseconds since the Unix
/// epoch (hash). layer-service, where unused files are not kept for ever; goes with the file.
pub const ASSETS_USED: &str = "sm:{assets}:used";

/// A channel's history (stream, bounded). The commit script.
pub fn history(stream: &StreamId, channel: Channel) -> String {
    format!("sm:{{{stream}}}:history:{channel}")
}

/// A channel's epoch and last offset (hash `epoch`, `offset`, `run`). The commit script.
pub fn position(stream: &StreamId, channel: Channel) -> String {
    format!("sm:{{{stream}}}:position:{channel}")
}

/// What an instance last reported about itself (string). Every service; expires.
pub fn instance(instance: &InstanceId) -> String {
    format!("sm:{{instances}}:{instance}")
}

/// Rows of single seconds of one block of ten minutes, until they are packed (hash by second of the
/// block, and `writes`). analytics; expires. `series` says what of, and `block` counts blocks since
/// the Unix epoch.
pub fn open_block(stream: &StreamId, series: &str, block: i64) -> String {
    format!("sm:{{{stream}}}:open:{series}:{block}")
}

/// Which blocks are not packed yet (set of `series:block`). analytics; never expires.
pub fn open_blocks(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:open")
}

/// How often blocks were packed (hash by series). analytics; never expires.
pub fn packings(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:packings")
}

/// A metric in one resolution (hash by number of the chunk since the Unix epoch, packed columns).
/// analytics; trimmed, and expires.
pub fn chunks(stream: &StreamId, metric: &str, resolution: &str) -> String {
    format!("sm:{{{stream}}}:chunks:{metric}:{resolution}")
}

/// Until when receivers of remote-write have been sent a stream's samples (hash by digest of the
/// receiver's address: seconds since the Unix epoch). analytics; never expires.
pub fn remote_write(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:remote-write")
}

/// Who sends samples to the receiver of remote-write (string: an instance). analytics; expires.
pub const REMOTE_WRITER: &str = "sm:{remote-writer}";

/// Samples of one second in one hour, as former versions kept them (hash by second of the
/// hour). `hour` counts hours since the Unix epoch. analytics moves them into chunks.
pub fn former_seconds(stream: &StreamId, hour: i64) -> String {
    format!("sm:{{{stream}}}:seconds:{hour}")
}

/// Minutes of one day, as former versions kept them (hash by minute of the day). `day` counts
/// days since the Unix epoch. analytics moves them into chunks.
pub fn former_minutes(stream: &StreamId, day: i64) -> String {
    format!("sm:{{{stream}}}:minutes:{day}")
}

/// How far analytics has read a channel (hash `epoch`, `offset`, `at`, `since`; on `stream-state`
/// also the latest `status`). analytics; never expires.
pub fn analytics_position(stream: &StreamId, channel: Channel) -> String {
    format!("sm:{{{stream}}}:analytics:{channel}")
}

/// What happened to a stream, for analytics (sorted set by milliseconds since the Unix epoch).
/// analytics; trimmed.
pub fn timeline(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:timeline")
}

/// What the watch over a stream has seen and decided (hash `revision`, `doc`). analytics; never
/// expires.
pub fn watch(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:watch")
}

/// Alerts that fire now, by identifier (hash). analytics.
pub fn alerts(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alerts")
}

/// Alerts that are over, by identifier (hash, bounded with [`alerts_order`]). analytics.
pub fn alerts_history(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alerts-history")
}

/// The identifiers of alerts that are over, in the order of their end (sorted set, bounded).
/// analytics.
pub fn alerts_order(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alerts-order")
}

/// Messages to webhooks that wait to be sent, by identifier (hash). analytics; each goes when it was
/// taken or given up.
pub fn alert_outbox(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alert-outbox")
}

/// Messages to webhooks that were given up, by identifier (hash, bounded with
/// [`alert_dead_order`]). analytics.
pub fn alert_dead(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alert-dead")
}

/// Their identifiers in the order in which they were given up (sorted set, bounded). analytics.
pub fn alert_dead_order(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:alert-dead-order")
}

/// Errors grouped by fingerprint (hash, bounded). analytics.
pub fn error_groups(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:error-groups")
}

/// Incidents by identifier (hash, bounded with [`incidents_order`]). analytics.
pub fn incidents(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:incidents")
}

/// The identifiers of incidents in the order of their opening (sorted set, bounded). analytics.
pub fn incidents_order(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:incidents-order")
}

/// Which replica watches (string). analytics; expires when not renewed.
pub const WATCH_LEASE: &str = "sm:{alerts}:watch-lease";
/// Alert rules that people made or changed, by identifier (hash). analytics; never expires.
pub const ALERT_RULES: &str = "sm:{alerts}:rules";
/// Their revisions, by identifier (hash). analytics; never expires.
pub const ALERT_RULE_REVISIONS: &str = "sm:{alerts}:rule-revisions";
/// Silences and maintenance windows by identifier (hash). analytics; swept when they are over.
pub const SILENCES: &str = "sm:{alerts}:silences";
/// Whom alerts are sent to, with their secrets, by identifier (hash). analytics; no answer holds it.
pub const WEBHOOKS: &str = "sm:{alerts}:webhooks";

/// People by name in lower case (hash). api-gateway; never expires.
pub const USERS: &str = "sm:{auth}:users";

/// Raised by every change of [`USERS`] (counter). api-gateway; never expires.
pub const USERS_REVISION: &str = "sm:{auth}:users-revision";

/// The refresh token that a sign-in may use next (hash). api-gateway; expires.
pub fn session(session: SessionId) -> String {
    format!("sm:{{auth}}:session:{session}")
}

/// A person's sign-ins by the moment they began (sorted set). api-gateway; expires.
pub fn user_sessions(user: UserId) -> String {
    format!("sm:{{auth}}:user-sessions:{user}")
}

/// A WebSocket ticket (string: the caller's `Identity` as JSON). api-gateway writes, ws-fanout
/// takes it with `GETDEL`; expires. `digest` is the SHA-256 of the ticket's text in lower-case
/// hexadecimal.
pub fn ws_ticket(digest: &str) -> String {
    format!("sm:{{auth}}:ws-ticket:{digest}")
}

/// What happened that security is about, and who did it (stream: `doc`). api-gateway appends;
/// bounded by number and age.
pub const SECURITY_AUDIT: &str = "sm:{auth}:audit";

/// Attempts that strangers can make, so that they push out nothing of [`SECURITY_AUDIT`] (stream:
/// `doc`). api-gateway appends; bounded by number and age.
pub const SECURITY_ATTEMPTS: &str = "sm:{auth}:audit-attempts";

/// What was proven and holds no more, the newest of it (stream: `doc`, a `Revocation` as JSON).
/// api-gateway writes, every service reads; bounded.
pub const REVOCATIONS: &str = "sm:{auth}:revocations";

/// A sign-in whose password was right and whose second factor is awaited (hash `doc`, `attempts`).
/// api-gateway; expires. `digest` is the SHA-256 of the challenge in lower-case hexadecimal.
pub fn sign_in_challenge(digest: &str) -> String {
    format!("sm:{{auth}}:sign-in-challenge:{digest}")
}

/// The second factor that a person is about to enrol (string). api-gateway; expires.
pub fn second_factor_draft(user: UserId) -> String {
    format!("sm:{{auth}}:second-factor-draft:{user}")
}

/// The newest time step of which a person has used a one-time code (string). api-gateway; expires
/// when none of that step would be taken any more.
pub fn second_factor_step(user: UserId) -> String {
    format!("sm:{{auth}}:second-factor-step:{user}")
}

/// Wrong one-time codes of a person (counter). api-gateway; expires.
pub fn second_factor_failures(user: UserId) -> String {
    format!("sm:{{auth}}:second-factor-failures:{user}")
}

/// Who may choose a password by a link (string). api-gateway; expires. `digest` is the SHA-256 of the
/// link's secret in lower-case hexadecimal.
pub fn password_link(digest: &str) -> String {
    format!("sm:{{auth}}:password-link:{digest}")
}

/// The keys of machines by their identifiers (hash). api-gateway; never expires.
pub const MACHINE_KEYS: &str = "sm:{auth}:machine-keys";

/// The identifiers of [`MACHINE_KEYS`] by the SHA-256 of each key in lower-case hexadecimal (hash).
/// api-gateway; never expires.
pub const MACHINE_KEY_DIGESTS: &str = "sm:{auth}:machine-key-digests";

/// When each of [`MACHINE_KEYS`] was last exchanged for a token, in milliseconds since the Unix
/// epoch (hash). api-gateway; never expires.
pub const MACHINE_KEYS_USED: &str = "sm:{auth}:machine-keys-used";

/// Failed sign-ins of a name or address by its digest (counter). api-gateway; expires.
pub fn sign_in_failures(digest: &str) -> String {
    format!("sm:{{auth}}:sign-in-failures:{digest}")
}

/// What the system used lately, a sample every few seconds (stream, bounded). api-gateway.
pub const RESOURCES_HISTORY: &str = "sm:{resources}:history";

/// Whether a sample was taken in this interval (string). api-gateway; expires. `slot` counts
/// intervals since the Unix epoch.
pub fn resources_sample(slot: i64) -> String {
    format!("sm:{{resources}}:sample:{slot}")
}

/// A token bucket of a person on a channel (string). ws-fanout; expires.
pub fn chat_allowance(stream: &StreamId, user: &str) -> String {
    format!("sm:{{{stream}}}:chat-allowance:{user}")
}

/// How many WebSocket connections a person has, by process, and until when that holds (hash). ws-fanout; expires.
pub fn person_connections(user: UserId) -> String {
    format!("sm:{{person:{user}}}:connections")
}

/// Until when a person has not earned what they sent over WebSocket, by allowance, in milliseconds since
/// the Unix epoch (hash). ws-fanout; expires.
pub fn person_spent(user: UserId) -> String {
    format!("sm:{{person:{user}}}:spent")
}

/// Who watches a channel, by process, and until when that holds (hash). ws-fanout; expires.
pub fn presence(stream: &StreamId, channel: Channel) -> String {
    format!("sm:{{{stream}}}:presence:{channel}")
}

/// What marks of a stream's clients are made with (string). The lease holder; expires.
pub fn audience_key(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:audience-key")
}

/// Which clients follow a stream, by process, and until when that holds (hash). ws-fanout; expires.
pub fn followers(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:followers")
}

/// The token bucket of everybody together on a chat (string). ws-fanout; expires.
pub fn chat_pace(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-pace")
}

/// The kept chat messages by identifier (hash). ws-fanout; bounded with [`chat_order`].
pub fn chat_messages(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-messages")
}

/// The identifiers of the kept chat messages in the order of their posting (sorted set, bounded).
/// ws-fanout.
pub fn chat_order(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-order")
}

/// A person's newest messages in a chat (list of identifiers, newest first, bounded). ws-fanout;
/// expires.
pub fn chat_written(stream: &StreamId, user: UserId) -> String {
    format!("sm:{{{stream}}}:chat-written:{user}")
}

/// The pinned messages of a chat (string: a JSON array). ws-fanout; never expires.
pub fn chat_pins(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-pins")
}

/// What people chose for themselves in a chat (hash by person: the colour of the name). ws-fanout;
/// never expires.
pub fn chat_colors(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-colors")
}

/// The rules of a chat (hash `revision`, `doc`). ws-fanout; never expires.
pub fn chat_rules(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-rules")
}

/// Until when a person waits in slow mode (string: milliseconds since the Unix epoch). ws-fanout;
/// expires.
pub fn chat_slow(stream: &StreamId, user: UserId) -> String {
    format!("sm:{{{stream}}}:chat-slow:{user}")
}

/// Who may not write in a chat (hash by person). ws-fanout; what is over is swept.
pub fn chat_bans(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-bans")
}

/// Messages that wait for a moderator (hash by identifier, bounded). ws-fanout; never expires.
pub fn chat_held(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-held")
}

/// What moderators did in a chat (stream, bounded). ws-fanout.
pub fn chat_moderation(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-moderation")
}

/// A guest of the chats (string: an `Identity` as JSON). ws-fanout; expires. `digest` is the SHA-256 of
/// the guest's token in lower-case hexadecimal.
pub fn chat_guest(digest: &str) -> String {
    format!("sm:{{guests}}:{digest}")
}

/// How many guests came from an address lately, by its digest (counter). ws-fanout; expires.
pub fn chat_guests_of(digest: &str) -> String {
    format!("sm:{{guests}}:from:{digest}")
}

/// What the chat was told of the stream last (hash `on_air`, `take`). ws-fanout; never expires.
pub fn chat_told(stream: &StreamId) -> String {
    format!("sm:{{{stream}}}:chat-told")
}

/// What a caller has taken of a quota of requests (string). Every service; expires when all of it is
/// earned back. `caller` is a digest in hexadecimal.
pub fn allowance(policy: &str, caller: &str) -> String {
    format!("sm:{{{caller}}}:allowance:{policy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_stream_share_their_hash_tag() {
        let stream: StreamId = "studio-2".parse().unwrap();
        for key in [
            desired(&stream),
            lease(&stream),
            scenes(&stream),
            former_scene(&stream),
            history(&stream, Channel::Chat),
            position(&stream, Channel::Metrics),
            live(&stream, Channel::Chat),
            presence(&stream, Channel::Chat),
            followers(&stream),
            open_block(&stream, "samples", 7),
            chunks(&stream, "fps", "1m"),
        ] {
            assert!(key.starts_with("sm:{studio-2}:"), "{key}");
        }
    }
}
