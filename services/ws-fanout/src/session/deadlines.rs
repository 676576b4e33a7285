//! What a connection does by the clock. Pure: the moment is an argument.

use std::time::Duration;

use sm_common::ws::CloseCode;
use tokio::time::Instant;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// A ping.
    Ping,
    /// The end.
    Close(CloseCode),
}

/// The end of the time for which a connection may stay as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The public may stay.
    NotNeeded,
    /// Nobody has proven anything yet.
    Awaited(Instant),
    /// What was proven ends.
    Until(Instant),
}

/// The moments of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    heartbeat: Duration,
    heard_at: Instant,
    ping_at: Instant,
    proof: Proof,
    /// When to go, once the server drains.
    leave_at: Option<Instant>,
}

impl Deadlines {
    pub(crate) fn new(heartbeat: Duration, proof: Proof, now: Instant) -> Self {
        Self {
            heartbeat,
            heard_at: now,
            ping_at: now + heartbeat,
            proof,
            leave_at: None,
        }
    }

    /// The client was heard.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// Replaces the proof.
    pub(crate) const fn prove(&mut self, proof: Proof) {
        self.proof = proof;
    }

    /// Sets when to go.
    pub(crate) const fn leave(&mut self, at: Instant) {
        self.leave_at = Some(at);
    }

    /// Whether it is known when to go.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.leave_at.is_some()
    }

    /// The next moment at which something may be due.
    pub(crate) fn next(&self) -> Instant {
        let mut next = self.ping_at;
        if let Proof::Awaited(at) | Proof::Until(at) = self.proof {
            next = next.min(at);
        }
        if let Some(at) = self.leave_at {
            next = next.min(at);
        }
        next
    }

    /// What is due now.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if self.leave_at.is_some_and(|at| at <= now) {
            return Due::Close(CloseCode::GoingAway);
        }
        match self.proof {
            Proof::Awaited(at) if at <= now => return Due::Close(CloseCode::Unauthenticated),
            Proof::Until(at) if at <= now => return Due::Close(CloseCode::TokenExpired),
            Proof::NotNeeded | Proof::Awaited(_) | Proof::Until(_) => {}
        }
        if self.ping_at > now {
            return Due::Nothing;
        }
        if now.duration_since(self.heard_at) >= self.heartbeat.saturating_mul(2) {
            return Due::Close(CloseCode::HeartbeatTimeout);
        }
        self.ping_at = now + self.heartbeat;
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(10);

    #[test]
    fn a_silent_client_is_pinged_and_then_given_up() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(BEAT, Proof::NotNeeded, start);
        assert_eq!(deadlines.due(start), Due::Nothing);
        assert_eq!(deadlines.next(), start + BEAT);
        assert_eq!(deadlines.due(start + BEAT), Due::Ping);
        assert_eq!(deadlines.due(start + BEAT), Due::Nothing);
        let lost = Due::Close(CloseCode::HeartbeatTimeout);
        assert_eq!(deadlines.due(start + 2 * BEAT), lost);
    }

    #[test]
    fn a_client_that_answers_is_kept() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(BEAT, Proof::NotNeeded, start);
        for beat in 1..10 {
            let now = start + beat * BEAT;
            assert_eq!(deadlines.due(now), Due::Ping, "{beat}");
            deadlines.heard(now + Duration::from_millis(3));
        }
    }

    #[test]
    fn a_proof_that_is_replaced_in_time_does_not_end_the_connection() {
        let start = Instant::now();
        let soon = start + Duration::from_secs(3);
        let mut deadlines = Deadlines::new(BEAT, Proof::Until(soon), start);
        assert_eq!(deadlines.next(), soon);
        deadlines.prove(Proof::Until(start + BEAT / 2));
        assert_eq!(deadlines.due(soon), Due::Nothing);
        let expired = Due::Close(CloseCode::TokenExpired);
        assert_eq!(deadlines.due(start + BEAT / 2), expired);
    }

    #[test]
    fn a_connection_that_proves_nothing_ends_with_a_code_of_its_own() {
        let start = Instant::now();
        let soon = start + Duration::from_secs(3);
        let mut deadlines = Deadlines::new(BEAT, Proof::Awaited(soon), start);
        let ended = Due::Close(CloseCode::Unauthenticated);
        assert_eq!(deadlines.due(soon), ended);
        deadlines.leave(soon);
        assert_eq!(deadlines.due(soon), Due::Close(CloseCode::GoingAway));
    }
}
