//! What plays of a file, and commands for it.

use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::layer::{
    AtEnd, AudioSource, LayerSource, PART_MS_MIN, POSITION_MS_MAX, Playback, PlaybackAction,
    PlaybackState, PlaybackStatus, VideoSource,
};

use super::fault::Faults;
use super::field::{Members, boolean, integer, parsed};

/// The last file that a playlist can have.
const ITEM_MAX: i64 = 199;

/// Reads the members of a sound's source, which are those of a video's.
pub(crate) fn read_audio(fields: &mut Members<'_>, faults: &mut Faults) -> Option<AudioSource> {
    let VideoSource {
        asset,
        looping,
        in_ms,
        out_ms,
        at_end,
        next,
    } = read_video(fields, faults)?;
    Some(AudioSource {
        asset,
        looping,
        in_ms,
        out_ms,
        at_end,
        next,
    })
}

/// Reads the members of a video's source.
pub(crate) fn read_video(fields: &mut Members<'_>, faults: &mut Faults) -> Option<VideoSource> {
    let asset = fields.required("asset", faults, parsed);
    let looping = fields.or("loop", true, faults, boolean);
    let in_ms = fields.or("in_ms", 0, faults, position());
    let out_ms = fields.or("out_ms", None, faults, |value| position()(value).map(Some));
    let at_end = fields.or("at_end", AtEnd::default(), faults, parsed);
    let next = fields.or("next", None, faults, |value| parsed(value).map(Some));
    let video = VideoSource {
        asset: asset?,
        looping: looping?,
        in_ms: in_ms?,
        out_ms: out_ms?,
        at_end: at_end?,
        next: next?,
    };
    check(&video, fields, faults).then_some(video)
}

/// Whether the members fit each other.
fn check(video: &VideoSource, fields: &Members<'_>, faults: &mut Faults) -> bool {
    let earliest = video.in_ms.saturating_add(PART_MS_MIN);
    if video.out_ms.is_some_and(|out| out < earliest) {
        faults.value(
            fields.pointer_to("out_ms"),
            format!("must be at least {PART_MS_MIN} after in_ms"),
        );
        return false;
    }
    if video.at_end == AtEnd::Next && video.next.is_none() {
        faults.shape(fields.pointer_to("next"), "is required for at_end `next`");
        return false;
    }
    true
}

/// A position in a file, in milliseconds.
pub(super) fn position() -> impl FnOnce(&Value) -> Result<u64, super::fault::Fault> {
    integer(0, i64::try_from(POSITION_MS_MAX).unwrap_or(i64::MAX))
}

/// A command for what a layer plays, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaybackOrder {
    action: PlaybackAction,
    position_ms: Option<u64>,
    item: Option<u32>,
}

impl PlaybackOrder {
    /// Reads `{"action": …, "position_ms": …, "item": …}` at a place in the body.
    pub(crate) fn read(body: &Value, at: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Members::of(body, at, faults)?;
        let action = fields.required("action", faults, parsed);
        let position_ms = fields.or("position_ms", None, faults, |value| {
            position()(value).map(Some)
        });
        let item = fields.or("item", None, faults, |value| {
            integer(0, ITEM_MAX)(value).map(Some)
        });
        let pointers = ["position_ms", "item"].map(|name| fields.pointer_to(name));
        fields.finish(faults);
        let order = Self {
            action: action?,
            position_ms: position_ms?,
            item: item?,
        };
        let needs = [
            (PlaybackAction::Seek, "`seek`", order.position_ms.is_some()),
            (PlaybackAction::Goto, "`goto`", order.item.is_some()),
        ];
        let mut fits = true;
        for ((action, name, given), pointer) in needs.into_iter().zip(pointers) {
            if order.action == action && !given {
                faults.shape(pointer, format!("is required for {name}"));
                fits = false;
            } else if order.action != action && given {
                faults.value(pointer, format!("only {name} has one"));
                fits = false;
            }
        }
        fits.then_some(order)
    }

    /// Whether it is one for a layer of this source.
    pub(crate) fn suits(self, source: &LayerSource) -> bool {
        let of_lists = match self.action {
            PlaybackAction::Next | PlaybackAction::Previous | PlaybackAction::Goto => true,
            PlaybackAction::Play
            | PlaybackAction::Pause
            | PlaybackAction::Seek
            | PlaybackAction::Restart => false,
        };
        plays(source) && (!of_lists || matches!(source, LayerSource::Playlist(_)))
    }

    /// The command as it stays with a layer whose revision it makes `number`. `before` is the one
    /// before it, `status` where the engine last saw the file.
    pub(crate) fn carried_out(
        self,
        number: u64,
        before: Option<Playback>,
        status: Option<&PlaybackStatus>,
        now: Timestamp,
    ) -> Playback {
        let was_paused = before.is_some_and(|before| before.paused);
        let told = before.filter(|before| before.paused);
        let item = status
            .and_then(|status| status.item)
            .or(told.and_then(|told| told.item));
        let (paused, position_ms, item) = match self.action {
            PlaybackAction::Play | PlaybackAction::Restart => (false, None, None),
            PlaybackAction::Seek => (was_paused, self.position_ms, item),
            PlaybackAction::Next | PlaybackAction::Previous | PlaybackAction::Goto => {
                (was_paused, None, self.item)
            }
            PlaybackAction::Pause => {
                let known = status.map(|status| stands_at(status, now));
                (true, known.or(told.and_then(|told| told.position_ms)), item)
            }
        };
        Playback {
            number,
            action: self.action,
            paused,
            position_ms,
            item,
        }
    }
}

