//! Which cause is the most likely. Every term of a score is told, so that people can judge it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::incident::{Cause, Evidence, EvidenceKind};

use super::book::Sign;
use super::part::Part;

/// Most causes that are named.
const CAUSES_MAX: usize = 5;

/// What each term counts. Together 1.
const COVERAGE: f64 = 0.30;
const MINIMALITY: f64 = 0.25;
const PRECEDENCE: f64 = 0.15;
const SPECIFICITY: f64 = 0.15;
const CHANGE: f64 = 0.15;

/// Somebody changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    /// The part that was changed.
    pub(crate) component: String,
    /// The command, such as `restart`, or the event, such as `layer.updated`.
    pub(crate) action: String,
    /// Who changed what, for people.
    pub(crate) text: String,
}

/// The causes of `signs`, the most likely first.
pub(crate) fn rank(signs: &[Sign], changes: &[Change], window: Duration) -> Vec<Cause> {
    let affected: BTreeSet<Part> = signs.iter().map(Sign::part).collect();
    let began = signs.iter().map(|sign| sign.at).min();
    let Some(began) = began else {
        return Vec::new();
    };
    let recent: Vec<&Change> = changes
        .iter()
        .filter(|change| change.at <= began && began.since(change.at) <= window)
        .collect();
    let evidence = Case {
        signs,
        affected: &affected,
        began,
        recent: &recent,
    };
    let mut ranked: Vec<(Part, Cause)> = candidates(&affected, &recent)
        .into_iter()
        .map(|part| {
            let cause = evidence.cause(&part);
            (part, cause)
        })
        .collect();
    ranked.sort_by(|(part_a, a), (part_b, b)| {
        b.score.total_cmp(&a.score).then_with(|| part_a.cmp(part_b))
    });
    ranked.truncate(CAUSES_MAX);
    ranked.into_iter().map(|(_, cause)| cause).collect()
}

/// Everything that is wrong, everything that it depends on, and layers that were changed before the
/// engine failed: a layer can bring its worker down.
fn candidates(affected: &BTreeSet<Part>, recent: &[&Change]) -> BTreeSet<Part> {
    let mut candidates = affected.clone();
    for part in affected {
        candidates.extend(part.upstream());
    }
    if affected.contains(&Part::Engine) {
        let changed = recent.iter().map(|change| Part::of(&change.component, ""));
        candidates.extend(changed.filter(|part| matches!(part, Part::Layer(_))));
    }
    candidates
}

struct Case<'a> {
    signs: &'a [Sign],
    affected: &'a BTreeSet<Part>,
    /// When the first sign was seen.
    began: Timestamp,
    recent: &'a [&'a Change],
}

