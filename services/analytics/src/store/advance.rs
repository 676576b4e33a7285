use std::collections::BTreeMap;

use sm_bus::{BusError, Commit, CommitOutcome, Guard, keys};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::timeline::{STATUS, status_key};
use super::{Log, Progress, Store, Tier};
use crate::catalogue::Series;
use crate::rollup::Rows;
use crate::timeline::Happening;

/// Most fields that one write sets: a script takes a bounded number of arguments.
const FIELDS_MAX: usize = 500;

/// A step through a log: what was read, and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Advance {
    /// Where the reader was.
    pub(crate) before: Option<Progress>,
    /// Where it is then.
    pub(crate) after: Progress,
    /// Rows to be written.
    pub(crate) rows: Option<(Series, Rows)>,
    /// Entries to be added to the timeline.
    pub(crate) happenings: Vec<Happening>,
}

impl Store {
    /// Takes the step, whole or not at all. False when the reader is not where the step begins:
    /// another replica was faster, or Redis has lost its last moment; read the progress again.
    pub(crate) async fn advance(
        &self,
        log: &Log,
        step: &Advance,
        now: Timestamp,
    ) -> Result<bool, BusError> {
        let mut commit = guard(Commit::new(), log, step.before.as_ref());
        if let Some((series, rows)) = &step.rows {
            commit = self.write_rows(commit, &log.stream, *series, rows);
        }
        if !step.happenings.is_empty() {
            commit = self.write_happenings(commit, &log.stream, &step.happenings, now)?;
        }
        commit = write_progress(commit, log, &step.after);
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) => Ok(true),
            CommitOutcome::Replayed(_) | CommitOutcome::Refused { .. } => Ok(false),
        }
    }

    fn write_rows(
        &self,
        commit: Commit,
        stream: &StreamId,
        series: Series,
        Rows { seconds, minutes }: &Rows,
    ) -> Commit {
        let seconds = seconds.iter().map(|(at, row)| (*at, row.encode()));
        let minutes = minutes.iter().map(|(at, row)| (*at, row.encode()));
        let commit = self.write_tier(commit, stream, Tier::Seconds, series, seconds);
        self.write_tier(commit, stream, Tier::Minutes, series, minutes)
    }

    fn write_tier(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        tier: Tier,
        series: Series,
        rows: impl Iterator<Item = (i64, String)>,
    ) -> Commit {
        let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (row, cell) in rows {
            let cells = by_key.entry(tier.key(stream, row)).or_default();
            cells.extend([tier.field(series, row), cell]);
        }
        for (key, cells) in by_key {
            for cells in cells.chunks(FIELDS_MAX * 2) {
                commit = commit.write("HSET", key.clone(), cells.to_vec());
            }
            commit = commit.write("EXPIRE", key, vec![self.lifetime_s(tier).to_string()]);
        }
        commit
    }

    /// How long a key is kept after its last write. A key covers an hour or a day, and its first
    /// row must be kept as long as its last.
    fn lifetime_s(&self, tier: Tier) -> i64 {
        let retention = match tier {
            Tier::Seconds => self.retention.seconds_s,
            Tier::Minutes => self.retention.minutes_s,
        };
        i64::from(retention) + tier.rows_per_key() * tier.unit_s()
    }

    fn write_happenings(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        happenings: &[Happening],
        now: Timestamp,
    ) -> Result<Commit, BusError> {
        let key = keys::timeline(stream);
        for happening in happenings {
            let score = happening.at().as_unix_millis().to_string();
            let entry = serde_json::to_string(happening).map_err(BusError::Encode)?;
            if matches!(happening, Happening::Status(_)) {
                // Kept for as long as it holds, however old it grows.
                commit = commit.hash_set(status_key(stream), STATUS, entry.clone());
            }
            commit = commit.write("ZADD", key.clone(), vec![score, entry]);
        }
        let oldest = now.as_unix_millis() - i64::from(self.retention.minutes_s) * 1000;
        let too_many = -i64::from(self.retention.timeline_max) - 1;
        let by_age = vec!["-inf".to_owned(), format!("({oldest}")];
        let by_rank = vec!["0".to_owned(), too_many.to_string()];
        Ok(commit.write("ZREMRANGEBYSCORE", key.clone(), by_age).write(
            "ZREMRANGEBYRANK",
            key,
            by_rank,
        ))
    }
}

fn guard(commit: Commit, log: &Log, before: Option<&Progress>) -> Commit {
    let key = keys::analytics_position(&log.stream, log.channel);
    let epoch = before.map(|before| before.position.epoch.as_str());
    let offset = before.map(|before| before.position.offset.to_string());
    commit
        .guard(Guard::field(key.clone(), "epoch", epoch))
        .guard(Guard::field(key, "offset", offset.as_deref()))
}

fn write_progress(commit: Commit, log: &Log, after: &Progress) -> Commit {
    let fields = [
        ("epoch", after.position.epoch.as_str().to_owned()),
        ("offset", after.position.offset.to_string()),
        ("at", after.at.as_unix_millis().to_string()),
        ("since", after.since.as_unix_millis().to_string()),
    ];
    let cells = fields
        .into_iter()
        .flat_map(|(field, value)| [field.to_owned(), value])
        .collect();
    let key = keys::analytics_position(&log.stream, log.channel);
    commit.write("HSET", key, cells)
}