/// Where a file stands that is paused now.
fn stands_at(status: &PlaybackStatus, now: Timestamp) -> u64 {
    let position = status.position_at(now);
    match (status.state, status.duration_ms) {
        // It may have begun again since, nobody knows how often.
        (PlaybackState::Playing, Some(duration)) if position > duration => {
            position.checked_rem(duration).unwrap_or(0)
        }
        _ => position,
    }
}

/// Whether there is something to play in a layer of this source.
pub(crate) const fn plays(source: &LayerSource) -> bool {
    match source {
        LayerSource::Video(_) | LayerSource::Audio(_) | LayerSource::Playlist(_) => true,
        LayerSource::Image(_)
        | LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Text(_)
        | LayerSource::Clock(_)
        | LayerSource::Countdown(_)
        | LayerSource::Gradient(_)
        | LayerSource::Ticker(_)
        | LayerSource::Chat(_)
        | LayerSource::Network(_)
        | LayerSource::Ingest(_)
        | LayerSource::Web(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::id::LayerId;

    use super::*;

    fn faults(source: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let mut fields = Members::of(source, "/source", &mut faults).unwrap();
        read_video(&mut fields, &mut faults);
        fields.finish(&mut faults);
        let errors = faults.into_errors().into_iter();
        errors.map(|error| error.pointer).collect()
    }

    #[test]
    fn parts_and_ends_that_make_no_sense_are_named() {
        let with = |more: Value| {
            let mut source = json!({"asset": "ab".repeat(32)});
            let members = source.as_object_mut().unwrap();
            members.extend(more.as_object().unwrap().clone());
            faults(&source)
        };
        let next = LayerId::generate();
        for (more, wrong) in [
            (json!({"in_ms": 100, "out_ms": 200}), None),
            (json!({"at_end": "next", "next": next}), None),
            (json!({"at_end": "hide"}), None),
            (json!({"in_ms": 100, "out_ms": 199}), Some("/source/out_ms")),
            (json!({"out_ms": 0}), Some("/source/out_ms")),
            (json!({"in_ms": -1}), Some("/source/in_ms")),
            (json!({"in_ms": 604_800_001}), Some("/source/in_ms")),
            (json!({"at_end": "explode"}), Some("/source/at_end")),
            (json!({"at_end": "next"}), Some("/source/next")),
            (json!({"next": next}), None),
            (json!({"at_end": "next", "next": 7}), Some("/source/next")),
        ] {
            assert_eq!(with(more.clone()), Vec::from_iter(wrong), "{more}");
        }
    }

    #[test]
    fn an_order_says_where_to_go_or_not() {
        for (body, wrong) in [
            (json!({"action": "play"}), None),
            (json!({"action": "seek", "position_ms": 0}), None),
            (json!({"action": "seek"}), Some("/position_ms")),
            (
                json!({"action": "pause", "position_ms": 5}),
                Some("/position_ms"),
            ),
            (
                json!({"action": "seek", "position_ms": -5}),
                Some("/position_ms"),
            ),
            (json!({"action": "next"}), None),
            (json!({"action": "goto", "item": 3}), None),
            (json!({"action": "goto"}), Some("/item")),
            (json!({"action": "next", "item": 3}), Some("/item")),
            (json!({"action": "goto", "item": 200}), Some("/item")),
            (json!({"action": "rewind"}), Some("/action")),
            (json!({"action": "play", "speed": 2}), Some("/speed")),
            (json!([]), Some("")),
        ] {
            let mut faults = Faults::default();
            let order = PlaybackOrder::read(&body, "", &mut faults);
            let pointers = faults.into_errors().into_iter().map(|error| error.pointer);
            assert_eq!(
                pointers.collect::<Vec<_>>(),
                Vec::from_iter(wrong),
                "{body}"
            );
            assert_eq!(
                order.is_some(),
                wrong.is_none() || body.get("speed").is_some()
            );
        }
    }

    #[test]
    fn a_pause_remembers_where_it_stood() {
        let order = |action, position_ms| PlaybackOrder {
            action,
            position_ms,
            item: None,
        };
        let at = Timestamp::from_unix_millis;
        let playing = PlaybackStatus {
            state: PlaybackState::Playing,
            position_ms: 3_000,
            duration_ms: Some(4_000),
            item: None,
            at: at(0),
        };
        let pause = order(PlaybackAction::Pause, None);
        let stood = |status, now| pause.carried_out(2, None, status, at(now)).position_ms;
        assert_eq!(stood(Some(&playing), 500), Some(3_500));
        assert_eq!(stood(Some(&playing), 1_500), Some(500), "it has looped");
        assert_eq!(stood(None, 500), None);

        let paused = pause.carried_out(2, None, Some(&playing), at(500));
        let seek = order(PlaybackAction::Seek, Some(70));
        let moved = seek.carried_out(3, Some(paused), Some(&playing), at(600));
        assert_eq!((moved.paused, moved.position_ms), (true, Some(70)));
        let again = pause.carried_out(4, Some(moved), None, at(700));
        assert_eq!((again.paused, again.position_ms), (true, Some(70)));
        let on = order(PlaybackAction::Play, None).carried_out(5, Some(again), None, at(800));
        assert_eq!((on.paused, on.position_ms), (false, None));
        assert!(!seek.carried_out(6, Some(on), None, at(900)).paused);
    }
}