impl Case<'_> {
    fn cause(&self, part: &Part) -> Cause {
        let first = self.first_sign(part);
        let terms = [
            (COVERAGE, self.coverage(part)),
            (MINIMALITY, self.minimality(part)),
            (PRECEDENCE, self.precedence(first)),
            (SPECIFICITY, specificity(first)),
            (CHANGE, self.change(part)),
        ];
        let score = terms
            .iter()
            .map(|(weight, evidence)| weight * evidence.score)
            .sum();
        let code = first.map(|sign| sign.code.clone());
        Cause {
            component: part.to_string(),
            remedy: remedy(part, code.as_deref()).to_owned(),
            code,
            score,
            evidence: terms.into_iter().map(|(_, evidence)| evidence).collect(),
        }
    }

    fn first_sign(&self, part: &Part) -> Option<&Sign> {
        self.signs
            .iter()
            .filter(|sign| sign.part() == *part)
            .min_by_key(|sign| sign.at)
    }

    fn coverage(&self, part: &Part) -> Evidence {
        let reached = self
            .affected
            .iter()
            .filter(|other| self.explains(part, other))
            .count();
        let all = self.affected.len();
        evidence(
            EvidenceKind::Coverage,
            share(reached, all),
            format!("explains {reached} of {all} parts that something is wrong with"),
        )
    }

    /// A changed layer may be why the engine failed, and so why everything behind it did.
    fn explains(&self, part: &Part, other: &Part) -> bool {
        let through_engine = matches!(part, Part::Layer(_))
            && self.was_changed(part)
            && Part::Engine.explains(other);
        part.explains(other) || through_engine
    }

    fn minimality(&self, part: &Part) -> Evidence {
        let upstream = part.upstream();
        let wrong = upstream.iter().find(|other| self.affected.contains(other));
        let (score, text) = match wrong {
            Some(other) => (0.0, format!("depends on {other}, which is wrong as well")),
            None => (1.0, "nothing that it depends on is wrong".to_owned()),
        };
        evidence(EvidenceKind::Minimality, score, text)
    }

    fn precedence(&self, first: Option<&Sign>) -> Evidence {
        let (score, text) = match first {
            None => (0.0, "nothing was seen of it itself".to_owned()),
            Some(sign) if sign.at == self.began => (1.0, "its sign was the first".to_owned()),
            Some(sign) => {
                let later = sign.at.since(self.began);
                let text = format!("its sign came {} ms after the first", later.as_millis());
                (1.0 / (1.0 + later.as_secs_f64()), text)
            }
        };
        evidence(EvidenceKind::Precedence, score, text)
    }

    fn was_changed(&self, part: &Part) -> bool {
        let name = part.to_string();
        self.recent.iter().any(|change| change.component == name)
    }

    fn change(&self, part: &Part) -> Evidence {
        let name = part.to_string();
        let latest = self
            .recent
            .iter()
            .filter(|change| change.component == name)
            .max_by_key(|change| change.at);
        let (score, text) = match latest {
            Some(change) => {
                let before = self.began.since(change.at).as_secs();
                (1.0, format!("{}, {before} s before", change.text))
            }
            None => (0.0, "nobody changed it just before".to_owned()),
        };
        evidence(EvidenceKind::Change, score, text)
    }
}

/// How exactly a code says what happened.
fn specificity(first: Option<&Sign>) -> Evidence {
    let (score, text) = match first.map(|sign| sign.code.as_str()) {
        None => (0.0, "no error names it".to_owned()),
        Some(code) if code.starts_with("alert.") => {
            (0.3, format!("a measurement says so ({code})"))
        }
        Some(code @ "stream.reconnecting") => {
            (0.2, format!("only its consequence is known ({code})"))
        }
        Some(code @ "host.busy") => (0.6, format!("its processes are held up ({code})")),
        Some(code) => (1.0, format!("its error says what happened ({code})")),
    };
    evidence(EvidenceKind::Specificity, score, text)
}

const fn evidence(kind: EvidenceKind, score: f64, text: String) -> Evidence {
    Evidence { kind, score, text }
}

fn share(part: usize, all: usize) -> f64 {
    let part = u32::try_from(part).map_or(f64::MAX, f64::from);
    let all = u32::try_from(all.max(1)).map_or(f64::MAX, f64::from);
    part / all
}

/// What to do about a cause.
fn remedy(part: &Part, code: Option<&str>) -> &'static str {
    match part {
        Part::Host => {
            "Look what else takes its CPU, memory or disk; move it away, or lower the program's format."
        }
        Part::Redis => {
            "Look whether Redis runs and has memory and disk left. The picture goes on meanwhile; commands wait."
        }
        Part::Service(_) => {
            "Look whether its processes run, and at the end of their logs; the supervisor starts them again."
        }
        Part::Engine => match code {
            Some("worker.killed") => {
                "It was killed: look in the host's log for the out-of-memory killer. It is replaced by itself."
            }
            Some("engine.lost") => {
                "Its host or process is gone, and another engine took over. Look at that host before it is used again."
            }
            Some(_) | None => {
                "It is replaced by itself. If it happens again, look into the worker's log for what it did last."
            }
        },
        Part::Source(_) => {
            "Look at the source: whether it sends, and whether this host reaches it. It is tried again by itself."
        }
        Part::Layer(_) => {
            "Put the layer's settings or file right, hide it, or take its last change back."
        }
        Part::Output(_) => match code {
            Some("output.refused" | "output.authentication") => {
                "The target refuses the stream: give the output the platform's present key."
            }
            Some("output.disk-full" | "output.unwritable") => {
                "Make room on the disk, or let the output keep fewer files."
            }
            Some(_) | None => {
                "Look whether the target answers, and at the network to it. It is tried again by itself."
            }
        },
        Part::Viewers => "Watch the stream as viewers do, from outside of this network.",
        Part::Other(_) => "Read its error; it says what to change.",
    }
}

