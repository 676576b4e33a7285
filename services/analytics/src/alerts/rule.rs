use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{RuleId, StreamId};
use sm_common::stream::{Severity, StreamStatus};
use utoipa::ToSchema;

use crate::catalogue::Metric;

/// On which side of its bound a value is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertSide)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// Above it.
    Above,
    /// Below it.
    Below,
}

impl Side {
    /// Whether `value` is on this side of `bound`.
    pub(crate) fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::Below => value < bound,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

/// How the values of a window become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertAggregate)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Aggregate {
    /// Their mean.
    #[default]
    Mean,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The latest.
    Last,
}

/// What breaks a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertCondition)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Condition {
    /// A metric is on the wrong side of a bound.
    Threshold {
        /// The metric.
        #[serde(with = "metric_name")]
        #[schema(value_type = String)]
        metric: Metric,
        /// Which side is wrong.
        side: Side,
        /// The bound, in the metric's unit.
        value: f64,
        /// Where it is right again, on the other side of `value`; the bound itself unless said
        /// otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clear: Option<f64>,
        /// The seconds that are looked at, up to now.
        over_s: u32,
        /// How they become one value.
        #[serde(default)]
        aggregate: Aggregate,
    },
    /// A metric changes too fast.
    Rate {
        /// The metric.
        #[serde(with = "metric_name")]
        #[schema(value_type = String)]
        metric: Metric,
        /// Which side is wrong.
        side: Side,
        /// The bound, in the metric's unit per second.
        value: f64,
        /// Where it is right again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clear: Option<f64>,
        /// The seconds that are looked at, up to now.
        over_s: u32,
    },
    /// Nothing was measured of a metric.
    Absence {
        /// The metric.
        #[serde(with = "metric_name")]
        #[schema(value_type = String)]
        metric: Metric,
        /// For so many seconds.
        over_s: u32,
    },
    /// The stream has an error.
    Error {
        /// The error's code, or what it begins with: `output.` stands for every error of an output.
        code: String,
        /// The least severity that counts.
        least: Severity,
    },
    /// The stream is in one of these states.
    Status {
        /// The states.
        statuses: Vec<StreamStatus>,
    },
}

impl Condition {
    /// The metric that it is about.
    pub(crate) const fn metric(&self) -> Option<Metric> {
        match self {
            Self::Threshold { metric, .. }
            | Self::Rate { metric, .. }
            | Self::Absence { metric, .. } => Some(*metric),
            Self::Error { .. } | Self::Status { .. } => None,
        }
    }

    /// The seconds that it looks at.
    pub(crate) const fn over_s(&self) -> u32 {
        match self {
            Self::Threshold { over_s, .. }
            | Self::Rate { over_s, .. }
            | Self::Absence { over_s, .. } => *over_s,
            Self::Error { .. } | Self::Status { .. } => 0,
        }
    }
}

/// When a rule is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertWhen)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// While the stream is on air, or should be and is coming back.
    #[default]
    OnAir,
    /// Always.
    Always,
}

/// An alert rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertRule)]
pub(crate) struct Rule {
    /// The rule.
    pub(crate) id: RuleId,
    /// Its name.
    pub(crate) name: String,
    /// Whether it comes with the system. It can be changed and switched off, and not deleted.
    pub(crate) built_in: bool,
    /// Whether it is looked at.
    pub(crate) enabled: bool,
    /// The stream that it is about; null for every stream.
    #[serde(default)]
    pub(crate) stream: Option<StreamId>,
    /// What breaks it.
    pub(crate) condition: Condition,
    /// When it is looked at.
    pub(crate) when: When,
    /// For how many seconds it has to be broken before it fires.
    pub(crate) for_s: u32,
    /// For how many seconds it has to hold before the alert is resolved.
    pub(crate) clear_for_s: u32,
    /// How bad it is, by what the viewer notices.
    pub(crate) severity: Severity,
    /// What silences and receivers tell alerts by.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// What to do when it fires.
    pub(crate) remedy: String,
    /// Rules whose alerts say more: while one of them fires, alerts of this rule are sent to nobody.
    #[serde(default)]
    pub(crate) inhibited_by: Vec<RuleId>,
    /// Raised by every change; 0 for a built-in rule as it came.
    pub(crate) revision: u64,
    /// Name of who last changed it; null for a built-in rule as it came.
    #[serde(default)]
    pub(crate) changed_by: Option<String>,
    /// When.
    #[serde(default)]
    pub(crate) changed_at: Option<Timestamp>,
}

impl Rule {
    /// Whether it is about `stream`, and looked at.
    pub(crate) fn applies_to(&self, stream: &StreamId) -> bool {
        self.enabled && self.stream.as_ref().is_none_or(|named| named == stream)
    }
}

/// A metric by its name.
pub(crate) mod metric_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::catalogue::Metric;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(
        metric: &Metric,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(metric.spec().name)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Metric, D::Error> {
        let name = String::deserialize(deserializer)?;
        Metric::named(&name)
            .ok_or_else(|| de::Error::custom(format!("there is no metric {name:?}")))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A rule with this condition, that fires at once.
    pub(crate) fn rule(id: &str, condition: Condition) -> Rule {
        Rule {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            built_in: false,
            enabled: true,
            stream: None,
            condition,
            when: When::OnAir,
            for_s: 0,
            clear_for_s: 0,
            severity: Severity::Warning,
            labels: BTreeMap::new(),
            remedy: "Look at it.".to_owned(),
            inhibited_by: Vec::new(),
            revision: 1,
            changed_by: None,
            changed_at: None,
        }
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        for condition in [
            Condition::Threshold {
                metric: Metric::Fps,
                side: Side::Below,
                value: 24.0,
                clear: Some(25.0),
                over_s: 10,
                aggregate: Aggregate::Mean,
            },
            Condition::Absence {
                metric: Metric::Fps,
                over_s: 5,
            },
            Condition::Error {
                code: "output.".to_owned(),
                least: Severity::Warning,
            },
            Condition::Status {
                statuses: vec![StreamStatus::Failed],
            },
        ] {
            let rule = rule("a", condition);
            let text = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule, "{text}");
        }
    }

    #[test]
    fn a_rule_is_about_its_stream_while_it_is_enabled() {
        let main = StreamId::default();
        let mut rule = rule(
            "a",
            Condition::Status {
                statuses: Vec::new(),
            },
        );
        assert!(rule.applies_to(&main));
        rule.stream = Some("other".parse().unwrap());
        assert!(!rule.applies_to(&main));
        rule.stream = Some(main.clone());
        assert!(rule.applies_to(&main));
        rule.enabled = false;
        assert!(!rule.applies_to(&main));
    }
}
