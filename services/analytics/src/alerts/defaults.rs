//! The rules that come with the system: what goes wrong with a live stream, how bad it is, and what to
//! do about it. One table; the rules for Prometheus are made from it as well.

use std::collections::BTreeMap;

use sm_common::stream::{Severity, StreamStatus};

use super::rule::{Aggregate, Condition, Rule, Side, When};
use crate::catalogue::Metric;

struct Row {
    id: &'static str,
    name: &'static str,
    condition: Condition,
    when: When,
    /// For so long before it fires, and is resolved, in seconds.
    timing: (u32, u32),
    severity: Severity,
    remedy: &'static str,
    inhibited_by: &'static [&'static str],
}

/// Every built-in rule, as it comes.
pub(crate) fn built_in() -> Vec<Rule> {
    table().into_iter().filter_map(rule).collect()
}

fn rule(row: Row) -> Option<Rule> {
    let inhibited_by = row.inhibited_by.iter().filter_map(|id| id.parse().ok());
    Some(Rule {
        id: row.id.parse().ok()?,
        name: row.name.to_owned(),
        built_in: true,
        enabled: true,
        stream: None,
        condition: row.condition,
        when: row.when,
        for_s: row.timing.0,
        clear_for_s: row.timing.1,
        severity: row.severity,
        labels: BTreeMap::new(),
        remedy: row.remedy.to_owned(),
        inhibited_by: inhibited_by.collect(),
        revision: 0,
        changed_by: None,
        changed_at: None,
    })
}

