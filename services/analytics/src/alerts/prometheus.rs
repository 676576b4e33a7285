//! The same conditions as rules for Prometheus, as far as services export what they are about.

use std::fmt::Write as _;

use super::rule::{Aggregate, Condition, Rule, Side, When};
use crate::catalogue::{Metric, MetricKind};

/// The shortest range that is looked at, in seconds: Prometheus has a sample every 15 s or so.
const RANGE_MIN_S: u32 = 60;

/// The rules as a rule file. Rules that cannot be told by exported metrics are named in comments.
pub(crate) fn prometheus_rules(rules: &[Rule]) -> String {
    let mut text = "# Alert rules of Stream Manager for Prometheus, made from its own.\n\
        # Where a rule is right again is not part of them: Prometheus knows one bound.\n\
        groups:\n  - name: stream-manager\n    rules:\n"
        .to_owned();
    let mut left_out = Vec::new();
    let mut written = 0_usize;
    for rule in rules.iter().filter(|rule| rule.enabled) {
        match expression(rule) {
            Some(expression) => {
                write_rule(&mut text, rule, &expression);
                written += 1;
            }
            None => left_out.push(rule.id.as_str()),
        }
    }
    if written == 0 {
        text = text.replace("    rules:\n", "    rules: []\n");
    }
    if !left_out.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "# Not exported, and judged by Stream Manager alone: {}",
            left_out.join(", ")
        );
    }
    text
}

fn write_rule(text: &mut String, rule: &Rule, expression: &str) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "      - alert: {}\n        expr: {}\n        for: {}s\n        keep_firing_for: {}s\n        labels:\n          severity: {}\n",
        quoted(&alert_name(rule)),
        quoted(expression),
        rule.for_s,
        rule.clear_for_s,
        rule.severity.as_str(),
    );
    for (name, value) in &rule.labels {
        let _ = writeln!(text, "          {name}: {}", quoted(value));
    }
    let _ = write!(
        text,
        "        annotations:\n          summary: {}\n          remedy: {}\n",
        quoted(&template_safe(&rule.name)),
        quoted(&template_safe(&rule.remedy)),
    );
}

/// The rule's identifier as Prometheus names alerts.
fn alert_name(rule: &Rule) -> String {
    let words = rule.id.as_str().split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        })
    });
    format!("StreamManager{}", words.collect::<String>())
}

/// A JSON string is a YAML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Annotations are templates: braces of ours are none.
fn template_safe(text: &str) -> String {
    text.replace("{{", "{ {")
}

fn expression(rule: &Rule) -> Option<String> {
    let selector = rule
        .stream
        .as_ref()
        .map_or_else(String::new, |stream| format!("{{stream=\"{stream}\"}}"));
    match &rule.condition {
        Condition::Threshold {
            metric,
            side,
            value,
            over_s,
            aggregate,
            ..
        } => {
            let Exported { name, factor } = exported(*metric)?;
            let over = match aggregate {
                Aggregate::Mean => "avg_over_time",
                Aggregate::Min => "min_over_time",
                Aggregate::Max => "max_over_time",
                Aggregate::Last => "last_over_time",
            };
            let range = range(*over_s);
            let (sign, bound) = (sign(*side), value * factor);
            let seen = format!("{over}({name}{selector}[{range}s]) {sign} {bound}");
            Some(while_on_air(rule, seen))
        }
        Condition::Rate {
            metric,
            side,
            value,
            over_s,
            ..
        } => {
            let Exported { name, factor } = exported(*metric)?;
            let change = match metric.spec().kind {
                MetricKind::Counter => "rate",
                MetricKind::Gauge | MetricKind::Events => "deriv",
            };
            let range = range(*over_s);
            let (sign, bound) = (sign(*side), value * factor);
            let seen = format!("{change}({name}{selector}[{range}s]) {sign} {bound}");
            Some(while_on_air(rule, seen))
        }
        Condition::Absence { metric, over_s } => {
            let Exported { name, .. } = exported(*metric)?;
            let range = range(*over_s);
            // What was there an hour ago and is not now: an absent series has no labels to go by.
            Some(format!(
                "max by (stream) (max_over_time({name}{selector}[1h])) unless max by (stream) (max_over_time({name}{selector}[{range}s]))"
            ))
        }
        Condition::Error { code, .. } if code == "worker." => Some(format!(
            "sum by (stream) (increase(sm_engine_worker_restarts_total{selector}[{RANGE_MIN_S}s])) > 0"
        )),
        Condition::Error { .. } | Condition::Status { .. } => None,
    }
}

/// The engine exports zero frames of a stream that is off air, as it does of one that stands still.
fn while_on_air(rule: &Rule, seen: String) -> String {
    match rule.when {
        When::OnAir => format!("({seen}) and on (stream) (sm_engine_frames_per_second > 0)"),
        When::Always => seen,
    }
}

/// A metric as the engine exports it.
struct Exported {
    name: &'static str,
    /// Its unit by the unit of ours.
    factor: f64,
}

fn exported(metric: Metric) -> Option<Exported> {
    let known = |name, factor| Some(Exported { name, factor });
    if metric == Metric::Fps {
        known("sm_engine_frames_per_second", 1.0)
    } else if metric == Metric::BitrateKbps {
        known("sm_engine_video_bits_per_second", 1000.0)
    } else if metric == Metric::FramesDropped {
        known("sm_engine_frames_dropped_total", 1.0)
    } else if metric == Metric::Viewers {
        known("sm_engine_viewers", 1.0)
    } else {
        None
    }
}

fn range(over_s: u32) -> u32 {
    over_s.max(RANGE_MIN_S)
}

const fn sign(side: Side) -> &'static str {
    match side {
        Side::Above => ">",
        Side::Below => "<",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{any_rule, built_in};

    #[test]
    fn a_rule_file_has_every_rule_or_says_that_it_has_not() {
        let rules = built_in();
        let text = prometheus_rules(&rules);
        for rule in &rules {
            let written = text.contains(&format!("{:?}", alert_name(rule)));
            let named = text
                .lines()
                .any(|line| line.starts_with("# Not exported") && line.contains(rule.id.as_str()));
            assert!(written != named, "{}: {text}", rule.id);
        }
    }

    #[test]
    fn units_and_streams_are_those_of_the_exported_metric() {
        let mut rule = any_rule(
            "low-bitrate",
            Condition::Threshold {
                metric: Metric::BitrateKbps,
                side: Side::Below,
                value: 50.0,
                clear: None,
                over_s: 10,
                aggregate: Aggregate::Mean,
            },
        );
        rule.stream = Some("main".parse().unwrap());
        assert_eq!(
            expression(&rule).unwrap(),
            "(avg_over_time(sm_engine_video_bits_per_second{stream=\"main\"}[60s]) < 50000) \
             and on (stream) (sm_engine_frames_per_second > 0)"
        );
        assert_eq!(alert_name(&rule), "StreamManagerLowBitrate");
    }
}
