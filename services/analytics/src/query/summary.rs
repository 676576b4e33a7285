use std::collections::BTreeMap;

use serde::Serialize;
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_common::stream::{Interruption, Severity};
use utoipa::ToSchema;

use super::broadcast::{Broadcast, Outage, Span, broadcasts, uncovered_ms};
use super::measured::{Measured, measure};
use super::quality::{Observed, Quality, judge};
use crate::rollup::quantity::float;
use crate::store::Store;
use crate::timeline::{ErrorRaised, Gap, Happening, StatusChange};

/// Most interruptions that a summary lists; it counts them all.
const INTERRUPTIONS_LISTED_MAX: usize = 100;

/// What a summary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    /// The broadcast that is on air, or else the last.
    LatestBroadcast,
    /// The broadcast before that.
    PreviousBroadcast,
    /// The broadcast that was on air at this time.
    BroadcastAt(Timestamp),
    /// This range.
    Range(Timestamp, Timestamp),
}

impl Period {
    /// The broadcast that is meant, where one is.
    fn choose(self, broadcasts: &[Broadcast]) -> Option<&Broadcast> {
        match self {
            Self::LatestBroadcast => broadcasts.last(),
            Self::PreviousBroadcast => broadcasts.iter().rev().nth(1),
            Self::BroadcastAt(at) => broadcasts.iter().find(|broadcast| {
                broadcast.started_at <= at && broadcast.ended_at.is_none_or(|ended| at < ended)
            }),
            Self::Range(..) => None,
        }
    }
}

/// The broadcasts of a stream that are known, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct BroadcastList {
    /// The stream.
    stream: StreamId,
    /// Its broadcasts: of the last 30 days, as far as what happened is kept.
    broadcasts: Vec<KnownBroadcast>,
}

/// A broadcast.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct KnownBroadcast {
    /// When it was on air.
    #[serde(flatten)]
    times: BroadcastTimes,
    /// Time with a picture, in seconds.
    on_air_s: f64,
    /// How often the picture was gone.
    interruptions: usize,
}

/// How a stream did over a broadcast or a range. What was not measured is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Summary {
    /// The stream.
    stream: StreamId,
    /// The broadcast that this is about; `null` for a range, and when none is known.
    broadcast: Option<BroadcastTimes>,
    /// Where the summary begins; `null` when no broadcast is known.
    from: Option<Timestamp>,
    /// Where it ends.
    to: Option<Timestamp>,
    /// Time with a picture, in seconds.
    on_air_s: Option<f64>,
    /// Time with a picture as a part of the time between going on and off air, 0 to 1.
    uptime_ratio: Option<f64>,
    /// Times without a picture.
    interruptions: Interruptions,
    /// What was measured.
    #[serde(flatten)]
    measured: Measured,
    /// Chat messages for each minute with a picture.
    chat_messages_per_minute: Option<f64>,
    /// How well it went, as one number and what it is made of.
    quality: Quality,
    /// What went wrong, by code, the most frequent first.
    errors: Vec<ErrorCount>,
    /// Where events were dropped before they were read: there, counts are too low.
    gaps: Vec<MissedEvents>,
}

/// When a broadcast began and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct BroadcastTimes {
    /// When it went on air.
    started_at: Timestamp,
    /// When it went off air; `null` while it is on.
    ended_at: Option<Timestamp>,
}

/// Times without a picture between going on and off air.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
struct Interruptions {
    /// How many; `null` when nothing is known of the stream.
    count: Option<usize>,
    /// Their length together, in milliseconds.
    total_ms: Option<i64>,
    /// The longest, in milliseconds.
    longest_ms: Option<i64>,
    /// The latest 100, oldest first.
    list: Vec<Interrupted>,
}

/// A time without a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Interrupted {
    /// When the picture stopped.
    at: Timestamp,
    /// How long it was gone, in milliseconds; so far, while it is.
    length_ms: i64,
    /// Stable, dotted code of the cause; `status.<status>` when only the status tells of it.
    cause: String,
    /// Whether it is still gone.
    ongoing: bool,
}

/// How often something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct ErrorCount {
    /// Stable, dotted code.
    code: String,
    /// The worst there was.
    severity: Severity,
    /// How often it was raised.
    count: usize,
    /// When it was first raised.
    first_at: Timestamp,
    /// When it was last raised.
    last_at: Timestamp,
}

/// Events that were dropped before they were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct MissedEvents {
    /// The channel.
    channel: Channel,
    /// The last event before.
    from: Timestamp,
    /// The first event after.
    until: Timestamp,
    /// How many; `null` when that is not known.
    missed: Option<u64>,
}

/// What is known to have happened, by kind.
#[derive(Debug, Default)]
struct Facts {
    changes: Vec<StatusChange>,
    interruptions: Vec<Interruption>,
    errors: Vec<ErrorRaised>,
    gaps: Vec<Gap>,
}

