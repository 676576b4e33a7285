//! Changes that are made later: how one is asked for, and when it is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::event::{Event, EventType, SceneTaken};
use sm_common::id::{SceneId, ScheduleId};
use sm_common::layer::{Easing, PlaybackState};
use sm_common::schedule::{ScheduleSummary, ScheduledCommand, Trigger};
use sm_common::stream::LayerStatus;
use sm_common::transition::{
    Direction, SceneTransition, TRANSITION_MS, TRANSITION_MS_MAX, TransitionKind,
};

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed, text};
use super::history::Author;
use super::proposal::Proposal;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest wait after what is waited for, in milliseconds: a day.
const DELAY_MS_MAX: i64 = 86_400_000;
/// How far in the past a moment may be: a request takes its time.
const PAST: Duration = Duration::from_secs(2);

/// What schedules are judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Unless said otherwise, and at most, in seconds.
    pub(crate) grace_s: u64,
    pub(crate) grace_max_s: u64,
    /// How far ahead a moment may be.
    pub(crate) ahead_max: Duration,
    /// Operations of the change.
    pub(crate) operations_max: usize,
}

/// What is to be done, as it is kept. stream-control reads the summary of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    #[serde(flatten)]
    pub(crate) summary: ScheduleSummary,
    /// The body of the batch; null where it gives a command.
    pub(crate) change: Value,
    /// Where `layer-updates` was when it was made: what happened before does not count.
    pub(crate) since: u64,
}

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
    pub(crate) grace_s: u64,
    pub(crate) deed: Deed,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A change of layers.
    Change {
        /// The scene on air unless said otherwise.
        scene: Option<SceneId>,
        /// The body of the batch.
        change: Value,
        /// The change, to be tried.
        proposal: Proposal,
    },
    /// A command of the stream.
    Command(ScheduledCommand),
}

impl Schedule {
    /// `scene` is the one whose layers are changed, where they are.
    pub(crate) fn new(
        id: ScheduleId,
        wanted: Wanted,
        scene: Option<SceneId>,
        author: &Author,
        now: Timestamp,
        since: u64,
    ) -> Self {
        let (command, change) = match wanted.deed {
            Deed::Change { change, .. } => (None, change),
            Deed::Command(command) => (Some(command), Value::Null),
        };
        Self {
            summary: ScheduleSummary {
                id,
                name: wanted.name,
                scene,
                command,
                trigger: wanted.trigger,
                due_at: match wanted.trigger {
                    Trigger::At { at } => Some(at),
                    Trigger::AfterTake { .. } | Trigger::AtEnd { .. } => None,
                },
                grace_s: wanted.grace_s,
                user_id: author.id,
                user_name: author.name.clone(),
                created_at: now,
            },
            change,
            since,
        }
    }

    pub(crate) fn author(&self) -> Author {
        Author {
            id: self.summary.user_id,
            name: self.summary.user_name.clone(),
        }
    }

    /// When it is due because of an event; `None` where that is not what it waits for.
    pub(crate) fn due_by(&self, offset: u64, event: &Event) -> Option<Timestamp> {
        if self.summary.due_at.is_some() || offset <= self.since {
            return None;
        }
        let delay_ms = match self.summary.trigger {
            Trigger::At { .. } => return None,
            Trigger::AfterTake { scene, delay_ms } => {
                let taken = event.kind == EventType::SceneTaken;
                let taken: SceneTaken = event.payload().ok().filter(|_| taken)?;
                (taken.scene == scene).then_some(delay_ms)?
            }
            Trigger::AtEnd { layer, delay_ms } => {
                let told = event.kind == EventType::LayerStatusChanged;
                let status: LayerStatus = event.payload().ok().filter(|_| told)?;
                let ended = status.playback?.state == PlaybackState::Ended;
                (status.layer == layer && ended).then_some(delay_ms)?
            }
        };
        Some(event.time.plus(Duration::from_millis(delay_ms)))
    }
}

/// Reads the body of a new schedule.
pub(crate) fn read(
    body: &Value,
    bounds: Bounds,
    now: Timestamp,
    draw: impl Fn() -> sm_common::id::LayerId,
) -> Result<Wanted, Faults> {
    let mut faults = Faults::default();
    let wanted = read_wanted(body, bounds, now, draw, &mut faults);
    wanted.filter(|_| faults.is_empty()).ok_or(faults)
}

