use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;

/// Something a caller may be allowed to do. One table, [`Permission::allows`], answers for REST
/// and WebSocket alike.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Permission {
    /// Read stream state, layers and scenes, and subscribe to them; watch the picture.
    #[serde(rename = "stream:read")]
    ReadStream,
    /// Read `/api/analytics/summary`.
    #[serde(rename = "summary:read")]
    ReadSummary,
    /// Read and send chat.
    #[serde(rename = "chat:write")]
    Chat,
    /// Remove messages.
    #[serde(rename = "chat:moderate")]
    ModerateChat,
    /// Send control commands.
    #[serde(rename = "stream:control")]
    ControlStream,
    /// Create, change and delete layers, scenes and assets.
    #[serde(rename = "layers:write")]
    EditLayers,
    /// Read every analytics endpoint, and subscribe to `metrics`.
    #[serde(rename = "analytics:read")]
    ReadAnalytics,
    /// Read `/api/resources`.
    #[serde(rename = "resources:read")]
    ReadResources,
    /// Read the audit list.
    #[serde(rename = "audit:read")]
    ReadAudit,
    /// Manage people.
    #[serde(rename = "users:write")]
    ManageUsers,
    /// Read Prometheus metrics.
    #[serde(rename = "metrics:read")]
    ReadMetrics,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 11] = [
        Self::ReadStream,
        Self::ReadSummary,
        Self::Chat,
        Self::ModerateChat,
        Self::ControlStream,
        Self::EditLayers,
        Self::ReadAnalytics,
        Self::ReadResources,
        Self::ReadAudit,
        Self::ManageUsers,
        Self::ReadMetrics,
    ];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadStream => "stream:read",
            Self::ReadSummary => "summary:read",
            Self::Chat => "chat:write",
            Self::ModerateChat => "chat:moderate",
            Self::ControlStream => "stream:control",
            Self::EditLayers => "layers:write",
            Self::ReadAnalytics => "analytics:read",
            Self::ReadResources => "resources:read",
            Self::ReadAudit => "audit:read",
            Self::ManageUsers => "users:write",
            Self::ReadMetrics => "metrics:read",
        }
    }

    /// Whether a machine may be given it by a key. People alone manage people.
    pub const fn is_for_keys(self) -> bool {
        match self {
            Self::ManageUsers => false,
            Self::ReadStream
            | Self::ReadSummary
            | Self::Chat
            | Self::ModerateChat
            | Self::ControlStream
            | Self::EditLayers
            | Self::ReadAnalytics
            | Self::ReadResources
            | Self::ReadAudit
            | Self::ReadMetrics => true,
        }
    }

    /// What it lets somebody do, for documents.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ReadStream => "read stream state, layers and scenes, and watch the picture",
            Self::ReadSummary => "read the summary of the analytics",
            Self::Chat => "read and send chat",
            Self::ModerateChat => "remove messages, silence people, set the rules of the chat",
            Self::ControlStream => "steer streams and their outputs, and read recordings",
            Self::EditLayers => "change layers, scenes, assets, variables and schedules",
            Self::ReadAnalytics => "read all analytics, and follow the metrics",
            Self::ReadResources => "read what every instance uses",
            Self::ReadAudit => "read the audit trails",
            Self::ManageUsers => "manage people",
            Self::ReadMetrics => "read Prometheus metrics",
        }
    }

    /// Whether `role` carries this permission.
    pub const fn allows(self, role: Role) -> bool {
        use Role::{Admin, Moderator, Operator, Service, Viewer};
        match self {
            Self::ReadStream | Self::ReadSummary | Self::Chat => {
                matches!(role, Viewer | Moderator | Operator | Admin)
            }
            Self::ModerateChat => matches!(role, Moderator | Operator | Admin),
            Self::ControlStream | Self::EditLayers | Self::ReadAnalytics | Self::ReadResources => {
                matches!(role, Operator | Admin)
            }
            Self::ReadAudit | Self::ManageUsers => matches!(role, Admin),
            Self::ReadMetrics => matches!(role, Operator | Admin | Service),
        }
    }

    /// The least role of a person that carries this permission, for messages.
    pub const fn least_role(self) -> Role {
        match self {
            Self::ReadStream | Self::ReadSummary | Self::Chat => Role::Viewer,
            Self::ModerateChat => Role::Moderator,
            Self::ControlStream
            | Self::EditLayers
            | Self::ReadAnalytics
            | Self::ReadResources
            | Self::ReadMetrics => Role::Operator,
            Self::ReadAudit | Self::ManageUsers => Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_persons_role_may_do_what_the_one_below_it_may() {
        let people = [Role::Viewer, Role::Moderator, Role::Operator, Role::Admin];
        for pair in people.windows(2) {
            for permission in Permission::ALL {
                assert!(
                    !permission.allows(pair[0]) || permission.allows(pair[1]),
                    "{permission:?}: {} may, {} may not",
                    pair[0],
                    pair[1]
                );
            }
        }
    }

    #[test]
    fn a_permission_is_written_by_its_name() {
        for permission in Permission::ALL {
            let text = serde_json::to_string(&permission).unwrap();
            assert_eq!(text, format!("\"{}\"", permission.name()));
            assert_eq!(
                serde_json::from_str::<Permission>(&text).unwrap(),
                permission
            );
        }
    }

    #[test]
    fn the_least_role_of_a_permission_is_the_first_that_carries_it() {
        let people = [Role::Viewer, Role::Moderator, Role::Operator, Role::Admin];
        for permission in Permission::ALL {
            let first = people.into_iter().find(|role| permission.allows(*role));
            assert_eq!(first, Some(permission.least_role()), "{permission:?}");
        }
    }
}
