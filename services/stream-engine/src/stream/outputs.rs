//! How each output beside HLS does. Pure.

use sm_common::clock::Timestamp;
use sm_common::id::{OutputId, StreamId};
use sm_common::output::{
    Output, OutputCounters, OutputKind, OutputState, OutputStatus, OutputTarget,
};
use sm_common::stream::Severity;
use sm_media_protocol::{OutputReport, OutputStats};

use super::errors::Problem;
use crate::outputs::redacted_url;

/// What the names of the outputs among the components of errors begin with.
pub(super) const COMPONENT: &str = "output:";

/// The outputs of a stream, in the order in which they are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    known: Vec<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    state: OutputState,
    /// What was asked for when it last began; `None` when another process began it.
    begun: Option<(OutputTarget, u64)>,
    /// What earlier workers counted since the stream went on air.
    before: OutputCounters,
    reconnects_before: u64,
}

impl Outputs {
    /// What another process last saw.
    pub(super) fn inherit(outputs: &[OutputState]) -> Self {
        let known = outputs
            .iter()
            .filter(|output| output.kind != OutputKind::Hls)
            .map(|state| Known {
                begun: None,
                before: state.counters,
                reconnects_before: state.reconnects,
                state: state.clone(),
            });
        Self {
            known: known.collect(),
        }
    }

    pub(super) fn list(&self) -> impl Iterator<Item = OutputState> {
        self.known.iter().map(|known| known.state.clone())
    }

    /// These outputs are wanted. They send only where `sending`: while the stream is, or is about
    /// to be, on air.
    pub(super) fn expect(
        &mut self,
        stream: &StreamId,
        outputs: &[Output],
        sending: bool,
        now: Timestamp,
    ) {
        let mut before = std::mem::take(&mut self.known);
        for output in outputs {
            let at = before.iter().position(|known| known.state.id == output.id);
            let mut known = at.map_or_else(
                || Known::new(stream, output, now),
                |at| before.swap_remove(at),
            );
            known.expect(stream, output, sending && output.enabled, now);
            self.known.push(known);
        }
    }

    /// The worker reported on an output. Whether that is news.
    pub(super) fn heard(&mut self, report: OutputReport, now: Timestamp) -> bool {
        let known = self
            .known
            .iter_mut()
            .find(|known| known.state.id == report.output);
        known.is_some_and(|known| known.heard(report, now))
    }

    /// The worker measured a second.
    pub(super) fn measured(&mut self, stats: &[OutputStats]) {
        for OutputStats { output, counters } in stats {
            if let Some(known) = self
                .known
                .iter_mut()
                .find(|known| known.state.id == *output)
            {
                known.state.counters = sum(&known.before, counters);
            }
        }
    }

    /// There is no worker any more: the next one counts from zero.
    pub(super) fn worker_gone(&mut self, now: Timestamp) {
        for known in &mut self.known {
            known.worker_gone(now);
        }
    }

    /// The stream is off air: nothing is counted over that time.
    pub(super) fn off_air(&mut self, now: Timestamp) {
        for known in &mut self.known {
            known.before = OutputCounters::default();
            known.reconnects_before = 0;
            known.state.counters = OutputCounters::default();
            known.state.reconnects = 0;
            known.stop(now);
        }
    }

    /// Whether there are outputs to the network, none of them delivers, and one is trying again.
    /// One that is only just connecting is not down, and one that gave up does not come back.
    pub(super) fn network_down(&self) -> bool {
        let mut trying = false;
        for OutputState { kind, status, .. } in self.known.iter().map(|known| &known.state) {
            match (kind, status) {
                (OutputKind::Hls | OutputKind::File, _)
                | (
                    OutputKind::Rtmp | OutputKind::Srt,
                    OutputStatus::Stopped | OutputStatus::Failed,
                ) => {}
                (OutputKind::Rtmp | OutputKind::Srt, OutputStatus::Reconnecting) => trying = true,
                (
                    OutputKind::Rtmp | OutputKind::Srt,
                    OutputStatus::Connecting | OutputStatus::Live,
                ) => {
                    return false;
                }
            }
        }
        trying
    }

    /// What is wrong with an output that the worker has just reported on.
    pub(super) fn problem(&self, report: &OutputReport) -> Option<Problem> {
        let recovering = match report.status {
            OutputStatus::Reconnecting => true,
            OutputStatus::Failed => false,
            OutputStatus::Stopped | OutputStatus::Connecting | OutputStatus::Live => return None,
        };
        let known = self
            .known
            .iter()
            .find(|known| known.state.id == report.output)?;
        let code = report.code.clone();
        Some(Problem {
            code: code.unwrap_or_else(|| "output.interrupted".to_owned()),
            severity: Severity::Warning,
            component: format!("{COMPONENT}{}", report.output),
            message: format!(
                "the output {} does not deliver: {}",
                known.state.name,
                report.reason.as_deref().unwrap_or("no reason is known")
            ),
            recovering,
        })
    }

    /// Whether an error of this component can still be true.
    pub(super) fn is_in_doubt(&self, component: &str) -> bool {
        let id = component.strip_prefix(COMPONENT);
        self.known
            .iter()
            .filter(|known| Some(known.state.id.as_str()) == id)
            .any(|known| match known.state.status {
                OutputStatus::Connecting | OutputStatus::Reconnecting | OutputStatus::Failed => {
                    true
                }
                OutputStatus::Stopped | OutputStatus::Live => false,
            })
    }
}