fn read_wanted(
    body: &Value,
    bounds: Bounds,
    now: Timestamp,
    draw: impl Fn() -> sm_common::id::LayerId,
    faults: &mut Faults,
) -> Option<Wanted> {
    let mut fields = Members::of(body, "", faults)?;
    let name = fields.required("name", faults, text(1, NAME_CHARS_MAX, false));
    let command = fields.or("command", None, faults, |value| Ok(Some(value.clone())))?;
    let scene = fields.or("scene", None, faults, |value| parsed(value).map(Some));
    let most = i64::try_from(bounds.grace_max_s).unwrap_or(i64::MAX);
    let grace_s = fields.or("grace_s", bounds.grace_s, faults, integer(0, most));
    let operations = match command {
        Some(_) => fields.or("operations", None, faults, |value| Ok(Some(value.clone()))),
        None => fields
            .required("operations", faults, |value| Ok(value.clone()))
            .map(Some),
    };
    let trigger = fields.required("trigger", faults, |value| Ok(value.clone()));
    fields.finish(faults);
    let trigger = trigger.and_then(|trigger| read_trigger(&trigger, bounds, now, faults));
    let deed = match (command, operations?) {
        (Some(command), operations) => {
            if operations.is_some() {
                let detail = "a schedule gives a command or changes layers; ask for two";
                faults.value("/operations", detail);
            }
            if scene.flatten().is_some() {
                faults.value("/scene", "is for changes of layers; a take names its own");
            }
            read_command(&command, faults).map(Deed::Command)
        }
        (None, operations) => {
            let change = serde_json::json!({"operations": operations?});
            let mut proposal = Proposal::read_batch(&change, bounds.operations_max, draw);
            faults.append(std::mem::take(&mut proposal.faults));
            scene.map(|scene| Deed::Change {
                scene,
                change,
                proposal,
            })
        }
    };
    Some(Wanted {
        name: name?,
        trigger: trigger?,
        grace_s: grace_s?,
        deed: deed?,
    })
}

fn read_command(command: &Value, faults: &mut Faults) -> Option<ScheduledCommand> {
    let mut fields = Members::of(command, "/command", faults)?;
    let action = fields.required("action", faults, text(1, 20, false))?;
    let command = match action.as_str() {
        "start" => Some(ScheduledCommand::Start),
        "stop" => Some(ScheduledCommand::Stop),
        "record-start" => Some(ScheduledCommand::RecordStart),
        "record-stop" => Some(ScheduledCommand::RecordStop),
        "take" => read_take(&mut fields, faults),
        _ => {
            let detail = "must be start, stop, take, record-start or record-stop";
            faults.value("/command/action", detail);
            return None;
        }
    };
    fields.finish(faults);
    command
}

/// The members of a take, as in `POST /api/stream/control`.
fn read_take(fields: &mut Members<'_>, faults: &mut Faults) -> Option<ScheduledCommand> {
    let scene = fields.or("scene", None, faults, |value| parsed(value).map(Some));
    let kind = fields.or("transition", TransitionKind::default(), faults, parsed);
    let direction = fields.or("direction", Direction::default(), faults, parsed);
    let most = i64::from(TRANSITION_MS_MAX);
    let duration = fields.or("duration_ms", TRANSITION_MS, faults, integer(0, most));
    let easing = fields.or("easing", Easing::default(), faults, parsed);
    let kind = kind?;
    Some(ScheduledCommand::Take {
        scene: scene?,
        transition: SceneTransition {
            kind,
            direction: direction?,
            duration_ms: match kind {
                TransitionKind::Cut => 0,
                TransitionKind::Fade | TransitionKind::Wipe | TransitionKind::Slide => duration?,
            },
            easing: easing?,
        },
    })
}

