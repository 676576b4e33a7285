use sm_bus::LogEntry;
use sm_common::chat::{ChatKind, ChatMessage};
use sm_common::clock::Timestamp;
use sm_common::event::{
    Channel, Event, EventType, PayloadError, StreamErrorRaised, StreamInterrupted,
    StreamStateChanged,
};
use sm_common::performance::MetricsSample;

use crate::catalogue::{Series, read_sample};
use crate::rollup::{SecondRow, Seconds};
use crate::timeline::{ErrorRaised, Happening, StatusChange};

/// What a page of a log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    /// Rows of the channel's series.
    pub(super) seconds: Seconds,
    /// What happened.
    pub(super) happenings: Vec<Happening>,
    /// Entries that this version cannot read.
    pub(super) unreadable: u64,
}

/// What one event says.
enum Noted {
    /// Values of a second.
    Row(Timestamp, SecondRow),
    /// Something that belongs into the timeline.
    Happening(Happening),
    /// Nothing that is kept.
    Nothing,
}

/// The series that a channel's events belong to.
pub(super) const fn series_of(channel: Channel) -> Option<Series> {
    match channel {
        Channel::Metrics => Some(Series::Samples),
        Channel::Chat => Some(Series::ChatMessages),
        Channel::LayerUpdates => Some(Series::LayerChanges),
        Channel::StreamState | Channel::Alerts => None,
    }
}

/// Reads a page of a channel's log.
pub(super) fn read_page(channel: Channel, entries: &[LogEntry]) -> Page {
    let mut page = Page::default();
    for entry in entries {
        let noted = match &entry.event {
            Ok(event) => read_event(event).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match noted {
            Ok(Noted::Row(at, row)) => {
                if let Some(series) = series_of(channel) {
                    let combine = series.combine();
                    combine.record(&mut page.seconds, at.as_unix_seconds(), row);
                }
            }
            Ok(Noted::Happening(happening)) => page.happenings.push(happening),
            Ok(Noted::Nothing) => {}
            Err(error) => {
                page.unreadable += 1;
                let offset = entry.position.offset;
                tracing::warn!(%channel, offset, error, "an event is of an unknown form");
            }
        }
    }
    page
}

fn read_event(event: &Event) -> Result<Noted, PayloadError> {
    Ok(match event.kind {
        EventType::StreamMetricsSampled => {
            let sample: MetricsSample = event.payload()?;
            Noted::Row(sample.at, SecondRow(read_sample(&sample)))
        }
        EventType::ChatMessagePosted => {
            let message: ChatMessage = event.payload()?;
            match message.kind {
                ChatKind::Message | ChatKind::Announcement => Noted::Row(message.sent_at, one()),
                // Nobody wrote it.
                ChatKind::System => Noted::Nothing,
            }
        }
        EventType::LayerCreated
        | EventType::LayerUpdated
        | EventType::LayerDeleted
        | EventType::LayerReordered
        | EventType::GroupCreated
        | EventType::GroupUpdated
        | EventType::GroupDeleted => Noted::Row(event.time, one()),
        EventType::StreamStateChanged => {
            let StreamStateChanged(state) = event.payload()?;
            Noted::Happening(Happening::Status(StatusChange {
                status: state.observed.status,
                since: state.observed.since,
                live_since: state.observed.live_since,
            }))
        }
        EventType::StreamErrorRaised => {
            let StreamErrorRaised(error) = event.payload()?;
            Noted::Happening(Happening::Error(ErrorRaised {
                code: error.code,
                severity: error.severity,
                component: error.component,
                since: error.since,
            }))
        }
        EventType::StreamInterrupted => {
            let StreamInterrupted(interruption) = event.payload()?;
            Noted::Happening(Happening::Interruption(interruption))
        }
        // Errors are told by when they were raised, and the status of a layer or an output by its
        // errors; scenes, and what moderators do, are not measured.
        EventType::StreamErrorCleared
        | EventType::StreamOutputStatusChanged
        | EventType::StreamOutputAdapted
        | EventType::LayerStatusChanged
        | EventType::VariablesChanged
        | EventType::SceneCreated
        | EventType::SceneUpdated
        | EventType::SceneDeleted
        | EventType::SceneReordered
        | EventType::SceneDraftBegun
        | EventType::SceneDraftEnded
        | EventType::ScenePreviewChanged
        | EventType::SceneTakeStarted
        | EventType::SceneTaken
        | EventType::TemplateCreated
        | EventType::TemplateDeleted
        | EventType::ScheduleCreated
        | EventType::ScheduleEnded
        | EventType::ChatMessageDeleted
        | EventType::ChatMessageEdited
        | EventType::ChatPinsChanged
        | EventType::ChatRulesChanged
        | EventType::ChatHeldChanged
        | EventType::ChatUserSilenced
        | EventType::ChatUserRestored
        | EventType::ChatSampled
        | EventType::AlertFired
        | EventType::AlertMuted
        | EventType::AlertResolved
        | EventType::IncidentOpened
        | EventType::IncidentUpdated
        | EventType::IncidentResolved
        | EventType::SystemHealthChanged => Noted::Nothing,
    })
}

/// One thing happened in a second.
fn one() -> SecondRow {
    SecondRow(vec![Some(1)])
}