impl Known {
    fn new(stream: &StreamId, output: &Output, now: Timestamp) -> Self {
        Self {
            state: OutputState {
                id: output.id.clone(),
                name: output.name.clone(),
                kind: output.target.kind(),
                status: OutputStatus::Stopped,
                since: now,
                url: redacted_url(stream, output),
                reconnects: 0,
                attempts: 0,
                next_attempt_at: None,
                code: None,
                error: None,
                adaptive: None,
                counters: OutputCounters::default(),
            },
            begun: None,
            before: OutputCounters::default(),
            reconnects_before: 0,
        }
    }

    fn expect(&mut self, stream: &StreamId, output: &Output, sending: bool, now: Timestamp) {
        self.state.name.clone_from(&output.name);
        self.state.url = redacted_url(stream, output);
        if !sending {
            return self.stop(now);
        }
        let asked = (output.target.clone(), output.generation);
        let anew = self.begun.as_ref().is_some_and(|begun| *begun != asked);
        if anew || self.state.status == OutputStatus::Stopped {
            self.become_quiet(OutputStatus::Connecting, now);
        }
        self.begun = Some(asked);
    }

    fn heard(&mut self, report: OutputReport, now: Timestamp) -> bool {
        let OutputReport {
            output: _,
            status,
            reconnects,
            attempts,
            next_attempt_at,
            code,
            reason,
            adaptive,
        } = report;
        // A late word on an output that is not wanted any more.
        if self.state.status == OutputStatus::Stopped {
            return false;
        }
        let before = self.state.clone();
        if self.state.status != status {
            self.state.status = status;
            self.state.since = now;
        }
        self.state.reconnects = self.reconnects_before.saturating_add(reconnects);
        self.state.attempts = attempts;
        self.state.next_attempt_at = next_attempt_at;
        self.state.code = code;
        self.state.error = reason;
        self.state.adaptive = adaptive;
        self.state != before
    }

    fn worker_gone(&mut self, now: Timestamp) {
        self.before = totals(&self.state.counters);
        self.state.counters = self.before;
        if self.state.status == OutputStatus::Live {
            self.become_quiet(OutputStatus::Reconnecting, now);
            self.state.reconnects = self.state.reconnects.saturating_add(1);
        }
        self.reconnects_before = self.state.reconnects;
    }

    fn stop(&mut self, now: Timestamp) {
        self.begun = None;
        self.state.counters = totals(&self.state.counters);
        if self.state.status != OutputStatus::Stopped {
            self.become_quiet(OutputStatus::Stopped, now);
        }
    }

    /// Nothing is known to be wrong with it, and nothing is planned.
    fn become_quiet(&mut self, status: OutputStatus, now: Timestamp) {
        self.state.status = status;
        self.state.since = now;
        self.state.attempts = 0;
        self.state.next_attempt_at = None;
        self.state.code = None;
        self.state.error = None;
        self.state.adaptive = None;
    }
}

/// The outputs whose status is another one than before, or that are gone; new ones where they do
/// more than nothing.
pub(super) fn status_changes<'a>(
    before: &'a [OutputState],
    now: &'a [OutputState],
) -> impl Iterator<Item = OutputState> + 'a {
    let status_in = |list: &[OutputState], id: &OutputId| {
        let found = list.iter().find(|output| output.id == *id);
        found.map_or(OutputStatus::Stopped, |output| output.status)
    };
    let changed = now
        .iter()
        .filter(move |output| status_in(before, &output.id) != output.status);
    let is_gone = |output: &&OutputState| !now.iter().any(|other| other.id == output.id);
    let ended = before
        .iter()
        .filter(move |output| is_gone(output) && output.status != OutputStatus::Stopped)
        .map(|output| OutputState {
            status: OutputStatus::Stopped,
            ..output.clone()
        });
    changed.cloned().chain(ended)
}

/// The outputs that began to be sent less than the program, or are sent all of it again.
pub(super) fn adaptions<'a>(
    before: &'a [OutputState],
    now: &'a [OutputState],
) -> impl Iterator<Item = OutputState> + 'a {
    let was_reduced = |id: &OutputId| {
        before
            .iter()
            .any(|output| output.id == *id && is_reduced(output))
    };
    now.iter()
        .filter(move |output| was_reduced(&output.id) != is_reduced(output))
        .cloned()
}

/// Whether it is sent less than the program.
pub(super) fn is_reduced(output: &OutputState) -> bool {
    output
        .adaptive
        .as_ref()
        .is_some_and(|adaptive| adaptive.reduced)
}

/// What stays of counters when nothing is measured any more.
fn totals(counters: &OutputCounters) -> OutputCounters {
    OutputCounters {
        bitrate_kbps: None,
        queue_ms: None,
        srt: None,
        ..*counters
    }
}

fn sum(before: &OutputCounters, now: &OutputCounters) -> OutputCounters {
    OutputCounters {
        bytes_total: before.bytes_total.saturating_add(now.bytes_total),
        acked_bytes_total: add(before.acked_bytes_total, now.acked_bytes_total),
        frames_total: add(before.frames_total, now.frames_total),
        frames_dropped: add(before.frames_dropped, now.frames_dropped),
        ..*now
    }
}

fn add(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
