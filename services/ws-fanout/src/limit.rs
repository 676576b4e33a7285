//! The limits that a client can run into, by the name that they have in metrics.

/// A limit. `config/default.toml` has the value of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `ws.connections_max`
    Connections,
    /// `ws.connections_per_user_max`
    ConnectionsPerUser,
    /// `ws.connections_per_address_max`
    ConnectionsPerAddress,
    /// `ws.subscriptions_max`
    Subscriptions,
    /// `ws.messages_per_second`
    Messages,
    /// `ws.unreadable_max`
    Unreadable,
    /// `ws.frame_bytes_max`
    FrameBytes,
    /// `ws.queue_bytes_max`
    QueueBytes,
    /// `ws.queue_age_max_ms`
    QueueAge,
    /// `chat.interval_ms`
    ChatOfPerson,
    /// `chat.channel_per_second`
    ChatOfChannel,
    /// `slow_mode_s` of the chat's rules
    ChatSlowMode,
    /// `chat.held_max`
    ChatHeld,
    /// `chat.guests_per_address`
    ChatGuests,
}

impl Limit {
    /// Every limit.
    pub(crate) const ALL: [Self; 14] = [
        Self::Connections,
        Self::ConnectionsPerUser,
        Self::ConnectionsPerAddress,
        Self::Subscriptions,
        Self::Messages,
        Self::Unreadable,
        Self::FrameBytes,
        Self::QueueBytes,
        Self::QueueAge,
        Self::ChatOfPerson,
        Self::ChatOfChannel,
        Self::ChatSlowMode,
        Self::ChatHeld,
        Self::ChatGuests,
    ];

    /// The label in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerUser => "connections-per-user",
            Self::ConnectionsPerAddress => "connections-per-address",
            Self::Subscriptions => "subscriptions",
            Self::Messages => "messages",
            Self::Unreadable => "unreadable",
            Self::FrameBytes => "frame-bytes",
            Self::QueueBytes => "queue-bytes",
            Self::QueueAge => "queue-age",
            Self::ChatOfPerson => "chat-of-person",
            Self::ChatOfChannel => "chat-of-channel",
            Self::ChatSlowMode => "chat-slow-mode",
            Self::ChatHeld => "chat-held",
            Self::ChatGuests => "chat-guests",
        }
    }
}