/// What is measured of the picture says nothing new while the stream is down.
const DOWN: &[&str] = &["stream-failed", "no-samples"];
const SLOW: &[&str] = &["stream-failed", "no-samples", "low-frame-rate"];

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<Row> {
    let below = |metric, value, clear, over_s| Condition::Threshold {
        metric,
        side: Side::Below,
        value,
        clear: Some(clear),
        over_s,
        aggregate: Aggregate::Mean,
    };
    let above = |metric, value, clear, over_s| Condition::Threshold {
        metric,
        side: Side::Above,
        value,
        clear: Some(clear),
        over_s,
        aggregate: Aggregate::Mean,
    };
    let faster = |metric, value, clear, over_s| Condition::Rate {
        metric,
        side: Side::Above,
        value,
        clear: Some(clear),
        over_s,
    };
    let error = |code: &str, least| Condition::Error {
        code: code.to_owned(),
        least,
    };
    vec![
        Row {
            id: "stream-failed",
            name: "The stream has given up",
            condition: Condition::Status {
                statuses: vec![StreamStatus::Failed],
            },
            when: When::Always,
            timing: (0, 0),
            severity: Severity::Critical,
            remedy: "The media worker ended again and again. Read the stream's errors: take away the layer or the output that they name, or lower the program's format, and start the stream.",
            inhibited_by: &[],
        },
        Row {
            id: "no-samples",
            name: "Nothing is heard of the stream",
            condition: Condition::Absence {
                metric: Metric::Viewers,
                over_s: 5,
            },
            when: When::OnAir,
            timing: (0, 3),
            severity: Severity::Critical,
            remedy: "The engine that holds the stream is silent. Look whether its host runs and reaches Redis; another engine takes the stream over when the lease has run out.",
            inhibited_by: &["stream-failed"],
        },
        Row {
            id: "worker-failing",
            name: "The media worker failed",
            condition: error("worker.", Severity::Error),
            when: When::Always,
            timing: (0, 5),
            severity: Severity::Error,
            remedy: "It is replaced by itself. If it happens again, look into its log for the last layer or output that it names, and at the memory of the host.",
            inhibited_by: &["stream-failed"],
        },
        Row {
            id: "output-down",
            name: "An output does not deliver",
            condition: error("output.", Severity::Warning),
            when: When::Always,
            timing: (5, 5),
            severity: Severity::Error,
            remedy: "Look at the output's error: a refused key wants a new one from the platform; an unreachable server wants another ingest address, or patience. It is tried again by itself.",
            inhibited_by: DOWN,
        },
        Row {
            id: "layer-failing",
            name: "A layer is missing from the picture",
            condition: error("layer.", Severity::Warning),
            when: When::Always,
            timing: (3, 3),
            severity: Severity::Warning,
            remedy: "Look at the layer's reason: put its source right, or hide the layer. The rest of the picture is not disturbed.",
            inhibited_by: DOWN,
        },
        Row {
            id: "low-frame-rate",
            name: "The frame rate is low",
            condition: below(Metric::Fps, 20.0, 23.0, 5),
            when: When::OnAir,
            timing: (3, 5),
            severity: Severity::Error,
            remedy: "The host has too little CPU for the program. Lower its size, frame rate or preset, take renditions or web layers away, or move other work off the host.",
            inhibited_by: DOWN,
        },
        Row {
            id: "frames-dropped",
            name: "Frames are dropped",
            condition: faster(Metric::FramesDropped, 1.0, 0.2, 30),
            when: When::OnAir,
            timing: (5, 15),
            severity: Severity::Warning,
            remedy: "The host is short of CPU now and then. Look which layer costs most, and at what else runs there.",
            inhibited_by: SLOW,
        },
        Row {
            id: "slow-encoder",
            name: "The encoder is slow",
            condition: above(Metric::EncodeMsP99, 500.0, 300.0, 30),
            when: When::OnAir,
            timing: (10, 15),
            severity: Severity::Warning,
            remedy: "The delay to viewers grows. Choose a faster preset or a smaller picture.",
            inhibited_by: SLOW,
        },
        Row {
            id: "no-keyframe",
            name: "Keyframes are rare",
            condition: above(Metric::KeyframeIntervalMs, 10_000.0, 8000.0, 10),
            when: When::OnAir,
            timing: (20, 10),
            severity: Severity::Warning,
            remedy: "Viewers wait long for a picture, and platforms ask for two to four seconds. Set a shorter keyframe interval in the program's format.",
            inhibited_by: DOWN,
        },
        Row {
            id: "low-bitrate",
            name: "The bitrate is too low for a picture",
            condition: below(Metric::BitrateKbps, 50.0, 80.0, 15),
            when: When::OnAir,
            timing: (30, 10),
            severity: Severity::Info,
            remedy: "The picture hardly changes: it may be black, or a still. Look at the preview.",
            inhibited_by: SLOW,
        },
        Row {
            id: "silence",
            name: "There is no sound",
            condition: Condition::Threshold {
                metric: Metric::AudioPeakDbfs,
                side: Side::Below,
                value: -70.0,
                clear: Some(-60.0),
                over_s: 30,
                aggregate: Aggregate::Max,
            },
            when: When::OnAir,
            timing: (30, 5),
            severity: Severity::Info,
            remedy: "Every layer with sound is muted, silent or missing. Look at the layers' volumes and sources.",
            inhibited_by: DOWN,
        },
        Row {
            id: "clipping",
            name: "The sound is too loud",
            condition: above(Metric::AudioPeakDbfs, -0.1, -1.0, 30),
            when: When::OnAir,
            timing: (15, 15),
            severity: Severity::Info,
            remedy: "The programme clips. Lower the volume of the loudest layer.",
            inhibited_by: DOWN,
        },
        Row {
            id: "viewer-surge",
            name: "Viewers come quickly",
            condition: faster(Metric::Viewers, 5.0, 2.0, 30),
            when: When::OnAir,
            timing: (5, 30),
            severity: Severity::Info,
            remedy: "Nothing is wrong. Look at the host's network and CPU, and put a cache in front of /live where they come near their end.",
            inhibited_by: &[],
        },
        Row {
            id: "viewer-loss",
            name: "Viewers leave all at once",
            condition: Condition::Rate {
                metric: Metric::Viewers,
                side: Side::Below,
                value: -5.0,
                clear: Some(-1.0),
                over_s: 30,
            },
            when: When::OnAir,
            timing: (0, 30),
            severity: Severity::Warning,
            remedy: "Watch the stream as viewers do: picture and sound, then the network between the host and its cache.",
            inhibited_by: DOWN,
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_is_named_once_and_says_what_to_do() {
        let rules = built_in();
        assert_eq!(rules.len(), table().len(), "every row is a rule");
        let ids: BTreeSet<_> = rules.iter().map(|rule| rule.id.clone()).collect();
        assert_eq!(ids.len(), rules.len());
        for rule in &rules {
            assert!(rule.remedy.len() > 20, "{}", rule.id);
            for inhibitor in &rule.inhibited_by {
                assert!(ids.contains(inhibitor), "{} {inhibitor}", rule.id);
                assert_ne!(*inhibitor, rule.id);
            }
        }
    }

    /// Built-in rules obey the bounds that others have to.
    #[test]
    fn every_rule_could_have_been_written_by_somebody() {
        for rule in built_in() {
            let same = crate::alerts::patched_rule(&rule, &serde_json::json!({}));
            let same = same.unwrap_or_else(|faults| panic!("{}: {faults:?}", rule.id));
            assert_eq!(same.condition, rule.condition);
        }
    }
}
