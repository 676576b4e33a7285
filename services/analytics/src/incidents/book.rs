use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{IncidentId, StreamId};
use sm_common::incident::{Incident, IncidentMoment, IncidentState, MomentKind};
use sm_common::stream::Severity;

use super::part::Part;
use super::rank::{Change, rank};

/// Most signs and most entries of the timeline of an incident, and most open incidents of a stream.
const SIGNS_MAX: usize = 100;
const TIMELINE_MAX: usize = 200;
const OPEN_MAX: usize = 20;

/// Something that shows that something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sign {
    /// The component, as errors name it.
    pub(crate) component: String,
    pub(crate) code: String,
    pub(crate) severity: Severity,
    /// What was seen, for people.
    pub(crate) text: String,
    /// When it was seen where it happened.
    pub(crate) at: Timestamp,
    /// When it was right again.
    pub(crate) cleared: Option<Timestamp>,
}

impl Sign {
    /// The part that it is a sign of.
    pub(crate) fn part(&self) -> Part {
        Part::of(&self.component, &self.code)
    }

    fn is_same(&self, component: &str, code: &str) -> bool {
        self.component == component && self.code == code
    }
}

/// How signs are put together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long after the last sign another one may still belong to it.
    pub(crate) together: Duration,
    /// How long after each other signs of parts beside each other may come and have one cause.
    pub(crate) siblings: Duration,
    /// How long everything is right before an incident is over.
    pub(crate) settle: Duration,
    /// How long before the first sign a change may have caused it.
    pub(crate) change: Duration,
    /// How long after a command its consequences are what was wanted.
    pub(crate) wanted: Duration,
}

/// An incident that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    incident: Incident,
    signs: Vec<Sign>,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Opened(Incident),
    Updated(Incident),
    Resolved(Incident),
}

impl Told {
    pub(crate) const fn incident(&self) -> &Incident {
        match self {
            Self::Opened(incident) | Self::Updated(incident) | Self::Resolved(incident) => incident,
        }
    }
}

/// The open incidents of a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Book {
    open: Vec<Open>,
}

impl Book {
    /// Something is wrong. Joins an open incident where both can have one cause.
    pub(crate) fn raise(
        &mut self,
        (stream, sign): (&StreamId, Sign),
        changes: &[Change],
        limits: &Limits,
        now: Timestamp,
    ) -> Option<Told> {
        if is_wanted(&sign, changes, limits) {
            return None;
        }
        let same = |open: &&mut Open| {
            open.signs
                .iter()
                .any(|known| known.is_same(&sign.component, &sign.code))
        };
        if let Some(open) = self.open.iter_mut().find(same) {
            return open.again(&sign, changes, limits);
        }
        let near = |open: &&mut Open| open.belongs(&sign, limits);
        if let Some(open) = self.open.iter_mut().find(near) {
            return open.add(sign, changes, limits);
        }
        if self.open.len() >= OPEN_MAX {
            return None;
        }
        let open = Open::new(stream.clone(), sign, changes, limits, now);
        let told = Told::Opened(open.incident.clone());
        self.open.push(open);
        Some(told)
    }

    /// It is right again.
    pub(crate) fn clear(&mut self, component: &str, code: &str, at: Timestamp) -> Option<Told> {
        self.open
            .iter_mut()
            .find_map(|open| open.clear(component, code, at))
    }

    /// Ends what has been right for long enough.
    pub(crate) fn settle(&mut self, limits: &Limits, now: Timestamp) -> Vec<Told> {
        let mut told = Vec::new();
        self.open.retain_mut(|open| {
            let Some(last) = open.right_since() else {
                return true;
            };
            if now.since(last) < limits.settle {
                return true;
            }
            let incident = &mut open.incident;
            incident.state = IncidentState::Resolved;
            incident.resolved_at = Some(last);
            let took = last.since(incident.began_at).as_millis();
            incident.recovery_ms = u64::try_from(took).ok();
            told.push(Told::Resolved(incident.clone()));
            false
        });
        told
    }
}

