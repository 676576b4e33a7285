//! What can be subscribed to.

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
