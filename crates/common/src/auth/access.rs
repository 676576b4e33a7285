//! Who may do what over REST: each operation of the OpenAPI document, and what it takes. Handlers
//! prove the same by the types of their arguments; the tests of the whole system try every cell.

use super::Permission::{
    self, Chat, ControlStream, EditLayers, ManageUsers, ModerateChat, ReadAnalytics, ReadAudit,
    ReadResources, ReadStream, ReadSummary,
};
use super::{Identity, Role};
use crate::event::Channel;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing. What is secret about it, such as a password, is in the request.
    Anyone,
    /// A valid token, whatever the role.
    SignedIn,
    /// [`Permission::ReadStream`], or nothing where the public may watch.
    Watching,
    /// A permission.
    Takes(Permission),
    /// A permission, or a guest's token where the chat lets guests in.
    Guest(Permission),
}

use Access::{Anyone, Guest, SignedIn, Takes, Watching};

/// What a subscriber of a channel of the WebSocket needs.
pub const fn access_to_channel(channel: Channel) -> Access {
    match channel {
        Channel::StreamState => Watching,
        Channel::LayerUpdates => Takes(ReadStream),
        Channel::Metrics | Channel::Alerts => Takes(ReadAnalytics),
        Channel::Chat => Guest(Chat),
    }
}