impl Open {
    fn new(
        stream: StreamId,
        sign: Sign,
        changes: &[Change],
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        let incident = Incident {
            id: IncidentId::generate(),
            stream,
            state: IncidentState::Open,
            severity: sign.severity,
            title: String::new(),
            began_at: sign.at,
            detected_at: now,
            resolved_at: None,
            recovery_ms: None,
            affected: Vec::new(),
            causes: Vec::new(),
            timeline: Vec::new(),
        };
        let mut open = Self {
            incident,
            signs: Vec::new(),
        };
        for change in changes {
            if change.at <= sign.at && sign.at.since(change.at) <= limits.change {
                open.note(change_moment(change));
            }
        }
        open.put(sign);
        open.judge(changes, limits);
        open
    }

    /// Whether a sign can have the same cause as what is known.
    fn belongs(&self, sign: &Sign, limits: &Limits) -> bool {
        let part = sign.part();
        self.signs.iter().any(|known| {
            let other = known.part();
            let apart = if known.at > sign.at {
                known.at.since(sign.at)
            } else {
                sign.at.since(known.at)
            };
            let still = known.cleared.is_none() || apart <= limits.together;
            let one_way = part.explains(&other) || other.explains(&part);
            (still && one_way) || (apart <= limits.siblings && part.is_sibling_of(&other))
        })
    }

    fn add(&mut self, sign: Sign, changes: &[Change], limits: &Limits) -> Option<Told> {
        if self.signs.len() >= SIGNS_MAX {
            return None;
        }
        self.put(sign);
        self.judge(changes, limits);
        Some(Told::Updated(self.incident.clone()))
    }

    /// A sign that is known: it came back, or its cause is told once more.
    fn again(&mut self, sign: &Sign, changes: &[Change], limits: &Limits) -> Option<Told> {
        let known = self
            .signs
            .iter_mut()
            .find(|known| known.is_same(&sign.component, &sign.code))?;
        if known.cleared.is_none_or(|cleared| sign.at <= cleared) {
            return None;
        }
        known.cleared = None;
        self.note(moment(MomentKind::Sign, sign.at, sign));
        self.judge(changes, limits);
        Some(Told::Updated(self.incident.clone()))
    }

    fn clear(&mut self, component: &str, code: &str, at: Timestamp) -> Option<Told> {
        let known = self
            .signs
            .iter_mut()
            .find(|known| known.is_same(component, code) && known.cleared.is_none())?;
        let at = at.max(known.at);
        known.cleared = Some(at);
        let sign = known.clone();
        self.note(moment(MomentKind::Cleared, at, &sign));
        Some(Told::Updated(self.incident.clone()))
    }

    /// When the last sign was cleared; `None` while one is not.
    fn right_since(&self) -> Option<Timestamp> {
        let cleared: Option<Vec<Timestamp>> = self.signs.iter().map(|sign| sign.cleared).collect();
        cleared?.into_iter().max()
    }

    fn put(&mut self, sign: Sign) {
        let incident = &mut self.incident;
        incident.began_at = incident.began_at.min(sign.at);
        if sign.severity.rank() > incident.severity.rank() {
            incident.severity = sign.severity;
        }
        let part = sign.part().to_string();
        if !incident.affected.contains(&part) {
            incident.affected.push(part);
        }
        self.note(moment(MomentKind::Sign, sign.at, &sign));
        self.signs.push(sign);
    }

    /// Ranks the causes anew, and notes when another one is the first.
    fn judge(&mut self, changes: &[Change], limits: &Limits) {
        let before = self
            .incident
            .causes
            .first()
            .map(|cause| cause.component.clone());
        let causes = rank(&self.signs, changes, limits.change);
        let Some(first) = causes.first() else { return };
        self.incident.title = title(&self.signs, &first.component);
        if before.as_ref() != Some(&first.component) {
            let at = self.signs.iter().map(|sign| sign.at).max();
            self.note(IncidentMoment {
                at: at.unwrap_or(self.incident.detected_at),
                kind: MomentKind::Cause,
                component: first.component.clone(),
                code: first.code.clone().unwrap_or_default(),
                text: format!("{} is the most likely cause", first.component),
            });
        }
        self.incident.causes = causes;
    }