fn read_trigger(
    trigger: &Value,
    bounds: Bounds,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<Trigger> {
    let mut fields = Members::of(trigger, "/trigger", faults)?;
    let kind = fields.required("kind", faults, text(1, 16, false))?;
    let trigger = match kind.as_str() {
        "at" => fields
            .required("at", faults, |value| moment(value, bounds, now))
            .map(|at| Trigger::At { at }),
        "after-take" => {
            let scene = fields.required("scene", faults, parsed);
            let delay = fields.or("delay_ms", 0, faults, integer(0, DELAY_MS_MAX));
            let both = scene.zip(delay);
            both.map(|(scene, delay_ms)| Trigger::AfterTake { scene, delay_ms })
        }
        "at-end" => {
            let layer = fields.required("layer", faults, parsed);
            let delay = fields.or("delay_ms", 0, faults, integer(0, DELAY_MS_MAX));
            let both = layer.zip(delay);
            both.map(|(layer, delay_ms)| Trigger::AtEnd { layer, delay_ms })
        }
        _ => {
            faults.value("/trigger/kind", "must be at, after-take or at-end");
            return None;
        }
    };
    fields.finish(faults);
    trigger
}

fn moment(value: &Value, bounds: Bounds, now: Timestamp) -> Result<Timestamp, Fault> {
    let at: Timestamp = parsed(value)?;
    if now.since(at) > PAST {
        return Err(Fault::Value(format!("is in the past: it is {now} here")));
    }
    if at.since(now) > bounds.ahead_max {
        let days = bounds.ahead_max.as_secs() / 86_400;
        return Err(Fault::Value(format!("must be within {days} days")));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::id::LayerId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);
    const BOUNDS: Bounds = Bounds {
        grace_s: 60,
        grace_max_s: 3_600,
        ahead_max: Duration::from_hours(48),
        operations_max: 5,
    };

    fn body() -> Value {
        json!({"name": "News", "trigger": {"kind": "at", "at": NOW.plus(Duration::from_mins(1))},
            "operations": [{"op": "delete", "id": LayerId::generate()}]})
    }

    fn schedule(body: &Value) -> Schedule {
        let wanted = read(body, BOUNDS, NOW, LayerId::generate).unwrap();
        let author = Author {
            id: sm_common::id::UserId::generate(),
            name: "a".to_owned(),
        };
        let id = ScheduleId::generate();
        Schedule::new(id, wanted, Some(SceneId::generate()), &author, NOW, 7)
    }

    #[test]
    fn what_is_kept_reads_again() {
        let schedule = schedule(&body());
        let kept = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&kept).unwrap(), schedule);
    }

    #[test]
    fn a_command_is_read_as_one_that_is_given_now() {
        let scene = SceneId::generate();
        let asked = |command: Value| {
            let mut body = body();
            body.as_object_mut().unwrap().remove("operations");
            body["command"] = command;
            read(&body, BOUNDS, NOW, LayerId::generate)
        };
        let command = |command: Value| match asked(command).unwrap().deed {
            Deed::Command(command) => command,
            Deed::Change { .. } => panic!("a command"),
        };
        for (action, expected) in [
            ("start", ScheduledCommand::Start),
            ("stop", ScheduledCommand::Stop),
            ("record-start", ScheduledCommand::RecordStart),
            ("record-stop", ScheduledCommand::RecordStop),
        ] {
            assert_eq!(command(json!({"action": action})), expected);
        }
        let fade = json!({"action": "take", "scene": scene, "transition": "fade"});
        let expected = ScheduledCommand::Take {
            scene: Some(scene),
            transition: SceneTransition {
                kind: TransitionKind::Fade,
                duration_ms: TRANSITION_MS,
                ..SceneTransition::default()
            },
        };
        assert_eq!(command(fade), expected);
        let cut = ScheduledCommand::Take {
            scene: None,
            transition: SceneTransition::default(),
        };
        assert_eq!(command(json!({"action": "take", "duration_ms": 9})), cut);
        let wrong = json!({"action": "take", "scene": "x", "duration_ms": 10_001, "force": true});
        let faults = asked(wrong).unwrap_err();
        let pointers: Vec<&str> = faults
            .errors()
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            ["/command/scene", "/command/duration_ms", "/command/force"]
        );
        for wrong in [json!({"action": "pause"}), json!({}), json!("stop")] {
            assert_eq!(asked(wrong).unwrap_err().errors().len(), 1);
        }
        let mut both = body();
        both["command"] = json!({"action": "stop"});
        both["scene"] = json!(scene);
        let faults = read(&both, BOUNDS, NOW, LayerId::generate).unwrap_err();
        assert_eq!(faults.errors().len(), 2);
    }

    #[test]
    fn only_what_is_waited_for_makes_it_due() {
        let stream = sm_common::id::StreamId::default();
        let scene = SceneId::generate();
        let mut body = body();
        body["trigger"] = json!({"kind": "after-take", "scene": scene, "delay_ms": 1500});
        let waiting = schedule(&body);
        assert_eq!(waiting.summary.due_at, None);
        let taken = |scene| {
            let payload = SceneTaken {
                scene,
                transition: sm_common::transition::SceneTransition::default(),
                number: 1,
            };
            Event::new(&payload, "/test", &stream, NOW, None).unwrap()
        };
        let due = NOW.plus(Duration::from_millis(1_500));
        assert_eq!(waiting.due_by(8, &taken(scene)), Some(due));
        assert_eq!(waiting.due_by(7, &taken(scene)), None, "it was before");
        assert_eq!(waiting.due_by(8, &taken(SceneId::generate())), None);
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let cases = [
            ("/name", json!(""), "/name"),
            ("/trigger", json!({"kind": "never"}), "/trigger/kind"),
            ("/trigger/at", json!("2020-01-01T00:00:00Z"), "/trigger/at"),
            ("/trigger/at", json!("2099-01-01T00:00:00Z"), "/trigger/at"),
            ("/trigger/at", json!("noon"), "/trigger/at"),
            (
                "/trigger",
                json!({"kind": "at-end", "layer": "x"}),
                "/trigger/layer",
            ),
            ("/operations", json!([]), "/operations"),
            ("/operations/0/op", json!("x"), "/operations/0/op"),
        ];
        for (place, value, pointer) in cases {
            let mut bad = body();
            *bad.pointer_mut(place).unwrap() = value;
            let faults = read(&bad, BOUNDS, NOW, LayerId::generate).unwrap_err();
            assert_eq!(faults.errors()[0].pointer, pointer, "{bad}");
        }
        let mut bad = body();
        bad["grace_s"] = json!(3_601);
        bad["when"] = json!(1);
        let faults = read(&bad, BOUNDS, NOW, LayerId::generate).unwrap_err();
        assert_eq!(faults.errors().len(), 2);
    }
}
