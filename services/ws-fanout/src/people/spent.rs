use std::time::Duration;

/// What somebody has taken of their allowances and not earned yet, as the milliseconds that earn it.
/// Small: each connection has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent([u32; 3]);

impl Spent {
    /// Of `ws.messages_per_second`, `ws.refusals_max` and `ws.unreadable_max`.
    pub(crate) fn new(parts: [Duration; 3]) -> Self {
        Self(parts.map(|part| u32::try_from(part.as_millis()).unwrap_or(u32::MAX)))
    }

    /// The time that earns what was taken of each.
    pub(crate) fn parts(self) -> [Duration; 3] {
        self.0.map(|millis| Duration::from_millis(millis.into()))
    }

    /// The more of each.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        let [messages, refusals, unreadable] = self.0;
        let [others_messages, others_refusals, others_unreadable] = other.0;
        Self([
            messages.max(others_messages),
            refusals.max(others_refusals),
            unreadable.max(others_unreadable),
        ])
    }

    /// As it travels.
    pub(super) const fn as_millis(self) -> [u32; 3] {
        self.0
    }

    /// What travelled.
    pub(super) fn from_millis(millis: [u64; 3]) -> Self {
        Self(millis.map(|millis| u32::try_from(millis).unwrap_or(u32::MAX)))
    }
}
