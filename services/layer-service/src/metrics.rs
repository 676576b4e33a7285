//! What layer-service counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::domain::{Applied, Step};

/// Changes of scenes, and uploaded files.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    changes: IntCounterVec,
    conflicts: IntCounter,
    reads: IntCounterVec,
    uploads: IntCounterVec,
    uploads_in_progress: IntGauge,
    swept: IntCounterVec,
    assets_bytes: IntGauge,
    assets_bytes_max: IntGauge,
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadOutcome {
    /// Kept.
    Stored,
    /// The same content was there already.
    Duplicate,
    /// Not kept: refused, cut, or no Redis.
    Refused,
}

/// Where the layers of a scene were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// They were ready, and still the ones that Redis has.
    Kept,
    /// In Redis.
    Loaded,
}

/// What a sweep gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// A file that never got a name, or was losing it.
    Unnamed,
    /// A file with a name that nobody knows.
    Unknown,
    /// A file that nobody has used for long.
    Unused,
    /// An upload that nobody went on with.
    Abandoned,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            changes: IntCounterVec::new(
                Opts::new(
                    "sm_layers_changes_total",
                    "Changes of layers and their order.",
                ),
                &["operation"],
            )?,
            conflicts: IntCounter::new(
                "sm_layers_conflicts_total",
                "Changes that were computed again because another writer was faster.",
            )?,
            reads: IntCounterVec::new(
                Opts::new(
                    "sm_layers_reads_total",
                    "Looks at the layers of a scene: from those kept ready, or loaded from Redis.",
                ),
                &["from"],
            )?,
            uploads: IntCounterVec::new(
                Opts::new("sm_assets_uploads_total", "Uploads that ended."),
                &["outcome"],
            )?,
            uploads_in_progress: IntGauge::new(
                "sm_assets_uploads_in_progress",
                "Uploads that this process is taking.",
            )?,
            swept: IntCounterVec::new(
                Opts::new(
                    "sm_assets_swept_total",
                    "Files and uploads that were given back because nobody needs them.",
                ),
                &["what"],
            )?,
            assets_bytes: IntGauge::new(
                "sm_assets_bytes",
                "Size of all uploaded files, as last read.",
            )?,
            assets_bytes_max: IntGauge::new(
                "sm_assets_bytes_max",
                "What all uploaded files together may take.",
            )?,
        };
        registry.register(Box::new(metrics.changes.clone()))?;
        registry.register(Box::new(metrics.conflicts.clone()))?;
        registry.register(Box::new(metrics.reads.clone()))?;
        registry.register(Box::new(metrics.uploads.clone()))?;
        registry.register(Box::new(metrics.uploads_in_progress.clone()))?;
        registry.register(Box::new(metrics.swept.clone()))?;
        registry.register(Box::new(metrics.assets_bytes.clone()))?;
        registry.register(Box::new(metrics.assets_bytes_max.clone()))?;
        Ok(metrics)
    }

    /// Counts what a proposal changed.
    pub(crate) fn count_changes(&self, applied: &Applied) {
        for step in applied.steps.iter().filter(|step| step.is_change()) {
            let operation: &'static str = Step::operation(step);
            self.changes.with_label_values(&[operation]).inc();
        }
    }

    pub(crate) fn count_conflict(&self) {
        self.conflicts.inc();
    }

    pub(crate) fn count_read(&self, read: Read) {
        let from = match read {
            Read::Kept => "kept",
            Read::Loaded => "redis",
        };
        self.reads.with_label_values(&[from]).inc();
    }

    pub(crate) fn count_upload(&self, outcome: UploadOutcome) {
        let outcome = match outcome {
            UploadOutcome::Stored => "stored",
            UploadOutcome::Duplicate => "duplicate",
            UploadOutcome::Refused => "refused",
        };
        self.uploads.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn count_swept(&self, what: Swept, count: u64) {
        let what = match what {
            Swept::Unnamed => "unnamed",
            Swept::Unknown => "unknown",
            Swept::Unused => "unused",
            Swept::Abandoned => "abandoned",
        };
        self.swept.with_label_values(&[what]).inc_by(count);
    }

    pub(crate) const fn uploads_in_progress(&self) -> &IntGauge {
        &self.uploads_in_progress
    }

    /// Notes the size of all files, and its limit.
    pub(crate) fn note_bytes(&self, bytes: u64, bytes_max: u64) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.assets_bytes.set(gauge(bytes));
        self.assets_bytes_max.set(gauge(bytes_max));
    }
}