#[cfg(test)]
mod tests {
    use sm_common::stream::Severity;

    use super::*;

    fn sign(component: &str, code: &str, at_ms: i64) -> Sign {
        Sign {
            component: component.to_owned(),
            code: code.to_owned(),
            severity: Severity::Error,
            text: "broken".to_owned(),
            at: Timestamp::from_unix_millis(at_ms),
            cleared: None,
        }
    }

    fn change(component: &str, at_ms: i64) -> Change {
        Change {
            at: Timestamp::from_unix_millis(at_ms),
            component: component.to_owned(),
            action: "layer.updated".to_owned(),
            text: "Olga changed it".to_owned(),
        }
    }

    fn order(signs: &[Sign], changes: &[Change]) -> Vec<String> {
        rank(signs, changes, Duration::from_mins(2))
            .into_iter()
            .map(|cause| cause.component)
            .collect()
    }

    #[test]
    fn the_cause_is_where_the_trouble_begins() {
        for (name, signs, first) in [
            (
                "one output",
                vec![sign("output:a", "output.refused", 10)],
                "output:a",
            ),
            (
                "the worker takes its outputs with it",
                vec![
                    sign("output:a", "output.unreachable", 9_000),
                    sign("output:b", "output.unreachable", 9_100),
                    sign("worker", "worker.killed", 9_050),
                ],
                "engine",
            ),
            (
                "a busy host makes the engine slow",
                vec![
                    sign("engine", "alert.low-frame-rate", 10),
                    sign("host", "host.busy", 10),
                ],
                "host",
            ),
            (
                "a slow engine on a host with nothing to do",
                vec![sign("engine", "alert.low-frame-rate", 10)],
                "engine",
            ),
            (
                "services are silent because Redis is",
                vec![
                    sign("service:layer-service", "service.silent", 10),
                    sign("service:ws-fanout", "service.silent", 10),
                    sign("redis", "redis.unreachable", 12),
                ],
                "redis",
            ),
            (
                "a source and its layer",
                vec![
                    sign("layer:x", "layer.source.undecodable", 40),
                    sign("layer:x", "layer.source.lost", 10),
                ],
                "source:x",
            ),
        ] {
            assert_eq!(order(&signs, &[])[0], first, "{name}");
        }
    }

    #[test]
    fn a_layer_that_was_changed_just_before_is_named_beside_the_engine() {
        let signs = [sign("worker", "worker.exited", 100_000)];
        assert_eq!(
            order(&signs, &[change("layer:x", 95_000)])[..2],
            ["engine", "layer:x"]
        );
        let too_old = order(&signs, &[change("layer:x", -30_000)]);
        assert!(!too_old.contains(&"layer:x".to_owned()));
        let later = order(&signs, &[change("layer:x", 100_001)]);
        assert!(!later.contains(&"layer:x".to_owned()));
    }

    #[test]
    fn the_score_is_the_sum_of_what_is_told() {
        let signs = [sign("output:a", "output.refused", 10)];
        let causes = rank(&signs, &[change("output:a", 5)], Duration::from_mins(2));
        let best = &causes[0];
        assert!((best.score - 1.0).abs() < 1e-9, "{best:?}");
        assert_eq!(best.evidence.len(), 5);
        assert!(best.evidence.iter().all(|term| !term.text.is_empty()));
        assert!(causes.iter().all(|cause| !cause.remedy.is_empty()));
        let total = COVERAGE + MINIMALITY + PRECEDENCE + SPECIFICITY + CHANGE;
        assert!((total - 1.0).abs() < 1e-9);
    }
}