impl Facts {
    fn sort(happenings: Vec<Happening>) -> Self {
        let mut facts = Self::default();
        for happening in happenings {
            match happening {
                Happening::Status(change) => facts.changes.push(change),
                Happening::Interruption(interruption) => facts.interruptions.push(interruption),
                Happening::Error(error) => facts.errors.push(error),
                Happening::Gap(gap) => facts.gaps.push(gap),
            }
        }
        facts
    }
}

/// Tells how `stream` did over `period`; `None` when no such broadcast is known. Of the latest
/// broadcast everything is then `null`.
pub(crate) async fn summarise(
    store: &Store,
    stream: &StreamId,
    period: Period,
) -> Result<Option<Summary>, BusError> {
    let now = store.bus().clock().now();
    let facts = Facts::sort(store.timeline(stream).await?);
    let broadcasts = broadcasts(facts.changes.clone(), now);
    let chosen = period.choose(&broadcasts);
    let span = match (period, chosen) {
        (Period::Range(from, to), _) => Some(span(from, to.min(now))),
        (_, Some(broadcast)) => Some(broadcast.span(now)),
        (Period::LatestBroadcast, None) => None,
        (Period::PreviousBroadcast | Period::BroadcastAt(_), None) => return Ok(None),
    };
    let times = chosen.map(BroadcastTimes::from);
    let measured = match span {
        Some(span) => measure(store, stream, span.from, span.until).await?,
        None => Measured::default(),
    };
    Ok(Some(tell(
        stream,
        times,
        span,
        &broadcasts,
        facts,
        measured,
    )))
}

/// Lists the broadcasts of `stream` that are known, the latest first, at most `limit`.
pub(crate) async fn list_broadcasts(
    store: &Store,
    stream: &StreamId,
    limit: usize,
) -> Result<BroadcastList, BusError> {
    let now = store.bus().clock().now();
    let facts = Facts::sort(store.timeline(stream).await?);
    let broadcasts = broadcasts(facts.changes.clone(), now);
    let known = broadcasts.iter().rev().take(limit).map(|broadcast| {
        let told = told_within(&facts.interruptions, broadcast.span(now));
        let holes: Vec<Span> = told.iter().map(span_of).collect();
        KnownBroadcast {
            times: BroadcastTimes::from(broadcast),
            on_air_s: float(uncovered_ms(&broadcast.on_air, &holes)) / 1000.0,
            interruptions: list_interruptions(true, told, &broadcast.outages)
                .count
                .unwrap_or(0),
        }
    });
    Ok(BroadcastList {
        stream: stream.clone(),
        broadcasts: known.collect(),
    })
}

impl From<&Broadcast> for BroadcastTimes {
    fn from(broadcast: &Broadcast) -> Self {
        Self {
            started_at: broadcast.started_at,
            ended_at: broadcast.ended_at,
        }
    }
}

impl Summary {
    /// What can be compared, by its place in a summary.
    pub(super) fn numbers(&self) -> Vec<(&'static str, Option<f64>)> {
        let count = |count: usize| float(i64::try_from(count).unwrap_or(i64::MAX));
        let lost = &self.interruptions;
        let mut numbers = vec![
            ("quality.score", self.quality.score()),
            ("on_air_s", self.on_air_s),
            ("uptime_ratio", self.uptime_ratio),
            ("interruptions.count", lost.count.map(count)),
            ("interruptions.total_ms", lost.total_ms.map(float)),
            ("interruptions.longest_ms", lost.longest_ms.map(float)),
            ("chat_messages_per_minute", self.chat_messages_per_minute),
        ];
        numbers.extend(self.measured.numbers());
        numbers
    }
}

/// The interruptions that lie in `span`, at least in part.
fn told_within(interruptions: &[Interruption], span: Span) -> Vec<Interruption> {
    let is_within = |interruption: &&Interruption| span_of(interruption).within(span).is_some();
    interruptions.iter().filter(is_within).cloned().collect()
}