    fn note(&mut self, moment: IncidentMoment) {
        let timeline = &mut self.incident.timeline;
        if timeline.len() >= TIMELINE_MAX || timeline.contains(&moment) {
            return;
        }
        let place = timeline.partition_point(|known| known.at <= moment.at);
        timeline.insert(place, moment);
    }
}

fn title(signs: &[Sign], component: &str) -> String {
    let of_cause = signs
        .iter()
        .filter(|sign| sign.part().to_string() == component)
        .min_by_key(|sign| sign.at);
    match of_cause {
        Some(sign) => format!("{component}: {}", sign.text),
        None => format!("{component}: nothing is known of it but its consequences"),
    }
}

fn moment(kind: MomentKind, at: Timestamp, sign: &Sign) -> IncidentMoment {
    IncidentMoment {
        at,
        kind,
        component: sign.part().to_string(),
        code: sign.code.clone(),
        text: sign.text.clone(),
    }
}

fn change_moment(change: &Change) -> IncidentMoment {
    IncidentMoment {
        at: change.at,
        kind: MomentKind::Change,
        component: change.component.clone(),
        code: change.action.clone(),
        text: change.text.clone(),
    }
}

/// Whether a sign is what somebody wanted: a stream that was told to stop is not broken.
fn is_wanted(sign: &Sign, changes: &[Change], limits: &Limits) -> bool {
    if matches!(
        sign.code.as_str(),
        "stream.restarted" | "engine.stopped" | "worker.stopped"
    ) {
        return true;
    }
    let part = sign.part();
    changes.iter().any(|change| {
        let after = change.at <= sign.at && sign.at.since(change.at) <= limits.wanted;
        let ends = match change.action.as_str() {
            "stop" | "restart" | "start" | "configure" => {
                matches!(part, Part::Engine | Part::Viewers | Part::Output(_))
                    && !sign.code.starts_with("worker.")
                    && !sign.code.starts_with("output.")
            }
            "output-stop" | "output-delete" | "output-restart" => {
                change.component == part.to_string()
            }
            _ => false,
        };
        after && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        together: Duration::from_secs(15),
        siblings: Duration::from_millis(1500),
        settle: Duration::from_secs(3),
        change: Duration::from_mins(2),
        wanted: Duration::from_secs(30),
    };

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_millis(ms)
    }

    fn sign(component: &str, code: &str, ms: i64) -> Sign {
        Sign {
            component: component.to_owned(),
            code: code.to_owned(),
            severity: Severity::Warning,
            text: "broken".to_owned(),
            at: at(ms),
            cleared: None,
        }
    }

    fn raise(book: &mut Book, sign: Sign, changes: &[Change]) -> Option<Told> {
        let now = sign.at.plus(Duration::from_millis(300));
        book.raise((&StreamId::default(), sign), changes, &LIMITS, now)
    }

    fn change(action: &str, component: &str, ms: i64) -> Change {
        Change {
            at: at(ms),
            component: component.to_owned(),
            action: action.to_owned(),
            text: format!("olga: {action}"),
        }
    }

    #[test]
    fn an_incident_lasts_from_its_first_sign_until_the_last_is_gone() {
        let mut book = Book::default();
        let opened = raise(&mut book, sign("output:a", "output.stalled", 10_000), &[]);
        let Some(Told::Opened(opened)) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(opened.causes[0].component, "output:a");
        assert_eq!(opened.detected_at, at(10_300));
        // The engine's error comes later, happened before, and explains it.
        let updated = raise(&mut book, sign("worker", "worker.killed", 9_900), &[]);
        let Some(Told::Updated(updated)) = updated else {
            panic!("{updated:?}");
        };
        assert_eq!(updated.id, opened.id);
        assert_eq!(updated.began_at, at(9_900));
        assert_eq!(updated.causes[0].component, "engine");
        assert_eq!(updated.affected, ["output:a", "engine"]);
        assert!(book.clear("worker", "worker.killed", at(12_000)).is_some());
        assert!(
            book.settle(&LIMITS, at(60_000)).is_empty(),
            "an output is down"
        );
        assert!(
            book.clear("output:a", "output.stalled", at(14_000))
                .is_some()
        );
        assert!(book.settle(&LIMITS, at(16_999)).is_empty());
        let told = book.settle(&LIMITS, at(17_000));
        let [Told::Resolved(resolved)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(resolved.resolved_at, Some(at(14_000)));
        assert_eq!(resolved.recovery_ms, Some(4_100));
        assert_eq!(book, Book::default());
        let kinds: Vec<MomentKind> = resolved.timeline.iter().map(|moment| moment.kind).collect();
        let sign = MomentKind::Sign;
        let (cause, cleared) = (MomentKind::Cause, MomentKind::Cleared);
        assert_eq!(kinds, [sign, sign, cause, cause, cleared, cleared]);
    }

    #[test]
    fn what_has_nothing_to_do_with_it_is_another_incident() {
        let mut book = Book::default();
        raise(&mut book, sign("output:a", "output.refused", 10_000), &[]);
        let other = raise(&mut book, sign("layer:x", "layer.source.lost", 10_100), &[]);
        assert!(matches!(other, Some(Told::Opened(_))));
        let beside = raise(&mut book, sign("output:b", "output.refused", 11_000), &[]);
        assert!(matches!(beside, Some(Told::Updated(_))), "at the same time");
        let later = raise(&mut book, sign("output:c", "output.refused", 60_000), &[]);
        assert!(matches!(later, Some(Told::Opened(_))));
    }

    #[test]
    fn a_sign_that_comes_back_before_it_is_settled_keeps_its_incident_open() {
        let mut book = Book::default();
        raise(&mut book, sign("output:a", "output.refused", 10_000), &[]);
        assert!(raise(&mut book, sign("output:a", "output.refused", 10_500), &[]).is_none());
        assert!(
            book.clear("output:a", "output.refused", at(11_000))
                .is_some()
        );
        let again = raise(&mut book, sign("output:a", "output.refused", 12_000), &[]);
        assert!(matches!(again, Some(Told::Updated(_))), "{again:?}");
        assert!(book.settle(&LIMITS, at(60_000)).is_empty());
        assert!(
            book.clear("output:b", "output.refused", at(61_000))
                .is_none()
        );
    }

    #[test]
    fn what_somebody_wanted_is_no_incident() {
        for (sign, change, wanted) in [
            (
                sign("engine", "stream.reconnecting", 10_000),
                change("restart", "engine", 9_000),
                true,
            ),
            (
                sign("engine", "stream.reconnecting", 50_000),
                change("restart", "engine", 9_000),
                false,
            ),
            (
                sign("engine", "alert.no-samples", 10_000),
                change("stop", "engine", 9_000),
                true,
            ),
            (
                sign("worker", "worker.killed", 10_000),
                change("restart", "engine", 9_000),
                false,
            ),
            (
                sign("output:a", "output.stalled", 10_000),
                change("output-stop", "output:a", 9_000),
                true,
            ),
            (
                sign("output:b", "output.stalled", 10_000),
                change("output-stop", "output:a", 9_000),
                false,
            ),
            (
                sign("output:a", "output.refused", 10_000),
                change("output-update", "output:a", 9_000),
                false,
            ),
            (
                sign("engine", "stream.restarted", 10_000),
                change("take", "engine", 0),
                true,
            ),
        ] {
            let mut book = Book::default();
            let told = raise(&mut book, sign.clone(), std::slice::from_ref(&change));
            assert_eq!(told.is_none(), wanted, "{} {}", sign.code, change.action);
        }
    }

    #[test]
    fn a_change_just_before_is_in_the_timeline() {
        let mut book = Book::default();
        let changes = [change("output-update", "output:a", 8_000)];
        let told = raise(
            &mut book,
            sign("output:a", "output.refused", 10_000),
            &changes,
        );
        let Some(Told::Opened(incident)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(incident.timeline[0].kind, MomentKind::Change);
        assert_eq!(incident.timeline[0].code, "output-update");
        let best = &incident.causes[0];
        assert!((best.score - 1.0).abs() < 1e-9, "{best:?}");
    }
}
