//! What api-gateway counts.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Upper bounds of the hashing histogram, in seconds.
const HASH_BUCKETS_S: [f64; 8] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// What became of an attempt to sign in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LoginOutcome {
    /// Tokens were given out.
    Success,
    /// The password was right, and the second factor is awaited.
    Challenged,
    /// Wrong name, password or code, or a disabled person.
    Refused,
    /// Too many failures lately.
    Throttled,
    /// Too many passwords are being checked.
    Busy,
    /// Redis or we failed.
    Failed,
}

/// What became of a refresh token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RefreshOutcome {
    /// A new one was given out.
    Rotated,
    /// Unknown, expired or revoked.
    Refused,
    /// An old one: the sign-in was ended.
    Reused,
    /// Redis or we failed.
    Failed,
}

/// Every metric of this service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    logins: IntCounterVec,
    refreshes: IntCounterVec,
    tickets: IntCounter,
    passwords_pending: IntGauge,
    password_hash_duration: Histogram,
}

/// Counts a password as pending until dropped.
pub(crate) struct Pending(IntGauge);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Creates and registers the metrics.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            logins: IntCounterVec::new(
                Opts::new("sm_gateway_logins_total", "Attempts to sign in."),
                &["outcome"],
            )?,
            refreshes: IntCounterVec::new(
                Opts::new("sm_gateway_refreshes_total", "Refresh tokens presented."),
                &["outcome"],
            )?,
            tickets: IntCounter::new(
                "sm_gateway_ws_tickets_total",
                "WebSocket tickets given out.",
            )?,
            passwords_pending: IntGauge::new(
                "sm_gateway_passwords_pending",
                "Passwords being hashed, or waiting for it.",
            )?,
            password_hash_duration: Histogram::with_opts(
                HistogramOpts::new(
                    "sm_gateway_password_hash_duration_seconds",
                    "Time to hash a password, without waiting.",
                )
                .buckets(HASH_BUCKETS_S.to_vec()),
            )?,
        };
        registry.register(Box::new(metrics.logins.clone()))?;
        registry.register(Box::new(metrics.refreshes.clone()))?;
        registry.register(Box::new(metrics.tickets.clone()))?;
        registry.register(Box::new(metrics.passwords_pending.clone()))?;
        registry.register(Box::new(metrics.password_hash_duration.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn login(&self, outcome: LoginOutcome) {
        let label = match outcome {
            LoginOutcome::Success => "success",
            LoginOutcome::Challenged => "challenged",
            LoginOutcome::Refused => "refused",
            LoginOutcome::Throttled => "throttled",
            LoginOutcome::Busy => "busy",
            LoginOutcome::Failed => "failed",
        };
        self.logins.with_label_values(&[label]).inc();
    }

    pub(crate) fn refresh(&self, outcome: RefreshOutcome) {
        let label = match outcome {
            RefreshOutcome::Rotated => "rotated",
            RefreshOutcome::Refused => "refused",
            RefreshOutcome::Reused => "reused",
            RefreshOutcome::Failed => "failed",
        };
        self.refreshes.with_label_values(&[label]).inc();
    }

    pub(crate) fn ticket(&self) {
        self.tickets.inc();
    }

    pub(crate) fn password_pending(&self) -> Pending {
        self.passwords_pending.inc();
        Pending(self.passwords_pending.clone())
    }

    pub(crate) fn password_hashed(&self, took: Duration) {
        self.password_hash_duration.observe(took.as_secs_f64());
    }
}