/// Method, path as in the OpenAPI document, and what the operation needs.
#[rustfmt::skip]
pub const OPERATIONS: &[(&str, &str, Access)] = &[
    ("GET", "/.well-known/jwks.json", Anyone),
    ("GET", "/api/analytics/alerts", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/alerts/deliveries", Takes(ReadAnalytics)),
    ("POST", "/api/analytics/alerts/deliveries/{id}/resend", Takes(ControlStream)),
    ("GET", "/api/analytics/alerts/rules", Takes(ReadAnalytics)),
    ("POST", "/api/analytics/alerts/rules", Takes(ControlStream)),
    ("POST", "/api/analytics/alerts/rules/dry-run", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/alerts/rules/prometheus", Takes(ReadAnalytics)),
    ("DELETE", "/api/analytics/alerts/rules/{id}", Takes(ControlStream)),
    ("GET", "/api/analytics/alerts/rules/{id}", Takes(ReadAnalytics)),
    ("PATCH", "/api/analytics/alerts/rules/{id}", Takes(ControlStream)),
    ("GET", "/api/analytics/alerts/silences", Takes(ReadAnalytics)),
    ("POST", "/api/analytics/alerts/silences", Takes(ControlStream)),
    ("DELETE", "/api/analytics/alerts/silences/{id}", Takes(ControlStream)),
    ("GET", "/api/analytics/alerts/webhooks", Takes(ReadAnalytics)),
    ("POST", "/api/analytics/alerts/webhooks", Takes(ControlStream)),
    ("DELETE", "/api/analytics/alerts/webhooks/{id}", Takes(ControlStream)),
    ("PATCH", "/api/analytics/alerts/webhooks/{id}", Takes(ControlStream)),
    ("GET", "/api/analytics/broadcasts", Takes(ReadSummary)),
    ("GET", "/api/analytics/compare", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/errors", Takes(ReadAnalytics)),
    ("POST", "/api/analytics/errors/{fingerprint}/{action}", Takes(ControlStream)),
    ("GET", "/api/analytics/export", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/incidents", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/incidents/report", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/incidents/{id}", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/metrics", Takes(ReadAnalytics)),
    ("GET", "/api/analytics/summary", Takes(ReadSummary)),
    ("GET", "/api/analytics/timeseries", Takes(ReadAnalytics)),
    ("GET", "/api/assets", Takes(ReadStream)),
    ("POST", "/api/assets", Takes(EditLayers)),
    ("OPTIONS", "/api/assets/uploads", Takes(EditLayers)),
    ("POST", "/api/assets/uploads", Takes(EditLayers)),
    ("DELETE", "/api/assets/uploads/{id}", Takes(EditLayers)),
    ("HEAD", "/api/assets/uploads/{id}", Takes(EditLayers)),
    ("PATCH", "/api/assets/uploads/{id}", Takes(EditLayers)),
    ("DELETE", "/api/assets/{id}", Takes(EditLayers)),
    ("GET", "/api/assets/{id}", Takes(ReadStream)),
    ("GET", "/api/assets/{id}/content", Takes(ReadStream)),
    ("GET", "/api/assets/{id}/thumbnail", Takes(ReadStream)),
    ("GET", "/api/auth/audit", Takes(ReadAudit)),
    ("GET", "/api/auth/keys", Takes(ManageUsers)),
    ("POST", "/api/auth/keys", Takes(ManageUsers)),
    ("DELETE", "/api/auth/keys/{id}", Takes(ManageUsers)),
    ("POST", "/api/auth/login", Anyone),
    ("POST", "/api/auth/login/second-factor", Anyone),
    ("POST", "/api/auth/logout", Anyone),
    ("GET", "/api/auth/me", SignedIn),
    ("POST", "/api/auth/password", SignedIn),
    ("POST", "/api/auth/password-link", Anyone),
    ("POST", "/api/auth/refresh", Anyone),
    ("GET", "/api/auth/second-factor", SignedIn),
    ("POST", "/api/auth/second-factor", SignedIn),
    ("POST", "/api/auth/second-factor/confirm", SignedIn),
    ("POST", "/api/auth/second-factor/recovery-codes", SignedIn),
    ("POST", "/api/auth/second-factor/remove", SignedIn),
    ("DELETE", "/api/auth/sessions", SignedIn),
    ("GET", "/api/auth/sessions", SignedIn),
    ("DELETE", "/api/auth/sessions/{session}", SignedIn),
    ("POST", "/api/auth/token", Anyone),
    ("POST", "/api/auth/ws-ticket", Takes(ReadStream)),
    ("GET", "/api/chat", Guest(Chat)),
    ("POST", "/api/chat", Guest(Chat)),
    ("POST", "/api/chat/announcements", Takes(ControlStream)),
    ("GET", "/api/chat/bans", Takes(ModerateChat)),
    ("DELETE", "/api/chat/bans/{user}", Takes(ModerateChat)),
    ("PUT", "/api/chat/bans/{user}", Takes(ModerateChat)),
    ("POST", "/api/chat/guests", Anyone),
    ("GET", "/api/chat/held", Takes(ModerateChat)),
    ("DELETE", "/api/chat/held/{id}", Takes(ModerateChat)),
    ("POST", "/api/chat/held/{id}", Takes(ModerateChat)),
    ("PUT", "/api/chat/me", Takes(Chat)),
    ("GET", "/api/chat/messages", Guest(Chat)),
    ("GET", "/api/chat/moderation", Takes(ModerateChat)),
    ("GET", "/api/chat/pins", Guest(Chat)),
    ("DELETE", "/api/chat/pins/{id}", Takes(ModerateChat)),
    ("PUT", "/api/chat/pins/{id}", Takes(ModerateChat)),
    ("GET", "/api/chat/rules", Guest(Chat)),
    ("PUT", "/api/chat/rules", Takes(ModerateChat)),
    ("DELETE", "/api/chat/{id}", Takes(ModerateChat)),
    ("PATCH", "/api/chat/{id}", Guest(Chat)),
    ("GET", "/api/groups", Takes(ReadStream)),
    ("POST", "/api/groups", Takes(EditLayers)),
    ("DELETE", "/api/groups/{id}", Takes(EditLayers)),
    ("GET", "/api/groups/{id}", Takes(ReadStream)),
    ("PATCH", "/api/groups/{id}", Takes(EditLayers)),
    ("POST", "/api/groups/{id}/duplicate", Takes(EditLayers)),
    ("GET", "/api/health", Anyone),
    ("GET", "/api/layers", Takes(ReadStream)),
    ("POST", "/api/layers", Takes(EditLayers)),
    ("POST", "/api/layers/batch", Takes(EditLayers)),
    ("POST", "/api/layers/copy", Takes(EditLayers)),
    ("GET", "/api/layers/history", Takes(EditLayers)),
    ("PUT", "/api/layers/order", Takes(EditLayers)),
    ("POST", "/api/layers/redo", Takes(EditLayers)),
    ("POST", "/api/layers/undo", Takes(EditLayers)),
    ("DELETE", "/api/layers/{id}", Takes(EditLayers)),
    ("GET", "/api/layers/{id}", Takes(ReadStream)),
    ("PATCH", "/api/layers/{id}", Takes(EditLayers)),
    ("POST", "/api/layers/{id}/duplicate", Takes(EditLayers)),
    ("GET", "/api/layers/{id}/ingest", Takes(EditLayers)),
    ("POST", "/api/layers/{id}/ingest/rotate", Takes(EditLayers)),
    ("POST", "/api/layers/{id}/playback", Takes(EditLayers)),
    ("GET", "/api/resources", Takes(ReadResources)),
    ("GET", "/api/scenes", Takes(ReadStream)),
    ("POST", "/api/scenes", Takes(EditLayers)),
    ("POST", "/api/scenes/import", Takes(EditLayers)),
    ("PUT", "/api/scenes/order", Takes(EditLayers)),
    ("DELETE", "/api/scenes/{id}", Takes(EditLayers)),
    ("GET", "/api/scenes/{id}", Takes(ReadStream)),
    ("PATCH", "/api/scenes/{id}", Takes(EditLayers)),
    ("DELETE", "/api/scenes/{id}/draft", Takes(EditLayers)),
    ("GET", "/api/scenes/{id}/draft", Takes(ReadStream)),
    ("POST", "/api/scenes/{id}/draft", Takes(EditLayers)),
    ("POST", "/api/scenes/{id}/draft/apply", Takes(EditLayers)),
    ("POST", "/api/scenes/{id}/duplicate", Takes(EditLayers)),
    ("GET", "/api/scenes/{id}/export", Takes(EditLayers)),
    ("GET", "/api/schedules", Takes(EditLayers)),
    ("POST", "/api/schedules", Takes(EditLayers)),
    ("DELETE", "/api/schedules/{id}", Takes(EditLayers)),
    ("GET", "/api/stream/audit", Takes(ReadAudit)),
    ("POST", "/api/stream/control", Takes(ControlStream)),
    ("GET", "/api/stream/operations/{id}", Takes(ControlStream)),
    ("GET", "/api/stream/outputs", Takes(ControlStream)),
    ("POST", "/api/stream/outputs", Takes(ControlStream)),
    ("DELETE", "/api/stream/outputs/{id}", Takes(ControlStream)),
    ("GET", "/api/stream/outputs/{id}", Takes(ControlStream)),
    ("PATCH", "/api/stream/outputs/{id}", Takes(ControlStream)),
    ("POST", "/api/stream/outputs/{id}/{action}", Takes(ControlStream)),
    ("POST", "/api/stream/playback-url", Takes(ReadStream)),
    ("GET", "/api/stream/state", Watching),
    ("GET", "/api/templates", Takes(ReadStream)),
    ("POST", "/api/templates", Takes(EditLayers)),
    ("DELETE", "/api/templates/{name}", Takes(EditLayers)),
    ("POST", "/api/templates/{name}", Takes(EditLayers)),
    ("GET", "/api/users", Takes(ManageUsers)),
    ("POST", "/api/users", Takes(ManageUsers)),
    ("DELETE", "/api/users/{username}", Takes(ManageUsers)),
    ("PATCH", "/api/users/{username}", Takes(ManageUsers)),
    ("POST", "/api/users/{username}/password-link", Takes(ManageUsers)),
    ("DELETE", "/api/users/{username}/second-factor", Takes(ManageUsers)),
    ("DELETE", "/api/users/{username}/sessions", Takes(ManageUsers)),
    ("GET", "/api/users/{username}/sessions", Takes(ManageUsers)),
    ("DELETE", "/api/users/{username}/sessions/{session}", Takes(ManageUsers)),
    ("GET", "/api/variables", Takes(ReadStream)),
    ("PATCH", "/api/variables", Takes(EditLayers)),
    ("PUT", "/api/variables", Takes(EditLayers)),
    ("GET", "/live/{stream}/index.m3u8", Watching),
    ("GET", "/live/{stream}/master.m3u8", Watching),
    ("GET", "/live/{stream}/preview.jpg", Takes(ControlStream)),
    ("GET", "/live/{stream}/recordings/", Takes(ControlStream)),
    ("DELETE", "/live/{stream}/recordings/{output}/{file}", Takes(ControlStream)),
    ("GET", "/live/{stream}/recordings/{output}/{file}", Takes(ControlStream)),
    ("GET", "/live/{stream}/snapshot.jpg", Watching),
    ("GET", "/live/{stream}/sprite.jpg", Watching),
    ("GET", "/live/{stream}/sprite.json", Watching),
    ("POST", "/live/{stream}/whep", Watching),
    ("DELETE", "/live/{stream}/whep/{session}", Watching),
    ("GET", "/live/{stream}/{file}", Watching),
    ("GET", "/live/{stream}/{rendition}.m3u8", Watching),
    ("GET", "/version.json", Anyone),
    ("GET", "/ws", Anyone),
];

impl Access {
    /// What an operation of the OpenAPI document needs; `None` for one that is not listed.
    pub fn to(method: &str, path: &str) -> Option<Self> {
        let listed = OPERATIONS
            .iter()
            .find(|(known_method, known_path, _)| *known_method == method && *known_path == path);
        listed.map(|(_, _, access)| *access)
    }

    /// Whether somebody of this role may, or nobody in particular for `None`. `public_view` says
    /// whether the public may watch.
    pub const fn allows(self, role: Option<Role>, public_view: bool) -> bool {
        match (self, role) {
            (Self::Anyone, _) | (Self::SignedIn, Some(_)) => true,
            (Self::Watching, None) => public_view,
            (Self::Watching, Some(role)) => Permission::ReadStream.allows(role),
            (Self::Takes(permission) | Self::Guest(permission), Some(role)) => {
                permission.allows(role)
            }
            (Self::SignedIn | Self::Takes(_) | Self::Guest(_), None) => false,
        }
    }

    /// Whether this caller may, or nobody in particular for `None`.
    pub fn admits(self, caller: Option<&Identity>, public_view: bool) -> bool {
        match (self.permission(), caller) {
            (Some(permission), Some(caller)) => caller.may(permission),
            (_, caller) => self.allows(caller.map(|caller| caller.role), public_view),
        }
    }

    /// The permission, where it takes one.
    pub const fn permission(self) -> Option<Permission> {
        match self {
            Self::Anyone | Self::SignedIn => None,
            Self::Watching => Some(Permission::ReadStream),
            Self::Takes(permission) | Self::Guest(permission) => Some(permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_is_listed_once() {
        let distinct: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|(method, path, _)| (method, path))
            .collect();
        assert_eq!(distinct.len(), OPERATIONS.len());
        assert_eq!(Access::to("GET", "/api/users"), Some(Takes(ManageUsers)));
        assert_eq!(Access::to("GET", "/api/nothing"), None);
    }

    #[test]
    fn without_a_token_nobody_may_more_than_watch() {
        for (method, path, access) in OPERATIONS {
            let may = access.allows(None, true);
            let expected = matches!(access, Anyone | Watching);
            assert_eq!(may, expected, "{method} {path}");
        }
    }
}