fn tell(
    stream: &StreamId,
    broadcast: Option<BroadcastTimes>,
    span: Option<Span>,
    broadcasts: &[Broadcast],
    facts: Facts,
    measured: Measured,
) -> Summary {
    let everything = span.unwrap_or(Span { from: 0, until: 0 });
    let on_air: Vec<Span> = broadcasts
        .iter()
        .flat_map(|broadcast| &broadcast.on_air)
        .filter_map(|on_air| on_air.within(everything))
        .collect();
    let outages: Vec<Outage> = broadcasts
        .iter()
        .flat_map(|broadcast| &broadcast.outages)
        .filter_map(|outage| {
            let span = outage.span.within(everything)?;
            Some(Outage { span, ..*outage })
        })
        .collect();
    let told = told_within(&facts.interruptions, everything);
    let holes: Vec<Span> = told.iter().map(span_of).collect();
    let is_known = !on_air.is_empty() || !outages.is_empty();
    let on_air_ms = uncovered_ms(&on_air, &holes);
    let wanted_ms: i64 = on_air
        .iter()
        .copied()
        .chain(outages.iter().map(|outage| outage.span))
        .map(Span::length_ms)
        .sum();
    let uptime_ratio = (wanted_ms > 0).then(|| float(on_air_ms) / float(wanted_ms));
    let interruptions = list_interruptions(is_known, told, &outages);
    let errors = count_errors(facts.errors, everything);
    let (frames, frames_dropped) = measured.frames();
    let quality = judge(&Observed {
        uptime_ratio,
        wanted_ms,
        interruptions: interruptions.count,
        frames,
        frames_dropped,
        errors: errors
            .iter()
            .filter(|error| badness(error.severity) > badness(Severity::Warning))
            .map(|error| error.count)
            .sum(),
    });
    Summary {
        stream: stream.clone(),
        broadcast,
        from: span.map(|span| Timestamp::from_unix_millis(span.from)),
        to: span.map(|span| Timestamp::from_unix_millis(span.until)),
        on_air_s: is_known.then(|| float(on_air_ms) / 1000.0),
        uptime_ratio,
        interruptions,
        chat_messages_per_minute: measured
            .chat_messages()
            .filter(|_| on_air_ms > 0)
            .map(|messages| float(messages) * 60_000.0 / float(on_air_ms)),
        quality,
        measured,
        errors,
        gaps: facts
            .gaps
            .iter()
            .filter(|gap| {
                gap.until.as_unix_millis() >= everything.from
                    && gap.from.as_unix_millis() < everything.until
            })
            .map(|gap| MissedEvents {
                channel: gap.channel,
                from: gap.from,
                until: gap.until,
                missed: gap.missed,
            })
            .collect(),
    }
}

fn span(from: Timestamp, until: Timestamp) -> Span {
    Span {
        from: from.as_unix_millis(),
        until: until.as_unix_millis(),
    }
}

fn span_of(interruption: &Interruption) -> Span {
    let from = interruption.at.as_unix_millis();
    let length = i64::try_from(interruption.length_ms).unwrap_or(i64::MAX);
    Span {
        from,
        until: from.saturating_add(length),
    }
}

/// Interruptions that were told of, and outages that only the status tells of.
fn list_interruptions(
    is_known: bool,
    told: Vec<Interruption>,
    outages: &[Outage],
) -> Interruptions {
    let holes: Vec<Span> = told.iter().map(span_of).collect();
    let mut list: Vec<Interrupted> = told
        .into_iter()
        .map(|interruption| Interrupted {
            at: interruption.at,
            length_ms: span_of(&interruption).length_ms(),
            cause: interruption.cause,
            ongoing: false,
        })
        .collect();
    list.extend(
        outages
            .iter()
            .filter(|outage| !holes.iter().any(|hole| hole.within(outage.span).is_some()))
            .map(|outage| Interrupted {
                at: Timestamp::from_unix_millis(outage.span.from),
                length_ms: outage.span.length_ms(),
                cause: format!("status.{}", outage.status),
                ongoing: outage.ongoing,
            }),
    );
    if !is_known && list.is_empty() {
        return Interruptions::default();
    }
    list.sort_by_key(|interrupted| interrupted.at);
    Interruptions {
        count: Some(list.len()),
        total_ms: Some(list.iter().map(|interrupted| interrupted.length_ms).sum()),
        longest_ms: list.iter().map(|interrupted| interrupted.length_ms).max(),
        list: list.split_off(list.len().saturating_sub(INTERRUPTIONS_LISTED_MAX)),
    }
}

fn count_errors(errors: Vec<ErrorRaised>, everything: Span) -> Vec<ErrorCount> {
    let mut by_code: BTreeMap<String, ErrorCount> = BTreeMap::new();
    for error in errors {
        let at = error.since.as_unix_millis();
        if at < everything.from || at >= everything.until {
            continue;
        }
        let count = by_code
            .entry(error.code.clone())
            .or_insert_with(|| ErrorCount {
                code: error.code,
                severity: error.severity,
                count: 0,
                first_at: error.since,
                last_at: error.since,
            });
        count.count += 1;
        count.first_at = count.first_at.min(error.since);
        count.last_at = count.last_at.max(error.since);
        if badness(error.severity) > badness(count.severity) {
            count.severity = error.severity;
        }
    }
    let mut counts: Vec<ErrorCount> = by_code.into_values().collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}

const fn badness(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
        Severity::Critical => 3,
    }
}
