//! What can be subscribed to.

use sm_common::auth::Permission;
use sm_common::event::Channel;
use sm_common::id::StreamId;

/// One channel of one stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Topic {
    pub(crate) channel: Channel,
    pub(crate) stream: StreamId,
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.channel, self.stream)
    }
}

/// What a subscriber of the channel must be allowed.
pub(crate) const fn permission_to_read(channel: Channel) -> Permission {
    match channel {
        Channel::StreamState | Channel::LayerUpdates => Permission::ReadStream,
        Channel::Metrics | Channel::Alerts => Permission::ReadAnalytics,
        Channel::Chat => Permission::Chat,
    }
}

/// Whether anybody may subscribe to the channel where the public may watch.
pub(crate) const fn is_public(channel: Channel) -> bool {
    match channel {
        Channel::StreamState => true,
        Channel::LayerUpdates | Channel::Metrics | Channel::Chat | Channel::Alerts => false,
    }
}
